"""Entries in columns: a listing takes a bounded part of memory, however many files it is of.

    Spool    takes entries in any order, and gives them sorted by path
    Writer   takes columns, and gives them in their order
    Entries  what both give: a sequence of `Entry`, each made when it is asked for, or a stretch of one

Up to `HELD` rows are in memory. Beyond, they are in a temporary file (`pipeline.storage.heap`), in blocks of `BLOCK`
rows.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage.base import Entry
from pipeline.storage.heap import Heap

COLUMNS = pa.schema(
    [("path", pa.large_binary()), ("size", pa.int64()), ("etag", pa.large_binary()), ("modified", pa.float64())]
)
"""Of entries. Texts are as `encoded` has them, so that rows sort as entries do."""

BLOCK = 8_192
"""Rows that are read and written at a time."""

HELD = 65_536
"""Rows that are held in memory: some 7 MB."""

_RUN = 32 * BLOCK
"""Rows that are sorted at a time, of the width that those of most listings have."""

_SAMPLED = 256
"""Of so many rows of a run one says where the runs are parted."""

_RECENT = 32
"""Blocks of a file that are held, of this width, as those who read stretches of it side by side ask for the same."""


_WRITTEN = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)


def encoded(text: str) -> bytes:
    """``text`` so that bytes sort as texts do, also where it holds what a file system could not decode."""
    return text.encode("utf-8", "surrogatepass")


def escaped(text: bytes) -> bytes:
    """What `encoded` gave as a file system has it, which is the same but for what that could not decode."""
    return text.decode("utf-8", "surrogatepass").encode("utf-8", "surrogateescape") if b"\xed" in text else text


class _Blocks:
    """Record batches by number, in memory or, once they have over `HELD` rows, in a file. Reading is thread-safe."""

    def __init__(self, width: int = 1) -> None:
        """``width``: as of a `Spool`."""
        self._most_recent = max(_RECENT // width, 1)
        self.rows = 0
        self.firsts: list[bytes] = []
        """The first path of each."""
        self._held: list[pa.RecordBatch] = []
        self._places: list[tuple[int, int]] = []
        """Where blocks are in the heap, and how large."""
        self._heap = Heap("a listing", 0)
        self._recent: OrderedDict[int, pa.RecordBatch] = OrderedDict()
        self._lock = threading.Lock()

    def append(self, block: pa.RecordBatch) -> int:
        """Add a batch that has rows, and give its number. Raises StoreRefused if there is no space for it."""
        self.rows += block.num_rows
        self.firsts.append(block.column("path")[0].as_py())
        self._held.append(block)
        if self.rows > HELD:
            for each in self._held:
                self._write(each)
            self._held = []
        return len(self.firsts) - 1

    def read(self, number: int) -> pa.RecordBatch:
        """One of them."""
        if not self._places:
            return self._held[number]
        with self._lock:
            if number in self._recent:
                self._recent.move_to_end(number)
                return self._recent[number]
        data = self._heap.get(*self._places[number])
        block = pa.ipc.open_stream(pa.py_buffer(data), options=_READ).read_next_batch()
        if block.num_rows <= BLOCK:
            with self._lock:
                self._recent[number] = block
                if len(self._recent) > self._most_recent:
                    self._recent.popitem(last=False)
        return block

    def _write(self, block: pa.RecordBatch) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, block.schema, options=_WRITTEN) as stream:
            stream.write_batch(block)
        data = sink.getvalue()
        self._places.append((self._heap.put(memoryview(data)), len(data)))


class Entries(Sequence[Entry]):
    """A sequence of entries, or a stretch of one. Equal to a tuple of the same; a pickle of it is that tuple."""

    __slots__ = ("_begin", "_blocks", "_end")

    def __init__(self, blocks: _Blocks, begin: int, end: int) -> None:
        self._blocks, self._begin, self._end = blocks, begin, end

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """``entries`` sorted by path, which they mostly are."""
        if isinstance(entries, Entries):
            return entries
        spool = Spool()
        for entry in entries:
            spool.add(entry)
        return spool.finish()

    def __len__(self) -> int:
        return self._end - self._begin

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Entries: ...

    def __getitem__(self, index: int | slice) -> Entry | Entries:
        if isinstance(index, slice):
            begin, end, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a stretch of entries has no gaps")
            return Entries(self._blocks, self._begin + begin, self._begin + max(begin, end))
        row = range(len(self))[index]
        (entry,) = _entries(self.columns(row, row + 1))
        return entry

    def __iter__(self) -> Iterator[Entry]:
        for columns in self.batches(BLOCK):
            yield from _entries(columns)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entries | tuple):
            return NotImplemented
        return len(self) == len(other) and all(own == each for own, each in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Entry, ...]], tuple[tuple[Entry, ...]]]:
        return tuple, (tuple(self),)

    def __repr__(self) -> str:
        return f"<{len(self)} entries>"

    def columns(self, begin: int, end: int) -> pa.Table:
        """Some of the rows, as `COLUMNS`."""
        at, end = self._begin + begin, self._begin + end
        parts = []
        while at < end:
            number, offset = divmod(at, BLOCK)
            parts.append(self._blocks.read(number).slice(offset, min(BLOCK - offset, end - at)))
            at += parts[-1].num_rows
        return pa.Table.from_batches(parts, COLUMNS)

    def batches(self, rows: int) -> Iterator[pa.Table]:
        """All rows, so many at a time, as `COLUMNS`."""
        for begin in range(0, len(self), rows):
            yield self.columns(begin, min(begin + rows, len(self)))

    def between(self, first: bytes, last: bytes) -> tuple[int, int]:
        """Between which rows paths from ``first`` to ``last`` lie, and maybe others, if they are sorted."""
        begin = (bisect_right(self._blocks.firsts, first) - 1) * BLOCK
        # of equal paths the first may be in the block before
        begin = max(begin - BLOCK, self._begin) - self._begin
        end = min(bisect_right(self._blocks.firsts, last) * BLOCK, self._end) - self._begin
        return min(begin, len(self)), max(end, 0)

    @property
    def size(self) -> int:
        """Bytes of all that is listed."""
        return sum(pc.sum(columns["size"]).as_py() for columns in self.batches(BLOCK))


def _entries(columns: pa.Table) -> Iterator[Entry]:
    return map(
        Entry,
        _texts(columns["path"]),
        columns["size"].to_pylist(),
        _texts(columns["etag"]),
        columns["modified"].to_pylist(),
    )


def _texts(column: pa.ChunkedArray) -> list[str]:
    try:
        texts: list[str] = column.cast(pa.large_string()).to_pylist()
    except pa.ArrowInvalid:  # one of them holds what a file system could not decode
        return [text.decode("utf-8", "surrogatepass") for text in column.to_pylist()]
    return texts


class Writer:
    """Takes columns, and makes them a sequence of entries in this order."""

    def __init__(self, width: int = 1) -> None:
        """``width``: as of a `Spool`."""
        self._blocks = _Blocks(width)
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    @property
    def rows(self) -> int:
        """Taken so far."""
        return self._blocks.rows + self._rows

    def add(self, columns: pa.Table) -> None:
        """Add rows, of `COLUMNS`."""
        self._pending += columns.to_batches()
        self._rows += columns.num_rows
        if self._rows >= BLOCK:
            self._flush(self._rows - self._rows % BLOCK)

    def stretch(self, begin: int, end: int) -> Entries:
        """Some of the rows, to be read when the writer is finished."""
        return Entries(self._blocks, begin, end)

    def finish(self) -> Entries:
        """All of it; nothing can be added any more."""
        self._flush(self._rows)
        return Entries(self._blocks, 0, self._blocks.rows)

    def _flush(self, rows: int) -> None:
        # what is left over must not hold on to the whole
        pending = pa.Table.from_batches(self._pending, COLUMNS).combine_chunks()
        for begin in range(0, rows, BLOCK):
            self._blocks.append(_whole(pending.slice(begin, min(BLOCK, rows - begin))))
        self._rows = pending.num_rows - rows
        self._pending = [_whole(pending.slice(rows))] if self._rows else []


def _whole(table: pa.Table) -> pa.RecordBatch:
    """As one batch with memory of its own, which has rows."""
    (batch,) = table.take(pa.array(np.arange(len(table)))).combine_chunks().to_batches()
    return batch


class Spool:
    """Takes entries in any order, and makes them a sequence that is sorted by path."""

    def __init__(self, width: int = 1) -> None:
        """``width``: how many times as many bytes as those of most listings its entries have, about."""
        self._width = width
        self._buffer: list[Entry] = []
        self._blocks = _Blocks(width)
        """Each sorted, and of `BLOCK` rows as long as they are sorted among each other."""
        self._sorted = True
        self._last = b""
        self._run: list[pa.RecordBatch] = []

    def add(self, entry: Entry) -> None:
        """Take one more."""
        self._buffer.append(entry)
        if len(self._buffer) == BLOCK:
            self._flush()

    def finish(self) -> Entries:
        """All of them; nothing can be added any more. Raises StoreRefused if there is no space for them."""
        if self._buffer:
            self._flush()
        if self._run:
            self._end_run()
        if not self._sorted:
            return _sorted(self._blocks, self._width)
        return Entries(self._blocks, 0, self._blocks.rows)

    def _flush(self) -> None:
        entries, self._buffer = self._buffer, []
        paths = [encoded(entry.path) for entry in entries]
        block = pa.record_batch(
            [
                pa.array(paths, pa.large_binary()),
                pa.array([entry.size for entry in entries], pa.int64()),
                pa.array([encoded(entry.etag) for entry in entries], pa.large_binary()),
                pa.array([entry.modified for entry in entries], pa.float64()),
            ],
            schema=COLUMNS,
        )
        if self._sorted and paths[0] >= self._last and all(a <= b for a, b in pairwise(paths)):
            self._blocks.append(block)
            self._last = paths[-1]
            return
        self._sorted = False
        self._run.append(block)
        if len(self._run) * BLOCK * self._width >= _RUN:
            self._end_run()

    def _end_run(self) -> None:
        run = pa.Table.from_batches(self._run, COLUMNS)
        self._run = []
        self._blocks.append(_by_path(run))


def _by_path(table: pa.Table) -> pa.RecordBatch:
    order = pc.sort_indices(table, [("path", "ascending")])
    (batch,) = table.take(order).combine_chunks().to_batches()
    return batch


def _sorted(runs: _Blocks, width: int) -> Entries:
    """The rows of ``runs``, each of which is sorted: what lies between two paths is sorted at a time."""
    count = len(runs.firsts)
    sampled = [path for n in range(count) for path in runs.read(n).column("path")[::_SAMPLED].to_pylist()]
    apart = max(_RUN // width // 2 // _SAMPLED, 1)
    bounds = pa.array(sorted(sampled)[apart::apart], pa.large_binary())
    pieces = _Blocks(width)
    between: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for n in range(count):
        run = runs.read(n)
        cuts = [0, *pc.search_sorted(run.column("path"), bounds).to_pylist(), run.num_rows]
        for numbers, (begin, end) in zip(between, pairwise(cuts), strict=True):
            if begin < end:
                numbers.append(pieces.append(_whole(pa.Table.from_batches([run.slice(begin, end - begin)]))))
    writer = Writer(width)
    for numbers in between:
        if numbers:
            part = pa.Table.from_batches([pieces.read(number) for number in numbers])
            writer.add(pa.Table.from_batches([_by_path(part)]))
    return writer.finish()
