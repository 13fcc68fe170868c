"""Affine maps: reading transform lists (SVG 2, section 8.5; CSS Transforms 1) and computing with them.

A matrix is the tuple (a, b, c, d, e, f) of ``matrix()``: x' = a x + c y + e, y' = b x + d y + f.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from stages.normalize.units import NUMBER, Viewport, parse_length, resolve

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_FUNCTION = re.compile(r"[\s,]*([A-Za-z]+)\s*\(([^()]*)\)[\s,]*")
_ANGLES = {"": 1.0, "deg": 1.0, "rad": 180 / math.pi, "grad": 0.9, "turn": 360.0}
_ARGUMENT = re.compile(rf"\s*({NUMBER.pattern})\s*([A-Za-z%]*)")
_COUNTS = {
    "matrix": (6,),
    "translate": (1, 2),
    "translatex": (1,),
    "translatey": (1,),
    "scale": (1, 2),
    "scalex": (1,),
    "scaley": (1,),
    "rotate": (1, 3),
    "skew": (1, 2),
    "skewx": (1,),
    "skewy": (1,),
}


def multiply(m: Matrix, n: Matrix) -> Matrix:
    """The map that applies ``n`` first, then ``m``."""
    a, b, c, d, e, f = m
    g, h, i, j, k, l = n  # noqa: E741
    return (a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * l + e, b * k + d * l + f)


def apply(m: Matrix, x: float, y: float) -> tuple[float, float]:
    """The image of a point."""
    return m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]


def determinant(m: Matrix) -> float:
    """The signed factor by which areas grow."""
    return m[0] * m[3] - m[1] * m[2]


def invert(m: Matrix) -> Matrix | None:
    """The inverse map, None for a singular one."""
    a, b, c, d, e, f = m
    det = a * d - b * c
    if det == 0 or not math.isfinite(det):
        return None
    return (d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det)


def singular_values(m: Matrix) -> tuple[float, float]:
    """The larger and the smaller scale of the map."""
    a, b, c, d = m[:4]
    first, second = math.hypot(a + d, b - c) / 2, math.hypot(a - d, b + c) / 2
    return first + second, abs(first - second)


def axis_aligned(m: Matrix) -> bool:
    """Whether the map takes the axes to themselves or to each other."""
    a, b, c, d = m[:4]
    size = 1e-9 * (abs(a) + abs(b) + abs(c) + abs(d))
    return (abs(b) <= size and abs(c) <= size) or (abs(a) <= size and abs(d) <= size)


def map_box(m: Matrix, box: Box) -> Box:
    """The bounding box of the image of a box."""
    corners = [apply(m, x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = [p[0] for p in corners], [p[1] for p in corners]
    return min(xs), min(ys), max(xs), max(ys)


def rotation(degrees: float) -> Matrix:
    """A rotation about the origin, exact for multiples of 90 degrees."""
    quarter = degrees % 360
    if quarter % 90 == 0:
        # minus almost nothing, modulo 360, is 360 itself
        cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter // 90) % 4]
    else:
        cos, sin = math.cos(math.radians(quarter)), math.sin(math.radians(quarter))
    return (cos, sin, -sin, cos, 0.0, 0.0)


@lru_cache(maxsize=4096)
def parse_transform(text: str, viewport: Viewport) -> Matrix | None:
    """The map of a ``transform`` attribute or property; None if it is invalid (and then has no effect).

    Percentages refer to ``viewport``, as ``transform-box: view-box`` says.
    """
    if text.strip().lower() == "none":
        return IDENTITY
    total, at = IDENTITY, 0
    while at < len(text):
        match = _FUNCTION.match(text, at)
        if match is None:
            return None if text[at:].strip() else total
        name = match[1].lower()
        step = _function(name, match[2], viewport) if name in _COUNTS else None
        if step is None:
            return None
        total, at = multiply(total, step), match.end()
    return total if all(map(math.isfinite, total)) else None


def _function(name: str, text: str, viewport: Viewport) -> Matrix | None:
    arguments = _arguments(name, text, viewport)
    if arguments is None or len(arguments) not in _COUNTS[name]:
        return None
    x, *rest = arguments
    y = rest[0] if rest else 0.0
    if name == "matrix":
        return (x, y, *rest[1:])  # type: ignore[return-value]
    if name in ("translate", "translatex"):
        return (1.0, 0.0, 0.0, 1.0, x, y)
    if name == "translatey":
        return (1.0, 0.0, 0.0, 1.0, 0.0, x)
    if name == "scale":
        return (x, 0.0, 0.0, y if rest else x, 0.0, 0.0)
    if name == "scalex":
        return (x, 0.0, 0.0, 1.0, 0.0, 0.0)
    if name == "scaley":
        return (1.0, 0.0, 0.0, x, 0.0, 0.0)
    if name == "rotate":
        turn = rotation(x)
        return about(turn, rest[0], rest[1]) if rest else turn
    if name == "skewy":
        x, y = 0.0, x
    if x % 180 == 90 or y % 180 == 90:
        return None
    return (1.0, math.tan(math.radians(y)), math.tan(math.radians(x)), 1.0, 0.0, 0.0)


def _arguments(name: str, text: str, viewport: Viewport) -> list[float] | None:
    values: list[float] = []
    at = 0
    text = text.strip()
    while at < len(text):
        if values:
            gap = re.compile(r"\s*,?\s*").match(text, at)
            at = gap.end() if gap else at
        match = _ARGUMENT.match(text, at)
        if match is None:
            return None
        value = _argument(name, len(values), match[1], match[2].lower(), viewport)
        if value is None or not math.isfinite(value):
            return None
        values.append(value)
        at = match.end()
    return values or None


def _argument(name: str, index: int, digits: str, unit: str, viewport: Viewport) -> float | None:
    number = float(digits)
    if not unit:
        return number
    if name in ("rotate", "skew", "skewx", "skewy") and (name != "rotate" or index == 0):
        return number * _ANGLES[unit] if unit in _ANGLES else None
    if unit == "%" and name in ("scale", "scalex", "scaley"):
        return number / 100
    if name in ("translate", "translatex", "translatey"):
        length = parse_length(digits + unit)
        vertical = name == "translatey" or index == 1
        return None if length is None else resolve(length, viewport.height if vertical else viewport.width)
    return None


def about(m: Matrix, x: float, y: float) -> Matrix:
    """The map ``m`` with the point (x, y) as its origin."""
    return multiply(multiply((1.0, 0.0, 0.0, 1.0, x, y), m), (1.0, 0.0, 0.0, 1.0, -x, -y))


_ORIGINS = {"left": "0%", "top": "0%", "center": "50%", "right": "100%", "bottom": "100%"}


def parse_origin(text: str, box: Box, font_size: float) -> tuple[float, float] | None:
    """The point that ``transform-origin`` names; percentages refer to ``box``. None if it is invalid."""
    parts = text.lower().replace(",", " ").split()
    if not parts or len(parts) > 3:
        return None
    if parts[0] in ("top", "bottom") or (len(parts) > 1 and parts[1] in ("left", "right")):
        parts[:2] = [parts[1] if len(parts) > 1 else "center", parts[0]]
    if len(parts) == 1:
        parts.append("center")
    lengths = [parse_length(_ORIGINS.get(part, part)) for part in parts[:2]]
    if lengths[0] is None or lengths[1] is None:
        return None
    x = resolve(lengths[0], box[2] - box[0], font_size)
    y = resolve(lengths[1], box[3] - box[1], font_size)
    return x + box[0], y + box[1]
