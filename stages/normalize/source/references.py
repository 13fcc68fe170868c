"""References as browsers read them: the fragment of a URL is percent-decoded, and CSS escapes stand for characters.

Renderers compare ids with what is written, so decoded references are written into the source, too.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from lxml import etree

from stages.normalize.source.plain import Plain

_URL = re.compile(
    r"""url\(\s*(?:"([^"]*)"|'([^']*)'|((?:[^"'()\s\\]|\\[0-9a-fA-F]{1,6}\s?|\\.)*))\s*\)""", re.IGNORECASE | re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n]?|\n|(.))", re.DOTALL)
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_PLAIN_ID = re.compile(r"[^\s\"'()\\;{}<>]+")
_TEXTS = frozenset(("d", "points", "class", "id"))


def fragment(url: str) -> str:
    """The id that the fragment of a same-document URL names, "" for another URL."""
    target = url.strip()
    return unquote(target[1:]) if target[:1] == "#" else ""


def decode_references(root: etree._Element, plain: Plain) -> None:
    """Write the references of a document as the ids that they name."""
    changed = False
    for element in root.iter(etree.Element):
        for name, text in element.attrib.items():
            if name in _TEXTS or not ("%" in text or "\\" in text):
                continue
            if name in _HREFS:
                target = text.strip()
                new = "#" + fragment(target) if target[:1] == "#" else text
            else:
                new = _URL.sub(_decoded, text)
            if new != text:
                element.set(name, new)
                changed = True
        if element.tag == "{http://www.w3.org/2000/svg}style" and element.text:
            new = _URL.sub(_decoded, element.text)
            if new != element.text:
                element.text = new
                changed = True
    if changed:
        plain.note("references")


def _decoded(match: re.Match[str]) -> str:
    """One ``url()`` with its fragment decoded; as it was if that has no plain form."""
    written = next(text for text in match.groups() if text is not None) if any(match.groups()) else ""
    if not ("%" in written or "\\" in written):
        return match[0]
    name = fragment(_ESCAPE.sub(_character, written))
    if _PLAIN_ID.fullmatch(name):
        return f"url(#{name})"
    quote = "'" if '"' in name else '"'
    if not name or quote in name or "\\" in name or "\n" in name:
        return match[0]
    return f"url({quote}#{name}{quote})"


def _character(match: re.Match[str]) -> str:
    if match[1]:
        code = int(match[1], 16)
        return "\ufffd" if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)
    return match[2] or ""
