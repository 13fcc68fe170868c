"""Segment tokens (level 2): runs of commands that are worth a token of their own; encoding and decoding.

A segment is one command with all its arguments, or several such in a row. Only the geometry of one element forms runs:
structure and attributes are boundaries that no segment crosses, so every segment token is executable geometry.
Encoding takes the fewest tokens (dynamic programming), or, as the reference does, from the first command on always the
longest segment that matches. Either way no segment crosses a command that occurs in none, so only the spans between
such commands are searched, and their encodings are cached: a corpus repeats the same few.

How segments are learned: `learning`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from stages.tokenize.atomic import join
from stages.tokenize.errors import TokenError

_BOUNDARY = re.compile(r"((?:</?[A-Za-z]+>[^<]*)+)")
SEGMENT = re.compile(r"<SEG_([0-9]+)>")
PREFIX = "<cmd_"
CACHE_SIZE = 50_000
"""Spans whose encoding is cached at most; a full cache is emptied."""

_LONG = 50
"""Commands from which on a span is not cached."""


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
    def known(self) -> frozenset[str]:
        """The commands that occur in segments, without the ``<cmd_`` they begin with."""
        return frozenset(command for item in self.items for command in item.tokens.split(PREFIX)[1:])

    @cached_property
    def cache(self) -> dict[tuple[str, ...], str]:
        """The encodings of spans of known commands, filled by `encode_segments`."""
        return {}

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


def parts(tokens: str) -> Iterator[tuple[str, list[str]]]:
    """The string in pieces: text up to some geometry, and that geometry's commands without their ``<cmd_``.

    All but the commands is text; text and commands in order, each command after ``<cmd_``, are the string again.
    """
    before = ""
    for chunk in tokens.split("</"):
        text, separator, run = chunk.partition(PREFIX)
        if not separator:
            before += f"{chunk}</"
        # each geometry token has one "<" and one "_"; what also holds an element has a "<" more, or attributes
        elif run.count("<") == run.count("_") and "=" not in run:
            yield before + text, run.split(PREFIX)
            before = "</"
        else:
            pieces = _BOUNDARY.split(PREFIX + run)
            yield before + text, pieces[0].split(PREFIX)[1:]
            for text, geometry in zip(pieces[1::2], pieces[2::2], strict=True):
                yield text, geometry.split(PREFIX)[1:]
            before = "</"
    yield before.removesuffix("</"), []


def encode_segments(tokens: str, segments: Segments) -> str:
    """Replace runs of commands by segment tokens: with the fewest tokens, or greedily, as the segments are meant."""
    known = segments.known
    out: list[str] = []
    for text, commands in parts(tokens):
        out.append(text)
        if known.isdisjoint(commands):
            out += [PREFIX + command for command in commands]
            continue
        span: list[str] = []
        for command in commands:
            if command in known:
                span.append(command)
                continue
            if span:
                out.append(_cover(tuple(span), segments))
                span = []
            out.append(PREFIX + command)
        if span:
            out.append(_cover(tuple(span), segments))
    return "".join(out)


def _cover(span: tuple[str, ...], segments: Segments) -> str:
    """A span of known commands, spelled with segment tokens."""
    encoded = segments.cache.get(span)
    if encoded is None:
        out: list[str] = []
        (_fewest if segments.optimal else _longest)(span, segments.trie, out)
        encoded = "".join(out)
        if len(segments.cache) >= CACHE_SIZE:
            segments.cache.clear()
        if len(span) < _LONG:
            segments.cache[span] = encoded
    return encoded


def _longest(commands: tuple[str, ...], trie: dict[str, Any], out: list[str]) -> None:
    """Append ``commands`` to ``out``, at each the longest segment that begins there."""
    at, end = 0, len(commands)
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


def _fewest(commands: tuple[str, ...], trie: dict[str, Any], out: list[str]) -> None:
    """Append ``commands`` to ``out`` with the fewest tokens.

    Of several ways the one whose first segment is longest, and so on, is taken.
    """
    end = len(commands)
    fewest = [0] * (end + 1)
    taken: list[tuple[str, int]] = [("", 0)] * end
    for at in range(end - 1, -1, -1):
        command = commands[at]
        best, token, stop = atoms(command) + fewest[at + 1], "", at + 1
        node, ahead = trie.get(command), at + 1
        while node is not None:
            segment_token = node.get("")
            if segment_token is not None and 1 + fewest[ahead] <= best:
                best, token, stop = 1 + fewest[ahead], segment_token, ahead
            if ahead == end:
                break
            node = node.get(commands[ahead])
            ahead += 1
        fewest[at], taken[at] = best, (token, stop)
    at = 0
    while at < end:
        token, stop = taken[at]
        out.append(token or PREFIX + commands[at])
        at = stop


@lru_cache(maxsize=200_000)
def atoms(command: str) -> int:
    """The atomic tokens of a command without the ``<cmd_`` it begins with."""
    return command.count("<") + 1 + (3 if command[0] in "aA" else 0)


def decode_segments(text: str, segments: Segments) -> str:
    """The atomic token string; the inverse of `encode_segments`. Raises TokenError for unknown segment tokens."""
    expansions = segments.expansions

    def expand(match: re.Match[str]) -> str:
        tokens = expansions.get(match[0])
        if tokens is None:
            raise TokenError(f"{match[0]} is not among the {len(expansions)} segments", match.start())
        return tokens

    return SEGMENT.sub(expand, text)
