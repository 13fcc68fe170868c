"""Takedowns: what must not be in the dataset any more, remembered for all later versions.

A request is an object ``takedowns/<digest>.json`` in the workspace that never changes. It holds the rules as they were
asked for, and every sample that they named in the newest version then, with its raw ids; a table beside it has what
deduplication goes by. So the drawing is known again when it comes from another source, also nearly, and after its own
source is gone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import ledger, versions
from pipeline.errors import ConfigError
from pipeline.storage import AlreadyExists, Storage
from pipeline.tables import read_table, table_bytes
from stages import deduplicate
from stages.deduplicate import Taken
from stages.schema import SAMPLES

SOURCE = ""
"""What stands for a source of what was taken down."""

FEATURES = pa.schema([SAMPLES.field(name) for name in ("source", *deduplicate.FEATURES)])
"""What deduplication needs to know of a sample that was taken down."""

_ID = re.compile(r"[0-9a-f]{64}")


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
        return Taken(
            frozenset(self.ids),
            frozenset(self.ids),
            frozenset(self.urls),
            self.paths,
            frozenset(self.licenses),
        )


@dataclass(frozen=True)
class Request:
    """A recorded request: where it lies, whether it was new, and how many samples of the newest version it names."""

    path: str
    new: bool
    samples: int


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


def record(storage: Storage, rules: Rules) -> Request:
    """Remember a request. Its samples leave with the next version. Raises ConfigError without a version."""
    manifest = versions.read(storage)
    taken = rules.taken
    found: dict[str, dict[str, Any]] = {}
    for row in (row for part in manifest.index for row in read_table(storage, part["path"]).to_pylist()):
        if row["sample_id"] in taken.samples or any(taken.matches(origin) for origin in row["provenance"]):
            raw_ids = sorted({origin["raw_id"] for origin in row["provenance"]})
            found[row["sample_id"]] = {"sample_id": row["sample_id"], "raw_ids": raw_ids}
    wanted = pa.array(sorted(found), pa.string())
    sources = [source["source"] for source in manifest.sources] if found else []
    parts = [FEATURES.empty_table()]
    for samples in ledger.records(storage, "samples", sources):
        table = read_table(storage, samples.outputs["kept"].path, columns=FEATURES.names)
        parts.append(table.filter(pc.is_in(table["sample_id"], wanted)))
    features = pa.concat_tables(parts).sort_by("sample_id")
    features = features.set_column(
        FEATURES.names.index("source"), "source", pa.array([SOURCE] * len(features), pa.string())
    )
    content = {
        "rules": {"ids": rules.ids, "urls": rules.urls, "paths": rules.paths, "licenses": rules.licenses},
        "samples": [found[sample_id] for sample_id in sorted(found)],
        "features": "",
    }
    if len(features):
        data = table_bytes(features, FEATURES)
        digest = hashlib.sha256(data).hexdigest()
        content["features"] = digest
        storage.write(_features_path(digest), data)
    # named by what was asked for, so that asking again adds nothing
    path = f"takedowns/{ledger.digest(content['rules'])[:20]}.json"
    try:
        storage.create(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    except AlreadyExists:
        return Request(path, False, len(found))
    return Request(path, True, len(found))


def requests(storage: Storage) -> list[str]:
    """Paths of all recorded requests, sorted."""
    return [entry.path for entry in storage.list("takedowns/") if entry.path.endswith(".json")]


def _features_path(digest: str) -> str:
    return f"takedowns/features-{digest[:20]}.parquet"


def features(storage: Storage, paths: Sequence[str]) -> list[tuple[str, str]]:
    """(path, digest) of the tables with what the requests at ``paths`` took down; see `FEATURES`."""
    digests = {json.loads(storage.read(path)).get("features", "") for path in paths}
    return [(_features_path(digest), digest) for digest in sorted(digests - {""})]


def load(storage: Storage, paths: Sequence[str]) -> Taken:
    """What the requests at ``paths`` name together."""
    samples: set[str] = set()
    raw_ids: set[str] = set()
    urls: set[str] = set()
    starts: set[tuple[str, str]] = set()
    licenses: set[str] = set()
    for path in paths:
        content = json.loads(storage.read(path))
        rules = content["rules"]
        raw_ids.update(rules["ids"])
        urls.update(rules["urls"])
        starts.update((source, start) for source, start in rules["paths"])
        licenses.update(rules["licenses"])
        samples.update(rules["ids"])
        for sample in content["samples"]:
            raw_ids.update(sample["raw_ids"])
            samples.add(sample["sample_id"])
    return Taken(frozenset(samples), frozenset(raw_ids), frozenset(urls), tuple(sorted(starts)), frozenset(licenses))
