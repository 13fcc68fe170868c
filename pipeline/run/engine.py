"""Where planned partitions run: in this process, or as Ray tasks.

An engine gets tasks and gives back what became of each, in the order they finish. Corpus data never passes through it:
a task reads from and writes to storage, and returns its small record. What is written does not depend on the engine.
Ray's workers take work that only reads, too (`pipeline.run.reading`): to an engine it is another *job*.

A partition's result depends on nothing but its inputs and is recorded only when it is whole, so that a task can be
stopped at any point and started again anywhere. Both engines stop a task at its time limit and try once more.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from pipeline.errors import ConfigError
from pipeline.run import cluster, working_dir
from pipeline.run.cluster import RayUnavailable
from pipeline.run.execute import execute_safely
from pipeline.work import sandbox
from pipeline.work.task import Cause, Done, Failed, Job, Task

J = TypeVar("J", bound=Job)
R = TypeVar("R")

More = Callable[[], Task[Any] | None]
"""Gives a task that can run ahead, for a worker that nothing else waits for; None if there is none now."""


def nothing_more() -> None:
    """`More` of who has nothing that can run ahead."""


@dataclass(frozen=True)
class Load:
    """What an engine is at."""

    running: tuple[tuple[str, str, float], ...] = ()
    """Step, partition (source/key), and seconds since it began, of each that a worker has."""
    starting: int = 0
    """Partitions that wait for a worker with what they need."""
    waiting: int = 0
    """Partitions that wait for these."""
    restarts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Step and cause -> how often one of its partitions was started again since the engine was opened."""


class Engine(Protocol):
    """Runs tasks; a context manager that holds workers for as long as it is open."""

    def load(self) -> Load:
        """What it is at; any thread may ask."""
        ...

    def free(self) -> str:
        """What its workers have that nobody uses, in words."""
        ...

    @property
    def width(self) -> int:
        """How many tasks of one CPU run at a time."""
        ...

    def run(
        self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
    ) -> Generator[Done | Failed, None, None]:
        """Run all ``tasks`` against the workspace at that URI and yield what became of each.

        A worker that none of them waits for takes what ``more`` gives. What becomes of that is yielded, too: by this
        call, or, where it is under way once all ``tasks`` have ended, by a later one. A later call that has the same
        among its own ``tasks`` does not start it again. What is under way is forgotten where a call does not come to
        its end.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class InlineEngine:
    """One partition after the other in this process, for debugging and small runs.

    A time limit is an alarm that raises in the main thread: it ends Python code, waits, and the sandbox with its child,
    but not native code that does not return, and it is not set at all where the engine runs in another thread. What
    kills the process ends the run.
    """

    width = 1

    def __init__(self) -> None:
        self._now: tuple[str, str, float] | None = None
        self._left = 0
        self._restarts: Counter[tuple[str, str]] = Counter()
        self._execute: Callable[[Task[Any], str], Done | Failed] = execute_safely

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def load(self) -> Load:
        """As `Engine.load`."""
        now = self._now
        if now is None:
            return Load(restarts=dict(self._restarts))
        stage, partition, began = now
        return Load(((stage, partition, time.monotonic() - began),), 0, self._left, dict(self._restarts))

    def free(self) -> str:
        """As `Engine.free`."""
        return "this process"

    def run(
        self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
    ) -> Generator[Done | Failed, None, None]:
        """Run ``tasks`` in order, and nothing of ``more``: there is no other worker that would idle."""
        for number, task in enumerate(tasks, 1):
            self._now, self._left = (task.stage, f"{task.source}/{task.key}", time.monotonic()), len(tasks) - number
            try:
                result = self._within_limit(task, workspace)
                if task.retry and isinstance(result, Failed) and result.cause == Cause.OVERTIME:
                    self._restarts[task.stage, result.cause] += 1
                    result = self._within_limit(task, workspace)
            finally:
                self._now = None
            yield result

    def _within_limit(self, task: Task[Any], workspace: str) -> Done | Failed:
        if task.seconds is None or threading.current_thread() is not threading.main_thread():
            return self._execute(task, workspace)
        rung = False

        def ring(number: int, frame: object) -> None:
            nonlocal rung
            rung = True
            raise _Overtime

        before = signal.signal(signal.SIGALRM, ring)
        try:
            # again every few seconds, because an exception can get lost in a destructor or a callback
            signal.setitimer(signal.ITIMER_REAL, task.seconds, ALARM_SECONDS)
            try:
                result = self._execute(task, workspace)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            # or another one can come of it, as of a file that was closed in the middle of a write
            if rung and isinstance(result, Failed) and result.cause == Cause.ERROR:
                raise _Overtime
            return result
        except _Overtime:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sandbox.close_all()
            return _overtime(task)
        finally:
            signal.signal(signal.SIGALRM, before)


ALARM_SECONDS = 5.0
"""Between alarms of `InlineEngine`, after the first."""


class _Overtime(BaseException):
    """No Exception, so that no stage takes it for a fault of one record."""


def _overtime(job: Job) -> Failed:
    message = f"it took over {job.seconds:g} s (partition.seconds; raise it if the work is that much)"
    return Failed(job.stage, job.source, job.key, message, Cause.OVERTIME)


@dataclass(eq=False)
class _Attempt(Generic[J]):
    """A job on its way. ``began``: on the clock of the driver, None while it waits for a worker."""

    job: J
    own: bool
    """False: it runs ahead, and no call waits for it yet."""
    began: float | None = None
    failures: Counter[Cause] = field(default_factory=Counter)
    """How often it was tried in vain."""

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells the job from others."""
        return self.job.stage, self.job.source, self.job.key


