"""Stages of another package, which is installed into a folder of its own: no line of this repository knows of it."""

from __future__ import annotations

import json
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
from tests.helpers import mill, svgmill, svgmill_with, write_config

CODE = """
import pyarrow as pa
from pydantic import Field
from stages.base import Columns, Dropped, RowStage, Settings, SideStage
from stages.reasons import Reason

class RatingSettings(Settings):
    least: int = Field(0, ge=0, description="smallest rating that is kept")
    fail: bool = Field(False, description="break on everything")

def rating(svg: str, tokens: str, settings: RatingSettings) -> Columns:
    if settings.fail:
        raise RuntimeError("broken rating")
    found = svg.count("<path")
    if found < settings.least:
        raise Dropped(Reason.FILTERED, f"{found} paths")
    return {"rating": found / 2, "hidden": len(tokens)}

RATING = RowStage(
    name="rating", version=7, settings=RatingSettings, reads=("svg", "tokens"), one=rating,
    adds=pa.schema([("rating", pa.float32()), ("hidden", pa.int32())]),
    says="counts paths", shards={"rating": "Half the number of paths."},
)

class LabelSettings(Settings):
    text: str = "has {}"

def label(table: pa.Table, settings: LabelSettings) -> pa.Table:
    labels = [settings.text.format(rating) for rating in table["rating"].to_pylist()]
    return pa.table({"sample_id": table["sample_id"], "label": labels, "keys": table["keys"]})

LABEL = SideStage(
    name="label", version=1, settings=LabelSettings, reads=("sample_id", "rating", "keys"), make=label,
    schema=pa.schema([("sample_id", pa.string()), ("label", pa.string()), ("keys", pa.list_(pa.string()))]),
    says="puts the rating into words", shards={"label": "The rating in words."},
)
"""


def install(folder: Path, version: str, entries: str, code: str = CODE) -> Path:
    """What an installer leaves in ``folder``: a module and its metadata."""
    about = folder / f"toy_rating-{version}.dist-info"
    about.mkdir(parents=True)
    (folder / "toy_rating.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toy-rating\nVersion: {version}\n")
    (about / "entry_points.txt").write_text(f"[{installed.GROUP}]\n{entries}\n")
    return folder


BOTH = "ratings = toy_rating:RATING\nlabels = toy_rating:LABEL"


def manifest_in(workspace: Path, number: int = 1) -> dict:
    return json.loads((workspace / f"versions/{number}/manifest.json").read_text())


def test_a_rating_of_another_package_is_everywhere(icons: Path, tmp_path: Path) -> None:
    """In samples, side tables, shards, counts, the budget, the manifest and the card; its version is in fingerprints.

    `tests/ray/test_another_package.py` has stages of another package on Ray's workers.
    """
    packages, workspace = install(tmp_path / "one", "1.0", BOTH), tmp_path / "ws"
    settings = {
        "rating": {"least": 1},
        "error_budget": {"rating": 0.0},
        "write": {"formats": ["parquet", "webdataset"]},
    }
    config = write_config(tmp_path / "c.yaml", icons, **settings)
    run = ("run", config, "--workspace", workspace, "--engine", "inline")
    done, verified, again = svgmill_with(packages, run, ("verify", workspace), run)
    assert done.returncode == 0, done.stderr
    assert verified.returncode == 0, verified.stderr
    assert "nothing changed since version 1" in again.stdout, again.stderr

    told = manifest_in(workspace)
    assert told["created_by"]["stages"]["rating"] == "7 in toy-rating 1.0"
    assert told["created_by"]["stages"]["label"] == "1 in toy-rating 1.0"
    assert told["config"]["rating"] == {"least": 1, "fail": False} and told["config"]["label"] == {"text": "has {}"}
    (row,) = (row for row in told["stages"] if row["stage"] == "rating")
    assert row["dropped"]["filtered"] > 0 and row["kept"] == row["input"] - row["dropped"]["filtered"]
    assert told["funnel"]["rejected"]["filtered"] == row["dropped"]["filtered"]

    samples = [pq.read_table(path) for path in sorted((workspace / "tables/samples").rglob("*.parquet"))]
    kept = [table for table in samples if "rating" in table.column_names]
    assert kept and all(table.column_names[-2:] == ["hidden", "rating"] for table in kept)
    shards = [pq.read_table(workspace / s["path"]) for s in told["files"] if s.get("format") == "parquet"]
    assert shards and all(table.column_names == [*COLUMN_SENTENCES, "label", "rating"] for table in shards)
    for sample in (sample for table in shards for sample in table.to_pylist()):
        assert sample["rating"] == sample["svg"].count("<path") / 2 and sample["label"] == f"has {sample['rating']}"

    card = (workspace / "versions/1/README.md").read_text()
    assert "| `rating` | float | Half the number of paths. |" in card and "| `label` | string |" in card
    assert f"| rating | counts paths | 7 in toy-rating 1.0 | {row['input']} | {row['kept']} |" in card.replace("\\", "")

    (newer,) = svgmill_with(install(tmp_path / "two", "1.1", BOTH), ("plan", config, "--workspace", workspace))
    assert 'version of rating from "7 in toy-rating 1.0" to "7 in toy-rating 1.1"' in newer.stdout


