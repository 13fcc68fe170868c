"""Takedowns: what was asked for leaves with the next version and never comes back."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.storage.open import open_storage
from pipeline.storage.tables import write_table
from pipeline.versions.resolve import resolve
from pipeline.versions.takedown import Parts, Targets, features, load, parse, record, requests
from pipeline.work import ledger
from tests.helpers import HEAD, Run, drawing, mill, one_line, parquet_rows, svgmill, verify, write_config


def ids(run: Run) -> set[str]:
    return {row["sample_id"] for row in parquet_rows(run)}


def shards(run: Run) -> dict[str, int]:
    return {shard.path: shard.rows for shard in run.result.manifest.shards}


def request(run: Run, text: str) -> int:
    """Record it; how many samples it names in the version of ``run``."""
    storage, rules = open_storage(str(run.workspace)), parse(text)
    hits = resolve(storage, rules)
    record(storage, rules, hits.targets)
    return len(hits.versions.get(run.result.manifest.version, {}))


def test_a_sample_leaves_and_only_its_shards_change(finished: Run) -> None:
    """The next version lacks it, all else is in the same shards, the counts balance, and the request is told."""
    before, old = ids(finished), shards(finished)
    gone = sorted(before)[5]
    assert request(finished, gone) == 1
    after = mill(finished.config, finished.workspace)
    manifest = after.result.manifest
    assert ids(after) == before - {gone}
    assert manifest.version == 2 and manifest.funnel.balanced and not verify(finished.workspace)
    assert manifest.funnel.rejected["taken_down"] == manifest.takedowns.records >= 1
    assert len(manifest.takedowns.requests) == 1
    assert len(set(old) - set(shards(after))) == 2  # the one that held it, in both formats
    assert mill(finished.config, finished.workspace).result.published is False


def test_it_does_not_come_back(finished: Run, icons: Path, tmp_path: Path) -> None:
    """Neither when its source is gone and added again, nor from another source, in other words or nearly equal."""
    rows = parquet_rows(finished)
    row = next(row for row in rows if row["provenance"][0]["path"] == "shapes/s011.svg")
    assert request(finished, f"# by owner's wish\n\n{row['sample_id'].upper()}\n") == 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "copy.svg").write_text(drawing(11))
    (other / "spaced.svg").write_text(drawing(11).replace("><", ">\n<"))
    (other / "nearly.svg").write_text(drawing(11).replace("M0 0l", "M0.02 0l", 1))
    (other / "new.svg").write_text(f"{HEAD}<rect x='3' y='4' width='7' height='5'/></svg>")
    only_other = [{"name": "other", "kind": "folder", "path": str(other), "license": "MIT"}]
    config = write_config(tmp_path / "b.yaml", icons, sources=only_other)
    without = mill(config, finished.workspace)
    assert {row["provenance"][0]["path"] for row in parquet_rows(without)} == {"new.svg"}
    assert without.result.manifest.funnel.rejected["taken_down"] == 3
    both = [*only_other, *json.loads(finished.config.read_text())["sources"]]
    again = mill(write_config(tmp_path / "c.yaml", icons, sources=both), finished.workspace)
    assert row["sample_id"] not in ids(again) and len(ids(again)) == len(rows)
    assert not verify(finished.workspace)


def test_records_are_named_by_raw_id_path_and_licence(finished: Run, tmp_path: Path) -> None:
    """A raw id takes the sample that it became, a path what lies below it, a licence everything under it."""
    rows = parquet_rows(finished)
    raw = next(row for row in rows if row["provenance"][0]["path"] == "shapes/s020.svg")
    assert request(finished, raw["provenance"][0]["raw_id"]) == 1
    assert request(finished, "path:icons/shapes/s00") == 10
    after = mill(finished.config, finished.workspace)
    left = {row["provenance"][0]["path"] for row in parquet_rows(after)}
    assert "shapes/s020.svg" not in left and not any(path.startswith("shapes/s00") for path in left)
    assert len(left) == len(rows) - 11
    assert request(after, "license:CC0-1.0") == len(left)
    assert request(after, "license:CC0-1.0") == len(left)
    nothing = mill(finished.config, finished.workspace)
    assert nothing.result.manifest.funnel.kept == 0 and nothing.result.manifest.shards == []
    assert len(nothing.result.manifest.takedowns.requests) == 3


def test_the_command_says_what_is_recorded_and_what_is_wrong(finished: Run, tmp_path: Path) -> None:
    """One line for each; what names nothing is refused with its place."""
    wanted = tmp_path / "list"
    for never in ("https://example.org/a.svg", "path:elsewhere/a"):
        wanted.write_text(never)
        line = one_line(svgmill("takedown", str(finished.workspace), "--file", str(wanted)), 2)
        assert f"{never} can never match" in line
    wanted.write_text(f"{'a' * 64}\npath:icons/shapes/s003\n")
    dry = svgmill("takedown", str(finished.workspace), "--file", str(wanted), "--dry-run").stdout
    assert "version 1: 1 samples" in dry and "icons/copies/raw.svg, icons/shapes/s003.svg" in dry
    assert not list((finished.workspace / "takedowns").glob("*"))
    done = svgmill("takedown", str(finished.workspace), "--file", str(wanted))
    assert "version 1: 1 samples" in done.stdout and " recorded;" in done.stdout
    assert "was recorded before" in svgmill("takedown", str(finished.workspace), "--file", str(wanted)).stdout
    wanted.write_text("a\n")
    assert "line 1: 'a' is no id" in one_line(svgmill("takedown", str(finished.workspace), "--file", str(wanted)), 2)
    for text in ("", "# only this", "license:", "path:icons", "path:icons/"):
        with pytest.raises(ConfigError):
            parse(text)


def test_nothing_that_is_left_was_touched(finished: Run) -> None:
    """Of the samples that stay, tokens, captions, tier and split are as they were, and the vocabulary is frozen."""
    gone = sorted(ids(finished))[0]
    before = {row["sample_id"]: row for row in parquet_rows(finished)}
    request(finished, gone)
    after = mill(finished.config, finished.workspace)
    for row in parquet_rows(after):
        assert row == before[row["sample_id"]]
    assert after.result.manifest.vocabulary_files == finished.result.manifest.vocabulary_files


def test_what_was_taken_down_is_purged_from_old_versions(finished: Run) -> None:
    """After a version without it, the shards that held it go; the old version is redacted, the new one whole."""
    gone = sorted(ids(finished))[3]
    request(finished, gone)
    assert "still holds" in one_line(svgmill("gc", finished.workspace, "--purge-taken-down"), 2)
    after = mill(finished.config, finished.workspace)
    dry = svgmill("gc", finished.workspace, "--purge-taken-down", "--dry-run")
    assert "files would go" in dry.stdout
    assert "files are gone; it is redacted" in svgmill("gc", finished.workspace, "--purge-taken-down").stdout
    left = [p.read_bytes() for p in (finished.workspace / "shards").rglob("*") if p.is_file()]
    assert not any(gone.encode() in data for data in left)
    assert "redacted, " in svgmill("verify", finished.workspace, "1").stdout
    assert not verify(finished.workspace)
    assert svgmill("gc", finished.workspace, "--purge-taken-down", "--older-than", "0").returncode == 0
    assert not mill(finished.config, finished.workspace).result.published
    assert ids(after) == {row["sample_id"] for row in parquet_rows(after)}


def test_a_purge_takes_tables_that_only_other_code_made(finished: Run) -> None:
    """A step that is no more, or a package that was uninstalled, has left them; nobody else would look after them."""
    gone = sorted(ids(finished))[3]
    storage = open_storage(str(finished.workspace))
    table = pa.table({"sample_id": [gone]})
    output = write_table(storage, "tables/other/icons/1.parquet", [table], table.schema)
    ledger.save(storage, ledger.Record("other", "icons", "1", "", {}, {}, "", {"kept": output}, 1, 1))
    request(finished, gone)
    mill(finished.config, finished.workspace)
    assert svgmill("gc", finished.workspace, "--older-than", "0").returncode == 0
    assert storage.exists(output.path)
    assert svgmill("gc", finished.workspace, "--purge-taken-down").returncode == 0
    assert not storage.list("tables/other/")


def test_a_licence_is_taken_down_however_it_was_spelled(tmp_path: Path) -> None:
    """Earlier versions had licences as sources state them; records have expressions, and a request names both."""
    storage = open_storage(str(tmp_path))
    record(storage, parse("license:GPL-3.0\nlicense:mine alone"), Targets())
    known = load(storage, requests(storage))
    assert known.licenses == {"GPL-3.0", "GPL-3.0-only", "mine alone"}


def test_requests_of_old_are_understood(tmp_path: Path) -> None:
    """What was once recorded in clear names the same records, beside requests that are sealed, and makes no table anew."""
    storage = open_storage(str(tmp_path))
    ids = {name: letter * 64 for name, letter in zip(("rule", "sample", "raw", "sealed"), "abcd", strict=True)}
    rules = {"ids": [ids["rule"]], "urls": ["https://x/1"], "paths": [["icons", "a/"]], "licenses": ["MIT"]}
    old = {"rules": rules, "samples": [{"sample_id": ids["sample"], "raw_ids": [ids["raw"]]}]}
    storage.write("takedowns/old.json", json.dumps(old).encode())
    assert record(storage, parse(ids["sealed"]), Targets(parts={("icons", "k")})).new
    assert not record(storage, parse(ids["sealed"]), Targets()).new
    known = load(storage, requests(storage))
    assert all(known.holds([each]) for each in ids.values()) and not known.holds(["e" * 64])
    assert known.urls == {"https://x/1"} and known.paths == (("icons", "a/"),) and known.licenses == {"MIT"}
    parts = Parts(storage, requests(storage))
    assert len(parts.of("icons", "k")) == 1 and parts.of("icons", "other") == []
    assert features(storage, requests(storage)) == []
