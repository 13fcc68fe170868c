"""Holding some shards of a version against its manifest, its provenance and its index: a worker's part of `verify`.

Only what a shard says of itself, and what the version says of the shard's samples, is looked at here; what needs all
shards is made of the sample ids that come back.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.errors import Damaged
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.lookup import rows_of
from pipeline.versions import published, shards
from pipeline.versions.id_sets import ID_BYTES
from pipeline.versions.manifest import INDEX, PROVENANCE, File, Manifest, Shard, Tiers
from stages import tokenize
from stages.sides import INDEXED, SHARD
from stages.tier import COLUMNS as TIER_COLUMNS
from stages.tier import Tier, tiers_of

COLUMNS = (
    "sample_id",
    "svg",
    "tokens",
    "segments",
    "input_ids",
    "atomic_length",
    "segment_length",
    "ids_length",
    "tier",
    "split",
    "license",
    "provenance",
)

_READ = tuple(dict.fromkeys([*COLUMNS, *INDEXED.names]))

MOST_FAULTS = 20
"""Faults of one shard that are told in full."""

_TOGETHER = 10_000
"""Samples whose provenance is looked up together."""

_BLOCK = 4 << 20

_PLACE = ("generation", "shard", "row")
"""Columns of an index that say where a sample is."""

_CLAIMED = tuple(dict.fromkeys(["sample_id", "license", "provenance", *INDEXED.names]))
"""What a shard says of a sample that other tables of the version say, too."""


@dataclass(frozen=True)
class _Claim:
    """What a shard says of its ``place``-th sample, counted from 0, and whose fault it is if that is not so."""

    faults: _Faults
    place: int
    row: Mapping[str, Any]

    def misplaced(self, indexed: Mapping[str, Any] | None) -> Iterator[str]:
        """In what the sample's row of the index differs."""
        if indexed is None:
            yield "the index does not have it"
            return
        shard = self.faults.shard
        place = {"generation": shard.generation, "shard": shard.path, "row": self.place}
        there = {**indexed, "shard": indexed["shard"].get(shard.format)}
        names = [name for name, value in {**self.row, **place}.items() if name in there and there[name] != value]
        if names:
            yield f"the index has another {' and '.join(names)}"


@dataclass(frozen=True)
class Checked:
    """What a shard came to: its faults, and its samples' ids as `IdSets.add` takes them."""

    shard: Shard
    faults: tuple[str, ...]
    ids: bytes


