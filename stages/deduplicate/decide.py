"""Which record of each cluster stays: a pure function of content and declared source order.

Records are ranked by source order, then sample_id, then path; samples that an earlier version kept go before all
others, so that they stay. What was taken down goes before those: it survives nothing, but takes what resembles it.
Going down the ranks, a sample that no earlier survivor has taken becomes a survivor and takes every later sample whose
estimated Jaccard similarity to *it* reaches the threshold. So there are no chains: each member of a cluster resembles
its survivor, and the result depends on no order of rows, partitions or workers.

Candidate pairs come from LSH banding over MinHash signatures (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets,
section 3.4); bands and rows are datasketch's optimum for the threshold. A bucket of more than ``max_bucket`` samples is
not compared pair by pair but each with its first-ranked member, which is the one that could take them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.deduplicate.settings import DeduplicateSettings
from stages.deduplicate.signatures import NONE, PERMUTATIONS
from stages.reasons import Reason
from stages.schema import DECISIONS

Signatures = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Taken:
    """What must not be in the dataset.

    ``samples``: sample id -> signature (`signatures.NONE` where it is not known). The rest are rules for records; what
    a record that one of them names holds is taken down wherever else it comes from, too.
    """

    samples: Mapping[str, bytes] = field(default_factory=dict)
    raw_ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    paths: tuple[tuple[str, str], ...] = ()
    """(source, beginning of path)."""
    licenses: frozenset[str] = frozenset()

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a rule names this record (raw_id, url, source, path, license)."""
        return (
            record["raw_id"] in self.raw_ids
            or record["url"] in self.urls
            or record["license"] in self.licenses
            or any(record["source"] == source and record["path"].startswith(start) for source, start in self.paths)
        )


def deduplicate(
    table: pa.Table,
    settings: DeduplicateSettings,
    source_order: list[str],
    earlier: frozenset[str] = frozenset(),
    taken: Taken | None = None,
) -> pa.Table:
    """Decide for each row of ``table`` (raw_id, source, path, url, license, sample_id, signature) whether it stays.

    ``earlier``: sample ids that the version before kept. Returns `stages.schema.DECISIONS`, one row a record, by source
    order and path.
    """
    rank = {name: i for i, name in enumerate(source_order)}
    columns = ("raw_id", "source", "path", "url", "license", "sample_id")
    records = table.select(columns).to_pylist()
    down = _taken_down(records, taken or Taken())

    def key(i: int) -> tuple[bool, bool, int, str, str]:
        sample_id = records[i]["sample_id"]
        return sample_id not in down, sample_id not in earlier, *_rank(records[i], rank)

    order = sorted(range(len(records)), key=key)
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(records[i]["sample_id"], i)
    # what was taken down and is there no more still takes what resembles it
    gone = sorted(sample_id for sample_id in down if sample_id not in first)
    samples = list(first.values())  # row of the first record of each sample, by rank
    found = [down[sample_id] for sample_id in gone]
    found += table["signature"].take(pa.array(samples, pa.int64())).to_pylist()
    taken_by, scores = _near(found, settings) if settings.near else ({}, {})
    ids = [*gone, *(records[i]["sample_id"] for i in samples)]
    number = {sample_id: n for n, sample_id in enumerate(ids)}
    members: dict[str, list[int]] = defaultdict(list)
    seen_raw: set[str] = set()
    decided: dict[int, dict[str, Any]] = {}
    for i in order:
        record = records[i]
        n = number[record["sample_id"]]
        survivor = taken_by.get(n, n)
        kept = survivor == n and first[record["sample_id"]] == i and record["sample_id"] not in down
        if kept:
            reason = ""
        elif ids[survivor] in down:
            reason = str(Reason.TAKEN_DOWN)
        elif record["raw_id"] in seen_raw:
            reason = str(Reason.DUPLICATE_RAW)
        elif first[record["sample_id"]] != i:
            reason = str(Reason.DUPLICATE_CANONICAL)
        else:
            reason = str(Reason.NEAR_DUPLICATE)
        seen_raw.add(record["raw_id"])
        cluster = ids[survivor]
        members[cluster].append(i)
        decided[i] = {
            "raw_id": record["raw_id"],
            "source": record["source"],
            "path": record["path"],
            "sample_id": record["sample_id"],
            "cluster_id": cluster,
            "kept": kept,
            "reason": reason,
            "score": scores.get(n, 1.0),
            "provenance": [],
        }
    for i, row in decided.items():
        if row["kept"]:
            # the survivor's own record leads
            others = [k for k in members[row["cluster_id"]] if k != i]
            row["provenance"] = [
                _origin(records[k]) for k in [i, *sorted(others, key=lambda k: _place(records[k], rank))]
            ]
    rows = [decided[i] for i in sorted(decided, key=lambda i: _place(records[i], rank))]
    return pa.Table.from_pylist(rows, schema=DECISIONS)


