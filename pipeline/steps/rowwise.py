"""The row-wise pass, as tasks and a step: a row group of a raw table becomes samples, in a sandboxed child process."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import PartitionRefused
from pipeline.steps.base import dropped_output, dump, pass_versions, sum_of, taken_down
from pipeline.storage.tables import read_table, write_table
from pipeline.versions import takedown
from pipeline.work import sandbox
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Task, Work, dropped_counts
from stages.base import dropped_rows
from stages.reasons import Reason
from stages.rowwise import PASS, SAMPLES, settings_of
from stages.schema import DROPPED


def samples_tasks(config: Config, crawled: Sequence[Record], takedowns: Sequence[str] = ()) -> list[Task]:
    """One task for each row group of each raw table. ``takedowns``: paths of the requests."""
    settings, versions = settings_of(config), pass_versions(config)
    own = dump(settings) | {"sandbox": dump(config.sandbox)}
    text, limits = settings.model_dump_json(), config.sandbox.model_dump_json()
    tasks = []
    for record in crawled:
        raw = record.outputs["kept"]
        for group in range(len(raw.row_groups)):
            payload = {
                "raw": raw.path,
                "row_group": group,
                "settings": text,
                "sandbox": limits,
                "takedowns": list(takedowns),
            }
            basis = Basis(versions, own, ((f"{raw.path}#{group}", raw.sha256),))
            rows = raw.row_groups[group]
            share = raw.bytes * rows // max(raw.rows, 1)
            tasks.append(Task("samples", record.source, f"{record.key}-{group:03}", basis, payload, rows, share))
    return tasks


def samples_step(work: Work) -> Record:
    """Run the row-wise pass over one row group of a raw table, in a sandboxed child process.

    ``rows`` in the payload are the begin and end (exclusive) of the rows to run, else all are. ``parts`` are tables of
    such runs: then nothing is run, they are put together, and ``lost`` (row, reason, detail) are the rows of no part.
    """
    payload = work.task.payload
    table = read_table(work.storage, payload["raw"], row_group=payload["row_group"])
    if "parts" in payload:
        parts = [
            [read_table(work.storage, part[role]) for part in payload["parts"] if role in part]
            for role in ("kept", "dropped")
        ]
        kept = pa.concat_tables([SAMPLES.empty_table(), *parts[0]])
        dropped = pa.concat_tables([DROPPED.empty_table(), *parts[1]])
        quarantined = [(row, Reason(reason), detail) for row, reason, detail in payload["lost"]]
    else:
        _require_same_stages(work)
        if "rows" in payload:
            begin, end = payload["rows"]
            table = table.slice(begin, end - begin)
        box = sandbox.shared("stages.rowwise:mill", sandbox.SandboxSettings.model_validate_json(payload["sandbox"]))
        result = box.run(table, payload["settings"])
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
    down = takedown.load(work.storage, payload["takedowns"]).down(kept)
    gone = taken_down(kept.filter(pa.array(down)), "normalize")
    kept = kept.filter(pa.array(~down)).combine_chunks()
    dropped = pa.concat_tables([dropped, lost, gone]).sort_by([("path", "ascending"), ("id", "ascending")])
    notes = {item["values"]: item["counts"] for item in pc.value_counts(pc.list_flatten(kept["notes"])).to_pylist()}
    size = sum_of(pc.binary_length(kept["svg"])) * 3 + sum_of(pc.binary_length(kept["png"]))
    outputs = {"kept": write_table(work.storage, work.path(), [kept], SAMPLES), **dropped_output(work, dropped)}
    return work.record(
        outputs,
        table.num_rows,
        kept.num_rows,
        dropped=dropped_counts([dropped]),
        extra={"shard_bytes": size, "notes": notes},
    )


def _require_same_stages(work: Work) -> None:
    """Raise PartitionRefused if this process has other stages than the one that planned the task."""
    here = {stage.section: stage.version for stage in PASS}
    there = {section: work.task.basis.versions[section] for section in json.loads(work.task.payload["settings"])}
    differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if differing:
        versions = ", ".join(
            f"{name} {here.get(name, 'none')} (planned: {there.get(name, 'none')})" for name in differing
        )
        raise PartitionRefused(
            f"this worker has other stages than the run: {versions}; install the same packages on both"
        )
