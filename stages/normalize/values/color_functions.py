"""Colour functions (CSS Color 4 and 5): what is no plain rgb() or hsl(), converted by coloraide.

Colours outside of sRGB are clipped channel by channel: that is what Chromium paints on a display of sRGB, for every
space (``oklch(70% .4 150)`` is #00d600 there). The mapping by reduced chroma of CSS Color 4, section 13, which it does
not make, would be another colour.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from stages.normalize.values.calculations import (
    ANGLE,
    INVALID,
    PERCENTAGE,
    SCALAR,
    UnknownFunction,
    math_term,
)
from stages.normalize.values.srgb import Color, parse_word

_RANGES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "rgb": ("srgb", (255.0, 255.0, 255.0)),
    "hsl": ("hsl", (0.0, 100.0, 100.0)),
    "hwb": ("hwb", (0.0, 100.0, 100.0)),
    "lab": ("lab", (100.0, 125.0, 125.0)),
    "lch": ("lch", (100.0, 150.0, 0.0)),
    "oklab": ("oklab", (1.0, 0.4, 0.4)),
    "oklch": ("oklch", (1.0, 0.4, 0.0)),
}
"""The space of each function and what 100 % of each coordinate is, 0 for a hue (CSS Color 4, sections 5 to 9)."""

_ALIASES = {"rgba": "rgb", "hsla": "hsl"}
_CHANNELS = {
    "rgb": ("r", "g", "b"),
    "hsl": ("h", "s", "l"),
    "hwb": ("h", "w", "b"),
    "lab": ("l", "a", "b"),
    "lch": ("l", "c", "h"),
    "oklab": ("l", "a", "b"),
    "oklch": ("l", "c", "h"),
}
_PREDEFINED = {
    "srgb": "srgb",
    "srgb-linear": "srgb-linear",
    "display-p3": "display-p3",
    "display-p3-linear": "display-p3-linear",
    "a98-rgb": "a98-rgb",
    "prophoto-rgb": "prophoto-rgb",
    "rec2020": "rec2020",
    "xyz": "xyz-d65",
    "xyz-d65": "xyz-d65",
    "xyz-d50": "xyz-d50",
}
"""Spaces of ``color()`` (section 10) and their names in coloraide."""
_UNIT_SCALED = {"hsl": (1.0, 100.0, 100.0), "hwb": (1.0, 100.0, 100.0), "rgb": (255.0, 255.0, 255.0)}
"""What one unit of coloraide's coordinates is in those of the function, where it is not one."""
_POLAR = frozenset(("hsl", "hwb", "lch", "oklch"))
_HUES = frozenset(("shorter", "longer", "increasing", "decreasing"))
_DEEPEST = 16


class _Invalid(Exception):
    """A value that is no colour."""


@lru_cache(maxsize=4096)
def evaluate(text: str, current: Color) -> Color | None:
    """The colour of a function, with ``current`` for ``currentColor``; None if it is invalid.

    Raises UnknownFunction.
    """
    color = _read(text, current)
    return None if color is None else _eight_bit(color)


class OklabColor(NamedTuple):
    """Coordinates in Oklab, which need not be within sRGB, and the opacity."""

    lightness: float
    a: float
    b: float
    alpha: float


def oklab(text: str, current: Color) -> OklabColor:
    """A valid function's colour, that of ``current`` for an empty text."""
    color = (_read(text, current) if text else None) or _made(current)
    lightness, a, b = (float(value) for value in color.convert("oklab").coords(nans=False))
    return OklabColor(lightness, a, b, _clamped(color.alpha(nans=False)))


def srgb(color: OklabColor) -> Color:
    """A colour of Oklab in eight bits."""
    return _eight_bit(_new("oklab", list(color[:3]), color.alpha))


def _read(text: str, current: Color) -> Any:
    import tinycss2

    if text.count("(") > 2 * _DEEPEST:
        return None
    try:
        return _Reader(current).color(tinycss2.parse_component_value_list(text, skip_comments=True), 0)
    except (_Invalid, ValueError, ArithmeticError):
        return None


def _eight_bit(color: Any) -> Color:
    converted = color.convert("srgb")
    red, green, blue = (_byte(value) for value in converted.coords(nans=False))
    return Color(red, green, blue, _clamped(converted.alpha(nans=False)))


def _byte(value: float) -> int:
    return int(_clamped(value) * 255 + 0.5)


def _clamped(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(float(value), 0.0), 1.0)


def _words(nodes: list[Any]) -> list[Any]:
    return [node for node in nodes if node.type not in ("whitespace", "comment")]


def _is(node: Any, *names: str) -> bool:
    return node.type == "ident" and node.lower_value in names


def _split(nodes: list[Any], mark: str) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for node in nodes:
        if node.type == "literal" and node.value == mark:
            parts.append([])
        else:
            parts[-1].append(node)
    return parts


