"""CSS shapes as clip paths (CSS Masking 1, section 5.1; CSS Shapes 1, section 3; CSS Shapes 2, section 2.3).

The renderers know none of them, so the source made plain has clip paths with their outlines.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS, Element, number
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import SHAPES, Shape, ellipse_path, rect_path
from stages.normalize.geometry.boxes import Box, BoxFinder, grown, place_and_size
from stages.normalize.geometry.path_segments import Subpath, from_commands, transform
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import REFERENCE_BOXES
from stages.normalize.values.units import Viewport, parse_length, resolve
from stages.pathdata import parse_path
from stages.reasons import Reason

_FUNCTION = re.compile(r"(?P<name>[a-z-]+)\((?P<arguments>[^()]*)\)", re.IGNORECASE)
_PATH = re.compile(r"""(?:(?P<rule>nonzero|evenodd)\s*,\s*)?(["'])(?P<data>[^"']*)\2""", re.IGNORECASE)
_PLACES = {"left": "0%", "top": "0%", "center": "50%", "right": "100%", "bottom": "100%"}
_DECIMALS = 6


def css_shape(
    scene: Scene,
    node: Node,
    text: str,
    place: Place,
    box: BoxFinder,
    shape: Shape | None,
) -> list[Element]:
    """The area of a shape that clips ``node``, on the canvas. Raises Dropped (UNSUPPORTED_CLIP_PATH)."""
    match = _FUNCTION.search(text)
    rest = text if match is None else text[: match.start()] + " " + text[match.end() :]
    words = rest.lower().split()
    if len(words) > 1 or not REFERENCE_BOXES.issuperset(words):
        raise _refusal(text)
    area = _reference_box(scene, node, words[0] if words else "border-box", place, box, shape, text)
    if match is None:
        path, rule = rect_path(*place_and_size(area), 0.0, 0.0), "nonzero"
    else:
        outline = _SHAPES.get(match["name"].lower())
        if outline is None:
            raise _refusal(text)
        size = place.style["font-size"].value
        shape_path = outline(match["arguments"].strip(), area, size)
        if shape_path is None:
            raise _refusal(text)
        path, rule = shape_path
    data = _data(path)
    name = f"svgmill-shape-{len(scene.shapes)}"
    if scene.shapes.setdefault((id(node), data), name) == name:
        _make_plain(scene, node, name, data, rule)
    look = Look({}, None, {"clip-rule": "evenodd"} if rule == "evenodd" else {})
    return scene.target.drawer.draw(Shape("path", subpaths=path), place.matrix, look)


def _refusal(text: str) -> Dropped:
    return Dropped(Reason.UNSUPPORTED_CLIP_PATH, f"the shape {text[:60]}")


def _make_plain(scene: Scene, node: Node, name: str, data: str, rule: str) -> None:
    if scene.plain.dry:
        return
    root = node.source.getroottree().getroot()
    clip = etree.SubElement(root, f"{{{SVG_NS}}}clipPath", {"id": name})
    etree.SubElement(clip, f"{{{SVG_NS}}}path", {"d": data, "clip-rule": rule})
    scene.plain.declare(node, "clip-path", f"url(#{name})", "clip_shape")


def _reference_box(
    scene: Scene,
    node: Node,
    name: str,
    place: Place,
    box: BoxFinder,
    shape: Shape | None,
    text: str,
) -> Box:
    if name == "view-box":
        return 0.0, 0.0, *place.viewport
    if node.tag not in SHAPES and node.tag not in ("g", "a"):
        raise _refusal(f"{text} on {node.tag}")
    bounds = box()
    if bounds is None:
        raise _refusal(text)
    if name in ("fill-box", "content-box", "padding-box"):
        return bounds
    if shape is None:
        if _stroked(scene, node):
            raise _refusal(f"{text} of a group with strokes")
        return bounds
    style = place.style
    if style["stroke"].kind == "none":
        return bounds
    if shape.kind not in ("rect", "circle", "ellipse"):
        raise _refusal(f"{text} of a stroked {shape.kind}")
    half = resolve(style["stroke-width"], place.viewport.diagonal) / 2
    return grown(bounds, half, half)


def _stroked(scene: Scene, node: Node) -> bool:
    """Whether something in a group may have a stroke, or is not to be seen through."""
    return any(
        child.tag in ("use", "text", "svg") or scene.style_at(child)["stroke"].kind != "none" or _stroked(scene, child)
        for child in node.children
    )


_Outline = tuple[list[Subpath], str]


def _lengths(texts: list[str], references: list[float], size: float) -> list[float] | None:
    values = []
    for text, reference in zip(texts, references, strict=True):
        length = parse_length(text)
        if length is None:
            return None
        values.append(resolve(length, reference, size))
    return values


def _position(text: str, area: Box, size: float) -> tuple[float, float] | None:
    words = [_PLACES.get(word, word) for word in text.lower().split()]
    if text.lower().split()[:1] in (["top"], ["bottom"]) or text.lower().split()[1:2] in (["left"], ["right"]):
        words.reverse()
        if len(words) == 1:
            words = ["50%", *words]
    if len(words) == 1:
        words.append("50%")
    values = _lengths(words, [area[2] - area[0], area[3] - area[1]], size) if len(words) == 2 else None
    return None if values is None else (area[0] + values[0], area[1] + values[1])


def _round(arguments: str, area: Box, size: float, count: int) -> tuple[float, float, list[float]] | None:
    """Centre and radii of a circle (``count`` 1) or an ellipse (2)."""
    before, at, after = f" {arguments} ".lower().partition(" at ")
    point = _position(after if at else "center", area, size)
    if point is None:
        return None
    words = before.split() or ["closest-side"] * count
    if len(words) != count:
        return None
    x, y = point
    spans = [[abs(x - area[0]), abs(area[2] - x)], [abs(y - area[1]), abs(area[3] - y)]]
    viewport = Viewport(area[2] - area[0], area[3] - area[1])
    radii = []
    for i, word in enumerate(words):
        sides = spans[0] + spans[1] if count == 1 else spans[i]
        if word in ("closest-side", "farthest-side"):
            radii.append(min(sides) if word == "closest-side" else max(sides))
            continue
        value = _lengths([word], [viewport.diagonal if count == 1 else viewport[i]], size)
        if value is None or value[0] < 0:
            return None
        radii.append(value[0])
    return x, y, radii


def _circle(arguments: str, area: Box, size: float) -> _Outline | None:
    circle = _round(arguments, area, size, 1)
    if circle is None:
        return None
    x, y, (radius,) = circle
    return ellipse_path(x, y, radius, radius), "nonzero"


def _ellipse(arguments: str, area: Box, size: float) -> _Outline | None:
    ellipse = _round(arguments, area, size, 2)
    if ellipse is None:
        return None
    x, y, (rx, ry) = ellipse
    return ellipse_path(x, y, rx, ry), "nonzero"


def _corners(text: str, width: float, height: float, size: float) -> tuple[float, float] | None:
    """The radii that all four corners have; None for corners that differ, too."""
    first, _, second = text.partition("/")
    across = _lengths(first.split(), [width] * len(first.split()), size)
    down = _lengths((second or first).split(), [height] * len((second or first).split()), size)
    if not across or not down or len(set(across)) > 1 or len(set(down)) > 1 or min(across + down) < 0:
        return None
    # radii of over half the side are scaled down together (CSS Backgrounds 3, section 4.5)
    shrink = min(1.0, width / (2 * across[0] or 1), height / (2 * down[0] or 1))
    return across[0] * shrink, down[0] * shrink


def _rounded(box: Box, text: str, size: float) -> _Outline | None:
    x, y, width, height = place_and_size(box)
    if width <= 0 or height <= 0:
        return [], "nonzero"
    radii = _corners(text, width, height, size) if text.strip() else (0.0, 0.0)
    return None if radii is None else (rect_path(x, y, width, height, *radii), "nonzero")


def _inset(arguments: str, area: Box, size: float) -> _Outline | None:
    sides, _, corners = f"{arguments.lower()} ".partition("round ")
    words = sides.split()
    if not 1 <= len(words) <= 4:
        return None
    top, right, bottom, left = (words[i] if i < len(words) else words[(0, 0, 0, 1)[i] % len(words)] for i in range(4))
    width, height = area[2] - area[0], area[3] - area[1]
    values = _lengths([top, right, bottom, left], [height, width, height, width], size)
    if values is None:
        return None
    box = (area[0] + values[3], area[1] + values[0], area[2] - values[1], area[3] - values[2])
    return _rounded(box, corners, size)


def _rect(arguments: str, area: Box, size: float) -> _Outline | None:
    sides, _, corners = f"{arguments.lower()} ".partition("round ")
    words = sides.split()
    if len(words) != 4:
        return None
    autos = ("0%", "100%", "100%", "0%")
    words = [auto if word == "auto" else word for word, auto in zip(words, autos, strict=True)]
    width, height = area[2] - area[0], area[3] - area[1]
    values = _lengths(words, [height, width, height, width], size)
    if values is None:
        return None
    top, right, bottom, left = values
    return _rounded((area[0] + left, area[1] + top, area[0] + right, area[1] + bottom), corners, size)


def _xywh(arguments: str, area: Box, size: float) -> _Outline | None:
    sides, _, corners = f"{arguments.lower()} ".partition("round ")
    words = sides.split()
    width, height = area[2] - area[0], area[3] - area[1]
    values = _lengths(words, [width, height, width, height], size) if len(words) == 4 else None
    if values is None:
        return None
    x, y = area[0] + values[0], area[1] + values[1]
    return _rounded((x, y, x + values[2], y + values[3]), corners, size)


def _polygon(arguments: str, area: Box, size: float) -> _Outline | None:
    parts = [part.split() for part in arguments.lower().split(",")]
    rule = "nonzero"
    if parts[0] in (["nonzero"], ["evenodd"]):
        rule = parts.pop(0)[0]
    points = []
    for part in parts:
        point = _lengths(part, [area[2] - area[0], area[3] - area[1]], size) if len(part) == 2 else None
        if point is None:
            return None
        points.append((area[0] + point[0], area[1] + point[1]))
    if not points:
        return None
    return [Subpath(*points[0], [("L", x, y) for x, y in points[1:]], True)], rule


def _path(arguments: str, area: Box, size: float) -> _Outline | None:
    match = _PATH.fullmatch(arguments)
    if match is None:
        return None
    commands, complete = parse_path(match["data"])
    if not complete:
        return None
    subpaths = transform(from_commands(commands), (1.0, 0.0, 0.0, 1.0, area[0], area[1]))
    return subpaths, (match["rule"] or "nonzero").lower()


_SHAPES: dict[str, Callable[[str, Box, float], _Outline | None]] = {
    "circle": _circle,
    "ellipse": _ellipse,
    "inset": _inset,
    "rect": _rect,
    "xywh": _xywh,
    "polygon": _polygon,
    "path": _path,
}


def _data(path: list[Subpath]) -> str:
    """Path data of absolute segments."""
    texts = []
    for sub in path:
        texts.append(f"M{_number(sub.x)} {_number(sub.y)}")
        for segment in sub.segments:
            letter = {"S": "C", "T": "Q"}.get(segment[0], str(segment[0]))
            texts.append(letter + " ".join(_number(value) for value in segment[1:]))
        texts.append("z" if sub.closed else "")
    return "".join(texts)


def _number(value: float) -> str:
    return number(value, _DECIMALS)
