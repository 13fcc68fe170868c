"""Values of the properties of text (CSS Fonts 4, Text 4, Text Decoration 4); None for what is invalid."""

from __future__ import annotations

import re

from stages.normalize.values.units import FONT_SIZE, Length, parse_length, parse_number, parse_size


def parse_font_size(text: str) -> Length | float | None:
    """``font-size``: keywords of CSS Fonts 4, section 2.5, as lengths."""
    word = text.strip().lower()
    if word in _FONT_SIZES:
        return Length(_FONT_SIZES[word], "px", None, True)
    if word in _FONT_STEPS:
        return Length(_FONT_STEPS[word], "em", None, True)
    return parse_size(text)


_FONT_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": FONT_SIZE,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
    "xxx-large": 48.0,
}
_FONT_STEPS = {"larger": 1.2, "smaller": 1 / 1.2}

BASELINES = (
    "auto", "alphabetic", "no-change", "use-script", "reset-size", "middle", "central", "hanging", "mathematical",
    "ideographic", "text-after-edge", "text-before-edge",
)  # fmt: skip
ALIGNMENTS = (
    "auto", "baseline", "before-edge", "text-before-edge", "middle", "central", "after-edge", "text-after-edge",
    "ideographic", "alphabetic", "hanging", "mathematical",
)  # fmt: skip
_WEIGHTS = {"normal": 400.0, "bold": 700.0}


def parse_weight(text: str) -> float | str | None:
    """``font-weight``: a number, or bolder and lighter, which `relative_weight` resolves."""
    word = text.strip().lower()
    if word in ("bolder", "lighter"):
        return word
    number = parse_number(word)
    return _WEIGHTS.get(word) or (number if number is not None and 1 <= number <= 1000 else None)


def relative_weight(word: str, parent: float) -> float:
    """CSS Fonts 4, section 2.2.1."""
    if word == "bolder":
        return 400.0 if parent < 350 else 700.0 if parent < 550 else max(parent, 900.0)
    return min(parent, 100.0) if parent < 550 else 400.0 if parent < 750 else 700.0


def parse_slant(text: str) -> str | None:
    """``font-style``; an angle that is not zero is told from an oblique without one."""
    word, _, angle = text.strip().lower().partition(" ")
    if word == "oblique" and angle:
        degrees = re.fullmatch(r"\s*([+-]?[0-9.]+)(deg|grad|rad|turn)", angle)
        return None if degrees is None else "normal" if parse_number(degrees[1]) == 0 else "oblique by an angle"
    return word if not angle and word in ("normal", "italic", "oblique") else None


def parse_spacing(text: str) -> Length | None:
    """``letter-spacing`` and ``word-spacing``."""
    return Length(0.0, "px") if text.strip().lower() == "normal" else parse_length(text)


_COLLAPSES = {
    "collapse": "normal",
    "preserve": "pre",
    "preserve-breaks": "pre-line",
    "break-spaces": "break-spaces",
}
_WRAPS = frozenset(("wrap", "nowrap", "balance", "pretty", "stable"))


def parse_white_space(text: str) -> str | None:
    """The keyword that says what becomes of white space (CSS Text 4, section 3); nothing here breaks a line."""
    words = text.lower().split()
    if len(words) == 1 and words[0] in ("normal", "pre", "pre-wrap", "pre-line", "nowrap", "break-spaces"):
        return words[0]
    collapses = [_COLLAPSES[word] for word in words if word in _COLLAPSES]
    wraps = [word for word in words if word in _WRAPS]
    if not words or len(collapses) > 1 or len(wraps) > 1 or len(collapses) + len(wraps) < len(words):
        return None
    return collapses[0] if collapses else "normal"


def parse_lines(text: str) -> tuple[str, ...] | None:
    """``text-decoration-line``: none is no line."""
    words = tuple(text.lower().split())
    if words == ("none",):
        return ()
    known = set(words) <= {"underline", "overline", "line-through", "blink"}
    return tuple(word for word in words if word != "blink") if words and known and len({*words}) == len(words) else None


LINE_STYLES = ("solid", "double", "dotted", "dashed", "wavy")


def parse_line_thickness(text: str) -> Length | str | None:
    """``text-decoration-thickness``."""
    word = text.strip().lower()
    return word if word in ("auto", "from-font") else parse_length(text)


def parse_features_off(text: str) -> frozenset[str] | None:
    """Which of the fonts' features, ``kern`` and ``liga``, ``font-feature-settings`` turns off."""
    word = text.strip().lower()
    if word == "normal":
        return frozenset()
    pairs = [re.fullmatch(r"""\s*(["'])([ -~]{4})\1(?:\s+(on|off|[0-9]+))?\s*""", part) for part in word.split(",")]
    if not all(pairs):
        return None
    last = {pair[2]: pair[3] for pair in pairs if pair}
    return frozenset(tag for tag in ("kern", "liga") if last.get(tag) in ("off", "0"))


def parse_ligatures(text: str) -> str | None:
    """``font-variant-ligatures``: none where the common ones are off, which are all that the fonts have."""
    words = text.lower().split()
    kinds = {f"{no}{kind}" for no in ("", "no-") for kind in ("common-ligatures", *_OTHER_LIGATURES)}
    if not words or not set(words) <= {"normal", "none", *kinds}:
        return None
    return "none" if {"none", "no-common-ligatures"} & set(words) else "normal"


_OTHER_LIGATURES = ("discretionary-ligatures", "historical-ligatures")


def parse_size_adjust(text: str) -> tuple[str, float | None] | None:
    """A metric and its share of the font size (CSS Fonts 5, section 2.1), None where the size stays as it is."""
    words = text.lower().split()
    number = parse_number(words[-1]) if words else None
    if words in (["none"], ["from-font"]):
        return ("ex-height", None)
    metric = words[0] if len(words) == 2 else "ex-height"
    if number is None or number < 0 or len(words) > 2:
        return None
    return metric, number
