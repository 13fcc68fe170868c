"""Colours and opacities (CSS Color 3) to the canonical short hexadecimal form."""

from __future__ import annotations

import functools

import tinycss2.color3


@functools.lru_cache(4096)
def parse(text: str) -> tuple[str, float] | None:
    """(``#rgb`` or ``#rrggbb``, alpha 0..1) of a colour; None if it is none. ``currentColor`` is not resolved here."""
    value = tinycss2.color3.parse_color(text)
    if value is None or isinstance(value, str):
        return None
    channels = [min(255, max(0, round(channel * 255))) for channel in (value.red, value.green, value.blue)]
    return shorten("#{:02x}{:02x}{:02x}".format(*channels)), min(1.0, max(0.0, value.alpha))


def shorten(text: str) -> str:
    """``#aabbcc`` as ``#abc``, where that is the same colour."""
    return f"#{text[1]}{text[3]}{text[5]}" if text[1::2] == text[2::2] else text


def opacity(text: str | None) -> float:
    """An opacity, number or percentage, clamped to 0..1; 1 if it is absent or invalid."""
    if not text:
        return 1.0
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return 1.0
    return min(1.0, max(0.0, value)) if value == value else 1.0
