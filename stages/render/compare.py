"""How unlike two pictures are: SSIM, mean absolute error, and the share of visibly different pixels.

All three are taken on white and on black, because a transparent picture shows its ground, and the worse one counts.
Most pixels of a source and its canonical form are equal, so work is done where they are not: sums over pixels on those
alone, SSIM on the rectangle that holds them, since a window without a difference has an SSIM of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(height, width, 4), sRGB with straight alpha."""

Packed = npt.NDArray[np.uint32]
"""Pixels in a row, each a number."""

T = TypeVar("T", bound=np.generic)

Grey = npt.NDArray[np.float32]
"""(height, width), 0..255."""

WINDOW = 7
"""Side of the SSIM's window, px."""

WHITE, BLACK = 255, 0

AROUND = 2
"""Pixels on each side that a window has beyond what differs: one that the comparison looks at, and one to spare."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_AT_ONCE = 512
"""Places: so that what is computed of them stays in the cache."""
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


def on_ground(rgba: Pixels, ground: int) -> npt.NDArray[np.int16]:
    """Colours of pixels, (..., 4) uint8 with straight alpha, on `WHITE` or `BLACK`: (3, ...), 0..255, rounded.

    The channels come first, since numpy is slow where the last axis is short.
    """
    on_black, rest = _layers(rgba)
    return on_black + rest if ground == WHITE else on_black


def _layers(rgba: Pixels) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """`on_ground` on black, and what a white ground adds, which is a whole number: (3, ...) and (...)."""
    wide = _channels(rgba, np.uint16)
    alpha = wide[3]
    total = wide[:3] * alpha
    total += np.uint16(128)
    total += total >> 8  # exactly the rounded division by 255, and never over 65,535
    total >>= 8
    return total.view(np.int16), (255 - alpha).view(np.int16)


def _channels(rgba: Pixels, kind: type[T]) -> npt.NDArray[T]:
    """(..., 4) pixels as (4, ...) numbers."""
    return np.moveaxis(rgba, -1, 0).astype(kind, order="C")


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
    flat = packed(rgba)
    places = np.flatnonzero(flat != flat[0])
    # a few pixels nearly always settle it
    for part in (slice(64), slice(None)):
        pixels = unpacked(flat[places[part]])
        for ground in (WHITE, BLACK):
            if (on_ground(pixels, ground) != on_ground(rgba[0, :1], ground)).any():
                return False
    return True


def difference(a: Pixels, b: Pixels, threshold: int, faint: int | None = None) -> Difference:
    """Compare two RGBA pictures of one size, at least `WINDOW` px a side. ``threshold``: of a channel, 0..255.

    A pixel differs visibly where a channel lies outside, by more than ``threshold``, of what the nine pixels around its
    place in the other picture span: so a shift of up to one pixel, or a part of one, is forgiven. The share is the
    larger of both ways. ``faint``: another threshold, not over the first.
    """
    lowest = threshold if faint is None else faint
    height, width = a.shape[:2]
    one, other = packed(a), packed(b)
    places = np.flatnonzero(one != other)
    if not len(places):
        return SAME
    here, there = unpacked(one[places]), unpacked(other[places])
    area = _around(places, height, width)
    greys = _greys(a, there, places, area)
    differences = []
    (step, rest), (other_step, other_rest) = _layers(here), _layers(there)
    step, rest = step - other_step, rest - other_rest
    for ground in (WHITE,) if _opaque(a, here, there) else (WHITE, BLACK):
        steps = np.abs(step + rest if ground == WHITE else step)
        mae = int(steps.sum(dtype=np.int64)) / (255 * 3 * height * width)
        if mae == 0:  # as a black icon's on black
            continue
        clear = places[most(steps) > lowest]
        ways = [_outside(p, q, clear, width, ground) for p, q in ((one, other), (other, one))]
        shares = [
            max(int(np.count_nonzero(way > limit)) for way in ways) / (height * width) for limit in (threshold, lowest)
        ]
        first, second = (grey[0] if ground == BLACK else grey[0] + grey[1] for grey in greys)
        windows = ((height - WINDOW) // 2 + 1) * ((width - WINDOW) // 2 + 1)
        part = ssim_map(first, second)
        score = 1 + float((part - 1).sum(dtype=np.float64)) / windows
        differences.append(Difference(score, mae, shares[0], 0.0 if faint is None else shares[1]))
    if not differences:
        return SAME
    return Difference(
        min(d.ssim for d in differences),
        max(d.mae for d in differences),
        max(d.visible_share for d in differences),
        max(d.faint_share for d in differences),
    )


def packed(rgba: Pixels) -> Packed:
    """The pixels of a picture in a row, (height * width)."""
    return np.ascontiguousarray(rgba).view("<u4").ravel()


def unpacked(pixels: Packed) -> Pixels:
    """Inverse of `packed`, of pixels in any shape: (..., 4)."""
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


def _opaque(a: Pixels, here: Pixels, there: Pixels) -> bool:
    """Whether two pictures hide their ground, ``here`` and ``there`` being the pixels that are not the same in both."""
    return bool((here[:, 3] == 255).all() and (there[:, 3] == 255).all() and (a[..., 3] == 255).all())


def most(steps: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """The largest of the three channels of (3, ...)."""
    largest: npt.NDArray[np.int16] = np.maximum(np.maximum(steps[0], steps[1]), steps[2])
    return largest


def _around(places: npt.NDArray[np.intp], height: int, width: int) -> tuple[slice, slice]:
    """The rectangle of all windows that hold one of these pixels, of which the places rise."""
    seen = np.zeros(width, bool)
    seen[places % width] = True
    columns = np.flatnonzero(seen)
    slices = []
    for low, high, size in (
        (int(places[0]) // width, int(places[-1]) // width, height),
        (int(columns[0]), int(columns[-1]), width),
    ):
        slices.append(slice(max((low - WINDOW + 1) // 2 * 2, 0), min(high + WINDOW, size)))
    return slices[0], slices[1]


def _grey(rgba: Pixels) -> tuple[Grey, Grey]:
    """Grey levels on black, and what a white ground adds."""
    level, green, blue, alpha = _channels(rgba, np.float32)
    level *= _LUMA[0]
    green *= _LUMA[1]
    level += green
    blue *= _LUMA[2]
    level += blue
    level *= alpha
    level /= np.float32(255)
    return level, np.float32(255) - alpha


def _greys(
    a: Pixels, there: Pixels, places: npt.NDArray[np.intp], area: tuple[slice, slice]
) -> tuple[tuple[Grey, Grey], tuple[Grey, Grey]]:
    """`_grey` of a rectangle of two pictures, which have the same pixels but at ``places``: ``there`` in the second."""
    first = _grey(a[area])
    width = area[1].stop - area[1].start
    ys, xs = np.divmod(places, a.shape[1])
    within = (ys - area[0].start) * width + (xs - area[1].start)
    second = (first[0].copy(), first[1].copy())
    for level, values in zip(second, _grey(there), strict=True):
        level.reshape(-1)[within] = values
    return first, second


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
    return {ground: max(map(len, ways)) / (a.size // 4) for ground, ways in _visible(a, b, threshold).items()}


def visible_window(a: Pixels, b: Pixels, threshold: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, px: what holds all pixels that differ visibly on any ground, and what is around them.

    Raises ValueError where there are none.
    """
    height, width = a.shape[:2]
    places = np.concatenate([way for ways in _visible(a, b, threshold).values() for way in ways])
    ys, xs = np.divmod(places, width)
    left, top = (max(int(values.min()) - AROUND, 0) for values in (xs, ys))
    right, bottom = int(xs.max()) + 1 + AROUND, int(ys.max()) + 1 + AROUND
    return left, top, min(right, width), min(bottom, height)


