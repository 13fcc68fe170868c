"""Paths as absolute segments: from path data, and under affine maps.

A segment is a tuple: a letter, its arguments in absolute coordinates, its end last:

* ``("L", x, y)``
* ``("C", x1, y1, x2, y2, x, y)``, and ``("S", …)`` alike, whose first control point was written as a reflection
* ``("Q", x1, y1, x, y)``, and ``("T", …)`` alike
* ``("A", rx, ry, rotation, large, sweep, x, y)``, radii positive, rotation in degrees
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stages.normalize.geometry.arcs import canonical_ellipse, map_ellipse
from stages.normalize.geometry.transforms import Matrix
from stages.pathdata import Command

Segment = tuple[Any, ...]


@dataclass(slots=True)
class Subpath:
    """Starts at (x, y). ``closed``: ends with a closepath. A subpath without segments that is not closed is a point."""

    x: float
    y: float
    segments: list[Segment]
    closed: bool = False


def from_commands(commands: list[Command]) -> list[Subpath]:
    """The subpaths of parsed path data. Movetos that nothing follows are left out."""
    subpaths: list[Subpath] = []
    x = y = sx = sy = 0.0
    cx = cy = 0.0  # the last control point, which s and t reflect
    before = ""
    current: Subpath | None = None
    for letter, args in commands:
        upper = letter.upper()
        ox, oy = (x, y) if letter != upper else (0.0, 0.0)
        if upper == "M":
            x, y = args[0] + ox, args[1] + oy
            sx, sy = x, y
            current = None
            before = "M"
            continue
        if current is None:
            current = Subpath(sx, sy, [])
            subpaths.append(current)
        if upper == "Z":
            current.closed = True
            current = None
            x, y = sx, sy
            before = "Z"
            continue
        segments = current.segments
        if upper == "L":
            x, y = args[0] + ox, args[1] + oy
            segments.append(("L", x, y))
        elif upper == "H":
            x = args[0] + ox
            segments.append(("L", x, y))
        elif upper == "V":
            y = args[0] + oy
            segments.append(("L", x, y))
        elif upper == "C":
            cx, cy = args[2] + ox, args[3] + oy
            nx, ny = args[4] + ox, args[5] + oy
            segments.append(("C", args[0] + ox, args[1] + oy, cx, cy, nx, ny))
            x, y = nx, ny
        elif upper == "S":
            fx, fy = (2 * x - cx, 2 * y - cy) if before == "C" or before == "S" else (x, y)
            cx, cy = args[0] + ox, args[1] + oy
            nx, ny = args[2] + ox, args[3] + oy
            segments.append(("S", fx, fy, cx, cy, nx, ny))
            x, y = nx, ny
        elif upper == "Q":
            cx, cy = args[0] + ox, args[1] + oy
            nx, ny = args[2] + ox, args[3] + oy
            segments.append(("Q", cx, cy, nx, ny))
            x, y = nx, ny
        elif upper == "T":
            cx, cy = (2 * x - cx, 2 * y - cy) if before == "Q" or before == "T" else (x, y)
            nx, ny = args[0] + ox, args[1] + oy
            segments.append(("T", cx, cy, nx, ny))
            x, y = nx, ny
        else:
            nx, ny = args[5] + ox, args[6] + oy
            segments.append(_arc(args, x, y, nx, ny))
            x, y = nx, ny
        before = upper
    return subpaths


def _arc(args: tuple[float, ...], x0: float, y0: float, x: float, y: float) -> Segment:
    rx, ry = abs(args[0]), abs(args[1])
    if rx == 0 or ry == 0 or (x == x0 and y == y0):
        return ("L", x, y)
    distance = math.hypot(x - x0, y - y0)
    if max(rx, ry) < 1e-6 * distance:
        # radii that do not reach are scaled up until they do; from so far off, that would overflow
        factor = distance / 4 / max(rx, ry)
        rx, ry = rx * factor, ry * factor
    if min(rx, ry) < 1e-9 * max(rx, ry):
        return ("L", x, y)
    rx, ry, rotation = canonical_ellipse(rx, ry, args[2])
    return ("A", rx, ry, rotation, int(args[3]), int(args[4]), x, y)


def transform(subpaths: list[Subpath], m: Matrix) -> list[Subpath]:
    """The image of a path under an affine map."""
    a, b, c, d, e, f = m
    if m == (1.0, 0.0, 0.0, 1.0, 0.0, 0.0):
        return subpaths
    flip = a * d - b * c < 0
    result = []
    for sub in subpaths:
        segments: list[Segment] = []
        add = segments.append
        for seg in sub.segments:
            kind = seg[0]
            if kind == "L":
                x, y = seg[1], seg[2]
                add(("L", a * x + c * y + e, b * x + d * y + f))
            elif kind == "C" or kind == "S":
                _, x1, y1, x2, y2, x, y = seg
                add((
                    kind,
                    a * x1 + c * y1 + e, b * x1 + d * y1 + f,
                    a * x2 + c * y2 + e, b * x2 + d * y2 + f,
                    a * x + c * y + e, b * x + d * y + f,
                ))  # fmt: skip
            elif kind == "A":
                _, rx, ry, rotation, large, sweep, x, y = seg
                rx, ry, rotation = map_ellipse(m, rx, ry, rotation)
                x, y = a * x + c * y + e, b * x + d * y + f
                if rx == 0 or ry == 0:
                    add(("L", x, y))
                else:
                    add(("A", rx, ry, rotation, large, sweep ^ flip, x, y))
            else:
                _, x1, y1, x, y = seg
                add((kind, a * x1 + c * y1 + e, b * x1 + d * y1 + f, a * x + c * y + e, b * x + d * y + f))
        x, y = sub.x, sub.y
        result.append(Subpath(a * x + c * y + e, b * x + d * y + f, segments, sub.closed))
    return result


def bezier(points: tuple[float, ...], t: float) -> float:
    """The value of a quadratic or cubic Bézier curve in one dimension."""
    s = 1 - t
    if len(points) == 3:
        return s * s * points[0] + 2 * s * t * points[1] + t * t * points[2]
    return s * s * s * points[0] + 3 * s * s * t * points[1] + 3 * s * t * t * points[2] + t * t * t * points[3]


def turning_points(points: tuple[float, ...]) -> list[float]:
    """Where a Bézier curve in one dimension turns, ascending, 0 < t < 1."""
    if len(points) == 3:
        p, q, r = points
        bend = p - 2 * q + r
        roots = [(p - q) / bend] if bend else []
    else:
        p, q, r, s = points
        a, b, c = s - 3 * r + 3 * q - p, 2 * (r - 2 * q + p), q - p
        if abs(a) <= 1e-12 * (abs(b) + abs(c)):
            roots = [-c / b] if b else []
        else:
            under = b * b - 4 * a * c
            if under < 0:
                return []
            root = math.sqrt(under)
            # the stable form: no difference of nearly equal numbers
            base = -(b + math.copysign(root, b)) / 2
            roots = [base / a] + ([c / base] if base else [])
    return sorted(t for t in roots if 0 < t < 1)
