"""Side tables, as tasks and steps: what the stages of `stages.sides.SIDES` make of a samples partition's survivors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config import Config
from pipeline.steps.base import (
    decided_of,
    dump,
    inputs_of,
    kept_bits,
    keys_of,
    read_decided,
    read_survivors,
    side_table,
)
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Task, Work
from stages.base import SideStage
from stages.sides import KEYS, NARROW


def side_tasks(config: Config, side: SideStage[Any], samples: Sequence[Record], decided: Record) -> list[Task]:
    """One task for each samples partition."""
    settings = getattr(config, side.section)
    versions, own, text = {side.name: side.version}, dump(settings), settings.model_dump_json()
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        basis = Basis(versions, own, (*inputs_of([rows]), decided_of(decided, record), *keys_of(side, decided, record)))
        payload = {
            "settings": text,
            "samples": rows.path,
            "kept": kept_bits(decided, record),
            "decisions": decided.outputs[f"{record.source}/{record.key}"].path,
        }
        tasks.append(Task(side.name, record.source, record.key, basis, payload, record.rows_kept, rows.bytes))
    return tasks


def side_step(side: SideStage[Any], work: Work) -> Record:
    """The table that ``side`` makes of a partition's survivors."""
    if NARROW.issuperset(side.reads):
        rows = read_decided(work, list(side.reads))
    else:
        rows = read_survivors(work, [name for name in side.reads if name != KEYS])
        if KEYS in side.reads:
            known = read_decided(work, ["sample_id", KEYS])
            if known["sample_id"] != rows["sample_id"]:
                raise ValueError(f"{work.task.payload['decisions']} is not of {work.task.payload['samples']}")
            rows = rows.append_column(known.schema.field(KEYS), known[KEYS])
    table = side.run(rows, side.settings.model_validate_json(work.task.payload["settings"]))
    return side_table(work, table, side.schema, rows.num_rows)
