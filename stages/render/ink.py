"""How much of a picture is drawn on: what a difference is measured by where there is little ink.

The ground of a drawing is the colour that most of it has: of the paper it stands on, or of a rectangle that a chart
lays under itself. All else is ink.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.render.compare import BLACK, WHITE, Pixels, most, on_ground, packed, unpacked

STEP = 4
"""The colour of the paper is taken from one of so many rows and columns."""

HIDDEN = 2
"""White is a drawing's ground unless so many times the ink shows on black: a drawing in white, say."""


def inked(a: Pixels, b: Pixels, view_box: tuple[float, ...], threshold: int) -> tuple[int, float]:
    """The better-suited ground, `WHITE` or `BLACK`, of two pictures of one drawing, ``a`` its source's, and the share
    of the pixels, 0..1, that are ink in either of them.

    A pixel is ink where a channel differs by more than ``threshold`` from the ground's. ``view_box``: what the middle
    of the square shows; the margins beside it are neither ground nor ink.
    """
    rows, columns = _middle(view_box, a.shape[0])
    one, other = (packed(picture[rows, columns]) for picture in (a, b))
    sampled = _sampled(a, view_box)
    shares = []
    for ground in (WHITE, BLACK):
        at, paper = _most_frequent(on_ground(sampled, ground))
        same = sampled[at].view(np.uint32)[0]
        # most pixels of most pictures are the paper's, exactly
        rest = np.flatnonzero((one != same) | (other != same))
        drawn = most(np.abs(on_ground(unpacked(one[rest]), ground) - paper)) > threshold
        drawn |= most(np.abs(on_ground(unpacked(other[rest]), ground) - paper)) > threshold
        shares.append(int(np.count_nonzero(drawn)) / (a.shape[0] * a.shape[1]))
    white, black = shares
    return (BLACK, black) if black > HIDDEN * white else (WHITE, white)


def surely_inked(a: Pixels, view_box: tuple[float, ...], threshold: int, share: float, most_share: float) -> bool:
    """Whether a look at few pixels shows that ``share`` is at most ``most_share`` of what `inked` would say.

    On whichever ground.
    """
    sampled = _sampled(a, view_box)
    for ground in (WHITE, BLACK):
        colours = on_ground(sampled, ground)
        _, paper = _most_frequent(colours)
        if np.count_nonzero(most(np.abs(colours - paper)) > threshold) * most_share < share * a.shape[0] * a.shape[1]:
            return False
    return True


def _sampled(picture: Pixels, view_box: tuple[float, ...]) -> Pixels:
    """(n, 4): every `STEP`-th pixel of every `STEP`-th row, which decide on the colour of the paper."""
    rows, columns = _middle(view_box, picture.shape[0])
    return np.ascontiguousarray(picture[rows, columns][::STEP, ::STEP]).reshape(-1, 4)


def _middle(view_box: tuple[float, ...], size: int) -> tuple[slice, slice]:
    """The rows and columns of a square picture of ``size`` px that a viewBox fills, fitted into it."""
    _, _, width, height = view_box
    scale = size / max(width, height)
    margins = [round((size - side * scale) / 2) for side in (height, width)]
    # of a band under a pixel high, a pixel is left
    first, second = (slice(min(margin, size // 2 - 1), max(size - margin, size // 2 + 1)) for margin in margins)
    return first, second


def _most_frequent(colours: npt.NDArray[np.int16]) -> tuple[int, npt.NDArray[np.int16]]:
    """The first of the fullest of 4096 boxes of like colours, of (3, n): its place and itself, (3, 1)."""
    boxes = colours[0] >> 4 << 8 | colours[1] >> 4 << 4 | colours[2] >> 4
    at = int(np.flatnonzero(boxes == np.bincount(boxes).argmax())[0])
    return at, colours[:, at : at + 1]
