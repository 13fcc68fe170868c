"""The table of a curriculum's stages: samples, records, tokens, and what the context cuts, by split and task."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from pipeline.exports.base import Chunk, Last, Made, Version
from pipeline.exports.records import Course, CurriculumSettings, Part, parts, records, splits_of
from pipeline.storage.base import Storage
from pipeline.work.reading import Workers
from stages.curriculum import Curriculum

TABLE = "curriculum.json"
"""The curriculum with this table, in exports that are made of records."""

_COUNTS = (
    "samples",
    "capped",
    "unweighted",
    "chosen",
    "candidates",
    "unshared",
    "no_caption",
    "too_long",
    "records",
    "cut",
    "tokens",
    "answer_tokens",
)


class StageRow(NamedTuple):
    """One task of one split of one stage; counts are those of `stages.curriculum.Counts`."""

    stage: str
    split: str
    task: str
    context: int
    counts: Mapping[str, int]

    @property
    def beyond(self) -> float:
        """The share of what would be records that is longer than the context."""
        fitting = self.counts["records"] + self.counts["too_long"]
        return (self.counts["cut"] + self.counts["too_long"]) / fitting if fitting else 0.0


def stage_rows(settings: Curriculum, counts: Iterable[Mapping[str, int]]) -> list[StageRow]:
    """The table, from the counts of `records` over all parts. Raises ValueError if they do not balance."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    rows = []
    for stage in settings.stages:
        for split in splits_of(settings):
            for task in settings.tasks:
                own = {name: total[f"{stage.name}/{split}/{task}/{name}"] for name in _COUNTS}
                if own["samples"] != own["capped"] + own["unweighted"] + own["chosen"] or own["candidates"] != sum(
                    own[name] for name in ("unshared", "no_caption", "too_long", "records")
                ):
                    raise ValueError(f"the counts of {stage.name}, {split}, {task} do not add up: {own}")
                rows.append(StageRow(stage.name, split, task, stage.context, own))
    return rows


def table_file(settings: Curriculum) -> Last:
    """The file `TABLE` of an export."""
    return Last(TABLE, partial(_table, settings))


def _table(settings: Curriculum, made: Sequence[Made], version: Version) -> Iterator[Chunk]:
    rows = stage_rows(settings, [file.counts for file in made])
    table = [
        {"stage": row.stage, "split": row.split, "task": row.task, "context": row.context, **row.counts} for row in rows
    ]
    data = {"curriculum": settings.model_dump(mode="json"), "table": table}
    yield Chunk((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def lines(rows: Sequence[StageRow]) -> Iterator[str]:
    """The table as text, without what has no samples."""
    head = ("stage", "split", "task", "samples", "records", "tokens", "a record", "context", "longer")
    body = [
        (
            row.stage,
            row.split,
            row.task,
            f"{row.counts['samples']:,}",
            f"{row.counts['records']:,}",
            f"{row.counts['tokens']:,}",
            f"{row.counts['tokens'] / max(row.counts['records'], 1):,.0f}",
            f"{row.context:,}",
            f"{row.beyond:.1%}",
        )
        for row in rows
        if row.counts["samples"]
    ]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    for line in [head, *body]:
        words = [
            word.ljust(width) if n < 3 else word.rjust(width)
            for n, (word, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(words).rstrip()


def count(version: Version, plan: Course, settings: CurriculumSettings, workers: Workers) -> list[StageRow]:
    """The table without an export: counts every part on ``workers``."""
    every = [
        part
        for stage in plan.curriculum.stages
        for split in splits_of(plan.curriculum)
        for part in parts(version, settings, stage, split)
    ]
    return stage_rows(
        plan.curriculum, workers.map("curriculum", partial(_count, version.manifest.version, plan), every)
    )


def _count(number: int, plan: Course, storage: Storage, part: Part) -> dict[str, int]:
    return records(Version.at(storage, number), plan, part, tuple(plan.curriculum.tasks))[1]
