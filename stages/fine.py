"""Fine pictures: what is drawn at a size where the thinnest stroke is a pixel, and where two of them visibly differ.

A picture of 64 px (see `stages.pictures`) cannot tell formulas, charts and circuit symbols apart: their strokes are a
small share of its pixels. A fine picture has `SIDE` px, of which one is one and a half canvas units; where what is
drawn fits half of the canvas, it is that half, enlarged. It is kept in tiles, in an order that is the same for all
drawings and as good as random, as many as pack into few bytes: of nearly all drawings with little ink that is all of
them, of a busy one a sample. Ground costs next to nothing, so it is cropped to its ink, as it were. Where there is more
ink (`stages.pictures.sparse`), the small picture tells, and a fine one is not made.

Two are compared where both have tiles. A shift of a pixel is forgiven, and what a thin line's pixels share otherwise,
which rounding to whole canvas units and another order of words cause. What remains is in one and not in the other, and
counts by the pixels of ink that it has, not by the canvas.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache, reduce
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 512

TILE = 32

MOST = 8192
"""Places where a pixel differs from the one above otherwise than its neighbour does, about half a byte each."""

LEVELS = 8
"""Of a channel, dense where it is nearly nought or full, for strokes thinner than a pixel."""

PATCH = 16
"""Pixels a side of the patches that `unlike` looks at, of which one begins at every half of that."""

WINDOWS = (128, 0, 256)
"""Where halves begin, px across and down, in the order in which they are tried."""

_ACROSS = SIDE // TILE
_TILES = _ACROSS * _ACROSS
_AREA = TILE * TILE

_AT_ONCE = 32
"""Tiles that are looked at together: busy drawings need few."""

RGBA = npt.NDArray[np.uint8]
"""(SIDE, SIDE, 4), straight alpha."""

Levels = npt.NDArray[np.int8]
"""(SIDE, SIDE, 4): red, green, blue, premultiplied, and alpha, 0..LEVELS - 1; -1 where there is no tile."""

Bools = npt.NDArray[np.bool_]

_APART = 1
"""Levels by which a pixel may lie outside of what is around it in the other picture."""

_MASS = 1.2
"""Pixels of full ink by which three by three pixels may do so."""


@lru_cache(1)
def _scale() -> npt.NDArray[np.uint8]:
    value = np.arange(256) / 255
    curve = np.where(value < 0.5, np.sqrt(value / 2), 1 - np.sqrt((1 - value) / 2))
    levels: npt.NDArray[np.uint8] = np.rint(curve * (LEVELS - 1)).astype(np.uint8)
    return levels


@lru_cache(1)
def _order() -> npt.NDArray[np.intp]:
    """The tiles' numbers, row by row, in the order in which they are kept."""
    return np.array(sorted(range(_TILES), key=lambda tile: blake2b(f"tile {tile}".encode()).digest()))


@dataclass(frozen=True)
class Fine:
    """A part of a picture: ``zoom`` 1 is all of it, at 2 it is half as wide and begins at ``left`` and ``top``.

    These are px of a picture ``zoom`` times as large as `SIDE`.
    """

    zoom: int
    left: int
    top: int
    levels: Levels


