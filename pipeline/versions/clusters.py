"""What deduplication found, for people: how large clusters are, what was removed where, and close calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from pipeline.report.collect import decisions
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table
from pipeline.work import ledger
from pipeline.work.task import CORPUS
from stages.deduplicate import item_ids
from stages.deduplicate.match import Level

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
class Found:
    """Of the newest run. ``removed``: source -> reason -> records."""

    clusters: Counter[int] = field(default_factory=Counter)
    """Least size of a class -> clusters."""
    largest: list[tuple[int, str]] = field(default_factory=list)
    """Records, and where the survivor is from, of the largest clusters."""
    removed: dict[str, Counter[str]] = field(default_factory=dict)
    close: list[Pair] = field(default_factory=list)


def summary(storage: Storage, shown: int) -> Found:
    """Read the decisions and edges of the newest run; ``shown``: largest clusters, and closest pairs of a kind."""
    found = Found()
    sizes: Counter[str] = Counter()
    survivors: dict[str, str] = {}
    of_item: dict[int, str] = {}
    columns = ["source", "path", "sample_id", "cluster_id", "kept", "reason"]
    for path in decisions(storage):
        table = read_table(storage, path, columns=columns)
        sizes.update(table["cluster_id"].to_pylist())
        for source, reason in zip(table["source"].to_pylist(), table["reason"].to_pylist(), strict=True):
            if reason:
                found.removed.setdefault(source, Counter())[reason] += 1
        for row in table.filter(table["kept"]).select(["cluster_id", "source", "path"]).to_pylist():
            survivors.setdefault(row["cluster_id"], f"{row['source']}/{row['path']}")
        names = pc.binary_join_element_wise(table["source"], table["path"], "/").to_pylist()
        for item, name in zip(item_ids(table["sample_id"]).tolist(), names, strict=True):
            of_item.setdefault(item, name)
    for size in sizes.values():
        if size > 1:
            found.clusters[max(least for least in SIZES if least <= size)] += 1
    largest = sorted((-size, cluster) for cluster, size in sizes.items() if size > 1)[:shown]
    found.largest = [(-size, survivors.get(cluster, cluster)) for size, cluster in largest]
    found.close = _close(storage, of_item, shown)
    return found


def _close(storage: Storage, of_item: dict[int, str], shown: int) -> list[Pair]:
    """The pairs of each level that only just are duplicates, and those that only just are none."""
    rows: dict[str, list[Pair]] = {}
    for decided in ledger.records(storage, "deduplicate", [CORPUS]):
        for edge in (edge for path in decided.extra["edges"] for edge in read_table(storage, path).to_pylist()):
            if edge["a"] in of_item and edge["b"] in of_item:
                level = _NAMES[Level(edge["level"])]
                rows.setdefault(level, []).append(Pair(level, edge["score"], of_item[edge["a"]], of_item[edge["b"]]))
    chosen: list[Pair] = []
    for level, pairs in sorted(rows.items()):
        best_last = level == _NAMES[Level.ALMOST]

        def closeness(pair: Pair, sign: int = -1 if best_last else 1) -> tuple[Any, ...]:
            return sign * pair.score, pair.one, pair.other

        chosen += sorted((pair for pair in pairs if pair.score < 1), key=closeness)[:shown]
    return chosen
