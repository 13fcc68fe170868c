"""What of a step has to run: its tasks held against the ledger's records, which are read with the fewest requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pipeline.run.plan import Decision, decide
from pipeline.run.trust import Trust
from pipeline.storage.base import Storage
from pipeline.work.compacted import Listed
from pipeline.work.ledger import Record
from pipeline.work.records import Records
from pipeline.work.task import Done, Step, Task

READERS = 16
"""Records that are read at a time: each is small, and an object store takes its time to answer."""

TOGETHER = 64
"""Records that one of these reads before it takes others: each hand-over takes longer than reading from a disk does."""

HELD = 20_000
"""Inputs of tasks that are looked at together: of some steps a task has thousands, with a path and a digest each."""


def _parts(tasks: Iterable[Task[Any]]) -> Iterator[tuple[list[Task[Any]], int]]:
    """Consecutive tasks that one read takes, and how many inputs they have."""
    part: list[Task[Any]] = []
    held = 0
    for task in tasks:
        part.append(task)
        held += len(task.basis.inputs) if isinstance(task.basis.inputs, tuple) else 1
        if len(part) == TOGETHER or held >= HELD // READERS:
            yield part, held
            part, held = [], 0
    if part:
        yield part, held


class Decider:
    """Of one run. It has the records of one step listed at a time: a workspace has many."""

    def __init__(self, storage: Storage, trust: Trust, began: Callable[[Task[Any]], bool]) -> None:
        """``began``: whether a task is under way."""
        self._storage, self._trust, self._began = storage, trust, began
        self._listed: Listed | None = None
        self._last: Decision | None = None
        """What `decide` said last: some records are so large that they are not read twice."""

    def begin(self) -> None:
        """Forget what was listed: another walk begins."""
        self._listed = self._last = None

    def decisions(self, tasks: Iterable[Task[Any]]) -> Iterator[Decision]:
        """Of each task, in order. Few are held at a time: `HELD` of their inputs."""
        reading: deque[tuple[int, Future[list[Decision]]]] = deque()
        held = 0
        with ThreadPoolExecutor(READERS) as readers:
            for part, inputs in _parts(tasks):
                listed = self._list(part[0].step)
                known = [listed.compacted(task.source, task.key) for task in part]
                there = [listed.listed(task.source, task.key) for task in part]
                if there == [record is not None for record in known]:
                    decided: Future[list[Decision]] = Future()
                    decided.set_result(self._decide_all(part, known))
                else:
                    decided = readers.submit(self._decide_all, part, known)
                reading.append((inputs, decided))
                held += inputs
                while reading and (reading[0][1].done() or held > HELD or len(reading) > 2 * READERS):
                    inputs, decided = reading.popleft()
                    held -= inputs
                    yield from decided.result()
            for _, decided in reading:
                yield from decided.result()

    def _decide_all(self, tasks: Sequence[Task[Any]], known: Sequence[Record | None]) -> list[Decision]:
        return [self._decide(task, record) for task, record in zip(tasks, known, strict=True)]

    def _list(self, step: Step[Any]) -> Listed:
        if self._listed is None or self._listed.stage != step.name:
            self._listed = None  # before another is held
            self._listed = Listed(self._storage, step.name)
        return self._listed

    def decide(self, task: Task[Any]) -> Decision:
        """Whether ``task`` has to run, or to be waited for."""
        self._last = self._decide(task, self._list(task.step).compacted(task.source, task.key))
        return self._last

    def _decide(self, task: Task[Any], record: Record | None) -> Decision:
        """``record``: None if it has to be read where it lies."""
        if self._began(task):
            return Decision(task, "it began ahead", None)
        if self._last is not None and self._last.task is task and self._last.record is not None:
            return self._last
        listed = self._list(task.step)
        if record is None and listed.listed(task.source, task.key):
            record = listed.read(task.source, task.key)
        return self.decision(task, record)

    def decision(self, task: Task[Any], record: Record | None) -> Decision:
        """Whether ``task`` has to run, by what the ledger has of it."""
        damaged = self._trust.fault_of(record)
        return Decision(replace(task, anew=True), damaged, None) if damaged else decide(task, record)

    def wrote(self, result: Done) -> None:
        """This was done since the listing."""
        if self._listed is not None and self._listed.stage == result.record.stage:
            self._listed.wrote(result.record, result.etag)

    def compact(self, step: Step[Any], records: Records) -> None:
        """These are all that the run has of ``step``: as `Listed.compact`."""
        self._last = None
        if self._listed is not None and self._listed.stage == step.name:
            self._listed.compact(records)
