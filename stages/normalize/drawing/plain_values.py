"""Values made plain (see `plain`): colours, lengths and geometry as every renderer knows them."""

from __future__ import annotations

import re
from typing import Any

from stages.normalize.drawing.shapes import Shape
from stages.normalize.drawing.stops import current_color
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Paint, Style
from stages.normalize.values.srgb import BLACK, css
from stages.normalize.values.units import FONT_SIZE, Length, Viewport, resolve

_INHERITED_PAINTS = ("fill", "stroke")
"""Paints that keep ``currentColor`` where they are inherited, so that each element says its own."""
_COLORS, _LENGTHS = "colors", "lengths"
_STROKE = ("stroke-width", "stroke-dashoffset")
_SPACINGS = ("letter-spacing", "word-spacing", "baseline-shift")

_TRANSFORM = re.compile(r"(?:^|[;\s])transform\s*:", re.IGNORECASE)
_NONE = "matrix(1,0,0,1,0,0)"


def plain_text(value: Any) -> str | None:
    """The text of an exotic value that is the same wherever it is inherited, None for another."""
    if isinstance(value, Paint):
        fallback = value.fallback
        if value.kind == "color" and value.exotic and value.color is not None:
            return css(value.color)
        if value.kind == "url" and fallback is not None and (text := plain_text(fallback)) is not None:
            return f"url(#{value.ref}) {text}"
    if isinstance(value, Length) and value.exotic and value.unit == "px":
        return f"{value.value:.9g}px"
    return None


_FONTS = re.compile(rb"<(?:\w+:)?text|[0-9.](?:em|ex|ch)\b", re.IGNORECASE)
"""Where a font size shows: without any, ``font-size:medium`` need not be said otherwise."""
_OPACITIES = re.compile(rb"opacity\s*[:=]\s*[\"']?\s*(?:[-\w]+\(|[0-9.]+%)")
"""An opacity that is no number, which renderers lack."""


def declare_plain(nodes: list[Node], plain: Plain, svg: bytes) -> None:
    """Say the exotic values of all nodes, in document order, plainly where they are declared; ``svg``: the document."""
    fonts: bool | None = None
    opacities = (b"%" in svg or b"(" in svg) and _OPACITIES.search(svg) is not None
    sizes: dict[int, float] = {}
    for node in nodes:
        declared = node.declared
        if not node.attributes:
            continue
        style = node.attributes.get("style")
        if style is not None and "transform" in style and "transform" not in declared and _TRANSFORM.search(style):
            # translate(10,10) has no units, and so is invalid; renderers apply it
            attribute = node.attributes.get("transform") or _NONE
            plain.attribute(node, "transform", attribute, "transforms")
            plain.declare(node, "transform", attribute, "transforms")
        for name, value in declared.items():
            kind = type(value)
            if kind is Paint:
                text = plain_text(value) if value.exotic or value.fallback is not None else None
                if value.kind == "current" and value.expression and name not in _INHERITED_PAINTS:
                    text = css(value.solid(current_color(node.parent if name == "color" else node)))
                if text is not None:
                    plain.declare(node, name, text, _COLORS)
            elif kind is Length:
                if not value.exotic or not (name == "font-size" or name in _SPACINGS):
                    continue
                fonts = _FONTS.search(svg) is not None if fonts is None else fonts
                if fonts:
                    plain.declare(node, name, f"{_pixels(node, name, value, sizes):.9g}px", _LENGTHS)
            elif kind is float and opacities and name.endswith("opacity"):
                plain.declare(node, name, f"{value:.9g}", _LENGTHS)


def _pixels(node: Node, name: str, value: Length, sizes: dict[int, float]) -> float:
    if name == "font-size":
        return _font_size(node, sizes)
    size = _font_size(node, sizes)
    return resolve(value, size, size)


def _font_size(node: Node | None, sizes: dict[int, float]) -> float:
    """The computed font size of an element where it stands in the document."""
    if node is None:
        return FONT_SIZE
    known = sizes.get(id(node))
    if known is None:
        before = _font_size(node.parent, sizes)
        value = node.declared.get("font-size")
        known = sizes[id(node)] = resolve(value, before, before) if isinstance(value, Length) else before
    return known


def plain_paints(plain: Plain, node: Node, style: Style) -> None:
    """Say the fill and the stroke that depend on the element's own ``currentColor``."""
    current = style["color"].color or BLACK
    for name in ("fill", "stroke"):
        if style[name].kind == "current" and style[name].expression:
            plain.declare(node, name, css(style[name].solid(current)), _COLORS)


def plain_shape(plain: Plain, node: Node, style: Style, shape: Shape, viewport: Viewport) -> None:
    """Say a shape's exotic geometry and the lengths of its stroke in pixels."""
    if shape.exotic:
        plain_lengths(plain, node, shape.exotic)
    if style["stroke"].kind == "none":
        return
    for name in _STROKE:
        if style[name].exotic:
            plain.declare(node, name, f"{max(resolve(style[name], viewport.diagonal), -1e9):.9g}px", _LENGTHS)
    dashes = style["stroke-dasharray"]
    if any(length.exotic for length in dashes):
        texts = [f"{max(resolve(length, viewport.diagonal), 0.0):.9g}px" for length in dashes]
        plain.declare(node, "stroke-dasharray", ", ".join(texts), _LENGTHS)


def plain_lengths(plain: Plain, node: Node, values: dict[str, float | str]) -> None:
    """Say geometry as attributes, and as declarations where a style says it."""
    for name, value in values.items():
        text = value if isinstance(value, str) else f"{value:.9g}"
        plain.attribute(node, name, text, _LENGTHS)
        if name in node.declared and name != "d":
            plain.declare(node, name, text if text.endswith("%") else f"{text}px", _LENGTHS)
