"""The cascade, colours, lengths and transforms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.geometry.transforms import apply, multiply
from stages.normalize.values.calculations import UnknownFunction
from stages.normalize.values.colors import parse_color
from stages.normalize.values.srgb import Color, hexadecimal
from stages.normalize.values.transform_lists import parse_transform
from stages.normalize.values.units import Length, parse_length
from stages.reasons import Reason
from stages.render.renderers import draw, framed, sized


def fills(body: str) -> list[str]:
    """The fill of each 9 x 9 rect in order, as printed; #000 where none is printed."""
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{body}</svg>'
    svg = normalize_one(text.encode(), NormalizeSettings()).svg
    pieces = svg.split('height="9"')[1:]
    return [piece.split('"')[1] if piece.startswith(" fill=") else "#000" for piece in pieces]


RECT = '<rect width="9" height="9" {}/>'


@pytest.mark.parametrize(
    ("sheet", "attributes", "expected"),
    [
        (".a{fill:red}", 'class="b a"', "#f00"),
        (".a{fill:red}", 'class="a" fill="blue"', "#f00"),
        (".a{fill:red}", 'class="a" style="fill:lime"', "#0f0"),
        (".a{fill:red!important}", 'class="a" style="fill:lime"', "#f00"),
        (".a{fill:red!important}", 'class="a" style="fill:lime !important"', "#0f0"),
        ("rect{fill:red}.a{fill:lime}", 'class="a"', "#0f0"),
        (".a{fill:lime}rect{fill:red}", 'class="a"', "#0f0"),
        ("#i{fill:lime}.a.b.c{fill:red}", 'class="a b c" id="i"', "#0f0"),
        (".a{fill:red}.a{fill:lime}", 'class="a"', "#0f0"),
        ("g>rect{fill:red}svg rect{fill:lime}", "", "#0f0"),
        ("[width='9']{fill:lime}", "", "#0f0"),
        ("rect:first-child{fill:red}", "", "#000"),
        ("svg|rect{fill:red} rect{fill:lime}", "", "#0f0"),
        ("@media print{rect{fill:red}} @import 'x'; rect{fill:lime}", "", "#0f0"),
        ("rect{fill:nonsense;fill:lime;fill:;}", "", "#0f0"),
        ("/* c */ rect , .x { fill : lime ; } <!-- -->", "", "#0f0"),
        ("", 'fill="rgb(0 255 0 / 1)"', "#0f0"),
        ("", 'style="color:lime;fill:currentColor"', "#0f0"),
        ("", 'style="FILL:Lime"', "#0f0"),
        ("", 'fill="url(#missing) lime"', "#0f0"),
    ],
)
def test_the_cascade_decides_as_css_says(sheet: str, attributes: str, expected: str):
    """Origin, importance, specificity and order decide; what is invalid or at-ruled has no effect."""
    assert fills(f"<style>{sheet.replace('<', '&lt;').replace('>', '&gt;')}</style>{RECT.format(attributes)}") == [
        expected
    ]


def test_properties_are_inherited_and_current_color_is_resolved_where_it_is_used():
    """A group's fill reaches its children unless they say otherwise; currentColor takes the user's colour."""
    group = f'<g fill="red">{RECT.format("")}{RECT.format(chr(102) + "ill=" + chr(34) + "inherit" + chr(34))}</g>'
    assert fills(group) == ["#f00", "#f00"]
    assert fills(f'<g color="red" fill="currentColor"><g color="lime">{RECT.format("")}</g></g>') == ["#0f0"]
    assert fills(f'<g fill="red">{RECT.format("style=" + chr(34) + "fill:initial" + chr(34))}</g>') == ["#000"]


def test_selectors_match_within_the_copies_of_use():
    """A rule about a place applies to what is within the copy alone, which inherits from its use (SVG 2, 5.6.4)."""
    sheet = "<style>defs .a{fill:lime} .u .a{fill:red} g > .b{fill:blue}</style>"
    rects = RECT.format('class="a"') + RECT.format('class="b"')
    body = f'<defs><g id="x">{rects}</g></defs><g class="u"><use href="#x"/></g>'
    assert fills(sheet + body) == ["#000", "#00f"]


def test_style_bombs_end_as_reasons():
    """Deep brackets and rules times elements have limits; custom properties are refused."""
    for sheet, expected in (("a{" * 100, Reason.TOO_COMPLEX),):
        with pytest.raises(Dropped) as caught:
            fills(f"<style>{sheet}</style>{RECT.format('')}")
        assert caught.value.reason is expected


@pytest.mark.parametrize(
    ("text", "color", "printed"),
    [
        ("#AbC", Color(170, 187, 204), "#abc"),
        ("#12345680", Color(18, 52, 86, 128 / 255), "#123456"),
        ("rgb(300,-5,51)", Color(255, 0, 51), "#f03"),
        ("rgba(100%, 0%, 20%, 50%)", Color(255, 0, 51, 0.5), "#f03"),
        ("hsl(120, 200%, 25%)", Color(0, 128, 0), "#008000"),
        ("hsla(0deg 100% 50% / .25)", Color(255, 0, 0, 0.25), "#f00"),
        ("#CD853F icc-color(a, 0.1)", Color(205, 133, 63), "#cd853f"),
        ("transparent", Color(0, 0, 0, 0.0), "#000"),
        ("RebeccaPurple", Color(102, 51, 153), "#639"),
    ],
)
def test_colours_of_every_syntax_become_short_hexadecimal(text: str, color: Color, printed: str):
    """Channels are eight bits, opacity is kept apart."""
    found = parse_color(text)
    assert found is not None and found[:3] == color[:3] and found.alpha == pytest.approx(color.alpha)
    assert hexadecimal(found) == printed


