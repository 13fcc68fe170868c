"""Lengths and math functions (CSS Values 4). The values expected are Chromium's or the specification's."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.values.properties import parse_property
from stages.normalize.values.units import Length, parse_length, parse_share, resolve
from stages.reasons import Reason

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{}</svg>'


def canonical(body: str) -> str:
    return normalize_one(SVG.format(body).encode(), NormalizeSettings()).svg


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("calc(100% - 20px)", 180),
        ("calc(2em + 10%)", 40),
        ("calc(20 + 10)", 30),
        ("calc((1px + 2px) * 3 - 1px)", 8),
        ("calc(20px / 2px * 15px)", 150),
        ("min(10px, 50%)", 10),
        ("max(20px, 50%, 1em)", 100),
        ("clamp(5px, 30%, 20px)", 20),
        ("round(43px, 10px)", 40),
        ("round(up, 41px, 10px)", 50),
        ("mod(-5px, 3px)", 1),
        ("rem(-5px, 3px)", -2),
        ("abs(-3px)", 3),
        ("calc(sign(-3px) * 2px)", -2),
        ("calc(pi * 10px)", 31.41592654),
        ("calc(sin(30deg) * 10px)", 5),
        ("calc(sqrt(16) * 1px)", 4),
        ("hypot(3px, 4px)", 5),
        ("calc(2 * (50% - 5px))", 190),
        ("40Q", 37.79527559),
        ("2rem", 32),
        ("calc(1px / 0)", 1e30),
        ("calc(0px / 0)", 0),
    ],
)
def test_lengths_are_computed(text: str, pixels: float):
    """With a reference of 200 px and a font of 10 px."""
    length = parse_length(text)
    assert length is not None and length.exotic
    assert resolve(length, 200, 10) == pytest.approx(pixels)


@pytest.mark.parametrize(
    "text",
    [
        "calc(20px+20px)", "calc(1px + 2)", "calc(1px * 2px)", "calc()", "min()", "calc(1deg)", "20 px",
        "calc(1px +2px)", "calc(foo)", "5foo", "clamp(1px, 2px)", "calc(1px 2px)", "sin(1px)", "calc(1px) 2px",
    ],
)  # fmt: skip
def test_what_does_not_parse_is_no_length(text: str):
    """It is invalid, so that what was declared before it holds."""
    assert parse_length(text) is None


@pytest.mark.parametrize(
    ("text", "named"), [("40vw", "vw"), ("calc(1px + 2svh)", "svh"), ("1lh", "lh"), ("2cap", "cap"), ("3cqw", "cqw")]
)
def test_what_the_drawing_does_not_tell_is_a_drop_that_names_it(text: str, named: str):
    """The size of the window, the metrics of a font."""
    length = parse_length(text)
    assert length is not None
    with pytest.raises(Dropped, match=named) as error:
        resolve(length, 100)
    assert error.value.reason is Reason.UNSUPPORTED_CSS


def test_a_length_that_is_not_drawn_may_be_anything():
    """It is refused where it is used."""
    hidden = '<rect width="40vw" height="foo(1px)" visibility="hidden"/><rect width="9" height="9"/>'
    assert canonical(hidden).count("<rect") == 1
    with pytest.raises(Dropped, match=r"foo\(\)"):
        canonical('<rect width="foo(1px)" height="9"/>')


@pytest.mark.parametrize(
    ("attributes", "drawn"),
    [
        ('width="calc(100% - 20px)" height="30"', 'width="764" height="30"'),
        ('width="20" height="30" style="width:calc(50px + 10px)"', 'width="60" height="30"'),
        ('width="20" height="30" style="width:5foo"', 'width="20" height="30"'),
        ('width="20" height="30" style="width:-5px"', 'width="20" height="30"'),
        ('width="20" height="30" style="width:60"', 'width="60" height="30"'),
        ('width="20" height="30" style="width:calc(20 + 10)"', 'width="20" height="30"'),
        ('style="--w:40;width:calc(var(--w) * 1px);height:var(--h, 30px)"', 'width="40" height="30"'),
    ],
)
def test_geometry_is_a_property_too(attributes: str, drawn: str):
    """A valid declaration beats the attribute, an invalid one does not."""
    assert drawn in canonical(f"<rect {attributes}/>")


def test_a_calculated_value_is_clamped_where_a_plain_one_is_invalid():
    """CSS Values 4, section 10.12."""
    assert parse_property("stroke-width", "-3px") is None
    assert parse_property("stroke-width", "calc(-3px)") == Length(0.0, "px", None, True)
    assert parse_property("stroke-miterlimit", "calc(.2)") == 1
    assert parse_property("opacity", "calc(2 * 1)") == 1


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("path('M10 10H90V90z')", "M10 10"),
        ("none", None),
        ("path('')", None),
        ("path(M10 10H90z)", "M1 1"),
        ("path(evenodd, 'M10 10H90V90z')", "M1 1"),
        ("path('M10 10H90 foo')", "M1 1"),
        ("M10 10H90V90z", "M1 1"),
        ("polygon(10px 10px, 60px 60px, 10px 60px)", "M1 1"),
    ],
)
def test_path_data_is_a_property_too(value: str, data: str | None):
    """It holds one string of data without an error, or it is invalid and the attribute holds."""
    got = canonical(f'<rect width="9" height="9"/><path d="M1 1h9v9z" style="d:{value}"/>')
    assert (f'd="{data}' in got) if data else ("<path" not in got)


@pytest.mark.parametrize(
    ("value", "size"),
    [("larger", 24), ("smaller", 20 / 1.2), ("xxx-large", 48), ("small", 13), ("calc(50% + 1em)", 30), ("2rem", 32)],
)
def test_font_sizes_are_computed_and_said_plainly(value: str, size: float):
    """Renderers lack the keywords and rem."""
    made = normalize_one(
        SVG.format(f'<g font-size="20"><rect width="1em" height="9" style="font-size:{value}"/></g>').encode(),
        NormalizeSettings(),
    )
    assert f'width="{round(size)}"' in made.svg
    assert f"font-size:{size:.9g}px".encode() in made.source


def test_rem_is_the_font_size_of_the_root():
    """In attributes, declarations and transforms (CSS Values 4, section 6.1.1)."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784" style="font-size:1.25rem">'
        '<rect width="2rem" height="9" style="height:.5rem;transform:translate(1rem,0)"/></svg>'
    )
    assert '<rect x="20" y="0" width="40" height="10"/>' in normalize_one(svg.encode(), NormalizeSettings()).svg


