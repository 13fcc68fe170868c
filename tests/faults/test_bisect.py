import contextlib
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray.cloudpickle

from pipeline.errors import PartitionFailed, PartitionRefused
from pipeline.progress import Display
from pipeline.run import engine as engines
from pipeline.run.engine import InlineEngine
from pipeline.steps.crawl import CRAWL
from pipeline.steps.rowwise import SAMPLES_STEP
from pipeline.storage.open import open_storage
from pipeline.versions.verify import verify_version
from pipeline.work.ledger import Basis
from pipeline.work.task import Cause, Done, Failed, Task
from tests.faults import harmful
from tests.helpers import drawing, mill, write_config

SMALL = {"render": {"size": 32, "compare_size": 32}, "error_budget": 0.5, "partition": {"records": 12, "seconds": 600}}


def folder_with(tmp_path: Path, *names: str, count: int = 20) -> Path:
    """``count`` drawings, and one more for each of ``names``."""
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(count):
        (folder / f"s{number:02}.svg").write_text(drawing(number))
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
    rows = [
        pq.read_table(path)
        for path in sorted(workspace.glob("tables/samples/*/*.parquet"))
        if "dropped" not in path.name
    ]
    return sorted(sample for table in rows for sample in table["sample_id"].to_pylist())


def test_records_that_break_the_worker_are_found_inline(tmp_path: Path) -> None:
    """Of records that raise or sleep in the worker itself each is quarantined with its reason; all others are kept."""
    folder = folder_with(tmp_path, "s03raise", "s07sleep", "s15raise")
    config = write_config(tmp_path / "c.yaml", folder, **SMALL)
    run = mill(config, tmp_path / "ws", harmful.inline)
    lost = dropped(run.workspace)
    assert {path: loss[:2] for path, loss in lost.items()} == {
        "s03raise.svg": ("rowwise", "stage_error"),
        "s07sleep.svg": ("rowwise", "timed_out"),
        "s15raise.svg": ("rowwise", "stage_error"),
    }
    assert "ZeroDivisionError: a bad record" in lost["s03raise.svg"][2]
    assert verify_version(open_storage(str(run.workspace)), None, Display(quiet=True))[0] == []
    assert not list(run.workspace.glob("tables/bisect/**/*.*"))
    again = mill(config, run.workspace, harmful.inline).result
    assert (again.ran, again.published) == (0, False)
    assert samples(run.workspace) == samples(without(tmp_path, folder, list(lost)))


def test_copies_of_what_breaks_the_worker_share_its_reason(tmp_path: Path) -> None:
    """They are left out where halves are tried, and quarantined with the record that was run for them."""
    folder = folder_with(tmp_path, "s03raise", "s15raise")
    for name in ("s03raise", "s04", "s16"):
        (folder / f"a-copy-of-{name}.svg").write_bytes((folder / f"{name}.svg").read_bytes())
        (folder / f"z-copy-of-{name}.svg").write_bytes((folder / f"{name}.svg").read_bytes())
    (folder / "a-copy-of-s03raise.svg").unlink()
    config = write_config(tmp_path / "c.yaml", folder, **SMALL)
    run = mill(config, tmp_path / "ws", harmful.inline)
    copied = {
        row["path"]: (row["stage"], row["reason"], row["detail"])
        for path in run.workspace.glob("tables/copied/**/*.dropped.parquet")
        for row in pq.read_table(path).to_pylist()
    }
    lost = dropped(run.workspace)
    assert set(lost) == {"s03raise.svg", "s15raise.svg"}
    assert copied == {"z-copy-of-s03raise.svg": lost["s03raise.svg"]}
    funnel = run.result.manifest.funnel
    assert (funnel.input, funnel.kept, funnel.duplicate, funnel.quarantined) == (27, 20, 4, {"stage_error": 3})
    assert verify_version(open_storage(str(run.workspace)), None, Display(quiet=True))[0] == []


def test_parts_put_together_are_the_whole(tmp_path: Path) -> None:
    """A partition that fails only as a whole ends in the same bytes as one that never failed, and nothing is lost."""
    folder = folder_with(tmp_path)
    config = write_config(tmp_path / "c.yaml", folder, **SMALL)
    calm = mill(config, tmp_path / "calm").workspace
    engine = InlineEngine()
    genuine = engine._execute

    def refuse_wholes(task: Task, workspace: str) -> Done | Failed:
        if task.step is SAMPLES_STEP and task.payload.joined is None:
            task = replace(task, payload=None)
        return genuine(task, workspace)

    engine._execute = refuse_wholes
    mill(config, tmp_path / "ws", lambda: engine)
    files = [
        {
            path.relative_to(home): path.read_bytes()
            for path in home.rglob("*.*")
            if path.is_file() and path.name != "rates.json"
        }
        for home in (calm, tmp_path / "ws")
    ]
    assert len(files[0]) > 20
    assert files[0] == files[1]


