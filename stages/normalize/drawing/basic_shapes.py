"""Basic shapes as canonical elements of their own kind: upright rectangles, circles, ellipses and lines."""

from __future__ import annotations

import math

from stages.canonical import Element, number
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.shapes import Shape
from stages.normalize.geometry.boxes import Box, contains, map_box
from stages.normalize.geometry.quantize import snap
from stages.normalize.geometry.transforms import Matrix, apply, axis_aligned, singular_values
from stages.normalize.settings import NormalizeSettings


def unclipped(canvas: Canvas, settings: NormalizeSettings) -> Box:
    """Where what is only filled must stay to be printed as it is, canvas units.

    Sides of the canvas itself need no clipping: the renderer clips there.
    """
    size, slack = settings.canvas, settings.clip_tolerance
    left, top, right, bottom = canvas.rect
    return (
        left - slack if left > 0 else -math.inf,
        top - slack if top > 0 else -math.inf,
        right + slack if right < size else math.inf,
        bottom + slack if bottom < size else math.inf,
    )


class BasicShapes:
    """Draws shapes on one canvas as elements of their own kind."""

    def __init__(self, canvas: Canvas, settings: NormalizeSettings) -> None:
        self._canvas, self._settings = canvas, settings
        self._free = unclipped(canvas, settings)

    def element(self, shape: Shape, matrix: Matrix, look: Look) -> list[Element] | None:
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
        if self._size(min(rx, ry)) == "0":
            rx = ry = 0.0  # corners that are not printed clip as sharp ones do
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
        return look.stroke is not None or contains(self._free, box)

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
