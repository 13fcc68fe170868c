"""Side tables, as tasks and steps: captions and tiers of a samples partition's survivors."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Config
from pipeline.steps.base import (
    decided_of,
    dump,
    inputs_of,
    kept_bits,
    keys_of,
    read_survivors,
    side_table,
    versions_of,
)
from pipeline.storage.tables import read_table
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Task, Work
from stages import caption, tier
from stages.schema import CAPTIONED, TIERED


def side_tasks(config: Config, stage: str, samples: Sequence[Record], decided: Record) -> list[Task]:
    """The tasks of ``caption`` or ``tier``: one for each samples partition."""
    settings = {"caption": config.caption, "tier": config.tier}[stage]
    versions, own, text = versions_of(config, stage), dump(settings), settings.model_dump_json()
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        basis = Basis(
            versions, own, (*inputs_of([rows]), decided_of(decided, record), *keys_of(stage, decided, record))
        )
        payload = {
            "settings": text,
            "samples": rows.path,
            "kept": kept_bits(decided, record),
            "decisions": decided.outputs[f"{record.source}/{record.key}"].path,
        }
        tasks.append(Task(stage, record.source, record.key, basis, payload, record.rows_kept, rows.bytes))
    return tasks


def caption_step(work: Work) -> Record:
    """Captions of a partition's survivors."""
    rows = read_survivors(work, ["sample_id", "title", "desc", "path", "name", "source", "svg", "tokens"])
    settings = caption.CaptionSettings.model_validate_json(work.task.payload["settings"])
    table = caption.caption(rows, settings)
    return side_table(work, table, CAPTIONED, rows.num_rows)


def tier_step(work: Work) -> Record:
    """Tier and split of a partition's survivors."""
    payload = work.task.payload
    columns = ["sample_id", "kept", "atomic_length", "keys"]
    rows = read_table(work.storage, payload["decisions"], columns=columns)
    rows = rows.filter(rows["kept"])
    table = tier.tier(rows, tier.TierSettings.model_validate_json(payload["settings"]))
    return side_table(work, table, TIERED, rows.num_rows)
