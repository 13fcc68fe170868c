"""One step of a run: decide which of its tasks have to run, run them, and give back the records of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.errors import UserError
from pipeline.progress import Display
from pipeline.run import bisect
from pipeline.run.ahead import Ahead
from pipeline.run.costs import Costs
from pipeline.run.deciding import Decider
from pipeline.run.engine import Engine
from pipeline.run.failures import gave_up
from pipeline.run.plan import Decision
from pipeline.run.trust import Trust
from pipeline.run.watch import Watch
from pipeline.steps.copies import COPIES_STEP
from pipeline.steps.crawl import CRAWL
from pipeline.steps.fetch import FETCH
from pipeline.steps.rowwise import SAMPLES_STEP
from pipeline.storage.base import Storage
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.records import Records
from pipeline.work.task import CORPUS, Cause, Done, Failed, Needs, Step, Task

PLANNED_ON = (FETCH, CRAWL, SAMPLES_STEP)
"""Of these a plan says what follows where it is not known yet, by sources."""

FOUND_AGAIN = (COPIES_STEP,)
"""What these found last, they mostly find again: a plan goes on from there."""

Run = Callable[[Step[Any], Iterable[Task[Any]]], Records]
"""Has a step's tasks run, or planned: a record for each, in their order."""


@dataclass(frozen=True)
class Pending:
    """Work that follows from ``stage``: records and bytes, as far as planning knows."""

    stage: str
    records: int
    size: int


@dataclass(frozen=True)
class Phase:
    """One step of a run as planned: its decisions, or only the word that it follows from an earlier one."""

    stage: str
    decisions: tuple[Decision, ...]
    follows: str = ""
    pending: Mapping[str, Pending] = field(default_factory=dict)
    """Source -> what will run, though into which partitions is not known before the step before has run."""
    settled: Mapping[str, str] = field(default_factory=dict)
    """Source -> what was done before any run of this and stays: why it does."""


