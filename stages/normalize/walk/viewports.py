"""Elements with a viewport of their own: nested ``svg``, ``symbol`` under a ``use``, ``marker`` (SVG 2, section 8)."""

from __future__ import annotations

from stages.canonical import Element
from stages.normalize.drawing.canvas import fit_view_box, parse_view_box
from stages.normalize.drawing.compositing import apply_viewport
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.markers import reference
from stages.normalize.drawing.scene import Frame, Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.geometry.transforms import IDENTITY, Matrix, apply, determinant, multiply
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Style
from stages.normalize.values.units import Viewport, parse_length, resolve

_MARKER_SIZES = (("markerWidth", "x"), ("markerHeight", "y"))
_SIZES = (("width", "x"), ("height", "y"))


def frame(scene: Scene, node: Node, place: Place, use: Node | None) -> Frame | None:
    """The viewport of an element, None where nothing of it is drawn. ``use``: what refers to it, if anything does."""
    if node.tag == "marker":
        x = y = 0.0
        w, h = (
            3.0 if (size := scene.length(node, name, place, across)) is None else size for name, across in _MARKER_SIZES
        )
    else:
        x, y = scene.length(node, "x", place, "x") or 0.0, scene.length(node, "y", place, "y") or 0.0
        w, h = (_size(scene, node, name, place, across, use) for name, across in _SIZES)
    if w <= 0 or h <= 0:
        return None
    if use is not None and _unheard(node, use):
        _make_plain(scene, node, use, place, (x, y, w, h))
    view_box = parse_view_box(node.attributes.get("viewBox"))
    if view_box is None:
        inner, viewport = (1.0, 0.0, 0.0, 1.0, x, y), Viewport(w, h)
    elif view_box[2] <= 0 or view_box[3] <= 0:
        return None
    else:
        aspect = node.attributes.get("preserveAspectRatio", "")
        inner, viewport = fit_view_box(view_box, x, y, w, h, aspect), Viewport(view_box[2], view_box[3])
    if node.tag == "marker":
        shown = view_box or (0.0, 0.0, w, h)
        ref_x, ref_y = apply(inner, reference(node, "refX", *shown[::2]), reference(node, "refY", *shown[1::2]))
        x, y = -ref_x, -ref_y
        inner = multiply((1.0, 0.0, 0.0, 1.0, x, y), inner)
    return Frame(x, y, w, h, inner, viewport)


def _size(scene: Scene, node: Node, name: str, place: Place, across: str, use: Node | None) -> float:
    """A side of an svg or a symbol, which a ``use`` sets by its attribute alone."""
    whole = place.viewport.width if across == "x" else place.viewport.height
    if use is not None and name in use.attributes:
        length = parse_length(use.attributes[name])
        # what is no length, auto included, leaves the side at nothing
        return 0.0 if length is None else resolve(length, whole, place.style["font-size"].value)
    size = scene.length(node, name, place, across)
    return whole if size is None else size


def _unheard(node: Node, use: Node) -> bool:
    """Whether renderers may not know the size: a symbol's own, or properties of a ``use``, which do not count."""
    if any(name in use.declared for name, _ in _SIZES):
        return True
    names = ("x", "y", "width", "height")
    return node.tag == "symbol" and any(name in node.attributes or name in node.declared for name in names)


def _make_plain(scene: Scene, node: Node, use: Node, place: Place, box: tuple[float, float, float, float]) -> None:
    """Give the ``use`` itself the place and size of what it shows, in the source made plain."""
    x, y = scene.length(use, "x", place, "x") or 0.0, scene.length(use, "y", place, "y") or 0.0
    values = {"width": box[2], "height": box[3]}
    if node.tag == "symbol":
        values |= {"x": x + box[0], "y": y + box[1]}
    for name, value in values.items():
        scene.plain.attribute(use, name, repr(value), "symbol_size")
        if name in use.declared:
            scene.plain.declare(use, name, f"{value!r}px", "symbol_size")
        if node.tag == "symbol":
            scene.plain.attribute(node, name, None, "symbol_size")
            if name in node.declared:
                scene.plain.declare(node, name, "auto", "symbol_size")


def draw_viewport(scene: Scene, node: Node, own: Style, place: Place, shown: Frame | None) -> list[Element]:
    """The content of an element that has a viewport of its own, clipped to it unless it overflows."""
    if shown is None:
        return []
    matrix = multiply(place.matrix, shown.inner)
    if determinant(matrix) == 0:
        return []
    mark = scene.remarks.mark()
    drawn = scene.children(node, place._replace(matrix=matrix, viewport=shown.viewport))
    if own.get("overflow") in ("visible", "auto") or not drawn:
        return drawn
    scene.remarks.forget(mark)
    shape = Shape("rect", (*shown[:4], 0.0, 0.0))
    return apply_viewport(scene, scene.target.drawer.draw(shape, place.matrix, Look({}, None, {})), drawn)


def content_map(scene: Scene, node: Node, place: Place, area: Frame | None = None) -> tuple[Matrix, Viewport]:
    """The map from an element's content to its surroundings, and what percentages mean in it.

    Clip paths, masks and filters apply in the coordinates of the content: within the shift by ``x`` and ``y`` of a
    ``use``, and within the viewport of an ``svg``. ``area``: the viewport, if a ``use`` has a say in it.
    """
    if node.tag == "use":
        x, y = scene.length(node, "x", place, "x") or 0.0, scene.length(node, "y", place, "y") or 0.0
        return (1.0, 0.0, 0.0, 1.0, x, y), place.viewport
    if node.tag == "svg" and area is None:
        area = frame(scene, node, place, None)
    return (IDENTITY, place.viewport) if area is None else (area.inner, area.viewport)