def _taken_down(records: list[dict[str, Any]], taken: Taken) -> dict[str, bytes]:
    """The samples that are taken down, with their signatures where they are known from before."""
    found = dict(taken.samples)
    for record in records:
        if record["sample_id"] not in found and taken.matches(record):
            found[record["sample_id"]] = NONE
    return found


def _rank(record: dict[str, Any], rank: dict[str, int]) -> tuple[int, str, str]:
    return rank[record["source"]], record["sample_id"], record["path"]


def _place(record: dict[str, Any], rank: dict[str, int]) -> tuple[int, str]:
    return rank[record["source"]], record["path"]


def _origin(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("source", "path", "url", "raw_id", "license")}


def _near(found: list[bytes], settings: DeduplicateSettings) -> tuple[dict[int, int], dict[int, float]]:
    """Sample -> its survivor, and its similarity to it, for samples in rank order with these signatures."""
    usable = np.array([i for i, s in enumerate(found) if s != NONE], np.int64)
    if len(usable) < 2:
        return {}, {}
    matrix = np.frombuffer(b"".join(found[i] for i in usable), "<u4").reshape(-1, PERMUTATIONS)
    pairs = candidate_pairs(matrix, settings)
    left, right = pairs[:, 0], pairs[:, 1]
    similarity = np.empty(len(pairs), np.float32)
    for begin in range(0, len(pairs), 65536):
        part = slice(begin, begin + 65536)
        similarity[part] = (matrix[left[part]] == matrix[right[part]]).mean(axis=1)
    close = similarity >= settings.threshold
    taken_by: dict[int, int] = {}
    scores: dict[int, float] = {}
    # pairs are sorted: all of a survivor's come before it could take anything itself
    for a, b, score in zip(
        usable[left[close]].tolist(), usable[right[close]].tolist(), similarity[close].tolist(), strict=True
    ):
        if a not in taken_by and b not in taken_by:
            taken_by[b], scores[b] = a, score
    return taken_by, scores


def candidate_pairs(matrix: Signatures, settings: DeduplicateSettings) -> npt.NDArray[np.int64]:
    """Pairs (i, j), i < j, sorted, of rows of ``matrix`` (samples, permutations) that share an LSH bucket."""
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=settings.threshold, num_perm=PERMUTATIONS)
    parts: list[npt.NDArray[np.int64]] = []
    for band in range(lsh.b):
        keys = np.ascontiguousarray(matrix[:, band * lsh.r : (band + 1) * lsh.r]).view(f"V{4 * lsh.r}").ravel()
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        by_bucket = np.argsort(inverse, kind="stable")
        ends = np.cumsum(counts)
        for bucket in np.flatnonzero(counts > 1):
            rows = by_bucket[ends[bucket] - counts[bucket] : ends[bucket]]
            if len(rows) > settings.max_bucket:
                parts.append(np.stack([np.full(len(rows) - 1, rows[0]), rows[1:]], axis=1))
            else:
                i, j = np.triu_indices(len(rows), 1)
                parts.append(np.stack([rows[i], rows[j]], axis=1))
    if not parts:
        return np.empty((0, 2), np.int64)
    return np.unique(np.concatenate(parts), axis=0)
