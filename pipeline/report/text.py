"""Turning values into text that is safe to show: numbers, sizes, pictures, and text that came out of crawled files."""

from __future__ import annotations

import base64
import json
import re

from markupsafe import Markup, escape

NARROW_SPACE = "\u202f"

# Characters that draw nothing, reorder their neighbours, or cannot be encoded in UTF-8: C0 and C1 controls,
# bidirectional marks, embeddings and isolates, zero-width space, line separators, surrogates (of file names that are
# not UTF-8), tags. Zero-width joiners stay: emoji and several scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e007f]"
)
_LAYOUT = re.compile(r"([\n\t])")
# Lists and quotes need the start of a line, which the templates never give away; links need "[", "@", "www." or a
# colon before text.
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~@$]|:(?=\S)|(?<=www)\.)", re.IGNORECASE)
_PNG = b"\x89PNG\r\n\x1a\n"


def _code_point(char: str) -> str:
    point = ord(char)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def plain(text: str) -> str:
    """``text`` with every invisible or reordering character as its escape; not yet escaped for any markup."""
    return _INVISIBLE.sub(lambda match: _code_point(match[0]), text)


def bdi(text: str) -> Markup:
    """``text`` escaped for HTML, isolated from the direction of its surroundings, invisible characters made visible."""
    parts: list[Markup] = []
    at = 0
    for match in _INVISIBLE.finditer(text):
        parts.append(escape(text[at : match.start()]))
        parts.append(Markup('<span class="ctl">{}</span>').format(_code_point(match[0])))
        at = match.end()
    parts.append(escape(text[at:]))
    return Markup("<bdi>{}</bdi>").format(Markup("").join(parts))


def block(text: str) -> str:
    """``text`` for a preformatted block: line feeds and tabs stay, other invisible characters become escapes."""
    return "".join(piece if piece in "\n\t" else plain(piece) for piece in _LAYOUT.split(text))


def markdown(text: str) -> Markup:
    """``text`` as Markdown that shows exactly it: no markup, no HTML, no link, fit for a table's cell."""
    return Markup(_MARKDOWN.sub(r"\\\1", plain(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def literal(text: str) -> Markup:
    """``text`` as a string literal of Python, on one line and in ASCII, for a fenced code block."""
    return Markup(json.dumps(text))


def count(n: int) -> str:
    """An integer with narrow no-break spaces between its groups of three digits."""
    return f"{n:,}".replace(",", NARROW_SPACE).replace("-", "\u2212")


def share(part: int, whole: int) -> str:
    """``part`` of ``whole`` in per cent with one decimal; "–" of nothing; what is not 0 or 100 never reads as such."""
    if whole == 0:
        return "–"
    value = 100 * part / whole
    if 0 < value < 0.1:
        return f"<0.1{NARROW_SPACE}%"
    if 99.9 < value < 100:
        return f">99.9{NARROW_SPACE}%"
    return (f"{value:.0f}" if part in (0, whole) else f"{value:.1f}") + f"{NARROW_SPACE}%"


def size(n: int) -> str:
    """A number of bytes in binary units with three significant digits or more."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = min(max(n.bit_length() - 1, 0) // 10, len(units) - 1)
    value, unit = n / 1024**power, units[power]
    digits = 0 if unit == "B" or value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}{NARROW_SPACE}{unit}"


def data_uri(picture: bytes) -> str:
    """A picture as a data: URI. Raises ValueError for bytes that do not begin as a PNG or WebP file does."""
    if picture.startswith(_PNG):
        kind = "png"
    elif picture.startswith(b"RIFF") and picture[8:12] == b"WEBP":
        kind = "webp"
    else:
        raise ValueError("a report's pictures must be PNG or WebP")
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")
