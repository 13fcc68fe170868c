"""The stage lists of a curriculum: which samples, for which task, with which caption, in which order.

For loaders that read the shards themselves: a list joins with the version's index by ``sample_id``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from pipeline.exports.base import Chunk, Export, File, Last, Version
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.records import Course, CurriculumSettings, Part, course, parts, records, splits_of
from pipeline.exports.stage_table import table_file
from stages.curriculum import Record

LIST = pa.schema(
    [
        ("sample_id", pa.string()),
        ("task", pa.string()),
        ("copy", pa.int32()),  # counted from 0, of a sample that comes more than once
        ("prompt", pa.string()),
        ("caption", pa.string()),  # that the record has; "" for none
        ("tokens", pa.int32()),  # of prompt, picture, answer and what frames them
    ]
)


def lists(version: Version, settings: CurriculumSettings) -> Iterator[File | Last]:
    """``<stage>/<split>-<part>.parquet`` (`LIST`), and the stage table."""
    plan = course(version, settings.curriculum)
    for stage in plan.curriculum.stages:
        for split in splits_of(plan.curriculum):
            for part in parts(version, settings, stage, split):
                yield File(f"{stage.name}/{split}-{part.name}.parquet", partial(_list, plan, part))
    yield table_file(plan.curriculum)


def _list(plan: Course, part: Part, version: Version) -> Iterator[Chunk]:
    made, counts = records(version, plan, part, tuple(plan.curriculum.tasks))
    for data in parquet_rows(made, _row, LIST):
        yield Chunk(data)
    yield Chunk(b"", len(made), counts)


def _row(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in LIST.names}


LISTS = Export("lists", 1, CurriculumSettings, lists, says="which samples a curriculum's stages have, in their order")
