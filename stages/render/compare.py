"""How unlike two pictures are: SSIM, mean absolute error, and the share of visibly different pixels.

All three are taken on white and on black, because a transparent picture shows its ground, and the worse one counts.
Most pixels of a source and its canonical form are equal, so work is done where they are not: sums over pixels on those
alone, SSIM on the rectangle that holds them, since a window without a difference has an SSIM of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(height, width, 4), sRGB with straight alpha."""

Grey = npt.NDArray[np.float32]
"""(height, width), 0..255."""

WINDOW = 7
"""Side of the SSIM's window, px."""

WHITE, BLACK = 255, 0

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_AT_ONCE = 512
"""Places: so that what is computed of them stays in the cache."""
_NINE_Y = np.repeat((-1, 0, 1), 3)[:, None]
_NINE_X = np.tile((-1, 0, 1), 3)[:, None]
_MIDDLE = np.float32(128)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


@dataclass(frozen=True)
class Difference:
    """``ssim`` -1..1, ``mae`` 0..1, ``visible_share`` 0..1 of two pictures, the worse of on white and on black.

    ``faint_share``, 0..1: as ``visible_share`` with the lower threshold that `difference` was given, or nought.
    """

    ssim: float
    mae: float
    visible_share: float
    faint_share: float = 0.0


SAME = Difference(1.0, 0.0, 0.0)


def on_ground(rgba: Pixels, ground: int) -> npt.NDArray[np.int32]:
    """Colours of pixels, (..., 4) uint8 with straight alpha, on a grey ground: (..., 3), 0..255, rounded."""
    wide = rgba.astype(np.int32)
    alpha = wide[..., 3:]
    total = wide[..., :3] * alpha + (255 - alpha) * ground + 128
    return (total + (total >> 8)) >> 8  # exactly the rounded division by 255


def over(rgba: Pixels, color: tuple[int, int, int]) -> Pixels:
    """A picture laid on an opaque ground of one colour; (height, width, 4), opaque."""
    wide = rgba.astype(np.int32)
    alpha = wide[..., 3:]
    total = wide[..., :3] * alpha + (255 - alpha) * np.array(color, np.int32) + 128
    result = np.full_like(rgba, 255)
    result[..., :3] = (total + (total >> 8)) >> 8
    return result


def blank(rgba: Pixels) -> bool:
    """Whether the picture is uniform on white and on black."""
    flat = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    ys, xs = np.nonzero(flat != flat[0, 0])
    # a few pixels nearly always settle it
    for part in (slice(64), slice(None)):
        some = rgba[ys[part], xs[part]]
        for ground in (WHITE, BLACK):
            if (on_ground(some, ground) != on_ground(rgba[0, 0], ground)).any():
                return False
    return True


def difference(a: Pixels, b: Pixels, threshold: int, faint: int | None = None) -> Difference:
    """Compare two RGBA pictures of one size, at least `WINDOW` px a side. ``threshold``: of a channel, 0..255.

    A pixel differs visibly where a channel lies outside, by more than ``threshold``, of what the nine pixels around its
    place in the other picture span: so a shift of up to one pixel, or a part of one, is forgiven. The share is the
    larger of both ways. ``faint``: another threshold, not over the first.
    """
    lowest = threshold if faint is None else faint
    apart = np.ascontiguousarray(a).view(np.uint32)[..., 0] != np.ascontiguousarray(b).view(np.uint32)[..., 0]
    ys, xs = np.nonzero(apart)
    if not len(ys):
        return SAME
    here, there = a[ys, xs], b[ys, xs]
    height, width = apart.shape
    area = _around(ys, xs, height, width)
    greys = [_grey(picture[area]) for picture in (a, b)]
    opaque = bool((here[:, 3] == 255).all() and (there[:, 3] == 255).all() and (a[..., 3] == 255).all())
    found = []
    for ground in (WHITE,) if opaque else (WHITE, BLACK):
        steps = np.abs(on_ground(here, ground) - on_ground(there, ground))
        mae = int(steps.sum(dtype=np.int64)) / (255 * 3 * height * width)
        if mae == 0:  # as a black icon's on black
            continue
        clear = steps.max(axis=1) > lowest
        places = ys[clear], xs[clear]
        ways = [_outside(p, q, places, ground) for p, q in ((a, b), (b, a))]
        shares = [max(int((way > limit).sum()) for way in ways) / (height * width) for limit in (threshold, lowest)]
        first, second = (grey[0] if ground == BLACK else grey[0] + grey[1] for grey in greys)
        windows = ((height - WINDOW) // 2 + 1) * ((width - WINDOW) // 2 + 1)
        part = ssim_map(first, second)
        score = 1 + float((part - 1).sum(dtype=np.float64)) / windows
        found.append(Difference(score, mae, shares[0], 0.0 if faint is None else shares[1]))
    if not found:
        return SAME
    return Difference(
        min(d.ssim for d in found),
        max(d.mae for d in found),
        max(d.visible_share for d in found),
        max(d.faint_share for d in found),
    )


def _around(ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp], height: int, width: int) -> tuple[slice, slice]:
    """The rectangle of all windows that hold one of these pixels."""
    slices = []
    for values, size in ((ys, height), (xs, width)):
        low, high = (int(values.min()) - WINDOW + 1) // 2 * 2, int(values.max()) + WINDOW
        slices.append(slice(max(low, 0), min(high, size)))
    return slices[0], slices[1]


