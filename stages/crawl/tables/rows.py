"""From the rows of a table to records, each with what its other columns say of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Literal

from stages.crawl.compression import inflated
from stages.crawl.container import FAULTS, ArchiveError, Budget, TableError
from stages.crawl.items import Caption, Lost, RawItem
from stages.crawl.listing import kind_of
from stages.crawl.names import Names, normalised
from stages.crawl.tables.arrow import arrow_batches, parquet_batches
from stages.crawl.tables.batches import Batch, Drawing, Texts
from stages.crawl.tables.columns import Column, Layout, Resolve, Resolver, Roles
from stages.crawl.tables.csvs import csv_batches
from stages.crawl.tables.jsons import json_batches
from stages.reasons import Reason

TableFormat = Literal["parquet", "arrow", "json", "csv", "tsv"]

_FORMATS: dict[str, TableFormat] = {
    "parquet": "parquet",
    "pq": "parquet",
    "arrow": "arrow",
    "arrows": "arrow",
    "feather": "arrow",
    "ipc": "arrow",
    "jsonl": "json",
    "ndjson": "json",
    "json": "json",
    "csv": "csv",
    "tsv": "tsv",
}
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")

TABLES = "parquet, arrow, feather, arrows, jsonl, ndjson, json, csv, tsv; the last five also .gz, .zst, .bz2, .xz"
"""For people: what `table_format` knows."""

NO_ROWS = "table without rows"
"""The kind of a table that has columns and nothing in them."""

LINE = 8
"""How many times as long as a drawing may be (`crawl.max_bytes`) a line of text may be that has it."""

_LONGEST_NAME = 1_000
_SEPARATORS = re.compile(r"[,;|\n]")


def table_format(path: str) -> TableFormat | None:
    """What the file extension says a table is, whatever its case; None for another file."""
    name = path.lower()
    bare = next((name.removesuffix(end) for end in _COMPRESSED if name.endswith(end)), name)
    known = _FORMATS.get(bare.rpartition(".")[2]) if "." in bare.rpartition("/")[2] else None
    return None if bare != name and known in ("parquet", "arrow") else known


def table_rows(
    stream: BinaryIO,
    path: str,
    layout: Layout,
    limit: int,
    budget: Budget,
    no_input: Counter[str],
    delimiter: str | None = None,
    prefix: str = "",
    names: Names | None = None,
) -> Iterator[RawItem]:
    """Each row of a table, whose name says its format (`table_format`), in its order; of a row that cannot be read the
    reason.

    ``stream``: open at its start, and seekable; where it is from does not matter. ``limit``: bytes of a drawing.
    ``delimiter``: of CSV; None: a comma, of TSV a tab. Rows are called as ``layout`` says, else by their number, from
    ``00000000.svg``, behind ``prefix``. ``names``: makes their names unique. ``no_input``: counts the columns that the
    layout does not name. Raises NoColumn, TableError if the table is damaged, also after rows were given, and
    OverBudget.
    """
    resolver = Resolver(path, layout)
    number = 0
    try:
        for batch in _batches(stream, path, resolver, limit, delimiter):
            budget.spend(_size(batch))
            yield from _items(batch, number, limit, prefix, names)
            number += len(batch.drawings)
        resolver.complete()
    except ArchiveError:
        raise
    except FAULTS as error:
        raise TableError(path, str(error) or type(error).__name__) from None
    no_input.update(resolver.ignored())
    if not number:
        no_input[NO_ROWS] += 1


def table_columns(stream: BinaryIO, path: str, layout: Layout, limit: int, delimiter: str | None) -> list[str]:
    """What `table_rows` counts as no input, as far as the beginning of a table tells it. Raises as `table_rows`."""
    resolver = Resolver(path, layout)
    try:
        with closing(_batches(stream, path, resolver, limit, delimiter)) as batches:
            next(batches, None)
    except ArchiveError:
        raise
    except FAULTS as error:
        raise TableError(path, str(error) or type(error).__name__) from None
    return resolver.ignored()


def _batches(stream: BinaryIO, path: str, resolver: Resolver, limit: int, delimiter: str | None) -> Generator[Batch]:
    kind = table_format(path)
    if kind is None:
        raise TableError(path, f"it is no table ({TABLES})")

    def whole(columns: Sequence[Column]) -> Roles:
        """Of a table whose columns are all known at once."""
        roles = resolver(columns)
        resolver.complete()
        return roles

    resolve: Resolve = whole
    if kind == "parquet":
        yield from parquet_batches(stream, path, resolve)
    elif kind == "arrow":
        yield from arrow_batches(stream, path, resolve)
    elif kind == "json":
        yield from json_batches(inflated(stream), path, resolver, LINE * limit)
    else:
        delimiter = delimiter or ("\t" if kind == "tsv" else ",")
        yield from csv_batches(inflated(stream), path, resolve, LINE * limit, delimiter)


def _size(batch: Batch) -> int:
    drawings = sum(len(drawing) for drawing in batch.drawings if isinstance(drawing, bytes))
    return drawings + sum(len(text) for texts in batch.texts.values() for row in texts for text in row)


def _items(batch: Batch, number: int, limit: int, prefix: str, names: Names | None) -> Iterator[RawItem]:
    roles, texts = batch.roles, batch.texts
    rows = len(batch.drawings)
    none: Texts = [()] * rows

    def of(column: Column | None) -> Texts:
        return texts[column] if column is not None else none

    paths, ids = of(roles.path), of(roles.id)
    urls, licenses, authors = of(roles.url), of(roles.license), of(roles.author)
    hints = [(texts[column], column.form == "text") for column in roles.hints]
    captions = [(texts[role.column], of(role.otherwise), role.setting) for role in roles.captions]
    facts = [(column.path, texts[column]) for column in roles.facts]
    for row, drawing in enumerate(batch.drawings):
        name = prefix + (_name(paths[row]) or _name(ids[row]) or f"{number + row:08}.svg")
        yield RawItem(
            names.unique(name) if names is not None else name,
            _content(drawing, limit),
            urls[row][0] if urls[row] else None,
            licenses[row][0] if licenses[row] else None,
            ", ".join(authors[row]) or None,
            tuple(hint for column, joined in hints for text in column[row] for hint in _split(text, joined)),
            tuple(
                Caption(text, setting.origin, setting.style, setting.language, setting.model)
                for column, otherwise, setting in captions
                for text in (column[row] if any(column[row]) else otherwise[row])
            ),
            tuple((name, text) for name, column in facts for text in column[row]),
        )


def _name(texts: tuple[str, ...]) -> str:
    """What a row is called that has these as its name; "" if they are none."""
    if not texts:
        return ""
    name = texts[0].strip().strip("/")
    if not name or len(name) > _LONGEST_NAME:
        return ""
    name = normalised(name)
    return name if not name or kind_of(name) == "svg" else f"{name}.svg"


def _content(drawing: Drawing, limit: int) -> bytes | Lost:
    if drawing is None:
        return Reason.NO_DRAWING, "null"
    if isinstance(drawing, tuple):
        return drawing
    if len(drawing) > limit:
        return Reason.TOO_LARGE, f"over {limit} bytes"
    if not drawing or drawing.isspace():
        return Reason.NO_DRAWING, "white space" if drawing else "no text"
    return drawing


def _split(text: str, joined: bool) -> list[str]:
    if not joined:
        return [text]
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):  # a list as libraries write one into a cell of CSV
        return [part.strip().strip("'\"") for part in _SEPARATORS.split(bare[1:-1])]
    return _SEPARATORS.split(text)
