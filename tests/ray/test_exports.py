"""Exports that Ray's workers write."""

from pathlib import Path

import pytest
import yaml

from tests.helpers import Run, svgmill
from tests.pipeline.exports.test_lists import files, stage
from tests.ray.conftest import Cluster


@pytest.mark.ray
def test_workers_write_the_same_bytes(finished: Run, cluster: Cluster, tmp_path: Path) -> None:
    """As one process."""
    tiers = {shard.tier for shard in finished.result.manifest.shards}
    file = tmp_path / "curriculum.yaml"
    file.write_text(yaml.safe_dump({"stages": [stage("all", tiers)]}))
    common = ("export", finished.workspace, "--format", "lists", "--curriculum", file, "--set", "file_rows=9")
    assert svgmill(*common, "--out", tmp_path / "one").returncode == 0
    done = svgmill(*common, "--out", tmp_path / "several", "--engine", "ray")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "one") == files(tmp_path / "several")
