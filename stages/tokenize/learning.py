"""Learning segments, exactly and from any number of partitions.

Two passes over the token strings, each a function of one partition, with a reducer after it::

    count_candidates (a partition)  ->  may_be_frequent (all)  ->  frequent_runs (a partition)  ->  learn_runs (all)

1. A partition counts its single commands and pairs of neighbours. The sums over all partitions are kept in a table of
   SLOTS counters by hash: a counter is never below the true count of what falls on it, so that what it calls rare is
   rare, and a rare candidate that it calls frequent only costs room later. Its size does not depend on the corpus.
2. A segment is at most as frequent as the pair of commands at each of its seams. So a partition cuts its runs of
   commands wherever that pair is rare, and returns the distinct runs that are left, with how often each occurs.
3. The distinct runs of all partitions, with their counts, give exactly the counts that the corpus gives, and the loop
   of `merging` and `savings` works on those. Memory: the counters, and the distinct runs of frequent candidates.

All counts are exact sums, and equally good candidates are taken in token order, so the result does not depend on how
the corpus is cut into partitions, nor on their order.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.schema import CANDIDATES, RUNS
from stages.tokenize.merging import Ints, Longs, merge_pairs, totals
from stages.tokenize.savings import learn_savings
from stages.tokenize.segments import PREFIX, Segments, parts
from stages.tokenize.settings import CandidateSettings, SegmentSettings
from stages.tokenize.vocabulary import COMMANDS

SEGMENTS_VERSION: int = 4

SLOTS = 1 << 24
"""Counters of candidates, 8 bytes each while they are added up. A corpus of many times as many commands works, too;
then more of what is rare passes for frequent, and the second reducer has more to hold."""

BATCH = 5_000
"""Drawings that `learn` takes for a partition."""

Mask = npt.NDArray[np.bool_]
"""(SLOTS,): whether what falls on a slot may be frequent."""

_NUMBERS = re.compile(r"(?<=[_ >])-?[0-9]+(?:\.[0-9]+)?")
_END = (-1).to_bytes(4, "little", signed=True)


def learn(token_strings: Iterable[str], settings: SegmentSettings) -> Segments:
    """Learn segments from atomic token strings; their order does not matter. They are gone through more than once.

    Repeats, ``settings.count`` times at most: take the most frequent pair of adjacent segments, and while it occurs
    ``settings.min_frequency`` times, merge it everywhere from left to right. Of equally frequent pairs the one first in
    token order (command letters as ``M L H V C S Q T A Z``, then arguments by value) is merged. Three equal segments in
    a row count as two pairs, as they do in the reference. Two ways to build one segment make one segment.

    ``algorithm`` "savings" is described in `savings`. "pairs" keeps within elements and counts exactly. "hivg" gives
    what the reference's released trainer gives, ties aside, found by comparing results: it counts pairs across elements
    too, although no encoding can use those, and overlooks pairs whose counts have fallen (`merging.merge_pairs`).
    """
    if isinstance(token_strings, Iterator):
        token_strings = list(token_strings)
    share = 1.0
    if settings.sample is not None:
        share = settings.sample / max(sum(1 for _ in token_strings), 1)

    def batches() -> Iterator[list[str]]:
        strings = iter(token_strings)
        while batch := list(islice(strings, BATCH)):
            yield [text for text in batch if share >= 1 or in_sample(hashlib.sha256(text.encode()).hexdigest(), share)]

    mask = may_be_frequent((count_candidates(batch, settings) for batch in batches()), settings)
    return learn_runs((frequent_runs(batch, mask, settings) for batch in batches()), settings)


def in_sample(digest: str, share: float) -> bool:
    """Whether the drawing with this hex sha256 is among that share of all."""
    return int(digest[:13], 16) < share * 16**13


def count_candidates(token_strings: Iterable[str], settings: CandidateSettings) -> pa.Table:
    """A partition's single commands and pairs of neighbours, counted by slot: table `stages.schema.CANDIDATES`."""
    flat, commands = number_commands(token_strings, settings)
    single, pair = _slots(flat, commands)
    inside = flat >= 0
    occurrences = pair[:-1][inside[:-1] & inside[1:]]
    if settings.algorithm == "savings":
        occurrences = np.concatenate([occurrences, single[inside]])
    slots, counts = totals(occurrences, np.ones(len(occurrences), np.int64))
    return pa.table([pa.array(slots, pa.uint32()), pa.array(counts)], schema=CANDIDATES)


def may_be_frequent(tables: Iterable[pa.Table], settings: CandidateSettings) -> Mask:
    """Which slots may hold frequent candidates, from the tables of `count_candidates`, one at a time."""
    counters = np.zeros(SLOTS, np.int64)
    mask: Mask = np.zeros(SLOTS, bool)
    for table in tables:
        slots = table["slot"].to_numpy()
        counters[slots] += table["count"].to_numpy()
        mask[slots] = True
    # a small corpus touches few of the counters, and the rest of them takes no memory as long as nobody reads it
    used = np.flatnonzero(mask)
    mask[used] = counters[used] >= settings.min_frequency
    return mask


