"""Colours: CSS Color 4 to eight-bit sRGB, printed as short hexadecimal."""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from functools import lru_cache
from typing import NamedTuple

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_ICC = re.compile(r" (?:icc-color|device-[a-z]+)\([^()]*\)$", re.IGNORECASE)


class Color(NamedTuple):
    """Eight-bit sRGB channels and opacity 0..1."""

    red: int
    green: int
    blue: int
    alpha: float = 1.0


BLACK = Color(0, 0, 0)


@lru_cache(maxsize=8192)
def parse_color(text: str) -> Color | None:
    """The colour, None if ``text`` is no colour that can be known without a display (``currentColor`` is not one)."""
    text = text.strip()
    if text[:1] == "#" and _HEX.fullmatch(text):
        return _hex(text[1:])
    if "(" in text:
        text = _ICC.sub("", " ".join(text.split()))
        if text[:1] == "#":
            return _hex(text[1:]) if _HEX.fullmatch(text) else None
    from tinycss2.color4 import parse_color as parse

    found = parse(text)
    if found is None or found == "currentcolor" or isinstance(found, str):
        return None
    if found.space == "hsl":
        # CSS Color 4, section 7: saturation is clamped when it is read
        hue, saturation, lightness = (value or 0 for value in found.coordinates)
        red, green, blue = hls_to_rgb(
            hue % 360 / 360, min(max(lightness, 0), 100) / 100, min(max(saturation, 0), 100) / 100
        )
        return Color(_channel(red), _channel(green), _channel(blue), _alpha(found.alpha))
    try:
        srgb = found.to("srgb")
    except (NotImplementedError, ValueError, ZeroDivisionError, OverflowError):
        return None
    red, green, blue = (_channel(value or 0) for value in srgb.coordinates)
    return Color(red, green, blue, _alpha(srgb.alpha))


def _alpha(value: float | None) -> float:
    return 1.0 if value is None else min(max(float(value), 0.0), 1.0)


def _hex(digits: str) -> Color:
    if len(digits) < 6:
        digits = "".join(d + d for d in digits)
    values = bytes.fromhex(digits)
    return Color(values[0], values[1], values[2], values[3] / 255 if len(values) == 4 else 1.0)


def _channel(value: float) -> int:
    return int(min(max(value, 0.0), 1.0) * 255 + 0.5)


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
