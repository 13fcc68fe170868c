"""Filters on the canvas."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from stages.tokenize import TokenizeSettings, Vocabulary, decode, encode
from tests.stages.normalize.drawn import HEAD, error, inner, reason, whole

SHAPE = '<rect x="200" y="200" width="300" height="250" fill="#c00"/>'
PAIR = '<path d="M200 200h300v90z" fill="#c00"/><circle cx="400" cy="400" r="80" fill="#06c" opacity=".7"/>'
BLUR = '<feGaussianBlur stdDeviation="10"/>'


def applied(primitives: str, body: str = SHAPE, attributes: str = "", more: str = "") -> str:
    return f'<filter id="f" {attributes}>{primitives}</filter><g filter="url(#f)" {more}>{body}</g>'


def printed(primitives: str, attributes: str = "") -> str:
    """The primitives of the canonical filter."""
    found = re.search(r"<filter [^>]*>(.*)</filter>", inner(applied(primitives, PAIR, attributes)))
    return found[1] if found else ""


def test_a_filter_is_in_canvas_units():
    """Region and lengths are mapped to the canvas, and the filter stands on the element itself."""
    body = f'<g transform="translate(100 50)scale(2)">{applied(BLUR, SHAPE.replace("200", "20"))}</g>'
    assert inner(body) == (
        '<defs><filter id="f0" x="80" y="40" width="720" height="600" filterUnits="userSpaceOnUse">'
        '<feGaussianBlur stdDeviation="20"/></filter></defs>'
        '<rect x="140" y="90" width="600" height="500" fill="#c00" filter="url(#f0)"/>'
    )


def test_names_are_canonical_and_defaults_left_out():
    """Only results that cannot be meant by default are named; primitives that nothing comes from are left out."""
    shadow = (
        '<feTurbulence result="noise"/><feFlood flood-color="navy" flood-opacity=".5" result="ink"/>'
        '<feComposite in="ink" in2="SourceGraphic" operator="in" result="cut"/>'
        '<feGaussianBlur in="cut" stdDeviation="6" result="soft"/><feOffset in="soft" dx="9" dy="0" result="moved"/>'
        '<feComposite in="SourceGraphic" in2="moved" operator="over"/>'
    )
    assert printed(shadow) == (
        '<feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0.2159 0 0 0 0 0.5"/>'
        '<feComposite in2="SourceGraphic" operator="in"/>'
        '<feGaussianBlur stdDeviation="6"/><feOffset dx="9"/><feComposite in="SourceGraphic"/>'
    )
    twice = f'<feOffset dx="5" result="a"/>{BLUR}<feMerge><feMergeNode/><feMergeNode in="a"/></feMerge>'
    assert printed(twice) == ('<feOffset dx="5" result="r0"/><feGaussianBlur stdDeviation="10"/><feComposite in="r0"/>')


@pytest.mark.parametrize(
    "primitives",
    [
        BLUR,
        '<feGaussianBlur stdDeviation="20 4" in="SourceAlpha"/>',
        '<feOffset dx="30" dy="-20"/>',
        '<feOffset dx="30"/><feBlend in="SourceGraphic" mode="multiply"/>',
        '<feFlood flood-color="lime" flood-opacity=".4"/><feBlend in2="SourceGraphic" mode="screen"/>',
        '<feColorMatrix type="saturate" values=".2"/>',
        '<feColorMatrix type="hueRotate" values="120"/>',
        '<feColorMatrix type="luminanceToAlpha"/>',
        '<feColorMatrix values="0 0 1 0 0 0 1 0 0 .2 1 0 0 0 0 0 0 0 .8 0"/>',
        '<feOffset dx="40"/><feComposite in="SourceGraphic" operator="xor"/>',
        '<feOffset dx="40"/><feComposite in="SourceGraphic" operator="arithmetic" k2=".5" k3=".5"/>',
        '<feDropShadow dx="20" dy="30" stdDeviation="5" flood-color="#080"/>',
        '<feComponentTransfer><feFuncR type="table" tableValues="1 0"/><feFuncG type="gamma" exponent="2" offset=".3"/>'
        '<feFuncB type="discrete" tableValues="0 .5 1"/><feFuncA type="linear" slope=".6"/></feComponentTransfer>',
        '<feMorphology operator="dilate" radius="9 5"/>',
        '<feMorphology radius="9"/>',
        '<feFlood flood-color="#fc0" x="150" y="300" width="200" height="100"/><feMerge><feMergeNode in="SourceGraphic"/>'
        "<feMergeNode/></feMerge>",
        '<feOffset x="300" y="100" width="150" height="300"/>',
    ],
)
@pytest.mark.parametrize(
    "attributes", ["", 'color-interpolation-filters="sRGB"', 'x="0" y="-.2" width=".9" height="2"']
)
def test_primitives_look_alike(primitives: str, attributes: str):
    """Each primitive that is kept gives the same picture, also under a scale and in a drawing of another size."""
    body = applied(primitives, PAIR, attributes)
    assert error(body) < 0.004
    assert error(f'<g transform="translate(-50 900)scale(1.2 -1.2)">{body}</g>') < 0.006


@pytest.mark.parametrize(
    ("value", "primitive"),
    [
        ("blur(5px)", '<feGaussianBlur stdDeviation="5"/>'),
        (
            "drop-shadow(4px 5px 6px rgba(0,0,255,.5))",
            '<feGaussianBlur stdDeviation="6"/><feOffset dx="4" dy="5"/>'
            '<feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0.5 0"/><feComposite in="SourceGraphic"/>',
        ),
        (
            "drop-shadow(blue 4px 5px)",
            '<feOffset dx="4" dy="5"/><feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0',
        ),
        ("grayscale(1)", '<feColorMatrix values="0.2126 0.7152 0.0722 0 0 0.2126 '),
        ("sepia(50%)", '<feColorMatrix values="0.6965 0.3845 0.0945 0 0 0.1745 0.843 '),
        ("saturate(3)", '<feColorMatrix type="saturate" values="3"/>'),
        ("hue-rotate(.25turn)", '<feColorMatrix type="hueRotate" values="90"/>'),
        ("invert(.2)", '<feColorMatrix values="0.6 0 0 0 0.2 0 0.6 0 0 0.2 0 0 0.6 0 0.2 0 0 0 1 0"/>'),
        ("brightness(2)", '<feColorMatrix values="2 0 0 0 0 0 2 0 0 0 0 0 2 0 0 0 0 0 1 0"/>'),
        ("contrast(.5)", '<feColorMatrix values="0.5 0 0 0 0.25 0 0.5 0 0 0.25 0 0 0.5 0 0.25 0 0 0 1 0"/>'),
    ],
)
def test_functions_are_the_primitives_they_stand_for(value: str, primitive: str):
    """The shorthands of CSS are written out, in sRGB and with a region that cuts nothing."""
    body = f'<g style="filter:{value}">{PAIR}</g>'
    assert primitive in inner(body) and 'color-interpolation-filters="sRGB"' in inner(body)
    # librsvg, which draws the pictures, computes the functions that change colours in linearRGB, against the standard
    if value.startswith(("blur", "drop-shadow")):
        assert error(body) < 0.004


def test_functions_apply_one_after_the_other():
    """A list of functions is a nest of groups, and opacity() is the opacity of the group."""
    got = inner(f'<g style="filter:blur(5px) opacity(50%) brightness(2)">{SHAPE}</g>')
    assert re.search(r'<g filter="url\(#f0\)"><rect [^>]* filter="url\(#f1\)" opacity="0.5"/></g>$', got)


@pytest.mark.parametrize("value", ["blur(-1px)", "blur(5)", "blur(5%)", "grayscale(red)", "none blur(1px)", "url(#x)"])
def test_invalid_values_and_missing_filters_do_nothing(value: str):
    """An invalid list, and one that refers to no filter, is as if it were not there; a note says so."""
    done = normalize_one(f'{HEAD}<g style="filter:{value}">{SHAPE}</g></svg>'.encode(), NormalizeSettings())
    assert "filter" not in done.svg and done.notes in (("filter_invalid",), ("filter_missing",))
    assert "feGaussianBlur" in inner(f'<g filter="blur(5)">{SHAPE}</g>')  # an attribute's lengths need no unit


def test_a_filter_comes_before_clip_path_mask_and_opacity():
    """On one element the order is right; what a group's members have of these comes first, so the group stays."""
    clip = '<clipPath id="c"><circle cx="400" cy="400" r="200"/></clipPath>'
    got = inner(clip + applied(BLUR, SHAPE, more='clip-path="url(#c)" opacity=".5"'))
    assert got.endswith('fill="#c00" clip-path="url(#c0)" filter="url(#f0)" opacity="0.5"/>')
    member = SHAPE.replace("/>", ' clip-path="url(#c)"/>')
    assert re.search(
        r'<g filter="url\(#f0\)"><rect [^>]* clip-path="url\(#c0\)"/></g>$', inner(clip + applied(BLUR, member))
    )
    member = SHAPE.replace("/>", ' opacity=".5"/>')
    assert re.search(r'<g filter="url\(#f0\)"><rect [^>]* opacity="0.5"/></g>$', inner(applied(BLUR, member)))


