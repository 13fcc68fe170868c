"""Entries in columns are what a tuple of them is, in memory and in a file."""

from __future__ import annotations

import io
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreRefused
from pipeline.sources import entries as columns
from pipeline.sources.base import Listing, Surroundings
from pipeline.sources.contents import WORKSPACE
from pipeline.sources.entries import Entries, Spool, Writer, encoded, escaped
from pipeline.sources.folder import FolderSource
from pipeline.storage.base import Entry

# of the last two, one is what a file system could not decode, and one sorts otherwise as bytes than as text
NAMES = st.text(st.sampled_from("ab/.é\ud7ff\ue000\U00010000\udc80\udcff"), min_size=1, max_size=6)
ENTRIES = st.lists(
    st.builds(Entry, NAMES, st.integers(0, 2**40), NAMES, st.floats(0, 2e9)), max_size=60, unique_by=lambda e: e.path
)


@contextmanager
def few_rows(block: int) -> Iterator[None]:
    """Blocks of so many rows, and twice as many in memory."""
    with pytest.MonkeyPatch.context() as patch:
        sizes = {"BLOCK": block, "HELD": 2 * block, "_RUN": 4 * block, "_SAMPLED": 2, "_RECENT": 2}
        for name, size in sizes.items():
            patch.setattr(columns, name, size)
        yield


@given(ENTRIES, st.sampled_from((1, 2, 5, 1_000)))
def test_any_order_is_sorted_as_python_sorts_it(entries: list[Entry], block: int) -> None:
    """What a spool gives is what ``sorted`` gives, wherever it is held, with all that entries say."""
    with few_rows(block):
        spool = Spool()
        for entry in entries:
            spool.add(entry)
        listed = spool.finish()
        every = tuple(sorted(entries))
        assert listed == every and every == listed
        assert [entry.modified for entry in listed] == [entry.modified for entry in every]
        assert listed.size == sum(entry.size for entry in entries)


@given(ENTRIES, st.sampled_from((1, 3, 1_000)), st.data())
def test_stretches_are_those_of_a_tuple(entries: list[Entry], block: int, data: st.DataObject) -> None:
    """Rows and stretches, also of stretches, are what they are of a tuple, and so is a pickle."""
    with few_rows(block):
        listed, every = Entries.of(entries), tuple(sorted(entries))
        for _ in range(2):
            begin, end = (data.draw(st.integers(-len(every), len(every))) for _ in range(2))
            listed, every = listed[begin:end], every[begin:end]
            assert listed == every and len(listed) == len(every)
            assert [listed[row] for row in range(-len(every), len(every))] == [*every, *every]
        again = pickle.loads(pickle.dumps(listed))
        assert type(again) is tuple and again == every


@given(ENTRIES, st.sampled_from((1, 3, 1_000)), NAMES, NAMES)
def test_rows_between_two_paths_have_all_of_them(entries: list[Entry], block: int, one: str, other: str) -> None:
    """No path between two is outside of the rows that are named for them."""
    with few_rows(block):
        listed, every = Entries.of(entries), sorted(entries)
        first, last = sorted((one, other))
        begin, end = listed.between(encoded(first), encoded(last))
        outside = [*every[:begin], *every[max(begin, end) :]]
        assert not [entry for entry in outside if first <= entry.path <= last]


@given(ENTRIES, st.sampled_from((1, 3)), st.integers(1, 9))
def test_writer_keeps_the_order(entries: list[Entry], block: int, rows: int) -> None:
    """Columns that are written in parts are read in this order."""
    with few_rows(block):
        writer = Writer()
        parts = [Entries.of(entries[begin : begin + rows]) for begin in range(0, len(entries), rows)]
        for part in parts:
            writer.add(part.columns(0, len(part)))
        assert writer.rows == len(entries)
        assert list(writer.finish()) == [entry for part in parts for entry in part]


@given(NAMES)
def test_paths_are_bytes_of_the_file_system_again(path: str) -> None:
    """What is kept of a path tells the bytes that the file system has."""
    assert escaped(encoded(path)) == path.encode("utf-8", "surrogateescape")


def test_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no space for a listing, one line says so, and what to do."""
    monkeypatch.setattr(columns, "HELD", 10)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: io.FileIO("/dev/full", "wb"))
    with pytest.raises(StoreRefused, match=r"^cannot write a listing to .*: No space left .* TMPDIR$"):
        Entries.of(Entry(f"{number:05}", 1, "") for number in range(20))


def test_no_gaps() -> None:
    """A stretch with gaps is refused, as nothing would show that rows were left out."""
    with pytest.raises(ValueError, match="gaps"):
        Entries.of([Entry("a", 1, "")])[::2]


def test_folder_of_more_files_than_are_held(tmp_path: Path) -> None:
    """What a folder's listing says does not depend on where it is held: files, archives, links, and what is no input."""
    names = [
        "b.svg",
        "b/a.svg",
        "b-c.svg",
        "b/d/e.svg",
        "é.svg",
        "x/y.zip",
        "a.txt",
        "x/z.parquet",
        "ws/a.svg",
        "q.svg",
    ]
    for name in (*names, *(f"n/{number}.svg" for number in range(30))):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<svg/>")
    (tmp_path / "in" / "l").symlink_to(tmp_path / "in" / "b")
    for name in ("layouts", "shards", "tables", "versions"):
        (tmp_path / "in" / "ws" / name).mkdir()

    def listed() -> Listing:
        return FolderSource(name="s", kind="folder", path="in").listing(Surroundings(tmp_path))

    whole = listed()
    files = tuple(whole.files)
    with few_rows(3):
        parts = listed()
        assert parts.files == files and replace(parts, files=files) == replace(whole, files=files)
    paths = [entry.path for entry in files]
    assert paths == sorted(paths) and len(paths) == 38 and {"l/a.svg", "l/d/e.svg"} < set(paths)
    assert [entry.path for entry in (*whole.archives, *whole.tables)] == ["x/y.zip", "x/z.parquet"]
    assert whole.no_input == {".txt": 1, WORKSPACE: 1}
