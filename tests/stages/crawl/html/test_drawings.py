"""Drawings of pages: as Chromium shows them there, named, bounded, and never an exception."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from stages.crawl import RawItem
from stages.crawl.html import drawings, sprite_symbols
from stages.render.renderers import vips
from stages.untrusted import xml_parser

PAGES = Path(__file__).parents[3] / "data" / "pages"
HOME = "https://example.org/"
SVG = "{http://www.w3.org/2000/svg}"
FILES = {HOME + path.name: path.read_bytes() for path in PAGES.iterdir() if path.suffix in (".css", ".svg")}
LIBRSVG = {
    "geometry-by-css": "librsvg knows no property d",
    "transform-by-css": "librsvg knows no property rotate, nor transform-box",
    "animation-that-stays": "librsvg shows no animation",
    "animated-smil": "librsvg shows no animation",
    "variables": "librsvg knows no calc()",
}
"""Pages whose documents show in Chromium what they show in the page, but not in this renderer."""


def records(page: str | bytes, symbols: bool = False, counts: Counter[str] | None = None) -> list[RawItem]:
    content = page.encode() if isinstance(page, str) else page
    return list(drawings(content, HOME, FILES, FILES, symbols=symbols, left_out=counts))


def root(item: RawItem) -> etree._Element:
    assert isinstance(item.content, bytes)
    return etree.fromstring(item.content, xml_parser())


def one(page: str) -> etree._Element:
    (item,) = records(page)
    return root(item)


def drawn(content: bytes, width: int, height: int) -> np.ndarray:
    tree = etree.fromstring(content)
    for name, side in (("width", width), ("height", height)):
        if "viewBox" not in tree.attrib:
            assert tree.get(name) == str(side)
        tree.set(name, str(side))
    image = vips().Image.svgload_buffer(etree.tostring(tree))
    return image.flatten(background=255).numpy()


@pytest.mark.parametrize("name", sorted(path.stem for path in PAGES.glob("*.html")))
def test_document_shows_what_the_page_shows(name: str) -> None:
    """Against Chromium's picture of the element in its page (benchmarks/page_drawings.py makes them)."""
    item, *others = records((PAGES / f"{name}.html").read_bytes())
    assert not others
    shown = vips().Image.new_from_file(str(PAGES / f"{name}.png"))
    shown = shown.flatten(background=255) if shown.hasalpha() else shown
    assert isinstance(item.content, bytes)
    alone = drawn(item.content, shown.width, shown.height)
    apart = np.abs(alone.astype(int) - shown.numpy().astype(int)).max(axis=2) > 64
    assert (apart.mean() > 0.02) == (name in LIBRSVG)


ICON = '<svg class="icon" viewBox="0 0 9 9"><path d="M1 1h7v7z"/></svg>'


def test_what_is_drawn_often_is_one_record() -> None:
    """White space, classes and what scripts ask for make no difference."""
    again = (
        ICON.replace("><path", ">\n  <path").replace("icon", "other").replace("<svg", "<svg data-x=1 aria-hidden=true")
    )
    (item,) = records(ICON + again + ICON)
    assert ("times", "3") in item.facts
    assert item.content == b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1h7v7z"/></svg>'


def test_name_stays_when_the_page_changes() -> None:
    """A record is called by its content, wherever it stands."""
    other = "<svg viewBox='0 0 9 9'><circle r=4 /></svg>"
    (before,) = records(f"<p>{ICON}")
    named = {item.path: item.content for item in records(f"<div>{other}<p>{ICON}")}
    assert len(named) == 2
    assert named[before.path] == before.content
    assert before.path.startswith(f"{HOME}#svg-")


def test_order_is_the_pages() -> None:
    sides = ["3", "1", "2"]
    page = "".join(f'<svg viewBox="0 0 9 9"><rect width={side} height=1 /></svg>' for side in sides)
    assert [root(item)[0].get("width") for item in records(page)] == sides


def test_sprite_sheet_is_no_drawing_and_its_symbols_are_where_asked() -> None:
    sheet = """<svg style="display:none"><symbol id="a" viewBox="0 0 4 4" fill="red"><rect width="4" height="4"/></symbol>
    <symbol id="b" viewBox="0 0 8 8"><use href="#a"/></symbol></svg>"""
    counts: Counter[str] = Counter()
    assert records(sheet, counts=counts) == []
    assert counts == {"inline SVG that shows nothing": 1}
    a, b = records(sheet, symbols=True)
    assert (a.path, b.path) == (f"{HOME}#a", f"{HOME}#b")
    assert (
        a.content
        == b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4" fill="red"><rect width="4" height="4"/></svg>'
    )
    assert [each.tag for each in root(b).iter()] == [f"{SVG}{tag}" for tag in ("svg", "defs", "symbol", "rect", "use")]


