"""Colours as CSS Color 4 and 5 say them. The values expected are Chromium's, on a display of sRGB."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.values.colors import is_modern, parse_color
from stages.normalize.values.properties import Paint, Refused, parse_paint, parse_property
from stages.normalize.values.srgb import Color
from stages.reasons import Reason

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{}</svg>'


def canonical(body: str) -> str:
    return normalize_one(SVG.format(body).encode(), NormalizeSettings()).svg


def dropped(body: str) -> Dropped:
    with pytest.raises(Dropped) as error:
        canonical(body)
    return error.value


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("oklch(63% .25 29)", (253, 25, 19)),
        ("oklch(70% .4 150)", (0, 214, 0)),
        ("oklch(1 .3 200)", (0, 255, 255)),
        ("oklch(0 .3 200)", (0, 6, 19)),
        ("oklch(63% 60% .1turn)", (248, 48, 0)),
        ("oklch(calc(.5 + .1) .2 30)", (222, 62, 45)),
        ("oklch(none none none)", (0, 0, 0)),
        ("oklab(0.7 0.3 0.3)", (255, 0, 0)),
        ("lab(50% 100 -100)", (201, 0, 255)),
        ("lab(50% 50% -50%)", (176, 67, 228)),
        ("lch(50 130 300)", (107, 75, 255)),
        ("color(display-p3 0 1 0)", (0, 255, 0)),
        ("color(srgb 1.2 -.2 .5)", (255, 0, 128)),
        ("color(srgb 100% 50% 0)", (255, 128, 0)),
        ("color(srgb-linear 0.2 .5 .1)", (124, 188, 89)),
        ("color(xyz .5 .5 .5)", (204, 183, 180)),
        ("color(xyz-d50 .2 .5 .1)", (0, 227, 57)),
        ("color-mix(in srgb, red 30%, white)", (255, 179, 179)),
        ("color-mix(in oklch, red, white)", (255, 161, 145)),
        ("color-mix(in oklab, red, blue)", (140, 83, 162)),
        ("color-mix(red, blue)", (140, 83, 162)),
        ("color-mix(in lch longer hue, red 40%, blue)", (0, 124, 150)),
        ("color-mix(in oklch, oklch(.6 none 20), blue)", (180, 0, 208)),
        ("color-mix(in hsl, white, blue)", (159, 159, 223)),
        ("color-mix(in display-p3, red, lime)", (180, 150, 26)),
        ("oklch(from red l c calc(h + 120))", (0, 174, 0)),
        ("oklch(from red calc(l*.8) c h)", (208, 0, 0)),
        ("hsl(from red h s 75%)", (255, 128, 128)),
        ("color(from red srgb r g .5)", (255, 0, 128)),
        ("light-dark(light-dark(red,blue), lime)", (255, 0, 0)),
        ("hwb(90 80% 60%)", (146, 146, 146)),
        ("hsl(120 none 50%)", (128, 128, 128)),
        ("rgb(none 128 0)", (0, 128, 0)),
        ("rgb(50% 20 30%)", (128, 20, 77)),
        ("rgb(calc(200 + 20) 0 0)", (220, 0, 0)),
        ("GrayText", (128, 128, 128)),
    ],
)
def test_functions_are_converted_and_clipped(text: str, channels: tuple[int, int, int]):
    """Chromium clips what lies outside of sRGB and reduces no chroma."""
    color = parse_color(text)
    assert color is not None and color.alpha == 1
    assert max(abs(a - b) for a, b in zip(color[:3], channels, strict=True)) <= 1


def test_opacities_are_mixed():
    """color-mix() multiplies the opacity in; shares that sum up to less than all make it transparent."""
    assert parse_color("color-mix(in srgb, rgb(255 0 0 / .5), blue)") == Color(85, 0, 170, 0.75)
    assert parse_color("color-mix(in srgb, red 20%, blue 20%)") == Color(128, 0, 128, 0.4)
    assert parse_color("rgb(from #08f r g b / 50%)") == Color(0, 136, 255, 0.5)
    assert parse_color("oklch(.63 .25 29 / calc(1 / 4))") == Color(253, 25, 19, 0.25)


@pytest.mark.parametrize(
    "text",
    [
        "oklch(foo)", "oklch(1 2)", "color(foo 1 1 1)", "color-mix(in foo, red, blue)", "color-mix(in srgb, red)",
        "color-mix(in srgb, red 0%, blue 0%)", "device-cmyk(0 1 1 0)", "light-dark(red)", "lab(1,2,3)",
        "oklch(from foo l c h)", "oklch(.5 .1 20 30)", "rgb(from red x g b)",
        "rgba(0, 50%, 0, 0.5)",
        "param(fill)",
        "param(fill) #000",
    ],
)  # fmt: skip
def test_what_is_invalid_has_no_effect(text: str):
    """The declaration before it holds; browsers do not know ``device-cmyk()``."""
    assert parse_paint(text) is None
    assert 'fill="#0a0"' in canonical(f'<rect width="9" height="9" style="fill:#0a0;fill:{text}"/>')


@pytest.mark.parametrize(
    "text", ["foo(1)", "foo(1) red", "linear-gradient(red, blue)", "light-dark(foo(1), red)", "contrast-color(red)"]
)
def test_a_function_that_is_not_known_is_a_drop_that_names_it(text: str):
    """It is neither black nor ignored."""
    error = dropped(f'<rect width="9" height="9" style="fill:{text}" fill="red"/>')
    assert error.reason is Reason.UNSUPPORTED_PAINT
    assert (text if not text.startswith("light") else "foo(1)").partition("(")[0] in error.detail


def test_a_function_that_is_not_known_matters_only_where_it_applies():
    """It is overridden, on what is not drawn, or in a definition that nothing uses."""
    rect = '<rect width="9" height="9" '
    assert 'fill="#0a0"' in canonical(f'{rect}style="fill:foo(1);fill:#0a0"/>')
    shown = f'{rect}fill="#0a0"/>'
    assert 'fill="#0a0"' in canonical(f'{shown}<g display="none">{rect}fill="foo(1)"/></g>')
    assert 'fill="#0a0"' in canonical(f'{shown}{rect}visibility="hidden" fill="foo(1)"/><g fill="foo(1)"/>')
    gradient = '<linearGradient id="g"><stop stop-color="foo(1)"/></linearGradient>'
    assert 'fill="#0a0"' in canonical(gradient + shown)
    assert dropped(f'{gradient}{rect}fill="url(#g)"/>').reason is Reason.UNSUPPORTED_PAINT
    assert dropped(f'<g stroke="foo(1)">{rect}/></g>').reason is Reason.UNSUPPORTED_PAINT


def test_substitutions_that_need_more_than_the_document_are_refused():
    """``env()`` and ``attr()`` may stand in any property."""
    assert parse_property("opacity", "env(x, 1)") == Refused(Reason.UNSUPPORTED_CSS, "opacity: env()")
    assert parse_property("fill", "attr(data-c type(<color>), red)") == Refused(Reason.UNSUPPORTED_CSS, "fill: attr()")


@pytest.mark.parametrize(
    ("body", "fill"),
    [
        ('<rect {} color="#08f" fill="color-mix(in srgb, currentColor 40%, white)"/>', "#99cfff"),
        (
            '<g color="red" fill="color-mix(in srgb, currentColor 40%, white)"><rect {} color="blue"/></g>',
            "#99f",
        ),
        ('<g color="green" fill="light-dark(currentColor, red)"><rect {}/></g>', "#008000"),
        (
            '<g color="red"><g color="color-mix(in srgb, currentColor, blue)"><rect {} fill="currentColor"/></g></g>',
            "#800080",
        ),
    ],
)
def test_current_color_in_a_function_is_resolved_where_it_is_used(body: str, fill: str):
    """Its computed value keeps ``currentColor`` (CSS Color 5, section 7.1)."""
    made = normalize_one(SVG.format(body.format('width="9" height="9"')).encode(), NormalizeSettings())
    assert f'fill="{fill}"' in made.svg
    assert "plain_colors" in made.notes


def test_a_dark_scheme_is_refused_by_name():
    """Pictures are of light mode, which a document may forbid."""
    assert parse_property("color-scheme", "light dark") == "light"
    error = dropped('<g style="color-scheme:only dark"><rect width="9" height="9"/></g>')
    assert (error.reason, error.detail) == (Reason.UNSUPPORTED_CSS, "color-scheme: only dark")


def test_gradients_of_modern_colours_are_made_in_oklab():
    """Between ``oklch(63% .25 29)`` and blue Chromium paints #8a54a4 in the middle."""
    gradient = '<linearGradient id="g"><stop stop-color="oklch(63% .25 29)"/><stop offset="1" stop-color="{}"/>'
    rect = '</linearGradient><rect width="100" height="100" fill="url(#g)"/>'
    made = normalize_one(SVG.format(gradient.format("#00f") + rect).encode(), NormalizeSettings())
    assert made.svg.count("<stop ") == 17 and made.source.count(b"<stop ") == 17
    middle = parse_color(made.svg.partition('<stop offset="0.5" stop-color="')[2].partition('"')[0])
    assert middle is not None and max(abs(a - b) for a, b in zip(middle, (138, 84, 164), strict=False)) <= 2
    assert is_modern("color-mix(in srgb,red,red)") and is_modern("rgb(from red r g b)")
    assert not is_modern("hwb(0 0% 0%)") and not is_modern("light-dark(red, oklch(1 0 0))")


