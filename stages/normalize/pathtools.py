"""Paths as absolute commands in doubles: reading, mapping, exact bounds, clipping to a window.

A subpath is a list of segments, each a tuple whose first item is the letter: ('M', x, y), ('L', x, y),
('C', x1, y1, x2, y2, x, y), ('S', x2, y2, x, y), ('Q', x1, y1, x, y), ('T', x, y),
('A', rx, ry, degrees, large, sweep, x, y), ('Z',). H and V become L: a map may tilt them, quantizing finds them again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from stages.normalize import arcs
from stages.normalize.matrix import Matrix
from stages.pathdata import Command

Segment = tuple[Any, ...]
Subpath = list[Segment]
Box = tuple[float, float, float, float]


def absolute(commands: Iterable[Command]) -> list[Subpath]:
    """Subpaths with absolute coordinates. Each begins with M; after a Z that no M follows, M is put in."""
    subpaths: list[Subpath] = []
    current: Subpath = []
    x = y = sx = sy = 0.0
    for letter, v in commands:
        upper = letter.upper()
        dx, dy = (x, y) if letter != upper else (0.0, 0.0)
        if upper == "M":
            x, y = v[0] + dx, v[1] + dy
            sx, sy = x, y
            current = [("M", x, y)]
            subpaths.append(current)
            continue
        if current and current[-1][0] == "Z":
            current = [("M", x, y)]
            subpaths.append(current)
        if upper == "L":
            x, y = v[0] + dx, v[1] + dy
            current.append(("L", x, y))
        elif upper == "H":
            x = v[0] + dx
            current.append(("L", x, y))
        elif upper == "V":
            y = v[0] + dy
            current.append(("L", x, y))
        elif upper == "C":
            current.append(("C", v[0] + dx, v[1] + dy, v[2] + dx, v[3] + dy, v[4] + dx, v[5] + dy))
            x, y = v[4] + dx, v[5] + dy
        elif upper == "S":
            current.append(("S", v[0] + dx, v[1] + dy, v[2] + dx, v[3] + dy))
            x, y = v[2] + dx, v[3] + dy
        elif upper == "Q":
            current.append(("Q", v[0] + dx, v[1] + dy, v[2] + dx, v[3] + dy))
            x, y = v[2] + dx, v[3] + dy
        elif upper == "T":
            x, y = v[0] + dx, v[1] + dy
            current.append(("T", x, y))
        elif upper == "A":
            x, y = v[5] + dx, v[6] + dy
            current.append(("A", abs(v[0]), abs(v[1]), v[2], v[3] != 0, v[4] != 0, x, y))
        else:
            x, y = sx, sy
            current.append(("Z",))
    return [subpath for subpath in subpaths if len(subpath) > 1]


def mapped(subpaths: list[Subpath], m: Matrix) -> list[Subpath]:
    """The image under ``m``. Arcs stay arcs, or become a line where they or their image are flat."""
    a, b, c, d, e, f = m
    result = []
    for subpath in subpaths:
        out: Subpath = []
        for segment in subpath:
            letter = segment[0]
            if letter == "Z":
                out.append(segment)
            elif letter == "A":
                _, rx, ry, degrees, large, sweep, x, y = segment
                end = (a * x + c * y + e, b * x + d * y + f)
                rx, ry, degrees, flips = arcs.mapped(rx, ry, degrees, m)
                if rx < 1e-9 or ry < 1e-9:
                    out.append(("L", *end))
                else:
                    out.append(("A", rx, ry, degrees, large, sweep != flips, *end))
            else:
                points: list[float] = []
                for i in range(1, len(segment), 2):
                    x, y = segment[i], segment[i + 1]
                    points += (a * x + c * y + e, b * x + d * y + f)
                out.append((letter, *points))
        result.append(out)
    return result


def plain(subpath: Subpath) -> Subpath:
    """The same curve with S as C, T as Q and arcs as cubics."""
    out: Subpath = []
    x = y = sx = sy = 0.0
    control: tuple[str, float, float] = ("", 0.0, 0.0)
    for segment in subpath:
        letter = segment[0]
        if letter == "S":
            rx, ry = (2 * x - control[1], 2 * y - control[2]) if control[0] == "C" else (x, y)
            segment = ("C", rx, ry, *segment[1:])
        elif letter == "T":
            rx, ry = (2 * x - control[1], 2 * y - control[2]) if control[0] == "Q" else (x, y)
            segment = ("Q", rx, ry, *segment[1:])
        elif letter == "A":
            arc = arcs.centre(x, y, *segment[1:])
            if arc is None:
                segment = ("L", *segment[-2:])
            else:
                curves = arcs.cubics(arc)
                for curve in curves[:-1]:
                    out.append(("C", *curve))
                segment = ("C", *curves[-1][:4], *segment[-2:])
        out.append(segment)
        control = ("", 0.0, 0.0)
        if segment[0] == "Z":
            x, y = sx, sy
            continue
        if segment[0] == "M":
            sx, sy = segment[1:]
        elif segment[0] in "CQ" and letter != "A":
            control = (segment[0], segment[-4], segment[-3])
        x, y = segment[-2:]
    return out


def hull(subpaths: list[Subpath]) -> Box:
    """A box that holds every point and control point, and every arc whole: bounds that cost little."""
    x0 = y0 = math.inf
    x1 = y1 = -math.inf
    for subpath in subpaths:
        px = py = 0.0
        for segment in subpath:
            letter = segment[0]
            if letter == "Z":
                continue
            if letter == "A":
                reach = 2 * max(segment[1], segment[2], math.hypot(segment[6] - px, segment[7] - py) / 2)
                xs: tuple[float, ...] = (segment[6] - reach, segment[6] + reach)
                ys: tuple[float, ...] = (segment[7] - reach, segment[7] + reach)
            else:
                xs, ys = segment[1::2], segment[2::2]
            px, py = segment[-2], segment[-1]
            x0, x1 = min(x0, *xs), max(x1, *xs)
            y0, y1 = min(y0, *ys), max(y1, *ys)
        # a reflected control point lies no farther out than the last one lies in
    if any(segment[0] in "ST" for subpath in subpaths for segment in subpath):
        return bounds(subpaths)
    return x0, y0, x1, y1


def bounds(subpaths: list[Subpath]) -> Box:
    """The exact bounding box of the geometry, without stroke (SVG 2, section 8.10)."""
    xs: list[float] = []
    ys: list[float] = []
    for subpath in subpaths:
        x = y = 0.0
        for segment in plain_but_arcs(subpath):
            letter = segment[0]
            if letter == "Z":
                continue
            if letter == "C":
                xs += _cubic_extremes(x, segment[1], segment[3], segment[5])
                ys += _cubic_extremes(y, segment[2], segment[4], segment[6])
            elif letter == "Q":
                xs += _quadratic_extremes(x, segment[1], segment[3])
                ys += _quadratic_extremes(y, segment[2], segment[4])
            elif letter == "A":
                arc = arcs.centre(x, y, *segment[1:])
                for px, py in arcs.extremes(arc) if arc else ():
                    xs.append(px)
                    ys.append(py)
            x, y = segment[-2:]
            xs.append(x)
            ys.append(y)
    if not xs:
        return math.inf, math.inf, -math.inf, -math.inf
    return min(xs), min(ys), max(xs), max(ys)


def plain_but_arcs(subpath: Subpath) -> Subpath:
    """As `plain`, with arcs left as they are."""
    if not any(segment[0] in "ST" for segment in subpath):
        return subpath
    if not any(segment[0] == "A" for segment in subpath):
        return plain(subpath)
    out: Subpath = []
    begin = 0
    for i, segment in enumerate(subpath):
        if segment[0] == "A":
            out += _continued(subpath, begin, i)
            out.append(segment)
            begin = i + 1
    return out + _continued(subpath, begin, len(subpath))


def _continued(subpath: Subpath, begin: int, end: int) -> Subpath:
    """Segments begin..end of ``subpath`` made plain; an arc before them ends any reflection."""
    if begin == 0:
        return plain(subpath[:end])
    return plain([("M", *subpath[begin - 1][-2:]), *subpath[begin:end]])[1:]


def _cubic_extremes(p0: float, p1: float, p2: float, p3: float) -> list[float]:
    a, b, c = p3 - 3 * p2 + 3 * p1 - p0, 2 * (p2 - 2 * p1 + p0), p1 - p0
    if abs(a) < 1e-12:
        roots = [-c / b] if abs(b) > 1e-12 else []
    else:
        square = b * b - 4 * a * c
        root = math.sqrt(square) if square > 0 else 0.0
        roots = [(-b + root) / (2 * a), (-b - root) / (2 * a)] if square > 0 else []
    return [
        p0 * (1 - t) ** 3 + 3 * p1 * t * (1 - t) ** 2 + 3 * p2 * t * t * (1 - t) + p3 * t**3 for t in roots if 0 < t < 1
    ]


def _quadratic_extremes(p0: float, p1: float, p2: float) -> list[float]:
    bend = p0 - 2 * p1 + p2
    if abs(bend) < 1e-12:
        return []
    t = (p0 - p1) / bend
    return [p0 * (1 - t) ** 2 + 2 * p1 * t * (1 - t) + p2 * t * t] if 0 < t < 1 else []


# -- clipping


def beyond(box: Box, window: Box) -> bool:
    """Whether ``box`` lies wholly outside ``window``."""
    return box[2] < window[0] or box[0] > window[2] or box[3] < window[1] or box[1] > window[3]


def within(box: Box, window: Box) -> bool:
    """Whether ``box`` lies wholly inside ``window``."""
    return box[0] >= window[0] and box[1] >= window[1] and box[2] <= window[2] and box[3] <= window[3]


def clipped(subpath: Subpath, window: Box) -> Subpath:
    """A subpath inside ``window`` that looks the same there.

    Pieces are halved until each is inside the window, or beyond one of its sides, where a straight line between the
    projections of its ends leaves the winding number inside the window as it was, or so small that it does not matter.
    Strokes along the window's edge appear outside of what is seen, if the window is wide enough; dashes do not survive.
    """
    out: Subpath = []
    x = y = sx = sy = 0.0
    for segment in plain(subpath):
        letter = segment[0]
        if letter == "M":
            x, y = sx, sy = segment[1:]
            out.append(("M", *_project(x, y, window)))
            continue
        if letter == "Z":
            # the closing line may cross the window, too
            if (x, y) != (sx, sy):
                out += (("L", *point) for point in _line(x, y, sx, sy, window))
            out.append(segment)
            x, y = sx, sy
            continue
        if letter == "L":
            out += (("L", *point) for point in _line(x, y, segment[1], segment[2], window))
        else:
            out += _curve((x, y, *segment[1:]), letter, window)
        x, y = segment[-2:]
    return _merged(out, window)


def _line(x0: float, y0: float, x1: float, y1: float, window: Box) -> list[tuple[float, float]]:
    """The points that a clipped line runs through after its first: where it meets the window's sides, and its end."""
    shares = [1.0]
    for p, q, low, high in ((x0, x1, window[0], window[2]), (y0, y1, window[1], window[3])):
        if p != q:
            shares += [t for t in ((low - p) / (q - p), (high - p) / (q - p)) if 0 < t < 1]
    return [_project(x0 + t * (x1 - x0), y0 + t * (y1 - y0), window) for t in sorted(set(shares))]


