"""The drawings in a Parquet file: the rows of one column of texts or bytes, with what the other columns say of each.

A row's file name is that of a member of an archive: it says what the record is called, so that a row keeps its name
when others come before it. A row without one is called by its number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.crawl.container import FAULTS, ArchiveError, Budget, Entry, NoColumn, Sink
from stages.crawl.items import Caption, Lost, RawItem
from stages.crawl.listing import display, kind_of
from stages.crawl.settings import Columns
from stages.reasons import Reason

NOT_IN_COLUMNS = " not in columns"
"""Behind the name of a column that says nothing because the config does not name it."""

_ROWS = 256
_LONGEST_NAME, _LONGEST_SHOWN = 1_000, 60
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_SCALARS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
)
_SEPARATORS = re.compile(r"[,;|\n]")


@dataclass(frozen=True)
class _Leaf:
    """A column as Parquet stores it: ``path`` has a point for each struct; ``index`` counts them in order.

    ``at``: its place in the schema, then in each struct. ``form``: text, texts (a list of them), scalar, or "".
    """

    path: str
    type: pa.DataType
    index: int
    form: str
    at: tuple[int, ...]

    @property
    def text(self) -> bool:
        return self.form == "text"


_FORMS = {
    "path": ("text", "scalar"),
    "captions": ("text", "texts"),
    "hints": ("text", "texts"),
    "url": ("text",),
    "license": ("text",),
    "author": ("text", "texts"),
    "facts": ("text", "texts", "scalar"),
}
"""What a column must hold to be what its name says."""

_SINGLE = ("path", "url", "license", "author")
"""What a row has one of at most."""


def parquet_entries(
    stream: BinaryIO, path: str, budget: Budget, column: str | None, columns: Columns, no_input: Counter[str]
) -> Iterator[Entry]:
    """Each row of ``column``, else of the column called svg, else of the first of texts that has svg in its name.

    Rows are called as ``columns`` says, else by their number, from ``00000000.svg``. What is no UTF-8 in a drawing goes
    on as it is. ``no_input``: counts the columns that ``columns`` does not name. Raises NoColumn if there is no such
    column of drawings, ArchiveError if it is no text, if two have that name, or if the file is damaged.
    """
    try:
        with pq.ParquetFile(stream) as file:
            leaves = _leaves(file.schema_arrow)
            drawing = _choose(leaves, file.schema_arrow, path, column)
            roles = _roles(leaves, drawing, columns)
            taken = {drawing, *(leaf for chosen in roles.values() for leaf in chosen)}
            no_input.update(
                f"column {display(leaf.path)[:_LONGEST_SHOWN]}{NOT_IN_COLUMNS}" for leaf in leaves if leaf not in taken
            )
            # by their index: two columns can have one name, and a name can have points in it
            indices = sorted(leaf.index for leaf in taken)
            groups = list(range(file.metadata.num_row_groups))
            number = 0
            for batch in file.reader.iter_batches(_ROWS, row_groups=groups, column_indices=indices):
                read = dict(zip(indices, _leaves(batch.schema), strict=True))
                arrays = {leaf: _array(batch, read[leaf.index]) for leaf in taken}
                texts = {leaf: _texts(array, leaf.form) for leaf, array in arrays.items() if leaf is not drawing}
                for row, value in enumerate(_bytes(arrays[drawing])):
                    name, brings = _brought(roles, texts, row)
                    budget.spend(len(value or b"") + _size(brings))
                    yield Entry(name or f"{number:08}.svg", partial(_copy, value), brings=brings)
                    number += 1
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _leaves(schema: pa.Schema) -> list[_Leaf]:
    leaves: list[_Leaf] = []

    def descend(path: str, kind: pa.DataType, at: tuple[int, ...], single: bool) -> None:
        if isinstance(kind, pa.ExtensionType | pa.BaseExtensionType):
            kind = kind.storage_type
        listed = any(is_(kind) for is_ in _LISTS) and not pa.types.is_nested(kind.value_type)
        if pa.types.is_nested(kind) and not listed:
            for number in range(kind.num_fields):
                child = kind.field(number)
                descend(f"{path}.{child.name}", child.type, (*at, number), single and pa.types.is_struct(kind))
            return
        leaves.append(_Leaf(path, kind, len(leaves), _form(kind, listed) if single else "", at))

    for number, field in enumerate(schema):
        descend(field.name, field.type, (number,), True)
    return leaves


def _form(kind: pa.DataType, listed: bool) -> str:
    if listed:
        return "texts" if any(is_(kind.value_type) for is_ in _TEXTS) else ""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if any(is_(inner) for is_ in _TEXTS):
        return "text"
    return "scalar" if any(is_(kind) for is_ in _SCALARS) else ""


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


def _roles(leaves: Sequence[_Leaf], drawing: _Leaf, columns: Columns) -> dict[str, list[_Leaf]]:
    """What each column is, by the settings' names: in the order of these, then as the file has them."""
    roles: dict[str, list[_Leaf]] = {}
    for role, forms in _FORMS.items():
        fit = [leaf for leaf in leaves if leaf is not drawing and leaf.form in forms]
        names = [pattern.lower() for pattern in getattr(columns, role)]
        matching = [leaf for name in names for leaf in fit if fnmatchcase(leaf.path.lower(), name)]
        roles[role] = list(dict.fromkeys(matching))[: 1 if role in _SINGLE else None]
    return roles