@pytest.mark.parametrize("text", ["", "#12", "#ggg", "rgb(1,2)", "currentColor", "none", "nonsense", "url(#a)"])
def test_what_is_no_colour_is_none(text: str):
    """Invalid values have no effect, so they must be told apart."""
    assert parse_color(text) is None


def test_lengths_know_every_unit_and_nothing_else():
    """Absolute units are CSS pixels, relative ones keep their unit."""
    assert parse_length(" 1in ") == Length(96, "px")
    assert parse_length("2.54cm") == Length(pytest.approx(96), "px")
    assert parse_length("1e2%") == Length(100, "%")
    assert parse_length("1.5em") == Length(1.5, "em")
    assert parse_length("12 furlongs") is None and parse_length("1e999") is None and parse_length("") is None


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("translate(5)", (15, 20)),
        ("scale(2) translate(1,1)", (22, 42)),
        ("rotate(90)", (-20, 10)),
        ("rotate(90, 10 20)", (10, 20)),
        ("rotate(90-10,5)", (-25, 25)),
        ("matrix(1 2,3 4 5-6)", (75, 94)),
        ("skewX(45)skewY(0)", (30, 20)),
        ("translate(1,1), translate(1e1)", (21, 21)),
        ("", (10, 20)),
    ],
)
def test_transform_lists_apply_from_the_right(text: str, point: tuple[float, float]):
    """The image of (10, 20)."""
    matrix = parse_transform(text)
    assert matrix is not None and apply(matrix, 10, 20) == pytest.approx(point)


@pytest.mark.parametrize(
    "text",
    [
        "rotate(", "scale()", "matrix(1 2 3)", "translate(1) x", "rotate(1px)", "skewX(90)", "translate(50%)",
        "rotate(.5turn)", "Translate(1)", "skewx(10)", "translateX(10)", "translate(1),", "none", "scale(1)garbage",
        "translate3d(1,2,3)",
    ],
)  # fmt: skip
def test_invalid_transforms_are_told_apart(text: str):
    """They have no effect at all; Chromium reads the attribute as SVG 1.1 says, without units."""
    assert parse_transform(text) is None


def test_a_transform_that_nobody_knows_is_told_apart():
    """It has no meaning, so it is not simply invalid."""
    with pytest.raises(UnknownFunction, match=r"foo\(\)"):
        parse_transform("foo(1)")


@given(st.lists(st.floats(-10, 10), min_size=14, max_size=14))
def test_products_of_matrices_are_compositions(values: list[float]):
    """Applying a product equals applying its factors from the right."""
    m, n = tuple(values[:6]), tuple(values[6:12])
    x, y = values[12:]
    assert apply(multiply(m, n), x, y) == pytest.approx(apply(m, *apply(n, x, y)), abs=1e-6)  # type: ignore[arg-type]
    assert math.isfinite(x)


@pytest.mark.parametrize(
    ("sheet", "attributes", "fill"),
    [
        ("svg{--a:#f00}", 'style="fill:var(--a)"', "#f00"),
        ("svg{--a:var(--b);--b:lime}rect{fill:var( --a )}", "", "#0f0"),
        ("svg{--a:0}.x{--a:0 0}rect{fill:rgb(255 var(--a) 0)}", "", "#f00"),
        ("", 'fill="var(--s, #00f)"', "#00f"),
        ("svg{--S:red}", 'fill="var(--s, var(--t, #00f))"', "#00f"),
        ("svg{--a:var(--b);--b:var(--a)}", 'style="fill:var(--a, #0f0)"', "#0f0"),
        ("svg{fill:#0ff}", 'style="fill:var(--none)"', "#0ff"),
    ],
)
def test_custom_properties_are_resolved(sheet: str, attributes: str, fill: str):
    """As the cascade says, with fallbacks; the source gets the value, too, since renderers know no var()."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><style>{sheet}</style><rect width="9" height="9" {attributes}/></svg>'
    done = normalize_one(svg.encode(), NormalizeSettings())
    assert f'fill="{fill}"' in done.svg
    assert done.notes == ("plain_variables",)
    picture = draw(framed(done.source, done.view_box, 98), "librsvg")
    assert (picture == draw(sized(done.svg, 98), "librsvg")).all()


def test_huge_variables_do_not_grow():
    """A billion laughs in custom properties ends at a bound; the declaration is invalid then."""
    laughs = "".join(f"--v{i}:{f'var(--v{i - 1})' * 10};" for i in range(1, 12))
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>svg{{--v0:red;{laughs}}}</style><rect width="5" height="5" fill="var(--v11)"/></svg>'
    assert normalize_one(svg.encode(), NormalizeSettings()).svg.endswith(
        '<rect x="0" y="0" width="436" height="436"/></svg>'
    )
