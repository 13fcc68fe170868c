"""Ray clusters as their users start them: a process a node, a dashboard with its job server, on ports of their own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

_RAY = Path(sys.executable).with_name("ray")


@dataclass
class Nodes:
    """A cluster whose first node is the head."""

    port: int
    dashboard: int
    folder: Path
    """Of each node's own temporary folder, as each has one where each is a machine."""
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the head."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of the job server."""
        return f"http://127.0.0.1:{self.dashboard}"

    def add(self, *words: str, **environment: str) -> None:
        """Start a node."""
        (agent,) = _free_ports(1)  # without one of its own a node takes no jobs, and does not say so
        folder = self.folder / str(next(_numbers))
        own = ["--block", "--disable-usage-stats", f"--dashboard-agent-listen-port={agent}", f"--temp-dir={folder}"]
        self.processes.append(
            subprocess.Popen(
                [str(_RAY), "start", *own, *words],
                env=self.environment | environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def join(self, **environment: str) -> None:
        """Start one more node and wait until the head knows it."""
        self.add(f"--address={self.address}", "--num-cpus=1", **environment)
        wait_until(lambda: self._alive() == len(self.processes))

    def _alive(self) -> int:
        answer = urllib3.request("GET", f"{self.url}/nodes?view=summary", retries=False).json()
        return sum(node["raylet"].get("state") == "ALIVE" for node in answer["data"]["summary"])

    def kill(self) -> None:
        """The last node is gone with all its workers, without a word."""
        process = self.processes.pop()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End all nodes."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


_numbers = itertools.count()


def wait_until(holds: object, seconds: float = 90.0) -> None:
    """Until ``holds()``, which may fail meanwhile as a request does."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, urllib3.exceptions.HTTPError, ValueError):
            if holds():  # type: ignore[operator]
                return
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


def drivers(uri: str) -> list[int]:
    """The processes that run the run on that workspace."""
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if "pipeline.cli" in words and "run" in words and uri in words:
                pids.append(int(folder.name))
    return pids


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def cluster() -> Iterator[Nodes]:
    """A head of two CPUs. Its job server is there."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path must be short
    port, dashboard, client = _free_ports(3)
    quiet = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    path = os.pathsep.join((str(_RAY.parent), os.environ["PATH"]))
    # a dead node is known after seconds instead of half a minute
    fast = {
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "5",
        # two runs at once have more workers than a node has CPUs: one that is ended as it idles is started anew
        "RAY_idle_worker_killing_time_threshold_ms": "60000",
    }
    nodes = Nodes(port, dashboard, folder, os.environ | quiet | fast | {"PATH": path})
    try:
        nodes.add(
            "--head",
            "--num-cpus=1",
            f"--port={port}",
            f"--dashboard-port={dashboard}",
            f"--ray-client-server-port={client}",
        )
        wait_until(lambda: urllib3.request("GET", f"{nodes.url}/api/version", retries=False).status == 200)
        yield nodes
    finally:
        nodes.close()
        shutil.rmtree(folder, ignore_errors=True)
