"""What the walk remarks of shapes, for flags: where the viewBox cuts them, and that nobody paints them."""

from __future__ import annotations

from stages.canonical import Element
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.geometry.boxes import Box
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import DEFAULTS, Style

_SAME_SIDE = 0.01
"""Share of the viewBox within which a shape counts as reaching to a side."""


class Remarks:
    """Of one document, on its canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self._rect = canvas, canvas.rect
        self._cuts: list[Box] = []
        self.unstyled = False
        """Whether a shape has a class that no rule asks for, and no paint of its own or inherited."""

    def beyond(self) -> Box:
        """How far shapes reach beyond the left, top, right and bottom, as shares of the viewBox's width and height.

        Of shapes that are partly within. One that reaches from side to side, as grounds and stripes do, counts for
        neither of the two; strokes are taken without their width.
        """
        if not self._cuts:
            return 0.0, 0.0, 0.0, 0.0
        left, top, right, bottom = zip(*self._cuts, strict=True)
        return max(left), max(top), max(right), max(bottom)

    def mark(self) -> int:
        """A point in time, for `forget`."""
        return len(self._cuts)

    def forget(self, mark: int) -> None:
        """Take back what was remarked of cuts since then: something else clips those shapes."""
        del self._cuts[mark:]

    def crosses(self, elements: list[Element]) -> bool:
        """Whether a shape drawn as ``elements`` reaches beyond the viewBox, or may."""
        left, top, right, bottom = self._rect
        return any(
            (box := element.uncut) is None or box[0] < left or box[1] < top or box[2] > right or box[3] > bottom
            for element in elements
        )

    def cut(self, box: Box) -> None:
        """Remark the box of a shape on the canvas, of which a part shows."""
        left, top, right, bottom = self._rect
        width, height = right - left, bottom - top
        first, last = (left - box[0]) / width, (box[2] - right) / width
        above, below = (top - box[1]) / height, (box[3] - bottom) / height
        if min(first, last) > -_SAME_SIDE:
            first = last = 0.0
        if min(above, below) > -_SAME_SIDE:
            above = below = 0.0
        if max(first, last, above, below) > 0:
            self._cuts.append((max(first, 0.0), max(above, 0.0), max(last, 0.0), max(below, 0.0)))

    def paint(self, node: Node, style: Style) -> None:
        """Remark how a shape is painted; ``style``: its inherited one."""
        if (
            "class" in node.attributes
            and not node.ruled
            and style["fill"] is DEFAULTS["fill"]
            and style["stroke"] is DEFAULTS["stroke"]
        ):
            self.unstyled = True
