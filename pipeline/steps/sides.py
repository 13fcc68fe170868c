"""Side tables, as tasks and steps: what the stages of `stages.sides.SIDES` make of a samples partition's survivors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline.config import Config
from pipeline.steps.base import Survivors, decided_of, side_table
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, inputs_of, planned
from stages.base import Settings, SideStage
from stages.caption import DESCRIBE
from stages.sides import KEYS, SIDES


@dataclass(frozen=True)
class SidePayload:
    """``decisions``: the table of what was decided of the partition."""

    settings: Settings
    survivors: Survivors
    decisions: str


def side_tasks(
    config: Config, step: Step[SidePayload], side: SideStage[Any], samples: Sequence[Record], decided: Record
) -> Iterator[Task[SidePayload]]:
    """One task for each samples partition. ``step``: that of ``side``."""
    versions = {side.name: side.version}
    settings = getattr(config, side.section).part(side.settings)
    for record in samples:
        name, rows = f"{record.source}/{record.key}", record.outputs["kept"]
        inputs = [*inputs_of([rows]), decided_of(decided, record)]
        if KEYS in side.reads:
            inputs.append((f"keys {name}", str(decided.extra["keys"][name])))
        payload = SidePayload(settings, Survivors.of(record, decided), decided.outputs[name].path)
        yield planned(step, record.source, record.key, payload, versions, inputs, record.rows_kept, rows.bytes)


def side_step(side: SideStage[Any], work: Work[SidePayload]) -> Record:
    """The table that ``side`` makes of a partition's survivors."""
    payload, storage = work.task.payload, work.storage
    rows = payload.survivors.read(storage, [name for name in side.reads if name != KEYS])
    if KEYS in side.reads:
        known = of_survivors(storage, payload.decisions, ["sample_id", KEYS])
        if known["sample_id"] != rows["sample_id"]:
            raise ValueError(f"{payload.decisions} is not of {payload.survivors.path}")
        rows = rows.append_column(known.schema.field(KEYS), known[KEYS])
    made = side.run(rows, payload.settings)
    return side_table(work, made, side.schema, rows.num_rows, side.counts(rows, made) if side.counts else {})


def of_survivors(storage: Storage, path: str, columns: Sequence[str]) -> pa.Table:
    """What was decided of the surviving rows of a samples partition, in its order."""
    rows = read_table(storage, path, columns=[*columns, "kept"])
    return rows.filter(rows["kept"]).select(list(columns))


SIDE_STEPS: tuple[tuple[Step[SidePayload], SideStage[Any]], ...] = tuple(
    (Step(side.name, partial(side_step, side), side.says), side) for side in SIDES
)
"""Each with its stage."""

DESCRIBE_STEP = next(step for step, side in SIDE_STEPS if side is DESCRIBE)
"""The one that others wait for: captions are made of what it writes."""

LATER_STEPS = tuple((step, side) for step, side in SIDE_STEPS if side is not DESCRIBE)
"""The others, which nothing waits for before tiers are sorted and shards are dealt."""
