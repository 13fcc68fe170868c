"""A row-wise pass whose worker, not only whose sandbox, meets harmful records; the engines' tests run it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.run.engine import InlineEngine, RayEngine
from pipeline.run.execute import execute_safely
from pipeline.steps import rowwise
from pipeline.work import sandbox
from pipeline.work.task import Done, Failed, Task


def execute(task: Task, workspace: str) -> Done | Failed:
    """As `execute_safely`, with harm done in this process before a table goes to the sandbox, where a path says so."""
    genuine = sandbox.shared

    class Box:
        def __init__(self, function: str, settings: sandbox.SandboxSettings) -> None:
            self._box = genuine(function, settings)

        def run(self, table: object, text: str) -> sandbox.SandboxResult:
            for path in table["path"].to_pylist() if "path" in table.column_names else ():
                if "exit" in path:
                    os._exit(1)
                if "sleep" in path:
                    sleep(task, workspace)
                if "raise" in path:
                    raise ZeroDivisionError("a bad record")
            return self._box.run(table, text)

    rowwise.sandbox.shared = Box
    try:
        return execute_safely(task, workspace)
    finally:
        rowwise.sandbox.shared = genuine


def sleep(task: Task, workspace: str) -> None:
    """Never come back, in a world where the time limit is reached as soon as somebody sleeps."""
    marker = Path(workspace) / "asleep" / f"{task.key.replace('/', '_')}-{os.getpid()}"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 5.0)
    time.sleep(600)


def inline() -> InlineEngine:
    engine = InlineEngine()
    engine._execute = execute
    return engine


def ray(workers: int = 2, run: Callable[[Task, str], Done | Failed] = execute) -> RayEngine:
    engine = RayEngine(workers=workers)
    engine._execute = run
    return engine
