"""How elements of a drawing are written: names, attributes, properties."""

from __future__ import annotations

import re

from lxml import etree

from stages.canonical import SVG_NS
from stages.crawl.html.cascade import unset
from stages.normalize.values.properties import GEOMETRY_PROPERTIES, PRESENTATION

XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
SVG = f"{{{SVG_NS}}}"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KEPT_PREFIXED = {
    "xlink:href": f"{{{XLINK}}}href",
    "xml:space": f"{{{_XML}}}space",
    "xml:lang": f"{{{_XML}}}lang",
    "xml:base": "",
}
NOT_DRAWN = re.compile(
    r"(?:on|data-|aria-|v-|ng-|x-).*|class|style|role|focusable|tabindex|xmlns|slot|part|is|key|hidden"
)
"""Attributes that say nothing of what is drawn; class and style are in the styles."""
SHOWN_BY_REFERENCE = frozenset(("defs", "symbol", "clipPath", "mask", "pattern", "marker", "filter"))
SHAPES = frozenset((
    "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "image", "foreignObject", "mesh",
))  # fmt: skip
_AS_ATTRIBUTES = PRESENTATION & frozenset((
    "fill", "fill-opacity", "fill-rule", "stroke", "stroke-opacity", "stroke-width", "stroke-linecap",
    "stroke-linejoin", "stroke-miterlimit", "stroke-dasharray", "stroke-dashoffset", "color", "clip-rule", "opacity",
    "stop-color", "stop-opacity", "display", "visibility",
))  # fmt: skip
"""Properties that are written as attributes, where their values are plain."""
LENGTH = re.compile(r"\+?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:px|em|rem|ex|cm|mm|in|pt|pc|%)?", re.IGNORECASE)
_PLAIN = re.compile(r"[#\w.,%/ -]+(?:\([#\w.,%/ -]*\))?")
TEXT_PROPERTIES = ("font-", "text-", "letter-", "word-", "white-space", "writing-mode", "direction", "dominant-")


def shows(root: etree._Element) -> bool:
    """Whether a drawing has a shape that is not there for references only, or shows one by ``use``."""
    ids = {element.get("id"): element for element in root.iter(f"{SVG}*") if element.get("id")}
    waiting, seen = [root], set()
    while waiting:
        element = waiting.pop()
        name = element.tag[len(SVG) :]
        if name in SHAPES:
            return True
        if name == "use":
            target = ids.get(fragment_of(element.get("href") or element.get(f"{{{XLINK}}}href") or ""))
            if target is not None and id(target) not in seen:
                seen.add(id(target))
                waiting += [target] if target.tag != f"{SVG}symbol" else list(target.iterchildren(f"{SVG}*"))
        if name not in SHOWN_BY_REFERENCE:
            waiting += element.iterchildren(f"{SVG}*")
    return False


def declare(element: etree._Element, name: str, text: str) -> None:
    """Give an element a property: as an attribute where both mean the same, else as style."""
    text = NOT_XML.sub("", text)
    if text.lower() in ("unset", "revert", "revert-layer"):
        text = unset(name)
    if (name in _AS_ATTRIBUTES and _PLAIN.fullmatch(text)) or (
        name in GEOMETRY_PROPERTIES and LENGTH.fullmatch(text.lstrip("-"))
    ):
        element.set(name, text)
        return
    if name in _AS_ATTRIBUTES:
        element.attrib.pop(name, None)
    style = element.get("style", "")
    element.set("style", f"{style};{name}:{text}" if style else f"{name}:{text}")


def append_text(parent: etree._Element, text: str) -> None:
    """Add text at the end of an element's content."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def fragment_of(value: str, outside: bool = False) -> str:
    """The id that a reference names, "" for none."""
    before, sign, fragment = value.strip().partition("#")
    return fragment if sign and (outside or not before) else ""
