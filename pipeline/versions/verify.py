"""Hold a version against its manifest: every shard's bytes, every record's tokens, and that the counts balance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.errors import Damaged
from pipeline.progress import Display
from pipeline.storage import integrity
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import read_table
from pipeline.versions import published, shards, straddling
from pipeline.versions.manifest import PROVENANCE, File, Manifest, Shard
from stages import deduplicate, tokenize
from stages.schema import PICTURES

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

MOST_FAULTS = 20
"""Faults of one shard that are told in full."""


def verify_version(storage: Storage, version: int | None, display: Display) -> tuple[list[str], str]:
    """All differences between a version and its manifest, one line each, and a sentence of what was checked.

    Checks each shard's size, sha256, rows, tier, split and token counts; that ``sample_id`` is the digest of the
    canonical SVG; that the tokens decode to it, the segments to the tokens and the ids to the segments; that every
    format holds the same samples, and none twice; that no near-duplicates straddle splits (`straddling`); the index,
    clusters, layout, lineage and kept tables by their digests; that shards and index say the same of licences and
    provenance; and the funnel.
    """
    manifest = published.read(storage, version)
    faults: list[str] = []
    if not manifest.funnel.balanced:
        faults.append(f"the funnel of version {manifest.version} does not add up")
    try:
        checker = _Checker(storage, manifest)
    except Damaged as error:
        return [*faults, str(error)], ""
    gone = published.redacted(storage, manifest.version)
    # no run builds on another version than the newest, so garbage collection takes what only runs need
    newest = manifest.version == published.numbers(storage)[-1]
    there = [file for file in (manifest.files if newest else manifest.lasting) if file.path not in gone]
    faults += integrity.faults(storage, [file for file in there if not isinstance(file, Shard)]).values()
    if faults:
        return faults, ""
    samples: dict[str, list[str]] = {}
    missing: dict[str, int] = {}
    with display:
        display.begin("verify", 0, len(manifest.shards))
        for shard in manifest.shards:
            if shard.path in gone:
                missing[shard.format] = missing.get(shard.format, 0) + shard.rows
                samples.setdefault(shard.format, [])
                display.advance(0)
                continue
            ids, own = checker.check(shard)
            samples.setdefault(shard.format, []).extend(ids)
            faults += own[:MOST_FAULTS]
            if len(own) > MOST_FAULTS:
                faults.append(f"{shard.path}: and {len(own) - MOST_FAULTS} more")
            display.advance(len(ids))
        faults += checker.straddling()
    if not any(part.path in gone for part in manifest.of_role(PROVENANCE)):
        faults += checker.index_faults(bool(gone))
    for form, ids in sorted(samples.items()):
        if len(ids) + missing.get(form, 0) != manifest.funnel.kept:
            faults.append(f"{form} shards hold {len(ids)} samples, the funnel says {manifest.funnel.kept}")
        if len(set(ids)) != len(ids):
            faults.append(f"{form} shards hold {len(ids) - len(set(ids))} samples twice")
    if not gone and len({tuple(sorted(ids)) for ids in samples.values()}) > 1:
        faults.append("the formats do not hold the same samples")
    count = len(manifest.shards)
    verdict = f"{count} shards, {manifest.funnel.kept:,} samples, all sound"
    if gone:
        verdict = f"redacted, {len(gone)} of {count} shards are gone by takedowns; the others are sound"
    return faults, f"version {manifest.version} verified: {verdict}"


def _index_rows(storage: Storage, path: str) -> list[dict[str, Any]]:
    try:
        return list(read_table(storage, path, columns=["sample_id", "provenance"]).to_pylist())
    except NotFound:  # redacted
        return []


class _Checker:
    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        self._storage = storage
        files = {name: self._vocabulary(file) for name, file in manifest.vocabulary_files.items()}
        self._segments = tokenize.Segments.from_json(files["segments"])
        self._tokenizer = tokenize.load_tokenizer(files["tokenizer"])
        settings = published.settings(manifest, "tokenize", tokenize.TokenizeSettings)
        self._vocabulary_table = tokenize.Vocabulary.build(settings)
        own = published.settings(manifest, "deduplicate", deduplicate.DeduplicateSettings)
        self._splits, self._own = straddling.SplitCheck(own), own
        self._shard_of: dict[str, Shard] = {}
        index = manifest.of_role(PROVENANCE)
        self._index = {row["sample_id"]: row["provenance"] for part in index for row in _index_rows(storage, part.path)}
        self._lineage = manifest.lineage is not None
        gone = published.redacted(storage, manifest.version)
        self._redacted = any(part.path in gone for part in index)
        self._format = shards.one_format(manifest.shards)[0].format if manifest.shards else ""

    def _vocabulary(self, file: File) -> str:
        try:
            data = self._storage.read(file.path)
        except NotFound:
            raise Damaged(f"{file.path} is missing") from None
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise Damaged(f"{file.path}: sha256 differs from the manifest's")
        return data.decode()

    def check(self, shard: Shard) -> tuple[list[str], list[str]]:
        """The sample ids in a shard, and its faults."""
        path = shard.path
        try:
            data = self._storage.read(path)
        except NotFound:
            return [], [f"{path} is missing"]
        if len(data) != shard.bytes or hashlib.sha256(data).hexdigest() != shard.sha256:
            return [], [f"{path}: size or sha256 differs from the manifest's"]
        rows = list(shards.rows(data, shard, COLUMNS))
        ids = [row["sample_id"] for row in rows]
        if shard.format == self._format:
            self._splits.add(rows)
            self._shard_of |= dict.fromkeys(ids, shard)
        faults = [f"{path}: {fault}" for row in rows for fault in self._record(row, shard)]
        sums = {
            "rows": len(rows),
            "atomic_tokens": sum(row["atomic_length"] for row in rows),
            "segment_tokens": sum(row["segment_length"] for row in rows),
            "ids": sum(row["ids_length"] for row in rows),
        }
        stated: dict[str, int] = {name: getattr(shard, name) for name in sums}
        faults += [
            f"{path}: {name} is {n}, the manifest says {stated[name]}" for name, n in sums.items() if n != stated[name]
        ]
        return ids, faults

    def index_faults(self, redacted: bool) -> list[str]:
        """Samples that are in the index alone; with ``redacted``, these may be in shards that are gone."""
        lost = [] if redacted or not self._format else sorted(self._index.keys() - self._shard_of.keys())
        return [f"the index has {len(lost)} samples that no shard has, {lost[0]} among them"] if lost else []

    def straddling(self) -> list[str]:
        """A line for each pair of near-duplicates in different splits, of what was checked."""
        if not self._own.near:
            return []
        return [
            f"{a} and {b} are near-duplicates in different splits" for a, b in self._splits.crossing(self._pictures)
        ]

    def _pictures(self, wanted: Sequence[str]) -> dict[str, tuple[bytes | None, str]]:
        drawings: dict[str, tuple[bytes | None, str]] = {}
        by_path = {self._shard_of[sample_id].path: self._shard_of[sample_id] for sample_id in wanted}
        for _, shard in sorted(by_path.items()):
            rows = shards.read(self._storage, shard, ["sample_id", *PICTURES, "svg"])
            drawings |= {row["sample_id"]: (shards.picture_of(row), row["svg"]) for row in rows}
        return {sample_id: drawings[sample_id] for sample_id in wanted}

    def _record(self, row: shards.Row, shard: Shard) -> Iterator[str]:
        sample = row["sample_id"]
        if hashlib.sha256(row["svg"].encode()).hexdigest() != sample:
            yield f"{sample}: the SVG has another digest"
        try:
            if tokenize.decode(row["tokens"], self._vocabulary_table) != row["svg"]:
                yield f"{sample}: the tokens decode to another SVG"
        except tokenize.TokenError as error:
            yield f"{sample}: the tokens do not decode: {error}"
        if tokenize.decode_segments(row["segments"], self._segments) != row["tokens"]:
            yield f"{sample}: the segments decode to other tokens"
        # decoding is not asked, since a base tokenizer may spell a text's characters in another way
        if self._tokenizer.encode(row["segments"], add_special_tokens=False).ids != list(row["input_ids"]):
            yield f"{sample}: the ids are not those of the segments"
        known = self._index.get(sample)
        if self._redacted:
            pass
        elif known is None:
            yield f"{sample}: the index does not have it"
        elif self._lineage:  # before, shards could say what was no longer so
            if row["license"] != known[0]["license"] or row["provenance"][:1] != known[:1]:
                yield f"{sample}: its record or licence is not the index'"
            if any(origin not in known for origin in row["provenance"]):
                yield f"{sample}: a copy that it tells of is not in the index"
        if len(row["input_ids"]) != row["ids_length"] or (row["tier"], row["split"]) != (shard.tier, shard.split):
            yield f"{sample}: tier, split or ids are not the shard's"
