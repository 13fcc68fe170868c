"""What copies get of the record that was run for them, as tasks and steps; who was, `pipeline.steps.copies` says.

    outcomes   of a range of raw ids, after the pass: what became of the leaders, for each of their copies
    copied     of a raw partition: what became of its copies, as rows of samples and as dropped rows
    inherit    of such rows, once it is decided who stays: the drawings of those that do

Rows of copies hold what is decided by, and no drawing: their leader's row has that, under the same sample id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.steps.base import (
    NoSettings,
    Survivors,
    decided_of,
    dropped_output,
    read_samples,
    unpacked,
)
from pipeline.steps.copies import ID_BYTES, VERSION, Bools, grouped
from pipeline.steps.deal import stays
from pipeline.steps.decided import DECIDER
from pipeline.steps.rowwise import SAMPLES_STEP, notes_of, partition_key, shard_bytes
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, table_bytes, write_table
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, dropped_counts, inputs_of, planned
from stages import crawl, deduplicate
from stages.reasons import Reason
from stages.rowwise import SAMPLES
from stages.schema import DROPPED, RAW

SHARED_FILE = 64
"""Partitions whose outcomes lie in one file, each a row group: so none has a footer that is long to read."""

OWN = tuple(name for name in RAW.names if name in SAMPLES.names)
"""Columns of samples that a record brings with it."""

SHARED = tuple(name for name in (*deduplicate.DECIDES, "atomic_length", "notes", "title", "desc") if name not in OWN)
"""Columns of samples that copies get from their leaders, to be decided on, counted and told of by."""

OUTCOMES = pa.schema(  # a row a copy
    [
        ("row", pa.int32()),
        ("leader", pa.string()),  # path of the table that has the leader's row
        ("place", pa.int32()),  # and which row of it that is, null if the leader was dropped
        *(SAMPLES.field(name) for name in SHARED),
        *(DROPPED.field(name) for name in ("stage", "reason", "detail")),  # null if it was kept
    ]
)


@dataclass(frozen=True)
class OutcomesPayload:
    """``copies``: of a range. ``leaders``: number of a partition -> its tables, of the kept and the dropped or "".

    ``names``: number of a partition that has copies -> source/key.
    """

    settings: NoSettings
    copies: str
    leaders: Mapping[int, tuple[str, str]]
    names: Mapping[int, str]


def outcomes_tasks(ranges: Sequence[Record], samples: Sequence[Record]) -> list[Task[OutcomesPayload]]:
    """One task for each range that has copies. ``ranges``: what `copies_step` came to. ``samples``: what was run."""
    led = {name for record in ranges for name in record.extra["leaders"]}
    named = ((f"{record.source}/{record.key}", record.outputs) for record in samples)
    ran = {name: outputs for name, outputs in named if name in led}
    tasks = []
    for record in ranges:
        copies = record.outputs.get("kept")
        if copies is None:
            continue
        leaders = {number: ran[name] for name, number in record.extra["leaders"].items()}
        payload = OutcomesPayload(
            NoSettings(),
            copies.path,
            {n: (tables["kept"].path, _path(tables.get("dropped"))) for n, tables in sorted(leaders.items())},
            {n: name for name, n in sorted(record.extra["partitions"].items())},
        )
        inputs = inputs_of([copies, *(table for n in sorted(leaders) for _, table in sorted(leaders[n].items()))])
        # a source that gets another name has the same tables
        inputs.append(("partitions", ledger.digest(sorted(record.extra["partitions"].items()))))
        size = copies.rows * ID_BYTES
        tasks.append(
            planned(OUTCOMES_STEP, CORPUS, record.key, payload, {"copies": VERSION}, inputs, copies.rows, size)
        )
    return tasks


def _path(output: Output | None) -> str:
    return "" if output is None else output.path


def outcomes_step(work: Work[OutcomesPayload]) -> Record:
    """What became of the leaders of a range, a row group for each partition that has copies of them."""
    payload = work.task.payload
    copies = read_table(work.storage, payload.copies)
    parts = []
    for number, rows in grouped(copies["leader"], np.arange(len(copies))):
        kept, dropped = payload.leaders[number]
        parts.append(_outcomes(work.storage, copies.take(pa.array(rows)), kept, dropped))
    table = pa.concat_tables(parts).sort_by([("partition", "ascending"), ("row", "ascending")])
    groups = list(grouped(table["partition"], np.arange(len(table))))
    outputs: dict[str, Output] = {}
    places: dict[str, tuple[str, int, str]] = {}
    for n in range(0, len(groups), SHARED_FILE):
        role = f"part-{n // SHARED_FILE:05}"
        tables = [table.slice(rows[0], len(rows)).select(OUTCOMES.names) for _, rows in groups[n : n + SHARED_FILE]]
        outputs[role] = write_table(work.storage, work.path(f"{role}.parquet"), tables, OUTCOMES)
        for place, ((number, _), part) in enumerate(zip(groups[n : n + SHARED_FILE], tables, strict=True)):
            digest = hashlib.sha256(table_bytes(part, OUTCOMES)).hexdigest()
            places[payload.names[number]] = role, place, digest
    return work.record(outputs, len(copies), len(table), extra={"places": places})


def _outcomes(storage: Storage, copies: pa.Table, kept: str, dropped: str) -> pa.Table:
    """``partition`` and `OUTCOMES` of copies whose leaders are in one partition. Raises ValueError if one is not."""
    rows = read_samples(storage, kept, ["raw_id", "path", *SHARED])
    lost = read_table(storage, dropped) if dropped else DROPPED.empty_table()
    leaders = _names(copies["raw_id"], copies["path"])
    place = pc.index_in(leaders, value_set=_names(rows["raw_id"], rows["path"]))
    reason = pc.index_in(leaders, value_set=_names(lost["id"], lost["path"]))
    # of what was taken down no table says where it was
    down = pc.if_else(pc.equal(lost["reason"], str(Reason.TAKEN_DOWN)), lost["id"], None)
    is_down = pc.index_in(copies["raw_id"], value_set=down.combine_chunks()).combine_chunks()
    reason = pc.if_else(place.is_valid(), reason, pc.coalesce(reason, is_down))
    if not pc.all(pc.xor(place.is_valid(), reason.is_valid()), min_count=0).as_py():
        raise ValueError(f"{kept} does not say what became of a record that was run for others")
    columns = {name: rows[name].take(place) for name in SHARED}
    columns |= {name: lost[name].take(reason) for name in ("stage", "reason", "detail")}
    columns |= {"row": copies["row"], "place": place.cast(pa.int32()), "leader": pa.array([kept] * len(copies))}
    table = pa.table([columns[name] for name in OUTCOMES.names], schema=OUTCOMES)
    return table.append_column("partition", copies["partition"])


def _names(raw_ids: pa.ChunkedArray, paths: pa.ChunkedArray) -> pa.Array:
    return pc.binary_join_element_wise(raw_ids, paths, "\0").combine_chunks()


Parts = tuple[tuple[str, int], ...]
"""(path, row group) of outcomes."""


@dataclass(frozen=True)
class CopiedPayload:
    """A row group of a raw table, and the outcomes of the copies in it."""

    settings: NoSettings
    raw: str
    row_group: int
    outcomes: Parts


def _parts(outcomes: Sequence[Record]) -> dict[str, list[tuple[str, int, str]]]:
    """Partition (source/key) -> path, row group and digest of the outcomes of its copies."""
    parts: dict[str, list[tuple[str, int, str]]] = {}
    for record in outcomes:
        for name, (role, group, digest) in record.extra["places"].items():
            parts.setdefault(name, []).append((record.outputs[role].path, group, digest))
    return parts


def copied_tasks(
    crawled: Sequence[Record], copies: Mapping[str, Bools], outcomes: Sequence[Record]
) -> list[Task[CopiedPayload]]:
    """One task for each row group of a raw table that holds copies. ``copies``: as of `copies_of`."""
    parts, tasks = _parts(outcomes), []
    for record in crawled:
        raw = record.outputs["kept"]
        for group in range(len(raw.row_groups)):
            key = partition_key(record.key, group)
            name = f"{record.source}/{key}"
            if name not in copies:
                continue
            payload = CopiedPayload(
                NoSettings(), raw.path, group, tuple((path, number) for path, number, _ in parts[name])
            )
            inputs = [(f"{raw.path}#{group}", raw.sha256), ("columns", ledger.digest(SAMPLES.names))]
            inputs += [("outcomes", digest) for _, _, digest in parts[name]]
            rows = int(copies[name].sum())
            size = rows * _ROW_BYTES
            tasks.append(
                planned(COPIED, record.source, f"{key}{SUFFIX}", payload, {"copies": VERSION}, inputs, rows, size)
            )
    return tasks


SUFFIX = "e"
"""Of the key of a raw partition: its copies have a partition of their own."""

_ROW_BYTES = 400
"""Of a copy, about what is read; for estimates."""


def _read(storage: Storage, parts: Parts) -> pa.Table:
    """`OUTCOMES` of a partition's copies, by row."""
    return pa.concat_tables([read_table(storage, path, row_group=group) for path, group in parts]).sort_by("row")


