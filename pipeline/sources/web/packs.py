"""Packs: Parquet files of responses, written while a crawl goes on, so that a killed one goes on from them.

A bucket's packs of a snapshot lie in one folder, ``fetched/<source>/<snapshot>-<bucket>/<nnnnn>.parquet``. A pack is
written once, whole or not at all, and never changes; what a crawl knows when it begins is what its packs say.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources.network import FETCHED_PLACE
from pipeline.sources.web.settings import Store
from pipeline.storage.base import AlreadyExists, Storage
from pipeline.storage.tables import open_table
from stages.schema import SIGNALS

ROWS_OF_GROUP = 128
"""Rows of a row group: who wants a few responses reads not much more."""

LINKS = pa.list_(pa.struct([("url", pa.string()), ("asked", pa.string()), ("text", pa.string())]))

PACK = pa.schema(
    [
        ("url", pa.string()),  # what was asked for
        ("asked", pa.string()),  # as what; see frontier.Asked
        ("kind", pa.string()),  # what came: svg, page, sheet, sitemap, robots, rules, redirect, other, failed
        ("round", pa.int32()),
        ("depth", pa.int32()),
        ("root", pa.string()),  # host that the scope goes by
        ("hops", pa.int32()),  # redirects that led here
        ("referrer", pa.string()),  # where the URL was found first
        ("status", pa.int32()),
        ("target", pa.string()),  # of a redirect
        ("what", pa.string()),  # of what failed or is other: in few words, for counts
        ("reason", pa.string()),  # of what failed
        ("detail", pa.string()),
        ("fetched", pa.string()),
        ("content_type", pa.string()),
        ("size", pa.int64()),
        ("sha256", pa.string()),
        ("etag", pa.string()),
        ("modified", pa.string()),
        ("robots", pa.string()),  # its verdict
        ("permission", pa.string()),
        ("signals", SIGNALS),
        ("license", pa.string()),  # URL of the response's own rel=license
        ("text", pa.string()),  # what the link to it says
        ("drawings", pa.bool_()),  # of a page: whether it holds any
        ("links", LINKS),
        ("same_pack", pa.string()),  # where the content lies, of what had not changed
        ("same_row", pa.int32()),
        ("content", pa.binary()),
    ]
)


@dataclass(slots=True)
class Row:
    """A response, or why there is none; fields as in `PACK`."""

    url: str
    asked: str
    kind: str
    round: int
    depth: int = 0
    root: str = ""
    hops: int = 0
    referrer: str = ""
    status: int = 0
    target: str = ""
    what: str = ""
    reason: str = ""
    detail: str = ""
    fetched: str = ""
    content_type: str = ""
    size: int = 0
    sha256: str = ""
    etag: str = ""
    modified: str = ""
    robots: str = ""
    permission: str = ""
    signals: tuple[tuple[str, str, str], ...] = ()
    """(name, place, value)."""
    license: str = ""
    text: str = ""
    drawings: bool = False
    links: tuple[tuple[str, str, str], ...] = ()
    """(URL, asked, text)."""
    same_pack: str = ""
    same_row: int = -1
    content: bytes | None = b""
    """None: purged."""


KEY = ("url", "asked", "kind", "round")
NARROW = tuple(name for name in PACK.names if name != "content")
_NAMES = tuple(each.name for each in fields(Row))
_STRUCTS = {"signals": ("name", "place", "value"), "links": ("url", "asked", "text")}


def folder_of(source: str, snapshot: int, bucket: int) -> str:
    """Where the packs of a bucket lie."""
    return f"{FETCHED_PLACE}{source}/{snapshot}-{bucket:03d}/"


def pack_bytes(rows: Sequence[Row]) -> bytes:
    """Rows as the bytes of a Parquet file."""
    arrays = []
    for name in _NAMES:
        values = [getattr(row, name) for row in rows]
        if name in _STRUCTS:
            values = [[dict(zip(_STRUCTS[name], each, strict=True)) for each in value] for value in values]
        arrays.append(pa.array(values, PACK.field(name).type))
    stream = io.BytesIO()
    dictionary = ["asked", "kind", "root", "what", "reason", "content_type", "robots", "permission"]
    with pq.ParquetWriter(
        stream,
        PACK,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionary,
        write_statistics=False,
        write_page_checksum=True,
    ) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=PACK), row_group_size=ROWS_OF_GROUP)
    return stream.getvalue()


class Packs:
    """The packs of a bucket, and the rows that are not in one yet."""

    def __init__(self, storage: Storage, folder: str, store: Store) -> None:
        self._storage, self._folder, self._store = storage, folder, store
        self._rows: list[Row] = []
        self._size = 0
        self._writing = asyncio.Lock()
        self._began = 0.0
        self._next = 0
        self._error: Exception | None = None
        for entry in storage.list(folder):
            number = entry.path.removeprefix(folder).removesuffix(".parquet")
            if number.isdecimal():
                self._next = max(self._next, int(number) + 1)

    def paths(self) -> list[str]:
        """Of the packs that are written, in the order of writing."""
        return [entry.path for entry in self._storage.list(self._folder) if entry.path.endswith(".parquet")]

    def stored(self, columns: Sequence[str] = NARROW) -> Iterator[tuple[str, int, Row]]:
        """(pack, number of the row, row with ``columns`` alone) of all packs, a row group at a time."""
        for path in self.paths():
            yield from narrow_rows(self._storage, path, columns)

    def whole(self, path: str, numbers: Sequence[int]) -> list[Row]:
        """Some rows of a pack with their contents."""
        return list(read_rows(self._storage, path, numbers).values())

    async def add(self, row: Row) -> None:
        """Take a row, and write a pack if it is time. Raises what writing raised, also earlier."""
        if self._error is not None:
            raise self._error
        if not self._rows:
            self._began = time.monotonic()
        self._rows.append(row)
        self._size += len(row.content or b"") + 100 * len(row.links) + 500
        if self._is_full:
            await self.flush(full=True)

    @property
    def _is_full(self) -> bool:
        return self._size >= self._store.bytes or len(self._rows) >= self._store.responses

    async def keep_flushing(self) -> None:
        """Write what has waited for as long as the settings say, for ever, or until that fails, which `add` raises."""
        while self._error is None:
            wait = self._store.seconds
            if self._rows:
                wait = self._began + self._store.seconds - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            try:
                await self.flush()
            except Exception as error:
                self._error = error

    async def flush(self, full: bool = False) -> None:
        """Write what is not written yet. What could not be written stays. ``full``: only if that is a full pack."""
        async with self._writing:
            if full and not self._is_full:  # another wrote it meanwhile
                return
            rows, self._rows, self._size = self._rows, [], 0
            if not rows:
                return
            # a write that has begun goes on whoever is cancelled, so its end is waited for
            writing = asyncio.ensure_future(asyncio.to_thread(self._write, rows))
            try:
                await asyncio.shield(writing)
            finally:
                await asyncio.wait((writing,))
                if writing.exception() is not None:
                    self._rows = [*rows, *self._rows]

    def _write(self, rows: Sequence[Row]) -> None:
        data = pack_bytes(rows)
        while True:
            path = f"{self._folder}{self._next:05d}.parquet"
            self._next += 1
            try:
                self._storage.create(path, data)
            except AlreadyExists:  # by one that was taken for dead
                continue
            return


def narrow_rows(storage: Storage, path: str, columns: Sequence[str] = NARROW) -> Iterator[tuple[str, int, Row]]:
    """The rows of a pack as `Packs.stored` gives them. ``columns``: those of `KEY` at least."""
    number = 0
    with open_table(storage, path) as file:
        for group in range(file.num_row_groups):
            for values in file.read_row_group(group, columns=list(columns), use_threads=False).to_pylist():
                yield path, number, _row(values)
                number += 1


def read_rows(storage: Storage, path: str, numbers: Sequence[int]) -> dict[int, Row]:
    """Some rows of a pack with their contents. Only row groups that hold one are read."""
    wanted, first = set(numbers), 0
    rows: dict[int, Row] = {}
    with open_table(storage, path) as file:
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            here = sorted(number for number in wanted if first <= number < first + count)
            if here:
                table = file.read_row_group(group, use_threads=False).take([number - first for number in here])
                rows.update(zip(here, map(_row, table.to_pylist()), strict=True))
            first += count
    return rows


def _row(values: dict[str, object]) -> Row:
    for name, parts in _STRUCTS.items():
        if name in values:
            values[name] = tuple(tuple(each[part] for part in parts) for each in values[name])  # type: ignore[attr-defined]
    return Row(**values)  # type: ignore[arg-type]
