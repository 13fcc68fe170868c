"""The export for verl: what its dataset and its reward ask for, and every record is its shard's drawing."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from PIL import Image

from pipeline.exports import registry
from pipeline.exports.base import Version
from pipeline.exports.verl import QUESTIONS, VERL
from pipeline.exports.write import verify_export, write_export
from pipeline.models.embeddings import read_vocabulary
from pipeline.progress import Display
from pipeline.rewards import compute_score_batch
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work import sandbox
from stages.tokenize import decode, decode_segments
from tests.helpers import Run, one_line, parquet_rows, svgmill


def curriculum_of(run: Run, **more: Any) -> dict[str, Any]:
    """Two stages of all tiers, of atomic and of segment tokens, with a split beside."""
    tiers = sorted({shard.tier for shard in run.result.manifest.shards})
    stages = [
        {"name": f"stage{number}", "tiers": tiers, "tokens": tokens, "context": 20_000}
        for number, tokens in enumerate(("atomic", "segments"), 1)
    ]
    return {"stages": stages, "evaluate": ["test", "validation"]} | more


def exported(run: Run, out: Path) -> Path:
    file = out.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(curriculum_of(run)))
    storage = open_storage(str(run.workspace))
    version = Version(storage, published.read(storage))
    settings = registry.settings_of(VERL, ("file_rows=9",), file)
    receipt = write_export(version, VERL, settings, open_storage(str(out)), Display(quiet=True))
    assert verify_export(open_storage(str(out))) == ([], receipt)
    return out


def questions(out: Path, stage: str, split: str) -> list[dict[str, Any]]:
    tables = [pq.read_table(path) for path in sorted((out / stage).glob(f"{split}-*.parquet"))]
    assert all(table.schema.equals(QUESTIONS) for table in tables)
    return [row for table in tables for row in table.to_pylist()]


def test_questions_are_what_verl_reads(finished: Run, tmp_path: Path) -> None:
    """Each sample once for each task that asks for a drawing; a picture for each <image>, and no other."""
    out = exported(finished, tmp_path / "out")
    shown = {row["sample_id"]: row for row in parquet_rows(finished)}
    vocabulary, segments = read_vocabulary(out / "vocabulary")
    table = json.loads((out / "curriculum.json").read_text())["table"]
    counts = {(row["stage"], row["split"], row["task"]): row["records"] for row in table}
    for stage in ("stage1", "stage2"):
        for split in ("train", "test", "validation"):
            rows = questions(out, stage, split)
            own = sorted(sample_id for sample_id, row in shown.items() if row["split"] == split)
            for task in ("text_to_svg", "image_to_svg"):
                asked = [row for row in rows if row["extra_info"]["task"] == task]
                assert sorted(row["extra_info"]["sample_id"] for row in asked) == own
                assert len(asked) == counts[stage, split, task] and {row["data_source"] for row in asked} <= {
                    f"test/{task}"
                }
            assert counts[stage, split, "image_to_caption"] == 0
            indices = [row["extra_info"]["index"] for row in rows]
            assert indices == sorted(set(indices))
            for row in rows:
                sample = shown[row["extra_info"]["sample_id"]]
                truth = row["reward_model"]["ground_truth"]
                assert truth == sample["tokens" if stage == "stage1" else "segments"]
                assert decode(decode_segments(truth, segments), vocabulary) == sample["svg"]
                ((role, content),) = ((message["role"], message["content"]) for message in row["prompt"])
                assert role == "user" and content.count("<image>") == len(row["images"])
                assert (sample["caption"] in content) == (row["extra_info"]["task"] == "text_to_svg")
                for image in (*row["images"], {"bytes": row["extra_info"]["picture"]}):
                    picture = Image.open(io.BytesIO(image["bytes"]))
                    assert (
                        picture.size == (64, 64) and picture.mode in ("RGB", "P") and "transparency" not in picture.info
                    )


def test_the_truth_of_every_question_is_worth_all(finished: Run, tmp_path: Path) -> None:
    """By the vocabulary that the export brings; a picture of the drawing is what the reward compares with."""
    out = exported(finished, tmp_path / "out")
    rows = questions(out, "stage2", "train")
    truths = [row["reward_model"]["ground_truth"] for row in rows]
    scores = compute_score_batch(
        data_sources=np.array([row["data_source"] for row in rows], object),
        solution_strs=[f"{truth}<|im_end|>" for truth in truths],
        ground_truths=truths,
        extra_infos=np.array([row["extra_info"] for row in rows], object),
        vocabulary=str(out / "vocabulary"),
    )
    sandbox.close_all()
    assert len(scores) > 20 and {score["score"] for score in scores} == {1.0}


def test_the_card_says_what_verl_is_told(finished: Run, tmp_path: Path) -> None:
    """Of each stage, with paths that are there."""
    out = exported(finished, tmp_path / "out")
    card = (out / "README.md").read_text()
    assert card.count("python -m verl.trainer.main_ppo") == 2 and (out / "vocabulary/segments.json").exists()
    patterns = re.findall(r"\$PWD/(\S+\.parquet)", card)
    assert len(patterns) == 4 and all(list(out.glob(pattern)) for pattern in patterns)


def test_captions_are_no_drawings(finished: Run, tmp_path: Path) -> None:
    """A curriculum that asks for nothing else is one line."""
    task = {"image_to_caption": {"prompt": "<image> What is it?"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(curriculum_of(finished, tasks=task)))
    arguments = ("--format", "verl", "--curriculum", tmp_path / "c.yaml", "--out", tmp_path / "out")
    line = one_line(svgmill("export", finished.workspace, *arguments), 2)
    assert "image_to_caption asks for none; add text_to_svg or image_to_svg to curriculum.tasks" in line
