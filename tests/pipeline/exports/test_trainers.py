"""Exports for trainers: what their libraries are given is what they ask for, and every record is its shard's drawing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from pipeline.exports import registry
from pipeline.exports.axolotl import TOKENIZED
from pipeline.exports.base import Version
from pipeline.exports.pictures import require_pictures
from pipeline.exports.records import course
from pipeline.exports.write import verify_export, write_export
from pipeline.models.embeddings import read_vocabulary
from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions import published
from stages.curriculum import Curriculum, Stage
from stages.curriculum.settings import CHAT_ML
from stages.tokenize import decode, decode_segments, load_tokenizer
from tests.helpers import Run, drawings, mill, one_line, parquet_rows, svgmill, write_config

TASKS = ("text_to_svg", "image_to_svg", "image_to_caption")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A published version of a few drawings, which no test changes, of two splits."""
    home = tmp_path_factory.mktemp("trainers")
    splits = {"train": 0.6, "test": 0.4}
    config = write_config(home / "config.yaml", drawings(home / "icons", 24), tier={"splits": splits})
    return mill(config, home / "ws", sets=("tokenize.segments.min_frequency=2",))


def stage_of(run: Run, tokens: Literal["atomic", "segments"]) -> Stage:
    """A stage of all tiers."""
    tiers = tuple(sorted({shard.tier for shard in run.result.manifest.shards}))
    return Stage(name={"atomic": "stage1", "segments": "stage2"}[tokens], tiers=tiers, tokens=tokens, context=20_000)


@pytest.fixture
def export(finished: Run, tmp_path: Path) -> Callable[..., Path]:
    """Exports the version in two stages, of atomic and of segment tokens, seven samples to a file."""

    def make(name: str, *overrides: str, **more: Any) -> Path:
        stages = [stage_of(finished, tokens).model_dump(mode="json") for tokens in ("atomic", "segments")]
        (tmp_path / "curriculum.yaml").write_text(yaml.safe_dump({"stages": stages, "evaluate": ["test"]} | more))
        chosen = registry.find(name)
        settings = registry.settings_of(chosen, ("file_rows=7", *overrides), tmp_path / "curriculum.yaml")
        storage = open_storage(str(finished.workspace))
        version = Version(storage, published.read(storage))
        out = open_storage(str(tmp_path / "out"))
        receipt = write_export(version, chosen, settings, out, Display(quiet=True))
        assert verify_export(out) == ([], receipt)
        return tmp_path / "out"

    return make


def table(out: Path) -> dict[tuple[str, str, str], int]:
    rows = json.loads((out / "curriculum.json").read_text())["table"]
    return {(row["stage"], row["split"], row["task"]): row["records"] for row in rows}


@pytest.fixture
def svg(finished: Run) -> Callable[[str], str]:
    """The canonical SVG of a token string, atomic or of segments."""
    file = finished.workspace / finished.result.manifest.vocabulary_files["tokenizer"].path
    vocabulary, segments = read_vocabulary(file.parent)
    return lambda tokens: decode(decode_segments(tokens, segments), vocabulary)


class Columns(BaseModel):
    """LLaMA-Factory 0.9.5, data/parser.py: a column that is not named where others are is not there."""

    model_config = ConfigDict(extra="forbid")
    prompt: str | None = None
    query: str | None = None
    response: str | None = None
    messages: str | None = None
    images: str | None = None


class Entry(BaseModel):
    """Of dataset_info.json."""

    model_config = ConfigDict(extra="forbid")
    file_name: str
    formatting: Literal["alpaca", "sharegpt"]
    columns: Columns
    tags: dict[Literal["role_tag", "content_tag", "user_tag", "assistant_tag"], str] = Field(default_factory=dict)


