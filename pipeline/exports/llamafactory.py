"""What LLaMA-Factory reads: datasets for each stage and task, ``dataset_info.json``, a training config for each stage.

Text to SVG is in its Alpaca form, the tasks with pictures in its ShareGPT form, all as Parquet with the pictures in it.
What is said here of LLaMA-Factory is from the code of its release 0.9.5 (``data/parser.py``, ``data/converter.py``,
``model/model_utils/embedding.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import pyarrow as pa
from pydantic import Field, JsonValue, model_validator

from pipeline.exports.base import Chunk, Export, File, Last, Made, Version
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.pictures import PICTURES, picture, require_pictures, shows
from pipeline.exports.records import (
    Course,
    CurriculumSettings,
    Part,
    course,
    parts,
    records,
    require_records,
    splits_of,
)
from pipeline.exports.stage_table import table_file
from stages.curriculum import CHAT_BEGIN, Frame, Record, Stage, TaskName

ALPACA = pa.schema(
    [("instruction", pa.string()), ("input", pa.string()), ("output", pa.string()), ("sample_id", pa.string())]
)
"""``input`` is empty: LLaMA-Factory would put it on a line of its own."""

SHAREGPT = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.binary())),  # PNG without alpha, one for each <image> of the messages
        ("sample_id", pa.string()),
    ]
)

_TAGS: dict[str, JsonValue] = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
}

_MODEL = (
    "# A model that svgmill extend-model wrote has the tokens and their embeddings. Set neither",
    "# new_special_tokens_config nor init_special_tokens: LLaMA-Factory up to 0.9.5 counts new rows from the end of",
    "# the padded matrix, so it writes them beside the tokens' ids and over old rows; and it makes the tokens special,",
    "# so that predictions lose them.",
)

_WARMUP = 0.03
"""Share of the steps of a stage."""

_SYSTEM = re.compile(r"<\|im_start\|>system\n(.*?)<\|im_end\|>\n", re.DOTALL)


class LlamaFactorySettings(CurriculumSettings):
    """Settings of the export ``llamafactory``."""

    model: str = Field(
        "model",
        min_length=1,
        description="what extend-model wrote, as LLaMA-Factory is to find it: a path, from the export's folder",
    )
    output: str = Field(
        "trained", min_length=1, description="where stages leave their models: stage2 goes on from trained/stage1"
    )
    template: str = Field("qwen2_vl", min_length=1, description="LLaMA-Factory's name of the chat template")
    weights: dict[TaskName, float] = Field(
        default_factory=dict,
        description="task: how often its records are drawn, against the others'; not named: 1, which is each once",
    )
    batch_size: int = Field(128, ge=1, description="records of a step; HiVG's")
    device_batch_size: int = Field(4, ge=1, description="of these, how many a device takes at once")
    learning_rate: float = Field(1e-5, gt=0, description="the paper names none")
    precision: Literal["bf16", "fp16", "fp32"] = Field("bf16", description="fp32 where there is no GPU")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.batch_size % self.device_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of device_batch_size {self.device_batch_size}"
            )
        if any(weight <= 0 for weight in self.weights.values()):
            raise ValueError("weights must be over 0; to leave a task out, leave it out of curriculum.tasks")
        return self


@dataclass(frozen=True)
class Dataset:
    """What LLaMA-Factory calls so: a folder of files with the records of one stage, task and split."""

    curriculum: str
    stage: str
    task: TaskName
    split: str
    held_out: bool

    @property
    def name(self) -> str:
        """In dataset_info.json and in training configs."""
        return "_".join([self.curriculum, self.stage, self.task, *([self.split] if self.held_out else ())])

    @property
    def folder(self) -> str:
        """Below the export's folder, without a ``/`` at its end."""
        return f"{self.stage}/{self.task}-{self.split}"

    def rows(self, made: Sequence[Made]) -> int:
        """Its records, of the files that were made."""
        return sum(file.rows for file in made if file.path.startswith(f"{self.folder}/"))


def llamafactory(version: Version, settings: LlamaFactorySettings) -> Iterator[File | Last]:
    """``<stage>/<task>-<split>/<part>.parquet``, ``dataset_info.json``, ``<stage>.yaml`` and the stage table.

    Raises ConfigError as `course` does, and if a task shows pictures that the version does not hold.
    """
    plan = course(version, settings.curriculum)
    require_pictures(version, plan.curriculum.tasks)
    for stage in plan.curriculum.stages:
        for dataset in _datasets(plan, stage):
            for part in parts(version, settings, stage, dataset.split):
                yield File(f"{dataset.folder}/{part.name}.parquet", partial(_rows, plan, part, dataset.task))
    yield Last("dataset_info.json", partial(_dataset_info, plan))
    model = settings.model
    for stage in plan.curriculum.stages:
        yield Last(f"{stage.name}.yaml", partial(_training, plan, stage, model, settings))
        model = f"{settings.output}/{stage.name}"
    yield table_file(plan.curriculum)


def _datasets(plan: Course, stage: Stage) -> list[Dataset]:
    trained = plan.curriculum.split
    return [
        Dataset(plan.curriculum.name, stage.name, task, split, split != trained)
        for split in splits_of(plan.curriculum)
        for task in plan.curriculum.tasks
    ]


