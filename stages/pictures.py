"""Small pictures of drawings, hashes that bring like ones together, and how unlike two of them are.

A reduced picture is `SIDE` x `SIDE` px, 8 bits for each of red, green, blue (premultiplied) and alpha: enough to lay it
on any ground, and to tell a part that has changed from a line that was rounded otherwise.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

SIDE = 64

SPARSE = 0.06
"""Share of ink up to which a picture of so few pixels does not tell a drawing from others; see `stages.fine`."""

PATCH = 8
"""Pixels a side of the patches that `unlike` looks at."""

Reduced = npt.NDArray[np.uint8]
"""(SIDE, SIDE, 4): red, green, blue, premultiplied, and alpha."""

HASH_BYTES = 24
"""Of a picture's hash: 64 bits for each of three planes."""

_OPAQUE = np.uint32(0xFF000000)
_HALVES = np.uint32(0x00FF00FF)

_SUMMED = 16 * SIDE
"""Side of the largest picture of which 16 bits hold the sum of a pixel's area."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def reduce(rgba: npt.NDArray[np.uint8]) -> Reduced:
    """``rgba``, (n, n, 4) with straight alpha, as a reduced picture: each pixel is the mean of the area it covers."""
    size = rgba.shape[0]
    pixels = np.ascontiguousarray(rgba).reshape(-1, 4).copy()
    # few pixels are neither opaque nor empty, of which alpha, the highest byte, is 255 or all is nought
    partial = np.flatnonzero(pixels.view("<u4")[:, 0] - np.uint32(1) < _OPAQUE - 1)
    translucent = pixels[partial].astype(np.uint16)
    translucent[:, :3] = (translucent[:, :3] * translucent[:, 3:] + 127) // 255
    pixels[partial] = translucent
    if size % SIDE or size > _SUMMED:
        weights = _weights(size)
        means = np.einsum("yi,ijc,xj->yxc", weights, pixels.reshape(size, size, 4), weights, optimize=True)
        rounded: npt.NDArray[np.uint8] = (means + 0.5).astype(np.uint8)
        return rounded
    step = size // SIDE
    words = pixels.view("<u4").reshape(SIDE, step, size)
    sums = np.empty((SIDE, SIDE, 4), np.uint32)
    # two channels are summed as one number, since neither of their sums runs over into the other's half
    for first in (0, 1):
        halves = (words >> np.uint32(8 * first)) & _HALVES
        rows = halves[:, 0].copy()
        for k in range(1, step):
            rows += halves[:, k]
        columns = rows.reshape(SIDE, SIDE, step)
        total = columns[..., 0].copy()
        for k in range(1, step):
            total += columns[..., k]
        sums[..., first], sums[..., first + 2] = total & np.uint32(0xFFFF), total >> np.uint32(16)
    means_of_boxes: npt.NDArray[np.uint8] = ((sums + step * step // 2) // (step * step)).astype(np.uint8)
    return means_of_boxes


@lru_cache(8)
def _weights(size: int) -> npt.NDArray[np.float32]:
    """(SIDE, size): the share of each source row in each row of the reduced picture."""
    edges = np.arange(SIDE + 1) * size / SIDE
    low, high = edges[:-1, None], edges[1:, None]
    place = np.arange(size)[None, :]
    covered = np.clip(np.minimum(high, place + 1) - np.maximum(low, place), 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


def pack(picture: Reduced) -> bytes:
    """A reduced picture in few bytes."""
    # planes apart, and each row as its difference to the one above: much of it is nought
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    planes[:, 1:] -= planes[:, :-1].copy()
    return zlib_ng.compress(planes.tobytes(), 5)


def unpack(data: bytes) -> Reduced:
    """Inverse of `pack`."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(4, SIDE, SIDE)
    return np.cumsum(planes, axis=1, dtype=np.uint8).transpose(1, 2, 0)


def colourless(picture: Reduced) -> Reduced:
    """As if all that is drawn were black."""
    black = picture.copy()
    black[..., :3] = 0
    return black


def ink(picture: Reduced, colours: bool = True) -> float:
    """The share of the canvas, 0..1, that is drawn on: how far, in the mean, pixels are from the commonest one.

    On white, so that a white page is no ink. Without ``colours`` it is what is covered.
    """
    if not colours:
        return float(picture[..., 3].mean()) / 255
    on_white = picture.copy()
    on_white[..., :3] += 255 - picture[..., 3:]
    on_white[..., 3] = 255
    kinds = np.sort(on_white.view("<u4").ravel())
    begins = np.flatnonzero(np.concatenate([[True], kinds[1:] != kinds[:-1], [True]]))
    commonest = begins[np.diff(begins).argmax()]
    ground = kinds[commonest : commonest + 1].view(np.uint8)
    steps = np.maximum(on_white, ground) - np.minimum(on_white, ground)
    most = np.maximum(np.maximum(steps[..., 0], steps[..., 1]), steps[..., 2])
    return float(most.mean()) / 255


