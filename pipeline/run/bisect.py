"""A partition of the row-wise pass that keeps failing as a whole: find the records that cause it, keep the others.

The sandbox takes care of records that harm the child process. What is left is what harms the worker itself, by ending
it, by an exception or by never coming back. Such a partition is run again on halves of its rows, and what fails of them
on halves of these, until records fail alone: those are quarantined. Every part that works is a partition of its own, of
the stage ``bisect``, recorded as any other; at the end the parts are put together, and what is written is what a run
over the whole would have written had it not held the records that were taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.run.failures import CLASSES, gave_up
from pipeline.steps.rowwise import BISECT, SAMPLES_STEP, Joined, Run, SamplesPayload
from pipeline.storage.base import Storage
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record
from pipeline.work.sandbox import longest_record
from pipeline.work.task import Cause, Done, Failed, Task
from stages.reasons import Reason

REASONS: Mapping[Cause, Reason] = {
    Cause.ERROR: Reason.STAGE_ERROR,
    Cause.OVERTIME: Reason.TIMED_OUT,
    Cause.DIED: Reason.CRASHED,
}
"""What a record is quarantined for that brings this about alone. Of other causes no record can be the reason."""

LEAST_BLAMED, BLAMED_SHARE = 10, 0.1
"""More parts than the first number, and than this share of a partition's rows, that fail at a time are not the records'
fault: then the run ends."""

SURE_DEATHS = 10
"""Worker processes that a record has to end before it is blamed: where something else kills workers, such as a node
short of memory, a few may have been chance."""

Samples = Task[SamplesPayload]

RunTasks = Callable[[Sequence[Samples]], Iterable[Done | Failed]]


@dataclass
class _Case:
    """A partition under examination."""

    task: Samples
    rows: int
    failing: list[tuple[int, int, Failed]]
    """Begin and end (exclusive) of ranges of rows that failed, with how."""
    parts: list[tuple[int, Record]] = field(default_factory=list)
    """Begin of a range of rows that worked, and its record."""
    lost: list[tuple[int, str, str]] = field(default_factory=list)
    """Row, reason, detail."""


def rescue(storage: Storage, tasks: Sequence[tuple[Samples, Failed]], run: RunTasks) -> list[Done]:
    """Finish samples partitions that failed for one of `REASONS`, without the records that are to blame.

    ``run`` runs tasks, in any order. Raises as `pipeline.run.failures` classes what failed, if
    records cannot be what is to blame.
    """
    cases = [_Case(task, task.records, [(0, task.records, failed)]) for task, failed in tasks]
    while any(case.failing for case in cases):
        _narrow(storage, cases, run)
    whole = []
    for result in run([_joining(case) for case in cases]):
        if isinstance(result, Failed):
            raise gave_up(SAMPLES_STEP.name, [result])
        whole.append(result)
    for case in cases:
        for _, record in case.parts:
            for path in (
                ledger.table_path(record.stage, record.source, record.key, "json"),
                *(output.path for output in record.outputs.values()),
            ):
                storage.delete(path)
    return whole


def _narrow(storage: Storage, cases: Sequence[_Case], run: RunTasks) -> None:
    """One round: run what is not known yet of the ranges that are left."""
    parts: dict[tuple[str, str], tuple[_Case, int, int]] = {}
    tasks: list[Samples] = []
    for case in cases:
        for begin, end in _ranges(case):
            part = _part(case, begin, end)
            record = ledger.load(storage, part.step.name, part.source, part.key)
            if record is not None and record.fingerprint == part.basis.fingerprint:
                case.parts.append((begin, record))
            else:
                tasks.append(part)
                parts[part.source, part.key] = case, begin, end
    for result in run(tasks):
        if isinstance(result, Done):
            case, begin, end = parts[result.record.source, result.record.key]
            case.parts.append((begin, result.record))
            continue
        case, begin, end = parts[result.source, result.key]
        if result.cause not in REASONS:
            raise gave_up(SAMPLES_STEP.name, [result])
        case.failing.append((begin, end, result))
        if len(case.failing) > max(LEAST_BLAMED, BLAMED_SHARE * case.rows):
            raise CLASSES[result.cause](
                f"samples failed on {case.task.source}/{case.task.key}, and on too many parts of it for single "
                f"records to be the cause: {result.message}; finished partitions are kept, run again to go on"
            )


def _ranges(case: _Case) -> list[tuple[int, int]]:
    """Where to look next; what failed alone is settled."""
    ranges = []
    for begin, end, failed in case.failing:
        middle = (begin + end) // 2
        if end - begin == 1 and failed.key == case.task.key:
            ranges.append((begin, end))  # a partition of one record, which has not been tried as long as a suspect is
        elif end - begin == 1:
            case.lost.append((begin, REASONS[failed.cause], f"alone in a worker: {failed.message}"))
        else:
            ranges += [(begin, middle), (middle, end)]
    case.failing = []
    return ranges


def _part(case: _Case, begin: int, end: int) -> Samples:
    task, rows = case.task, end - begin
    basis = Basis(task.basis.versions, task.basis.settings, (*task.basis.inputs, ("rows", f"{begin}-{end}")))
    seconds = task.seconds
    if seconds is not None:
        # a share of the whole's time, or a record that never ends would take the whole's at each step; no less than
        # what the sandbox allows a record, which is not to be blamed for that
        least = longest_record(task.payload.settings.sandbox)
        seconds = max(seconds * rows / case.rows, min(seconds, least))
    return Task(
        BISECT,
        task.source,
        f"{task.key}/{begin:06}-{end:06}",
        basis,
        replace(task.payload, rows=(begin, end)),
        seconds=seconds,
        retry=rows == 1,
        deaths=SURE_DEATHS,
    )


def _joining(case: _Case) -> Samples:
    records = [record for _, record in sorted(case.parts, key=lambda part: part[0])]
    runs = []
    for record in records:
        dropped = record.outputs.get("dropped")
        runs.append(Run(record.outputs["kept"].path, dropped.path if dropped else ""))
    joined = Joined(tuple(runs), tuple(sorted(case.lost)))
    return replace(case.task, payload=replace(case.task.payload, joined=joined))
