"""What the walk over a document shares: where an element is drawn, onto what, and what drawing it takes.

`walk` draws, and imports the modules that know how; they know of it no more than `Scene` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.css.computed import REFUSED, compute, refuse
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.drawing.defs import Definitions
from stages.normalize.drawing.draw import Drawer
from stages.normalize.drawing.ink import ink
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.placement import local_matrix, make_plain
from stages.normalize.drawing.plain_values import plain_lengths
from stages.normalize.drawing.remarks import Remarks
from stages.normalize.drawing.shapes import SHAPES, Shape, read_shape
from stages.normalize.geometry.boxes import Box, BoxFinder, grown
from stages.normalize.geometry.transforms import IDENTITY, Matrix
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import DEFAULTS, INHERITED, TRANSFORM_PROPERTIES, Style
from stages.normalize.values.units import Viewport, parse_length, resolve
from stages.reasons import Reason

CONTAINERS = frozenset(("g", "a", "svg", "use", "switch", "text"))
"""Elements other than shapes that are drawn where they stand."""


class Place(NamedTuple):
    """Where an element is drawn: inherited style, map to the canvas, viewport, and how deep it is nested."""

    style: Style
    matrix: Matrix
    viewport: Viewport
    depth: int


class Frame(NamedTuple):
    """A viewport in the coordinates around it: its rectangle, the map from its content, and what percentages mean."""

    x: float
    y: float
    width: float
    height: float
    inner: Matrix
    viewport: Viewport

    @classmethod
    def at(cls, place: Place) -> Frame:
        """The viewport that the coordinates of ``place`` themselves are."""
        return cls(0.0, 0.0, *place.viewport, IDENTITY, place.viewport)


class Target(NamedTuple):
    """What is drawn onto, and for what. Replaced as a whole while something is drawn apart: see `Scene.onto`."""

    canvas: Canvas
    drawer: Drawer
    contents: dict[tuple[int, Matrix], list[Element]]
    """What clip paths and masks draw, by their node and the map to the canvas."""
    measured: list[Box] | None
    """Boxes of the geometry on the canvas, while it is measured and nothing is drawn."""
    active: tuple[Node, ...] = ()
    """The referenced elements that are being drawn, the outermost first."""
    masking: bool = False
    """Whether it is a mask's content."""


