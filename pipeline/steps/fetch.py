"""Fetch, as tasks and a step: what a unit of a source asks the network for is stored, and noted in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.sources.network import FETCH_STAGE, FETCHED, Done, Network, NetworkSource, Shelf, Unit
from pipeline.storage.tables import write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, planned
from stages.base import Settings

VERSION = 1
"""Of the form that what was fetched is stored in. What fetches it does not count: the network gives it once."""


class FetchSettings(Settings):
    """What the result of a unit depends on."""

    kind: str
    pin: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FetchPayload:
    """A unit, and what fetches it."""

    settings: FetchSettings
    source: NetworkSource
    unit: Unit
    network: Network


def fetch_tasks(source: NetworkSource, units: Sequence[Unit], network: Network) -> list[Task[FetchPayload]]:
    """One task for each unit."""
    tasks = []
    for unit in units:
        payload = FetchPayload(FetchSettings(kind=source.kind, pin=unit.pin), source, unit, network)
        tasks.append(planned(FETCH, source.name, unit.key, payload, {"fetch": VERSION}, unit.inputs, 1, unit.size))
    return tasks


def fetch_step(work: Work[FetchPayload]) -> Record:
    """Fetch a unit, and write the table `FETCHED` of what came."""
    payload = work.task.payload
    shelf = Shelf(work.storage, payload.source.name)
    extra = payload.source.fetch(payload.unit, shelf, payload.network)
    rows = sorted(shelf.rows, key=lambda row: (row["url"], row["path"]))
    output = write_table(work.storage, work.path(), [pa.Table.from_pylist(rows, schema=FETCHED)], FETCHED)
    return work.record({"kept": output}, output.rows, output.rows, extra=dict(extra))


def done_of(task: Task[FetchPayload], record: Record) -> Done:
    """A unit that was fetched, as a snapshot names it."""
    table = record.outputs["kept"]
    return Done(task.payload.unit, record.rows_kept, table.path, table.sha256, record.extra)


FETCH = Step(FETCH_STAGE, fetch_step, "asks the network, and stores what it gives", to="crawl", whole=True)
