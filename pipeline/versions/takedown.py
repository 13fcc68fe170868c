"""Takedowns: what must not be in the dataset any more, remembered for all later versions.

A request is an object ``takedowns/<digest>.json`` in the workspace that never changes. What it names is looked for in
all versions and all tables (`pipeline.versions.resolve`), and remembered so that it is known again, but cannot be seen:

    ids       salted digests of the raw ids and the sample ids of all that it names, in every canonical form that it had
    urls, paths, licenses   the rules, for records that come later: digests of URLs and of beginnings of paths; licences
              are whole expressions, as sources state them or as records have them
    parts     digests of the raw tables that held its bytes, which the next run makes anew
    features  a table of what deduplication goes by: hashes, in no order, no picture

So the drawing is kept out when it comes from another source, also nearly, and after its own source is gone: equal bytes
are dropped when they are crawled, an equal canonical form when it is made, and what resembles it, or what a rule names,
when duplicates are decided on.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConfigError
from pipeline.storage.base import AlreadyExists, Storage
from pipeline.storage.open import open_storage
from pipeline.storage.tables import table_bytes
from stages import deduplicate
from stages.deduplicate import Taken
from stages.licenses.expressions import spdx
from stages.rowwise import SAMPLES

SOURCE = ""
"""What stands for a source of what was taken down."""

FEATURES = pa.schema([SAMPLES.field(name) for name in ("source", *deduplicate.FEATURES)])
"""What deduplication needs to know of a sample that was taken down. ``picture`` is null but in requests of old."""

PLACE = "takedowns/"

_ID = re.compile(r"[0-9a-f]{64}")

Bools = npt.NDArray[np.bool_]


def sealed(salt: str, kind: str, *values: str) -> str:
    """A salted digest (BLAKE2b, keyed), 64 hex digits."""
    text = "\0".join((kind, *values)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=bytes.fromhex(salt), digest_size=32).hexdigest()


@dataclass(frozen=True)
class Rules:
    """What a request names. ``ids`` are sample ids or raw ids; ``paths`` are (source, beginning of path)."""

    ids: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    licenses: tuple[str, ...] = ()

    @property
    def taken(self) -> Taken:
        """As rules for records."""
        ids = frozenset(self.ids)
        return Taken(ids, ids, frozenset(self.urls), self.paths, _spellings(self.licenses))


@dataclass(frozen=True)
class Seal:
    """What requests of one salt name."""

    salt: str
    ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    paths: frozenset[tuple[int, str]] = frozenset()
    """(length, digest of source and beginning) of paths."""

    def __contains__(self, other: Seal) -> bool:
        """Whether it names all that ``other`` names, by the same salt."""
        same = self.salt == other.salt
        return same and other.ids <= self.ids and other.urls <= self.urls and other.paths <= self.paths

    def ids_in(self, column: pa.ChunkedArray) -> Bools:
        """Whether each value is one of ``ids``."""
        return np.fromiter(
            (sealed(self.salt, "id", value) in self.ids for value in column.to_pylist()), bool, len(column)
        )

    def rules_in(self, table: pa.Table) -> Bools:
        """Whether a rule names each record."""
        mask = np.zeros(len(table), bool)
        if self.urls:
            for place, url in enumerate(table["url"].to_pylist()):
                mask[place] = url is not None and sealed(self.salt, "url", url) in self.urls
        lengths = sorted({length for length, _ in self.paths})
        if lengths:
            for place, (source, path) in enumerate(
                zip(table["source"].to_pylist(), table["path"].to_pylist(), strict=True)
            ):
                mask[place] |= any(
                    (length, sealed(self.salt, "path", source, path[:length])) in self.paths
                    for length in lengths
                    if length <= len(path)
                )
        return mask


@dataclass(frozen=True)
class Known(Taken):
    """All that requests name; ``samples`` are the nodes that stand for it among duplicates."""

    seals: tuple[Seal, ...] = ()

    def down(self, table: pa.Table) -> Bools:
        """Whether each row is of what was taken down itself, by ``raw_id`` and ``sample_id``, as far as it has them."""
        mask = np.zeros(len(table), bool)
        for name, clear in (("raw_id", self.raw_ids), ("sample_id", self.samples)):
            if name in table.column_names:
                mask |= pc.is_in(table[name], value_set=pa.array(sorted(clear), pa.string())).to_numpy()
                for seal in self.seals:
                    mask |= seal.ids_in(table[name])
        return mask

    def places(self, source: str, path: str) -> list[str]:
        """What stands for a place where something was that was taken down: the first where it is noted."""
        return [sealed(salt, "place", source, path) for salt in [seal.salt for seal in self.seals] or ["00"]]

    def named(self, table: pa.Table) -> Bools:
        """Whether a rule or an id names each record."""
        mask = super().named(table) | self.down(table)
        for seal in self.seals:
            mask |= seal.rules_in(table)
        return mask

    def holds(self, values: Iterable[str]) -> bool:
        """Whether one of these ids was taken down."""
        return any(
            value in self.samples
            or value in self.raw_ids
            or any(sealed(s.salt, "id", value) in s.ids for s in self.seals)
            for value in values
        )


def parse(text: str) -> Rules:
    """Rules from a list, one a line: a sample or raw id (64 hex digits), a URL, ``path:SOURCE/BEGINNING`` or
    ``license:SPDX``. Blank lines and lines that begin with ``#`` do not count. Raises ConfigError with the line.
    """
    ids: set[str] = set()
    urls: set[str] = set()
    paths: set[tuple[str, str]] = set()
    licenses: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        kind, _, rest = line.partition(":")
        if not line or line.startswith("#"):
            continue
        if _ID.fullmatch(line.lower()):
            ids.add(line.lower())
        elif "://" in line:
            urls.add(line)
        elif kind == "license" and rest.strip():
            licenses.add(rest.strip())
        elif kind == "path" and rest.partition("/")[2]:
            source, _, start = rest.strip().partition("/")
            paths.add((source, start))
        else:
            raise ConfigError(
                f"line {number}: {line[:60]!r} is no id (64 hex digits), URL, path:SOURCE/BEGINNING or license:SPDX"
            )
    if not (ids or urls or paths or licenses):
        raise ConfigError("the list names nothing; write one id, URL, path:SOURCE/BEGINNING or license:SPDX a line")
    return Rules(tuple(sorted(ids)), tuple(sorted(urls)), tuple(sorted(paths)), tuple(sorted(licenses)))


@dataclass
class Targets:
    """What a request names, wherever it was found; see `pipeline.versions.resolve`."""

    raw_ids: set[str] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)
    parts: set[tuple[str, str]] = field(default_factory=set)
    """(source, key) of the raw tables that hold its bytes."""
    features: list[pa.Table] = field(default_factory=list)
    """`FEATURES`, with sample ids in clear."""


@dataclass(frozen=True)
class Request:
    """A recorded request: where it lies, and whether it was new."""

    path: str
    new: bool


@dataclass(frozen=True)
class _Stored:
    """What a request's object says. ``seal``: None in requests of old, which say all in clear."""

    seal: Seal | None
    clear: Taken
    parts: frozenset[str]
    features: str
    """Digest of the table, "" for none."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> _Stored:
        if "salt" not in content:
            rules, samples = content["rules"], content["samples"]
            clear = Taken(
                frozenset(rules["ids"]).union(sample["sample_id"] for sample in samples),
                frozenset(rules["ids"]).union(raw_id for sample in samples for raw_id in sample["raw_ids"]),
                frozenset(rules["urls"]),
                tuple((source, start) for source, start in rules["paths"]),
                _spellings(rules["licenses"]),
            )
            return cls(None, clear, frozenset(), "")
        paths = frozenset((length, digest) for length, digest in content["paths"])
        seal = Seal(content["salt"], frozenset(content["ids"]), frozenset(content["urls"]), paths)
        clear = Taken(licenses=_spellings(content["licenses"]))
        return cls(seal, clear, frozenset(content.get("parts", ())), content.get("features", ""))


def _spellings(licenses: Iterable[str]) -> frozenset[str]:
    """Licences as they were named, and as records have them now: earlier versions had them as sources state them."""
    named = frozenset(licenses)
    return named.union(expression for each in named if (expression := spdx(each)) is not None)


def record(storage: Storage, rules: Rules, targets: Targets) -> Request:
    """Remember a request, and what it was found to name, which leaves with the next version."""
    known = {path: _read(storage, path) for path in requests(storage)}
    salts = [stored.seal.salt for stored in known.values() if stored.seal is not None]
    salt = salts[0] if salts else secrets.token_hex(32)
    seal = Seal(
        salt,
        frozenset(sealed(salt, "id", each) for each in (*rules.ids, *targets.raw_ids, *targets.samples)),
        frozenset(sealed(salt, "url", url) for url in rules.urls),
        frozenset((len(start), sealed(salt, "path", source, start)) for source, start in rules.paths),
    )
    for path, stored in known.items():
        if stored.seal is not None and seal in stored.seal and set(rules.licenses) <= stored.clear.licenses:
            return Request(path, False)
    features, digest = unseen(pa.concat_tables([FEATURES.empty_table(), *targets.features]), salt), ""
    if len(features):
        data = table_bytes(features, FEATURES)
        digest = hashlib.sha256(data).hexdigest()
        storage.write(_features_path(digest), data)
    content = {
        "form": 2,
        "salt": salt,
        "ids": sorted(seal.ids),
        "urls": sorted(seal.urls),
        "paths": sorted(seal.paths),
        "licenses": sorted(rules.licenses),
        "parts": sorted(sealed(salt, "part", source, key) for source, key in targets.parts),
        "features": digest,
    }
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    path = f"{PLACE}{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"
    try:
        storage.create(path, text.encode())
    except AlreadyExists:
        return Request(path, False)
    return Request(path, True)


def unseen(features: pa.Table, salt: str) -> pa.Table:
    """Features that say what resembles a drawing and not what it is: no picture, a digest for the id."""
    rows = {}
    for row in features.to_pylist():
        sealed_id = sealed(salt, "id", row["sample_id"])
        rows[sealed_id] = row | {"source": SOURCE, "sample_id": sealed_id, "picture": None}
    return pa.Table.from_pylist([rows[name] for name in sorted(rows)], schema=FEATURES)


def requests(storage: Storage) -> list[str]:
    """Paths of all recorded requests, sorted."""
    return [entry.path for entry in storage.list(PLACE) if entry.path.endswith(".json")]


def _features_path(digest: str) -> str:
    return f"{PLACE}features-{digest[:20]}.parquet"


def _read(storage: Storage, path: str) -> _Stored:
    if storage.remote:
        return _read_once(storage.uri, path)
    return _Stored.from_json(json.loads(storage.read(path)))


@lru_cache(256)
def _read_once(uri: str, path: str) -> _Stored:
    """Requests are named by their content, so a worker reads each once."""
    return _Stored.from_json(json.loads(open_storage(uri).read(path)))


def features(storage: Storage, paths: Sequence[str]) -> list[tuple[str, str]]:
    """(path, digest) of the tables with what the requests at ``paths`` took down; see `FEATURES`."""
    digests = {_read(storage, path).features for path in paths}
    return [(_features_path(digest), digest) for digest in sorted(digests - {""})]


def load(storage: Storage, paths: Sequence[str]) -> Known:
    """What the requests at ``paths`` name together."""
    stored = [_read(storage, path) for path in paths]
    clear = [each.clear for each in stored]
    by_salt: dict[str, list[Seal]] = {}
    for each in stored:
        if each.seal is not None:
            by_salt.setdefault(each.seal.salt, []).append(each.seal)
    seals = tuple(
        Seal(
            salt,
            frozenset[str]().union(*(seal.ids for seal in parts)),
            frozenset[str]().union(*(seal.urls for seal in parts)),
            frozenset[tuple[int, str]]().union(*(seal.paths for seal in parts)),
        )
        for salt, parts in by_salt.items()
    )
    return Known(
        frozenset[str]().union(*(taken.samples for taken in clear), *(seal.ids for seal in seals)),
        frozenset[str]().union(*(taken.raw_ids for taken in clear)),
        frozenset[str]().union(*(taken.urls for taken in clear)),
        tuple(sorted({path for taken in clear for path in taken.paths})),
        frozenset[str]().union(*(taken.licenses for taken in clear)),
        seals,
    )


class Parts:
    """Which raw tables the requests at ``paths`` make anew, since they held what was taken down."""

    def __init__(self, storage: Storage, paths: Sequence[str]) -> None:
        stored = [_read(storage, path) for path in paths]
        self._sealed = [(each.seal.salt, each.parts) for each in stored if each.seal is not None and each.parts]

    def of(self, source: str, key: str) -> list[str]:
        """What names the table of that partition, sorted: empty, unless it held something.

        Each request on its own, so that a second one makes it anew once more.
        """
        digests = [(sealed(salt, "part", source, key), number) for number, (salt, _) in enumerate(self._sealed)]
        return [f"{digest}" for digest, number in digests if digest in self._sealed[number][1]]
