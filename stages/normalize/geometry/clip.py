"""Exact clipping, for geometry that a renderer would clip but tokens cannot say.

*Fills*: a path is cut where it crosses the box, and what lies outside is moved onto the box's edge, each point to the
nearest one. Moving never crosses a point inside the box, so the winding number of every such point is what it was, and
both fill rules give the same picture within the box: Sutherland and Hodgman's method, for curves and for any path.

*Strokes*: a path cannot be moved, but it can begin elsewhere. A closed one begins at a corner that tokens can say. Of
an open one, stretches out of sight are left out, and one that begins out of reach is drawn from a point within reach
back to its beginning and then again to its end, which paints the same points (dashes aside).
"""

from __future__ import annotations

import math
from itertools import pairwise

from stages.base import Dropped
from stages.normalize.geometry import arcs
from stages.normalize.geometry.boxes import Box, hull_box
from stages.normalize.geometry.path_segments import Segment, Subpath, bezier, turning_points
from stages.reasons import Reason

_MOST_PIECES = 20_000
_PARTS = 8
"""Into how many parts a segment is cut when none of its ends is within reach."""


def clip_fill(subpaths: list[Subpath], box: Box) -> list[Subpath]:
    """The part within ``box`` of the area that the path fills, as a path with the same fill rule."""
    return [clipped for sub in subpaths if (clipped := _clip_subpath(sub, box)) is not None]


def _clip_subpath(sub: Subpath, box: Box) -> Subpath | None:
    left, top, right, bottom = box
    reach = hull_box([sub])
    if reach[0] >= left and reach[1] >= top and reach[2] <= right and reach[3] <= bottom:
        return sub
    if reach[2] <= left or reach[3] <= top or reach[0] >= right or reach[1] >= bottom:
        return None
    x, y = _clamp(sub.x, sub.y, box)
    result = Subpath(x, y, [], True)
    out = result.segments
    x0, y0 = sub.x, sub.y
    for seg in [*sub.segments, ("L", sub.x, sub.y)]:
        for piece in split(x0, y0, seg, _crossings(x0, y0, seg, box)):
            mx, my = _midpoint(x0, y0, piece)
            x, y = _clamp(piece[-2], piece[-1], box)
            if left <= mx <= right and top <= my <= bottom:
                out.append((*piece[:-2], x, y))
            else:
                _edge(result, x, y, box)
            x0, y0 = piece[-2], piece[-1]
    if out and out[-1] == ("L", result.x, result.y):
        out.pop()  # closing draws it
    return result


def _clamp(x: float, y: float, box: Box) -> tuple[float, float]:
    return min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])


def _edge(sub: Subpath, x: float, y: float, box: Box) -> None:
    """Go along the box's edge to (x, y), without doubling back on one side."""
    out = sub.segments
    if out and out[-1][0] == "L":
        ax, ay = (out[-2][-2], out[-2][-1]) if len(out) > 1 else (sub.x, sub.y)
        bx, by = out[-1][1], out[-1][2]
        if (ax == bx == x and x in (box[0], box[2])) or (ay == by == y and y in (box[1], box[3])):
            out.pop()
    out.append(("L", x, y))


def _crossings(x0: float, y0: float, seg: Segment, box: Box) -> list[float]:
    """Where a segment crosses the lines that bound the box, ascending, 0 < t < 1."""
    crossings: list[float] = []
    if seg[0] == "A":
        c = arcs.center(x0, y0, *seg[1:])
        for origin, p, q, values in ((c.cx, c.px, c.qx, box[::2]), (c.cy, c.py, c.qy, box[1::2])):
            radius = math.hypot(p, q)
            for value in values:
                if c.extent and radius and abs(value - origin) < radius:  # an extent may underflow to none
                    turn, away = math.atan2(q, p), math.acos((value - origin) / radius)
                    for angle in (turn + away, turn - away):
                        offset = (angle - c.start) % (2 * math.pi)
                        crossings.append((offset if c.extent > 0 else offset - 2 * math.pi) / c.extent)
    else:
        for points, values in (((x0, *seg[1::2]), box[::2]), ((y0, *seg[2::2]), box[1::2])):
            for value in values:
                crossings += _solve(points, value)
    return sorted({t for t in crossings if 1e-9 < t < 1 - 1e-9})


