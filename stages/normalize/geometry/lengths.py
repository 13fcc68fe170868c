"""How long paths are (SVG 2, section 9.6.1: distances along a path)."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from stages.normalize.geometry.arcs import center
from stages.normalize.geometry.path_segments import Segment, Subpath

_NODES = (
    (0.1834346424956498, 0.3626837833783620),
    (0.5255324099163290, 0.3137066458778873),
    (0.7966664774136267, 0.2223810344533745),
    (0.9602898564975363, 0.1012285362903763),
)
"""Gauss-Legendre quadrature with eight nodes: those on one side of the middle, and their weights."""
_PIECES = 8
"""Parts that a curve is measured in: with eight nodes in each, cusps are exact to a thousandth."""


def path_length(subpaths: list[Subpath]) -> float:
    """The sum of the lengths of all segments, the lines that close subpaths included."""
    total = 0.0
    for sub in subpaths:
        x, y = sub.x, sub.y
        for seg in sub.segments:
            total += _length(x, y, seg)
            x, y = seg[-2], seg[-1]
        if sub.closed:
            total += math.hypot(sub.x - x, sub.y - y)
    return total


def _length(x: float, y: float, seg: Segment) -> float:
    kind = seg[0]
    if kind == "L":
        return math.hypot(seg[1] - x, seg[2] - y)
    if kind == "A":
        if (x, y) == (seg[-2], seg[-1]):
            return 0.0
        c = center(x, y, *seg[1:])

        def arc_speed(t: float) -> float:
            angle = c.start + t * c.extent
            cos, sin = math.cos(angle), math.sin(angle)
            return math.hypot(c.qx * cos - c.px * sin, c.qy * cos - c.py * sin) * abs(c.extent)

        return _integral(arc_speed)
    points = [(x, y), *zip(seg[1::2], seg[2::2], strict=True)]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    degree = len(steps)

    def speed(t: float) -> float:
        s = 1 - t
        weights = (s, t) if degree == 2 else (s * s, 2 * s * t, t * t)
        return degree * math.hypot(
            sum(w * step[0] for w, step in zip(weights, steps, strict=True)),
            sum(w * step[1] for w, step in zip(weights, steps, strict=True)),
        )

    return _integral(speed)


def _integral(speed: Callable[[float], float]) -> float:
    """The integral of a function over 0..1."""
    half = 0.5 / _PIECES
    return half * sum(
        weight * (speed((2 * i + 1 + node) * half) + speed((2 * i + 1 - node) * half))
        for i in range(_PIECES)
        for node, weight in _NODES
    )
