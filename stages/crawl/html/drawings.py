"""The drawings of a page, each as a record: a document of its own, and the words near it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stages.crawl.html.compose import Composed, Composer
from stages.crawl.html.document import Document, file_document, page_document
from stages.crawl.html.hints import Hints, hints_of, symbol_hints
from stages.crawl.html.links import links
from stages.crawl.html.tree import Element
from stages.crawl.items import RawItem

MOST_DRAWINGS = 2_000
"""Different drawings of a page."""
MOST_ELEMENTS = 200_000
"""Of all drawings of a page together, also of equal ones."""
MOST_BYTES = 32_000_000
"""Of all drawings of a page together."""
LARGEST = 8_000_000
"""Bytes of a drawing."""

EMPTY = "inline SVG that shows nothing"
OVER = "inline SVG past the limits of a page"
LICENSE = "rel=license"
"""The fact that names the URLs by which a page licenses what is in it."""


@dataclass
class _Record:
    composed: Composed
    hints: Hints
    name: str
    times: int = 1


def drawings(
    page: bytes,
    url: str,
    sheets: Mapping[str, bytes],
    sprites: Mapping[str, bytes],
    content_type: str = "",
    symbols: bool = False,
    left_out: Counter[str] | None = None,
) -> Iterator[RawItem]:
    """Every inline drawing of a page, in the order of the page, what is drawn more than once as one record.

    ``sheets`` and ``sprites``: the style sheets and the files that ``use`` takes parts of, by absolute URL without
    fragment, as `links` gives them. ``symbols``: each symbol of the page's own sprite sheets is a record, too.
    ``left_out``: counts what no record is made of. Never raises.

    A record is called ``<url>#svg-<12 hex digits of its content's sha256>``, so that it keeps its name as long as it
    is the same picture, wherever in the page it goes. Its facts say how often it is drawn (``times``), what of its look
    could not be brought in, and the page's ``rel=license``.
    """
    counts: Counter[str] = Counter() if left_out is None else left_out
    about = links(page, url, content_type)
    document = page_document(page, url, about.base, sheets, content_type) if about.drawings else None
    if document is None:
        return
    files: dict[str, Document | None] = {}

    def file(address: str) -> Document | None:
        if address not in files:
            content = sprites.get(address)
            files[address] = None if content is None else file_document(content, address)
        return files[address]

    composer = Composer(document, file)
    records = _Records(counts)
    for svg in document.outermost():
        if composer.elements > MOST_ELEMENTS:
            counts[OVER] += 1
            continue
        composed = composer.drawing(svg)
        records.add(composed, hints_of(svg, document, composed.symbols))
        if symbols and not composed.shows:
            for symbol in _symbols(svg):
                records.add(composer.symbol(symbol), symbol_hints(symbol), symbol.attributes.get("id", ""))
    facts = [(LICENSE, " ".join(about.licenses))] if about.licenses else []
    yield from records.items(url, facts)


def sprite_symbols(content: bytes, url: str, left_out: Counter[str] | None = None) -> Iterator[RawItem]:
    """Each symbol of a sprite file as a record of its own, called ``<url>#<id>``; none of a file that shows something.

    In a sprite without symbols, the parts with an id are taken: nested ``svg`` elements, and what stands in ``defs``.
    """
    counts: Counter[str] = Counter() if left_out is None else left_out
    document = file_document(content, url)
    if document is None:
        return
    composer = Composer(document, lambda _: None)
    if composer.drawing(document.root).shows:
        return
    records = _Records(counts)
    for symbol in _symbols(document.root):
        records.add(composer.symbol(symbol), symbol_hints(symbol), symbol.attributes.get("id", ""))
    yield from records.items(url, [])


def _symbols(svg: Element) -> list[Element]:
    """The parts of a sprite that each show something by reference."""
    inner = [element for element in svg.below()[1:] if element.space == "svg"]
    listed = [element for element in inner if element.tag == "symbol"]
    if listed:
        return listed
    named = [element for element in inner if element.attributes.get("id")]
    nested = [element for element in named if element.tag == "svg"]
    return nested or [each for each in named if each.above and each.above.tag == "defs" and each.tag in _PARTS]


_PARTS = frozenset(("g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon"))


class _Records:
    """The records of one page or file: equal ones once."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._records: dict[bytes, _Record] = {}
        self._bytes = 0

    def add(self, composed: Composed, hints: Hints, name: str = "") -> None:
        """Note a drawing. ``name``: what it is called, "" for what its content says."""
        content = composed.content
        if not composed.shows:
            self._counts[EMPTY] += 1
        elif (known := self._records.get(content)) is not None:
            known.times += 1
            known.hints = known.hints | hints
        elif len(self._records) >= MOST_DRAWINGS or len(content) > LARGEST or self._bytes + len(content) > MOST_BYTES:
            self._counts[OVER] += 1
        else:
            self._bytes += len(content)
            self._records[content] = _Record(composed, hints, name)

    def items(self, url: str, facts: list[tuple[str, str]]) -> Iterator[RawItem]:
        """The records, in the order in which they were noted."""
        names = Counter(record.name for record in self._records.values() if record.name)
        for content, record in self._records.items():
            name = record.name
            if not name or names[name] > 1:
                name = f"svg-{hashlib.sha256(content).hexdigest()[:12]}"
            times = [("times", str(record.times))] if record.times > 1 else []
            yield RawItem(
                path=f"{url}#{name}",
                content=content,
                url=url,
                hints=record.hints.words,
                captions=record.hints.captions,
                facts=(*times, *record.composed.facts, *facts),
                link=url,
            )