def _solve(points: tuple[float, ...], value: float) -> list[float]:
    """Where a line or Bézier curve in one dimension takes ``value``."""
    if len(points) == 2:
        first, last = points
        return [(value - first) / (last - first)] if first != last else []
    if min(points) > value or max(points) < value:
        return []
    solutions = []
    stops = [0.0, *turning_points(points), 1.0]
    for low, high in pairwise(stops):
        below, above = bezier(points, low) - value, bezier(points, high) - value
        if below * above > 0 or below == above:
            continue
        for _ in range(60):
            half = (low + high) / 2
            here = bezier(points, half) - value
            if (here > 0) == (above > 0):
                high, above = half, here
            else:
                low = half
        solutions.append((low + high) / 2)
    return solutions


def split(x0: float, y0: float, seg: Segment, places: list[float]) -> list[Segment]:
    """The segment in pieces, cut at ``places`` (ascending, 0 < t < 1). Reflected control points become plain ones."""
    kind = {"S": "C", "T": "Q"}.get(seg[0], seg[0])
    if not places:
        return [seg]
    if kind == "A":
        return arcs.cut(x0, y0, seg, places)
    points = [(x0, y0), *zip(seg[1::2], seg[2::2], strict=True)]
    pieces: list[Segment] = []
    last = 0.0
    for t in places:
        head, points = _divide(points, (t - last) / (1 - last))
        pieces.append((kind, *(value for point in head[1:] for value in point)))
        last = t
    pieces.append((kind, *(value for point in points[1:] for value in point)))
    return pieces


def _divide(points: list[tuple[float, float]], t: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """De Casteljau's subdivision."""
    head, tail = [points[0]], [points[-1]]
    while len(points) > 1:
        points = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(points)]
        head.append(points[0])
        tail.append(points[-1])
    return head, tail[::-1]


