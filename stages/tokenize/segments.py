"""Segment tokens (level 2): runs of commands that are frequent enough to be one token.

A segment is one command with all its arguments, or several such in a row. Only the geometry of one element forms runs:
structure and attributes are boundaries that no segment crosses, so every segment token is executable geometry.
Encoding is greedy: from the first command on, always the longest segment that matches.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.tokenize.atomic import join
from stages.tokenize.errors import TokenError
from stages.tokenize.settings import SegmentSettings
from stages.tokenize.vocabulary import COMMANDS

SEGMENTS_VERSION: int = 2

_BOUNDARY = re.compile(r"(?:</?[A-Za-z]+>[^<]*)+")
_PARTS = re.compile(f"({_BOUNDARY.pattern})")
_SEGMENT = re.compile(r"<SEG_([0-9]+)>")
_NUMBERS = re.compile(r"(?<=[_ >])-?[0-9]+(?:\.[0-9]+)?")
PREFIX = "<cmd_"

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Segment:
    """``left + right`` are the atomic tokens that ``<SEG_id>`` stands for.

    ``left`` and ``right`` are the two segments whose merging made it; ``frequency`` is how often the pair occurred in
    the corpus then, overlapping occurrences included. Of a segment that is a single command ``right`` is empty.
    ``saved``: the tokens that it saved then, where the algorithm says so.
    """

    id: int
    left: str
    right: str
    frequency: int
    saved: int = 0

    @property
    def token(self) -> str:
        """The token's string."""
        return f"<SEG_{self.id}>"

    @property
    def tokens(self) -> str:
        """The atomic tokens it stands for."""
        return self.left + self.right


