"""Other names of properties, in the document itself: renderers do not know them, and the cascade need not."""

from __future__ import annotations

import re

from lxml import etree

from stages.canonical import SVG_NS
from stages.normalize.source.plain import Plain
from stages.normalize.values.known_properties import ALIASES

_NAMES = "|".join(sorted(map(re.escape, ALIASES), key=len, reverse=True))
_DECLARED = re.compile(rf"(?<![\w-])({_NAMES})(?=\s*:)", re.IGNORECASE)
_STEMS = (b"-webkit-", b"inline-size", b"block-size", b"overflow-")
"""What the names have in common: to look for these takes a tenth of the time."""


def occurs(text: bytes) -> bool:
    """Whether a document, in lower case, may use another name."""
    return any(stem in text for stem in _STEMS)


def spell_out(root: etree._Element, plain: Plain) -> None:
    """Give the properties of style attributes and style sheets the names that the cascade knows."""
    for element in root.iter(f"{{{SVG_NS}}}*"):
        style = element.get("style")
        if style and _DECLARED.search(style):
            element.set("style", _DECLARED.sub(_name, style))
            plain.note("property_names")
        if element.tag == f"{{{SVG_NS}}}style" and element.text and _DECLARED.search(element.text):
            element.text = _DECLARED.sub(_name, element.text)
            plain.note("property_names")


def _name(match: re.Match[str]) -> str:
    return ALIASES[match[1].lower()]