def _visible(a: Pixels, b: Pixels, threshold: int) -> dict[int, list[npt.NDArray[np.intp]]]:
    """The places, on each ground, of pixels of ``a`` that differ visibly, and of those of ``b``."""
    one, other = packed(a), packed(b)
    places = np.flatnonzero(one != other)
    here, there = unpacked(one[places]), unpacked(other[places])
    visible = {}
    for ground in (WHITE,) if _opaque(a, here, there) else (WHITE, BLACK):
        clear = places[most(np.abs(on_ground(here, ground) - on_ground(there, ground))) > threshold]
        visible[ground] = [
            clear[_outside(p, q, clear, a.shape[1], ground) > threshold] for p, q in ((one, other), (other, one))
        ]
    return {WHITE: visible[WHITE], BLACK: visible.get(BLACK, visible[WHITE])}  # what is opaque hides its ground


def _outside(
    one: Packed, other: Packed, places: npt.NDArray[np.intp], width: int, ground: int
) -> npt.NDArray[np.int16]:
    """By how much a channel of ``one`` at ``places`` lies outside of what is around them in ``other``, at most."""
    height = len(one) // width
    beyond = np.zeros(len(places), np.int16)
    # all nine at once, where most pictures have few such places and a step of numpy costs more than they do
    for first in range(0, len(places), _AT_ONCE):
        part = places[first : first + _AT_ONCE]
        ys, xs = np.divmod(part, width)
        rows = [np.maximum(ys - 1, 0), ys, np.minimum(ys + 1, height - 1)]
        columns = [np.maximum(xs - 1, 0), xs, np.minimum(xs + 1, width - 1)]
        nine = np.stack([row * width + column for row in rows for column in columns])
        own, near = on_ground(unpacked(one[part]), ground), on_ground(unpacked(other[nine]), ground)
        beyond[first : first + _AT_ONCE] = most(np.maximum(own - near.max(axis=1), near.min(axis=1) - own))
    return np.maximum(beyond, 0)
