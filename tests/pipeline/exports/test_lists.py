"""Stage lists: each stage's samples, in an order that is a shuffle, the same on any number of workers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.errors import ConfigError
from pipeline.exports import registry, stage_table
from pipeline.exports.base import Version
from pipeline.exports.lists import LISTS
from pipeline.exports.records import Part, course
from pipeline.exports.write import verify_export, write_export
from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work.reading import Here
from stages.curriculum import Curriculum
from tests.helpers import ROOT, Run, one_line, parquet_rows, svgmill


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def version_of(run: Run) -> Version:
    storage = open_storage(str(run.workspace))
    return Version(storage, published.read(storage))


def stage(name: str, tiers: set[str], **more: Any) -> dict[str, Any]:
    return {"name": name, "tiers": sorted(tiers), "tokens": "segments", "context": 10_000} | more


@pytest.fixture
def tiers(finished: Run) -> set[str]:
    return {shard.tier for shard in finished.result.manifest.shards}


def exported(run: Run, out: Path, curriculum: dict[str, Any], *overrides: str) -> dict[str, Any]:
    file = out.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(curriculum))
    settings = registry.settings_of(LISTS, overrides, file)
    receipt = write_export(version_of(run), LISTS, settings, open_storage(str(out)), Display(quiet=True))
    assert verify_export(open_storage(str(out))) == ([], receipt)
    table = json.loads((out / "curriculum.json").read_text())["table"]
    return {(row["stage"], row["split"], row["task"]): row for row in table}


def test_the_example_is_what_is_built_in() -> None:
    """configs/curricula/hivg.yaml writes the defaults out, each of them."""
    settings = registry.settings_of(LISTS, (), ROOT / "configs/curricula/hivg.yaml")
    assert settings.curriculum == Curriculum()
    data = yaml.safe_load((ROOT / "configs/curricula/hivg.yaml").read_text())
    assert set(data) == set(Curriculum.model_fields)


def test_lists_hold_each_sample_of_their_tiers(finished: Run, tiers: set[str], tmp_path: Path) -> None:
    """Once for each task; the table has the manifest's counts; a part holds what its range of ids says."""
    curriculum = {"stages": [stage("all", tiers)], "evaluate": ["validation", "test"]}
    table = exported(finished, tmp_path / "out", curriculum, "file_rows=7")
    rows = parquet_rows(finished)
    for split in ("train", "validation", "test"):
        own = [row for row in rows if row["split"] == split]
        paths = sorted((tmp_path / "out/all").glob(f"{split}-*.parquet"))
        assert len(paths) == -(-len(own) // 7)
        listed = [row for path in paths for row in pq.read_table(path).to_pylist()]
        for task in ("text_to_svg", "image_to_svg", "image_to_caption"):
            assert sorted(r["sample_id"] for r in listed if r["task"] == task) == sorted(r["sample_id"] for r in own)
            assert table["all", split, task]["samples"] == table["all", split, task]["records"] == len(own)
        for number, path in enumerate(paths):
            part = Part("all", split, number, len(paths))
            assert all(part.first <= row["sample_id"] <= part.last for row in pq.read_table(path).to_pylist())
    order = [row["sample_id"] for row in pq.read_table(tmp_path / "out/all/train-00000.parquet").to_pylist()]
    assert order != sorted(order)


def test_a_curriculum_chooses(finished: Run, tiers: set[str], tmp_path: Path) -> None:
    """Tiers by stage, a cap by source that keeps the samples of the stage before, another seed another choice."""
    first = sorted(tiers)[0]
    curriculum = {"stages": [stage("one", {first}), stage("two", tiers)], "caps": {"source": 5}, "evaluate": []}
    table = exported(finished, tmp_path / "a", curriculum)

    def samples(out: str, name: str) -> set[str]:
        paths = (tmp_path / out / name).glob("*.parquet")
        return {row["sample_id"] for path in paths for row in pq.read_table(path).to_pylist()}

    count = Counter((row["tier"], row["split"]) for row in parquet_rows(finished))
    assert len(samples("a", "two")) == 5 and len(samples("a", "one")) == min(5, count[first, "train"])
    assert table["two", "train", "text_to_svg"]["capped"] == sum(n for (_, s), n in count.items() if s == "train") - 5
    kind = {row["sample_id"]: row["tier"] for row in parquet_rows(finished)}
    assert {s for s in samples("a", "two") if kind[s] == first} <= samples("a", "one")
    exported(finished, tmp_path / "b", curriculum | {"seed": 1})
    assert samples("a", "two") != samples("b", "two")


def test_the_table_is_printed(finished: Run, tiers: set[str], tmp_path: Path) -> None:
    """By the command, and the same as in an export."""
    file = tmp_path / "curriculum.yaml"
    file.write_text(yaml.safe_dump({"stages": [stage("all", tiers)]}))
    done = svgmill("curriculum", finished.workspace, "--curriculum", file)
    assert done.returncode == 0, done.stderr
    settings = registry.settings_of(LISTS, (), file)
    version = version_of(finished)
    plan = course(version, settings.curriculum)
    rows = stage_table.count(version, plan, settings, Here(version.storage))
    assert done.stdout.splitlines() == list(stage_table.lines(rows))


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ('curriculum.stages=[{"name":"s","tiers":["L9"],"tokens":"atomic","context":99999}]', "stage s has no samples"),
        ("curriculum.stages.0.context=20", "is shorter than the prompt of text_to_svg"),
        ('curriculum.weights={"nowhere": 2}', "weights.nowhere: the version has no such source; it has icons"),
        ('curriculum.oversample=[{"feature": "<nothing>", "times": 2}]', "<nothing> is no token"),
        ("curriculum.split=other", "no sample has the split other"),
        ("curriculum.sed=1", "did you mean seed"),
    ],
)
def test_what_does_not_fit_the_version_is_said(
    finished: Run, tiers: set[str], tmp_path: Path, override: str, fault: str
) -> None:
    """In one line."""
    file = tmp_path / "curriculum.yaml"
    file.write_text(yaml.safe_dump({"stages": [stage("all", tiers)]}))
    with pytest.raises(ConfigError, match=fault) as caught:
        course(version_of(finished), registry.settings_of(LISTS, (override,), file).curriculum)
    assert "\n" not in str(caught.value)


def test_a_redacted_version_has_no_curriculum(finished: Run, tmp_path: Path) -> None:
    """What was taken down is missing in it, so its counts are not the manifest's."""
    storage = open_storage(str(finished.workspace))
    gone = next(s for s in finished.result.manifest.shards if s.format == "parquet")
    storage.write(published.redaction_path(1), json.dumps({"shards": [gone.path], "requests": []}).encode())
    done = svgmill("export", finished.workspace, "--format", "lists", "--out", tmp_path / "out")
    assert "version 1 is redacted" in one_line(done, 2)
    assert not (tmp_path / "out").exists()
