"""A listing in columns is cut as a listing in memory was: versions that were published before stay as they are."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import partitions
from pipeline.sources.base import Chunk, Listing, Shape
from pipeline.sources.folder import FolderSource
from pipeline.sources.partitions import LAYOUT, chunks, layout_batches, read_layout, write_layout
from pipeline.storage.base import Entry
from pipeline.storage.tables import table_bytes
from tests.pipeline.sources.test_entries import few_rows

SOURCE = FolderSource(name="s", kind="folder", path=".")


def cut_in_memory(listing: Listing, records: int, previous: Sequence[Chunk] = (), generation: int = 1) -> list[Chunk]:
    """`chunks`, as it was before listings were in columns."""
    shapes: dict[str, Shape] = dict.fromkeys((entry.path for entry in listing.files), "files")
    shapes |= dict.fromkeys((entry.path for entry in listing.archives), "archive")
    shapes |= dict.fromkeys((entry.path for entry in listing.tables), "table")
    shapes |= dict.fromkeys((entry.path for entry in listing.pages), "pages")
    left = {entry.path: entry for entry in listing.entries}
    cut: list[Chunk] = []
    for old in previous:
        entries = tuple(left.pop(e.path) for e in old.entries if e.path in left and shapes[e.path] == old.shape)
        if entries:
            cut.append(replace(old, entries=entries))
    keys = {chunk.key for chunk in cut}

    def key_of(path: str) -> str:
        return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]

    def ends(path: str) -> bool:
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % max(1, records // 2) == 0

    def add(entries: tuple[Entry, ...], shape: Shape) -> None:
        key = key_of(entries[0].path)
        while key in keys:
            key = key_of(key)
        keys.add(key)
        cut.append(Chunk(key, entries, shape, generation))

    for path in sorted(path for path in left if shapes[path] in ("archive", "table")):
        add((left[path],), shapes[path])
    many: tuple[tuple[Shape, Sequence[Entry]], ...] = (("files", listing.files), ("pages", listing.pages))
    for shape, every in many:
        begin = 0
        files = tuple(entry for entry in every if entry.path in left)
        for i in range(1, len(files) + 1):
            size = i - begin
            if i == len(files) or size >= 2 * records or (size >= records // 2 and ends(files[i].path)):
                add(files[begin:i], shape)
                begin = i
    return cut


def table_in_memory(cut: dict[str, list[Chunk]]) -> pa.Table:
    """A layout, row by row."""
    rows = [
        (source, chunk.key, chunk.shape, chunk.generation, entry.path.encode("utf-8", "surrogateescape"))
        for source, own in cut.items()
        for chunk in own
        for entry in chunk.entries
    ]
    return pa.table([[row[n] for row in rows] for n in range(len(LAYOUT))], schema=LAYOUT)


def stored(cut: dict[str, list[Chunk]]) -> bytes:
    """A layout as a version has it."""
    stream = io.BytesIO()
    write_layout(stream, cut)
    return stream.getvalue()


PATHS = st.dictionaries(
    st.one_of(
        st.integers(0, 99).map(lambda number: f"{number // 20}/{number:02}.svg"),
        st.text(st.sampled_from("ab/é\ue000\U00010000\udc80"), min_size=1, max_size=4),
    ),
    st.tuples(st.sampled_from(("files", "files", "files", "archive", "table", "pages")), st.integers(0, 9)),
    max_size=80,
)
"""Path -> what is there, and its size."""


def listing_of(paths: dict[str, tuple[str, int]]) -> Listing:
    """What a source gives of it."""
    entries = {
        shape: tuple(Entry(path, size, f"{size:x}") for path, (kind, size) in sorted(paths.items()) if kind == shape)
        for shape in ("files", "archive", "table", "pages")
    }
    return Listing(SOURCE, entries["files"], entries["archive"], entries["table"], entries["pages"])


@given(st.lists(PATHS, min_size=1, max_size=4), st.sampled_from((1, 2, 5, 1_000)), st.sampled_from((1, 4, 1_000)))
def test_cut_as_in_memory(history: list[dict[str, tuple[str, int]]], records: int, block: int) -> None:
    """Version after version, whatever came, went, or became something else, chunks are those that they always were."""
    before: list[Chunk] = []
    previous: list[Chunk] = []
    with few_rows(block), pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "_ROWS", 2 * block)
        for number, paths in enumerate(history):
            listing = listing_of(paths)
            before = cut_in_memory(listing, records, before, number + 1)
            now = chunks(listing, records, previous, number + 1)
            assert now == before
            assert [chunk.size for chunk in now] == [sum(e.size for e in chunk.entries) for chunk in before]
            data = stored({"s": now, "none": []})
            assert data == table_bytes(table_in_memory({"s": before}), LAYOUT)
            previous = read_layout(layout_batches(io.BytesIO(data))).get("s", [])
            assert previous == [
                replace(chunk, entries=tuple(Entry(e.path, 0, "") for e in chunk.entries)) for chunk in before
            ]


def test_sources_with_equal_paths() -> None:
    """A layout tells the chunks of sources apart that hold the same paths, also of two that lie side by side."""
    listing = listing_of({f"{n}.svg": ("files", n) for n in range(9)})
    cut = {name: chunks(listing, 100) for name in ("b", "a")}
    found = read_layout(layout_batches(io.BytesIO(stored(cut))))
    assert list(found) == ["b", "a"]
    assert [[entry.path for entry in chunk.entries] for own in found.values() for chunk in own] == [
        [entry.path for entry in listing.files] for _ in cut
    ]


def test_large_layouts_are_in_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout beyond the rows that are written at a time is read as the same, and no chunk is in two row groups."""
    monkeypatch.setattr(partitions, "LAYOUT_ROWS", 30)
    cut = {"s": chunks(listing_of({f"{n:03}.svg": ("files", n) for n in range(200)}), 10)}
    data = stored(cut)
    groups = pq.ParquetFile(io.BytesIO(data)).num_row_groups
    tables = [pq.ParquetFile(io.BytesIO(data)).read_row_group(n) for n in range(groups)]
    keys = [table["key"].unique().to_pylist() for table in tables]
    assert all(len(table) <= 30 for table in tables) and not any(set(a) & set(b) for a, b in pairwise(keys))
    assert pa.concat_tables(tables) == table_in_memory(cut)
    (previous,) = read_layout(layout_batches(io.BytesIO(data))).values()
    assert [chunk.key for chunk in previous] == [chunk.key for chunk in cut["s"]]


def test_layouts_of_the_first_form_are_read(tmp_path: Path) -> None:
    """A layout that has ``archive`` where others have a shape tells archives and tables by their names."""
    first = pa.table(
        {
            "source": ["s"] * 4,
            "key": ["k1", "k1", "k2", "k3"],
            "archive": [False, False, True, True],
            "generation": pa.array([1, 1, 2, 2], pa.int32()),
            "path": pa.array([b"a.svg", b"b\xff.svg", b"c.zip", b"d.PARQUET"], pa.binary()),
        }
    )
    entries = [Entry(path, 0, "") for path in ("a.svg", "b\udcff.svg", "c.zip", "d.PARQUET")]
    assert read_layout(first.to_batches()) == {
        "s": [
            Chunk("k1", tuple(entries[:2]), "files"),
            Chunk("k2", (entries[2],), "archive", 2),
            Chunk("k3", (entries[3],), "table", 2),
        ]
    }
