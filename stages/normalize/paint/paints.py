"""Fill and stroke of one shape: from computed properties to what is printed."""

from __future__ import annotations

from typing import NamedTuple

from stages.base import Dropped
from stages.canonical import number
from stages.normalize.drawing.defs import Definitions
from stages.normalize.drawing.look import Look, Stroke
from stages.normalize.drawing.shapes import TooLarge
from stages.normalize.geometry.boxes import BoxFinder
from stages.normalize.geometry.transforms import Matrix, multiply, singular_values
from stages.normalize.paint.gradients import GRADIENTS, Gradients
from stages.normalize.paint.patterns import NOTHING, Patterns
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Paint, Style
from stages.normalize.values.srgb import Color, hexadecimal
from stages.normalize.values.units import Viewport, resolve
from stages.reasons import Reason

_OTHER_SERVERS = frozenset(
    ("solidColor", "solidcolor", "meshgradient", "meshGradient", "mesh", "hatch", "hatchPath", "hatchpath")
)
_WIDEST = 1e9


CONTEXT = "context"
"""The key, in a style, of the `Context` of what a marker or a use element draws."""


class Context(NamedTuple):
    """What ``context-fill`` and ``context-stroke`` refer to (SVG 2, section 13.3): paints, and where they apply."""

    paints: dict[str, Paint]
    style: Style
    box: BoxFinder
    matrix: Matrix
    viewport: Viewport

    @classmethod
    def from_style(cls, style: Style, box: BoxFinder, matrix: Matrix, viewport: Viewport) -> Context:
        """The context that an element with this style is for what it draws; it may be within another itself."""
        outer: Context | None = style.get(CONTEXT)
        paints = {name: style[name] for name in ("fill", "stroke")}
        if outer is not None and any(paint.kind == "context" for paint in paints.values()):
            return outer._replace(
                paints={n: outer.paints[p.ref] if p.kind == "context" else p for n, p in paints.items()}
            )
        return cls(paints, style, box, matrix, viewport)


