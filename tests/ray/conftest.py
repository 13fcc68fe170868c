"""One cluster for the tests of this folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Self

import pytest

from pipeline.run import reading
from pipeline.run.engine import RayEngine
from pipeline.run.execute import execute_safely
from tests import s3_server


class Cluster(RayEngine):
    """A local Ray with four workers that stays open between runs: most of them take less time than its start."""

    def __init__(self) -> None:
        super().__init__(workers=4)

    def __enter__(self) -> Self:
        return self if self._ray else super().__enter__()

    def __exit__(self, *exception: object) -> None:
        self._forget()

    def close(self) -> None:
        """End it."""
        super().__exit__()


@pytest.fixture(scope="package")
def _started() -> Iterator[Cluster]:
    cluster = Cluster()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_metrics_report_interval_ms", "1000")  # the least that Ray takes
        for name, value in s3_server.SETTINGS.items():  # workers have what was set when it started
            patch.setenv(name, value)
        with cluster:
            yield cluster
        cluster.close()


@pytest.fixture
def cluster(_started: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster, as an engine with two workers, and as the one that reading commands open.

    What a test sets of its workers and of what they execute is undone after it.
    """
    _started._forget()
    monkeypatch.setattr(reading, "open_engine", lambda *choice: _started)
    monkeypatch.setattr(_started, "_workers", 2)
    monkeypatch.setattr(_started, "_restarts", Counter())
    monkeypatch.setattr(_started, "_execute", execute_safely)
    return _started
