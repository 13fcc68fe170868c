"""What duplicates say, brought to the drawings that stayed, as tasks and steps.

    lend     of a samples partition, also of copies: captions of its duplicates, and of which clusters it has survivors
    borrow   of a range of clusters: what their duplicates say, for each partition with survivors

Only columns that say something of a drawing are read. Of a cluster each partition lends a few captions, and each
survivor borrows a few: those that most records have, of the better origins first. So a cluster of any size takes
no more than a small one. A duplicate that came after the drawing was published lends nothing, as no shard names it,
unless the config says ``repack``: a later source rewrites no earlier shard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.steps.base import read_samples
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, table_bytes, write_table
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, inputs_of, planned
from stages import deduplicate
from stages.base import Settings
from stages.caption import BRINGS, CAPTION, DESCRIBE, DescribeSettings, brought
from stages.caption.checks import essence
from stages.caption.geometry import Look
from stages.caption.settings import ORIGINS, STYLES
from stages.reasons import DUPLICATES
from stages.schema import BORROWED, LENT

VERSION = 1
"""Of what is lent."""

RANGE = 1_000_000
"""Rows that one task of ``borrow`` looks at, about."""

_LENT_BYTES = 600
"""Of such a row, about, in memory; for estimates."""

SHARED_FILE = 64
"""Partitions whose captions lie in one file, each a row group."""

_ROW_BYTES = 200
"""Of a record, about what is read; for estimates."""

Caption = dict[str, Any]
"""The fields of `stages.schema.VOTED`."""


class LendSettings(DescribeSettings):
    """What duplicates say depends on."""

    duplicates: int
    late: bool
    """Whether duplicates of a drawing that was published before they came lend, too."""


@dataclass(frozen=True)
class LendPayload:
    """A samples partition, and what was decided of it."""

    settings: LendSettings
    samples: str
    decisions: str


def lends(config: Config, decided: Record) -> bool:
    """Whether there are duplicates at all, and what they say counts."""
    return bool(config.caption.duplicates) and any(decided.extra["duplicates"].values())


def lend_tasks(config: Config, passed: Sequence[Record], decided: Record) -> Iterator[Task[LendPayload]]:
    """One task for each partition, where any `lends`. ``passed``: with copies."""
    caption = config.caption
    settings = LendSettings(
        **dict(caption.part(DescribeSettings)), duplicates=caption.duplicates, late=config.write.repack
    )
    versions = {"lend": VERSION, DESCRIBE.name: DESCRIBE.version}
    for record in passed:
        samples, decisions = record.outputs["kept"], decided.outputs[f"{record.source}/{record.key}"]
        inputs = [*inputs_of([samples]), (f"decisions {record.source}/{record.key}", decisions.sha256)]
        payload = LendPayload(settings, samples.path, decisions.path)
        rows = record.rows_kept
        yield planned(LEND, record.source, record.key, payload, versions, inputs, rows, rows * _ROW_BYTES)


def lend_step(work: Work[LendPayload]) -> Record:
    """`stages.schema.LENT` of a partition."""
    payload, storage = work.task.payload, work.storage
    decided = read_table(
        storage, payload.decisions, columns=["sample_id", "cluster_id", "kept", "reason", "provenance", "late"]
    )
    lost = pc.is_in(decided["reason"], value_set=pa.array(sorted(map(str, DUPLICATES))))
    if not payload.settings.late:
        lost = pc.and_not(lost, decided["late"])
    several = pc.greater(pc.list_value_length(decided["provenance"]), 1)
    rows: list[dict[str, Any]] = []
    kept = decided.filter(decided["kept"])
    survivors = kept.append_column("row", pa.array(np.arange(len(kept), dtype=np.int32)))
    for each in (
        survivors.filter(several.filter(decided["kept"])).select(["cluster_id", "sample_id", "row"]).to_pylist()
    ):
        rows.append(each | {"caption": None})
    if pc.any(lost, min_count=0).as_py():
        samples = read_samples(storage, payload.samples, BRINGS).filter(lost).to_pylist()
        known = decided.filter(lost).select(["cluster_id", "sample_id"]).to_pylist()
        rows += _lent(zip(known, samples, strict=True), payload.settings)
    rows.sort(key=lambda row: row["cluster_id"])  # of a cluster they stay in order
    table = pa.Table.from_pylist(rows, schema=LENT)
    before = ledger.load(storage, LEND.name, work.task.source, work.task.key)
    there = {output.path for output in before.outputs.values()} if before and not work.task.anew else set()
    output = write_table(storage, work.path(), [table], LENT, there)
    captions = len(table) - table["caption"].null_count
    return work.record({"kept": output}, len(decided), output.rows, extra={"captions": captions})


def _lent(
    records: Iterable[tuple[Mapping[str, str], Mapping[str, Any]]], settings: LendSettings
) -> Iterator[dict[str, Any]]:
    """The captions of duplicates, the few best of each drawing of a cluster."""
    clusters: dict[tuple[str, str], list[Caption]] = {}
    nothing = Look()
    for known, record in records:
        captions = [{**each, "votes": 1} for each in brought(record, nothing, settings)]
        cluster = clusters.setdefault((known["cluster_id"], known["sample_id"]), [])
        cluster += captions
        if len(cluster) > _MANY * settings.duplicates:
            cluster[:] = best(cluster, _MANY // 2 * settings.duplicates)
    for (cluster_id, sample_id), captions in sorted(clusters.items()):
        for caption in best(captions, settings.duplicates):
            yield {"cluster_id": cluster_id, "sample_id": sample_id, "row": None, "caption": caption}


_MANY = 8
"""Times as many captions of a cluster as are lent from which on they are thinned out on the way."""


def best(captions: Iterable[Mapping[str, Any]], most: int) -> list[Caption]:
    """The captions that most records have, of the better origins first; nearly identical ones once, with all votes."""
    merged: dict[tuple[str, str], Caption] = {}
    for caption in captions:
        key = essence(caption["text"]), caption["origin"]
        if key not in merged:
            merged[key] = dict(caption)
            continue
        before = merged[key]
        votes = before["votes"] + caption["votes"]
        # which of them stays is no matter of order
        merged[key] = dict(min(before, caption, key=lambda each: (_STYLE[each["style"] or ""], each["text"])))
        merged[key]["votes"] = votes
    return sorted(merged.values(), key=_rank)[:most]


_ORIGIN = {origin: place for place, origin in enumerate(ORIGINS)}
_STYLE = {style: place for place, style in enumerate(STYLES)}


def _rank(caption: Caption) -> tuple[Any, ...]:
    return _ORIGIN[caption["origin"]], -caption["votes"], _STYLE[caption["style"] or ""], caption["text"]


# -- borrow


class BorrowSettings(Settings):
    """What a range of clusters depends on beside what is lent."""

    duplicates: int
    range: tuple[int, int]
    """Which of how many ranges of clusters."""


@dataclass(frozen=True)
class BorrowPayload:
    """``first`` and ``last``: of the range, both inclusive, as `deduplicate.item_ids` has cluster ids.

    ``tables``: partition (source/key) -> what it lends.
    """

    settings: BorrowSettings
    tables: Mapping[str, str]
    first: int
    last: int


def borrow_tasks(config: Config, lent: Sequence[Record]) -> list[Task[BorrowPayload]]:
    """One task for each range of clusters, none where nothing is lent."""
    if not any(record.extra["captions"] for record in lent):
        return []
    outputs = {f"{record.source}/{record.key}": record.outputs["kept"] for record in lent if record.rows_kept}
    tables = dict(sorted(outputs.items()))
    paths = {name: output.path for name, output in tables.items()}
    inputs = tuple((name, output.sha256) for name, output in tables.items())
    rows = sum(output.rows for output in outputs.values())
    count = -(-rows // RANGE)
    tasks = []
    for k, (first, end) in enumerate(pairwise((1 << 64) * k // count for k in range(count + 1))):
        payload = BorrowPayload(
            BorrowSettings(duplicates=config.caption.duplicates, range=(k, count)), paths, first, end - 1
        )
        size = rows // count
        key = f"range-{k:05}"
        tasks.append(planned(BORROW, CORPUS, key, payload, {"lend": VERSION}, inputs, size, size * _LENT_BYTES))
    return tasks


def borrow_step(work: Work[BorrowPayload]) -> Record:
    """`stages.schema.BORROWED` of a range of clusters, a row group for each partition that has survivors of them.

    A duplicate of a drawing that stayed beside the one that its cluster is named after speaks for that drawing.
    Captions are held as Arrow tables; those of one cluster alone are Python objects.
    """
    payload, storage = work.task.payload, work.storage
    names = sorted(payload.tables)
    lent = _in_range(storage, payload, names)
    captions = len(lent) - lent["caption"].null_count
    parts, held = [_ROUTED.empty_table()], []
    for survivors, said in _clusters(lent, payload.settings.duplicates):
        for sample_id, each in sorted(said.items()):
            place = survivors[sample_id]
            held.append(place | {"sample_id": sample_id, "captions": best(each, payload.settings.duplicates)})
        if len(held) >= _BATCH:
            parts.append(pa.Table.from_pylist(held, schema=_ROUTED))
            held = []
    del lent
    borrowed = pa.concat_tables([*parts, pa.Table.from_pylist(held, schema=_ROUTED)])
    borrowed = borrowed.sort_by([("part", "ascending"), ("row", "ascending")])
    owners, begins = np.unique(borrowed["part"].to_numpy(), return_index=True)
    tables = {
        names[owner]: borrowed.slice(begin, end - begin).select(BORROWED.names)
        for owner, (begin, end) in zip(owners.tolist(), pairwise([*begins.tolist(), len(borrowed)]), strict=True)
    }
    outputs, places = routed(work, tables, BORROWED)
    return work.record(outputs, captions, len(borrowed), extra={"places": places})


_PART = pa.field("part", pa.int32())
"""Which partition a row is of, by name."""
_RANGED = pa.schema([*LENT, _PART])
_ROUTED = pa.schema([*BORROWED, _PART])

_BATCH = 5_000
"""Rows that are Python objects at a time."""


def _in_range(storage: Storage, payload: BorrowPayload, names: Sequence[str]) -> pa.Table:
    """What partitions lend to a range of clusters."""
    parts = [_RANGED.empty_table()]
    for number, name in enumerate(names):
        table = read_table(storage, payload.tables[name])
        ids = deduplicate.item_ids(table["cluster_id"])
        here = table.filter(pa.array((ids >= np.uint64(payload.first)) & (ids <= np.uint64(payload.last))))
        parts.append(here.append_column(_PART, pa.array(np.full(len(here), number, np.int32))))
    return pa.concat_tables(parts).combine_chunks()


def _clusters(lent: pa.Table, duplicates: int) -> Iterator[tuple[dict[str, dict[str, int]], dict[str, list[Caption]]]]:
    """Of each cluster its survivors, with partition and row, and what is said of them, thinned out where it is much."""
    keys = pa.table({"cluster": lent["cluster_id"], "said": pc.is_valid(lent["caption"])})
    order = pc.sort_indices(keys, sort_keys=[("cluster", "ascending"), ("said", "ascending")])  # survivors first
    rows = (row for begin in range(0, len(lent), _BATCH) for row in lent.take(order.slice(begin, _BATCH)).to_pylist())
    for cluster_id, members in groupby(rows, key=itemgetter("cluster_id")):
        survivors: dict[str, dict[str, int]] = {}
        said: dict[str, list[Caption]] = {}
        for row in members:
            if row["caption"] is None:
                survivors[row["sample_id"]] = {"part": row["part"], "row": row["row"]}
                continue
            target = row["sample_id"] if row["sample_id"] in survivors else cluster_id
            if target in survivors:
                captions = said.setdefault(target, [])
                captions.append(row["caption"])
                if len(captions) > _MANY * duplicates:
                    captions[:] = best(captions, _MANY // 2 * duplicates)
        yield survivors, said


Places = dict[str, tuple[str, int, str]]
"""Partition (source/key) -> role of the output, row group in it, digest of its content."""


def routed(work: Work[Any], tables: Mapping[str, pa.Table], schema: pa.Schema) -> tuple[dict[str, Output], Places]:
    """Write what is for partitions, a row group each: so what one gets has a digest of its own."""
    outputs: dict[str, Output] = {}
    places: Places = {}
    names = sorted(tables)
    for n in range(0, len(names), SHARED_FILE):
        role, part = f"part-{n // SHARED_FILE:05}", names[n : n + SHARED_FILE]
        outputs[role] = write_table(work.storage, work.path(f"{role}.parquet"), [tables[name] for name in part], schema)
        for place, name in enumerate(part):
            places[name] = role, place, hashlib.sha256(table_bytes(tables[name], schema)).hexdigest()
    return outputs, places


RowGroups = tuple[tuple[str, int], ...]
"""(path, row group) of some tables."""


def parts_of(records: Sequence[Record]) -> dict[str, list[tuple[str, int, str]]]:
    """Partition (source/key) -> path, row group and digest of what `routed` wrote for it."""
    parts: dict[str, list[tuple[str, int, str]]] = {}
    for record in records:
        for name, (role, group, digest) in record.extra["places"].items():
            parts.setdefault(name, []).append((record.outputs[role].path, group, digest))
    return parts


def laid_out(storage: Storage, groups: RowGroups, rows: int, column: str, schema: pa.Schema) -> pa.Array:
    """``column`` of what was routed to a partition, for each of its ``rows`` survivors; null where there is none."""
    tables = [read_table(storage, path, columns=["row", column], row_group=group) for path, group in groups]
    table = pa.concat_tables([schema.empty_table().select(["row", column]), *tables])
    places = np.full(rows, -1, np.int64)
    places[table["row"].to_numpy()] = np.arange(len(table))
    column_of: pa.ChunkedArray = table[column].take(pa.array(places, mask=places < 0))
    return column_of.combine_chunks() if column_of.num_chunks != 1 else column_of.chunk(0)


LEND = Step("lend", lend_step, "finds what duplicates say of the drawings that stay", to=CAPTION.name)
BORROW = Step(
    "borrow", borrow_step, "brings what duplicates say to the drawings that stay", to=CAPTION.name, whole=True
)
