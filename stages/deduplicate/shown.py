"""Flags of what a drawing shows, from its small picture: whether anything, how much, and whether that is cut off.

`light_only`, `tiny_ink` and `cut_off` say whether their rule holds. See `stages.deduplicate.flags`, which names them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.deduplicate.flags import CutOffThresholds
from stages.pictures import SIDE, Reduced

_FAINT = 16
"""Of 255: what covers less of a pixel says nothing of its colour."""
_CLEAR, _CLEARER = 26, 4
"""How much, of 255, a light drawing must show on black, and how many times as much as on white: a thin line on a page
shows on both alike."""
_INKED = 64
"""Of 255: by how much ink differs from the ground."""


def light_only(picture: Reduced, darkest: float) -> bool:
    """Whether all that is painted is white or nearly so, and shows on black. ``darkest``: how far from white, 0..1."""
    covered = picture[..., 3]
    # of premultiplied colours, this is the distance to white times what is covered
    dark = covered - picture[..., :3].min(axis=2)
    if int(dark.max()) > 255 * darkest:
        return False
    on_black = int(np.ptp(picture[..., :3]))
    if on_black < _CLEAR or on_black < _CLEARER * int(np.ptp(dark)):
        return False
    clear = covered >= _FAINT
    return not np.any(dark[clear] > darkest * covered[clear])


def tiny_ink(picture: Reduced, light: bool, most: float) -> bool:
    """Whether less than the share ``most`` of the canvas is drawn on. ``light``: it shows on black only.

    That is what is covered; on a page, what differs on white from the colour that over half of the canvas has, and an
    area that differs half as much as the clearest pixel counts half.
    """
    covered = float(picture[..., 3].mean()) / 255
    if covered < most:
        return covered > 0
    if light:
        return False
    painted = _on_white(picture)
    ink = np.abs(painted.astype(np.int16) - _ground(painted)).max(axis=2)
    return bool(ink.any()) and float(ink.mean()) < most * float(ink.max())


def _on_white(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(..., 3): premultiplied colours, (..., 4), on white."""
    return pixels[..., :3] + (255 - pixels[..., 3:])


def _ground(painted: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """The colour, red, green and blue, that over half of the pixels have; any of them if none does."""
    wide = painted.astype(np.uint32)
    packed = (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel()
    middle = int(np.partition(packed, packed.size // 2)[packed.size // 2])
    return np.array([middle >> 16, middle >> 8 & 255, middle & 255], np.int16)


def cut_off(picture: Reduced, frame: Sequence[float], beyond: Sequence[float], rule: CutOffThresholds) -> bool:
    """Whether a side of the viewBox cuts through ink.

    ``frame``, ``beyond``: see `stages.schema.NORMALIZED`. A picture that fills its viewBox has ink all along a side.
    """
    if max(beyond) < rule.beyond:
        return False
    left, top = (math.ceil(SIDE * value - 1e-3) for value in frame[:2])
    right, bottom = (math.floor(SIDE * value + 1e-3) for value in frame[2:])
    if left >= right or top >= bottom:
        return False
    kinds, counts = np.unique(np.ascontiguousarray(picture).view(np.uint32).ravel(), return_counts=True)
    ground = kinds[counts.argmax() :][:1].view(np.uint8)
    painted, behind = _on_white(picture), _on_white(ground)
    if painted.min() > 255 - _INKED:
        painted, behind = picture[..., :3], ground[:3]
    inked = np.abs(painted.astype(np.int16) - behind).max(axis=2) >= _INKED
    shown = inked[top:bottom, left:right]
    sides = (shown[:, 0], shown[0], shown[:, -1], shown[-1])
    return any(
        far >= rule.beyond and rule.inked <= float(side.mean()) <= rule.filled
        for far, side in zip(beyond, sides, strict=True)
    )
