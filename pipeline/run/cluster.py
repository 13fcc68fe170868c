"""Joining a Ray cluster that is there: whether there is one, what it asks for, and whether its nodes see the workspace.

Ray itself tries for ten minutes to reach an address where nothing is, ends the process where a token is missing, and
hangs where only one side uses tokens. So what can be known is asked first, each question with a limit of time.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, RunAgain, StoreUnavailable, UserError, WorkersLost
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work import marks

CONNECT_SECONDS = 10.0
"""For a connection to the head's port."""

PROBE_SECONDS = 30.0
"""For the head to say which cluster it is; what is no Ray, but listens, says nothing."""

ANSWER_SECONDS = 180.0
"""For the first worker of a cluster to start, with this checkout, and answer."""

OTHERS_SECONDS = 30.0
"""For the workers of the other nodes, once one has answered: a node that is slower is no reason to wait."""

_PROBE = """
import sys
from ray._private import services
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
address = sys.argv[1]
if address == "auto":
    address = services.canonicalize_bootstrap_address(address)
if address:
    print(address)
    try:
        GcsClient(address=address)
    except AuthenticationError:
        print("token")
    else:
        print("open")
"""


class RayUnavailable(WorkersLost):
    """The Ray cluster cannot be reached."""


def prepare(address: str) -> str:
    """Find out within a minute which cluster is at ``address``, and set the environment to what it asks for.

    Returns the address of its head. Raises RayUnavailable if there is no cluster, ConfigError for what cannot be an
    address and for a token that is missing.
    """
    address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    if address != "auto":
        _connect(address)
    found, answer = _asked(address, "disabled")
    if address != "auto":
        found = address
    elif not found:
        raise RayUnavailable(
            "there is no Ray cluster on this machine; start one (ray start --head), or give --address HOST:PORT"
        )
    if answer not in ("open", "token"):
        raise RayUnavailable(
            f"what should be at {found} is no Ray cluster's head, or does not answer; start one (ray start --head), or "
            "correct --address: the port is the one that ray start shows, not the dashboard's"
        )
    # Ray looks for the token only when told that clusters may ask for one
    os.environ["RAY_AUTH_MODE"] = "token" if answer == "token" else "disabled"
    if answer == "token":
        if not has_token():
            raise token_missing(f"the Ray cluster at {found}")
        if _asked(found, "token")[1] != "open":
            raise token_wrong(f"the Ray cluster at {found}")
    return found


def _connect(address: str) -> None:
    """Raise ConfigError if this is no address of a head, RayUnavailable if nothing listens there."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        job_server = "; for the address of a job server there is svgmill submit" if address.startswith("http") else ""
        raise ConfigError(
            f"--address {address}: give the HOST:PORT that ray start shows, for example 10.0.0.1:6379, or auto "
            f"on a machine of the cluster{job_server}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RayUnavailable(
            f"there is no Ray cluster at {address} ({reason}); start one (ray start --head), or correct --address"
        ) from None


def _asked(address: str, mode: str) -> tuple[str, str]:
    """The head's address, and whether its cluster is ``open`` or asks for a ``token``; "" for what is not known.

    Asked by a process of its own, which Ray may end or keep waiting. ``mode``: ``token`` to show the token.
    """
    environment = os.environ | {"RAY_AUTH_MODE": mode}
    command = [sys.executable, "-c", _PROBE, address]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    found, answer, *_ = [*output.split(), "", ""]
    return found, answer


def has_token() -> bool:
    """Whether there is a token where Ray looks for one."""
    environment = os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH")
    return any(environment) or (Path.home() / ".ray" / "auth_token").exists()


def token_missing(where: str) -> ConfigError:
    """What is to be done where a cluster asks for a token. ``where``: which cluster, for people."""
    return ConfigError(
        f"{where} asks for a token; put it into ~/.ray/auth_token or RAY_AUTH_TOKEN (on the cluster's head, "
        "ray get-auth-token shows it)"
    )


def token_wrong(where: str) -> ConfigError:
    """What is to be done where a cluster does not take the token. ``where``: which cluster, for people."""
    return ConfigError(
        f"{where} does not take the token in RAY_AUTH_TOKEN or ~/.ray/auth_token; correct it (on the cluster's head, "
        "ray get-auth-token shows it)"
    )


def within_job() -> bool:
    """Whether this process is the driver of a job that was submitted, which has a runtime environment already."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def witnesses(storage: Storage) -> tuple[str, ...]:
    """Objects of a workspace that this process sees, and at least one of which stays: marks of runs, and a manifest."""
    numbers = published.numbers(storage)
    newest = [published.manifest_path(numbers[-1])] if numbers else []
    return (*(entry.path for entry in storage.list(marks.RUNS)), *newest)


def require_answers(ray: Any, address: str, workspace: str) -> None:
    """Have a worker of each node answer and look for what this process sees in the workspace.

    Raises ConfigError where no worker answers, a node lacks packages, or does not see or reach the workspace;
    StoreUnavailable where the store does not answer a node.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    seen = witnesses(open_storage(workspace))
    look = ray.remote(max_retries=3, num_cpus=0, num_returns="streaming")(_look)
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}
    waiting = {}
    for identity in sorted(nodes):
        here = look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(identity, soft=False))
        waiting[here.remote(workspace, seen)] = nodes[identity]["NodeManagerAddress"]
    deadline, answered = time.monotonic() + ANSWER_SECONDS, False
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        node = waiting.pop(ready[0])
        try:
            view: View = ray.get(next(ready[0]))
        except ray.exceptions.RayError as error:
            view = View(_fault_of(ray, error))
            if not view.fault:
                continue  # the node was lost meanwhile, which others make up for
        if view.fault:
            kind = StoreUnavailable if view.passes else ConfigError
            raise kind(f"node {node} of the Ray cluster at {address}: {view.fault}")
        if not answered:
            deadline, answered = time.monotonic() + OTHERS_SECONDS, True
    if not answered and nodes:
        raise ConfigError(
            f"the workers of the Ray cluster at {address} do not reach this process; see to the network between them"
        )


@dataclass(frozen=True)
class View:
    """How a node sees the workspace."""

    fault: str = ""
    """What is wrong, "" if nothing is."""
    passes: bool = False
    """Whether it can pass by itself."""


def _look(workspace: str, seen: Sequence[str]) -> Iterator[View]:
    """Runs on a worker. ``seen``: objects of which there is at least one; none if the workspace is empty."""
    try:
        storage = open_storage(workspace)
        if not seen or any(storage.exists(path) for path in seen):
            yield View()
        else:
            yield View(
                f"it does not see {workspace} as this process does; give a workspace that all nodes share: s3://…, or "
                "a folder that is mounted at this path on all of them"
            )
    except UserError as error:
        yield View(str(error), isinstance(error, RunAgain))
    except OSError as error:
        yield View(f"{workspace}: {error.strerror or error}")


def _fault_of(ray: Any, error: Exception) -> str:
    """Why a worker could not look; "" if it was lost with its node."""
    text = " ".join(str(error).split())
    if isinstance(error, ray.exceptions.RuntimeEnvSetupError):
        return f"it cannot set up the working directory: {text[:300]}"
    if isinstance(error, ray.exceptions.RayTaskError):
        return f"it cannot run this code ({text[-300:]}); install on all nodes what svgmill needs"
    return ""
