"""Parquet files, and Arrow's own: files (also Feather's second version) and streams, by their schema.

A Parquet file is read some rows of a row group at a time, as many as their size in the file says is a few megabytes; an
Arrow file by its record batches, whose size is their writer's choice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.crawl.container import TableError
from stages.crawl.tables.batches import Batch, Drawing, Texts
from stages.crawl.tables.columns import Column, Form, Resolve, Roles

_ROWS = 512
_BYTES = 16 * 2**20
"""Rows and bytes of a batch, as far as a Parquet file's metadata says what a row has."""

_MAGIC, _FEATHER = b"ARROW1", b"FEA1"
_END = b"\xff\xff\xff\xff\0\0\0\0"

_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_SCALARS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
)


@dataclass(frozen=True)
class _Leaf:
    """Where a column is: ``at``, its place in the schema, then in each struct; ``kind``: its own type."""

    column: Column
    kind: pa.DataType
    at: tuple[int, ...]


def parquet_batches(stream: BinaryIO, path: str, resolve: Resolve) -> Iterator[Batch]:
    """The rows of a Parquet file; of its columns those alone are read that are something."""
    with pq.ParquetFile(stream) as file:
        leaves = _leaves(file.schema_arrow)
        roles = resolve([leaf.column for leaf in leaves])
        # by their index: two columns can have one name, and a name can have points in it
        indices = sorted(column.number for column in (roles.drawing, *roles.taken))
        for group in range(file.metadata.num_row_groups):
            meta = file.metadata.row_group(group)
            # of all its columns: to ask for one of a damaged file ends the process
            rows = max(1, min(_ROWS, _BYTES * max(1, meta.num_rows) // max(1, meta.total_byte_size)))
            for batch in file.reader.iter_batches(rows, row_groups=[group], column_indices=indices):
                read = dict(zip(indices, _leaves(batch.schema), strict=True))
                yield _batch(batch, roles, {column: read[column.number] for column in (roles.drawing, *roles.taken)})


def arrow_batches(stream: BinaryIO, path: str, resolve: Resolve) -> Iterator[Batch]:
    """The rows of an Arrow file or stream, by what its first bytes say."""
    head = stream.read(len(_MAGIC))
    size = stream.seek(0, os.SEEK_END)
    if head.startswith(_FEATHER):
        raise TableError(path, "it is of Feather's first version; write it anew with one of the last years' libraries")
    if head != _MAGIC:
        stream.seek(max(0, size - len(_END)))
        if stream.read() != _END:  # the library takes any end for the end
            raise TableError(path, "it is truncated or no Arrow stream: it has no end marker")
    stream.seek(0)
    if head != _MAGIC:
        with pa.ipc.open_stream(stream) as reader:
            yield from _in_slices(reader.schema, iter(reader), resolve)
        return
    with pa.ipc.open_file(stream) as file:
        numbers = range(file.num_record_batches)
        yield from _in_slices(file.schema, (file.get_batch(number) for number in numbers), resolve)


def _in_slices(schema: pa.Schema, batches: Iterator[pa.RecordBatch], resolve: Resolve) -> Iterator[Batch]:
    leaves = _leaves(schema)
    roles = resolve([leaf.column for leaf in leaves])
    wanted = {leaf.column: leaf for leaf in leaves if leaf.column in (roles.drawing, *roles.taken)}
    for batch in batches:
        for at in sorted({leaf.at[0] for leaf in wanted.values()}):
            _check(batch.column(at))
        for begin in range(0, batch.num_rows, _ROWS):
            yield _batch(batch.slice(begin, _ROWS), roles, wanted)


def _check(array: pa.Array) -> None:
    """Raise ArrowInvalid unless all that a column of a file refers to is there: the library takes the file's word."""
    for text, plain in ((pa.string(), pa.binary()), (pa.large_string(), pa.large_binary())):
        if array.type == text:  # what is no UTF-8 in it costs its row
            array = array.view(plain)
    array.validate(full=True)


def _batch(batch: pa.RecordBatch, roles: Roles, leaves: Mapping[Column, _Leaf]) -> Batch:
    texts = {column: _texts(_array(batch, leaves[column]), column.form) for column in roles.taken}
    drawings: list[Drawing] = list(_bytes(_array(batch, leaves[roles.drawing])))
    return Batch(roles, drawings, texts)


def _leaves(schema: pa.Schema) -> list[_Leaf]:
    leaves: list[_Leaf] = []

    def descend(top: pa.Field, path: str, kind: pa.DataType, at: tuple[int, ...], single: bool) -> None:
        if isinstance(kind, pa.ExtensionType | pa.BaseExtensionType):
            kind = kind.storage_type
        listed = _is(kind, _LISTS) and not pa.types.is_nested(kind.value_type)
        if pa.types.is_nested(kind) and not listed and not pa.types.is_run_end_encoded(kind):
            for number in range(kind.num_fields):
                child = kind.field(number)
                inside = single and pa.types.is_struct(kind)
                descend(top, f"{path}.{child.name}", child.type, (*at, number), inside)
            return
        form = _form(kind, listed) if single else ""
        leaves.append(_Leaf(Column(path, form, top.name, str(top.type), len(leaves)), kind, at))

    for number, field in enumerate(schema):
        descend(field, field.name, field.type, (number,), True)
    return leaves


def _is(kind: pa.DataType, kinds: tuple[Callable[[pa.DataType], bool], ...]) -> bool:
    return any(is_(kind) for is_ in kinds)


def _form(kind: pa.DataType, listed: bool) -> Form:
    if listed:
        return "texts" if _is(_plain(kind.value_type), _TEXTS) else ""
    if pa.types.is_null(kind):
        return "any"
    if _is(_plain(kind), _TEXTS):
        return "text"
    return "scalar" if _is(_plain(kind), _SCALARS) else ""


def _plain(kind: pa.DataType) -> pa.DataType:
    while pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    return kind


def _array(batch: pa.RecordBatch, leaf: _Leaf) -> pa.Array:
    array = batch.column(leaf.at[0])
    for number in leaf.at[1:]:
        array = pc.struct_field(_stored(array), [number])
    return _stored(array)


def _stored(array: pa.Array) -> pa.Array:
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    return pc.run_end_decode(array) if isinstance(array, pa.RunEndEncodedArray) else array


def _texts(array: pa.Array, form: Form) -> Texts:
    if form == "texts":
        if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
            # pyarrow 26 casts views to lists wrongly
            return [tuple(_text(value) for value in row or () if value is not None) for row in array.to_pylist()]
        rows: list[list[str]] = [[] for _ in range(len(array))]
        parents = pc.list_parent_indices(array).to_pylist()
        for row, texts in zip(parents, _texts(pc.list_flatten(array), "text"), strict=True):
            rows[row].extend(texts)
        return [tuple(texts) for texts in rows]
    if form == "scalar":
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        return [() if value is None else (value,) for value in array.cast(pa.string()).to_pylist()]
    return [() if value is None else (value.decode("utf-8", "surrogateescape"),) for value in _bytes(array)]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _bytes(array: pa.Array) -> Iterator[bytes | None]:
    if isinstance(array, pa.DictionaryArray):
        # as many references, where decoding would make as many copies
        values = array.dictionary.cast(pa.large_binary()).to_pylist()
        span = pc.min_max(array.indices).as_py()
        if span["min"] is not None and not 0 <= span["min"] <= span["max"] < len(values):
            raise pa.ArrowInvalid("an index is beyond its dictionary")
        yield from (None if index is None else values[index] for index in array.indices.to_pylist())
    else:
        yield from array.cast(pa.large_binary()).to_pylist()
