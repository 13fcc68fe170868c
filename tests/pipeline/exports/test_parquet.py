"""Parquet files of exports are written a row group at a time, and are what their rows say."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.exports.parquet import ROW_GROUP, parquet_rows

SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.list_(pa.binary()))], metadata={"made": "here"})


@pytest.mark.parametrize("count", [0, 1, ROW_GROUP, ROW_GROUP + 1, 3 * ROW_GROUP - 1])
def test_pieces_are_one_file(count: int) -> None:
    """With all rows in their order, the schema with what it says, and what is raw not compressed."""
    made: list[int] = []

    def row(number: int) -> dict[str, object]:
        made.append(number)
        return {"a": number, "b": [b"x" * (number % 7)] * (number % 3)}

    pieces = parquet_rows(range(count), row, SCHEMA, raw=("b",))
    first = next(pieces)
    assert first and len(made) == min(count, ROW_GROUP)
    data = first + b"".join(pieces)
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.schema_arrow == SCHEMA and file.schema_arrow.metadata == SCHEMA.metadata
    assert file.read().to_pylist() == [row(number) for number in range(count)]
    assert file.num_row_groups == -(-count // ROW_GROUP)
    for group in range(file.num_row_groups):
        columns = [file.metadata.row_group(group).column(i).compression for i in range(2)]
        assert columns == ["ZSTD", "UNCOMPRESSED"]
    assert data == b"".join(parquet_rows(range(count), row, SCHEMA, raw=("b",)))