def test_a_defect_of_another_package_is_counted_as_its_own(icons: Path, tmp_path: Path) -> None:
    """Its budget is spoken of by its name."""
    packages = install(tmp_path / "one", "1.0", BOTH)
    settings = {"rating": {"fail": True}, "error_budget": {"rating": 0.5}}
    config = write_config(tmp_path / "c.yaml", icons, **settings)
    (done,) = svgmill_with(packages, ("run", config, "--workspace", tmp_path / "ws", "--engine", "inline"))
    assert done.returncode == 3
    assert "records were quarantined in rating (stage_error" in done.stderr and "error_budget.rating 0.5" in done.stderr


def test_without_the_package_its_settings_are_unknown(icons: Path, tmp_path: Path) -> None:
    """A run that would leave a stage out without a word does not start."""
    config = write_config(tmp_path / "c.yaml", icons, rating={"least": 1})
    done = svgmill("plan", config, "--workspace", tmp_path / "ws")
    assert done.returncode == 2 and 'rating={"least": 1}: unknown key' in done.stderr


def test_a_package_that_cannot_be_used_ends_the_command(icons: Path, tmp_path: Path) -> None:
    """With one line that says which, and why."""
    packages = install(tmp_path / "one", "1.0", "ratings = toy_rating:NOTHING")
    config = write_config(tmp_path / "c.yaml", icons)
    (done,) = svgmill_with(packages, ("plan", config, "--workspace", tmp_path / "ws"))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(
        "error: ratings = toy_rating:NOTHING (svgmill.stages) of toy-rating 1.0 does not load: "
    )


@pytest.mark.parametrize(
    ("entries", "code", "text"),
    [
        ("ratings = toy_rating:RATING", "raise OSError('no disk')", "of toy-rating 1.0 does not load: OSError: no disk; mend"),
        ("ratings = toy_rating:rating", CODE, "of toy-rating 1.0 is of type function, not stages.base.RowStage or stages.base.SideSt"),
        ("a = toy_rating:RATING\nb = toy_rating:RATING", CODE, "stage rating .counts paths.: the name rating is taken"),
        ("a = toy_rating:RATING", CODE.replace('"rating", version', '"render", version'), "the name render is taken"),
        ("a = toy_rating:RATING", CODE.replace('"rating", version', '"a rating", version'), "stage 'a rating': its name must"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_package_is_said(
    entries: str, code: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not load, is something else, or takes a name that is taken."""
    monkeypatch.syspath_prepend(install(tmp_path, "1.0", entries, code))
    monkeypatch.delitem(sys.modules, "toy_rating", raising=False)
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
