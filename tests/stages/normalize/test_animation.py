"""What animations leave behind: checked against what Chromium shows once they have ended."""

import math
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.css.smil import clock
from stages.normalize.values.shorthands import expand
from stages.reasons import Reason
from tests.helpers import DATA

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'
CASES = DATA / "browser-cases.tar.gz"


def run(body: str, **chosen: object) -> str:
    svg = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings.model_validate(chosen)).svg
    return svg.removeprefix(HEAD).removesuffix("</svg>")


def styled(sheet: str, body: str = '<rect class="a" width="50" height="50" fill="#f00"/>') -> str:
    return run(f"<style>{sheet}</style>{body}")


def reason(body: str, **chosen: object) -> tuple[Reason, str]:
    with pytest.raises(Dropped) as caught:
        run(body, **chosen)
    return caught.value.reason, caught.value.detail


RED, BLUE = (
    '<rect x="0" y="0" width="50" height="50" fill="{}"/>'.format("#f00"),
    ('<rect x="0" y="0" width="50" height="50" fill="#00f"/>'),
)


@pytest.mark.parametrize(
    "sheet",
    [
        "@keyframes f{to{fill:blue}}.a{animation:f .3s forwards}",
        "@keyframes f{from{fill:lime}100%{fill:blue}}.a{animation:f 2s ease-in-out 1s 3 normal both running}",
        "@keyframes f{from{fill:blue}to{fill:lime}}.a{animation:2 f 1s alternate forwards}",
        "@keyframes f{from{fill:lime}to{fill:blue}}.a{animation:f 1s 2 alternate-reverse forwards}",
        "@keyframes f{from{fill:blue}to{fill:lime}}.a{animation:reverse both f 1s steps(3, end)}",
        "@keyframes f{to{fill:lime}}@keyframes g{to{fill:blue}}.a{animation:f 1s both,g 1s forwards}",
        "@keyframes f{to{fill:lime}}@keyframes f{to{fill:blue}}.a{animation:f 1s both}",
        "@keyframes f{50%{fill:blue}to{fill:lime}}.a{animation:f 1s .5 both}",
        "@-webkit-keyframes f{to{fill:blue}}.a{-webkit-animation:f 1s both}",
        "@keyframes f{to{fill:var(--c)}}.a{--c:blue;animation:f 1s both}",
        "@keyframes f{to{fill:blue}}.a{animation-name:f;animation-fill-mode:both}",
        "@media(prefers-reduced-motion:reduce){@keyframes f{to{fill:lime}}}@keyframes f{to{fill:blue}}"
        ".a{animation:f 1s both}",
        "@keyframes f{from{fill:blue}to{fill:lime}}.a{animation:f 1s paused}",
    ],
)
def test_what_a_filled_animation_ends_with_is_the_picture(sheet: str):
    """Directions, counts, lists, the order of names, and var() have their say."""
    assert styled(sheet) == BLUE


@pytest.mark.parametrize(
    "sheet",
    [
        "@keyframes f{to{fill:blue}}.a{animation:f 1s}",
        "@keyframes f{to{fill:blue}}.a{animation:f 1s infinite forwards}",
        "@keyframes f{to{fill:blue}}.a{animation:none 1s forwards}",
        "@keyframes f{to{fill:blue}}.a{animation:g 1s forwards}",
        "@keyframes f{to{fill:blue!important}}.a{animation:f 1s forwards}",
        "@keyframes f{to{fill:blue}}.a{animation:f 1s forwards;fill:red!important}",
        "@keyframes f{50%{fill:blue}}.a{animation:f 1s forwards}",
        "@keyframes f{to{fill:blue}}.a{animation:f 1s f 2s forwards}",
        ".a{transition:fill 1s}",
    ],
)
def test_what_never_ends_or_lets_go_leaves_the_picture_as_it_is(sheet: str):
    """So does what important declarations override, and what is no animation."""
    assert styled(sheet) == RED


def test_a_drawing_that_draws_itself_shows_what_it_draws():
    """Also in the source that is judged; as it is at its first moment only by setting."""
    with tarfile.open(CASES) as archive:
        member = next(member for member in archive if member.name.endswith("sem4-f24-drawon.svg"))
        svg = archive.extractfile(member).read()
    done = normalize_one(svg, NormalizeSettings())
    assert 'stroke="#f00"' in done.svg and "stroke-dashoffset" not in done.svg
    assert b"stroke-dashoffset:0 !important" in done.source and "plain_animation" in done.notes
    assert 'stroke-dashoffset="1568"' in normalize_one(svg, NormalizeSettings(animation="drop")).svg


