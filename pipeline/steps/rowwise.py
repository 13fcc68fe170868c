"""The row-wise pass, as tasks and a step: a row group of a raw table becomes samples, in a sandboxed child process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_serializer

from pipeline.config import Config
from pipeline.errors import PartitionRefused
from pipeline.steps.base import dropped_output, packed, pass_versions, sum_of, taken_down, unpacked
from pipeline.storage.tables import read_table, write_table
from pipeline.versions import takedown
from pipeline.work import sandbox
from pipeline.work.ledger import Record
from pipeline.work.sandbox import SandboxSettings
from pipeline.work.task import SANDBOXED, Step, Task, Work, dropped_counts, planned
from stages import crawl
from stages.base import Settings, dropped_rows
from stages.reasons import Reason
from stages.rowwise import PASS, SAMPLES, settings_of
from stages.schema import DROPPED


class SamplesSettings(Settings):
    """What the pass reads: the settings of its stages (`stages.rowwise.RowwiseSettings`), and the sandbox's."""

    stages: Settings
    sandbox: SandboxSettings

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        return self.stages.model_dump(mode="json") | {"sandbox": self.sandbox.model_dump(mode="json")}


@dataclass(frozen=True)
class Run:
    """What a run over some of the rows has written. ``dropped``: "" if nothing was."""

    kept: str
    dropped: str = ""


@dataclass(frozen=True)
class Joined:
    """Runs over parts of the rows, which are put together, and the rows that are in none."""

    runs: tuple[Run, ...]
    lost: tuple[tuple[int, str, str], ...]
    """Row, reason, detail."""


@dataclass(frozen=True)
class SamplesPayload:
    """A row group of a raw table: all of its rows, some, or what came of them in parts."""

    settings: SamplesSettings
    raw: str
    row_group: int
    takedowns: tuple[str, ...]
    copies: str = ""
    """Of rows that are copies, and not run: `pipeline.steps.base.packed`. "": of none; see `pipeline.steps.copies`."""
    rows: tuple[int, int] | None = None
    """Begin and end (exclusive) of the rows to run, without copies; None: all."""
    joined: Joined | None = None
    """Then nothing is run."""


def partition_key(key: str, row_group: int) -> str:
    """The key of the partition that a row group of a raw table is; what is before its last "-" is the table's."""
    return f"{key}-{row_group:03}"


def samples_tasks(
    config: Config,
    crawled: Sequence[Record],
    takedowns: Sequence[str] = (),
    copies: Mapping[str, npt.NDArray[np.bool_]] | None = None,
) -> Iterator[Task[SamplesPayload]]:
    """One task for each row group of each raw table that holds more than copies.

    ``takedowns``: paths of the requests. ``copies``: partition (source/key) -> which of its rows are not run.
    """
    settings = SamplesSettings(stages=settings_of(config), sandbox=config.sandbox)
    versions = pass_versions(config)
    for record in crawled:
        raw = record.outputs["kept"]
        for group, rows in enumerate(raw.row_groups):
            key = partition_key(record.key, group)
            inputs, left_out = [(f"{raw.path}#{group}", raw.sha256)], ""
            copied = (copies or {}).get(f"{record.source}/{key}")
            if copied is not None:
                rows -= int(copied.sum())
                left_out = packed(copied)
                inputs.append(("copies", left_out))
            if not rows:
                continue
            payload = SamplesPayload(settings, raw.path, group, tuple(takedowns), left_out)
            share = raw.bytes * rows // max(raw.rows, 1)
            yield planned(SAMPLES_STEP, record.source, key, payload, versions, inputs, rows, share)


def samples_step(work: Work[SamplesPayload]) -> Record:
    """Run the row-wise pass over one row group of a raw table, in a sandboxed child process."""
    payload, settings = work.task.payload, work.task.payload.settings
    table = crawl.as_raw(read_table(work.storage, payload.raw, row_group=payload.row_group))
    if payload.copies:
        table = table.filter(pa.array(~unpacked(payload.copies, len(table))))
    if payload.joined is not None:
        runs = payload.joined.runs
        kept = pa.concat_tables([SAMPLES.empty_table(), *(read_table(work.storage, run.kept) for run in runs)])
        parts = [read_table(work.storage, run.dropped) for run in runs if run.dropped]
        dropped = pa.concat_tables([DROPPED.empty_table(), *parts])
        quarantined = [(row, Reason(reason), detail) for row, reason, detail in payload.joined.lost]
    else:
        _require_same_stages(work)
        if payload.rows is not None:
            begin, end = payload.rows
            table = table.slice(begin, end - begin)
        box = sandbox.shared("stages.rowwise:mill", settings.sandbox)
        result = box.run(table, settings.stages.model_dump_json())
        quarantined = list(result.quarantined)
        if result.tables:
            kept, dropped, timings = result.tables
            for stage, seconds in zip(timings["stage"].to_pylist(), timings["cpu_seconds"].to_pylist(), strict=True):
                work.stage_seconds[stage] = work.stage_seconds.get(stage, 0.0) + seconds
        else:
            kept, dropped = SAMPLES.empty_table(), DROPPED.empty_table()
    # chunks are as the sandbox or the parts happened to be cut, and show in a Parquet file's bytes
    kept = kept.combine_chunks()
    lost = dropped_rows(table, "rowwise", quarantined)
    down = takedown.load(work.storage, payload.takedowns).down(kept)
    gone = taken_down(kept.filter(pa.array(down)), "normalize")
    kept = kept.filter(pa.array(~down)).combine_chunks()
    dropped = pa.concat_tables([dropped, lost, gone]).sort_by([("path", "ascending"), ("id", "ascending")])
    outputs = {"kept": write_table(work.storage, work.path(), [kept], SAMPLES), **dropped_output(work, dropped)}
    return work.record(
        outputs,
        table.num_rows,
        kept.num_rows,
        dropped=dropped_counts([dropped]),
        extra={"shard_bytes": shard_bytes(kept), "notes": notes_of(kept)},
    )


def shard_bytes(samples: pa.Table) -> int:
    """About how many bytes samples take in shards."""
    return sum_of(pc.binary_length(samples["svg"])) * 3


def notes_of(samples: pa.Table) -> dict[str, int]:
    """How many samples have each note."""
    counts = pc.value_counts(pc.list_flatten(samples["notes"])).to_pylist()
    return {item["values"]: item["counts"] for item in counts}


def _require_same_stages(work: Work[SamplesPayload]) -> None:
    """Raise PartitionRefused if this process has other stages than the one that planned the task."""
    here = {stage.section: stage.version for stage in PASS}
    there = {
        section: work.task.basis.versions[section] for section in type(work.task.payload.settings.stages).model_fields
    }
    differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if differing:
        versions = ", ".join(
            f"{name} {here.get(name, 'none')} (planned: {there.get(name, 'none')})" for name in differing
        )
        raise PartitionRefused(
            f"this worker has other stages than the run: {versions}; install the same packages on both"
        )


SAMPLES_STEP = Step("samples", samples_step, "makes canonical drawings of raw records, in a sandbox", needs=SANDBOXED)
BISECT = Step("bisect", samples_step, "looks for a record that harms its worker", to="samples", needs=SANDBOXED)
