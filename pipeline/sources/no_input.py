"""Counts of what a source holds and no record is made of, by kind."""

from __future__ import annotations

from collections.abc import Mapping

MOST_KINDS = 20
"""Kinds of files that are no input which are told apart."""

REST = "others"


def bounded(counts: Mapping[str, int], most: int = MOST_KINDS) -> dict[str, int]:
    """The most frequent kinds, most first, and all others as `REST`."""
    ordered = sorted(counts.items(), key=lambda item: (item[0] == REST, -item[1], item[0]))
    rest = sum(n for _, n in ordered[most:])
    return dict(ordered[:most]) | ({REST: rest} if rest else {})


def others(no_input: Mapping[str, int]) -> str:
    """In a few words, what there is instead of input."""
    kinds = ", ".join(f"{kind} {n}" for kind, n in bounded(no_input, 5).items())
    return f"{sum(no_input.values())} other files{': ' if kinds else ''}{kinds}"
