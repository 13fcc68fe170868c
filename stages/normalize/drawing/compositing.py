"""Elements as a group: its opacity, blend mode and clip path.

A clip that changes nothing is left out; to know that, everything is measured as printed.
"""

from __future__ import annotations

from itertools import groupby
from operator import is_

from stages.canonical import Element, number
from stages.normalize.drawing.ink import ink, rectangle
from stages.normalize.drawing.scene import Scene
from stages.normalize.geometry.boxes import Box, contains, intersection, overlaps
from stages.normalize.settings import NormalizeSettings

_BLEND = "mix-blend-mode:"
_ISOLATED = "isolation:isolate"
_ALSO_ISOLATING = ("opacity", "mask", "filter")
"""Attributes with which all renderers draw a group apart; librsvg does not with a clip path alone."""


def blends(element: Element) -> bool:
    """Whether an element is blended with what is below it."""
    return element.attributes.get("style", "").startswith(_BLEND)


def isolate(elements: list[Element]) -> list[Element]:
    """``elements`` as a group with which nothing below it is blended (Compositing 1, section 3.1)."""
    if not any(map(blends, elements)):
        return elements
    if len(elements) == 1:
        return unblended(elements[0])  # there is nothing that it could be blended with
    return [Element("g", {"style": _ISOLATED}, elements)]


def unblended(element: Element) -> list[Element]:
    """An element that is blended with what is below it, without that."""
    attributes = element.attributes
    del attributes["style"]
    if element.tag == "g" and not attributes:
        return isolate(element.children)
    if any(map(blends, element.children)) and attributes.keys().isdisjoint(_ALSO_ISOLATING):
        attributes["style"] = _ISOLATED
    return [element]


def blend(elements: list[Element], mode: str) -> list[Element]:
    """``elements`` as a group that is blended with what is below it (Compositing 1, section 5.1)."""
    elements = isolate(elements)
    if len(elements) != 1:
        return [Element("g", {"style": _BLEND + mode}, elements)] if elements else []
    elements[0].attributes["style"] = _BLEND + mode
    return elements


def fade(elements: list[Element], opacity: float, settings: NormalizeSettings) -> list[Element]:
    """What ``elements`` look like as a group of this opacity."""
    if not elements or opacity == 1:
        return elements
    elements = isolate(elements)
    alone = elements[0].attributes if len(elements) == 1 else {}
    text = number(float(alone.pop("opacity", "1")) * opacity, settings.opacity_decimals)
    if text == "0":
        return []
    return elements if text == "1" else assign(elements, "opacity", text)


def assign(elements: list[Element], name: str, value: str) -> list[Element]:
    """Set a property of a group on the element, or on a group of the elements, or around one that has it already.

    Nothing in ``elements`` blends with what is below them.
    """
    if len(elements) != 1 or name in elements[0].attributes:
        return [Element("g", {name: value}, elements)]
    attributes = elements[0].attributes
    attributes[name] = value
    if name in _ALSO_ISOLATING:
        attributes.pop("style", None)
    return elements


def apply_clip(scene: Scene, content: list[Element], elements: list[Element]) -> list[Element]:
    """``elements`` within the area that the shapes ``content`` fill."""
    if not content or not elements:
        return []
    area = rectangle(content[0]) if len(content) == 1 and "clip-path" not in content[0].attributes else None
    if area is not None:
        size = scene.settings.canvas
        seen = intersection(area, (0, 0, size, size))
        if seen == (0, 0, size, size):
            return elements
        if seen[0] >= seen[2] or seen[1] >= seen[3]:
            return []
        elements = _within(elements, seen, scene.settings)
        if not elements:
            return []
        if all(contains(seen, intersection(ink(element), (0, 0, size, size))) for element in elements):
            return elements
    reference = scene.definitions.reference(Element("clipPath", {}, content))
    return _clipped(elements, reference)


def apply_viewport(scene: Scene, content: list[Element], elements: list[Element]) -> list[Element]:
    """As `apply_clip`, of a viewport: what is in it is blended with what is below it, which a clip path prevents."""
    drawn: list[Element] = []
    for blending, run in groupby(elements, key=blends):
        if not blending:
            drawn += apply_clip(scene, content, list(run))
            continue
        for element in run:
            mode = element.attributes["style"].removeprefix(_BLEND)
            drawn += blend(apply_clip(scene, content, unblended(element)), mode)
    return drawn


def _clipped(elements: list[Element], reference: str) -> list[Element]:
    if len(elements) == 1 and elements[0].attributes.get("clip-path") == reference:
        return elements
    return assign(elements, "clip-path", reference)


def _within(elements: list[Element], area: Box, settings: NormalizeSettings) -> list[Element]:
    """``elements`` without those, groups' members included, that do not reach into ``area``."""
    kept: list[Element] = []
    for element in elements:
        if not overlaps(ink(element), area):
            continue
        if element.tag != "g" or "filter" in element.attributes:
            kept.append(element)  # a filter may bring in what lies outside
            continue
        members = _within(element.children, area, settings)
        if len(members) == len(element.children) and all(map(is_, members, element.children)):
            kept.append(element)
        else:
            kept += _regrouped(members, element.attributes, settings)
    return kept


def _regrouped(members: list[Element], attributes: dict[str, str], settings: NormalizeSettings) -> list[Element]:
    """What is left of a group's members, with all that applied to the group."""
    drawn = isolate(members)
    if "clip-path" in attributes and drawn:
        drawn = _clipped(drawn, attributes["clip-path"])
    if "mask" in attributes and drawn:
        drawn = assign(drawn, "mask", attributes["mask"])
    drawn = fade(drawn, float(attributes.get("opacity", "1")), settings)
    style = attributes.get("style", "")
    return blend(drawn, style.removeprefix(_BLEND)) if style.startswith(_BLEND) else drawn
