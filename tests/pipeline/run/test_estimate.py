"""What a run would take of a cluster is in proportion to what a run took."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.run.estimate import Calibration, ClusterSpec, NodeSpec, calibrated, estimate, partitions, read_spec, slots
from pipeline.storage.folder import FolderStorage
from pipeline.work.task import Needs
from tests.helpers import ROOT, Run, one_line, svgmill

EXAMPLE = ROOT / "configs/clusters/example.yaml"


def nodes(**more: int) -> ClusterSpec:
    return ClusterSpec(nodes=(NodeSpec(name="n", **{"count": 2, "cpus": 8, "memory": 32, "price": 0.5} | more),))


KNOWN = Calibration(
    1_000, {"samples": 0.036, "write": 0.018, "segments": 0.0036}, {"shards": 5_000.0}, 0.002, 9.0, ((1_000, 2),), 7
)


def test_twice_the_files_take_twice_the_work() -> None:
    """And as much more storage; twice the machines take half the time, but for steps of one task."""
    one, two = estimate(KNOWN, 1_000_000, nodes(), 500, {}), estimate(KNOWN, 2_000_000, nodes(), 500, {})
    assert one.core_hours == pytest.approx(16) and two.core_hours == pytest.approx(32)
    assert one.bytes == {"shards": 5_000_000_000, "fixed": 7} and two.writes == 2 * one.writes == 2 * (
        2_000 + 2_000 * 9
    )
    assert one.serial_seconds == pytest.approx(3600)
    wide = estimate(KNOWN, 1_000_000, nodes(count=4), 500, {})
    spread = (one.hours - 1) * 3600 - 90
    assert (wide.hours - 1) * 3600 - 90 == pytest.approx(spread / 2)
    assert one.machines == pytest.approx(one.hours * 2 * 0.5)


def test_memory_bounds_what_runs_at_a_time() -> None:
    """As CPUs do; a node that has less than a task needs runs one all the same."""
    assert slots(nodes(), Needs(memory=0)) == 16 == slots(nodes(), Needs(memory=2**30))
    assert slots(nodes(memory=4), Needs(memory=2**30)) == 4
    assert slots(nodes(count=1, cpus=1, memory=1), Needs(memory=2**34)) == 1
    assert slots(nodes(), Needs(cpus=2, memory=0)) == 8
    slow = estimate(KNOWN, 1_000_000, nodes(), 500, {"samples": Needs(memory=16 * 2**30)})
    assert slow.hours > 2 * estimate(KNOWN, 1_000_000, nodes(), 500, {}).hours and slow.slots == 2


def test_partitions_are_as_full_as_they_can_be() -> None:
    """Few files of many sources leave partitions small: with more files these fill before there are others."""
    known = replace(KNOWN, sources=((900, 1), (50, 1), (50, 2)))
    assert partitions(known, 1_000, 1_000) == 4
    assert partitions(known, 10_000, 1_000) == 9 + 1 + 2
    assert partitions(known, 1_000_000, 1_000) == 900 + 50 + 50


def test_a_workspace_is_a_calibration(finished: Run, tmp_path: Path) -> None:
    """Every step that ran is in it, and all that is stored; the command tells of files that nobody has listed."""
    storage = FolderStorage(finished.workspace)
    known = calibrated(storage)
    assert known.files == finished.result.manifest.funnel.input
    assert {"crawl", "samples", "write", "tier", "deduplicate", "segments"} <= known.seconds.keys()
    assert sum(files for files, _ in known.sources) == known.files
    stored = sum(entry.size for entry in storage.list())
    assert sum(known.bytes.values()) * known.files + known.fixed == pytest.approx(stored, rel=0.01)
    done = svgmill(
        "plan", finished.config, "--workspace", finished.workspace, "--cluster", EXAMPLE, "--files", "5000000"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5,000,000 files on 20 spot-16 (16 CPUs, 64 GiB), by what ")
    assert "core-hours" in done.stdout and "a month for storage" in done.stdout
    shutil.rmtree(finished.workspace / "tables/samples")
    with pytest.raises(ConfigError, match="has not measured samples: run the config on a thousand files"):
        calibrated(storage)


def test_what_is_no_cluster_is_said(finished: Run, tmp_path: Path) -> None:
    """In one line, with the key."""
    (tmp_path / "a.yaml").write_text("nodes: []")
    with pytest.raises(ConfigError, match=r"cluster .*a\.yaml: nodes"):
        read_spec(tmp_path / "a.yaml")
    assert read_spec(EXAMPLE).nodes[0].cpus == 16
    common = ("plan", finished.config, "--workspace", finished.workspace)
    assert "--files needs --cluster" in one_line(svgmill(*common, "--files", "5"), 2)
