"""Tasks that run before the walk comes to their step."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Defect, PartitionFailed, StoreUnavailable
from pipeline.progress import LOG, Display
from pipeline.run.ahead import DONE_BEFORE, Ahead
from pipeline.run.engine import InlineEngine, More, nothing_more
from pipeline.run.execute import execute_safely
from pipeline.run.forecast import USUAL, Forecast
from pipeline.run.plan import decide
from pipeline.run.watch import Watch
from pipeline.steps.registry import STEPS
from pipeline.steps.sides import DESCRIBE_STEP, LATER_STEPS
from pipeline.steps.tiers import TIER_STEP
from pipeline.storage.folder import FolderStorage
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Cause, Done, Failed, Task
from tests.helpers import Run, drawings, mill, write_config

SCORE_STEP = LATER_STEPS[0][0]


class Eager(InlineEngine):
    """Does as workers that idle all the time, of which one is always at something: a call ends with all that can run
    ahead but the last begun, which the next call ends with."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: Counter[str] = Counter()
        self.failures: dict[str, Failed] = {}
        """Step -> what its first task that runs ahead comes to."""
        self._under_way: list[Task[Any]] = []

    def run(
        self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
    ) -> Generator[Done | Failed, None, None]:
        begun = {(task.stage, task.source, task.key) for task in self._under_way}
        fresh = [task for task in tasks if (task.stage, task.source, task.key) not in begun]
        before, self._under_way = self._under_way, []
        yield from super().run([*before, *fresh], workspace)
        waiting: list[Task[Any]] = []
        while (task := more()) is not None:
            self.ahead[task.stage] += 1
            if task.stage in self.failures:
                yield replace(self.failures.pop(task.stage), source=task.source, key=task.key)
                continue
            waiting.append(task)
            if len(waiting) > 1:
                yield self._execute(waiting.pop(0), workspace)
        self._under_way = waiting


def files(run: Run) -> dict[str, bytes]:
    """All that a run wrote, but for what tells of itself."""
    store = FolderStorage(run.workspace)
    kinds = ("tables/", "shards/", "vocabularies/", "versions/", "index/", "lineage/", "provenance/")
    return {entry.path: store.read(entry.path) for entry in store.list() if entry.path.startswith(kinds)}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A few small partitions, edges that the config gives."""
    folder = drawings(tmp_path / "icons", 12)
    return write_config(tmp_path / "c.yaml", folder, partition={"records": 4}, write={"formats": ["parquet"]})


def failed(step: str, cause: Cause, damaged: str = "") -> dict[str, Failed]:
    return {step: Failed(step, "", "", "no", cause, damaged)}


@pytest.mark.parametrize("quantiles", [False, True])
def test_what_ran_ahead_changes_nothing(config: Path, tmp_path: Path, quantiles: bool) -> None:
    """The same files, digests and counts of tasks; what ran ahead ran, and runs no more in the next run."""
    edges = json.dumps([{"name": "low", "share": 0.5}, {"name": "high", "share": 0.5}])
    sets = (f"tier.quantiles={edges}",) if quantiles else ()
    engine = Eager()
    one, other = mill(config, tmp_path / "one", sets=sets), mill(config, tmp_path / "other", lambda: engine, sets)
    assert files(one) == files(other)
    assert (one.result.ran, one.result.reused) == (other.result.ran, other.result.reused)
    assert engine.ahead[SCORE_STEP.name] > 1
    assert set(engine.ahead) == {SCORE_STEP.name, "measure" if quantiles else TIER_STEP.name}
    again = mill(config, tmp_path / "other", lambda: engine, sets)
    assert not again.result.published and again.result.ran == 0


def test_a_failure_is_met_at_its_own_step(config: Path, tmp_path: Path) -> None:
    """What failed ahead is tried again there; if it fails again, its step ends the run."""
    engine = Eager()
    engine.failures = failed(SCORE_STEP.name, Cause.DIED)
    mill(config, tmp_path / "again", lambda: engine)
    assert not engine.failures

    def broken(task: Task[Any], workspace: str) -> Done | Failed:
        if task.stage == SCORE_STEP.name:
            return Failed(task.stage, task.source, task.key, "no", Cause.ERROR)
        return execute_safely(task, workspace)

    engine = Eager()
    engine._execute = broken
    with pytest.raises(PartitionFailed, match=r"score failed on icons/.*: no \(and 4 more partitions\)"):
        mill(config, tmp_path / "never", lambda: engine)
    done = {path.parts[-3] for path in (tmp_path / "never" / "tables").rglob("*.json")}
    assert {"segments", "tier"} <= done and SCORE_STEP.name not in done


def test_a_store_that_fails_is_told_of_at_once(config: Path, tmp_path: Path) -> None:
    """By the name of the step that met it: nothing else fares better."""
    engine = Eager()
    engine.failures = failed(SCORE_STEP.name, Cause.STORE)
    with pytest.raises(StoreUnavailable, match=r"score failed on icons/.*: no; finished"):
        mill(config, tmp_path / "ws", lambda: engine)
    assert not (tmp_path / "ws" / "tables" / "segments").exists()


def test_damage_that_is_met_ahead_is_made_good(config: Path, tmp_path: Path) -> None:
    """The run walks once more, and forgets what was under way."""
    plain = mill(config, tmp_path / "plain")
    name = next(path for path in files(plain) if path.startswith("tables/samples/") and path.endswith(".parquet"))
    engine = Eager()
    engine.failures = failed(TIER_STEP.name, Cause.ERROR, name)
    assert files(mill(config, tmp_path / "ws", lambda: engine)) == files(plain) and not engine.failures


def test_each_partition_is_counted_once_and_for_its_own_step(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the display's lines; the share of the run does not go back where something ran ahead."""
    shares: list[float] = []

    class Looking(Display):
        def whole(self, share: float, seconds_left: float | None) -> None:
            shares.append(round(share, 9))
            super().whole(share, seconds_left)

        def begin(self, stage: str, *counts: Any, **more: Any) -> None:
            if stage == DESCRIBE_STEP.name:
                shares.clear()
            super().begin(stage, *counts, **more)

    monkeypatch.setenv(LOG, "json")
    counts = []
    for engine in (InlineEngine, Eager):
        mill(config, tmp_path / engine.__name__, engine, display=Looking())
        assert shares == sorted(shares) and len(shares) > 20
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        counts.append({line["step"]: (line["partitions"], line["reused"]) for line in lines if "reused" in line})
        last = {line["step"]: line for line in lines if "done" in line}
        assert all(line["done"] == line["partitions"] for line in last.values())
    assert counts[0] == counts[1] and counts[0][SCORE_STEP.name][0] > 1
    assert any("score: 5 to run (5 ran ahead), 0 reused" in line["message"] for line in lines)


