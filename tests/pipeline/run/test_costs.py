"""What a record takes is told without what a process takes to start."""

from pathlib import Path

import pytest

from pipeline.run.costs import Costs, rates
from pipeline.run.engine import InlineEngine
from pipeline.storage.folder import FolderStorage
from pipeline.work import sandbox
from pipeline.work.ledger import Record
from pipeline.work.task import Done
from tests.helpers import drawings, mill, write_config


def test_starts_are_no_work(tmp_path: Path) -> None:
    """They count for what a run took, not for what the next will."""
    costs = Costs()
    for seconds, starting in ((5.0, 3.0), (2.0, 0.0)):
        record = Record("samples", "s", "k", "", {}, {}, "", {}, 100, 100)
        costs.count("samples", Done(record, seconds, 0, {}, starting_seconds=starting))
    costs.keep(FolderStorage(tmp_path))
    assert rates(FolderStorage(tmp_path)) == {"samples": pytest.approx(0.02)} and costs.seconds["samples"] == 7.0


def test_the_sandbox_tells_of_its_start(tmp_path: Path) -> None:
    """Of a run's first partition; the second finds it started."""
    drawings(tmp_path / "icons", 2)
    config = write_config(tmp_path / "c.yaml", tmp_path / "icons", render={"size": 32, "compare_size": 32})
    sandbox.close_all()
    before = sandbox.starting_seconds()
    costs = mill(config, tmp_path / "ws", InlineEngine).result.costs
    assert 0 < costs.starting_seconds["samples"] <= costs.seconds["samples"]
    assert sum(costs.starting_seconds.values()) == pytest.approx(sandbox.starting_seconds() - before)
