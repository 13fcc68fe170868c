import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, Listing, Surroundings
from pipeline.sources.folder import FolderSource
from pipeline.sources.no_input import REST, bounded
from pipeline.sources.partitions import LAYOUT, chunks, layout_batches, read_layout, write_layout
from pipeline.storage.base import Entry


def source(path: Path, glob: str = "**/*") -> FolderSource:
    return FolderSource(name="s", kind="folder", path=str(path), glob=glob)


def listing(paths: list[str]) -> Listing:
    entries = tuple(Entry(path, 1, "e") for path in sorted(paths))
    return Listing(source(Path()), files=entries)


PATHS = st.lists(st.text("abcdef/", min_size=1, max_size=8), unique=True, max_size=300)


@given(PATHS, st.integers(1, 40))
def test_chunks_partition_the_listing(paths: list[str], records: int) -> None:
    """Every file is in exactly one chunk, in order; no chunk is over twice the size; keys are unique."""
    found = chunks(listing(paths), records)
    assert [e.path for chunk in found for e in chunk.entries] == sorted(paths)
    assert all(len(chunk.entries) <= 2 * records for chunk in found)
    assert len({chunk.key for chunk in found}) == len(found)


def test_new_file_changes_few_chunks() -> None:
    """One more file leaves nearly all chunks, and their keys, as they were."""
    paths = [f"icons/{n:05}.svg" for n in range(5000)]
    before = {(c.key, c.entries) for c in chunks(listing(paths), 100)}
    after = {(c.key, c.entries) for c in chunks(listing([*paths, "icons/02500a.svg"]), 100)}
    assert len(before - after) <= 3


def test_listing_tells_files_archives_and_the_rest(tmp_path: Path) -> None:
    """Only .svg, .svgz and .svg.gz that match are files, archives are kept apart, anything else is counted by kind."""
    for name in ("a.svg", "b/c.SVGZ", "b/e.svg.gz", "b/pack.tar.gz", "b/d.zip", "b/t.parquet", "LICENSE", "x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = source(tmp_path).listing(Surroundings(Path()))
    assert [e.path for e in found.files] == ["a.svg", "b/c.SVGZ", "b/e.svg.gz"]
    assert [e.path for e in found.archives] == ["b/d.zip", "b/pack.tar.gz"]
    assert [e.path for e in found.tables] == ["b/t.parquet"]
    assert found.no_input == {"no extension": 1, ".png": 1}
    chosen = source(tmp_path, "*.svg").listing(Surroundings(Path()))
    assert [e.path for e in chosen.files] == ["a.svg"]
    kinds = ("no extension", ".png", ".svgz", ".svg.gz", ".tar.gz", ".zip", ".parquet")
    assert chosen.no_input == {f"{kind} not in glob": 1 for kind in kinds} and not chosen.archives
    for glob, names in (
        ("b/*.parquet", ["b/t.parquet"]),
        ("b/d.*/**", ["b/d.zip"]),
        ("b/*/*.svg", None),
        ("**/a", None),
    ):
        entries = [e.path for e in sorted(source(tmp_path, glob).listing(Surroundings(Path())).entries)]
        assert entries == (["b/d.zip", "b/pack.tar.gz", "b/t.parquet"] if names is None else names)


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=60), st.integers(1, 30))
def test_kinds_are_bounded_and_lose_no_file(counts: dict[str, int], most: int) -> None:
    """The most frequent kinds are named, the others are one, also when they are added up again."""
    shown = bounded(counts, most)
    assert sum(shown.values()) == sum(counts.values()) and len(shown) <= most + 1
    assert bounded(shown, most) == shown
    assert list(shown.values())[:most] == sorted(counts.values(), reverse=True)[: len(shown)][:most] or REST in counts


@pytest.mark.parametrize(
    ("make", "says"), [("none", "does not exist"), ("file", "neither a folder"), ("empty", "no .svg")]
)
def test_unusable_source_is_one_clear_line(tmp_path: Path, make: str, says: str) -> None:
    """No folder, a file instead of a folder, an empty folder: each says what and where."""
    if make == "file":
        (tmp_path / "x").write_text("")
    elif make == "empty":
        (tmp_path / "x").mkdir()
    with pytest.raises(ConfigError, match=says) as error:
        source(tmp_path / "x").listing(Surroundings(Path()))
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_layout_says_what_it_was_made_of() -> None:
    """Chunks come back from a layout with their paths, also such as are no text; of nothing, nothing does."""
    odd = Entry("caf\udce9.svg", 0, "")
    one = [Chunk("a", (Entry("a.svg", 0, ""), odd), "files", 2), Chunk("b", (Entry("b.zip", 0, ""),), "archive", 1)]
    other = [Chunk("a", (Entry("a.parquet", 0, ""),), "table", 3)]
    layout = io.BytesIO()
    write_layout(layout, {"one": one, "other": other})
    assert pq.read_schema(layout) == LAYOUT and pq.read_metadata(layout).num_rows == 4
    assert read_layout(layout_batches(layout)) == {"one": one, "other": other}
    nothing = io.BytesIO()
    write_layout(nothing, {"one": []})
    assert read_layout(layout_batches(nothing)) == {}
