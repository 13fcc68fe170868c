"""From a page's bytes to text: which encoding it is in (HTML, section 13.2.3.2; Encoding Standard)."""

from __future__ import annotations

import codecs
import re

import webencodings

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_OF_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]{1,40})""", re.IGNORECASE)
_PRESCANNED = 4096
"""Bytes in which a ``meta`` may name the encoding. The standard says 1024; browsers look further."""
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_META = re.compile(rb"""<meta[\s/][^>]{0,500}?charset\s*=\s*["']?\s*([^\s"'/>;]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml\s[^>]{0,500}?encoding\s*=\s*["']\s*([^"'\s>]{1,40})""")
_CSS = re.compile(rb'@charset "([^"]{1,40})";')
_FALLBACK = "cp1252"


def decode(content: bytes, content_type: str = "") -> tuple[str, str]:
    """A page's text, and the encoding that it was read in.

    A byte order mark decides, else the ``charset`` of ``content_type``, else that of a ``meta`` near the start; else it
    is UTF-8 if the bytes are, and else windows-1252. Never raises: bytes that do not fit become U+FFFD.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _text(content[len(bom) :], encoding)
    head = content[:_PRESCANNED]
    declared = _codec(_label(_OF_HEADER.search(content_type[:1000])))
    if not declared:
        bare = _COMMENT.sub(b"", head)
        found = _codec(_label(_META.search(bare) or _XML.match(bare.lstrip())))
        # a label that could be read from single bytes is none of UTF-16
        declared = "utf-8" if found.startswith("utf-16") else found
    return _text(content, declared or _guess(content))


def decode_sheet(content: bytes, content_type: str = "", page_encoding: str = "utf-8") -> str:
    """A style sheet's text (CSS Syntax 3, section 3.2): the page's encoding where it does not name one itself."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _text(content[len(bom) :], encoding)[0]
    named = _codec(_label(_OF_HEADER.search(content_type[:1000])))
    if not named:
        named = _codec(_label(_CSS.match(content)))
        named = "utf-8" if named.startswith("utf-16") else named
    return _text(content, named or page_encoding)[0]


def _text(content: bytes, encoding: str) -> tuple[str, str]:
    text = content.decode(encoding, "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "\ufffd") if "\0" in text else text, encoding


def _label(match: re.Match[bytes] | re.Match[str] | None) -> str:
    if match is None:
        return ""
    label = match[1]
    return label if isinstance(label, str) else label.decode("ascii", "replace")


def _codec(label: str) -> str:
    """The codec of a label of the Encoding Standard, "" for what is none."""
    encoding = webencodings.lookup(label) if label else None
    if encoding is None or encoding.name == "replacement":
        return ""
    return _FALLBACK if encoding.name == "x-user-defined" else str(encoding.codec_info.name)


def _guess(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _FALLBACK
    return "utf-8"
