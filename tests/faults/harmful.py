"""A row-wise pass whose worker, not only whose sandbox, meets harmful records: runs of it, and what they leave."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.run.engine import InlineEngine
from pipeline.run.execute import execute_safely
from pipeline.steps import rowwise
from pipeline.work import sandbox
from pipeline.work.task import Done, Failed, Task
from tests.helpers import drawing, drawings, mill, write_config


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


SMALL = {"render": {"size": 32, "compare_size": 32}, "error_budget": 0.5, "partition": {"records": 12, "seconds": 600}}


def folder_with(tmp_path: Path, *names: str, count: int = 20) -> Path:
    """``count`` drawings, and one more for each of ``names``."""
    folder = drawings(tmp_path / "icons", count)
    for number, name in enumerate(names):
        (folder / f"{name}.svg").write_text(drawing(30 + number))
    return folder


def dropped(workspace: Path) -> dict[str, tuple[str, str, str]]:
    """Path -> stage, reason, detail of what left the row-wise pass."""
    rows = [
        row for path in workspace.glob("tables/samples/**/*.dropped.parquet") for row in pq.read_table(path).to_pylist()
    ]
    return {row["path"]: (row["stage"], row["reason"], row["detail"]) for row in rows}


def without(tmp_path: Path, folder: Path, names: list[str]) -> Path:
    """The workspace of an undisturbed run over the folder without these files."""
    for name in names:
        (folder / name).unlink()
    config = write_config(tmp_path / "calm.yaml", folder, **SMALL)
    return mill(config, tmp_path / "calm").workspace


def samples(workspace: Path) -> list[str]:
    """The sample ids of the row-wise pass, sorted."""
    rows = [
        pq.read_table(path)
        for path in sorted(workspace.glob("tables/samples/*/*.parquet"))
        if "dropped" not in path.name
    ]
    return sorted(sample for table in rows for sample in table["sample_id"].to_pylist())
