"""What happens to one partition: read, run the stage, write, record.

A `Task` is small and plain, so that it can travel to any worker; `execute` is the only thing a worker runs. Outputs are
written before the record that names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

from pipeline.storage.base import Storage
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record

CORPUS = "all"
"""Where a source's name would stand in the path of a stage that sees the whole corpus."""


@dataclass(frozen=True)
class Task:
    """A partition to run: which, on what its result depends, and what its stage's function needs to know."""

    stage: str
    source: str
    key: str
    basis: Basis
    payload: Mapping[str, Any] = field(default_factory=dict)
    records: int = 0
    """Records that go in, as far as planning knows; for estimates."""
    size: int = 0
    """Bytes that go in, as far as planning knows; for estimates."""
    seconds: float | None = None
    """Wall clock that one attempt may take; None for no limit."""
    retry: bool = True
    """False: a failure is told at once, because who gave the task will try something else."""
    state: str | None = None
    """What a record must have been made from, or have made, beside the basis; see `pipeline.versions.lineage`."""
    anew: bool = False
    """What was written before is damaged, so nothing of it is taken for written."""
    deaths: int = 4
    """After how many lost worker processes the task has failed, if it is tried again at all."""


class Cause(StrEnum):
    """What kept a partition from being finished."""

    REFUSED = "refused"
    """Something that a user has to put right; trying again is of no use."""
    STORE = "store"
    """The store or the disk did not answer: no other partition can be expected to fare better."""
    STORE_REFUSED = "store_refused"
    """The store or the disk said no, or holds what is damaged: no other partition can be expected to fare better."""
    ERROR = "error"
    """An exception in a stage."""
    OVERTIME = "overtime"
    """It was stopped at its time limit."""
    DIED = "died"
    """Its worker process ended."""
    LOST = "lost"
    """The node it ran on is gone, or what connects it."""


@dataclass(frozen=True)
class Done:
    """A finished partition, and what it took. The costs are shown to people, never written into the dataset."""

    record: Record
    seconds: float
    peak_bytes: int
    """Largest resident memory of the worker process so far."""
    stage_seconds: Mapping[str, float]
    """CPU seconds of the parts of the row-wise pass, by stage."""


@dataclass(frozen=True)
class Failed:
    """A partition that could not be finished, after all attempts that its engine makes."""

    stage: str
    source: str
    key: str
    message: str
    cause: Cause = Cause.ERROR
    damaged: str = ""
    """The path of what it could not read, or found to be another than was written."""


@dataclass
class Work:
    """What a stage's function fills in while it runs."""

    task: Task
    storage: Storage
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def path(self, suffix: str = "parquet") -> str:
        """Where this partition's output of that kind goes."""
        return ledger.table_path(self.task.stage, self.task.source, self.task.key, suffix)

    def record(self, outputs: dict[str, Any], rows_in: int, rows_kept: int, **more: Any) -> Record:
        """The record of this partition."""
        basis = self.task.basis
        return Record(
            stage=self.task.stage,
            source=self.task.source,
            key=self.task.key,
            fingerprint=basis.fingerprint,
            versions=basis.versions,
            settings=basis.settings,
            inputs=ledger.digest(basis.inputs),
            outputs=outputs,
            rows_in=rows_in,
            rows_kept=rows_kept,
            **more,
        )


def dropped_counts(tables: Iterator[pa.Table] | list[pa.Table]) -> dict[str, dict[str, int]]:
    """Count tables of `stages.schema.DROPPED` as stage -> reason -> records, sorted."""
    counts: dict[str, dict[str, int]] = {}
    for table in tables:
        for stage, reason in zip(table["stage"].to_pylist(), table["reason"].to_pylist(), strict=True):
            of_stage = counts.setdefault(stage, {})
            of_stage[reason] = of_stage.get(reason, 0) + 1
    return {stage: dict(sorted(counts[stage].items())) for stage in sorted(counts)}