class _Reader:
    """Reads colours into coloraide's objects."""

    def __init__(self, current: Color) -> None:
        self._current = current

    def color(self, nodes: list[Any], depth: int) -> Any:
        words = _words(nodes)
        if len(words) != 1 or depth > _DEEPEST:
            for word in words:
                if word.type == "function" and word.lower_name not in _KNOWN:
                    raise UnknownFunction(f"{word.name}()")
            raise _Invalid
        node = words[0]
        if node.type == "function":
            return self._function(node.lower_name, node.arguments, depth)
        if _is(node, "currentcolor"):
            return _made(self._current)
        color = parse_word(node.serialize()) if node.type in ("ident", "hash") else None
        if color is None:
            raise _Invalid
        return _made(color)

    def _function(self, name: str, arguments: list[Any], depth: int) -> Any:
        name = _ALIASES.get(name, name)
        if name == "light-dark":
            pair = _split(arguments, ",")
            if len(pair) != 2:
                raise _Invalid
            colors = [self.color(part, depth + 1) for part in pair]
            return colors[0]
        if name == "color-mix":
            return self._mix(_split(arguments, ","), depth)
        if name == "color":
            return self._predefined(_words(arguments), depth)
        if name in _RANGES:
            return self._channels(name, arguments, depth)
        if name in INVALID:
            raise _Invalid
        raise UnknownFunction(f"{name}()")

    def _origin(self, words: list[Any], depth: int) -> tuple[Any, list[Any]]:
        """The colour that a relative colour begins from (CSS Color 5, section 4), None if there is none."""
        if words and _is(words[0], "from"):
            if len(words) < 2:
                raise _Invalid
            return self.color([words[1]], depth + 1), words[2:]
        return None, words

    def _channels(self, name: str, arguments: list[Any], depth: int) -> Any:
        space, wholes = _RANGES[name]
        origin, words = self._origin(_words(arguments), depth)
        scale = _UNIT_SCALED.get(name, (1.0, 1.0, 1.0))
        if any(word.type == "literal" and word.value == "," for word in words):
            return self._legacy(name, words)
        known = {}
        if origin is not None:
            values = _coordinates(origin.convert(space))
            known = dict(zip(_CHANNELS[name], (v * s for v, s in zip(values, scale, strict=True)), strict=True))
            known["alpha"] = origin.alpha(nans=False)
        values, alpha = _components(words, wholes, known)
        if name == "rgb" and origin is None:
            values = [min(max(value, 0.0), 255.0) for value in values]
        if name in ("hsl", "hwb"):
            saturation = max(values[1], 0.0)
            values[1] = values[1] if math.isnan(values[1]) else saturation
            if name == "hsl" and origin is None and not math.isnan(values[1]):
                values[1] = min(values[1], 100.0)
        elif name in ("lab", "lch", "oklab", "oklch"):
            values[0] = min(max(values[0], 0.0), wholes[0])
            if space in _POLAR:
                values[1] = values[1] if math.isnan(values[1]) else max(values[1], 0.0)
        return _new(space, [value / s for value, s in zip(values, scale, strict=True)], alpha)

    def _legacy(self, name: str, words: list[Any]) -> Any:
        """The syntax with commas (CSS Color 4, sections 5.1 and 7.1), with math functions in it."""
        parts = _split(words, ",")
        if len(parts) not in (3, 4) or any(len(part) != 1 for part in parts):
            raise _Invalid
        channels, alpha = [part[0] for part in parts[:3]], parts[3:]
        space, wholes = _RANGES[name]
        scale = _UNIT_SCALED.get(name)
        if scale is None or any(_is(word, "none") for word in channels):
            raise _Invalid
        alike = channels if name == "rgb" else channels[1:]
        if len({word.type for word in alike if word.type in ("number", "percentage")}) > 1:
            raise _Invalid  # they do not mix
        values = [_component(word, whole, {}) for word, whole in zip(channels, wholes, strict=True)]
        opacity = _component(alpha[0][0], 1.0, {}) if alpha else 1.0
        return _new(space, [value / s for value, s in zip(values, scale, strict=True)], opacity)

    def _predefined(self, words: list[Any], depth: int) -> Any:
        origin, words = self._origin(words, depth)
        if not words or words[0].type != "ident":
            raise _Invalid
        space = _PREDEFINED.get(words[0].lower_value)
        if space is None:
            raise _Invalid
        known = {}
        if origin is not None:
            names = ("x", "y", "z") if space.startswith("xyz") else ("r", "g", "b")
            known = dict(zip(names, _coordinates(origin.convert(space)), strict=True))
            known["alpha"] = origin.alpha(nans=False)
        values, alpha = _components(words[1:], (1.0, 1.0, 1.0), known)
        return _new(space, values, alpha)

    def _mix(self, parts: list[list[Any]], depth: int) -> Any:
        """color-mix() of two colours (CSS Color 5, section 3); without a method it is made in Oklab."""
        space, hue = "oklab", "shorter"
        method = _words(parts[0])
        if method and _is(method[0], "in"):
            space, hue = _method(method[1:])
            parts = parts[1:]
        if len(parts) != 2:
            raise _Invalid
        (first, p), (second, q) = (self._share(_words(part), depth) for part in parts)
        if p is None and q is None:
            p = q = 50.0
        elif p is None or q is None:
            p, q = (100 - q if p is None else p), (100 - p if q is None else q)  # type: ignore[operator]
        total = p + q
        if total == 0:
            raise _Invalid
        colors = [_into(color, space) for color in (first, second)]
        mixed = colors[0].mix(colors[1], q / total, space=space, hue=hue, carryforward=True, powerless=False)
        if total < 100:
            mixed["alpha"] = mixed.alpha(nans=False) * total / 100
        return mixed

    def _share(self, words: list[Any], depth: int) -> tuple[Any, float | None]:
        shares = []
        rest = []
        for word in words:
            term = None
            if word.type == "percentage" or (word.type == "function" and word.lower_name in _MATH):
                term = math_term(word, percentages=True)
            if term is None:
                rest.append(word)
            else:
                shares.append(term)
        if len(shares) > 1 or any(term.dimensions != PERCENTAGE for term in shares):
            raise _Invalid
        share = shares[0].number() if shares else None
        if share is not None and not 0 <= share <= 100:
            raise _Invalid
        return self.color(rest, depth + 1), share