def test_a_fault_of_the_worker_is_not_blamed_on_records(tmp_path: Path) -> None:
    """Where nearly every record fails, the run ends with one line, and quarantines nothing."""
    folder = folder_with(tmp_path, *(f"raise{n}" for n in range(15)))
    for path in folder.glob("s*.svg"):
        path.unlink()
    config = write_config(tmp_path / "c.yaml", folder, **SMALL | {"partition": {"records": 20, "seconds": 600}})
    with pytest.raises(PartitionFailed, match=r"too many parts .* ZeroDivisionError") as error:
        mill(config, tmp_path / "ws", harmful.inline)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "ws").glob("tables/samples/**/*.json"))


def never(task: Task[Any], workspace: str) -> Done | Failed:
    threading.Event().wait()
    raise AssertionError


def test_other_stages_over_their_time_end_the_run(tmp_path: Path) -> None:
    """A task of another stage that is over its limit twice ends the run with one line that names the setting."""
    folder, engine = folder_with(tmp_path), InlineEngine()
    # not by a limit that no task can keep: it would end one in a callback of native code, where an exception gets lost
    engine._execute = never
    config = write_config(tmp_path / "c.yaml", folder, **SMALL | {"partition": {"records": 12, "seconds": 0.05}})
    with pytest.raises(PartitionRefused, match=r"crawl failed on icons/\S+: it took over 0.05 s \(partition.seconds"):
        mill(config, tmp_path / "ws", lambda: engine)


def nap(task: Task, workspace: str) -> Done | Failed:
    Path(workspace, str(os.getpid())).touch()
    time.sleep(600)
    raise AssertionError


def test_a_time_limit_that_gets_lost_in_native_code_is_told_as_such() -> None:
    """What comes of an interruption in the middle of something is no error of the stage's own."""

    def execute(task: Task, workspace: str) -> Done | Failed:
        with contextlib.suppress(BaseException):  # as a callback from native code does
            time.sleep(5)
        return Failed(task.step.name, task.source, task.key, "ValueError: I/O operation on closed file")

    engine = InlineEngine()
    engine._execute = execute
    task = Task(CRAWL, "s", "k", Basis({}, {}, ()), None, seconds=0.05, retry=False)
    (result,) = engine.run([task], "nowhere")
    assert isinstance(result, Failed) and result.cause == Cause.OVERTIME
    assert "partition.seconds" in result.message


@pytest.mark.ray
def test_records_that_end_the_worker_are_found_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that end their Ray worker, or never come back, cost themselves; the rest is as if they had not been."""
    folder = folder_with(tmp_path, "s01exit", "s05sleep", count=6)
    settings = SMALL | {"partition": {"records": 4, "seconds": 600}}
    config = write_config(tmp_path / "c.yaml", folder, **settings)
    ray.cloudpickle.register_pickle_by_value(harmful)

    def left(attempt: engines._Attempt) -> float:
        name = f"{attempt.job.key.replace('/', '_')}-*"
        asleep = attempt.began is not None and list((tmp_path / "ws/asleep").glob(name))
        for marker in asleep or ():
            marker.unlink()
        return 0.0 if asleep else 600.0

    monkeypatch.setattr(engines, "_left", left)
    monkeypatch.setattr(engines, "_next_deadline", lambda attempts: 0.05)
    run = mill(config, tmp_path / "ws", harmful.ray)
    lost = dropped(run.workspace)
    assert {path: loss[:2] for path, loss in lost.items()} == {
        "s01exit.svg": ("rowwise", "crashed"),
        "s05sleep.svg": ("rowwise", "timed_out"),
    }
    assert verify_version(open_storage(str(run.workspace)), None, Display(quiet=True))[0] == []
    assert samples(run.workspace) == samples(without(tmp_path, folder, list(lost)))


@pytest.mark.ray
def test_a_task_over_its_time_is_tried_again_in_another_process(tmp_path: Path) -> None:
    """On Ray, a task that never comes back is stopped, once more run by another worker, then told as over its time."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    task = Task(CRAWL, "icons", "0", Basis({}, {}, ()), None, seconds=1)
    with harmful.ray(1, nap) as engine:
        (result,) = engine.run([task], str(tmp_path))
    assert isinstance(result, Failed) and result.cause == Cause.OVERTIME
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
