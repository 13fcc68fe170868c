"""What a run does, one piece at a time: a step is one kind of work, a task is one partition of it.

    step     what runs, under which name, and what it takes of a machine
    task     a step's work on one partition: where its result goes, on what it depends, and what it needs to know
    work     a task while it runs: the task and the storage

A task is small and plain, so that it can travel to any worker. Its *payload* is a frozen dataclass, defined beside the
function that reads it. The payload's ``settings`` are a type that holds just what the step reads, and the fingerprint
is made of them (`planned`), so that a setting that is read but not fingerprinted cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from pipeline.storage.base import Storage, Traffic
from pipeline.storage.tables import Output
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Inputs, Record

CORPUS = "all"
"""Where a source's name would stand in the path of a step that sees the whole corpus."""

P = TypeVar("P")


class Payload(Protocol):
    """What a step's function needs to know."""

    @property
    def settings(self) -> BaseModel:
        """All that the step reads of the config, and nothing else."""


S = TypeVar("S", bound=Payload)


MIB = 2**20


@dataclass(frozen=True)
class Needs:
    """What a task takes of the node that it runs on, as Ray counts resources."""

    cpus: float = 1
    memory: int = 512 * MIB
    """Bytes of the worker and its children; Ray sets them aside, so that no node is promised twice. 0: none are."""
    gpus: float = 0


SANDBOXED = Needs(memory=1024 * MIB)
"""Of a step that parses or draws: the worker, and a child that may take as much as `sandbox.memory_bytes` says. The
largest pair that was measured on real files took 1.1 GiB, nearly all 0.6."""

CORPUS_WIDE = Needs(memory=2048 * MIB)
"""Of a step that decides on a slice of the corpus: slices are cut so that they take no more."""


@dataclass(frozen=True)
class Step(Generic[P]):
    """One kind of work."""

    name: str
    """In the paths of what it writes, and wherever people are told of it."""
    run: Callable[[Work[P]], Record]
    says: str
    """One sentence on what it does."""
    to: str = ""
    """The step whose records stand for this one's in a version; "": it speaks for itself."""
    whole: bool = False
    """Its tasks see the whole corpus, and take as long as they take."""
    large: bool = False
    """It runs only for a corpus that one task cannot decide on."""
    needs: Needs = Needs()


class Job(Protocol):
    """What an engine knows of work that it runs."""

    @property
    def stage(self) -> str:
        """What people are told that it is part of."""

    @property
    def source(self) -> str:
        """Whose records it is about, if it is about one source's."""

    @property
    def key(self) -> str:
        """Which part it is: of its own among those that an engine is given at once, together with its source."""

    @property
    def needs(self) -> Needs:
        """What it takes of a node."""

    @property
    def seconds(self) -> float | None:
        """Wall clock that one attempt may take; None for no limit."""

    @property
    def retry(self) -> bool:
        """False: a failure is told at once."""

    @property
    def deaths(self) -> int:
        """After how many lost worker processes it has failed, if it is tried again at all."""


@dataclass(frozen=True)
class Task(Generic[P]):
    """A partition to run: of which step, on what its result depends, and what the step's function needs to know."""

    step: Step[P]
    source: str
    key: str
    basis: Basis
    payload: P
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
    state_is_of: str = "what earlier versions published"
    """What people are told has changed where a record was made from, and made, another state."""
    anew: bool = False
    """What was written before is damaged, so nothing of it is taken for written."""
    deaths: int = 4
    """After how many lost worker processes the task has failed, if it is tried again at all."""
    given: Needs | None = None
    """What the config says that it needs; None: what its step does."""

    @property
    def stage(self) -> str:
        """The step's name."""
        return self.step.name

    @property
    def needs(self) -> Needs:
        """As the config says, else the step's."""
        return self.given or self.step.needs


def planned(
    step: Step[S],
    source: str,
    key: str,
    payload: S,
    versions: Mapping[str, int | str],
    inputs: Iterable[tuple[str, str]],
    records: int = 0,
    size: int = 0,
    state: str | None = None,
) -> Task[S]:
    """A task whose result depends on its payload's settings, on ``versions`` of code, and on ``inputs`` (path, digest).

    What else is in the payload says where things lie.
    """
    fixed = inputs if isinstance(inputs, Inputs) else tuple(inputs)
    basis = Basis(versions, _dumped(payload.settings), fixed)
    return Task(step, source, key, basis, payload, records, size, state=state)


_last: tuple[BaseModel, Mapping[str, Any]] | None = None


def _dumped(settings: BaseModel) -> Mapping[str, Any]:
    """Settings as JSON has them. A step's tasks mostly share one object of settings, and so share this one, too."""
    global _last
    last = _last
    if last is None or last[0] is not settings:
        _last = last = settings, settings.model_dump(mode="json")
    return last[1]


def inputs_of(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """(path, digest) of tables, as a `Basis` takes them."""
    return [(output.path, output.sha256) for output in outputs]


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
    traffic: Traffic = field(default_factory=Traffic)
    """With the workspace."""
    starting_seconds: float = 0.0
    """Of ``seconds``: until children of the sandbox were ready, which is no work on records."""
    etag: str = ""
    """Of the record, as the store lists it; "" if it is not known."""


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
class Work(Generic[P]):
    """What a step's function is given, and fills in while it runs."""

    task: Task[P]
    storage: Storage
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def path(self, suffix: str = "parquet") -> str:
        """Where this partition's output of that kind goes."""
        return ledger.table_path(self.task.step.name, self.task.source, self.task.key, suffix)

    def record(self, outputs: Mapping[str, Output], rows_in: int, rows_kept: int, **more: Any) -> Record:
        """The record of this partition."""
        basis = self.task.basis
        return Record(
            stage=self.task.step.name,
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
