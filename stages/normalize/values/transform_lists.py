"""Reading transforms: the attribute (SVG 2, section 8.5) and the properties (CSS Transforms 1 and 2).

The attribute has a grammar of its own: numbers without units, names in their own case, one comma at most between two
functions. Browsers flatten transforms of space to the plane of the element; what would need a perspective is dropped.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.normalize.geometry.boxes import Box
from stages.normalize.geometry.transforms import IDENTITY, Matrix, about, multiply, rotation
from stages.normalize.values.calculations import ANGLE, LENGTH, PERCENTAGE, SCALAR, UnknownFunction, math_term
from stages.normalize.values.units import NUMBER, parse_length, resolve, split_list
from stages.reasons import Reason

_FUNCTION = re.compile(r"\s*([A-Za-z0-9]+)\s*\(([^()]*)\)\s*(,?)")
_ARGUMENTS = re.compile(
    rf"\s*(?:{NUMBER.pattern}(?:(?:\s*,\s*|\s+|(?=[-+.])){NUMBER.pattern})*)\s*"
)  # fmt: skip
_COUNTS = {"matrix": (6,), "translate": (1, 2), "scale": (1, 2), "rotate": (1, 3), "skewX": (1,), "skewY": (1,)}

Solid = tuple[float, ...]
"""A matrix of four rows and columns, row by row."""

_SOLID: Solid = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


class Frame(NamedTuple):
    """What a transform's lengths refer to: the reference box's size, and the font size."""

    width: float
    height: float
    font_size: float


_ANY = Frame(1.0, 1.0, 16.0)


@lru_cache(maxsize=4096)
def parse_transform(text: str) -> Matrix | None:
    """The map of a ``transform`` attribute; None if it is invalid, and then has no effect.

    Raises UnknownFunction.
    """
    total, at, comma = IDENTITY, 0, False
    while at < len(text):
        match = _FUNCTION.match(text, at)
        if match is None:
            return None if comma or text[at:].strip() else total
        name = match[1]
        if name not in _COUNTS:
            if name.lower() in FUNCTIONS:
                return None  # of the property alone, or in another case
            raise UnknownFunction(f"{name}()")
        step = _step(name, match[2])
        if step is None:
            return None
        total, at, comma = multiply(total, step), match.end(), bool(match[3])
    return total if not comma and all(map(math.isfinite, total)) else None


def _step(name: str, text: str) -> Matrix | None:
    values = [float(piece) for piece in NUMBER.findall(text)] if _ARGUMENTS.fullmatch(text) else []
    if len(values) not in _COUNTS[name] or not all(map(math.isfinite, values)):
        return None
    x, y = values[0], values[1] if len(values) > 1 else 0.0
    if name == "matrix":
        return tuple(values)  # type: ignore[return-value]
    if name == "translate":
        return (1.0, 0.0, 0.0, 1.0, x, y)
    if name == "scale":
        return (x, 0.0, 0.0, y if len(values) > 1 else x, 0.0, 0.0)
    if name == "rotate":
        turn = rotation(x)
        return about(turn, y, values[2]) if len(values) > 1 else turn
    if x % 180 == 90:
        return None
    return _skew(x, 0.0) if name == "skewX" else _skew(0.0, x)


def _skew(x: float, y: float) -> Matrix:
    return (1.0, math.tan(math.radians(y)), math.tan(math.radians(x)), 1.0, 0.0, 0.0)


def _solid(m: Matrix) -> Solid:
    a, b, c, d, e, f = m
    return (a, c, 0.0, e, b, d, 0.0, f, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _times(m: Solid, n: Solid) -> Solid:
    return tuple(sum(m[row * 4 + i] * n[i * 4 + column] for i in range(4)) for row in range(4) for column in range(4))


def _turn(x: float, y: float, z: float, degrees: float) -> Solid:
    """A rotation about an axis (CSS Transforms 2, section 14.1.4)."""
    size = math.sqrt(x * x + y * y + z * z)
    if size == 0:
        return _SOLID
    x, y, z = x / size, y / size, z / size
    if x == y == 0:
        return _solid(rotation(degrees if z > 0 else -degrees))
    cos, sin = rotation(degrees)[:2]
    u = 1 - cos
    return (
        cos + x * x * u, x * y * u - z * sin, x * z * u + y * sin, 0.0,
        y * x * u + z * sin, cos + y * y * u, y * z * u - x * sin, 0.0,
        z * x * u - y * sin, z * y * u + x * sin, cos + z * z * u, 0.0,
        0.0, 0.0, 0.0, 1.0,
    )  # fmt: skip


def flattened(m: Solid) -> Matrix:
    """The map of the element's plane. Raises Dropped (UNSUPPORTED_CSS)."""
    if abs(m[12]) > 1e-12 or abs(m[13]) > 1e-12 or abs(m[15] - 1) > 1e-12:
        raise Dropped(Reason.UNSUPPORTED_CSS, "transform: a perspective")
    return (m[0], m[4], m[1], m[5], m[3], m[7])


