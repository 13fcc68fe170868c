"""The walk over the document: references expanded, transforms composed, groups flattened.

Each element is drawn with the style it inherits and the map from its coordinates to the canvas, and gives canonical
elements, which its own opacity, clip path and mask then apply to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.css.computed import REFUSED, compute, refuse
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.drawing.compositing import blend, blends, fade, isolate
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.plain_values import plain_paints, plain_shape
from stages.normalize.drawing.scene import CONTAINERS, Frame, Place, Scene, Target
from stages.normalize.drawing.shapes import SHAPES, Shape, TooLarge, read_shape
from stages.normalize.effects.clip_paths import clip
from stages.normalize.effects.filters import filtered, room
from stages.normalize.effects.masks import in_linear_rgb, mask
from stages.normalize.geometry.boxes import Box, BoxFinder, exact_box, map_box, union
from stages.normalize.geometry.path_segments import transform
from stages.normalize.geometry.transforms import IDENTITY, Matrix, axis_aligned, determinant, invert, multiply
from stages.normalize.paint.paints import Paints
from stages.normalize.paint.patterns import Patterns
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.conditional import chosen, hide_failing, shown
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.text.painting import draw_text, text_box
from stages.normalize.values.blending import ISOLATING
from stages.normalize.values.properties import DEFAULTS, TRANSFORM_PROPERTIES, Style
from stages.normalize.values.units import Viewport
from stages.normalize.walk.far import bring_near
from stages.normalize.walk.foreign import foreign_object
from stages.normalize.walk.marked import with_markers
from stages.normalize.walk.roots import draw_root
from stages.normalize.walk.strokes import in_user_units
from stages.normalize.walk.uses import Uses
from stages.normalize.walk.viewports import content_map, draw_viewport, frame
from stages.reasons import Reason

_UNKNOWN_DRAWN = frozenset(("image", "video", "canvas", "iframe"))
_MARKERS = ("marker-start", "marker-mid", "marker-end")
_ISOLATING = ("clip-path", "filter", *ISOLATING)
_MARKED = frozenset(("path", "line", "polyline", "polygon"))
_UNCHANGED: AbstractContextManager[Target | None] = nullcontext()


class Walker(Scene):
    """Draws one document. ``contextual``: whether it has paints that refer to the element that uses theirs."""

    def __init__(
        self,
        ids: dict[str, Node],
        canvas: Canvas,
        settings: NormalizeSettings,
        plain: Plain,
        measure: bool = False,
        contextual: bool = False,
    ) -> None:
        super().__init__(ids, canvas, settings, plain, measure)
        self._paints = Paints(ids, self.definitions, settings, Patterns(self), plain)
        self._containers: dict[str, Callable[[Node, Style, Place], list[Element]]] = {
            "g": self._group,
            "a": self._group,
            "svg": self._svg,
            "use": Uses(self, contextual).draw,
            "switch": self._switch,
            "text": self._text,
        }

    def root(self, node: Node) -> list[Element]:
        """Draw the document's root. Raises Dropped."""
        canvas = self.target.canvas
        view_box = canvas.view_box
        return draw_root(self, node, Place(DEFAULTS, canvas.matrix, Viewport(view_box[2], view_box[3]), 1))

    def children(self, node: Node, place: Place) -> list[Element]:
        """Draw an element's children in order. Raises Dropped."""
        elements: list[Element] = []
        for child in node.children:
            elements += self.draw(child, place)
        return elements

    def draw(self, node: Node, place: Place) -> list[Element]:
        """Draw an element where ``place`` says; its style is that of the parent. Raises Dropped."""
        tag = node.tag
        is_shape = tag in SHAPES
        if not is_shape and tag not in CONTAINERS:
            if tag == "foreignObject":
                foreign_object(self, node, place)
            elif tag in _UNKNOWN_DRAWN:
                reason = Reason.RASTER_EMBEDDED if tag == "image" else Reason.UNSUPPORTED_ELEMENT
                raise Dropped(reason, f"a {tag} element")
            return []
        self.count(node, place.depth)
        style, own = compute(place.style, node.declared)
        if own.get("display") == "none" or not shown(node, self.settings, self.plain):
            return []
        if REFUSED in own:
            if _draws_nothing(node, style, own):
                return []
            refuse(own)
        matrix = place.matrix
        if "transform" in node.attributes or not TRANSFORM_PROPERTIES.isdisjoint(node.declared):
            matrix = multiply(matrix, self.local(node, own, style, place))
            if determinant(matrix) == 0:
                return []
        place = Place(style, matrix, place.viewport, place.depth + 1)
        if style["fill"].exotic or style["stroke"].exotic:
            plain_paints(self.plain, node, style)
        with self._with_room(node, own, place):
            if is_shape:
                try:
                    return self._shape(node, own, place)
                except TooLarge:
                    # renderers draw nothing or noise; if they do draw something that shows, the comparison says so
                    self.notes.add("number_too_large")
                    return []
            if own.get("opacity") == 0 and self.target.measured is None:
                return []
            mark = self.remarks.mark()
            elements = self._containers[tag](node, own, place)
            if own.get("clip-path") or own.get("mask"):
                self.remarks.forget(mark)
            return self.with_effects(node, own, place, elements)

    def _with_room(self, node: Node, own: Style, place: Place) -> AbstractContextManager[Target | None]:
        """Draw for a while what the filter of an element needs."""
        if not own.get("filter"):
            return _UNCHANGED
        return self.onto(self.target._replace(drawer=room(self, node, own, place)))

    def _shape(self, node: Node, own: Style, place: Place) -> list[Element]:
        style, matrix, viewport, _ = place
        marked = node.tag in _MARKED and any(style[name] for name in _MARKERS)
        if self.target.measured is None:
            if style["visibility"] != "visible" or own.get("opacity") == 0:
                return []
            if style["fill"].kind == "none" and style["stroke"].kind == "none" and not marked:
                return []
        shape = read_shape(node, viewport, style["font-size"].value)
        if shape is None:
            return []
        if not self.plain.dry:
            plain_shape(self.plain, node, style, shape, viewport)
        if self.target.measured is not None:
            if (box := _box(shape, matrix)) is not None:
                self.target.measured.append(box)
            return []
        elements: list[Element] = []
        if "pathLength" in node.attributes or "vector-effect" in own:
            style = in_user_units(self, node, own, place, shape)
        if self.target.masking and style["color-interpolation"] == "linearrgb":
            style = in_linear_rgb(self, node, style)
        look = self._paints.look(style, own, shape.kind != "line", shape.box, matrix, viewport)
        if look is not None:
            if look.fill is not None and style["fill-rule"] == "evenodd" and not shape.numbers:
                look.fill["fill-rule"] = "evenodd"
            elements = self.target.drawer.draw(shape, matrix, look)
            self._remark(node, place.style, own, shape, matrix, elements)
            if shape.kind == "rect":
                bring_near(self, node, shape, place, look)
        if marked:
            elements = with_markers(self, elements, shape, place, look)
        if shape.note:
            self.notes.add(shape.note)
        return self.with_effects(node, own, place, elements, shape)

    def _remark(
        self, node: Node, style: Style, own: Style, shape: Shape, matrix: Matrix, elements: list[Element]
    ) -> None:
        """Remark how a shape is painted and cut, unless it is the content of a mask or a pattern."""
        if not elements or self.target.masking or self.target.canvas is not self.remarks.canvas:
            return
        self.remarks.paint(node, style)
        if self.remarks.crosses(elements) and not (own.get("clip-path") or own.get("mask")):
            box = _box(shape, matrix)
            if box is not None:
                self.remarks.cut(box)

    def with_effects(
        self,
        node: Node,
        own: Style,
        place: Place,
        elements: list[Element],
        shape: Shape | None = None,
        area: Frame | None = None,
        box: BoxFinder | None = None,
    ) -> list[Element]:
        """See `Scene.with_effects`."""
        if not own or not (elements or (own.get("filter") and self.target.measured is None)):
            return elements
        if any(map(blends, elements)) and _isolates(own):
            elements = isolate(elements)
            if own.get("isolation") != "isolate" and own.get("opacity", 1.0) == 1:
                self.plain.declare(node, "isolation", "isolate", "isolation")
        if own.get("filter") or own.get("clip-path") or own.get("mask"):
            box = box or self.content_box(node, own, place, shape, area)
            inner, viewport = content_map(self, node, place, area)
            place = place._replace(matrix=multiply(place.matrix, inner), viewport=viewport)
            if own.get("filter"):
                elements = filtered(self, node, own["filter"], place, elements, box)
            if own.get("clip-path"):
                elements = clip(self, node, own["clip-path"], place, elements, box, shape)
            if own.get("mask"):
                elements = mask(self, node, own["mask"], own.get("mask-mode", ""), place, elements, box)
        if "opacity" in own:
            elements = fade(elements, own["opacity"], self.settings)
        mode = own.get("mix-blend-mode", "normal")
        if mode != "normal" and self.target.measured is None:
            elements = blend(elements, mode)
        return elements

    def content_box(
        self, node: Node, own: Style, place: Place, shape: Shape | None = None, area: Frame | None = None
    ) -> BoxFinder:
        """See `Scene.content_box`."""

        def box() -> Box | None:
            if shape is not None:
                return shape.box()
            measured: list[Box] = []
            # what is measured may be what is just being drawn
            with self.onto(self.target._replace(measured=measured, active=())):
                inner, viewport = content_map(self, node, place, area)
                if node.parent is None or area is not None:
                    self.children(node, place._replace(matrix=IDENTITY, viewport=viewport))
                else:
                    self._containers[node.tag](node, own, place._replace(matrix=invert(inner) or IDENTITY))
            return union(measured) if measured else None

        return box

    def _group(self, node: Node, own: Style, place: Place) -> list[Element]:
        return self.children(node, place)

    def _switch(self, node: Node, own: Style, place: Place) -> list[Element]:
        choice = chosen(node, self.settings, self.plain)
        return [] if choice is None else self.draw(choice, place)

    def _svg(self, node: Node, own: Style, place: Place) -> list[Element]:
        return draw_viewport(self, node, own, place, frame(self, node, place, None))

    def _text(self, node: Node, own: Style, place: Place) -> list[Element]:
        if self.target.measured is not None:
            box = text_box(self, node, own, place)
            if box is not None:
                self.target.measured.append(box)
            return []
        hide_failing(node, self.settings, self.plain)
        if self.target.masking and place.style["color-interpolation"] == "linearrgb":
            in_linear_rgb(self, node, place.style)
        if self.settings.text == "reject" and _has_text(node, place.style):
            raise Dropped(Reason.UNSUPPORTED_TEXT, "a text element")
        try:
            return draw_text(self, node, own, place)
        except TooLarge:
            self.notes.add("number_too_large")
            return []

    def look(
        self,
        style: Style,
        own: Style,
        box: BoxFinder,
        matrix: Matrix,
        viewport: Viewport,
    ) -> Look | None:
        """How something with an inside is painted, None if not at all."""
        return self._paints.look(style, own, True, box, matrix, viewport)


