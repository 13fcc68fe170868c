"""Colours: CSS Color 4 to eight-bit sRGB."""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from functools import lru_cache

from stages.normalize.values.calculations import UnknownFunction
from stages.normalize.values.color_functions import evaluate
from stages.normalize.values.srgb import BLACK, SYSTEM_COLORS, Color, channel, opacity, parse_word

_PLAIN = re.compile(r"(?:rgb|hsl)a?\([-+.,/%\s0-9degturna]*\)", re.IGNORECASE)
_ICC = re.compile(r" (?:icc-color|device-[a-z]+)\([^()]*\)$", re.IGNORECASE)


@lru_cache(maxsize=8192)
def parse_color(text: str) -> Color | None:
    """The colour, None if ``text`` is no colour that can be known without its place (``currentColor`` is not one)."""
    text = text.strip()
    if "(" in text:
        text = _ICC.sub("", " ".join(text.split()))
    if "(" not in text or text[:1] == "#":
        return parse_word(text)
    if not is_plain(text):
        return _function(text)
    from tinycss2.color4 import parse_color as parse

    color = parse(text)
    if color is None or isinstance(color, str):
        # rgb(50% 20 30%) and the like are new in CSS Color 4
        return _function(text)
    if color.space == "hsl":
        # CSS Color 4, section 7: saturation is clamped when it is read
        hue, saturation, lightness = (value or 0 for value in color.coordinates)
        red, green, blue = hls_to_rgb(
            hue % 360 / 360, min(max(lightness, 0), 100) / 100, min(max(saturation, 0), 100) / 100
        )
        return Color(channel(red), channel(green), channel(blue), opacity(color.alpha))
    try:
        srgb = color.to("srgb")
    except (NotImplementedError, ValueError, ZeroDivisionError, OverflowError):
        return None
    red, green, blue = (channel(value or 0) for value in srgb.coordinates)
    return Color(red, green, blue, opacity(srgb.alpha))


def is_plain(text: str) -> bool:
    """Whether a colour is written as every renderer knows it: hexadecimal, a name, rgb() or hsl() of numbers."""
    if "(" in text:
        text = _ICC.sub("", text.strip())
        return "(" not in text or bool(_PLAIN.fullmatch(text))
    return text.strip().lower() not in SYSTEM_COLORS


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
    try:
        return None if "currentcolor" in text.lower() else evaluate(text, BLACK)
    except UnknownFunction:
        return None