FUNCTIONS: dict[str, str] = {
    "matrix": "nnnnnn",
    "matrix3d": "n" * 16,
    "translate": "x|xy",
    "translatex": "x",
    "translatey": "y",
    "translatez": "z",
    "translate3d": "xyz",
    "scale": "s|ss",
    "scalex": "s",
    "scaley": "s",
    "scalez": "s",
    "scale3d": "sss",
    "rotate": "a",
    "rotatex": "a",
    "rotatey": "a",
    "rotatez": "a",
    "rotate3d": "nnna",
    "skew": "a|aa",
    "skewx": "a",
    "skewy": "a",
    "perspective": "p",
}
"""The functions of the property and the types of their arguments: numbers, lengths across, down and out of the plane,
scales, angles, perspectives."""


@lru_cache(maxsize=4096)
def parse_property(text: str, frame: Frame) -> Solid | None:
    """The map of the property ``transform``, None if it is invalid. Raises UnknownFunction, Dropped."""
    import tinycss2

    if text.strip().lower() == "none":
        return _SOLID
    total = _SOLID
    nodes = tinycss2.parse_component_value_list(text, skip_comments=True)
    count = 0
    for node in nodes:
        if node.type == "whitespace":
            continue
        if node.type != "function":
            return None
        if node.lower_name not in FUNCTIONS:
            raise UnknownFunction(f"{node.name}()")
        step = _css_step(node, frame)
        if step is None:
            return None
        total = _times(total, step)
        count += 1
    return total if count and all(map(math.isfinite, total)) else None


def _css_step(node: Any, frame: Frame) -> Solid | None:
    name = node.lower_name
    arguments: list[list[Any]] = [[]]
    for each in node.arguments:
        if each.type == "literal" and each.value == ",":
            arguments.append([])
        elif each.type != "whitespace":
            arguments[-1].append(each)
    types = next((types for types in FUNCTIONS[name].split("|") if len(types) == len(arguments)), None)
    if types is None or any(len(argument) != 1 for argument in arguments):
        return None
    values = [_value(argument[0], kind, frame) for argument, kind in zip(arguments, types, strict=True)]
    numbers = [value for value in values if value is not None]
    return _css_matrix(name, numbers) if len(numbers) == len(values) else None


def _value(node: Any, kind: str, frame: Frame) -> float | None:
    if kind == "p" and node.type == "ident" and node.lower_value == "none":
        return math.inf
    term = math_term(node, percentages=kind in "sn")
    if term is None:
        return None
    dimensions = term.dimensions
    if kind in "xyzp":
        if dimensions != LENGTH and not (dimensions == SCALAR and _zero(node)):
            return None
        if kind in "zp" and "%" in term.relative:
            return None
        return term.number(frame.height if kind == "y" else frame.width, frame.font_size)
    if kind == "a":
        return term.number() if dimensions == ANGLE or (dimensions == SCALAR and _zero(node)) else None
    if kind == "s" and dimensions == PERCENTAGE:
        return term.number() / 100
    return term.number() if dimensions == SCALAR else None


def _zero(node: Any) -> bool:
    return node.type == "number" and float(node.value) == 0


def _css_matrix(name: str, v: list[float]) -> Solid | None:
    x, y = v[0], v[1] if len(v) > 1 else 0.0
    if name == "matrix":
        return _solid((v[0], v[1], v[2], v[3], v[4], v[5]))
    if name == "matrix3d":
        return tuple(v[column * 4 + row] for row in range(4) for column in range(4))
    if name == "perspective":
        m = list(_SOLID)
        m[14] = -1 / max(x, 1.0)
        return tuple(m) if x >= 0 else None
    if name.startswith("translate"):
        m = list(_SOLID)
        m[3], m[7], m[11] = {"translatey": (0.0, x, 0.0), "translatez": (0.0, 0.0, x)}.get(
            name, (x, y, v[2] if len(v) > 2 else 0.0)
        )
        return tuple(m)
    if name.startswith("scale"):
        m = list(_SOLID)
        m[0], m[5], m[10] = {
            "scale": (x, y if len(v) > 1 else x, 1.0),
            "scalex": (x, 1.0, 1.0),
            "scaley": (1.0, x, 1.0),
            "scalez": (1.0, 1.0, x),
        }.get(name) or (v[0], v[1], v[2])
        return tuple(m)
    if name.startswith("rotate"):
        axis = {"rotatex": (1.0, 0.0, 0.0), "rotatey": (0.0, 1.0, 0.0)}.get(name, (0.0, 0.0, 1.0))
        return _turn(v[0], v[1], v[2], v[3]) if name == "rotate3d" else _turn(*axis, x)
    return _solid(_skew(0.0, x) if name == "skewy" else _skew(x, y))


