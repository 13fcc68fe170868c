"""Colours of eight-bit sRGB: their names (CSS Color 4), and how they are printed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")


class Color(NamedTuple):
    """Eight-bit sRGB channels and opacity 0..1."""

    red: int
    green: int
    blue: int
    alpha: float = 1.0


BLACK = Color(0, 0, 0)

SYSTEM_COLORS = {
    "activetext": 0xFF0000, "buttonborder": 0x000000, "buttonface": 0xEFEFEF, "buttontext": 0x000000,
    "canvas": 0xFFFFFF, "canvastext": 0x000000, "field": 0xFFFFFF, "fieldtext": 0x000000, "graytext": 0x808080,
    "highlight": 0x3367D1, "highlighttext": 0xFFFFFF, "linktext": 0x0000EE, "mark": 0xFFFF00, "marktext": 0x000000,
    "selecteditem": 0x1967D2, "selecteditemtext": 0xFFFFFF, "visitedtext": 0x551A8B,
    "activeborder": 0x000000, "activecaption": 0xFFFFFF, "appworkspace": 0xFFFFFF, "background": 0xFFFFFF,
    "buttonhighlight": 0xEFEFEF, "buttonshadow": 0xEFEFEF, "captiontext": 0x000000, "inactiveborder": 0x000000,
    "inactivecaption": 0xFFFFFF, "inactivecaptiontext": 0x808080, "infobackground": 0xFFFFFF, "infotext": 0x000000,
    "menu": 0xFFFFFF, "menutext": 0x000000, "scrollbar": 0xFFFFFF, "threeddarkshadow": 0x000000,
    "threedface": 0xEFEFEF, "threedhighlight": 0x000000, "threedlightshadow": 0x000000, "threedshadow": 0x000000,
    "window": 0xFFFFFF, "windowframe": 0x000000, "windowtext": 0x000000,
}  # fmt: skip
"""System colours (CSS Color 4, section 10, and its deprecated ones), as Chromium paints them in light mode."""


def parse_word(text: str) -> Color | None:
    """The colour of a name or of hexadecimal digits, None for any other text (``currentColor`` is not one)."""
    if text[:1] == "#":
        return _hexadecimal(text[1:]) if _HEX.fullmatch(text) else None
    from tinycss2.color4 import parse_color

    color = parse_color(text)
    if color is None or isinstance(color, str):
        return _system(text)
    red, green, blue = (channel(value or 0) for value in color.to("srgb").coordinates)
    return Color(red, green, blue, opacity(color.alpha))


def _system(word: str) -> Color | None:
    value = SYSTEM_COLORS.get(word.lower())
    return None if value is None else Color(value >> 16, value >> 8 & 255, value & 255)


def opacity(value: float | None) -> float:
    """An opacity within 0..1; one that is missing is 1."""
    return 1.0 if value is None else min(max(float(value), 0.0), 1.0)


def _hexadecimal(digits: str) -> Color:
    if len(digits) < 6:
        digits = "".join(d + d for d in digits)
    values = bytes.fromhex(digits)
    return Color(values[0], values[1], values[2], values[3] / 255 if len(values) == 4 else 1.0)


def channel(value: float) -> int:
    """A channel 0..1 in eight bits."""
    return int(min(max(value, 0.0), 1.0) * 255 + 0.5)


def css(color: Color) -> str:
    """The colour as every renderer knows it."""
    red, green, blue, alpha = color
    return hexadecimal(color) if alpha == 1 else f"rgba({red},{green},{blue},{alpha:.6g})"


@lru_cache(maxsize=8192)
def hexadecimal(color: Color) -> str:
    """``#rgb`` where that is exact, else ``#rrggbb``, in lower case; the opacity is left out."""
    red, green, blue, _ = color
    if red % 17 == green % 17 == blue % 17 == 0:
        return f"#{red // 17:x}{green // 17:x}{blue // 17:x}"
    return f"#{red:02x}{green:02x}{blue:02x}"


def linear(channel: float) -> float:
    """A channel of sRGB, 0..1, in linear light (CSS Color 4, section 10.2)."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
