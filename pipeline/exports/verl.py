"""Questions for reinforcement learning with verl: Parquet files that its ``RLHFDataset`` reads, and what rewards need.

A row is a prompt with its picture, if it shows one, and the token string of the drawing as the ground truth. Its reward
is `pipeline.rewards.compute_score`, which reads token strings by the folder ``vocabulary`` of the export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa

from pipeline.errors import ConfigError
from pipeline.exports.base import Chunk, Export, File, Last, Made, Version
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.pictures import PICTURES, picture, require_pictures, shows
from pipeline.exports.records import Course, CurriculumSettings, Part, course, parts, records, splits_of
from pipeline.exports.stage_table import table_file
from pipeline.storage.integrity import read_checked
from stages.curriculum import IMAGE_TO_CAPTION, Record, TaskName

VOCABULARY = "vocabulary"
"""The folder of the files by which the reward reads token strings."""

QUESTIONS = pa.schema(
    [
        ("data_source", pa.string()),  # name of the dataset and task: verl reports each by itself
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.struct([("bytes", pa.binary())]))),  # one for each <image> in the prompt
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        (
            "extra_info",
            pa.struct(
                [
                    ("index", pa.int64()),  # rises, and no two rows of a stage and a split have the same
                    ("split", pa.string()),
                    ("stage", pa.string()),
                    ("task", pa.string()),
                    ("sample_id", pa.string()),
                    ("caption", pa.string()),  # that the prompt has; "" for none
                    ("picture", pa.binary()),  # of the drawing, PNG; null if the version holds no pictures
                ]
            ),
        ),
    ]
)
"""Columns by the names that verl looks for."""


def verl(version: Version, settings: CurriculumSettings) -> Iterator[File | Last]:
    """``<stage>/<split>-<part>.parquet`` (`QUESTIONS`), ``vocabulary/``, ``README.md`` and the stage table.

    Raises ConfigError as `course` does, if a task shows pictures that the version does not hold, and if no task asks
    for a drawing.
    """
    plan = course(version, settings.curriculum)
    tasks = _tasks(plan)
    require_pictures(version, tasks)
    for stage in plan.curriculum.stages:
        for split in splits_of(plan.curriculum):
            for part in parts(version, settings, stage, split):
                yield File(f"{stage.name}/{split}-{part.name}.parquet", partial(_rows, plan, part))
    for name in ("vocabulary", "segments"):
        yield File(f"{VOCABULARY}/{name}.json", partial(_vocabulary, name))
    yield Last("README.md", partial(_card, plan))
    yield table_file(plan.curriculum)


def _tasks(plan: Course) -> tuple[TaskName, ...]:
    tasks = tuple(task for task in plan.curriculum.tasks if task != IMAGE_TO_CAPTION)
    if not tasks:
        raise ConfigError(
            f"export verl: the reward compares drawings, and {IMAGE_TO_CAPTION} asks for none; "
            "add text_to_svg or image_to_svg to curriculum.tasks"
        )
    return tasks


def _rows(plan: Course, part: Part, version: Version) -> Iterator[Chunk]:
    pictured = version.manifest.config["render"]["size"] is not None
    made, counts = records(version, plan, part, _tasks(plan), PICTURES if pictured else ())
    name = str(version.manifest.config["name"])
    question = partial(_question, name, part, pictured)
    for data in parquet_rows(list(enumerate(made)), question, QUESTIONS, raw=("images", "extra_info")):
        yield Chunk(data)
    yield Chunk(b"", len(made), counts)


def _question(dataset: str, part: Part, pictured: bool, numbered: tuple[int, Record]) -> dict[str, object]:
    place, record = numbered
    drawn = picture(record) if pictured else None
    return {
        "data_source": f"{dataset}/{record.task}",
        "prompt": [{"role": "user", "content": record.prompt}],
        "images": [{"bytes": drawn}] if shows(record.task) else [],
        "ability": "svg",
        "reward_model": {"style": "rule", "ground_truth": record.answer},
        "extra_info": {
            "index": (part.number << 32) + place,
            "split": part.split,
            "stage": part.stage,
            "task": record.task,
            "sample_id": record.sample_id,
            "caption": record.caption,
            "picture": drawn,
        },
    }


def _vocabulary(name: str, version: Version) -> Iterator[Chunk]:
    file = version.manifest.vocabulary_files[name]
    yield Chunk(read_checked(version.storage, file.path, file.sha256))


def _card(plan: Course, made: Sequence[Made], version: Version) -> Iterator[Chunk]:
    curriculum = plan.curriculum
    rows = sum(file.rows for file in made)
    lines = [
        f"# {version.manifest.config['name']}, version {version.manifest.version}, for verl: {curriculum.name}",
        "",
        f"{rows:,} questions of {', '.join(_tasks(plan))}. `curriculum.json` says how many of each there are.",
        "",
        "In this folder, what verl is told of the data and of the reward, beside the model and the machines:",
    ]
    for stage in curriculum.stages:
        # verl wants some to validate on; of a small version no other split may have any
        splits = [*curriculum.evaluate, curriculum.split]
        held_out = next(split for split in splits if any(f.path.startswith(f"{stage.name}/{split}-") for f in made))
        lines += [
            "",
            f"Stage {stage.name}: {', '.join(stage.tiers)}, {stage.tokens} tokens, {stage.context:,} in context.",
            "",
            "```",
            "python -m verl.trainer.main_ppo \\",
            f'  data.train_files="[$(ls $PWD/{stage.name}/{curriculum.split}-*.parquet | paste -sd,)]" \\',
            f'  data.val_files="[$(ls $PWD/{stage.name}/{held_out}-*.parquet | paste -sd,)]" \\',
            f"  data.max_response_length={stage.context} \\",
            "  reward.custom_reward_function.path=pkg://pipeline.rewards \\",
            "  reward.custom_reward_function.name=compute_score \\",
            f"  +reward.custom_reward_function.reward_kwargs.vocabulary=$PWD/{VOCABULARY}",
            "```",
        ]
    yield Chunk(("\n".join(lines) + "\n").encode())


VERL = Export("verl", 1, CurriculumSettings, verl, says="questions and pictures for reinforcement learning with verl")
