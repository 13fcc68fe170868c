"""Lengths of a page in pixels: what relative units are relative to is lost when a drawing leaves its page."""

from __future__ import annotations

import re

from stages.crawl.html.screen import HEIGHT, WIDTH

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_LENGTH = re.compile(rf"({_NUMBER})([a-z]+|%)?", re.IGNORECASE)
_RELATIVE = re.compile(rf"(?<![\w.#-])({_NUMBER})(rem|em|vw|vh|vmin|vmax)(?![\w%-])", re.IGNORECASE)
_PIXELS = {"px": 1.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "in": 96.0, "pt": 96 / 72, "pc": 16.0}
_KEYWORDS = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0,
    "xxx-large": 48.0,
}  # fmt: skip
_STEP = 1.2


def pixels(text: str, font_size: float, root_size: float) -> float | None:
    """A length in pixels; None for what is none, for percentages, and for what has to be calculated."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        return None
    value, unit = float(match[1]), (match[2] or "").lower()
    if not unit:
        return value
    factor = _PIXELS.get(unit) or _factor(unit, font_size, root_size)
    return None if factor is None else value * factor


def font_size(text: str, parent: float, root: float) -> float | None:
    """The computed value of ``font-size``, None for what is invalid or has to be calculated."""
    word = text.strip().lower()
    if word in _KEYWORDS:
        return _KEYWORDS[word]
    if word in ("smaller", "larger"):
        return parent / _STEP if word == "smaller" else parent * _STEP
    if word.endswith("%"):
        share = pixels(word[:-1], 0, 0)
        return None if share is None else parent * share / 100
    return pixels(word, parent, root)


def absolute(text: str, size: float | None, root_size: float) -> str:
    """A value with what depends on the page's root and window in pixels, and what depends on the font of an element
    outside of the drawing, whose font size is ``size``; None: it is within."""

    def replaced(match: re.Match[str]) -> str:
        unit = match[2].lower()
        if unit == "em" and size is None:
            return match[0]
        factor = _factor(unit, size or 0.0, root_size)
        return match[0] if factor is None else f"{float(match[1]) * factor:.6g}px"

    if "url(" in text or '"' in text or "'" in text:
        return text
    return _RELATIVE.sub(replaced, text)


def _factor(unit: str, size: float, root_size: float) -> float | None:
    return {
        "em": size,
        "rem": root_size,
        "ex": size / 2,
        "ch": size / 2,
        "vw": WIDTH / 100,
        "vh": HEIGHT / 100,
        "vmin": min(WIDTH, HEIGHT) / 100,
        "vmax": max(WIDTH, HEIGHT) / 100,
    }.get(unit)
