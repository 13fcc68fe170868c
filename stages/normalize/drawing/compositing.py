"""Elements as a group: its opacity, blend mode and clip path.

A clip that changes nothing is left out; to know that, everything is measured as printed.
"""

from __future__ import annotations

from stages.canonical import Element, number
from stages.normalize.drawing.ink import ink, rectangle
from stages.normalize.drawing.scene import Scene
from stages.normalize.geometry.boxes import Box, contains, intersection, overlaps
from stages.normalize.settings import NormalizeSettings


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
    return wrap(elements, "clip-path", scene.definitions.reference(Element("clipPath", {}, content)))


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
    kept: list[Element] = []
    for element in elements:
        if not overlaps(ink(element), area):
            continue
        if element.tag != "g" or "filter" in element.attributes:
            kept.append(element)  # a filter may bring in what lies outside
            continue
        members = _within(element.children, area, settings)
        if len(members) == len(element.children) > 1:
            kept.append(element)
            continue
        attributes = element.attributes
        members = fade(members, float(attributes.get("opacity", "1")), settings)
        for name in ("clip-path", "mask"):
            if name in attributes and members:
                members = wrap(members, name, attributes[name])
        kept += members
    return kept
