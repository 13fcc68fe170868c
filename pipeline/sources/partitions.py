"""The partitions that a source's listing is cut into, and how a version stores them for the next to build on.

Both sides of a cut are columns that are gone through a stretch at a time (`pipeline.sources.entries`), so that it takes
the same memory for any number of files. What is made of them, a `Chunk`, refers to its stretch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.sources.base import Chunk, Listing, Shape
from pipeline.sources.entries import COLUMNS, Entries, Writer, encoded, escaped
from pipeline.storage.base import Entry
from pipeline.storage.tables import PARQUET

_ROWS = 65_536
"""Rows that are compared at a time."""


def chunks(listing: Listing, records: int, previous: Sequence[Chunk] = (), generation: int = 1) -> list[Chunk]:
    """Cut a listing into crawl partitions of about ``records`` loose files, and one for each archive and table.
    Pages are cut as files are.

    ``previous``: the chunks of the version before. They stay as they are, but for what has changed or vanished, and
    what is new is in chunks of its own, of this ``generation``: so new files run by themselves, and the shards of
    earlier samples stay.

    Where a new chunk ends is decided by a hash of the next path, not by counting from the start. Chunks hold at most
    twice ``records``.
    """
    whole: dict[tuple[Shape, str], Entry] = {("archive", entry.path): entry for entry in listing.archives}
    whole |= {("table", entry.path): entry for entry in listing.tables}
    parts: dict[Shape, _Part] = {"files": _Part(listing.files), "pages": _Part(listing.pages)}
    cut: list[Chunk] = []
    for shape, old in groupby(previous, lambda chunk: chunk.shape):
        if shape in parts:
            for group in _groups(old):
                cut += parts[shape].again(group)
            continue
        for chunk in old:
            entries = tuple(whole.pop((shape, path)) for path in chunk.paths if (shape, path) in whole)
            if entries:
                cut.append(replace(chunk, entries=entries))
    keys = {chunk.key for chunk in cut}

    def add(path: bytes, entries: Sequence[Entry], shape: Shape) -> None:
        key = _key(path)
        while key in keys:
            key = _key(key.encode())
        keys.add(key)
        cut.append(Chunk(key, entries, shape, generation))

    for place in sorted(whole, key=lambda place: place[1]):
        add(escaped(encoded(place[1])), (whole[place],), place[0])
    for shape, part in parts.items():
        left = part.left()
        for begin, end, path in _stretches(left, records):
            add(path, left[begin:end], shape)
    return cut


class _Part:
    """The entries of a listing that are of one shape: those of earlier chunks, and those that are left."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = Entries.of(entries)
        self._gone = np.zeros(-(-len(self._entries) // 8), np.uint8)
        """A bit for each, of those that are in a chunk."""
        self._cut = Writer()
        """In the order of the chunks."""

    def again(self, previous: Sequence[Chunk]) -> Iterator[Chunk]:
        """Of chunks of one generation what is still there, in the order that it had; to be read once `left` was."""
        paths, owner = _paths_of(previous), _owner(previous)
        bounds = pc.min_max(paths).as_py()
        tables, places = [COLUMNS.empty_table()], [np.empty(0, np.int64)]
        begin, end = self._entries.between(bounds["min"], bounds["max"])
        for at in range(begin, end, _ROWS):
            table = self._entries.columns(at, min(at + _ROWS, end))
            place = pc.fill_null(pc.index_in(table["path"], value_set=paths), -1).to_numpy()
            there = np.flatnonzero((place >= 0) & self._free(at, len(table)))
            self._take(at + there)
            tables.append(table.take(pa.array(there)))
            places.append(place[there])
        place = np.concatenate(places)
        at = self._cut.rows
        self._cut.add(pa.concat_tables(tables).take(pa.array(np.argsort(place, kind="stable"))))
        for chunk, count in zip(previous, np.bincount(owner[place], minlength=len(previous)).tolist(), strict=True):
            if count:
                yield replace(chunk, entries=self._cut.stretch(at, at + count))
            at += count

    def left(self) -> Entries:
        """Those that are in no chunk, sorted by path."""
        if not self._gone.any():
            return self._entries
        begin = self._cut.rows
        for at in range(0, len(self._entries), _ROWS):
            table = self._entries.columns(at, min(at + _ROWS, len(self._entries)))
            self._cut.add(table.filter(pa.array(self._free(at, len(table)))))
        return self._cut.finish()[begin:]

    def _free(self, begin: int, count: int) -> npt.NDArray[np.bool_]:
        rows = np.arange(begin, begin + count)
        free: npt.NDArray[np.bool_] = (self._gone[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 == 0
        return free

    def _take(self, rows: npt.NDArray[np.int64]) -> None:
        np.bitwise_or.at(self._gone, rows >> 3, np.left_shift(1, rows & 7).astype(np.uint8))


def compared(ours: Sequence[Chunk], theirs: Sequence[Chunk]) -> Iterator[tuple[list[str], list[int]]]:
    """Of each chunk of ours the paths that no chunk of theirs has, and the numbers of theirs that have others of it."""
    bounds, first = [], 0
    for group in _groups(theirs):
        bounds.append((first, group, pc.min_max(_paths_of(group)).as_py()))
        first += len(group)
    for group in _groups(ours):
        paths, owner = _paths_of(group), _owner(group)
        own = pc.min_max(paths).as_py()
        there = np.zeros(len(paths), np.bool_)
        shared: list[set[int]] = [set() for _ in group]
        for number, others, other in bounds:
            if own["min"] <= other["max"] and other["min"] <= own["max"]:
                place = pc.fill_null(pc.index_in(paths, value_set=_paths_of(others)), -1).to_numpy()
                found = np.flatnonzero(place >= 0)
                there[found] = True
                pairs = np.unique(owner[found] * len(others) + _owner(others)[place[found]])
                for mine, its in zip(*(each.tolist() for each in np.divmod(pairs, len(others))), strict=True):
                    shared[mine].add(number + its)
        lacking = np.flatnonzero(~there)
        ends = np.searchsorted(owner[lacking], np.arange(len(group)), "right").tolist()
        texts = [path.decode("utf-8", "surrogatepass") for path in paths.take(pa.array(lacking)).to_pylist()]
        for begin, end, numbers in zip([0, *ends], ends, shared, strict=False):
            yield texts[begin:end], sorted(numbers)


def _groups(previous: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Chunks of one generation and shape, and of `_ROWS` entries or a few more: their paths are sorted, so they lie
    together."""
    for _, chunks_ in groupby(previous, lambda chunk: (chunk.shape, chunk.generation)):
        group, rows = [], 0
        for chunk in chunks_:
            group.append(chunk)
            rows += len(chunk.entries)
            if rows >= _ROWS:
                yield group
                group, rows = [], 0
        if rows:
            yield group


def _paths_of(group: Sequence[Chunk]) -> pa.Array:
    return pa.concat_arrays([array for chunk in group for array in _paths(chunk.entries).chunks])


def _owner(group: Sequence[Chunk]) -> npt.NDArray[np.intp]:
    """Of each path the place of its chunk in the group."""
    return np.repeat(np.arange(len(group)), [len(chunk.entries) for chunk in group])


def _paths(entries: Sequence[Entry]) -> pa.ChunkedArray:
    if isinstance(entries, Entries):
        return entries.columns(0, len(entries))["path"]
    return pa.chunked_array([[encoded(entry.path) for entry in entries]], pa.large_binary())


def _stretches(entries: Entries, records: int) -> Iterator[tuple[int, int, bytes]]:
    """From which entry to before which one each chunk is, and the path of its first one."""
    begin, first, least = 0, b"", max(1, records // 2)
    at = least
    for offset in range(0, len(entries), _ROWS):
        paths = entries.columns(offset, min(offset + _ROWS, len(entries)))["path"].to_pylist()
        first = first if offset else escaped(paths[0])
        while at < offset + len(paths):
            path = escaped(paths[at - offset])
            if at - begin >= 2 * records or _cuts(path, records):
                yield begin, at, first
                begin, first = at, path
                at += least
            else:
                at += 1
    if begin < len(entries):
        yield begin, len(entries), first


LAYOUT = pa.schema(
    [
        ("source", pa.string()),
        ("key", pa.string()),
        ("shape", pa.string()),
        ("generation", pa.int32()),
        ("path", pa.binary()),
    ]
)
"""Of a version: which entry is in which chunk. It says nothing of sizes and times, which are of one machine."""

LAYOUT_ROWS = 1_000_000
"""Rows of a row group of a layout at most, unless one chunk has more."""


def write_layout(stream: IO[bytes], chunks_of: Mapping[str, Sequence[Chunk]]) -> None:
    """Write the chunks of all sources as a Parquet file of `LAYOUT`, for the next version to build on."""
    with pq.ParquetWriter(stream, LAYOUT, **PARQUET) as writer:

        def write(group: Sequence[tuple[str, Chunk]]) -> None:
            table = _layout(group)
            writer.write_table(table, row_group_size=max(len(table), 1))

        group: list[tuple[str, Chunk]] = []
        rows = written = 0
        for source, own in chunks_of.items():
            for chunk in own:
                if group and rows + len(chunk.entries) > LAYOUT_ROWS:
                    write(group)
                    written, group, rows = written + rows, [], 0
                group.append((source, chunk))
                rows += len(chunk.entries)
        if group or not written:
            write(group)


def _layout(group: Sequence[tuple[str, Chunk]]) -> pa.Table:
    # of what all rows of a chunk share there is one value a chunk, as what holds rows takes far more than paths do
    sizes = np.array([len(chunk.entries) for _, chunk in group], np.int64)
    owner = pa.array(np.repeat(np.arange(len(group)), sizes))
    shared = {
        "source": [source for source, _ in group],
        "key": [chunk.key for _, chunk in group],
        "shape": [chunk.shape for _, chunk in group],
        "generation": [chunk.generation for _, chunk in group],
    }
    columns = [pa.array(values, LAYOUT.field(name).type).take(owner) for name, values in shared.items()]
    paths = [_escaped(array) for _, chunk in group for array in _paths(chunk.entries).chunks]
    return pa.table([*columns, pa.chunked_array(paths, pa.binary()).combine_chunks()], schema=LAYOUT)


def _escaped(paths: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring(paths, b"\xed")).as_py():
        return pa.array([escaped(path) for path in paths.to_pylist()], pa.binary())
    return paths.cast(pa.binary())


def layout_batches(stream: IO[bytes]) -> Iterator[pa.RecordBatch]:
    """The rows of a layout, as `read_layout` takes them."""
    with pq.ParquetFile(stream, buffer_size=2**20) as file:
        yield from file.iter_batches(_ROWS, use_threads=False)


def read_layout(batches: Iterable[pa.RecordBatch]) -> dict[str, list[Chunk]]:
    """Source -> its chunks, of what `write_layout` wrote; their entries have a path, and nothing else.

    ``batches``: of a layout, also of one that says ``archive`` instead of a shape, as they did at first.
    """
    paths = Writer()
    begun: list[tuple[str, str, Shape, int, int]] = []
    """Of each chunk the source, key, shape, generation and first row, which no other's rows lie between."""
    for batch in batches:
        for row in _firsts(batch):
            source, key, generation = (batch.column(name)[row].as_py() for name in ("source", "key", "generation"))
            if not begun or begun[-1][:2] != (source, key):
                begun.append((source, key, _shape(batch, row), generation, paths.rows + row))
        paths.add(_only_paths(batch.column("path")))
    entries = paths.finish()
    layout: dict[str, list[Chunk]] = {}
    ends = [*(begin for *_, begin in begun), len(entries)][1:]
    for is_whole, chunks_ in groupby(zip(begun, ends, strict=True), lambda pair: pair[0][2] in _WHOLE):
        group = list(chunks_)
        ones = iter(entries[group[0][0][4] : group[-1][1]]) if is_whole else iter(())
        for (source, key, shape, generation, begin), end in group:
            own = tuple(islice(ones, end - begin)) if is_whole else entries[begin:end]
            layout.setdefault(source, []).append(Chunk(key, own, shape, generation))
    return layout


_WHOLE = ("archive", "table")
"""Shapes of chunks that are one entry."""


def _firsts(batch: pa.RecordBatch) -> list[int]:
    """The first row of each chunk, as far as a batch can tell."""
    codes = [batch.column(name).dictionary_encode().indices.to_numpy() for name in ("source", "key")]
    if not batch.num_rows:
        return []
    return [0, *(np.flatnonzero(np.any([code[1:] != code[:-1] for code in codes], axis=0)) + 1).tolist()]


def _only_paths(paths: pa.Array) -> pa.Table:
    try:
        paths.cast(pa.string())
        own = paths.cast(pa.large_binary())
    except pa.ArrowInvalid:  # one of them holds what a file system could not decode
        texts = (path.decode("utf-8", "surrogateescape") for path in paths.to_pylist())
        own = pa.array([encoded(text) for text in texts], pa.large_binary())
    nothing = [pa.repeat(pa.scalar(value, COLUMNS.field(name).type), len(own)) for name, value in _NOTHING.items()]
    return pa.table([own, *nothing], schema=COLUMNS)


_NOTHING = {"size": 0, "etag": b"", "modified": 0.0}
"""What a layout says of an entry beside its path."""


def _shape(batch: pa.RecordBatch, row: int) -> Shape:
    if "shape" in batch.schema.names:
        shape: Shape = batch.column("shape")[row].as_py()
        return shape
    if not batch.column("archive")[row].as_py():
        return "files"
    return "table" if batch.column("path")[row].as_py().lower().endswith(b".parquet") else "archive"


def _key(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:12]


def _cuts(path: bytes, records: int) -> bool:
    value = int.from_bytes(hashlib.sha256(path).digest()[:8], "big")
    return value % max(1, records // 2) == 0
