"""Shapes, strokes and gradients on the canvas."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.reasons import Reason
from tests.stages.normalize.drawn import error, inner

STOPS = '<stop stop-color="red"/><stop offset=".6" stop-color="#00f"/><stop offset="1" stop-color="lime"/>'


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (
            '<rect x="10" y="20" width="30" height="40" rx="5" transform="scale(2)"/>',
            '<rect x="20" y="40" width="60" height="80" rx="10"/>',
        ),
        (
            '<rect x="10" y="20" width="30" height="40" rx="5" ry="9" transform="rotate(90 100 100)"/>',
            '<rect x="140" y="10" width="40" height="30" rx="9" ry="5"/>',
        ),
        ('<circle cx="10" cy="20" r="9" transform="rotate(90)scale(3 -3)"/>', '<circle cx="60" cy="30" r="27"/>'),
        ('<circle cx="10" cy="20" r="9" transform="scale(2 3)"/>', '<ellipse cx="20" cy="60" rx="18" ry="27"/>'),
        ('<polygon points="1,1 9 1,9 9,9 9 1 1" transform="scale(10)"/>', '<polygon points="10 10 90 10 90 90"/>'),
        ('<polyline points="1 1 9 1 9 9 5"/>', '<polyline points="1 1 9 1 9 9"/>'),
        ('<rect width="10%" height="50%"/>', '<rect x="0" y="0" width="78" height="392"/>'),
        ('<rect x="3" width="9" height=".3"/>', '<rect x="3" y="0" width="9" height="0.3"/>'),
        ('<rect width="9" height="9" rx="99"/>', '<rect x="0" y="0" width="9" height="9" rx="5"/>'),
    ],
)
def test_shapes_stay_elements_where_the_map_allows(shape: str, expected: str):
    """Upright rects and ellipses, circles under similarities, polygons under any map."""
    assert inner(shape) == expected


@pytest.mark.parametrize(
    "shape",
    [
        '<rect x="100" y="50" width="300" height="200" rx="30" ry="60"/>',
        '<circle cx="200" cy="300" r="150"/>',
        '<ellipse cx="250" cy="200" rx="200" ry="90"/>',
    ],
)
@pytest.mark.parametrize(
    "transform", ["rotate(20)", "skewX(25)", "scale(1.2 .8)rotate(-30)", "matrix(.8 .3 .4 -.9 50 500)"]
)
def test_other_maps_make_paths_that_look_alike(shape: str, transform: str):
    """A skewed or turned shape is a path of arcs."""
    body = f'<g transform="{transform}">{shape}</g>'
    assert "transform" not in inner(body)
    assert error(body) < 0.004
    assert inner(shape, shapes="path").startswith("<path")


def test_strokes_scale_with_even_maps():
    """Width, dashes and dash offset grow with the map; an invisible stroke does not matter."""
    line = '<path fill="none" {} stroke-dasharray="3,5" stroke-dashoffset="1" transform="{}" d="M0 0h50"/>'
    got = inner(line.format('stroke="red" stroke-width="2"', "rotate(90)scale(3 -3)"))
    assert 'stroke-width="6" stroke-dasharray="9 15" stroke-dashoffset="3"' in got
    for nothing in ('stroke="none"', 'stroke="red" stroke-opacity="0"', 'stroke="red" stroke-width="0"'):
        assert inner(f'<path {nothing} d="M0 0h9v9z" transform="scale(1 2)"/>') == '<path d="M0 0h9v18z"/>'


def test_only_what_differs_from_the_initial_value_is_printed():
    """Black fill stays unsaid, invisible paint is none, one paint alone shares the element's opacity."""
    assert inner('<path fill="black" stroke-width="5" d="M0 0h9v9z"/>') == '<path d="M0 0h9v9z"/>'
    assert (
        inner('<path fill="#f008" opacity=".5" d="M0 0h9v9z"/>') == '<path fill="#f00" opacity="0.267" d="M0 0h9v9z"/>'
    )
    got = inner('<path fill="#f008" stroke="#000" stroke-linejoin="round" d="M0 0h9v9z"/>')
    assert got == '<path fill="#f00" fill-opacity="0.533" stroke="#000" stroke-linejoin="round" d="M0 0h9v9z"/>'
    assert inner('<path fill="red" fill-opacity="0" stroke="red" d="M0 0h9v9z"/>').startswith(
        '<path fill="none" stroke'
    )


