"""Where markers stand on a path and how they are turned (SVG 2, section 13.7)."""

from __future__ import annotations

import math
from typing import NamedTuple

from stages.normalize.geometry.arcs import center
from stages.normalize.geometry.path_segments import Segment, Subpath
from stages.normalize.source.tree import Node
from stages.normalize.values.units import parse_length

_ANGLES = {"deg": 1.0, "grad": 0.9, "rad": 180 / math.pi, "turn": 360.0}

Direction = tuple[float, float] | None
"""A vector along a segment; None where it has no length."""


class Vertex(NamedTuple):
    """A vertex in user units and the direction of the path there, degrees clockwise from the x axis."""

    x: float
    y: float
    angle: float


def vertices(subpaths: list[Subpath]) -> list[Vertex]:
    """All vertices of a path in order, the points that close subpaths included."""
    path_vertices: list[Vertex] = []
    for sub in subpaths:
        path_vertices += _subpath_vertices(sub)
    return path_vertices


def _subpath_vertices(sub: Subpath) -> list[Vertex]:
    segments: list[Segment] = [*sub.segments, ("L", sub.x, sub.y)] if sub.closed else sub.segments
    points = [(sub.x, sub.y)]
    begins: list[Direction] = []
    ends: list[Direction] = []
    for seg in segments:
        begin, end = _directions(*points[-1], seg)
        begins.append(begin)
        ends.append(end)
        points.append((seg[-2], seg[-1]))
    count = len(segments)
    incoming: list[Direction] = [None, *ends]
    outgoing: list[Direction] = [*begins, None]
    # a segment of no length takes the direction of the nearest one that has any (section 13.7.6)
    for i in range(1, count + 1):
        incoming[i] = incoming[i] or incoming[i - 1]
    for i in range(count - 1, -1, -1):
        outgoing[i] = outgoing[i] or outgoing[i + 1]
    if sub.closed:
        incoming[0], outgoing[count] = incoming[count], outgoing[0]
    return [Vertex(*points[i], _bisect(incoming[i], outgoing[i])) for i in range(count + 1)]


def _directions(x: float, y: float, seg: Segment) -> tuple[Direction, Direction]:
    if seg[0] == "A":
        if (x, y) == (seg[-2], seg[-1]):
            return None, None
        c = center(x, y, *seg[1:])
        sign = math.copysign(1.0, c.extent)

        def tangent(t: float) -> Direction:
            cos, sin = math.cos(t) * sign, math.sin(t) * sign
            return c.qx * cos - c.px * sin, c.qy * cos - c.py * sin

        return tangent(c.start), tangent(c.start + c.extent)
    points = [(x, y), *zip(seg[1::2], seg[2::2], strict=True)]
    return _first_step(points), _negated(_first_step(points[::-1]))


def _first_step(points: list[tuple[float, float]]) -> Direction:
    x, y = points[0]
    return next(((px - x, py - y) for px, py in points[1:] if (px, py) != (x, y)), None)


def _negated(direction: Direction) -> Direction:
    return None if direction is None else (-direction[0], -direction[1])


def _bisect(incoming: Direction, outgoing: Direction) -> float:
    if incoming is None or outgoing is None:
        only = incoming or outgoing
        return 0.0 if only is None else math.degrees(math.atan2(only[1], only[0]))
    first = math.degrees(math.atan2(incoming[1], incoming[0]))
    second = math.degrees(math.atan2(outgoing[1], outgoing[0]))
    turn = 180 - (first - second + 180) % 360  # half a turn is a right one
    return first + turn / 2


def orientation(marker: Node, angle: float, start: bool) -> float:
    """Degrees by which a marker is turned where the path has the direction ``angle``."""
    text = marker.attributes.get("orient", "").strip().lower()
    if text == "auto":
        return angle
    if text == "auto-start-reverse":
        return angle + 180 if start else angle
    for unit, factor in _ANGLES.items():
        if text.endswith(unit):
            length = parse_length(text[: -len(unit)])
            return length.value * factor if length is not None and length.unit == "px" else 0.0
    length = parse_length(text)
    return length.value if length is not None and length.unit == "px" else 0.0


_WORDS = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}


def reference(marker: Node, name: str, low: float, extent: float) -> float:
    """``refX`` or ``refY`` in the units of the marker's content, which shows ``extent`` of them from ``low``."""
    text = marker.attributes.get(name, "0").strip()
    if text in _WORDS:
        return low + _WORDS[text] * extent
    length = parse_length(text)
    if length is None:
        return 0.0
    return low + length.value / 100 * extent if length.unit == "%" else length.value
