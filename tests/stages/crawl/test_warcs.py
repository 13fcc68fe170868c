"""WARCs: by warcio and by wget, read to the very end, whatever was cut or damaged; responses as they were meant."""

import gzip
import hashlib
import io
import zlib
from collections import Counter
from pathlib import Path

import brotli
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, RawItem
from stages.crawl.captures import Captures, beside
from stages.crawl.container import Budget
from stages.crawl.responses import is_svg
from stages.crawl.warcs import warc_records
from stages.reasons import Reason
from tests.helpers import drawing
from tests.stages.crawl.warced import response, warced

DATA = Path(__file__).parents[2] / "data" / "warcs"
SVG = drawing(1).encode()
LIMIT = 10_000


def read(data: bytes, no_input: Counter[str] | None = None, budget: int = 10**8) -> list[RawItem]:
    captures = Captures(LIMIT, True, no_input if no_input is not None else Counter())
    captures.beside = beside(warc_records(io.BytesIO(data), "d/a.warc", Budget("d/a.warc", budget)), LIMIT)
    return list(captures.items(warc_records(io.BytesIO(data), "d/a.warc", Budget("d/a.warc", budget))))


def one(body: bytes, *headers: tuple[str, str], **more: str) -> bytes | tuple[Reason, str]:
    (item,) = read(warced(response("http://a.test/a.svg", body, *headers, **more)))
    return item.content


@pytest.mark.parametrize("name", ["wget.warc.gz", "plain.warc"])
def test_what_wget_archived_arrives(name: str) -> None:
    """As it came over the way, whatever its encoding was; with its URL, its time, and what its server reserves."""
    no_input: Counter[str] = Counter()
    items = {item.url: item for item in read((DATA / name).read_bytes(), no_input)}
    expected = {"plain.svg": 1, "packed.svg": 2, "chunked.svg": 3, "no-ai.svg": 4, "typeless": 5}
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M%d 1h4v4z"/></svg>'
    site = "http://127.0.0.1:8765/"
    assert {url: items[f"{site}{url}"].content for url in expected} == {url: svg % n for url, n in expected.items()}
    reserved = items[f"{site}no-ai.svg"].permission
    assert reserved is not None and reserved.verdict == "reserved" and reserved.signals[0].value == "noai"
    plain = items[f"{site}plain.svg"]
    assert plain.permission is None and plain.fetched is not None
    digits = "".join(c for c in plain.fetched if c.isdigit())
    assert plain.path == f"{digits}/{site}plain.svg"
    assert no_input["response with status 404"] == 1 and no_input["image/png in a WARC"] == 1


@pytest.mark.parametrize("packed", [True, False])
def test_records_are_those_that_another_reader_finds(packed: bool) -> None:
    """FastWARC's, of a WARC with all kinds of records."""
    data = warced(
        response("http://a.test/1.svg", SVG), response("http://a.test/2.svg", b"", status="404 Gone"),
        ("request", "http://a.test/1.svg", b"GET / HTTP/1.1\r\n\r\n"), ("metadata", "http://a.test/1.svg", b"a: b\r\n"),
        ("revisit", "http://a.test/1.svg", b""), packed=packed,
    )  # fmt: skip
    ours = [(r.kind, r.uri, r.block.left) for r in warc_records(io.BytesIO(data), "a", Budget("a", 10**8))]
    theirs = [
        (str(r.record_type), r.headers.get("WARC-Target-URI", ""), r.content_length)
        for r in ArchiveIterator(io.BytesIO(data), parse_http=False)
    ]
    assert ours == theirs and len(ours) == 6


@pytest.mark.parametrize("packed", [True, False])
def test_no_cut_ends_in_silence(packed: bool) -> None:
    """In a head, in a block, in a gzip member, or between two: all but one that leaves whole records alone."""
    data = warced(response("http://a.test/1.svg", SVG), response("http://a.test/2.svg", SVG * 3), packed=packed)
    silent = []
    for end in range(1, len(data)):
        try:
            read(data[:end])
        except ArchiveError as error:
            assert "\n" not in str(error) and "d/a.warc" in str(error)
        else:
            silent.append(end)
    starts = [r.stream_pos for r in ArchiveIterator(io.BytesIO(data), parse_http=False)]
    assert silent == starts[1:]


