"""``use`` elements (SVG 2, section 5.6): what they refer to, drawn where they stand."""

from __future__ import annotations

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.css.computed import compute, refuse
from stages.normalize.drawing.scene import CONTAINERS, Place, Scene
from stages.normalize.drawing.shapes import SHAPES
from stages.normalize.geometry.transforms import multiply
from stages.normalize.paint.paints import CONTEXT, Context
from stages.normalize.source.conditional import shown
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import TRANSFORM_PROPERTIES, Style
from stages.normalize.walk.viewports import content_map, draw_viewport, frame
from stages.reasons import Reason

_REFERABLE = SHAPES | CONTAINERS | {"symbol"}


class Uses:
    """The ``use`` elements of the document that ``scene`` draws.

    ``contextual``: whether the document has paints that refer to the element that uses theirs.
    """

    def __init__(self, scene: Scene, contextual: bool) -> None:
        self._scene, self._contextual = scene, contextual
        self._sizes: dict[int, int] = {}

    def draw(self, node: Node, own: Style, place: Place) -> list[Element]:
        """What a ``use`` element shows; the style of ``place`` is its own. Raises Dropped."""
        scene = self._scene
        target = self._target(node)
        if target is None:
            scene.notes.add("use_missing")
            return []
        most = scene.settings.max_elements
        if self._size(target) > most:
            raise Dropped(Reason.USE_EXPANSION, f"use elements expand to over {most} elements")
        if target.tag not in _REFERABLE:
            return []
        with scene.entered(target):
            if self._contextual:
                box = scene.content_box(node, own, place)
                context = Context.from_style(place.style, box, place.matrix, place.viewport)
                place = place._replace(style={**place.style, CONTEXT: context})
            place = place._replace(matrix=multiply(place.matrix, content_map(scene, node, place)[0]))
            if target.tag in ("symbol", "svg"):
                return self._viewport(node, target, place)
            return scene.draw(target, place)

    def _viewport(self, node: Node, target: Node, place: Place) -> list[Element]:
        """A symbol or svg element under a use element, whose width and height take precedence."""
        scene = self._scene
        scene.count(target, place.depth)
        style, own = compute(place.style, target.declared)
        if own.get("display") == "none" or not shown(target, scene.settings, scene.plain):
            return []
        refuse(own)
        matrix = place.matrix
        if "transform" in target.attributes or not TRANSFORM_PROPERTIES.isdisjoint(target.declared):
            matrix = multiply(matrix, scene.local(target, own, style, place))
        place = Place(style, matrix, place.viewport, place.depth + 1)
        area = frame(scene, target, place, node)
        elements = draw_viewport(scene, target, own, place, area)
        return scene.with_effects(target, own, place, elements, area=area)

    def _target(self, node: Node) -> Node | None:
        return self._scene.ids.get(node.attributes.get("href", "").strip()[1:])

    def _size(self, node: Node) -> int:
        """How many elements drawing ``node`` takes, its use elements expanded. Raises Dropped (CYCLIC_REF)."""
        known = self._sizes.get(id(node))
        if known is not None:
            if known < 0:
                raise Dropped(Reason.CYCLIC_REF, f"use of {node.attributes.get('id', '')!r} within itself")
            return known
        self._sizes[id(node)] = -1
        total = 1
        if node.tag == "use":
            target = self._target(node)
            total += 0 if target is None else self._size(target)
        for child in node.children:
            total += self._size(child)
        self._sizes[id(node)] = total
        return total
