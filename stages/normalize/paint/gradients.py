"""Gradients in canvas coordinates (SVG 2, section 14): everything that maps them is baked.

A linear gradient stays one under every affine map: its lines of equal colour are mapped, and its vector is the
perpendicular between the first and the last of them. A radial one stays one under similarities; other maps make it
elliptic, which is printed as a unit circle under a ``gradientTransform``.
"""

from __future__ import annotations

import math

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.drawing.placement import server_matrix
from stages.normalize.drawing.plain_values import plain_lengths
from stages.normalize.drawing.stops import Stop, read_stops
from stages.normalize.geometry.boxes import Box
from stages.normalize.geometry.transforms import Matrix, apply, determinant, multiply
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.srgb import Color, hexadecimal
from stages.normalize.values.units import Viewport, parse_length, resolve
from stages.reasons import Reason

GRADIENTS = frozenset(("linearGradient", "radialGradient"))
_FOCAL_DECIMALS = 4
_FARTHEST = 1e9


class Gradients:
    """The gradients of one document."""

    def __init__(self, ids: dict[str, Node], settings: NormalizeSettings, plain: Plain) -> None:
        self._ids, self._settings, self._plain = ids, settings, plain
        self._chains: dict[int, list[Node]] = {}
        self._stops: dict[int, list[Stop]] = {}

    def convert(self, node: Node, matrix: Matrix, box: Box | None, viewport: Viewport) -> Element | Color | None:
        """What paints a shape whose coordinates ``matrix`` maps to the canvas and whose bounding box is ``box``.

        An element without id, a plain colour where the gradient is one, or None where it paints nothing. Raises
        Dropped (CYCLIC_REF, UNSUPPORTED_PAINT).
        """
        chain = self._chain(node)
        stops = self._stops_of(chain)
        if not stops:
            return None
        if all(stop[1] == stops[0][1] for stop in stops):
            return stops[0][1]
        relative = _attribute(chain, "gradientUnits") != "userSpaceOnUse"
        if relative:
            if box is None or box[2] <= box[0] or box[3] <= box[1]:
                return None
            matrix = multiply(matrix, (box[2] - box[0], 0.0, 0.0, box[3] - box[1], box[0], box[1]))
            viewport = Viewport(1.0, 1.0)
        matrix = multiply(matrix, self._transform(chain, viewport))
        if max(map(abs, matrix)) > _FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_PAINT, "a gradient too large to compute with")
        if determinant(matrix) == 0:
            return stops[-1][1]
        if node.tag == "linearGradient":
            attributes = self._linear(chain, matrix, viewport)
        else:
            attributes = self._radial(chain, matrix, viewport)
        if attributes is None:
            return stops[-1][1]
        spread = _attribute(chain, "spreadMethod")
        if spread in ("reflect", "repeat"):
            attributes["spreadMethod"] = spread
        return Element(node.tag, attributes, [self._stop(offset, color) for offset, color in stops])

    def _chain(self, node: Node) -> list[Node]:
        """The gradient and those it takes attributes and stops from, the nearest first."""
        known = self._chains.get(id(node))
        if known is not None:
            return known
        chain = [node]
        while href := chain[-1].attributes.get("href", "").strip():
            target = self._ids.get(href[1:]) if href[:1] == "#" else None
            if target is None or target.tag not in GRADIENTS:
                break
            if any(target is seen for seen in chain):
                raise Dropped(Reason.CYCLIC_REF, f"gradient {href} refers to itself")
            chain.append(target)
        self._chains[id(node)] = chain
        return chain

    def _stops_of(self, chain: list[Node]) -> list[Stop]:
        for node in chain:
            if any(child.tag == "stop" for child in node.children):
                stops = self._stops.get(id(node))
                if stops is None:
                    stops = self._stops[id(node)] = read_stops(node, self._plain)
                return stops
        return []

    def _stop(self, offset: float, color: Color) -> Element:
        attributes = {"offset": number(offset, 4), "stop-color": hexadecimal(color)}
        opacity = number(color.alpha, self._settings.opacity_decimals)
        if opacity != "1":
            attributes["stop-opacity"] = opacity
        return Element("stop", attributes)

    def _transform(self, chain: list[Node], viewport: Viewport) -> Matrix:
        return server_matrix(chain, "gradientTransform", viewport, self._plain)

    def _length(self, chain: list[Node], name: str, default: str, reference: float) -> float:
        for node in chain:
            # the geometry of the other kind of gradient says nothing, not even under the same name
            if name in node.attributes and node.tag == chain[0].tag:
                length = parse_length(node.attributes[name])
                if length is not None:
                    if abs(length.value) > _FARTHEST:
                        raise Dropped(Reason.UNSUPPORTED_PAINT, f"a gradient with {name}={length.value:g}")
                    value = resolve(length, reference)
                    if length.exotic:
                        plain_lengths(self._plain, node, {name: value})
                    return value
        length = parse_length(default)
        return resolve(length, reference) if length else 0.0

    def _linear(self, chain: list[Node], matrix: Matrix, viewport: Viewport) -> dict[str, str] | None:
        width, height = viewport
        x1, y1 = self._length(chain, "x1", "0%", width), self._length(chain, "y1", "0%", height)
        x2, y2 = self._length(chain, "x2", "100%", width), self._length(chain, "y2", "0%", height)
        if x1 == x2 and y1 == y2:
            return None
        a, b, c, d = matrix[:4]
        gx, gy = x2 - x1, y2 - y1
        # the image of the direction of equal colour, (-gy, gx), turned by a quarter
        nx, ny = b * -gy + d * gx, -(a * -gy + c * gx)
        square = nx * nx + ny * ny
        if square == 0 or not math.isfinite(square):
            return None
        px, py = apply(matrix, x1, y1)
        share = ((a * gx + c * gy) * nx + (b * gx + d * gy) * ny) / square
        return self._vector(px, py, px + nx * share, py + ny * share)

    def _vector(self, x1: float, y1: float, x2: float, y2: float) -> dict[str, str]:
        decimals = self._settings.gradient_decimals
        texts = [number(value, decimals) for value in (x1, y1, x2, y2)]
        if texts[:2] == texts[2:]:
            # a vector too short to print still has a direction, and both sides of it their colours
            step = 10.0**-decimals
            across = abs(x2 - x1) >= abs(y2 - y1)
            value, start = (x2 - x1, float(texts[0])) if across else (y2 - y1, float(texts[1]))
            texts[2 if across else 3] = number(start + math.copysign(step, value), decimals)
        return {
            "x1": texts[0],
            "y1": texts[1],
            "x2": texts[2],
            "y2": texts[3],
            "gradientUnits": "userSpaceOnUse",
        }

    def _radial(self, chain: list[Node], matrix: Matrix, viewport: Viewport) -> dict[str, str] | None:
        width, height = viewport
        r = self._length(chain, "r", "50%", viewport.diagonal)
        cx, cy = self._length(chain, "cx", "50%", width), self._length(chain, "cy", "50%", height)
        fx, fy = self._length(chain, "fx", f"{cx!r}", width), self._length(chain, "fy", f"{cy!r}", height)
        fr = max(self._length(chain, "fr", "0", viewport.diagonal), 0.0)
        if r <= 0:
            return None
        decimals = self._settings.gradient_decimals
        unit = [round(value, decimals) for value in multiply(matrix, (r, 0.0, 0.0, r, cx, cy))]
        a, b, c, d, e, f = unit
        if a * d - b * c == 0:
            return None
        slack = 1.1 * 10.0**-decimals
        turned = abs(a - d) <= slack and abs(b + c) <= slack
        if turned or (abs(a + d) <= slack and abs(b - c) <= slack):
            radius = math.hypot(a, b)
            attributes = {"cx": number(e, decimals), "cy": number(f, decimals), "r": number(radius, decimals)}
            x, y = (number(value, decimals) for value in apply(matrix, fx, fy))
            if (x, y) != (attributes["cx"], attributes["cy"]):
                attributes |= {"fx": x, "fy": y}
            if fr:
                attributes["fr"] = number(fr / r * radius, decimals)
        else:
            attributes = {"cx": "0", "cy": "0", "r": "1"}
            focal = (round((fx - cx) / r, _FOCAL_DECIMALS), round((fy - cy) / r, _FOCAL_DECIMALS))
            if focal != (0, 0):
                attributes |= {"fx": number(focal[0], _FOCAL_DECIMALS), "fy": number(focal[1], _FOCAL_DECIMALS)}
            if fr:
                attributes["fr"] = number(fr / r, _FOCAL_DECIMALS)
            attributes["gradientTransform"] = f"matrix({' '.join(number(value, decimals) for value in unit)})"
        attributes["gradientUnits"] = "userSpaceOnUse"
        return attributes


def _attribute(chain: list[Node], name: str) -> str:
    for node in chain:
        if name in node.attributes:
            return node.attributes[name].strip()
    return ""
