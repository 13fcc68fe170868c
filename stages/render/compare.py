"""How unlike two pictures are: SSIM, mean absolute error, and the share of visibly different pixels.

All three are taken on white and on black, because a transparent picture shows its ground, and the worse one counts.
Pictures are compared as planes, (3, height, width): arithmetic on planes is several times as fast as on triples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(height, width, 4), sRGB with straight alpha."""

Planes = npt.NDArray[np.uint8]
"""(3, height, width), sRGB on an opaque ground."""

WINDOW = 7
"""Side of the SSIM's window, px."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_MIDDLE = np.float32(128)


@dataclass(frozen=True)
class Difference:
    """``ssim`` -1..1, ``mae`` 0..1, ``visible_share`` 0..1 of two pictures, the worse of on white and on black."""

    ssim: float
    mae: float
    visible_share: float


SAME = Difference(1.0, 0.0, 0.0)


def on_grounds(rgba: Pixels) -> list[Planes]:
    """The picture on white and on black, or once, where it is opaque and the ground makes no difference."""
    planes = np.ascontiguousarray(rgba.transpose(2, 0, 1))
    colour, alpha = planes[:3], planes[3]
    if (alpha == 255).all():
        return [colour]
    black = colour.astype(np.uint16) * alpha + np.uint16(128)
    black += black >> 8  # with the next shift, exactly the rounded division by 255
    black >>= 8
    on_black = black.astype(np.uint8)
    return [on_black + (255 - alpha), on_black]


def uniform(planes: Planes) -> bool:
    """Whether every pixel equals the first."""
    return bool((planes == planes[:, :1, :1]).all())


def blank(rgba: Pixels) -> bool:
    """Whether the picture is uniform on white and on black."""
    return all(map(uniform, on_grounds(rgba)))


def difference(a: Pixels, b: Pixels, pixel_threshold: int) -> Difference:
    """Compare two RGBA pictures of one size, at least `WINDOW` px a side. ``pixel_threshold``: of a channel, 0..255."""
    if np.array_equal(a, b):
        return SAME
    ours, theirs = on_grounds(a), on_grounds(b)
    if len(ours) != len(theirs):
        ours, theirs = ours * (3 - len(ours)), theirs * (3 - len(theirs))
    found = [_on_one_ground(p, q, pixel_threshold) for p, q in zip(ours, theirs, strict=True)]
    return Difference(min(d.ssim for d in found), max(d.mae for d in found), max(d.visible_share for d in found))


def _on_one_ground(a: Planes, b: Planes, threshold: int) -> Difference:
    apart = np.maximum(a, b) - np.minimum(a, b)
    mae = int(apart.sum(dtype=np.int64)) / (255 * apart.size)
    if mae == 0:  # as a black icon's on black
        return SAME
    return Difference(ssim(luma(a), luma(b)), mae, visible_share(a, b, threshold))


def luma(planes: Planes) -> npt.NDArray[np.float32]:
    """Grey levels 0..255 by ITU-R BT.601, (height, width)."""
    red, green, blue = planes.astype(np.float32)
    return red * np.float32(0.299) + green * np.float32(0.587) + blue * np.float32(0.114)


def ssim(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Mean structural similarity over 7 x 7 windows (Wang et al. 2004, K1 = 0.01, K2 = 0.03, sample covariance).

    Equal to skimage.metrics.structural_similarity with win_size=7 and data_range=255, of grey levels 0..255.
    """
    # centred on zero, squares keep two more of a float32's bits
    a, b = a - _MIDDLE, b - _MIDDLE
    n = WINDOW * WINDOW
    ua, ub, uaa, ubb, uab = (_window_sums(v) * np.float32(1 / n) for v in (a, b, a * a, b * b, a * b))
    sample = np.float32(n / (n - 1))
    spread = sample * ((uaa + ubb) - (ua * ua + ub * ub))
    shared = sample * (uab - ua * ub)
    ua += _MIDDLE
    ub += _MIDDLE
    top = (2 * ua * ub + _C1) * (2 * shared + _C2)
    bottom = (ua * ua + ub * ub + _C1) * (spread + _C2)
    return float((top / bottom).mean(dtype=np.float64))


def _window_sums(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sums over all 7 x 7 windows, by 4 + 2 + 1 shifted sums along each axis: five times as fast as cumsum."""
    two = values[1:] + values[:-1]
    four = two[2:] + two[:-2]
    rows = four[:-3] + two[4:-1] + values[6:]
    two = rows[:, 1:] + rows[:, :-1]
    four = two[:, 2:] + two[:, :-2]
    return four[:, :-3] + two[:, 4:-1] + rows[:, 6:]


def visible_share(a: Planes, b: Planes, threshold: int) -> float:
    """Share of pixels that differ from all nine around their place in the other picture, the larger of both ways.

    Two pixels differ when a channel does by more than ``threshold``. Only those that differ in place are looked at.
    """
    _, height, width = a.shape
    apart = np.maximum(a, b) - np.minimum(a, b)
    ys, xs = np.nonzero(apart.max(axis=0) > threshold)
    worst = 0
    for one, other in ((a, b), (b, a)):
        y, x = ys, xs
        for dy, dx in _AROUND:
            if not len(y):
                break
            mine = one[:, y, x]
            theirs = other[:, np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
            left = (np.maximum(mine, theirs) - np.minimum(mine, theirs)).max(axis=0) > threshold
            y, x = y[left], x[left]
        worst = max(worst, len(y))
    return worst / (height * width)


_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
