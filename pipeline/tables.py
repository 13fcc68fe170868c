"""Parquet in and out of a storage, with settings that make equal tables equal bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import Storage


@dataclass(frozen=True)
class Output:
    """One object a partition has written: its digest is the identity later stages build on."""

    path: str
    sha256: str
    bytes: int
    rows: int
    row_groups: tuple[int, ...] = ()
    """Rows of each row group of a Parquet file."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self) | {"row_groups": list(self.row_groups)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Output:
        """Inverse of `to_json`."""
        return cls(**(data | {"row_groups": tuple(data["row_groups"])}))


class _Hashing(io.RawIOBase):
    """Passes writes on and keeps their digest: the writer never seeks."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest, self.size = stream, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        written = self._stream.write(data)
        self.size += written
        return written


def write_table(storage: Storage, path: str, batches: Iterable[pa.Table], schema: pa.Schema) -> Output:
    """Write ``batches`` as the row groups of one Parquet file; an empty batch gives no row group."""
    groups: list[int] = []
    with storage.writer(path) as stream:
        hashing = _Hashing(stream)
        with pq.ParquetWriter(hashing, schema, **PARQUET) as writer:
            for batch in batches:
                if batch.num_rows:
                    writer.write_table(batch.cast(schema), row_group_size=batch.num_rows)
                    groups.append(batch.num_rows)
    return Output(path, hashing.digest.hexdigest(), hashing.size, sum(groups), tuple(groups))


def table_bytes(table: pa.Table, schema: pa.Schema) -> bytes:
    """``table`` as the bytes of a Parquet file of one row group."""
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, schema, **PARQUET) as writer:
        writer.write_table(table.cast(schema).combine_chunks(), row_group_size=max(len(table), 1))
    return stream.getvalue()


PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "version": "2.6", "write_statistics": False}
"""Writer settings of intermediate tables."""


def read_table(storage: Storage, path: str, columns: list[str] | None = None, row_group: int | None = None) -> pa.Table:
    """Read a Parquet table, or only ``columns`` and one ``row_group`` of it."""
    with storage.open(path) as stream, pq.ParquetFile(stream) as file:
        if row_group is None:
            return file.read(columns=columns, use_threads=False)
        return file.read_row_group(row_group, columns=columns, use_threads=False)


def write_bytes(storage: Storage, path: str, data: bytes, rows: int = 0) -> Output:
    """Write ``data`` whole and return its identity."""
    storage.write(path, data)
    return Output(path, hashlib.sha256(data).hexdigest(), len(data), rows)
