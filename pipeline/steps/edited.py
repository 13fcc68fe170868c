"""Captions by people, brought to the samples that they are of, as a task and a step.

They are of a drawing, by its sample id. Where that drawing is a duplicate of another one by now, they go to the one
that its cluster has. Of several tables that name members of a cluster the last says all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.steps.lend import routed
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table
from pipeline.versions import edits
from pipeline.versions.edits import Import
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, planned
from stages.base import Settings
from stages.caption import CAPTION
from stages.reasons import DUPLICATES
from stages.schema import EDITED

VERSION = 1


class EditedSettings(Settings):
    """``imports``: digests of the tables that came, in order."""

    imports: tuple[str, ...]


@dataclass(frozen=True)
class EditedPayload:
    """``tables``: that came, in order. ``decisions``: partition (source/key) -> path."""

    settings: EditedSettings
    tables: tuple[str, ...]
    decisions: Mapping[str, str]


def edited_tasks(imports: Sequence[Import], passed: Sequence[Record], decided: Record) -> list[Task[EditedPayload]]:
    """One task, none where people have said nothing."""
    if not imports:
        return []
    names = sorted(f"{record.source}/{record.key}" for record in passed)
    payload = EditedPayload(
        EditedSettings(imports=tuple(each.sha256 for each in imports)),
        tuple(each.table for each in imports),
        {name: decided.outputs[name].path for name in names},
    )
    inputs = [(name, decided.outputs[name].sha256) for name in names]
    rows = sum(record.rows_kept for record in passed)
    return [planned(EDITED_STEP, CORPUS, "captions", payload, {"edited": VERSION}, inputs, rows, rows * _ROW_BYTES)]


_ROW_BYTES = 130
"""Of a record, about what is read; for estimates."""


@dataclass(frozen=True)
class _Survivor:
    """Where a sample is: a partition, and which of its survivors."""

    partition: str
    row: int


def edited_step(work: Work[EditedPayload]) -> Record:
    """`stages.schema.EDITED`, a row group for each partition that has samples of which people said something."""
    payload, storage = work.task.payload, work.storage
    said = edits.newest(storage, payload.tables)
    survivors, clusters = _places(storage, payload.decisions, said)
    elsewhere = {cluster for cluster in clusters.values() if cluster not in survivors}
    if elsewhere:
        survivors |= _places(storage, payload.decisions, elsewhere)[0]
    last: dict[str, tuple[int, bool, str]] = {}
    for sample_id, (place, _) in said.items():
        target = sample_id if sample_id in survivors else clusters.get(sample_id, "")
        if target in survivors:
            last[target] = max(last.get(target, (-1, False, "")), (place, target == sample_id, sample_id))
    rows: dict[str, list[dict[str, Any]]] = {}
    for target, (_, _, sample_id) in sorted(last.items()):
        survivor, captions = survivors[target], said[sample_id][1]
        if captions:
            row = {"sample_id": target, "row": survivor.row, "captions": captions}
            rows.setdefault(survivor.partition, []).append(row)
    tables = {name: pa.Table.from_pylist(each, schema=EDITED).sort_by("row") for name, each in rows.items()}
    outputs, places = routed(work, tables, EDITED)
    return work.record(outputs, len(said), sum(map(len, rows.values())), extra={"places": places})


def _places(
    storage: Storage, decisions: Mapping[str, str], wanted: Mapping[str, Any] | set[str]
) -> tuple[dict[str, _Survivor], dict[str, str]]:
    """Those of ``wanted`` drawings that stayed, and the clusters of those that are duplicates."""
    values = pa.array(sorted(wanted), pa.string())
    duplicates = pa.array(sorted(map(str, DUPLICATES)))
    survivors: dict[str, _Survivor] = {}
    clusters: dict[str, str] = {}
    for name, path in decisions.items():
        table = read_table(storage, path, columns=["sample_id", "cluster_id", "kept", "reason"])
        stayed = table.filter(table["kept"])
        places = pc.indices_nonzero(pc.is_in(stayed["sample_id"], value_set=values))
        for row in places.to_pylist():
            survivors[stayed["sample_id"][row].as_py()] = _Survivor(name, row)
        lost = pc.and_(pc.is_in(table["reason"], value_set=duplicates), pc.is_in(table["sample_id"], value_set=values))
        for each in table.filter(lost).select(["sample_id", "cluster_id"]).to_pylist():
            clusters[each["sample_id"]] = each["cluster_id"]
    return survivors, clusters


EDITED_STEP = Step("edited", edited_step, "brings captions by people to their samples", to=CAPTION.name, whole=True)
