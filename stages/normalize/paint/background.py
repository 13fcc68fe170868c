"""What lies under a drawing: the root's CSS background, and a ground for light drawings where the setting asks for one.

The ground (HiVG, supplement A, step 2) is the mill's, and fills the canvas. The background is the drawing's own, which
browsers paint on all of the page that the drawing has; it lies on the ground.
"""

from __future__ import annotations

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS, Element, number
from stages.normalize.drawing.scene import Scene
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.tree import Node
from stages.normalize.values.colors import parse_color
from stages.normalize.values.properties import INITIAL, Paint, Style
from stages.normalize.values.shorthands import BACKGROUND_LONGHANDS, background_longhands
from stages.normalize.values.srgb import BLACK, hexadecimal, linear
from stages.reasons import Reason

_LOOK = (
    "fill:{};fill-opacity:{};stroke:none;opacity:1;display:inline;visibility:visible;transform:none;clip-path:none;"
    "mask:none;filter:none"
)
_PAINTS = ("fill", "stroke", "stop-color", "flood-color")


def paint_background(scene: Scene, node: Node, own: Style, style: Style) -> list[Element]:
    """The root's background, which browsers paint on all of the page that the drawing has (CSS Backgrounds 3)."""
    values = {name: own.get(name) for name in BACKGROUND_LONGHANDS}
    shorthand = node.declared.get("background")
    if isinstance(shorthand, str):  # which held a var()
        order = list(node.declared)
        later = {
            name for name in BACKGROUND_LONGHANDS if name in order and order.index(name) > order.index("background")
        }
        values |= {
            name: value for name, value in background_longhands(shorthand) if name not in later and value is not INITIAL
        }
    image: str = values["background-image"] or ""
    paint: Paint | None = values["background-color"]
    color = None if paint is None else paint.solid(style["color"].color or BLACK)
    seen = color is not None and number(color.alpha, scene.settings.opacity_decimals) != "0"
    if not image and not seen:
        return []
    if scene.settings.root_background == "drop":
        scene.notes.add("root_background_dropped")
        return []
    if image:
        raise Dropped(Reason.UNSUPPORTED_CSS, f"background {image[:60]}")
    if color is None:
        return []
    left, top, right, bottom = (number(value, 0) for value in scene.target.canvas.rect)
    attributes = {"x": left, "y": top}
    attributes |= {"width": str(int(right) - int(left)), "height": str(int(bottom) - int(top))}
    fill, opacity = hexadecimal(color), number(color.alpha, scene.settings.opacity_decimals)
    attributes |= {"fill": fill} if fill != "#000" else {}
    attributes |= {"opacity": opacity} if opacity != "1" else {}
    if not scene.plain.dry:
        x, y, width, height = scene.target.canvas.view_box
        look = _LOOK.format(fill, opacity).replace(";", "!important;") + "!important"
        rect = etree.Element(f"{{{SVG_NS}}}rect", style=look)
        for name, value in (("x", x), ("y", y), ("width", width), ("height", height)):
            rect.set(name, repr(value))
        node.source.insert(0, rect)
        scene.plain.note("root_background")
    return [Element("rect", attributes)]


def ground(drawn: list[Element], definitions: list[Element], settings: NormalizeSettings, painted: bool = False) -> str:
    """The colour of the ground to lay under a drawing, "" for none; none, too, where it is there already.

    ``painted``: whether the drawing has a background of its own.
    """
    wanted = settings.background
    if wanted == "none":
        return ""
    if wanted == "auto":
        if painted:
            return ""  # what is light on a background of its own needs no other
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
