"""Fills and strokes: colours, gradients baked to the canvas, and the definitions that paints refer to."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from stages.base import Dropped
from stages.canonical import Element, attribute_key, number
from stages.normalize import color
from stages.normalize.matrix import BadTransform, Matrix, apply, determinant, multiply
from stages.normalize.matrix import parse as parse_transform
from stages.normalize.pathtools import Box
from stages.normalize.shapes import Viewport
from stages.normalize.tree import Document, Node, Style, inherit
from stages.normalize.units import length
from stages.reasons import Reason

_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^\s"'()]*))\s*\)\s*(.*)\Z""", re.I | re.S)
_UNREAD_COLOURS = ("lab(", "lch(", "oklab(", "oklch(", "color(", "color-mix(", "hwb(", "light-dark(", "device-cmyk(")


@dataclass(frozen=True)
class Paint:
    """``value`` for the attribute (a colour or ``url(#id)``) with its own opacity."""

    value: str
    opacity: float


class Definitions:
    """Gradients and clip paths of a drawing, shared where equal, with ids in the order of first use."""

    def __init__(self) -> None:
        self.elements: list[Element] = []
        self._ids: dict[str, str] = {}

    def refer(self, prefix: str, element: Element, key: str) -> str:
        """The id under which ``element`` (whose content ``key`` stands for) is defined."""
        if key not in self._ids:
            name = f"{prefix}{sum(i.startswith(prefix) for i in self._ids.values())}"
            self._ids[key] = name
            element.attributes = {"id": name} | element.attributes
            self.elements.append(element)
        return self._ids[key]


def reference(text: str | None) -> tuple[str, str] | None:
    """(id, what follows) of a value ``url(#id) fallback``; id is "" for a reference of another kind."""
    match = _URL.match(text.strip()) if text else None
    if match is None:
        return None
    target = (match[1] or match[2] or match[3] or "").strip()
    return (target[1:] if target.startswith("#") else ""), match[4].strip()


def resolve(
    text: str, style: Style, document: Document, definitions: Definitions, ctm: Matrix, view: Viewport, box: Box
) -> Paint | None:
    """The paint for a fill or stroke value; None for none.

    ``box``: bounding box of the geometry in user units; ``ctm`` maps user units to the canvas. Raises Dropped for what
    cannot be said.
    """
    found = reference(text)
    if found is not None:
        name, fallback = found
        node = document.ids.get(name)
        if node is not None and node.tag in ("linearGradient", "radialGradient"):
            return _gradient(node, document, definitions, ctm, view, box, fallback, style)
        if node is not None and node.tag == "pattern":
            raise Dropped(Reason.UNSUPPORTED_PATTERN, f"fill by pattern {name}"[:80])
        document.notes.add("dangling_ref")
        text = fallback or "none"
    text = text.strip()
    lower = text.lower()
    if lower == "none":
        return None
    if lower.startswith("context-"):
        raise Dropped(Reason.UNSUPPORTED_PAINT, text[:60])
    if lower == "currentcolor":
        text = style.get("color", "black")
    parsed = color.parse(text)
    if parsed is None:
        if lower.startswith(_UNREAD_COLOURS):
            raise Dropped(Reason.UNSUPPORTED_PAINT, text[:60])
        document.notes.add("invalid_paint")
        return None
    return Paint(*parsed) if parsed[1] > 0 else None


def valid(text: str) -> bool:
    """Whether a value can be a paint at all; if not, it is as if it were not there."""
    lower = text.strip().lower()
    if lower in ("none", "currentcolor") or lower.startswith(("context-", *_UNREAD_COLOURS)):
        return True
    return reference(text) is not None or color.parse(text) is not None


def _chain(node: Node, document: Document) -> list[Node]:
    chain: list[Node] = []
    current: Node | None = node
    while current is not None and current.tag in ("linearGradient", "radialGradient"):
        if current in chain:
            raise Dropped(Reason.CYCLIC_REF, f"gradient {current.attributes.get('id', '')}"[:80])
        chain.append(current)
        current = document.ids.get(current.href) if current.href else None
    return chain


def _style_of(node: Node) -> Style:
    """Computed properties of a node outside of the drawn tree, from its own ancestors."""
    line = [node]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    style: Style = {}
    for ancestor in reversed(line):
        style = inherit(style, ancestor)
    return style


def _stops(chain: list[Node]) -> list[tuple[float, str, float]]:
    owner = next((node for node in chain if any(child.tag == "stop" for child in node.children)), None)
    if owner is None:
        return []
    outer = _style_of(owner)
    stops: list[tuple[float, str, float]] = []
    for child in owner.children:
        if child.tag != "stop":
            continue
        style = inherit(outer, child)
        text = style.get("stop-color", "black")
        if text.lower() == "currentcolor":
            text = style.get("color", "black")
        shade, alpha = color.parse(text) or ("#000", 1.0)
        raw = child.attributes.get("offset", "0").strip()
        offset = length(raw, 1.0)
        offset = min(1.0, max(0.0, offset or 0.0, stops[-1][0] if stops else 0.0))
        stops.append((offset, shade, alpha * color.opacity(style.get("stop-opacity"))))
    return stops


