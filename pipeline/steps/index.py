"""The version's index, as tasks and a step: where every sample is, and the narrow columns that users choose by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.config import Config
from pipeline.grouping import filled
from pipeline.steps.decided import by_digest
from pipeline.storage.tables import read_table
from pipeline.versions.manifest import INDEX
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, MIB, Needs, Step, Task, Work, inputs_of, planned
from stages.base import Settings
from stages.sides import index_schema

PART_ROWS = 1_000_000
"""Samples in a part of the index, at most, but for those of one shard."""


class IndexSettings(Settings):
    """What the index depends on beside the shards."""

    formats: tuple[str, ...]


@dataclass(frozen=True)
class IndexPayload:
    """``tables``: of the shards' rows."""

    settings: IndexSettings
    tables: tuple[str, ...]


def index_tasks(config: Config, written: Sequence[Record]) -> list[Task[IndexPayload]]:
    """One task for each part of the index: some shards of one generation."""
    settings = IndexSettings(formats=config.write.formats)
    tasks = []
    for group in filled(
        written, lambda record: record.rows_kept, PART_ROWS, lambda record: record.key.partition("-")[0]
    ):
        tables = [record.outputs["rows"] for record in group]
        payload = IndexPayload(settings, tuple(table.path for table in tables))
        rows, size = sum(table.rows for table in tables), sum(table.bytes for table in tables)
        versions = {"index": VERSION}
        tasks.append(planned(INDEX_STEP, CORPUS, group[0].key, payload, versions, inputs_of(tables), rows, size))
    return tasks


VERSION = 1


def index_step(work: Work[IndexPayload]) -> Record:
    """A part of the index, sorted by sample_id."""
    payload = work.task.payload
    schema = index_schema(payload.settings.formats)
    table = pa.concat_tables([schema.empty_table(), *(read_table(work.storage, path) for path in payload.tables)])
    output = by_digest(work, INDEX, table.sort_by("sample_id"), schema)
    return work.record({"kept": output}, len(table), len(table))


# a part of `PART_ROWS` took 740 MiB
INDEX_STEP = Step("index", index_step, "says where every sample is", to="write", needs=Needs(memory=1024 * MIB))