@dataclass(frozen=True)
class Check:
    """Checks shards of one version; called by workers."""

    segments: File
    tokenizer: File
    settings: tokenize.TokenizeSettings
    provenance: tuple[str, ...] | None
    """Paths of the version's tables of provenance; None if some are gone by takedowns."""
    index: tuple[str, ...] | None
    """Paths of the version's index; None if some are gone, or if the version is older than indexes."""
    told: bool
    """Whether shards and provenance must say the same: before lineage, shards could say what was no longer so."""
    tiers: Tiers

    @classmethod
    def of(cls, manifest: Manifest, gone: frozenset[str]) -> Check:
        """Of the version ``manifest``, some of whose files may be ``gone`` by takedowns."""
        provenance, index = (tuple(file.path for file in manifest.of_role(role)) for role in (PROVENANCE, INDEX))
        files = manifest.vocabulary_files
        dealt = any(shard.generation is not None for shard in manifest.shards)
        return cls(
            files["segments"],
            files["tokenizer"],
            published.settings(manifest, "tokenize", tokenize.TokenizeSettings),
            None if gone.intersection(provenance) else provenance,
            index if dealt and not gone.intersection(index) else None,
            manifest.lineage is not None,
            manifest.tiers,
        )

    def __call__(self, storage: Storage, group: Sequence[Shard]) -> list[Checked]:
        """Check a group of shards. Raises Damaged for a vocabulary that is not as it was published."""
        vocabulary = _Vocabulary.of(storage, self)
        claims: list[_Claim] = []
        checked: list[tuple[_Faults, bytearray]] = []
        tiers = self.tiers.settings()
        for shard in group:
            faults, ids = _Faults(shard), bytearray()
            checked.append((faults, ids))
            for place, row in enumerate(_whole(storage, shard, faults)):
                ids += bytes.fromhex(row["sample_id"][: 2 * ID_BYTES])
                faults.count(row)
                faults.add(row, vocabulary.faults(row))
                faults.add(row, self._sorted(row, tiers))
                claims.append(_Claim(faults, place, {name: row.get(name) for name in _CLAIMED}))
                if len(claims) == _TOGETHER:
                    self._hold(storage, claims)
                    claims.clear()
        self._hold(storage, claims)
        return [Checked(faults.shard, faults.told(), bytes(ids)) for faults, ids in checked]

    def _sorted(self, row: Mapping[str, Any], tiers: Sequence[Tier]) -> Iterator[str]:
        """Whether a sample's tier is that of its length or score."""
        column = TIER_COLUMNS[self.tiers.count]
        (name,) = tiers_of(pa.array([row[column]], SHARD.field(column).type), tiers).to_pylist()
        if name != row["tier"]:
            yield f"its tier is {row['tier']}, but by its {column}, {row[column]}, it is {name}"

    def _hold(self, storage: Storage, claims: Sequence[_Claim]) -> None:
        """Hold what shards say of their samples against the version's provenance and its index."""
        wanted = pa.array(sorted({claim.row["sample_id"] for claim in claims}), pa.string())
        if self.provenance is not None:
            origins = _rows(storage, self.provenance, ["sample_id", "provenance"], wanted)
            for claim in claims:
                claim.faults.add(claim.row, self._told(claim.row, origins.get(claim.row["sample_id"])))
        if self.index is not None:
            indexed = _rows(storage, self.index, [*INDEXED.names, *_PLACE], wanted)
            for claim in claims:
                claim.faults.add(claim.row, claim.misplaced(indexed.get(claim.row["sample_id"])))

    def _told(self, row: Mapping[str, Any], origins: Mapping[str, Any] | None) -> Iterator[str]:
        if origins is None:
            yield "the version's provenance does not have it"
        elif self.told:
            known = origins["provenance"]
            if row["license"] != known[0]["license"] or row["provenance"][:1] != known[:1]:
                yield "its record or licence is not that of the version's provenance"
            if any(origin not in known for origin in row["provenance"]):
                yield "a copy that it tells of is not in the version's provenance"


def _rows(
    storage: Storage, paths: Sequence[str], columns: Sequence[str], wanted: pa.Array
) -> dict[str, dict[str, Any]]:
    """Sample id -> its row, of those that are ``wanted`` and in the tables."""
    tables = (table for path in paths for table in rows_of(storage, path, columns, "sample_id", wanted))
    return {row["sample_id"]: row for table in tables for row in table.to_pylist()}


def _whole(storage: Storage, shard: Shard, faults: _Faults) -> Iterator[shards.Row]:
    """The samples of a shard, if its bytes are those that were published; else that is its only fault."""
    # on disk, since a shard may be larger than what memory should hold
    with tempfile.TemporaryFile() as copy:
        digest, size = hashlib.sha256(), 0
        try:
            with storage.open(shard.path) as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
                    copy.write(block)
        except NotFound:
            faults.stop(f"{shard.path} is missing")
            return
        if (size, digest.hexdigest()) != (shard.bytes, shard.sha256):
            faults.stop(f"{shard.path}: size or sha256 differs from the manifest's")
            return
        copy.seek(0)
        yield from shards.rows_in(copy, shard, _READ)


