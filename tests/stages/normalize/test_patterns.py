"""Patterns on the canvas."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from tests.stages.normalize.drawn import HEAD, error, inner, reason

SHAPE = '<rect x="100" y="50" width="600" height="500" fill="url(#p)"/>'
MARK = '<path d="M0 0h40v20h-20v60h-20z" fill="#c00"/><circle cx="60" cy="60" r="15" fill="#06c"/>'


def pattern(attributes: str, content: str = MARK, user: bool = True) -> str:
    units = 'patternUnits="userSpaceOnUse"' if user else ""
    return f'<pattern id="p" {units} {attributes}>{content}</pattern>'


def test_an_upright_tile_is_in_canvas_units():
    """Place, size and content of a tile that fits the canvas are baked, and there is no patternTransform."""
    content = '<rect width="20" height="20"/>'
    tile = pattern('x="10" y="5" width="100" height="75" patternTransform="scale(2)"', content)
    assert inner(tile + SHAPE) == (
        '<defs><pattern id="p0" x="20" y="10" width="200" height="150" patternUnits="userSpaceOnUse">'
        '<rect x="0" y="0" width="40" height="40"/></pattern></defs>'
        '<rect x="100" y="50" width="600" height="500" fill="url(#p0)"/>'
    )


def test_a_small_tile_is_drawn_larger_by_a_power_of_two():
    """Half a unit of a tile of ten is much, so its content has a finer grid, and the tile its exact size."""
    got = inner(pattern('width="10.3" height="10"', '<circle cx="5" cy="5" r="3.3"/>') + SHAPE)
    assert 'width="164.8" height="160" patternUnits="userSpaceOnUse" patternTransform="scale(0.0625)"' in got
    assert '<circle cx="80" cy="80" r="53"/>' in got


def test_a_seam_does_not_open_between_tiles():
    """Content that fills a tile to its far side does so on the grid, whatever the tile's size."""
    got = inner(pattern('width="200.3" height="200"', '<rect width="200.3" height="200" fill="red"/>') + SHAPE)
    assert 'width="201" height="200" patternUnits="userSpaceOnUse" patternTransform="scale(0.99652 1)"' in got
    assert '<rect x="0" y="0" width="201" height="200" fill="#f00"/>' in got


@pytest.mark.parametrize(
    "attributes",
    [
        'x="13" y="27" width="80" height="80"',
        'width="80.37" height="81.11"',
        'width="80" height="80" patternTransform="rotate(30)"',
        'width="80" height="80" patternTransform="rotate(90)translate(5 7)"',
        'width="80" height="80" patternTransform="scale(-1 1)"',
        'width="80" height="80" patternTransform="matrix(.5 .2 -.3 .6 1000 -4000)"',
        'width="80" height="80" patternTransform="scale(1.5 .7)"',
        'width="80" height="80" patternTransform="skewX(20)"',
        'x="5" width="50" height="40" viewBox="0 0 100 80"',
        'x="5" width="60" height="40" viewBox="0 0 100 80" preserveAspectRatio="none"',
        'width="20%" height="10%"',
        'width="80" height="80" patternTransform="scale(.1)"',
    ],
)
@pytest.mark.parametrize("stroke", ["", '<path d="M10 50h60" stroke="#080" stroke-width="6"/>'])
def test_tiles_look_alike_under_every_map(attributes: str, stroke: str):
    """Offsets, units, view boxes, turns, flips and uneven scales give the same picture."""
    assert error(pattern(attributes, MARK + stroke) + SHAPE, 392) < 0.012


def test_the_view_box_begins_anywhere_and_keeps_its_aspect():
    """The content is moved by the view box's origin and centred in the tile; renderers that do it twice are wrong."""
    tile = pattern('width="200" height="400" viewBox="-10 0 100 100"', '<rect width="50" height="50"/>')
    assert '<rect x="20" y="100" width="100" height="100"/>' in inner(tile + SHAPE)


def test_the_transform_property_takes_precedence():
    """A style's transform is the same as a patternTransform, and stronger."""
    plain, styled = 'patternTransform="skewX(20)"', 'patternTransform="scale(9)" style="transform:skewX(20deg)"'
    one, other = (inner(pattern(f'width="80" height="80" {each}') + SHAPE) for each in (plain, styled))
    assert one == other


