import gzip
import hashlib
import re
import tracemalloc
import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.crawl import Caption, CrawlSettings, Permission, RawItem, Signal, as_raw, crawl_records
from stages.licenses.policy import LicensesSettings, Policy
from stages.reasons import Reason
from stages.schema import DROPPED, RAW
from stages.text import plain

SETTINGS = CrawlSettings(max_bytes=2000, max_inflated_bytes=5000)
SVG = b"<svg/>"


def crawl(*items, settings: CrawlSettings = SETTINGS) -> tuple[list[dict], list[dict]]:
    given = [item if isinstance(item, RawItem) else RawItem(*item) for item in items]
    batches = list(crawl_records(given, "src", "CC0-1.0", settings, 1_000))
    assert all(raw.schema == RAW and lost.schema == DROPPED for raw, lost in batches)
    return [row for raw, _ in batches for row in raw.to_pylist()], [r for _, lost in batches for r in lost.to_pylist()]


def gzipped(data: bytes) -> bytes:
    """Without a time, so that the tests have the same names in every process."""
    return gzip.compress(data, mtime=0)


def test_a_record_says_where_it_is_from():
    """The id is that of the stored bytes, the content is inflated, name and licence are as given."""
    packed = gzipped(SVG)
    (plain, inflated), dropped = crawl(("a/b c.svg", SVG), ("d.svg", packed))
    assert plain == {
        "raw_id": hashlib.sha256(SVG).hexdigest(), "source": "src", "path": "a/b c.svg", "name": "b c.svg",
        "url": None, "license": "CC0-1.0", "size": 6, "bytes": SVG,
        "own_license": None, "author": None, "hints": [], "own_captions": [], "facts": [],
        "license_from": "config", "license_digest": None, "work_title": None, "work_link": None,
        "permission": None, "signals": [], "fetched": None,
    }  # fmt: skip
    assert (inflated["raw_id"], inflated["size"]) == (hashlib.sha256(packed).hexdigest(), len(packed))
    assert inflated["bytes"] == SVG and dropped == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\xef\xbb\xbf \r\n", Reason.EMPTY),
        (gzipped(b" "), Reason.EMPTY),
        (b"x" * 2001, Reason.TOO_LARGE),
        (gzipped(b"x" * 5001), Reason.TOO_LARGE),
        (gzipped(SVG)[:-1], Reason.BAD_GZIP),
        (gzipped(SVG)[:-5] + b"xxxxx", Reason.BAD_GZIP),
        (gzipped(SVG) + b"rest", Reason.BAD_GZIP),
        (gzipped(gzipped(SVG)), Reason.BAD_GZIP),
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
    items = [RawItem(f"{i:03}.svg", content) for i, content in enumerate(contents)]
    batches = list(crawl_records(iter(items), "s", "MIT", CrawlSettings(batch_bytes=held), rows))
    for raw, lost in batches:
        assert 0 < raw.num_rows + lost.num_rows <= rows
        assert raw.num_rows <= 1 or sum(len(b) for b in raw["bytes"].to_pylist()) <= held
    paths = [path for batch in batches for table in batch for path in table["path"].to_pylist()]
    assert sorted(paths) == [item.path for item in items]
    for column, name in ((0, "path"), (1, "path")):
        seen = [path for batch in batches for path in batch[column][name].to_pylist()]
        assert seen == sorted(seen)


def test_batches_are_read_lazily():
    """A batch is yielded before the items behind it are asked for."""
    asked: list[int] = []

    def items():
        for i in range(10):
            asked.append(i)
            yield RawItem(f"{i}.svg", SVG)

    raw, _ = next(crawl_records(items(), "s", "MIT", CrawlSettings(), 3))
    assert isinstance(raw, pa.Table) and asked == [0, 1, 2]


def test_what_comes_with_a_record_is_in_its_row():
    """Its own licence wins over the source's, texts are clean, on one line, and said once."""
    item = RawItem(
        "a.svg",
        SVG,
        url=" https://example.org/a.svg\n",
        license="CC-BY-4.0",
        author="Jane\u202e Doe\x07",
        hints=("red", " red ", "<b>cart</b>", "", "x" * 101),
        captions=(
            Caption("A <b>red</b>\ncart &amp; horse", style="short"),
            Caption("A red cart & horse", "human"),
            Caption("Une charrette", language="fr", model="m", prompt="ab", temperature=0.5, seed=7, score=0.25),
            Caption("<svg/>"),
        ),
        facts=(("id", "7"), ("empty", " ")),
    )
    ignored: Counter[str] = Counter()
    ((raw, _),) = crawl_records([item, RawItem("b.svg", SVG, license="\0")], "s", "MIT", SETTINGS, 9, ignored)
    row, plain = raw.to_pylist()
    assert (row["url"], row["author"]) == ("https://example.org/a.svg", "Jane Doe")
    assert (row["license"], row["own_license"], plain["license"]) == ("CC-BY-4.0", "CC-BY-4.0", "MIT")
    assert row["hints"] == ["red", "cart"] and row["facts"] == [{"name": "id", "text": "7"}]
    nobody = dict.fromkeys(("model", "prompt", "temperature", "seed", "score"))
    own = {"text": "A red cart & horse", "origin": "dataset", "style": "short", "language": ""} | nobody
    model = {"model": "m", "prompt": "ab", "temperature": 0.5, "seed": 7, "score": 0.25}
    told = {"text": "Une charrette", "origin": "dataset", "style": "", "language": "fr"} | model
    assert row["own_captions"] == [own, told]
    assert ignored == {"hint of over 100 characters": 1, "caption of nothing but markup": 1}


