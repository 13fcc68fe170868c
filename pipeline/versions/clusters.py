"""What deduplication found, for people: how large clusters are, what was removed where, and close calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from pipeline.storage.base import Storage
from pipeline.versions import browse
from stages.deduplicate import item_ids
from stages.deduplicate.matching import Level

SIZES = (2, 3, 5, 10, 100, 1000)
"""Least sizes of the classes that clusters are counted in."""

_NAMES = {Level.GEOMETRY: "colour", Level.NEAR: "near", Level.PICTURE: "picture", Level.ALMOST: "kept apart"}


@dataclass(frozen=True)
class Pair:
    """Two records that are just duplicates, or just not."""

    level: str
    score: float
    one: str
    other: str


@dataclass
class Duplicates:
    """Of the newest run. ``removed``: source -> reason -> records."""

    sizes: Counter[int] = field(default_factory=Counter)
    """Least size of a class -> clusters."""
    largest: list[tuple[int, str]] = field(default_factory=list)
    """Records, and where the survivor is from, of the largest clusters."""
    removed: dict[str, Counter[str]] = field(default_factory=dict)
    close: list[Pair] = field(default_factory=list)


def duplicates(storage: Storage, shown: int) -> Duplicates:
    """Read the decisions and edges of the newest run; ``shown``: largest clusters, and closest pairs of a kind."""
    result = Duplicates()
    sizes: Counter[str] = Counter()
    survivors: dict[str, str] = {}
    records: dict[int, str] = {}
    columns = ["source", "path", "sample_id", "cluster_id", "kept", "reason"]
    for table in browse.decisions(storage, columns):
        sizes.update(table["cluster_id"].to_pylist())
        for source, reason in zip(table["source"].to_pylist(), table["reason"].to_pylist(), strict=True):
            if reason:
                result.removed.setdefault(source, Counter())[reason] += 1
        for row in table.filter(table["kept"]).select(["cluster_id", "source", "path"]).to_pylist():
            survivors.setdefault(row["cluster_id"], f"{row['source']}/{row['path']}")
        names = pc.binary_join_element_wise(table["source"], table["path"], "/").to_pylist()
        for item, name in zip(item_ids(table["sample_id"]).tolist(), names, strict=True):
            records.setdefault(item, name)
    for size in sizes.values():
        if size > 1:
            result.sizes[max(least for least in SIZES if least <= size)] += 1
    largest = sorted((-size, cluster) for cluster, size in sizes.items() if size > 1)[:shown]
    result.largest = [(-size, survivors.get(cluster, cluster)) for size, cluster in largest]
    result.close = _close(storage, records, shown)
    return result


def _close(storage: Storage, records: dict[int, str], shown: int) -> list[Pair]:
    """The pairs of each level that only just are duplicates, and those that only just are none."""
    rows: dict[str, list[Pair]] = {}
    for edge in (edge for table in browse.edges(storage) for edge in table.to_pylist()):
        if edge["a"] in records and edge["b"] in records:
            level = _NAMES[Level(edge["level"])]
            rows.setdefault(level, []).append(Pair(level, edge["score"], records[edge["a"]], records[edge["b"]]))
    chosen: list[Pair] = []
    for level, pairs in sorted(rows.items()):
        best_last = level == _NAMES[Level.ALMOST]

        def closeness(pair: Pair, sign: int = -1 if best_last else 1) -> tuple[Any, ...]:
            return sign * pair.score, pair.one, pair.other

        chosen += sorted((pair for pair in pairs if pair.score < 1), key=closeness)[:shown]
    return chosen
