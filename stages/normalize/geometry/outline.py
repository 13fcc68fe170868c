"""Strokes as the areas they cover, for those that no stroke width can say.

A pen that is round in the drawing is an ellipse under a map that scales its directions unequally, and SVG has no such
pen. The area it covers is a path, though, and paths have every affine map. Skia computes it (SVG 2, section 13.7, says
what it is); its float32 is exact to a thousandth of a canvas unit.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from stages.base import Dropped
from stages.normalize.geometry.arcs import center
from stages.normalize.geometry.path_segments import Segment, Subpath
from stages.reasons import Reason

_FINE = 4.0
"""Skia approximates offset curves to a quarter of its unit, so its unit is a quarter of the canvas's."""

_FARTHEST = 1e5
_MOST_DASHES = 20_000
_CAPS = {"butt": 0, "round": 1, "square": 2}
_JOINS = {"miter": 0, "round": 1, "bevel": 2}


@cache
def _skia() -> Any:
    import pathops

    return pathops


def outline(
    subpaths: list[Subpath],
    width: float,
    cap: str,
    join: str,
    miter_limit: float,
    dashes: tuple[float, ...],
    offset: float,
) -> list[Subpath]:
    """The area that a stroke covers, to be filled nonzero. All lengths are in the units of ``subpaths``.

    Raises Dropped: OUT_OF_CANVAS for paths too large for its precision, TOO_COMPLEX for too many dashes.
    """
    pathops = _skia()
    path = pathops.Path()
    length = 0.0
    for sub in subpaths:
        length += _draw(path, sub)
    if not length < _FARTHEST * 10:
        raise Dropped(Reason.OUT_OF_CANVAS, f"the outline of a stroke {length:g} units long")
    pattern = None
    if dashes:
        if length / sum(dashes) * len(dashes) > _MOST_DASHES:
            raise Dropped(Reason.TOO_COMPLEX, f"the outline of a stroke with dashes of {sum(dashes):.4g} units")
        pattern = [value * _FINE for value in (dashes if len(dashes) % 2 == 0 else dashes * 2)]
        offset = offset % (sum(pattern) / _FINE)
    path.stroke(
        width * _FINE,
        pathops.LineCap(_CAPS[cap]),
        pathops.LineJoin(_JOINS[join]),
        min(miter_limit, 1e4),
        pattern,
        offset * _FINE if dashes else 0.0,
    )
    return _read(path)


def _draw(path: Any, sub: Subpath) -> float:
    """Add a subpath; returns a bound on its length."""
    k = _FINE
    path.moveTo(sub.x * k, sub.y * k)
    x, y = sub.x, sub.y
    length = 0.0
    for seg in sub.segments:
        kind = seg[0]
        if max(abs(seg[-2]), abs(seg[-1])) > _FARTHEST:
            raise Dropped(Reason.OUT_OF_CANVAS, f"the outline of a stroke that reaches {max(map(abs, seg[-2:])):g}")
        if kind == "L":
            path.lineTo(seg[1] * k, seg[2] * k)
            length += math.hypot(seg[1] - x, seg[2] - y)
        elif kind in "CS":
            path.cubicTo(*(value * k for value in seg[1:]))
            length += sum(math.hypot(seg[i + 2] - seg[i], seg[i + 3] - seg[i + 1]) for i in (1, 3)) + math.hypot(
                seg[1] - x, seg[2] - y
            )
        elif kind in "QT":
            path.quadTo(*(value * k for value in seg[1:]))
            length += math.hypot(seg[1] - x, seg[2] - y) + math.hypot(seg[3] - seg[1], seg[4] - seg[2])
        else:
            for curve in cubics(x, y, seg):
                path.cubicTo(*(value * k for value in curve[1:]))
            length += math.tau * max(seg[1], seg[2], math.hypot(seg[-2] - x, seg[-1] - y))
        x, y = seg[-2], seg[-1]
    if not sub.segments:
        path.lineTo(sub.x * k, sub.y * k)
    if sub.closed:
        path.close()
        length += math.hypot(sub.x - x, sub.y - y)
    return length


def cubics(x0: float, y0: float, seg: Segment) -> list[Segment]:
    """An arc segment as cubic curves of at most a quarter turn each, exact to 3e-4 of the radius."""
    if (x0, y0) == (seg[-2], seg[-1]):
        return []
    c = center(x0, y0, *seg[1:])
    count = max(1, math.ceil(abs(c.extent) / (math.pi / 2) - 1e-9))
    step = c.extent / count
    handle = 4 / 3 * math.tan(step / 4)
    curves: list[Segment] = []
    x, y = x0, y0
    for i in range(count):
        t0, t1 = c.start + i * step, c.start + (i + 1) * step
        end = (seg[-2], seg[-1]) if i == count - 1 else c.at(t1)
        sin0, cos0, sin1, cos1 = math.sin(t0), math.cos(t0), math.sin(t1), math.cos(t1)
        curves.append((
            "C",
            x + handle * (c.qx * cos0 - c.px * sin0),
            y + handle * (c.qy * cos0 - c.py * sin0),
            end[0] - handle * (c.qx * cos1 - c.px * sin1),
            end[1] - handle * (c.qy * cos1 - c.py * sin1),
            *end,
        ))  # fmt: skip
        x, y = end
    return curves


def _read(path: Any) -> list[Subpath]:
    verbs = _skia().PathVerb
    kinds = {verbs.LINE: "L", verbs.QUAD: "Q", verbs.CUBIC: "C"}
    subpaths: list[Subpath] = []
    x = y = 0.0
    for verb, points in path:
        if verb == verbs.CLOSE:
            subpaths[-1].closed = True
            continue
        conic = verb == verbs.CONIC
        values = [value / _FINE for point in (points[:2] if conic else points) for value in point]
        if verb == verbs.MOVE:
            subpaths.append(Subpath(values[0], values[1], []))
        elif conic:
            subpaths[-1].segments.append(_circular(x, y, *values))
        else:
            subpaths[-1].segments.append((kinds[verb], *values))
        x, y = values[-2:]
    return [sub for sub in subpaths if sub.segments]


def _circular(x0: float, y0: float, x1: float, y1: float, x2: float, y2: float) -> Segment:
    """The arc between two points whose tangents meet in (x1, y1): a stroker's conics are parts of circles."""
    ax, ay, bx, by = x0 - x1, y0 - y1, x2 - x1, y2 - y1
    turn = ax * by - ay * bx
    angle = abs(math.atan2(turn, ax * bx + ay * by))
    radius = (math.hypot(ax, ay) + math.hypot(bx, by)) / 2 * math.tan(angle / 2)
    if radius < 1e-6 or angle > math.pi - 1e-3:
        return ("L", x2, y2)
    return ("A", radius, radius, 0.0, 0, int(turn < 0), x2, y2)
