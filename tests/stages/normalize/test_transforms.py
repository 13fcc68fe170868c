"""Transforms (CSS Transforms 1 and 2). The places expected are Chromium's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.geometry.transforms import apply
from stages.normalize.values.calculations import UnknownFunction
from stages.normalize.values.properties import parse_property
from stages.normalize.values.transform_lists import Frame, combined, parse_individual, parse_transform
from stages.normalize.values.transform_lists import parse_property as parse_list
from stages.reasons import Reason

FRAME = Frame(200, 100, 10)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{}</svg>'
RECT = '<rect x="400" y="400" width="200" height="100" {}/>'


def canonical(body: str) -> str:
    return normalize_one(SVG.format(body).encode(), NormalizeSettings()).svg


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("translate(50%, 50%)", (110, 70)),
        ("translate(1em, calc(10px * 3))", (20, 50)),
        ("translate3d(30px, 20px, 50px)", (40, 40)),
        ("rotate(.5turn)", (-10, -20)),
        ("rotateZ(90deg)", (-20, 10)),
        ("rotateX(60deg)", (10, 10)),
        ("rotateY(180deg)", (-10, 20)),
        ("rotateX(60deg) translateZ(10px)", (10, 10 - 8.660254)),
        ("rotate3d(0, 0, -1, 90deg)", (20, -10)),
        ("rotate3d(1, 1, 0, 180deg)", (20, 10)),
        ("matrix3d(1,0,0,0,0,1,0,0,0,0,1,0,10,10,0,1)", (20, 30)),
        ("matrix(1,2,3,4,5,-6)", (75, 94)),
        ("scale3d(.5,2,3)", (5, 40)),
        ("scale(50%)", (5, 10)),
        ("scaleZ(.5) TRANSLATEX(10px)", (20, 20)),
        ("perspective(100px) translate(10px,10px)", (20, 30)),
        ("skewx(45deg)", (30, 20)),
        ("rotate(0) translate(0,0)", (10, 20)),
        ("rotate(calc(1turn / 4))", (-20, 10)),
        ("none", (10, 20)),
    ],
)
def test_the_property_takes_units_and_maps_of_space(text: str, point: tuple[float, float]):
    """The image of (10, 20) in the plane."""
    matrix = parse_list(text, FRAME)
    assert matrix is not None and apply(combined([matrix]), 10, 20) == pytest.approx(point)


@pytest.mark.parametrize(
    "text",
    [
        "translate(30,30)", "translate(30px 30px)", "rotate(20)", "rotate(20deg,1px,1px)", "matrix(1,0,0,1,10px,10px)",
        "matrix(1 0 0 1 10 10)", "translate(1px), translate(1px)", "scale()", "translateZ(50%)", "", "scale(1px)",
    ],
)  # fmt: skip
def test_the_property_is_stricter_than_the_attribute(text: str):
    """What is invalid leaves the attribute to hold."""
    assert parse_property("transform", text) is None
    assert '<rect x="410" y="420"' in canonical(RECT.format(f'transform="translate(10 20)" style="transform:{text}"'))


@pytest.mark.parametrize(
    ("name", "text", "point"),
    [
        ("translate", "10px", (20, 20)),
        ("translate", "50% 10%", (110, 30)),
        ("translate", "1px 2px 3px", (11, 22)),
        ("rotate", "90deg", (-20, 10)),
        ("rotate", "x 60deg", (10, 10)),
        ("rotate", "0 0 1 90deg", (-20, 10)),
        ("rotate", "90deg z", (-20, 10)),
        ("scale", "2", (20, 40)),
        ("scale", "50% 200%", (5, 40)),
        ("scale", "2 1 9", (20, 20)),
        ("scale", "none", (10, 20)),
    ],
)
def test_each_step_has_a_property_of_its_own(name: str, text: str, point: tuple[float, float]):
    """CSS Transforms 2, section 5."""
    matrix = parse_individual(name, text, FRAME)
    assert matrix is not None and apply(combined([matrix]), 10, 20) == pytest.approx(point)


@pytest.mark.parametrize(
    ("attributes", "box"),
    [
        ('style="translate:80px 0;rotate:90deg;scale:.5;transform:translate(-400px,-400px)"', (30, 0, 50, 100)),
        ('transform="translate(-400,-400)" style="translate:80px 0;rotate:90deg;scale:.5"', (30, 0, 50, 100)),
        ('style="rotate:90deg;transform-origin:500px 450px"', (450, 350, 100, 200)),
        ('style="rotate:90deg;transform-origin:center;transform-box:fill-box"', (450, 350, 100, 200)),
        ('style="rotate:90deg;transform-box:fill-box"', (300, 400, 100, 200)),
        ('style="rotate:90deg;transform-origin:center"', (284, 400, 100, 200)),
        ('transform="rotate(90)" transform-origin="500 450"', (450, 350, 100, 200)),
        ('style="translate:50% 50%;transform-box:fill-box"', (500, 450, 200, 100)),
        ('style="transform:scale(2);transform-origin:right bottom;transform-box:content-box"', (200, 300, 400, 200)),
        ('translate="9px" rotate="9" scale="2"', (400, 400, 200, 100)),
        ('transform="translate(9 9)" style="transform:none"', (400, 400, 200, 100)),
        ('transform="translate(9 9)" style="transform:initial;translate:inherit;rotate:unset"', (400, 400, 200, 100)),
        ('transform="translate(9px,9px)"', (400, 400, 200, 100)),
    ],
)
def test_a_map_is_about_its_origin_in_its_box(attributes: str, box: tuple[int, int, int, int]):
    """Translate, rotate, scale and then transform (CSS Transforms 2, section 9)."""
    x, y, width, height = box
    assert f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>' in canonical(RECT.format(attributes))


def test_a_used_element_is_measured_before_x_and_y_move_it():
    """Chromium maps about the middle of what is used, (100, 50), though it stands at (540, 0)."""
    used = '<defs><rect id="a" width="200" height="100"/></defs><use href="#a" x="300" y="-40" {}/>'
    style = 'style="transform-box:fill-box;transform-origin:center;rotate:90deg"'
    assert '<rect x="90" y="250" width="100" height="200"/>' in canonical(used.format(style))


@pytest.mark.parametrize(
    ("style", "reason", "named"),
    [
        ("transform:foo(10px)", Reason.UNSUPPORTED_CSS, r"transform: foo\(\)"),
        ("transform:perspective(100px) rotateX(60deg)", Reason.UNSUPPORTED_CSS, "perspective"),
        ("offset-path:path('M0 0h9')", Reason.UNSUPPORTED_CSS, "offset-path"),
        ("transform:translate(10vw)", Reason.UNSUPPORTED_CSS, "10vw"),
        ("rotate:x 60deg;transform-origin:0 0 9px", Reason.UNSUPPORTED_CSS, "transform-origin"),
    ],
)
def test_what_cannot_be_said_is_a_drop_that_names_it(style: str, reason: Reason, named: str):
    """A perspective, which browsers apply each in its way, or a path to move along."""
    with pytest.raises(Dropped, match=named) as error:
        canonical(RECT.format(f'style="{style}"'))
    assert error.value.reason is reason


def test_invalid_origins_have_no_effect():
    """The property takes units, the attribute does not."""
    for value in ("50 45", "left left", "50px, 45px", "left 50px top 45px"):
        assert parse_property("transform-origin", value) is None
    plain = canonical(RECT.format('transform="rotate(20)"'))
    assert canonical(RECT.format('transform="rotate(20)" style="transform-origin:50 45"')) == plain
    assert canonical(RECT.format('transform="rotate(20)" transform-origin="50 45"')) != plain


def test_clip_paths_and_paint_servers_move_about_origins_too():
    """As everything that has a transform."""
    clip = (
        '<clipPath id="c"><rect x="400" y="400" width="200" height="100" style="rotate:90deg;'
        'transform-origin:center;transform-box:fill-box"/></clipPath><circle r="2000" clip-path="url(#c)"/>'
    )
    assert '<rect x="450" y="350" width="100" height="200"/>' in canonical(clip)
    gradient = (
        '<linearGradient id="g" gradientUnits="userSpaceOnUse" x1="100" x2="300" gradientTransform="rotate(90)" '
        'style="transform-origin:200px 200px"><stop/><stop offset="1" stop-color="red"/></linearGradient>'
        '<rect width="700" height="700" fill="url(#g)"/>'
    )
    assert 'x1="400" y1="100" x2="400" y2="300"' in canonical(gradient)


def test_renderers_are_shown_a_matrix():
    """With nothing beside it that would move the element again."""
    style = 'style="translate:10px 0;transform:rotateZ(90deg);transform-origin:center" class="r"'
    made = normalize_one(SVG.format(RECT.format(style)).encode(), NormalizeSettings())
    assert b'transform="matrix(0,1,-1,0,794,0)"' in made.source
    assert b"translate:none !important" in made.source and b"transform-origin:0 0 !important" in made.source
    assert made.notes == ("class_without_rule", "plain_transforms")


_PIECES = st.sampled_from(
    ["translate(", "rotate(", "matrix3d(", "scale(", ")", ",", " ", "1", "10px", "50%", "30deg", "calc(", "1e999",
     "foo(", "none", "perspective(", "-3"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=20).map("".join)))
def test_no_text_is_an_error(text: str):
    """It is a map, or it is invalid, or a function in it is not known, which has a type of its own."""
    for name in ("transform", "translate", "rotate", "scale", "transform-origin"):
        parse_property(name, text)
    try:
        parse_transform(text)
    except UnknownFunction as error:
        assert str(error).endswith("()")
