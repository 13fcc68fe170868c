"""What a run tells of itself while it is at work."""

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.status import lines
from pipeline.errors import ConfigError
from pipeline.progress import LOG, Display
from pipeline.run import watch as module
from pipeline.run.engine import InlineEngine, Load, More, nothing_more
from pipeline.run.forecast import USUAL, Forecast
from pipeline.run.watch import Watch, is_slow, usual_seconds
from pipeline.steps.registry import STEPS
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output
from pipeline.work import marks
from pipeline.work.ledger import Record
from pipeline.work.status import RunStatus, read_status
from pipeline.work.task import SANDBOXED, Done, Failed, Needs, Task
from tests.helpers import Run, mill, svgmill


def done(step: str, partition: str, records: int, seconds: float, **more: Any) -> Done:
    source, key = partition.split("/")
    record = Record(step, source, key, "", {}, {}, "", more.pop("outputs", {}), records, records, **more)
    return Done(record, seconds, 0, {})


class Stuck(InlineEngine):
    """An engine whose tasks find no worker, or run for as long as it says."""

    at = Load(starting=3)

    def load(self) -> Load:
        return self.at


def test_a_forecast_adds_up_to_the_whole_run() -> None:
    """Its share grows from 0 to 1 as steps go by, and the time left is none at the end."""
    assert USUAL.keys() <= {step.name for step in STEPS}
    forecast = Forecast([step.name for step in STEPS], {})
    shares = [forecast.share]
    assert forecast.seconds_left(1) is None
    for step in STEPS:
        forecast.begin(step.name, 1000)
        for _ in range(10):
            forecast.advance(100, 100 * USUAL.get(step.name, 0.0))
            shares.append(forecast.share)
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1)
    assert forecast.seconds_left(2) == pytest.approx(0)


def test_a_forecast_believes_what_it_measures() -> None:
    """Twice as slow, twice as long left; twice the workers, half as long; what is known of a workspace counts first."""
    left = []
    for pace, rates in ((1.0, {}), (2.0, {}), (1.0, {"write": 2 * USUAL["write"]})):
        forecast = Forecast([step.name for step in STEPS], rates)
        forecast.begin("samples", 1000)
        forecast.advance(900, 900 * USUAL["samples"] * pace)
        left.append(forecast.seconds_left(1) or 0.0)
        assert forecast.seconds_left(2) == pytest.approx(left[-1] / 2)
    assert 1.7 * left[0] < left[1] < 2 * left[0] and left[2] > left[0] * 1.2


def test_only_what_takes_far_longer_than_its_peers_is_slow() -> None:
    """Once there are peers, and not for seconds."""
    assert usual_seconds([40.0, 42.0, 44.0, 41.0, 43.0]) == 42.0 and usual_seconds([40.0] * 4) is None
    assert is_slow(500.0, 42.0)
    assert not is_slow(500.0, None)
    assert not is_slow(50.0, 1.0)
    assert not is_slow(150.0, 40.0)


def test_a_status_has_what_the_run_is_at(tmp_path: Path) -> None:
    """Steps, slow partitions, reasons with a table; it is told in the mark, and read back from there."""
    storage = FolderStorage(tmp_path)
    watch = Watch("icons", Display(quiet=True), {})
    watch.begin("crawl", 3, 0, 0)
    watch.begin("samples", 1, 2, 200)
    lost = {"outputs": {"dropped": Output("tables/x.parquet", "", 0, 0)}, "dropped": {"sanitize": {"not_svg": 2}}}
    watch.done(done("samples", "a/0", 100, 3.0, **lost))
    watch.done(done("samples", "b/0", 100, 7.0, dropped={"sanitize": {"not_svg": 1}}))
    with marks.running(storage, print) as mark:
        mark.tell(watch.status().to_bytes())
        (data,) = marks.told(storage, marks.fresh(storage, marks.RUNS))
    status = read_status(data)
    assert status is not None and read_status(b"{}\n") is None
    assert [(step.step, step.partitions, step.done, step.records) for step in status.steps] == [
        ("crawl", 0, 0, 0),
        ("samples", 2, 2, 200),
    ]
    assert [(each.partition, each.seconds) for each in status.slowest] == [("b/0", 7.0), ("a/0", 3.0)]
    (reason,) = status.reasons
    assert (reason.reason, reason.records, reason.table) == ("not_svg", 3, "tables/x.parquet")
    assert 0 < status.share < 1 and status.seconds_left is not None
    told = list(lines(status, status.told + 300, None, storage))
    assert "1 steps had nothing to do" in "\n".join(told) and "it has told nothing for 5 min" in told[1]
    assert any("samples" in line and "2/2 partitions, 1 reused, 200 records" in line for line in told)


