"""The records of a step in one object, so that a run with little to do need not read hundreds of thousands.

The ledger stays what it is, a record beside each partition's output: the object, ``ledger/<step>.parquet``, has copies
of them, each with the etag that its record had when it was read or written. A copy counts if a listing of the step's
records shows that etag still; any other record is read where it lies. So whatever becomes of the object, or of the
records since, a run comes to the same, and only its requests are more or fewer.

`Listed` is what a run has of a step: which records there are, each where it is read with the least, and in the end,
if many were read one by one, all of them put together anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.base import Storage
from pipeline.storage.tables import PARQUET, DamagedTable, LostTable, Output, read_table
from pipeline.work import ledger
from pipeline.work.ledger import LARGE, TABLES, Record

COMPACTED = "ledger/"
"""Where in a workspace records lie together."""

FORM = b"1"
"""Of such an object; one of another form is as good as none."""

SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # source/key
        ("etag", pa.string()),  # of the record, as the store lists it
        ("common", pa.dictionary(pa.int32(), pa.string())),  # JSON of what many records share: versions and settings
        ("record", pa.string()),  # JSON of the rest
    ],
    {b"form": FORM},
)

LEAST = 256
"""Records read one by one from which on a step's are put together anew, ..."""

SHARE = 8
"""... if they are no less than one in so many."""

ROWS = 2_000
"""Records of a row group."""

HELD = 4
"""Row groups that are held at a time: tasks come mostly in the order in which they came last."""


def compacted_path(stage: str) -> str:
    """Where the records of a step lie together."""
    return f"{COMPACTED}{stage}.parquet"


class Listed:
    """The records of one step of a workspace, by a listing made once."""

    def __init__(self, storage: Storage, stage: str) -> None:
        self.stage = stage
        self._storage = storage
        self._compacted = _Compacted(storage, stage)
        self._there: dict[str, str | int] = {}
        """Source/key -> the record's row among the compacted ones if that counts, else its etag."""
        self._fresh = 0
        """Records that were not among the compacted ones."""
        begin, end = len(f"{TABLES}{stage}/"), -len(".json")
        for entry in storage.scan(f"{TABLES}{stage}/"):
            if entry.path.endswith(".json"):
                self._there[entry.path[begin:end]] = entry.etag
        # of few, it would be one request more than without
        for row, (name, etag) in enumerate(self._compacted.names() if len(self._there) >= LEAST else ()):
            if self._there.get(name) == etag:
                self._there[name] = row

    def compacted(self, source: str, key: str) -> Record | None:
        """The record of a partition, if it is among the compacted ones. For one thread."""
        row = self._there.get(f"{source}/{key}")
        return self._compacted.record(row, source, key) if isinstance(row, int) else None

    def listed(self, source: str, key: str) -> bool:
        """Whether there is a record of the partition."""
        return f"{source}/{key}" in self._there

    def names(self) -> list[tuple[str, str]]:
        """Source and key of each record, sorted by where it lies."""
        # as paths are, which end with more than the name
        return [(source, key) for source, _, key in (name.partition("/") for name in sorted(self._there, key=_path))]

    def record(self, source: str, key: str) -> Record | None:
        """The record of a partition, None for none, or if it cannot be read."""
        if not self.listed(source, key):
            return None
        return self.compacted(source, key) or self.read(source, key)

    def read(self, source: str, key: str) -> Record | None:
        """The record of a partition from where it lies, None for none. For any number of threads."""
        self._fresh += 1
        return ledger.load(self._storage, self.stage, source, key)

    def wrote(self, record: Record, etag: str) -> None:
        """This was written since the listing. ``etag``: "" if that is not known."""
        self._fresh += 1
        self._there[f"{record.source}/{record.key}"] = etag

    def compact(self, records: Collection[Record]) -> None:
        """Put these together, which are all that the run has of the step, if many were not."""
        if self._fresh >= max(LEAST, len(records) / SHARE):
            self._compacted.write((record, self._etag(record)) for record in records)

    def _etag(self, record: Record) -> str:
        place = self._there.get(f"{record.source}/{record.key}", "")
        return self._compacted.etag(place) if isinstance(place, int) else place


