"""Elliptical arcs (SVG 2, appendix B.2): centre form, points, cubics, bounds, and their image under an affine map."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stages.normalize.matrix import Matrix, determinant

Cubic = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Centre:
    """An arc by centre, radii, rotation in radians, begin angle and signed sweep in radians."""

    cx: float
    cy: float
    rx: float
    ry: float
    cos: float
    sin: float
    begin: float
    sweep: float

    def point(self, share: float) -> tuple[float, float]:
        """The point at ``share`` (0..1) of the sweep."""
        angle = self.begin + share * self.sweep
        u, v = self.rx * math.cos(angle), self.ry * math.sin(angle)
        return self.cx + u * self.cos - v * self.sin, self.cy + u * self.sin + v * self.cos


def centre(
    x1: float, y1: float, rx: float, ry: float, degrees: float, large: bool, sweep: bool, x2: float, y2: float
) -> Centre | None:
    """The arc's centre form (B.2.4), radii scaled up where they are too small; None where it is a straight line."""
    rx, ry = abs(rx), abs(ry)
    if rx == 0 or ry == 0 or (x1 == x2 and y1 == y2):
        return None
    phi = math.radians(degrees % 360)
    cos, sin = math.cos(phi), math.sin(phi)
    dx, dy = (x1 - x2) / 2, (y1 - y2) / 2
    u, v = (cos * dx + sin * dy) / rx, (-sin * dx + cos * dy) / ry
    length = u * u + v * v
    if length > 1:
        grow = math.sqrt(length)
        rx, ry, u, v = rx * grow, ry * grow, u / grow, v / grow
        length = 1.0
    if length == 0:
        return None
    factor = math.sqrt(max(0.0, 1 / length - 1)) * (-1 if large == sweep else 1)
    cu, cv = factor * v, -factor * u
    cx = cos * cu * rx - sin * cv * ry + (x1 + x2) / 2
    cy = sin * cu * rx + cos * cv * ry + (y1 + y2) / 2
    begin = math.atan2(v - cv, u - cu)
    turn = math.atan2(-v - cv, -u - cu) - begin
    if sweep and turn < 0:
        turn += 2 * math.pi
    elif not sweep and turn > 0:
        turn -= 2 * math.pi
    return Centre(cx, cy, rx, ry, cos, sin, begin, turn)


def cubics(arc: Centre) -> list[Cubic]:
    """Cubic curves of at most a quarter turn each that run along ``arc``: (x1, y1, x2, y2, x, y)."""
    pieces = max(1, math.ceil(abs(arc.sweep) / (math.pi / 2) - 1e-9))
    step = arc.sweep / pieces
    handle = 4 / 3 * math.tan(step / 4)
    result = []
    for i in range(pieces):
        a, b = arc.begin + i * step, arc.begin + (i + 1) * step
        ca, sa, cb, sb = math.cos(a), math.sin(a), math.cos(b), math.sin(b)
        flat: list[float] = []
        for u, v in ((ca - handle * sa, sa + handle * ca), (cb + handle * sb, sb - handle * cb), (cb, sb)):
            u, v = u * arc.rx, v * arc.ry
            flat += (arc.cx + u * arc.cos - v * arc.sin, arc.cy + u * arc.sin + v * arc.cos)
        result.append((flat[0], flat[1], flat[2], flat[3], flat[4], flat[5]))
    return result


def extremes(arc: Centre) -> list[tuple[float, float]]:
    """Points of the arc where x or y is extreme, the end points not included."""
    points = []
    angles = (
        math.atan2(-arc.ry * arc.sin, arc.rx * arc.cos),
        math.atan2(arc.ry * arc.cos, arc.rx * arc.sin),
    )
    for angle in (*angles, *(angle + math.pi for angle in angles)):
        share = (angle - arc.begin) % math.copysign(2 * math.pi, arc.sweep) / arc.sweep
        if 0 < share < 1:
            points.append(arc.point(share))
    return points


def mapped(rx: float, ry: float, degrees: float, m: Matrix) -> tuple[float, float, float, bool]:
    """Radii, rotation and whether the sweep flips, of an ellipse under the linear part of ``m``.

    The image of the unit circle under A R(phi) diag(rx, ry) is an ellipse whose radii are the singular values and whose
    axis is the first left singular vector of that matrix.
    """
    phi = math.radians(degrees % 360)
    cos, sin = math.cos(phi), math.sin(phi)
    a, b, c, d = m[:4]
    p, q = (a * cos + c * sin) * rx, (b * cos + d * sin) * rx
    r, s = (c * cos - a * sin) * ry, (d * cos - b * sin) * ry
    # of N N^T = [[p p + r r, p q + r s], [., q q + s s]]
    xx, xy, yy = p * p + r * r, p * q + r * s, q * q + s * s
    (
        mean,
        half,
    ) = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    large = math.sqrt(mean + half)
    small = abs(p * s - q * r) / large if large else 0.0
    if half <= 1e-9 * mean:
        return large, large, 0.0, determinant(m) < 0
    angle = math.degrees(math.atan2(xy, (xx - yy) / 2) / 2)
    # radii in the order in which they came, where the axes stay the axes
    if abs(angle) > 45 + 1e-9:
        large, small, angle = small, large, angle - math.copysign(90, angle)
    return large, small, angle, determinant(m) < 0
