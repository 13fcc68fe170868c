"""Lines beside text (CSS Text Decoration 4), where browsers draw them.

A line spans a run. Browsers draw it a tenth of the font size thick, an underline half of that below the baseline, an
overline above the ascent, and a line through the text a third of the ascent up; it is painted as the nearest element
that asks for a line is (SVG 2, section 11.10.1). Glyphs that cross an underline or overline interrupt it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from stages.normalize.drawing.glyphs import extents, face_of
from stages.normalize.geometry.path_segments import Subpath
from stages.normalize.text.characters import refuse
from stages.normalize.text.typeset import Run, contours, turned
from stages.normalize.values.properties import Decoration, Style

_THICK = 0.1
_STEPS = 8


class Lines(NamedTuple):
    """What is drawn below and above a run's glyphs, as paths in user units, and the style that it is painted in."""

    below: list[Subpath]
    above: list[Subpath]
    style: Style


def lines_of(run: Run) -> Lines | None:
    """The lines beside a run. Raises Dropped (UNSUPPORTED_TEXT)."""
    if not run.decorations or run.style["visibility"] != "visible" or run.line <= 0:
        return None
    style = run.decorations[-1].style
    if style["fill"].kind == "none" and style["stroke"].kind == "none":
        return None
    below: list[Subpath] = []
    above: list[Subpath] = []
    ascent = extents(face_of(run.style)).ascent * run.line
    shapes = contours(run)
    for decoration in run.decorations:
        if decoration.kind != "solid":
            raise refuse(f"text-decoration, {decoration.kind}")
        thick = _thickness(decoration, run)
        for name in decoration.lines:
            if name == "line-through":
                above += [_bar(low, high, -ascent / 3 - thick / 2, thick) for low, high in run.parts]
                continue
            top = thick / 2 if name == "underline" else -ascent - thick
            gaps = _gaps(shapes, top, thick)
            if gaps and style["stroke"].kind != "none":
                raise refuse("text-decoration, stroked and crossed by letters")
            for low, high in run.parts:
                ends = [low, *(min(max(x, low), high) for x in gaps), high]
                below += [_bar(a, b, top, thick) for a, b in zip(ends[::2], ends[1::2], strict=True) if b > a]
    return Lines(turned(run, below), turned(run, above), style)


def _thickness(decoration: Decoration, run: Run) -> float:
    given = decoration.thickness
    if given is None:
        return _THICK * run.line
    return given.value if given.unit == "px" else given.value * run.line / 100


def _bar(left: float, right: float, top: float, thick: float) -> Subpath:
    corners = ((right, top), (right, top + thick), (left, top + thick))
    return Subpath(left, top, [("L", *corner) for corner in corners], True)


def _gaps(shapes: list[Subpath], top: float, thick: float) -> list[float]:
    """Where glyphs interrupt a line, as begin, end, begin, …: from their edges on the line's height and beyond."""
    spans: list[tuple[float, float]] = []
    for sub in shapes:
        xs = _crossed(sub, top, top + thick)
        if xs:
            spans.append((min(xs) - thick, max(xs) + thick))
    merged: list[list[float]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return [x for pair in merged for x in pair]


def _crossed(sub: Subpath, top: float, bottom: float) -> list[float]:
    """The horizontal places of a contour between two heights."""
    xs: list[float] = []
    points = _flat(sub)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if max(y0, y1) <= top or min(y0, y1) >= bottom:
            continue
        for t in (0.0, 1.0) if y0 == y1 else ((top - y0) / (y1 - y0), (bottom - y0) / (y1 - y0)):
            t = min(max(t, 0.0), 1.0)
            xs.append(x0 + (x1 - x0) * t)
    return xs


def _flat(sub: Subpath) -> list[tuple[float, float]]:
    points = [(sub.x, sub.y)]
    for seg in sub.segments:
        x0, y0 = points[-1]
        if seg[0] == "L":
            points.append((seg[1], seg[2]))
            continue
        controls = [(x0, y0), *zip(seg[1::2], seg[2::2], strict=True)]
        for i in range(1, _STEPS + 1):
            row, t = controls, i / _STEPS
            while len(row) > 1:
                row = [(a + (c - a) * t, b + (d - b) * t) for (a, b), (c, d) in pairwise(row)]
            points.append(row[0])
    return points
