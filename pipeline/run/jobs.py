"""Runs as jobs of a Ray cluster: submitted to its job server over HTTP, followed, stopped, found again.

The driver of such a run is a process on the cluster, so that who submitted it may leave. A driver that dies loses
nothing: what it finished is in the workspace, and the same submission goes on from there. An older attempt may still be
at work then: both come to the same, and one of them publishes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import urllib3

from pipeline.errors import ConfigError, WorkersLost
from pipeline.run import cluster, working_dir
from pipeline.run.cluster import RayUnavailable

CONNECT_SECONDS = 10.0
"""For a connection to the job server."""

ANSWER_SECONDS = 50.0
"""For an answer of the job server; also a package of a few MB is sent within it."""

SILENCE_SECONDS = 60.0
"""Without a line of its log, after which a job's state is asked for, and its log anew."""

LOST_SECONDS = 300.0
"""For which a job server that was there may be gone before following ends."""

STOP_SECONDS = 60.0
"""For a driver to end as it should, and for the job server to say so."""

POLL_SECONDS = 1.0

START_SECONDS = 40.0
"""For a cluster that has just been started to take jobs."""

_PATIENT = {"RAY_JOB_STOP_WAIT_TIME_S": f"{STOP_SECONDS / 2:.0f}"}
"""What a job's environment has, so that its driver is not killed while it ends as it should."""

SHIPPED = "submitted"
"""The folder of the working directory with the config, and what lies beside it."""

_CONFIG, _WORKSPACE = "svgmill_config", "svgmill_workspace"
"""What the job server remembers of a run."""

KILLED = 128
"""A shell adds the number of the signal that ended a command."""

STOPPED = 130
"""The exit code of what was interrupted, for whoever stops it."""

_AGAIN = "what it finished is kept; submit again to go on"


@dataclass(frozen=True)
class Run:
    """What is to be run."""

    config: Path
    workspace: str
    """A URI, or a folder that every node has at this path."""
    options: tuple[str, ...] = ()
    """More words for ``svgmill run``."""
    beside: tuple[Path, ...] = ()
    """Files and folders that the config names by paths relative to its own."""


@dataclass(frozen=True)
class Job:
    """A run on the cluster, as the job server knows it."""

    id: str
    status: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
    config: str
    workspace: str
    began: float | None
    """Seconds since the epoch."""


@dataclass
class _Log:
    """How much of a job's log was shown."""

    write: Callable[[str], object]
    written: int = 0
    """Characters."""


