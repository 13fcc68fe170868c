"""Parquet files of exports: fixed writer settings, so that equal tables give equal bytes."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 500
"""Rows; readers that shuffle read a group at a time."""


def parquet_bytes(table: pa.Table, raw: tuple[str, ...] = ()) -> bytes:
    """``table`` as a file, zstd-compressed but for the columns that ``raw`` names, with their leaves: pictures do not
    compress again."""
    stream = io.BytesIO()
    leaves = pq.ParquetFile(io.BytesIO(_empty(table.schema))).schema
    paths = [leaves.column(i).path for i in range(len(leaves))]
    pq.write_table(
        table.combine_chunks(),
        stream,
        version="2.6",
        compression={path: "none" if path.partition(".")[0] in raw else "zstd" for path in paths},
        use_dictionary=False,
        row_group_size=ROW_GROUP,
        store_schema=True,
        write_page_checksum=True,
    )
    return stream.getvalue()


def _empty(schema: pa.Schema) -> bytes:
    stream = io.BytesIO()
    pq.write_table(schema.empty_table(), stream)
    return stream.getvalue()