def sparse(picture: Reduced) -> bool:
    """Whether so little is drawn that a small picture does not tell it from others."""
    return ink(picture, colours=False) <= SPARSE or ink(picture) <= SPARSE


@lru_cache(1)
def _cosines() -> npt.NDArray[np.float32]:
    """(8, SIDE): the lowest frequencies of the discrete cosine transform (type II), without the constant one's use."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    return np.cos(np.arange(8)[:, None] * place[None, :]).astype(np.float32)


def picture_hash(picture: Reduced) -> bytes:
    """`HASH_BYTES`: of brightness on white, on black, and coverage, which of 64 low frequencies are clearly there.

    Each is a perceptual hash like pHash's (Zauner 2010, section 3.2.1) of the discrete cosine transform's 8 x 8 lowest
    frequencies, but a bit says that a coefficient is over a fifth of their mean magnitude, instead of over the median:
    many drawings are symmetric, half of their coefficients are nought but for rounding, and bits of these would be
    noise. A plane that is uniform, as a black icon's on black, has the hash nought.
    """
    wide = picture.astype(np.float32)
    on_black, alpha = wide[..., :3] @ _LUMA, wide[..., 3]
    planes = np.stack([on_black + (255 - alpha), on_black, alpha])
    cosines = _cosines()
    coefficients = (cosines @ planes @ cosines.T).reshape(3, 64)
    coefficients[:, 0] = 0
    bits = coefficients > 0.2 * np.abs(coefficients).mean(axis=1, keepdims=True)
    bits[np.ptp(planes.reshape(3, -1), axis=1) < 8] = False
    return np.packbits(bits).tobytes()


def unlike(a: Reduced, b: Reduced, threshold: int) -> tuple[float, float, float]:
    """How unlike two pictures are: the share of pixels of which a channel differs by more than ``threshold``, the mean
    difference, 0..1, and the largest mean difference of a patch of `PATCH` pixels a side, of the channel that differs
    most. All are taken on white and on black, and the worse one counts.

    What is drawn a little otherwise differs a little along all its outlines; where a part is another one, there is a
    patch that differs much.
    """
    apart = (a != b).any(axis=2)
    if not apart.any():
        return 0.0, 0.0, 0.0
    step = a[apart].astype(np.int16) - b[apart]
    on_black = np.abs(step[:, :3])
    on_white = np.abs(step[:, :3] - step[:, 3:])
    share, mean = 0.0, 0.0
    for ground in (on_black, on_white):
        share = max(share, float(np.count_nonzero(ground.max(axis=1) > threshold)) / (SIDE * SIDE))
        mean = max(mean, float(ground.sum(dtype=np.int64)) / (255 * 3 * SIDE * SIDE))
    sums = np.zeros((SIDE + 1, SIDE + 1), np.int64)
    sums[1:, 1:][apart] = np.maximum(on_black, on_white).max(axis=1)
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    patches = sums[PATCH:, PATCH:] - sums[:-PATCH, PATCH:] - sums[PATCH:, :-PATCH] + sums[:-PATCH, :-PATCH]
    return share, mean, float(patches.max()) / (255 * PATCH * PATCH)


def strange(a: Reduced, b: Reduced) -> float:
    """How far, 0..1, a pixel of one picture lies outside of what the nine around its place span in the other.

    On white and on black, of the channel and the pixel for which that is most.
    """
    ys, xs = (np.abs(a.astype(np.int16) - b) > 1).any(axis=2).nonzero()
    if not len(ys):
        return 0.0
    most = 0
    for white in (False, True):
        one, other = ((p[..., :3] + (255 - p[..., 3:]) if white else p[..., :3]).astype(np.int16) for p in (a, b))
        for here, there in ((one, other), (other, one)):
            around = np.pad(there, ((1, 1), (1, 1), (0, 0)), mode="edge")
            nine = [around[ys + dy, xs + dx] for dy in range(3) for dx in range(3)]
            middle = here[ys, xs]
            low, high = np.minimum.reduce(nine), np.maximum.reduce(nine)
            most = max(most, int((middle - high).max()), int((low - middle).max()))
    return most / 255
