"""Segments by what they save: the learner that counts tokens instead of pairs.

A candidate is a single command with its arguments, or two neighbours that are commands or segments already. It saves
one token fewer than it now stands for, wherever it occurs: a command costs a token for itself and one for each
argument, a segment costs one. Each step takes the candidate that saves most, so long curves count for more than short
lines, and a command that is frequent by itself needs no neighbour. Encoding is not bound to the order of learning (see
`segments.encode_segments`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from stages.tokenize.merging import Ints, Longs, Rank, count_pairs, cut, merge
from stages.tokenize.segments import PREFIX, Segment, Segments, atoms
from stages.tokenize.settings import SegmentSettings

_NONE = -1
"""The right side of a candidate that is a single command."""


def learn_savings(flat: Ints, weights: Longs, commands: list[str], settings: SegmentSettings, rank: Rank) -> Segments:
    """Learn segments from runs (see `merging`).

    ``frequency`` of a segment is how often it occurred then, overlapping occurrences included; ``saved`` how many
    tokens that saves.
    """
    totals = np.zeros(len(commands), np.int64)
    np.add.at(totals, flat[flat >= 0], weights[flat >= 0])
    singles = totals.tolist()
    flat, weights = cut(flat, weights, settings.min_frequency)
    costs = [atoms(command) for command in commands]
    counts = count_pairs(flat, weights)
    ids = {command: i for i, command in enumerate(commands)}

    def saving(left: int, right: int) -> int:
        if right == _NONE:
            count, each = singles[left], costs[left] - 1
        else:
            count, each = counts.get((left << 32) | right, 0), costs[left] + costs[right] - 1
        return count * each if count >= settings.min_frequency and each > 0 else 0

    heap = [(-saved, i, _NONE) for i in range(len(commands)) if (saved := saving(i, _NONE))]
    heap += [(-saved, *pair) for code in counts if (saved := saving(*(pair := (code >> 32, code & 0xFFFFFFFF))))]
    heapq.heapify(heap)
    items: list[Segment] = []
    known: set[int] = set()
    while heap and len(items) < settings.count:
        chosen = _best(heap, saving, rank)
        if chosen is None:
            break
        saved, left, right = chosen
        if right == _NONE:
            items.append(Segment(len(items), PREFIX + commands[left], "", singles[left], saved))
            costs[left] = 1
            known.add(left)
            continue
        text = f"{commands[left]}{PREFIX}{commands[right]}"
        merged = ids.setdefault(text, len(commands))
        if merged == len(commands):
            commands.append(text)
            costs.append(1)
            singles.append(0)
        if merged not in known:  # two ways to build one segment make one segment
            known.add(merged)
            frequency = counts[(left << 32) | right]
            items.append(Segment(len(items), PREFIX + commands[left], PREFIX + commands[right], frequency, saved))
        risen: dict[int, int] = {}
        flat, weights, hits = merge(flat, weights, (left, right), merged, counts, risen)
        singles[left] -= hits
        singles[right] -= hits
        singles[merged] += hits
        for code in risen:
            pair = (code >> 32, code & 0xFFFFFFFF)
            if new_saving := saving(*pair):
                heapq.heappush(heap, (-new_saving, *pair))
    return Segments(tuple(items), optimal=True)


def _best(
    heap: list[tuple[int, int, int]],
    saving: Callable[[int, int], int],
    rank: Rank,
) -> tuple[int, int, int] | None:
    """Take the candidate that saves most off the heap, whose entries may be out of date; None if none saves."""
    equal: list[tuple[int, int, int]] = []
    while heap and (not equal or -heap[0][0] >= equal[0][0]):
        queued, left, right = heapq.heappop(heap)
        actual = saving(left, right)
        if actual == -queued:
            if (actual, left, right) not in equal:
                equal.append((actual, left, right))
        elif actual:
            heapq.heappush(heap, (-actual, left, right))
    if not equal:
        return None
    chosen = min(equal, key=lambda each: rank(each[1], each[2]))
    for actual, left, right in equal:
        if (actual, left, right) != chosen:
            heapq.heappush(heap, (-actual, left, right))
    return chosen
