"""From segments in canvas units to canonical path data on the integer grid (HiVG, supplement A, steps 3 and 4).

Absolute points are rounded, and each command is written relative to the *rounded* pen, so that errors do not
accumulate, corners that coincide still do, and what was closed stays closed. Commands that rounding turns into nothing
are left out, unless they draw: a subpath of no length with round or square caps is a dot.
"""

from __future__ import annotations

import math
from math import floor
from typing import NamedTuple

from stages.canonical import number
from stages.normalize.geometry.arcs import center, middle
from stages.normalize.geometry.boxes import Box, hull_box
from stages.normalize.geometry.path_segments import Segment, Subpath
from stages.normalize.settings import NormalizeSettings

_SPLITS = 4
HALF = 0.500001
"""What is added before rounding down: halves go up, also when they come out of arithmetic a little too small."""


class Pen(NamedTuple):
    """How the path is painted, as far as it decides what of it draws. ``reach``: of the stroke beyond the
    path. ``dots``, ``square``: whether its caps make dots of points, and square ones."""

    filled: bool
    stroked: bool
    dots: bool
    reach: float
    square: bool = False


FILL = Pen(True, False, False, 0.0)


class Quantized(NamedTuple):
    """Path data; a box (of control points, generous for arcs); whether all coordinates can be said by tokens."""

    data: str
    box: Box
    fits: bool


def snap(value: float) -> int:
    """The nearest integer; halves go up, also when they come out of arithmetic a little too small."""
    return floor(value + HALF)


def quantize(subpaths: list[Subpath], pen: Pen, settings: NormalizeSettings) -> Quantized | None:
    """Round a path in canvas units. None if nothing of it draws on the canvas."""
    texts: list[str] = []
    left = top = math.inf
    right = bottom = -math.inf
    fits = True
    for sub in subpaths:
        trace = _Trace(sub, settings)
        if not trace.out:
            if not (pen.dots and (sub.closed or sub.segments)):
                continue
            # renderers do not agree on square caps of no length, so one of some length keeps a unit of it
            trace.out.append(
                "h1" if pen.square and sub.segments and hull_box([sub])[:2] != hull_box([sub])[2:] else "z"
            )
        elif not pen.stroked and trace.curves == 0 and trace.flat():
            continue
        elif sub.closed:
            trace.out.append("z")
        reach, size = pen.reach, settings.canvas
        if trace.left - reach >= size or trace.top - reach >= size:
            continue
        if trace.right + reach <= 0 or trace.bottom + reach <= 0:
            continue
        texts.append(f"M{trace.start_x} {trace.start_y}{''.join(trace.out)}")
        left, right = min(left, trace.left), max(right, trace.right)
        top, bottom = min(top, trace.top), max(bottom, trace.bottom)
        limit = settings.limit
        if not trace.fits or not (0 <= trace.start_x <= limit and 0 <= trace.start_y <= limit):
            fits = False
    return Quantized("".join(texts), (left, top, right, bottom), fits) if texts else None