def test_a_blur_beyond_a_clip_path_is_clipped():
    """A clip is left out only if it holds what the filter paints, not just what it is applied to."""
    clip = '<clipPath id="c"><rect x="{0}" y="{0}" width="{1}" height="{1}"/></clipPath>'
    body = applied(BLUR, SHAPE, more='clip-path="url(#c)"')
    assert "clipPath" in inner(clip.format(190, 320) + body)
    assert "clipPath" not in inner(clip.format(100, 500) + body)


@pytest.mark.parametrize(
    "primitives",
    [
        '<feGaussianBlur stdDeviation="0"/>',
        '<feGaussianBlur stdDeviation="-3"/>',
        '<feGaussianBlur stdDeviation=".001"/>',
        "<feOffset/>",
        '<feColorMatrix values="1 2 3"/>',
        '<feColorMatrix type="saturate"/>',
        '<feComponentTransfer><feFuncR type="identity"/></feComponentTransfer>',
        '<feMorphology radius="0"/>',
        '<feTurbulence/><feMerge><feMergeNode in="SourceGraphic"/></feMerge>',
    ],
)
def test_a_filter_that_changes_nothing_is_left_out(primitives: str):
    """Primitives that pass their input on are not printed, but the region cuts nevertheless."""
    assert inner(applied(primitives)) == inner(SHAPE)
    cut = applied(primitives, SHAPE, 'filterUnits="userSpaceOnUse" x="300" y="0" width="100" height="784"')
    assert '<clipPath id="c0"><rect x="300" y="0" width="100" height="784"/></clipPath>' in inner(cut)


