"""Rows of tables that are sorted by a key, without reading what lies between.

What `pipeline.storage.tables.published_bytes` wrote, and published shards, say of each row group from which key to
which it goes. Of others, as earlier versions have them, every row group is read; the rows that come back are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.base import Storage
from pipeline.storage.tables import open_table


def row_groups(
    storage: Storage, path: str, columns: Sequence[str], key: str, first: str, last: str
) -> Iterator[pa.Table]:
    """``columns`` of each row group that may hold a ``key`` from ``first`` to ``last``, both inclusive.

    Raises NotFound, and DamagedTable if what is read is not what was written.
    """
    with open_table(storage, path) as file:
        for group in _may_hold(file, key, first, last):
            yield file.read_row_group(group, columns=list(columns), use_threads=False)


def rows_of(storage: Storage, path: str, columns: Sequence[str], key: str, wanted: pa.Array) -> Iterator[pa.Table]:
    """``columns`` of the rows whose ``key`` is one of ``wanted`` (strings, sorted); those that the table does not have
    are left out. Raises as `row_groups`."""
    if not len(wanted):
        return
    with open_table(storage, path) as file:
        for group in _may_hold(file, key, wanted[0].as_py(), wanted[-1].as_py()):
            # the key first: the other columns are read only where one is wanted
            here = pc.is_in(file.read_row_group(group, columns=[key], use_threads=False)[key], value_set=wanted)
            if pc.any(here).as_py():
                yield file.read_row_group(group, columns=list(columns), use_threads=False).filter(here)


def rows_that_begin(
    storage: Storage, path: str, columns: Sequence[str], key: str, beginning: str
) -> Iterator[pa.Table]:
    """``columns`` of the rows whose ``key``, in hex digits, begins so. Raises as `row_groups`."""
    for table in row_groups(storage, path, [*dict.fromkeys([key, *columns])], key, beginning, beginning + "g"):
        rows = table.filter(pc.starts_with(table[key], beginning))
        if len(rows):
            yield rows.select(list(columns))


def _may_hold(file: pq.ParquetFile, key: str, first: str, last: str) -> Iterator[int]:
    # of the columns in a file, nested ones count as often as they have leaves
    leaf = next(i for i in range(len(file.schema)) if file.schema.column(i).path == key)
    for group in range(file.num_row_groups):
        statistics = file.metadata.row_group(group).column(leaf).statistics
        if statistics is None or not statistics.has_min_max or (statistics.min <= last and first <= statistics.max):
            yield group
