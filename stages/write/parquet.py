"""A Parquet shard with fixed writer settings: equal rows, equal bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stages.schema import PICTURES

ROW_GROUP = 500
"""Rows: who wants a few rows reads some MB for each."""

PAGE_BYTES = 64 * 2**10
"""Of a page: with an index of pages, single pictures can be read."""


def parquet_shard(rows: pa.Table) -> bytes:
    """``rows`` (`stages.sides.SHARD`) as a Parquet file, zstd-compressed, in row groups of `ROW_GROUP`.

    The picture column is stored as it is, since pictures do not compress again.
    """
    stream = io.BytesIO()
    compression = {leaf: "none" if leaf in PICTURES else "zstd" for leaf in _leaves(rows.schema)}
    pq.write_table(
        rows.combine_chunks(),
        stream,
        version="2.6",
        compression=compression,
        use_dictionary=[name for name in ("tier", "split", "license", "source") if name in rows.schema.names],
        write_statistics=["sample_id", "tier", "split", "atomic_length"],
        data_page_size=PAGE_BYTES,
        write_page_index=True,
        row_group_size=ROW_GROUP,
        store_schema=True,
        write_page_checksum=True,
    )
    return stream.getvalue()


def parquet_rows(stream: BinaryIO, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The samples of a Parquet shard, with these columns; others are not read."""
    with pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=True) as file:
        for group in range(file.num_row_groups):
            yield from _rows(file, group, columns)


def parquet_between(stream: BinaryIO, columns: Sequence[str], first: str, last: str) -> Iterator[dict[str, Any]]:
    """As `parquet_rows`, of the row groups that may hold samples from one id to another, both inclusive."""
    with pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=True) as file:
        for group in range(file.num_row_groups):
            ids = file.metadata.row_group(group).column(0).statistics  # of sample_id, which comes first
            if ids is None or (ids.min <= last and first <= ids.max):
                yield from _rows(file, group, columns)


AT_ONCE = 32
"""Rows that are Python objects at a time: ids of long drawings take ten times the memory that Arrow has them in."""


def _rows(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    table = file.read_row_group(group, columns=list(columns), use_threads=False)
    for begin in range(0, len(table), AT_ONCE):
        yield from table.slice(begin, AT_ONCE).to_pylist()


def _leaves(schema: pa.Schema) -> list[str]:
    file = io.BytesIO()
    pq.write_table(schema.empty_table(), file)
    columns = pq.ParquetFile(file).schema
    return [columns.column(i).path for i in range(len(columns))]
