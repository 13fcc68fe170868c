"""JSON records: one on each line, or all in one array.

A line that is no record costs itself. In an array nobody knows where the next record begins after one that is no JSON,
so that is an error for the whole. Which columns there are is known once all records were read: those of a record are
its keys, of an object in it their path a.b.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.crawl.compression import Reader
from stages.crawl.container import TableError
from stages.crawl.items import Lost
from stages.crawl.tables.batches import Batch, Drawing, stored
from stages.crawl.tables.columns import Column, Form, Resolve, Roles
from stages.crawl.tables.lines import blocks, lines
from stages.reasons import Reason

_ROWS = 512
_BYTES = 16 * 2**20
_DEEP = 8
_NEAR = 16
"""Characters at the end of what was read in which a fault may be that not all was read."""

_FAULTS = (ValueError, RecursionError)

_Record = Mapping[str, Any]


def json_batches(stream: Reader, path: str, resolve: Resolve, limit: int) -> Iterator[Batch]:
    """The records, told by the first character: an array, or lines. ``limit``: bytes of a record, at most."""
    parts = blocks(stream, path)
    head = b""
    for block in parts:
        head += block
        if head.strip():
            break
    parts = _before(head, parts)
    records = _array(parts, path, limit) if head.lstrip().startswith(b"[") else _lines(parts, path, limit)
    yield from _Rows(path, resolve).batches(records)


def _before(head: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from parts


def _lines(parts: Iterator[bytes], path: str, limit: int) -> Iterator[tuple[_Record | Lost, int]]:
    """Each record, or why a line is none, and its bytes."""
    any_record, fault = False, ""
    for number, line in lines(parts, limit):
        if line is None:
            yield (Reason.TOO_LARGE, f"line {number}: over {limit} bytes"), 0
            continue
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8", "surrogateescape"))
            if isinstance(value, dict):
                any_record = True
                yield value, len(line)
                continue
            what = f"it is {_kind(value)}, no object"
        except _FAULTS as error:
            what = f"no JSON: {_said(error)}"
        fault = fault or f"line {number}: {what}"
        yield (Reason.BAD_ROW, f"line {number}: {what}"), len(line)
    if fault and not any_record:
        raise TableError(path, f"no line of it is a JSON object; {fault}")


def _array(parts: Iterator[bytes], path: str, limit: int) -> Iterator[tuple[_Record | Lost, int]]:
    """The same of an array's elements."""
    scan = _Scan(parts, path, limit)
    scan.expect("[")
    number = 0
    while scan.next() != "]":
        if number:
            scan.expect(",")
        value, size = scan.value(number)
        if isinstance(value, dict):
            yield value, size
        else:
            yield (Reason.BAD_ROW, f"element {number}: it is {_kind(value)}, no object"), size
        number += 1
    scan.expect("]")
    if scan.next():
        raise TableError(path, "there is more behind the array")


class _Scan:
    """Reads JSON values one after the other; holds no more than one, and a part that was read ahead."""

    def __init__(self, parts: Iterator[bytes], path: str, limit: int) -> None:
        self._parts, self._path, self._limit = parts, path, limit
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text, self._at, self._ended = "", 0, False
        self._decoder = json.JSONDecoder()

    def next(self) -> str:
        """The next character that is no white space, "" at the end; it stays."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\r\n":
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Go on behind ``character``. Raises TableError if another one is there."""
        found = self.next()
        if found != character:
            raise TableError(self._path, f"{found if found else 'it ends'} where {character} must be")
        self._at += 1

    def value(self, number: int) -> tuple[Any, int]:
        """The next value, and about how many bytes it is. Raises TableError; ``number``: which it is, for that."""
        self.next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                open_ended = error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _NEAR
                if open_ended and len(self._text) - self._at <= self._limit and self._more():
                    continue
                too_long = len(self._text) - self._at > self._limit
                what = f"over {self._limit} bytes" if too_long else f"no JSON: {_said(error)}"
                raise TableError(self._path, f"element {number}: {what}") from None
            except _FAULTS as error:
                raise TableError(self._path, f"element {number}: {_said(error)}") from None
            if end == len(self._text) and self._more():
                continue  # it may be a number that goes on
            size = end - self._at
            self._at = end
            return value, size

    def _more(self) -> bool:
        if self._ended:
            return False
        # at least as much again, so that a long value is not read too many times
        wanted, got = max(1, len(self._text) - self._at), [self._text[self._at :]]
        while wanted > 0 and not self._ended:
            block = next(self._parts, b"")
            self._ended = not block
            got.append(self._decode(block, final=self._ended))
            wanted -= len(got[-1])
        self._text, self._at = "".join(got), 0
        return True


