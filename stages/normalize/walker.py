"""From the document to canonical elements: one walk that resolves structure, bakes maps and quantizes."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from stages.base import Dropped
from stages.canonical import Element, attribute_key, number
from stages.normalize import canvas, color, matrix, paint
from stages.normalize.matrix import IDENTITY, Matrix, multiply
from stages.normalize.paint import Definitions, Paint
from stages.normalize.pathtools import Box, Subpath, beyond, bounds, hull, mapped, within
from stages.normalize.quantize import Pen, path_data, round_half_up, visible, window
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import SHAPES, Shape, Viewport, basic, shape
from stages.normalize.tree import Document, Node, Style, inherit
from stages.normalize.units import length, numbers
from stages.reasons import Reason

_CONTAINERS = frozenset(("g", "a"))
_SILENT = frozenset(
    [
        "defs",
        "style",
        "title",
        "desc",
        "metadata",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "pattern",
        "filter",
        "marker",
        "symbol",
        "script",
        "view",
        "cursor",
        "font",
        "font-face",
        "glyph",
        "missing-glyph",
        "color-profile",
        "solidcolor",
        "hatch",
        "mesh",
        "meshgradient",
    ]
)
_ANIMATIONS = frozenset(("animate", "animateTransform", "animateMotion", "animateColor", "set", "discard", "mpath"))
_TEXT = frozenset(("text", "tspan", "textPath", "tref"))
_INITIAL_STROKE_WIDTH = 1.0


class Extent(NamedTuple):
    """Where geometry reaches with its stroke: a box that surely holds it, and what the exact one is made from."""

    hull: Box
    subpaths: list[Subpath]
    reach: float

    def exact(self) -> Box:
        """The bounding box of the geometry, grown by the stroke."""
        x0, y0, x1, y1 = bounds(self.subpaths)
        return x0 - self.reach, y0 - self.reach, x1 + self.reach, y1 + self.reach

    def inside(self, box: Box) -> bool:
        """Whether nothing reaches out of ``box``."""
        return within(self.hull, box) or within(self.exact(), box)


class Walker:
    """Bakes one document onto the canvas. ``root_map`` maps the root's user units to the canvas."""

    def __init__(self, document: Document, settings: NormalizeSettings, root_map: Matrix, view: Viewport) -> None:
        self.document = document
        self.settings = settings
        self.definitions = Definitions()
        self.notes = document.notes
        self.extents: list[Extent] = []
        """What is drawn, in canvas units before clipping."""
        self._map, self._view = root_map, view
        self._elements = self._commands = 0
        self._following: list[Node] = []

    def walk(self) -> list[Element]:
        """The root's content as canonical elements."""
        root = self.document.root
        style = inherit({}, root)
        if style.get("display") == "none":
            return []
        return self._effects(
            root, style, self._map, self._view, self._children(root, style, self._map, self._view, 0), 0
        )

    # -- structure

    def _children(self, node: Node, style: Style, ctm: Matrix, view: Viewport, depth: int) -> list[Element]:
        found: list[Element] = []
        for child in node.children:
            found += self._element(child, style, ctm, view, depth + 1)
        return found

    def _element(self, node: Node, parent: Style, ctm: Matrix, view: Viewport, depth: int) -> list[Element]:
        tag = node.tag
        if tag in _SILENT:
            return []
        if tag in _ANIMATIONS:
            self.notes.add("animation")
            return []
        if depth > self.settings.max_depth:
            raise Dropped(Reason.TOO_DEEP, f"over {self.settings.max_depth} levels after expansion")
        style = inherit(parent, node)
        if style.get("display") == "none":
            return []
        self._elements += 1
        if self._elements > self.settings.max_elements:
            reason = Reason.USE_EXPANSION if self._following else Reason.TOO_COMPLEX
            raise Dropped(reason, f"over {self.settings.max_elements} elements")
        if any(child.tag in _ANIMATIONS for child in node.children):
            self.notes.add("animation")
        ctm = multiply(ctm, self._transform(style))
        if tag in SHAPES:
            found = self._shape(node, style, ctm, view)
        elif tag in _CONTAINERS:
            found = self._children(node, style, ctm, view, depth)
        elif tag == "use":
            found = self._use(node, style, ctm, view, depth)
        elif tag == "svg":
            found = self._viewport(node, node, style, ctm, view, depth)
        elif tag == "switch":
            found = self._switch(node, style, ctm, view, depth)
        elif tag in _TEXT:
            if style.get("visibility", "visible") == "visible" and _has_text(node):
                raise Dropped(Reason.UNSUPPORTED_TEXT, _text(node)[:60])
            return []
        elif tag == "image":
            raise Dropped(Reason.RASTER_EMBEDDED)
        else:
            raise Dropped(Reason.UNSUPPORTED_ELEMENT, tag)
        return self._effects(node, style, ctm, view, found, depth) if found else []

    def _transform(self, style: Style) -> Matrix:
        text = style.get("transform")
        if not text:
            return IDENTITY
        try:
            m = matrix.parse(text)
        except matrix.LongTransform as error:
            raise Dropped(Reason.TOO_COMPLEX, str(error)) from None
        except matrix.BadTransform:
            self.notes.add("invalid_transform")
            return IDENTITY
        origin = style.get("transform-origin", "")
        if m != IDENTITY and origin and origin not in ("0", "0 0", "0px 0px", "0% 0%", "left top", "top left"):
            raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-origin: {origin[:40]}")
        return m

    def _use(self, node: Node, style: Style, ctm: Matrix, view: Viewport, depth: int) -> list[Element]:
        name = node.href
        target = self.document.ids.get(name) if name else None
        if target is None:
            self.notes.add("dangling_ref")
            return []
        ancestor: Node | None = node
        while ancestor is not None:
            if ancestor is target:
                raise Dropped(Reason.CYCLIC_REF, f"use of {name}"[:80])
            ancestor = ancestor.parent
        if target in self._following:
            raise Dropped(Reason.CYCLIC_REF, f"use of {name}"[:80])
        x = length(node.attributes.get("x"), view.width) or 0.0
        y = length(node.attributes.get("y"), view.height) or 0.0
        ctm = multiply(ctm, (1.0, 0.0, 0.0, 1.0, x, y))
        self._following.append(target)
        try:
            if target.tag in ("symbol", "svg"):
                inner = inherit(style, target)
                if inner.get("display") == "none" and target.tag == "svg":
                    return []
                ctm = multiply(ctm, self._transform(inner))
                found = self._viewport(target, node, inner, ctm, view, depth)
                return self._effects(target, inner, ctm, view, found, depth)
            if target.tag in _SILENT:
                return []
            return self._element(target, style, ctm, view, depth + 1)
        finally:
            self._following.pop()

    def _viewport(
        self, node: Node, sizes: Node, style: Style, ctm: Matrix, view: Viewport, depth: int
    ) -> list[Element]:
        """Content of a nested svg, or of a symbol whose size the use element (``sizes``) may give."""
        x = y = 0.0
        if sizes is node:
            x = length(node.attributes.get("x"), view.width) or 0.0
            y = length(node.attributes.get("y"), view.height) or 0.0
        w, h = (
            next(
                (value for owner in (sizes, node) if (value := length(owner.attributes.get(side), whole)) is not None),
                whole,
            )
            for side, whole in (("width", view.width), ("height", view.height))
        )
        if w <= 0 or h <= 0:
            return []
        inner_view = Viewport(w, h)
        inner = multiply(ctm, (1.0, 0.0, 0.0, 1.0, x, y))
        values = numbers(node.attributes.get("viewBox"))
        if values is not None and len(values) == 4:
            if values[2] <= 0 or values[3] <= 0:
                return []
            box = (values[0], values[1], values[2], values[3])
            align = node.attributes.get("preserveAspectRatio", "xMidYMid meet")
            inner = multiply(ctm, canvas.viewport_map(box, align, x, y, w, h))
            inner_view = Viewport(values[2], values[3])
        before = len(self.extents)
        found = self._children(node, style, inner, inner_view, depth)
        own = self.extents[before:]
        if style.get("overflow", "hidden") in ("visible", "auto"):
            return found
        edges = mapped([[("M", x, y), ("L", x + w, y), ("L", x + w, y + h), ("L", x, y + h), ("Z",)]], ctm)
        frame = bounds(edges)
        wide = (frame[0] - 0.5, frame[1] - 0.5, frame[2] + 0.5, frame[3] + 0.5)
        if all(extent.inside(wide) for extent in own):
            return found
        if ctm[1] or ctm[2]:
            raise Dropped(Reason.UNSUPPORTED_NESTED_SVG, "a turned viewport that clips")
        return self._clipped(found, Element("rect", _rect(frame)))

    def _switch(self, node: Node, style: Style, ctm: Matrix, view: Viewport, depth: int) -> list[Element]:
        for child in node.children:
            get = child.attributes.get
            if child.tag in _ANIMATIONS or (child.tag in _SILENT and child.tag != "symbol"):
                continue
            if get("requiredExtensions") is not None:
                continue
            languages = get("systemLanguage")
            if languages is not None and not any(w.strip().lower()[:2] == "en" for w in languages.split(",")):
                continue
            self.notes.add("switch_resolved")
            return self._element(child, style, ctm, view, depth + 1)
        return []

    # -- effects on a whole element: opacity, clipping, and what is not supported

    def _effects(
        self, node: Node, style: Style, ctm: Matrix, view: Viewport, found: list[Element], depth: int
    ) -> list[Element]:
        if not found:
            return []
        if style.get("mix-blend-mode", "normal") != "normal":
            raise Dropped(Reason.UNSUPPORTED_ATTRIBUTE, f"mix-blend-mode: {style['mix-blend-mode'][:40]}")
        value = style.get("filter", "none")
        if value != "none" and "filter" in node.style:
            raise Dropped(Reason.UNSUPPORTED_FILTER, value[:60])
        value = style.get("clip-path", "none")
        if value != "none" and "clip-path" in node.style:
            clip = self._clip(value, node, style, ctm, view, depth)
            if clip is _EVERYTHING:
                return []
            if clip is not None:
                found = self._with(found, "clip-path", f"url(#{clip})")
        value = style.get("mask", "none")
        if value != "none" and "mask" in node.style:
            mask = self._mask(value, node, ctm, view, depth)
            if mask is not None:
                found = self._with(found, "mask", f"url(#{mask})")
        alpha = color.opacity(style.get("opacity")) if "opacity" in node.style else 1.0
        if alpha <= 0.0005:
            return []
        if alpha < 1:
            if len(found) == 1:
                before = float(found[0].attributes.get("opacity", "1"))
                found[0].attributes["opacity"] = number(before * alpha, 3)
                _sort(found[0])
            else:
                found = [Element("g", {"opacity": number(alpha, 3)}, found)]
        return found

    def _with(self, found: list[Element], name: str, value: str) -> list[Element]:
        if len(found) == 1 and name not in found[0].attributes:
            found[0].attributes[name] = value
            _sort(found[0])
            return found
        return [Element("g", {name: value}, found)]

    def _clipped(self, found: list[Element], outline: Element) -> list[Element]:
        if not found:
            return []
        name = self.definitions.refer("c", Element("clipPath", {}, [outline]), repr(("clip", outline)))
        return self._with(found, "clip-path", f"url(#{name})")

    def frame(self, found: list[Element], box: Box) -> list[Element]:
        """``found`` clipped to ``box``, canvas units, if anything drawn reaches out of it."""
        size = self.settings.canvas
        # of a side that is the canvas' own edge nothing needs clipping
        low, high = -1e12, 1e12
        inside = (
            box[0] - 0.3 if box[0] > 0 else low,
            box[1] - 0.3 if box[1] > 0 else low,
            box[2] + 0.3 if box[2] < size else high,
            box[3] + 0.3 if box[3] < size else high,
        )
        if all(extent.inside(inside) for extent in self.extents):
            return found
        self.notes.add("clipped_to_view_box")
        return self._clipped(found, Element("rect", _rect(box)))

    def _clip(self, value: str, node: Node, style: Style, ctm: Matrix, view: Viewport, depth: int) -> str | None:
        """The id of a baked clip path; None if it clips nothing, `_EVERYTHING` if nothing is left."""
        target = paint.reference(value)
        if target is None:
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, value[:60])
        clip = self.document.ids.get(target[0])
        if clip is None or clip.tag != "clipPath":
            self.notes.add("dangling_ref")
            return None
        if clip in self._following or len(self._following) > 20:
            raise Dropped(Reason.CYCLIC_REF, value[:60])
        self._following.append(clip)
        try:
            own = inherit({}, clip)
            m = ctm
            if clip.attributes.get("clipPathUnits", "").strip() == "objectBoundingBox":
                box = self._object_box(node, style, view)
                if box is None:
                    return _EVERYTHING
                m = multiply(ctm, (box[2] - box[0], 0.0, 0.0, box[3] - box[1], box[0], box[1]))
                view = Viewport(1.0, 1.0)
            m = multiply(m, self._transform(own))
            outlines: list[Element] = []
            for child in clip.children:
                outlines += self._outline(child, own, m, view)
            if not outlines:
                return _EVERYTHING
            element = Element("clipPath", {}, outlines)
            nested = own.get("clip-path", "none")
            if nested != "none":
                inner = self._clip(nested, clip, own, ctm, view, depth)
                if inner is _EVERYTHING:
                    return _EVERYTHING
                if inner is not None:
                    element.attributes["clip-path"] = f"url(#{inner})"
            elif len(outlines) == 1 and _covers(outlines[0], self.settings.canvas):
                return None
            return self.definitions.refer("c", element, repr(("clip", element.attributes, outlines)))
        finally:
            self._following.pop()

    def _mask(self, value: str, node: Node, ctm: Matrix, view: Viewport, depth: int) -> str | None:
        """The id of a baked mask; None if there is no such mask (CSS Masking 1: then it has no effect)."""
        target = paint.reference(value)
        if target is None:
            raise Dropped(Reason.UNSUPPORTED_MASK, value[:60])
        mask = self.document.ids.get(target[0])
        if mask is None or mask.tag != "mask":
            self.notes.add("dangling_ref")
            return None
        if mask in self._following or len(self._following) > 20:
            raise Dropped(Reason.CYCLIC_REF, value[:60])
        get = mask.attributes.get
        if get("maskContentUnits", "userSpaceOnUse").strip() != "userSpaceOnUse":
            raise Dropped(Reason.UNSUPPORTED_MASK, "maskContentUnits")
        size = self.settings.canvas
        region = {"width": str(size), "height": str(size)}
        if get("maskUnits", "").strip() == "userSpaceOnUse":
            if ctm[1] or ctm[2]:
                raise Dropped(Reason.UNSUPPORTED_MASK, "a turned mask region")
            x, w = (length(get(n, d), view.width) or 0.0 for n, d in (("x", "-10%"), ("width", "120%")))
            y, h = (length(get(n, d), view.height) or 0.0 for n, d in (("y", "-10%"), ("height", "120%")))
            box = bounds(mapped([[("M", x, y), ("L", x + w, y + h)]], ctm))
            if not within(
                (0.0, 0.0, float(size), float(size)), (box[0] - 0.25, box[1] - 0.25, box[2] + 0.25, box[3] + 0.25)
            ):
                region = {"x": "0", "y": "0"} | _rect(box)
        elif any(get(name) is not None for name in ("x", "y", "width", "height")):
            raise Dropped(Reason.UNSUPPORTED_MASK, "a region in objectBoundingBox units")
        # else the default: the element's box and a tenth around it, beyond which only a wide stroke would reach
        self._following.append(mask)
        try:
            style = inherit({}, mask)
            extents, self.extents = self.extents, []
            content = self._children(mask, style, ctm, view, depth + 1)
            self.extents = extents
        finally:
            self._following.pop()
        attributes = {"x": "0", "y": "0"} | region | {"maskUnits": "userSpaceOnUse"}
        kind = mask.style.get("mask-type", "luminance")
        if kind == "alpha":
            attributes["mask-type"] = "alpha"
        if mask.style.get("mask", "none") != "none" or mask.style.get("clip-path", "none") != "none":
            raise Dropped(Reason.UNSUPPORTED_MASK, "a mask that is masked or clipped")
        element = Element("mask", attributes, content)
        _sort(element)
        return self.definitions.refer("m", element, repr(("mask", element.attributes, content)))

    def _object_box(self, node: Node, style: Style, view: Viewport) -> Box | None:
        if node.tag not in SHAPES:
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "objectBoundingBox of a group")
        figure, _ = shape(node, view, _font_size(style))
        return bounds(figure.subpaths) if figure else None

    def _outline(self, node: Node, parent: Style, m: Matrix, view: Viewport) -> list[Element]:
        """A child of a clip path: only its filled geometry counts, whatever its paint (CSS Masking 1)."""
        if node.tag in _SILENT or node.tag in _ANIMATIONS:
            return []
        style = inherit(parent, node)
        if style.get("display") == "none" or style.get("visibility", "visible") != "visible":
            return []
        m = multiply(m, self._transform(style))
        if style.get("clip-path", "none") != "none" and "clip-path" in node.style:
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "a clip path on a clip path's child")
        if node.tag == "use":
            target = self.document.ids.get(node.href or "")
            if target is None or target.tag not in SHAPES:
                return []
            x = length(node.attributes.get("x"), view.width) or 0.0
            y = length(node.attributes.get("y"), view.height) or 0.0
            return self._outline(target, style, multiply(m, (1.0, 0.0, 0.0, 1.0, x, y)), view)
        if node.tag in _TEXT:
            if _has_text(node):
                raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "text as a clip path")
            return []
        if node.tag not in SHAPES:
            return []
        figure, _ = shape(node, view, _font_size(style))
        if figure is None:
            return []
        figure = _as_rect(figure)
        attributes = {"clip-rule": "evenodd"} if style.get("clip-rule") == "evenodd" else {}
        element = self._geometry(figure, m, Pen(), 2 if figure.kind == "rect" else 0)
        if element is None:
            return []
        if element.tag in ("rect", "circle", "ellipse", "line"):
            attributes = {}
        element.attributes |= attributes
        _sort(element)
        return [element]

    # -- shapes

    def _shape(self, node: Node, style: Style, ctm: Matrix, view: Viewport) -> list[Element]:
        if style.get("visibility", "visible") != "visible":
            return []
        if not matrix.determinant(ctm):
            self.notes.add("invisible")
            return []
        figure, fault = shape(node, view, _font_size(style))
        if fault:
            self.notes.add("path_error")
        if figure is None:
            return []
        self._commands += sum(map(len, figure.subpaths))
        if self._commands > self.settings.max_commands:
            raise Dropped(Reason.TOO_COMPLEX, f"over {self.settings.max_commands} path commands")
        if node.tag in ("path", "line", "polyline", "polygon"):
            self._markers(style)
        box = bounds(figure.subpaths) if _needs_box(style) else (0.0, 0.0, 0.0, 0.0)
        fill = None if figure.kind == "line" else self._paint(style, "fill", "black", ctm, view, box)
        stroke = self._paint(style, "stroke", "none", ctm, view, box)
        attributes: dict[str, str] = {}
        pen = Pen()
        if stroke is not None:
            stroked = self._stroke(node, style, ctm, view)
            if stroked is None:
                stroke = None
            else:
                attributes, width = stroked
                # a miter may reach farther, but outwards from a corner only
                reach = width / 2
                if attributes.get("stroke-linejoin") is None:
                    reach *= min(float(attributes.get("stroke-miterlimit", "4")), 4.0)
                caps = attributes.get("stroke-linecap") in ("round", "square")
                pen = Pen(max(reach, 0.01), caps, "stroke-dasharray" in attributes, True)
        if fill is None and stroke is None:
            return []
        element = self._geometry(figure, ctm, pen)
        if element is None:
            return []
        element.attributes |= self._fill(element.tag, style, fill)
        if stroke is not None:
            element.attributes["stroke"] = stroke.value
            alpha = stroke.opacity * color.opacity(style.get("stroke-opacity"))
            if alpha < 1:
                element.attributes["stroke-opacity"] = number(alpha, 3)
            element.attributes |= attributes
            order = style.get("paint-order", "normal").split()
            if (
                fill is not None
                and "stroke" in order
                and order.index("stroke") < (order.index("fill") if "fill" in order else 9)
            ):
                element.attributes["paint-order"] = "stroke"
        _sort(element)
        return [element]

    def _geometry(self, figure: Shape, m: Matrix, pen: Pen, decimals: int = 0) -> Element | None:
        """The canonical element for the geometry alone; None if it lies off the canvas or has shrunk to nothing."""
        subpaths = mapped(figure.subpaths, m)
        box = hull(subpaths)
        size = self.settings.canvas
        canvas_box = (0.0, 0.0, float(size), float(size))
        if not within(box, canvas_box):
            box = bounds(subpaths)
            if not all(abs(v) < 1e9 for v in box):
                raise Dropped(Reason.OUT_OF_CANVAS, "a coordinate is not finite or beyond 1e9")
            reach = pen.reach + 1
            if beyond(box, (-reach, -reach, size + reach, size + reach)):
                self.notes.add("off_canvas")
                return None
        grown = (box[0] - pen.reach, box[1] - pen.reach, box[2] + pen.reach, box[3] + pen.reach)
        self.extents.append(Extent(grown, subpaths, pen.reach))
        if not within(box, window(self.settings, pen)):
            return self._cut(figure, subpaths, pen)
        element = basic(figure, m, decimals)
        if element is not None:
            return Element(element[0], element[1])
        if figure.kind in ("polygon", "polyline"):
            points = _points(subpaths[0])
            if len(points) < 2:
                return None
            limit = self.settings.canvas + self.settings.tolerance
            if all(0 <= v <= limit for v in points[0]) and all(
                abs(b - a) <= limit for p, q in pairwise(points) for a, b in zip(p, q, strict=True)
            ):
                return Element(figure.kind, {"points": " ".join(f"{x} {y}" for x, y in points)})
        data = path_data(subpaths, self.settings, pen)
        return Element("path", {"d": data}) if data else None

    def _cut(self, figure: Shape, subpaths: list[Subpath], pen: Pen) -> Element | None:
        """Geometry that leaves the window: cut there, as an upright rect where it is one, else as a path."""
        self.notes.add("cut_at_canvas")
        size = self.settings.canvas
        if figure.kind == "rect" and pen.reach == 0 and not figure.values[4] * figure.values[5]:
            points = subpaths[0][:-1]
            if len({round(p[1], 6) for p in points}) == 2 == len({round(p[2], 6) for p in points}):
                x0, y0, x1, y1 = bounds(subpaths)
                margin = self.settings.tolerance
                x0, y0, x1, y1 = max(x0, -margin), max(y0, -margin), min(x1, size + margin), min(y1, size + margin)
                # beyond the canvas nothing is seen: an edge there may as well be the canvas' own
                x0, y0 = (0.0 if v < 0 else v for v in (x0, y0))
                x1, y1 = (float(size) if v > size else v for v in (x1, y1))
                return Element("rect", _rect_integers(x0, y0, x1, y1))
        closed = [[*s, ("Z",)] if pen.reach == 0 and s[-1][0] != "Z" else s for s in subpaths]
        data = path_data(visible(closed, self.settings, pen), self.settings, pen)
        return Element("path", {"d": data}) if data else None

    def _paint(self, style: Style, name: str, default: str, ctm: Matrix, view: Viewport, box: Box) -> Paint | None:
        text = style.get(name, default)
        if color.opacity(style.get(f"{name}-opacity")) <= 0.0005:
            return None
        if not paint.valid(text):
            self.notes.add("invalid_paint")
            text = default
        if len(self._following) > 100:
            raise Dropped(Reason.TOO_DEEP, "references")
        return paint.resolve(text, style, self.document, self.definitions, ctm, view, box)

    def _fill(self, tag: str, style: Style, fill: Paint | None) -> dict[str, str]:
        if tag == "line":
            return {}
        if fill is None:
            return {"fill": "none"}
        attributes = {} if fill.value == "#000" else {"fill": fill.value}
        alpha = fill.opacity * color.opacity(style.get("fill-opacity"))
        if alpha < 1:
            attributes["fill-opacity"] = number(alpha, 3)
        if style.get("fill-rule") == "evenodd" and tag in ("path", "polygon", "polyline"):
            attributes["fill-rule"] = "evenodd"
        return attributes

    def _stroke(self, node: Node, style: Style, ctm: Matrix, view: Viewport) -> tuple[dict[str, str], float] | None:
        """Attributes of a painted stroke, and its width on the canvas; None if it has no width."""
        font = _font_size(style)
        width = length(style.get("stroke-width"), view.diagonal, font)
        width = _INITIAL_STROKE_WIDTH if width is None or width < 0 else width
        if width == 0:
            return None
        if style.get("vector-effect", "none") not in ("none", ""):
            raise Dropped(Reason.UNSUPPORTED_STROKE, f"vector-effect: {style['vector-effect'][:40]}")
        large, small = matrix.scales(ctm)
        if large - small > self.settings.anisotropy * large:
            raise Dropped(Reason.UNSUPPORTED_STROKE, f"scales of {large:.4g} and {small:.4g}")
        scale = (large * small) ** 0.5
        width *= scale
        if width < 0.005:
            return None
        if width > 4 * self.settings.canvas:
            raise Dropped(Reason.UNSUPPORTED_STROKE, f"{width:.4g} units wide")
        attributes = {} if number(width) == "1" else {"stroke-width": number(width)}
        cap, join = style.get("stroke-linecap"), style.get("stroke-linejoin")
        if cap in ("round", "square"):
            attributes["stroke-linecap"] = cap
        if join in ("round", "bevel"):
            attributes["stroke-linejoin"] = join
        else:
            limit = length(style.get("stroke-miterlimit"), 1.0)
            if limit is not None and limit >= 1 and limit != 4:
                attributes["stroke-miterlimit"] = number(limit)
        attributes |= self._dashes(node, style, view, font, scale)
        return attributes, width

    def _dashes(self, node: Node, style: Style, view: Viewport, font: float, scale: float) -> dict[str, str]:
        text = style.get("stroke-dasharray", "none").strip()
        if text in ("none", ""):
            return {}
        values = [length(part, view.diagonal, font) for part in text.replace(",", " ").split()]
        if any(v is None or v < 0 for v in values):
            self.notes.add("invalid_dasharray")
            return {}
        dashes = [v * scale for v in values if v is not None]
        if sum(dashes) <= 0:
            return {}
        if "pathLength" in node.attributes:
            raise Dropped(Reason.UNSUPPORTED_STROKE, "dashes along a pathLength")
        if sum(dashes) < 0.1 or len(dashes) > 100:
            raise Dropped(Reason.TOO_COMPLEX, "dashes too small or too many")
        found = {"stroke-dasharray": " ".join(number(v) for v in dashes)}
        offset = (length(style.get("stroke-dashoffset"), view.diagonal, font) or 0.0) * scale
        if number(offset) != "0":
            found["stroke-dashoffset"] = number(offset)
        return found

    def _markers(self, style: Style) -> None:
        for name in ("marker-start", "marker-mid", "marker-end"):
            target = paint.reference(style.get(name))
            marker = self.document.ids.get(target[0]) if target else None
            if marker is not None and marker.tag == "marker" and marker.children:
                raise Dropped(Reason.UNSUPPORTED_MARKER, f"{name}: {target[0] if target else ''}"[:60])


