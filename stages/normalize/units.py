"""Lengths (SVG 2, section 8.9): numbers with units, percentages against the right side of the viewport."""

from __future__ import annotations

import math
import re

_LENGTH = re.compile(
    r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(px|pt|pc|mm|cm|in|q|em|ex|rem|%)?\s*\Z", re.I
)
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}


def length(text: str | None, reference: float, font_size: float = 16.0) -> float | None:
    """A length in user units; ``reference`` is what 100 % means. None if absent, invalid or not finite."""
    if text is None:
        return None
    match = _LENGTH.match(text)
    if match is None:
        return None
    value, unit = float(match[1]), (match[2] or "").lower()
    if unit == "%":
        value *= reference / 100
    elif unit in ("em", "rem"):
        value *= font_size if unit == "em" else 16.0
    elif unit == "ex":
        value *= font_size / 2
    else:
        value *= _PIXELS[unit]
    return value if math.isfinite(value) else None


def numbers(text: str | None) -> list[float] | None:
    """Numbers separated by white space or commas; None if anything else is in the text."""
    if text is None:
        return None
    try:
        values = [float(part) for part in _SEPARATOR.split(text.strip()) if part] if _PLAIN.fullmatch(text) else None
    except ValueError:
        return None
    return values if values is not None and all(map(math.isfinite, values)) else None


_SEPARATOR = re.compile(r"[\s,]+")
_PLAIN = re.compile(r"[0-9eE+\-.,\s]*")
