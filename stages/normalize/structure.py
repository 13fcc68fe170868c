"""The walk over the document: references expanded, transforms composed, groups flattened.

Each element is drawn with the style it inherits and the map from its coordinates to the canvas, and gives canonical
elements, which its own opacity, clip path and mask then apply to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize import effects, filters
from stages.normalize.boxes import Box, BoxFinder, exact_box, grown, map_box, union
from stages.normalize.canvas import Canvas
from stages.normalize.computed import REFUSED, compute, refuse
from stages.normalize.conditional import chosen, hide_failing, shown
from stages.normalize.defs import Definitions
from stages.normalize.draw import Drawer, Look
from stages.normalize.far import bring_near
from stages.normalize.foreign import foreign_object
from stages.normalize.ink import ink
from stages.normalize.marked import with_markers
from stages.normalize.masks import in_linear_rgb, mask
from stages.normalize.paint import CONTEXT, Context, Paints
from stages.normalize.path_segments import transform
from stages.normalize.patterns import Patterns
from stages.normalize.placement import local_matrix, make_plain
from stages.normalize.plain import Plain
from stages.normalize.plain_values import plain_lengths, plain_paints, plain_shape
from stages.normalize.properties import DEFAULTS, INHERITED, TRANSFORM_PROPERTIES
from stages.normalize.roots import draw_root
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import SHAPES, Shape, TooLarge, read_shape
from stages.normalize.strokes import in_user_units
from stages.normalize.text import draw_text, text_box
from stages.normalize.transforms import IDENTITY, Matrix, axis_aligned, determinant, invert, multiply
from stages.normalize.tree import Node
from stages.normalize.units import Viewport, parse_length, resolve
from stages.normalize.viewports import Frame, draw_viewport, frame
from stages.reasons import Reason

_GROUPS = frozenset(("g", "a"))
_UNKNOWN_DRAWN = frozenset(("image", "video", "canvas", "iframe"))
_MARKERS = ("marker-start", "marker-mid", "marker-end")
_MARKED = frozenset(("path", "line", "polyline", "polygon"))


class Place(NamedTuple):
    """Where an element is drawn: inherited style, map to the canvas, viewport, and how deep it is nested."""

    style: dict[str, Any]
    matrix: Matrix
    viewport: Viewport
    depth: int


class Walker:
    """Draws one document. ``notes`` collects what was left out or repaired."""

    def __init__(
        self, ids: dict[str, Node], canvas: Canvas, settings: NormalizeSettings, plain: Plain, measure: bool = False
    ) -> None:
        self.ids, self.canvas, self.settings = ids, canvas, settings
        self.plain = plain
        """The source as the judges are shown it; what the walk resolves is written into it."""
        self.definitions = Definitions()
        self.notes: set[str] = set()
        self.measured: list[Box] | None = [] if measure else None
        """Boxes of the geometry on the canvas, in a walk that only measures."""
        self.contextual = False
        """Whether the document has paints that refer to the element that uses theirs."""
        self.contents: dict[tuple[int, Matrix], list[Element]] = {}
        """What clip paths and masks draw, by their node and the map to the canvas."""
        self.masking = 0
        """How many masks deep the content is that is being drawn."""
        self.shapes: dict[tuple[int, str], str] = {}
        """Clip paths that stand for CSS shapes in the source made plain: their ids, by node and path data."""
        self.drawer = Drawer(canvas, settings)
        self._paints = Paints(ids, self.definitions, settings, Patterns(self), plain)
        self._elements = self._chars = 0
        self._active: list[Node] = []
        self._styles: dict[int, dict[str, Any]] = {}
        self._sizes: dict[int, int] = {}

    def root(self, node: Node) -> list[Element]:
        """Draw the document's root. Raises Dropped."""
        view_box = self.canvas.view_box
        return draw_root(self, node, Place(DEFAULTS, self.canvas.matrix, Viewport(view_box[2], view_box[3]), 1))

    def children(self, node: Node, place: Place) -> list[Element]:
        """Draw an element's children in order."""
        found: list[Element] = []
        for child in node.children:
            found += self.draw(child, place)
        return found

    def draw(self, node: Node, place: Place) -> list[Element]:
        """Draw an element where ``place`` says; its style is that of the parent. Raises Dropped."""
        tag = node.tag
        shape = tag in SHAPES
        if not shape and tag not in _CONTAINERS:
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
            if self._draws_nothing(node, style, own):
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
        before, self.drawer = self.drawer, filters.room(self, node, own, place)
        if shape:
            try:
                drawn = self._shape(node, own, place)
            except TooLarge:
                # renderers draw nothing or noise; if they do draw something that shows, the comparison says so
                self.notes.add("number_too_large")
                drawn = []
        elif own.get("opacity") == 0 and self.measured is None:
            drawn = []
        else:
            drawn = self._effects(node, own, place, _CONTAINERS[tag](self, node, own, place), None)
        self.drawer = before
        return drawn

    def style_at(self, node: Node) -> dict[str, Any]:
        """The computed inherited style of an element where it stands in the document."""
        found = self._styles.get(id(node))
        if found is None:
            parent = DEFAULTS if node.parent is None else self.style_at(node.parent)
            found, own = compute(parent, node.declared)
            if REFUSED in own:
                refuse({REFUSED: {name: value for name, value in own[REFUSED].items() if name in INHERITED}})
            self._styles[id(node)] = found
        return found

    def _draws_nothing(self, node: Node, style: dict[str, Any], own: dict[str, Any]) -> bool:
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

    def enter(self, node: Node) -> None:
        """Begin to draw a referenced element. Raises Dropped (CYCLIC_REF)."""
        if any(node is active for active in self._active):
            raise Dropped(Reason.CYCLIC_REF, f"{node.tag} {node.attributes.get('id', '')!r} refers to itself")
        self._active.append(node)

    def leave(self) -> None:
        """End what `enter` began."""
        self._active.pop()

    def count(self, node: Node, depth: int) -> None:
        """Count an element that is drawn. Raises Dropped (TOO_DEEP, TOO_COMPLEX, USE_EXPANSION)."""
        if depth > self.settings.max_depth:
            raise Dropped(Reason.TOO_DEEP, f"over {self.settings.max_depth} elements deep")
        self._elements += 1
        attributes = node.attributes
        self._chars += len(attributes.get("d", "")) + len(attributes.get("points", ""))
        if self._elements > self.settings.max_elements or self._chars > self.settings.max_geometry_chars:
            reason = Reason.USE_EXPANSION if self._active else Reason.TOO_COMPLEX
            raise Dropped(reason, f"over {self._elements - 1} elements with {self._chars} characters of geometry")

    def local(self, node: Node, own: dict[str, Any], style: dict[str, Any], place: Place) -> Matrix:
        """The map of an element's own transform. Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS)."""
        text = node.declared.get("transform")
        size = len(text) if isinstance(text, str) else len(node.attributes.get("transform", ""))
        if size > self.settings.max_transform_chars:
            raise Dropped(Reason.TOO_COMPLEX, f"a transform of {size} characters")

        def box() -> Box | None:
            return self._reference_box(node, own, place._replace(style=style))

        local = local_matrix(node, own, place.viewport, style["font-size"].value, box)
        if not local.valid:
            self.notes.add("transform_error")
        if local.exotic:
            make_plain(self.plain, node, local.matrix)
        return local.matrix

    def _reference_box(self, node: Node, own: dict[str, Any], place: Place) -> Box | None:
        """The box of an element that ``transform-box`` names (CSS Transforms 1, section 8), in its own coordinates."""
        style = place.style
        stroked = own["transform-box"] in ("stroke-box", "border-box")
        if node.tag not in SHAPES:
            if stroked:
                raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-box: {own['transform-box']} of a {node.tag}")
            # of what a use element shows, before x and y move it, as browsers measure it
            return self._box(node, own, place, None)()
        shape = read_shape(node, place.viewport, style["font-size"].value)
        found = shape.box() if shape is not None else None
        if not stroked or found is None or style["stroke"].kind == "none":
            return found
        if node.tag not in ("rect", "circle", "ellipse"):
            raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-box: {own['transform-box']} of a stroked {node.tag}")
        half = max(resolve(style["stroke-width"], place.viewport.diagonal), 0.0) / 2
        return grown(found, half, half)

    def local_transform(self, node: Node, own: dict[str, Any], place: Place) -> Matrix:
        """The map from an element's own user units to its parent's."""
        if "transform" not in node.attributes and TRANSFORM_PROPERTIES.isdisjoint(node.declared):
            return IDENTITY
        return self.local(node, own, place.style, place)

    def _shape(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        style, matrix, viewport, _ = place
        marked = node.tag in _MARKED and any(style[name] for name in _MARKERS)
        if self.measured is None:
            if style["visibility"] != "visible" or own.get("opacity") == 0:
                return []
            if style["fill"].kind == "none" and style["stroke"].kind == "none" and not marked:
                return []
        shape = read_shape(node, viewport, style["font-size"].value)
        if shape is None:
            return []
        if not self.plain.dry:
            plain_shape(self.plain, node, style, shape, viewport)
        if self.measured is not None:
            box = None
            if shape.numbers or shape.path():
                box = shape.box() if axis_aligned(matrix) else exact_box(transform(shape.path(), matrix))
            if box is not None:
                self.measured.append(map_box(matrix, box) if axis_aligned(matrix) else box)
            return []
        elements: list[Element] = []
        if "pathLength" in node.attributes or "vector-effect" in own:
            style = in_user_units(self, node, own, place, shape)
        if self.masking and style["color-interpolation"] == "linearrgb":
            style = in_linear_rgb(self, node, style)
        look = self._paints.look(style, own, shape.kind != "line", shape.box, matrix, viewport)
        if look is not None:
            if look.fill is not None and style["fill-rule"] == "evenodd" and not shape.numbers:
                look.fill["fill-rule"] = "evenodd"
            elements = self.drawer.draw(shape, matrix, look)
            if shape.kind == "rect":
                bring_near(self, node, shape, place, look)
        if marked:
            elements = with_markers(self, elements, shape, place, look)
        if shape.note:
            self.notes.add(shape.note)
        return self._effects(node, own, place, elements, shape)

    def effects(
        self,
        node: Node,
        own: dict[str, Any],
        place: Place,
        elements: list[Element],
        box: BoxFinder | None = None,
    ) -> list[Element]:
        """Apply what the root declares. ``place``: the coordinates for it; ``box``: finds the box in them."""
        return self._effects(node, own, place, elements, None, Frame.of(place), box)

    def _effects(
        self,
        node: Node,
        own: dict[str, Any],
        place: Place,
        elements: list[Element],
        shape: Shape | None,
        area: Frame | None = None,
        box: BoxFinder | None = None,
    ) -> list[Element]:
        """Apply an element's own opacity, clip path, mask and filter to what it drew."""
        if not own or not (elements or (own.get("filter") and self.measured is None)):
            return elements
        if own.get("filter") or own.get("clip-path") or own.get("mask"):
            box = box or self._box(node, own, place, shape, area)
            inner, viewport = self._inner(node, place, area)
            place = place._replace(matrix=multiply(place.matrix, inner), viewport=viewport)
            if own.get("filter"):
                elements = filters.filtered(self, node, own["filter"], place, elements, box)
            if own.get("clip-path"):
                elements = effects.clip(self, node, own["clip-path"], place, elements, box, shape)
            if own.get("mask"):
                elements = mask(self, node, own["mask"], own.get("mask-mode", ""), place, elements, box)
        if "opacity" in own:
            elements = effects.fade(elements, own["opacity"], self.settings)
        mode = own.get("mix-blend-mode", "normal")
        if mode != "normal" and self.measured is None:
            elements = effects.blend(elements, mode)
        elif own.get("isolation") == "isolate":
            elements = effects.isolate(elements)
        return elements

    def _box(
        self, node: Node, own: dict[str, Any], place: Place, shape: Shape | None, area: Frame | None = None
    ) -> BoxFinder:
        """How to find the bounding box of an element's content in its own user units.

        Of all geometry, whether painted or not. ``area``: the viewport of what a ``use`` refers to.
        """

        def box() -> Box | None:
            if shape is not None:
                return shape.box()
            before, self.measured = self.measured, []
            active, self._active = self._active, []  # what is measured may be what is just being drawn
            inner, viewport = self._inner(node, place, area)
            if node.parent is None or area is not None:
                self.children(node, place._replace(matrix=IDENTITY, viewport=viewport))
            else:
                _CONTAINERS[node.tag](self, node, own, place._replace(matrix=invert(inner) or IDENTITY))
            boxes, self.measured = self.measured, before
            self._active = active
            return union(boxes) if boxes else None

        return box

    def _group(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        return self.children(node, place)

    def _switch(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        choice = chosen(node, self.settings, self.plain)
        return [] if choice is None else self.draw(choice, place)

    def _use(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        target = self.ids.get(node.attributes.get("href", "").strip()[1:])
        if target is None:
            self.notes.add("use_missing")
            return []
        if self._size(target) > self.settings.max_elements:
            raise Dropped(Reason.USE_EXPANSION, f"use elements expand to over {self.settings.max_elements} elements")
        if target.tag not in SHAPES and target.tag not in _CONTAINERS and target.tag != "symbol":
            return []
        self.enter(target)
        if self.contextual:
            context = Context.of(place.style, self._box(node, own, place, None), place.matrix, place.viewport)
            place = place._replace(style={**place.style, CONTEXT: context})
        place = place._replace(matrix=multiply(place.matrix, self._inner(node, place)[0]))
        if target.tag in ("symbol", "svg"):
            drawn = self._referenced_viewport(node, target, place)
        else:
            drawn = self.draw(target, place)
        self.leave()
        return drawn

    def _referenced_viewport(self, node: Node, target: Node, place: Place) -> list[Element]:
        """A symbol or svg element under a use element, whose width and height take precedence."""
        self.count(target, place.depth)
        style, own = compute(place.style, target.declared)
        if own.get("display") == "none" or not shown(target, self.settings, self.plain):
            return []
        refuse(own)
        matrix = place.matrix
        if "transform" in target.attributes or not TRANSFORM_PROPERTIES.isdisjoint(target.declared):
            matrix = multiply(matrix, self.local(target, own, style, place))
        place = Place(style, matrix, place.viewport, place.depth + 1)
        area = frame(self, target, place, node)
        drawn = draw_viewport(self, target, own, place, area)
        return self._effects(target, own, place, drawn, None, area)

    def _svg(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        return draw_viewport(self, node, own, place, frame(self, node, place, None))

    def _inner(self, node: Node, place: Place, area: Frame | None = None) -> tuple[Matrix, Viewport]:
        """The map from an element's content to its surroundings, and what percentages mean in it.

        Clip paths, masks and filters apply in the coordinates of the content: within the shift by ``x`` and ``y`` of a
        ``use``, and within the viewport of an ``svg``. ``area``: the viewport, if a ``use`` has a say in it.
        """
        if node.tag == "use":
            x, y = self.length(node, "x", place, "x") or 0.0, self.length(node, "y", place, "y") or 0.0
            return (1.0, 0.0, 0.0, 1.0, x, y), place.viewport
        if node.tag == "svg" and area is None:
            area = frame(self, node, place, None)
        return (IDENTITY, place.viewport) if area is None else (area.inner, area.viewport)

    def _text(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        if self.measured is not None:
            box = text_box(self, node, own, place)
            if box is not None:
                self.measured.append(box)
            return []
        hide_failing(node, self.settings, self.plain)
        if self.masking and place.style["color-interpolation"] == "linearrgb":
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
        style: dict[str, Any],
        own: dict[str, Any],
        box: BoxFinder,
        matrix: Matrix,
        viewport: Viewport,
    ) -> Look | None:
        """How something with an inside is painted, None if not at all."""
        return self._paints.look(style, own, True, box, matrix, viewport)

    def in_sight(self, element: Element) -> bool:
        """Whether an element reaches into the part of the canvas that shows the drawing."""
        left, top, right, bottom = ink(element)
        rect = self.canvas.rect
        return left < rect[2] and top < rect[3] and right > rect[0] and bottom > rect[1]

    def length(self, node: Node, name: str, place: Place, across: str) -> float | None:
        """A length of an attribute that is a property, too, in user units; None if it is absent, invalid or auto."""
        declared = node.declared.get(name)
        text = node.attributes.get(name)
        if declared is not None and node.tag == "use" and name in ("x", "y"):
            text = declared if isinstance(declared, str) else None
            if text is not None:
                self.plain.attribute(node, name, text, "lengths")
        elif declared is not None:
            # browsers read the sizes of viewports from attributes alone
            plain_lengths(self.plain, node, {name: text or ("100%" if name in ("width", "height") else 0.0)})
        length = parse_length(text) if text is not None else None
        if length is None:
            return None
        reference = place.viewport.width if across == "x" else place.viewport.height
        value = resolve(length, reference, place.style["font-size"].value)
        if length.exotic:
            plain_lengths(self.plain, node, {name: value})
        return value

    def _size(self, node: Node) -> int:
        """How many elements drawing ``node`` takes, its use elements expanded. Raises Dropped (CYCLIC_REF)."""
        found = self._sizes.get(id(node))
        if found is not None:
            if found < 0:
                raise Dropped(Reason.CYCLIC_REF, f"use of {node.attributes.get('id', '')!r} within itself")
            return found
        self._sizes[id(node)] = -1
        total = 1
        if node.tag == "use":
            target = self.ids.get(node.attributes.get("href", "").strip()[1:])
            total += 0 if target is None else self._size(target)
        for child in node.children:
            total += self._size(child)
        self._sizes[id(node)] = total
        return total


def _has_text(node: Node, style: dict[str, Any]) -> bool:
    """Whether an element or one within it holds text that is drawn."""
    style, own = compute(style, node.declared)
    if own.get("display") == "none":
        return False
    if node.text and style["visibility"] == "visible":
        return True
    return any(child.tag == "tref" or _has_text(child, style) for child in node.children)


_CONTAINERS: dict[str, Callable[[Walker, Node, dict[str, Any], Place], list[Element]]] = {
    **dict.fromkeys(_GROUPS, Walker._group),
    "svg": Walker._svg,
    "use": Walker._use,
    "switch": Walker._switch,
    "text": Walker._text,
}
