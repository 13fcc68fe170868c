"""An SVG in the data URL of an ``image``: a document of its own, which becomes a nested ``svg``.

Nothing may pass between the two documents: names get a prefix, rules count within the image alone, and properties do
not inherit into it. What cannot be kept apart that way stays an image.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import tinycss2
from lxml import etree

from stages.canonical import SVG_NS
from stages.sanitize.parse import XLINK_NS

_SVG = f"{{{SVG_NS}}}"
_DATA = re.compile(r"\s*data:image/svg\+xml(?P<parameters>(?:;[^,;]*)*),(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_LENGTH = re.compile(r"\s*\+?([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(px|pt|pc|mm|cm|in)?\s*", re.IGNORECASE)
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_NUMBERS = re.compile(r"[\s,]+")
_URL = re.compile(r"""(url\(\s*["']?\s*#)""", re.IGNORECASE)
_SIMPLE = re.compile(r"\s*[.#][\w-]+\s*")
_ROOT_BOXED = re.compile(r"background|transform|clip-path|mask|filter|opacity|blend|width|height", re.IGNORECASE)
_PLACED = ("x", "y", "width", "height", "preserveAspectRatio", "href", f"{{{XLINK_NS}}}href")
_SIZED_BY_STYLE = re.compile(r"(?:^|;)\s*(?:x|y|width|height|object-fit)\s*:", re.IGNORECASE)
_INITIAL = {
    "fill": "#000", "fill-opacity": "1", "fill-rule": "nonzero", "stroke": "none", "stroke-opacity": "1",
    "stroke-width": "1", "stroke-linecap": "butt", "stroke-linejoin": "miter", "stroke-miterlimit": "4",
    "stroke-dasharray": "none", "stroke-dashoffset": "0", "color": "#000", "clip-rule": "nonzero",
    "marker-start": "none", "marker-mid": "none", "marker-end": "none", "paint-order": "normal",
    "font-size": "16", "font-family": "serif", "font-weight": "400", "font-style": "normal", "text-anchor": "start",
    "color-interpolation": "sRGB",
}  # fmt: skip
"""What inherited properties are in a new document."""


def source(reference: str) -> bytes | None:
    """The document in a data URL of an SVG, None if the reference is none."""
    match = _DATA.fullmatch(reference)
    if match is None:
        return None
    data = unquote_to_bytes(match["data"])
    if "base64" not in match["parameters"].lower().split(";"):
        return data
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", data) + b"==")
    except binascii.Error:
        return None


def nested(image: etree._Element, inner: etree._Element, prefix: str, sheets: str) -> etree._Element | None:
    """A group for ``image`` that shows ``inner``, a cleaned document; None where the two cannot be kept apart.

    ``sheets``: the style sheets around; ``prefix``: of the names in ``inner``, which becomes part of the group.
    """
    if not _only_names(sheets) or _SIZED_BY_STYLE.search(image.get("style", "")):
        return None
    if any(_ROOT_BOXED.search(name) for name in inner.attrib if name not in ("width", "height")):
        return None
    if _ROOT_BOXED.search(inner.get("style", "")):
        return None
    placed = _placed(image, inner)
    if placed is None:
        return None
    for style in inner.iter(f"{_SVG}style"):
        scoped = _scoped(style.text or "", prefix)
        if scoped is None:
            return None
        style.text = scoped
    _rename(inner, prefix)
    group = etree.Element(f"{_SVG}g", {name: value for name, value in image.attrib.items() if name not in _PLACED})
    scope = etree.SubElement(group, f"{_SVG}g", {"id": prefix})
    for name in _PLACED:
        inner.attrib.pop(name, None)
    for name, value in {**_INITIAL, **placed}.items():
        if name not in inner.attrib:
            inner.set(name, value)
    scope.append(inner)
    return group


def _placed(image: etree._Element, inner: etree._Element) -> dict[str, str] | None:
    """Viewport attributes of the nested svg, as browsers lay an image's document out; None where nobody knows.

    The document fills the image's box by its own viewBox and ``preserveAspectRatio``. Of the image's, only ``none``
    counts. One without a viewBox is stretched from its own width and height.
    """
    size = _size(inner)
    placed = {name: image.get(name, "0") for name in ("x", "y")}
    sides = [image.get(name, "auto") for name in ("width", "height")]
    automatic = [side.strip().lower() == "auto" for side in sides]
    if any(automatic):
        known = [None if auto else _pixels(side) for side, auto in zip(sides, automatic, strict=True)]
        if size is None or (all(automatic) and not _sized(inner)) or (not all(automatic) and known == [None, None]):
            return None
        ratio = size[0] / size[1]
        width, height = known
        if width is None and height is None:
            width, height = size
        elif width is None:
            width = (height or 0.0) * ratio
        sides = [repr(width), repr(height if height is not None else (width or 0.0) / ratio)]
    placed |= {"width": sides[0], "height": sides[1]}
    aspect = inner.get("preserveAspectRatio", "xMidYMid")
    if "viewBox" in inner.attrib:
        placed["viewBox"] = inner.attrib["viewBox"]
    elif size is not None:
        placed["viewBox"], aspect = f"0 0 {size[0]!r} {size[1]!r}", "none"
    if image.get("preserveAspectRatio", "").split()[:1] == ["none"]:
        aspect = "none"
    placed["preserveAspectRatio"] = aspect
    return placed


def _sized(inner: etree._Element) -> bool:
    return any(_pixels(inner.get(name, "")) is not None for name in ("width", "height"))


def _only_names(sheets: str) -> bool:
    """Whether all rules are of single classes and ids, so that they cannot match what has other names."""
    if not sheets.strip():
        return True
    rules = tinycss2.parse_stylesheet(sheets, skip_comments=True, skip_whitespace=True)
    return all(
        rule.type == "qualified-rule"
        and all(_SIMPLE.fullmatch(part) for part in tinycss2.serialize(rule.prelude).split(","))
        for rule in rules
    )


def _scoped(sheet: str, prefix: str) -> str | None:
    """A style sheet whose rules match below the element with the id ``prefix`` alone; None if it has other rules."""
    rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    for rule in rules:
        if rule.type != "qualified-rule":
            return None
        selectors = tinycss2.serialize(rule.prelude)
        if re.search(r"[:\[\\]", selectors):
            return None
        selectors = re.sub(r"([.#])(?=[\w-])", rf"\1{prefix}-", selectors)
        scoped = ",".join(f"#{prefix} {part.strip()}" for part in selectors.split(","))
        rule.prelude = tinycss2.parse_component_value_list(scoped)
    return _URL.sub(rf"\g<1>{prefix}-", str(tinycss2.serialize(rules)))


def _rename(inner: etree._Element, prefix: str) -> None:
    """Give all names in a document, and what refers to them, a prefix."""
    rename: dict[str, Callable[[str], str]] = {
        "id": lambda value: f"{prefix}-{value}",
        "class": lambda value: " ".join(f"{prefix}-{name}" for name in value.split()),
        "href": lambda value: f"#{prefix}-{value.strip()[1:]}" if value.strip()[:1] == "#" else value,
    }
    for element in inner.iter(etree.Element):
        for name, value in element.attrib.items():
            if name in rename:
                element.set(name, rename[name](value))
            elif "url(" in value.lower():
                element.set(name, _URL.sub(rf"\g<1>{prefix}-", value))
            elif name in ("begin", "end"):
                del element.attrib[name]  # which name other elements


def _size(inner: etree._Element) -> tuple[float, float] | None:
    """Width and height of a document in pixels, from its viewBox where it does not say them."""
    numbers = [_pixels(inner.get(name, "")) for name in ("width", "height")]
    box = _NUMBERS.split(inner.get("viewBox", "").strip())
    try:
        across, down = (float(box[2]), float(box[3])) if len(box) == 4 else (0.0, 0.0)
    except ValueError:
        across = down = 0.0
    width, height = numbers
    if across > 0 and down > 0:
        if width is None and height is None:
            return across, down
        # one side follows from the other by the ratio
        width = width if width is not None else (height or 0) * across / down
        height = height if height is not None else width * down / across
    return None if width is None or height is None or width <= 0 or height <= 0 else (width, height)


def _pixels(text: str) -> float | None:
    match = _LENGTH.fullmatch(text)
    return None if match is None else float(match[1]) * _PIXELS[(match[2] or "").lower()]
