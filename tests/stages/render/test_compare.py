import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import structural_similarity

from stages.render.compare import (
    BLACK,
    SAME,
    WHITE,
    blank,
    difference,
    luma,
    on_ground,
    over,
    ssim,
    ssim_map,
    visible_shares,
    visible_window,
)
from stages.render.ink import inked, surely_inked

GREYS = hnp.arrays(np.float32, (16, 20), elements=st.floats(0, 255, width=32))
PICTURES = hnp.arrays(np.uint8, (9, 12, 4))


def windows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The SSIM of every second window by scikit-image."""
    _, full = structural_similarity(a.astype(np.float64), b.astype(np.float64), win_size=7, data_range=255, full=True)
    return full[3:-3:2, 3:-3:2]


def opaque(grey: np.ndarray) -> np.ndarray:
    pixels = np.full((*grey.shape, 4), 255, np.uint8)
    pixels[:, :, :3] = grey[:, :, None]
    return pixels


@given(GREYS, GREYS)
def test_ssim_is_scikit_images(a: np.ndarray, b: np.ndarray) -> None:
    """Each window of our SSIM equals scikit-image's for any two pictures."""
    assert ssim_map(a, b) == pytest.approx(windows(a, b), abs=1e-3)
    assert ssim(a, b) == pytest.approx(windows(a, b).mean(), abs=1e-4)


@given(st.floats(0, 255, width=32), st.floats(-2, 2, width=32))
def test_ssim_of_flat_pictures_is_precise(level: float, step: float) -> None:
    """Where nothing varies, rounding errors of single precision do not pass for structure."""
    a = np.full((32, 32), level, np.float32)
    b = np.full((32, 32), level, np.float32)
    b[10:20, 12:30] += np.float32(step)
    assert ssim(a, b) == pytest.approx(windows(a, b).mean(), abs=1e-4)


@given(PICTURES, PICTURES, st.integers(0, 254))
def test_difference_is_a_symmetric_distance(a: np.ndarray, b: np.ndarray, threshold: int) -> None:
    """Order does not matter, equal pictures do not differ, and every figure keeps to its bounds."""
    assert difference(a, a.copy(), threshold) == SAME
    there, back = difference(a, b, threshold), difference(b, a, threshold)
    assert there.ssim == pytest.approx(back.ssim, abs=1e-6)
    assert (there.mae, there.visible_share) == (back.mae, back.visible_share)
    assert -1 <= there.ssim <= 1 and 0 <= there.mae <= 1 and 0 <= there.visible_share <= 1


@given(PICTURES, hnp.arrays(np.uint8, (4, 5, 4)), st.integers(0, 8), st.integers(0, 7), st.integers(0, 254))
def test_the_figures_are_their_definitions(a: np.ndarray, patch: np.ndarray, x: int, y: int, threshold: int) -> None:
    """All pixels of both grounds, one by one, give what the sparse computation gives."""
    b = a.copy()
    b[y : y + 4, x : x + 5] = patch[: 9 - y, : 12 - x]
    worst = [1.0, 0.0, 0.0]
    for ground in (WHITE, BLACK):
        p, q = (np.moveaxis(on_ground(picture, ground), 0, -1) for picture in (a, b))
        shares = []
        for one, other in ((p, q), (q, p)):
            unlike = 0
            for v in range(9):
                for u in range(12):
                    near = other[max(0, v - 1) : v + 2, max(0, u - 1) : u + 2].reshape(-1, 3)
                    low, high = near.min(axis=0) - threshold, near.max(axis=0) + threshold
                    unlike += bool(((one[v, u] < low) | (one[v, u] > high)).any())
            shares.append(unlike / p[..., 0].size)
        greys = [luma(picture, ground).astype(np.float64) for picture in (a, b)]
        similar = 1.0 if (p == q).all() else windows(*greys).mean()
        worst = [
            min(worst[0], similar),
            max(worst[1], float(np.abs(p - q).mean() / 255)),
            max(worst[2], *shares),
        ]
    found = difference(a, b, threshold)
    assert [found.ssim, found.mae, found.visible_share] == pytest.approx(worst, abs=1e-4)


def test_a_shift_of_one_pixel_is_forgiven() -> None:
    """A moved edge counts as visible from two pixels on, and a soft edge not at all."""
    base = np.zeros((40, 40), np.uint8)
    one, two, three, soft = base.copy(), base.copy(), base.copy(), base.copy()
    one[:, 10:20], two[:, 11:21], three[:, 14:24], soft[:, 10:20], soft[:, 20] = 255, 255, 255, 255, 128
    assert difference(opaque(one), opaque(two), 48).visible_share == 0
    assert difference(opaque(one), opaque(soft), 48).visible_share == 0
    assert difference(opaque(one), opaque(three), 48).visible_share == 0.15


def test_a_thin_line_that_is_gone_is_seen() -> None:
    """What vanishes is seen from the picture that has it, although the other one is within its span."""
    base, line = np.full((40, 40), 255, np.uint8), np.full((40, 40), 255, np.uint8)
    line[20] = 0
    assert difference(opaque(base), opaque(line), 48).visible_share == 1 / 40


