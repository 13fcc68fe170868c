"""Where the workspace has what the network gave, in columns: it takes a bounded part of memory for any number of files.

FetchedTables   what the units of a fetch have noted, a few rows at a time
Places          name -> place, of as many as there are
Placed          the places of a chunk's entries, looked up when the chunk is sent to a worker
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, groupby
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.entries import Entries, Spool, encoded
from pipeline.storage.base import Entry, Storage
from pipeline.storage.tables import open_table

_ROWS = 8_192
"""Rows of tables that are looked at together."""


@dataclass(frozen=True)
class Place:
    """Where the workspace has what the network gave for an entry, and what is known of it."""

    stored: str
    """Path of the object in the workspace."""
    sha256: str = ""
    """Of the content, hex: the id of its record, if it is one."""
    row: int = -1
    """Which row of it, if it is a table of responses; -1: the object is the whole."""
    facts: tuple[tuple[str, str], ...] = ()
    """What its kind of source knows of it, (name, text)."""
    beside: tuple[tuple[str, Place], ...] = ()
    """What else reading it takes: (URL, place)."""


_WIDTH = 4
"""Places have about so many times as many bytes as the entries that they are of."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class PlacesSpool:
    """Takes places in any order; of those with one name the last one counts."""

    def __init__(self) -> None:
        self._spool = Spool(_WIDTH)

    def add(self, name: str, place: Place) -> None:
        """Take one more."""
        # what is beside is in most cases beside many, so its URL stands for it
        values = place.stored, place.sha256, place.row, place.facts, [url for url, _ in place.beside]
        self._spool.add(Entry(name, 0, _JSON.encode(values)))

    def finish(self, beside: Places | None = None) -> Places:
        """All of them; nothing can be added any more. ``beside``: by URL what they take beside."""
        return Places(self._spool.finish(), beside)


class Places(Mapping[str, Place]):
    """Name -> place, of as many as there are."""

    __slots__ = ("_beside", "_texts")

    def __init__(self, texts: Sequence[Entry] = (), beside: Places | None = None) -> None:
        """``texts``: by name, each with what `PlacesSpool` makes of a place instead of an etag."""
        self._texts, self._beside = Entries.of(texts), beside

    def __bool__(self) -> bool:
        return len(self._texts) > 0

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in groupby(entry.path for entry in self._texts))

    def __getitem__(self, name: str) -> Place:
        return self.some((name,))[name]

    def some(self, names: Iterable[str]) -> dict[str, Place]:
        """The places of those of ``names`` that have one."""
        found = {name.decode("utf-8", "surrogatepass"): json.loads(text) for name, text in self._found(names)}
        urls = {url for *_, beside in found.values() for url in beside}
        others = self._beside.some(urls) if urls and self._beside is not None else {}
        return {
            name: Place(
                stored,
                sha256,
                row,
                tuple(map(tuple, facts)),
                tuple((url, others[url]) for url in beside if url in others),
            )
            for name, (stored, sha256, row, facts, beside) in found.items()
        }

    def _found(self, names: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
        keys = sorted({encoded(name) for name in names})
        at = 0
        while at < len(keys):
            rows = self._texts.columns(*self._texts.between(keys[at], keys[at]))
            if not len(rows):  # it lies before all
                at += 1
                continue
            paths = rows["path"].combine_chunks()
            # with it all others that lie there, but for what may lie behind, too
            end = max(bisect_left(keys, paths[-1].as_py(), at), at + 1)
            wanted = pa.array(keys[at:end], pa.large_binary())
            places = pc.search_sorted(paths, wanted, side="right").to_numpy().astype(np.int64) - 1
            is_it = pc.equal(paths.take(pa.array(np.maximum(places, 0))), wanted).to_numpy(zero_copy_only=False)
            texts = rows["etag"].combine_chunks().take(pa.array(places[is_it])).to_pylist()
            yield from zip(compress(keys[at:end], is_it), texts, strict=True)
            at = end


class Placed(Sequence[Place]):
    """Of each entry of a chunk its place, looked up each time it is asked for; a pickle of it is a tuple of them."""

    __slots__ = ("_entries", "_places")

    def __init__(self, places: Places, entries: Sequence[Entry]) -> None:
        self._places, self._entries = places, entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Place]:
        paths = [entry.path for entry in self._entries]
        found = self._places.some(paths)
        return iter([found[path] for path in paths])

    @overload
    def __getitem__(self, index: int) -> Place: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Place, ...]: ...

    def __getitem__(self, index: int | slice) -> Place | tuple[Place, ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Placed | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Any, ...]], tuple[tuple[Place, ...]]]:
        return tuple, (tuple(self),)


class FetchedTables:
    """Tables of `pipeline.sources.network.FETCHED` of one source."""

    def __init__(self, storage: Storage, paths: Iterable[str]) -> None:
        self._storage, self._paths = storage, tuple(paths)
        self.beside = Places()
        """By URL the places of rows that others take beside, and of some more; to be read once `rows` was."""

    def rows(self) -> Iterator[tuple[dict[str, Any], Place]]:
        """All rows, those that take others beside last, each with its place. Raises NotFound, DamagedTable."""
        wanted = bytearray(_BITS // 8)
        left: list[str] = []
        for path in self._paths:
            for batch in self._batches(path):
                urls: set[str] = set()
                for row in batch.to_pylist():
                    if row["beside"]:
                        urls.update(row["beside"])
                    else:
                        yield row, _place(row)
                for bit in map(_bit, urls):
                    wanted[bit >> 3] |= 1 << (bit & 7)
                if urls and left[-1:] != [path]:
                    left.append(path)
        if left:
            self.beside = self._wanted(wanted)
        # most tables are of kinds of sources of which nothing takes anything beside, and so are read once
        for batch in chain.from_iterable(map(self._batches, left)):
            rows = batch.filter(pc.greater(pc.list_value_length(batch.column("beside")), 0)).to_pylist()
            others = self.beside.some({url for row in rows for url in row["beside"]})
            for row in rows:
                yield row, _place(row, tuple((url, others[url]) for url in row["beside"] if url in others))

    def _wanted(self, wanted: bytearray) -> Places:
        spool = PlacesSpool()
        for batch in chain.from_iterable(map(self._batches, self._paths)):
            bits = map(_bit, batch.column("url").to_pylist())
            numbers = [number for number, bit in enumerate(bits) if wanted[bit >> 3] >> (bit & 7) & 1]
            for row in batch.take(pa.array(numbers, pa.int64())).to_pylist():
                spool.add(row["url"], _place(row))
        return spool.finish()

    def _batches(self, path: str) -> Iterator[pa.RecordBatch]:
        with open_table(self._storage, path) as file:
            yield from file.iter_batches(_ROWS, use_threads=False)


_BITS = 2**26
"""URLs that are wanted are noted by a bit of a hash, as they may be as many as pages: 8 MB for any number of them."""


def _bit(url: str) -> int:
    return zlib.crc32(url.encode()) % _BITS


def _place(row: Mapping[str, Any], beside: tuple[tuple[str, Place], ...] = ()) -> Place:
    facts = ("url", row["url"]), ("fetched", row["fetched"]), *((f["name"], f["text"]) for f in row["facts"])
    return Place(row["stored"], row["sha256"], row["row"], facts, beside)
