"""Whether a ``foreignObject`` shows anything: its content goes, but the normalizer has to know what a browser draws.

Of its content browsers draw HTML, text, and whole ``svg`` elements; other elements of the SVG namespace draw nothing
there.
"""

from __future__ import annotations

import re

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


def shows(foreign: etree._Element, sheets: str) -> bool:
    """Whether a ``foreignObject`` has content that can be seen. ``sheets``: the document's style sheets."""
    return _seen(foreign, bool(_BOX.search(sheets)))


def _seen(element: etree._Element, styled: bool) -> bool:
    """Whether something in an element, which itself may be drawn, can be seen."""
    if element.text and not element.text.isspace():
        return True
    for child in element:
        if child.tail and not child.tail.isspace():
            return True
        if isinstance(child.tag, str) and _drawn(child, styled):
            return True
    return False


def _drawn(element: etree._Element, styled: bool) -> bool:
    namespace, _, local = element.tag[1:].rpartition("}") if element.tag[0] == "{" else ("", "", element.tag)
    if namespace == SVG_NS:
        return local == "svg" and any(isinstance(child.tag, str) for child in element.iterdescendants())
    style = element.get("style", "")
    if local in _SILENT or _HIDING.search(style) or "hidden" in element.attrib:
        return False
    if namespace == XHTML_NS:
        if local in _REPLACED or _BOX.search(_EMPTY_BOX.sub("", style)) or element.get("bgcolor"):
            return True
        if styled and element.get("class"):
            return True  # a rule may give it a background
    return _seen(element, styled)