@lru_cache(maxsize=1024)
def parse_individual(name: str, text: str, frame: Frame) -> Solid | None:
    """The map of ``translate``, ``rotate`` or ``scale`` (CSS Transforms 2, section 5), None if it is invalid.

    Raises UnknownFunction, Dropped.
    """
    import tinycss2

    words = [n for n in tinycss2.parse_component_value_list(text, skip_comments=True) if n.type != "whitespace"]
    if len(words) == 1 and words[0].type == "ident":
        return _SOLID if words[0].lower_value == "none" else None
    if name == "rotate":
        return _rotate(words, frame)
    if not 1 <= len(words) <= 3:
        return None
    kinds = "xyz" if name == "translate" else "sss"
    values = [_value(word, kind, frame) for word, kind in zip(words, kinds, strict=False)]
    numbers = [value for value in values if value is not None]
    if len(numbers) != len(values):
        return None
    if name == "translate":
        return _css_matrix("translate3d", numbers)
    return _css_matrix("scale" if len(numbers) < 3 else "scale3d", numbers)


def _rotate(words: list[Any], frame: Frame) -> Solid | None:
    axes = [word.lower_value for word in words if word.type == "ident"]
    values = [word for word in words if word.type != "ident"]
    if len(axes) == 1 and len(values) == 1 and axes[0] in ("x", "y", "z"):
        angle = _value(values[0], "a", frame)
        if angle is None:
            return None
        return _turn(float(axes[0] == "x"), float(axes[0] == "y"), float(axes[0] == "z"), angle)
    if axes or len(values) not in (1, 4):
        return None
    if len(values) == 4 and _value(values[0], "n", frame) is None:
        values = [*values[1:], values[0]]  # the angle may stand first
    angle = _value(values[-1], "a", frame)
    axis = [_value(word, "n", frame) for word in values[:-1]] or [0.0, 0.0, 1.0]
    numbers = [number for number in axis if number is not None]
    if angle is None or len(numbers) != 3:
        return None
    return _turn(numbers[0], numbers[1], numbers[2], angle)


def check_property(name: str, text: str) -> bool:
    """Whether a transform property's value is valid. Raises UnknownFunction."""
    if text.count("(") > 10_000:
        return False
    try:
        solid = parse_property(text, _ANY) if name == "transform" else parse_individual(name, text, _ANY)
    except Dropped:
        return True  # what it is refused for is told where it applies
    return solid is not None


def combined(steps: list[Solid]) -> Matrix:
    """The maps one after the other, the outermost first, on the element's plane. Raises Dropped (UNSUPPORTED_CSS)."""
    total = _SOLID
    for step in steps:
        total = _times(total, step)
    return flattened(total)


_ORIGINS = {"left": "0%", "top": "0%", "center": "50%", "right": "100%", "bottom": "100%"}
_ACROSS, _DOWN = frozenset(("left", "right")), frozenset(("top", "bottom"))


@lru_cache(maxsize=1024)
def _origin(text: str) -> tuple[str, ...] | None:
    """The two values of ``transform-origin``, across and down (CSS Transforms 1, section 9); None if it is invalid."""
    if "," in text and "(" not in text:
        return None
    parts = split_list(text.lower()) if text.strip() else []
    if not 1 <= len(parts) <= 3:
        return None
    depth = parse_length(parts[2]) if len(parts) == 3 else None
    if len(parts) == 3 and (depth is None or "%" in parts[2]):
        return None
    first, second = parts[0], parts[1] if len(parts) > 1 else "center"
    if first in _DOWN or second in _ACROSS:
        first, second = second, first
    if first in _DOWN or second in _ACROSS:
        return None
    for part in (first, second):
        length = parse_length(_ORIGINS.get(part, part))
        if length is None or (part[-1:].isdigit() and length.value != 0):
            return None
    origin = (_ORIGINS.get(first, first), _ORIGINS.get(second, second))
    return (*origin, parts[2]) if depth is not None and depth.value else origin


def is_origin(text: str) -> bool:
    """Whether a value of the property ``transform-origin`` is valid."""
    return _origin(text) is not None


def parse_origin(text: str, box: Box, font_size: float) -> tuple[float, float] | None:
    """The point that ``transform-origin`` names; percentages refer to ``box``. None if it is invalid.

    Raises Dropped (UNSUPPORTED_CSS).
    """
    parts = _origin(text)
    if parts and len(parts) == 3:
        raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-origin: {text[:60]}, which lies out of the plane")
    lengths = [parse_length(part) for part in parts] if parts else []
    if len(lengths) != 2 or lengths[0] is None or lengths[1] is None:
        return None
    x = resolve(lengths[0], box[2] - box[0], font_size)
    y = resolve(lengths[1], box[3] - box[1], font_size)
    return x + box[0], y + box[1]
