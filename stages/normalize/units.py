"""Lengths: reading them and what they refer to (CSS Values and Units 4; SVG 2, section 8.9)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LENGTH = re.compile(rf"({_NUMBER})\s*([A-Za-z]*|%)")
NUMBER = re.compile(_NUMBER)

_PIXELS = {
    "": 1.0,
    "px": 1.0,
    "pt": 96 / 72,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "in": 96.0,
    "q": 96 / 101.6,
}
"""CSS pixels in each absolute unit."""

FONT_SIZE = 16.0
"""Pixels of the initial font size, medium."""


class Length(NamedTuple):
    """A number with its unit in lower case: "px" for every absolute unit, "em", "ex", "rem", "ch" or "%"."""

    value: float
    unit: str


class Viewport(NamedTuple):
    """What percentages refer to: the nearest viewport's size in user units."""

    width: float
    height: float

    @property
    def diagonal(self) -> float:
        """The reference of lengths that are neither horizontal nor vertical."""
        return math.sqrt((self.width * self.width + self.height * self.height) / 2)


@lru_cache(maxsize=8192)
def parse_length(text: str) -> Length | None:
    """A length, percentage or plain number; None if ``text`` is none or its unit is unknown."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        return None
    value, unit = float(match[1]), match[2].lower()
    if not math.isfinite(value):
        return None
    if unit in _PIXELS:
        return Length(value * _PIXELS[unit], "px")
    return Length(value, unit) if unit in ("%", "em", "ex", "rem", "ch") else None


def parse_number(text: str) -> float | None:
    """A plain finite number, None if ``text`` is none."""
    length = parse_length(text)
    return length.value if length and text.strip()[-1:] in "0123456789." else None


def resolve(length: Length, reference: float, font_size: float = FONT_SIZE) -> float:
    """User units of ``length``; percentages refer to ``reference``. An ex and a ch are half an em."""
    value, unit = length
    if unit == "px":
        return value
    if unit == "%":
        return value * reference / 100
    if unit == "rem":
        return value * FONT_SIZE
    return value * font_size * (1.0 if unit == "em" else 0.5)
