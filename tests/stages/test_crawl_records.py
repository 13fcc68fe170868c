import gzip
import hashlib
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.crawl import CrawlSettings, crawl_records
from stages.reasons import Reason
from stages.schema import DROPPED, RAW

SETTINGS = CrawlSettings(max_bytes=2000, max_inflated_bytes=5000)
SVG = b"<svg/>"


def crawl(*items, settings: CrawlSettings = SETTINGS) -> tuple[list[dict], list[dict]]:
    batches = list(crawl_records(items, "src", "CC0-1.0", settings))
    assert all(raw.schema == RAW and lost.schema == DROPPED for raw, lost in batches)
    return [row for raw, _ in batches for row in raw.to_pylist()], [r for _, lost in batches for r in lost.to_pylist()]


def test_a_record_says_where_it_is_from():
    """The id is that of the stored bytes, the content is inflated, name and licence are as given."""
    packed = gzip.compress(SVG)
    (plain, inflated), dropped = crawl(("a/b c.svg", SVG), ("d.svg", packed))
    assert plain == {
        "raw_id": hashlib.sha256(SVG).hexdigest(), "source": "src", "path": "a/b c.svg", "name": "b c.svg",
        "url": None, "license": "CC0-1.0", "size": 6, "bytes": SVG,
    }  # fmt: skip
    assert (inflated["raw_id"], inflated["size"]) == (hashlib.sha256(packed).hexdigest(), len(packed))
    assert inflated["bytes"] == SVG and dropped == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\xef\xbb\xbf \r\n", Reason.EMPTY),
        (gzip.compress(b" "), Reason.EMPTY),
        (b"x" * 2001, Reason.TOO_LARGE),
        (gzip.compress(b"x" * 5001), Reason.TOO_LARGE),
        (gzip.compress(SVG)[:-1], Reason.BAD_GZIP),
        (gzip.compress(SVG)[:-5] + b"xxxxx", Reason.BAD_GZIP),
        (gzip.compress(SVG) + b"rest", Reason.BAD_GZIP),
        (gzip.compress(gzip.compress(SVG)), Reason.BAD_GZIP),
        (b"\x1f\x8b", Reason.BAD_GZIP),
        ((Reason.UNREADABLE, "gone"), Reason.UNREADABLE),
    ],
)
def test_what_cannot_be_read_has_a_reason(content: bytes | tuple[Reason, str], reason: Reason):
    """An unreadable input ends in the dropped table with its reason."""
    kept, (lost,) = crawl(("a.svgz", content))
    assert kept == [] and (lost["reason"], lost["stage"], lost["path"]) == (reason, "crawl", "a.svgz")
    assert lost["id"] == (hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else "")


def test_several_gzip_members_are_one_file():
    """Concatenated gzip members and zero padding inflate as gzip(1) does it."""
    (row,), _ = crawl(("a.svgz", gzip.compress(b"<svg>") + gzip.compress(b"</svg>") + bytes(20)))
    assert row["bytes"] == b"<svg></svg>"


def test_a_gzip_bomb_stops_at_the_limit():
    """What inflates past the limit is never held as a whole."""
    bomb = gzip.compress(bytes(40 * 2**20))
    tracemalloc.start()
    _, (lost,) = crawl(("a.svgz", bomb), settings=CrawlSettings(max_inflated_bytes=2**20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lost["reason"] == Reason.TOO_LARGE and peak < 4 * 2**20


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=40) | st.just((Reason.TOO_LARGE, "x")), max_size=20),
    st.integers(1, 7),
    st.integers(1, 100),
)
def test_batches_are_bounded_and_lose_nothing(contents: list, rows: int, held: int):
    """Every item is in exactly one table, in order, and no batch is over its bounds but for a single record."""
    limits = CrawlSettings(batch_rows=rows, batch_bytes=held)
    items = [(f"{i:03}.svg", content) for i, content in enumerate(contents)]
    batches = list(crawl_records(iter(items), "s", "MIT", limits))
    for raw, lost in batches:
        assert 0 < raw.num_rows + lost.num_rows <= rows
        assert raw.num_rows <= 1 or sum(len(b) for b in raw["bytes"].to_pylist()) <= held
    paths = [path for batch in batches for table in batch for path in table["path"].to_pylist()]
    assert sorted(paths) == [path for path, _ in items]
    for column, name in ((0, "path"), (1, "path")):
        seen = [path for batch in batches for path in batch[column][name].to_pylist()]
        assert seen == sorted(seen)


def test_batches_are_read_lazily():
    """A batch is yielded before the items behind it are asked for."""
    asked: list[int] = []

    def items():
        for i in range(10):
            asked.append(i)
            yield f"{i}.svg", SVG

    raw, _ = next(crawl_records(items(), "s", "MIT", CrawlSettings(batch_rows=3)))
    assert isinstance(raw, pa.Table) and asked == [0, 1, 2]
