"""What is blended with what: what isolates does so in the canonical form too, and what does not, does not."""

import pytest

from stages.base import Dropped
from stages.normalize import Normalized, NormalizeSettings, normalize_one
from stages.reasons import Reason

GROUND = '<rect width="784" height="784" fill="#fc4"/>'
MULTIPLY = '<rect x="80" y="80" width="560" height="560" fill="#08c" style="mix-blend-mode:multiply"/>'
BESIDE = '<circle cx="80" cy="80" r="40"/>'
DEFS = (
    '<clipPath id="c"><path d="M0 0h500l200 700h-700z"/></clipPath>'
    '<mask id="m"><rect width="784" height="784" fill="#999"/></mask>'
    '<filter id="f"><feOffset/></filter>'
)


def normalized(body: str, box: str = "0 0 784 784") -> Normalized:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{DEFS}{GROUND}{body}</svg>'
    done = normalize_one(svg.encode(), NormalizeSettings())
    assert normalize_one(done.svg.encode(), NormalizeSettings()).svg == done.svg
    return done


ISOLATING = [
    'style="isolation:isolate"',
    'opacity=".6"',
    'opacity=".99999"',
    'clip-path="url(#c)"',
    'clip-path="url(#missing)"',
    'style="clip-path:inset(0)"',
    'mask="url(#m)"',
    'mask="url(#missing)"',
    'filter="url(#f)"',
    'filter="url(#missing)"',
    'style="filter:opacity(1)"',
    'style="mix-blend-mode:screen"',
    'style="backdrop-filter:blur(2px)"',
    'style="will-change:opacity"',
    'style="view-transition-name:one"',
]
OPEN = [
    "",
    'opacity="1"',
    'style="isolation:auto"',
    'style="mask-image:none"',
    'style="will-change:transform"',
    'style="backdrop-filter:none"',
    'transform="translate(8 8)"',
]


@pytest.mark.parametrize("attribute", ISOLATING)
def test_one_element_alone_in_an_isolated_group_is_blended_with_nothing(attribute: str):
    """It is drawn as it is: there is nothing in the group that it could be blended with."""
    assert "multiply" not in normalized(f"<g {attribute}>{MULTIPLY}</g>").svg


@pytest.mark.parametrize("attribute", ISOLATING)
def test_what_isolates_is_a_group_that_every_renderer_isolates(attribute: str):
    """A clip path alone is not enough for librsvg, which draws the pictures."""
    svg = normalized(f"<g {attribute}>{BESIDE}{MULTIPLY}</g>").svg
    group = svg[svg.rindex("<g ") : svg.index(">", svg.rindex("<g "))]
    assert any(each in group for each in ("isolation:isolate", "opacity", "mask", "filter", "mix-blend-mode:screen"))
    assert svg.endswith('style="mix-blend-mode:multiply"/></g></svg>')


@pytest.mark.parametrize("attribute", OPEN)
def test_what_does_not_isolate_leaves_no_group(attribute: str):
    svg = normalized(f"<g {attribute}>{BESIDE}{MULTIPLY}</g>").svg
    assert "<g" not in svg
    assert svg.endswith('style="mix-blend-mode:multiply"/></svg>')


@pytest.mark.parametrize("attribute", ['clip-path="url(#c)"', 'mask="url(#missing)"', 'style="will-change:filter"'])
def test_the_renderers_are_told_of_what_they_do_not_isolate(attribute: str):
    done = normalized(f"<g {attribute}>{BESIDE}{MULTIPLY}</g>")
    assert "plain_isolation" in done.notes
    assert b"isolation:isolate" in done.source
    assert "plain_isolation" not in normalized(f"<g {attribute}>{BESIDE}</g>{MULTIPLY}").notes


@pytest.mark.parametrize("attribute", ['opacity=".6"', 'style="isolation:isolate"'])
def test_what_the_renderers_know_stays_as_it_is(attribute: str):
    assert "plain_isolation" not in normalized(f"<g {attribute}>{BESIDE}{MULTIPLY}</g>").notes


@pytest.mark.parametrize("mode", ["multiply", "screen", "luminosity"])
def test_a_group_that_a_clip_empties_but_for_one_keeps_its_blend_mode(mode: str):
    """What lies beyond a rectangle is left out, and with it the group, but not how the rest of it is painted."""
    group = f'<g style="mix-blend-mode:{mode}" opacity=".6"><circle cx="200" cy="200" r="90"/><circle cx="700" cy="700" r="9"/></g>'
    svg = normalized(f'<svg width="400" height="400">{BESIDE}{group}</svg>').svg
    assert f'<circle cx="200" cy="200" r="90" opacity="0.6" style="mix-blend-mode:{mode}"/>' in svg
    assert "700" not in svg


