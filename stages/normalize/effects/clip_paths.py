"""Clip paths (CSS Masking 1, section 5): elements that show within the shapes that another element draws.

Their shapes are baked into canvas coordinates like any other.
"""

from __future__ import annotations

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.css.computed import compute, refuse
from stages.normalize.drawing.compositing import apply_clip
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import SHAPES, Shape, TooLarge, read_shape
from stages.normalize.effects.clip_shapes import css_shape
from stages.normalize.geometry.boxes import BoxFinder
from stages.normalize.geometry.transforms import Matrix, determinant, multiply
from stages.normalize.source.conditional import shown
from stages.normalize.source.tree import Node
from stages.normalize.text.painting import draw_text
from stages.normalize.values.properties import NO_PAINT, TRANSFORM_PROPERTIES, Mask, Paint, Style
from stages.normalize.values.srgb import BLACK
from stages.normalize.values.units import Viewport, parse_length, resolve
from stages.reasons import Reason


def clip(
    scene: Scene,
    owner: Node,
    ref: str,
    place: Place,
    elements: list[Element],
    box: BoxFinder,
    shape: Shape | None = None,
) -> list[Element]:
    """``elements``, drawn for ``owner``, within the clip path with the id ``ref``, or a CSS shape.

    ``shape``: the owner's, if it is one. Raises Dropped (UNSUPPORTED_CLIP_PATH, CYCLIC_REF).
    """
    if ref[:1] == "\0":
        return apply_clip(scene, css_shape(scene, owner, ref[1:], place, box, shape), elements)
    node = scene.ids.get(ref)
    if node is None or node.tag != "clipPath":
        scene.notes.add("clip_path_missing")  # CSS Masking 1, section 5.1: no clip is applied
        return elements
    if scene.settings.clip_path == "reject":
        raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"clip path {ref!r}")
    content = _clip_content(scene, node, place, box)
    outer = own_properties(node).get("clip-path")
    drawn = apply_clip(scene, content, elements)
    if outer and drawn:
        with scene.entered(node):
            drawn = clip(scene, node, outer, place, drawn, box)
    return drawn


def own_properties(node: Node) -> Style:
    """What a definition declares that applies to its content as a whole."""
    return {name: value for name, value in node.declared.items() if isinstance(value, str | float | Mask)}


def units(scene: Scene, node: Node, name: str, place: Place, box: BoxFinder, reason: Reason) -> Place:
    """The place of content whose coordinates may refer to the bounding box of what it applies to."""
    if node.attributes.get(name, "").strip() != "objectBoundingBox":
        return place
    bounds = box()
    if bounds is None or bounds[0] == bounds[2] or bounds[1] == bounds[3]:
        raise Dropped(reason, f"{name} of an empty box")
    x, y, right, bottom = bounds
    matrix = multiply(place.matrix, (right - x, 0.0, 0.0, bottom - y, x, y))
    return place._replace(matrix=matrix, viewport=Viewport(1.0, 1.0))


def _clip_content(scene: Scene, node: Node, place: Place, box: BoxFinder) -> list[Element]:
    """The shapes of a clip path on the canvas."""
    # a clip path's own transform applies outside of its units
    style, own = compute(scene.style_at(node), node.declared)
    refuse(own)
    place = place._replace(style=style, matrix=_moved(scene, node, own, style, place))
    place = units(scene, node, "clipPathUnits", place, box, Reason.UNSUPPORTED_CLIP_PATH)
    known = scene.target.contents.get((id(node), place.matrix))
    if known is not None:
        return known
    content: list[Element] = []
    with scene.entered(node):
        try:
            for child in node.children:
                content += _clip_shape(scene, child, place)
        except TooLarge:
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "a number too large to compute with") from None
    scene.target.contents[id(node), place.matrix] = content
    return content


def _clip_shape(scene: Scene, node: Node, place: Place) -> list[Element]:
    style, own = compute(place.style, node.declared)
    if own.get("display") == "none" or not shown(node, scene.settings, scene.plain):
        return []
    refuse(own)
    matrix = _moved(scene, node, own, style, place)
    place = place._replace(style=style, matrix=matrix)
    if node.tag == "use":
        target = scene.ids.get(node.attributes.get("href", "").strip()[1:])
        if target is None or (target.tag not in SHAPES and target.tag != "text"):
            return []
        x, y = _offset(node, "x", place.viewport.width), _offset(node, "y", place.viewport.height)
        moved = place._replace(matrix=multiply(matrix, (1.0, 0.0, 0.0, 1.0, x, y)))
        drawn = _clip_shape(scene, target, moved)
    elif node.tag in SHAPES and style["visibility"] == "visible" and determinant(matrix) != 0:
        shape = read_shape(node, place.viewport, style["font-size"].value)
        if shape is None:
            return []
        rule = {"clip-rule": "evenodd"} if style["clip-rule"] == "evenodd" and not shape.numbers else {}
        drawn = scene.target.drawer.draw(shape, matrix, Look({}, None, rule)) if shape.kind != "line" else []
    elif node.tag == "text" and determinant(matrix) != 0:
        black = {**style, "fill": Paint("color", BLACK), "stroke": NO_PAINT, "fill-opacity": 1.0}
        drawn = draw_text(scene, node, own, place._replace(style=black), outlined=True)
    else:
        return []
    if own.get("clip-path"):
        drawn = clip(scene, node, own["clip-path"], place, drawn, lambda: None)
        if any(element.tag == "g" for element in drawn):
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "clip paths within clip paths")
    return drawn


def _moved(scene: Scene, node: Node, own: Style, style: Style, place: Place) -> Matrix:
    if "transform" not in node.attributes and TRANSFORM_PROPERTIES.isdisjoint(node.declared):
        return place.matrix
    if node.tag not in SHAPES and own.get("transform-box", "view-box") != "view-box":
        raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"transform-box on a {node.tag}")
    return multiply(place.matrix, scene.local(node, own, style, place))


def _offset(node: Node, name: str, reference: float) -> float:
    length = parse_length(node.attributes.get(name, "0"))
    return 0.0 if length is None else resolve(length, reference)
