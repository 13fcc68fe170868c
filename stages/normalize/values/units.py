"""Lengths: reading them and what they refer to (CSS Values and Units 4; SVG 2, section 8.9)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from stages.base import Dropped
from stages.normalize.values.calculations import (
    FONT_UNITS,
    LENGTH,
    PIXELS,
    ROOT_FONT_SIZE,
    SCALAR,
    UNKNOWABLE,
    Term,
    UnknownFunction,
    parse_math,
    unknowable,
)
from stages.reasons import Reason

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LENGTH = re.compile(rf"({_NUMBER})([A-Za-z]*|%)")
NUMBER = re.compile(_NUMBER)

_PIXELS = {"": 1.0, **PIXELS}
_EXOTIC = frozenset(("q", "rem", "ch"))
"""Units that librsvg or resvg lacks."""

FONT_SIZE = ROOT_FONT_SIZE
"""Pixels of the initial font size, medium."""


class Length(NamedTuple):
    """A number with its unit in lower case: "px" for every absolute unit, "em", "ex", "rem", "ch" or "%".

    The unit is "calc" for a math function that needs a reference, in ``term``, and a unit or a function of which
    nothing is known for one that `resolve` refuses. ``exotic``: whether there are renderers that lack it.
    """

    value: float
    unit: str
    term: Term | None = None
    exotic: bool = False


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
        return _function(text) if "(" in text else None
    value, unit = float(match[1]), match[2].lower()
    if not math.isfinite(value):
        return None
    if unit in _PIXELS:
        return Length(value * _PIXELS[unit], "px", None, unit in _EXOTIC)
    if unit == "%" or unit in FONT_UNITS or unit in UNKNOWABLE:
        return Length(value, unit, None, unit in _EXOTIC)
    return None


def _function(text: str) -> Length | None:
    try:
        term = parse_math(text.strip())
    except UnknownFunction as error:
        return Length(0.0, str(error), None, True)
    if term is None or term.dimensions not in (LENGTH, SCALAR):
        return None
    return Length(0.0, "calc", term, True) if term.relative else Length(term.number(), "px", None, True)


def parse_number(text: str) -> float | None:
    """A plain finite number, None if ``text`` is none."""
    length = parse_length(text)
    return length.value if length and text.strip()[-1:] in "0123456789." else None


def parse_share(text: str) -> float | None:
    """A number or a percentage, as a number, also as a math function; None if it is invalid.

    Raises UnknownFunction.
    """
    if "(" in text:
        term = parse_math(text.strip(), percentages=True)
        if term is None or term.dimensions not in (SCALAR, (0, 0, 1)):
            return None
        return term.number() / (1 if term.dimensions == SCALAR else 100)
    length = parse_length(text)
    if length is not None and length.unit == "%":
        return length.value / 100
    return parse_number(text)


def resolve(length: Length, reference: float, font_size: float = FONT_SIZE) -> float:
    """User units of ``length``; percentages refer to ``reference``. An ex and a ch are half an em.

    Raises Dropped (UNSUPPORTED_CSS) for what the drawing alone does not tell.
    """
    value, unit, term, _ = length
    if unit == "px":
        return value
    if unit == "%":
        return value * reference / 100
    if unit == "rem":
        return value * FONT_SIZE
    if term is not None:
        return term.number(reference, font_size)
    if unit in FONT_UNITS:
        return value * font_size * (1.0 if unit == "em" else 0.5)
    if unit in UNKNOWABLE:
        raise unknowable(f"{value:g}{unit}", unit)
    raise Dropped(Reason.UNSUPPORTED_CSS, f"{unit}: a function that is not known in a length")


def in_pixels(length: Length, font_size: float) -> Length:
    """``length`` without units of the font; percentages stay. What cannot be known stays, too, until it is used."""
    unit, term = length.unit, length.term
    if unit in ("px", "%"):
        return length
    if term is not None:
        if "%" in term.relative:
            return length._replace(term=_at_font_size(term, font_size))
        return length if term.relative - FONT_UNITS else Length(term.number(0.0, font_size), "px", None, True)
    return Length(resolve(length, 0.0, font_size), "px", None, length.exotic) if unit in FONT_UNITS else length


def _at_font_size(term: Term, font_size: float) -> Term:
    return term._replace(value=lambda reference, size: term.value(reference, font_size))


def parse_size(text: str) -> Length | None:
    """A length that is not negative, None if it is invalid."""
    length = parse_length(text)
    if length is None or length.value >= 0:
        return length
    return Length(0.0, "px", None, True) if "(" in text else None  # a calculated value is clamped


_GAP = re.compile(r"\s*,\s*|\s+")


def split_list(text: str) -> list[str]:
    """The values of a list with spaces or commas between them, functions in one piece."""
    if "(" not in text:
        return _GAP.split(text.strip())
    parts, depth = [""], 0
    for char in text.strip():
        depth += (char == "(") - (char == ")")
        if depth == 0 and (char == "," or char.isspace()):
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part]