_KNOWN = frozenset(("light-dark", "color-mix", "color", *_RANGES, *_ALIASES)) | INVALID
_MATH = frozenset(("calc", "min", "max", "clamp"))


def _method(words: list[Any]) -> tuple[str, str]:
    """The space of an interpolation and the way round the hue circle."""
    names = [word.lower_value for word in words if word.type == "ident"]
    if len(names) != len(words) or not names:
        raise _Invalid
    space = _PREDEFINED.get(names[0]) or (_RANGES[names[0]][0] if names[0] in _RANGES and names[0] != "rgb" else None)
    if space is None or len(names) not in (1, 3):
        raise _Invalid
    if len(names) == 3 and not (space in _POLAR and names[1] in _HUES and names[2] == "hue"):
        raise _Invalid
    return space, names[1] if len(names) == 3 else "shorter"


def _components(
    words: list[Any], wholes: tuple[float, float, float], known: dict[str, float]
) -> tuple[list[float], float]:
    """Three coordinates, not a number where they are missing, and the opacity; ``known``: of the colour begun from."""
    parts = _split(words, "/")
    if len(parts) > 2 or len(parts[0]) != 3 or (len(parts) == 2 and len(parts[1]) != 1):
        raise _Invalid
    values = [_component(word, whole, known) for word, whole in zip(parts[0], wholes, strict=True)]
    if len(parts) == 1:
        return values, known.get("alpha", 1.0)
    return values, _clamped(_component(parts[1][0], 1.0, known))


def _component(word: Any, whole: float, known: dict[str, float]) -> float:
    """One coordinate: a number, a percentage of ``whole``, an angle where that is 0, or not a number for none."""
    if _is(word, "none"):
        return math.nan
    if word.type == "ident":
        if word.lower_value not in known:
            raise _Invalid
        return known[word.lower_value]
    term = math_term(_substituted(word, known) if known else word, percentages=True)
    if term is None:
        raise _Invalid
    if term.dimensions == PERCENTAGE and whole:
        return term.number() / 100 * whole
    if term.dimensions == SCALAR or (term.dimensions == ANGLE and not whole):
        return term.number()
    raise _Invalid


def _substituted(node: Any, known: dict[str, float]) -> Any:
    """A math function with the coordinates' names replaced by their values."""
    if node.type != "function":
        return node
    import tinycss2

    text = _named(node, known)
    return tinycss2.parse_one_component_value(text)


def _named(node: Any, known: dict[str, float]) -> str:
    if node.type == "ident" and node.lower_value in known:
        value = known[node.lower_value]
        return "0" if math.isnan(value) else repr(float(value))
    if node.type == "function":
        return f"{node.lower_name}({''.join(_named(each, known) for each in node.arguments)})"
    if node.type == "() block":
        return f"({''.join(_named(each, known) for each in node.content)})"
    return str(node.serialize())


def _space() -> Any:
    from coloraide import Color as Converted

    return Converted


def _new(space: str, values: list[float], alpha: float) -> Any:
    return _space()(space, values, alpha)


def _made(color: Color) -> Any:
    return _new("srgb", [color.red / 255, color.green / 255, color.blue / 255], color.alpha)


def _into(color: Any, space: str) -> Any:
    return color if color.space() == space else color.convert(space)


def _coordinates(color: Any) -> list[float]:
    return [float(value) for value in color.coords()]