def _curve(points: tuple[float, ...], letter: str, window: Box) -> Subpath:
    out: Subpath = []
    pieces = [points]
    while pieces:
        piece = pieces.pop()
        xs, ys = piece[0::2], piece[1::2]
        if min(xs) >= window[0] and max(xs) <= window[2] and min(ys) >= window[1] and max(ys) <= window[3]:
            out.append((letter, *piece[2:]))
        elif (
            max(xs) <= window[0]
            or min(xs) >= window[2]
            or max(ys) <= window[1]
            or min(ys) >= window[3]
            or max(max(xs) - min(xs), max(ys) - min(ys)) < 0.5
        ):
            out.append(("L", *_project(piece[-2], piece[-1], window)))
        else:
            first, second = _halved(piece)
            pieces += (second, first)
    return out


def _merged(subpath: Subpath, window: Box) -> Subpath:
    """Runs of lines along one side of the window as one line each: what is not seen need not be said."""
    out: Subpath = []
    for segment in subpath:
        if segment[0] == "L" and len(out) > 1 and out[-1][0] == "L":
            before, last = out[-2], out[-1]
            for i in (1, 2):
                edges = (window[i - 1], window[i + 1])
                if last[i] == segment[i] and before[-3 + i] == segment[i] and segment[i] in edges:
                    out.pop()
                    break
        out.append(segment)
    return out


def _project(x: float, y: float, window: Box) -> tuple[float, float]:
    return min(max(x, window[0]), window[2]), min(max(y, window[1]), window[3])


def _halved(points: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """De Casteljau at one half: a line, a quadratic or a cubic as (x, y, ...)."""
    rows = [points]
    while len(rows[-1]) > 2:
        last = rows[-1]
        rows.append(tuple((last[i] + last[i + 2]) / 2 for i in range(len(last) - 2)))
    first = tuple(v for row in rows for v in row[:2])
    second = tuple(v for row in reversed(rows) for v in row[-2:])
    return first, second


def halved_segment(x: float, y: float, segment: Segment) -> tuple[Segment, Segment]:
    """A plain segment that begins at (x, y) as two."""
    first, second = _halved((x, y, *segment[1:]))
    return (segment[0], *first[2:]), (segment[0], *second[2:])