@dataclass(frozen=True)
class Segments:
    """Learned segments in the order of their learning; ``items[i].id == i``.

    ``optimal``: whether encoding takes the fewest tokens, or greedily the longest segment from the left on.
    """

    items: tuple[Segment, ...]
    optimal: bool = False

    def to_json(self) -> str:
        """The segments as JSON text; equal segments give equal bytes."""
        rows = ",\n".join(
            json.dumps(
                {
                    "id": s.id,
                    "token": s.token,
                    "left": s.left,
                    "right": s.right,
                    "frequency": s.frequency,
                    "saved": s.saved,
                }
            )
            for s in self.items
        )
        encoding = "optimal" if self.optimal else "greedy"
        return f'{{"encoding": "{encoding}", "segments": [\n{rows}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> Segments:
        """Read what `to_json` wrote, or the reference's own file. Raises ValueError for anything else."""
        try:
            data: dict[str, Any] = json.loads(text)
            rows = data["segments"]
            if "merges" in data:
                sides = [[join(side) for side in pair] for pair, _ in data["merges"]]
                rows = [
                    {"id": i, "left": left, "right": right, "frequency": row["frequency"]}
                    for i, ((left, right), row) in enumerate(zip(sides, rows, strict=True))
                ]
            items = tuple(
                Segment(
                    int(row["id"]), str(row["left"]), str(row["right"]), int(row["frequency"]), int(row.get("saved", 0))
                )
                for row in rows
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no table of segments: {error}") from None
        if [item.id for item in items] != list(range(len(items))):
            raise ValueError("no table of segments: the ids are not 0, 1, 2 …")
        parts = [part for s in items for part in (s.left, s.right) if part or part is s.left]
        if not all(part.startswith(PREFIX) and part.endswith(">") for part in parts):
            raise ValueError("no table of segments: a segment is not a run of commands")
        return cls(items, data.get("encoding") == "optimal")

    @cached_property
    def expansions(self) -> dict[str, str]:
        """Token string to atomic tokens."""
        return {item.token: item.tokens for item in self.items}

    @cached_property
    def trie(self) -> dict[str, Any]:
        """Command by command, the segments; the key "" holds the token of a segment that ends there."""
        root: dict[str, Any] = {}
        for item in self.items:
            node = root
            for command in item.tokens.split(PREFIX)[1:]:
                node = node.setdefault(command, {})
            node.setdefault("", item.token)
        return root


def learn(token_strings: Iterable[str], settings: SegmentSettings) -> Segments:
    """Learn segments from atomic token strings; their order does not matter.

    Repeats, ``settings.count`` times at most: take the most frequent pair of adjacent segments, and while it occurs
    ``settings.min_frequency`` times, merge it everywhere from left to right. Of equally frequent pairs the one first in
    token order (command letters as ``M L H V C S Q T A Z``, then arguments by value) is merged. Three equal segments in
    a row count as two pairs, as they do in the reference. Two ways to build one segment make one segment.

    ``algorithm`` "savings" is described in `savings`. "pairs" keeps within elements and counts exactly. "hivg" gives
    what the reference's released trainer gives, ties aside, found by comparing results: it counts pairs across elements
    too, although no encoding can use those, and never merges a pair whose count has fallen since it was last seen to
    rise (its queue has stale entries).

    Memory: 4 bytes a command of the corpus, and the distinct commands. A pair of segments is at most as frequent as
    the pair of commands at its seam, so the corpus is first cut wherever that pair is too rare ever to be merged;
    what is left is short, and each step scans it.
    """
    commands: list[str] = []
    flat = _number(token_strings, commands, across=settings.algorithm == "hivg")
    if settings.algorithm == "savings":
        from stages.tokenize.savings import learn_savings  # which builds on this module

        return learn_savings(flat, commands, settings, _savings_rank(commands))
    return merge_pairs(flat, commands, settings, lambda a, b: (_order(commands[a]), _order(commands[b])))


def _savings_rank(commands: list[str]) -> Callable[[int, int], tuple[Any, ...]]:
    """Token order of candidates; what is shorter goes before what it begins."""
    return lambda a, b: _order(commands[a]) if b < 0 else (*_order(commands[a]), *_order(commands[b]))


def merge_pairs(
    flat: Ints, commands: list[str], settings: SegmentSettings, rank: Callable[[int, int], tuple[Any, ...]]
) -> Segments:
    """The loop of `learn`. ``flat``: see `_number`; ``rank`` orders pairs (left, right) that are equally frequent."""
    flat = cut(flat, settings.min_frequency)
    ids = {command: i for i, command in enumerate(commands)}
    counts: Counter[int] = Counter()
    _count(counts, codes_at(flat, np.arange(len(flat) - 1)), 1)
    risen = dict(counts)
    items: list[Segment] = []
    while len(items) < settings.count:
        stale = settings.algorithm == "hivg"
        open_ = {
            code: n for code, n in counts.items() if n >= settings.min_frequency and not (stale and risen[code] != n)
        }
        if not open_:
            break
        top = max(open_.values())
        pairs = [(code >> 32, code & 0xFFFFFFFF) for code, count in open_.items() if count == top]
        left, right = min(pairs, key=lambda pair: rank(*pair))
        text = f"{commands[left]}{PREFIX}{commands[right]}"
        merged = ids.setdefault(text, len(commands))
        if merged == len(commands):
            commands.append(text)
        items.append(Segment(len(items), PREFIX + commands[left], PREFIX + commands[right], top))
        flat = merge(flat, left, right, merged, counts, risen)
    return Segments(tuple(items))


def _number(token_strings: Iterable[str], commands: list[str], across: bool) -> Ints:
    """The commands of all drawings in one array, -1 after each element (after each drawing if ``across``).

    Appends each new command, without the ``<cmd_`` it begins with, to ``commands``; its index there is its number.
    """
    ids: dict[str, int] = {}
    chunks: list[Ints] = []
    chunk: list[int] = []
    for tokens in token_strings:
        runs = [_BOUNDARY.sub("", tokens)] if across else _BOUNDARY.split(tokens)
        for run in runs:
            for command in run.split(PREFIX)[1:]:
                found = ids.get(command)
                if found is None:
                    found = ids[command] = len(commands)
                    commands.append(command)
                chunk.append(found)
            chunk.append(-1)
        if len(chunk) > 1_000_000:
            chunks.append(np.array(chunk, np.int32))
            chunk.clear()
    chunks.append(np.array(chunk, np.int32))
    return np.concatenate(chunks)


def codes_at(flat: Ints, at: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The adjacent pairs that begin at ``at``, each as one number; -1 for a pair that crosses a boundary."""
    left, right = flat[at].astype(np.int64), flat[at + 1].astype(np.int64)
    return np.where((left < 0) | (right < 0), -1, (left << 32) | right)


def count_codes(codes: npt.NDArray[np.int64]) -> Counter[int]:
    """How often each pair occurs."""
    counts: Counter[int] = Counter()
    _count(counts, codes, 1)
    return counts


def _count(counts: Counter[int], codes: npt.NDArray[np.int64], sign: int) -> None:
    """Add (``sign`` 1) or take away (-1) pairs; pairs that are gone leave ``counts``."""
    values, numbers = np.unique(codes[codes >= 0], return_counts=True)
    for code, number in zip(values.tolist(), numbers.tolist(), strict=True):
        counts[code] += sign * number
        if not counts[code]:
            del counts[code]


def cut(flat: Ints, min_frequency: int) -> Ints:
    """Put a boundary between neighbours that are a pair less than ``min_frequency`` times; drop what stands alone."""
    if len(flat) < 2:
        return flat[:0]
    codes = codes_at(flat, np.arange(len(flat) - 1))
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    joined = (counts[inverse] >= min_frequency) & (codes >= 0)
    keep = np.zeros(len(flat), bool)
    keep[:-1] |= joined
    keep[1:] |= joined
    last = keep & ~np.append(joined, False)
    return np.insert(flat[keep], np.flatnonzero(last[keep]) + 1, -1)


def merge(flat: Ints, left: int, right: int, merged: int, counts: Counter[int], risen: dict[int, int]) -> Ints:
    """Replace the pair by ``merged`` everywhere, from left to right, and keep ``counts`` up to date.

    ``risen`` gets the count of each pair that now has more than before.
    """
    hits = np.flatnonzero((flat[:-1] == left) & (flat[1:] == right))
    if left == right:
        # Of neighbouring hits, which overlap, only every second is merged.
        first = np.flatnonzero(np.diff(hits, prepend=-2) != 1)
        rank = np.arange(len(hits)) - np.repeat(first, np.diff(first, append=len(hits)))
        hits = hits[rank % 2 == 0]
    gone = codes_at(flat, _near(hits, (-1, 0, 1), len(flat) - 1))
    flat[hits] = merged
    flat = np.delete(flat, hits + 1)
    come = codes_at(flat, _near(hits - np.arange(len(hits)), (-1, 0), len(flat) - 1))
    before = {code: counts[code] for code in np.unique(come[come >= 0]).tolist()}
    _count(counts, gone, -1)
    _count(counts, come, 1)
    risen.update({code: counts[code] for code, count in before.items() if counts[code] > count})
    return flat


def _near(hits: npt.NDArray[np.intp], offsets: tuple[int, ...], end: int) -> npt.NDArray[np.intp]:
    """The distinct positions ``hits + offsets`` from 0 to ``end``, exclusive."""
    found = np.unique(np.concatenate([hits + offset for offset in offsets]))
    return found[(found >= 0) & (found < end)]


@lru_cache(maxsize=100_000)
def _order(command: str) -> tuple[tuple[int, tuple[float, ...]], ...]:
    parts = command.split(PREFIX)
    return tuple((COMMANDS.index(part[0].upper()), tuple(map(float, _NUMBERS.findall(part)))) for part in parts)


def encode_segments(tokens: str, segments: Segments) -> str:
    """Replace runs of commands by segment tokens: with the fewest tokens, or greedily, as the segments are meant."""
    trie = segments.trie
    run = _encode_run
    if segments.optimal:
        from stages.tokenize.savings import encode_run as run
    out: list[str] = []
    for part in _PARTS.split(tokens):
        if part.startswith(PREFIX):
            run(part.split(PREFIX), trie, out)
        else:
            out.append(part)
    return "".join(out)


def _encode_run(commands: list[str], trie: dict[str, Any], out: list[str]) -> None:
    """Append one element's geometry to ``out``; ``commands[0]`` is empty."""
    at, end = 1, len(commands)
    while at < end:
        token, stop, node, ahead = None, at + 1, trie.get(commands[at]), at + 1
        while node is not None:
            if "" in node:
                token, stop = node[""], ahead
            if ahead == end:
                break
            node = node.get(commands[ahead])
            ahead += 1
        out.append(token or PREFIX + commands[at])
        at = stop


def decode_segments(text: str, segments: Segments) -> str:
    """The atomic token string; the inverse of `encode_segments`. Raises TokenError for unknown segment tokens."""
    expansions = segments.expansions

    def expand(match: re.Match[str]) -> str:
        found = expansions.get(match[0])
        if found is None:
            raise TokenError(f"{match[0]} is not among the {len(expansions)} segments", match.start())
        return found

    return _SEGMENT.sub(expand, text)
