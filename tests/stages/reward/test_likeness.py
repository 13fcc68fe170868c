"""How like two pictures are, beside a blank page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.render.compare import BLACK, WHITE, difference, on_ground
from stages.render.renderers import draw, sized
from stages.reward import Target
from stages.reward.likeness import SAME, Likeness

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'
PICTURES = arrays(np.uint8, (16, 32, 4), elements=st.sampled_from([0, 9, 128, 255]))


def shown(body: str) -> np.ndarray:
    return draw(sized(f"{HEAD}{body}</svg>", 64), "librsvg")


def standing_out(pixels: np.ndarray, target: Target) -> float:
    """The share of pixels that differ from the target's paper by more than 48 in a channel, on some ground."""
    shares = []
    for ground, paper in zip((WHITE, BLACK), target.paper, strict=True):
        shares.append((np.abs(on_ground(pixels, ground) - paper.astype(int)).max(axis=0) > 48).mean())
    return max(shares)


@settings(max_examples=50, deadline=None)
@given(PICTURES, PICTURES)
def test_measures_are_those_of_compare_beside_a_blank_page(truth: np.ndarray, answer: np.ndarray):
    """Structural similarity and the visible share, though computed in another way."""
    target = Target(truth, 48)
    unlike, alike = difference(truth, answer, 48), target.likeness(answer)
    for term in (alike.ink, alike.ssim, alike.visible):
        assert 0 <= term <= 1
    assert (alike == SAME) == (unlike.mae == 0)
    if unlike.mae and target.blank_ssim < 0.999:
        wanted = (unlike.ssim - target.blank_ssim) / (1 - target.blank_ssim)
        assert alike.ssim == pytest.approx(min(max(wanted, 0), 1), abs=0.02 / (1 - target.blank_ssim))
    if drawn := max(standing_out(truth, target), standing_out(answer, target)):
        assert alike.visible == pytest.approx(min(max(1 - unlike.visible_share / drawn, 0), 1))


@pytest.mark.parametrize(
    "body",
    [
        '<path d="M100 100h500v500z"/>',
        '<rect width="784" height="784" fill="#fed"/><circle cx="300" cy="300" r="200" fill="red"/>',
        '<path fill="none" stroke="#fff" stroke-width="20" d="M100 700q200 -900 500 0"/>',
    ],
)
def test_a_blank_page_is_not_like_a_drawing(body: str):
    """On whatever paper the drawing stands, a page of that paper meets none of its ink."""
    target = Target(shown(body), 48)
    paper = '<rect width="784" height="784" fill="#fed"/>' if "fed" in body else ""
    assert target.likeness(shown(body)) == SAME
    assert target.likeness(shown(paper)) == Likeness(0.0, 0.0, 0.0)


def test_ink_is_the_share_that_meets():
    """Half of a square meets two thirds of both; what lies beside it, nothing but in boxes that hold some of both."""
    target = Target(shown('<rect x="196" y="196" width="392" height="392"/>'), 48)
    half = target.likeness(shown('<rect x="196" y="196" width="196" height="392"/>'))
    assert half.ink == pytest.approx(2 / 3, abs=0.01) and half.visible == pytest.approx(0.5, abs=0.05)
    beside = target.likeness(shown('<rect width="784" height="196"/>'))
    assert beside.ink == pytest.approx(0, abs=0.01) and beside.visible == 0


def test_a_thin_line_that_is_a_little_beside_its_place_is_better_than_one_far_from_it():
    """Though neither meets a pixel of it."""
    line = '<path d="M{0} 90h20v600h-20z"/>'
    target = Target(shown(line.format(100)), 48)
    near, far = (target.likeness(shown(line.format(x))) for x in (125, 500))
    assert near.ink > far.ink + 0.1


def test_what_no_one_sees_is_no_difference():
    """The colour of what is wholly transparent."""
    pixels = shown('<path d="M100 100h500v500z"/>')
    other = pixels.copy()
    other[pixels[..., 3] == 0, :3] = 77
    assert Target(pixels, 48).likeness(other) == SAME
