"""The partitions that a source's listing is cut into, and how a version stores them for the next to build on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.sources.base import Chunk, Listing, Shape
from pipeline.storage.base import Entry


def chunks(listing: Listing, records: int, previous: Sequence[Chunk] = (), generation: int = 1) -> list[Chunk]:
    """Cut a listing into crawl partitions of about ``records`` loose files, and one for each archive and table.
    Pages are cut as files are.

    ``previous``: the chunks of the version before. They stay as they are, but for what has changed or vanished, and
    what is new is in chunks of its own, of this ``generation``: so new files run by themselves, and the shards of
    earlier samples stay.

    Where a new chunk ends is decided by a hash of the next path, not by counting from the start. Chunks hold at most
    twice ``records``.
    """
    shapes: dict[str, Shape] = dict.fromkeys((entry.path for entry in listing.files), "files")
    shapes |= dict.fromkeys((entry.path for entry in listing.archives), "archive")
    shapes |= dict.fromkeys((entry.path for entry in listing.tables), "table")
    shapes |= dict.fromkeys((entry.path for entry in listing.pages), "pages")
    left = {entry.path: entry for entry in listing.entries}
    cut: list[Chunk] = []
    for old in previous:
        entries = tuple(
            left.pop(entry.path) for entry in old.entries if entry.path in left and shapes[entry.path] == old.shape
        )
        if entries:
            cut.append(replace(old, entries=entries))
    keys = {chunk.key for chunk in cut}

    def add(entries: tuple[Entry, ...], shape: Shape) -> None:
        key = _key(entries[0].path)
        while key in keys:
            key = _key(key)
        keys.add(key)
        cut.append(Chunk(key, entries, shape, generation))

    for path in sorted(path for path in left if shapes[path] in ("archive", "table")):
        add((left[path],), shapes[path])
    many: tuple[tuple[Shape, tuple[Entry, ...]], ...] = (("files", listing.files), ("pages", listing.pages))
    for shape, every in many:
        begin = 0
        files = tuple(entry for entry in every if entry.path in left)
        for i in range(1, len(files) + 1):
            if (
                i == len(files)
                or i - begin >= 2 * records
                or (i - begin >= records // 2 and _cuts(files[i].path, records))
            ):
                add(files[begin:i], shape)
                begin = i
    return cut


def layout_table(chunks_of: Mapping[str, Sequence[Chunk]]) -> pa.Table:
    """The chunks of all sources as a table (`LAYOUT`), for the next version to build on."""
    every = [(source, chunk) for source, own in chunks_of.items() for chunk in own]
    # of what all rows of a chunk share there is one value a chunk, as what holds rows takes far more than paths do
    sizes = np.array([len(chunk.entries) for _, chunk in every], np.int64)
    owner = pa.array(np.repeat(np.arange(len(every)), sizes))
    shared = {
        "source": [source for source, _ in every],
        "key": [chunk.key for _, chunk in every],
        "shape": [chunk.shape for _, chunk in every],
        "generation": [chunk.generation for _, chunk in every],
    }
    columns = [pa.array(values, LAYOUT.field(name).type).take(owner) for name, values in shared.items()]
    paths = pa.chunked_array(
        [
            pa.array([entry.path.encode("utf-8", "surrogateescape") for entry in chunk.entries], pa.binary())
            for _, chunk in every
        ],
        pa.binary(),
    )
    return pa.table([*columns, paths.combine_chunks()], schema=LAYOUT)


def read_layout(table: pa.Table) -> dict[str, list[Chunk]]:
    """Inverse of `layout_table`, also of tables that say ``archive`` instead of a shape, as they did at first."""
    by_source: dict[str, dict[str, tuple[Chunk, list[Entry]]]] = {}
    for batch in table.to_batches(_BATCH):
        for row in batch.to_pylist():
            own = by_source.setdefault(row["source"], {})
            entry = Entry(row["path"].decode("utf-8", "surrogateescape"), 0, "")
            if row["key"] not in own:
                own[row["key"]] = Chunk(row["key"], (), _shape(row, entry.path), row["generation"]), []
            own[row["key"]][1].append(entry)
    return {
        source: [replace(chunk, entries=tuple(entries)) for chunk, entries in own.values()]
        for source, own in by_source.items()
    }


_BATCH = 100_000
"""Rows of a layout that are Python objects at a time."""


def _shape(row: Mapping[str, Any], path: str) -> Shape:
    if "shape" in row:
        shape: Shape = row["shape"]
        return shape
    if not row["archive"]:
        return "files"
    return "table" if path.lower().endswith(".parquet") else "archive"


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


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _cuts(path: str, records: int) -> bool:
    value = int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return value % max(1, records // 2) == 0
