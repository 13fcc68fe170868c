"""Affine maps as (a, b, c, d, e, f) with x' = a x + c y + e, y' = b x + d y + f (SVG 2, section 8.5)."""

from __future__ import annotations

import math
import re

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_FUNCTION = re.compile(r"[\s,]*([A-Za-z]+)\s*\(([^()]*)\)")
_NUMBER = re.compile(r"[\s,]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(deg|rad|grad|turn|px)?")
_DEGREES = {"rad": 180 / math.pi, "grad": 0.9, "turn": 360.0}
MAX_FUNCTIONS = 1000


class BadTransform(ValueError):
    """The transform list is invalid, so it is an error in the document."""


class LongTransform(ValueError):
    """The transform list has more than `MAX_FUNCTIONS` functions."""


def multiply(m: Matrix, n: Matrix) -> Matrix:
    """The map that applies ``n`` first, then ``m``."""
    a, b, c, d, e, f = m
    g, h, i, j, k, o = n
    return (a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * o + e, b * k + d * o + f)


def apply(m: Matrix, x: float, y: float) -> tuple[float, float]:
    """The image of a point."""
    return m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]


def determinant(m: Matrix) -> float:
    """Signed area scale."""
    return m[0] * m[3] - m[1] * m[2]


def scales(m: Matrix) -> tuple[float, float]:
    """The larger and the smaller singular value: how far a unit circle is stretched."""
    a, b, c, d = m[:4]
    p = math.hypot(a + d, b - c) / 2
    q = math.hypot(a - d, b + c) / 2
    return p + q, abs(p - q)


def parse(text: str) -> Matrix:
    """Read a transform list, of the attribute or of the CSS property. Raises BadTransform."""
    if text.strip() in ("", "none"):
        return IDENTITY
    result, at, count = IDENTITY, 0, 0
    while match := _FUNCTION.match(text, at):
        count += 1
        if count > MAX_FUNCTIONS:
            raise LongTransform(f"over {MAX_FUNCTIONS} transform functions")
        result = multiply(result, _function(match[1], _numbers(match[2], match[1])))
        at = match.end()
    if text[at:].strip() or not all(map(math.isfinite, result)):
        raise BadTransform(text[:80])
    return result


def _numbers(text: str, name: str) -> list[float]:
    values, at = [], 0
    while match := _NUMBER.match(text, at):
        unit = match[2]
        if unit and (unit == "px") == (name.lower().startswith(("rot", "skew"))):
            raise BadTransform(text[:80])
        values.append(float(match[1]) * _DEGREES.get(unit or "", 1.0))
        at = match.end()
    if text[at:].strip():
        raise BadTransform(text[:80])
    return values


def _function(name: str, v: list[float]) -> Matrix:
    match name, len(v):
        case "matrix", 6:
            return (v[0], v[1], v[2], v[3], v[4], v[5])
        case "translate", 1 | 2:
            return (1.0, 0.0, 0.0, 1.0, v[0], v[1] if len(v) > 1 else 0.0)
        case "translateX", 1:
            return (1.0, 0.0, 0.0, 1.0, v[0], 0.0)
        case "translateY", 1:
            return (1.0, 0.0, 0.0, 1.0, 0.0, v[0])
        case "scale", 1 | 2:
            return (v[0], 0.0, 0.0, v[1] if len(v) > 1 else v[0], 0.0, 0.0)
        case "scaleX", 1:
            return (v[0], 0.0, 0.0, 1.0, 0.0, 0.0)
        case "scaleY", 1:
            return (1.0, 0.0, 0.0, v[0], 0.0, 0.0)
        case "rotate", 1 | 3:
            sin, cos = _sin_cos(v[0])
            turn = (cos, sin, -sin, cos, 0.0, 0.0)
            if len(v) == 1:
                return turn
            return multiply(multiply((1.0, 0.0, 0.0, 1.0, v[1], v[2]), turn), (1.0, 0.0, 0.0, 1.0, -v[1], -v[2]))
        case "skewX", 1:
            return (1.0, 0.0, math.tan(math.radians(v[0])), 1.0, 0.0, 0.0)
        case "skewY", 1:
            return (1.0, math.tan(math.radians(v[0])), 0.0, 1.0, 0.0, 0.0)
    raise BadTransform(f"{name} with {len(v)} numbers")


def _sin_cos(degrees: float) -> tuple[float, float]:
    quarter, rest = divmod(degrees, 90.0)
    if rest == 0:  # exact, so that right angles stay right
        return ((0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0))[int(quarter) % 4]
    return math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