class JobServer:
    """The job server of the cluster whose dashboard is at an ``http://`` address."""

    def __init__(self, address: str) -> None:
        """Raises RayUnavailable if nothing answers, ConfigError for what is no job server, or does not fit."""
        self._address = address.rstrip("/")
        _check(self._address)
        # Ray lets its variables override what it is told
        os.environ["RAY_API_SERVER_ADDRESS"] = self._address
        try:
            import aiohttp
            from ray.job_submission import JobSubmissionClient
        except ImportError as error:
            raise ConfigError(f"{error.name} is missing; install it with: pip install 'svgmill[cluster]'") from None

        class Client(JobSubmissionClient):
            """One whose requests do not wait for ever."""

            def _do_request(self, method: str, endpoint: str, **more: Any) -> Any:
                return super()._do_request(method, endpoint, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), **more)

        for name in ("job.sdk", "dashboard_sdk"):
            logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.WARNING)
        # of requests and of aiohttp, which Ray asks by
        self._lost = (OSError, aiohttp.ClientError)
        with self._reached():
            self._client: Any = Client(self._address)
        own, version = metadata.version("ray"), str(self._client._server_ray_version)
        if version.split(".")[:2] != own.split(".")[:2]:
            raise ConfigError(
                f"the job server at {self._address} is of Ray {version}, and this svgmill is made for {own}; use the "
                "same on both sides"
            )

    def submit(self, run: Run) -> str:
        """Start ``run``; returns the job's id. Raises RayUnavailable, and ConfigError for files that cannot be sent."""
        words = ["run", f"{SHIPPED}/config.yaml", "--workspace", run.workspace, "--address", "auto", *run.options]
        more = {f"{SHIPPED}/config.yaml": run.config.read_bytes()} | dict(_beside(run))
        job = f"svgmill-{uuid.uuid4().hex[:12]}"  # known before it is sent, so that it is started once
        deadline = time.monotonic() + START_SECONDS
        with TemporaryDirectory() as folder:
            archive = Path(folder) / "svgmill.zip"
            working_dir.pack(archive, more)
            while True:
                try:
                    with self._reached():
                        self._client.submit_job(
                            submission_id=job,
                            entrypoint=shlex.join(["python3", "-m", "pipeline.cli", *words]),
                            runtime_env={"working_dir": str(archive), "env_vars": _PATIENT},
                            metadata={_CONFIG: run.config.name, _WORKSPACE: run.workspace},
                        )
                    return job
                except RayUnavailable:  # as of a cluster that has just been started
                    if time.monotonic() > deadline:
                        raise
                time.sleep(POLL_SECONDS)
                with contextlib.suppress(RayUnavailable):
                    if self._details(job) is not None:
                        return job

    def runs(self) -> list[Job]:
        """All runs that were submitted since the cluster is up, the newest first. Raises RayUnavailable."""
        with self._reached():
            details = self._client.list_jobs()
        jobs = [
            Job(
                id=one.submission_id,
                status=str(one.status),
                config=one.metadata[_CONFIG],
                workspace=one.metadata[_WORKSPACE],
                began=None if one.start_time is None else one.start_time / 1000,
            )
            for one in details
            if one.submission_id and _CONFIG in (one.metadata or {})
        ]
        return sorted(jobs, key=lambda job: (-(job.began or 0), job.id))

    def follow(self, job: str, write: Callable[[str], object]) -> int:
        """``write`` the job's log from its beginning on until it ends; returns the exit code of its driver.

        Raises ConfigError if there is no such job or its driver could not start, WorkersLost if the driver was killed
        or its node was lost, RayUnavailable if the job server is gone for `LOST_SECONDS`.
        """
        log, alive = _Log(write), time.monotonic()
        details = self._existing(job)
        while True:
            try:
                is_whole = asyncio.run(self._tail(job, log))
                details = self._details(job)
            except (RayUnavailable, RuntimeError, *self._lost) as error:
                if time.monotonic() - alive > LOST_SECONDS:
                    raise RayUnavailable(
                        f"the job server at {self._address} is gone ({_short(error)}); if it comes back, the job may "
                        f"go on: svgmill jobs follow {job} --address {self._address}; else submit again"
                    ) from None
                time.sleep(POLL_SECONDS)
                continue
            if details is None:
                raise WorkersLost(f"the cluster at {self._address} was started anew and lost job {job}; {_AGAIN}")
            alive = time.monotonic()
            if is_whole and details.status.is_terminal():
                return _exit_code(job, details)

    def stop(self, job: str) -> bool:
        """Have the job's driver end, and wait until it has. False if it had ended before.

        Raises ConfigError if there is no such job, RayUnavailable.
        """
        self._existing(job)
        with self._reached():
            was_running = bool(self._client.stop_job(job))
        deadline = time.monotonic() + STOP_SECONDS
        while not self._existing(job).status.is_terminal():
            if time.monotonic() > deadline:
                raise RayUnavailable(f"job {job} does not end; see to the cluster at {self._address}, then try again")
            time.sleep(POLL_SECONDS)
        return was_running

    async def _tail(self, job: str, log: _Log) -> bool:
        """Write what is new of the log, which comes from its beginning. Returns whether that is all."""
        length = 0
        parts = self._client.tail_job_logs(job)
        try:
            while True:
                part = await asyncio.wait_for(anext(parts), SILENCE_SECONDS)
                log.write(part[max(0, log.written - length) :])
                length += len(part)
                log.written = max(log.written, length)
        except TimeoutError:
            return False
        except StopAsyncIteration:
            return True
        finally:
            await parts.aclose()

    def _existing(self, job: str) -> Any:
        details = self._details(job)
        if details is None:
            raise ConfigError(
                f"there is no job {job} at {self._address}; see svgmill jobs list; a cluster that was started anew "
                "knows none of before"
            )
        return details

    def _details(self, job: str) -> Any:
        """What the job server knows of the job, None if it knows no such job."""
        with self._reached():
            try:
                return self._client.get_job_info(job)
            except RuntimeError as error:
                if "status code 404" in str(error):
                    return None
                raise

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """What goes wrong in the block, as an error for people."""
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError:
            raise cluster.token_wrong(f"the job server at {self._address}") from None
        except self._lost as error:
            raise RayUnavailable(
                f"the job server at {self._address} does not answer ({_short(error)}); run again later"
            ) from None
        except (RuntimeError, ValueError) as error:
            kind = RayUnavailable if "status code 5" in str(error) else ConfigError
            raise kind(f"the job server at {self._address} refuses: {_short(error)}") from None