class _Rows:
    """Puts records into columns."""

    def __init__(self, path: str, resolve: Resolve) -> None:
        self._path, self._resolve = path, resolve
        self._columns: dict[str, Column] = {}
        self._roles: Roles | None = None

    def batches(self, records: Iterable[tuple[_Record | Lost, int]]) -> Iterator[Batch]:
        held: list[_Record | Lost] = []
        size = 0
        for record, length in records:
            if not isinstance(record, tuple) and self._adds(record):
                # what is held has none of what is new
                if held and self._roles is not None:
                    yield self._batch(held, self._roles)
                    held, size = [], 0
                self._roles = None
            held.append(record)
            size += length
            if len(held) >= _ROWS or size >= _BYTES:
                yield self._batch(held, self._now())
                held, size = [], 0
        if held:
            yield self._batch(held, self._now())

    def _now(self) -> Roles:
        if self._roles is None:
            self._roles = self._resolve(list(self._columns.values()))
        return self._roles

    def _adds(self, record: _Record) -> bool:
        """Whether a record has a column that none before it had, or the first value or text in one."""
        new = False

        def descend(value: Any, path: str, top: str, depth: int) -> None:
            nonlocal new
            if isinstance(value, dict) and depth < _DEEP:
                for name, inner in value.items():
                    descend(inner, f"{path}.{name}" if path else name, top or name, depth + 1)
                return
            known = self._columns.get(path)
            if known is None or (known.form != "text" and isinstance(value, str)) or (known.form == "any" and value):
                number = len(self._columns) if known is None else known.number
                self._columns[path] = Column(path, _form(value), top, _kind(value), number, loose=True)
                new = True

        descend(record, "", "", 0)
        return new

    def _batch(self, held: list[_Record | Lost], roles: Roles) -> Batch:
        records = [{} if isinstance(record, tuple) else record for record in held]
        drawings = [
            record if isinstance(record, tuple) else _drawing(_value(record, roles.drawing), roles.drawing.path)
            for record in held
        ]
        return Batch(
            roles,
            drawings,
            {column: [_texts(_value(record, column)) for record in records] for column in roles.taken},
        )


def _value(record: _Record, column: Column) -> Any:
    if column.path == column.top:
        return record.get(column.path)
    value: Any = record.get(column.top)
    rest = column.path[len(column.top) + 1 :]
    while isinstance(value, dict) and rest:
        if rest in value:
            return value[rest]
        name, _, rest = rest.partition(".")
        value = value.get(name)
    return None if rest else value


def _drawing(value: Any, name: str) -> Drawing:
    if value is None:
        return None
    if isinstance(value, str):
        return stored(value)
    return Reason.BAD_ROW, f"{name} is {_kind(value)}, no text"


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text for each in value if not isinstance(each, list | dict) for text in _texts(each))
    return () if isinstance(value, dict) else (json.dumps(value),)


def _form(value: Any) -> Form:
    if value is None:
        return "any"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "" if any(isinstance(each, list | dict) for each in value) else "texts"
    return "" if isinstance(value, dict) else "scalar"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _said(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)
