"""Sitemaps of all forms are read in bounded time and space; what is none is told."""

import contextlib
import gzip
import time

import pytest

from pipeline.sources.web import sitemaps
from pipeline.sources.web.sitemaps import Malformed, read


def test_an_index_a_list_and_a_text() -> None:
    index = b'<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap>'
    index += b"<loc> https://a.test/1.xml </loc><lastmod>2026</lastmod></sitemap></sitemapindex>"
    assert read(index).sitemaps == ("https://a.test/1.xml",)
    image = b"<image:image xmlns:image='i'><image:loc>https://a.test/i.svg</image:loc></image:image>"
    listed = b"<urlset xmlns='s'><url><loc>https://a.test/?a=1&amp;b=2</loc>" + image + b"</url><url/></urlset>"
    assert read(listed).pages == ("https://a.test/?a=1&b=2",) and read(listed).images == ("https://a.test/i.svg",)
    assert read(gzip.compress(listed)) == read(listed)
    assert read(b"\xef\xbb\xbfhttps://a.test/1\r\n\r\nhttps://a.test/2\n").pages == (
        "https://a.test/1",
        "https://a.test/2",
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "neither XML nor a list"),
        (b"hello\n", "neither XML nor a list"),
        (b"<urlset><url>", "no XML"),
        (b"<rss/>", "its root is <rss>"),
        (gzip.compress(b"<urlset/>", mtime=0)[:-4], "ends too early"),
        (b"\x1f\x8bgarbage", "gzip data is damaged"),
    ],
)
def test_what_is_no_sitemap_is_told(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read(body)


def test_hostile_sitemaps_end(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.process_time()
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE urlset [<!ENTITY e0 "x">{entities}]><urlset><url><loc>&e11;</loc></url></urlset>'
    with contextlib.suppress(Malformed):
        assert sum(map(len, read(bomb.encode()).pages)) < 100
    outside = b'<!DOCTYPE urlset [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset><url><loc>&e;</loc></url></urlset>'
    assert not any("root" in url for url in read(outside).pages)
    monkeypatch.setattr(sitemaps, "MOST_BYTES", 2**20)
    with pytest.raises(Malformed, match="inflates to more than"):
        read(gzip.compress(b" " * 2**22, mtime=0))
    deep = b"<urlset>" + b"<a>" * 100_000
    with pytest.raises(Malformed):
        read(deep)
    assert time.process_time() - began < 5
