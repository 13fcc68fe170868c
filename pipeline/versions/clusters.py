"""What deduplication found, for people: how large clusters are, what was removed where, and close calls.

Tables are read a part at a time; what is in memory is what is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage import lookup
from pipeline.storage.base import Storage
from pipeline.versions import browse
from stages.deduplicate import item_ids
from stages.deduplicate.matching import Level
from stages.schema import CLUSTERS

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
    """What the newest run decided; ``shown``: largest clusters, and closest pairs of a kind."""
    result = Duplicates()
    paths = browse.clusters(storage)
    largest: list[tuple[int, str]] = []
    for cluster, size in sizes(storage, paths):
        result.sizes[max(least for least in SIZES if least <= size)] += 1
        largest.append((-size, cluster))
        if len(largest) > 2 * shown + 1000:
            largest = sorted(largest)[:shown]
    largest = sorted(largest)[:shown]
    members = members_of(storage, paths, [cluster for _, cluster in largest])
    for size, cluster in largest:
        first = members[cluster][0]
        survived = first["sample_id"] == cluster and not first["reason"]
        result.largest.append((-size, f"{first['source']}/{first['path']}" if survived else cluster))
    for table in browse.decisions(storage, ["source", "reason"]):
        for row in table.group_by(["source", "reason"]).aggregate([([], "count_all")]).to_pylist():
            if row["reason"]:
                result.removed.setdefault(row["source"], Counter())[row["reason"]] += row["count_all"]
    result.close = _close(storage, shown)
    return result


def sizes(storage: Storage, paths: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each cluster of two and more records in tables `CLUSTERS`, and how many it has."""
    for path in paths:
        last, count = "", 0
        for table in lookup.row_groups(storage, path, ["cluster_id"], "cluster_id", "", "g"):
            runs = pc.run_end_encode(table["cluster_id"].combine_chunks())
            for cluster, size in zip(runs.values.to_pylist(), np.diff(runs.run_ends, prepend=0).tolist(), strict=True):
                if cluster != last:
                    if count > 1:
                        yield last, count
                    last, count = cluster, 0
                count += size
        if count > 1:
            yield last, count


def members_of(storage: Storage, paths: Sequence[str], wanted: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Cluster -> its rows in tables `CLUSTERS`, the survivor's first."""
    members: dict[str, list[dict[str, Any]]] = {}
    ids = pa.array(sorted(wanted), pa.string())
    for path in paths:
        for table in lookup.rows_of(storage, path, CLUSTERS.names, "cluster_id", ids):
            for row in table.to_pylist():
                members.setdefault(row["cluster_id"], []).append(row)
    return members


@dataclass(frozen=True)
class _Edge:
    """Ordered by what is shown first."""

    distance: float
    score: float
    a: int
    b: int


def _close(storage: Storage, shown: int) -> list[Pair]:
    """The pairs of each level that only just are duplicates, and those that only just are none."""
    unknown: set[int] = set()
    while True:
        edges = _closest(storage, shown, unknown)
        records = _names(storage, {item for level in edges.values() for edge in level for item in (edge.a, edge.b)})
        lacking = {item for level in edges.values() for edge in level for item in (edge.a, edge.b)} - records.keys()
        if not lacking:
            break
        unknown |= lacking  # what was taken down is nobody's record
    pairs = [
        Pair(_NAMES[level], edge.score, records[edge.a], records[edge.b]) for level in edges for edge in edges[level]
    ]
    return sorted(pairs, key=lambda pair: pair.level)


def _closest(storage: Storage, shown: int, unknown: set[int]) -> dict[Level, list[_Edge]]:
    closest: dict[Level, list[_Edge]] = {}
    without = np.array(sorted(unknown), np.uint64)
    for table in browse.edges(storage):
        levels, scores = table["level"].to_numpy(), table["score"].to_numpy()
        a, b = table["a"].to_numpy(), table["b"].to_numpy()
        known = ~(np.isin(a, without) | np.isin(b, without)) & (scores < 1)
        for number in np.unique(levels[known]).tolist():
            level = Level(number)
            rows = np.flatnonzero(known & (levels == number))
            distance = -scores[rows] if level == Level.ALMOST else scores[rows]
            best = rows[np.lexsort((b[rows], a[rows], distance))[:shown]].tolist()
            sign = -1 if level == Level.ALMOST else 1
            edges = [_Edge(sign * float(scores[i]), float(scores[i]), int(a[i]), int(b[i])) for i in best]
            every = {(edge.a, edge.b): edge for edge in (*closest.get(level, ()), *edges)}
            closest[level] = sorted(every.values(), key=lambda edge: (edge.distance, edge.a, edge.b))[:shown]
    return closest


def _names(storage: Storage, items: set[int]) -> dict[int, str]:
    """Item -> where its first record is from."""
    wanted = np.array(sorted(items), np.uint64)
    names: dict[int, str] = {}
    for table in browse.decisions(storage, ["source", "path", "sample_id"]) if items else ():
        own = item_ids(table["sample_id"])
        for i in np.flatnonzero(np.isin(own, wanted)).tolist():
            names.setdefault(int(own[i]), f"{table['source'][i]}/{table['path'][i]}")
    return names
