"""CSV and TSV as RFC 4180 has them: the first row has the columns' names, quoted cells may have line ends in them.

A row that has too few or too many cells, or a quote where none may be, costs itself. A quote that nobody closes makes
all that follows one cell; that is an error for the whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from stages.crawl.compression import Reader
from stages.crawl.container import TableError
from stages.crawl.items import Lost
from stages.crawl.tables.batches import Batch, stored
from stages.crawl.tables.columns import Column, Resolve, Roles
from stages.crawl.tables.lines import blocks, lines
from stages.reasons import Reason

_ROWS = 512
_BYTES = 16 * 2**20
_UNLIMITED = 2**31 - 1


def csv_batches(stream: Reader, path: str, resolve: Resolve, limit: int, delimiter: str) -> Iterator[Batch]:
    """The rows behind the first. ``limit``: bytes of a row, at most."""
    # the library's limit is for all of the process; here the lines are counted
    csv.field_size_limit(_UNLIMITED)
    source = _Lines(stream, path, limit)
    rows = _rows(source, path, delimiter)
    header = next(rows, None)
    if header is None:
        raise TableError(path, "it is empty: there is no row with the names of columns")
    if isinstance(header, tuple):
        raise TableError(path, f"its row with the names of columns cannot be read: {header[1]}")
    names = [name.strip() for name in header]
    roles = resolve([Column(name, "text", name, "text", number) for number, name in enumerate(names)])
    held: list[Sequence[str] | Lost] = []
    size = source.size
    for row in rows:
        if not isinstance(row, tuple) and len(row) != len(names):
            row = (Reason.BAD_ROW, f"line {source.first}: cells {len(row)}, not {len(names)} as in the first row")
        held.append(row)
        if len(held) >= _ROWS or source.size - size >= _BYTES:
            yield _batch(held, roles)
            held, size = [], source.size
    if held:
        yield _batch(held, roles)


def _rows(source: _Lines, path: str, delimiter: str) -> Iterator[list[str] | Lost]:
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    single = False
    header = True
    while True:
        source.begin()
        try:
            row = next(reader, None)
        except csv.Error as error:
            if source.ended:
                what = f"the row that begins on line {source.first} does not end: {error}"
                raise TableError(path, f"it is truncated, or a quote is never closed; {what}") from None
            yield Reason.BAD_ROW, f"line {source.first}: {error}"
            continue
        if row is None:
            return
        if header and row:
            header, single = False, len(row) == 1
        # a blank line is a row with nothing in it where there is one column, else none
        if row or single:
            yield row or [""]


class _Lines:
    """What the library reads: lines, and an error before one row is too much of them."""

    def __init__(self, stream: Reader, path: str, limit: int) -> None:
        self._lines, self._path, self._limit = lines(blocks(stream, path), limit), path, limit
        self._row = 0
        self._number = 0
        self.first = 1
        """The line on which the row begins."""
        self.size = 0
        """Characters so far."""
        self.ended = False

    def begin(self) -> None:
        """The next line is the first of a row."""
        self._row, self.first = self.size, self._number + 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines, (0, b""))
        if not number:
            self.ended = True
            raise StopIteration
        self._number = number
        if line is None:
            raise TableError(self._path, f"line {number} is over {self._limit} bytes; raise crawl.max_bytes")
        text = line.decode("utf-8", "surrogateescape") + "\n"
        self.size += len(text)
        if self.size - self._row > self._limit:
            raise TableError(
                self._path,
                f"the row that begins on line {self.first} is over {self._limit} bytes: a quote that is never closed, "
                "or raise crawl.max_bytes",
            )
        return text


def _batch(held: Sequence[Sequence[str] | Lost], roles: Roles) -> Batch:
    drawing = roles.drawing.number
    drawings = [row if isinstance(row, tuple) else stored(row[drawing]) for row in held]
    texts = {
        column: [(row[column.number],) if not isinstance(row, tuple) and row[column.number] else () for row in held]
        for column in roles.taken
    }
    return Batch(roles, drawings, texts)
