"""What differs between two versions."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.storage.base import Storage
from pipeline.versions import published, shards
from pipeline.versions.manifest import Manifest
from stages.schema import PICTURES

COMPARED = ("tokens", "segments", "input_ids", "captions", *PICTURES, "tier", "split", "license", "provenance")
"""Columns that make a sample changed; its canonical form follows from its id."""


@dataclass
class Difference:
    """``states``: sample id -> added, removed or changed. ``counts``: what -> its value -> state -> samples.

    ``reasons``: reason -> how many more records left for it. ``columns``: column -> samples in which it changed.
    ``redacted``: version -> samples in shards that are gone by takedowns, of which nothing is known.
    """

    states: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    columns: Counter[str] = field(default_factory=Counter)
    redacted: dict[int, int] = field(default_factory=dict)


def diff(storage: Storage, old: Manifest, new: Manifest) -> Difference:
    """Compare two versions; shards that both have are not read."""
    before, after = _samples(storage, old, new), _samples(storage, new, old)
    difference = Difference()
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
        difference.states[sample_id] = state
        row = now or was or {}
        for what, value in (
            ("source", row["provenance"][0]["source"]),
            ("tier", row["tier"]),
            ("license", row["license"]),
        ):
            difference.counts.setdefault(what, {}).setdefault(value, Counter())[state] += 1
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


def _samples(storage: Storage, manifest: Manifest, other: Manifest) -> dict[str, shards.Row]:
    """The samples in the shards of ``manifest`` that ``other`` does not have."""
    shared = {shard.path for shard in other.shards}
    columns = ["sample_id", *COMPARED]
    return {
        row["sample_id"]: {name: _small(row.get(name)) for name in columns}
        for shard in shards.present(storage, manifest)
        if shard.path not in shared
        for row in shards.read(storage, shard, columns)
    }


def _small(value: Any) -> Any:
    """What stands for a value where only a change counts: in provenance, an earlier version lacks the later fields."""
    if isinstance(value, list):
        return [{k: v for k, v in each.items() if v is not None} if isinstance(each, dict) else each for each in value]
    return hashlib.sha256(value).digest() if isinstance(value, bytes) else value


def _reasons(manifest: Manifest) -> Counter[str]:
    funnel = manifest.funnel
    return Counter({**manifest.duplicates, **funnel.rejected, **funnel.quarantined})
