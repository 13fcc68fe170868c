"""Stages of another package, which is installed into a folder of its own: no line of this repository knows of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import PartitionRefused
from pipeline.report.columns import COLUMN_SENTENCES
from pipeline.steps import rowwise
from stages import installed
from stages.entry_points import PackageUnusable
from stages.rowwise import OWN
from tests.helpers import mill, write_config

CODE = """
import pyarrow as pa
from pydantic import Field
from stages.base import Columns, Dropped, RowStage, Settings, SideStage
from stages.reasons import Reason

class ScoreSettings(Settings):
    least: int = Field(0, ge=0, description="smallest score that is kept")
    fail: bool = Field(False, description="break on everything")

def score(svg: str, tokens: str, settings: ScoreSettings) -> Columns:
    if settings.fail:
        raise RuntimeError("broken score")
    found = svg.count("<path")
    if found < settings.least:
        raise Dropped(Reason.FILTERED, f"{found} paths")
    return {"score": found / 2, "hidden": len(tokens)}

SCORE = RowStage(
    name="score", version=7, settings=ScoreSettings, reads=("svg", "tokens"), one=score,
    adds=pa.schema([("score", pa.float32()), ("hidden", pa.int32())]),
    says="counts paths", shards={"score": "Half the number of paths."},
)

class LabelSettings(Settings):
    text: str = "has {}"

def label(table: pa.Table, settings: LabelSettings) -> pa.Table:
    labels = [settings.text.format(score) for score in table["score"].to_pylist()]
    return pa.table({"sample_id": table["sample_id"], "label": labels, "keys": table["keys"]})

