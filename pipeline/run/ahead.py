"""Running ahead: while no task of the step that a walk is at waits for a worker, workers take tasks of later steps.

A walk offers what later steps will do as soon as the inputs are there (`Ahead.offer`). An engine asks for it when a
worker would idle, and what comes of it is recorded as of any task. When the walk comes to that step, it decides as
ever: what is done by then it finds, what is under way it waits for, what nobody took it runs. What failed ahead it
tries again, so that a failure is met where it would have been. So no result depends on what ran ahead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.errors import Defect
from pipeline.run.plan import Decision
from pipeline.storage.base import Storage
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Done, Failed, Step, Task

DONE_BEFORE = 8
"""An offer of which so many tasks were done before is left to its step, which reads many records at a time."""


@dataclass
class _Offer:
    step: str
    tasks: Iterator[Task[Any]]
    done: int = 0
    """Tasks that were done before."""


class Ahead:
    """What can run ahead in one walk, and what does."""

    def __init__(self, storage: Storage, decide: Callable[[Task[Any], Record | None], Decision]) -> None:
        """``decide``: whether a task has to run, and as which, by what the ledger has of it."""
        self._storage, self._decide = storage, decide
        self._offers: deque[_Offer] = deque()
        self._under_way: dict[tuple[str, str, str], str] = {}
        """Tasks that began ahead and have not ended, with their fingerprints."""

    def clear(self) -> None:
        """Forget all, as the engine does where a walk is broken off."""
        self._offers.clear()
        self._under_way.clear()

    def offer(self, step: Step[Any], tasks: Callable[[], Iterable[Task[Any]]]) -> None:
        """What ``tasks`` gives can run from now on, and is what the walk comes to with ``step``.

        It is called once a worker idles. What is offered first is taken first.
        """
        self._offers.append(_Offer(step.name, (task for made in [tasks] for task in made())))

    def come_to(self, step: Step[Any]) -> None:
        """The walk is at ``step``: what nobody took is its own from now on."""
        self._offers = deque(offer for offer in self._offers if offer.step != step.name)

    def take(self) -> Task[Any] | None:
        """A task for a worker that nothing else waits for, None if there is none; a `pipeline.run.engine.More`."""
        while self._offers:
            offer = self._offers[0]
            task = next(offer.tasks, None)
            if task is not None:
                decision = self._decide(task, ledger.load(self._storage, offer.step, task.source, task.key))
                if decision.run:
                    self._under_way[offer.step, task.source, task.key] = task.basis.fingerprint
                    return decision.task
                offer.done += 1
            if task is None or offer.done == DONE_BEFORE:
                self._offers.popleft()
        return None

    def began(self, task: Task[Any]) -> bool:
        """Whether ``task`` is under way. Raises Defect if it began as another."""
        began = self._under_way.get((task.stage, task.source, task.key))
        if began is not None and began != task.basis.fingerprint:
            raise Defect(f"{task.stage} {task.source}/{task.key} began ahead as another task; report it")
        return began is not None

    def ended(self, result: Done | Failed) -> str:
        """``result`` is there: its task is under way no more, if it began ahead. The step that it is of."""
        job = result.record if isinstance(result, Done) else result
        self._under_way.pop((job.stage, job.source, job.key), None)
        return job.stage
