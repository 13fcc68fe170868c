"""What a crawler reads of a page: links by group, the words for robots, in the page's encoding, whatever the bytes are."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.crawl.html import Links, absolute, links, sheet_links

HOME = "https://example.org/a/page.html"


def urls(page: str, group: str) -> list[str]:
    return [link.url for link in getattr(links(page.encode(), HOME), group)]


@pytest.mark.parametrize(
    ("page", "group", "expected"),
    [
        ("<a href=b>", "pages", ["https://example.org/a/b"]),
        ("<A HREF='/b?x=1&amp;y=2#part'>", "pages", ["https://example.org/b?x=1&y=2"]),
        ("<a href=/?a=1&copy=2>", "pages", ["https://example.org/?a=1&copy=2"]),
        ('<a href="#part"><a href="javascript:x()"><a href="mailto:a@b"><a href="ftp://h/x">', "pages", []),
        ('<a href="//other.org/x y">', "pages", ["https://other.org/x%20y"]),
        ("<base href='/c/'><a href=b>", "pages", ["https://example.org/c/b"]),
        ("<a href=b><base href=/c/><base href=/d/>", "pages", ["https://example.org/c/b"]),
        ("<!-- <a href=no> --><script>'<a href=no>'</script><textarea><a href=no></textarea><a href=b>", "pages", ["https://example.org/a/b"]),
        ('<p title="<a href=no>">', "pages", []),
        ("<script><!-- </script><a href=b>", "pages", ["https://example.org/a/b"]),
        ('<meta http-equiv=refresh content="0; URL=/next">', "pages", ["https://example.org/next"]),
        ("<img src=a.svg><img src=b.png>", "images", ["https://example.org/a/a.svg"]),
        ('<img srcset="a.svg 1x, b.svg 2x,c.svg, d.svg (x, y) 3x">', "images", [f"https://example.org/a/{n}.svg" for n in "abcd"]),
        ('<object data=a.svg><embed src=b.svg><source srcset="c.svg"><svg><image xlink:href=d.svg /></svg>', "images", [f"https://example.org/a/{n}.svg" for n in "abcd"]),
        ("<iframe src=a.svg></iframe>", "images", ["https://example.org/a/a.svg"]),
        ("<link rel='shortcut ICON' type=image/svg+xml href=a.svg><link rel=mask-icon href=b.svg>", "images", ["https://example.org/a/a.svg", "https://example.org/a/b.svg"]),
        ('<p style="background: url(&quot;a.svg&quot;)">', "images", ["https://example.org/a/a.svg"]),
        ("<style>a{background:url( 'a.svg' ),URL(b.svg)} /* url(c.svg) */</style>", "images", ["https://example.org/a/a.svg", "https://example.org/a/b.svg"]),
        ("<style>a{background:url(a\\.svg)}</style>", "images", ["https://example.org/a/a.svg"]),
        ("<style>@import 'a.css';@import url(b.css);</style><link rel=stylesheet href=c.css>", "sheets", [f"https://example.org/a/{n}.css" for n in "abc"]),
        ("<svg><use href='/s.svg#a'/><use xlink:href='t.svg#b'/><use href='#c'/></svg>", "sprites", ["https://example.org/s.svg", "https://example.org/a/t.svg"]),
        ("<link rel=alternate hreflang=de href=/de>", "pages", ["https://example.org/de"]),
        ("<link rel=sitemap href=/s.xml>", "sitemaps", ["https://example.org/s.xml"]),
    ],
)  # fmt: skip
def test_reference_is_in_its_group(page: str, group: str, expected: list[str]) -> None:
    assert urls(page, group) == expected


def test_words_about_use_arrive_as_they_are() -> None:
    """Licences, canonical URL, nofollow, metas and every relation."""
    page = b"""<html lang=en><title>A &amp; B</title><META NAME=Robots content="NoAI, nofollow">
    <meta name=tdm-reservation content=1><link rel=license href=https://creativecommons.org/licenses/by/4.0/>
    <link rel=canonical href=/c><link rel="license" type="application/rsl+xml" href=/l.xml><a rel="NoFollow" href=x>"""
    found = links(page, HOME)
    assert found.metas == (("robots", "NoAI, nofollow"), ("tdm-reservation", "1"))
    assert found.nofollow
    assert found.licenses == ("https://creativecommons.org/licenses/by/4.0/", "https://example.org/l.xml")
    assert (found.canonical, found.title, found.language) == ("https://example.org/c", "A & B", "en")
    assert [link.media_type for link in found.relations] == ["", "", "application/rsl+xml"]
    assert [link.rel for link in found.pages] == [("nofollow",)]


@pytest.mark.parametrize(
    ("page", "header", "encoding", "title"),
    [
        ("<title>é</title>".encode(), "", "utf-8", "é"),
        ("<title>é</title>".encode("cp1252"), "", "cp1252", "é"),
        ("<title>ж</title>".encode("koi8-r"), 'text/html; charset="KOI8-R"', "koi8-r", "ж"),
        ("<meta charset=koi8-r><title>ж</title>".encode("koi8-r"), "", "koi8-r", "ж"),
        ("<!-- charset=utf-8 --><meta http-equiv=Content-Type content='text/html; charset=shift_jis'><title>あ</title>".encode("shift_jis"), "", "shift_jis", "あ"),
        ("\ufeff<title>é</title>".encode("utf-16-le"), "text/html; charset=latin1", "utf-16-le", "é"),
        ("<meta charset=utf-16><title>é</title>".encode(), "", "utf-8", "é"),
    ],
)  # fmt: skip
def test_page_is_read_in_its_encoding(page: bytes, header: str, encoding: str, title: str) -> None:
    found = links(page, HOME, header)
    assert (found.encoding, found.title) == (encoding, title)


def test_sheet_has_images_and_imports() -> None:
    found = sheet_links("@import 'b.css'; a{background:url(c.svg)}", "https://example.org/css/a.css")
    assert [link.url for link in found.sheets] == ["https://example.org/css/b.css"]
    assert [link.url for link in found.images] == ["https://example.org/css/c.svg"]


@pytest.mark.parametrize(
    "reference", ["/p", "/a.b/c?x=1#f", "/a/../b", "/.x", "x y", "//h/x", "http://[::1", "http://h:x/", "\n/a\tb"]
)
def test_fast_way_to_a_url_is_the_slow_one(reference: str) -> None:
    """What is joined without `urljoin` is what `urljoin` gives."""
    from urllib.parse import urljoin

    try:
        slow = urljoin(HOME, reference.replace("\n", "").replace("\t", "")).partition("#")[0].replace(" ", "%20")
    except ValueError:
        slow = ""
    assert absolute(HOME, reference) == ("" if ":x" in slow else slow)


@pytest.mark.parametrize(
    "part",
    ["<a ", "<", "<!--", "<a b='", "<style>", "<title><a>", "<base href=x><b>", "x ", "url(", "/*", "a ( ", "</a ", "<a =", "<svg>", "a1 a2 "],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "<style>", "<img srcset='", "<a "])
def test_time_is_linear(part: str, before: str) -> None:
    """What other tokenizers take minutes for is read at once: a quadratic way would never end here."""
    links((before + part * 60_000).encode(), HOME)


SCRAPS = st.lists(
    st.sampled_from(
        ["<a", "<svg>", "<style>", "</style>", "<!--", "-->", " href=", "'", '"', ">", "/", "url(", ")", "&amp", ";",
         "<base href=", "http://[", "\0", "é", "\ud800", "<title>", "srcset=", "<img ", ",", "(", "x", " ", "\n"]
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), SCRAPS.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))))
def test_any_bytes_have_links(page: bytes) -> None:
    found = links(page, HOME)
    for field in fields(Links):
        if field.name in ("pages", "images", "sprites", "sheets"):
            assert all(link.url.startswith(("http://", "https://")) for link in getattr(found, field.name))
