"""A Ray cluster of two nodes of one machine, whose workers and nodes are killed while a run goes on."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.run.engine import RayEngine
from tests.helpers import mill

WORKERS, NODE = "workers", "node"
"""What is killed: worker processes now and then, or the node that the driver is not on, with all its workers."""


@contextlib.contextmanager
def cluster(cpus: int = 1) -> Iterator[Any]:
    """Two nodes with ``cpus`` each; a `ray.cluster_utils.Cluster`."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ["RAY_AUTH_MODE"] = "disabled"  # or a token of this machine would be asked for on one side only
    from ray.cluster_utils import Cluster

    # a dead node is known after seconds instead of half a minute
    system = {
        "health_check_initial_delay_ms": 1000,
        "health_check_period_ms": 1000,
        "health_check_failure_threshold": 5,
    }
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "_system_config": system})
    nodes.add_node(num_cpus=cpus)
    try:
        yield nodes
    finally:
        nodes.shutdown()


def workers_of(nodes: Any) -> list[int]:
    """Process ids of the worker processes of all nodes."""
    raylets = {raylet_of(node) for node in nodes.list_all_nodes()}
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (folder / "cmdline").read_bytes()
                # a raylet ends with its agents, which are no workers
                if parent in raylets and command.startswith(b"ray::") and b"Agent" not in command:
                    pids.append(int(folder.name))
    return sorted(pids)


class Killer(threading.Thread):
    """Kills at random times, a function of ``seed``, from when ``workspace`` holds a finished partition until stopped.

    ``most``: kills at most, so that a machine that starts workers more slowly than they are killed comes to an end.
    """

    def __init__(
        self, nodes: Any, workspace: Path, what: str, seed: int, pause: tuple[float, float], most: int
    ) -> None:
        super().__init__(daemon=True)
        self._nodes, self._workspace, self._what, self._pause, self._most = nodes, workspace, what, pause, most
        self._random = random.Random(seed)
        self._over = threading.Event()
        self.killed = 0

    def run(self) -> None:
        while not self._over.wait(0.05) and not list(self._workspace.glob("tables/*/*/*.json")):
            pass
        while self.killed < self._most and not self._over.wait(self._random.uniform(*self._pause)):
            if self._what == NODE:
                pids = [raylet_of(other(self._nodes))]
                self._over.set()
            else:
                pids = workers_of(self._nodes)
            if pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._random.choice(pids), signal.SIGKILL)
                    self.killed += 1

    def stop(self) -> None:
        """No more kills after this; a node that was killed has a successor."""
        self._over.set()
        self.join()
        if self._what == NODE and self.killed:
            self._nodes.remove_node(other(self._nodes), allow_graceful=False)
            self._nodes.add_node(num_cpus=1)


def raylet_of(node: Any) -> int:
    """Process id of a node's raylet."""
    return int(node.all_processes["raylet"][0].process.pid)


def other(nodes: Any) -> Any:
    """The node that a driver on this machine does not connect to."""
    return next(node for node in nodes.list_all_nodes() if not node.is_head())


def disturbed(
    nodes: Any, config: Path, workspace: Path, what: str, seed: int, pause: tuple[float, float], most: int = 12
) -> tuple[int, int]:
    """Run ``config`` with kills until it is through; the fourth time without. Returns the kills and the runs it took."""
    kills = 0
    for attempt in range(3):
        killer = Killer(nodes, workspace, what, seed * 10 + attempt, pause, most)
        killer.start()
        try:
            mill(config, workspace, lambda: RayEngine(nodes.address))
        except UserError as error:
            print(f"seed {seed}: {error}")
            killer.stop()
        else:
            killer.stop()
            return kills + killer.killed, attempt + 1
        kills += killer.killed
    mill(config, workspace, lambda: RayEngine(nodes.address))
    return kills, 4


def main(config: str, folder: str) -> None:
    """Run ``config`` in workspaces `WORKERS` and `NODE` of ``folder`` with a few kills of each kind, which are printed.

    This takes a process of its own: Ray remembers how the first cluster it met was joined.
    """
    with cluster() as nodes:
        for what in (WORKERS, NODE):
            kills, _ = disturbed(nodes, Path(config), Path(folder, what), what, 1, (0.1, 0.6), most=3)
            print(what, kills)


if __name__ == "__main__":
    main(*sys.argv[1:])
