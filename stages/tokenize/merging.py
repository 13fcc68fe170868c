"""Runs of commands as numbers in one array, and the merging of adjacent pairs everywhere at once.

``flat`` holds the runs one after the other, each command by its number, with -1 after each run; ``weights``, of the
same length, how often the run that a command is in occurs in the corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.tokenize.segments import PREFIX, Segment, Segments
from stages.tokenize.settings import SegmentSettings

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Rank = Callable[[int, int], tuple[Any, ...]]
"""Orders candidates (left, right) that are equally good; right is -1 for a single command."""


def merge_pairs(flat: Ints, weights: Longs, commands: list[str], settings: SegmentSettings, rank: Rank) -> Segments:
    """Learn by merging the most frequent pair of neighbours (see `learning`).

    "hivg": the reference's queue holds for each pair the count that it began with and each count that it has risen to,
    and overlooks a pair that has fallen to another one.
    """
    flat, weights = cut(flat, weights, settings.min_frequency)
    ids = {command: i for i, command in enumerate(commands)}
    counts = count_pairs(flat, weights)
    queued = {code: {count} for code, count in counts.items()}
    stale = settings.algorithm == "hivg"
    items: list[Segment] = []
    while len(items) < settings.count:
        frequent = {
            code: n
            for code, n in counts.items()
            if n >= settings.min_frequency and not (stale and n not in queued[code])
        }
        if not frequent:
            break
        top = max(frequent.values())
        pairs = [(code >> 32, code & 0xFFFFFFFF) for code, count in frequent.items() if count == top]
        left, right = min(pairs, key=lambda pair: rank(*pair))
        text = f"{commands[left]}{PREFIX}{commands[right]}"
        merged = ids.setdefault(text, len(commands))
        if merged == len(commands):
            commands.append(text)
        items.append(Segment(len(items), PREFIX + commands[left], PREFIX + commands[right], top))
        risen: dict[int, int] = {}
        flat, weights, _ = merge(flat, weights, (left, right), merged, counts, risen)
        for code, before in risen.items():
            queued.setdefault(code, set()).update(range(before + 1, counts[code] + 1))
    return Segments(tuple(items))


def count_pairs(flat: Ints, weights: Longs) -> Counter[int]:
    """How often each pair of neighbours occurs; a pair is ``left << 32 | right``."""
    counts: Counter[int] = Counter()
    at = np.arange(max(len(flat) - 1, 0))
    _count(counts, codes_at(flat, at), weights[at], 1)
    return counts


def codes_at(flat: Ints, at: npt.NDArray[np.intp]) -> Longs:
    """The adjacent pairs that begin at ``at``, each as one number; -1 for a pair that crosses a boundary."""
    left, right = flat[at].astype(np.int64), flat[at + 1].astype(np.int64)
    return np.where((left < 0) | (right < 0), -1, (left << 32) | right)


def _count(counts: Counter[int], codes: Longs, weights: Longs, sign: int) -> None:
    """Add (``sign`` 1) or take away (-1) pairs; pairs that are gone leave ``counts``."""
    inside = codes >= 0
    values, numbers = totals(codes[inside], weights[inside])
    for code, number in zip(values.tolist(), numbers.tolist(), strict=True):
        counts[code] += sign * number
        if not counts[code]:
            del counts[code]


def totals(keys: npt.NDArray[Any], weights: Longs) -> tuple[npt.NDArray[Any], Longs]:
    """The distinct keys, sorted, and the sum of the weights of each."""
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], weights[order]
    first = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1) != 0)
    return keys[first], np.add.reduceat(weights, first) if len(first) else weights[:0]


def cut(flat: Ints, weights: Longs, min_frequency: int) -> tuple[Ints, Longs]:
    """Put a boundary between neighbours that are a pair less than ``min_frequency`` times; drop what stands alone."""
    if len(flat) < 2:
        return flat[:0], weights[:0]
    codes = codes_at(flat, np.arange(len(flat) - 1))
    _, inverse = np.unique(codes, return_inverse=True)
    counts = np.zeros(int(inverse.max()) + 1, np.int64)
    np.add.at(counts, inverse, weights[:-1])
    joined = (counts[inverse] >= min_frequency) & (codes >= 0)
    keep = np.zeros(len(flat), bool)
    keep[:-1] |= joined
    keep[1:] |= joined
    last = np.flatnonzero((keep & ~np.append(joined, False))[keep]) + 1
    return np.insert(flat[keep], last, -1), np.insert(weights[keep], last, 0)


def merge(
    flat: Ints, weights: Longs, pair: tuple[int, int], merged: int, counts: Counter[int], risen: dict[int, int]
) -> tuple[Ints, Longs, int]:
    """Replace ``pair`` by ``merged`` everywhere, from left to right, and keep ``counts`` up to date.

    ``risen`` gets each pair that now has more than before, with what it had. Returns how often it was replaced, too.
    """
    left, right = pair
    hits = np.flatnonzero((flat[:-1] == left) & (flat[1:] == right))
    if left == right:
        # Of neighbouring hits, which overlap, only every second is merged.
        first = np.flatnonzero(np.diff(hits, prepend=-2) != 1)
        rank = np.arange(len(hits)) - np.repeat(first, np.diff(first, append=len(hits)))
        hits = hits[rank % 2 == 0]
    near = _near(hits, (-1, 0, 1), len(flat) - 1)
    gone, gone_weights = codes_at(flat, near), weights[near]
    replaced = int(weights[hits].sum())
    flat[hits] = merged
    flat, weights = np.delete(flat, hits + 1), np.delete(weights, hits + 1)
    near = _near(hits - np.arange(len(hits)), (-1, 0), len(flat) - 1)
    come = codes_at(flat, near)
    before = {code: counts[code] for code in np.unique(come[come >= 0]).tolist()}
    _count(counts, gone, gone_weights, -1)
    _count(counts, come, weights[near], 1)
    risen.update({code: count for code, count in before.items() if counts[code] > count})
    return flat, weights, replaced


def _near(hits: npt.NDArray[np.intp], offsets: tuple[int, ...], end: int) -> npt.NDArray[np.intp]:
    """The distinct positions ``hits + offsets`` from 0 to ``end``, exclusive."""
    positions = np.unique(np.concatenate([hits + offset for offset in offsets]))
    return positions[(positions >= 0) & (positions < end)]
