import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.versions.published import manifest_path
from tests.helpers import ROOT, drawings, mill, write_config


def _interruptible() -> None:
    """A shell starts what is in the background with Ctrl-C ignored, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Calm:
    """A config and the manifest of its run when nothing happens."""

    config: Path
    manifest: bytes


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """Of 24 drawings in eight partitions."""
    home = tmp_path_factory.mktemp("calm")
    config = write_config(home / "c.yaml", drawings(home / "icons", 24), partition={"records": 3})
    return Calm(config, (mill(config, home / "ws").workspace / manifest_path(1)).read_bytes())


@pytest.mark.parametrize("after", [2, 6, 14])
def test_killed_run_goes_on_where_it_was(calm: Calm, tmp_path: Path, after: int) -> None:
    """SIGKILL once `after` partitions are done, then a second run: same manifest, finished partitions untouched."""
    workspace = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        str(calm.config),
        "--workspace",
        str(workspace),
        "--engine",
        "inline",
    ]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(workspace.glob("tables/**/*.json"))) < after and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (workspace / manifest_path(1)).exists()
    done = {path: path.stat().st_mtime_ns for path in workspace.glob("tables/**/*.json")}
    assert len(done) >= after
    result = mill(calm.config, workspace).result
    assert result.published
    assert result.reused >= after
    assert (workspace / manifest_path(1)).read_bytes() == calm.manifest
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_interrupted_run_says_how_to_go_on(icons: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the run with one line, exit code 130 and nothing published; the same command goes on."""
    config = write_config(tmp_path / "c.yaml", icons, partition={"records": 3})
    workspace = tmp_path / "ws"
    command = [sys.executable, "-m", "pipeline.cli", "run", str(config), "--workspace", str(workspace)]
    process = subprocess.Popen(
        [*command, "--engine", "inline"], cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=_interruptible
    )
    deadline = time.monotonic() + 60
    while len(list(workspace.glob("tables/samples/**/*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command to go on" in errors and "Traceback" not in errors
    assert not (workspace / manifest_path(1)).exists()
    assert mill(config, workspace).result.reused >= 2


@pytest.mark.ray
def test_interrupted_run_on_ray_stops_cleanly(icons: Path, tmp_path: Path) -> None:
    """Ctrl-C at a terminal, which reaches workers, too, ends a run on Ray as one in this process."""
    config = write_config(tmp_path / "c.yaml", icons, partition={"records": 2})
    workspace = tmp_path / "ws"
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        str(config),
        "--workspace",
        str(workspace),
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_interruptible
    )
    deadline = time.monotonic() + 120
    while len(list(workspace.glob("tables/samples/**/*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "run the same command to go on" in errors and "Traceback" not in errors
    assert not (workspace / manifest_path(1)).exists()
    assert mill(config, workspace).result.reused >= 2