class Paints:
    """Resolves the paints of one document."""

    def __init__(
        self,
        ids: dict[str, Node],
        definitions: Definitions,
        settings: NormalizeSettings,
        patterns: Patterns,
        plain: Plain,
    ) -> None:
        self._ids, self._definitions, self._settings = ids, definitions, settings
        self._pattern = patterns.convert
        self._gradients = Gradients(ids, settings, plain)

    def look(
        self,
        style: Style,
        own: Style,
        filled: bool,
        box: BoxFinder,
        matrix: Matrix,
        viewport: Viewport,
    ) -> Look | None:
        """How a shape is painted, None if not at all. ``filled``: whether it has an inside; ``box``: its bounding box.

        Raises Dropped (UNSUPPORTED_STROKE, UNSUPPORTED_PATTERN, UNSUPPORTED_PAINT, CYCLIC_REF).
        """
        fill: dict[str, str] | None = None
        fill_opacity = stroke_opacity = "1"
        if filled:
            paint = self._paint(style["fill"], style, style["fill-opacity"], box, matrix, viewport)
            if paint is not None:
                text, fill_opacity = paint
                fill = {} if text == "#000" else {"fill": text}
        stroke, stroke_opacity = self._stroke(style, own, box, matrix, viewport)
        if fill is None and stroke is None:
            return None
        shared: dict[str, str] = {}
        if fill is not None and stroke is not None:
            if fill_opacity != "1":
                fill["fill-opacity"] = fill_opacity
            if stroke_opacity != "1":
                stroke.attributes["stroke-opacity"] = stroke_opacity
            if style["paint-order"].index("stroke") < style["paint-order"].index("fill"):
                shared["paint-order"] = "stroke"
        else:
            opacity = fill_opacity if stroke is None else stroke_opacity
            if opacity != "1":
                shared["opacity"] = opacity
        return Look(fill, stroke, shared)

    def _paint(
        self,
        paint: Paint,
        style: Style,
        opacity: float,
        box: BoxFinder,
        matrix: Matrix,
        viewport: Viewport,
    ) -> tuple[str, str] | None:
        """The value and the opacity as printed, None if nothing is painted."""
        kind = paint.kind
        if kind == "none" or opacity == 0:
            return None
        if kind == "color" or kind == "current":
            return self._solid(paint.solid(style["color"].color), opacity)
        if kind == "context":
            context: Context | None = style.get(CONTEXT)
            if context is None or context.paints[paint.ref].kind == "context":
                return None
            return self._paint(
                context.paints[paint.ref], context.style, opacity, context.box, context.matrix, context.viewport
            )
        server = self._ids.get(paint.ref)
        if server is not None and server.tag in GRADIENTS:
            gradient = self._gradients.convert(server, matrix, box(), viewport)
            if isinstance(gradient, Color):
                return self._solid(gradient, opacity)
            if gradient is not None:
                if _in_linear_rgb(server):
                    raise Dropped(Reason.UNSUPPORTED_PAINT, "color-interpolation linearRGB of a gradient")
                text = number(opacity, self._settings.opacity_decimals)
                return (self._definitions.reference(gradient), text) if text != "0" else None
        elif server is not None and server.tag == "pattern":
            value = self._pattern(server, matrix, box, viewport)
            if value is not None:
                text = number(opacity, self._settings.opacity_decimals)
                return (value, text) if value != NOTHING and text != "0" else None
        elif server is not None and server.tag in _OTHER_SERVERS:
            raise Dropped(Reason.UNSUPPORTED_PAINT, f"{server.tag} {paint.ref!r}")
        if paint.fallback is None:
            return None
        return self._paint(paint.fallback, style, opacity, box, matrix, viewport)

    def _solid(self, color: Color, opacity: float) -> tuple[str, str] | None:
        text = number(color.alpha * opacity, self._settings.opacity_decimals)
        return (hexadecimal(color), text) if text != "0" else None

    def _stroke(
        self,
        style: Style,
        own: Style,
        box: BoxFinder,
        matrix: Matrix,
        viewport: Viewport,
    ) -> tuple[Stroke | None, str]:
        if style["stroke"].kind == "none":
            return None, "1"
        width = resolve(style["stroke-width"], viewport.diagonal)
        if width <= 0:
            return None, "1"
        paint = self._paint(style["stroke"], style, style["stroke-opacity"], box, matrix, viewport)
        if paint is None:
            return None, "1"
        large, small = singular_values(matrix)
        uneven = large - small > self._settings.stroke_anisotropy * small
        # the numbers of a stroke drawn as an area are of its larger scale, where skia is as exact as the canvas is
        scale = large if uneven else (large + small) / 2
        if not 0 < scale < _WIDEST:
            return None, "1"
        pen = None
        if uneven:
            pen = ((scale, 0.0, 0.0, scale, 0.0, 0.0), multiply(matrix, (1 / scale, 0.0, 0.0, 1 / scale, 0.0, 0.0)))
        width *= scale
        if width > _WIDEST:
            raise TooLarge
        decimals = self._settings.width_decimals
        text = number(width, decimals)
        if text == "0":
            return None, "1"
        attributes = {"stroke": paint[0]}
        if text != "1":
            attributes["stroke-width"] = text
        if style["stroke-linecap"] != "butt":
            attributes["stroke-linecap"] = style["stroke-linecap"]
        join = style["stroke-linejoin"]
        if join not in ("round", "bevel"):
            join = "miter"  # what renderers draw for miter-clip and arcs
            if style["stroke-miterlimit"] != 4:
                attributes["stroke-miterlimit"] = number(min(style["stroke-miterlimit"], _WIDEST), 2)
        else:
            attributes["stroke-linejoin"] = join
        dashes, offset = self._dashes(style, attributes, scale, viewport)
        stroke = Stroke(
            width if uneven else float(text),
            style["stroke-linecap"],
            join,
            float(attributes.get("stroke-miterlimit", "4")),
            dashes,
            offset,
            attributes,
            pen,
        )
        return stroke, paint[1]

    def _dashes(
        self, style: Style, attributes: dict[str, str], scale: float, viewport: Viewport
    ) -> tuple[tuple[float, ...], float]:
        """Lengths of dashes and gaps, and where they begin, in canvas units; none for a solid line."""
        lengths = tuple(resolve(length, viewport.diagonal) * scale for length in style["stroke-dasharray"])
        if not lengths or sum(lengths) > _WIDEST:
            return (), 0.0
        if 0 < sum(lengths) < self._settings.min_dashes:
            raise Dropped(Reason.TOO_COMPLEX, f"a dash array of {sum(lengths):.4g} units")
        decimals = self._settings.width_decimals
        texts = [number(length, decimals) for length in lengths]
        if all(text == "0" for text in texts) or all(text == "0" for text in (texts * 2)[1::2]):
            return (), 0.0  # no gap is left: a solid line
        if style["stroke-linecap"] == "square" and "0" in (texts * 2)[::2]:
            # whose caps are upright or along the path, as the renderer likes
            raise Dropped(Reason.UNSUPPORTED_STROKE, "square caps on dashes of no length")
        attributes["stroke-dasharray"] = " ".join(texts)
        start = resolve(style["stroke-dashoffset"], viewport.diagonal) * scale
        offset = number(start, decimals)
        if offset != "0":
            attributes["stroke-dashoffset"] = offset
        return lengths, start


def _in_linear_rgb(node: Node) -> bool:
    """Whether the inherited ``color-interpolation`` of an element is linearRGB, which renderers do not know."""
    at: Node | None = node
    while at is not None:
        if "color-interpolation" in at.declared:
            return bool(at.declared["color-interpolation"] == "linearrgb")
        at = at.parent
    return False