def converted(entry: Entry, row: dict[str, Any]) -> tuple[str, str, list[bytes]]:
    """Prompt, answer and pictures of a row, by LLaMA-Factory's data/converter.py and its checks."""
    if entry.formatting == "alpaca":
        query = [row[name] for name in (entry.columns.prompt, entry.columns.query) if name and row[name]]
        assert entry.columns.response
        return "\n".join(query), row[entry.columns.response], []
    assert entry.columns.messages and entry.columns.images
    messages = row[entry.columns.messages]
    roles, content = entry.tags["role_tag"], entry.tags["content_tag"]
    assert [message[roles] for message in messages] == [entry.tags["user_tag"], entry.tags["assistant_tag"]]
    images = row[entry.columns.images]
    assert sum(message[content].count("<image>") for message in messages) == len(images)
    return messages[0][content], messages[1][content], images


def test_llamafactory_reads_every_record(export: Callable[..., Path], finished: Run, svg: Callable[[str], str]) -> None:
    """Through its schema: as many as the stage table says, each the drawing of its shard."""
    out = export("llamafactory")
    info = {
        name: Entry.model_validate(entry) for name, entry in json.loads((out / "dataset_info.json").read_text()).items()
    }
    rows = {row["sample_id"]: row for row in parquet_rows(finished)}
    counts = table(out)
    seen = {}
    for name, entry in info.items():
        _, stage, rest = name.split("_", 2)
        task = next(task for task in TASKS if rest.startswith(task))
        split = rest.removeprefix(task).removeprefix("_") or "train"
        data = datasets.load_dataset(
            "parquet",
            data_files=sorted(map(str, (out / entry.file_name).iterdir())),
            split="train",
            cache_dir=out.parent,
        )
        seen[stage, split, task] = len(data)
        for row in data:
            prompt, answer, images = converted(entry, row)
            source = rows[row["sample_id"]]
            assert source["split"] == split
            if task == "image_to_caption":
                assert answer in [caption["text"] for caption in source["captions"]]
            else:
                assert svg(answer) == source["svg"]
                assert answer == source["tokens" if stage == "stage1" else "segments"]
            assert prompt.startswith({"text_to_svg": "[T2ST] ", "image_to_svg": "[I2ST] <image>"}.get(task, "<image> "))
            for image in images:
                assert Image.open(io.BytesIO(image)).mode in ("RGB", "P") and b"tRNS" not in image
    assert seen == {key: count for key, count in counts.items() if count}


class Training(BaseModel):
    """What a stage's config must say, of LLaMA-Factory's hparams."""

    model_config = ConfigDict(extra="allow")
    model_name_or_path: str
    stage: Literal["sft"]
    dataset: str
    dataset_dir: Literal["."]
    template: str
    default_system: str
    cutoff_len: int
    mix_strategy: Literal["interleave_over"]
    interleave_probs: str
    output_dir: str
    learning_rate: float
    eval_dataset: str


def test_llamafactory_trains_stage_after_stage(export: Callable[..., Path]) -> None:
    """Each from the model of the one before, its datasets in proportion to records and weights, its context the cutoff,
    and no setting that lets LLaMA-Factory add tokens."""
    out = export(
        "llamafactory", 'weights={"image_to_caption": 0.5}', "model=/models/extended", frame=CHAT_ML.model_dump()
    )
    info = json.loads((out / "dataset_info.json").read_text())
    counts = table(out)
    first, second = (
        Training.model_validate(yaml.safe_load((out / f"{stage}.yaml").read_text())) for stage in ("stage1", "stage2")
    )
    assert first.model_name_or_path == "/models/extended" and second.model_name_or_path == first.output_dir
    for stage, config in (("stage1", first), ("stage2", second)):
        names = config.dataset.split(",")
        assert names == [f"hivg_{stage}_{task}" for task in TASKS] and set(names) <= set(info)
        assert config.eval_dataset.split(",") == [f"{name}_test" for name in names]
        shares = [counts[stage, "train", task] * (0.5 if task == "image_to_caption" else 1) for task in TASKS]
        expected = [share / sum(shares) for share in shares]
        probabilities = [float(share) for share in config.interleave_probs.split(",")]
        assert probabilities == pytest.approx(expected, abs=1e-9)
        assert np.random.default_rng(0).choice(3, p=probabilities) in range(3)  # as datasets draws; it checks the sum
        assert config.cutoff_len == 20_000 and config.default_system == "You are a helpful assistant."
        assert not {
            "new_special_tokens_config",
            "init_special_tokens",
            "add_special_tokens",
            "add_tokens",
            "resize_vocab",
        } & set(config.model_extra or ())