def copied_step(work: Work[CopiedPayload]) -> Record:
    """The copies in a row group of a raw table as samples, with the columns `OWN` and `SHARED`, and as dropped rows."""
    payload = work.task.payload
    outcomes = _read(work.storage, payload.outcomes)
    raw = read_table(work.storage, payload.raw, columns=list(OWN), row_group=payload.row_group)
    raw = crawl.as_raw(raw).take(outcomes["row"])
    passed = pc.is_null(outcomes["reason"])
    passing, shared = raw.filter(passed), outcomes.filter(passed)
    columns = {name: passing[name] for name in OWN} | {name: shared[name] for name in SHARED}
    kept = pa.table(
        [columns.get(field.name, pa.nulls(len(passing), field.type)) for field in SAMPLES], schema=SAMPLES
    ).combine_chunks()
    raw, outcomes = raw.filter(pc.invert(passed)), outcomes.filter(pc.invert(passed))
    is_down = pc.equal(outcomes["reason"], str(Reason.TAKEN_DOWN))
    columns = {"id": raw["raw_id"], "source": raw["source"], "path": pc.if_else(is_down, "", raw["path"])}
    columns |= {name: outcomes[name] for name in ("stage", "reason", "detail")}
    dropped = pa.table([columns[name] for name in DROPPED.names], schema=DROPPED)
    dropped = dropped.sort_by([("path", "ascending"), ("id", "ascending")])
    outputs = {"kept": write_table(work.storage, work.path(), [kept], SAMPLES), **dropped_output(work, dropped)}
    extra = {"notes": notes_of(kept)}
    counts = dropped_counts([dropped])
    return work.record(outputs, len(kept) + len(dropped), len(kept), dropped=counts, extra=extra)


