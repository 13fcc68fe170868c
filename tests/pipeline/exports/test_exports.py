"""Exports: what is written is what the version holds, can be checked, and goes on where it was cut off."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.exports import registry, write
from pipeline.exports.base import Chunk, Shard, Version
from pipeline.exports.jsonl import KEYS
from pipeline.exports.write import verify_export, write_export
from pipeline.progress import Display
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from tests.helpers import ROOT, Run, mill, one_line, parquet_rows, svgmill


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def exported(run: Run, out: str, form: str = "jsonl", *overrides: str) -> Any:
    storage = open_storage(str(run.workspace))
    export = registry.find(form)
    settings = registry.settings_of(export, overrides)
    version = Version(storage, published.read(storage))
    return write_export(version, export, settings, open_storage(out), Display(quiet=True))


def test_jsonl_holds_every_sample_once(finished: Run, tmp_path: Path) -> None:
    """Each in the file of its tier and split, with its sources; the export verifies, and says what it was made of."""
    out = tmp_path / "out"
    done = svgmill("export", finished.workspace, "--format", "jsonl", "--out", out)
    assert done.returncode == 0, done.stderr
    shards = {row["sample_id"]: row for row in parquet_rows(finished)}
    lines = 0
    for path in out.glob("samples-*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            shard = shards.pop(row["sample_id"])
            assert list(row) == list(KEYS)
            assert {name: row[name] for name in KEYS[:-1]} == {name: shard[name] for name in KEYS[:-1]}
            assert row["sources"] == ["icons"]
            assert path.name == f"samples-{row['tier']}-{row['split']}.jsonl"
            lines += 1
    assert not shards and lines == finished.result.manifest.funnel.kept
    receipt = json.loads((out / "export.json").read_text())
    assert (receipt["export"], receipt["dataset"], receipt["version"]) == ("jsonl", "test", 1)
    assert sum(file["rows"] for file in receipt["files"]) == lines
    assert f"{lines} rows, all sound" in svgmill("verify-export", out).stdout


def test_settings_choose_samples(finished: Run, tmp_path: Path) -> None:
    """By tier and split; a name that no sample has is a fault, and so is a setting that does not exist."""
    kinds = sorted({(s.tier, s.split) for s in finished.result.manifest.shards})
    tier = kinds[0][0]
    receipt = exported(finished, str(tmp_path / "out"), "jsonl", f'tiers=["{tier}"]')
    assert [file.path for file in receipt.files] == [f"samples-{t}-{s}.jsonl" for t, s in kinds if t == tier]
    with pytest.raises(ConfigError, match="tiers: no sample has L9; the version has"):
        exported(finished, str(tmp_path / "other"), "jsonl", 'tiers=["L9"]')
    with pytest.raises(ConfigError, match=r"export jsonl: tier=.*did you mean tiers"):
        exported(finished, str(tmp_path / "other"), "jsonl", 'tier=["L1"]')
    with pytest.raises(ConfigError, match="no export called json; there are axolotl, hf, jsonl, lists"):
        exported(finished, str(tmp_path / "other"), "json")
    assert not (tmp_path / "other").exists()


def test_an_export_depends_on_samples_alone(finished: Run, s3_uri: str, tmp_path: Path) -> None:
    """The same bytes in another folder and on S3; the same lines from WebDataset shards."""
    exported(finished, str(tmp_path / "one"))
    exported(finished, str(tmp_path / "two"))
    exported(finished, s3_uri)
    tars = mill(finished.config, tmp_path / "tars", sets=('write.formats=["webdataset"]',))
    exported(tars, str(tmp_path / "three"))
    one = files(tmp_path / "one")
    assert files(tmp_path / "two") == one
    store = open_storage(s3_uri)
    assert {entry.path: store.read(entry.path) for entry in store.list()} == one
    assert verify_export(store)[0] == []
    three = files(tmp_path / "three")
    for name in one.keys() - {"export.json"}:
        assert sorted(three[name].splitlines()) == sorted(one[name].splitlines())


def test_a_damaged_export_is_found_and_mended(finished: Run, tmp_path: Path) -> None:
    """Files that are changed, cut, lost or strange; those that are sound are not written again."""
    out = tmp_path / "out"
    exported(finished, str(out))
    before = files(out)
    first, second, third, *_ = sorted(before.keys() - {"export.json"})
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    (out / first).write_bytes(b"?" + before[first][1:])
    (out / second).write_bytes(before[second][:-1])
    (out / third).unlink()
    (out / "notes.txt").write_text("mine")
    done = svgmill("verify-export", out)
    assert done.returncode == 1
    assert [line.rpartition("/")[2].split()[0] for line in done.stderr.splitlines()] == [
        first,
        second,
        third,
        "notes.txt",
    ]
    again = svgmill("export", finished.workspace, "--format", "jsonl", "--out", out)
    assert "what is no file of this export, notes.txt among it" in one_line(again, 2)
    (out / "notes.txt").unlink()
    exported(finished, str(out))
    assert files(out) == before
    changed = {name for name in before if (out / name).stat().st_mtime_ns != times[name]}
    assert changed >= {first, second, third} and not changed & (before.keys() - {first, second, third, "export.json"})


def test_an_export_goes_nowhere_else(finished: Run, tmp_path: Path) -> None:
    """Not into a folder that holds something else, another version or the workspace; a file is no folder."""
    ws, out = finished.workspace, tmp_path / "out"
    assert "holds something else" in one_line(svgmill("export", ws, "--format", "jsonl", "--out", ws), 2)
    exported(finished, str(out))
    mill(finished.config, ws, sets=("tier.seed=5",))
    before = files(out)
    assert "version is 1, not 2" in one_line(svgmill("export", ws, "--format", "jsonl", "--out", out), 2)
    assert "is a file" in one_line(svgmill("export", ws, "--format", "jsonl", "--out", out / "export.json"), 2)
    assert svgmill("export", ws, "1", "--format", "jsonl", "--out", out).returncode == 0
    assert files(out) == before
    assert "has no export.json" in one_line(svgmill("verify-export", ws), 2)


def test_a_redacted_version_is_exported_without_what_is_gone(finished: Run, tmp_path: Path) -> None:
    """The receipt says how much is missing, and what was exported before is another export."""
    exported(finished, str(tmp_path / "before"))
    storage = open_storage(str(finished.workspace))
    gone = next(s for s in finished.result.manifest.shards if s.format == "parquet")
    storage.delete(gone.path)
    storage.write(published.redaction_path(1), json.dumps({"shards": [gone.path], "requests": []}).encode())
    receipt = exported(finished, str(tmp_path / "after"))
    assert receipt.redacted == 1
    assert sum(f.rows for f in receipt.files) == finished.result.manifest.funnel.kept - gone.rows
    with pytest.raises(ConfigError, match="redacted is 0, not 1"):
        exported(finished, str(tmp_path / "before"))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of docs/architecture.md, as it stands there, and its line in the registry."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    code = text.partition("## How to add an export")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "toy_captions.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_captions", raising=False)
    module = importlib.import_module("toy_captions")
    monkeypatch.setattr(registry, "EXPORTS", (*registry.EXPORTS, module.CAPTIONS))
    return module


def test_a_toy_export_is_a_module_and_a_line(finished: Run, tmp_path: Path, toy: ModuleType) -> None:
    """It is found by its name, takes its settings, writes, and verifies."""
    out = tmp_path / "out"
    every = parquet_rows(finished)
    least = sorted(len(row["caption"]) for row in every)[len(every) // 2]
    rows = [row for row in every if len(row["caption"]) >= least]
    assert 0 < len(rows) < len(every)
    receipt = exported(finished, str(out), "captions", f"least={least}")
    for file in receipt.files:
        captions = [row["caption"] for row in rows if file.path == f"{row['split']}.txt"]
        assert (out / file.path).read_text().splitlines() == captions and file.rows == len(captions)
    assert verify_export(FolderStorage(out)) == ([], receipt)
    with pytest.raises(ConfigError, match="export captions: least=-1: must be greater than"):
        exported(finished, str(tmp_path / "other"), "captions", "least=-1")


def test_an_export_goes_on_where_it_was_cut_off(
    finished: Run, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were finished are not made again; what is unfinished does not verify, and has no export.json."""
    made: list[str] = []
    broken = {"test"}
    lines = toy.lines

    def cut_off(parts: list[Shard], least: int, version: Version) -> Iterator[Chunk]:
        made.append(parts[0].split)
        for number, chunk in enumerate(lines(parts, least, version)):
            if number == 1 and parts[0].split in broken:
                raise KeyboardInterrupt
            yield chunk

    monkeypatch.setattr(toy, "lines", cut_off)
    monkeypatch.setattr(write, "NOTE_SECONDS", 0.0)
    mill(finished.config, finished.workspace, sets=('tier.splits={"a": 0.4, "test": 0.3, "z": 0.3}',))
    store = FolderStorage(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        exported(finished, store.uri, "captions")
    assert [entry.path for entry in store.list()] == ["a.txt", "export.partial.json"]
    with pytest.raises(ConfigError, match="was not finished; run svgmill export again"):
        verify_export(store)
    with pytest.raises(ConfigError, match=r"settings is .*'least': 1"):
        exported(finished, store.uri, "captions", "least=2")
    broken.clear()
    exported(finished, store.uri, "captions")
    assert made == ["a", "test", "test", "z"]
    exported(finished, str(tmp_path / "whole"), "captions")
    assert files(tmp_path / "whole") == files(store.root)
