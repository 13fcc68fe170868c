"""Strokes that no width can say, as the areas they cover."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize.geometry.boxes import exact_box
from stages.normalize.geometry.outline import cubics, outline
from stages.normalize.geometry.path_segments import Subpath
from stages.reasons import Reason
from tests.stages.normalize.drawn import inner, unlike


@pytest.mark.parametrize(
    "transform", ["scale(1 3)", "skewX(40)", "rotate(20)scale(3 1)rotate(-10)", "matrix(2 1 -1 4 90 0)"]
)
@pytest.mark.parametrize(
    "shape",
    [
        '<path d="M30 60h100v60q40 20 70-30c5 9 50 9 60-60"/>',
        '<path d="M30 60h100v60z" stroke-linejoin="round"/>',
        '<circle cx="90" cy="90" r="60" stroke-dasharray="30 10"/>',
        '<line x1="40" y1="60" x2="190" y2="130" stroke-linecap="round"/>',
        '<path d="M60 60a60 40 30 1 0 90 50" stroke-linecap="square" stroke-linejoin="bevel"/>',
        '<polyline points="40 60 90 190 150 60" stroke-miterlimit="9" stroke-dasharray="20 9 1" stroke-dashoffset="7"/>',
    ],
)
def test_a_stroke_under_any_map_looks_as_it_did(shape: str, transform: str):
    """A pen that is an ellipse on the canvas becomes the area it covers: no stroke, no transform, the same picture."""
    body = f'<g fill="none" stroke="#306" stroke-width="14" transform="{transform}">{shape}</g>'
    got = inner(body)
    assert "stroke" not in got and "transform" not in got
    assert unlike(body) < 0.002


def test_fill_and_stroke_come_apart_with_their_opacities_and_their_order():
    """Each part is an element with its own opacity; paint-order says which is first; what is round stays an arc."""
    rect = '<rect x="9" y="9" width="90" height="90" fill="red" stroke="blue" fill-opacity=".5" {} transform="scale(1 2)"/>'
    got = inner(rect.format('stroke-opacity=".25" stroke-width="8" stroke-linejoin="round"'))
    assert got.startswith(
        '<rect x="9" y="18" width="90" height="180" fill="#f00" opacity="0.5"/><path fill="#00f" opacity="0.25"'
    )
    assert "a8 4 90 " in got or "a4 8 0 " in got
    turned = inner(rect.format('paint-order="stroke"'))
    assert turned.index("#00f") < turned.index("#f00")
    assert inner('<g opacity=".5">' + rect.format("") + "</g>").startswith('<g opacity="0.5">')


def test_a_stroke_that_begins_out_of_reach_is_drawn_as_its_area():
    """Dashes that begin far off the canvas cannot be said by a path that begins on it."""
    body = '<path d="M-3000 300L900 310" stroke="green" stroke-width="20" stroke-dasharray="90 40" fill="none"/>'
    got = inner(body)
    assert "stroke" not in got and unlike(body) < 0.002


@given(
    st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(1, 500), st.floats(1, 500), st.floats(-180, 180),
    st.booleans(), st.booleans(), st.floats(-500, 500), st.floats(-500, 500),
)  # fmt: skip
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_an_arc_and_its_cubics_have_the_same_box(x, y, rx, ry, rotation, large, sweep, dx, dy):
    """The curves that stand for an arc reach as far as it does."""
    if math.hypot(dx, dy) < 1:
        return
    arc = ("A", rx, ry, rotation, int(large), int(sweep), x + dx, y + dy)
    curves = cubics(x, y, arc)
    assert curves[-1][-2:] == arc[-2:]
    size = max(rx, ry, math.hypot(dx, dy))
    for a, b in zip(exact_box([Subpath(x, y, [arc])]), exact_box([Subpath(x, y, curves)]), strict=True):
        assert abs(a - b) < 0.02 * size * max(rx, ry) / min(rx, ry)


def test_what_is_too_large_or_too_finely_dashed_is_refused():
    """Outlines have bounds of their own, since they cost memory."""
    for path, dashes, reason in (
        ([Subpath(0, 0, [("L", 1e6, 0)])], (), Reason.OUT_OF_CANVAS),
        ([Subpath(0, 0, [("L", 9e4, 0)])], (0.5, 0.5), Reason.TOO_COMPLEX),
    ):
        with pytest.raises(Dropped) as caught:
            outline(path, 5, "butt", "miter", 4, dashes, 0)
        assert caught.value.reason is reason
