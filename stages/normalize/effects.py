"""What applies to a group as a whole: opacity and clip paths (see `masks` for the others).

Clip paths and masks keep their shapes, baked into canvas coordinates like any other. A clip that changes nothing is
left out; to know that, everything is measured as printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.boxes import Box, BoxFinder, contains, intersection, overlaps
from stages.normalize.clip_shapes import css_shape
from stages.normalize.computed import compute, refuse
from stages.normalize.conditional import shown
from stages.normalize.draw import Look
from stages.normalize.ink import ink, rectangle
from stages.normalize.properties import NO_PAINT, TRANSFORM_PROPERTIES, Mask, Paint
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import SHAPES, Shape, TooLarge, read_shape
from stages.normalize.srgb import BLACK
from stages.normalize.text import draw_text
from stages.normalize.transforms import Matrix, determinant, multiply
from stages.normalize.tree import Node
from stages.normalize.units import Viewport, parse_length, resolve
from stages.reasons import Reason

if TYPE_CHECKING:
    from stages.normalize.structure import Place, Walker


def fade(elements: list[Element], opacity: float, settings: NormalizeSettings) -> list[Element]:
    """What ``elements`` look like as a group of this opacity."""
    if not elements or opacity == 1:
        return elements
    if len(elements) == 1 and "style" not in elements[0].attributes:
        attributes = elements[0].attributes
        text = number(float(attributes.get("opacity", "1")) * opacity, settings.opacity_decimals)
        if text == "0":
            return []
        attributes.pop("opacity", None)
        if text != "1":
            attributes["opacity"] = text
        return elements
    text = number(opacity, settings.opacity_decimals)
    if text == "0":
        return []
    return elements if text == "1" else [Element("g", {"opacity": text}, elements)]


def blend(elements: list[Element], mode: str) -> list[Element]:
    """``elements`` as a group that is blended with what is below it (Compositing 1, section 5.1)."""
    return wrap(elements, "style", f"mix-blend-mode:{mode}") if elements else []


def isolate(elements: list[Element]) -> list[Element]:
    """``elements`` as a group with which nothing below it is blended."""
    if not any(_blends(element) for element in elements):
        return elements
    return [Element("g", {"style": "isolation:isolate"}, elements)]


def _blends(element: Element) -> bool:
    return "style" in element.attributes or any(_blends(child) for child in element.children)


def clip(
    walker: Walker,
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
        return apply_clip(walker, css_shape(walker, owner, ref[1:], place, box, shape), elements)
    node = walker.ids.get(ref)
    if node is None or node.tag != "clipPath":
        walker.notes.add("clip_path_missing")  # CSS Masking 1, section 5.1: no clip is applied
        return elements
    if walker.settings.clip_path == "reject":
        raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"clip path {ref!r}")
    content = _clip_content(walker, node, place, box)
    outer = own_properties(node).get("clip-path")
    drawn = apply_clip(walker, content, elements)
    if outer and drawn:
        walker.enter(node)
        drawn = clip(walker, node, outer, place, drawn, box)
        walker.leave()
    return drawn


def apply_clip(walker: Walker, content: list[Element], elements: list[Element]) -> list[Element]:
    """``elements`` within the area that the shapes ``content`` fill."""
    if not content or not elements:
        return []
    area = rectangle(content[0]) if len(content) == 1 and "clip-path" not in content[0].attributes else None
    if area is not None:
        size = walker.settings.canvas
        seen = intersection(area, (0, 0, size, size))
        if seen == (0, 0, size, size):
            return elements
        if seen[0] >= seen[2] or seen[1] >= seen[3]:
            return []
        elements = _within(elements, seen, walker.settings)
        if not elements:
            return []
        if all(contains(seen, intersection(ink(element), (0, 0, size, size))) for element in elements):
            return elements
    return wrap(elements, "clip-path", walker.definitions.reference(Element("clipPath", {}, content)))


def wrap(elements: list[Element], name: str, value: str) -> list[Element]:
    """Set an attribute on the element, or on a group of the elements, or around an element that has it already."""
    if len(elements) == 1 and elements[0].attributes.keys().isdisjoint((name, "style")):
        elements[0].attributes[name] = value
        return elements
    if len(elements) == 1 and elements[0].attributes.get(name) == value:
        return elements
    return [Element("g", {name: value}, elements)]


def _within(elements: list[Element], area: Box, settings: NormalizeSettings) -> list[Element]:
    """``elements`` without those, groups' members included, that do not reach into ``area``."""
    found: list[Element] = []
    for element in elements:
        if not overlaps(ink(element), area):
            continue
        if element.tag != "g" or "filter" in element.attributes:
            found.append(element)  # a filter may bring in what lies outside
            continue
        members = _within(element.children, area, settings)
        if len(members) == len(element.children) > 1:
            found.append(element)
            continue
        attributes = element.attributes
        members = fade(members, float(attributes.get("opacity", "1")), settings)
        for name in ("clip-path", "mask"):
            if name in attributes and members:
                members = wrap(members, name, attributes[name])
        found += members
    return found


