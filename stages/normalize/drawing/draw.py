"""One shape, painted: from user units to canonical elements.

A shape stays an element where the map allows it, else it becomes a path. What leaves the viewBox is clipped where that
can be seen, and what tokens cannot say is brought within reach without a change to the picture (see `clip`).
"""

from __future__ import annotations

import math
from itertools import pairwise

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.drawing.basic_shapes import BasicShapes, unclipped
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.drawing.look import Look, Stroke
from stages.normalize.drawing.shapes import Shape, rect_path
from stages.normalize.geometry.boxes import Box, contains, exact_box, hull_box
from stages.normalize.geometry.clip import begin_within, clip_fill, reach_stroke
from stages.normalize.geometry.outline import outline
from stages.normalize.geometry.path_segments import Subpath, transform
from stages.normalize.geometry.quantize import quantize, snap
from stages.normalize.geometry.trace import trace
from stages.normalize.geometry.transforms import IDENTITY, Matrix, singular_values
from stages.normalize.settings import NormalizeSettings
from stages.reasons import Reason

_FAR = 1e7
"""Canvas units beyond which floating point is no longer exact enough."""


_OPEN = frozenset(("path", "line", "polyline", "polygon"))
_ANYWHERE = (-math.inf, -math.inf, math.inf, math.inf)


class Drawer:
    """Draws shapes on one canvas."""

    def __init__(self, canvas: Canvas, settings: NormalizeSettings) -> None:
        self._canvas, self._settings = canvas, settings
        self._free = unclipped(canvas, settings)
        self._shapes = BasicShapes(canvas, settings)

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
            element = self._shapes.element(shape, matrix, look)
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
        if look.stroke is None and not contains(self._free, box) and not contains(self._free, exact_box(path)):
            path = clip_fill(path, self._canvas.rect)
        drawn = self._path(kind, path, look)
        for each in drawn:
            each.uncut = box
        return drawn

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
        return [Element("path", {**look.attributes(), "d": data}, within=within, uncut=box)]

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
