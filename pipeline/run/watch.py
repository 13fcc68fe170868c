"""What a run is at: in the display, in its mark for ``svgmill status``, in metrics, in lines about what is unusual.

Figures come from the steps as their partitions end; a thread looks on meanwhile, so that a run tells of itself also
while nothing ends.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import UserError
from pipeline.progress import Display
from pipeline.run.engine import Engine, Load, RayEngine
from pipeline.run.forecast import Forecast
from pipeline.run.metrics import Metrics
from pipeline.steps.registry import STEPS
from pipeline.storage.base import Traffic
from pipeline.work.marks import Mark
from pipeline.work.status import PartitionStatus, ReasonStatus, RunStatus, StepStatus
from pipeline.work.task import Done, Failed

TELL_SECONDS = 5.0
"""Between two looks."""

SLOW_TIMES, SLOW_SECONDS, SLOW_AFTER = 4.0, 60.0, 5
"""A partition that runs so many times as long as its step's median, and at least so many seconds, is told of, once so
many partitions of the step are done."""

STARTING_SECONDS = 60.0
"""After which partitions that no worker takes are told of."""

_SHOWN = 20
"""Of running and of slow partitions, in the status."""


@dataclass
class _Step:
    name: str
    reused: int = 0
    todo: int = 0
    done: int = 0
    records: int = 0
    seconds: list[float] = field(default_factory=list)


class Watch:
    """Watches one run. The run's thread calls `engine`, `begin`, `task`, `done`; a thread of its own tells."""

    def __init__(
        self, name: str, display: Display, rates: Mapping[str, float], traffic: Callable[[], Traffic] = Traffic
    ) -> None:
        """``name``: the dataset's. ``rates``: core-seconds a record by step, as the workspace has measured.

        ``traffic``: of this process with the workspace.
        """
        self._name, self._display = name, display
        display.run = name
        self._forecast = Forecast([step.name for step in STEPS], rates)
        self._began = self._advanced = time.time()
        self._steps: list[_Step] = []
        self._ahead: dict[str, _Step] = {}
        """Steps that are still to come of which something is done."""
        self._slowest: list[PartitionStatus] = []
        self._reasons: dict[tuple[str, str], tuple[int, str]] = {}
        self._told: set[tuple[str, str]] = set()
        self._starting_since: float | None = None
        self._waits_for = ""
        self._engine: Engine | None = None
        self._traffic = traffic
        self._metrics: Metrics | None = None

    # -- called by the run

    def engine(self, engine: Engine | None) -> None:
        """Tasks run on ``engine`` from now on; None: it is about to be closed."""
        self._tell_metrics()
        self._engine = engine
        self._metrics = Metrics(self._name) if isinstance(engine, RayEngine) else None

    def anew(self) -> None:
        """The run walks all steps once more: what ran ahead before is as what any run has done."""
        self._ahead.clear()

    def begin(self, step: str, reused: int, todo: int, records: int) -> None:
        """A step begins: partitions that are done already, also by running ahead, those to run, and their records."""
        ahead = self._ahead.pop(step, _Step(step))
        ahead.reused, ahead.todo = reused - ahead.done, todo + ahead.done
        self._steps.append(ahead)
        self._forecast.begin(step, records + ahead.records)
        self._advanced = time.time()
        self._told = {each for each in self._told if each[0] != step}
        self._display.begin(step, ahead.reused, ahead.todo, done=ahead.done, records=ahead.records)
        self._show()

    def task(self, result: Done | Failed) -> None:
        """A task has ended: a partition's, or one that looks for records which keep a partition from being done."""
        if self._metrics is not None:
            self._metrics.task(result)

    def done(self, result: Done) -> None:
        """A partition is done, of the step or of one that is still to come."""
        record = result.record
        own = record.stage == self._steps[-1].name
        step = self._steps[-1] if own else self._ahead.setdefault(record.stage, _Step(record.stage))
        step.done += 1
        step.records += record.rows_in
        step.seconds.append(result.seconds)
        self._advanced = time.time()
        if own:
            self._forecast.advance(record.rows_in, result.seconds)
        else:
            self._forecast.advance_ahead(step.name, record.rows_in, result.seconds)
        self._slowest.append(
            PartitionStatus(step=step.name, partition=f"{record.source}/{record.key}", seconds=result.seconds)
        )
        self._slowest = sorted(self._slowest, key=lambda each: (-each.seconds, each.partition))[:_SHOWN]
        table = record.outputs.get("dropped")
        for stage, reasons in record.dropped.items():
            for reason, count in reasons.items():
                known, first = self._reasons.get((stage, reason), (0, ""))
                self._reasons[stage, reason] = known + count, first or (table.path if table else "")
        self._show()
        if own:
            self._display.advance(record.rows_in, f"{record.source}/{record.key}")
        if self._metrics is not None:
            self._metrics.partition(record)

    def _show(self) -> None:
        workers = self._engine.width if self._engine is not None else 1
        self._display.whole(self._forecast.share, self._forecast.seconds_left(workers))

    def _tell_metrics(self) -> None:
        if self._metrics is not None:
            self._metrics.run(self.status(), self._load(), self._traffic())

    # -- told meanwhile

    @contextlib.contextmanager
    def telling(self, mark: Mark) -> Iterator[None]:
        """Write the status into ``mark`` in the block, every `TELL_SECONDS`."""
        over = threading.Event()

        def tell() -> None:
            while True:
                with contextlib.suppress(UserError):  # the run meets the same, and ends with it
                    mark.tell(self.status().to_bytes())
                if over.wait(TELL_SECONDS):
                    return
                self._look()
                self._tell_metrics()

        teller = threading.Thread(target=tell, name="watch", daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()

    def _load(self) -> Load:
        return self._engine.load() if self._engine is not None else Load()

    def _look(self) -> None:
        """Tell of what is unusual."""
        load = self._load()
        usual = {step.name: usual_seconds(step.seconds) for step in (*self._ahead.values(), *self._steps[-1:])}
        for step, partition, seconds in load.running:
            if (step, partition) not in self._told and is_slow(seconds, usual.get(step)):
                self._told.add((step, partition))
                line = f"{seconds:.0f} s so far, half of the others took up to {usual[step]:.0f} s"
                self._display.say(f"{step} {partition}: {line}", step=step, partition=partition)
        if load.running or not load.starting:
            self._starting_since, self._waits_for = None, ""
            return
        self._starting_since = self._starting_since or time.monotonic()
        if time.monotonic() - self._starting_since >= STARTING_SECONDS and not self._waits_for:
            assert self._engine is not None
            self._waits_for = f"workers: {load.starting} partitions wait for one, and free are {self._engine.free()}"
            self._display.say(f"waiting for {self._waits_for}")

    def status(self) -> RunStatus:
        """What the run is at."""
        load = self._load()
        workers = self._engine.width if self._engine is not None else 1
        running = sorted(load.running, key=lambda each: (-each[2], each[1]))[:_SHOWN]
        return RunStatus(
            name=self._name,
            began=self._began,
            told=time.time(),
            advanced=self._advanced,
            share=self._forecast.share,
            seconds_left=self._forecast.seconds_left(workers),
            workers=workers,
            steps=tuple(
                StepStatus(
                    step=step.name,
                    partitions=step.todo,
                    reused=step.reused,
                    done=step.done,
                    records=step.records,
                    seconds=sum(step.seconds),
                )
                for step in list(self._steps)
            ),
            running=tuple(PartitionStatus(step=s, partition=p, seconds=seconds) for s, p, seconds in running),
            queued=load.starting + load.waiting,
            slowest=tuple(self._slowest),
            reasons=tuple(
                ReasonStatus(stage=stage, reason=reason, records=count, table=table)
                for (stage, reason), (count, table) in sorted(dict(self._reasons).items())
            ),
            waits_for=self._waits_for,
        )


def usual_seconds(others: Sequence[float]) -> float | None:
    """What half of a step's partitions took at most; None while there are too few to say."""
    return statistics.median(others) if len(others) >= SLOW_AFTER else None


def is_slow(seconds: float, usual: float | None) -> bool:
    """Whether a partition takes far longer than its peers. ``usual``: `usual_seconds` of these."""
    return usual is not None and seconds >= SLOW_SECONDS and seconds >= SLOW_TIMES * usual