def test_sprite_file_gives_its_symbols() -> None:
    """Each by its id, with what it refers to; a file that shows something gives none."""
    items = list(sprite_symbols(FILES[f"{HOME}sprite.svg"], f"{HOME}sprite.svg"))
    assert [item.path.partition("#")[2] for item in items] == ["star", "plain", "styled", "shiny", "variable"]
    assert root(items[3]).find(f".//{SVG}linearGradient").get("id") == "shine"
    assert root(items[2])[0].get("fill") == "#6a1b9a"
    assert not list(sprite_symbols(ICON.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"').encode(), HOME))
    assert not list(sprite_symbols(b"no drawing", HOME))


def test_stacked_sprite_gives_its_parts() -> None:
    stack = b"""<svg xmlns="http://www.w3.org/2000/svg"><defs><svg id="x" viewBox="0 0 2 2"><path d="M0 0h2v2z"/></svg></defs></svg>"""
    (item,) = sprite_symbols(stack, HOME)
    assert item.path == f"{HOME}#x"
    assert root(item).get("viewBox") == "0 0 2 2"


@pytest.mark.parametrize(
    ("page", "captions", "hints"),
    [
        (f'<a href=/ aria-label="Go home">{ICON}</a>', ["Go home"], []),
        (f"<h2>Tools</h2><p><button>{ICON} Save  as</button>", [], ["Save as", "Tools"]),
        (f"<figure>{ICON}<figcaption>A <b>red</b> house</figcaption></figure>", ["A red house"], []),
        ('<svg class="bi bi-arrow-up-right" aria-label="Up"><path d="M0 0h1v1z"/></svg>', ["Up"], ["arrow up right"]),
        ('<svg aria-labelledby=x><title id=t>T</title><path d="M0 0h1v1z"/></svg><p id=x>Words of it</p>', ["Words of it"], []),
        ("<svg><use href='sprite.svg#star'/></svg>", [], ["star"]),
        ('<svg data-icon="magnifyingGlass"><path d="M0 0h1v1z"/></svg>', [], ["magnifying glass"]),
    ],
)  # fmt: skip
def test_words_near_a_drawing_come_along(page: str, captions: list[str], hints: list[str]) -> None:
    (item,) = records(page)
    assert [caption.text for caption in item.captions] == captions
    assert list(item.hints) == hints


def test_license_of_the_page_is_a_fact() -> None:
    (item,) = records(f'<a rel=license href="https://creativecommons.org/licenses/by/4.0/">CC</a>{ICON}')
    assert ("rel=license", "https://creativecommons.org/licenses/by/4.0/") in item.facts


def test_what_is_missing_is_said_and_leaves_its_mark() -> None:
    """Without its style sheet a drawing keeps its classes, by which later stages know."""
    (item,) = records(
        '<link rel=stylesheet href=none.css><svg><path class=a d="M0 0h9v9z" fill="var(--b)"/><use href="#no"/></svg>'
    )
    assert dict(item.facts) == {
        "style sheets not there": f"{HOME}none.css",
        "use not resolved": "#no",
        "without value": "fill: var(--b)",
    }
    assert root(item)[0].get("class") == "a"


def test_drawings_own_part_wins_over_an_equal_id_before_it() -> None:
    """Pages repeat ids of icons; each icon was drawn with its own. It is said."""
    page = """<svg width=9 height=9><clipPath id=a><circle r=2 /></clipPath><rect width=9 height=9 clip-path="url(#a)"/></svg>
    <svg width=9 height=9><clipPath id=a><circle r=4 /></clipPath><rect width=9 height=9 clip-path="url(#a)"/></svg>"""
    first, second = records(page)
    assert root(second).find(f".//{SVG}circle").get("r") == "4"
    assert not first.facts
    assert second.facts == (("id twice in the page", "a"),)


def test_names_of_what_is_brought_in_do_not_clash() -> None:
    page = """<svg style="display:none"><symbol id=s viewBox="0 0 4 4"><rect id=r width=4 height=4 fill="url(#g)"/></symbol>
    <linearGradient id=g><stop/></linearGradient></svg><svg id=x><g id=g><use href="#s"/><use href="sprite.svg#s2"/></g></svg>"""
    tree = one(page)
    names = [each.get("id") for each in tree.iter() if each.get("id")]
    assert len(names) == len(set(names))


def test_cycles_end() -> None:
    """Parts that refer to each other, and drawings that refer to what they are in."""
    cyclic = """<svg style=display:none><symbol id=a><use href="#b"/></symbol><symbol id=b><use href="#a"/><path d="M0 0h1v1z"/></symbol></svg>
    <svg><use href="#a"/></svg><svg id=self><use href="#self"/><g id=in><use href="#in"/></g><path d="M0 0h1v1z"/></svg>
    <style>:root{--a:var(--b);--b:var(--a)}@import "a.css";</style>"""
    assert len(records(cyclic)) == 2


@pytest.mark.parametrize(
    "page",
    [
        "<svg>" + "<g>" * 3000 + "<path d='M0 0h1v1z'/>",
        "<div>" * 5000 + ICON,
        "<svg>" + "<path d='M0 0h1v1z'/>" * 25_000,
        "<svg style=display:none><symbol id=a>" + "<path d='M0 0h1v1z'/>" * 3_000 + "</symbol></svg>" + "<svg><use href='#a'/></svg>" * 100,
        "<style>" + "".join(f".b:not(.a{i}) .b path{{fill:red}}" for i in range(500)) + "</style>" + "<div class=b>" * 300 + ICON * 100,
        "<style>" + "a{" * 5_000 + "</style>" + ICON,
        "<style>svg{fill:" + "calc(" * 5_000 + "</style>" + ICON,
        "<style>" + "".join(f":root{{--v{i}:var(--v{i + 1}) var(--v{i + 1})}}" for i in range(60)) + "svg{fill:var(--v0)}</style>" + ICON,
        "<style>" + ":is(" * 500 + "a" + ")" * 500 + "{fill:red}</style>" + ICON,
        "<style>*{fill:red}" + "* * * * * * * * * * path" * 40 + "{fill:red}</style>" + "<b><i>" * 200 + ICON,
        "<style>path:has(~ path ~ path ~ path ~ path){fill:red}</style><svg>" + "<path d='M0 0h1v1z'/>" * 100 + "</svg>",
        "".join(f"<svg><path d='M0 0h{i}v1z'/></svg>" for i in range(4_000)),
    ],
    ids=["deep", "deep-page", "many", "many-times", "rules", "blocks", "brackets", "variables", "is", "descendants", "has", "drawings"],
)  # fmt: skip
def test_what_is_made_to_take_long_is_bounded(page: str) -> None:
    counts: Counter[str] = Counter()
    total = 0
    for item in records(page, counts=counts):
        root(item)
        total += len(item.content)
    assert total <= 40_000_000


SCRAPS = st.lists(
    st.sampled_from(
        ["<svg>", "<svg ", "</svg>", "<path d='M0 0h9v9z'>", "<path ", "fill=var(--a)", " style='", "--a:red;", "fill:var(--a)", "'",
         '"', ">", "/>", "<g id=a>", "</g>", "<use href='#a'>", "<use href='sprite.svg#shiny'/>", "<style>", "</style>", "svg{", ".a ",
         "path", "{fill:red}", "}", "@media (min-width:1px){", "@layer a{", "@import 'more.css';", "&", ":is(", ")", "[a=b]", "!important",
         "<p>", "</p>", "<table>", "<td>", "<b>", "</b>", "<title>", "</title>", "<![CDATA[", "]]>", "<!--", "-->", "&amp", "&#0;", "&#xd800;",
         "\0", "\x0b", "\ufffe", "é", "<foreignObject>", "<math>", "<mi>", "<a:b c:d=1>", "<clipPath id=c>", "clip-path=url(#c)", " class=a",
         "<symbol id=a>", "<linearGradient id=c>", "<template>", "<select>", "viewBox='0 0 9 9'", " xlink:href=#a", "<text>", "x", "\\"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), SCRAPS.map(lambda page: page.encode("utf-8", "replace")), SCRAPS.map(lambda page: f"<svg>{page}".encode("utf-8", "replace"))))  # fmt: skip
def test_any_page_gives_documents(page: bytes) -> None:
    """No bytes raise, and what comes is well-formed and called differently."""
    items = records(page, symbols=True)
    for item in items:
        assert root(item).tag == f"{SVG}svg"
    assert len({item.path for item in items}) == len(items)
    for item in sprite_symbols(page, HOME):
        assert root(item).tag == f"{SVG}svg"