def opened(out: Path, stage: str) -> Iterator[tuple[str, datasets.Dataset]]:
    for split in ("train", "test"):
        yield split, datasets.load_dataset(str(out), stage, split=split, cache_dir=str(out.parent / "cache"))


@pytest.mark.parametrize("tasks", ["all", "text"])
def test_datasets_opens_conversations(
    export: Callable[..., Path], finished: Run, svg: Callable[[str], str], tasks: str
) -> None:
    """By stage and split, pictures decoded and where the prompt has them; without pictures, contents are texts."""
    task = {"text_to_svg": {"prompt": "Draw: {caption}"}}
    out = export("hf", **({"tasks": task} if tasks == "text" else {}))
    rows = {row["sample_id"]: row for row in parquet_rows(finished)}
    counts = table(out)
    for stage in ("stage1", "stage2"):
        for split, data in opened(out, stage):
            assert len(data) == sum(count for key, count in counts.items() if key[:2] == (stage, split))
            for row in data:
                source = rows[row["sample_id"]]
                (user,), (assistant,) = row["prompt"], row["completion"]
                assert (user["role"], assistant["role"]) == ("user", "assistant")
                if tasks == "text":
                    assert user["content"] == f"Draw: {source['captions'][0]['text']}" and "images" not in row
                else:
                    shown = [part for part in user["content"] if part["type"] == "image"]
                    assert len(shown) == len(row["images"]) == (row["task"] != "text_to_svg")
                    assert all(image.size == (64, 64) and image.mode in ("RGB", "P") for image in row["images"])
                    assert "".join(part["text"] or "<image>" for part in user["content"]).startswith(
                        {"text_to_svg": "[T2ST] ", "image_to_svg": "[I2ST] <image>."}.get(row["task"], "<image> ")
                    )
                if row["task"] != "image_to_caption":
                    assert svg(assistant["content"]) == source["svg"]


def labelled(rows: list[dict[str, Any]], finished: Run, svg: Callable[[str], str]) -> None:
    """What labels say is the canonical SVG of a drawing in the version, and nothing of the prompt."""
    storage = open_storage(str(finished.workspace))
    settings = Curriculum(stages=(stage_of(finished, "atomic"),), evaluate=())
    frame = course(Version(storage, published.read(storage)), settings).frame
    file = finished.workspace / finished.result.manifest.vocabulary_files["tokenizer"].path
    tokenizer = load_tokenizer(file.read_text())
    drawings = {row["svg"] for row in parquet_rows(finished)}
    for row in rows:
        answer = [label for label in row["labels"] if label != -100]
        begin = row["labels"].index(answer[0])
        assert row["labels"] == [-100] * begin + row["input_ids"][begin:]
        prompt = tokenizer.decode(row["input_ids"][:begin], skip_special_tokens=False)
        assert prompt.startswith(f"{frame.before}[T2ST] ") and prompt.endswith(frame.between)
        text = tokenizer.decode(answer, skip_special_tokens=False)
        assert text.endswith(frame.after) and svg(text.removesuffix(frame.after)) in drawings


