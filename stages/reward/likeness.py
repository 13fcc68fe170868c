"""How like a truth's picture an answer's is: 1 for the same, 0 for no more than an empty page.

Most of a drawing is paper, so all measures say that a blank page is rather like it, and liker than another drawing of
the same kind. So each is taken relative to what a blank page in the colour of the truth's paper would get.

The measures are those of `stages.render.compare`, which looks only where two pictures differ. Here they differ nearly
everywhere, so all pixels are looked at, in a twentieth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import numpy.typing as npt

from stages.render.compare import BLACK, Grey, Pixels, on_ground, packed, ssim, unpacked

BOX = 4
"""Ink is compared pixel by pixel, of boxes so many pixels a side, and of boxes so many of those a side: what lies a
little beside its place meets there."""

_STEP = 4
"""The paper's colour is that of most of every fourth pixel of every fourth row."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""

Colours = npt.NDArray[np.uint8]
"""(3, height, width): red, green and blue; or (1, height, width), where all is grey, as most icons are."""

Boxes = npt.NDArray[np.int32]
"""The same, smaller: sums of colours over boxes."""


@dataclass(frozen=True)
class Likeness:
    """Each 0..1. ``ink``: of what is drawn in either picture, the share that meets; ``ssim``: structural similarity;
    ``visible``: of what is drawn, the share that does not visibly differ."""

    ink: float
    ssim: float
    visible: float


SAME = Likeness(1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Ink:
    """What a picture has beyond its paper.

    ``masses``: how far from the paper it is, the mean of its channels, summed over pixels and over both kinds of boxes,
    (3,). ``share``: of pixels that visibly differ from the paper.
    """

    masses: npt.NDArray[np.float64]
    share: float


class Laid:
    """A picture on one ground, and what is measured of it; its sides are multiples of `BOX` squared."""

    def __init__(self, colours: Colours) -> None:
        self.colours = colours

    @cached_property
    def grey(self) -> Grey:
        """Grey levels."""
        grey: Grey
        if len(self.colours) == 1:
            grey = self.colours[0].astype(np.float32)
            return grey
        red, green, blue = self.colours
        grey = red * _LUMA[0]
        grey += green * _LUMA[1]
        grey += blue * _LUMA[2]
        return grey

    @cached_property
    def around(self) -> tuple[Colours, Colours]:
        """Of each channel the least and the most that the nine pixels around a place have."""
        return _nine(self.colours, np.minimum), _nine(self.colours, np.maximum)

    @cached_property
    def boxes(self) -> tuple[Boxes, Boxes]:
        """The sums over the small and over the large boxes."""
        small = _boxes(self.colours)
        return small, _boxes(small)


class Target:
    """The picture of a truth, and what answers are measured by. ``threshold``: as in `compare.difference`."""

    def __init__(self, pixels: Pixels, threshold: int) -> None:
        self.threshold = threshold
        self.opaque = _opaque(pixels)
        values, counts = np.unique(packed(pixels[::_STEP, ::_STEP]), return_counts=True)
        paper = unpacked(values[counts.argmax()].reshape(1, 1))
        self.laid = _both(pixels)
        self.paper = [ground.colours for ground in _both(paper)]
        self.blank_ssim = min(_ssim_of_page(a, b) for a, b in zip(self.laid, self.paper, strict=True))
        self.ink = [_ink(a, b, threshold) for a, b in zip(self.laid, self.paper, strict=True)]

    def likeness(self, pixels: Pixels) -> Likeness:
        """How like the target a picture of its size is."""
        # what is opaque hides its ground
        grounds = 1 if self.opaque and _opaque(pixels) else 2
        ink, apart = np.zeros(3), np.zeros(3)
        structure, visible, drawn = 1.0, 0.0, 0.0
        sides = zip(self.laid, self.paper, self.ink, _both(pixels), strict=True)
        for truth, paper, own, answer in islice(sides, grounds):
            if np.array_equal(truth.colours, answer.colours):  # as a black icon's on black
                ink += 2 * own.masses
                drawn = max(drawn, own.share)
                continue
            other = _ink(answer, paper, self.threshold)
            ink += own.masses + other.masses
            drawn = max(drawn, own.share, other.share)
            apart += _differences(truth, answer)
            structure = min(structure, ssim(truth.grey, answer.grey))
            visible = max(visible, _visible(truth, answer, self.threshold), _visible(answer, truth, self.threshold))
        if not apart.any():
            return SAME
        room = 1 - self.blank_ssim
        return Likeness(
            ink=_within(1 - float(np.mean(apart / np.maximum(ink, 1)))),
            ssim=_within((structure - self.blank_ssim) / room) if room > 0 else 0.0,
            visible=_within(1 - visible / drawn) if drawn else 1.0,
        )


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _opaque(pixels: Pixels) -> bool:
    return bool((pixels[..., 3] == 255).all())


def _both(pixels: Pixels) -> list[Laid]:
    """A picture on white and on black."""
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2]):
        grey, alpha = pixels[..., 0].astype(np.uint16), pixels[..., 3]
        grey *= alpha
        grey += np.uint16(128)
        grey += grey >> 8  # as `on_ground` divides by 255
        black: Colours = (grey >> 8).astype(np.uint8)[None]
    else:
        black = on_ground(pixels, BLACK).astype(np.uint8)
    return [Laid(black + (255 - pixels[..., 3])), Laid(black)]


