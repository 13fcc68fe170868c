"""Parquet files of exports: fixed writer settings, so that equal tables give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

T = TypeVar("T")

ROW_GROUP = 500
"""Rows; readers that shuffle read a group at a time."""


def parquet_rows(
    items: Sequence[T], row: Callable[[T], Mapping[str, Any]], schema: pa.Schema, raw: tuple[str, ...] = ()
) -> Iterator[bytes]:
    """The pieces of a file that has a row for each of ``items``, made when its row group is written.

    The file is zstd-compressed but for the columns that ``raw`` names, with their leaves: pictures do not compress
    again. One row group is in memory at a time.
    """
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, **_options(schema, raw)) as writer:
        for first in range(0, len(items), ROW_GROUP):
            rows = [row(item) for item in items[first : first + ROW_GROUP]]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file of which what is written is taken away at once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Keep ``data``, any buffer, until it is taken."""
        self._pieces.append(bytes(data))
        self._at += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        """Bytes written so far."""
        return self._at

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _options(schema: pa.Schema, raw: tuple[str, ...]) -> dict[str, Any]:
    leaves = pq.ParquetFile(io.BytesIO(_empty(schema))).schema
    paths = [leaves.column(i).path for i in range(len(leaves))]
    return {
        "version": "2.6",
        "compression": {path: "none" if path.partition(".")[0] in raw else "zstd" for path in paths},
        "use_dictionary": False,
        "store_schema": True,
        "write_page_checksum": True,
    }


def _empty(schema: pa.Schema) -> bytes:
    stream = io.BytesIO()
    pq.write_table(schema.empty_table(), stream)
    return stream.getvalue()
