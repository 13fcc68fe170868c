"""The short way for most paths: from path data to canonical path data in one loop.

It says what `path_segments.from_commands`, `path_segments.transform` and `quantize.quantize` say one after the other,
without the lists between them, for valid data without arcs that stays on the canvas. Everything else takes the long
way.
"""

from __future__ import annotations

import re
from itertools import chain

from stages.normalize.geometry.boxes import Box
from stages.normalize.geometry.quantize import HALF, Pen
from stages.normalize.geometry.transforms import Matrix
from stages.normalize.settings import NormalizeSettings

_TOKEN = re.compile(r"[MmLlHhVvCcSsQqTtZz]|[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[^ \t\n\r\f,]")
_STRAY_COMMA = re.compile(r"^[ \t\n\r\f]*,|,[ \t\n\r\f]*(?:[,A-Za-z]|\Z)|[A-Za-z][ \t\n\r\f]*,")
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2}
_ARITY |= {letter.lower(): arity for letter, arity in _ARITY.items()}
_AFTER_MOVE = {"M": "L", "m": "l"}


def trace(data: str, matrix: Matrix, pen: Pen, settings: NormalizeSettings, free: Box) -> tuple[str, Box] | None:
    """Canonical path data, "" if nothing of it draws, and a box in canvas units that holds the path.

    None where the long way is needed: for invalid data, arcs, maps that are no scaling, and what leaves the box
    ``free`` or the canvas.
    """
    a, b, c, d, e, f = matrix
    if b or c or not settings.collapse_lines or ("," in data and _STRAY_COMMA.search(data)):
        return None
    tokens = _TOKEN.findall(data)
    if not tokens or tokens[0] not in "Mm":
        return None
    try:
        return _Trace(a, d, e, f, pen, settings, free).run(tokens)
    except (ValueError, IndexError, OverflowError):  # no number where one is needed, or one that is not finite
        return None