def _rows(plan: Course, part: Part, task: TaskName, version: Version) -> Iterator[Chunk]:
    made, counts = records(version, plan, part, (task,), PICTURES if shows(task) else ())
    schema, example = (SHAREGPT, _shown) if shows(task) else (ALPACA, _told)
    for data in parquet_rows(made, example, schema, raw=("images",)):
        yield Chunk(data)
    yield Chunk(b"", len(made), counts)


def _told(record: Record) -> dict[str, object]:
    return {"instruction": record.prompt, "input": "", "output": record.answer, "sample_id": record.sample_id}


def _shown(record: Record) -> dict[str, object]:
    turns = (("user", record.prompt), ("assistant", record.answer))
    return {
        "messages": [{"role": role, "content": content} for role, content in turns],
        "images": [picture(record)],
        "sample_id": record.sample_id,
    }


def _dataset_info(plan: Course, made: Sequence[Made], version: Version) -> Iterator[Chunk]:
    info: dict[str, JsonValue] = {}
    for stage in plan.curriculum.stages:
        for dataset in _datasets(plan, stage):
            if dataset.rows(made):  # LLaMA-Factory stops at a dataset without rows
                info[dataset.name] = _entry(dataset)
    yield Chunk((json.dumps(info, indent=1) + "\n").encode())


def _entry(dataset: Dataset) -> dict[str, JsonValue]:
    if shows(dataset.task):
        columns: dict[str, JsonValue] = {"messages": "messages", "images": "images"}
        return {"file_name": dataset.folder, "formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    return {"file_name": dataset.folder, "formatting": "alpaca", "columns": columns}


def _training(
    plan: Course, stage: Stage, model: str, settings: LlamaFactorySettings, made: Sequence[Made], version: Version
) -> Iterator[Chunk]:
    rows = {dataset: dataset.rows(made) for dataset in _datasets(plan, stage)}
    train = {dataset: count for dataset, count in rows.items() if count and not dataset.held_out}
    held_out = [dataset for dataset, count in rows.items() if count and dataset.held_out]
    require_records(stage, sum(train.values()))
    shares = {dataset: count * settings.weights.get(dataset.task, 1.0) for dataset, count in train.items()}
    lines = [
        f"# Stage {stage.name} of the curriculum {plan.curriculum.name}: tiers {', '.join(stage.tiers)}, "
        f"{'atomic' if stage.tokens == 'atomic' else 'atomic and segment'} tokens.",
        f"# In this folder: llamafactory-cli train {stage.name}.yaml",
        "",
        *_MODEL,
        f"model_name_or_path: {json.dumps(model)}",
        "",
        "stage: sft",
        "do_train: true",
        "finetuning_type: full",
        "",
        "dataset_dir: .",
        f"dataset: {','.join(dataset.name for dataset in train)}",
        *_mixture(shares),
        *(f"# {dataset.name}: {count} records" for dataset, count in train.items()),
        f"template: {json.dumps(settings.template)}",
        *_system(plan.frame),
        f"cutoff_len: {stage.context}",
        "preprocessing_num_workers: 4",
        "",
        f"output_dir: {json.dumps(f'{settings.output}/{stage.name}')}",
        f"num_train_epochs: {stage.epochs}",
        f"per_device_train_batch_size: {settings.device_batch_size}",
        "# for one device: divide it by the number of devices",
        f"gradient_accumulation_steps: {settings.batch_size // settings.device_batch_size}",
        f"learning_rate: {settings.learning_rate:.6e}",
        "lr_scheduler_type: cosine",
        f"warmup_steps: {round(_WARMUP * sum(train.values()) * stage.epochs / settings.batch_size)}",
        *([f"{settings.precision}: true"] if settings.precision != "fp32" else []),
        "logging_steps: 10",
        "save_steps: 1000",
        "report_to: none",
        *_evaluation(held_out, len(train)),
    ]
    yield Chunk(("\n".join(lines) + "\n").encode())


def _mixture(shares: Mapping[Dataset, float]) -> list[str]:
    if len(shares) < 2:
        return []
    total = sum(shares.values())
    return [
        "# each in proportion to its records and its weight, until all of them have come; they must sum to 1",
        "mix_strategy: interleave_over",
        f"interleave_probs: {','.join(f'{share / total:.10f}' for share in shares.values())}",
    ]


def _evaluation(held_out: Sequence[Dataset], trained: int) -> list[str]:
    """Of splits beside the trained one. LLaMA-Factory wants as many datasets here as there are interleave_probs."""
    if not held_out or (trained > 1 and len(held_out) != trained):
        return []
    return [
        "",
        f"eval_dataset: {','.join(dataset.name for dataset in held_out)}",
        "eval_on_each_dataset: true",
        "eval_strategy: epoch",
        "per_device_eval_batch_size: 1",
    ]


def _system(frame: Frame) -> list[str]:
    """The system message of a chat's frame: LLaMA-Factory's templates put their own there if they are told of none."""
    if CHAT_BEGIN not in frame.before:
        return []
    found = _SYSTEM.search(frame.before)
    return [f"default_system: {json.dumps(found[1] if found else '', ensure_ascii=False)}"]


LLAMAFACTORY = Export(
    "llamafactory",
    1,
    LlamaFactorySettings,
    llamafactory,
    says="LLaMA-Factory's datasets, dataset_info.json and a training config for each stage of a curriculum",
)
