"""Whether an image element shows. If it may, the drawing is rejected; if it surely does not, the element goes.

An image surely does not show when it refers to nothing, has no extent, is under a ``display: none`` that no style sheet
or animation could lift, or lies in a container such as ``defs`` of which nothing from the image upwards is referred to.
"""

from __future__ import annotations

import re
from functools import cached_property
from urllib.parse import unquote

from lxml import etree

from stages.sanitize.parse import XLINK_NS
from stages.sanitize.vocabulary import NOT_RENDERED

_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_REFERENCE = re.compile(r"#([^\s\"'()]+)")
_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*([a-z-]+)", re.IGNORECASE)
_NO_EXTENT = re.compile(r"\s*(?:[+-]?0*\.?0+|-[0-9.]+)\s*(?:[a-z]{2}|%)?\s*\Z", re.IGNORECASE)


class Visibility:
    """Answers for one document; what needs a look at all of it is computed once."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root

    def shows(self, image: etree._Element) -> bool:
        """Whether ``image`` (``image`` or ``feImage``, in the parsed tree) may be visible."""
        if not (image.get("href") or image.get(f"{{{XLINK_NS}}}href")):
            return False
        if _local(image) == "image" and any(_NO_EXTENT.match(image.get(side, "")) for side in ("width", "height")):
            return False
        chain = [image, *image.iterancestors()]
        if any(_not_displayed(element) for element in chain) and not self._display_changes:
            return False
        container = next((i for i, element in enumerate(chain) if _local(element) in NOT_RENDERED), None)
        if container is None:
            return True
        ids = {name for element in chain[: container + 1] for name in (element.get("id"), element.get(_XML_ID)) if name}
        return not ids.isdisjoint(self._references)

    @cached_property
    def _display_changes(self) -> bool:
        """Whether a style sheet or an animation has a say in ``display``."""
        return any(
            ("display" in "".join(element.itertext()) if _local(element) == "style" else False)
            or element.get("attributeName") == "display"
            for element in self._root.iter(etree.Element)
        )

    @cached_property
    def _references(self) -> set[str]:
        """Everything that could be the name in a reference, colours included."""
        names: set[str] = set()
        for element in self._root.iter(etree.Element):
            texts = [value for value in element.attrib.values() if "#" in value]
            if _local(element) == "style":
                texts.append("".join(element.itertext()))
            for text in texts:
                names.update(_REFERENCE.findall(text))
                names.update(unquote(name) for name in _REFERENCE.findall(text))
        return names


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _not_displayed(element: etree._Element) -> bool:
    declared = _DISPLAY.findall(element.get("style", ""))
    value = declared[-1] if declared else element.get("display", "")
    return str(value).strip().lower() == "none"
