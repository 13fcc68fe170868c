"""What Axolotl reads as already tokenized: Parquet with exactly three columns, and a config for each stage.

Axolotl takes a dataset for tokenized if it has ``input_ids``, ``attention_mask`` and ``labels``, and then asks for no
prompt format (release 0.19.0, ``utils/data/wrappers.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa
from pydantic import Field

from pipeline.exports.base import Chunk, Export, File, Last, Made, Version
from pipeline.exports.parquet import parquet_rows
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
from stages.curriculum import TEXT_TO_SVG, Record, Stage, sequence

TOKENIZED = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("attention_mask", pa.list_(pa.int8())),  # ones
        ("labels", pa.list_(pa.int32())),  # -100 on the prompt
    ]
)


class AxolotlSettings(CurriculumSettings):
    """Settings of the export ``axolotl``."""

    model: str = Field(
        "model", min_length=1, description="what extend-model wrote, as Axolotl is to find it: a path, from the folder"
    )
    output: str = Field(
        "trained", min_length=1, description="where stages leave their models: stage2 goes on from trained/stage1"
    )
    batch_size: int = Field(128, ge=1, description="records of a step; HiVG's")
    learning_rate: float = Field(1e-5, gt=0, description="the paper names none")


def axolotl(version: Version, settings: AxolotlSettings) -> Iterator[File | Last]:
    """``<stage>/<split>-<part>.parquet`` (`TOKENIZED`) of text to SVG, ``<stage>.yaml``, and the stage table.

    Raises ConfigError as `course` does, and if the curriculum has tasks with pictures only.
    """
    plan = course(version, of_texts(settings.curriculum, "axolotl"))
    for stage in plan.curriculum.stages:
        for split in splits_of(plan.curriculum):
            for part in parts(version, settings, stage, split):
                yield File(f"{stage.name}/{split}-{part.name}.parquet", partial(_rows, plan, part))
    model = settings.model
    for stage in plan.curriculum.stages:
        yield Last(f"{stage.name}.yaml", partial(_training, plan, stage, model, settings))
        model = f"{settings.output}/{stage.name}"
    yield table_file(plan.curriculum)


def _rows(plan: Course, part: Part, version: Version) -> Iterator[Chunk]:
    made, counts = records(version, plan, part, (TEXT_TO_SVG,))
    example = partial(_example, plan, tokenize.encoder(version.tokenizer))
    for data in parquet_rows(made, example, TOKENIZED):
        yield Chunk(data)
    yield Chunk(b"", len(made), counts)


def _example(plan: Course, encode: Callable[[str], Sequence[int]], record: Record) -> dict[str, object]:
    ids = sequence(record, plan.frame, encode)
    return {"input_ids": ids.ids, "attention_mask": [1] * len(ids.ids), "labels": ids.labels}


def _training(
    plan: Course, stage: Stage, model: str, settings: AxolotlSettings, made: Sequence[Made], version: Version
) -> Iterator[Chunk]:
    splits = {
        split: [file.path for file in made if file.path.startswith(f"{stage.name}/{split}-") and file.rows]
        for split in splits_of(plan.curriculum)
    }
    require_records(stage, len(splits[plan.curriculum.split]))
    held_out = [_dataset(paths) for split, paths in splits.items() if split != plan.curriculum.split and paths]
    lines = [
        f"# Stage {stage.name} of the curriculum {plan.curriculum.name}, text to SVG.",
        f"# In this folder: axolotl preprocess {stage.name}.yaml, then axolotl train {stage.name}.yaml",
        "",
        "# a model that svgmill extend-model wrote, with the tokenizer whose ids the datasets have",
        f"base_model: {json.dumps(model)}",
        "datasets:",
        *_dataset(splits[plan.curriculum.split]),
        *(["test_datasets:"] if held_out else []),
        *(line for dataset in held_out for line in dataset),
        f"dataset_prepared_path: {json.dumps(f'prepared/{stage.name}')}",
        f"sequence_len: {stage.context}",
        "# fewer padding tokens, if the model has an attention that knows documents: sample_packing: true",
        "sample_packing: false",
        "",
        f"output_dir: {json.dumps(f'{settings.output}/{stage.name}')}",
        f"num_epochs: {stage.epochs}",
        "micro_batch_size: 1",
        "# for one device: divide it by the number of devices",
        f"gradient_accumulation_steps: {settings.batch_size}",
        f"learning_rate: {settings.learning_rate:.6e}",
        "lr_scheduler: cosine",
        "optimizer: adamw_torch",
        "bf16: auto",
        "gradient_checkpointing: true",
        "logging_steps: 10",
        "saves_per_epoch: 1",
    ]
    yield Chunk(("\n".join(lines) + "\n").encode())


def _dataset(paths: Sequence[str]) -> list[str]:
    return [
        "  - path: .",
        "    ds_type: parquet",
        "    split: train  # as datasets calls what files without a split hold",
        "    type:",
        "    data_files:",
        *(f"      - {path}" for path in paths),
    ]


AXOLOTL = Export(
    "axolotl",
    1,
    AxolotlSettings,
    axolotl,
    says="text to SVG as input_ids, attention_mask, labels, with a config for Axolotl for each stage of a curriculum",
)
