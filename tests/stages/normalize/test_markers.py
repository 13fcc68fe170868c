"""Markers drawn out, and paints that refer to what uses them."""

import pytest

from stages.base import Dropped
from stages.normalize.drawing.markers import vertices
from stages.normalize.geometry.path_segments import from_commands
from stages.pathdata import parse_path
from stages.reasons import Reason
from tests.stages.normalize.drawn import inner

SQUARE = '<rect width="10" height="10" fill="red"/>'


def marked(attributes: str, content: str = SQUARE, path: str = 'd="M100 100H200V300"', use: str = "marker-end") -> str:
    marker = f'<marker id="m" markerWidth="10" markerHeight="10" {attributes}>{content}</marker>'
    return inner(f'{marker}<path fill="none" stroke="#000" stroke-width="2" {use}="url(#m)" {path}/>')


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("M0 0H9V9", [0, 45, 90]),
        ("M0 0H9V9H0z", [-45, 45, 135, 225, -45]),
        ("M0 0C9 0 9 0 9 9", [0, 90]),
        ("M0 0C0 0 9 0 9 9", [0, 90]),
        ("M0 0A9 9 0 0 1 9 9", [0, 90]),
        ("M0 0H9H9V9", [0, 45, 45, 90]),
        ("M0 0H9M20 0V9", [0, 0, 90, 90]),
        ("M0 0L0 0", [0, 0]),
        ("M0 0H9H0", [0, 90, 180]),
    ],
)
def test_vertices_have_the_direction_of_the_path(path: str, expected: list[float]):
    """The mean of where the path comes from and where it goes to; closed paths have no ends (SVG 2, 13.7.4)."""
    angles = [vertex.angle for vertex in vertices(from_commands(parse_path(path)[0]))]
    assert [round((a - b) % 360, 6) % 360 for a, b in zip(angles, expected, strict=True)] == [0] * len(expected)


def test_a_marker_stands_at_its_vertex_scaled_by_the_stroke_and_turned():
    """Its reference point lies on the vertex; orient turns it; markerUnits says whether the stroke width scales it."""
    assert marked("").endswith('<rect x="200" y="300" width="20" height="20" fill="#f00"/>')
    assert marked('refX="5" refY="5"').endswith('<rect x="190" y="290" width="20" height="20" fill="#f00"/>')
    assert marked('refX="center" refY="100%"').endswith('<rect x="190" y="280" width="20" height="20" fill="#f00"/>')
    assert marked('orient="auto"').endswith('<rect x="180" y="300" width="20" height="20" fill="#f00"/>')
    assert marked('orient="90" markerUnits="userSpaceOnUse"').endswith(
        '<rect x="190" y="300" width="10" height="10" fill="#f00"/>'
    )
    assert marked('orient="auto-start-reverse" refX="10"', use="marker-start").endswith(
        '<rect x="100" y="80" width="20" height="20" fill="#f00"/>'
    )
    assert marked('viewBox="0 0 20 20" refX="10" refY="10"').endswith(
        '<rect x="190" y="290" width="10" height="10" fill="#f00"/>'
    )


def test_a_marker_is_clipped_to_its_viewport_unless_it_overflows():
    """What reaches beyond markerWidth and markerHeight is cut."""
    wide = '<rect width="30" height="5" fill="red"/>'
    assert "clip-path" in marked("", wide) or 'width="20"' in marked("", wide)
    assert marked('overflow="visible"', wide).endswith('<rect x="200" y="300" width="60" height="10" fill="#f00"/>')


def test_markers_follow_paint_order_and_inherit_from_where_they_are_defined():
    """They are on top unless paint-order says otherwise; the path's style does not reach into them."""
    body = (
        '<marker id="m" markerWidth="10" markerHeight="10"><rect width="10" height="10"/></marker>'
        '<g fill="blue"><path marker-mid="url(#m)" stroke="red" d="M100 100H200V300" {}/></g>'
    )
    assert inner(body.format("")).index("<path") < inner(body.format("")).index("<rect")
    assert inner(body.format('paint-order="markers"')).index("<rect") < inner(
        body.format('paint-order="markers"')
    ).index("<path")
    assert '<rect x="200" y="100" width="10" height="10"/>' in inner(body.format(""))


def test_markers_between_fill_and_stroke_part_them():
    """Each is an element of its own, with the opacity that is its own."""
    marker = '<marker id="m" markerWidth="10" markerHeight="10"><rect width="10" height="10" fill="red"/></marker>'
    path = '<path marker-mid="url(#m)" stroke="blue" fill-opacity=".5" paint-order="{}" d="M100 100H200V300"/>'
    between = inner(marker + path.format("fill markers"))
    assert between == (
        '<path opacity="0.5" d="M100 100h100v200"/><rect x="200" y="100" width="10" height="10" fill="#f00"/>'
        '<path fill="none" stroke="#00f" d="M100 100h100v200"/>'
    )
    turned = inner(marker + path.format("stroke markers"))
    assert turned.index("#00f") < turned.index("#f00") < turned.index("opacity")


def test_context_paints_are_those_of_the_path_and_of_use():
    """context-fill and context-stroke are the fill and the stroke of what draws the marker, gradients in its box."""
    content = '<rect width="10" height="10" fill="context-stroke"/>'
    assert marked("", content).endswith('<rect x="200" y="300" width="20" height="20"/>')
    used = '<defs><g id="g"><rect width="9" height="9" fill="context-fill"/></g></defs><use href="#g" fill="lime"/>'
    assert inner(used) == '<rect x="0" y="0" width="9" height="9" fill="#0f0"/>'
    assert inner('<rect width="9" height="9" fill="context-fill" stroke="red"/>').startswith(
        '<rect x="0" y="0" width="9" height="9" fill="none"'
    )


def test_a_marker_within_itself_is_a_cycle():
    """Its content may not use it."""
    with pytest.raises(Dropped) as caught:
        marked("", '<path d="M0 0h5v5" marker-start="url(#m)" fill="red"/>')
    assert caught.value.reason is Reason.CYCLIC_REF