class RayEngine:
    """Plain Ray tasks on a cluster: a local one that lives as long as the run, or the one at ``address``.

    A task that loses its worker process is started again, until `Task.deaths`. One that loses its node is, too, on
    whatever is left, after pauses in which the cluster can find out. One over its time limit is stopped by killing its
    worker, and started again once, in another process.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address, self._workers = address, workers
        self._seen: set[str] = set()
        """Workspaces that every node sees."""
        self._ray: Any = None
        self._remote: Any = None
        self._running: dict[Any, _Attempt[Any]] = {}
        self._later: list[tuple[float, _Attempt[Any]]] = []
        """What is to be tried again, and from when on."""
        self._waiting = 0
        self._counted = (-COUNT_SECONDS, 1)
        """When the CPUs of the cluster were counted last, and how many there were."""
        self._restarts: Counter[tuple[str, str]] = Counter()
        self._memory = 0
        self._execute: Callable[[Task[Any], str], Done | Failed] = execute_safely

    def __enter__(self) -> Self:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        if self._address:
            self._address = cluster.prepare(self._address)
            # or Ray tries 20 times, of 40 seconds each, to find a cluster that has gone since
            os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
        import ray

        self._ray = ray
        quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
        before = signal.getsignal(signal.SIGTERM)
        try:
            if not self._address:
                ray.init("local", num_cpus=self._workers, include_dashboard=False, **quiet)
            elif cluster.within_job() or not working_dir.is_checkout():
                ray.init(self._address, **quiet)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    archive = Path(folder) / "svgmill.zip"
                    working_dir.pack(archive)
                    ray.init(self._address, runtime_env={"working_dir": str(archive)}, **quiet)
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            kind = RayUnavailable if isinstance(error, ConnectionError) else ConfigError
            where = f"join the Ray cluster at {self._address}" if self._address else "start a local Ray"
            text = " ".join(str(error).split())[:300]
            remedy = "; use the same on both sides" if "Version mismatch" in text else ""
            raise kind(f"cannot {where}: {text}{remedy}") from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's own would end the process without a word
        self._memory = int(self._ray.cluster_resources().get("memory", 0.0))
        # one function for all steps: a node remembers each that it has met for as long as it is up
        # this engine counts attempts itself, because it has to know why one ended
        self._remote = ray.remote(max_retries=0, num_returns="streaming")(_announced)
        return self

    def __exit__(self, *exception: object) -> None:
        self._forget()
        self._ray.shutdown()

    def _forget(self) -> None:
        self._running.clear()
        self._later.clear()

    @property
    def width(self) -> int:
        """As `Engine.width`, while it is open."""
        if self._workers:
            return self._workers
        # asked of the cluster, and wanted with each task that ends
        if time.monotonic() - self._counted[0] >= COUNT_SECONDS:
            self._counted = time.monotonic(), int(self._ray.cluster_resources().get("CPU", 1))
        return self._counted[1]

    def load(self) -> Load:
        """As `Engine.load`."""
        now = time.monotonic()
        attempts = list(self._running.values())
        begun = [(attempt, attempt.began) for attempt in attempts if attempt.began is not None]
        running = tuple((a.job.stage, f"{a.job.source}/{a.job.key}", now - began) for a, began in begun)
        return Load(running, len(attempts) - len(begun), self._waiting, dict(self._restarts))

    def free(self) -> str:
        """As `Engine.free`."""
        free = self._ray.available_resources() if self._ray is not None and self._ray.is_initialized() else {}
        memory, gpus = free.get("memory", 0.0) / 2**30, free.get("GPU", 0.0)
        return f"{free.get('CPU', 0.0):g} CPUs, {memory:.1f} GiB" + (f", {gpus:g} GPUs" if gpus else "")

    def run(
        self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
    ) -> Generator[Done | Failed, None, None]:
        """As `Engine.run`, the largest first: one that begins last keeps all other workers waiting."""
        largest_first = sorted(tasks, key=lambda task: (-task.size, -task.records))
        yield from self.results(largest_first, workspace, self._execute, more)

    def results(
        self,
        jobs: Sequence[J],
        workspace: str,
        execute: Callable[[J, str], R | Failed],
        more: Callable[[], J | None] = nothing_more,
    ) -> Generator[R | Failed, None, None]:
        """Keep each worker busy and a few jobs queued; yield what ``execute`` makes of each as they finish.

        ``more`` is that of `Engine.run`. Raises what `cluster.require_answers` says, before the first.
        """
        ray, running = self._ray, self._running
        if self._address and workspace not in self._seen:
            cluster.require_answers(ray, self._address, workspace)
            self._seen.add(workspace)
        function = ray.put(execute)  # once, since there may be much in it
        ahead = {attempt.name: attempt for attempt in (*running.values(), *(each for _, each in self._later))}
        waiting: list[J] = []
        for job in reversed(jobs):
            if (attempt := ahead.get((job.stage, job.source, job.key))) is not None:
                attempt.own = True
            else:
                waiting.append(job)
        left, whole = len(jobs), False
        try:
            while left:
                self._fill(waiting, more, function, workspace)
                if not running:
                    time.sleep(0.1)
                    continue
                for attempt, result in self._ended():
                    left -= attempt.own
                    yield result
            whole = True
        finally:
            if not whole:
                self._forget()

    def _fill(self, waiting: list[J], more: Callable[[], J | None], function: Any, workspace: str) -> None:
        """Give Ray as many as may be on their way; where none is ``waiting``, what idles takes what runs ahead."""
        running, now = self._running, time.monotonic()
        most = self._most() + sum(not attempt.own for attempt in running.values())
        for moment, attempt in [each for each in self._later if each[0] <= now]:
            if len(running) < most:
                self._later.remove((moment, attempt))
                attempt.began = None
                self._submit(attempt, function, workspace)
        while waiting and len(running) < most:
            self._submit(_Attempt(waiting.pop(), own=True), function, workspace)
        # more than run at a time would keep waiting what the next call is about
        while not waiting and _idle(running.values(), self.width) and (job := more()) is not None:
            self._submit(_Attempt(job, own=False), function, workspace)
        self._waiting = len(waiting) + len(self._later)

    def _submit(self, attempt: _Attempt[Any], function: Any, workspace: str) -> None:
        job = attempt.job
        needs = job.needs
        # a single machine that has less than a task may take tries it all the same; on a cluster another comes
        memory = needs.memory if self._address else min(needs.memory, self._memory)
        named = self._remote.options(
            name=f"{job.stage} {job.source}/{job.key}",
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=memory or None,
        )
        self._running[named.remote(function, job, workspace)] = attempt

    def _ended(self) -> Iterator[tuple[_Attempt[Any], Any]]:
        """Wait until something happens: what has ended for good, and what became of it."""
        running = self._running
        timeout = _next_deadline(running.values())
        if self._later:
            timeout = min(1.0, timeout) if timeout is not None else 1.0
        ready, _ = self._ray.wait(list(running), num_returns=1, timeout=timeout)
        over = [stream for stream, attempt in running.items() if stream not in ready and _left(attempt) <= 0]
        for stream in over:
            self._ray.cancel(stream, force=True)
        for stream in [*ready, *over]:
            attempt = running[stream]
            result = (
                self._started(stream, attempt)
                if attempt.began is None
                else self._result(stream, attempt.job, stream in over)
            )
            if result is None:
                continue
            del running[stream]
            if isinstance(result, Failed) and _again(attempt, result.cause):
                self._restarts[result.stage, result.cause] += 1
                pause = LOST_SECONDS[attempt.failures[Cause.LOST] - 1] if result.cause == Cause.LOST else 0.0
                self._later.append((time.monotonic() + pause, attempt))
            else:
                yield attempt, result

    def _most(self) -> int:
        """How many jobs may be on their way: some more than run at a time, which a cluster that grows grows by."""
        if not self._address:
            return self.width + max(2, self.width // 2)
        return self._workers or self.width + max(AHEAD, self.width)

    def _started(self, stream: Any, attempt: _Attempt[Any]) -> Failed | None:
        """Note that the job has found a worker, or say what kept it from it."""
        try:
            self._ray.get(next(stream))
        except self._ray.exceptions.RayError as error:
            return self._lost(attempt.job, error)
        attempt.began = time.monotonic()
        return None

    def _result(self, stream: Any, job: Job, stopped: bool) -> Any:
        """What the job came to. If it was ``stopped``, it has to be gone before its like may write the same files."""
        if stopped and not self._ray.wait([stream], num_returns=1, timeout=STOP_SECONDS)[0]:
            message = f"its worker does not stop; see to the node it runs on, {job.seconds:g} s were allowed"
            return Failed(job.stage, job.source, job.key, message, Cause.REFUSED)
        try:
            return self._ray.get(next(stream))
        except self._ray.exceptions.RayError as error:
            return _overtime(job) if stopped else self._lost(job, error)

    def _lost(self, job: Job, error: Exception) -> Failed:
        exceptions = self._ray.exceptions
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if isinstance(error, exceptions.RuntimeEnvSetupError):
            return Failed(job.stage, job.source, job.key, text, Cause.REFUSED)
        if isinstance(error, exceptions.RayTaskError):
            return Failed(job.stage, job.source, job.key, text, Cause.ERROR)
        if isinstance(error, exceptions.WorkerCrashedError | exceptions.OutOfMemoryError):
            return Failed(job.stage, job.source, job.key, f"its worker died: {text}", Cause.DIED)
        return Failed(job.stage, job.source, job.key, f"its node was lost: {text}", Cause.LOST)


COUNT_SECONDS = 1.0
"""Between two counts of a cluster's CPUs, which may change."""

