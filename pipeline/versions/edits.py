"""Captions by people, remembered for all later versions.

What people say of samples comes as a table, and each table that comes is an object of its own:
``captions/<number>.json`` names it, and the table lies beside it under its digest. Neither ever changes. Of tables
that name the same sample the last says all: which captions by people it has, or that it has none any more. Runs look
for a sample by its id, or for the sample that its cluster has now (`pipeline.steps.edited`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.storage.base import AlreadyExists, Storage
from pipeline.storage.tables import read_table, table_bytes
from pipeline.versions.takedown import Known
from stages.schema import CAPTIONS

PLACE = "captions/"

EDITS = pa.schema([("sample_id", pa.string()), ("captions", CAPTIONS)])
"""All captions by people of each sample that is named, sorted by id; none: it has none any more."""


@dataclass(frozen=True)
class Import:
    """A table that came: its number, from 1, and where it lies."""

    number: int
    table: str
    sha256: str
    samples: int


def imports(storage: Storage) -> list[Import]:
    """All tables that came, in order."""
    paths = sorted(entry.path for entry in storage.list(PLACE) if entry.path.endswith(".json"))
    return [_read(storage, path) for path in paths]


def _read(storage: Storage, path: str) -> Import:
    content = json.loads(storage.read(path))
    number = int(path.removeprefix(PLACE).removesuffix(".json"))
    return Import(number, content["table"], content["sha256"], content["samples"])


def record(storage: Storage, edits: Mapping[str, Sequence[Mapping[str, Any]]]) -> Import:
    """Remember which captions by people each of some samples has. ``edits``: sample id -> captions, in order."""
    rows = [{"sample_id": sample_id, "captions": list(edits[sample_id])} for sample_id in sorted(edits)]
    table, sha256 = _stored(storage, pa.Table.from_pylist(rows, schema=EDITS))
    number = max((each.number for each in imports(storage)), default=0) + 1
    while True:
        try:
            storage.create(_path(number), _content(table, sha256, len(rows)))
        except AlreadyExists:
            number += 1  # somebody else's table came first
            continue
        return Import(number, table, sha256, len(rows))


def _path(number: int) -> str:
    return f"{PLACE}{number:06}.json"


def _content(table: str, sha256: str, samples: int) -> bytes:
    return (json.dumps({"table": table, "sha256": sha256, "samples": samples}, sort_keys=True) + "\n").encode()


def _stored(storage: Storage, table: pa.Table) -> tuple[str, str]:
    data = table_bytes(table, EDITS)
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"{PLACE}{sha256[:20]}.parquet"
    storage.write(path, data)
    return path, sha256


def newest(storage: Storage, tables: Sequence[str]) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Sample id -> place among ``tables`` of the last that names it, and the captions that it says.

    ``tables``: paths, in order.
    """
    said: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    for place, path in enumerate(tables):
        for row in read_table(storage, path).to_pylist():
            said[row["sample_id"]] = place, row["captions"]
    return said


def forget(storage: Storage, taken: Known) -> int:
    """Remove what was said of samples that were taken down; returns of how many tables."""
    changed = 0
    for each in imports(storage):
        table = read_table(storage, each.table)
        down = taken.down(table.select(["sample_id"]))
        if down.any():
            left = table.filter(pa.array(~down))
            path, sha256 = _stored(storage, left)
            storage.write(_path(each.number), _content(path, sha256, len(left)))
            storage.delete(each.table)
            changed += 1
    return changed