def test_a_run_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Workers that nobody gives it; a straggler is told of once."""
    monkeypatch.setattr(module, "STARTING_SECONDS", 0.0)
    watch, engine = Watch("icons", Display(), {}), Stuck()
    watch.engine(engine)
    watch.begin("samples", 0, 9, 900)
    watch._look()
    assert watch.status().waits_for == "workers: 3 partitions wait for one, and free are this process"
    for number in range(6):
        watch.done(done("samples", f"a/{number}", 100, 10.0))
    engine.at = Load(running=(("samples", "a/9", 600.0),), waiting=2)
    watch._look()
    watch._look()
    status = watch.status()
    assert (status.waits_for, status.queued, status.running[0].partition) == ("", 2, "a/9")
    text = capfd.readouterr().err
    assert text.count("a/9: 600 s so far, half of the others took up to 10 s") == 1
    assert "waiting for workers: 3 partitions" in text


def test_lines_of_json_have_run_step_and_partition(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One object a line, each partition in one, for who collects logs."""
    monkeypatch.setenv(LOG, "json")
    watch = Watch("icons", Display(), {})
    watch.begin("samples", 0, 2, 200)
    watch.done(done("samples", "a/0", 100, 3.0))
    watch.done(done("samples", "b/0", 100, 3.0))
    every = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line.get("partition") for line in every] == [None, "a/0", "b/0"]
    assert all(line["run"] == "icons" and line["step"] == "samples" and line["time"] > 0 for line in every)
    assert every[-1]["done"] == every[-1]["partitions"] == 2


def test_status_is_asked_from_elsewhere(finished: Run) -> None:
    """While a run is at work, when none is, and of one that has died; as JSON, too."""
    storage = FolderStorage(finished.workspace)
    idle = svgmill("status", finished.workspace)
    assert idle.returncode == 0 and "no run is at work" in idle.stdout and "the newest version is 1" in idle.stdout
    seen: list[RunStatus] = []

    class Looking(Display):
        def advance(self, records: int, partition: str = "") -> None:
            if not seen:
                time.sleep(0.05)
                seen.extend(
                    status
                    for data in marks.told(storage, marks.fresh(storage, marks.RUNS))
                    if (status := read_status(data)) is not None
                )
            super().advance(records, partition)

    mill(finished.config, finished.workspace, sets=("caption.max_characters=40",), display=Looking(quiet=True))
    assert seen and seen[0].name == "test" and not marks.fresh(storage, marks.RUNS)
    storage.write(f"{marks.RUNS}dead.json", seen[0].model_copy(update={"told": time.time() - 500}).to_bytes())
    dead = svgmill("status", finished.workspace)
    assert "it has told nothing for 8 min" in dead.stdout
    assert json.loads(svgmill("status", finished.workspace, "--json").stdout)["name"] == "test"


def test_a_task_needs_what_its_step_or_the_config_says(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config wins, makes no other version of it, and names steps that there are."""
    needs: dict[str, Needs] = {}

    class Asked(InlineEngine):
        def run(
            self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
        ) -> Generator[Done | Failed, None, None]:
            needs.update({task.stage: task.needs for task in tasks})
            yield from super().run(tasks, workspace, more)

    again = mill(finished.config, finished.workspace, sets=('resources={"write": {"memory": 7, "cpus": 2}}',))
    assert not again.result.published
    mill(finished.config, finished.workspace.with_name("other"), Asked, ('resources={"write": {"memory": 7}}',))
    assert needs["write"] == Needs(1.0, 7) and needs["samples"] == SANDBOXED and needs["crawl"] == Needs()
    with pytest.raises(ConfigError, match=r"resources.wirte: there is no such step; there are fetch, crawl"):
        mill(finished.config, finished.workspace, sets=('resources={"wirte": {}}',))
