import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from pipeline.config import load
from pipeline.errors import OverBudget, UnknownOutcome
from pipeline.progress import Display
from pipeline.run.conductor import Conductor
from pipeline.run.publish import within_budget
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.manifest import StageCount
from pipeline.versions.published import LostRace
from pipeline.work import compacted
from stages import tokenize
from tests.helpers import Run, drawings, dropped, mill, parquet_rows, verify, write_config


def state(workspace: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in workspace.rglob("*") if p.is_file()}


def test_every_record_ends_once(finished: Run) -> None:
    """The funnel balances, and the dropped tables hold exactly the records that were not kept, each once."""
    funnel = finished.result.manifest.funnel
    assert funnel.input == 47
    assert funnel.balanced
    lost = dropped(finished)
    assert len(lost) == funnel.input - funnel.kept
    assert len({(row["source"], row["path"]) for row in lost}) == len(lost)
    reasons = {row["path"]: row["reason"] for row in lost}
    assert reasons["broken/empty.svg"] == "empty"
    assert reasons["broken/page.svg"] == "not_svg"
    assert reasons["broken/cut.svg"] == "xml_malformed"
    assert reasons["broken/image.svg"] == "raster_embedded"
    assert reasons["shapes/s003.svg"] == "duplicate_raw"
    assert reasons["shapes/s004.svg"] == "duplicate_canonical"
    sources = finished.result.manifest.sources
    assert [s.input for s in sources] == [47]


def test_samples_prove_themselves(finished: Run) -> None:
    """Of each sample, tokens decode to the SVG, segments to the tokens, and the id is the SVG's digest."""
    manifest = finished.result.manifest
    settings = tokenize.TokenizeSettings.model_validate_json(json.dumps(manifest.config["tokenize"]))
    vocabulary = tokenize.Vocabulary.build(settings)
    segments = tokenize.Segments.from_json(
        (finished.workspace / manifest.vocabulary_files["segments"].path).read_text()
    )
    rows = parquet_rows(finished)
    assert len(rows) == manifest.funnel.kept > 30
    for row in rows:
        assert tokenize.decode(row["tokens"], vocabulary) == row["svg"]
        assert tokenize.decode_segments(row["segments"], segments) == row["tokens"]
        assert hashlib.sha256(row["svg"].encode()).hexdigest() == row["sample_id"]
        assert row["caption"] and row["provenance"][0]["license"] == "CC0-1.0"
    merged = [row for row in rows if len(row["provenance"]) > 1]
    assert {p["path"] for row in merged for p in row["provenance"]} >= {"copies/raw.svg", "copies/spaced.svg"}


def test_second_run_writes_nothing(finished: Run) -> None:
    """With nothing changed, the same version stands and no file is touched."""
    before = state(finished.workspace)
    again = mill(finished.config, finished.workspace)
    assert not again.result.published
    assert again.result.ran == 0
    assert again.result.manifest.version == 1
    assert state(finished.workspace) == before


