"""Whether a ``foreignObject`` shows anything: its content goes, but the normalizer has to know what a browser draws.

Of its content browsers draw HTML, text, and whole ``svg`` elements; other elements of the SVG namespace draw nothing
there. The ``foreignObject`` clips it: a line of text that the margins of its paragraph move out shows nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree

from stages.canonical import SVG_NS

XHTML_NS = "http://www.w3.org/1999/xhtml"

_SILENT = frozenset(("head", "title", "style", "script", "template", "meta", "link", "noscript", "datalist"))
_REPLACED = frozenset((
    "img", "picture", "video", "canvas", "iframe", "object", "embed", "audio", "input", "button", "select", "textarea",
    "hr", "progress", "meter", "table",
))  # fmt: skip
_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0*\.?0*\s*(?:;|$))", re.I)
_BOX = re.compile(
    r"(?:^|[;{])\s*(?:background|border|outline|box-shadow|list-style|-webkit-mask|mask|content)[\w-]*\s*:"
)
_EMPTY_BOX = re.compile(
    r"(?:background(?:-color)?\s*:\s*(?:transparent|none|inherit|initial|unset)|border[\w-]*\s*:\s*(?:0(?:px)?|none)"
    r"|border-(?:collapse|spacing|radius)\s*:[^;]*|list-style[\w-]*\s*:\s*none)\s*(?=;|$)",
    re.I,
)


_SPACED = frozenset(("p", "ul", "ol", "dl", "blockquote", "pre", "figure", "h1", "h2", "h3", "h4", "h5", "h6"))
_MARGIN = 16.0
"""Pixels that the browser's style sheet leaves above these, at the initial font size, about."""
_ASCENT = 12.0
"""Pixels of a line of text of which less is nothing to read."""
_NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(?:px)?\s*")


def shows(foreign: etree._Element, sheets: str) -> bool:
    """Whether a ``foreignObject`` has content that can be seen. ``sheets``: the document's style sheets."""
    match = _NUMBER.fullmatch(foreign.get("height", ""))
    clips = match is not None and "overflow" not in sheets + foreign.get("style", "") + foreign.get("overflow", "")
    room = float(match[1]) if match is not None and clips else float("inf")
    return _seen(foreign, _Look(bool(_BOX.search(sheets)), "margin" not in sheets), room)


class _Look(NamedTuple):
    """What style sheets may do: give boxes a background, and leave margins as they are."""

    boxes: bool
    margins: bool


def _seen(element: etree._Element, look: _Look, room: float) -> bool:
    """Whether something in an element, which itself may be drawn, can be seen. ``room``: pixels down to the clip."""
    legible = room >= _ASCENT
    if legible and element.text and not element.text.isspace():
        return True
    for child in element:
        if legible and child.tail and not child.tail.isspace():
            return True
        if isinstance(child.tag, str) and _drawn(child, look, room):
            return True
    return False


def _drawn(element: etree._Element, look: _Look, room: float) -> bool:
    namespace, _, local = element.tag[1:].rpartition("}") if element.tag[0] == "{" else ("", "", element.tag)
    if namespace == SVG_NS:
        return local == "svg" and any(isinstance(child.tag, str) for child in element.iterdescendants())
    style = element.get("style", "")
    if local in _SILENT or _HIDING.search(style) or "hidden" in element.attrib:
        return False
    if namespace == XHTML_NS:
        if local in _REPLACED or _BOX.search(_EMPTY_BOX.sub("", style)) or element.get("bgcolor"):
            return True
        if look.boxes and element.get("class"):
            return True  # a rule may give it a background
        if local in _SPACED and look.margins and "margin" not in style:
            room -= _MARGIN
    return _seen(element, look, room)
