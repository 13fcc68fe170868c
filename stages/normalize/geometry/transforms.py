"""Affine maps and computing with them.

A matrix is the tuple (a, b, c, d, e, f) of ``matrix()``: x' = a x + c y + e, y' = b x + d y + f.
"""

from __future__ import annotations

import math

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


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


def rotation(degrees: float) -> Matrix:
    """A rotation about the origin, exact for multiples of 90 degrees."""
    quarter = degrees % 360
    if quarter % 90 == 0:
        # minus almost nothing, modulo 360, is 360 itself
        cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter // 90) % 4]
    else:
        cos, sin = math.cos(math.radians(quarter)), math.sin(math.radians(quarter))
    return (cos, sin, -sin, cos, 0.0, 0.0)


def about(m: Matrix, x: float, y: float) -> Matrix:
    """The map ``m`` with the point (x, y) as its origin."""
    return multiply(multiply((1.0, 0.0, 0.0, 1.0, x, y), m), (1.0, 0.0, 0.0, 1.0, -x, -y))
