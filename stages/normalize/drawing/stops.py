"""The stops of a gradient: their offsets and colours, and the colours between them (SVG 2, section 14.2.4).

Where one of the colours is of a modern function, Chromium computes those between in Oklab (CSS Color 4, section 12.1),
the opacity not multiplied in. Renderers know sRGB alone, so such a gradient gets more stops, in the source that judges,
too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from lxml import etree

from stages.canonical import SVG_NS
from stages.normalize.css.computed import check_declared
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.color_functions import OklabColor, oklab, srgb
from stages.normalize.values.properties import Paint
from stages.normalize.values.srgb import BLACK, Color, hexadecimal
from stages.normalize.values.units import parse_length, parse_number

Stop = tuple[float, Color]

_STEPS = 16
"""Parts of each segment in Oklab, between which sRGB is nearly straight but where a colour leaves sRGB."""


def read_stops(node: Node, plain: Plain) -> list[Stop]:
    """The stops that a gradient has itself. Raises Dropped (UNSUPPORTED_PAINT)."""
    stops: list[Stop] = []
    last, modern = 0.0, False
    children = [child for child in node.children if child.tag == "stop"]
    for child in children:
        text = child.attributes.get("offset", "0")
        length = parse_length(text) if "(" not in text else None  # no property: it has no math functions
        percent = length.value / 100 if length is not None and length.unit == "%" else None
        offset = ((parse_number(text) if length else None) or 0.0) if percent is None else percent
        last = max(last, min(max(offset, 0.0), 1.0))
        paint = child.declared.get("stop-color")
        modern = modern or (isinstance(paint, Paint) and paint.modern)
        stops.append((last, stop_color(child)))
    if not modern or len(stops) < 2:
        return stops
    stops = _between(stops, children)
    if not plain.dry:
        _write(node, children, stops)
        plain.note("gradient_in_oklab")
    return stops


def _between(stops: list[Stop], children: list[Node]) -> list[Stop]:
    points = []
    for (_, color), child in zip(stops, children, strict=True):
        paint, opacity = child.declared.get("stop-color"), child.declared.get("stop-opacity", 1.0)
        if isinstance(paint, Paint) and paint.modern and paint.expression:
            point = oklab(paint.expression, current_color(child))
            points.append(point._replace(alpha=point.alpha * (opacity if isinstance(opacity, float) else 1.0)))
        else:
            points.append(oklab("", color))
    out = [stops[0]]
    for i, ((start, _), (end, color)) in enumerate(pairwise(stops)):
        a, b = points[i], points[i + 1]
        for step in range(1, _STEPS) if end > start else ():
            t = step / _STEPS
            lightness, green_red, blue_yellow, alpha = (x + (y - x) * t for x, y in zip(a, b, strict=True))
            point = OklabColor(lightness, green_red, blue_yellow, alpha)
            out.append((start + (end - start) * t, srgb(point)))
        out.append((end, color))
    return out


def _write(node: Node, children: list[Node], stops: list[Stop]) -> None:
    """Replace the stops in the source."""
    for child in children:
        parent = child.source.getparent()
        if parent is not None:
            parent.remove(child.source)
    for offset, color in stops:
        stop = etree.SubElement(node.source, f"{{{SVG_NS}}}stop", offset=f"{offset:.9g}")
        look = f"stop-color:{hexadecimal(color)} !important;stop-opacity:{color.alpha:.6g} !important"
        stop.set("style", look)


def stop_color(stop: Node) -> Color:
    """A stop's colour and opacity; ``currentColor`` is that of the stop's own place in the document."""
    check_declared(stop.declared)
    paint: Any = stop.declared.get("stop-color")
    opacity: Any = stop.declared.get("stop-opacity", 1.0)
    color = BLACK
    if isinstance(paint, Paint):
        color = paint.solid(current_color(stop)) if paint.kind == "current" else paint.color or BLACK
    return color._replace(alpha=color.alpha * opacity) if isinstance(opacity, float) else color


def current_color(node: Node | None) -> Color:
    """The computed value of ``color`` where ``node`` stands in the document."""
    at = node
    while at is not None:
        paint: Any = at.declared.get("color")
        if isinstance(paint, Paint) and (paint.color is not None or paint.expression):
            return paint.color or paint.solid(current_color(at.parent))
        at = at.parent
    return BLACK
