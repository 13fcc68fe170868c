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
from tests.helpers import ROOT, Run, drawings, mill, svgmill, write_config
from tests.ray.clusters import Nodes, cluster, drivers, wait_until

pytestmark = [
    pytest.mark.ray,
    # of aiohttp, at a parameter that Ray gives it
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning"),
]

NONE_AT_ALL = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.fixture(scope="module")
def nodes(s3_endpoint: str) -> Iterator[Nodes]:
    with cluster() as started:
        yield started


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a few small partitions on one machine."""
    home = tmp_path_factory.mktemp("calm")
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}}
    return mill(write_config(home / "c.yaml", drawings(home / "icons", 8), **small), home / "ws")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_API_SERVER_ADDRESS"):  # who asks a job server in this process sets them
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)


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
    return _told(subprocess.CompletedProcess(process.args, process.returncode, out, err), code)


def here(code: int, *words: object) -> str:
    """As `end`, of a command in this process: one that asks a job server joins no cluster."""
    return _told(svgmill(*words), code)


def _told(done: subprocess.CompletedProcess[str], code: int) -> str:
    out, err = done.stdout, done.stderr
    assert done.returncode == code, err + out
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in err
    assert len(lines) == (1 if code in (2, 75) else 0), err
    return lines[0] if lines else out + err


def started(uri: str, stage: str = "samples") -> None:
    """Wait until the run on that workspace has finished a partition of a stage."""
    storage = open_storage(uri)
    wait_until(lambda: any(entry.path.endswith(".json") for entry in storage.list(f"tables/{stage}/")))


def manifest(workspace: str | Path) -> bytes:
    """Of the first version."""
    return open_storage(str(workspace)).read(published.manifest_path(1))


def test_a_node_that_does_not_see_or_reach_the_workspace_is_told(
    nodes: Nodes, calm: Run, tmp_path: Path, s3_uri: str
) -> None:
    """In one line, before anything runs: a folder that the driver alone has, and a store that a node has no rights to."""
    nodes.join(**NONE_AT_ALL)
    # of each process a folder of its own, as a path is on machines that share none
    runs = [
        start("run", calm.config, "--workspace", workspace, "--address", nodes.address, folder=tmp_path)
        for workspace in ("/proc/self/cwd/ws", s3_uri)
    ]
    not_seen, not_reached = (end(run, 2) for run in runs)
    assert "does not see" in not_seen and "give a workspace that all nodes share" in not_seen
    assert "no usable credentials" in not_reached and "of the Ray cluster at" in not_reached
    nodes.kill()
    assert not open_storage(s3_uri).list("tables/") and not open_storage(s3_uri).list(marks.MARKS)


def test_a_submitted_run_survives_a_node(nodes: Nodes, calm: Run, s3_uri: str) -> None:
    """One of two nodes is killed while it runs: it publishes what a run on one machine does, and ends with 0."""
    nodes.join()
    run = start("submit", calm.config, "--workspace", s3_uri, "--address", nodes.url, "--shared-folders")
    started(s3_uri, "crawl")
    nodes.kill()
    assert "published version 1" in end(run, 0)
    assert manifest(s3_uri) == manifest(calm.workspace)


def test_a_run_that_ends_early_is_submitted_again(nodes: Nodes, calm: Run, s3_uri: str) -> None:
    """After one whose driver was killed, two at once come to one version, as one machine does; one that is stopped says so."""
    storage = open_storage(s3_uri)
    submit = ("submit", calm.config, "--workspace", s3_uri, "--address", nodes.url, "--shared-folders")

    def detached() -> str:
        (job,) = re.findall(r"^submitted (\S+)$", here(0, *submit, "--detach"), re.M)
        return job

    killed = detached()
    wait_until(lambda: storage.list(marks.MARKS))
    for driver in drivers(s3_uri):
        os.kill(driver, signal.SIGKILL)
    said = here(75, "jobs", "follow", killed, "--address", nodes.url)
    assert "was ended by SIGKILL; what it finished is kept; submit again" in said

    both = [start(*submit) for _ in range(2)]
    assert any("published version 1" in text for text in [end(run, 0) for run in both])
    assert published.numbers(storage) == [1]
    assert manifest(s3_uri) == manifest(calm.workspace)

    stopped = detached()
    assert f"stopped {stopped}" in here(0, "jobs", "stop", stopped, "--address", nodes.url)

    listed = here(0, "jobs", "list", "--address", nodes.url)
    assert re.search(rf"^{stopped} +STOPPED .* c\.yaml +{re.escape(s3_uri)}$", listed, re.M)
    assert re.search(rf"^{killed} +FAILED ", listed, re.M) and listed.count("SUCCEEDED") >= 2
    assert "had ended before" in here(0, "jobs", "stop", killed, "--address", nodes.url)
    here(130, "jobs", "follow", stopped, "--address", nodes.url)
