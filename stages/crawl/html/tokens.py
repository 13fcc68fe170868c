"""HTML's tokens as regular expressions (HTML, section 13.2.5), each of which reads any text in linear time.

Every alternative is possessive and ends at the end of the text at the latest, so nothing is read twice. ``SPACE`` is
HTML's white space.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

from stages.patterns import compiled

SPACE = r"[\t\n\f\r ]"
NAME = r"[a-zA-Z][^\t\n\f\r />]*+"
ATTRIBUTES = (
    rf"(?:[\t\n\f\r /]++|[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rf"(?:{SPACE}*+={SPACE}*+(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r >\"'][^\t\n\f\r >]*+)?+)?+)*+"
)
"""What stands between a tag's name and its end."""
COMMENT = r"<!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+(?:--!?>|\Z))"
BOGUS = r"<(?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)"
"""What is no comment and no tag, and read like a comment: declarations, processing instructions, wrong end tags."""
END_TAG = rf"</{NAME}{ATTRIBUTES}(?:>|\Z)"
RAW_TEXT = "script|style|textarea|title|xmp|iframe|noembed|noframes"
"""Elements of HTML whose content is text, up to their end tag, whatever looks like a tag in it."""

_ATTRIBUTE = compiled(
    rf"([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rf"(?:{SPACE}*+={SPACE}*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >\"'][^\t\n\f\r >]*+))?+)?+"
)

MOST_ATTRIBUTES = 500
"""Attributes of an element; what comes after them is not read."""


def attributes(text: str) -> dict[str, str]:
    """A tag's attributes: names in lower case, the first of a name, entities replaced."""
    if not text or text == " " or text == "/":
        return {}
    values: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        name, double, single, bare = match.groups()
        name = name.lower()
        if name not in values:
            value = double or single or bare or ""
            values[name] = unescape_value(value) if "&" in value else value
            if len(values) >= MOST_ATTRIBUTES:
                break
    return values


_NAMED = re.compile(r"&([a-zA-Z][a-zA-Z0-9]*+)([;=]?)")


def unescape_value(text: str) -> str:
    """An attribute's value with its entities replaced.

    A named one without its semicolon is none before ``=``, a letter or a digit (section 13.2.5.73), so that
    ``?a=1&copy=2`` stays.
    """
    return html.unescape(_NAMED.sub(_only_whole, text))


def _only_whole(match: re.Match[str]) -> str:
    name, end = match.groups()
    known = name + ";" in html5 if end == ";" else name in html5 and not end
    return match[0] if known else "&amp;" + match[0][1:]
