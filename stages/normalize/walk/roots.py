"""The root element, which is a box of the page: what applies to it has CSS pixels for units, and a background.

Its ``transform``, clip path, mask and filter are those of a box in CSS (CSS Transforms 1, section 6; CSS Masking 1,
section 5.1): their origin is the box's corner, the default of ``transform-origin`` is its middle, and their lengths are
pixels of the page, not of the viewBox. How many pixels the box has is not in the document; ``screen`` says it.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS, Element, number
from stages.normalize.css.computed import REFUSED_ROOT, compute, refuse
from stages.normalize.css.declarations import BORDER_WIDTH
from stages.normalize.drawing.compositing import apply_viewport
from stages.normalize.drawing.ink import ink
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.placement import local_matrix
from stages.normalize.drawing.scene import Frame, Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.effects.filters import room
from stages.normalize.geometry.boxes import BoxFinder, contains, grown, map_box, union
from stages.normalize.geometry.transforms import Matrix, invert, multiply
from stages.normalize.paint.background import paint_background
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import DEFAULTS, TRANSFORM_PROPERTIES, Mask, Style
from stages.normalize.values.units import Viewport
from stages.reasons import Reason

_BOXED = ("clip-path", "mask", "filter")
_NEUTRAL = {"opacity": "1", "mix-blend-mode": "normal"}
_SLACK = 1.0


def draw_root(scene: Scene, node: Node, place: Place) -> list[Element]:
    """Draw the document's root: ``place`` is that of its content, with the initial style. Raises Dropped."""
    style, own = compute(DEFAULTS, node.declared)
    if own.get("display") == "none":
        return []
    place = place._replace(style=style)
    if scene.target.measured is not None:
        return scene.children(node, place)
    if node.declared.get(BORDER_WIDTH) == "0":
        for name in [name for name in own.get(REFUSED_ROOT, ()) if name in ("border", "border-style")]:
            del own[REFUSED_ROOT][name]
    refuse(own, root=True)
    moved = "transform" in node.attributes or not TRANSFORM_PROPERTIES.isdisjoint(node.declared)
    if moved or any(own.get(name) for name in _BOXED):
        drawn = _box(scene, node, own, place)
    else:
        drawn = _with_effects(scene, node, own, place, scene.children(node, place))
    return paint_background(scene, node, own, style) + drawn


def _box(scene: Scene, node: Node, own: Style, place: Place) -> list[Element]:
    """The root's content, to which its transform and what applies to its box is applied."""
    settings = scene.settings
    if not settings.screen:
        raise Dropped(Reason.UNSUPPORTED_ATTRIBUTE, "transform, clip path, mask or filter of the root element")
    view_box = scene.target.canvas.view_box
    left, top, right, bottom = map_box(
        scene.target.canvas.matrix, (*view_box[:2], view_box[0] + view_box[2], view_box[1] + view_box[3])
    )
    scale = settings.canvas / settings.screen
    width, height = (right - left) / scale, (bottom - top) / scale
    page: Matrix = (scale, 0.0, 0.0, scale, left, top)
    viewport = Viewport(width, height)
    box = (0.0, 0.0, width, height)
    turned = {"transform-origin": own.get("transform-origin") or "50% 50%"}
    local = local_matrix(node, turned, viewport, place.style["font-size"].value, lambda: box)
    if not local.valid:
        scene.notes.add("transform_error")
    matrix = local.matrix
    back = invert(page)
    if back is None or invert(matrix) is None:
        return []
    within = scene.children(node, place)
    moved = multiply(page, matrix)
    inner = multiply(multiply(moved, back), place.matrix)
    outside = place._replace(matrix=moved, viewport=viewport)
    with scene.onto(scene.target._replace(drawer=room(scene, node, own, outside))) as target:
        redrawn = inner != place.matrix or own.get("filter")
        drawn = scene.children(node, place._replace(matrix=inner)) if redrawn else within
        if own.get("overflow") != "visible" and within and not _in_sight(scene, within):
            shape = Shape("rect", (0.0, 0.0, width, height, 0.0, 0.0))
            drawn = apply_viewport(scene, target.drawer.draw(shape, moved, Look({}, None, {})), drawn)
        _wrap(scene, node, own, moved, back, (width, height))
        return _with_effects(scene, node, own, outside, drawn, lambda: box)


def _with_effects(
    scene: Scene,
    node: Node,
    own: Style,
    place: Place,
    elements: list[Element],
    box: BoxFinder | None = None,
) -> list[Element]:
    """``elements`` with what the root declares. ``place``: the coordinates for it; ``box``: finds the box in them."""
    return scene.with_effects(node, own, place, elements, area=Frame.at(place), box=box)


def _in_sight(scene: Scene, elements: list[Element]) -> bool:
    """Whether all that is drawn lies, but for a little, where the canvas shows the drawing."""
    area = grown(scene.target.canvas.rect, _SLACK, _SLACK)
    return contains(area, union([ink(each) for each in elements]))


def _wrap(scene: Scene, node: Node, own: Style, moved: Matrix, back: Matrix, size: tuple[float, float]) -> None:
    """For renderers, which know no pages: a group in the page's units, and its content in the viewBox's."""
    if scene.plain.dry:
        return
    root, canvas = node.source, scene.target.canvas
    user = invert(canvas.matrix)
    if user is None:
        return
    outer = etree.Element(f"{{{SVG_NS}}}g", {"transform": _matrix(multiply(user, moved))})
    style = [f"{name}:{_value(own[name], name)}" for name in (*_BOXED, *_NEUTRAL) if own.get(name) is not None]
    if style:
        outer.set("style", ";".join(style))
    width, height = (number(side, 4) for side in size)
    box = {"width": width, "height": height, "style": "fill:none!important;stroke:none!important"}
    etree.SubElement(outer, f"{{{SVG_NS}}}rect", box)  # of which renderers take the group's bounding box
    inner = etree.SubElement(outer, f"{{{SVG_NS}}}g", {"transform": _matrix(multiply(back, canvas.matrix))})
    for child in list(root):
        if child.tag != f"{{{SVG_NS}}}style":
            inner.append(child)
    root.append(outer)
    for name in (*sorted(TRANSFORM_PROPERTIES), *_BOXED, *_NEUTRAL):
        if name in own or name in node.attributes or name in node.declared:
            scene.plain.declare(node, name, _NEUTRAL.get(name, "none"), "root_box")
    if "transform" in node.attributes:
        scene.plain.attribute(node, "transform", None, "root_box")
    scene.plain.note("root_box")


def _value(value: Any, name: str) -> str:
    if isinstance(value, float):
        return number(value, 4)
    if isinstance(value, Mask):
        return f"url(#{value.ref})"
    text = str(value)
    if text[:1] == "\0":
        raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"the shape {text[1:61]} on the root element")
    return text if name in ("filter", *_NEUTRAL) else f"url(#{text})" if text else "none"


def _matrix(matrix: Matrix) -> str:
    return f"matrix({' '.join(number(value, 9) for value in matrix)})"
