"""Records that tell of every partition of a corpus, in few bytes for each: what a dictionary takes several times.

Packed    a mapping that holds its values as bytes, and makes one anew at each access
read      a JSON object, of whose mappings the large ones are `Packed` as they are read, an entry at a time
output    an `Output` as a tuple that `marshal` takes, and back
"""

from __future__ import annotations

import marshal
import re
import sys
from array import array
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from json import JSONDecodeError, JSONDecoder
from typing import Any, Generic, TypeVar

from pipeline.storage.tables import Output

V = TypeVar("V")

MANY = 1_000
"""Entries from which on a mapping is packed."""


def short(value: Any) -> Any:
    """A digest in hex as half as many bytes; whatever else as it is. Nothing in JSON is bytes."""
    if isinstance(value, str) and len(value) in (32, 64):
        try:
            data = bytes.fromhex(value)
        except ValueError:
            return value
        return data if data.hex() == value else value
    return value


def long(value: Any) -> Any:
    """Inverse of `short`."""
    return value.hex() if isinstance(value, bytes) else value


_NAMED = 12
"""Digits of its digest in the name of a table; see `pipeline.storage.tables.named`."""


def output_packed(output: Output, table: str) -> tuple[Any, ...]:
    """``output`` for `marshal`. ``table``: how its path begins if it is `named`, up to the point before the digest."""
    begin = table + output.sha256[:_NAMED]
    # of most paths the rest is all that is not known anyway, as text; others are whole, as bytes
    path = output.path[len(begin) :] if output.path.startswith(begin) else output.path.encode()
    return path, short(output.sha256), output.bytes, output.rows, output.row_groups, short(output.md5)


def output_unpacked(values: tuple[Any, ...], table: str) -> Output:
    """Inverse of `output_packed`."""
    path, digest, size, rows, row_groups, md5 = values
    # as `long` does: this is called millions of times in a run
    sha256 = digest.hex() if type(digest) is bytes else digest
    where = path.decode() if type(path) is bytes else f"{table}{sha256[:_NAMED]}{path}"
    return Output(where, sha256, size, rows, row_groups, md5.hex() if type(md5) is bytes else md5)


class Packed(Mapping[str, V], Generic[V]):
    """A mapping of so many names that as a dictionary it would be most of what a process holds."""

    def __init__(
        self, entries: Iterable[tuple[str, V]], pack: Callable[[str, V], Any], unpack: Callable[[str, Any], V]
    ) -> None:
        """``pack``: what `marshal` takes for a value of that name; ``unpack``: its inverse."""
        self._unpack = unpack
        self._ends = array("Q", [0])
        self._places: dict[str, int] = {}
        data = bytearray()
        for place, (name, value) in enumerate(entries):
            # the mappings of a record mostly have the same names
            self._places[sys.intern(name)] = place
            data += marshal.dumps(pack(name, value))
            self._ends.append(len(data))
        self._data = bytes(data)

    def __getitem__(self, name: str) -> V:
        place = self._places[name]
        return self._unpack(name, marshal.loads(self._data[self._ends[place] : self._ends[place + 1]]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def packed_values(entries: Iterable[tuple[str, Any]]) -> Packed[Any]:
    """Of JSON values."""
    return Packed(entries, lambda name, value: short(value), lambda name, value: long(value))


def packed_outputs(entries: Iterable[tuple[str, Output]], folder: str) -> Packed[Output]:
    """``folder``: where outputs lie that are called as their table is."""
    return Packed(
        entries,
        lambda name, value: output_packed(value, f"{folder}{name}."),
        lambda name, value: output_unpacked(value, f"{folder}{name}."),
    )


def read(data: bytes) -> dict[str, Any]:
    """A ledger record's JSON object. If ``outputs`` are many, they are `Output`. Raises ValueError if it is none."""
    reader = _Reader(data)
    values: dict[str, Any] = {}
    for name in reader.names():
        if name == "extra":
            values[name] = {
                each: reader.mapping(packed_values) if reader.opens() else reader.value() for each in reader.names()
            }
        elif name == "outputs":
            values[name] = reader.mapping(_outputs)
        else:
            values[name] = reader.value()
    reader.end()
    return values


def _outputs(entries: Iterable[tuple[str, Any]]) -> Packed[Output]:
    outputs = ((name, Output.from_json(value)) for name, value in entries)
    first = [*islice(outputs, MANY)]
    folders = (output.path.partition(f"{name}.")[0] for name, output in first if f"{name}." in output.path)
    return packed_outputs(chain(first, outputs), next(folders, ""))


class _Reader:
    """Goes through a JSON text. What it comes to is read at once, or for an object entry by entry."""

    def __init__(self, data: bytes) -> None:
        self._data, self._end = data, 0
        self._decoder = getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0
        """A stretch of the text, and where in it this is."""
        self._skip()

    def opens(self) -> bool:
        """Whether an object begins here."""
        return self._is("{")

    def names(self) -> Iterator[str]:
        """The names of the object that begins here; its values are to be read in between."""
        self._expect("{")
        while self._is('"'):
            name = self.value()
            self._expect(":")
            yield name
            if not self._is(","):
                break
            self._expect(",")
        self._expect("}")

    def value(self) -> Any:
        """The value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError:
                if not self._more():
                    raise
                continue
            # a number may go on, as 1.5 with e+7
            if len(self._text) - end < 3 and self._more():
                continue
            self._at = end
            self._skip()
            return value

    def mapping(self, pack: Callable[[Iterable[tuple[str, Any]]], Packed[Any]]) -> Mapping[str, Any]:
        """The object that begins here: as a dictionary, or packed if it is large."""
        entries = ((name, self.value()) for name in self.names())
        first = [*islice(entries, MANY)]
        return dict(first) if len(first) < MANY else pack(chain(first, entries))

    def end(self) -> None:
        """Raise ValueError if there is more."""
        if self._at < len(self._text):
            raise JSONDecodeError("expected the end", self._text, self._at)

    def _is(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise JSONDecodeError(f"expected {sign}", self._text, self._at)
        self._at += 1
        self._skip()

    def _skip(self) -> None:
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or not self._more():
                return

    def _more(self) -> bool:
        """Take up more of the text, if there is more, at least as much again."""
        if self._end >= len(self._data):
            return False
        left = self._text[self._at :]
        begin, self._end = self._end, self._end + max(STRETCH, len(left))
        part = self._data[begin : self._end]
        self._text, self._at = left + self._decoder.decode(part, self._end >= len(self._data)), 0
        return True


STRETCH = 2**20
"""Bytes that are made text at a time."""

_DECODER = JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
