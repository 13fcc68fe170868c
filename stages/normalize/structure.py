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
from stages.normalize.canvas import Canvas, fit_view_box, parse_view_box
from stages.normalize.defs import Definitions
from stages.normalize.draw import Drawer, Look
from stages.normalize.ink import ink
from stages.normalize.markers import Vertex, orientation, reference, vertices
from stages.normalize.paint import CONTEXT, Context, Paints
from stages.normalize.patterns import Patterns
from stages.normalize.placement import local_matrix, make_plain
from stages.normalize.plain import Plain
from stages.normalize.plain_values import plain_lengths, plain_paints, plain_shape
from stages.normalize.properties import DEFAULTS, INHERITED, REFUSED, TRANSFORM_PROPERTIES, compute, refuse
from stages.normalize.segments import exact_box, transform, union
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import SHAPES, Shape, TooLarge, read_shape
from stages.normalize.text import draw_text, text_box
from stages.normalize.transforms import (
    IDENTITY,
    Box,
    Matrix,
    apply,
    axis_aligned,
    determinant,
    map_box,
    multiply,
    rotation,
)
from stages.normalize.tree import Node
from stages.normalize.units import Viewport, parse_length, resolve
from stages.reasons import Reason

_GROUPS = frozenset(("g", "a"))
_UNKNOWN_DRAWN = frozenset(("image", "foreignObject", "video", "canvas", "iframe"))
_MARKERS = ("marker-start", "marker-mid", "marker-end")
_MARKER_SIZES = (("markerWidth", "x"), ("markerHeight", "y"))
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
        self.drawer = Drawer(canvas, settings)
        self._paints = Paints(ids, self.definitions, settings, Patterns(self), plain)
        self._elements = self._chars = 0
        self._active: list[Node] = []
        self._styles: dict[int, dict[str, Any]] = {}
        self._sizes: dict[int, int] = {}

    def root(self, node: Node) -> list[Element]:
        """Draw the document's root. Raises Dropped."""
        style, own = compute(DEFAULTS, node.declared)
        if own.get("display") == "none":
            return []
        refuse(own)
        if "transform" in node.attributes or not TRANSFORM_PROPERTIES.isdisjoint(node.declared):
            raise Dropped(Reason.UNSUPPORTED_ATTRIBUTE, "transform on the root element")
        view_box = self.canvas.view_box
        place = Place(style, self.canvas.matrix, Viewport(view_box[2], view_box[3]), 1)
        self.drawer = filters.room(self, node, own, place)
        return self._effects(node, own, place, self.children(node, place), None)

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
            if tag in _UNKNOWN_DRAWN:
                reason = Reason.RASTER_EMBEDDED if tag == "image" else Reason.UNSUPPORTED_ELEMENT
                raise Dropped(reason, f"a {tag} element")
            return []
        self._count(node, place.depth)
        style, own = compute(place.style, node.declared)
        if own.get("display") == "none" or not self._conditions(node):
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

    def _count(self, node: Node, depth: int) -> None:
        if depth > self.settings.max_depth:
            raise Dropped(Reason.TOO_DEEP, f"over {self.settings.max_depth} elements deep")
        self._elements += 1
        attributes = node.attributes
        self._chars += len(attributes.get("d", "")) + len(attributes.get("points", ""))
        if self._elements > self.settings.max_elements or self._chars > self.settings.max_geometry_chars:
            reason = Reason.USE_EXPANSION if self._active else Reason.TOO_COMPLEX
            raise Dropped(reason, f"over {self._elements - 1} elements with {self._chars} characters of geometry")

    def _conditions(self, node: Node) -> bool:
        """Conditional processing (SVG 2, section 5.9); requiredFeatures always holds."""
        attributes = node.attributes
        if attributes.get("requiredExtensions", "").strip():
            return False
        languages = attributes.get("systemLanguage")
        if languages is None:
            return True
        tags = [part.strip().lower() for part in languages.split(",")]
        wanted = [language.lower() for language in self.settings.languages]
        return any(tag == w or tag.startswith(w + "-") for tag in tags for w in wanted)

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
            inner = self._box(node, own, place, None)()
            if node.tag != "use" or inner is None:
                return inner
            # browsers measure what is used before x and y move it
            x, y = self._length(node, "x", place, "x") or 0.0, self._length(node, "y", place, "y") or 0.0
            return inner[0] - x, inner[1] - y, inner[2] - x, inner[3] - y
        shape = read_shape(node, place.viewport, style["font-size"].value)
        found = shape.box() if shape is not None else None
        if not stroked or found is None or style["stroke"].kind == "none":
            return found
        if node.tag not in ("rect", "circle", "ellipse"):
            raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-box: {own['transform-box']} of a stroked {node.tag}")
        half = max(resolve(style["stroke-width"], place.viewport.diagonal), 0.0) / 2
        return found[0] - half, found[1] - half, found[2] + half, found[3] + half

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
        look = self._paints.look(style, own, shape.kind != "line", shape.box, matrix, viewport)
        if look is not None:
            if look.fill is not None and style["fill-rule"] == "evenodd" and not shape.numbers:
                look.fill["fill-rule"] = "evenodd"
            elements = self.drawer.draw(shape, matrix, look)
        if marked:
            elements = self._with_markers(elements, shape, place, look)
        if shape.note:
            self.notes.add(shape.note)
        return self._effects(node, own, place, elements, shape)

    def _with_markers(self, elements: list[Element], shape: Shape, place: Place, look: Look | None) -> list[Element]:
        """The elements of a shape and of the markers at its vertices, in the order in which they are painted."""
        style = place.style
        found = vertices(shape.path())
        drawn: list[Element] = []
        for i, vertex in enumerate(found):
            roles = ["marker-start"] if i == 0 else []
            roles += ["marker-end"] if i == len(found) - 1 else []
            for role in roles or ["marker-mid"]:
                marker = self.ids.get(style[role])
                if marker is not None and marker.tag == "marker" and marker.children:
                    drawn += self._marker(marker, vertex, role == "marker-start", shape, place)
        if not drawn:
            return elements
        order = style["paint-order"]
        if order[1] == "markers" and look is not None and look.fill is not None and look.stroke is not None:
            first, second = self.drawer.draw_apart(shape, place.matrix, look)
            return [*first, *drawn, *second]
        return drawn + elements if order[0] == "markers" else elements + drawn

    def _marker(self, marker: Node, vertex: Vertex, start: bool, shape: Shape, place: Place) -> list[Element]:
        """One marker, as a viewport that stands at a vertex. Raises Dropped (CYCLIC_REF)."""
        matrix = multiply(place.matrix, (1.0, 0.0, 0.0, 1.0, vertex.x, vertex.y))
        matrix = multiply(matrix, rotation(orientation(marker, vertex.angle, start)))
        if marker.attributes.get("markerUnits", "").strip() != "userSpaceOnUse":
            width = resolve(place.style["stroke-width"], place.viewport.diagonal)
            matrix = multiply(matrix, (width, 0.0, 0.0, width, 0.0, 0.0))
        if determinant(matrix) == 0:
            return []
        self.enter(marker)
        self._count(marker, place.depth)
        style = dict(self.style_at(marker))
        style[CONTEXT] = Context.of(place.style, shape.box, place.matrix, place.viewport)
        _, own = compute(DEFAULTS, marker.declared)
        refuse(own)
        drawn = self._viewport(marker, own, Place(style, matrix, place.viewport, place.depth + 1), None)
        self.leave()
        return drawn

    def _effects(
        self, node: Node, own: dict[str, Any], place: Place, elements: list[Element], shape: Shape | None
    ) -> list[Element]:
        """Apply an element's own opacity, clip path, mask and filter to what it drew."""
        if not own or not (elements or (own.get("filter") and self.measured is None)):
            return elements
        if own.get("filter"):
            elements = filters.filtered(self, node, own["filter"], place, elements, self._box(node, own, place, shape))
        if own.get("clip-path"):
            elements = effects.clip(self, own["clip-path"], place, elements, self._box(node, own, place, shape))
        if own.get("mask"):
            elements = effects.mask(self, own["mask"], place, elements, self._box(node, own, place, shape))
        if "opacity" in own:
            elements = effects.fade(elements, own["opacity"], self.settings)
        mode = own.get("mix-blend-mode", "normal")
        if mode != "normal" and self.measured is None:
            elements = effects.blend(elements, mode)
        elif own.get("isolation") == "isolate":
            elements = effects.isolate(elements)
        return elements

    def _box(self, node: Node, own: dict[str, Any], place: Place, shape: Shape | None) -> Callable[[], Box | None]:
        """How to find an element's bounding box in its own user units: of all geometry, whether painted or not."""

        def box() -> Box | None:
            if shape is not None:
                return shape.box()
            flat = place._replace(matrix=IDENTITY)
            before, self.measured = self.measured, []
            active, self._active = self._active, []  # what is measured may be what is just being drawn
            if node.parent is None:
                self.children(node, flat)
            elif node.tag == "symbol":
                raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "the bounding box of a symbol")
            else:
                _CONTAINERS[node.tag](self, node, own, flat)
            boxes, self.measured = self.measured, before
            self._active = active
            return union(boxes) if boxes else None

        return box

    def _group(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        return self.children(node, place)

    def _switch(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        for child in node.children:
            if (child.tag in SHAPES or child.tag in _CONTAINERS) and self._conditions(child):
                return self.draw(child, place)
        return []

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
        x, y = self._length(node, "x", place, "x") or 0.0, self._length(node, "y", place, "y") or 0.0
        place = place._replace(matrix=multiply(place.matrix, (1.0, 0.0, 0.0, 1.0, x, y)))
        if target.tag in ("symbol", "svg"):
            drawn = self._referenced_viewport(node, target, place)
        else:
            drawn = self.draw(target, place)
        self.leave()
        return drawn

    def _referenced_viewport(self, node: Node, target: Node, place: Place) -> list[Element]:
        """A symbol or svg element under a use element, whose width and height take precedence."""
        self._count(target, place.depth)
        style, own = compute(place.style, target.declared)
        if own.get("display") == "none":
            return []
        refuse(own)
        matrix = place.matrix
        if "transform" in target.attributes or not TRANSFORM_PROPERTIES.isdisjoint(target.declared):
            matrix = multiply(matrix, self.local(target, own, style, place))
        place = Place(style, matrix, place.viewport, place.depth + 1)
        drawn = self._viewport(target, own, place, node)
        return self._effects(target, own, place, drawn, None)

    def _svg(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        return self._viewport(node, own, place, None)

    def _viewport(self, node: Node, own: dict[str, Any], place: Place, use: Node | None) -> list[Element]:
        """The content of an element that has a viewport of its own, clipped to it unless it overflows."""
        width, height = place.viewport
        sizes = []
        for name, across, whole in (("width", "x", width), ("height", "y", height)):
            size = self._length(use, name, place, across) if use is not None else None
            if size is None and (node.tag == "svg"):
                size = self._length(node, name, place, across)
            sizes.append(whole if size is None else size)
        w, h = sizes
        if node.tag == "marker":
            w, h = (
                3.0 if (size := self._length(node, name, place, across)) is None else size
                for name, across in _MARKER_SIZES
            )
        if w <= 0 or h <= 0:
            return []
        x = (self._length(node, "x", place, "x") or 0.0) if node.tag == "svg" else 0.0
        y = (self._length(node, "y", place, "y") or 0.0) if node.tag == "svg" else 0.0
        view_box = parse_view_box(node.attributes.get("viewBox"))
        if view_box is None:
            inner, viewport = (1.0, 0.0, 0.0, 1.0, x, y), Viewport(w, h)
        elif view_box[2] <= 0 or view_box[3] <= 0:
            return []
        else:
            aspect = node.attributes.get("preserveAspectRatio", "")
            inner, viewport = fit_view_box(view_box, x, y, w, h, aspect), Viewport(view_box[2], view_box[3])
        if node.tag == "marker":
            shown = view_box or (0.0, 0.0, w, h)
            ref_x, ref_y = reference(node, "refX", *shown[::2]), reference(node, "refY", *shown[1::2])
            x, y = apply(inner, ref_x, ref_y)
            place = place._replace(matrix=multiply(place.matrix, (1.0, 0.0, 0.0, 1.0, -x, -y)))
            x = y = 0.0
        matrix = multiply(place.matrix, inner)
        if determinant(matrix) == 0:
            return []
        drawn = self.children(node, place._replace(matrix=matrix, viewport=viewport))
        if own.get("overflow") in ("visible", "auto") or not drawn:
            return drawn
        shape = Shape("rect", (x, y, w, h, 0.0, 0.0))
        frame = self.drawer.draw(shape, place.matrix, Look({}, None, {}))
        return effects.apply_clip(self, frame, drawn)

    def _text(self, node: Node, own: dict[str, Any], place: Place) -> list[Element]:
        if self.measured is not None:
            box = text_box(self, node, place)
            if box is not None:
                self.measured.append(box)
            return []
        if self.settings.text == "reject" and _has_text(node, place.style):
            raise Dropped(Reason.UNSUPPORTED_TEXT, "a text element")
        try:
            return draw_text(self, node, place)
        except TooLarge:
            self.notes.add("number_too_large")
            return []

    def look(
        self,
        style: dict[str, Any],
        own: dict[str, Any],
        box: Callable[[], Box | None],
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

    def _length(self, node: Node, name: str, place: Place, across: str) -> float | None:
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
