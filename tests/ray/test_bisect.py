"""Records that end a Ray worker, or keep it for ever."""

import os
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import ray.cloudpickle

from pipeline.progress import Display
from pipeline.run import engine as engines
from pipeline.run.engine import More
from pipeline.steps.crawl import CRAWL
from pipeline.storage.open import open_storage
from pipeline.versions.verify import verify_version
from pipeline.work.ledger import Basis
from pipeline.work.task import Cause, Done, Failed, Task
from tests.faults import harmful
from tests.faults.harmful import SMALL, dropped, folder_with, samples, without
from tests.helpers import mill, write_config
from tests.ray.clusters import wait_until
from tests.ray.conftest import Cluster

pytestmark = pytest.mark.ray


def test_records_that_end_the_worker_are_found(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that end their Ray worker, or never come back, cost themselves; the rest is as if they had not been."""
    folder = folder_with(tmp_path, "s01exit", "s05sleep", count=6)
    config = write_config(tmp_path / "c.yaml", folder, **SMALL | {"partition": {"records": 4, "seconds": 600}})
    ray.cloudpickle.register_pickle_by_value(harmful)

    def left(attempt: engines._Attempt) -> float:
        name = f"{attempt.job.key.replace('/', '_')}-*"
        asleep = attempt.began is not None and list((tmp_path / "ws/asleep").glob(name))
        for marker in asleep or ():
            marker.unlink()
        return 0.0 if asleep else 600.0

    monkeypatch.setattr(engines, "_left", left)
    monkeypatch.setattr(engines, "_next_deadline", lambda attempts: 0.05)
    monkeypatch.setattr(cluster, "_execute", harmful.execute)
    genuine = cluster.run

    def twice(tasks: Sequence[Task], workspace: str, more: More) -> Generator[Done | Failed, None, None]:
        # each death takes the start of a worker, so two are enough here
        return genuine([replace(task, deaths=2) for task in tasks], workspace, more)

    monkeypatch.setattr(cluster, "run", twice)
    run = mill(config, tmp_path / "ws", lambda: cluster)
    lost = dropped(run.workspace)
    assert {path: loss[:2] for path, loss in lost.items()} == {
        "s01exit.svg": ("rowwise", "crashed"),
        "s05sleep.svg": ("rowwise", "timed_out"),
    }
    assert verify_version(open_storage(str(run.workspace)), None, Display(quiet=True))[0] == []
    assert samples(run.workspace) == samples(without(tmp_path, folder, list(lost)))


def nap(task: Task, workspace: str) -> Done | Failed:
    Path(workspace, str(os.getpid())).touch()
    time.sleep(600)
    raise AssertionError


def test_a_task_over_its_time_is_tried_again_in_another_process(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that never comes back is stopped, once more run by another worker, then told as over its time."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(cluster, "_execute", nap)
    task = Task(CRAWL, "icons", "0", Basis({}, {}, ()), None, seconds=1)
    (result,) = cluster.run([task], str(tmp_path))
    assert isinstance(result, Failed) and result.cause == Cause.OVERTIME
    assert cluster.load().restarts == {("crawl", "overtime"): 1}
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    # a killed process is gone once the system has got to it
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
