"""The records of a step, in few bytes each: a run over a large corpus holds some hundred thousand at a time.

A record as Python objects takes over a kilobyte, most of it for names, paths and digests. Here it is one `bytes` object
of a few hundred, and an object that it shares with those of the same source, which were made by the same settings.
"""

from __future__ import annotations

import marshal
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

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
        self._common: list[_Common] = []
        self._packed: list[bytes | Record] = []
        self._last = b"", _NOTHING
        """What the last record has in common with others, also as bytes."""
        for record in records:
            self.append(record)

    def append(self, record: Record | None) -> None:
        """Add one at the end; None: a place for one that is set later, and is not to be looked at before."""
        self._common.append(_NOTHING)
        self._packed.append(b"")
        if record is not None:
            self[len(self) - 1] = record

    def __setitem__(self, place: int, record: Record) -> None:
        common = _Common(record.stage, record.source, record.versions, record.settings)
        last = self._last[1]
        # of most it is the same object, and to compare settings takes long
        if common[:2] != last[:2] or common.versions is not last.versions or common.settings is not last.settings:
            data = marshal.dumps([record.stage, record.source, record.versions, record.settings], _WITHOUT_REFERENCES)
            if data != self._last[0]:
                self._last = data, common
        self._common[place] = self._last[1]
        self._packed[place] = record if _is_compact(record) else _packed(record)

    def of_sources(self, names: Container[str]) -> Records:
        """Those of these sources."""
        return self._at([place for place, common in enumerate(self._common) if common.source in names])

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Record]:
        return map(_unpacked, self._common, self._packed)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> Records: ...

    def __getitem__(self, place: int | slice) -> Record | Records:
        if isinstance(place, slice):
            return self._at(range(len(self))[place])
        return _unpacked(self._common[place], self._packed[place])

    def __add__(self, others: Records) -> Records:
        return self._of([*self._common, *others._common], [*self._packed, *others._packed])

    def _at(self, places: Sequence[int]) -> Records:
        return self._of([self._common[place] for place in places], [self._packed[place] for place in places])

    @staticmethod
    def _of(common: list[_Common], packed: list[bytes | Record]) -> Records:
        records = Records()
        records._common, records._packed = common, packed
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


def _unpacked(common: _Common, packed: bytes | Record) -> Record:
    if isinstance(packed, Record):
        return packed
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