class _Trace:
    """One subpath being written. ``out`` has its commands, ``x``, ``y`` the rounded pen."""

    __slots__ = (
        "bottom", "curves", "cx", "cy", "fits", "kind", "left", "out", "right", "settings", "start_x", "start_y",
        "top", "x", "y",
    )  # fmt: skip

    def __init__(self, sub: Subpath, settings: NormalizeSettings) -> None:
        self.settings = settings
        self.x = self.start_x = snap(sub.x)
        self.y = self.start_y = snap(sub.y)
        self.left = self.right = self.x
        self.top = self.bottom = self.y
        self.out: list[str] = []
        self.curves = 0
        self.fits = True
        self.kind = ""
        self.cx = self.cy = 0
        before_x, before_y = sub.x, sub.y
        for seg in sub.segments:
            kind = seg[0]
            if kind == "L":
                self._line(snap(seg[1]), snap(seg[2]))
            elif kind == "C" or kind == "S":
                self._cubic(seg)
            elif kind == "A":
                self._arc(before_x, before_y, seg, _SPLITS)
            else:
                self._quadratic(seg)
            before_x, before_y = seg[-2], seg[-1]

    def flat(self) -> bool:
        """Whether a path of lines alone encloses nothing."""
        return len(self.out) < 2 or self.left == self.right or self.top == self.bottom

    def _line(self, x: int, y: int) -> None:
        dx, dy = x - self.x, y - self.y
        if dy == 0 and self.settings.collapse_lines:
            if dx == 0:
                return
            self.out.append(f"h{dx}")
        elif dx == 0 and self.settings.collapse_lines:
            self.out.append(f"v{dy}")
        elif dx == dy == 0:
            return
        else:
            self.out.append(f"l{dx} {dy}")
        self._reach(dx, dy)
        self.x, self.y, self.kind = x, y, "L"

    def _cubic(self, seg: Segment) -> None:
        x, y = self.x, self.y
        kind, x1, y1, x2, y2, x3, y3 = seg
        dx1, dy1 = floor(x1 + HALF) - x, floor(y1 + HALF) - y
        dx2, dy2 = floor(x2 + HALF) - x, floor(y2 + HALF) - y
        dx3, dy3 = floor(x3 + HALF) - x, floor(y3 + HALF) - y
        if kind == "S":
            ix, iy = (x - self.cx, y - self.cy) if self.kind == "C" else (0, 0)
            tolerance = self.settings.reflection_tolerance
            if abs(ix - dx1) <= tolerance and abs(iy - dy1) <= tolerance:
                dx1, dy1 = ix, iy
            else:
                kind = "C"
        if dx1 == dy1 == dx2 == dy2 == dx3 == dy3 == 0:
            return
        if kind == "S":
            self.out.append(f"s{dx2} {dy2} {dx3} {dy3}")
            said_x, said_y = (dx2, dx2, dx3), (dy2, dy2, dy3)
        else:
            self.out.append(f"c{dx1} {dy1} {dx2} {dy2} {dx3} {dy3}")
            said_x, said_y = (dx1, dx2, dx3), (dy1, dy2, dy3)
        limit = self.settings.limit
        if max(said_x) > limit or max(said_y) > limit or min(said_x) < -limit or min(said_y) < -limit:
            self.fits = False
        self._extend(min(dx1, dx2, dx3), min(dy1, dy2, dy3))
        self._extend(max(dx1, dx2, dx3), max(dy1, dy2, dy3))
        self.curves += 1
        self.cx, self.cy = x + dx2, y + dy2
        self.x, self.y, self.kind = x + dx3, y + dy3, "C"

    def _quadratic(self, seg: Segment) -> None:
        x, y = self.x, self.y
        kind, x1, y1, x2, y2 = seg
        dx1, dy1 = snap(x1) - x, snap(y1) - y
        dx2, dy2 = snap(x2) - x, snap(y2) - y
        if kind == "T":
            ix, iy = (x - self.cx, y - self.cy) if self.kind == "Q" else (0, 0)
            tolerance = self.settings.reflection_tolerance
            if abs(ix - dx1) <= tolerance and abs(iy - dy1) <= tolerance:
                dx1, dy1 = ix, iy
            else:
                kind = "Q"
        if dx1 == dy1 == dx2 == dy2 == 0:
            return
        if kind == "T":
            self.out.append(f"t{dx2} {dy2}")
            self._extend(dx1, dy1)
        else:
            self.out.append(f"q{dx1} {dy1} {dx2} {dy2}")
            self._reach(dx1, dy1)
        self._reach(dx2, dy2)
        self.curves += 1
        self.cx, self.cy = x + dx1, y + dy1
        self.x, self.y, self.kind = x + dx2, y + dy2, "Q"

    def _arc(self, x0: float, y0: float, seg: Segment, splits: int) -> None:
        _, rx, ry, rotation, large, sweep, x, y = seg
        end_x, end_y = snap(x), snap(y)
        rotation = round(rotation, 2) + 0.0
        if abs(rotation) == 90:  # only once it is rounded
            rx, ry, rotation = ry, rx, 0.0
            seg = ("A", rx, ry, rotation, large, sweep, x, y)
        if self._exact(x0, y0, seg, rotation, end_x, end_y):
            self._write_arc(rx, ry, rotation, large, sweep, end_x, end_y)
            return
        mx, my = middle(x0, y0, rx, ry, rotation, large, sweep, x, y)
        tolerance = self.settings.arc_tolerance
        if (end_x, end_y) != (self.x, self.y):
            for rx1, ry1, flag in self._radii(rx, ry, rotation, large, sweep, end_x, end_y, mx, my):
                rotation1 = 0.0 if rx1 == ry1 else rotation
                ax, ay = middle(self.x, self.y, rx1, ry1, rotation1, flag, sweep, end_x, end_y)
                if math.hypot(ax - mx, ay - my) <= tolerance:
                    self._write_arc(rx1, ry1, rotation1, flag, sweep, end_x, end_y)
                    return
        elif math.hypot(mx - self.x, my - self.y) <= tolerance:
            return
        if splits and (mx, my) != (x0, y0) and (mx, my) != (x, y):
            c = center(x0, y0, rx, ry, rotation, large, sweep, x, y)
            rx, ry = math.hypot(c.px, c.py), math.hypot(c.qx, c.qy)  # radii that reach
            self._arc(x0, y0, ("A", rx, ry, rotation, 0, sweep, mx, my), splits - 1)
            self._arc(mx, my, ("A", rx, ry, rotation, 0, sweep, x, y), splits - 1)
        else:
            self._line(end_x, end_y)

    def _exact(self, x0: float, y0: float, seg: Segment, rotation: float, end_x: int, end_y: int) -> bool:
        """Whether the arc is on the grid as it is."""
        if x0 != self.x or y0 != self.y or seg[6] != end_x or seg[7] != end_y or (end_x == x0 and end_y == y0):
            return False
        return bool(round(seg[1], 2) == seg[1] and round(seg[2], 2) == seg[2] and rotation == seg[3])

    def _radii(
        self, rx: float, ry: float, rotation: float, large: int, sweep: int, x: int, y: int, mx: float, my: float
    ) -> list[tuple[float, float, int]]:
        """Radii to try between the rounded ends, the shortest to write first, each with its large flag."""
        radii: list[tuple[float, float, int]] = []
        if rx >= 1 and ry >= 1:
            radii.append((snap(rx), snap(ry), large))
            # too small radii are scaled up until they reach, which half circles and their like need
            radii.append((floor(rx), floor(ry), large))
        radii.append((round(rx, 2), round(ry, 2), large))
        # the ellipse of this shape through both rounded ends and the true middle
        cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
        dx: float = x - self.x
        dy: float = y - self.y
        half = math.hypot((cos * dx + sin * dy) / rx, (cos * dy - sin * dx) / ry) / 2
        dx, dy = mx - (self.x + x) / 2, my - (self.y + y) / 2
        height = math.hypot((cos * dx + sin * dy) / rx, (cos * dy - sin * dx) / ry)
        if height > 0:
            factor = (height * height + half * half) / (2 * height)
            if factor < 1e3:
                radii.append((round(rx * factor, 2), round(ry * factor, 2), int(height > factor)))
        return [r for r in radii if r[0] > 0 and r[1] > 0]

    def _write_arc(self, rx: float, ry: float, rotation: float, large: int, sweep: int, x: int, y: int) -> None:
        dx, dy = x - self.x, y - self.y
        self.out.append(f"a{number(rx)} {number(ry)} {number(rotation)} {large} {sweep} {dx} {dy}")
        # an arc stays within its diameter around its start
        size = math.ceil(2 * max(rx, ry, math.hypot(dx, dy) * max(rx, ry) / min(rx, ry)))
        self._extend(-size, -size)
        self._extend(size, size)
        self._reach(dx, dy)
        self.curves += 1
        self.x, self.y, self.kind = x, y, "A"

    def _reach(self, dx: int, dy: int) -> None:
        """Count an offset from the pen that is written."""
        limit = self.settings.limit
        if not (-limit <= dx <= limit and -limit <= dy <= limit):
            self.fits = False
        self._extend(dx, dy)

    def _extend(self, dx: int, dy: int) -> None:
        x, y = self.x + dx, self.y + dy
        if x < self.left:
            self.left = x
        if x > self.right:
            self.right = x
        if y < self.top:
            self.top = y
        if y > self.bottom:
            self.bottom = y