def _grey(rgba: Pixels) -> tuple[Grey, Grey]:
    """Grey levels on black, and what a white ground adds."""
    alpha = rgba[..., 3].astype(np.float32)
    level = rgba[..., 0] * _LUMA[0]
    level += rgba[..., 1] * _LUMA[1]
    level += rgba[..., 2] * _LUMA[2]
    level *= alpha
    level /= np.float32(255)
    return level, np.float32(255) - alpha


def luma(rgba: Pixels, ground: int) -> Grey:
    """Grey levels 0..255 of a picture on a white or a black ground (ITU-R BT.601), (height, width)."""
    level, rest = _grey(rgba)
    return level + rest if ground == WHITE else level


def ssim(a: Grey, b: Grey) -> float:
    """Mean structural similarity over 7 x 7 windows (Wang et al. 2004, K1 = 0.01, K2 = 0.03, sample covariance).

    Windows begin at every second row and column, which takes a third of the time and says the same of a picture. Each
    is equal to that of skimage.metrics.structural_similarity with win_size=7 and data_range=255, of levels 0..255.
    """
    return float(ssim_map(a, b).mean(dtype=np.float64))


def ssim_map(a: Grey, b: Grey) -> Grey:
    """The structural similarity of the windows, ((height - 5) // 2, (width - 5) // 2)."""
    # centred on zero, squares keep two more of a float32's bits
    a, b = a - _MIDDLE, b - _MIDDLE
    n = WINDOW * WINDOW
    each = np.float32(1 / n)
    ua, ub = _window_sums(a), _window_sums(b)
    ua *= each
    ub *= each
    both = a * a
    both += b * b
    both = _window_sums(both)
    both *= each
    shared = _window_sums(a * b)
    shared *= each
    sample = np.float32(n / (n - 1))
    squares = ua * ua
    squares += ub * ub
    both -= squares
    both *= sample
    both += np.float32(_C2)
    shared -= ua * ub
    shared *= 2 * sample
    shared += np.float32(_C2)
    ua += _MIDDLE
    ub += _MIDDLE
    top = ua * ub
    top *= 2
    top += np.float32(_C1)
    top *= shared
    ua *= ua
    ub *= ub
    ua += ub
    ua += np.float32(_C1)
    ua *= both
    top /= ua
    return top


def _window_sums(values: Grey) -> Grey:
    """Sums over the 7 x 7 windows that begin at every second row and column, by pairs of rows and then of columns."""
    count = (values.shape[0] - WINDOW) // 2 + 1
    two = values[:-1:2] + values[1::2]
    rows = two[:count] + two[1 : count + 1]
    rows += two[2 : count + 2]
    rows += values[6 : 6 + 2 * count : 2]
    count = (values.shape[1] - WINDOW) // 2 + 1
    two = rows[:, :-1:2] + rows[:, 1::2]
    sums = two[:, :count] + two[:, 1 : count + 1]
    sums += two[:, 2 : count + 2]
    sums += rows[:, 6 : 6 + 2 * count : 2]
    return sums


def visible_shares(a: Pixels, b: Pixels, threshold: int) -> dict[int, float]:
    """The share of pixels that differ visibly, of `difference`, on each ground."""
    apart = np.ascontiguousarray(a).view(np.uint32)[..., 0] != np.ascontiguousarray(b).view(np.uint32)[..., 0]
    ys, xs = np.nonzero(apart)
    here, there = a[ys, xs], b[ys, xs]
    opaque = bool((a[..., 3] == 255).all() and (b[..., 3] == 255).all())
    shares = {}
    for ground in (WHITE,) if opaque else (WHITE, BLACK):
        clear = np.abs(on_ground(here, ground) - on_ground(there, ground)).max(axis=1) > threshold
        places = ys[clear], xs[clear]
        ways = [_outside(p, q, places, ground) for p, q in ((a, b), (b, a))]
        shares[ground] = max(int((way > threshold).sum()) for way in ways) / apart.size
    return {WHITE: shares[WHITE], BLACK: shares.get(BLACK, shares[WHITE])}  # what is opaque hides its ground


def _outside(
    one: Pixels, other: Pixels, places: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], ground: int
) -> npt.NDArray[np.int32]:
    """By how much a channel of ``one`` at ``places`` lies outside of what is around them in ``other``, at most."""
    ys, xs = places
    height, width = one.shape[:2]
    beyond = np.zeros(len(ys), np.int32)
    # all nine at once, where most pictures have few such places and a step of numpy costs more than they do
    for first in range(0, len(ys), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        rows = np.clip(ys[part] + _NINE_Y, 0, height - 1)
        columns = np.clip(xs[part] + _NINE_X, 0, width - 1)
        mine, near = on_ground(one[ys[part], xs[part]], ground), on_ground(other[rows, columns], ground)
        np.maximum(mine - near.max(axis=0), near.min(axis=0) - mine).max(axis=1, out=beyond[part])
    return np.maximum(beyond, 0)