def test_what_the_renderers_know_is_left_to_them():
    """The judge's independence is worth keeping."""
    for text in ("#abc", "red", "rgb(1,2,3)", "hsl(120deg 50% 50% / .5)"):
        assert parse_paint(text) == Paint("color", parse_color(text))
        made = normalize_one(SVG.format(f'<rect width="9" height="9" fill="{text}"/>').encode(), NormalizeSettings())
        assert not made.notes


_PIECES = st.sampled_from(
    ["oklch(", "color-mix(", "in srgb", "red", ")", ",", "/", "none", "50%", "from", "calc(", "1", "+", " ", "h",
     "currentColor", "light-dark(", "color(", "display-p3", "1e999", "-.5turn", "foo(", "url(#a)", "#08f"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=16).map(" ".join)))
def test_no_text_is_an_error(text: str):
    """It is a colour or it is none."""
    color = parse_color(text)
    assert color is None or (all(0 <= channel <= 255 for channel in color[:3]) and 0 <= color.alpha <= 1)
    parse_property("fill", text)


@given(st.floats(0, 1), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_mixing_a_colour_with_itself_changes_nothing(lightness: float, a: float, b: float):
    """In the space that it is of."""
    text = f"oklab({lightness:.4f} {a:.4f} {b:.4f})"
    assert parse_color(f"color-mix(in oklab, {text}, {text})") == parse_color(text)
