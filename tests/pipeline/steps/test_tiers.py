"""Tiers in whole runs: by each count, fixed or as quantiles, over the history of a workspace."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor
from pipeline.steps import tiers as steps
from pipeline.storage.folder import FolderStorage
from pipeline.versions import published
from stages.tier import COLUMNS, tiers_of
from stages.tier.settings import Count
from tests.helpers import Run, drawing, drawings, mill, one_line, parquet_rows, svgmill, verify, write_config
from tests.histories.recall import quick

THIRDS = [{"name": "low", "share": 0.3}, {"name": "middle", "share": 0.4}, {"name": "high", "share": 0.3}]
SPLITS = {"train": 0.6, "test": 0.4}


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


def sets(**tier: Any) -> tuple[str, ...]:
    return tuple(f"tier.{name}={json.dumps(value)}" for name, value in tier.items())


def edges(run: Run) -> list[tuple[str, float, float | None]]:
    return [(each.name, each.start, each.end) for each in run.result.manifest.tiers.edges]


def tiers(run: Run) -> dict[str, str]:
    return {row["sample_id"]: row["tier"] for row in parquet_rows(run)}


def test_each_count_gives_tiers_by_its_column_and_no_other_splits(finished: Run) -> None:
    """The edges in the manifest are numpy's quantiles of what shards hold, and part the samples; the version verifies."""
    splits = {row["sample_id"]: row["split"] for row in parquet_rows(finished)}
    found = set()
    for count, column in COLUMNS.items():
        run = mill(finished.config, finished.workspace, sets=sets(count=count, quantiles=THIRDS))
        rows = parquet_rows(run)
        kind = np.float32 if count == "complexity" else np.int64
        values = np.array([row[column] for row in rows], kind)
        low, middle, high = edges(run)
        assert (low[1], high[2]) == (0, None) and (low[2], middle[2]) == (middle[1], high[1])
        expected = np.quantile(values, np.array([0.3, 0.7]), method="higher")
        assert np.array([middle[1], high[1]], kind).tolist() == expected.tolist()
        assert {row["sample_id"]: row["split"] for row in rows} == splits
        assert [row["tier"] for row in rows] == tiers_of(
            pa.array(values), run.result.manifest.tiers.settings()
        ).to_pylist()
        assert {shard.tier for shard in run.result.manifest.shards} == {"low", "middle", "high"}
        assert verify(run.workspace) == []
        found.add((middle[1], high[1]))
    assert len(found) >= 3


@pytest.mark.parametrize("count", ["segment", "complexity"])
def test_fixed_edges_may_count_something_else(finished: Run, count: Count) -> None:
    """They hold what is from their lower edge up; what is above the last is long."""
    values = sorted(row[COLUMNS[count]] for row in parquet_rows(finished))
    least, most = (values[at] if count == "segment" else round(values[at], 4) for at in (9, 29))
    fixed = [{"name": "T", "from": least, "to": most}]
    run = mill(finished.config, finished.workspace, sets=sets(count=count, tiers=fixed))
    rows = sorted(parquet_rows(run), key=lambda row: row[COLUMNS[count]])
    for row in rows:
        value = row[COLUMNS[count]]
        assert row["tier"] == ("short" if value < values[9] else "long" if value > values[29] else "T")
    assert {row["tier"] for row in rows} == {"short", "T", "long"} and verify(run.workspace) == []