@pytest.mark.parametrize("packed", [True, False])
def test_what_stands_between_records_is_an_error(packed: bool) -> None:
    """Nothing is passed over to find the next record; line ends, and zeros behind the last gzip member, are nothing."""
    one_, two = (warced(response(f"http://a.test/{n}.svg", SVG), packed=packed, info=False) for n in (1, 2))
    assert len(read(one_ + two)) == 2
    for garbage in (b"garbage", gzip.compress(b"garbage"), b"\r\n\r\ngarbage\r\n\r\n", b"WARC/1.0\r\n\r\n"):
        for data in (one_ + garbage + two, one_ + two + garbage, garbage + one_):
            with pytest.raises(ArchiveError):
                read(data)
    if packed:
        assert len(read(one_ + two + bytes(100))) == 2
    else:
        assert len(read(one_ + b"\r\n" + two + b"\n")) == 2


def test_a_wrong_length_is_an_error() -> None:
    """A block has to end where its head says."""
    data = warced(response("http://a.test/1.svg", SVG), packed=False, info=False)
    length = data.split(b"Content-Length: ")[1].split(b"\r\n")[0]
    for other in (b"1", b"-5", b"x", b"9" * 30, str(int(length) - 1).encode(), str(int(length) + 1).encode()):
        with pytest.raises(ArchiveError):
            read(data.replace(b"Content-Length: " + length, b"Content-Length: " + other, 1))


def test_damage_in_a_block_costs_its_record() -> None:
    """Where the WARC has a digest of it."""
    data = warced(response("http://a.test/1.svg", SVG), response("http://a.test/2.svg", SVG), packed=False)
    at = data.index(SVG)
    first, second = read(data[:at] + b"<" + b"x" + data[at + 2 :])
    assert first.content == (Reason.UNREADABLE, "Bad WARC-Block-Digest") and second.content == SVG


ENCODED = {
    "gzip": gzip.compress(SVG), "x-gzip": gzip.compress(SVG), "deflate": zlib.compress(SVG), "br": brotli.compress(SVG),
    "zstd": pa.compress(SVG, "zstd", asbytes=True), "": SVG, "identity": SVG,
}  # fmt: skip


def chunked(data: bytes) -> bytes:
    parts = (data[i : i + 50] for i in range(0, len(data), 50))
    return b"".join(b"%X;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("way", [bytes, chunked])
def test_a_response_is_read_as_it_was_meant(encoding: str, way: type[bytes]) -> None:
    """Also where its encodings were taken off and the fields that name them left."""
    headers = [("Content-Encoding", encoding)] + ([("Transfer-Encoding", "chunked")] if way is chunked else [])
    assert one(way(ENCODED[encoding]), *headers) == SVG
    assert one(ENCODED[encoding], *headers) == SVG
    assert one(SVG, *headers) == SVG


def test_encodings_of_all_kinds() -> None:
    """Deflate without its frame, two encodings, and an .svgz, which is gzipped by itself."""
    assert one(zlib.compress(SVG)[2:-4], ("Content-Encoding", "deflate")) == SVG
    assert one(brotli.compress(gzip.compress(SVG)), ("Content-Encoding", "gzip, br")) == SVG
    assert one(gzip.compress(SVG, mtime=0)) == gzip.compress(SVG, mtime=0)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_cut_or_too_large_says_so(encoding: str) -> None:
    """A bomb stops at the limit; half a response is none."""
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": brotli.compress,
        "zstd": lambda d: pa.compress(d, "zstd", asbytes=True),
    }[encoding]
    bomb, cut = (
        one(pack(bytes(5_000_000)), ("Content-Encoding", encoding)),
        one(pack(SVG)[:-9], ("Content-Encoding", encoding)),
    )
    assert bomb[0] is Reason.TOO_LARGE and cut[0] in (Reason.BAD_GZIP, Reason.UNREADABLE)
    assert one(chunked(SVG)[:-30], ("Transfer-Encoding", "chunked"))[0] is Reason.NOT_FETCHED
    assert one(b"x" * (LIMIT + 1))[0] is Reason.TOO_LARGE