def _midpoint(x0: float, y0: float, seg: Segment) -> tuple[float, float]:
    if seg[0] == "A":
        return arcs.middle(x0, y0, *seg[1:])
    xs, ys = (x0, *seg[1::2]), (y0, *seg[2::2])
    if len(xs) == 2:
        return (xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2
    return bezier(xs, 0.5), bezier(ys, 0.5)


Piece = tuple[float, float, Segment]
"""A segment with its beginning."""


def begin_within(subpaths: list[Subpath], limit: int) -> list[Subpath] | None:
    """The path with every subpath beginning in 0..``limit`` and no offset over it; None where that takes more than
    beginning a closed subpath at another of its corners and cutting long segments.
    """
    result = []
    for sub in subpaths:
        pieces = _pieces(sub, limit)
        if sub.closed and not _within(sub.x, sub.y, limit):
            at = next((i for i, piece in enumerate(pieces) if _within(piece[0], piece[1], limit)), None)
            if at is None:
                return None
            pieces = pieces[at:] + pieces[:at]
            result.append(Subpath(pieces[0][0], pieces[0][1], [_plain(p[2]) for p in pieces], True))
        elif _within(sub.x, sub.y, limit):
            result.append(sub if len(pieces) == len(_closed(sub)) else _open(pieces, sub.closed))
        else:
            return None
    return result


def reach_stroke(
    subpaths: list[Subpath], canvas: int, limit: int, reach: float, capped: bool, dashed: bool
) -> list[Subpath] | None:
    """The path, beginnings in 0..``limit`` and no offset over it, whose stroke looks the same on the canvas.

    ``reach``: how far the stroke reaches from the path. ``capped``: its caps reach beyond its ends. None if there is
    no such path.
    """
    result = []
    for sub in subpaths:
        pieces = _pieces(sub, limit)
        seen = [_seen(piece, canvas, reach) for piece in pieces]
        if not any(seen):
            continue
        if dashed and not _within(sub.x, sub.y, limit):
            return None
        whole = begin_within([sub], limit)
        if whole is not None:
            result += whole
            continue
        loose = not sub.closed
        if sub.closed and not all(seen):
            hidden = seen.index(False)
            pieces, seen = pieces[hidden:] + pieces[:hidden], seen[hidden:] + seen[:hidden]
        for first, last in _runs(seen):
            begin = first == 0 and loose and capped
            run = _from_within(pieces[first:last], canvas, limit, reach, begin, sub.closed and all(seen))
            if run is None:
                return None
            result.append(run)
    return result


def _from_within(
    pieces: list[Piece], canvas: int, limit: int, reach: float, cap_matters: bool, closed: bool
) -> Subpath | None:
    """The run of pieces from its first point within reach, back to its beginning and on to its end."""
    at = next((i for i, piece in enumerate(pieces) if _within(piece[0], piece[1], limit)), None)
    if at is None:
        pieces = [part for piece in pieces for part in _parts(piece, _PARTS)]
        at = next((i for i, piece in enumerate(pieces) if _within(piece[0], piece[1], limit)), None)
    if at is None:
        return None
    if closed:
        pieces = pieces[at:] + pieces[:at]
        return Subpath(pieces[0][0], pieces[0][1], [_plain(p[2]) for p in pieces], True)
    x, y = pieces[0][0], pieces[0][1]
    if at and cap_matters and -reach < x < canvas + reach and -reach < y < canvas + reach:
        return None
    back = [_reversed(piece) for piece in reversed(pieces[:at])]
    return Subpath(pieces[at][0], pieces[at][1], back + [_plain(piece[2]) for piece in pieces])


def _within(x: float, y: float, limit: int) -> bool:
    return -0.5 <= x < limit and -0.5 <= y < limit


def _closed(sub: Subpath) -> list[Segment]:
    return [*sub.segments, ("L", sub.x, sub.y)] if sub.closed else sub.segments


def _pieces(sub: Subpath, limit: int) -> list[Piece]:
    """The segments with their beginnings, the closing line included, cut so that no offset is over ``limit``.

    Raises Dropped (OUT_OF_CANVAS) where that takes too many.
    """
    pieces: list[Piece] = []
    x, y = sub.x, sub.y
    for seg in _closed(sub):
        xs, ys = (seg[1::2], seg[2::2]) if seg[0] != "A" else (seg[6:7], seg[7:8])
        far = max(*(abs(value - x) for value in xs), *(abs(value - y) for value in ys), 0.0)
        count = math.ceil((far + 2) / limit)
        if count + len(pieces) > _MOST_PIECES:
            raise Dropped(Reason.OUT_OF_CANVAS, f"a stroke that reaches {far:.0f} units")
        pieces += _parts((x, y, seg), count)
        x, y = seg[-2], seg[-1]
    return pieces


def _parts(piece: Piece, count: int) -> list[Piece]:
    x, y, seg = piece
    parts = []
    for part in split(x, y, seg, [i / count for i in range(1, count)]):
        parts.append((x, y, part))
        x, y = part[-2], part[-1]
    return parts


def _open(pieces: list[Piece], closed: bool) -> Subpath:
    return Subpath(pieces[0][0], pieces[0][1], [piece[2] for piece in pieces], closed)


def _seen(piece: Piece, canvas: int, reach: float) -> bool:
    left, top, right, bottom = hull_box([Subpath(piece[0], piece[1], [piece[2]])])
    return left < canvas + reach and top < canvas + reach and right > -reach and bottom > -reach


def _runs(seen: list[bool]) -> list[tuple[int, int]]:
    """The stretches of consecutive true values, as begin and end."""
    runs, begin = [], None
    for i, value in enumerate([*seen, False]):
        if value and begin is None:
            begin = i
        elif not value and begin is not None:
            runs.append((begin, i))
            begin = None
    return runs


def _plain(seg: Segment) -> Segment:
    """The segment with its reflected control point written out, since what came before it may change."""
    return ({"S": "C", "T": "Q"}.get(seg[0], seg[0]), *seg[1:])


def _reversed(piece: Piece) -> Segment:
    x0, y0, seg = piece
    if seg[0] == "A":
        return ("A", *seg[1:5], 1 - seg[5], x0, y0)
    if seg[0] == "L":
        return ("L", x0, y0)
    if seg[0] in "CS":
        return ("C", seg[3], seg[4], seg[1], seg[2], x0, y0)
    return ("Q", seg[1], seg[2], x0, y0)
