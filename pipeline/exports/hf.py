"""A folder that ``datasets.load_dataset`` opens, with a card, as TRL's trainers take it.

Each stage is a configuration of the dataset. Conversations are ``prompt`` and ``completion``, of which TRL's
``SFTTrainer`` trains on the completion alone. Where a task shows pictures, a prompt's content is a list of parts, since
TRL reads no ``<image>`` in a text and would put pictures before it; elsewhere it is a text, since models without eyes
know no parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import pyarrow as pa
from pydantic import Field, JsonValue

from pipeline.exports.base import Chunk, Export, File, Last, Made, Version
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.pictures import PICTURES, picture, require_pictures, shows
from pipeline.exports.records import (
    Course,
    CurriculumSettings,
    Part,
    course,
    of_texts,
    parts,
    records,
    require_records,
    splits_of,
)
from pipeline.exports.stage_table import table_file
from stages import tokenize
from stages.curriculum import PICTURE, Frame, Record, sequence

_TEXT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_PARTS = pa.list_(
    pa.struct([("role", pa.string()), ("content", pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())])))])
)
_IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))

TOLD = pa.schema(
    [("sample_id", pa.string()), ("task", pa.string()), ("prompt", _TEXT), ("completion", _TEXT)],
)
"""Conversations without pictures."""

SHOWN = pa.schema(
    [
        ("sample_id", pa.string()),
        ("task", pa.string()),
        ("prompt", _PARTS),
        ("completion", _TEXT),
        ("images", _IMAGES),
    ]
)
"""Conversations of which some have pictures; ``images`` is empty for the others."""

IDS = pa.schema(
    [("sample_id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))],
)
"""``labels`` are -100 on the prompt."""


class HfSettings(CurriculumSettings):
    """Settings of the export ``hf``."""

    form: Literal["conversational", "tokenized"] = Field(
        "conversational",
        description="conversational: prompt, completion, images; tokenized: input_ids and labels of text to SVG alone",
    )


def hf(version: Version, settings: HfSettings) -> Iterator[File | Last]:
    """``<stage>/<split>-<part>.parquet`` (`TOLD`, `SHOWN` or `IDS`), ``README.md`` and the stage table.

    Raises ConfigError as `course` does, and if a task shows pictures that the version does not hold.
    """
    tokenized = settings.form == "tokenized"
    plan = course(version, of_texts(settings.curriculum, "hf") if tokenized else settings.curriculum)
    require_pictures(version, plan.curriculum.tasks)
    for stage in plan.curriculum.stages:
        for split in splits_of(plan.curriculum):
            for part in parts(version, settings, stage, split):
                yield File(f"{stage.name}/{split}-{part.name}.parquet", partial(_rows, plan, part, settings.form))
    yield Last("README.md", partial(_card, plan, settings.form))
    yield table_file(plan.curriculum)


def _rows(plan: Course, part: Part, form: str, version: Version) -> Iterator[Chunk]:
    tasks = tuple(plan.curriculum.tasks)
    pictures = any(shows(task) for task in tasks)
    made, counts = records(version, plan, part, tasks, PICTURES if pictures else ())
    schema, example = (SHOWN, _shown) if pictures else (TOLD, _told)
    if form == "tokenized":
        schema, example = IDS, partial(_ids, plan.frame, tokenize.encoder(version.tokenizer))
    # what datasets writes into the files that it makes: it says that images are to be decoded
    features = json.dumps({"info": {"features": _features(schema)}})
    described = schema.with_metadata({"huggingface": features})
    for data in parquet_rows(made, example, described, raw=("images",)):
        yield Chunk(data)
    yield Chunk(b"", len(made), counts)


def _ids(frame: Frame, encode: Callable[[str], Sequence[int]], record: Record) -> dict[str, object]:
    ids = sequence(record, frame, encode)
    return {"sample_id": record.sample_id, "input_ids": ids.ids, "labels": ids.labels}


def _told(record: Record) -> dict[str, object]:
    return {
        "sample_id": record.sample_id,
        "task": record.task,
        "prompt": [{"role": "user", "content": record.prompt}],
        "completion": [{"role": "assistant", "content": record.answer}],
    }


def _shown(record: Record) -> dict[str, object]:
    content: list[dict[str, str | None]] = []
    for number, text in enumerate(record.prompt.split(PICTURE) if shows(record.task) else [record.prompt]):
        content += [{"type": "image", "text": None}] if number else []
        content += [{"type": "text", "text": text}] if text else []
    images = [{"bytes": picture(record), "path": None}] if shows(record.task) else []
    return _told(record) | {"prompt": [{"role": "user", "content": content}], "images": images}


def _features(schema: pa.Schema) -> dict[str, JsonValue]:
    return {field.name: _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> JsonValue:
    if kind == _IMAGES.value_type:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": str(kind), "_type": "Value"}


def _card(plan: Course, form: str, made: Sequence[Made], version: Version) -> Iterator[Chunk]:
    curriculum = plan.curriculum
    configs: list[JsonValue] = []
    for stage in curriculum.stages:
        files: list[JsonValue] = [
            {"split": split, "path": f"{stage.name}/{split}-*.parquet"}
            for split in splits_of(curriculum)
            if any(file.path.startswith(f"{stage.name}/{split}-") and file.rows for file in made)
        ]
        require_records(stage, len(files))
        configs.append({"config_name": stage.name, "data_files": files})
    first = curriculum.stages[0].name
    rows = sum(file.rows for file in made)
    lines = [
        "---",
        f"configs: {json.dumps(configs)}",
        "---",
        f"# {version.manifest.config['name']}, version {version.manifest.version}: {curriculum.name}",
        "",
        f"{rows:,} records of {', '.join(curriculum.tasks)}, {form}.",
        "Each stage of the curriculum is a configuration:",
        "",
        "| stage | tiers | tokens | context |",
        "|---|---|---|---|",
        *(
            f"| {stage.name} | {', '.join(stage.tiers)} | {stage.tokens} | {stage.context:,} |"
            for stage in curriculum.stages
        ),
        "",
        "```python",
        "import datasets",
        "",
        f'stage = datasets.load_dataset(".", "{first}", split="{curriculum.split}")',
        "```",
        "",
        "`curriculum.json` says how many records each stage, split and task has, and why others are not there.",
    ]
    yield Chunk(("\n".join(lines) + "\n").encode())


HF = Export(
    "hf", 1, HfSettings, hf, says="a folder that datasets.load_dataset opens and TRL trains on, a configuration a stage"
)
