"""Counts of what a source holds and no record is made of, by kind."""

from __future__ import annotations

from collections.abc import Mapping

from stages.crawl import NOT_IN_COLUMNS

MOST_KINDS = 20
"""Kinds of files that are no input which are told apart."""

MOST_COLUMNS = 200
"""Columns that are nothing which are told apart."""

REST = "others"


def bounded(counts: Mapping[str, int], most: int = MOST_KINDS) -> dict[str, int]:
    """The most frequent kinds, most first, and all others as `REST`; columns of tables are counted apart from these."""
    ordered = sorted(counts.items(), key=lambda item: (item[0] == REST, -item[1], item[0]))
    columns = [item for item in ordered if item[0].endswith(NOT_IN_COLUMNS)]
    kinds = [item for item in ordered if not item[0].endswith(NOT_IN_COLUMNS)]
    rest = sum(n for _, n in (*kinds[most:], *columns[MOST_COLUMNS:]))
    return dict((*kinds[:most], *columns[:MOST_COLUMNS])) | ({REST: rest} if rest else {})


def others(no_input: Mapping[str, int]) -> str:
    """In a few words, which files there are instead of input."""
    files = {kind: n for kind, n in no_input.items() if not kind.endswith(NOT_IN_COLUMNS)}
    kinds = ", ".join(f"{kind} {n}" for kind, n in bounded(files, 5).items())
    return f"{sum(files.values())} other files{': ' if kinds else ''}{kinds}"
