"""The words near a drawing: what it is called, what it stands for on its page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stages.crawl.html.document import Document
from stages.crawl.html.elements import HEADINGS
from stages.crawl.html.tree import Element
from stages.crawl.items import Caption

_LONGEST = 80
"""Characters of the text of a link or button that is about its icon, and not a text with an icon in it."""
_SURROUNDING = frozenset(("a", "button", "label", "summary", "option", "li", "th", "td", "dt", "span"))
_CLASS = re.compile(
    r"(?:icon|icn|ico|svg|glyph|fa|bi|ti|octicon|lucide|tabler|heroicon|feather|usa-icon|mdi)[-_]+(.+)", re.I
)
_DATA = ("data-icon", "data-lucide", "data-feather", "data-name", "data-icon-name", "data-testid")
_SPLIT = re.compile(r"[-_\s]+|(?<=[a-z])(?=[A-Z])")
_NO_WORD = frozenset((
    "icon", "icons", "svg", "sm", "md", "lg", "xl", "fw", "solid", "regular", "inline", "w", "h", "symbol", "testid",
    "logo-svg", "xs", "2x", "3x", "16", "20", "24", "32", "outline", "small", "large", "medium",
))  # fmt: skip


@dataclass(frozen=True)
class Hints:
    """``words``: keywords, each once; ``captions``: what the page calls the drawing."""

    words: tuple[str, ...] = ()
    captions: tuple[Caption, ...] = ()

    def __or__(self, other: Hints) -> Hints:
        return Hints(
            tuple(dict.fromkeys((*self.words, *other.words))), tuple(dict.fromkeys((*self.captions, *other.captions)))
        )


def hints_of(svg: Element, document: Document, symbols: Sequence[str]) -> Hints:
    """What is near a drawing. ``symbols``: ids of what it shows from elsewhere."""
    captions: dict[Caption, None] = {}
    words: dict[str, None] = {}
    for name in ("aria-label", "title"):
        _caption(captions, svg.attributes.get(name, ""))
    for ident in svg.attributes.get("aria-labelledby", "").split()[:5]:
        labelled = document.ids.get(ident)
        if labelled is not None and labelled.tag not in ("title", "desc"):
            _caption(captions, labelled.words(500))
    for name in _DATA:
        _add(words, _spelled(svg.attributes.get(name, "")))
    for ident in symbols:
        _add(words, _spelled(ident))
    for each in svg.attributes.get("class", "").split():
        if (match := _CLASS.fullmatch(each)) is not None:
            _add(words, _spelled(match[1]))
    _surroundings(svg, captions, words)
    _add(words, _heading(svg))
    return Hints(tuple(words), tuple(captions))


def _surroundings(svg: Element, captions: dict[Caption, None], words: dict[str, None]) -> None:
    """What the elements say that a drawing stands in: their labels, short texts, a figure's caption."""
    above = svg.above
    for steps in range(12):
        if above is None:
            return
        if above.tag == "figure":
            for each in above.children[:100]:
                if each.tag == "figcaption" and isinstance(each, Element):
                    _caption(captions, each.words(2_000))
        if steps < 4:
            if above.attributes.get("role") == "img" or above.tag in ("a", "button", "span", "i", "div"):
                _caption(captions, above.attributes.get("aria-label", "") or above.attributes.get("title", ""))
            if above.tag in _SURROUNDING and (text := above.words(4 * _LONGEST)) and len(text) <= _LONGEST:
                _add(words, text)
        above = above.above


def _caption(captions: dict[Caption, None], text: str) -> None:
    text = " ".join(text.split())
    if text:
        captions.setdefault(Caption(text, style="short"))


def symbol_hints(symbol: Element) -> Hints:
    """What a symbol of a sprite says of itself."""
    words: dict[str, None] = {}
    _add(words, _spelled(symbol.attributes.get("id", "")))
    label = " ".join(symbol.attributes.get("aria-label", "").split())
    return Hints(tuple(words), (Caption(label, style="short"),) if label else ())


def _add(words: dict[str, None], word: str) -> None:
    if word:
        words.setdefault(word)


def _spelled(name: str) -> str:
    """A name of a program as words: without what all icons are called."""
    parts = [part.lower() for part in _SPLIT.split(name[:200]) if part]
    return " ".join(part for part in parts if part not in _NO_WORD and not part.isdigit())


def _heading(svg: Element) -> str:
    """The heading next before a drawing: among what stands before it in what it stands in."""
    inner, above, steps = svg, svg.above, 0
    while above is not None and steps < 8:
        if above.tag in HEADINGS:
            return above.words(200)
        before = above.children[: above.children.index(inner)] if len(above.children) < 200 else []
        for each in reversed(before[-20:]):
            if each.tag in HEADINGS and isinstance(each, Element):
                return each.words(200)
        inner, above, steps = above, above.above, steps + 1
    return ""