class Unknown(Exception):
    """Planning cannot go on: a step has to run first."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class MetDamage(Exception):
    """A step met a table that is damaged or gone."""

    def __init__(self, path: str, failure: UserError) -> None:
        super().__init__(path)
        self.path, self.failure = path, failure


class StageRunner:
    """Runs the steps of one run, one after the other, or only plans them."""

    def __init__(
        self,
        storage: Storage,
        seconds: float,
        open_engine: Callable[[], Engine] | None,
        display: Display,
        alive: Callable[[], None] = lambda: None,
        watch: Watch | None = None,
        resources: Mapping[str, Needs] | None = None,
    ) -> None:
        """``seconds``: wall clock of a task. ``open_engine``: None to plan only. ``alive``: called as tasks end.

        ``watch``: who is told what runs; None: the display alone. ``resources``: by step, what its tasks
        need instead of what the step says.
        """
        self._resources = resources or {}
        self.planning = open_engine is None
        self.trust = Trust(storage, display)
        self.costs = Costs()
        self.phases: list[Phase] = []
        self.pending: dict[str, Pending] = {}
        """Source -> what of it a plan knows will have to run, but not as which partitions."""
        self.guessed = False
        """Whether a plan goes on from what was found last (`FOUND_AGAIN`)."""
        self._storage, self._seconds, self._display, self._alive = storage, seconds, display, alive
        self._open_engine = open_engine
        self.watch = watch or Watch("", display, {})
        self._engine: Engine | None = None
        self.ran = self.reused = 0
        """Tasks of the last walk that this run has run, in that walk or in one before, and the others."""
        self._ran: set[tuple[str, str, str]] = set()
        self._ahead = Ahead(storage, lambda task, record: self._decider.decision(task, record))
        self._decider = Decider(storage, self.trust, self._ahead.began)

    def begin(self) -> None:
        """Forget how far the last walk came, not what it ran."""
        self.phases.clear()
        self.pending.clear()
        self.guessed = False
        self.ran = self.reused = 0
        self._decider.begin()
        self._ahead.clear()
        self.watch.anew()

    def close(self) -> None:
        """Close the engine, if one was opened."""
        if self._engine is not None:
            self.watch.engine(None)
            self._engine.__exit__(None, None, None)
            self._engine = None

    def stays(self, step: Step[Any], version: int) -> None:
        """What ``step`` would find is that of a version, and stays."""
        why = f"frozen since published (version {version})"
        self.phases.append(Phase(step.name, (), settled={CORPUS: why}))

    def offer(self, step: Step[Any], tasks: Callable[[], Iterable[Task[Any]]]) -> None:
        """As `Ahead.offer`; a plan runs nothing ahead."""
        if not self.planning:
            self._ahead.offer(step, tasks)

    def run(self, step: Step[Any], tasks: Iterable[Task[Any]]) -> Records:
        """The records of ``tasks`` of ``step``, in their order, once all are there.

        Tasks that need not run are let go of as they come. A plan gives those that are there, and raises Unknown where
        later steps cannot be planned without the others. Raises MetDamage for a table that a task could not read, and
        what `failures` says for one that cannot be finished.
        """
        self._ahead.come_to(step)
        # what is to be fetched follows from nothing
        follows = {} if step is FETCH else dict(self.pending)
        if self.planning:
            return self._plan(step, tuple(self._decisions(tasks)), follows)
        self.phases.append(Phase(step.name, (), "", follows))
        records, todo = Records(), []
        for decision in self._decisions(tasks):
            if decision.record is None:
                todo.append((len(records), decision.task))
            else:
                self.trust.known(decision.record)
            records.append(decision.record)
        self.watch.begin(step.name, len(records) - len(todo), len(todo), sum(task.records for _, task in todo))
        places = {(task.source, task.key): place for place, task in todo}
        for record in self._execute(step, [task for _, task in todo]):
            self.trust.known(record)
            # as whoever comes after this run reads it
            records[places[record.source, record.key]] = Record.from_bytes(record.to_bytes())
        self._decider.compact(step, records)
        if step is CRAWL:
            self.trust.crawled(records)
        return records

    def _plan(self, step: Step[Any], decisions: tuple[Decision, ...], follows: Mapping[str, Pending]) -> Records:
        """What a plan has of a step's records. Raises Unknown."""
        self.phases.append(Phase(step.name, decisions, "", follows))
        todo = [decision.task for decision in decisions if decision.run]
        if todo and step in FOUND_AGAIN:
            self.guessed = True
            tasks = (decision.task for decision in decisions)
            last = (ledger.load(self._storage, step.name, task.source, task.key) for task in tasks)
            return Records(record for record in last if record is not None)
        for task in todo:
            before = self.pending.get(task.source, Pending(step.name, 0, 0))
            self.pending[task.source] = Pending(step.name, before.records + task.records, before.size + task.size)
        if todo and step not in PLANNED_ON:
            raise Unknown(step.name)
        return Records(decision.record for decision in decisions if decision.record is not None)

    def decide(self, task: Task[Any]) -> Decision:
        """Whether ``task`` has to run, or to be waited for."""
        return self._decider.decide(task)

    def _decisions(self, tasks: Iterable[Task[Any]]) -> Iterator[Decision]:
        for decision in self._decider.decisions(tasks):
            task = decision.task
            if decision.run or (task.step.name, task.source, task.key) in self._ran:
                self.ran += 1
            else:
                self.reused += 1
            yield decision

    def _execute(self, step: Step[Any], todo: Sequence[Task[Any]]) -> Iterator[Record]:
        if not todo:
            return
        todo = [self._limited(task) for task in todo]

        def finished(result: Done) -> Record:
            self._finished(result)
            return result.record

        failed = []
        for result in self._results(step, todo):
            if isinstance(result, Done):
                yield finished(result)
            else:
                failed.append(result)
        if failed:
            for rescued in self._rescued(step, todo, failed):
                yield finished(rescued)

    def _limited(self, task: Task[Any]) -> Task[Any]:
        """With what the config says of the step."""
        step = task.step
        return replace(task, seconds=None if step.whole else self._seconds, given=self._resources.get(step.name))

    def _finished(self, result: Done) -> None:
        record = result.record
        self.trust.made(record)
        self._ran.add((record.stage, record.source, record.key))
        self.watch.done(result)
        self._decider.wrote(result)

    def _more(self) -> Task[Any] | None:
        task = self._ahead.take()
        return None if task is None else self._limited(task)

    def _results(self, step: Step[Any], tasks: Sequence[Task[Any]]) -> Iterator[Done | Failed]:
        """What becomes of each task, as it ends; what ran ahead is dealt with on the way.

        Raises MetDamage, and what `failures` says of a store that fails.
        """
        with contextlib.closing(self._opened().run(tasks, self._storage.uri, self._more)) as results:
            for result in results:
                self._alive()
                self.watch.task(result)
                stage = self._ahead.ended(result)
                own = stage == tasks[0].stage
                # of tasks that look for a record, people are told as of the step's
                name = step.name if own else stage
                if isinstance(result, Done):
                    self.costs.count(name, result)
                elif result.damaged:
                    raise MetDamage(result.damaged, gave_up(name, [result]))
                elif result.cause in (Cause.STORE, Cause.STORE_REFUSED):
                    raise gave_up(name, [result])
                if own:
                    yield result
                elif isinstance(result, Done):
                    self._finished(result)

    def width(self) -> int:
        """How many tasks of one CPU run at a time."""
        return self._opened().width

    def _opened(self) -> Engine:
        if self._engine is None:
            assert self._open_engine is not None
            self._engine = self._open_engine().__enter__()
            self.watch.engine(self._engine)
        return self._engine

    def _rescued(self, step: Step[Any], todo: Sequence[Task[Any]], failed: Sequence[Failed]) -> Iterator[Done]:
        """What failed, without the records that are to blame. Raises what `failures` says if none can be."""
        if step is not SAMPLES_STEP or not all(failure.cause in bisect.REASONS for failure in failed):
            raise gave_up(step.name, failed)
        tasks = {(task.source, task.key): task for task in todo}
        cases = [(tasks[f.source, f.key], f) for f in sorted(failed, key=lambda f: (f.source, f.key))]
        # the first on its own: if not records but something else is to blame, it shows there
        for group in (cases[:1], cases[1:]):
            for task, failure in group:
                self._display.say(f"samples {task.source}/{task.key}: {failure.message}; looking for the record")
            if group:
                yield from bisect.rescue(self._storage, group, lambda tasks: self._results(step, tasks))
