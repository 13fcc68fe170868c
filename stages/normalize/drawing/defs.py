"""Definitions that drawn elements refer to: equal ones are shared, and they are named in the order of first use."""

from __future__ import annotations

from stages.canonical import Element, attribute_key, serialize

REFERRING = ("fill", "stroke", "clip-path", "mask", "filter")
_PREFIXES = {"linearGradient": "g", "radialGradient": "g", "clipPath": "c", "mask": "m", "pattern": "p", "filter": "f"}


class Definitions:
    """Definitions before they have names: a reference is a value that `reference` gave."""

    def __init__(self) -> None:
        self._elements: list[Element] = []
        self._known: dict[str, str] = {}

    def reference(self, element: Element) -> str:
        """The value by which a drawn element refers to ``element``, which has no id yet."""
        sort_attributes(element)
        text = serialize(element)
        value = self._known.get(text)
        if value is None:
            value = self._known[text] = f"url(#@{len(self._elements)})"
            self._elements.append(element)
        return value

    def element(self, value: str) -> Element | None:
        """The definition that a value refers to, None for a value that is no reference."""
        return self._elements[int(value[6:-1])] if value.startswith("url(#@") else None

    def finish(self, drawn: list[Element]) -> list[Element]:
        """Name the definitions that ``drawn`` refers to, in place; returns them in the order of first use."""
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        used: list[Element] = []

        def visit(element: Element) -> None:
            attributes = element.attributes
            for attribute in REFERRING:
                value = attributes.get(attribute)
                if value is None or not value.startswith("url(#@"):
                    continue
                if value not in names:
                    target = self._elements[int(value[6:-1])]
                    prefix = _PREFIXES[target.tag]
                    name = f"{prefix}{counts.get(prefix, 0)}"
                    counts[prefix] = counts.get(prefix, 0) + 1
                    names[value] = f"url(#{name})"
                    used.append(target)
                    visit(target)
                    target.attributes = {"id": name, **target.attributes}
                attributes[attribute] = names[value]
            for child in element.children:
                visit(child)

        for element in drawn:
            visit(element)
        return used


def sort_attributes(element: Element) -> None:
    """Put the attributes of an element and of all in it into canonical order."""
    attributes = element.attributes
    if len(attributes) > 1:
        names = sorted(attributes, key=attribute_key)
        element.attributes = {name: attributes[name] for name in names}
    for child in element.children:
        sort_attributes(child)
