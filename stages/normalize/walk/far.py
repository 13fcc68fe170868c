"""Rectangles that reach far beyond the canvas: cairo and tiny-skia count with fewer bits than they take.

Of a rectangle with one paint and no stroke, the part that the canvas shows is the same picture.
"""

from __future__ import annotations

from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.geometry.boxes import map_box
from stages.normalize.geometry.transforms import invert
from stages.normalize.source.tree import Node

_FAR = 1e6
"""Canvas units that the renderers can count with, by far."""


def bring_near(scene: Scene, node: Node, shape: Shape, place: Place, look: Look | None) -> None:
    """Clip a far rectangle, in the source made plain, to a canvas more on each side than there is."""
    x, y, width, height, rx, _ = shape.numbers
    box = map_box(place.matrix, (x, y, x + width, y + height))
    if min(box) > -_FAR and max(box) < _FAR:
        return
    back = invert(place.matrix)
    if look is None or look.stroke is not None or rx or back is None or (look.fill or {}).get("fill", "")[:3] == "url":
        return
    size = scene.settings.canvas
    near = map_box(back, (-size, -size, 2 * size, 2 * size))
    left, right = (min(max(value, near[0]), near[2]) for value in (x, x + width))
    top, bottom = (min(max(value, near[1]), near[3]) for value in (y, y + height))
    for name, value in (("x", left), ("y", top), ("width", right - left), ("height", bottom - top)):
        scene.plain.attribute(node, name, repr(value), "far_rect")
        if name in node.declared:
            scene.plain.declare(node, name, f"{value!r}px", "far_rect")