class _Faults:
    """Of one shard, and what its rows add up to."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self._faults: list[str] = []
        self._more = 0
        self._stopped = ""
        self._before = ""
        self._sums = {"rows": 0, "atomic_tokens": 0, "segment_tokens": 0, "ids": 0}

    def stop(self, fault: str) -> None:
        """Its rows are not looked at, for this reason."""
        self._stopped = fault

    def add(self, row: Mapping[str, Any], faults: Iterable[str]) -> None:
        """Faults of one of its samples."""
        for fault in faults:
            self._tell(f"{row['sample_id']}: {fault}")

    def _tell(self, fault: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(f"{self.shard.path}: {fault}")
        else:
            self._more += 1

    def count(self, row: shards.Row) -> None:
        """Add up what the manifest says of the whole shard, and hold the row against what it says of each."""
        if row["sample_id"] <= self._before:
            self.add(row, ["it is not in the order of ids"])
        self._before = row["sample_id"]
        if int(row["sample_id"][:8], 16) * self.shard.places >> 32 != self.shard.place:
            self.add(row, ["its id is not in the shard's range"])
        self._sums["rows"] += 1
        self._sums["atomic_tokens"] += row["atomic_length"]
        self._sums["segment_tokens"] += row["segment_length"]
        self._sums["ids"] += row["ids_length"]
        kind = (self.shard.tier, self.shard.split)
        if len(row["input_ids"]) != row["ids_length"] or (row["tier"], row["split"]) != kind:
            self.add(row, ["tier, split or ids are not the shard's"])

    def told(self) -> tuple[str, ...]:
        """All of them, a line each, `MOST_FAULTS` in full."""
        if self._stopped:
            return (self._stopped,)
        for name, value in self._sums.items():
            stated = getattr(self.shard, name)
            if value != stated:
                self._tell(f"{name} is {value}, the manifest says {stated}")
        more = [f"{self.shard.path}: and {self._more} more"] if self._more else []
        return (*self._faults, *more)


class _Vocabulary:
    """What decodes a version's samples; a process keeps that of the last one."""

    _last: tuple[tuple[str, str, str], _Vocabulary] | None = None

    def __init__(self, segments: str, tokenizer: str, settings: tokenize.TokenizeSettings) -> None:
        self._segments = tokenize.Segments.from_json(segments)
        self._tokenizer = tokenize.load_tokenizer(tokenizer)
        self._table = tokenize.Vocabulary.build(settings)

    @classmethod
    def of(cls, storage: Storage, check: Check) -> _Vocabulary:
        key = (check.segments.sha256, check.tokenizer.sha256, check.settings.model_dump_json())
        if cls._last is None or cls._last[0] != key:
            segments, tokenizer = (vocabulary_text(storage, file) for file in (check.segments, check.tokenizer))
            cls._last = key, cls(segments, tokenizer, check.settings)
        return cls._last[1]

    def faults(self, row: shards.Row) -> Iterator[str]:
        """What is wrong with the forms of a sample, each of which is made of the one before."""
        if hashlib.sha256(row["svg"].encode()).hexdigest() != row["sample_id"]:
            yield "the SVG has another digest"
        try:
            if tokenize.decode(row["tokens"], self._table) != row["svg"]:
                yield "the tokens decode to another SVG"
        except tokenize.TokenError as error:
            yield f"the tokens do not decode: {error}"
        if tokenize.decode_segments(row["segments"], self._segments) != row["tokens"]:
            yield "the segments decode to other tokens"
        # decoding is not asked, since a base tokenizer may spell a text's characters in another way
        if self._tokenizer.encode(row["segments"], add_special_tokens=False).ids != list(row["input_ids"]):
            yield "the ids are not those of the segments"


def vocabulary_text(storage: Storage, file: File) -> str:
    """A file of a vocabulary. Raises Damaged."""
    try:
        data = storage.read(file.path)
    except NotFound:
        raise Damaged(f"{file.path} is missing") from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Damaged(f"{file.path}: sha256 differs from the manifest's")
    return data.decode()
