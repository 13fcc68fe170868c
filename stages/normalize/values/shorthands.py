"""Shorthands, and the longhands that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stages.base import Dropped
from stages.normalize.values.properties import ANIMATION, INHERIT, INITIAL, UNSET, WIDE, parse_property, parse_solid
from stages.normalize.values.text_values import LINE_STYLES, parse_line_thickness, parse_lines
from stages.normalize.values.units import parse_number
from stages.reasons import Reason

_CAPS = frozenset(("small-caps", "all-small-caps", "petite-caps", "all-petite-caps", "unicase", "titling-caps"))


def _text_decoration(text: str) -> dict[str, str]:
    """Its colour does not count: what SVG paints is painted by fill and stroke."""
    longhands = {"text-decoration-line": "none", "text-decoration-style": "solid", "text-decoration-thickness": "auto"}
    lines: list[str] = []
    for word in _words(text):
        if parse_lines(word) is not None:
            lines.append(word)
        elif word in LINE_STYLES:
            longhands["text-decoration-style"] = word
        elif parse_line_thickness(word) is not None:
            longhands["text-decoration-thickness"] = word
        elif parse_solid(word) is None:
            return {}
    return {**longhands, "text-decoration-line": " ".join(lines) or "none"}


def _font_variant(text: str) -> dict[str, str]:
    words = _words(text)
    caps = [word for word in words if word in _CAPS]
    ligatures = "none" if {"none", "no-common-ligatures"} & set(words) else "normal"
    if not words or len(caps) > 1:
        return {}
    return {"font-variant-caps": caps[0] if caps else "normal", "font-variant-ligatures": ligatures}


def _font_synthesis(text: str) -> dict[str, str]:
    words = _words(text)
    if not words or not set(words) <= {"none", "weight", "style", "small-caps", "position"}:
        return {}
    return {"font-synthesis-small-caps": "auto" if "small-caps" in words else "none"}


def _words(text: str) -> list[str]:
    """The words of a value, each function one of them."""
    return re.findall(r"[^\s(]+(?:\([^)]*\)+)?", text.lower())


_ANIMATION_WORDS = {
    "animation-direction": ("normal", "reverse", "alternate", "alternate-reverse"),
    "animation-fill-mode": ("none", "forwards", "backwards", "both"),
    "animation-play-state": ("running", "paused"),
}
_EASING = re.compile(
    r"(?:linear|ease|ease-in|ease-out|ease-in-out|step-start|step-end|(?:cubic-bezier|steps|linear)\(.*\))", re.DOTALL
)
_TIME = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?m?s")


def _animation(text: str) -> dict[str, str]:
    """CSS Animations 1, section 3.9: of two times the first is the duration, and a word that is free is the name."""
    parts = [_one_animation(re.findall(r"[^\s(]+(?:\([^)]*\)+)?", part)) for part in _SEPARATORS.split(text)]
    if not parts or any(part is None for part in parts):
        return {}
    return {name: ",".join(part[name] for part in parts if part is not None) for name in ANIMATION}


_SEPARATORS = re.compile(r",(?![^(]*\))")
_ANIMATION_DEFAULTS = ("none", "0s", "0s", "1", "normal", "none", "running")


def _one_animation(words: list[str]) -> dict[str, str] | None:
    given: dict[str, str] = {}
    for raw in words:
        word = raw.lower()
        names = [name for name, allowed in _ANIMATION_WORDS.items() if word in allowed and name not in given]
        if _TIME.fullmatch(word):
            names = [name for name in ("animation-duration", "animation-delay") if name not in given]
        elif word == "infinite" or parse_number(word) is not None:
            names = ["animation-iteration-count"]
        elif _EASING.fullmatch(word) and "easing" not in given:
            names = ["easing"]
        elif not names or (word == "none" and "animation-name" not in given and "animation-fill-mode" in given):
            names = ["animation-name"]
        if not names or names[0] in given:
            return None
        given[names[0]] = raw if names[0] == "animation-name" else word
    if not words:
        return None
    return {name: given.get(name, usual) for name, usual in zip(ANIMATION, _ANIMATION_DEFAULTS, strict=True)}


def _as(name: str) -> Callable[[str], dict[str, str]]:
    """What reads the value of another name for a property."""
    return lambda text: {name: text}


_SHORTHANDS: dict[str, Callable[[str], dict[str, str]]] = {
    "animation": _animation,
    "-webkit-animation": _animation,
    "text-decoration": _text_decoration,
    "font-variant": _font_variant,
    "font-synthesis": _font_synthesis,
    "white-space-collapse": _as("white-space"),
    **{f"-webkit-{name}": _as(name) for name in ANIMATION},
}
_LONGHANDS: dict[str, tuple[str, ...]] = {
    "animation": ANIMATION,
    "-webkit-animation": ANIMATION,
    **{f"-webkit-{name}": (name,) for name in ANIMATION},
    "text-decoration": ("text-decoration-line", "text-decoration-style", "text-decoration-thickness"),
    "font-variant": ("font-variant-caps", "font-variant-ligatures"),
    "font-synthesis": ("font-synthesis-small-caps",),
    "white-space-collapse": ("white-space",),
}
SHORTHANDS = frozenset(_SHORTHANDS)


def expand(name: str, text: str) -> list[tuple[str, Any]]:
    """The longhands of a shorthand, typed; none if ``text`` is invalid."""
    wide = WIDE.get(text.strip().lower())
    if wide is not None:
        return [(each, wide) for each in _LONGHANDS[name]]
    if "(" in text and "var(" in text.lower():
        raise Dropped(Reason.UNSUPPORTED_CSS, f"{name}: {text[:80]}")
    typed = [(each, parse_property(each, value)) for each, value in _SHORTHANDS[name](text).items()]
    return [] if any(value is None for _, value in typed) else typed


BACKGROUND_LONGHANDS = ("background-color", "background-image")
"""Those of the longhands of ``background`` that matter."""
_WORDS = re.compile(r"(?:[^\s()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+")


def background_longhands(text: str) -> list[tuple[str, Any]]:
    """The longhands of ``background`` (CSS Backgrounds 3, section 2.10) that matter; none for an invalid value."""
    words = _WORDS.findall(text)
    wide = parse_property("fill", text)
    if wide is INHERIT or wide is INITIAL or wide is UNSET:
        return [(name, wide) for name in BACKGROUND_LONGHANDS]
    colors = [value for word in words if (value := parse_property("background-color", word)) is not None]
    if len(colors) > 1 or not words:
        return []
    images = [word for word in words if "(" in word and parse_property("background-color", word) is None]
    return [("background-color", colors[0] if colors else INITIAL), ("background-image", " ".join(images))]
