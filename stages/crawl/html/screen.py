"""Media queries of a page, on the screen that pages are looked at here: 1280 by 720 pixels, light, with a mouse.

A drawing is of no certain size, so `stages.normalize.css.conditions` leaves open what depends on it; a page has a
window. What asks for the window's size is answered first, and the rest as there.
"""

from __future__ import annotations

import re
from functools import lru_cache

from stages.normalize.css.conditions import decided, media, supports

WIDTH, HEIGHT = 1280.0, 720.0
"""CSS pixels of the window."""

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+))(px|em|rem|cm|in|pt|)"
_COLON = re.compile(rf"\(\s*(min-|max-|)(device-|)(width|height)\s*:\s*{_NUMBER}\s*\)")
_RANGE = re.compile(
    rf"\(\s*(?:{_NUMBER}\s*(<=?|>=?)\s*)?(?:device-)?(width|height)\s*(?:(<=?|>=?|=)\s*{_NUMBER}\s*)?\)"
)
_SHAPE = re.compile(r"\(\s*orientation\s*:\s*(portrait|landscape)\s*\)")
_UNITS = {"px": 1.0, "em": 16.0, "rem": 16.0, "cm": 96 / 2.54, "in": 96.0, "pt": 96 / 72, "": 1.0}
_HOLDS, _FAILS = "(width)", "(not (width))"
"""Queries that are true and false of every screen."""


@lru_cache(maxsize=4096)
def shows(query: str) -> bool:
    """Whether a list of media queries holds. What depends on scripts, which do not run here, does not."""
    import tinycss2

    text = _COLON.sub(_colon, query.lower())
    text = _SHAPE.sub(lambda match: _answer(match[1] == "landscape"), _RANGE.sub(_range, text))
    if text.count("(") > 100:
        return False
    return decided(media(tinycss2.parse_component_value_list(text, skip_comments=True))) is True


@lru_cache(maxsize=4096)
def supported(condition: str) -> bool:
    """Whether a condition of ``@supports`` holds; what nobody here knows is taken for new, and browsers know it."""
    import tinycss2

    if condition.count("(") > 100:
        return False
    return decided(supports(tinycss2.parse_component_value_list(condition, skip_comments=True), {})) is not False


def _answer(holds: bool) -> str:
    return _HOLDS if holds else _FAILS


def _size(name: str) -> float:
    return WIDTH if name == "width" else HEIGHT


def _colon(match: re.Match[str]) -> str:
    edge, _, name, number, unit = match.groups()
    size, wanted = _size(name), float(number) * _UNITS[unit]
    return _answer(size >= wanted if edge == "min-" else size <= wanted if edge == "max-" else size == wanted)


def _range(match: re.Match[str]) -> str:
    low, low_unit, low_sign, name, sign, high, high_unit = match.groups()
    if low is None and high is None:
        return match[0]
    size = _size(name)
    holds = low is None or _compared(float(low) * _UNITS[low_unit], low_sign, size)
    return _answer(holds and (high is None or _compared(size, sign, float(high) * _UNITS[high_unit])))


def _compared(left: float, sign: str, right: float) -> bool:
    if sign[0] == "<":
        return left < right or (sign == "<=" and left == right)
    if sign[0] == ">":
        return left > right or (sign == ">=" and left == right)
    return left == right