def _check(address: str) -> None:
    """See within a minute that a job server is at ``address``, and whether it asks for a token."""
    if not address.startswith(("http://", "https://")):
        raise ConfigError(f"--address {address}: give the address of the cluster's dashboard, as http://10.0.0.1:8265")
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS - CONNECT_SECONDS)
    where = f"the job server at {address}"
    try:
        answer = urllib3.request("GET", f"{address}/api/version", timeout=timeout, retries=False)
        is_ray = answer.status == 401 or "ray_version" in answer.json()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise RayUnavailable(
            f"{where} cannot be reached ({_short(error)}); start the cluster with a dashboard that this machine "
            "reaches, or correct --address"
        ) from None
    except (ValueError, TypeError):
        is_ray = False
    if not is_ray:
        raise ConfigError(f"--address {address}: what answers there is no job server of Ray's; correct it")
    if answer.status == 401 and not cluster.has_token():
        raise cluster.token_missing(where)
    os.environ["RAY_AUTH_MODE"] = "token" if answer.status == 401 else "disabled"


def _beside(run: Run) -> Iterator[tuple[str, bytes]]:
    """Path in the working directory and content of what lies beside the config."""
    home = run.config.resolve().parent
    for given in run.beside:
        path = given.resolve()
        if not path.is_relative_to(home):
            raise ConfigError(f"--with {given}: it is not below {home}, where the config is")
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for each in files:
            try:
                yield f"{SHIPPED}/{each.relative_to(home).as_posix()}", each.read_bytes()
            except OSError as error:
                raise ConfigError(f"--with {each}: it cannot be read ({error.strerror})") from None


def _exit_code(job: str, details: Any) -> int:
    """What following a job that has ended comes to. Raises as `JobServer.follow`."""
    code = details.driver_exit_code
    if str(details.status) == "SUCCEEDED":
        return 0
    if str(details.status) == "STOPPED":
        return STOPPED
    if code is not None and (code < 0 or (code > KILLED and code != STOPPED)):
        number = -code if code < 0 else code - KILLED
        name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
        raise WorkersLost(f"the driver of job {job} was ended by {name}; {_AGAIN}")
    if code is not None:
        return int(code)
    if details.error_type == "RUNTIME_ENV_SETUP_FAILURE":
        raise ConfigError(f"job {job} could not start: {_short(details.message)}")
    raise WorkersLost(f"job {job} was lost ({_short(details.message)}); {_AGAIN}")


def _short(cause: object) -> str:
    """The last words of what Ray says, which are the cause."""
    text = " ".join(str(cause).split())
    return text if len(text) <= 300 else f"…{text[-300:]}"


def options(
    overrides: Sequence[str], workers: int | None, refresh: Sequence[str], flags: Mapping[str, bool]
) -> tuple[str, ...]:
    """The words of ``svgmill run`` for what a submission was given. ``flags``: option -> whether it is set."""
    words = [word for override in overrides for word in ("--set", override)]
    words += [] if workers is None else ["--workers", str(workers)]
    words += [word for source in refresh for word in ("--refresh", source)]
    return (*words, *(flag for flag, is_set in flags.items() if is_set))
