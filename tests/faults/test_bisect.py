import contextlib
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.errors import PartitionFailed, PartitionRefused
from pipeline.progress import Display
from pipeline.run.engine import InlineEngine
from pipeline.steps.crawl import CRAWL
from pipeline.steps.rowwise import SAMPLES_STEP
from pipeline.storage.open import open_storage
from pipeline.versions.verify import verify_version
from pipeline.work.ledger import Basis
from pipeline.work.task import Cause, Done, Failed, Task
from tests.faults import harmful
from tests.faults.harmful import SMALL, dropped, folder_with, samples, without
from tests.helpers import mill, write_config


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
    assert engine.load().restarts == {("crawl", "overtime"): 3}  # each of its partitions


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