def test_a_status_has_what_ran_ahead_once_its_step_begins() -> None:
    """With its seconds and records."""
    watch = Watch("icons", Display(quiet=True), {})
    watch.begin("describe", 0, 1, 10)
    for step, key in (("score", "0"), ("describe", "0"), ("score", "1")):
        record = Record(step, "icons", key, "", {}, {}, "", {}, 10, 10)
        watch.done(Done(record, 2.0, 0, {}))
    assert [(step.step, step.done) for step in watch.status().steps] == [("describe", 1)]
    watch.begin("score", 3, 4, 40)
    (_, score) = watch.status().steps
    assert (score.partitions, score.reused, score.done, score.records, score.seconds) == (6, 1, 2, 20, 4.0)
    watch.anew()
    watch.begin("tier", 3, 0, 0)
    assert watch.status().steps[-1].reused == 3


def test_a_forecast_counts_what_ran_ahead() -> None:
    """As done, once: the share is the same when its step begins, and all is done at the end."""
    forecast = Forecast([step.name for step in STEPS], {})
    forecast.begin("samples", 1000)
    forecast.advance(1000, 20.0)
    before = forecast.share
    forecast.advance_ahead("score", 400, 1.0)
    ahead = forecast.share
    forecast.begin("score", 1000)
    assert before < ahead
    forecast.advance(600, 1.0)
    for step in STEPS[[step.name for step in STEPS].index("score") + 1 :]:
        forecast.begin(step.name, 1000)
        forecast.advance(1000, USUAL.get(step.name, 0.0) * 1000)
    assert forecast.share == pytest.approx(1)


def test_an_offer_that_was_done_before_is_left_to_its_step(tmp_path: Path) -> None:
    """After a few tasks, and the next offer is taken; what is under way as another task is a defect."""
    storage = FolderStorage(tmp_path)
    basis = Basis({}, {}, ())

    def tasks(step: Any, count: int) -> list[Task[Any]]:
        return [Task(step, "icons", str(number), basis, None) for number in range(count)]

    made: list[str] = []

    def offered(step: Any, count: int) -> list[Task[Any]]:
        made.append(step.name)
        return tasks(step, count)

    for task in tasks(DESCRIBE_STEP, DONE_BEFORE):
        ledger.save(storage, Record(task.stage, "icons", task.key, basis.fingerprint, {}, {}, "", {}, 1, 1))
    ahead = Ahead(storage, decide)
    ahead.offer(DESCRIBE_STEP, lambda: offered(DESCRIBE_STEP, 2 * DONE_BEFORE))
    ahead.offer(SCORE_STEP, lambda: offered(SCORE_STEP, 2))
    ahead.offer(TIER_STEP, lambda: offered(TIER_STEP, 2))
    assert not made
    first = ahead.take()
    assert first is not None and (first.stage, first.key) == (SCORE_STEP.name, "0") and ahead.began(first)
    assert made == [DESCRIBE_STEP.name, SCORE_STEP.name]
    ahead.come_to(SCORE_STEP)
    taken = list(chain.from_iterable([task.stage, task.key] for task in iter(ahead.take, None) if task))
    assert taken == [TIER_STEP.name, "0", TIER_STEP.name, "1"]
    other = Task(SCORE_STEP, "icons", "0", Basis({"score": 2}, {}, ()), None)
    with pytest.raises(Defect, match="score icons/0 began ahead as another task"):
        ahead.began(other)
    assert not ahead.began(tasks(SCORE_STEP, 2)[1])
    ahead.clear()
    assert not ahead.began(other)
