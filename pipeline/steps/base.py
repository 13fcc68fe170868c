"""What the steps share: settings and inputs of a basis, the survivors of a samples partition, what was dropped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Work
from stages import crawl, deduplicate, tokenize, write
from stages.base import SideStage
from stages.reasons import Reason
from stages.rowwise import PASS
from stages.schema import DROPPED
from stages.sides import KEYS, SIDES


def stage_versions(config: Config) -> dict[str, Any]:
    """The version of each stage's code, and of the renderer, whose pictures are part of a dataset."""
    return {
        "crawl": crawl.VERSION,
        **pass_versions(config),
        "deduplicate": deduplicate.VERSION,
        **{side.name: side.version for side in SIDES},
        "segments": tokenize.SEGMENTS_VERSION,
        "encode": tokenize.ENCODE_VERSION,
        "write": write.VERSION,
    }


def pass_versions(config: Config) -> dict[str, int | str]:
    """The versions of the row-wise pass: of its stages, and of what they use. Raises ConfigError if that is missing."""
    versions: dict[str, int | str] = {}
    for stage in PASS:
        try:
            versions |= stage.versions(getattr(config, stage.section).part(stage.settings))
        except stage.raises as error:
            raise ConfigError(str(error)) from None
    return versions


def versions_of(config: Config, *stages: str) -> dict[str, Any]:
    """Of `stage_versions` those of some stages."""
    every = stage_versions(config)
    return {stage: every[stage] for stage in stages}


def dump(settings: BaseModel) -> dict[str, Any]:
    """Settings as plain values."""
    return settings.model_dump(mode="json")


def inputs_of(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """(path, digest) of tables, as a `Basis` takes them."""
    return [(output.path, output.sha256) for output in outputs]


def decided_of(decided: Record, record: Record) -> tuple[str, str]:
    """What was decided of a samples partition, as an input: which rows stay, in which clusters."""
    name = f"{record.source}/{record.key}"
    return f"decisions {name}", str(decided.extra["decided"][name])


def keys_of(side: SideStage[Any], decided: Record, record: Record) -> list[tuple[str, str]]:
    """What splits go by, as an input of what makes them."""
    name = f"{record.source}/{record.key}"
    return [(f"keys {name}", str(decided.extra["keys"][name]))] if KEYS in side.reads else []


def kept_bits(decided: Record, record: Record) -> str:
    """Which rows of a samples partition stay; see `steps.survivors`."""
    return str(decided.extra["kept"][f"{record.source}/{record.key}"])


def taken_down(rows: pa.Table, stage: str, details: Sequence[str] = ()) -> pa.Table:
    """`DROPPED` of records that were taken down: of these nobody is told where they were."""
    ids = rows["raw_id"].to_pylist() if "raw_id" in rows.column_names else [""] * len(rows)
    told = [
        {"id": raw_id, "source": source, "path": "", "stage": stage, "reason": str(Reason.TAKEN_DOWN)}
        | {"detail": detail}
        for raw_id, source, detail in zip(ids, rows["source"].to_pylist(), details or [""] * len(rows), strict=True)
    ]
    return pa.Table.from_pylist(told, schema=DROPPED)


def dropped_output(work: Work, table: pa.Table) -> dict[str, Output]:
    """What was dropped, if anything was: a request to the store less where all is well."""
    if not table.num_rows:
        return {}
    return {"dropped": write_table(work.storage, work.path("dropped.parquet"), [table], DROPPED)}


def sum_of(values: Any) -> int:
    """The sum of an array of integers, 0 of none."""
    return pc.sum(values).as_py() or 0


def read_survivors(work: Work, columns: list[str]) -> pa.Table:
    """The surviving rows of a samples partition, in its order."""
    payload = work.task.payload
    return survivors(read_table(work.storage, payload["samples"], columns=columns), payload["kept"])


def survivors(rows: pa.Table, bits: str) -> pa.Table:
    """Rows of a samples partition that stay; ``bits``: as `decisions.deduplicate_step` records them."""
    mask = np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=len(rows)).astype(bool)
    return rows.filter(pa.array(mask))


def read_decided(work: Work, columns: list[str]) -> pa.Table:
    """What was decided of the surviving rows of a samples partition, in its order."""
    rows = read_table(work.storage, work.task.payload["decisions"], columns=[*columns, "kept"])
    return rows.filter(rows["kept"]).select(columns)


def side_table(work: Work, table: pa.Table, schema: pa.Schema, rows_in: int) -> Record:
    """Write a partition's side table, and its record."""
    output = write_table(work.storage, work.path(), [table.select(schema.names)], schema)
    return work.record({"kept": output}, rows_in, output.rows)
