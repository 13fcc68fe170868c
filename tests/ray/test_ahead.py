"""What workers do while nothing else waits for them."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.execute import Answer, answer
from pipeline.steps.crawl import CRAWL
from pipeline.storage.base import Storage
from pipeline.work.ledger import Basis
from pipeline.work.reading import Reading
from pipeline.work.task import Failed, Task
from tests.ray.conftest import Cluster

pytestmark = pytest.mark.ray


def noted(folder: Path, storage: Storage, item: tuple[str, str]) -> str:
    """Leaves a file each time it begins an item, and ends when there is the one that the item waits for."""
    name, awaited = item
    (folder / f"{name}.{time.monotonic_ns()}").touch()
    while awaited and not list(folder.glob(f"{awaited}.*")):
        time.sleep(0.01)
    return name


def readings(stage: str, *items: tuple[str, str]) -> list[Reading[tuple[str, str]]]:
    return [Reading(stage, name, (name, awaited)) for name, awaited in items]


def test_idle_workers_run_ahead(tmp_path: Path, cluster: Cluster) -> None:
    """Only when no own job waits; a call ends with its own jobs, and a later one begins none that is under way."""
    ahead = readings("later", ("x", ""), ("y", "z"), ("w", ""))
    offers = list(reversed(ahead))
    ended: list[str] = []
    ended_by_then: list[int] = []

    def more() -> Reading[tuple[str, str]] | None:
        ended_by_then.append(len(ended))
        return offers.pop() if offers else None

    execute = partial(answer, partial(noted, tmp_path))
    # the last own job ends only once another worker has come to y, which does not end before the next call
    for result in cluster.results(readings("now", ("a", ""), ("b", ""), ("c", "y")), str(tmp_path), execute, more):
        assert isinstance(result, Answer)
        ended.append(result.value)
    assert sorted(ended) == ["a", "b", "c", "x"] and min(ended_by_then) == 2
    again = [*readings("later", ("z", "")), *ahead[1:2]]
    second = [result.value for result in cluster.results(again, str(tmp_path), execute) if isinstance(result, Answer)]
    assert {"y", "z"} <= set(second) and "x" not in second
    assert len(list(tmp_path.glob("y.*"))) == 1


def test_what_is_under_way_is_forgotten_where_a_call_is_broken_off(tmp_path: Path, cluster: Cluster) -> None:
    """It may be of a state that is no more: a later call begins it anew."""
    execute = partial(answer, partial(noted, tmp_path))
    ahead = readings("later", ("x", "end"))
    offers = [*ahead]
    results = cluster.results(
        readings("now", ("a", ""), ("b", "x")),
        str(tmp_path),
        execute,
        lambda: offers.pop() if offers else None,
    )
    for _ in range(2):
        next(results)
    results.close()
    (tmp_path / "end.0").touch()
    (result,) = cluster.results(ahead, str(tmp_path), execute)
    assert isinstance(result, Answer) and len(list(tmp_path.glob("x.*"))) == 2


def test_the_largest_task_begins_first(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes, then by records; equal ones in their order."""
    begun: list[str] = []

    def submit(attempt: Any, *more: Any) -> None:
        begun.append(attempt.job.key)
        genuine(attempt, *more)

    genuine = cluster._submit
    monkeypatch.setattr(cluster, "_submit", submit)
    monkeypatch.setattr(cluster, "_execute", lambda task, workspace: Failed(task.stage, "icons", task.key, "no"))
    amounts = {"a": (1, 10), "b": (2, 10), "c": (0, 30), "d": (1, 10)}
    tasks: list[Task[Any]] = [
        Task(CRAWL, "icons", key, Basis({}, {}, ()), None, records, size) for key, (records, size) in amounts.items()
    ]
    assert len(list(cluster.run(tasks, str(tmp_path)))) == 4
    assert begun == ["c", "b", "a", "d"]
