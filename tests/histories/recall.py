"""Runs in this process that remember the row-wise pass: what makes walks of hundreds of steps quick."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from typing import Any, ClassVar

import pyarrow as pa

from pipeline.run import execute
from pipeline.run.watch import Watch
from pipeline.sources import kinds
from pipeline.storage.open import open_storage
from pipeline.work import sandbox
from stages import rowwise
from stages.render import shown
from stages.rowwise import SAMPLES
from stages.schema import DROPPED, RAW
from tests.histories.distant import Distant


class Recall:
    """The sandbox in this process, the pass once for each drawing: a walk meets the same ones again and again."""

    kept: ClassVar[dict[tuple[bytes, str], tuple[pa.Table, pa.Table]]] = {}

    def __init__(self, function: str, settings: sandbox.SandboxSettings) -> None:
        self._draws = function == "stages.render.shown:pictures"
        assert self._draws or function == "stages.rowwise:mill"

    def run(self, table: pa.Table, text: str) -> sandbox.SandboxResult:
        """As `sandbox.Sandbox.run`."""
        if self._draws:
            return sandbox.SandboxResult(shown.pictures(table, text), [])
        tables: list[tuple[pa.Table, pa.Table]] = []
        own = hashlib.sha256(text.encode()).hexdigest()
        for place, row in enumerate(table.to_pylist()):
            key = row["bytes"], own
            if key not in self.kept:
                kept, dropped, _ = rowwise.mill(table.slice(place, 1), text)
                self.kept[key] = kept, dropped
            kept, dropped = self.kept[key]
            columns = {name: row[name] for name in RAW.names if name != "bytes"}
            tables.append((_with(kept, columns), _with(dropped, {"id": row["raw_id"]} | columns)))
        parts = [
            pa.concat_tables([schema.empty_table(), *each])
            for schema, each in zip((SAMPLES, DROPPED), zip(*tables, strict=True) if tables else ((), ()), strict=True)
        ]
        timings = pa.table({"stage": pa.array([], pa.string()), "cpu_seconds": pa.array([], pa.float64())})
        return sandbox.SandboxResult([*parts, timings], [])


def _with(table: pa.Table, values: dict[str, Any]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in values:
            table = table.set_column(place, field, pa.array([values[field.name]] * len(table), field.type))
    return table


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Runs of this process go through `Recall`, do not wait for the disk, and write no status, which no seed decides."""
    genuine, sync, known, telling = sandbox.shared, os.fsync, kinds.SOURCES, Watch.telling
    Watch.telling = lambda watch, mark: contextlib.nullcontext()  # type: ignore[method-assign]
    kinds.SOURCES = (*known, Distant)
    sandbox.shared = Recall  # type: ignore[assignment]
    os.fsync = lambda handle: None
    try:
        yield
    finally:
        sandbox.shared, os.fsync, execute.open_storage, kinds.SOURCES = genuine, sync, open_storage, known
        Watch.telling = telling  # type: ignore[method-assign]
