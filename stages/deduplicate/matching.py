"""Verification: which candidates are duplicates, by which level, and how alike they are.

Every candidate is verified on the drawings themselves: the key of the geometry, the exact Jaccard similarity of the
shingles, and the difference of the pictures, of the small ones first and then of the fine ones, which see what small
ones cannot. A shared bucket is no evidence.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages import fine
from stages.deduplicate.columns import Items, first_of_each, fixed_bytes, item_ids, joined
from stages.deduplicate.settings import MatchSettings
from stages.pictures import SIDE, Reduced, colourless, strange, unlike, unpack
from stages.schema import EDGES

FEATURES = ("sample_id", "geometry_key", "text_hash", "shingles", "picture_hash", "picture", "fine")
"""What `match` needs to know of a sample."""

MOST_BITS = 24
"""Of a picture hash's 192: drawings whose hashes differ in more are not compared pixel by pixel."""

_ALMOST = 2.0
"""How many times what pictures may differ by makes two samples `Level.ALMOST` duplicates."""

_BLOCKS = 8
"""Blocks of pixels a side, whose means are compared first."""

_AT_ONCE = 4096
"""Pairs whose pictures' hashes are compared at a time."""

_SHINGLES = 262_144
"""Shingles that are compared at a time, about: few enough for the processor's cache."""


class Level(IntEnum):
    """What makes two samples duplicates, beside equal bytes and equal canonical forms, which are decided elsewhere."""

    GEOMETRY = 0
    NEAR = 1
    PICTURE = 2
    ALMOST = 3
    """No duplicates, but nearly: kept so that people can judge the thresholds."""


def match(candidates: pa.Table, features: pa.Table, settings: MatchSettings) -> pa.Table:
    """The duplicates (`stages.schema.EDGES`), and almost-duplicates, among ``candidates`` (`PAIRS`), in their order.

    ``features``: the columns `FEATURES` of all samples in them, in any order. Raises KeyError for a missing sample.
    """
    features = first_of_each(features, "sample_id")
    items = item_ids(features["sample_id"])
    order = np.argsort(items)
    left, right = (_rows(items, order, candidates[name].to_numpy()) for name in ("a", "b"))
    level = np.full(len(candidates), 255, np.uint8)
    score = np.zeros(len(candidates), np.float32)
    if settings.recoloured != "off":
        keys = features["geometry_key"]
        same = pc.equal(keys.take(pa.array(left)), keys.take(pa.array(right)))
        equal = pc.fill_null(same, False).to_numpy()
        level[equal], score[equal] = Level.GEOMETRY, 1.0
    texts = features["text_hash"].to_numpy()
    open_ = (level == 255) & ((texts[left] == texts[right]) | (texts[left] == 0) | (texts[right] == 0))
    similar = np.zeros(len(candidates), np.float32)
    if settings.near:
        lists = joined(features["shingles"])
        sizes = np.diff(lists.offsets.to_numpy())
        # of sets of so different sizes, not even all of the smaller one would do
        few, many = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        close = open_ & (few > 0) & (few >= settings.threshold * many)
        similar[close] = jaccard(lists, left[close], right[close])
    near = open_ & settings.near & (similar >= settings.threshold)
    seen, apart = _hashes(features["picture_hash"], left, right)
    seen &= settings.pictures
    blind = near & ~seen
    level[blind], score[blind] = Level.NEAR, similar[blind]
    pictures = _Pictures(features["picture"], settings.pixel_threshold)
    fine_pictures = _FinePictures(features["fine"])
    plain = pc.is_valid(features["geometry_key"]).to_numpy() & (settings.recoloured != "off")
    plain = plain[left] & plain[right]
    asked = np.flatnonzero(open_ & seen & (near | (apart <= MOST_BITS)))
    hopeless = pictures.apart(left[asked], right[asked], plain[asked]) > _ALMOST * settings.picture_mean
    open_ = asked[near[asked] | ~hopeless]
    # what looks alike has like hashes, and pictures are unpacked once while few others come between
    keys = features["picture_hash"].to_pylist()
    for i in sorted(open_.tolist(), key=lambda i: (keys[left[i]], keys[right[i]])):
        pair = int(left[i]), int(right[i])
        for kind in (Level.NEAR if near[i] else Level.PICTURE, *((Level.GEOMETRY,) if plain[i] else ())):
            colours = kind != Level.GEOMETRY
            unlikeness = pictures.at(*pair, colours)
            if (
                _within(unlikeness, settings)
                and pictures.strange(*pair, colours) <= settings.picture_strange
                and fine_pictures.at(*pair, colours) <= settings.fine_patch
            ):
                level[i], score[i] = kind, similar[i] if kind == Level.NEAR else 1.0 - unlikeness[0]
                break
            if _within(unlikeness, settings, _ALMOST):
                level[i], score[i] = Level.ALMOST, 1.0 - unlikeness[0]
    matched = level != 255
    columns = (candidates["a"].to_numpy()[matched], candidates["b"].to_numpy()[matched], level[matched], score[matched])
    return pa.table([pa.array(column) for column in columns], schema=EDGES)


def _within(unlikeness: tuple[float, float, float], settings: MatchSettings, times: float = 1.0) -> bool:
    share, mean, patch = unlikeness
    return (
        share <= times * settings.picture_share
        and mean <= times * settings.picture_mean
        and patch <= times * settings.picture_patch
    )


def _rows(items: Items, order: npt.NDArray[np.intp], wanted: Items) -> npt.NDArray[np.intp]:
    places = np.searchsorted(items, wanted, sorter=order)
    rows = order[np.minimum(places, len(order) - 1)] if len(order) else places
    if len(wanted) and (not len(order) or (items[rows] != wanted).any()):
        raise KeyError("a candidate is not among the features")
    return rows