_EVERYTHING = "\0"
"""Stands for a clip path that leaves nothing."""


def _needs_box(style: Style) -> bool:
    return "url(" in style.get("fill", "") or "url(" in style.get("stroke", "")


def _font_size(style: Style) -> float:
    return length(style.get("font-size"), 16.0) or 16.0


def _sort(element: Element) -> None:
    element.attributes = dict(sorted(element.attributes.items(), key=lambda item: attribute_key(element.tag, item[0])))


def _rect(box: Box) -> dict[str, str]:
    x0, y0 = number(box[0]), number(box[1])
    attributes = {"x": x0, "y": y0, "width": number(box[2] - float(x0)), "height": number(box[3] - float(y0))}
    return {name: value for name, value in attributes.items() if not (name in "xy" and value == "0")}


def _rect_integers(x0: float, y0: float, x1: float, y1: float) -> dict[str, str]:
    a, b, c, d = map(round_half_up, (x0, y0, x1, y1))
    attributes = {"x": str(a), "y": str(b), "width": str(max(1, c - a)), "height": str(max(1, d - b))}
    return {name: value for name, value in attributes.items() if not (name in "xy" and value == "0")}


def _as_rect(figure: Shape) -> Shape:
    """A path or polygon that is an upright rectangle, as a rect: editors write clip paths so."""
    if figure.kind not in ("path", "polygon") or len(figure.subpaths) != 1:
        return figure
    corners = [segment[1:] for segment in figure.subpaths[0] if segment[0] in "ML"]
    if len(corners) == 5 and corners[0] == corners[4]:
        corners.pop()
    if len(corners) != 4 or any(segment[0] not in "MLZ" for segment in figure.subpaths[0]):
        return figure
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    if (ax == dx and bx == cx and ay == by and cy == dy) or (ax == bx and cx == dx and by == cy and ay == dy):
        x, y, w, h = min(ax, cx), min(ay, cy), abs(cx - ax), abs(cy - ay)
        return Shape("rect", figure.subpaths, (x, y, w, h, 0.0, 0.0)) if w and h else figure
    return figure


def _covers(element: Element, size: int) -> bool:
    """Whether an outline is a plain rect that holds the whole canvas."""
    get = element.attributes.get
    if element.tag != "rect" or get("rx"):
        return False
    x, y, w, h = (float(get(name, "0")) for name in ("x", "y", "width", "height"))
    return x <= 0.25 and y <= 0.25 and x + w >= size - 0.25 and y + h >= size - 0.25


def _points(subpath: Subpath) -> list[tuple[int, int]]:
    points: list[tuple[int, int]] = []
    for segment in subpath:
        if segment[0] != "Z":
            point = (round_half_up(segment[1]), round_half_up(segment[2]))
            if not points or points[-1] != point:
                points.append(point)
    return points


def _text(node: Node) -> str:
    return node.text.strip() or next((found for child in node.children if (found := _text(child))), "")


def _has_text(node: Node) -> bool:
    return bool(_text(node)) or any(child.tag in ("tref", "use") for child in node.children)
