"""What is decided on records, as tables and as what a ledger record says of them; see `pipeline.steps.decisions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.steps.base import packed
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, published_bytes, read_table, write_bytes, write_table
from pipeline.versions import lineage, takedown
from pipeline.work import ledger
from pipeline.work.ledger import Record, table_path
from pipeline.work.task import Work
from stages import deduplicate
from stages.deduplicate import DeduplicateSettings
from stages.reasons import Outcome, Reason, outcome
from stages.schema import CLUSTERS, DECIDED, ORIGINS

DECIDER = "deduplicate"
"""The step whose decisions these are, whichever tasks made them."""


VERSION = 2
"""Of what the tables of decisions hold."""


class DecidingSettings(DeduplicateSettings):
    """What decisions on a whole corpus depend on."""

    source_order: tuple[str, ...]
    takedowns: tuple[str, ...]
    """Paths of the requests."""


class SliceSettings(DecidingSettings):
    """What a task on the way depends on, which is run only if the end of it is not known: here the past counts, too."""

    slices: int
    """Into how many the corpus is routed."""
    past: lineage.Past
    key: str


class Partition(NamedTuple):
    """A samples partition."""

    source: str
    key: str
    path: str
    rows: int


@dataclass(frozen=True)
class Corpus:
    """What is known of the corpus that is decided on, beside its settings and its samples."""

    benchmarks: tuple[str, ...]
    """Tables of the samples of what the dataset must not overlap."""
    past: lineage.Past


def decide(
    storage: Storage,
    settings: DecidingSettings,
    corpus: Corpus,
    table: pa.Table,
    edges: Sequence[pa.Table],
    traced: pa.Table,
) -> tuple[pa.Table, pa.Table]:
    """`stages.schema.DECIDED` of each row of ``table``, and the lines that they go on with."""
    taken = takedown.load(storage, settings.takedowns)
    ids = [read_table(storage, path, columns=["sample_id"])["sample_id"] for path in corpus.benchmarks]
    benchmark = frozenset(sample_id for column in ids for sample_id in column.to_pylist())
    was = lineage.earlier(traced)
    decisions = deduplicate.deduplicate(table, edges, settings, settings.source_order, was, taken, benchmark)
    keys, each = lineage.keys_of(decisions, traced)
    lines = lineage.lines(decisions, traced, each, corpus.past.version + 1)
    decisions = decisions.append_column("atomic_length", table["atomic_length"].cast(pa.int32()))
    return decisions.append_column(DECIDED.field("keys"), keys), lines


def published(work: Work[Any], decisions: pa.Table) -> dict[str, Output]:
    """What versions refer to of whole clusters' ``decisions``: where its samples are from, and the clusters."""
    samples = decisions.filter(decisions["kept"]).select(ORIGINS.names).sort_by("sample_id")
    # of what was taken down, nobody is told where it was
    public = decisions.filter(pc.not_equal(decisions["reason"], Reason.TAKEN_DOWN))
    sizes = public.group_by("cluster_id").aggregate([([], "count_all")])
    several = sizes.filter(pc.greater(sizes["count_all"], 1))["cluster_id"]
    # a benchmark's drawing is no record, but what it took is told
    overlaps = pc.equal(public["reason"], Reason.BENCHMARK_OVERLAP)
    members = public.filter(pc.or_(pc.is_in(public["cluster_id"], value_set=several), overlaps))
    order = [("cluster_id", "ascending"), ("kept", "descending"), ("source", "ascending"), ("path", "ascending")]
    return {
        "provenance": by_digest(work, "provenance", samples, ORIGINS),
        "clusters": by_digest(work, "clusters", members.sort_by(order), CLUSTERS),
    }


def by_digest(work: Work[Any], folder: str, table: pa.Table, schema: pa.Schema) -> Output:
    """Write what versions refer to."""
    data = published_bytes(table.select(schema.names), schema)
    return write_bytes(work.storage, lambda digest: f"{folder}/{digest[:20]}.parquet", data, len(table))


@dataclass(frozen=True)
class Decided:
    """Decisions on partitions as they were written, and what goes into a ledger record of them."""

    outputs: dict[str, Output]
    """By partition: source/key."""
    rows_in: int
    rows_kept: int
    dropped: dict[str, dict[str, int]]
    extra: dict[str, Any]

    def record(self, work: Work[Any]) -> Record:
        """The ledger record."""
        return work.record(self.outputs, self.rows_in, self.rows_kept, dropped=self.dropped, extra=self.extra)


def write_decisions(work: Work[Any], decisions: pa.Table, partitions: Sequence[Partition]) -> Decided:
    """Write ``decisions`` on ``partitions``, a table for each."""
    outputs: dict[str, Output] = {}
    kept: dict[str, str] = {}
    digests: dict[str, dict[str, str]] = {name: {} for name in DIGESTS}
    before = ledger.load(work.storage, work.task.step.name, work.task.source, work.task.key)
    there = {output.path for output in before.outputs.values()} if before and not work.task.anew else set()
    begin = 0
    for source, key, _, rows in partitions:
        part = decisions.slice(begin, rows)
        begin += rows
        name = f"{source}/{key}"
        outputs[name] = write_table(work.storage, table_path(DECIDER, source, key), [part], DECIDED, there)
        kept[name] = packed(part["kept"].to_numpy())
        stays = part.filter(part["kept"])
        digests["decided"][name] = ledger.digest([stays["sample_id"].to_pylist(), stays["cluster_id"].to_pylist()])
        digests["keys"][name] = ledger.digest(stays["keys"].to_pylist())
        origins = stays["provenance"].combine_chunks()
        digests["origins"][name] = _digest(origins)
        digests["shown"][name] = _digest(shown(origins, stays["shown"].combine_chunks()))
    lost = decisions.filter(pc.invert(decisions["kept"]))
    counted = Counter(zip(lost["source"].to_pylist(), lost["reason"].to_pylist(), strict=True))
    dropped: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    rejected: dict[str, dict[str, int]] = {}
    for (source, reason), n in sorted(counted.items()):
        dropped[reason] += n
        if outcome(Reason(reason)) is Outcome.DUPLICATE:
            duplicates[source] += n
        else:
            rejected.setdefault(source, {})[reason] = n
    extra = {"duplicates": dict(duplicates), "rejected": rejected, "kept": kept, **digests}
    by_stage = {DECIDER: dict(sorted(dropped.items()))} if dropped else {}
    return Decided(outputs, len(decisions), len(decisions) - len(lost), by_stage, extra)


DIGESTS = ("decided", "keys", "origins", "shown")
"""What a record says of a samples partition, as digests: which rows stay in which clusters, with which keys, where they
are from, and what shards tell of that."""


def _digest(entries: pa.ListArray) -> str:
    flat = entries.flatten()
    columns = [flat.field(i).to_pylist() for i in range(flat.type.num_fields)]
    return ledger.digest([pc.list_value_length(entries).to_pylist(), *columns])


def shown(provenance: pa.ListArray, which: pa.ListArray) -> pa.ListArray:
    """Of each list the entries that shards tell of."""
    mask = which.flatten()
    if pc.all(mask, min_count=0).as_py():
        return provenance
    rows = pc.list_parent_indices(which).filter(mask).to_numpy()
    counts = np.bincount(rows, minlength=len(provenance))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, provenance.flatten().filter(mask), type=provenance.type)