def jaccard(shingles: pa.ListArray, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """The exact Jaccard similarity of the shingles (sorted, distinct) of two rows each; 0 if one has none."""
    values, offsets = shingles.values.to_numpy(), shingles.offsets.to_numpy().astype(np.int64)
    similarities = np.zeros(len(left), np.float32)
    sizes = np.diff(offsets)
    both_have = np.flatnonzero((sizes[left] > 0) & (sizes[right] > 0))
    chunk = np.cumsum(sizes[left[both_have]] + sizes[right[both_have]]) // _SHINGLES
    for part in np.split(both_have, np.flatnonzero(np.diff(chunk)) + 1) if len(chunk) else ():
        keys = []
        total = np.zeros(len(left[part]), np.int64)
        for rows in (left[part], right[part]):
            starts, counts = offsets[rows], offsets[rows + 1] - offsets[rows]
            ends = np.cumsum(counts)
            # from one shingle to the next of its row, or to the first of the next row
            steps = np.ones(ends[-1], np.int64)
            steps[0] = starts[0]
            steps[ends[:-1]] = starts[1:] - starts[:-1] - counts[:-1] + 1
            pair = np.zeros(ends[-1], np.uint64)
            pair[ends[:-1]] = 1
            keys.append(np.cumsum(pair) << np.uint64(32) | values[np.cumsum(steps)])
            total += counts
        both = np.concatenate(keys)
        both.sort()
        twice = both[1:][both[1:] == both[:-1]] >> np.uint64(32)
        shared = np.bincount(twice.astype(np.int64), minlength=len(total))
        similarities[part] = shared / (total - shared)
    return similarities


def _hashes(
    column: pa.ChunkedArray, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Whether both rows have a picture, and in how many bits its hashes differ."""
    rows, hashes = fixed_bytes(column)
    there = np.zeros(len(column), bool)
    there[rows] = True
    words = np.zeros((len(column), 3), np.uint64)
    words[rows] = np.ascontiguousarray(hashes).view(np.uint64)
    apart = np.zeros(len(left), np.int64)
    for begin in range(0, len(left), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        apart[part] = np.bitwise_count(words[left[part]] ^ words[right[part]]).sum(axis=1)
    return there[left] & there[right], apart


class _Pictures:
    """Compares pictures; unpacks each once, while few others come between."""

    def __init__(self, packed: pa.ChunkedArray, threshold: int) -> None:
        self._packed, self._threshold = packed, threshold
        self._unpacked: dict[int, Reduced] = {}

    def at(self, a: int, b: int, colours: bool) -> tuple[float, float, float]:
        """`pictures.unlike` of two rows, with or without regard to ``colours``."""
        return unlike(*self._both(a, b, colours), self._threshold)

    def strange(self, a: int, b: int, colours: bool) -> float:
        """`pictures.strange` of two rows."""
        return strange(*self._both(a, b, colours))

    def _both(self, a: int, b: int, colours: bool) -> tuple[Reduced, Reduced]:
        one, other = self._picture(a), self._picture(b)
        return (one, other) if colours else (colourless(one), colourless(other))

    def apart(
        self, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp], plain: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """A lower bound, 0..1, of each pair's mean difference: of colours, or of coverage where they are ``plain``.

        Means over blocks of pixels differ no more than the pixels do, and most pairs that differ do so in few blocks.
        """
        rows = np.unique(np.concatenate([left, right]))
        step = SIDE // _BLOCKS
        coarse = np.empty((len(rows), _BLOCKS * _BLOCKS, 4), np.float32)
        for k, row in enumerate(rows.tolist()):
            blocks = unpack(self._packed[row].as_py()).reshape(_BLOCKS, step, _BLOCKS, step, 4)
            coarse[k] = blocks.mean(axis=(1, 3), dtype=np.float32).reshape(-1, 4)
        differences = np.empty(len(left))
        places = np.searchsorted(rows, left), np.searchsorted(rows, right)
        for begin in range(0, len(left), 4096):
            part = slice(begin, begin + 4096)
            steps = np.abs(coarse[places[0][part]] - coarse[places[1][part]]).mean(axis=1) / 255
            differences[part] = np.where(plain[part], steps[:, 3] / 2, steps[:, :3].mean(axis=1))
        return differences

    def _picture(self, row: int) -> Reduced:
        picture = self._unpacked.get(row)
        if picture is None:
            if len(self._unpacked) >= 1024:
                self._unpacked.pop(next(iter(self._unpacked)))
            picture = self._unpacked[row] = unpack(self._packed[row].as_py())
        return picture


class _FinePictures:
    """Compares fine pictures, as `_Pictures` does small ones. Two samples of which one has none count as equal here."""

    def __init__(self, packed: pa.ChunkedArray) -> None:
        self._packed = packed
        self._unpacked: dict[int, fine.Fine | None] = {}

    def at(self, a: int, b: int, colours: bool) -> int:
        """`fine.unlike` of two rows."""
        if self._packed[a] == self._packed[b]:
            return 0
        one, other = self._picture(a), self._picture(b)
        return 0 if one is None or other is None else fine.unlike(one, other, colours)

    def _picture(self, row: int) -> fine.Fine | None:
        if row not in self._unpacked:
            if len(self._unpacked) >= 96:  # of a megabyte each
                self._unpacked.pop(next(iter(self._unpacked)))
            data = self._packed[row].as_py()
            self._unpacked[row] = None if data is None else fine.unpack(data)
        return self._unpacked[row]