AHEAD = 8
"""Jobs that wait for a worker of a cluster at least, if it has none yet."""

LOST_SECONDS = (1.0, 5.0, 15.0, 30.0)
"""Before each new try of a task that has lost its node: a cluster goes on giving work to a node until it knows that the
node is gone."""

STOP_SECONDS = 90.0
"""For a killed worker to be known as dead; a node that cannot be reached is given up earlier than that."""


def _announced(execute: Callable[[J, str], R | Failed], job: J, workspace: str) -> Iterator[Any]:
    """Runs on a worker. The first answer says that time counts from now on; a new worker's imports do not."""
    yield None
    yield execute(job, workspace)


def _again(attempt: _Attempt[Any], cause: Cause) -> bool:
    """Whether another attempt follows one that has failed. Counts it."""
    attempt.failures[cause] += 1
    known, job = attempt.failures[cause], attempt.job
    if cause == Cause.LOST:  # never the job's doing, whoever asks
        return known <= len(LOST_SECONDS)
    return bool(job.retry and known <= {Cause.OVERTIME: 1, Cause.DIED: job.deaths - 1}.get(cause, 0))


def _idle(attempts: Collection[_Attempt[Any]], width: int) -> bool:
    """Whether something can run ahead beside them: a CPU is free, and not as many as that do already."""
    cpus = sum(attempt.job.needs.cpus for attempt in attempts)
    return bool(cpus < width and sum(not attempt.own for attempt in attempts) < width)


def _left(attempt: _Attempt[Any]) -> float:
    if attempt.began is None or attempt.job.seconds is None:
        return float("inf")
    return attempt.began + float(attempt.job.seconds) - time.monotonic()


def _next_deadline(attempts: Iterable[_Attempt[Any]]) -> float | None:
    left = min(map(_left, attempts))
    return None if left == float("inf") else max(0.0, left)


def open_engine(name: str, address: str | None = None, workers: int | None = None) -> Engine:
    """The engine called ``name``: ``ray`` or ``inline``. Raises ConfigError for another name or unfit options."""
    if name == "inline":
        if address:
            raise ConfigError("--address needs --engine ray")
        return InlineEngine()
    if name == "ray":
        return RayEngine(address, workers)
    raise ConfigError(f"--engine {name}: must be ray or inline")
