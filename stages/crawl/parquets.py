"""The drawings in a Parquet file: the rows of one column of texts or bytes, which may lie in structs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.crawl.container import FAULTS, ArchiveError, Budget, Entry, Lost, NoColumn, Sink
from stages.reasons import Reason

_ROWS = 256
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


@dataclass(frozen=True)
class _Leaf:
    """A column as Parquet stores it: ``path`` has a point for each struct; ``index`` counts them in order."""

    path: str
    type: pa.DataType
    index: int
    text: bool


def parquet_entries(stream: BinaryIO, path: str, budget: Budget, column: str | None) -> Iterator[Entry]:
    """Each row of ``column``, else of the column called svg, else of the first of texts that has svg in its name.

    Rows are called by their number, from ``00000000.svg``. What is no UTF-8 goes on as it is. Raises NoColumn if there
    is no such column, ArchiveError if it is no text, if two have that name, or if the file is damaged.
    """
    try:
        with pq.ParquetFile(stream) as file:
            leaf = _choose(_leaves(file.schema_arrow), file.schema_arrow, path, column)
            number = 0
            # by its index: two columns can have one name, and a name can have points in it
            groups = list(range(file.metadata.num_row_groups))
            for batch in file.reader.iter_batches(_ROWS, row_groups=groups, column_indices=[leaf.index]):
                for value in _values(batch.column(0)):
                    budget.spend(len(value or b""))
                    yield Entry(f"{number:08}.svg", partial(_copy, value))
                    number += 1
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _leaves(schema: pa.Schema) -> list[_Leaf]:
    leaves: list[_Leaf] = []

    def descend(path: str, kind: pa.DataType, single: bool) -> None:
        if isinstance(kind, pa.ExtensionType | pa.BaseExtensionType):
            kind = kind.storage_type
        if pa.types.is_nested(kind):
            for number in range(kind.num_fields):
                child = kind.field(number)
                descend(f"{path}.{child.name}", child.type, single and pa.types.is_struct(kind))
            return
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        leaves.append(_Leaf(path, kind, len(leaves), single and any(is_(inner) for is_ in _TEXTS)))

    for field in schema:
        descend(field.name, field.type, True)
    return leaves


def _choose(leaves: list[_Leaf], schema: pa.Schema, path: str, column: str | None) -> _Leaf:
    texts = [leaf for leaf in leaves if leaf.text]
    if column is None:
        top = [leaf for leaf in texts if leaf.path in schema.names and "svg" in leaf.path.lower()]
        chosen = min((leaf.path for leaf in top), key=lambda name: (name.lower() != "svg", name), default=None)
        named = [field for field in schema if "svg" in field.name.lower()]
    else:
        chosen = column
        named = [field for field in schema if column == field.name or column.startswith(f"{field.name}.")]
    same = [leaf for leaf in texts if leaf.path == chosen]
    if len(same) == 1:
        return same[0]
    if same:
        raise ArchiveError(path, f"{len(same)} columns of texts are called {chosen}; rename all but one")
    others = f"; columns of texts are {', '.join(leaf.path for leaf in texts[:9])}" if texts else ""
    if not named:
        wanted = "no column that has svg in its name" if column is None else f"no column {column}"
        raise NoColumn(path, wanted + others)
    field = named[0]
    kind = str(field.type) if len(str(field.type)) <= 80 else f"{str(field.type)[:77]}..."
    inside = next((leaf.path for leaf in texts if leaf.path.startswith(f"{field.name}.")), None)
    remedy = f"name what is in it with the source's setting column, such as {inside}" if inside else f"not text{others}"
    raise ArchiveError(path, f"its column {field.name} is {kind}, {remedy}")


def _values(array: pa.Array) -> Iterator[bytes | None]:
    while pa.types.is_struct(array.type):
        array = pc.struct_field(array, [0])
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if isinstance(array, pa.DictionaryArray):
        # as many references, where decoding would make as many copies
        values = array.dictionary.cast(pa.large_binary()).to_pylist()
        yield from (None if index is None else values[index] for index in array.indices.to_pylist())
    else:
        yield from array.cast(pa.large_binary()).to_pylist()


def _copy(value: bytes | None, sink: Sink, limit: int) -> Lost | None:
    if value is None:
        return Reason.EMPTY, "null"
    if len(value) > limit:
        return Reason.TOO_LARGE, f"over {limit} bytes"
    sink.write(value)
    return None
