"""Runs on a cluster of two nodes that was started as its users start one, with a workspace on S3."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work import marks
from tests.helpers import ROOT, drawings, mill, write_config
from tests.ray.clusters import Nodes, cluster, drivers, wait_until

pytestmark = pytest.mark.ray

NONE_AT_ALL = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.fixture(scope="module")
def nodes(s3_endpoint: str) -> Iterator[Nodes]:
    with cluster() as started:
        yield started


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = drawings(tmp_path / "icons", 8)
    return write_config(tmp_path / "c.yaml", folder, partition={"records": 4}, render={"size": 32, "compare_size": 32})


def start(*words: object, folder: Path = ROOT) -> subprocess.Popen[str]:
    """The command, in a process of its own, in ``folder``: Ray remembers the first cluster that a process met."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], code: int) -> str:
    """What the command printed; of a failure its one line."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err + out
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in err
    assert len(lines) == (1 if code in (2, 75) else 0), err
    return lines[0] if lines else out + err


def started(uri: str, stage: str = "samples") -> None:
    """Wait until the run on that workspace has finished a partition of a stage."""
    storage = open_storage(uri)
    wait_until(lambda: any(entry.path.endswith(".json") for entry in storage.list(f"tables/{stage}/")))


def test_a_node_that_does_not_see_or_reach_the_workspace_is_told(
    nodes: Nodes, config: Path, tmp_path: Path, s3_uri: str
) -> None:
    """In one line, before anything runs: a folder that the driver alone has, and a store that a node has no rights to."""
    nodes.join(**NONE_AT_ALL)
    # of each process a folder of its own, as a path is on machines that share none
    runs = [
        start("run", config, "--workspace", workspace, "--address", nodes.address, folder=tmp_path)
        for workspace in ("/proc/self/cwd/ws", s3_uri)
    ]
    not_seen, not_reached = (end(run, 2) for run in runs)
    assert "does not see" in not_seen and "give a workspace that all nodes share" in not_seen
    assert "no usable credentials" in not_reached and "of the Ray cluster at" in not_reached
    nodes.kill()
    assert not open_storage(s3_uri).list("tables/") and not open_storage(s3_uri).list(marks.MARKS)


def test_a_submitted_run_survives_a_node(nodes: Nodes, config: Path, tmp_path: Path, s3_uri: str) -> None:
    """One of two nodes is killed while it runs: it publishes what a run on one machine does, and ends with 0."""
    calm = mill(config, tmp_path / "calm").workspace
    nodes.join()
    run = start("submit", config, "--workspace", s3_uri, "--address", nodes.url, "--shared-folders")
    started(s3_uri, "crawl")
    nodes.kill()
    assert "published version 1" in end(run, 0)
    assert open_storage(s3_uri).read(published.manifest_path(1)) == (calm / published.manifest_path(1)).read_bytes()


def test_a_run_that_ends_early_is_submitted_again(nodes: Nodes, config: Path, tmp_path: Path, s3_uri: str) -> None:
    """After one whose driver was killed, two at once come to one version, as one machine does; one that is stopped says so."""
    calm = mill(config, tmp_path / "calm").workspace
    storage = open_storage(s3_uri)
    submit = ("submit", config, "--workspace", s3_uri, "--address", nodes.url, "--shared-folders")

    def detached() -> str:
        (job,) = re.findall(r"^submitted (\S+)$", end(start(*submit, "--detach"), 0), re.M)
        return job

    killed = detached()
    wait_until(lambda: storage.list(marks.MARKS))
    for driver in drivers(s3_uri):
        os.kill(driver, signal.SIGKILL)
    assert "was ended by SIGKILL; what it finished is kept; submit again" in end(
        start("jobs", "follow", killed, "--address", nodes.url), 75
    )

    both = [start(*submit) for _ in range(2)]
    said = [end(run, 0) for run in both]
    assert any("published version 1" in text for text in said)
    assert published.numbers(storage) == [1]
    assert storage.read(published.manifest_path(1)) == (calm / published.manifest_path(1)).read_bytes()

    stopped = detached()
    assert f"stopped {stopped}" in end(start("jobs", "stop", stopped, "--address", nodes.url), 0)

    listed = end(start("jobs", "list", "--address", nodes.url), 0)
    assert re.search(rf"^{stopped} +STOPPED .* c\.yaml +{re.escape(s3_uri)}$", listed, re.M)
    assert re.search(rf"^{killed} +FAILED ", listed, re.M) and listed.count("SUCCEEDED") >= 2
    assert "had ended before" in end(start("jobs", "stop", killed, "--address", nodes.url), 0)
    end(start("jobs", "follow", stopped, "--address", nodes.url), 130)
