"""Colours: CSS Color 4 to eight-bit sRGB, printed as short hexadecimal."""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from functools import lru_cache
from typing import NamedTuple

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_PLAIN = re.compile(r"(?:rgb|hsl)a?\([-+.,/%\s0-9degturna]*\)", re.IGNORECASE)
_ICC = re.compile(r" (?:icc-color|device-[a-z]+)\([^()]*\)$", re.IGNORECASE)


class Color(NamedTuple):
    """Eight-bit sRGB channels and opacity 0..1."""

    red: int
    green: int
    blue: int
    alpha: float = 1.0


BLACK = Color(0, 0, 0)

_SYSTEM = {
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


@lru_cache(maxsize=8192)
def parse_color(text: str) -> Color | None:
    """The colour, None if ``text`` is no colour that can be known without its place (``currentColor`` is not one)."""
    text = text.strip()
    if text[:1] == "#" and _HEX.fullmatch(text):
        return _hex(text[1:])
    if "(" in text:
        text = _ICC.sub("", " ".join(text.split()))
        if text[:1] == "#":
            return _hex(text[1:]) if _HEX.fullmatch(text) else None
        if not is_plain(text):
            return _function(text)
    from tinycss2.color4 import parse_color as parse

    color = parse(text)
    if color is None or color == "currentcolor" or isinstance(color, str):
        # rgb(50% 20 30%) and the like are new in CSS Color 4
        return _function(text) if "(" in text else _system(text)
    if color.space == "hsl":
        # CSS Color 4, section 7: saturation is clamped when it is read
        hue, saturation, lightness = (value or 0 for value in color.coordinates)
        red, green, blue = hls_to_rgb(
            hue % 360 / 360, min(max(lightness, 0), 100) / 100, min(max(saturation, 0), 100) / 100
        )
        return Color(_channel(red), _channel(green), _channel(blue), _alpha(color.alpha))
    try:
        srgb = color.to("srgb")
    except (NotImplementedError, ValueError, ZeroDivisionError, OverflowError):
        return None
    red, green, blue = (_channel(value or 0) for value in srgb.coordinates)
    return Color(red, green, blue, _alpha(srgb.alpha))


def is_plain(text: str) -> bool:
    """Whether a colour is written as every renderer knows it: hexadecimal, a name, rgb() or hsl() of numbers."""
    if "(" in text:
        text = _ICC.sub("", text.strip())
        return "(" not in text or bool(_PLAIN.fullmatch(text))
    return text.strip().lower() not in _SYSTEM


_MODERN = re.compile(r"(?<![\w-])(?:(?:ok)?(?:lab|lch)|color(?:-mix)?)\(|\bfrom\s|\bnone\b", re.IGNORECASE)


def is_modern(text: str) -> bool:
    """Whether a colour function is none of the legacy ones, which are of sRGB (CSS Color 4, section 4.1)."""
    text = text.strip()
    if text[:11].lower() == "light-dark(":
        depth = 0
        for i, char in enumerate(text):
            depth += (char == "(") - (char == ")")
            if char == "," and depth == 1:
                return is_modern(text[11:i])
    return bool(_MODERN.search(text))


def _function(text: str) -> Color | None:
    """The colour of a function, None if it is none or depends on ``currentColor``."""
    from stages.normalize.calculations import UnknownFunction
    from stages.normalize.color_functions import evaluate

    try:
        return None if "currentcolor" in text.lower() else evaluate(text, BLACK)
    except UnknownFunction:
        return None


def _system(word: str) -> Color | None:
    value = _SYSTEM.get(word.lower())
    return None if value is None else Color(value >> 16, value >> 8 & 255, value & 255)


def _alpha(value: float | None) -> float:
    return 1.0 if value is None else min(max(float(value), 0.0), 1.0)


def _hex(digits: str) -> Color:
    if len(digits) < 6:
        digits = "".join(d + d for d in digits)
    values = bytes.fromhex(digits)
    return Color(values[0], values[1], values[2], values[3] / 255 if len(values) == 4 else 1.0)


def _channel(value: float) -> int:
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