def _brought(roles: dict[str, list[_Leaf]], texts: dict[_Leaf, list[tuple[str, ...]]], row: int) -> tuple[str, RawItem]:
    """What a row is called, "" if nothing says it, and what comes with it."""
    every = {role: [text for leaf in leaves for text in texts[leaf][row]] for role, leaves in roles.items()}
    name = "".join(every["path"]).strip().strip("/")
    if len(name) > _LONGEST_NAME:
        name = ""
    item = RawItem(
        path="",
        content=b"",
        url="".join(every["url"]) or None,
        license="".join(every["license"]) or None,
        author=", ".join(every["author"]) or None,
        hints=tuple(
            hint for leaf in roles["hints"] for text in texts[leaf][row] for hint in _split(text, leaf.form == "text")
        ),
        captions=tuple(Caption(text) for text in every["captions"]),
        facts=tuple((leaf.path, text) for leaf in roles["facts"] for text in texts[leaf][row]),
    )
    return (name if not name or kind_of(name) == "svg" else f"{name}.svg"), item


def _split(text: str, joined: bool) -> list[str]:
    return _SEPARATORS.split(text) if joined else [text]


def _size(item: RawItem) -> int:
    texts = (item.url or "", item.license or "", item.author or "", *item.hints)
    more = (*(caption.text for caption in item.captions), *(text for _, text in item.facts))
    return sum(len(text) for text in (*texts, *more))


def _array(batch: pa.RecordBatch, leaf: _Leaf) -> pa.Array:
    array = batch.column(leaf.at[0])
    for number in leaf.at[1:]:
        array = pc.struct_field(_stored(array), [number])
    return _stored(array)


def _stored(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _texts(array: pa.Array, form: str) -> list[tuple[str, ...]]:
    """The texts of each row of a column: none of a null."""
    if form == "texts":
        rows: list[list[str]] = [[] for _ in range(len(array))]
        parents = pc.list_parent_indices(array).to_pylist()
        for row, texts in zip(parents, _texts(pc.list_flatten(array), "text"), strict=True):
            rows[row].extend(texts)
        return [tuple(texts) for texts in rows]
    if form == "scalar":
        return [() if value is None else (value,) for value in array.cast(pa.string()).to_pylist()]
    return [() if value is None else (value.decode("utf-8", "surrogateescape"),) for value in _bytes(array)]


def _bytes(array: pa.Array) -> Iterator[bytes | None]:
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
