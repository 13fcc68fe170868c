"""Following a job through a job server that is gone now and then, and job servers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.errors import ConfigError, WorkersLost
from pipeline.run import jobs
from pipeline.run.cluster import RayUnavailable
from pipeline.run.jobs import JobServer
from tests.helpers import drawing, one_line, svgmill, write_config

# of aiohttp, at a parameter that Ray gives it
pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")

OWN = {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}
LOG = "".join(f"line {number}\n" for number in range(30))


@contextlib.contextmanager
def serving(routes: dict[tuple[str, str], Callable[[web.Request], Any]]) -> Iterator[str]:
    """The address of a server with these routes."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    address, over = [], asyncio.Event()

    async def serve() -> None:
        application = web.Application(client_max_size=2**25)
        for (method, path), handler in routes.items():
            application.router.add_route(method, path, handler)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def answers(body: object, status: int = 200) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handler


class Job:
    """One job, whose log breaks off at some connections, and what is asked about it at some requests."""

    def __init__(self, end: dict[str, Any], breaks: int) -> None:
        self.end, self.breaks, self.tails, self.asked = end, breaks, 0, 0

    async def details(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked == 2:
            return web.Response(status=503, text="starting")
        running = {"type": "SUBMISSION", "submission_id": "j", "entrypoint": "", "status": "RUNNING"}
        return web.json_response(running | (self.end if self.tails > self.breaks else {}))

    async def tail(self, request: web.Request) -> web.WebSocketResponse:
        self.tails += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        cut = len(LOG) if self.tails > self.breaks else 50 * self.tails
        for begin in range(0, cut, 40):
            await socket.send_str(LOG[begin : min(begin + 40, cut)])
        if self.tails <= self.breaks and request.transport is not None:
            request.transport.abort()
            return socket
        await socket.close()
        return socket

    def routes(self) -> dict[tuple[str, str], Callable[[web.Request], Any]]:
        return {
            ("GET", "/api/version"): answers(OWN),
            ("GET", "/api/jobs/j"): self.details,
            ("GET", "/api/jobs/j/logs/tail"): self.tail,
            ("GET", "/api/jobs/none"): answers("Job none does not exist", 404),
        }


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # without a token
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("RAY_AUTH_MODE", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)


def follow(end: dict[str, Any], breaks: int = 0) -> tuple[int, str]:
    written: list[str] = []
    with serving(Job(end, breaks).routes()) as address:
        return JobServer(address).follow("j", written.append), "".join(written)


def test_a_log_that_breaks_off_is_shown_once() -> None:
    """Whatever was shown before a connection was lost is not shown again, and nothing is left out."""
    assert follow({"status": "SUCCEEDED", "driver_exit_code": 0}, breaks=3) == (0, LOG)


@pytest.mark.parametrize("code", [1, 2, 3, 75, 130])
def test_the_exit_code_is_that_of_the_run(code: int) -> None:
    """Whichever it is; the run has said why."""
    assert follow({"status": "FAILED", "driver_exit_code": code})[0] == code


@pytest.mark.parametrize(
    ("end", "kind", "says"),
    [
        ({"status": "FAILED", "driver_exit_code": -9}, WorkersLost, "ended by SIGKILL; what it finished is kept"),
        ({"status": "FAILED", "driver_exit_code": 137}, WorkersLost, "ended by SIGKILL"),
        ({"status": "FAILED", "message": "node died"}, WorkersLost, r"was lost \(node died\); .*submit again"),
        (
            {"status": "FAILED", "error_type": "RUNTIME_ENV_SETUP_FAILURE", "message": "no zip"},
            ConfigError,
            "could not start: no zip",
        ),
    ],
)
def test_a_driver_that_did_not_end_by_itself(end: dict[str, Any], kind: type[Exception], says: str) -> None:
    """What to do next is the error's class: a driver or a node that is gone wants the same once more."""
    with pytest.raises(kind, match=says):
        follow(end)


def test_a_stopped_job_is_an_interrupted_run() -> None:
    assert follow({"status": "STOPPED"})[0] == 130


def test_who_interrupts_only_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job goes on, and how to follow and to stop it is said."""

    def interrupted(self: JobServer, job: str, write: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(JobServer, "follow", interrupted)
    with serving(Job({}, 0).routes()) as address:
        left = svgmill("jobs", "follow", "j", "--address", address)
    assert left.returncode == 130
    assert f"svgmill jobs follow j --address {address}" in left.stderr and "svgmill jobs stop j" in left.stderr


def test_a_job_server_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Following ends after a while, and says how to go on; a job that nobody knows is told at once."""
    monkeypatch.setattr(jobs, "LOST_SECONDS", 0.2)
    with serving(Job({}, 10**6).routes()) as address:
        server = JobServer(address)
        with pytest.raises(ConfigError, match="there is no job none at"):
            server.follow("none", print)
    with pytest.raises(RayUnavailable, match="does not answer"):
        server.follow("j", print)


@pytest.mark.parametrize(
    ("routes", "code", "says"),
    [
        ({}, 2, "is no job server of Ray's"),
        ({("GET", "/api/version"): answers(["x"])}, 2, "is no job server of Ray's"),
        ({("GET", "/api/version"): answers("no", 401)}, 2, "asks for a token; put it into ~/.ray/auth_token"),
        ({("GET", "/api/version"): answers(OWN | {"ray_version": "2.59.1"})}, 2, "is of Ray 2.59.1, and this svgmill"),
    ],
)  # fmt: skip
def test_what_is_no_job_server_or_does_not_fit_is_one_line(routes: Any, code: int, says: str) -> None:
    with serving(routes) as address:
        assert says in one_line(svgmill("jobs", "list", "--address", address), code)


def test_nothing_at_the_address_is_one_line() -> None:
    """Where nobody listens, and where an address is none."""
    with serving({}) as address:
        pass
    assert "cannot be reached" in one_line(svgmill("jobs", "list", "--address", address), 75)
    assert "give the address of the cluster's dashboard" in one_line(svgmill("jobs", "list", "--address", "h:8265"), 2)


def test_what_only_this_machine_has_is_not_submitted(tmp_path: Path) -> None:
    """A workspace or a source in a folder, unless all nodes are said to have it; a relative one never."""
    (tmp_path / "icons").mkdir()
    (tmp_path / "icons/a.svg").write_text(drawing(1))
    config = write_config(tmp_path / "c.yaml", tmp_path / "icons")
    relative = write_config(tmp_path / "r.yaml", Path("icons"))

    def submitted(config: Path, *words: str) -> str:
        return one_line(svgmill("submit", config, "--address", "http://127.0.0.1:1", *words), 2)

    assert f"workspace {tmp_path}/ws is a folder of this machine" in submitted(config, "--workspace", f"{tmp_path}/ws")
    assert "workspace ws is relative" in submitted(config, "--workspace", "ws", "--shared-folders")
    assert f"source icons: {tmp_path}/icons is a folder of this" in submitted(config, "--workspace", "s3://b/ws")
    assert "source icons: icons is relative" in submitted(relative, "--workspace", "s3://b/ws", "--shared-folders")


def test_a_submission_is_sent_once_with_what_it_needs(tmp_path: Path) -> None:
    """Also where the job server fails at first; the files beside the config come with it, and those elsewhere do not."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p/detail.txt").write_text("say what is there")
    config = write_config(tmp_path / "c.yaml", tmp_path)
    submitted: list[dict[str, Any]] = []
    packages: dict[str, bytes] = {}

    async def submit(request: web.Request) -> web.Response:
        submitted.append(await request.json())
        if len(submitted) == 1:
            return web.Response(status=500, text="No available agent to submit job, please try again later.")
        return web.json_response({"job_id": "", "submission_id": submitted[-1]["submission_id"]})

    async def known(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.path in packages else 404)

    async def upload(request: web.Request) -> web.Response:
        packages[request.path] = await request.read()
        return web.Response()

    routes = {
        ("GET", "/api/version"): answers(OWN),
        ("GET", "/api/packages/gcs/{name}"): known,
        ("PUT", "/api/packages/gcs/{name}"): upload,
        ("GET", "/api/jobs/{name}"): answers("", 404),
        ("POST", "/api/jobs/"): submit,
    }
    run = jobs.Run(config, "s3://b/ws", ("--set", "name=a b"), (tmp_path / "p",))
    with serving(routes) as address:
        job = JobServer(address).submit(run)
        with pytest.raises(ConfigError, match=f"--with {Path.cwd()}: it is not below"):
            JobServer(address).submit(jobs.Run(config, "s3://b/ws", (), (Path.cwd(),)))
    assert [each["submission_id"] for each in submitted] == [job, job]
    sent = submitted[-1]
    assert sent["entrypoint"].endswith("--workspace s3://b/ws --address auto --set 'name=a b'")
    assert sent["metadata"] == {"svgmill_config": "c.yaml", "svgmill_workspace": "s3://b/ws"}
    (package,) = packages.values()
    target = tmp_path / "sent.zip"
    target.write_bytes(package)
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        assert json.loads(archive.read("submitted/config.yaml"))["name"] == "test"
        assert archive.read("submitted/p/detail.txt") == b"say what is there"
    assert {"pipeline/cli/__main__.py", "stages/base.py"} <= names
    assert any(name.startswith("configs/prompts/") for name in names)
    assert not any(name.startswith(("tests/", "data/", "benchmarks/")) or "__pycache__" in name for name in names)
