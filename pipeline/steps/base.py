"""What the steps share: settings and inputs of a basis, the survivors of a samples partition, what was dropped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Work
from stages import crawl, deduplicate, render, tokenize, write
from stages.base import Settings
from stages.reasons import Reason
from stages.rowwise import PASS, SAMPLES
from stages.schema import DROPPED
from stages.sides import BESIDE


def stage_versions(config: Config) -> dict[str, int | str]:
    """The version of each stage's code, and of the renderer, whose pictures are part of a dataset."""
    return {
        "crawl": crawl.VERSION,
        **pass_versions(config),
        "deduplicate": deduplicate.VERSION,
        **{side.name: side.version for side in BESIDE},
        "segments": tokenize.SEGMENTS_VERSION,
        "encode": tokenize.ENCODE_VERSION,
        **_picture_versions(config),
        "write": write.VERSION,
    }


def _picture_versions(config: Config) -> dict[str, int | str]:
    """The versions of what draws the pictures in shards. Raises ConfigError if it is missing."""
    try:
        return render.picture_versions(config.render)
    except render.RendererUnavailable as error:
        raise ConfigError(str(error)) from None


def pass_versions(config: Config) -> dict[str, int | str]:
    """The versions of the row-wise pass: of its stages, and of what they use. Raises ConfigError if that is missing."""
    versions: dict[str, int | str] = {}
    for stage in PASS:
        try:
            versions |= stage.versions(getattr(config, stage.section).part(stage.settings))
        except stage.raises as error:
            raise ConfigError(str(error)) from None
    return versions


def versions_of(config: Config, *stages: str) -> dict[str, int | str]:
    """Of `stage_versions` those of some stages."""
    every = stage_versions(config)
    return {stage: every[stage] for stage in stages}


def decided_of(decided: Record, record: Record) -> tuple[str, str]:
    """What was decided of a samples partition, as an input: which rows stay, in which clusters."""
    name = f"{record.source}/{record.key}"
    return f"decisions {name}", str(decided.extra["decided"][name])


def taken_down(rows: pa.Table, stage: str, details: Sequence[str] = ()) -> pa.Table:
    """`DROPPED` of records that were taken down: of these nobody is told where they were."""
    ids = rows["raw_id"].to_pylist() if "raw_id" in rows.column_names else [""] * len(rows)
    gone = [
        {"id": raw_id, "source": source, "path": "", "stage": stage, "reason": str(Reason.TAKEN_DOWN)}
        | {"detail": detail}
        for raw_id, source, detail in zip(ids, rows["source"].to_pylist(), details or [""] * len(rows), strict=True)
    ]
    return pa.Table.from_pylist(gone, schema=DROPPED)


def dropped_output(work: Work[Any], table: pa.Table) -> dict[str, Output]:
    """What was dropped, if anything was: a request to the store less where all is well."""
    if not table.num_rows:
        return {}
    return {"dropped": write_table(work.storage, work.path("dropped.parquet"), [table], DROPPED)}


def sum_of(values: Any) -> int:
    """The sum of an array of integers, 0 of none."""
    return pc.sum(values).as_py() or 0


def read_samples(storage: Storage, path: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a samples partition. One of an earlier version may lack some: there they are null."""
    rows = read_table(storage, path, columns=list(columns))
    there = set(rows.column_names)
    return pa.table(
        {name: rows[name] if name in there else pa.nulls(len(rows), SAMPLES.field(name).type) for name in columns}
    )


class NoSettings(Settings):
    """Of a step that reads nothing of the config."""


def packed(mask: npt.NDArray[np.bool_]) -> str:
    """Base64 of a bit for each row, as records and payloads hold them."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


def unpacked(bits: str, rows: int) -> npt.NDArray[np.bool_]:
    """Inverse of `packed`, of so many rows."""
    return np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=rows).astype(bool)


@dataclass(frozen=True)
class Survivors:
    """The rows of a samples partition that stay. ``bits``: base64 of a bit for each row, as decisions record them."""

    path: str
    bits: str

    @classmethod
    def of(cls, record: Record, decided: Record) -> Survivors:
        """Those of the samples partition ``record``, of which ``decided`` says who stays."""
        return cls(record.outputs["kept"].path, str(decided.extra["kept"][f"{record.source}/{record.key}"]))

    def read(self, storage: Storage, columns: Sequence[str]) -> pa.Table:
        """Some of their columns, in their order."""
        rows = read_samples(storage, self.path, columns)
        return rows.filter(pa.array(unpacked(self.bits, len(rows))))


def side_table(
    work: Work[Any], table: pa.Table, schema: pa.Schema, rows_in: int, extra: Mapping[str, Any] | None = None
) -> Record:
    """Write a partition's side table, and its record."""
    output = write_table(work.storage, work.path(), [table.select(schema.names)], schema)
    return work.record({"kept": output}, rows_in, output.rows, extra=extra or {})
