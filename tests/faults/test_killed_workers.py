import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.versions.published import manifest_path
from tests.faults.killing import NODE, WORKERS
from tests.helpers import ROOT, drawings, mill, write_config


@pytest.mark.ray
def test_killed_workers_and_a_lost_node_change_nothing(tmp_path: Path) -> None:
    """With workers killed at random, and with one of two nodes killed, the manifest is that of an undisturbed run."""
    folder = drawings(tmp_path / "icons", 24)
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}}
    config = write_config(tmp_path / "c.yaml", folder, **small)
    calm = mill(config, tmp_path / "calm").workspace
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killing", str(config), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    kills = dict(line.split() for line in done.stdout.splitlines() if line.startswith((f"{WORKERS} ", f"{NODE} ")))
    assert int(kills[WORKERS]) > 0 and int(kills[NODE]) > 0
    for what in (WORKERS, NODE):
        assert (tmp_path / what / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()
