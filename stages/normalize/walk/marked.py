"""Markers drawn at the vertices of a shape (SVG 2, section 13.7)."""

from __future__ import annotations

from stages.canonical import Element
from stages.normalize.css.computed import compute, refuse
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.markers import Vertex, orientation, vertices
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.geometry.transforms import determinant, multiply, rotation
from stages.normalize.paint.paints import CONTEXT, Context
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import DEFAULTS
from stages.normalize.values.units import resolve
from stages.normalize.walk.viewports import draw_viewport, frame


def with_markers(scene: Scene, elements: list[Element], shape: Shape, place: Place, look: Look | None) -> list[Element]:
    """The elements of a shape and of the markers at its vertices, in the order in which they are painted."""
    style = place.style
    places = vertices(shape.path())
    drawn: list[Element] = []
    for i, vertex in enumerate(places):
        roles = ["marker-start"] if i == 0 else []
        roles += ["marker-end"] if i == len(places) - 1 else []
        for role in roles or ["marker-mid"]:
            marker = scene.ids.get(style[role])
            if marker is not None and marker.tag == "marker" and marker.children:
                drawn += _marker(scene, marker, vertex, role == "marker-start", shape, place)
    if not drawn:
        return elements
    order = style["paint-order"]
    if order[1] == "markers" and look is not None and look.fill is not None and look.stroke is not None:
        first, second = scene.target.drawer.draw_apart(shape, place.matrix, look)
        return [*first, *drawn, *second]
    return drawn + elements if order[0] == "markers" else elements + drawn


def _marker(scene: Scene, marker: Node, vertex: Vertex, start: bool, shape: Shape, place: Place) -> list[Element]:
    """One marker, as a viewport that stands at a vertex. Raises Dropped (CYCLIC_REF)."""
    matrix = multiply(place.matrix, (1.0, 0.0, 0.0, 1.0, vertex.x, vertex.y))
    matrix = multiply(matrix, rotation(orientation(marker, vertex.angle, start)))
    if marker.attributes.get("markerUnits", "").strip() != "userSpaceOnUse":
        width = resolve(place.style["stroke-width"], place.viewport.diagonal)
        matrix = multiply(matrix, (width, 0.0, 0.0, width, 0.0, 0.0))
    if determinant(matrix) == 0:
        return []
    with scene.entered(marker):
        scene.count(marker, place.depth)
        style = dict(scene.style_at(marker))
        style[CONTEXT] = Context.from_style(place.style, shape.box, place.matrix, place.viewport)
        _, own = compute(DEFAULTS, marker.declared)
        refuse(own)
        within = place._replace(style=style, matrix=matrix, depth=place.depth + 1)
        return draw_viewport(scene, marker, own, within, frame(scene, marker, within, None))