def window(rgba: RGBA) -> tuple[int, int] | None:
    """Left and top, px, of the half that holds all that is drawn, None if none does.

    What reaches from edge to edge, as a ground or a band of it, is not counted: only where both rows and columns change
    there is something.
    """
    raw = np.ascontiguousarray(rgba).view(np.uint32).reshape(SIDE, SIDE)
    rows = raw[1:] != raw[:-1]
    places = rows[:, 1:] != rows[:, :-1]
    ys, xs = places.any(axis=1).nonzero()[0], places.any(axis=0).nonzero()[0]
    if not len(ys):
        return None
    corner = []
    for low, high in ((int(xs[0]), int(xs[-1]) + 2), (int(ys[0]), int(ys[-1]) + 2)):
        fits = [begin for begin in WINDOWS if begin + PATCH <= low and high + PATCH <= begin + SIDE // 2]
        if not fits:
            return None
        corner.append(fits[0])
    return corner[0], corner[1]


def pack(rgba: RGBA, left: int = 0, top: int = 0, zoom: int = 1) -> bytes:
    """As many tiles of a picture as have `MOST` changes together, in few bytes.

    ``left``, ``top``, ``zoom``: as in `Fine`.
    """
    raw = np.ascontiguousarray(rgba).view(np.uint32).reshape(_ACROSS, TILE, _ACROSS, TILE)
    runs, kept, room = [], 0, MOST
    for begin in range(0, _TILES, _AT_ONCE):
        down, across = np.divmod(_order()[begin : begin + _AT_ONCE], _ACROSS)
        tile_runs, counts = _runs(raw[down, :, across])
        fits = int(np.searchsorted(np.cumsum(counts), room, side="right"))
        run_count = int(counts[:fits].sum())
        tile_runs[0] += begin * _AREA
        runs.append(tile_runs[:, :run_count])
        kept, room = kept + fits, room - run_count
        if fits < len(counts):
            break
    places, codes, lengths = np.concatenate(runs, axis=1)
    gaps = np.diff(places, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    kinds, numbers = np.unique(codes.astype("<u4"), return_inverse=True)
    number_bytes = numbers.astype("<u2").view(np.uint8).reshape(-1, 2)
    head = np.array([zoom, left, top, kept, len(places), len(kinds)], "<u2")
    body = (gaps.T, lengths.astype("<u2").view(np.uint8).reshape(-1, 2).T, number_bytes.T, kinds)
    return head.tobytes() + zlib.compress(b"".join(part.tobytes() for part in body), 6)


def _runs(tiles: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """(3, runs) place, step from the pixel above, and length of each run of equal steps; and how many a tile has."""
    changed = np.empty(tiles.shape, bool)
    np.not_equal(tiles[:, 0], 0, out=changed[:, 0])
    np.not_equal(tiles[:, 1:], tiles[:, :-1], out=changed[:, 1:])
    places = np.flatnonzero(changed)
    flat = tiles.reshape(-1)
    steps = _levels(flat[places])
    below = places % _AREA >= TILE
    steps[below] -= _levels(flat[places[below] - TILE])
    codes = steps.view("<u4")[:, 0]
    clear = np.flatnonzero(codes)
    places, codes = places[clear], codes[clear]
    new = np.ones(len(places), bool)
    new[1:] = (places[1:] != places[:-1] + 1) | (codes[1:] != codes[:-1]) | (places[1:] % _AREA == 0)
    starts = np.flatnonzero(new)
    lengths = np.diff(starts, append=len(places))
    counts = np.bincount(places[starts] // _AREA, minlength=len(tiles))
    return np.stack([places[starts], codes[starts].astype(np.int64), lengths]), counts


def _levels(pixels: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    values = pixels.view(np.uint8).reshape(-1, 4)
    partial = np.flatnonzero(values[:, 3] != 255)
    if len(partial):
        values = values.copy()
        translucent = values[partial].astype(np.uint16)
        translucent[:, :3] = (translucent[:, :3] * translucent[:, 3:] + 127) // 255
        values[partial] = translucent
    return _scale()[values]


def unpack(data: bytes) -> Fine:
    """What `pack` has kept of a picture."""
    zoom, left, top, kept, count, kinds = np.frombuffer(data, "<u2", 6).tolist()
    body = np.frombuffer(zlib.decompress(data[12:]), np.uint8)
    gaps = np.zeros((count, 4), np.uint8)
    gaps[:, :3] = body[: 3 * count].reshape(3, count).T
    lengths = np.ascontiguousarray(body[3 * count : 5 * count].reshape(2, count).T).view("<u2")[:, 0].astype(np.int64)
    numbers = np.ascontiguousarray(body[5 * count : 7 * count].reshape(2, count).T).view("<u2")[:, 0]
    codes = np.frombuffer(body[7 * count :].tobytes(), "<u4", kinds)[numbers]
    starts = np.cumsum(gaps.view("<u4")[:, 0].astype(np.int64))
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    flat = np.zeros(kept * _AREA, "<u4")
    flat[np.repeat(starts, lengths) + within] = np.repeat(codes, lengths)
    tiles = np.full((_TILES, TILE, TILE, 4), -1, np.int8)
    steps = flat.view(np.uint8).reshape(kept, TILE, TILE, 4)
    tiles[_order()[:kept]] = np.cumsum(steps, axis=1, dtype=np.uint8).view(np.int8)
    levels = tiles.reshape(_ACROSS, _ACROSS, TILE, TILE, 4).transpose(0, 2, 1, 3, 4).reshape(SIDE, SIDE, 4)
    return Fine(zoom, left, top, levels)


def unlike(one: Fine, other: Fine, colours: bool = True) -> int:
    """How many pixels, at most, of a patch of `PATCH` pixels a side are in one picture and not in the other.

    Such a pixel lies, by more than a level, outside of what the nine around its place span in the other picture, and
    so do, by more than a pixel of full ink, the nine around it together. Without ``colours`` coverage alone counts.
    """
    a, b = (np.ascontiguousarray(levels) for levels in _together(one, other))
    apart = a.view(np.uint32)[..., 0] != b.view(np.uint32)[..., 0]
    ys, xs = np.nonzero(apart)
    if not colours:
        a, b = a[..., 3:], b[..., 3:]
    inside = (ys >= 2) & (xs >= 2) & (ys < a.shape[0] - 2) & (xs < a.shape[1] - 2)
    inside &= (np.abs(a[ys, xs] - b[ys, xs]) > _APART).any(axis=1)
    ys, xs = ys[inside], xs[inside]
    if len(ys):
        first, second = _around(a, ys, xs, 1), _around(b, ys, xs, 1)
        seen = _outside(first, second, _APART)
        ys, xs = ys[seen], xs[seen]
    if len(ys):
        first, second = _around(a, ys, xs, 2), _around(b, ys, xs, 2)
        known = np.minimum(first[..., -1], second[..., -1]).min(axis=(1, 2)) >= 0
        seen = _outside(_sums(first), _sums(second), _MASS) & known
        ys, xs = ys[seen], xs[seen]
    if not len(ys):
        return 0
    half, across = PATCH // 2, SIDE // PATCH * 2
    cells = np.bincount(ys // half * across + xs // half, minlength=across * across).reshape(across, across)
    rows = cells[1:] + cells[:-1]
    return int((rows[:, 1:] + rows[:, :-1]).max())


def _together(one: Fine, other: Fine) -> tuple[Levels, Levels]:
    """The levels of two pictures, pixel for pixel of one place, at the lesser zoom."""
    if one.zoom != other.zoom:
        one, other = (_reduced(fine) if fine.zoom == 2 else fine for fine in (one, other))
    left, top = max(one.left, other.left), max(one.top, other.top)
    width = min(one.left, other.left) + SIDE - left
    height = min(one.top, other.top) + SIDE - top
    a, b = (
        fine.levels[top - fine.top : top - fine.top + height, left - fine.left : left - fine.left + width]
        for fine in (one, other)
    )
    return a, b


def _reduced(fine: Fine) -> Fine:
    """A part that was enlarged twice, as a part of the whole."""
    half = SIDE // 2
    quarters = fine.levels.reshape(half, 2, half, 2, 4)
    means = (_ink()[quarters].mean(axis=(1, 3)) * 255 + 0.5).astype(np.uint8)
    levels = np.full_like(fine.levels, -1)
    known = quarters[..., 3].min(axis=(1, 3)) >= 0
    part = levels[fine.top // 2 :, fine.left // 2 :][:half, :half]
    part[known] = _scale()[means][known].view(np.int8)
    return Fine(1, 0, 0, levels)


@lru_cache(1)
def _ink() -> npt.NDArray[np.float32]:
    """What a level stands for, 0..1."""
    values = np.array([np.flatnonzero(_scale() == level).mean() for level in range(LEVELS)]) / 255
    values[0], values[-1] = 0, 1
    return values.astype(np.float32)


def _around(levels: Levels, ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp], reach: int) -> npt.NDArray[np.int8]:
    """(places, side, side, channels): the pixels up to ``reach`` from each place."""
    side = 2 * reach + 1
    neighbours = np.empty((side, side, len(ys), levels.shape[2]), np.int8)
    for y in range(side):
        for x in range(side):
            neighbours[y, x] = levels[ys + (y - reach), xs + (x - reach)]
    return neighbours.transpose(2, 0, 1, 3)


def _sums(around: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """Ink of three by three pixels, for each that has so many around it."""
    ink = _ink()[around]
    ink = ink[:, :-2] + ink[:, 1:-1] + ink[:, 2:]
    return ink[:, :, :-2] + ink[:, :, 1:-1] + ink[:, :, 2:]


def _outside(a: npt.NDArray[Any], b: npt.NDArray[Any], by: float) -> Bools:
    """Of (places, 3, 3, channels), where the middle of one lies outside of what the other's nine span."""
    outside = np.zeros(len(a), bool)
    for here, there in ((a, b), (b, a)):
        middle = here[:, 1, 1]
        # in nine steps: numpy is slow to reduce over short axes
        nine = [there[:, y, x] for y in range(3) for x in range(3)]
        low, high = reduce(np.minimum, nine), reduce(np.maximum, nine)
        outside |= ((middle > high + by) | (middle < low - by)).any(axis=1)
    return outside
