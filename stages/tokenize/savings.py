"""Segments by what they save: the learner that counts tokens instead of pairs, and the encoding with the fewest tokens.

A candidate is a single command with its arguments, or two neighbours that are commands or segments already. It saves,
wherever it occurs, the tokens it stands for now but one: a command costs a token for itself and one for each argument,
a segment costs one. Each step takes the candidate that saves most, so long curves count for more than short lines, and
a command that is frequent by itself needs no neighbour. Encoding is not bound to the order of learning: of all ways to
cover a run with segments and plain commands it takes one with the fewest tokens (dynamic programming).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from stages.tokenize.segments import PREFIX, Ints, Segment, Segments, codes_at, count_codes, cut, merge
from stages.tokenize.settings import SegmentSettings

_NONE = -1
"""The right side of a candidate that is a single command."""


def learn_savings(
    flat: Ints, commands: list[str], settings: SegmentSettings, rank: Callable[[int, int], tuple[Any, ...]]
) -> Segments:
    """Learn segments from commands by number (see `segments.learn`); ``rank`` orders candidates that save the same.

    ``frequency`` of a segment is how often it occurred then, overlapping occurrences included; ``saved`` how many
    tokens that saves. Memory: 4 bytes a command of the corpus that has a frequent neighbour, and the distinct commands.
    """
    singles = np.bincount(flat[flat >= 0], minlength=len(commands)).tolist()
    flat = cut(flat, settings.min_frequency)
    costs = [atoms(command) for command in commands]
    counts = count_codes(codes_at(flat, np.arange(max(len(flat) - 1, 0))))
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
        before = len(flat)
        risen: dict[int, int] = {}
        flat = merge(flat, left, right, merged, counts, risen)
        hits = before - len(flat)
        singles[left] -= hits
        singles[right] -= hits
        singles[merged] += hits
        for code in risen:
            pair = (code >> 32, code & 0xFFFFFFFF)
            if found := saving(*pair):
                heapq.heappush(heap, (-found, *pair))
    return Segments(tuple(items), optimal=True)


def _best(
    heap: list[tuple[int, int, int]],
    saving: Callable[[int, int], int],
    rank: Callable[[int, int], tuple[Any, ...]],
) -> tuple[int, int, int] | None:
    """Take the candidate that saves most off the heap, whose entries may be out of date; None if none saves."""
    equal: list[tuple[int, int, int]] = []
    while heap and (not equal or -heap[0][0] >= equal[0][0]):
        told, left, right = heapq.heappop(heap)
        actual = saving(left, right)
        if actual == -told:
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


@lru_cache(maxsize=200_000)
def atoms(command: str) -> int:
    """The atomic tokens of a command without the ``<cmd_`` it begins with."""
    return command.count("<") + 1 + (3 if command[0] in "aA" else 0)


def encode_run(commands: list[str], trie: dict[str, Any], out: list[str]) -> None:
    """Append one element's geometry to ``out`` with the fewest tokens; ``commands[0]`` is empty.

    Of several ways the one whose first segment is longest, and so on, is taken.
    """
    if trie.keys().isdisjoint(commands):
        out.append(PREFIX.join(commands))
        return
    end = len(commands)
    fewest = [0] * (end + 1)
    taken: list[tuple[str, int]] = [("", 0)] * end
    for at in range(end - 1, 0, -1):
        command = commands[at]
        best, token, stop = atoms(command) + fewest[at + 1], "", at + 1
        node = trie.get(command)
        if node is None:
            fewest[at], taken[at] = best, (token, stop)
            continue
        ahead = at + 1
        while node is not None:
            found = node.get("")
            if found is not None and 1 + fewest[ahead] <= best:
                best, token, stop = 1 + fewest[ahead], found, ahead
            if ahead == end:
                break
            node = node.get(commands[ahead])
            ahead += 1
        fewest[at], taken[at] = best, (token, stop)
    at = 1
    while at < end:
        token, stop = taken[at]
        out.append(token or PREFIX + commands[at])
        at = stop