def test_datasets_opens_ids(export: Callable[..., Path], finished: Run, svg: Callable[[str], str]) -> None:
    """Text to SVG alone, labels on the answer alone."""
    out = export("hf", "form=tokenized")
    counts = table(out)
    for stage in ("stage1", "stage2"):
        for split, data in opened(out, stage):
            assert len(data) == counts[stage, split, "text_to_svg"] and set(data.column_names) == {
                "sample_id",
                "input_ids",
                "labels",
            }
            labelled(data.to_list(), finished, svg)
    assert {task for _, _, task in counts} == {"text_to_svg"}


def test_axolotl_gets_three_columns(export: Callable[..., Path], finished: Run, svg: Callable[[str], str]) -> None:
    """Exactly those by which it knows a tokenized dataset, and a config that names the files of each stage."""
    out = export("axolotl")
    counts = table(out)
    model = "model"
    for stage in ("stage1", "stage2"):
        config = yaml.safe_load((out / f"{stage}.yaml").read_text())
        assert config["base_model"] == model and config["sequence_len"] == 20_000
        model = config["output_dir"]
        for split, (dataset,) in (("train", config["datasets"]), ("test", config["test_datasets"])):
            assert dataset["path"] == "." and dataset["ds_type"] == "parquet" and dataset["split"] == "train"
            assert dataset["type"] is None
            rows = []
            for file in dataset["data_files"]:
                read = pq.read_table(out / file)
                assert read.schema.equals(TOKENIZED)
                rows += read.to_pylist()
            assert len(rows) == counts[stage, split, "text_to_svg"] > 0
            assert all(row["attention_mask"] == [1] * len(row["input_ids"]) for row in rows)
            labelled(rows, finished, svg)


@pytest.mark.parametrize(
    ("form", "override", "fault"),
    [
        ("llamafactory", "device_batch_size=5", "batch_size 128 is no multiple of device_batch_size 5"),
        ("llamafactory", 'weights={"text_to_svg": 0}', "weights must be over 0"),
        (
            "axolotl",
            'curriculum.tasks={"image_to_svg":{"prompt":"<image>"}}',
            "has text_to_svg alone, and the curriculum does not have it",
        ),
    ],
)
def test_what_a_trainer_cannot_take_is_said(
    finished: Run, tmp_path: Path, form: str, override: str, fault: str
) -> None:
    """In one line, before anything is written."""
    stages = [stage_of(finished, "atomic").model_dump(mode="json")]
    (tmp_path / "curriculum.yaml").write_text(yaml.safe_dump({"stages": stages, "evaluate": []}))
    command = ("export", finished.workspace, "--format", form, "--set", override, "--out", tmp_path / "out")
    assert fault in one_line(svgmill(*command, "--curriculum", tmp_path / "curriculum.yaml"), 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["axolotl", "hf", "llamafactory"])
def test_a_stage_whose_records_are_all_too_long_is_said(export: Callable[..., Path], form: str) -> None:
    """A trainer would start on it and find nothing."""
    with pytest.raises(
        ConfigError, match=r"^stage stage1 has samples, but no records of them: svgmill curriculum says"
    ):
        export(form, "curriculum.stages.0.context=16", tasks={"text_to_svg": {"prompt": "{caption}"}})


def test_a_frame_that_is_no_chat_s_leaves_the_system_message_to_the_template(export: Callable[..., Path]) -> None:
    """A version with a tokenizer of its own has one; a chat without a system message says so."""
    out = export("llamafactory")
    assert "default_system" not in yaml.safe_load((out / "stage1.yaml").read_text())


def test_pictures_that_are_not_there_are_said(finished: Run) -> None:
    """A version without pictures has no tasks that show them."""
    storage = open_storage(str(finished.workspace))
    manifest = published.read(storage)
    render = {**manifest.config["render"], "size": None}
    version = Version(storage, replace(manifest, config={**manifest.config, "render": render}))
    require_pictures(version, ["text_to_svg"])
    with pytest.raises(
        ConfigError, match=r"version 1 holds no pictures .*, and image_to_svg shows them: leave the task"
    ):
        require_pictures(version, ["text_to_svg", "image_to_svg"])