def test_a_group_within_a_group_that_a_clip_empties_stays_as_it_comes_out():
    """The outer group loses none of its members, but one of them becomes another."""
    inner = f'<g style="mix-blend-mode:screen">{BESIDE}<circle cx="700" cy="700" r="9"/></g>'
    svg = normalized(f'<svg width="400" height="400"><g opacity=".5">{inner}<path d="M0 0h90v90z"/></g></svg>').svg
    assert '<g opacity="0.5"><circle cx="80" cy="80" r="40" style="mix-blend-mode:screen"/><path' in svg


def test_an_isolated_group_that_a_clip_empties_stays_isolated_while_something_in_it_is_blended():
    beyond = '<circle cx="700" cy="700" r="9"/>'
    one = normalized(f'<svg width="400" height="400"><g style="isolation:isolate">{MULTIPLY}{beyond}</g></svg>').svg
    assert "multiply" not in one
    assert "isolation" not in one
    two = f'<g style="isolation:isolate">{BESIDE}{MULTIPLY}{beyond}</g>'
    assert 'style="isolation:isolate"' in normalized(f'<svg width="400" height="400">{two}</svg>').svg


@pytest.mark.parametrize(
    "viewport",
    [
        '<svg width="400" height="400">{}</svg>',
        '<symbol id="s" viewBox="0 0 400 400">{}</symbol><use href="#s" width="400" height="400"/>',
        '<marker id="k" viewBox="0 0 400 400" markerWidth="400" markerHeight="400" markerUnits="userSpaceOnUse">{}</marker>'
        '<path d="M0 0h1" marker-start="url(#k)"/>',
    ],
)
def test_a_viewport_cuts_what_is_blended_and_does_not_isolate_it(viewport: str):
    """Each element that is blended is cut by itself, those between them together."""
    stroked = '<path d="M60 60h500v90" stroke="red" fill="none"/>'
    blended = '<path d="M60 90h500v90" stroke="blue" fill="none" style="mix-blend-mode:multiply"/>'
    svg = normalized(viewport.format(stroked * 2 + blended + stroked)).svg
    clip = ' clip-path="url(#c0)"'
    assert svg.count(clip) == 3
    assert f'<path fill="none" stroke="#00f"{clip} style="mix-blend-mode:multiply"' in svg
    assert f"<g{clip}><path" in svg


def test_the_view_box_cuts_what_is_blended_and_does_not_isolate_it():
    circle = '<circle cx="300" cy="380" r="90" stroke="red" style="mix-blend-mode:screen"/>'
    clipped = circle.replace("<circle", '<circle clip-path="url(#c)"')
    one = normalized(circle, "0 0 784 392").svg
    assert one.endswith('clip-path="url(#c0)" style="mix-blend-mode:screen"/></svg>')
    several = normalized(circle + clipped, "0 0 784 392").svg
    assert several.count("mix-blend-mode:screen") == 2
    assert "<g" not in several.replace('<g clip-path="url(#c0)" style="mix-blend-mode:screen">', "")


def test_a_mask_that_applies_twice_hides_twice():
    """The half tones of a mask multiply; a clip path within the same clip path changes nothing."""
    assert normalized('<g mask="url(#m)"><circle r="90" mask="url(#m)"/></g>').svg.count('mask="url(#m0)"') == 2
    assert normalized('<g clip-path="url(#c)"><circle r="90" clip-path="url(#c)"/></g>').svg.count('clip-path="') == 1


def test_a_mask_whose_shapes_are_blended_is_no_clip_path():
    """White on white is black where it is the difference."""
    white = '<rect width="500" height="784" fill="#fff"/>'
    blended = '<rect x="300" width="400" height="784" fill="#fff" style="mix-blend-mode:difference"/>'
    svg = normalized(f'<mask id="k">{white}{blended}</mask><rect width="700" height="700" mask="url(#k)"/>').svg
    assert "<mask" in svg
    assert "clipPath" not in svg


def test_a_blend_mode_that_renderers_lack_is_refused():
    with pytest.raises(Dropped) as caught:
        normalized(MULTIPLY.replace("multiply", "plus-lighter"))
    assert caught.value.reason is Reason.UNSUPPORTED_CSS
    assert "plus-lighter" in caught.value.detail