class Scene(ABC):
    """A document while it is drawn. ``notes`` collects what was left out or repaired."""

    def __init__(
        self, ids: dict[str, Node], canvas: Canvas, settings: NormalizeSettings, plain: Plain, measure: bool = False
    ) -> None:
        self.ids, self.settings = ids, settings
        self.plain = plain
        """The source as the judges are shown it; what the walk resolves is written into it."""
        self.target = Target(canvas, Drawer(canvas, settings), {}, [] if measure else None)
        self.definitions = Definitions()
        self.notes: set[str] = set()
        self.remarks = Remarks(canvas)
        self.shapes: dict[tuple[int, str], str] = {}
        """Clip paths that stand for CSS shapes in the source made plain: their ids, by node and path data."""
        self._elements = self._chars = 0
        self._styles: dict[int, Style] = {}

    @abstractmethod
    def draw(self, node: Node, place: Place) -> list[Element]:
        """Draw an element where ``place`` says; its style is that of the parent. Raises Dropped."""

    @abstractmethod
    def children(self, node: Node, place: Place) -> list[Element]:
        """Draw an element's children in order. Raises Dropped."""

    @abstractmethod
    def content_box(
        self, node: Node, own: Style, place: Place, shape: Shape | None = None, area: Frame | None = None
    ) -> BoxFinder:
        """How to find the bounding box of an element's content in its own user units.

        Of all geometry, whether painted or not. ``area``: the viewport of what a ``use`` refers to.
        """

    @abstractmethod
    def look(self, style: Style, own: Style, box: BoxFinder, matrix: Matrix, viewport: Viewport) -> Look | None:
        """How something with an inside is painted, None if not at all. Raises Dropped."""

    @abstractmethod
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
        """``elements``, which were drawn for ``node``, with its own opacity, clip path, mask and filter.

        ``area``: the coordinates for them, if not those of ``node``; ``box``: finds the box in them. Raises Dropped.
        """

    @contextmanager
    def onto(self, target: Target) -> Iterator[Target]:
        """Draw onto another target than before for a while."""
        before, self.target = self.target, target
        try:
            yield target
        finally:
            self.target = before

    def entered(self, node: Node) -> AbstractContextManager[Target]:
        """Draw a referenced element for a while. Raises Dropped (CYCLIC_REF) if it is being drawn already."""
        target = self.target
        if any(node is active for active in target.active):
            raise Dropped(Reason.CYCLIC_REF, f"{node.tag} {node.attributes.get('id', '')!r} refers to itself")
        return self.onto(target._replace(active=(*target.active, node)))

    def count(self, node: Node, depth: int) -> None:
        """Count an element that is drawn. Raises Dropped (TOO_DEEP, TOO_COMPLEX, USE_EXPANSION)."""
        if depth > self.settings.max_depth:
            raise Dropped(Reason.TOO_DEEP, f"over {self.settings.max_depth} elements deep")
        self._elements += 1
        attributes = node.attributes
        self._chars += len(attributes.get("d", "")) + len(attributes.get("points", ""))
        if self._elements > self.settings.max_elements or self._chars > self.settings.max_geometry_chars:
            reason = Reason.USE_EXPANSION if self.target.active else Reason.TOO_COMPLEX
            raise Dropped(reason, f"over {self._elements - 1} elements with {self._chars} characters of geometry")

    def style_at(self, node: Node) -> Style:
        """The computed inherited style of an element where it stands in the document. Raises Dropped."""
        style = self._styles.get(id(node))
        if style is None:
            parent = DEFAULTS if node.parent is None else self.style_at(node.parent)
            style, own = compute(parent, node.declared)
            if REFUSED in own:
                refuse({REFUSED: {name: value for name, value in own[REFUSED].items() if name in INHERITED}})
            self._styles[id(node)] = style
        return style

    def local(self, node: Node, own: Style, style: Style, place: Place) -> Matrix:
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

    def local_transform(self, node: Node, own: Style, place: Place) -> Matrix:
        """The map from an element's own user units to its parent's; the style of ``place`` is the element's own.

        Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS).
        """
        if "transform" not in node.attributes and TRANSFORM_PROPERTIES.isdisjoint(node.declared):
            return IDENTITY
        return self.local(node, own, place.style, place)

    def _reference_box(self, node: Node, own: Style, place: Place) -> Box | None:
        """The box of an element that ``transform-box`` names (CSS Transforms 1, section 8), in its own coordinates."""
        style = place.style
        stroked = own["transform-box"] in ("stroke-box", "border-box")
        if node.tag not in SHAPES:
            if stroked:
                raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-box: {own['transform-box']} of a {node.tag}")
            # of what a use element shows, before x and y move it, as browsers measure it
            return self.content_box(node, own, place)()
        shape = read_shape(node, place.viewport, style["font-size"].value)
        box = shape.box() if shape is not None else None
        if not stroked or box is None or style["stroke"].kind == "none":
            return box
        if node.tag not in ("rect", "circle", "ellipse"):
            raise Dropped(Reason.UNSUPPORTED_CSS, f"transform-box: {own['transform-box']} of a stroked {node.tag}")
        half = max(resolve(style["stroke-width"], place.viewport.diagonal), 0.0) / 2
        return grown(box, half, half)

    def length(self, node: Node, name: str, place: Place, across: str) -> float | None:
        """A length of an attribute that is a property, too, in user units; None if it is absent, invalid or auto.

        ``across``: "x" if percentages refer to the viewport's width, else they do to its height.
        """
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

    def in_sight(self, element: Element) -> bool:
        """Whether an element reaches into the part of the canvas that shows the drawing."""
        left, top, right, bottom = ink(element)
        rect = self.target.canvas.rect
        return left < rect[2] and top < rect[3] and right > rect[0] and bottom > rect[1]