def test_what_was_captured_in_part_says_so() -> None:
    """By the record's own word."""
    assert one(SVG, **{"WARC-Truncated": "length"}) == (Reason.NOT_FETCHED, "cut when it was captured (length)")
    assert one(SVG, **{"WARC-Segment-Number": "1"})[0] is Reason.UNREADABLE


def test_records_that_are_no_response() -> None:
    """A resource or a conversion is content by itself; a revisit is nothing new; all others are counted."""
    no_input: Counter[str] = Counter()
    items = read(
        warced(
            ("resource", "file:///a.svg", SVG, "image/svg+xml"), ("conversion", "http://a.test/b", SVG, "text/plain"),
            ("resource", "file:///c", b"text", "text/plain"), ("revisit", "http://a.test/b", b""),
            response("dns:a.test", SVG), ("metadata", "", b""),
        ),
        no_input,
    )  # fmt: skip
    assert [(item.url, item.content) for item in items] == [("file:///a.svg", SVG), ("http://a.test/b", SVG)]
    assert no_input == {
        "warcinfo record of a WARC": 1, "text/plain in a WARC": 1, "revisit record of a WARC": 1,
        "response record of a WARC": 1, "metadata record of a WARC": 1,
    }  # fmt: skip


def test_names_are_of_the_record_alone_and_unique() -> None:
    """The second capture has its own time; of the same second it is numbered; a long URL keeps what makes it unique."""
    long = "http://a.test/" + "x" * 3000
    urls = ["http://a.test/a.svg"] * 3 + [f"{long}1.svg", f"{long}2.svg", "http://[bad/ö\n.svg"]
    dates = [
        "2026-01-31T01:02:03Z",
        "2026-01-31T01:02:03.123456Z",
        "2025-12-31T00:00:00Z",
        *["2026-01-01T00:00:00Z"] * 3,
    ]
    parts = [response(url, SVG, date=date) for url, date in zip(urls, dates, strict=True)]
    paths = [item.path for item in read(warced(*parts))]
    assert paths[:3] == [
        "20260131010203/http://a.test/a.svg", "20260131010203/http://a.test/a.svg#2", "20251231000000/http://a.test/a.svg",
    ]  # fmt: skip
    assert len(set(paths)) == 6 and max(len(path) for path in paths) < 1100 and "\n" not in "".join(paths)


def test_a_robots_txt_speaks_for_what_comes_after_it() -> None:
    """Of its host, and by the longest path."""
    robots = b"User-agent: *\nContent-Usage: /icons/ train-ai=n\n"
    items = read(
        warced(
            response("http://a.test/robots.txt", robots, ("Content-Type", "text/plain")),
            response("http://a.test/icons/a.svg", SVG), response("http://a.test/b.svg", SVG),
            response("http://b.test/icons/c.svg", SVG),
        )
    )  # fmt: skip
    assert [item.permission.verdict if item.permission else None for item in items] == ["reserved", None, None]


HTML = ("Content-Type", "text/html; charset=utf-8")