BY = (
    b'<svg xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cc="http://creativecommons.org/ns#" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><rdf:RDF><cc:Work rdf:about=""><dc:title>Cart</dc:title>'
    b"<dc:creator>Jane Roe</dc:creator><dc:source>https://roe.example/</dc:source>"
    b'<cc:license rdf:resource="http://creativecommons.org/licenses/by/4.0/"/></cc:Work></rdf:RDF></metadata></svg>'
)


def test_what_a_file_says_of_itself_is_in_its_row():
    """Its licence and author go before those of its source, which is kept as a fact; what the source knows better stays."""
    item = RawItem("a.svg", BY, license="MIT", author="an uploader", title="A cart", facts=(("id", "7"),))
    kept, _ = crawl(item, RawItem("b.svgz", gzipped(BY)), RawItem("c.svg", SVG, license="see readme"))
    a, b, c = kept
    assert (a["license"], a["own_license"], a["license_from"], a["author"]) == (
        "CC-BY-4.0",
        "CC-BY-4.0",
        "file",
        "Jane Roe",
    )
    assert (a["work_title"], a["work_link"]) == ("A cart", "https://roe.example/")
    assert a["facts"] == [{"name": "id", "text": "7"}, {"name": "license_overruled", "text": "column MIT"}]
    assert (b["license"], b["work_title"], b["facts"]) == ("CC-BY-4.0", "Cart", [])
    assert (c["license"], c["own_license"], c["license_from"]) == ("NOASSERTION", "NOASSERTION", "unknown")
    assert c["facts"] == [{"name": "license_stated", "text": "see readme"}]


def test_what_the_policy_refuses_is_dropped_with_its_reason():
    """The detail says which licence it was, or by which signal training was reserved."""
    reserved = Permission("reserved", (Signal("tdm-reservation", "header", "1"),))
    items = [
        RawItem("a.svg", BY),
        RawItem("b.svg", SVG),
        RawItem("c.svg", SVG, permission=reserved),
        RawItem("d.svg", b""),
    ]
    policy = Policy(licenses=LicensesSettings(deny=("CC-BY-*",), unknown="drop"))
    ((raw, lost),) = crawl_records(items, "s", "NOASSERTION", SETTINGS, 9, policy=policy)
    assert len(raw) == 0
    assert [(row["path"], row["reason"], row["detail"]) for row in lost.to_pylist()] == [
        ("a.svg", Reason.LICENSE_DENIED, "CC-BY-4.0"),
        ("b.svg", Reason.LICENSE_UNKNOWN, ""),
        ("c.svg", Reason.OPTED_OUT, "tdm-reservation at header: 1"),
        ("d.svg", Reason.EMPTY, ""),
    ]
    assert all(row["id"] for row in lost.to_pylist())


def test_what_is_too_long_or_too_much_is_counted():
    """A URL that were cut would be another one; of captions, hints and facts the first are kept."""
    item = RawItem("a.svg", SVG, url="http://x/" + "y" * 2000, hints=tuple(str(n) for n in range(150)))
    ignored: Counter[str] = Counter()
    ((raw, _),) = crawl_records([item], "s", "MIT", SETTINGS, 9, ignored)
    assert raw["url"].to_pylist() == [None] and len(raw["hints"][0]) == 100
    assert ignored == {"URL of over 2000 characters": 1, "hints of a record behind the first 100": 50}


def test_a_raw_table_of_an_earlier_version_is_read():
    """What its rows could not bring is null."""
    ((raw, _),) = crawl_records([RawItem("a.svg", SVG)], "s", "MIT", SETTINGS, 9)
    old = raw.select(["raw_id", "source", "path", "name", "url", "license", "size", "bytes"])
    (row,) = as_raw(old).to_pylist()
    assert as_raw(raw) == raw and as_raw(old).schema == RAW
    assert row["license"] == "MIT" and row["own_captions"] is row["own_license"] is row["facts"] is None
    captions = pa.array([[{"text": "A cart", "origin": "alt"}]])
    (row,) = as_raw(old.append_column("own_captions", captions)).to_pylist()
    (caption,) = row["own_captions"]
    assert {name: value for name, value in caption.items() if value is not None} == {"text": "A cart", "origin": "alt"}


@given(st.text(max_size=40), st.integers(1, 30))
def test_plain_text_has_no_invisible_characters(text: str, limit: int):
    """All others stay, in their order, on one line."""
    seen = [c for c in " ".join(text.split()) if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")]
    assert plain(text, limit) == " ".join("".join(seen).split())[:limit].rstrip()


@given(st.text(max_size=80) | st.from_regex(r"(<[a-z/! ]{0,3}[^>]{0,9}>?){1,4}"))
def test_no_tag_comes_through(text: str):
    """Whatever a caption holds, what is kept of it is text on one line; ``</>`` is no tag."""
    ((raw, _),) = crawl_records([RawItem("a.svg", SVG, captions=(Caption(text),))], "s", "MIT", SETTINGS, 9)
    for caption in raw["own_captions"][0].as_py():
        assert caption["text"].isprintable() and not re.search("<[/!?]?[a-zA-Z][^<>]*>", caption["text"])
