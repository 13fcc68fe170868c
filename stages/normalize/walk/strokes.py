"""Strokes whose numbers are no user units: ``pathLength`` (SVG 2, section 9.6.1) and ``vector-effect`` (section 8.13).

librsvg and resvg know neither, so the source made plain has the numbers in user units.
"""

from __future__ import annotations

from stages.base import Dropped
from stages.canonical import number
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.geometry.lengths import path_length
from stages.normalize.geometry.transforms import singular_values
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Style
from stages.normalize.values.units import Length, parse_number
from stages.reasons import Reason

_EVEN = 1e-3
"""How far the two scales of a map may differ, as a share, that scales evenly."""
_DECIMALS = 6


def in_user_units(scene: Scene, node: Node, own: Style, place: Place, shape: Shape) -> Style:
    """The style of a shape with its stroke's numbers in user units. Raises Dropped (UNSUPPORTED_STROKE), TooLarge."""
    style = place.style
    if style["stroke"].kind == "none":
        return style
    if "pathLength" in node.attributes and style["stroke-dasharray"]:
        style = _along(scene, node, style, shape)
    if own.get("vector-effect") == "non-scaling-stroke":
        style = _unscaled(scene, node, style, place)
    return style


def _along(scene: Scene, node: Node, style: Style, shape: Shape) -> Style:
    """Dashes in shares of the author's idea of how long the path is."""
    given = parse_number(node.attributes["pathLength"])
    scene.plain.attribute(node, "pathLength", None, "path_length")
    if given is not None and given < 0:
        return style
    if not given:  # browsers take what is no number for 0
        # the first dash is without end
        scene.plain.declare(node, "stroke-dasharray", "none", "path_length")
        return {**style, "stroke-dasharray": ()}
    factor = path_length(shape.path()) / given
    return _declared(scene, node, _scaled(style, factor), "path_length")


def _unscaled(scene: Scene, node: Node, style: Style, place: Place) -> Style:
    """A stroke in pixels of the screen, whatever the map is."""
    settings = scene.settings
    if not settings.screen:
        raise Dropped(Reason.UNSUPPORTED_STROKE, "vector-effect non-scaling-stroke")
    large, small = singular_values(place.matrix)
    if large == 0:
        return style
    if large - small > _EVEN * large:
        raise Dropped(Reason.UNSUPPORTED_STROKE, "vector-effect non-scaling-stroke under an uneven scale")
    factor = settings.canvas / settings.screen / ((large + small) / 2)
    style = _scaled(style, factor)
    width = style["stroke-width"]
    style["stroke-width"] = width._replace(value=width.value * factor)
    scene.plain.declare(node, "vector-effect", "none", "non_scaling_stroke")
    scene.plain.declare(node, "stroke-width", _text(style["stroke-width"]), "non_scaling_stroke")
    return _declared(scene, node, style, "non_scaling_stroke") if style["stroke-dasharray"] else style


def _scaled(style: Style, factor: float) -> Style:
    """A copy of a style, its dashes multiplied."""
    offset: Length = style["stroke-dashoffset"]
    dashes = tuple(length._replace(value=length.value * factor) for length in style["stroke-dasharray"])
    return {**style, "stroke-dasharray": dashes, "stroke-dashoffset": offset._replace(value=offset.value * factor)}


def _declared(scene: Scene, node: Node, style: Style, why: str) -> Style:
    scene.plain.declare(node, "stroke-dasharray", ",".join(map(_text, style["stroke-dasharray"])), why)
    scene.plain.declare(node, "stroke-dashoffset", _text(style["stroke-dashoffset"]), why)
    return style


def _text(length: Length) -> str:
    return number(length.value, _DECIMALS) + length.unit
