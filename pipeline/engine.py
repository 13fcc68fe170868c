"""Where planned partitions run: in this process, or as Ray tasks.

An engine gets tasks and gives back what became of each, in the order they finish. Corpus data never passes through it:
a task reads from and writes to storage, and returns its small record. What is written does not depend on the engine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from pipeline.errors import ConfigError, PartitionError
from pipeline.work import Done, Failed, Task, execute_safely


class Engine(Protocol):
    """Runs tasks; a context manager that holds workers for as long as it is open."""

    def run(self, tasks: Sequence[Task], workspace: str) -> Iterator[Done | Failed]:
        """Run all ``tasks`` against the workspace at that URI and yield what became of each."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class InlineEngine:
    """One partition after the other in this process, for debugging and small runs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def run(self, tasks: Sequence[Task], workspace: str) -> Iterator[Done | Failed]:
        """Run ``tasks`` in order."""
        for task in tasks:
            yield execute_safely(task, workspace)


class RayEngine:
    """Plain Ray tasks on a cluster: a local one that lives as long as the run, or the one at ``address``.

    Ray starts a task again when its worker dies (up to `RETRIES` times); that is safe because a partition's result
    depends on nothing but its inputs and is recorded only when it is whole.
    """

    RETRIES = 3

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address, self._workers = address, workers
        self._ray: Any = None

    def __enter__(self) -> Self:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        if self._address and (Path.home() / ".ray" / "auth_token").exists():
            # Ray looks for the token only when told that clusters may ask for one
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray

        self._ray = ray
        checkout = Path(__file__).resolve().parent.parent
        quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
        try:
            if self._address:
                excludes = [".git", ".venv", "data", "tests", "benchmarks", "**/*.tar.gz"]
                ray.init(self._address, runtime_env={"working_dir": str(checkout), "excludes": excludes}, **quiet)
            else:
                ray.init("local", num_cpus=self._workers, include_dashboard=False, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = f"the Ray cluster at {self._address}" if self._address else "a local Ray"
            hint = (
                "; is it running, and is its token in ~/.ray/auth_token (ray get-auth-token)?" if self._address else ""
            )
            raise RayUnavailable(f"cannot start {where}: {' '.join(str(error).split())[:300]}{hint}") from None
        return self

    def __exit__(self, *exception: object) -> None:
        self._ray.shutdown()

    def run(self, tasks: Sequence[Task], workspace: str) -> Iterator[Done | Failed]:
        """Keep each worker busy and a few tasks queued; yield as they finish."""
        ray = self._ray
        remote = ray.remote(max_retries=self.RETRIES, num_cpus=1)(execute_safely)
        slots = self._workers or int(ray.cluster_resources().get("CPU", 1))
        waiting = list(reversed(tasks))
        running: dict[Any, Task] = {}
        while waiting or running:
            while waiting and len(running) < slots + max(2, slots // 2) * (self._address is None):
                task = waiting.pop()
                running[remote.options(name=f"{task.stage} {task.source}/{task.key}").remote(task, workspace)] = task
            finished, _ = ray.wait(list(running), num_returns=1)
            for reference in finished:
                task = running.pop(reference)
                try:
                    yield ray.get(reference)
                except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                    yield Failed(
                        task.stage, task.source, task.key, f"its worker died {self.RETRIES + 1} times: {error}"
                    )
                except ray.exceptions.RayError as error:
                    yield Failed(task.stage, task.source, task.key, f"{type(error).__name__}: {error}")


class RayUnavailable(PartitionError):
    """Ray could not be started, or the cluster not be reached."""


def open_engine(name: str, address: str | None = None, workers: int | None = None) -> Engine:
    """The engine called ``name``: ``ray`` or ``inline``. Raises ConfigError for another name or unfit options."""
    if name == "inline":
        if address:
            raise ConfigError("--address needs --engine ray")
        return InlineEngine()
    if name == "ray":
        return RayEngine(address, workers)
    raise ConfigError(f"--engine {name}: must be ray or inline")