def _gradient(
    node: Node,
    document: Document,
    definitions: Definitions,
    ctm: Matrix,
    view: Viewport,
    box: Box,
    fallback: str,
    style: Style,
) -> Paint | None:
    chain = _chain(node, document)
    stops = _stops(chain)
    if not stops:
        return None
    if len(stops) == 1:
        return Paint(stops[0][1], stops[0][2]) if stops[0][2] > 0 else None

    def attribute(name: str, same_kind: bool = False) -> str | None:
        owners = (n for n in chain if not same_kind or n.tag == node.tag)
        return next((n.attributes[name] for n in owners if name in n.attributes), None)

    own = ctm
    boxed = (attribute("gradientUnits") or "objectBoundingBox").strip() != "userSpaceOnUse"
    if boxed:
        w, h = box[2] - box[0], box[3] - box[1]
        if not (w > 0 and h > 0):
            if fallback and fallback.lower() != "none":
                return resolve(fallback, style, document, definitions, ctm, view, box)
            return None
        own = multiply(own, (w, 0.0, 0.0, h, box[0], box[1]))
    try:
        own = multiply(own, parse_transform(attribute("gradientTransform") or ""))
    except BadTransform as error:
        raise Dropped(Reason.UNSUPPORTED_PAINT, f"gradientTransform {error}") from None
    across, down, along = (1.0, 1.0, 1.0) if boxed else (view.width, view.height, view.diagonal)
    if abs(determinant(own)) < 1e-12 or not all(map(math.isfinite, own)):
        return Paint(stops[-1][1], stops[-1][2])

    def value(name: str, default: str, whole: float) -> float:
        got = length(attribute(name, True), whole)
        return got if got is not None else (length(default, whole) or 0.0)

    spread = (attribute("spreadMethod") or "pad").strip()
    attributes = {"gradientUnits": "userSpaceOnUse"}
    if node.tag == "linearGradient":
        line = (
            value("x1", "0%", across),
            value("y1", "0%", down),
            value("x2", "100%", across),
            value("y2", "0%", down),
        )
        baked = _linear(own, *line)
        if baked is None:
            return Paint(stops[-1][1], stops[-1][2])
        attributes |= baked
    else:
        r = value("r", "50%", along)
        if r <= 0:
            return Paint(stops[-1][1], stops[-1][2])
        cx, cy = value("cx", "50%", across), value("cy", "50%", down)
        fx = length(attribute("fx", True), across)
        fy = length(attribute("fy", True), down)
        focus = (cx if fx is None else fx, cy if fy is None else fy)
        attributes |= _radial(own, cx, cy, r, focus, max(0.0, value("fr", "0%", along)))
    if spread in ("reflect", "repeat"):
        attributes["spreadMethod"] = spread
    element = Element(node.tag, dict(sorted(attributes.items(), key=lambda item: attribute_key(node.tag, item[0]))))
    for offset, shade, alpha in stops:
        stop = {"offset": number(offset, 3), "stop-color": shade}
        if alpha < 1:
            stop["stop-opacity"] = number(alpha, 3)
        element.children.append(Element("stop", stop))
    key = repr((node.tag, attributes, [child.attributes for child in element.children]))
    return Paint(f"url(#{definitions.refer('g', element, key)})", 1.0)


def _linear(m: Matrix, x1: float, y1: float, x2: float, y2: float) -> dict[str, str] | None:
    """A linear gradient under any affine map, exactly: its lines of equal colour map to lines, and the new gradient
    vector is the part of the mapped one that is perpendicular to them. None if the vector has no length."""
    if x1 == x2 and y1 == y2:
        return None
    px, py = apply(m, x1, y1)
    qx, qy = apply(m, x2, y2)
    ex, ey = y1 - y2, x2 - x1  # direction of equal colour
    ux, uy = m[0] * ex + m[2] * ey, m[1] * ex + m[3] * ey
    nx, ny = -uy, ux
    size = nx * nx + ny * ny
    if size == 0:
        return None
    share = ((qx - px) * nx + (qy - py) * ny) / size
    qx, qy = px + share * nx, py + share * ny
    return {"x1": number(px), "y1": number(py), "x2": number(qx), "y2": number(qy)}


def _radial(m: Matrix, cx: float, cy: float, r: float, focus: tuple[float, float], fr: float) -> dict[str, str]:
    """A radial gradient under a map that keeps circles is another one; else it is the unit circle under a matrix."""
    keeps = abs(m[0] - m[3]) + abs(m[1] + m[2]) <= 1e-6 * (abs(m[0]) + abs(m[1]) + abs(m[2]) + abs(m[3]))
    flips = abs(m[0] + m[3]) + abs(m[1] - m[2]) <= 1e-6 * (abs(m[0]) + abs(m[1]) + abs(m[2]) + abs(m[3]))
    if keeps or flips:
        scale = math.hypot(m[0], m[1])
        x, y = apply(m, cx, cy)
        fx, fy = apply(m, *focus)
        found = {"cx": number(x), "cy": number(y), "r": number(max(r * scale, 0.01))}
        fr *= scale
    else:
        unit = multiply(m, (r, 0.0, 0.0, r, cx, cy))
        found = {"cx": "0", "cy": "0", "r": "1"}
        found["gradientTransform"] = f"matrix({' '.join(number(v) for v in unit)})"
        x = y = 0.0
        fx, fy, fr = (focus[0] - cx) / r, (focus[1] - cy) / r, fr / r
    if number(fx) != number(x) or number(fy) != number(y):
        found |= {"fx": number(fx), "fy": number(fy)}
    if number(fr) != "0":
        found["fr"] = number(fr)
    return found
