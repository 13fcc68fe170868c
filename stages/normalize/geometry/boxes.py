"""Upright boxes: computing with them, and those of arcs and paths (`ink` has those of what elements paint)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stages.normalize.geometry.arcs import center
from stages.normalize.geometry.path_segments import Subpath, bezier, turning_points
from stages.normalize.geometry.transforms import Matrix, apply

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
BoxFinder = Callable[[], Box | None]
"""Finds a bounding box when it is asked for; None where there is no geometry."""


def union(boxes: list[Box]) -> Box:
    """The smallest box that holds all ``boxes``. Raises ValueError if there are none."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def intersection(a: Box, b: Box) -> Box:
    """What two boxes share; left is not less than right, or top than bottom, where that is nothing."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def contains(a: Box, b: Box) -> bool:
    """Whether the box ``a`` holds all of ``b``."""
    return a[0] <= b[0] and a[1] <= b[1] and a[2] >= b[2] and a[3] >= b[3]


def overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share an area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def grown(box: Box, x: float, y: float) -> Box:
    """A box with ``x`` more at its left and right and ``y`` more at its top and bottom."""
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def moved(box: Box, x: float, y: float) -> Box:
    """A box moved by (x, y)."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def place_and_size(box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height of a box."""
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def map_box(m: Matrix, box: Box) -> Box:
    """The bounding box of the image of a box."""
    corners = [apply(m, x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = [p[0] for p in corners], [p[1] for p in corners]
    return min(xs), min(ys), max(xs), max(ys)


def arc_box(x0: float, y0: float, segment: tuple[Any, ...]) -> Box:
    """The exact bounding box of an arc segment that starts at (x0, y0)."""
    _, rx, ry, rotation, large, sweep, x, y = segment
    left, right = (x0, x) if x0 < x else (x, x0)
    top, bottom = (y0, y) if y0 < y else (y, y0)
    if (x0, y0) == (x, y) or rx == 0 or ry == 0:
        return left, top, right, bottom
    c = center(x0, y0, rx, ry, rotation, large, sweep, x, y)
    for base in (math.atan2(c.qx, c.px), math.atan2(c.qy, c.py)):
        for turn in (base, base + math.pi):
            offset = (turn - c.start) % (2 * math.pi)
            if c.extent < 0:
                offset -= 2 * math.pi
            if (0 <= offset <= c.extent) or (c.extent <= offset <= 0):
                px, py = c.at(c.start + offset)
                left, right = min(left, px), max(right, px)
                top, bottom = min(top, py), max(bottom, py)
    return left, top, right, bottom


def hull_box(subpaths: list[Subpath]) -> Box:
    """A box that holds the path: of its points and control points; exact for arcs. Raises ValueError if empty."""
    left = top = math.inf
    right = bottom = -math.inf
    for sub in subpaths:
        x0, y0 = sub.x, sub.y
        left, right = min(left, x0), max(right, x0)
        top, bottom = min(top, y0), max(bottom, y0)
        for seg in sub.segments:
            if seg[0] == "A":
                box = arc_box(x0, y0, seg)
                left, right = min(left, box[0]), max(right, box[2])
                top, bottom = min(top, box[1]), max(bottom, box[3])
            else:
                for x in seg[1::2]:
                    if x < left:
                        left = x
                    if x > right:
                        right = x
                for y in seg[2::2]:
                    if y < top:
                        top = y
                    if y > bottom:
                        bottom = y
            x0, y0 = seg[-2], seg[-1]
    if left > right:
        raise ValueError("a path without points has no box")
    return left, top, right, bottom


def exact_box(subpaths: list[Subpath]) -> Box:
    """The bounding box of the path's points, curves included. Raises ValueError if empty."""
    boxes = []
    for sub in subpaths:
        x0, y0 = sub.x, sub.y
        boxes.append((x0, y0, x0, y0))
        for seg in sub.segments:
            kind = seg[0]
            if kind == "A":
                boxes.append(arc_box(x0, y0, seg))
            elif kind == "L":
                boxes.append((seg[1], seg[2], seg[1], seg[2]))
            else:
                xs = _range((x0, *seg[1::2]))
                ys = _range((y0, *seg[2::2]))
                boxes.append((xs[0], ys[0], xs[1], ys[1]))
            x0, y0 = seg[-2], seg[-1]
    return union(boxes)


def _range(points: tuple[float, ...]) -> tuple[float, float]:
    """Smallest and largest value of a Bézier curve in one dimension."""
    first, last = points[0], points[-1]
    low, high = (first, last) if first < last else (last, first)
    if low <= min(points) and max(points) <= high:
        return low, high
    for t in turning_points(points):
        value = bezier(points, t)
        low, high = min(low, value), max(high, value)
    return low, high