@pytest.mark.parametrize(
    "body",
    [
        applied("<feTurbulence/>"),
        applied('<feImage href="#x"/>'),
        applied('<feBlend in2="BackgroundImage"/>'),
        applied('<feFlood/><feComposite in2="FillPaint"/>'),
        applied('<feGaussianBlur stdDeviation="3" edgeMode="wrap"/>'),
        applied('<feGaussianBlur stdDeviation="30 5"/>', more='transform="rotate(30)"'),
        applied('<feMorphology radius="9"/>', more='transform="rotate(30)"'),
        applied('<feFlood x="300" width="10"/>', more='transform="rotate(30)"'),
        applied(BLUR, attributes='width="-1"'),
        applied('<feFlood width="0"/>'),
        applied("", attributes='href="#x"'),
    ],
)
def test_what_cannot_be_said_is_refused(body: str):
    """Other primitives and inputs, and what a turn makes impossible."""
    assert reason(body) is Reason.UNSUPPORTED_FILTER


def test_an_empty_filter_hides_what_it_applies_to():
    """Filter Effects 1: without primitives the result is transparent."""
    assert reason(applied("")) is Reason.NOTHING_DRAWN


def test_a_flood_needs_no_drawing():
    """A group without content is filtered all the same."""
    flood = applied(
        '<feFlood flood-color="red"/>', "", 'filterUnits="userSpaceOnUse" x="9" y="9" width="90" height="90"'
    )
    assert inner(flood) == (
        '<defs><filter id="f0" x="9" y="9" width="90" height="90" filterUnits="userSpaceOnUse">'
        '<feColorMatrix values="0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1"/></filter></defs><g filter="url(#f0)"/>'
    )
    assert reason(applied(BLUR, "", 'filterUnits="userSpaceOnUse" width="90" height="90"')) is Reason.NOTHING_DRAWN


def test_a_turned_region_cuts_as_it_did():
    """Where a turned region would cut, clip paths do; where it does not, an upright one that holds it will."""
    free = applied('<feOffset dx="30"/>', more='transform="rotate(30 350 300)"', attributes='x="-1" width="3"')
    assert "clipPath" not in inner(free) and '<feOffset dx="25.98" dy="15"/>' in inner(free)
    cut = applied('<feOffset dx="80"/>', more='transform="rotate(30 350 300)"')
    assert "clipPath" in inner(cut)
    assert error(free) < 0.004
    # the source's picture is that of renderers that bound turned regions, so it is compared with a clip of its own
    bound = cut.replace('width="300" height="250" fill', 'width="300" height="250" clip-path="url(#k)" fill', 1)
    assert error(bound + '<clipPath id="k"><rect x="170" y="175" width="360" height="300"/></clipPath>') < 0.05