def test_gradients_without_a_gradient_are_colours():
    """One stop, equal stops and empty vectors are plain colours, no stops paint nothing."""
    rect = '<rect width="9" height="9" fill="url(#g)" stroke="#000"/>'
    one = '<linearGradient id="g"><stop stop-color="red" stop-opacity=".5"/></linearGradient>'
    assert 'fill="#f00" fill-opacity="0.5"' in inner(one + rect)
    point = f'<linearGradient id="g" x2="0">{STOPS}</linearGradient>'
    assert 'fill="#0f0"' in inner(point + rect)
    assert 'fill="none"' in inner('<linearGradient id="g"/>' + rect)


def test_gradients_inherit_through_references_and_refuse_cycles():
    """Attributes and stops come from the nearest gradient that has them."""
    chain = (
        f'<linearGradient id="a" x1="0" x2="400" gradientUnits="userSpaceOnUse">{STOPS}</linearGradient>'
        '<linearGradient id="b" href="#a" x1="100"/><linearGradient id="g" href="#b" spreadMethod="reflect"/>'
    )
    got = inner(chain + '<rect width="9" height="9" fill="url(#g)"/>')
    assert 'x1="100" y1="0" x2="400" y2="0" gradientUnits="userSpaceOnUse" spreadMethod="reflect"' in got
    with pytest.raises(Dropped) as caught:
        inner('<linearGradient id="g" href="#g"/><rect width="9" height="9" fill="url(#g)"/>')
    assert caught.value.reason is Reason.CYCLIC_REF


SHARE = st.floats(0, 1).map(lambda v: round(v, 2))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["objectBoundingBox", "userSpaceOnUse"]),
    st.sampled_from(["pad", "reflect"]),
    st.lists(SHARE, min_size=4, max_size=4),
    st.sampled_from(["", "rotate(30)", "skewX(30)", "scale(.6 1.3)"]),
    st.sampled_from(["", "rotate(15)", "skewY(20)", "scale(1.4 .6)"]),
    st.booleans(),
)
def test_baked_gradients_render_like_their_sources(units, spread, numbers, own, outer, radial):
    """Both kinds, both units, with their own transform and the shape's, upright or not."""
    unit = 1 if units == "objectBoundingBox" else 400
    a, b, c, d = (round(v * unit, 2) for v in numbers)
    r = round((0.3 + numbers[2] / 2) * unit, 2)
    geometry = (
        f'cx="{a}" cy="{b}" r="{r}" fx="{a}" fy="{b + r / 3}"' if radial else f'x1="{a}" y1="{b}" x2="{c}" y2="{d}"'
    )
    if not radial and abs(a - c) + abs(b - d) < 0.2 * unit:
        return  # so short that rounding its ends shows
    kind = "radialGradient" if radial else "linearGradient"
    body = (
        f'<{kind} id="g" {geometry} gradientUnits="{units}" spreadMethod="{spread}" gradientTransform="{own}">'
        f"{STOPS}</{kind}>"
        f'<path transform="{outer}" fill="url(#g)" d="M100 60h300v100c50 80 -20 200 -90 90l-150 40z"/>'
    )
    assert error(body) < 0.01


def test_dashes_begin_where_they_did_under_a_quarter_turn():
    """Also where the turn's matrix has the noise of a cosine instead of nothing."""
    body = (
        '<rect x="100" y="-300" width="400" height="200" rx="20" fill="none" stroke="red" stroke-width="20" '
        'stroke-dasharray="90 40" transform="matrix(1e-17 1 -1 1e-17 0 0)"/>'
    )
    assert inner(body).startswith("<path")
    assert error(body) < 0.002