def frequent_runs(token_strings: Iterable[str], mask: Mask, settings: CandidateSettings) -> pa.Table:
    """A partition's distinct runs of commands that ``mask`` lets stand, with counts: table `stages.schema.RUNS`."""
    flat, commands = number_commands(token_strings, settings)
    single, pair = _slots(flat, commands)
    inside = flat >= 0
    joined = np.zeros(len(flat), bool)
    joined[:-1] = inside[:-1] & inside[1:] & mask[pair[:-1]]
    keep = joined.copy()
    keep[1:] |= joined[:-1]
    if settings.algorithm == "savings":
        keep |= inside & mask[single]
    ends = np.flatnonzero((keep & ~joined)[keep]) + 1
    # a number's fourth byte is 0, so four bytes 255 are found nowhere but between runs
    counts = Counter(np.insert(flat[keep], ends, -1).astype("<i4").tobytes().split(_END))
    del counts[b""]
    texts = {
        PREFIX.join([commands[i] for i in np.frombuffer(run, "<i4").tolist()]): count for run, count in counts.items()
    }
    runs = sorted(texts)
    return pa.table([pa.array(runs, pa.string()), pa.array([texts[run] for run in runs], pa.int64())], schema=RUNS)


def learn_runs(tables: Iterable[pa.Table], settings: SegmentSettings) -> Segments:
    """Segments from the tables of `frequent_runs` of all partitions, as `learn` describes."""
    merged = RUNS.empty_table()
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        # as much again as is merged already, so that each run is merged a few times only
        if sum(len(each) for each in waiting) > max(len(merged), 500_000):
            merged, waiting = _merged([merged, *waiting]), []
    merged = _merged([merged, *waiting])
    numbers = _Numbers()
    chunks: list[Ints] = []
    lengths: list[int] = []
    for batch in merged.select(["run"]).to_batches(max_chunksize=100_000):
        chunk: list[int] = []
        for run in batch.column(0).to_pylist():
            before = len(chunk)
            chunk += [numbers[command] for command in run.split(PREFIX)]
            chunk.append(-1)
            lengths.append(len(chunk) - before)
        chunks.append(np.array(chunk, np.int32))
    commands = list(numbers)
    flat = np.concatenate([np.zeros(0, np.int32), *chunks])
    weights: Longs = np.repeat(merged["count"].to_numpy().astype(np.int64), lengths)

    def rank(left: int, right: int) -> tuple[Any, ...]:
        """Token order; what is shorter goes before what it begins."""
        return _order(commands[left]) if right < 0 else (*_order(commands[left]), *_order(commands[right]))

    def rank_pairs(left: int, right: int) -> tuple[Any, ...]:
        return _order(commands[left]), _order(commands[right])

    if settings.algorithm == "savings":
        return learn_savings(flat, weights, commands, settings, rank)
    return merge_pairs(flat, weights, commands, settings, rank_pairs)


def _merged(tables: list[pa.Table]) -> pa.Table:
    grouped = pa.concat_tables(tables).group_by("run").aggregate([("count", "sum")])
    return pa.table([grouped["run"], grouped["count_sum"]], schema=RUNS)


class _Numbers(dict[str, int]):
    """Numbers commands, which have no ``<cmd_`` here, in the order in which they are first met."""

    def __missing__(self, command: str) -> int:
        number = self[command] = len(self)
        return number


def number_commands(token_strings: Iterable[str], settings: CandidateSettings) -> tuple[Ints, list[str]]:
    """The commands of all drawings by number, -1 after each element (for "hivg" after each drawing), and which."""
    numbers = _Numbers()
    flat: list[int] = []
    across = settings.algorithm == "hivg"
    for tokens in token_strings:
        for _, run in parts(tokens):
            flat += [numbers[command] for command in run]
            if not across:
                flat.append(-1)
        if across:
            flat.append(-1)
    return np.array(flat, np.int32), list(numbers)


def _slots(flat: Ints, commands: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """For each position the slot of its command, and of the pair that begins there; at boundaries without meaning."""
    digests = np.array([*(zlib.crc32(command.encode()) for command in commands), 0], np.uint64)[flat]
    following = np.append(digests[1:], np.uint64(0))
    # multiplicative hashing (Knuth, 6.4) of both checksums; a single command has no second
    spread, shift = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - SLOTS.bit_length() + 1)
    single = (digests << np.uint64(32)) * spread >> shift
    pair = ((digests << np.uint64(32)) + following + np.uint64(1)) * spread >> shift
    return single.astype(np.uint32), pair.astype(np.uint32)


@lru_cache(maxsize=100_000)
def _order(command: str) -> tuple[tuple[int, tuple[float, ...]], ...]:
    pieces = command.split(PREFIX)
    return tuple((COMMANDS.index(piece[0].upper()), tuple(map(float, _NUMBERS.findall(piece)))) for piece in pieces)