@pytest.mark.parametrize(
    ("inner", "rect"),
    [
        ('<animate attributeName="fill" to="blue" dur="1s" fill="freeze"/>', BLUE),
        ('<animate attributeName="fill" values="lime; blue;" dur="1s" repeatCount="2" fill="freeze"/>', BLUE),
        ('<animate attributeName="fill" to="blue" dur="1s" begin="2s; 1min" fill="freeze"/>', BLUE),
        ('<set attributeName="fill" to="blue" begin="2s"/>', BLUE),
        ('<set attributeName="fill" to="blue" begin="2s" dur="1s"/>', RED),
        ('<animate attributeName="fill" to="blue" dur="1s"/>', RED),
        ('<animate attributeName="fill" to="blue" dur="1s" repeatCount="indefinite" fill="freeze"/>', RED),
        ('<animate attributeName="fill" to="blue" dur="1s" begin="click" fill="freeze"/>', RED),
        ('<animate attributeName="fill" to="blue" dur="1s" begin="indefinite" fill="freeze"/>', RED),
        (
            '<animate id="p" attributeName="y" to="0" dur="1s"/>'
            '<animate attributeName="fill" to="blue" dur="1s" begin="p.end+0.5s" fill="freeze"/>',
            BLUE,
        ),
        (
            '<animate id="p" attributeName="y" to="0" begin="0s;q.end" dur="1s"/>'
            '<animate id="q" attributeName="fill" to="blue" dur="1s" begin="p.end" fill="freeze"/>',
            RED,
        ),
        (
            '<animate attributeName="fill" to="lime" begin="3s" dur="1s"/>'
            '<animate attributeName="fill" to="blue" begin="2s" dur="1s" fill="freeze"/>'
            '<animate attributeName="fill" to="lime" begin="1s" dur="1s" fill="freeze"/>',
            BLUE,
        ),
        ('<animate attributeName="x" from="10" by="20" dur="1s" fill="freeze"/>', RED.replace('x="0"', 'x="30"')),
        ('<animate attributeName="width" by="20" dur="1s" fill="freeze"/>', RED.replace('width="50"', 'width="70"')),
        (
            '<animateTransform attributeName="transform" type="translate" values="9 9;20 5" dur="1s" fill="freeze"/>'
            '<animateTransform attributeName="transform" type="scale" from="0" to="2" additive="sum" dur="1s" '
            'fill="freeze"/>',
            '<rect x="20" y="5" width="100" height="100" fill="#f00"/>',
        ),
        ('<animateMotion path="M9 9H40V20" dur="1s" fill="freeze"/>', '<rect x="40" y="20" width="50" height="50" fill="#f00"/>'),
    ],
)  # fmt: skip
def test_an_animation_element_that_freezes_holds_its_end(inner: str, rect: str):
    """And only if it begins, ends, and nothing begins it again for ever."""
    assert run(f'<rect width="50" height="50" fill="#f00">{inner}</rect>') == rect


def test_an_element_that_is_animated_from_elsewhere_is_named_by_href():
    """As svgator and others write it."""
    body = '<rect id="r" width="50" height="50" fill="#f00"/><set href="#r" attributeName="fill" to="blue"/>'
    assert run(body) == BLUE


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("<style>@keyframes f{to{opacity:1}}rect{opacity:0;animation:f 1s infinite}</style>", "by animation"),
        ("<style>@keyframes f{to{offset-distance:9px}}rect{animation:f 1s both}</style>", "offset-distance"),
        ("<style>@keyframes f{to{x:9px}}rect{animation:f 1s both;animation-timeline:scroll()}</style>", "timeline"),
        ("<style>@keyframes f{to{x:9px}}rect{animation:f 1s 1.5 both}</style>", "0.5 of its keyframes"),
        ('<animate href="#r" attributeName="x" to="9" dur="1s" repeatCount="1.5" fill="freeze"/>', "within"),
        ('<animate href="#r" attributeName="x" from="1" to="9" dur="1s" repeatCount="2" accumulate="sum" '
         'fill="freeze"/>', "accumulates"),
        ('<set href="#r" attributeName="class" to="x"/>', "class"),
        ('<animate href="#r" attributeName="width" values="0;9" dur="1s" repeatCount="indefinite"/>', "for ever"),
        ('<animateMotion href="#r" path="M0 0A9 9 0 0 1 9 9" rotate="auto" dur="1s" fill="freeze"/>', "arc"),
    ],
)  # fmt: skip
def test_an_end_that_cannot_be_said_is_named(body: str, named: str):
    """With the reason UNSUPPORTED_ANIMATION."""
    code, detail = reason(f'{body}<rect id="r" width="50" height="50"/>')
    assert code is Reason.UNSUPPORTED_ANIMATION and named in detail


def test_the_policy_rejects_styles_as_well_as_elements():
    """reject names the animation, whichever way it is written."""
    for body in ("<style>@keyframes f{to{x:1px}}rect{animation:f 1s}</style>", '<set attributeName="x" to="1"/>'):
        code, _ = reason(f'{body}<rect width="9" height="9"/>', animation="reject")
        assert code is Reason.UNSUPPORTED_ANIMATION


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.sampled_from(["", "+", "-"]))
def test_clock_values_are_read_in_each_of_their_forms(hours: int, minutes: int, seconds: int, sign: str):
    """Full and partial clocks and counts of a unit are the same time."""
    total = (hours * 60 + minutes) * 60 + seconds
    want = -total if sign == "-" else total
    assert clock(f"{sign}{hours}:{minutes:02}:{seconds:02}") == want
    assert clock(f"{sign}{total}s") == clock(f"{sign}{total}") == want
    assert math.isclose(clock(f"{sign}{total * 1000}ms") or 0.0, want)


@given(st.text(alphabet="abf 0123456789.,-()s+/'\"", max_size=40))
def test_any_animation_shorthand_is_read_or_invalid(text: str):
    """Whatever stands there, all of its longhands are declared or none is."""
    assert len(expand("animation", text)) in (0, 7)
