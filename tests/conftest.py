"""Fixtures of all folders."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from tests import s3_server
from tests.helpers import BROKEN, Run, drawing, mill, write_config

# the same examples in every run: a change that passes once passes again
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# processes share the cores here, and threads of PyTorch wait for each other by spinning
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a hundred processes and workers are started, and each would compile the packages anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if a test is skipped: here every one has to run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests (``--dist loadgroup``), those of a group run one after the other.

    What starts clusters, kills processes or fills a disk has the machine to itself, as far as that goes; faults of a
    store are made within a process, so another one may have them meanwhile. A cluster of several nodes is waited for
    most of the time.
    """
    for item in items:
        if item.path.name in _FAULTS_OF_STORES:
            item.add_marker(pytest.mark.xdist_group("store"))
        elif item.path.name == _MOSTLY_WAITS:
            item.add_marker(pytest.mark.xdist_group("cluster"))
        elif "faults" in item.path.parts or item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("machine"))


_MOSTLY_WAITS = "test_cluster.py"
"""Its cluster kills none but its own processes."""

_FAULTS_OF_STORES = ("test_bad_store.py", "test_crash_anywhere.py", "test_two_publishers.py")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test is a failure where there are to be none."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.no_skips and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", []) if config.option.no_skips else []
    for report in skipped:
        terminalreporter.write_line(f"skipped, but has to run here: {report.nodeid}: {report.longrepr[2]}", red=True)


@pytest.fixture(scope="session", autouse=True)
def _no_power_cut() -> Iterator[None]:
    """A run waits for the disk at each of its hundreds of small files, which no test can tell from not waiting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


def _icons(folder: Path) -> Path:
    files = {f"shapes/s{n:03}.svg": drawing(n) for n in range(40)}
    files |= {"copies/raw.svg": drawing(3), "copies/spaced.svg": drawing(4).replace("><", ">\n<")} | BROKEN
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    """A folder of 40 drawings, two of them again as copies, and five broken files."""
    return _icons(tmp_path / "icons")


@pytest.fixture(scope="session")
def _milled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("milled")
    return mill(write_config(home / "config.yaml", _icons(home / "icons")), home / "ws")


@pytest.fixture
def finished(_milled: Run, tmp_path: Path) -> Run:
    """A published version of drawings as those of `icons`, which no test changes."""
    shutil.copytree(_milled.workspace, tmp_path / "ws")
    config = shutil.copy(_milled.config, tmp_path)
    return replace(_milled, workspace=tmp_path / "ws", config=Path(config))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server, with the settings to use it in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.SETTINGS.items():
            patch.setenv(name, value)
        with s3_server.serve() as endpoint_url:
            s3_server.make_bucket(endpoint_url, "tests")
            yield endpoint_url


_prefixes = itertools.count()


@pytest.fixture
def s3_uri(s3_endpoint: str) -> str:
    """The URI of an empty prefix on the S3 server."""
    return f"s3://tests/p{next(_prefixes)}?endpoint_url={s3_endpoint}"