def test_what_lies_beside_the_view_box_is_blurred_in():
    """A shape is not cut to the viewBox before its filter, but after it."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100"><filter id="f" filterUnits="userSpaceOnUse" '
        'x="-99" y="-99" width="500" height="500"><feGaussianBlur stdDeviation="9"/></filter>'
        '<path d="M50 -40h90v90z" filter="url(#f)"/></svg>'
    )
    got = normalize_one(svg.encode(), NormalizeSettings()).svg
    assert 'd="M196 39h353v353z"' in got
    assert '<clipPath id="c0"><rect x="0" y="196" width="784" height="392"/></clipPath>' in got


def test_filters_can_be_left_out_or_refused():
    """The setting says what becomes of filters."""
    assert inner(applied(BLUR), filter="drop") == inner(SHAPE)
    done = normalize_one(f"{HEAD}{applied(BLUR)}</svg>".encode(), NormalizeSettings(filter="drop"))
    assert done.notes == ("filter_dropped",)
    assert reason(applied(BLUR), filter="reject") is Reason.UNSUPPORTED_FILTER


def test_filters_have_tokens_that_move_no_others():
    """The extended vocabulary holds all that canonical filters do, and the released one is its beginning."""
    extended, released = (Vocabulary.build(TokenizeSettings(elements=name)) for name in ("extended", "released"))
    assert extended.tokens[: len(released.tokens)] == released.tokens
    transfer = '<feComponentTransfer><feFuncA type="linear" slope=".5"/></feComponentTransfer>'
    svg = whole(applied(f'{transfer}<feMorphology radius="3"/><feDropShadow/><feFlood/><feBlend in2="SourceGraphic"/>'))
    svg += whole(applied(f'{transfer}<feMorphology radius="3"/><feDropShadow/>'))
    for each in svg.replace("</svg><svg", "</svg>\n<svg").splitlines():
        assert decode(encode(each, extended), extended) == each


PRIMITIVES = st.sampled_from(
    [
        BLUR,
        '<feGaussianBlur stdDeviation="{n}" {i}/>',
        '<feOffset dx="{n}" dy="{n}" {i} {r}/>',
        '<feOffset {i} x="{n}" width="300" height="200"/>',
        '<feBlend {i} in2="a" mode="{n}"/>',
        '<feColorMatrix {i} type="saturate" values="{n}"/>',
        '<feComposite {i} in2="a" operator="in" {r}/>',
        '<feComposite {i} in2="SourceAlpha" operator="arithmetic" k1="{n}" k4="{n}"/>',
        '<feFlood flood-color="red" {r}/>',
        '<feDropShadow dx="{n}" stdDeviation="{n}" {i} color-interpolation-filters="sRGB"/>',
        "<feMerge><feMergeNode/><feMergeNode {i}/></feMerge>",
        '<feComponentTransfer {i}><feFuncA type="table" tableValues="{n} 1"/></feComponentTransfer>',
        '<feMorphology {i} operator="dilate" radius="{n}"/>',
    ]
)
NUMBERS = st.sampled_from(["0", "1", "7.3", "-5", "1e9", "1e-9", "", "x", "3 4", "50%", "nan"])


@st.composite
def drawings(draw: st.DrawFn) -> str:
    primitives = ""
    for each in draw(st.lists(PRIMITIVES, min_size=1, max_size=5)):
        given_in = draw(st.sampled_from(["", 'in="SourceGraphic"', 'in="SourceAlpha"', 'in="a"', 'in="b"']))
        result = draw(st.sampled_from(["", 'result="a"', 'result="b"']))
        primitives += each.replace("{n}", draw(NUMBERS)).replace("{i}", given_in).replace("{r}", result)
    units = draw(st.sampled_from(["", 'filterUnits="userSpaceOnUse"', 'primitiveUnits="objectBoundingBox"', 'x="{n}"']))
    turn = draw(st.sampled_from(["", "rotate(30)", "scale(2 -3)", "rotate(90)", "skewX(2)", "translate(300)"]))
    more = draw(
        st.sampled_from(["", 'opacity=".5"', 'clip-path="url(#c)"', 'mask="url(#m)"', 'style="filter:blur(3px)"'])
    )
    box = draw(st.sampled_from(["0 0 784 784", "0 0 400 300", "100 100 300 700"]))
    body = draw(st.sampled_from([SHAPE, PAIR, f'<g opacity=".5">{PAIR}</g>', ""]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><clipPath id="c"><path d="M9 9h300v300z"/></clipPath>'
        f'<mask id="m"><circle cx="300" cy="300" r="150" fill="#888"/></mask>'
        f'<filter id="f" {units.replace("{n}", draw(NUMBERS))}>{primitives}</filter>'
        f'<g transform="{turn}" {more}><g filter="url(#f)">{body}</g></g><path d="M0 0h99v99z"/></svg>'
    )


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawings())
def test_normalizing_twice_equals_normalizing_once(svg: str):
    """Any filter is kept or refused, never an error, and the canonical form of a canonical form is itself."""
    try:
        once = normalize_one(svg.encode(), NormalizeSettings()).svg
    except Dropped:
        return
    assert normalize_one(once.encode(), NormalizeSettings()).svg == once