def test_drawings_in_pages_have_the_style_and_the_sprites_of_their_warc() -> None:
    """Also of what was captured after the page; each is called by its content; what the page says of them goes along."""
    page = b"""<html><head><link rel=stylesheet href=/s.css><link rel=license href="https://creativecommons.org/licenses/by/4.0/">
        <meta name=robots content="noai"></head><body><h1>Birds</h1><svg viewBox="0 0 9 9"><path class=x d="M1 1h4v4z"/></svg>
        <svg viewBox="0 0 9 9"><use href="/sprite.svg#tit"/></svg></body></html>"""
    sprite = b'<svg xmlns="http://www.w3.org/2000/svg"><symbol id="tit" viewBox="0 0 9 9"><path d="M2 2h3v3z"/></symbol></svg>'
    data = warced(
        response("http://a.test/page", page, HTML), response("http://a.test/none", b"<html><p>x</p></html>", HTML),
        response("http://a.test/s.css", b".x { fill: #ff0000 }", ("Content-Type", "text/css")),
        response("http://a.test/sprite.svg", sprite),
    )  # fmt: skip
    no_input: Counter[str] = Counter()
    first, second, symbol = read(data, no_input)
    assert isinstance(first.content, bytes) and b"#ff0000" in first.content
    assert isinstance(second.content, bytes) and b"M2 2h3v3z" in second.content
    assert symbol.path == "20260131000000/http://a.test/sprite.svg#tit" and isinstance(symbol.content, bytes)
    for item in (first, second):
        digest = hashlib.sha256(item.content).hexdigest()[:12]
        assert item.path == f"20260131000000/http://a.test/page#svg-{digest}" and item.url == "http://a.test/page"
        assert item.license == "https://creativecommons.org/licenses/by/4.0/" and item.license_from == "page"
        assert item.permission is not None and item.permission.verdict == "reserved"
    assert no_input["page without a drawing"] == 1 and no_input["sprite whose symbols are records"] == 1
    captures = Captures(LIMIT, False, no_input)
    without = captures.items(warc_records(io.BytesIO(data), "a", Budget("a", 10**8)))
    assert [item.url for item in without] == ["http://a.test/sprite.svg"]


def test_a_link_field_names_the_licence() -> None:
    """But not RSL's terms of use."""
    link = '<https://a.test/terms.xml>; rel="license"; type="application/rsl+xml", <https://a.test/mit>; rel="license"'
    (item,) = read(warced(response("http://a.test/a.svg", SVG, ("Link", link))))
    assert (item.license, item.license_from) == ("https://a.test/mit", "page")


def test_a_page_that_is_too_large_or_an_svg_by_another_name() -> None:
    """The first is counted, the second is a drawing."""
    no_input: Counter[str] = Counter()
    items = read(
        warced(
            response("http://a.test/p", b"<html>" + b"x" * LIMIT, HTML), response("http://a.test/q", SVG, HTML),
            response("http://a.test/r.svg", b"<html><p>sign in</p></html>", HTML),
            response("http://a.test/s.svg", b"<html>sorry"),
        ),
        no_input,
    )  # fmt: skip
    assert [item.url for item in items] == ["http://a.test/q", "http://a.test/s.svg"]
    assert no_input["text/html in a WARC, too_large"] == 1 and no_input["page without a drawing"] == 1


def test_memory_stops_at_the_budget() -> None:
    """What a WARC inflates to counts, also what is passed over."""
    data = warced(
        ("resource", "file:///a.bin", bytes(3_000_000), "application/zip"), response("http://a.test/a.svg", SVG)
    )
    assert len(read(data)) == 1
    with pytest.raises(ArchiveError, match="max_archive_bytes"):
        read(data, budget=2_000_000)


@pytest.mark.parametrize(
    ("data", "svg"),
    [
        (SVG, True), (b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- x --><svg>", True), (b"<svg:svg>", True),
        ("\ufeff<svg/>".encode("utf-16-le"), True), (b"<!DOCTYPE svg PUBLIC '' ''><svg>", True), (b"<svgfoo>", False),
        (b"<html><svg>", False), (b"", False), (b"<!DOCTYPE html><svg>", False), (b"<!--" * 9999, False),
    ],
)  # fmt: skip
def test_an_svg_is_told_by_its_first_element(data: bytes, svg: bool) -> None:
    """Whatever comes before it."""
    assert is_svg(data) is svg


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.booleans(), st.data())
def test_a_damaged_warc_raises_nothing_else(packed: bool, data: st.DataObject) -> None:
    """Whatever bytes are changed, reading ends in records or in ArchiveError."""
    whole = warced(response("http://a.test/1.svg", gzip.compress(SVG), ("Content-Encoding", "gzip")), packed=False)
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(gzip.compress(bytes(content)) if packed else bytes(content))
    except ArchiveError as error:
        assert "\n" not in str(error)