def test_shares_are_numbers_or_percentages():
    """Which do not add up with each other."""
    assert parse_share("50%") == parse_share(".5") == parse_share("calc(25% * 2)") == parse_share("calc(1 / 2)") == 0.5
    assert parse_share("calc(.2 + 30%)") is None and parse_share("1px") is None


_NUMBERS = st.floats(-1000, 1000).map(lambda value: round(value, 3))


@st.composite
def sums(draw: st.DrawFn, depth: int = 3) -> tuple[str, float]:
    """A sum of lengths as CSS and as its value in pixels, with a reference of 300 and a font of 20."""
    if depth == 0 or draw(st.booleans()):
        number = draw(_NUMBERS)
        unit, factor = draw(st.sampled_from([("px", 1.0), ("%", 3.0), ("em", 20.0), ("in", 96.0)]))
        return f"{number}{unit}", number * factor
    (a, x), (b, y) = draw(sums(depth=depth - 1)), draw(sums(depth=depth - 1))
    kind = draw(st.sampled_from(["+", "-", "*", "/", "min", "max"]))
    scale = draw(st.floats(0.5, 4).map(lambda value: round(value, 2)))
    return {
        "+": (f"({a} + {b})", x + y),
        "-": (f"({a} - ({b}))", x - y),
        "*": (f"({scale} * {a})", scale * x),
        "/": (f"({a} / {scale})", x / scale),
        "min": (f"min({a}, {b})", min(x, y)),
        "max": (f"max({a}, {b})", max(x, y)),
    }[kind]


@given(sums())
def test_calculations_agree_with_arithmetic(case: tuple[str, float]):
    """Whatever their units."""
    text, value = case
    length = parse_length(f"calc({text})")
    assert length is not None and resolve(length, 300, 20) == pytest.approx(value, abs=1e-6)


_PIECES = st.sampled_from(
    ["calc(", "min(", ")", "(", "+", "-", "*", "/", " ", "1px", "50%", "2em", "e", "infinity", "1e999", ",", "round(",
     "up", "foo(", "3vw", "none", "sin(", "0"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=20).map("".join)))
def test_no_text_is_an_error(text: str):
    """It is a length, which has a finite value or is refused, or it is none."""
    length = parse_length(text)
    if length is not None:
        try:
            assert math.isfinite(resolve(length, 100, 10))
        except Dropped as error:
            assert error.reason is Reason.UNSUPPORTED_CSS
    for name in ("width", "stroke-width", "stroke-dasharray", "opacity", "font-size", "d"):
        parse_property(name, text)


def test_units_have_no_case_in_a_document():
    """A ``Rem`` is a rem, of the root's font size, as is a ``REM``."""
    sides = [
        re.search(r'width="(\d+)"', normalize_one(_REM_DRAWING.format(unit).encode(), NormalizeSettings()).svg)[1]
        for unit in ("rem", "REM", "Rem", "rEm")
    ]
    assert sides == ["96"] * 4


_REM_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784" font-size="32">'
    '<rect style="width:3{}" height="50"/></svg>'
)
