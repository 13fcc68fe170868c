"""Commands that read a version, on a cluster's workers: `pipeline.work.reading` by way of `pipeline.run.engine`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.run.engine import RayEngine, open_engine
from pipeline.run.execute import answer
from pipeline.run.failures import CLASSES
from pipeline.storage.base import Storage
from pipeline.work.reading import Here, Reading, Workers
from pipeline.work.task import Failed

Item = TypeVar("Item")
R = TypeVar("R")


class RayWorkers:
    """Reads by the workers of an open engine."""

    def __init__(self, engine: RayEngine, workspace: str) -> None:
        self._engine, self._workspace = engine, workspace

    def map(self, stage: str, function: Callable[[Storage, Item], R], items: Sequence[Item]) -> Iterator[R]:
        """As `Workers.map`."""
        readings = [Reading(stage, str(number), item) for number, item in enumerate(items)]
        with contextlib.closing(self._engine.results(readings, self._workspace, partial(answer, function))) as results:
            for result in results:
                if isinstance(result, Failed):
                    raise CLASSES[result.cause](f"{stage}: {result.message}")
                yield result.value


@contextlib.contextmanager
def open_workers(storage: Storage, engine: str, address: str | None, workers: int | None) -> Iterator[Workers]:
    """Who reads in the block: this process for ``inline``, else a cluster as a run has it.

    Raises ConfigError for another name or unfit options, RayUnavailable if there is no cluster.
    """
    chosen = open_engine(engine, address, workers)
    if not isinstance(chosen, RayEngine):
        yield Here(storage)
        return
    # workers run in another folder than this process
    workspace = storage.uri if "://" in storage.uri else str(Path(storage.uri).absolute())
    with chosen:
        yield RayWorkers(chosen, workspace)
