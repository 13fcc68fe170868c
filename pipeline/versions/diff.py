"""What differs between two versions.

Both are walked by ranges of sample ids, so that what is in memory at a time does not grow with them; shards that both
have are not read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeline.storage.base import Storage
from pipeline.versions import published, shards
from pipeline.versions.manifest import Manifest, Shard
from stages.schema import PICTURES

COMPARED = ("tokens", "segments", "input_ids", "captions", *PICTURES, "tier", "split", "license", "provenance")
"""Columns that make a sample changed; its canonical form follows from its id."""

STATES = ("added", "removed", "changed")

AT_ONCE = 10_000
"""Samples of both versions in a range of ids, about."""


@dataclass
class Difference:
    """``states``: how many samples were added, removed or changed. ``counts``: what -> its value -> state -> samples.

    ``reasons``: reason -> how many more records left for it. ``columns``: column -> samples in which it changed.
    ``redacted``: version -> samples in shards that are gone by takedowns, of which nothing is known.
    """

    states: Counter[str] = field(default_factory=Counter)
    counts: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    columns: Counter[str] = field(default_factory=Counter)
    redacted: dict[int, int] = field(default_factory=dict)


def diff(
    storage: Storage, old: Manifest, new: Manifest, tell: Callable[[str, str], object] = lambda sample_id, state: None
) -> Difference:
    """Compare two versions. ``tell`` is called with the id and the state of each sample that differs, by id."""
    before, after = _own(storage, old, new), _own(storage, new, old)
    difference = Difference()
    count = -(-sum(shard.rows for shard in (*before, *after)) // AT_ONCE)
    for first, last in _ranges(count):
        _compare(difference, _samples(storage, before, first, last), _samples(storage, after, first, last), tell)
    for manifest in (old, new):
        gone = published.redacted(storage, manifest.version)
        rows = sum(shard.rows for shard in shards.one_format(manifest.shards) if shard.path in gone)
        if rows:
            difference.redacted[manifest.version] = rows
    lost, losing = _reasons(old), _reasons(new)
    difference.reasons = {
        reason: losing[reason] - lost[reason]
        for reason in sorted(lost.keys() | losing.keys())
        if losing[reason] != lost[reason]
    }
    return difference


def _compare(
    difference: Difference,
    before: dict[str, shards.Row],
    after: dict[str, shards.Row],
    tell: Callable[[str, str], object],
) -> None:
    for sample_id in sorted(before.keys() | after.keys()):
        was, now = before.get(sample_id), after.get(sample_id)
        if was is not None and now is not None:
            changed = [name for name in COMPARED if was.get(name) != now.get(name)]
            if not changed:
                continue
            difference.columns.update(changed)
            state = "changed"
        else:
            state = "added" if was is None else "removed"
        difference.states[state] += 1
        tell(sample_id, state)
        row = now or was or {}
        for what, value in (
            ("source", row["provenance"][0]["source"]),
            ("tier", row["tier"]),
            ("license", row["license"]),
        ):
            difference.counts.setdefault(what, {}).setdefault(value, Counter())[state] += 1


def _own(storage: Storage, manifest: Manifest, other: Manifest) -> list[Shard]:
    """The shards of ``manifest`` that ``other`` does not have."""
    shared = {shard.path for shard in other.shards}
    return [shard for shard in shards.present(storage, manifest) if shard.path not in shared]


def _ranges(count: int) -> Iterator[tuple[str, str]]:
    """``count`` equal ranges of sample ids, from the first to the last of each, both inclusive."""
    bounds = [(number << 64) // count for number in range(count + 1)] if count else []
    for begin, end in pairwise(bounds):
        yield f"{begin:016x}", f"{end - 1:016x}".ljust(64, "f")


def _samples(storage: Storage, parts: Sequence[Shard], first: str, last: str) -> dict[str, shards.Row]:
    columns = ["sample_id", *COMPARED]
    begin, end = (int(sample_id[:8], 16) for sample_id in (first, last))
    return {
        row["sample_id"]: {name: _small(row.get(name)) for name in columns}
        for shard in parts
        if begin * shard.places >> 32 <= shard.place <= end * shard.places >> 32
        for row in shards.between(storage, shard, columns, first, last)
    }


def _small(value: Any) -> Any:
    """What stands for a value where only a change counts: in provenance, an earlier version lacks the later fields."""
    if isinstance(value, list):
        return [{k: v for k, v in each.items() if v is not None} if isinstance(each, dict) else each for each in value]
    return hashlib.sha256(value).digest() if isinstance(value, bytes) else value


def _reasons(manifest: Manifest) -> Counter[str]:
    funnel = manifest.funnel
    return Counter({**manifest.duplicates, **funnel.rejected, **funnel.quarantined})