@pytest.mark.parametrize(
    ("attributes", "content"),
    [
        ('width=".2" height=".25"', '<rect width="50" height="60"/>'),
        ('x=".1" y="20%" width="20%" height=".25"', '<rect width="50" height="60"/>'),
        ('width=".2" height=".25" patternContentUnits="objectBoundingBox"', '<rect width=".1" height=".1"/>'),
        (
            'width=".2" height=".25" patternContentUnits="objectBoundingBox"',
            '<path d="M0 0L.1 .1" stroke="red" stroke-width=".03"/>',
        ),
        ('width=".2" height=".25" viewBox="0 0 60 60" preserveAspectRatio="none"', '<rect width="40" height="30"/>'),
    ],
)
def test_units_of_the_bounding_box(attributes: str, content: str):
    """Tile and content may refer to the box of what they paint; a viewBox takes precedence for the content."""
    body = f'<g transform="rotate(20 300 300)scale(.8)">{SHAPE}</g>'
    assert error(pattern(attributes, content, user=False) + SHAPE, 392) < 0.008
    assert error(pattern(attributes, content, user=False) + body, 392) < 0.008


def test_attributes_and_content_come_by_reference():
    """Each attribute is that of the nearest pattern in the chain that has it, and so is the content."""
    chain = (
        '<pattern id="p" href="#q" width="300"/><pattern id="q" href="#r" width="1" height="200"/>'
        '<pattern id="r" x="50" patternUnits="userSpaceOnUse" fill="red"><rect width="90" height="90"/></pattern>'
    )
    assert inner(chain + SHAPE).startswith(
        '<defs><pattern id="p0" x="50" y="0" width="300" height="200" patternUnits="userSpaceOnUse">'
        '<rect x="0" y="0" width="90" height="90" fill="#f00"/>'
    )


def test_equal_patterns_are_one_definition():
    """Tiles that coincide are the same pattern, also where shapes have transforms of their own."""
    tile = pattern('width="200" height="200"')
    body = '<rect width="300" height="300" fill="url(#p)" {}/>'
    assert inner(tile + body.format("") + body.format('transform="translate(400 200)"')).count("<pattern") == 1
    assert inner(tile + body.format("") + body.format('transform="translate(430 0)"')).count("<pattern") == 2


def test_patterns_paint_strokes_and_patterns():
    """A stroke can have a pattern, a pattern's content one of its own, and opacity applies to either."""
    inside = (
        '<pattern id="q" width="20" height="20" patternUnits="userSpaceOnUse"><rect width="9" height="9"/></pattern>'
    )
    tile = inside + pattern('width="160" height="160"', '<circle cx="80" cy="80" r="70" fill="url(#q)"/>')
    body = tile + '<path d="M50 50h600v500" fill="none" stroke="url(#p)" stroke-width="90" stroke-opacity=".5"/>'
    assert re.search(r'<pattern id="p1"[^>]*><rect.*stroke="url\(#p0\)" .*opacity="0.5"', inner(body))
    assert error(body, 392) < 0.012


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (pattern('width="9" height="9"', ""), "none"),
        (pattern('width="9" height="9"', "<g/>"), "none"),
        (pattern('width="9"'), "none"),
        (pattern('width="9" height="0"'), "none"),
        (pattern('width="9" height="9" viewBox="0 0 0 9"'), "none"),
        (pattern('width="9" height="9" patternTransform="scale(0)"'), "none"),
        ("", "#f00"),
    ],
)
def test_a_pattern_that_paints_nothing_has_no_fallback(definition: str, expected: str):
    """Without content or size nothing is painted; the fallback is for what is no pattern at all."""
    shape = '<path d="M9 9h90v90z" fill="url(#p) red" stroke="#00f"/>'
    assert f'fill="{expected}"' in inner(definition + shape)


def test_a_shape_without_a_box_has_the_fallback():
    """A line cannot be painted in units of its bounding box."""
    tile = pattern('width=".1" height=".1"', user=False)
    assert 'stroke="#f00"' in inner(tile + '<path d="M9 9h90" stroke="url(#p) red"/>')


@pytest.mark.parametrize(
    "definition",
    [
        '<pattern id="p" href="#p" width="1" height="1"/>',
        '<pattern id="p" href="#q" width="1" height="1"/><pattern id="q" href="#p"/>',
        '<pattern id="p" width="1" height="1"><rect width="9" height="9" fill="url(#p)"/></pattern>',
        '<pattern id="p" width="1" height="1"><rect width="9" height="9" fill="url(#q)"/></pattern>'
        '<pattern id="q" width="1" height="1"><rect width="9" height="9" stroke="url(#p)"/></pattern>',
    ],
)
def test_cycles_are_refused(definition: str):
    """Neither a chain of references nor a pattern's content may lead back to the pattern."""
    assert reason(definition + SHAPE) is Reason.CYCLIC_REF


@pytest.mark.parametrize(
    "attributes",
    [
        'width=".01" height="9"',
        'width="9000" height="9000" x="-5000" y="300"',
        'width="90" height="90" style="transform:rotate(9deg);transform-origin:50% 5px"',
    ],
)
def test_what_cannot_be_said_is_refused(attributes: str):
    """Tiles too small or too large, and maps that browsers read differently."""
    assert reason(pattern(attributes) + SHAPE) is Reason.UNSUPPORTED_PATTERN


