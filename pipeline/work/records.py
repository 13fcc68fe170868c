"""The records of a step, in few bytes each: a run over a large corpus holds some hundred thousand at a time.

A record as Python objects takes over a kilobyte, most of it for names, paths and digests. Here it is a few hundred
bytes, beyond some thousands of records in a temporary file, and an object that it shares with those of the same source,
which were made by the same settings.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from pipeline.storage.heap import Heap
from pipeline.work.compact import Packed, long, output_packed, output_unpacked, short
from pipeline.work.ledger import TABLES, Record


class _Common(NamedTuple):
    """What many records have in common, and one object of."""

    stage: str
    source: str
    versions: Mapping[str, Any]
    settings: Mapping[str, Any]


_NOTHING = _Common("", "", {}, {})


class Records(Sequence[Record]):
    """Some records in order. Each access makes a `Record` anew, equal to the one that was put in.

    What records hold is JSON, as it was read: mappings, lists, strings, numbers.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._heap = Heap("records of the ledger")
        self._begins, self._sizes = array("Q"), array("I")
        """Of each record, where it is in the heap; of size 0 if it is in ``_large``."""
        self._which = array("I")
        """Of each record, which of ``_common`` it has."""
        self._common: list[_Common] = [_NOTHING]
        self._large: dict[int, Record] = {}
        """By place, what was read as `pipeline.work.compact` does, and stays as it is."""
        self._last = b"", 0
        """What the last record has in common with others, as bytes, and which it is."""
        for record in records:
            self.append(record)

    def append(self, record: Record | None) -> None:
        """Add one at the end; None: a place for one that is set later, and is not to be looked at before."""
        self._begins.append(0)
        self._sizes.append(0)
        self._which.append(0)
        if record is not None:
            self[len(self) - 1] = record

    def __setitem__(self, place: int, record: Record) -> None:
        self._which[place] = self._which_of(record)
        self._large.pop(place, None)
        if _is_compact(record):
            self._large[place] = record
            self._sizes[place] = 0
        else:
            data = _packed(record)
            self._begins[place], self._sizes[place] = self._heap.put(data), len(data)

    def _which_of(self, record: Record) -> int:
        stage, source, versions, settings = record.stage, record.source, record.versions, record.settings
        data, which = self._last
        last = self._common[which]
        # of most it is the same object, and to compare settings takes long
        if versions is last.versions and settings is last.settings and (stage, source) == last[:2]:
            return which
        own = marshal.dumps([stage, source, versions, settings], _WITHOUT_REFERENCES)
        if own != data:
            self._common.append(_Common(stage, source, versions, settings))
            self._last = own, len(self._common) - 1
        return self._last[1]

    def of_sources(self, names: Container[str]) -> Records:
        """Those of these sources."""
        common = self._common
        return self._at([place for place, which in enumerate(self._which) if common[which].source in names])

    def __len__(self) -> int:
        return len(self._begins)

    def __iter__(self) -> Iterator[Record]:
        get, common = self._heap.get, self._common
        for place, (begin, size, which) in enumerate(zip(self._begins, self._sizes, self._which, strict=True)):
            yield _unpacked(common[which], get(begin, size)) if size else self._large[place]

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> Records: ...

    def __getitem__(self, place: int | slice) -> Record | Records:
        if isinstance(place, slice):
            return self._at(range(len(self))[place])
        size = self._sizes[place]
        if not size:
            return self._large[range(len(self))[place]]
        return _unpacked(self._common[self._which[place]], self._heap.get(self._begins[place], size))

    def __add__(self, others: Records) -> Records:
        every = self._at(range(len(self)))
        for record in others:
            every.append(record)
        return every

    def _at(self, places: Sequence[int]) -> Records:
        """Those at these places. They share what is never changed, only added to."""
        records = Records()
        records._heap, records._common, records._last = self._heap, self._common, self._last
        for own, new in ((self._begins, records._begins), (self._sizes, records._sizes), (self._which, records._which)):
            new.extend(own[place] for place in places)
        if self._large:
            records._large = {n: self._large[place] for n, place in enumerate(places) if place in self._large}
        return records


def _packed(record: Record) -> bytes:
    table = f"{TABLES}{record.stage}/{record.source}/{record.key}."
    outputs = [(role, output_packed(output, table)) for role, output in record.outputs.items()]
    values: tuple[Any, ...] = (
        record.key,
        short(record.fingerprint),
        short(record.inputs),
        outputs,
        record.rows_in,
        record.rows_kept,
        record.dropped,
        record.extra,
    )
    return marshal.dumps(values)


_WITHOUT_REFERENCES = 2
"""Of the forms of `marshal` the one in which no value is told of by where it stood before: equal ones look alike."""


def _is_compact(record: Record) -> bool:
    """Whether it was read as `pipeline.work.compact` does, and stays as it is."""
    return any(isinstance(mapping, Packed) for mapping in (record.outputs, *record.extra.values()))


def _unpacked(common: _Common, packed: bytes) -> Record:
    stage, source, versions, settings = common
    key, fingerprint, inputs, outputs, rows_in, rows_kept, dropped, extra = marshal.loads(packed)
    table = f"{TABLES}{stage}/{source}/{key}."
    written = {role: output_unpacked(values, table) for role, values in outputs}
    return Record(
        stage,
        source,
        key,
        long(fingerprint),
        versions,
        settings,
        long(inputs),
        written,
        rows_in,
        rows_kept,
        dropped,
        extra,
    )