def test_second_run_opens_no_data(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings and records are enough to see that there is nothing to do: no drawing, table, index or shard is opened."""
    opened = []
    genuine = FolderStorage._open

    def open_(self: FolderStorage, path: str, buffering: int = -1) -> BinaryIO:
        opened.append(path)
        return genuine(self, path, buffering)

    monkeypatch.setattr(FolderStorage, "_open", open_)
    assert mill(finished.config, finished.workspace).result.ran == 0
    assert "versions/1/manifest.json" in opened
    # the layout says which file is in which partition
    assert not [path for path in opened if not path.endswith(".json") and not path.startswith("layouts/")]


def test_records_that_lie_together_are_read_there(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run puts them together, and the third reads none by itself; a table that they name is made anew."""
    workspace = finished.workspace
    monkeypatch.setattr(compacted, "LEAST", 1)
    read: list[str] = []
    genuine = FolderStorage.open_whole

    def open_whole(self: FolderStorage, path: str) -> BinaryIO:
        read.append(path)
        return genuine(self, path)

    monkeypatch.setattr(FolderStorage, "open_whole", open_whole)
    second = mill(finished.config, workspace).result
    assert second.ran == 0 and len(read) == second.reused
    read.clear()
    third = mill(finished.config, workspace).result
    assert third.ran == 0 and not read and third.reused == second.reused
    assert third.manifest == finished.result.manifest
    gone = next(iter(sorted((workspace / "tables/tier").rglob("*.parquet"))))
    before = gone.read_bytes()
    gone.unlink()
    (workspace / "tables/deal").rename(workspace / "other")
    fourth = mill(finished.config, workspace).result
    assert fourth.ran >= 2 and fourth.manifest == finished.result.manifest and gone.read_bytes() == before


def test_order_of_listings_does_not_matter(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives names in any order, the manifest is the same."""
    genuine = FolderStorage._files

    def files(self: FolderStorage, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        found = list(genuine(self, prefix))
        shuffle.shuffle(found)
        yield from found

    for seed in range(3):
        shuffle = random.Random(seed)
        monkeypatch.setattr(FolderStorage, "_files", files)
        again = mill(finished.config, finished.workspace.with_name(f"shuffled{seed}"))
        assert again.result.manifest == finished.result.manifest


def test_changed_setting_runs_its_stage_and_what_follows(finished: Run) -> None:
    """Another tier edge re-runs tiers and shards, nothing before them, and publishes version 2."""
    storage = open_storage(str(finished.workspace))
    edges = '[{"name":"short","from":0,"to":20},{"name":"L1","from":20,"to":5000}]'
    tiers = json.dumps(finished.result.manifest.config["tier"]["tiers"])
    assert tiers != edges
    sets = ('tier.splits={"train": 0.5, "validation": 0.25, "test": 0.25}',)
    phases = Conductor(load(finished.config, sets), storage, None, Display(quiet=True)).plan()
    runs = {phase.stage for phase in phases if any(d.run for d in phase.decisions)}
    assert runs == {"tier"}
    assert {phase.stage: phase.follows for phase in phases}["write"] == "tier"
    result = mill(finished.config, finished.workspace, sets=sets).result
    assert (result.manifest.version, result.manifest.parent) == (2, 1)
    assert not verify(finished.workspace)


def test_new_source_reuses_the_old_one(finished: Run, tmp_path: Path) -> None:
    """A second source runs its own partitions only; the frozen vocabulary and the old shards stay."""
    more = drawings(tmp_path / "more", 10, 100)
    data = json.loads(finished.config.read_text())
    data["sources"].append({"name": "more", "kind": "folder", "path": str(more), "glob": "*.svg", "license": "MIT"})
    finished.config.write_text(json.dumps(data))
    phases = Conductor(load(finished.config), open_storage(str(finished.workspace)), None, Display(quiet=True)).plan()
    assert {d.task.source for d in phases[0].decisions if d.run} == {"more"}
    by_stage = {phase.stage: phase for phase in phases}
    assert not any(d.run for d in by_stage["samples"].decisions) and by_stage["samples"].decisions
    assert by_stage["samples"].pending["more"].records == 10
    assert by_stage["segments"].settled["all"].startswith("frozen") and "count" not in by_stage
    assert by_stage["write"].pending["all"].records == 10
    result = mill(finished.config, finished.workspace).result
    assert result.manifest.vocabulary_files == finished.result.manifest.vocabulary_files
    old = {shard.path for shard in finished.result.manifest.shards}
    assert old <= {shard.path for shard in result.manifest.shards}
    assert not verify(finished.workspace)


def test_verify_sees_any_change(finished: Run) -> None:
    """A sound version has no faults; a flipped byte, a missing shard and a changed manifest each are one."""
    assert verify(finished.workspace) == []
    shard = finished.workspace / finished.result.manifest.shards[0].path
    data = shard.read_bytes()
    shard.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert any("sha256" in fault for fault in verify(finished.workspace))
    shard.unlink()
    assert any("missing" in fault for fault in verify(finished.workspace))
    shard.write_bytes(data)
    path = finished.workspace / published.manifest_path(1)
    manifest = json.loads(path.read_text())
    next(file for file in manifest["files"] if file["role"] == "shard")["atomic_tokens"] += 1
    path.write_text(json.dumps(manifest))
    assert any("atomic_tokens" in fault for fault in verify(finished.workspace))


def test_lost_race_changes_nothing(finished: Run) -> None:
    """Publishing a number that is taken fails and leaves the published manifest as it is."""
    storage = open_storage(str(finished.workspace))
    before = storage.read(published.manifest_path(1))
    with pytest.raises(LostRace, match="run again"):
        published.publish(storage, finished.result.manifest)
    assert storage.read(published.manifest_path(1)) == before


def test_a_publication_that_is_not_confirmed_is_said_to_be_unknown(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one write that publishes may have happened; the line says so, and that running again finds out."""

    def create(self: FolderStorage, path: str, data: bytes) -> None:
        raise UnknownOutcome(f"cannot write {path}: Stale file handle")

    monkeypatch.setattr(FolderStorage, "create", create)
    with pytest.raises(UnknownOutcome, match=r"not known whether version 1 was published .*run again: it finds out"):
        published.publish(open_storage(str(finished.workspace)), finished.result.manifest)


def test_too_many_quarantined_records_stop_the_publication(icons: Path, tmp_path: Path) -> None:
    """Over the error budget the run finishes, publishes nothing and has exit code 3."""
    config = write_config(tmp_path / "c.yaml", icons, error_budget=0.0, sandbox={"max_output_bytes": 4096})
    with pytest.raises(OverBudget) as error:
        mill(config, tmp_path / "ws")
    assert error.value.exit_code == 3
    assert "output_too_large" in str(error.value)
    assert published.numbers(open_storage(str(tmp_path / "ws"))) == []


def test_each_stage_can_have_its_own_error_budget(icons: Path, tmp_path: Path) -> None:
    """With shares by stage, each stage over its own is one line; one that is left out has the default's share."""
    settings = {"sandbox": {"max_output_bytes": 4096}}
    for name, budget, said in (
        ("over", {"rowwise": 0.0}, "quarantined in rowwise (output_too_large"),
        ("left out", {"render": 1.0}, "over error_budget.rowwise 0.01"),
    ):
        config = write_config(tmp_path / "c.yaml", icons, error_budget=budget, **settings)
        with pytest.raises(OverBudget) as error:
            mill(config, tmp_path / name)
        assert len(str(error.value).splitlines()) == 1 and said in str(error.value)
        assert published.numbers(open_storage(str(tmp_path / name))) == []
    config = write_config(tmp_path / "c.yaml", icons, error_budget={"rowwise": 1.0, "crawl": 0}, **settings)
    result = mill(config, tmp_path / "over").result
    assert result.published
    assert result.manifest.config["error_budget"] == {"crawl": 0.0, "rowwise": 1.0}


def test_each_budget_that_is_exceeded_has_its_line(finished: Run) -> None:
    """Of three stages that lost records, the two that lost more than their share are named, one line each."""
    lost = tuple(
        StageCount(stage, 47, 15, {"stage_error": 2, "empty": 30}) for stage in ("sanitize", "render", "sandbox")
    )
    config = load(finished.config, ('error_budget={"sanitize": 0.01, "rowwise": 0.02, "render": 0.5}',))
    with pytest.raises(OverBudget) as error:
        within_budget(config.config, replace(finished.result.manifest, stages=lost))
    lines = str(error.value).splitlines()
    assert [line.split("; ")[0] for line in lines] == [
        "2 of 47 records were quarantined in sanitize (stage_error 2), over error_budget.sanitize 0.01",
        "2 of 47 records were quarantined in rowwise (stage_error 2), over error_budget.rowwise 0.02",
    ]
