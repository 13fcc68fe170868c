"""Columns of samples as numpy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Items = npt.NDArray[np.uint64]
"""The first 64 bits of sample ids, which stand for them: of 10^8 samples, two share them in one corpus of 3,700."""

_HEX = np.zeros(256, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)

_PLACES = 16


def joined(column: pa.ChunkedArray) -> pa.Array:
    """``column`` in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def first_of_each(table: pa.Table, *names: str) -> pa.Table:
    """One row for each value of the columns ``names`` together: the first."""
    codes = np.zeros(len(table), np.int64)
    for name in names:
        own = joined(table[name]).dictionary_encode().indices.to_numpy()
        codes = codes * (int(own.max(initial=0)) + 1) + own
    first = np.sort(np.unique(codes, return_index=True)[1])
    return table if len(first) == len(table) else table.take(pa.array(first))


def item_ids(sample_ids: pa.ChunkedArray) -> Items:
    """`Items` of sample ids, which are hex digits, 16 at least. Raises ValueError for shorter ones."""
    column = joined(sample_ids)
    if not len(column):
        return np.empty(0, np.uint64)
    if pc.min(pc.binary_length(column)).as_py() < _PLACES:
        raise ValueError("a sample id has fewer than 16 hex digits")
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column)]
    text = np.frombuffer(column.buffers()[2], np.uint8)
    items = np.zeros(len(column), np.uint64)
    for place in range(_PLACES):
        items = items << np.uint64(4) | _HEX[text[offsets + place]]
    return items


def fixed_bytes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The rows of a fixed-size binary column that are not null, and (rows, width) their bytes."""
    values, width = joined(column), column.type.byte_width
    rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    if not len(rows):
        return rows, np.empty((0, width), np.uint8)
    data = np.frombuffer(values.buffers()[1], np.uint8)
    data = data[values.offset * width : (values.offset + len(values)) * width].reshape(-1, width)
    return rows, data if len(rows) == len(data) else data[rows]
