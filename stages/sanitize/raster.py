"""Whether an image element shows. If it may, the drawing is rejected; if it surely does not, the element goes.

An image surely does not show when it refers to nothing, has no extent, is under a ``display: none`` that no style sheet
or animation could lift, or lies in a container such as ``defs`` of which nothing from the image upwards is referred to.
"""

from __future__ import annotations

import re

from lxml import etree

from stages.sanitize.parse import XLINK_NS
from stages.sanitize.vocabulary import NOT_RENDERED

_REFERENCE = re.compile(r"#([^\s\"'()]+)")
_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*([a-z-]+)", re.IGNORECASE)
_NO_EXTENT = re.compile(r"\s*(?:[+-]?0*\.?0+|-[0-9.]+)\s*(?:[a-z]{2}|%)?\s*\Z", re.IGNORECASE)


def shows(image: etree._Element) -> bool:
    """Whether ``image`` (``image`` or ``feImage``, in the parsed tree) may be visible."""
    if not (image.get("href") or image.get(f"{{{XLINK_NS}}}href")):
        return False
    if _local(image) == "image" and any(_NO_EXTENT.match(image.get(side, "")) for side in ("width", "height")):
        return False
    chain = [image, *image.iterancestors()]
    if any(_not_displayed(element) for element in chain) and not _display_changes(chain[-1]):
        return False
    container = next((i for i, element in enumerate(chain) if _local(element) in NOT_RENDERED), None)
    if container is None:
        return True
    ids = {element.get("id") for element in chain[: container + 1]}
    return not ids.isdisjoint(_references(chain[-1]))


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _not_displayed(element: etree._Element) -> bool:
    declared = _DISPLAY.findall(element.get("style", ""))
    value = declared[-1] if declared else element.get("display", "")
    return value.strip().lower() == "none"


def _display_changes(root: etree._Element) -> bool:
    for element in root.iter():
        local = _local(element)
        if local == "style" and "display" in "".join(element.xpath(".//text()")):
            return True
        if element.get("attributeName") == "display":
            return True
    return False


def _references(root: etree._Element) -> set[str]:
    """Everything that could be the name in a reference, colours included."""
    found: set[str] = set()
    for element in root.iter():
        for value in element.attrib.values():
            if "#" in value:
                found.update(_REFERENCE.findall(value))
        if _local(element) == "style":
            found.update(_REFERENCE.findall("".join(element.xpath(".//text()"))))
    return found