def own_properties(node: Node) -> dict[str, Any]:
    """What a definition declares that applies to its content as a whole."""
    return {name: value for name, value in node.declared.items() if isinstance(value, str | float | Mask)}


def units(walker: Walker, node: Node, name: str, place: Place, box: BoxFinder, reason: Reason) -> Place:
    """The place of content whose coordinates may refer to the bounding box of what it applies to."""
    if node.attributes.get(name, "").strip() != "objectBoundingBox":
        return place
    found = box()
    if found is None or found[0] == found[2] or found[1] == found[3]:
        raise Dropped(reason, f"{name} of an empty box")
    x, y, right, bottom = found
    matrix = multiply(place.matrix, (right - x, 0.0, 0.0, bottom - y, x, y))
    return place._replace(matrix=matrix, viewport=Viewport(1.0, 1.0))


def _clip_content(walker: Walker, node: Node, place: Place, box: BoxFinder) -> list[Element]:
    """The shapes of a clip path on the canvas."""
    # a clip path's own transform applies outside of its units
    style, own = compute(walker.style_at(node), node.declared)
    refuse(own)
    place = place._replace(style=style, matrix=_moved(walker, node, own, style, place))
    place = units(walker, node, "clipPathUnits", place, box, Reason.UNSUPPORTED_CLIP_PATH)
    known = walker.contents.get((id(node), place.matrix))
    if known is not None:
        return known
    walker.enter(node)
    content: list[Element] = []
    for child in node.children:
        try:
            content += _clip_shape(walker, child, place)
        except TooLarge:
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "a number too large to compute with") from None
    walker.leave()
    walker.contents[id(node), place.matrix] = content
    return content


def _clip_shape(walker: Walker, node: Node, place: Place) -> list[Element]:
    style, own = compute(place.style, node.declared)
    if own.get("display") == "none" or not shown(node, walker.settings, walker.plain):
        return []
    refuse(own)
    matrix = _moved(walker, node, own, style, place)
    place = place._replace(style=style, matrix=matrix)
    if node.tag == "use":
        target = walker.ids.get(node.attributes.get("href", "").strip()[1:])
        if target is None or (target.tag not in SHAPES and target.tag != "text"):
            return []
        x, y = _offset(node, "x", place.viewport.width), _offset(node, "y", place.viewport.height)
        moved = place._replace(matrix=multiply(matrix, (1.0, 0.0, 0.0, 1.0, x, y)))
        found = _clip_shape(walker, target, moved)
    elif node.tag in SHAPES and style["visibility"] == "visible" and determinant(matrix) != 0:
        shape = read_shape(node, place.viewport, style["font-size"].value)
        if shape is None:
            return []
        rule = {"clip-rule": "evenodd"} if style["clip-rule"] == "evenodd" and not shape.numbers else {}
        found = walker.drawer.draw(shape, matrix, Look({}, None, rule)) if shape.kind != "line" else []
    elif node.tag == "text" and determinant(matrix) != 0:
        black = {**style, "fill": Paint("color", BLACK), "stroke": NO_PAINT, "fill-opacity": 1.0}
        found = draw_text(walker, node, own, place._replace(style=black), outlined=True)
    else:
        return []
    if own.get("clip-path"):
        found = clip(walker, node, own["clip-path"], place, found, lambda: None)
        if any(element.tag == "g" for element in found):
            raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, "clip paths within clip paths")
    return found


def _moved(walker: Walker, node: Node, own: dict[str, Any], style: dict[str, Any], place: Place) -> Matrix:
    if "transform" not in node.attributes and TRANSFORM_PROPERTIES.isdisjoint(node.declared):
        return place.matrix
    if node.tag not in SHAPES and own.get("transform-box", "view-box") != "view-box":
        raise Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"transform-box on a {node.tag}")
    return multiply(place.matrix, walker.local(node, own, style, place))


def _offset(node: Node, name: str, reference: float) -> float:
    length = parse_length(node.attributes.get(name, "0"))
    return 0.0 if length is None else resolve(length, reference)
