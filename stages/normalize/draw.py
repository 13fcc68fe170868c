"""One shape, painted: from user units to canonical elements.

A shape stays an element where the map allows it, else it becomes a path. What leaves the viewBox is clipped where that
can be seen, and what tokens cannot say is brought within reach without a change to the picture (see `clip`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.boxes import Box, exact_box, hull_box, map_box
from stages.normalize.canvas import Canvas
from stages.normalize.clip import begin_within, clip_fill, reach_stroke
from stages.normalize.outline import outline
from stages.normalize.path_segments import Subpath, transform
from stages.normalize.quantize import Pen, quantize, snap
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import Shape, rect_path
from stages.normalize.trace import trace
from stages.normalize.transforms import IDENTITY, Matrix, apply, axis_aligned, singular_values
from stages.reasons import Reason

_FAR = 1e7
"""Canvas units beyond which floating point is no longer exact enough."""


_OPEN = frozenset(("path", "line", "polyline", "polygon"))
_ANYWHERE = (-math.inf, -math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Stroke:
    """A visible stroke in canvas units. ``attributes``: as printed.

    ``pen``: for a stroke that no width can say, the maps from user units to those of its numbers, where it is a circle,
    and from there to the canvas.
    """

    width: float
    cap: str
    join: str
    miter_limit: float
    dashes: tuple[float, ...]
    offset: float
    attributes: dict[str, str]
    pen: tuple[Matrix, Matrix] | None = None

    @property
    def dashed(self) -> bool:
        """Whether it has gaps."""
        return bool(self.dashes)

    @property
    def reach(self) -> float:
        """The farthest that the stroke can lie from the path."""
        half = self.width / 2
        corner = self.miter_limit if self.join == "miter" else 1.0
        return half * max(corner, math.sqrt(2) if self.cap == "square" else 1.0)


@dataclass(frozen=True)
class Look:
    """How a shape is painted. ``fill``: its attributes if it is painted, else None; ``shared``: of the whole shape."""

    fill: dict[str, str] | None
    stroke: Stroke | None
    shared: dict[str, str]

    def attributes(self) -> dict[str, str]:
        """All attributes but the geometry."""
        fill = {"fill": "none"} if self.fill is None else self.fill
        return {**fill, **(self.stroke.attributes if self.stroke else {}), **self.shared}

    def pen(self) -> Pen:
        """What of a path draws."""
        if self.stroke is None:
            return Pen(True, False, False, 0.0)
        return Pen(
            self.fill is not None, True, self.stroke.cap != "butt", self.stroke.reach, self.stroke.cap == "square"
        )


class Drawer:
    """Draws shapes on one canvas."""

    def __init__(self, canvas: Canvas, settings: NormalizeSettings) -> None:
        self._canvas, self._settings = canvas, settings
        size = settings.canvas
        left, top, right, bottom = canvas.rect
        slack = settings.clip_tolerance
        # sides of the canvas itself need no clipping: the renderer clips there
        self._free = (
            left - slack if left > 0 else -math.inf,
            top - slack if top > 0 else -math.inf,
            right + slack if right < size else math.inf,
            bottom + slack if bottom < size else math.inf,
        )

    def draw(self, shape: Shape, matrix: Matrix, look: Look) -> list[Element]:
        """The canonical elements of a painted shape; none if nothing of it can be seen.

        Raises Dropped (OUT_OF_CANVAS).
        """
        if max(map(abs, matrix)) > _FAR * 100:
            raise Dropped(Reason.OUT_OF_CANVAS, "a transform too large to compute with")
        if look.stroke is not None and look.stroke.pen is not None:
            return self._outlined(shape, matrix, look, look.stroke, look.stroke.pen)
        if look.stroke is not None and look.stroke.cap == "square" and shape.kind in _OPEN:
            dots = [sub for sub in shape.path() if _is_dot(sub)]
            if dots:
                return self._dotted(shape, dots, matrix, look, look.stroke)
        if shape.numbers and self._settings.shapes == "keep":
            element = self._element(shape, matrix, look)
            if element is not None:
                return element
        if shape.data:
            traced = trace(shape.data, matrix, look.pen(), self._settings, self._reachable(look))
            if traced is not None:
                return self._traced(*traced, look)
        kind = shape.kind if shape.kind in ("polygon", "polyline") else "path"
        path = transform(shape.path(), matrix)
        if not path:
            return []
        box = hull_box(path)
        if not (min(box) > -_FAR and max(box) < _FAR):
            raise Dropped(Reason.OUT_OF_CANVAS, f"a {shape.kind} reaches {max(map(abs, box)):g} units")
        left, top, right, bottom = self._canvas.rect
        reach = look.stroke.reach if look.stroke else 0.0
        if box[2] + reach < left or box[3] + reach < top or box[0] - reach > right or box[1] - reach > bottom:
            return []
        if look.stroke is None and not self._inside(box) and not self._inside(exact_box(path)):
            path = clip_fill(path, self._canvas.rect)
        return self._path(kind, path, look)

    def _reachable(self, look: Look) -> Box:
        """Where a path must stay to be printed as it is: within the viewBox, if it is only filled."""
        return self._free if look.stroke is None else _ANYWHERE

    def _traced(self, data: str, box: Box, look: Look) -> list[Element]:
        left, top, right, bottom = self._canvas.rect
        reach = look.stroke.reach if look.stroke else 0.0
        if box[2] + reach < left or box[3] + reach < top or box[0] - reach > right or box[1] - reach > bottom:
            return []
        size = self._settings.canvas
        if not data or box[0] - reach >= size or box[1] - reach >= size:
            return []
        reach += 1
        within = (box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach)
        return [Element("path", {**look.attributes(), "d": data}, within=within)]

    def draw_apart(self, shape: Shape, matrix: Matrix, look: Look) -> list[list[Element]]:
        """Fill and stroke of a shape as elements of their own, in the order in which they are painted.

        Raises Dropped (OUT_OF_CANVAS).
        """
        parts = []
        if look.fill is not None:
            parts.append(self.draw(shape, matrix, Look(look.fill, None, {})))
        if look.stroke is not None:
            parts.append(self.draw(shape, matrix, Look(None, look.stroke, {})))
        _one_picture(parts, look)
        return parts

    def _outlined(
        self, shape: Shape, matrix: Matrix, look: Look, stroke: Stroke, pen: tuple[Matrix, Matrix]
    ) -> list[Element]:
        """A shape whose stroke is drawn as the area it covers."""
        parts: list[list[Element]] = []
        if look.fill is not None and shape.kind != "line":
            parts.append(self.draw(shape, matrix, Look(look.fill, None, {})))
        parts.append(self._area(transform(shape.path(), pen[0]), stroke, pen[1]))
        return _one_picture(parts, look)

    def _area(self, path: list[Subpath], stroke: Stroke, to_canvas: Matrix) -> list[Element]:
        """The area that a stroke covers, as a path that is filled."""
        area = outline(path, stroke.width, stroke.cap, stroke.join, stroke.miter_limit, stroke.dashes, stroke.offset)
        if not area:
            return []
        return self.draw(Shape("path", subpaths=area), to_canvas, Look(_filling(stroke), None, {}))

    def _dotted(self, shape: Shape, dots: list[Subpath], matrix: Matrix, look: Look, stroke: Stroke) -> list[Element]:
        """A shape with subpaths of no length whose caps are squares, upright in user space: librsvg draws none."""
        lines = [sub for sub in shape.path() if not _is_dot(sub)]
        parts = [self.draw(Shape("path", subpaths=lines), matrix, look)] if lines else []
        large, small = singular_values(matrix)
        side = 2 * stroke.width / (large + small)
        squares = [path for sub in dots for path in rect_path(sub.x - side / 2, sub.y - side / 2, side, side, 0, 0)]
        parts.append(self.draw(Shape("path", subpaths=squares), matrix, Look(_filling(stroke), None, {})))
        return _one_picture(parts, look)

    def _inside(self, box: Box) -> bool:
        """Whether a box stays within the sides of the viewBox that are not sides of the canvas."""
        free = self._free
        return box[0] >= free[0] and box[1] >= free[1] and box[2] <= free[2] and box[3] <= free[3]

    def _path(self, kind: str, path: list[Subpath], look: Look) -> list[Element]:
        settings, stroke = self._settings, look.stroke
        element, fits = self._print(kind, path, look)
        if element is None or fits:
            return [element] if element is not None else []
        if stroke is None:
            return self._clipped(kind, path, look)
        moved = None if stroke.dashed else begin_within(path, settings.limit)
        if moved is not None:
            element, fits = self._print(kind, moved, look)
            if element is None or fits:
                return [element] if element is not None else []
        return self._apart(path, look, stroke)

    def _clipped(self, kind: str, path: list[Subpath], look: Look) -> list[Element]:
        """A path without stroke, clipped to the viewBox."""
        within = begin_within(clip_fill(path, self._canvas.rect), self._settings.limit)
        if within is None:
            raise Dropped(Reason.OUT_OF_CANVAS, f"a {kind} that clipping does not bring onto the canvas")
        element, fits = self._print(kind, within, look)
        if element is not None and not fits:
            raise Dropped(Reason.OUT_OF_CANVAS, f"a {kind} that clipping does not bring onto the canvas")
        return [element] if element is not None else []

    def _apart(self, path: list[Subpath], look: Look, stroke: Stroke) -> list[Element]:
        """Fill and stroke as two elements, each with its own way of clipping."""
        settings = self._settings
        parts: list[list[Element]] = []
        if look.fill is not None:
            parts.append(self._clipped("path", path, Look(look.fill, None, {})))
        lines = reach_stroke(path, settings.canvas, settings.limit, stroke.reach, stroke.cap != "butt", stroke.dashed)
        if lines is None:
            parts.append(self._area(path, stroke, IDENTITY))
        elif lines:
            element, fits = self._print("path", lines, Look(None, stroke, {}))
            if element is not None:
                parts.append([element] if fits else self._area(path, stroke, IDENTITY))
        return _one_picture(parts, look)

    def _print(self, kind: str, path: list[Subpath], look: Look) -> tuple[Element | None, bool]:
        """The element of a path in canvas units, None if nothing of it draws; and whether tokens can say it."""
        if not path:
            return None, True
        if kind == "path" or len(path) > 1:
            done = quantize(path, look.pen(), self._settings)
            if done is None:
                return None, True
            left, top, right, bottom = done.box
            reach = look.stroke.reach + 1 if look.stroke else 0.0
            within = (left - reach, top - reach, right + reach, bottom + reach)
            return Element("path", {**look.attributes(), "d": done.data}, within=within), done.fits
        return self._points(kind, path[0], look)

    def _points(self, kind: str, sub: Subpath, look: Look) -> tuple[Element | None, bool]:
        points = [(snap(sub.x), snap(sub.y))]
        for seg in sub.segments:
            point = (snap(seg[1]), snap(seg[2]))
            if point != points[-1]:
                points.append(point)
        if kind == "polygon" and len(points) > 1 and points[0] == points[-1]:
            points.pop()
        pen, size, limit = look.pen(), self._settings.canvas, self._settings.limit
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if len(points) == 1 and not (pen.dots and (sub.closed or sub.segments)):
            return None, True
        if not pen.stroked and (len(points) < 3 or min(xs) == max(xs) or min(ys) == max(ys)):
            return None, True
        if min(xs) - pen.reach >= size or min(ys) - pen.reach >= size:
            return None, True
        if max(xs) + pen.reach <= 0 or max(ys) + pen.reach <= 0:
            return None, True
        fits = 0 <= xs[0] <= limit and 0 <= ys[0] <= limit
        for values in (xs, ys):
            fits = fits and all(abs(b - a) <= limit for a, b in pairwise(values))
        if len(points) == 1:
            points *= 2  # one point alone draws nothing, two equal ones a dot
        text = " ".join(f"{x} {y}" for x, y in points)
        return Element(kind, {**look.attributes(), "points": text}), fits

    def _element(self, shape: Shape, matrix: Matrix, look: Look) -> list[Element] | None:
        """The shape as an element of its own kind, None where the map or the canvas does not allow that."""
        upright = axis_aligned(matrix)
        dashed = look.stroke is not None and look.stroke.dashed
        # dashes begin at a corner that a turn or a flip moves
        if (
            dashed
            and shape.kind != "line"
            and not (upright and matrix[0] > abs(matrix[1]) and matrix[3] > abs(matrix[2]))
        ):
            return None
        if shape.kind == "line":
            return self._line(shape, matrix, look)
        if shape.kind == "rect":
            return self._rect(shape, matrix, look) if upright else None
        large, small = singular_values(matrix)
        cx, cy, rx, ry = shape.numbers
        cx, cy = apply(matrix, cx, cy)
        if rx == ry and large - small <= 1e-6 * large:
            rx = ry = rx * large
        elif upright:
            swapped = abs(matrix[0]) < abs(matrix[1])
            rx, ry = (
                (ry * abs(matrix[2]), rx * abs(matrix[1])) if swapped else (rx * abs(matrix[0]), ry * abs(matrix[3]))
            )
        else:
            return None
        if not self._near((cx - rx, cy - ry, cx + rx, cy + ry), look):
            return None
        x, y, w, h = (self._place(cx), self._place(cy), self._size(rx), self._size(ry))
        if w == "0" or h == "0":
            return []
        radii = {"r": w} if w == h else {"rx": w, "ry": h}
        return [Element("circle" if w == h else "ellipse", {"cx": x, "cy": y, **radii, **look.attributes()})]

    def _rect(self, shape: Shape, matrix: Matrix, look: Look) -> list[Element] | None:
        x, y, width, height, rx, ry = shape.numbers
        left, top, right, bottom = map_box(matrix, (x, y, x + width, y + height))
        swapped = abs(matrix[0]) < abs(matrix[1])
        rx, ry = (ry * abs(matrix[2]), rx * abs(matrix[1])) if swapped else (rx * abs(matrix[0]), ry * abs(matrix[3]))
        box = (left, top, right, bottom)
        if look.stroke is None and rx == 0:
            edge = self._canvas.rect
            slack = self._settings.clip_tolerance
            if left < edge[0] - slack or top < edge[1] - slack or right > edge[2] + slack or bottom > edge[3] + slack:
                left, top = max(left, edge[0]), max(top, edge[1])
                right, bottom = min(right, edge[2]), min(bottom, edge[3])
                if left >= right or top >= bottom:
                    return []
        elif not self._near(box, look):
            return None
        x0, w = self._span(left, right)
        y0, h = self._span(top, bottom)
        if w == "0" or h == "0":
            return []
        attributes = {"x": x0, "y": y0, "width": w, "height": h}
        if rx > 0 and ry > 0:
            # radii of over half the side mean half of it
            rx_text, ry_text = (self._size(min(r, float(side) / 2)) for r, side in ((rx, w), (ry, h)))
            if rx_text != "0" and ry_text != "0":
                attributes["rx"] = rx_text
                if ry_text != rx_text:
                    attributes["ry"] = ry_text
        return [Element("rect", {**attributes, **look.attributes()})]

    def _line(self, shape: Shape, matrix: Matrix, look: Look) -> list[Element] | None:
        if look.stroke is None:
            return []
        x1, y1 = apply(matrix, *shape.numbers[:2])
        x2, y2 = apply(matrix, *shape.numbers[2:])
        box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        if not self._near(box, look):
            return None
        texts = [self._place(value) for value in (x1, y1, x2, y2)]
        if texts[:2] == texts[2:] and look.stroke.cap == "butt":
            return []
        attributes = {**look.attributes(), **dict(zip(("x1", "y1", "x2", "y2"), texts, strict=True))}
        attributes.pop("fill", None)  # a line has no inside
        return [Element("line", attributes)]

    def _near(self, box: Box, look: Look) -> bool:
        """Whether a shape with this box can be printed as it is: finite, in sight, and not in need of clipping."""
        size, far = self._settings.canvas, 100 * self._settings.canvas
        reach = look.stroke.reach if look.stroke else 0.0
        if not (min(box) > -far and max(box) < far):
            return False
        if box[2] + reach <= 0 or box[3] + reach <= 0 or box[0] - reach >= size or box[1] - reach >= size:
            return False
        return look.stroke is not None or self._inside(box)

    def _place(self, value: float) -> str:
        decimals = self._settings.decimals
        return str(snap(value)) if decimals == 0 else number(value, decimals)

    def _size(self, value: float) -> str:
        """A size that is not nothing keeps two decimals where integers would say nothing of it."""
        if round(value, 2) < 1:
            return number(value, 2)
        return self._place(value)

    def _span(self, low: float, high: float) -> tuple[str, str]:
        """Where a side begins and how long it is: its ends are rounded, so that sides that meet still do."""
        begin, end = self._place(low), self._place(high)
        length = number(float(end) - float(begin), self._settings.decimals)
        if length != "0":
            return begin, length
        short = round(high - low, 2)
        return begin, "1" if short >= 0.49 else number(short, 2)


def _is_dot(sub: Subpath) -> bool:
    """Whether a subpath has no length, and still draws its caps."""
    return bool(sub.closed or sub.segments) and hull_box([sub])[:2] == hull_box([sub])[2:]


def _filling(stroke: Stroke) -> dict[str, str]:
    """The paint of a stroke as that of an area."""
    fill = {} if stroke.attributes["stroke"] == "#000" else {"fill": stroke.attributes["stroke"]}
    if "stroke-opacity" in stroke.attributes:
        fill["fill-opacity"] = stroke.attributes["stroke-opacity"]
    return fill


def _one_picture(parts: list[list[Element]], look: Look) -> list[Element]:
    """Fill and stroke, drawn one by one, in the order and with the attributes of the one shape that they were."""
    for part in parts:
        for element in part:
            # one paint alone has the opacity of the whole
            for name in ("fill-opacity", "stroke-opacity"):
                if name in element.attributes:
                    element.attributes["opacity"] = element.attributes.pop(name)
            element.attributes.update({n: v for n, v in look.shared.items() if n != "paint-order"})
    if look.shared.get("paint-order") == "stroke":
        parts.reverse()
    return [element for part in parts for element in part]