def test_of_a_tile_larger_than_the_canvas_its_part_is_drawn():
    """What spans the canvas is cut to it; what does not is drawn smaller, while that is exact enough."""
    got = inner(
        pattern('x="-5000" y="-300" width="9000" height="1200"', '<circle cx="5300" cy="700" r="100"/>') + SHAPE
    )
    assert '<pattern id="p0" x="0" y="0" width="784.01" height="784.01" patternUnits="userSpaceOnUse">' in got
    assert '<circle cx="300" cy="400" r="100"/>' in got
    got = inner(pattern('x="300" y="10" width="1000" height="1200"', '<circle cx="100" cy="100" r="100"/>') + SHAPE)
    assert 'width="500" height="600" patternUnits="userSpaceOnUse" patternTransform="scale(2)"' in got


def test_patterns_can_be_left_out_or_refused():
    """The setting says what becomes of patterns that paint something; those that do not are the same in each case."""
    tile, empty = pattern('width="9" height="9"'), pattern('width="9" height="9"', "")
    shape = '<path d="M9 9h90v90z" fill="url(#p) red" stroke="#00f"/>'
    assert 'fill="#f00"' in inner(tile + shape, pattern="drop")
    assert 'fill="none"' in inner(tile + shape.replace(" red", ""), pattern="drop")
    done = normalize_one(f"{HEAD}{tile}{shape}</svg>".encode(), NormalizeSettings(pattern="drop"))
    assert done.notes == ("pattern_dropped",)
    assert reason(tile + shape, pattern="reject") is Reason.UNSUPPORTED_PATTERN
    assert inner(empty + shape, pattern="reject") == inner(empty + shape)


def test_content_has_the_style_of_where_it_stands():
    """Properties are inherited from the pattern's ancestors, not from what it paints."""
    inside = pattern('width="200" height="200"', '<circle cx="50" cy="50" r="40"/>')
    tile = f'<g fill="lime" stroke="none">{inside}</g>'
    assert '<circle cx="50" cy="50" r="40" fill="#0f0"/>' in inner(f'{tile}<g stroke="red">{SHAPE}</g>')


NUMBERS = st.sampled_from(["0", "1", "7.3", "64", "127.5", "300", "-5", "20%", ".2", "1e5"])


@st.composite
def drawings(draw: st.DrawFn) -> str:
    names = draw(st.sets(st.sampled_from(["x", "y"])))
    places = " ".join(f'{name}="{draw(NUMBERS)}"' for name in sorted(names))
    units = draw(st.sampled_from(["", 'patternUnits="userSpaceOnUse"']))
    inside = draw(st.sampled_from(["", 'patternContentUnits="objectBoundingBox"', 'viewBox="0 0 90 70"']))
    a, b, c, d = (draw(st.integers(-20, 20)) / 10 for _ in range(4))
    e, f = (draw(st.integers(-900, 900)) for _ in range(2))
    turn = draw(
        st.sampled_from(["", f"matrix({a} {b} {c} {d} {e} {f})", f"rotate({e})", f"scale({a})", f"scale({a} {d})"])
    )
    width, height = draw(NUMBERS), draw(NUMBERS)
    content = draw(
        st.sampled_from([MARK, '<rect width="100%" height="100%"/>', '<circle cx="30" cy="30" r="29.6" stroke="red"/>'])
    )
    box = draw(st.sampled_from(["0 0 784 784", "0 0 24 24", "-20 -10 400 200", "100 100 300 700"]))
    side = draw(st.sampled_from([20, 120, 700]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><pattern id="p" {places} {units} {inside} '
        f'width="{width}" height="{height}" patternTransform="{turn}">{content}</pattern>'
        f'<rect x="9" y="5" width="{side}" height="{side}" fill="url(#p)" stroke="#00f"/></svg>'
    )


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawings())
def test_normalizing_twice_equals_normalizing_once(svg: str):
    """The canonical form of a canonical pattern is itself, and its coordinates are what tokens can say."""
    try:
        once = normalize_one(svg.encode(), NormalizeSettings()).svg
    except Dropped:
        return
    assert normalize_one(once.encode(), NormalizeSettings()).svg == once
    for data in re.findall(r' d="([^"]*)"', once):
        assert max(int(n) for pair in re.findall(r"M(\d+) (\d+)", data) for n in pair) <= 794
        plain = re.sub(r"a[\d.]+ [\d.]+ -?[\d.]+ [01] [01] ", "l", data)
        assert max(map(abs, map(int, re.findall(r"-?\d+", plain)))) <= 794