def _box(shape: Shape, matrix: Matrix) -> Box | None:
    """The box of a shape's geometry on the canvas, None if it has none."""
    if not shape.numbers and not shape.path():
        return None
    if not axis_aligned(matrix):
        return exact_box(transform(shape.path(), matrix))
    box = shape.box()
    return None if box is None else map_box(matrix, box)


def _isolates(own: Style) -> bool:
    """Whether what is in an element with these properties is blended with nothing below it.

    Compositing 1, section 3.1, and as Chromium: references to nothing, and what changes nothing, isolate, too.
    """
    mask = own.get("mask")
    if own.get("isolation") == "isolate" or own.get("opacity", 1.0) != 1 or (mask and (mask.ref or mask.image)):
        return True
    return any(own.get(name) for name in _ISOLATING)


def _draws_nothing(node: Node, style: Style, own: Style) -> bool:
    """Whether an element draws nothing, whatever its refused properties would be."""
    if node.tag in SHAPES:
        hidden = style["visibility"] != "visible" and "visibility" not in own[REFUSED]
        if hidden or own.get("opacity") == 0:
            return True
        if own[REFUSED].keys().isdisjoint(("fill", "stroke")):
            return style["fill"].kind == style["stroke"].kind == "none" and not any(style[m] for m in _MARKERS)
    elif not (node.children or node.text or node.tag == "use"):
        return True
    return False


def _has_text(node: Node, style: Style) -> bool:
    """Whether an element or one within it holds text that is drawn."""
    style, own = compute(style, node.declared)
    if own.get("display") == "none":
        return False
    if node.text and style["visibility"] == "visible":
        return True
    return any(child.tag == "tref" or _has_text(child, style) for child in node.children)