LABEL = SideStage(
    name="label", version=1, settings=LabelSettings, reads=("sample_id", "score", "keys"), make=label,
    schema=pa.schema([("sample_id", pa.string()), ("label", pa.string()), ("keys", pa.list_(pa.string()))]),
    says="puts the score into words", shards={"label": "The score in words."},
)
"""


def install(folder: Path, version: str, entries: str, code: str = CODE) -> Path:
    """What an installer leaves in ``folder``: a module and its metadata."""
    about = folder / f"toy_score-{version}.dist-info"
    about.mkdir(parents=True)
    (folder / "toy_score.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toy-score\nVersion: {version}\n")
    (about / "entry_points.txt").write_text(f"[{installed.GROUP}]\n{entries}\n")
    return folder


BOTH = "scores = toy_score:SCORE\nlabels = toy_score:LABEL"


def command(packages: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """``svgmill`` in an environment that has ``packages``."""
    checkout = Path(installed.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, words)],
        env=os.environ | {"PYTHONPATH": f"{packages}{os.pathsep}{checkout}", "COLUMNS": "200"},
        cwd=checkout,
        text=True,
        capture_output=True,
    )


def manifest_in(workspace: Path, number: int = 1) -> dict:
    return json.loads((workspace / f"versions/{number}/manifest.json").read_text())


@pytest.mark.parametrize("engine", [pytest.param("inline"), pytest.param("ray", marks=pytest.mark.ray)])
def test_a_score_of_another_package_is_everywhere(engine: str, icons: Path, tmp_path: Path) -> None:
    """In samples, side tables, shards, counts, the budget, the manifest and the card; its version is in fingerprints."""
    packages, workspace = install(tmp_path / "one", "1.0", BOTH), tmp_path / "ws"
    settings = {"score": {"least": 1}, "error_budget": {"score": 0.0}, "write": {"formats": ["parquet", "webdataset"]}}
    config = write_config(tmp_path / "c.yaml", icons, **settings)
    where = ("--workspace", workspace, "--engine", engine, *(("--workers", "2") if engine == "ray" else ()))
    done = command(packages, "run", config, *where)
    assert done.returncode == 0, done.stderr

    told = manifest_in(workspace)
    assert told["created_by"]["stages"]["score"] == "7 in toy-score 1.0"
    assert told["created_by"]["stages"]["label"] == "1 in toy-score 1.0"
    assert told["config"]["score"] == {"least": 1, "fail": False} and told["config"]["label"] == {"text": "has {}"}
    (row,) = (row for row in told["stages"] if row["stage"] == "score")
    assert row["dropped"]["filtered"] > 0 and row["kept"] == row["input"] - row["dropped"]["filtered"]
    assert told["funnel"]["rejected"]["filtered"] == row["dropped"]["filtered"]

    samples = [pq.read_table(path) for path in sorted((workspace / "tables/samples").rglob("*.parquet"))]
    kept = [table for table in samples if "score" in table.column_names]
    assert kept and all(table.column_names[-2:] == ["hidden", "score"] for table in kept)
    shards = [pq.read_table(workspace / s["path"]) for s in told["files"] if s.get("format") == "parquet"]
    assert shards and all(table.column_names == [*COLUMN_SENTENCES, "label", "score"] for table in shards)
    for sample in (sample for table in shards for sample in table.to_pylist()):
        assert sample["score"] == sample["svg"].count("<path") / 2 and sample["label"] == f"has {sample['score']}"
    assert command(packages, "verify", workspace).returncode == 0

    card = (workspace / "versions/1/README.md").read_text()
    assert "| `score` | float | Half the number of paths. |" in card and "| `label` | string |" in card
    assert f"| score | counts paths | 7 in toy-score 1.0 | {row['input']} | {row['kept']} |" in card.replace("\\", "")

    again = command(packages, "run", config, *where)
    assert "nothing changed since version 1" in again.stdout, again.stderr
    newer = command(install(tmp_path / "two", "1.1", BOTH), "plan", config, "--workspace", workspace)
    assert 'version of score from "7 in toy-score 1.0" to "7 in toy-score 1.1"' in newer.stdout


def test_a_defect_of_another_package_is_counted_as_its_own(icons: Path, tmp_path: Path) -> None:
    """Its budget is spoken of by its name."""
    packages = install(tmp_path / "one", "1.0", BOTH)
    settings = {"score": {"fail": True}, "error_budget": {"score": 0.5}}
    config = write_config(tmp_path / "c.yaml", icons, **settings)
    done = command(packages, "run", config, "--workspace", tmp_path / "ws", "--engine", "inline")
    assert done.returncode == 3
    assert "records were quarantined in score (stage_error" in done.stderr and "error_budget.score 0.5" in done.stderr


def test_without_the_package_its_settings_are_unknown(icons: Path, tmp_path: Path) -> None:
    """A run that would leave a stage out without a word does not start."""
    config = write_config(tmp_path / "c.yaml", icons, score={"least": 1})
    done = command(tmp_path, "plan", config, "--workspace", tmp_path / "ws")
    assert done.returncode == 2 and 'score={"least": 1}: unknown key' in done.stderr


def test_a_package_that_cannot_be_used_ends_the_command(icons: Path, tmp_path: Path) -> None:
    """With one line that says which, and why."""
    packages = install(tmp_path / "one", "1.0", "scores = toy_score:NOTHING")
    config = write_config(tmp_path / "c.yaml", icons)
    done = command(packages, "plan", config, "--workspace", tmp_path / "ws")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: scores = toy_score:NOTHING (svgmill.stages) of toy-score 1.0 does not load: ")


@pytest.mark.parametrize(
    ("entries", "code", "text"),
    [
        ("scores = toy_score:SCORE", "raise OSError('no disk')", "of toy-score 1.0 does not load: OSError: no disk; mend"),
        ("scores = toy_score:score", CODE, "of toy-score 1.0 is of type function, not stages.base.RowStage or stages.base.SideSt"),
        ("a = toy_score:SCORE\nb = toy_score:SCORE", CODE, "stage score .counts paths.: the name score is taken"),
        ("a = toy_score:SCORE", CODE.replace('"score", version', '"render", version'), "the name render is taken"),
        ("a = toy_score:SCORE", CODE.replace('"score", version', '"a score", version'), "stage 'a score': its name must"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_package_is_said(
    entries: str, code: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not load, is something else, or takes a name that is taken."""
    monkeypatch.syspath_prepend(install(tmp_path, "1.0", entries, code))
    monkeypatch.delitem(sys.modules, "toy_score", raising=False)
    monkeypatch.setattr(installed, "installed", installed.installed.__wrapped__)
    with pytest.raises(PackageUnusable, match=text):
        installed.row_stages(OWN)


def test_a_worker_with_other_stages_than_the_run_says_so(
    icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to put out samples that the fingerprint does not describe."""
    others = [replace(rowwise.PASS[0], version=99), *rowwise.PASS[1:]]
    monkeypatch.setattr(rowwise, "PASS", others)
    with pytest.raises(PartitionRefused, match=r"other stages than the run: sanitize 99 \(planned: 3\)"):
        mill(write_config(tmp_path / "c.yaml", icons), tmp_path / "ws")
