"""``foreignObject`` (SVG 2, section 12.4): HTML has no canonical form, so what shows of it costs the drawing.

The sanitizer has taken the content out, and left the element where something of it can be seen.
"""

from __future__ import annotations

from stages.base import Dropped
from stages.normalize.css.computed import compute
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.geometry.transforms import determinant
from stages.normalize.source.conditional import shown
from stages.normalize.source.tree import Node
from stages.reasons import Reason


def foreign_object(scene: Scene, node: Node, place: Place) -> None:
    """Judge a ``foreignObject`` where it is to be drawn. Raises Dropped (FOREIGN_OBJECT) where it shows."""
    style, own = compute(place.style, node.declared)
    if (
        scene.target.measured is not None
        or own.get("display") == "none"
        or not shown(node, scene.settings, scene.plain)
    ):
        return
    if style["visibility"] != "visible" or own.get("opacity") == 0:
        return
    width, height = scene.length(node, "width", place, "x") or 0.0, scene.length(node, "height", place, "y") or 0.0
    matrix = scene.local(node, own, style, place)
    if width <= 0 or height <= 0 or determinant(matrix) == 0:
        return
    if scene.settings.foreign_object == "drop":
        scene.notes.add("foreign_object_dropped")
        return
    raise Dropped(Reason.FOREIGN_OBJECT, f"a foreignObject of {width:g} x {height:g} with content that shows")
