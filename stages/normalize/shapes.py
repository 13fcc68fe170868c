"""Basic shapes and paths (SVG 2, chapters 9 and 10): as absolute subpaths, and as canonical elements."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stages.canonical import number
from stages.normalize.matrix import Matrix, apply
from stages.normalize.pathtools import Segment, Subpath, absolute
from stages.normalize.quantize import round_half_up
from stages.normalize.tree import Node
from stages.normalize.units import length, numbers
from stages.pathdata import parse_path

SHAPES = frozenset(("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"))


@dataclass(frozen=True)
class Viewport:
    """What percentages refer to, in user units."""

    width: float
    height: float

    @property
    def diagonal(self) -> float:
        """The reference of lengths that are neither horizontal nor vertical."""
        return math.sqrt((self.width**2 + self.height**2) / 2)


@dataclass(frozen=True)
class Shape:
    """Geometry in user units. ``values``: of a rect x, y, width, height, rx, ry; of an ellipse cx, cy, rx, ry."""

    kind: str
    subpaths: list[Subpath]
    values: tuple[float, ...] = ()


def shape(node: Node, view: Viewport, font_size: float) -> tuple[Shape | None, bool]:
    """The geometry of a shape element, None if it is empty or invalid, and whether path data had an error."""
    get = node.attributes.get

    def horizontal(name: str, default: float = 0.0) -> float:
        value = length(get(name), view.width, font_size)
        return default if value is None else value

    def vertical(name: str, default: float = 0.0) -> float:
        value = length(get(name), view.height, font_size)
        return default if value is None else value

    match node.tag:
        case "path":
            commands, whole = parse_path(get("d", ""))
            subpaths = absolute(commands)
            return (Shape("path", subpaths) if subpaths else None), not whole
        case "rect":
            w, h = horizontal("width"), vertical("height")
            if w <= 0 or h <= 0:
                return None, False
            rx = length(get("rx"), view.width, font_size)
            ry = length(get("ry"), view.height, font_size)
            if rx is not None and rx < 0:
                rx = None
            if ry is not None and ry < 0:
                ry = None
            rx = (ry or 0.0) if rx is None else rx
            ry = rx if ry is None else ry
            values = (horizontal("x"), vertical("y"), w, h, min(rx, w / 2), min(ry, h / 2))
            return Shape("rect", [_rect(*values)], values), False
        case "circle":
            r = length(get("r"), view.diagonal, font_size) or 0.0
            return _elliptic(horizontal("cx"), vertical("cy"), r, r), False
        case "ellipse":
            # SVG 2: a missing or auto radius is the other one
            rx, ry = length(get("rx"), view.width, font_size), length(get("ry"), view.height, font_size)
            rx, ry = (ry if rx is None else rx) or 0.0, (rx if ry is None else ry) or 0.0
            return _elliptic(horizontal("cx"), vertical("cy"), rx, ry), False
        case "line":
            x1, y1, x2, y2 = horizontal("x1"), vertical("y1"), horizontal("x2"), vertical("y2")
            return Shape("line", [[("M", x1, y1), ("L", x2, y2)]]), False
        case "polyline" | "polygon":
            points, whole = _points(get("points", ""))
            if len(points) < 2:
                return None, not whole
            subpath: Subpath = [("M", *points[0]), *(("L", *point) for point in points[1:])]
            if node.tag == "polygon":
                subpath.append(("Z",))
            return Shape(node.tag, [subpath]), not whole
    raise ValueError(node.tag)


def _points(text: str) -> tuple[list[tuple[float, float]], bool]:
    values = numbers(text)
    if values is None:
        # the grammar is a moveto's: numbers run together, and what follows an error is dropped
        commands, _ = parse_path("M" + text)
        return [(args[0], args[1]) for _, args in commands if len(args) == 2], False
    return list(zip(values[0::2], values[1::2], strict=False)), len(values) % 2 == 0


def _rect(x: float, y: float, w: float, h: float, rx: float, ry: float) -> Subpath:
    if rx <= 0 or ry <= 0:
        return [("M", x, y), ("L", x + w, y), ("L", x + w, y + h), ("L", x, y + h), ("Z",)]

    def corner(px: float, py: float) -> Segment:
        return ("A", rx, ry, 0.0, False, True, px, py)

    return [
        ("M", x + rx, y),
        ("L", x + w - rx, y),
        corner(x + w, y + ry),
        ("L", x + w, y + h - ry),
        corner(x + w - rx, y + h),
        ("L", x + rx, y + h),
        corner(x, y + h - ry),
        ("L", x, y + ry),
        corner(x + rx, y),
        ("Z",),
    ]


def _elliptic(cx: float, cy: float, rx: float, ry: float) -> Shape | None:
    return Shape("ellipse", [_ellipse(cx, cy, rx, ry)], (cx, cy, rx, ry)) if rx > 0 and ry > 0 else None


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> Subpath:
    # SVG 2, section 10.3: four quarters from three o'clock, clockwise
    points = ((cx, cy + ry), (cx - rx, cy), (cx, cy - ry), (cx + rx, cy))
    return [("M", cx + rx, cy), *(("A", rx, ry, 0.0, False, True, *point) for point in points), ("Z",)]


def basic(figure: Shape, m: Matrix, decimals: int = 0) -> tuple[str, dict[str, str]] | None:
    """Tag and geometry attributes of the canonical basic shape, or None if ``m`` makes it a path.

    Sizes round as the difference of rounded edges, so that neighbours keep touching; none rounds to nothing.
    """
    upright = abs(m[1]) <= 1e-9 * abs(m[0]) and abs(m[2]) <= 1e-9 * abs(m[3])
    lying = abs(m[0]) <= 1e-9 * abs(m[1]) and abs(m[3]) <= 1e-9 * abs(m[2])
    if figure.kind == "line":
        (_, x1, y1), (_, x2, y2) = figure.subpaths[0]
        p, q = apply(m, x1, y1), apply(m, x2, y2)
        return "line", {n: _coordinate(v, decimals) for n, v in zip(("x1", "y1", "x2", "y2"), (*p, *q), strict=True)}
    if not (upright or lying):
        if figure.kind == "ellipse" and abs(figure.values[2] - figure.values[3]) <= 1e-9 * figure.values[2]:
            similar = abs(m[0] - m[3]) + abs(m[1] + m[2]) <= 1e-9 * (abs(m[0]) + abs(m[1]))
            mirrored = abs(m[0] + m[3]) + abs(m[1] - m[2]) <= 1e-9 * (abs(m[0]) + abs(m[1]))
            if similar or mirrored:
                cx, cy = apply(m, *figure.values[:2])
                return "circle", _round(cx, cy, figure.values[2] * math.hypot(m[0], m[1]), decimals)
        return None
    sx, sy = (abs(m[0]), abs(m[3])) if upright else (abs(m[2]), abs(m[1]))
    if figure.kind == "rect":
        x, y, w, h, rx, ry = figure.values
        (x0, y0), (x1, y1) = apply(m, x, y), apply(m, x + w, y + h)
        radii = (rx * sx, ry * sy) if upright else (ry * sx, rx * sy)
        return "rect", _rect_attributes(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), radii, decimals)
    if figure.kind == "ellipse":
        cx, cy, rx, ry = figure.values
        cx, cy = apply(m, cx, cy)
        rx, ry = (rx * sx, ry * sy) if upright else (ry * sx, rx * sy)
        if abs(rx - ry) <= 1e-6 * rx:
            return "circle", _round(cx, cy, rx, decimals)
        return "ellipse", {
            "cx": _coordinate(cx, decimals),
            "cy": _coordinate(cy, decimals),
            "rx": _size(rx, decimals),
            "ry": _size(ry, decimals),
        }
    return None


def _rect_attributes(
    x0: float, y0: float, x1: float, y1: float, radii: tuple[float, float], decimals: int
) -> dict[str, str]:
    def side(low: float, high: float) -> tuple[str, str]:
        if decimals:
            return number(low, decimals), number(round(high, decimals) - round(low, decimals), decimals)
        a, b = round_half_up(low), round_half_up(high)
        return (str(a), str(b - a)) if b > a else (number(low), number(max(high - low, 0.01)))

    (x, w), (y, h) = side(x0, x1), side(y0, y1)
    attributes = {"x": x, "y": y, "width": w, "height": h}
    rx, ry = (_size(r, decimals) if r > 0.005 else "0" for r in radii)
    if rx != "0" and ry != "0":
        attributes["rx"] = rx
        if ry != rx:
            attributes["ry"] = ry
    return {name: v for name, v in attributes.items() if not (name in "xy" and v == "0")}


def _round(cx: float, cy: float, r: float, decimals: int) -> dict[str, str]:
    return {"cx": _coordinate(cx, decimals), "cy": _coordinate(cy, decimals), "r": _size(r, decimals)}


def _coordinate(value: float, decimals: int) -> str:
    return number(value, decimals) if decimals else str(round_half_up(value))


def _size(value: float, decimals: int) -> str:
    """A length as an integer; where that is less than 3, as one with decimals, since it would change too much."""
    if decimals or (value < 3 and abs(value - round(value)) > 0.05):
        return number(value, 2)
    return str(max(1, round_half_up(value)))
