import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import structural_similarity

from stages.render.compare import SAME, blank, difference, luma, on_grounds, ssim, visible_share

GREYS = hnp.arrays(np.float32, (16, 20), elements=st.floats(0, 255, width=32))
PICTURES = hnp.arrays(np.uint8, (9, 12, 4))


def opaque(grey: np.ndarray) -> np.ndarray:
    pixels = np.full((*grey.shape, 4), 255, np.uint8)
    pixels[:, :, :3] = grey[:, :, None]
    return pixels


@given(GREYS, GREYS)
def test_ssim_is_scikit_images(a: np.ndarray, b: np.ndarray) -> None:
    """Our SSIM equals scikit-image's for any two pictures."""
    theirs = structural_similarity(a.astype(np.float64), b.astype(np.float64), win_size=7, data_range=255)
    assert ssim(a, b) == pytest.approx(theirs, abs=1e-4)


@given(st.floats(0, 255, width=32), st.floats(-2, 2, width=32))
def test_ssim_of_flat_pictures_is_precise(level: float, step: float) -> None:
    """Where nothing varies, rounding errors of single precision do not pass for structure."""
    a = np.full((32, 32), level, np.float32)
    b = np.full((32, 32), level, np.float32)
    b[10:20, 12:30] += np.float32(step)
    theirs = structural_similarity(a.astype(np.float64), b.astype(np.float64), win_size=7, data_range=255)
    assert ssim(a, b) == pytest.approx(theirs, abs=1e-4)


@given(PICTURES, PICTURES, st.integers(0, 254))
def test_difference_is_a_symmetric_distance(a: np.ndarray, b: np.ndarray, threshold: int) -> None:
    """Order does not matter, equal pictures do not differ, and every figure keeps to its bounds."""
    assert difference(a, a.copy(), threshold) == SAME
    there = difference(a, b, threshold)
    assert there == difference(b, a, threshold)
    assert -1 <= there.ssim <= 1 and 0 <= there.mae <= 1 and 0 <= there.visible_share <= 1


@given(PICTURES, PICTURES, st.integers(0, 254))
def test_visible_share_is_its_definition(a: np.ndarray, b: np.ndarray, threshold: int) -> None:
    """The share equals a count, pixel by pixel, of those unlike all nine around their place."""
    p, q = (v[:, :, :3].transpose(2, 0, 1).astype(int) for v in (a, b))
    _, height, width = p.shape
    worst = 0
    for one, other in ((p, q), (q, p)):
        unlike = 0
        for y in range(height):
            for x in range(width):
                near = other[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(3, -1)
                unlike += bool((np.abs(near - one[:, y, x, None]).max(axis=0) > threshold).all())
        worst = max(worst, unlike)
    assert visible_share(p.astype(np.uint8), q.astype(np.uint8), threshold) == worst / (height * width)


def test_a_shift_of_one_pixel_is_forgiven() -> None:
    """A moved edge counts as visible from two pixels on."""
    base = np.zeros((40, 40), np.uint8)
    one, two, three = base.copy(), base.copy(), base.copy()
    one[:, 10:20], two[:, 11:21], three[:, 14:24] = 255, 255, 255
    assert difference(opaque(one), opaque(two), 48).visible_share == 0
    assert difference(opaque(one), opaque(three), 48).visible_share == 0.15


@given(hnp.arrays(np.uint8, (3, 5, 4)))
def test_grounds_are_composed_exactly(rgba: np.ndarray) -> None:
    """Each channel is alpha-weighted between its own value and the ground's, rounded; an opaque picture needs one."""
    alpha, colour = rgba[:, :, 3:].astype(float) / 255, rgba[:, :, :3].astype(float)
    found = on_grounds(rgba)
    assert len(found) == (1 if (rgba[:, :, 3] == 255).all() else 2)
    for planes, ground in zip(found, (255, 0), strict=False):
        want = colour * alpha + ground * (1 - alpha)
        assert np.abs(planes.transpose(1, 2, 0) - want).max() <= 0.5 + 1e-9


def test_difference_on_one_ground_only_counts() -> None:
    """A white disc that is missing shows on black only."""
    empty = np.zeros((20, 20, 4), np.uint8)
    white = empty.copy()
    white[5:15, 5:15] = 255
    assert difference(empty, white, 48).visible_share == 0.25
    assert difference(empty, white, 48).mae == 0.25


def test_opaque_against_transparent() -> None:
    """A picture with a white ground of its own is unlike a transparent one, on black."""
    transparent = np.zeros((20, 20, 4), np.uint8)
    assert difference(opaque(np.full((20, 20), 255, np.uint8)), transparent, 48).visible_share == 1


def test_blank() -> None:
    """Uniform on both grounds is blank: nothing, one colour; not what shows on one of them."""
    empty = np.zeros((8, 8, 4), np.uint8)
    assert blank(empty) and blank(opaque(np.full((8, 8), 7, np.uint8)))
    for grey in (0, 255):
        dot = empty.copy()
        dot[3, 3] = (grey, grey, grey, 255)
        assert not blank(dot)


def test_luma_weights() -> None:
    """Grey stays what it is, and green is brightest."""
    planes = np.array([[[255, 0, 0, 90]], [[0, 255, 0, 90]], [[0, 0, 255, 90]]], np.uint8)
    red, green, blue, grey = luma(planes)[0]
    assert green > red > blue and grey == pytest.approx(90, abs=1e-4)