@given(hnp.arrays(np.uint8, (3, 5, 4)), st.tuples(*[st.integers(0, 255)] * 3))
def test_grounds_are_composed_exactly(rgba: np.ndarray, color: tuple[int, int, int]) -> None:
    """Each channel is alpha-weighted between its own value and the ground's, rounded."""
    alpha, colour = rgba[:, :, 3:].astype(float) / 255, rgba[:, :, :3].astype(float)
    for ground in (WHITE, BLACK):
        assert (
            np.abs(np.moveaxis(on_ground(rgba, ground), 0, -1) - (colour * alpha + ground * (1 - alpha))).max()
            <= 0.5 + 1e-9
        )
    laid = over(rgba, color)
    assert (laid[..., 3] == 255).all()
    assert np.abs(laid[..., :3] - (colour * alpha + np.array(color) * (1 - alpha))).max() <= 0.5 + 1e-9


@given(hnp.arrays(np.uint8, (4, 5, 4), elements=st.sampled_from([0, 1, 128, 255])))
def test_blank_is_uniform_on_white_and_on_black(rgba: np.ndarray) -> None:
    """A picture in one colour is blank if it fills all; colours that nothing shows of do not count."""
    want = all((p := on_ground(rgba, ground), bool((p == p[:, :1, :1]).all()))[1] for ground in (WHITE, BLACK))
    assert blank(rgba) == want


def test_fainter_differences_are_counted_apart() -> None:
    """A line of 30 levels is no visible difference at 48, and is one at 20."""
    base, line = np.full((40, 40), 255, np.uint8), np.full((40, 40), 255, np.uint8)
    line[20] = 225
    found = difference(opaque(base), opaque(line), 48, 20)
    assert (found.visible_share, found.faint_share) == (0.0, 1 / 40)
    assert difference(opaque(base), opaque(line), 48).faint_share == 0.0
    assert visible_shares(opaque(base), opaque(line), 20) == {WHITE: 1 / 40, BLACK: 1 / 40}


@given(PICTURES, PICTURES, st.integers(0, 254))
def test_shares_on_the_grounds_are_the_differences(a: np.ndarray, b: np.ndarray, threshold: int) -> None:
    """The worse ground's share is that of the whole comparison."""
    assert max(visible_shares(a, b, threshold).values()) == difference(a, b, threshold).visible_share


@given(PICTURES, PICTURES, st.integers(0, 254))
def test_a_window_holds_all_that_differs(a: np.ndarray, b: np.ndarray, threshold: int) -> None:
    """Compared in the window alone, the same number of pixels differ."""
    shares = visible_shares(a, b, threshold)
    if max(shares.values()) == 0:
        return
    left, top, right, bottom = visible_window(a, b, threshold)
    inside = visible_shares(a[top:bottom, left:right], b[top:bottom, left:right], threshold)
    size = a.shape[0] * a.shape[1]
    for ground, share in shares.items():
        # at the window's edges, where nothing was known to differ, less may be around a place
        assert round(inside[ground] * (bottom - top) * (right - left)) >= round(share * size)


def test_ink_is_what_is_not_ground() -> None:
    """The paper that a drawing brings along is no ink, nor are the margins beside its viewBox."""
    paper = opaque(np.full((40, 40), 200, np.uint8))
    paper[:10], paper[30:] = 0, 0  # transparent margins of a drawing twice as wide as high
    drawn = paper.copy()
    drawn[15:19, 4:14] = (0, 0, 0, 255)
    assert inked(paper, drawn, (0, 0, 200, 100), 48) == (WHITE, 40 / 1600)
    assert inked(drawn, paper, (0, 0, 200, 100), 48) == (WHITE, 40 / 1600)
    assert inked(paper, paper, (0, 0, 200, 100), 48) == (WHITE, 0.0)


@given(PICTURES, PICTURES, st.floats(0, 0.2), st.floats(0, 1))
def test_what_a_few_pixels_show_all_of_them_do(a: np.ndarray, b: np.ndarray, share: float, most: float) -> None:
    """A quick look is sure of nothing that the whole would deny."""
    size = a.shape[0]
    a, b = (np.ascontiguousarray(p[:size, :size]) for p in (a, b)) if a.shape[1] >= size else (a, b)
    if a.shape[0] == a.shape[1] and surely_inked(a, (0, 0, 1, 1), 48, share, most):
        assert share <= most * inked(a, b, (0, 0, 1, 1), 48)[1] + 1e-12


def test_white_drawings_are_measured_on_black() -> None:
    """The better-suited ground is the one that shows the drawing."""
    white, black = np.zeros((40, 40, 4), np.uint8), np.zeros((40, 40, 4), np.uint8)
    white[5:9, 5:15], black[5:9, 5:15] = 255, (0, 0, 0, 255)
    assert inked(white, white, (0, 0, 1, 1), 48) == (BLACK, 40 / 1600)
    assert inked(black, black, (0, 0, 1, 1), 48) == (WHITE, 40 / 1600)
