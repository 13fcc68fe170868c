"""Takedowns: what must not be in the dataset any more, remembered for all later versions.

A request is an object ``takedowns/<digest>.json`` in the workspace that never changes. What it names is looked for in
all versions and all tables (`pipeline.versions.resolve`), and remembered so that it is known again, but cannot be seen:

    ids       salted digests of the raw ids and the sample ids of all that it names, in every canonical form that it had
    urls, paths, licenses   the rules, for records that come later: digests of URLs and of beginnings of paths; licences
              are whole expressions, as sources state them
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
        return Taken(ids, ids, frozenset(self.urls), self.paths, frozenset(self.licenses))


@dataclass(frozen=True)
class Seal:
    """What requests of one salt name."""

    salt: str
    ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    paths: frozenset[tuple[int, str]] = frozenset()
    """(length, digest of source and beginning) of paths."""

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


def record(storage: Storage, rules: Rules, targets: Targets) -> Request:
    """Remember a request, and what it was found to name, which leaves with the next version."""
    known = [_read(storage, path) for path in requests(storage)]
    salts = [content["salt"] for content in known if "salt" in content]
    salt = salts[0] if salts else secrets.token_hex(32)
    content: dict[str, Any] = {
        "form": 2,
        "salt": salt,
        "ids": sorted({sealed(salt, "id", each) for each in (*rules.ids, *targets.raw_ids, *targets.samples)}),
        "urls": sorted(sealed(salt, "url", url) for url in rules.urls),
        "paths": sorted([len(start), sealed(salt, "path", source, start)] for source, start in rules.paths),
        "licenses": sorted(rules.licenses),
        "parts": sorted(sealed(salt, "part", source, key) for source, key in targets.parts),
        "features": "",
    }
    names = ("ids", "urls", "paths", "licenses")
    for path, other in zip(requests(storage), known, strict=True):
        if other.get("salt") == salt and all(
            {str(each) for each in content[name]} <= {str(each) for each in other[name]} for name in names
        ):
            return Request(path, False)
    features = unseen(pa.concat_tables([FEATURES.empty_table(), *targets.features]), salt)
    if len(features):
        data = table_bytes(features, FEATURES)
        content["features"] = hashlib.sha256(data).hexdigest()
        storage.write(_features_path(content["features"]), data)
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


def _read(storage: Storage, path: str) -> dict[str, Any]:
    return _read_once(storage.uri, path) if storage.remote else dict(json.loads(storage.read(path)))


@lru_cache(256)
def _read_once(uri: str, path: str) -> dict[str, Any]:
    """Requests are named by their content, so a worker reads each once."""
    return dict(json.loads(open_storage(uri).read(path)))


def features(storage: Storage, paths: Sequence[str]) -> list[tuple[str, str]]:
    """(path, digest) of the tables with what the requests at ``paths`` took down; see `FEATURES`."""
    digests = {_read(storage, path).get("features", "") for path in paths}
    return [(_features_path(digest), digest) for digest in sorted(digests - {""})]


def load(storage: Storage, paths: Sequence[str]) -> Known:
    """What the requests at ``paths`` name together."""
    clear: dict[str, set[Any]] = {name: set() for name in ("samples", "raw_ids", "urls", "paths", "licenses")}
    salted: dict[str, dict[str, set[Any]]] = {}
    for path in paths:
        content = _read(storage, path)
        if "salt" not in content:  # of old, in clear
            _add_old(clear, content)
            continue
        sets = salted.setdefault(content["salt"], {name: set() for name in ("ids", "urls", "paths")})
        for name in ("ids", "urls"):
            sets[name].update(content[name])
        sets["paths"].update((length, digest) for length, digest in content["paths"])
        clear["licenses"].update(content["licenses"])
    seals = tuple(
        Seal(salt, *(frozenset(sets[name]) for name in ("ids", "urls", "paths"))) for salt, sets in salted.items()
    )
    return Known(
        frozenset(clear["samples"]).union(*(seal.ids for seal in seals)),
        frozenset(clear["raw_ids"]),
        frozenset(clear["urls"]),
        tuple(sorted(clear["paths"])),
        frozenset(clear["licenses"]),
        seals,
    )


def _add_old(clear: Mapping[str, set[Any]], content: Mapping[str, Any]) -> None:
    rules = content["rules"]
    clear["raw_ids"].update(rules["ids"])
    clear["urls"].update(rules["urls"])
    clear["paths"].update((source, start) for source, start in rules["paths"])
    clear["licenses"].update(rules["licenses"])
    clear["samples"].update(rules["ids"])
    for sample in content["samples"]:
        clear["raw_ids"].update(sample["raw_ids"])
        clear["samples"].add(sample["sample_id"])


class Parts:
    """Which raw tables the requests at ``paths`` make anew, since they held what was taken down."""

    def __init__(self, storage: Storage, paths: Sequence[str]) -> None:
        contents = [_read(storage, path) for path in paths]
        self._sealed = [(each["salt"], frozenset(each["parts"])) for each in contents if each.get("parts")]

    def of(self, source: str, key: str) -> list[str]:
        """What names the table of that partition, sorted: empty, unless it held something.

        Each request on its own, so that a second one makes it anew once more.
        """
        digests = [(sealed(salt, "part", source, key), number) for number, (salt, _) in enumerate(self._sealed)]
        return [f"{digest}" for digest, number in digests if digest in self._sealed[number][1]]
