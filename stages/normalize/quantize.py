"""From absolute doubles on the canvas to path data in integers.

The pen is tracked on the integer grid: each argument is rounded as an absolute position and written relative to the
rounded pen, so that errors never add up, shared corners stay shared, and closed subpaths stay closed. Commands that
rounding has emptied are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stages.base import Dropped
from stages.canonical import number
from stages.normalize import arcs
from stages.normalize.pathtools import (
    Box,
    Segment,
    Subpath,
    beyond,
    bounds,
    clipped,
    halved_segment,
    hull,
    plain,
    within,
)
from stages.normalize.settings import NormalizeSettings
from stages.reasons import Reason


@dataclass(frozen=True)
class Pen:
    """What decides how geometry may be clipped, and whether a point of it is drawn."""

    reach: float = 0.0
    """User units that the stroke extends beyond the geometry; 0 for a fill alone."""
    caps: bool = False
    dashed: bool = False
    stroked: bool = False


def round_half_up(value: float) -> int:
    """Rounds halves towards plus infinity, so that neighbours at the same fraction move the same way."""
    return math.floor(value + 0.5)


def path_data(subpaths: list[Subpath], settings: NormalizeSettings, pen: Pen) -> str:
    """Canonical path data (`stages.canonical`) of ``subpaths``; "" if nothing is left that draws.

    Raises Dropped (OUT_OF_CANVAS, TOO_COMPLEX).
    """
    parts: list[str] = []
    for subpath in visible(subpaths, settings, pen):
        text = _subpath(subpath, settings, pen)
        if text:
            parts.append(text)
    return "".join(parts)


def window(settings: NormalizeSettings, pen: Pen) -> Box:
    """How far out geometry may lie before it is clipped: tolerance, and the stroke's width beside it."""
    margin = settings.tolerance + 2 * pen.reach
    return (-margin, -margin, settings.canvas + margin, settings.canvas + margin)


def visible(subpaths: list[Subpath], settings: NormalizeSettings, pen: Pen) -> list[Subpath]:
    """Subpaths without those wholly off the canvas, the others cut where they leave the window."""
    size = settings.canvas
    box = hull(subpaths)
    frame = window(settings, pen)
    if within(box, (0, 0, size, size)):
        return subpaths
    seen = (-pen.reach - 1, -pen.reach - 1, size + pen.reach + 1, size + pen.reach + 1)
    result = []
    for subpath in subpaths:
        own = hull([subpath])
        if not within(own, (0, 0, size, size)):
            own = bounds([subpath])
            if beyond(own, seen):
                continue
            if not within(own, frame):
                if pen.dashed:
                    raise Dropped(Reason.OUT_OF_CANVAS, "a dashed stroke leaves the canvas")
                subpath = clipped(subpath, frame)
        result.append(subpath)
    return result


def _subpath(subpath: Subpath, settings: NormalizeSettings, pen: Pen) -> str:
    limit = settings.canvas + settings.tolerance
    sx, sy = round_half_up(subpath[0][1]), round_half_up(subpath[0][2])
    if not (0 <= sx <= limit and 0 <= sy <= limit):
        subpath, spike = _begun_inside(subpath, limit, settings.tolerance, pen)
        sx, sy = round_half_up(subpath[0][1]), round_half_up(subpath[0][2])
        if spike:
            sx, sy = min(max(sx, 0), limit), min(max(sy, 0), limit)
    else:
        spike = False
    out = _commands(subpath, sx, sy, limit, settings.arc_deviation)
    if out is None:
        subpath = _short(plain(subpath), limit)
        out = _commands(subpath, sx, sy, limit, settings.arc_deviation)
        if out is None:
            raise Dropped(Reason.OUT_OF_CANVAS, f"a step is longer than {limit} units")
    if all(command == "z" for command in out):
        if pen.stroked and pen.caps:
            return f"M{sx} {sy}h0"
        return ""
    return f"M{sx} {sy}{''.join(out)}"


def _begun_inside(subpath: Subpath, limit: int, tolerance: int, pen: Pen) -> tuple[Subpath, bool]:
    """The subpath with a first point that has a token: a closed one turned to begin elsewhere, a fill with a detour.

    A fill may begin at the nearest point that has a token: the way from there to the true start and back encloses
    nothing. Returns the subpath, and whether its start is to be moved so.
    """
    closed = subpath[-1][0] == "Z"
    segments = plain(subpath)
    body = segments[1:-1] if closed else segments[1:]
    ends = [segments[0][1:], *(s[-2:] for s in body)]
    x, y = ends[0]
    if closed or not pen.stroked:
        if not _same(ends[0], ends[-1]):
            body = [*body, ("L", x, y)]
            ends.append((x, y))
        for i, (px, py) in enumerate(ends[:-1]):
            if 0 <= round_half_up(px) <= limit and 0 <= round_half_up(py) <= limit:
                turned = [("M", px, py), *body[i:], *body[:i]]
                return ([*turned, ("Z",)] if closed else turned), False
        if not pen.stroked:
            detour: Subpath = [("M", x, y), ("L", x, y), *body, ("Z",)]
            return detour, True
    near = min(max(x, 0.0), limit), min(max(y, 0.0), limit)
    if max(abs(near[0] - x), abs(near[1] - y)) <= tolerance:
        return [("M", *near), *segments[1:]], False
    raise Dropped(Reason.OUT_OF_CANVAS, f"a stroked subpath begins at {x:.0f} {y:.0f}")