def _ssim_of_page(laid: Laid, paper: Colours) -> float:
    """Structural similarity of a picture and a page of its paper."""
    if (laid.colours == paper).all():
        return 1.0
    page = np.full_like(laid.grey, Laid(paper).grey[0, 0])
    return ssim(page, laid.grey)


def _boxes(colours: npt.NDArray[np.integer]) -> Boxes:
    """Sums over boxes of `BOX` by `BOX`."""
    rows = colours[:, ::BOX].astype(np.int32)
    for i in range(1, BOX):
        rows += colours[:, i::BOX]
    boxes = rows[..., ::BOX].copy()
    for i in range(1, BOX):
        boxes += rows[..., i::BOX]
    return boxes


def _ink(laid: Laid, paper: Colours, threshold: int) -> Ink:
    steps = _apart(laid.colours, paper)
    small, large = laid.boxes
    wide = paper.astype(np.int32)
    return Ink(_masses(steps, small - wide * BOX**2, large - wide * BOX**4), _share(steps, threshold))


def _differences(one: Laid, other: Laid) -> npt.NDArray[np.float64]:
    """How far apart two pictures are, as `Ink.masses`."""
    (small, large), (other_small, other_large) = one.boxes, other.boxes
    return _masses(_apart(one.colours, other.colours), small - other_small, large - other_large)


def _masses(steps: Colours, small: Boxes, large: Boxes) -> npt.NDArray[np.float64]:
    totals = [_total(steps), int(np.abs(small).sum()), int(np.abs(large).sum())]
    return np.array(totals, np.float64) / len(steps)


def _total(steps: Colours) -> int:
    # a column at a time, whose sum fits into 32 bits
    return int(np.add.reduce(steps, axis=1, dtype=np.uint32).sum(dtype=np.int64))


def _nine(colours: Colours, choose: np.ufunc) -> Colours:
    across = colours.copy()
    choose(across[..., 1:], colours[..., :-1], out=across[..., 1:])
    choose(across[..., :-1], colours[..., 1:], out=across[..., :-1])
    around = across.copy()
    choose(around[:, 1:], across[:, :-1], out=around[:, 1:])
    choose(around[:, :-1], across[:, 1:], out=around[:, :-1])
    return around


def _apart(a: Colours, b: Colours) -> Colours:
    steps: Colours = np.maximum(a, b)
    steps -= np.minimum(a, b)
    return steps


def _visible(one: Laid, other: Laid, threshold: int) -> float:
    """The share of pixels of ``one`` that lie outside, by more than ``threshold``, of what is around in ``other``."""
    least, most = other.around
    below = np.maximum(least, one.colours) - one.colours
    above = np.maximum(most, one.colours) - most
    return _share(np.maximum(below, above), threshold)


def _share(steps: Colours, threshold: int) -> float:
    """The share of pixels of which a channel is over ``threshold``."""
    largest = steps[0] if len(steps) == 1 else np.maximum(np.maximum(steps[0], steps[1]), steps[2])
    return int(np.count_nonzero(largest > threshold)) / int(largest.size)
