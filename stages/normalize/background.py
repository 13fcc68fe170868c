"""A ground for light drawings (HiVG, supplement A, step 2): only where the setting asks for one."""

from __future__ import annotations

from stages.canonical import Element
from stages.normalize.colors import linear, parse_color
from stages.normalize.settings import NormalizeSettings

_PAINTS = ("fill", "stroke", "stop-color", "flood-color")


def ground(drawn: list[Element], definitions: list[Element], settings: NormalizeSettings) -> str:
    """The colour of the ground to lay under a drawing, "" for none; none, too, where it is there already."""
    wanted = settings.background
    if wanted == "none":
        return ""
    if wanted == "auto":
        if not all(_light(element, settings.light_luminance) for element in [*drawn, *definitions]):
            return ""
        wanted = settings.dark_background
    return "" if drawn and drawn[0].attributes == rectangle(wanted, settings).attributes else wanted


def rectangle(color: str, settings: NormalizeSettings) -> Element:
    """The ground as an element."""
    size = str(settings.canvas)
    fill = {} if color == "#000" else {"fill": color}
    return Element("rect", {"x": "0", "y": "0", "width": size, "height": size, **fill})


def _light(element: Element, least: float) -> bool:
    """Whether nothing of an element is painted darker than ``least`` (relative luminance, 0..1)."""
    for name in _PAINTS:
        value = element.attributes.get(name, "#000" if _black(element, name) else "none")
        color = parse_color(value) if value != "none" and not value.startswith("url") else None
        if color is not None and luminance(color.red, color.green, color.blue) < least:
            return False
    return all(_light(child, least) for child in element.children)


def _black(element: Element, name: str) -> bool:
    """Whether a paint that is not said is black."""
    return name == "fill" and element.tag in (
        "path", "rect", "circle", "ellipse", "polygon", "polyline", "text",
    )  # fmt: skip


def luminance(red: int, green: int, blue: int) -> float:
    """Relative luminance of an sRGB colour, 0..1 (WCAG 2.2)."""
    r, g, b = (linear(value / 255) for value in (red, green, blue))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