def _same(p: tuple[float, ...], q: tuple[float, ...]) -> bool:
    return abs(p[0] - q[0]) < 1e-6 and abs(p[1] - q[1]) < 1e-6


def _short(subpath: Subpath, limit: int) -> Subpath:
    """Plain segments halved until no argument is more than ``limit`` away from the pen."""
    out: Subpath = []
    x = y = 0.0
    for segment in subpath:
        waiting = [segment]
        while waiting:
            piece = waiting.pop()
            if piece[0] not in "ZM":
                far = max(max(abs(v - x) for v in piece[1::2]), max(abs(v - y) for v in piece[2::2]))
                if far > limit - 1:
                    first, second = halved_segment(x, y, piece)
                    waiting += (second, first)
                    continue
            out.append(piece)
            if piece[0] != "Z":
                x, y = piece[-2:]
    return out


def _commands(subpath: Subpath, sx: int, sy: int, limit: int, deviation: float) -> list[str] | None:
    """Relative commands after the moveto, or None if one has an argument beyond ``limit``."""
    out: list[str] = []
    px, py = sx, sy
    tx, ty = subpath[0][1], subpath[0][2]
    floor = math.floor
    for segment in subpath[1:]:
        letter = segment[0]
        if letter == "Z":
            if not out or out[-1] != "z":
                out.append("z")
            px, py = sx, sy
            continue
        x, y = floor(segment[-2] + 0.5), floor(segment[-1] + 0.5)
        dx, dy = x - px, y - py
        if not (-limit <= dx <= limit and -limit <= dy <= limit):
            return None
        if letter == "L":
            if dy == 0:
                if dx:
                    out.append(f"h{dx}")
            elif dx == 0:
                out.append(f"v{dy}")
            else:
                out.append(f"l{dx} {dy}")
        elif letter == "C":
            a, b = floor(segment[1] + 0.5) - px, floor(segment[2] + 0.5) - py
            c, d = floor(segment[3] + 0.5) - px, floor(segment[4] + 0.5) - py
            if max(abs(a), abs(b), abs(c), abs(d)) > limit:
                return None
            if a or b or c or d or dx or dy:
                out.append(f"c{a} {b} {c} {d} {dx} {dy}")
        elif letter == "A":
            arc = _arc(tx, ty, segment, px, py, x, y, deviation)
            if arc is None:
                return None
            if arc:
                out.append(arc)
        elif letter in "SQ":
            a, b = floor(segment[1] + 0.5) - px, floor(segment[2] + 0.5) - py
            if max(abs(a), abs(b)) > limit:
                return None
            if a or b or dx or dy:
                out.append(f"{letter.lower()}{a} {b} {dx} {dy}")
        elif letter == "T":
            out.append(f"t{dx} {dy}")
        px, py = x, y
        tx, ty = segment[-2], segment[-1]
    return out


def _arc(
    tx: float,
    ty: float,
    segment: Segment,
    px: int,
    py: int,
    x: int,
    y: int,
    deviation: float,
) -> str | None:
    """An arc between rounded ends: "" if it has shrunk to nothing, None if no rounded arc comes near the true one.

    The radii follow the chord, so that the arc keeps its shape, and are rounded as far as it moves by no more than
    ``deviation``: to integers if possible, else to one or two decimals.
    """
    _, rx, ry, degrees, large, sweep, ex, ey = segment
    dx, dy = x - px, y - py
    if dx == 0 and dy == 0:
        # a whole ellipse within one rounding step of its ends cannot be said as one arc
        return "" if max(rx, ry) < 0.75 or not large else None
    if (tx, ty, ex, ey) == (px, py, x, y) and all(abs(v * 100 - round(v * 100)) < 1e-6 for v in (rx, ry, degrees)):
        # nothing to round: normalizing twice is normalizing once
        turn = 0.0 if rx == ry else degrees % 180
        return f"a{number(rx)} {number(ry)} {number(turn)} {int(large)} {int(sweep)} {dx} {dy}"
    true = arcs.centre(tx, ty, rx, ry, degrees, large, sweep, ex, ey)
    if true is None:
        return f"h{dx}" if dy == 0 else f"v{dy}" if dx == 0 else f"l{dx} {dy}"
    cos, sin = true.cos, true.sin

    def span(ux: float, uy: float) -> float:
        return math.hypot((cos * ux + sin * uy) / true.rx, (-sin * ux + cos * uy) / true.ry)

    before, after = span(ex - tx, ey - ty), span(dx, dy)
    grow = after / before if before > 1e-9 else 1.0
    if not 0.5 < grow < 2:
        return None
    rx, ry = true.rx * grow, true.ry * grow
    round_arc = abs(rx - ry) <= 1e-6 * rx
    turn = 0.0 if round_arc else degrees % 180
    shares = (0.25, 0.5, 0.75)
    wanted = [true.point(share) for share in shares]
    for decimals in (0, 1, 2):
        a, b = round(rx, decimals), round(ry, decimals)
        angle = round(turn, 2)
        if a <= 0 or b <= 0:
            continue
        got = arcs.centre(px, py, a, b, angle, large, sweep, x, y)
        if got is None:
            continue
        # the ends have moved by rounding, and the middle with them: that much is no fault of the radii
        slack = deviation + math.hypot(px - tx, py - ty) + math.hypot(x - ex, y - ey)
        if all(math.dist(got.point(share), point) <= slack for share, point in zip(shares, wanted, strict=True)):
            return f"a{number(a)} {number(b)} {number(angle)} {int(large)} {int(sweep)} {dx} {dy}"
    return None