def test_edges_stay_while_the_corpus_grows_and_go_with_the_settings(finished: Run) -> None:
    """Shards of the first version stay; other bounds have other edges, and back, the first ones; or they are learned."""
    by = sets(count="segment", quantiles=THIRDS, splits=SPLITS)
    first = mill(finished.config, finished.workspace, sets=by)
    before = tiers(first)
    folder = Path(load(finished.config).config.sources[0].path)
    for number in range(60, 75):
        (folder / f"late{number}.svg").write_text(drawing(number))
    try:
        grown = mill(finished.config, finished.workspace, sets=by)
        assert edges(grown) == edges(first) and {*first.result.manifest.shards} < {*grown.result.manifest.shards}
        assert before.items() < tiers(grown).items()
        assert not mill(finished.config, finished.workspace, sets=by).result.published
        other = mill(finished.config, finished.workspace, sets=(*by, "tier.least=50"))
        assert edges(other) != edges(first)
        back = mill(finished.config, finished.workspace, sets=by)
        assert back.result.manifest.content() == grown.result.manifest.content()
        learned = mill(finished.config, finished.workspace, sets=(*by, "tier.edges=learn"))
        assert edges(learned) not in (edges(first), edges(other))
        assert mill(finished.config, finished.workspace, sets=by).result.manifest.tiers == learned.result.manifest.tiers
    finally:
        for path in folder.glob("late*.svg"):
            path.unlink()
    assert verify(finished.workspace) == []


def test_edges_are_those_of_the_whole_corpus_however_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions of three records, measured two at a time, and one of all give the same edges and the same tiers."""
    monkeypatch.setattr(steps, "MEASURE_GROUP", 6)
    folder = drawings(tmp_path / "drawings", 14)
    runs = []
    for records in (3, 1000):
        config = write_config(tmp_path / "c.yaml", folder, partition={"records": records}, render={"size": None})
        runs.append(mill(config, tmp_path / f"ws{records}", sets=sets(quantiles=THIRDS, most=200)))
    assert len(list((runs[0].workspace / "tables/measure").rglob("*.json"))) > 1
    assert edges(runs[0]) == edges(runs[1]) and tiers(runs[0]) == tiers(runs[1])


def test_a_plan_says_that_edges_stay(finished: Run) -> None:
    """And names no step that the settings do not take."""

    def plan(*changed: str) -> dict[str, Any]:
        loaded = load(finished.config, changed)
        phases = Conductor(loaded, FolderStorage(finished.workspace), None, Display(quiet=True)).plan()
        return {phase.stage: phase for phase in phases}

    assert not {"lengths", "measure", "edges"} & plan().keys()
    by = sets(count="complexity", quantiles=THIRDS)
    assert len(plan(*by)["measure"].decisions) >= 1 and plan(*by)["edges"].follows
    run = mill(finished.config, finished.workspace, sets=by)
    stays = {"all": f"frozen since published (version {run.result.manifest.version})"}
    for again in (plan(*by), plan(*by, "sanitize.max_elements=900")):
        assert again["edges"].settled == stays and "measure" not in again and "lengths" not in again
    assert plan(*by)["tier"].decisions[0].why == "unchanged"


def test_what_cannot_be_parted_ends_the_run_with_one_line(finished: Run) -> None:
    """No sample between the bounds; nothing is published. A setting that is wrong is told before anything runs."""
    arguments = ("run", finished.config, "--workspace", finished.workspace, "--engine", "inline")
    quantiles = ("--set", f"tier.quantiles={json.dumps(THIRDS)}")
    told = one_line(svgmill(*arguments, *quantiles, "--set", "tier.least=90000"), 2)
    assert "tier.quantiles: no sample has 90000 or more atomic tokens; set least and most to others" in told
    assert published.numbers(FolderStorage(finished.workspace)) == [1]
    told = one_line(svgmill(*arguments, "--set", "tier.count=words"), 2)
    assert "tier.count=\"words\": must be 'atomic', 'segment', 'input_ids' or 'complexity'" in told


def test_a_sample_in_the_wrong_tier_is_found(finished: Run) -> None:
    """By `verify`, which holds each against the edges of the manifest."""
    storage, path = FolderStorage(finished.workspace), published.manifest_path(1)
    manifest = json.loads(storage.read(path))
    manifest["tiers"]["edges"][0]["end"] = manifest["tiers"]["edges"][1]["start"] = 31
    (finished.workspace / path).write_text(json.dumps(manifest))
    faults = verify(finished.workspace)
    assert any("its tier is L1, but by its atomic_length" in fault and "it is L2" in fault for fault in faults)
