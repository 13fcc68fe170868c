"""From bytes to text: which encoding a document is in (XML 1.0, appendix F), and whether the bytes keep to it."""

from __future__ import annotations

import codecs
import re

import webencodings

from stages.base import Dropped
from stages.reasons import Reason

_DECLARATION = re.compile(r"<\?xml(?=[\s?])[^>]{0,1000}?\?>")
_ENCODING = re.compile(rb"""<\?xml\s[^>]{0,500}?encoding\s*=\s*["']\s*([^"'\s>]{1,40})\s*["']""")
_WHITE = " \t\r\n\ufeff"

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_NOT_OF_BYTES = frozenset(("utf-16le", "utf-16be", "x-user-defined", "replacement"))
_WIDE = frozenset(("utf-32", "ucs-2", "ucs-4", "iso-10646-ucs-2", "iso-10646-ucs-4"))
"""Names of encodings of more bytes, wrong where the declaration could be read."""
_C1 = "svgmill-c1"


def _as_c1(error: UnicodeError) -> tuple[str, int]:
    """Bytes that a code page of one byte leaves open are control characters (Encoding Standard, section 9)."""
    if not isinstance(error, UnicodeDecodeError) or not all(
        0x80 <= b < 0xA0 for b in error.object[error.start : error.end]
    ):
        raise error
    return "".join(map(chr, error.object[error.start : error.end])), error.end


codecs.register_error(_C1, _as_c1)


def decode(data: bytes) -> tuple[str, set[str]]:
    """The document's text, without byte order mark, leading white space and XML declaration; and notes.

    A byte order mark or the look of UTF-16 decides; else the declaration, as browsers read it: by the Encoding
    Standard's labels, UTF-8 where the label is one of UTF-16, since the declaration itself was read from single bytes.
    Browsers take what is no label for UTF-8, too; UTF-7 is none, and hides markup, so it is refused.

    Raises Dropped: NOT_SVG if the text does not begin with markup, BAD_ENCODING if the encoding does not fit the bytes.
    """
    notes: set[str] = set()
    encoding = ""
    for bom, name in _BOMS:
        if data.startswith(bom):
            data, encoding = data[len(bom) :], name
            notes.add("byte_order_mark")
            break
    if not encoding:
        head = data.lstrip()[:2]
        encoding = next((name for start, name in _UTF16 if head == start), "")
        if not encoding and head[:1] != b"<":
            raise Dropped(Reason.NOT_SVG, f"begins with {data[:12]!r}")
    label = _label(data if encoding in ("", "utf-8") else data.replace(b"\0", b"", 600)[:2000])
    if label and not _agrees(label, encoding):
        notes.add("encoding_misdeclared")
    if label and not encoding and webencodings.lookup(label) is None and label not in _WIDE:
        raise Dropped(Reason.BAD_ENCODING, f"declared {label}, which is no encoding of the web")
    encoding = encoding or _codec(label)
    try:
        text = data.decode(encoding, _C1 if encoding.startswith("cp125") else "strict")
    except UnicodeDecodeError as error:
        raise Dropped(Reason.BAD_ENCODING, f"not {encoding}: byte {error.start}") from None
    stripped = text.lstrip(_WHITE)
    if not stripped.startswith("<"):
        raise Dropped(Reason.NOT_SVG, f"begins with {stripped[:12]!r}")
    if declaration := _DECLARATION.match(stripped):
        if len(stripped) < len(text):
            notes.add("leading_white_space")
        stripped = stripped[declaration.end() :].lstrip(_WHITE)
    if encoding != "utf-8":
        notes.add("transcoded")
    return stripped, notes


def _label(data: bytes) -> str:
    """The encoding that the XML declaration names, "" if it names none."""
    match = _ENCODING.match(data.lstrip()[:1000])
    return "" if match is None else match[1].decode("ascii", "replace").lower()


def _codec(label: str) -> str:
    """The codec of a label of the Encoding Standard for bytes in which the declaration could be read."""
    encoding = webencodings.lookup(label) if label else None
    if encoding is None or encoding.name in _NOT_OF_BYTES:
        return "utf-8"
    return str(encoding.codec_info.name)


def _agrees(label: str, encoding: str) -> bool:
    """Whether a declared encoding is the one that the bytes are in. ``encoding``: what they look like, "" for any."""
    declared = webencodings.lookup(label)
    if declared is None:
        return encoding.startswith("utf-16") and label == "utf-16"
    if declared.name.startswith("utf-16"):
        return encoding.startswith("utf-16") and (label == "utf-16" or declared.name == encoding.replace("16-", "16"))
    return encoding in ("", declared.name)
