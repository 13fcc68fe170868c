"""From bytes to text: which encoding a document is in (XML 1.0, appendix F), and whether the bytes keep to it."""

from __future__ import annotations

import codecs
import re

from stages.base import Dropped
from stages.reasons import Reason

_DECLARATION = re.compile(r"<\?xml(?=[\s?])[^>]{0,1000}?\?>")
_ENCODING = re.compile(rb"""<\?xml\s[^>]{0,500}?encoding\s*=\s*["']\s*([^"'\s>]{1,40})\s*["']""")
_WHITE = " \t\r\n\ufeff"

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_ALLOWED = frozenset(
    codecs.lookup(name).name
    for name in (
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "koi8-r", "koi8-u", "mac-roman"),
        *("shift_jis", "euc-jp", "euc-kr", "gbk", "gb2312", "gb18030", "big5"),
        *(f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
        *(f"cp{page}" for page in range(1250, 1259)),
    )
)
"""Encodings that keep ASCII's markup where it is, and the UTF-16s. UTF-7 and its like can hide markup."""


def decode(data: bytes) -> tuple[str, set[str]]:
    """The document's text, without byte order mark, leading white space and XML declaration; and notes.

    Raises Dropped: NOT_SVG if the text does not begin with markup, BAD_ENCODING if the encoding is unknown, is
    contradicted by a byte order mark, or does not fit the bytes.
    """
    notes: set[str] = set()
    encoding = ""
    for bom, name in _BOMS:
        if data.startswith(bom):
            data, encoding = data[len(bom) :], name
            notes.add("byte_order_mark")
            break
    declared = _declared(data if encoding in ("", "utf-8") else data.replace(b"\0", b"", 600)[:2000])
    if not encoding:
        head = data.lstrip()[:2]
        encoding = next((name for start, name in _UTF16 if head == start), "")
        if not encoding and head[:1] != b"<":
            raise Dropped(Reason.NOT_SVG, f"begins with {data[:12]!r}")
    if declared:
        encoding = _agree(encoding, declared)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        raise Dropped(Reason.BAD_ENCODING, f"not {encoding or 'utf-8'}: byte {error.start}") from None
    stripped = text.lstrip(_WHITE)
    if not stripped.startswith("<"):
        raise Dropped(Reason.NOT_SVG, f"begins with {stripped[:12]!r}")
    if found := _DECLARATION.match(stripped):
        if len(stripped) < len(text):
            notes.add("leading_white_space")
        stripped = stripped[found.end() :].lstrip(_WHITE)
    if encoding not in ("", "utf-8", "ascii"):
        notes.add("transcoded")
    return stripped, notes


def _declared(data: bytes) -> str:
    """The codec name of the declared encoding, "" if none is declared. Raises Dropped if it is not allowed."""
    found = _ENCODING.match(data.lstrip()[:1000])
    if found is None:
        return ""
    label = found[1].decode("ascii", "replace")
    try:
        name = codecs.lookup(label.lower()).name
    except (LookupError, ValueError):
        name = ""
    if name not in _ALLOWED:
        raise Dropped(Reason.BAD_ENCODING, f"encoding {label!r} is not supported")
    return name


def _agree(found: str, declared: str) -> str:
    """The encoding that the bytes' shape (``found``, "" if it says nothing) and the declaration agree on."""
    if declared == "utf-16" and found.startswith("utf-16"):
        return found
    if found in ("", declared) and not (found == "" and declared.startswith("utf-16")):
        return declared
    if found == "utf-8" and declared == "ascii":
        return found
    raise Dropped(Reason.BAD_ENCODING, f"declared {declared}, but the bytes are {found or 'of 8 bits'}")
