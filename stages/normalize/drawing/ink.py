"""How far canonical elements reach on the canvas, strokes and filters included.

Computed from what is printed, so that normalizing canonical output comes to the same decisions.
"""

from __future__ import annotations

import math

from stages.canonical import Element
from stages.normalize.drawing.glyphs import Face, ink_box
from stages.normalize.drawing.shapes import ellipse_path, line_path, rect_path
from stages.normalize.geometry.arcs import Center, center
from stages.normalize.geometry.boxes import Box, exact_box, grown, map_box, union
from stages.normalize.geometry.path_segments import Segment, Subpath, from_commands, transform
from stages.normalize.geometry.transforms import IDENTITY, Matrix, singular_values
from stages.pathdata import parse_path


def ink(element: Element, matrix: Matrix = IDENTITY) -> Box:
    """A box that holds all that an element paints, and hardly more; clip paths and masks are not considered.

    ``matrix``: from the canvas to where the box is wanted.
    """
    if element.extent is not None:
        return map_box(matrix, element.extent)
    if element.tag == "g":
        return union([ink(child, matrix) for child in element.children])
    attributes = element.attributes
    if element.tag == "text":
        box, path = map_box(matrix, _line_of_text(element)), []
    else:
        path = element_path(element)
        if matrix != IDENTITY:
            path = transform(path, matrix)
        box = exact_box(path)
    if "stroke" not in attributes:
        return box
    half = float(attributes.get("stroke-width", "1")) / 2 * singular_values(matrix)[0]
    cap = half * math.sqrt(2) if attributes.get("stroke-linecap") == "square" else half
    boxes = [grown(box, cap, cap)]
    if attributes.get("stroke-linejoin", "miter") == "miter":
        limit = float(attributes.get("stroke-miterlimit", "4"))
        boxes += [tip for sub in path for tip in _tips(sub, half, limit)]
    return union(boxes)


def _line_of_text(element: Element) -> Box:
    attributes = element.attributes
    face = Face(
        attributes["font-family"],
        attributes.get("font-weight") == "bold",
        attributes.get("font-style") == "italic",
    )
    x, y, size = (float(attributes[name]) for name in ("x", "y", "font-size"))
    return ink_box(element.text, face, size, x, y, attributes.get("text-anchor", "start"))


def element_path(element: Element) -> list[Subpath]:
    """The geometry of a canonical shape as a path."""
    attributes = element.attributes
    if element.tag == "path":
        return from_commands(parse_path(attributes["d"])[0])
    if element.tag in ("polygon", "polyline"):
        values = [float(piece) for piece in attributes["points"].split()]
        lines: list[Segment] = [("L", x, y) for x, y in zip(values[2::2], values[3::2], strict=True)]
        return [Subpath(values[0], values[1], lines, element.tag == "polygon")]

    def numbers(*names: str) -> list[float]:
        return [float(attributes.get(name, "0")) for name in names]

    if element.tag == "rect":
        rx = float(attributes.get("rx", "0"))
        x, y, width, height = numbers("x", "y", "width", "height")
        return rect_path(x, y, width, height, rx, float(attributes.get("ry", rx)))
    if element.tag == "line":
        x1, y1, x2, y2 = numbers("x1", "y1", "x2", "y2")
        return line_path(x1, y1, x2, y2)
    cx, cy = numbers("cx", "cy")
    rx, ry = numbers("r", "r") if element.tag == "circle" else numbers("rx", "ry")
    return ellipse_path(cx, cy, rx, ry)


def rectangle(element: Element) -> Box | None:
    """The box that a canonical shape fills exactly, None if it is no upright rectangle."""
    attributes = element.attributes
    if element.tag == "rect" and "rx" in attributes:
        return None
    if element.tag not in ("rect", "path", "polygon"):
        return None
    path = element_path(element)
    if len(path) != 1 or any(seg[0] != "L" for seg in path[0].segments):
        return None
    sub = path[0]
    points = [(sub.x, sub.y), *((seg[1], seg[2]) for seg in sub.segments)]
    if points[-1] == points[0]:
        points.pop()
    if len(points) != 4 or len(set(points)) != 4:
        return None
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    if (ay == by and bx == cx and cy == dy and dx == ax) or (ax == bx and by == cy and cx == dx and dy == ay):
        return min(ax, cx), min(ay, cy), max(ax, cx), max(ay, cy)
    return None


def _tangent(c: Center, t: float) -> tuple[float, float]:
    sign = math.copysign(1.0, c.extent)
    cos, sin = math.cos(t) * sign, math.sin(t) * sign
    return c.qx * cos - c.px * sin, c.qy * cos - c.py * sin


def _tips(sub: Subpath, half: float, limit: float) -> list[Box]:
    """The points of a stroke's mitred corners."""
    tangents: list[tuple[float, float, float, float, float, float]] = []  # begin, its direction, end direction
    x, y = sub.x, sub.y
    segments = [*sub.segments, ("L", sub.x, sub.y)] if sub.closed else sub.segments
    for seg in segments:
        if seg[0] == "A" and (x, y) != (seg[-2], seg[-1]):
            c = center(x, y, *seg[1:])
            tangents.append((x, y, *_tangent(c, c.start), *_tangent(c, c.start + c.extent)))
            x, y = seg[-2], seg[-1]
            continue
        points = [(x, y), *zip(seg[1::2], seg[2::2], strict=True)] if seg[0] != "A" else [(x, y)]
        points = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
        if len(points) > 1:
            first = (points[1][0] - points[0][0], points[1][1] - points[0][1])
            last = (points[-1][0] - points[-2][0], points[-1][1] - points[-2][1])
            tangents.append((x, y, *first, *last))
        x, y = seg[-2], seg[-1]
    tips = []
    for i in range(0 if sub.closed else 1, len(tangents)):
        _, _, _, _, ix, iy = tangents[i - 1]
        px, py, ox, oy, _, _ = tangents[i]
        inward, outward = math.hypot(ix, iy), math.hypot(ox, oy)
        ix, iy, ox, oy = ix / inward, iy / inward, ox / outward, oy / outward
        # sin of half the corner's angle; the tip lies along the difference of the directions
        sine = math.hypot(ix + ox, iy + oy) / 2
        away = math.hypot(ix - ox, iy - oy)
        if away < 1e-9 or sine * limit < 1:
            continue
        length = half / sine
        tx, ty = px + (ix - ox) / away * length, py + (iy - oy) / away * length
        tips.append((tx, ty, tx, ty))
    return tips