@dataclass(frozen=True)
class InheritPayload:
    """The copies that stay, and the outcomes, which say where their leaders' rows are."""

    settings: NoSettings
    survivors: Survivors
    outcomes: Parts


def inherit_tasks(copied: Sequence[Record], outcomes: Sequence[Record], decided: Record) -> list[Task[InheritPayload]]:
    """One task for each partition of ``copied`` of which a row stays."""
    parts, tasks = _parts(outcomes), []
    for record in copied:
        if not stays(record, decided):
            continue
        survivors = Survivors.of(record, decided)
        of_partition = parts[f"{record.source}/{record.key.removesuffix(SUFFIX)}"]
        payload = InheritPayload(NoSettings(), survivors, tuple((path, number) for path, number, _ in of_partition))
        inputs = [
            *inputs_of([record.outputs["kept"]]),
            decided_of(decided, record),
            *(("outcomes", digest) for _, _, digest in of_partition),
        ]
        rows, size = record.rows_kept, record.outputs["kept"].bytes
        tasks.append(planned(INHERIT, record.source, record.key, payload, {"copies": VERSION}, inputs, rows, size))
    return tasks


def inherit_step(work: Work[InheritPayload]) -> Record:
    """A partition of copies, in which the rows that stay have all columns of samples."""
    payload = work.task.payload
    kept = read_table(work.storage, payload.survivors.path)
    outcomes = _read(work.storage, payload.outcomes)
    outcomes = outcomes.filter(pc.is_null(outcomes["reason"]))
    staying = np.flatnonzero(unpacked(payload.survivors.bits, len(kept)))
    paths, places = outcomes["leader"].to_pylist(), outcomes["place"].to_numpy()
    parts, rows = [SAMPLES.empty_table()], []
    for path in sorted({paths[row] for row in staying}):
        here = [row for row in staying.tolist() if paths[row] == path]
        parts.append(read_table(work.storage, path, columns=SAMPLES.names).take(pa.array(places[here])))
        rows += here
    drawings = pa.concat_tables(parts)
    if len(outcomes) != len(kept) or drawings["sample_id"].to_pylist() != kept["sample_id"].take(rows).to_pylist():
        raise ValueError(f"{payload.survivors.path} is not of the outcomes that it was made from")
    inherited = np.full(len(kept), -1, np.int64)
    inherited[rows] = np.arange(len(rows))
    drawings = drawings.take(pa.array(inherited, mask=inherited < 0))
    table = pa.table(
        [(kept if name in (*OWN, *SHARED) else drawings)[name] for name in SAMPLES.names], schema=SAMPLES
    ).combine_chunks()
    output = write_table(work.storage, work.path(), [table], SAMPLES)
    return work.record({"kept": output}, len(kept), len(kept), extra={"shard_bytes": shard_bytes(table)})


OUTCOMES_STEP = Step(
    "outcomes", outcomes_step, "looks up what became of records that were run for others", SAMPLES_STEP.name, True
)
COPIED = Step("copied", copied_step, "gives copies what became of the record that was run for them", SAMPLES_STEP.name)
INHERIT = Step("inherit", inherit_step, "gives copies that stay the drawing that was made for them", DECIDER)
