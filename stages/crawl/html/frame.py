"""The root of a drawing: what its page says of it as a picture, without what is said of its box and place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from lxml import etree

from stages.crawl.html.cascade import Styles, Winner
from stages.crawl.html.lengths import pixels
from stages.crawl.html.tree import Element
from stages.crawl.html.writing import LENGTH, TEXT_PROPERTIES, declare
from stages.normalize.css.declarations import INITIAL_TEXTS
from stages.normalize.values.properties import INHERITED

_BOX = frozenset((
    "transform", "-webkit-transform", "transform-origin", "-webkit-transform-origin", "transform-box", "translate",
    "rotate", "scale", "x", "y", "width", "height", "inline-size", "block-size", "overflow", "overflow-x", "overflow-y",
    "display", "visibility", "vertical-align", "mix-blend-mode", "isolation", "offset-path", "offset", "white-space",
    "outline", "outline-style", "content-visibility", "box-shadow", "direction", "writing-mode",
))  # fmt: skip
"""Properties by which a page places the box of a drawing, or hides it; borders and paddings beside."""
_BOX_PREFIXES = ("border", "padding", "-webkit-border", "-webkit-padding", "animation", "-webkit-animation")


class Frame:
    """The root of one drawing. ``alone``: it is a symbol, which nothing surrounds; ``note``: takes facts."""

    def __init__(
        self,
        svg: Element,
        root: etree._Element,
        styles: Styles,
        alone: bool,
        note: Callable[[str, Iterable[str]], None],
    ) -> None:
        self._svg, self._root, self._styles, self._alone, self._note = svg, root, styles, alone, note

    def declare(self, winners: Mapping[str, Winner], with_urls: Callable[[str], str]) -> None:
        """Give the root its own styles. ``with_urls``: a value with its references as the drawing has them."""
        root = self._root
        if self._alone:
            for name in ("x", "y", "refX", "refY", "transform"):
                root.attrib.pop(name, None)
        for name, winner in winners.items():
            if name in _BOX or name.startswith(_BOX_PREFIXES):
                continue
            text = with_urls(winner.text)
            if name == "opacity" and pixels(text, 0, 0) == 0:
                self._note("hidden by the page", ["opacity"])
                continue
            declare(root, name, text)
        for name, hidden in (("display", "none"), ("visibility", "hidden")):
            if (name in winners and winners[name].text.lower() == hidden) or root.attrib.pop(name, "") == hidden:
                self._note("hidden by the page", [name])
        self._size(winners)

    def _size(self, winners: Mapping[str, Winner]) -> None:
        """Width and height of the box where nothing else says how large the picture is (CSS 2, section 10.3.2)."""
        root = self._root
        if root.get("viewBox"):
            for name in ("width", "height"):
                if name in root.attrib and not LENGTH.fullmatch(root.get(name, "").strip()):
                    del root.attrib[name]
            return
        styles = self._styles
        size = styles.inherited(self._svg).size
        for name, usual in (("width", "300"), ("height", "150")):
            text = winners[name].text if name in winners else root.get(name, "")
            value = pixels(text, size, styles.root_size)
            if value is None and text.strip().lower() not in ("", "auto"):
                self._note("size not known", [f"{name}: {text[:100]}"])
            root.set(name, usual if value is None or value < 0 else f"{value:.6g}")

    def inherit(self) -> None:
        """What surrounds the drawing hands down to its root."""
        root, svg = self._root, self._svg
        written = etree.tostring(root).lower()
        colored = b"currentcolor" in written
        for name in [name for name, value in root.attrib.items() if value in ("inherit", "currentColor")]:
            if root.get(name) == "inherit" or name == "color":
                del root.attrib[name]
        if not colored:
            root.attrib.pop("color", None)
        if self._alone or svg.above is None:
            return
        texts = b"<text" in written
        relative = re.search(rb"[\d.]em\b", written) is not None
        style = f";{root.get('style', '')}"
        for name, text in sorted(self._styles.inherited(svg.above).values.items()):
            if name in root.attrib or f";{name}:" in style or name in _BOX or name == "color-scheme":
                continue
            if name == "color" and not colored:
                continue
            if name.startswith(TEXT_PROPERTIES):
                if name.startswith("font-") and ";font:" in style:
                    continue
                if not texts and not (name == "font-size" and relative):
                    continue
            declare(root, name, text)


def surround(root: etree._Element, definitions: Sequence[tuple[etree._Element, Mapping[str, str]]]) -> None:
    """What definitions are handed where they stood, where the drawing would hand them something else."""
    for element, handed in definitions:
        written = etree.tostring(element).lower()
        style = f";{element.get('style', '')}"
        for name in sorted(INHERITED):
            other = name in root.attrib or f";{name}:" in f";{root.get('style', '')}"
            if name in element.attrib or f";{name}:" in style or not (other or name in handed):
                continue
            if (name == "color" and b"currentcolor" not in written) or name == "color-scheme":
                continue
            if name.startswith(TEXT_PROPERTIES) and b"<text" not in written:
                continue
            text = handed.get(name) or INITIAL_TEXTS.get(name)
            if text:
                declare(element, name, text)