class _Trace:
    """The state that outlives a subpath."""

    __slots__ = ("a", "d", "e", "f", "free", "limit", "pen", "tolerance")

    def __init__(
        self, a: float, d: float, e: float, f: float, pen: Pen, settings: NormalizeSettings, free: Box
    ) -> None:
        self.a, self.d, self.e, self.f = a, d, e, f
        self.pen, self.free, self.limit = pen, free, float(settings.limit)
        self.tolerance = settings.reflection_tolerance

    def run(self, tokens: list[str]) -> tuple[str, Box] | None:
        """Read all tokens."""
        a, d, e, f, tolerance, half = self.a, self.d, self.e, self.f, self.tolerance, HALF
        texts: list[str] = []
        all_xs: list[list[float]] = []
        all_ys: list[list[float]] = []
        out: list[str] = []
        xs: list[float] = []  # canvas units, not rounded, control points included
        ys: list[float] = []
        x = y = sx = sy = cx = cy = 0.0  # in user units: the pen, the beginning of the subpath, the last control point
        px = py = qx = qy = bx = by = 0.0  # rounded, on the canvas: the pen, the last control point, the beginning
        before, drawn = "", ""  # the last command, and the last that was written, as capitals
        curves = False
        begun = False
        letter = ""
        i, count = 0, len(tokens)
        while i < count:
            token = tokens[i]
            if token in _ARITY:
                letter = token
                i += 1
            elif token == "z" or token == "Z":
                if not begun:
                    return None  # a point that is closed
                if not self.end(texts, out, True, curves, xs, ys):
                    return None
                all_xs.append(xs)
                all_ys.append(ys)
                out, xs, ys, begun, curves = [], [], [], False, False
                x, y, px, py = sx, sy, bx, by
                before, letter, drawn = "Z", "", ""
                i += 1
                continue
            elif not letter:
                return None
            arity = _ARITY[letter]
            if letter == "M" or letter == "m":
                if begun:
                    if not self.end(texts, out, False, curves, xs, ys):
                        return None
                    all_xs.append(xs)
                    all_ys.append(ys)
                    out, xs, ys, begun, curves = [], [], [], False, False
                u, v = map(float, tokens[i : i + 2])
                x, y = (u, v) if letter == "M" else (x + u, y + v)
                sx, sy = x, y
                bx, by = (a * x + e + half) // 1, (d * y + f + half) // 1
                px, py = bx, by
                i += 2
                before, drawn = "M", ""
                letter = _AFTER_MOVE[letter]
                continue
            if not begun:
                begun = True
                xs.append(a * x + e)
                ys.append(d * y + f)
                out.append("M%d %d" % (px, py))
            if letter == "c" or letter == "C":
                u1, v1, u2, v2, u, v = map(float, tokens[i : i + 6])
                if letter == "c":
                    u1, v1, cx, cy = u1 + x, v1 + y, u2 + x, v2 + y
                    x, y = u + x, v + y
                else:
                    cx, cy, x, y = u2, v2, u, v
                u1, u2, u, v1, v2, v = a * u1 + e, a * cx + e, a * x + e, d * v1 + f, d * cy + f, d * y + f
                xs += (u1, u2, u)
                ys += (v1, v2, v)
                dx1, dy1 = (u1 + half) // 1 - px, (v1 + half) // 1 - py
                dx2, dy2 = (u2 + half) // 1 - px, (v2 + half) // 1 - py
                dx, dy = (u + half) // 1 - px, (v + half) // 1 - py
                if dx or dy or dx1 or dy1 or dx2 or dy2:
                    out.append("c%d %d %d %d %d %d" % (dx1, dy1, dx2, dy2, dx, dy))
                    qx, qy = px + dx2, py + dy2
                    px += dx
                    py += dy
                    curves, drawn = True, "C"
                before = "C"
            elif letter in "lLhHvV":
                if letter == "l":
                    u, v = map(float, tokens[i : i + 2])
                    x, y = x + u, y + v
                elif letter == "L":
                    x, y = map(float, tokens[i : i + 2])
                elif letter == "h":
                    x += float(tokens[i])
                elif letter == "v":
                    y += float(tokens[i])
                elif letter == "H":
                    x = float(tokens[i])
                else:
                    y = float(tokens[i])
                u, v = a * x + e, d * y + f
                xs.append(u)
                ys.append(v)
                dx, dy = (u + half) // 1 - px, (v + half) // 1 - py
                if dx or dy:
                    if not dy:
                        out.append("h%d" % dx)
                    elif not dx:
                        out.append("v%d" % dy)
                    else:
                        out.append("l%d %d" % (dx, dy))
                    px += dx
                    py += dy
                    drawn = "L"
                before = "L"
            elif letter == "s" or letter == "S":
                u2, v2, u, v = map(float, tokens[i : i + 4])
                u1, v1 = (2 * x - cx, 2 * y - cy) if before == "C" else (x, y)
                if letter == "s":
                    cx, cy = u2 + x, v2 + y
                    x, y = u + x, v + y
                else:
                    cx, cy, x, y = u2, v2, u, v
                u1, u2, u, v1, v2, v = a * u1 + e, a * cx + e, a * x + e, d * v1 + f, d * cy + f, d * y + f
                xs += (u1, u2, u)
                ys += (v1, v2, v)
                dx1, dy1 = (u1 + half) // 1 - px, (v1 + half) // 1 - py
                dx2, dy2 = (u2 + half) // 1 - px, (v2 + half) // 1 - py
                dx, dy = (u + half) // 1 - px, (v + half) // 1 - py
                ix, iy = (px - qx, py - qy) if drawn == "C" else (0.0, 0.0)
                reflected = abs(ix - dx1) <= tolerance and abs(iy - dy1) <= tolerance
                if reflected:
                    dx1, dy1 = ix, iy
                if dx or dy or dx1 or dy1 or dx2 or dy2:
                    if reflected:
                        out.append("s%d %d %d %d" % (dx2, dy2, dx, dy))
                    else:
                        out.append("c%d %d %d %d %d %d" % (dx1, dy1, dx2, dy2, dx, dy))
                    qx, qy = px + dx2, py + dy2
                    px += dx
                    py += dy
                    curves, drawn = True, "C"
                before = "C"
            else:
                if letter == "q" or letter == "Q":
                    u1, v1, u, v = map(float, tokens[i : i + 4])
                    if letter == "q":
                        cx, cy = u1 + x, v1 + y
                        x, y = u + x, v + y
                    else:
                        cx, cy, x, y = u1, v1, u, v
                else:
                    u, v = map(float, tokens[i : i + 2])
                    cx, cy = (2 * x - cx, 2 * y - cy) if before == "Q" else (x, y)
                    x, y = (u + x, v + y) if letter == "t" else (u, v)
                u1, v1, u, v = a * cx + e, d * cy + f, a * x + e, d * y + f
                xs += (u1, u)
                ys += (v1, v)
                dx1, dy1 = (u1 + half) // 1 - px, (v1 + half) // 1 - py
                dx, dy = (u + half) // 1 - px, (v + half) // 1 - py
                reflected = False
                if letter == "t" or letter == "T":
                    ix, iy = (px - qx, py - qy) if drawn == "Q" else (0.0, 0.0)
                    reflected = abs(ix - dx1) <= tolerance and abs(iy - dy1) <= tolerance
                    if reflected:
                        dx1, dy1 = ix, iy
                if dx or dy or dx1 or dy1:
                    if reflected:
                        out.append("t%d %d" % (dx, dy))
                    else:
                        out.append("q%d %d %d %d" % (dx1, dy1, dx, dy))
                    qx, qy = px + dx1, py + dy1
                    px += dx
                    py += dy
                    curves, drawn = True, "Q"
                before = "Q"
            i += arity
        if begun:
            if not self.end(texts, out, False, curves, xs, ys):
                return None
            all_xs.append(xs)
            all_ys.append(ys)
        if not all_xs:
            return None
        left, right = min(chain.from_iterable(all_xs)), max(chain.from_iterable(all_xs))
        top, bottom = min(chain.from_iterable(all_ys)), max(chain.from_iterable(all_ys))
        free, limit = self.free, self.limit
        # reflection may move a control point by its tolerance, which must not reach beyond what tokens can say
        edge = half + tolerance
        if not (left >= free[0] and top >= free[1] and right <= free[2] and bottom <= free[3]):
            return None
        if not (left >= -0.5 and top >= -0.5 and right + edge < limit and bottom + edge < limit):
            return None
        return "".join(texts), (left, top, right, bottom)

    def end(
        self, texts: list[str], out: list[str], closed: bool, curves: bool, xs: list[float], ys: list[float]
    ) -> bool:
        """Add a subpath that draws to ``texts``. False if it needs the long way: it may be a dot."""
        if len(out) == 1:
            return not self.pen.dots
        if not curves and not self.pen.stroked:
            if len(out) < 3:
                return True
            # lines on one row or column of the grid enclose nothing
            for values in (xs, ys):
                if (min(values) + HALF) // 1 == (max(values) + HALF) // 1:
                    return True
        if closed:
            out.append("z")
        texts += out
        return True
