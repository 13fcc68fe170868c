"""Dealing and writing: shards are mixtures, few of them change, and what cannot be drawn costs itself only."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.work.sandbox import Sandbox, SandboxResult
from stages.reasons import Reason
from tests.helpers import Run, drawings, mill, parquet_rows, svgmill, verify, write_config

TARGET = 20


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two sources of 60 drawings each."""
    for name, first in (("a", 0), ("b", 60)):
        drawings(tmp_path / name, 60, first)
    return tmp_path


def run(corpus: Path, **settings: Any) -> Run:
    sources = [
        {"name": name, "kind": "folder", "path": str(corpus / name), "glob": "**/*.svg", "license": "CC0-1.0"}
        for name in ("a", "b")
    ]
    write = {"shard_rows": TARGET, "group_bytes": 65536} | settings.pop("write", {})
    config = write_config(corpus / "c.yaml", corpus, sources=sources, write=write, **settings)
    return mill(config, corpus / "ws")


def shards(of: Run, form: str = "parquet") -> set[str]:
    return {shard.path for shard in of.result.manifest.shards if shard.format == form}


def index(of: Run) -> list[dict[str, Any]]:
    parts = of.result.manifest.of_role("index")
    return [row for part in parts for row in pq.read_table(of.workspace / part.path).to_pylist()]


def test_shards_are_few_full_and_of_all_sources(corpus: Path) -> None:
    """Of a kind no more than 1.2 times those that its samples fill, none under half; the index knows each row."""
    result = run(corpus)
    manifest = result.result.manifest
    rows: Counter[tuple[str, str, str]] = Counter()
    for shard in manifest.shards:
        rows[shard.format, shard.tier, shard.split] += shard.rows
    for kind, total in rows.items():
        own = [s for s in manifest.shards if (s.format, s.tier, s.split) == kind]
        assert len(own) <= 1.2 * math.ceil(total / TARGET)
        assert len(own) == 1 or min(shard.rows for shard in own) >= TARGET / 2
        assert {shard.places for shard in own} == {len(own)}
    full = [shard for shard in manifest.shards if shard.format == "parquet" and shard.rows >= TARGET]
    assert full
    for shard in full:
        assert set(pq.read_table(result.workspace / shard.path)["source"].to_pylist()) == {"a", "b"}
    table = {path: pq.read_table(result.workspace / path)["sample_id"].to_pylist() for path in shards(result)}
    for row in index(result):
        assert table[row["shard"]["parquet"]][row["row"]] == row["sample_id"]
    assert len(index(result)) == manifest.funnel.kept and not verify(result.workspace)


def test_one_that_goes_rewrites_its_shard_and_new_ones_none(corpus: Path) -> None:
    """Numbers of shards are kept while these are half to twice full."""
    first = run(corpus)
    drawings(corpus / "a", 10, 120)
    second = run(corpus)
    assert shards(first) < shards(second)
    assert {shard.generation for shard in second.result.manifest.shards} == {1, 2}
    sample = index(first)[0]["sample_id"]
    (corpus / "down.txt").write_text(f"{sample}\n")
    assert svgmill("takedown", corpus / "ws", "--file", corpus / "down.txt").returncode == 0
    third = run(corpus)
    for form in ("parquet", "webdataset"):
        assert len(shards(second, form) - shards(third, form)) == 1 >= len(shards(third, form) - shards(second, form))
    assert not verify(third.workspace)


@pytest.mark.parametrize(("start", "between"), [(TARGET, 5), (TARGET, 60), (12, 15)])
def test_a_target_changed_and_changed_back_deals_as_before(corpus: Path, start: int, between: int) -> None:
    """Whatever was between."""
    first = run(corpus, write={"shard_rows": start})
    run(corpus, write={"shard_rows": between})
    assert shards(run(corpus, write={"shard_rows": start})) == shards(first)


def test_what_cannot_be_drawn_costs_itself(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A survivor that is lost as it is drawn is quarantined, the counts balance, and the version is sound."""
    kept = {row["sample_id"] for row in parquet_rows(run(corpus))}
    doomed = min(kept)
    genuine = Sandbox.run

    def failing(self: Sandbox, table: Any, text: str) -> SandboxResult:
        if "svg" not in table.column_names or "sample_id" not in table.column_names:
            return genuine(self, table, text)
        ids = table["sample_id"].to_pylist()
        if doomed not in ids:
            return genuine(self, table, text)
        place = ids.index(doomed)
        others = genuine(self, table.filter([each != doomed for each in ids]), text)
        return SandboxResult(others.tables, [(place, Reason.TIMED_OUT, "over 5 s")])

    monkeypatch.setattr(Sandbox, "run", failing)
    result = run(corpus, render={"size": 40})
    manifest = result.result.manifest
    assert manifest.funnel.quarantined == {"timed_out": 1} and manifest.funnel.balanced
    assert manifest.stages[-1].stage == "draw" and manifest.stages[-1].dropped == {"timed_out": 1}
    assert sum(source.quarantined_total for source in manifest.sources) == 1
    assert {row["sample_id"] for row in parquet_rows(result)} == kept - {doomed}
    assert doomed not in {row["sample_id"] for row in index(result)}
    assert not verify(result.workspace)


@pytest.mark.parametrize(
    ("render", "column", "head"),
    [({"size": None}, None, b""), ({"size": 32, "format": "webp"}, "webp", b"RIFF"), ({"size": 32}, "png", b"\x89PNG")],
    ids=["none", "webp", "png"],
)
def test_pictures_are_of_the_kind_that_is_asked_for(
    corpus: Path, render: dict[str, Any], column: str | None, head: bytes
) -> None:
    """Shards of both formats have them, or do without; who reads a version does with either."""
    result = run(corpus, render=render)
    rows = parquet_rows(result)
    assert {name for name in rows[0] if name in ("png", "webp")} == ({column} if column else set())
    assert all(row[column].startswith(head) for row in rows if column)
    workspace = result.workspace
    assert not verify(workspace)
    assert svgmill("show", workspace, rows[0]["sample_id"][:12], "--save", corpus / "out").returncode == 0
    assert (corpus / f"out/canonical.{column}").exists() is (column is not None)
    assert svgmill("report", workspace).returncode == 0
    page = (workspace / "versions/1/report.html").read_text()
    assert ("data:image/webp" in page) is (column == "webp")
    sizes = result.result.manifest.sizes()
    assert (sizes["pictures in them"] > 0) is (column is not None)
    assert sizes["parquet shards"] + sizes["webdataset shards"] == sum(s.bytes for s in result.result.manifest.shards)
