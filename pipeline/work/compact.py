"""Records that tell of every partition of a corpus, in few bytes for each: what a dictionary takes several times.

Packed    a mapping that holds its values as bytes, and makes one anew at each access
read      a JSON object, of whose mappings the large ones are `Packed` as they are read, an entry at a time
output    an `Output` as a tuple that `marshal` takes, and back
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO, Generic, TypeVar

import ijson

from pipeline.storage.heap import Heap
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
        self,
        entries: Iterable[tuple[str, V]],
        pack: Callable[[str, V], Any],
        unpack: Callable[[str, Any], V],
        like: Packed[Any] | None = None,
    ) -> None:
        """``pack``: what `marshal` takes for a value of that name; ``unpack``: its inverse. ``like``: a mapping that
        may have the same names."""
        self._unpack = unpack
        self._ends = array("Q", [0])
        self._heap = Heap("a record")
        names = []
        for name, value in entries:
            data = marshal.dumps(pack(name, value))
            self._heap.put(data)
            self._ends.append(self._ends[-1] + len(data))
            names.append(name)
        self._places: dict[str, int]
        """By name, which of the values."""
        if like is not None and names == list(like):
            self._places = like._places
        else:
            self._places = {name: place for place, name in enumerate(names)}

    def __getitem__(self, name: str) -> V:
        place = self._places[name]
        begin = self._ends[place]
        return self._unpack(name, marshal.loads(self._heap.get(begin, self._ends[place + 1] - begin)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def packed_values(entries: Iterable[tuple[str, Any]], like: Packed[Any] | None = None) -> Packed[Any]:
    """Of JSON values."""
    return Packed(entries, lambda name, value: short(value), lambda name, value: long(value), like)


def packed_outputs(entries: Iterable[tuple[str, Output]], folder: str) -> Packed[Output]:
    """``folder``: where outputs lie that are called as their table is."""
    return Packed(
        entries,
        lambda name, value: output_packed(value, f"{folder}{name}."),
        lambda name, value: output_unpacked(value, f"{folder}{name}."),
    )


def read(stream: BinaryIO) -> dict[str, Any]:
    """A ledger record's JSON object. If ``outputs`` are many, they are `Output`. Raises ValueError if it is none."""
    events = ijson.basic_parse(stream)
    values: dict[str, Any] = {}
    try:
        _begin(events)
        for name in _names(events):
            if name == "extra":
                _begin(events)
                extra: dict[str, Any] = {}
                values[name] = extra
                for each in _names(events):
                    like = next((last for last in reversed(extra.values()) if isinstance(last, Packed)), None)
                    extra[each] = _built(next(events), events, partial(packed_values, like=like))
            elif name == "outputs":
                _begin(events)
                values[name] = _mapping(events, _outputs)
            else:
                values[name] = _value(events)
        next(events, None)  # raises if there is more
    except ijson.JSONError as error:
        raise ValueError(f"no JSON: {error}") from None
    return values


def _outputs(entries: Iterable[tuple[str, Any]]) -> Packed[Output]:
    outputs = ((name, Output.from_json(value)) for name, value in entries)
    first = [*islice(outputs, MANY)]
    folders = (output.path.partition(f"{name}.")[0] for name, output in first if f"{name}." in output.path)
    return packed_outputs(chain(first, outputs), next(folders, ""))


Event = tuple[str, Any]
"""Of ijson: its kind, and the name or the value of such that have one."""

Pack = Callable[[Iterable[tuple[str, Any]]], Mapping[str, Any]]
"""Makes a mapping of the entries of a large object."""


def _begin(events: Iterator[Event]) -> None:
    """Take up the begin of an object. Raises ValueError if another value begins."""
    event, _ = next(events)
    if event != "start_map":
        raise ValueError(f"no record: {event} instead of the begin of an object")


def _names(events: Iterator[Event]) -> Iterator[str]:
    """The names of the object that has begun, to its end. Each value is to be taken up before the next name."""
    for event, name in events:
        if event == "end_map":
            return
        yield name


def _value(events: Iterator[Event]) -> Any:
    """The next value."""
    return _built(next(events), events)


def _built(begin: Event, events: Iterator[Event], pack: Pack = dict) -> Any:
    """The value that ``begin`` begins."""
    event, value = begin
    if event == "start_map":
        return _mapping(events, pack)
    if event == "start_array":
        return [_built(each, events) for each in iter(lambda: next(events), ("end_array", None))]
    return float(value) if isinstance(value, Decimal) else value


def _mapping(events: Iterator[Event], pack: Pack) -> Mapping[str, Any]:
    """The object that has begun: as a dictionary, or packed if it is large."""
    entries = ((name, _value(events)) for name in _names(events))
    first = [*islice(entries, MANY)]
    return dict(first) if len(first) < MANY else pack(chain(first, entries))
