"""Elliptical arcs: affine maps, middles and cuts in closed form (SVG 2, appendix B.2).

An arc goes from one point to another on an ellipse (``rx``, ``ry``, ``rotation`` in degrees); radii too small for the
distance of its ends stand for radii scaled up until they reach.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stages.normalize.geometry.transforms import Matrix


class Center(NamedTuple):
    """An arc by its centre: the points c + p cos t + q sin t, for t from ``start`` to ``start + extent`` (radians).

    p and q are the half axes as vectors. ``extent`` is positive for sweep 1.
    """

    cx: float
    cy: float
    px: float
    py: float
    qx: float
    qy: float
    start: float
    extent: float

    def at(self, t: float) -> tuple[float, float]:
        """The point at the angle ``t``."""
        cos, sin = math.cos(t), math.sin(t)
        return self.cx + self.px * cos + self.qx * sin, self.cy + self.py * cos + self.qy * sin


def _axes(rotation: float) -> tuple[float, float]:
    if rotation == 0:
        return 1.0, 0.0
    return math.cos(math.radians(rotation)), math.sin(math.radians(rotation))


def middle(
    x0: float, y0: float, rx: float, ry: float, rotation: float, large: int, sweep: int, x: float, y: float
) -> tuple[float, float]:
    """The point halfway along the arc's angle. Radii are positive and the ends differ."""
    cos, sin = _axes(rotation)
    dx, dy = x - x0, y - y0
    # the chord on the unit circle that the ellipse is the image of
    u, v = (cos * dx + sin * dy) / rx, (cos * dy - sin * dx) / ry
    chord = math.hypot(u, v)
    if chord == 0:
        return x0, y0
    half = chord / 2
    if half >= 1:
        height = half
    else:
        rest = math.sqrt(1 - half * half)
        height = 1 + rest if large else 1 - rest
    factor = height / chord if sweep else -height / chord
    nu, nv = v * factor * rx, -u * factor * ry
    return (x0 + x) / 2 + cos * nu - sin * nv, (y0 + y) / 2 + sin * nu + cos * nv


def center(
    x0: float, y0: float, rx: float, ry: float, rotation: float, large: int, sweep: int, x: float, y: float
) -> Center:
    """The arc by its centre. Radii are positive and the ends differ."""
    cos, sin = _axes(rotation)
    dx, dy = (x0 - x) / 2, (y0 - y) / 2
    u, v = (cos * dx + sin * dy) / rx, (cos * dy - sin * dx) / ry
    square = u * u + v * v
    if square > 1:
        grow = math.sqrt(square)
        rx, ry, u, v = rx * grow, ry * grow, u / grow, v / grow
        factor = 0.0
    else:
        factor = math.sqrt((1 - square) / square) if square else 0.0
        if large == sweep:
            factor = -factor
    cu, cv = factor * v, -factor * u
    start = math.atan2(v - cv, u - cu)
    extent = math.atan2(-v - cv, -u - cu) - start
    if sweep and extent < 0:
        extent += 2 * math.pi
    elif not sweep and extent > 0:
        extent -= 2 * math.pi
    px, py, qx, qy = cos * rx, sin * rx, -sin * ry, cos * ry
    cx = cu * px + cv * qx + (x0 + x) / 2
    cy = cu * py + cv * qy + (y0 + y) / 2
    return Center(cx, cy, px, py, qx, qy, start, extent)


def map_ellipse(m: Matrix, rx: float, ry: float, rotation: float) -> tuple[float, float, float]:
    """Radii and rotation (degrees, above -90, below 90) of the image of an ellipse, by singular value decomposition."""
    a, b, c, d = m[:4]
    if b == 0 and c == 0:
        if rotation == 0:
            return rx * abs(a), ry * abs(d), 0.0
        if a == d:
            return rx * abs(a), ry * abs(a), rotation
    cos, sin = _axes(rotation)
    px, py = (a * cos + c * sin) * rx, (b * cos + d * sin) * rx
    qx, qy = (c * cos - a * sin) * ry, (d * cos - b * sin) * ry
    first, second = math.hypot(px + qy, py - qx) / 2, math.hypot(px - qy, py + qx) / 2
    large, small = first + second, abs(first - second)
    if second <= 1e-7 * first or first <= 1e-7 * second:
        return large, small, 0.0  # a circle
    angle = math.degrees((math.atan2(py - qx, px + qy) + math.atan2(py + qx, px - qy)) / 2)
    return canonical_ellipse(large, small, angle)


def canonical_ellipse(rx: float, ry: float, rotation: float) -> tuple[float, float, float]:
    """The same ellipse with its rotation above -90 and below 90 degrees, and 0 for circles."""
    if rx == ry:
        return rx, ry, 0.0
    rotation = math.fmod(rotation, 180.0)
    if rotation <= -90:
        rotation += 180
    elif rotation > 90:
        rotation -= 180
    for target in (0.0, 90.0, -90.0):
        if abs(rotation - target) < 1e-6:
            rotation = target
    if abs(rotation) == 90:
        return ry, rx, 0.0
    return rx, ry, rotation


def cut(x0: float, y0: float, segment: tuple[Any, ...], places: list[float]) -> list[tuple[Any, ...]]:
    """The arc segment in pieces, cut at ``places`` (ascending shares of its extent, 0 < t < 1)."""
    _, rx, ry, rotation, large, sweep, x, y = segment
    c = center(x0, y0, rx, ry, rotation, large, sweep, x, y)
    rx, ry = math.hypot(c.px, c.py), math.hypot(c.qx, c.qy)  # radii that reach
    pieces: list[tuple[Any, ...]] = []
    last = 0.0
    for t in [*places, 1.0]:
        end = (x, y) if t == 1.0 else c.at(c.start + c.extent * t)
        pieces.append(("A", rx, ry, rotation, int(abs(c.extent) * (t - last) > math.pi), sweep, *end))
        last = t
    return pieces