def _path(name: str) -> str:
    return f"{name}.json"


class _Compacted:
    """The object of one step. What of it is damaged, or of another form, is not there."""

    def __init__(self, storage: Storage, stage: str) -> None:
        self._storage, self._stage, self._path = storage, stage, compacted_path(stage)
        self._etags: pa.ChunkedArray = pa.chunked_array([], pa.string())
        self._groups: OrderedDict[int, dict[str, list[str]]] = OrderedDict()
        """Number of a row group -> its columns but for etags."""
        self._last: tuple[str, Mapping[str, Any], Mapping[str, Any]] = "", {}, {}
        """What the last record has in common with others, also as text."""

    def names(self) -> Iterator[tuple[str, str]]:
        """Source/key and etag of each record, by row."""
        table = self._read(None, ["name", "etag"])
        if table is None or (table.schema.metadata or {}).get(b"form") != FORM:
            return
        self._etags = table["etag"]
        for batch in table.to_batches(max_chunksize=ROWS):
            yield from zip(batch["name"].to_pylist(), batch["etag"].to_pylist(), strict=True)

    def etag(self, row: int) -> str:
        """Of a record when it was put here."""
        text: str = self._etags[row].as_py()
        return text

    def record(self, row: int, source: str, key: str) -> Record | None:
        """That of a row. None if it is damaged."""
        number, place = divmod(row, ROWS)
        if number not in self._groups:
            table = self._read(number, ["name", "common", "record"])
            if table is None:
                return None
            self._groups[number] = table.to_pydict()
            if len(self._groups) > HELD:
                self._groups.popitem(last=False)
        names, commons, texts = self._groups[number].values()
        # a page has a checksum, and what says which rows it has does not
        if place >= len(names) or names[place] != f"{source}/{key}":
            return None
        if commons[place] != self._last[0]:
            self._last = commons[place], *json.loads(commons[place])
        return _record(texts[place], self._stage, source, key, *self._last[1:])

    def write(self, records: Iterator[tuple[Record, str]]) -> None:
        """Write the object anew with these records and their etags; without those that have none, or are large."""
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            with pq.ParquetWriter(spool, SCHEMA, **PARQUET) as writer:
                rows = (row for record, etag in records if etag and (row := _row(record, etag)))
                while group := list(islice(rows, ROWS)):
                    writer.write_table(pa.Table.from_pylist(group, SCHEMA), row_group_size=ROWS)
            spool.seek(0)
            with self._storage.writer(self._path) as stream:
                shutil.copyfileobj(spool, stream, 2**20)

    def _read(self, row_group: int | None, columns: list[str]) -> pa.Table | None:
        try:
            table = read_table(self._storage, self._path, columns, row_group)
        except (LostTable, DamagedTable):
            return None
        # what says how a file is laid out has no checksum
        return table if table.schema.equals(pa.schema([SCHEMA.field(name) for name in columns])) else None


_SPOOL = 8 * 2**20
"""Bytes from which on what is written goes through a temporary file."""


def _row(record: Record, etag: str) -> dict[str, str] | None:
    values = {name: getattr(record, name) for name in _OWN}
    values["outputs"] = dict(record.outputs)
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False, default=dict)
    if len(text) >= LARGE:
        return None
    common = json.dumps([record.versions, record.settings], separators=(",", ":"), ensure_ascii=False, default=dict)
    return {"name": f"{record.source}/{record.key}", "etag": etag, "common": common, "record": text}


_OWN = ("fingerprint", "inputs", "rows_in", "rows_kept", "dropped", "extra")


def _record(
    text: str, stage: str, source: str, key: str, versions: Mapping[str, Any], settings: Mapping[str, Any]
) -> Record:
    values = json.loads(text)
    outputs = {
        role: Output(path, sha256, size, rows, tuple(groups), md5)
        for role, (path, sha256, size, rows, groups, md5) in values.pop("outputs").items()
    }
    return Record(stage=stage, source=source, key=key, versions=versions, settings=settings, outputs=outputs, **values)
