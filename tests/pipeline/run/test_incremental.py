"""The algebra of versions: what was there stays, and the way to a corpus does not show in what it holds."""

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.storage.open import open_storage
from pipeline.versions import published
from tests.helpers import HEAD, Run, drawing, mill, parquet_rows, verify, write_config


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Two sources: ``b`` has copies of drawings of ``a``, in bytes, in other words, nearly, and drawings of its own."""
    files = {
        "a": {f"s{n:02}.svg": drawing(n) for n in range(24)},
        "b": {
            "raw.svg": drawing(3),
            "spaced.svg": drawing(7).replace("><", ">\n<"),
            "nearly.svg": drawing(11).replace("M0 0l", "M0.02 0l", 1),
            **{f"own{n}.svg": f"{HEAD}<circle cx='{n + 3}' cy='9' r='{n % 4 + 2}'/></svg>" for n in range(8)},
        },
    }
    for name, drawings in files.items():
        (tmp_path / name).mkdir()
        for path, text in drawings.items():
            (tmp_path / name / path).write_text(text)
    return {n: {"name": n, "kind": "folder", "path": str(tmp_path / n), "license": f"LicenseRef-{n}"} for n in files}


class Bench:
    """Runs of some sources, in an order, on a workspace."""

    def __init__(self, tmp_path: Path, sources: dict[str, dict[str, Any]]) -> None:
        self._home, self._sources = tmp_path, sources

    def run(self, names: str, workspace: str, **settings: Any) -> Run:
        chosen = [self._sources[name] for name in names]
        config = write_config(self._home / "config.yaml", self._home, sources=chosen, **settings)
        return mill(config, self._home / workspace)


@pytest.fixture
def bench(tmp_path: Path, sources: dict[str, dict[str, Any]]) -> Bench:
    return Bench(tmp_path, sources)


def samples(run: Run) -> dict[str, Any]:
    """What a version says of each sample, but for segments, ids and provenance."""
    left_out = ("segments", "input_ids", "segment_length", "ids_length", "provenance")
    return {
        row["sample_id"]: {name: value for name, value in row.items() if name not in left_out}
        for row in parquet_rows(run)
    }


def uncaptioned(run: Run) -> dict[str, Any]:
    """As `samples`, but for captions: duplicates that come later lend none."""
    return {
        sample_id: {name: value for name, value in row.items() if not name.startswith("caption")}
        for sample_id, row in samples(run).items()
    }


def index(run: Run) -> list[dict[str, Any]]:
    (part,) = run.result.manifest.of_role("provenance")
    return pq.read_table(run.workspace / part.path).to_pylist()


def shards(run: Run) -> set[str]:
    return {shard.path for shard in run.result.manifest.shards}


def same_version(one: Run, other: Run) -> bool:
    return one.result.manifest.content() == other.result.manifest.content()


def test_a_source_that_is_added_adds(bench: Bench) -> None:
    """A then A+B is A+B at once in samples, clusters and tokens; A's shards stay, with their captions, B's are added."""
    first = bench.run("a", "steps")
    second = bench.run("ab", "steps")
    at_once = bench.run("ab", "once")
    assert uncaptioned(second) == uncaptioned(at_once)
    assert index(second) == index(at_once)
    assert second.result.manifest.funnel == at_once.result.manifest.funnel
    assert shards(first) < shards(second)
    assert samples(first).items() <= samples(second).items()
    shared = next(row for row in index(second) if any(p["path"] == "raw.svg" for p in row["provenance"]))
    assert [(p["source"], p["path"], p["license"]) for p in shared["provenance"]] == [
        ("a", "s03.svg", "LicenseRef-a"),
        ("b", "raw.svg", "LicenseRef-b"),
    ]
    assert not verify(second.workspace)


def test_repacked_and_relearned_it_is_the_same_to_the_byte(bench: Bench) -> None:
    """With write.repack, and a vocabulary that is learned anew, the shards are those of a clean run, too."""
    settings = {"write": {"repack": True}, "vocabulary": "learn"}
    bench.run("a", "steps", **settings)
    assert same_version(bench.run("ab", "steps", **settings), bench.run("ab", "once", **settings))


def test_a_source_that_is_removed_leaves_no_trace(bench: Bench) -> None:
    """A, then A+B, then A again: the third version is the first."""
    first = bench.run("a", "steps")
    bench.run("ab", "steps")
    assert same_version(bench.run("a", "steps"), first)


def test_a_setting_changed_and_changed_back_gives_the_first_version(bench: Bench) -> None:
    """Whatever lies between."""
    first = bench.run("ab", "steps")
    other = bench.run("ab", "steps", deduplicate={"threshold": 0.6})
    assert not same_version(other, first)
    assert same_version(bench.run("ab", "steps"), first)
    assert not verify(first.workspace)


def test_earlier_samples_stay_before_sources_of_higher_priority(bench: Bench) -> None:
    """B put before A: of copies, A's records survive, since they are published; in a clean run B's would."""
    first = bench.run("a", "steps")
    second = bench.run("ba", "steps")
    clean = bench.run("ba", "clean")
    assert samples(first).keys() <= samples(second).keys()
    assert not samples(first).keys() <= samples(clean).keys()
    assert samples(second).keys() != samples(clean).keys()
    assert not verify(second.workspace)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"caption": {"max_characters": 40}}, {"describe", "caption"}),
        ({"caption": {"prefer": {"styles": ["tag"]}}}, {"caption"}),
        ({"tier": {"tiers": [{"name": "all", "from": 1, "to": 9999}]}}, {"tier"}),
        ({"write": {"repack": True}}, {"deal"}),
        ({"tokenize": {"segments": {"count": 1}}, "vocabulary": "learn"}, {"segments"}),
    ],
    ids=["captioner", "ranking", "tiers", "repacked", "vocabulary"],
)
def test_what_changes_no_drawing_draws_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], steps: set[str]
) -> None:
    """Only what changed and what holds it is made anew; pictures are those of the version before."""
    first = bench.run("a", "steps")
    records = {p: p.stat().st_mtime_ns for p in first.workspace.glob("tables/*/*/*.json")}
    monkeypatch.setattr("pipeline.work.sandbox.Sandbox.run", lambda *_: pytest.fail("something was drawn"))
    second = bench.run("a", "steps", **settings)
    again = {p.parts[-3] for p in records if not p.exists() or p.stat().st_mtime_ns != records[p]}
    assert steps <= again <= {*steps, "lend", "deal", "collect", "write", "index", "count", "frequent", "runs"}
    before, after = ({row["sample_id"]: row["png"] for row in parquet_rows(run)} for run in (first, second))
    assert before == after and not verify(second.workspace)


def test_new_files_in_an_old_source_go_to_partitions_of_their_own(bench: Bench, tmp_path: Path) -> None:
    """Scattered among the old ones by name, they touch no partition and no shard that was there."""
    first = bench.run("a", "steps")
    records = {p: p.stat().st_mtime_ns for p in first.workspace.glob("tables/*/a/*.json")}
    for n in range(30, 40):
        (tmp_path / "a" / f"s{n - 30:02}b.svg").write_text(drawing(n))
    second = bench.run("a", "steps")
    assert second.result.manifest.funnel.input == first.result.manifest.funnel.input + 10
    assert shards(first) < shards(second)
    again = {p for p in records if p.stat().st_mtime_ns != records[p]}
    assert {p.parts[-3] for p in again} <= {"count", "runs"}
    clean = bench.run("a", "clean")
    assert samples(second) == samples(clean) and index(second) == index(clean)
    repacked = {"write": {"repack": True}, "vocabulary": "learn"}
    assert same_version(bench.run("a", "steps", **repacked), bench.run("a", "clean", **repacked))
    assert not verify(second.workspace)


def test_what_vanishes_is_removed_or_kept(bench: Bench, tmp_path: Path, sources: dict[str, dict[str, Any]]) -> None:
    """on_missing: keep holds on to the samples, also when their partition runs again; remove lets them go."""
    sources["a"]["on_missing"] = "keep"
    first = bench.run("a", "steps")
    for name in ("s05.svg", "s06.svg"):
        (tmp_path / "a" / name).unlink()
    kept = bench.run("a", "steps")
    assert samples(kept) == samples(first)
    (tmp_path / "a/s07.svg").write_text(drawing(50))
    changed = bench.run("a", "steps")
    assert len(samples(changed)) == len(samples(first))
    assert len(samples(changed).keys() - samples(first).keys()) == 1
    assert {p["path"] for row in index(changed) for p in row["provenance"]} >= {"s05.svg", "s06.svg"}
    sources["a"]["on_missing"] = "remove"
    removed = bench.run("a", "steps")
    assert len(samples(removed)) == len(samples(first)) - 2
    assert samples(removed) == samples(bench.run("a", "clean"))
    assert not verify(first.workspace)


def test_a_file_in_an_archive_that_vanished_is_kept(bench: Bench, tmp_path: Path, sources: dict[str, Any]) -> None:
    """An archive that is there no more leaves all its samples."""
    with zipfile.ZipFile(tmp_path / "a/more.zip", "w") as archive:
        for n in range(60, 66):
            archive.writestr(f"in/{n}.svg", drawing(n))
    sources["a"]["on_missing"] = "keep"
    first = bench.run("a", "steps")
    (tmp_path / "a/more.zip").unlink()
    assert samples(bench.run("a", "steps")) == samples(first)
    assert samples(bench.run("a", "steps", crawl={"max_bytes": 100_000})) == samples(first)


def stages_run(first: Run, before: dict[Path, int]) -> set[str]:
    """The stages with a partition that ran since ``before``."""
    return {p.parts[-3] for p, at in written(first).items() if before.get(p) != at}


def written(run: Run) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in run.workspace.glob("tables/*/*/*.json")}


def test_other_content_of_equal_size_and_time_is_changed(bench: Bench, tmp_path: Path) -> None:
    """Package managers date every file alike, in this case to 1985."""
    for path in (tmp_path / "a").iterdir():
        os.utime(path, (499162500, 499162500))
    first = bench.run("a", "steps")
    path = tmp_path / "a/s05.svg"
    other = path.read_text().replace("Shape number 5", "Shape number 6").encode()
    path.write_bytes(other)
    os.utime(path, (499162500, 499162500))
    second = bench.run("a", "steps")
    assert second.result.published and samples(second) != samples(first)
    path.unlink()
    (tmp_path / "new").write_bytes(other.replace(b"Shape number 6", b"Shape number 7"))
    os.utime(tmp_path / "new", (499162500, 499162500))
    (tmp_path / "new").rename(path)
    assert samples(bench.run("a", "steps")) != samples(second)
    assert samples(bench.run("a", "steps")) == samples(bench.run("a", "clean"))


def test_what_was_copied_again_and_is_equal_costs_a_crawl(bench: Bench, tmp_path: Path) -> None:
    """Copied with its times, as cp -a does it: only the crawl runs, nothing is published; then nothing runs."""
    with zipfile.ZipFile(tmp_path / "a/more.zip", "w") as archive:
        archive.writestr("in.svg", drawing(60))
    first = bench.run("a", "steps")
    before = written(first)
    (tmp_path / "a").rename(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "a")
    second = bench.run("a", "steps")
    assert not second.result.published and stages_run(first, before) == {"crawl"}
    assert bench.run("a", "steps").result.ran == 0


def test_a_moved_source_and_workspace_cost_a_crawl_at_most(
    bench: Bench, tmp_path: Path, sources: dict[str, dict[str, Any]]
) -> None:
    """Nothing that is of one machine goes beyond the crawl's records: not into a version, not into later stages."""
    first = bench.run("a", "steps")
    before = {p.relative_to(first.workspace): at for p, at in written(first).items()}
    shutil.copytree(tmp_path / "a", tmp_path / "moved/a")
    shutil.copytree(first.workspace, tmp_path / "moved/ws")
    sources["a"]["path"] = str(tmp_path / "moved/a")
    second = bench.run("a", "moved/ws")
    again = {
        p.parts[-3] for p in written(second) if before.get(p.relative_to(second.workspace)) != p.stat().st_mtime_ns
    }
    assert again == {"crawl"}
    one, other = first.result.manifest.content(), second.result.manifest.content()
    assert one | {"config": None} == other | {"config": None}


def test_files_that_are_no_input_are_in_the_manifest_and_make_no_version(bench: Bench, tmp_path: Path) -> None:
    """In the folder and in its archives, by kind; another one changes no sample, so nothing is published."""
    with zipfile.ZipFile(tmp_path / "a/more.zip", "w") as archive:
        archive.writestr("in.svg", drawing(60))
        archive.writestr("in.png", b"")
    (tmp_path / "a/LICENSE").write_text("")
    (tmp_path / "a/x.PNG").write_text("")
    first = bench.run("ab", "steps")
    assert first.result.manifest.no_input == {"a": {".png": 2, "no extension": 1}}
    assert published.read(open_storage(str(first.workspace)), 1).no_input == first.result.manifest.no_input
    (tmp_path / "b/y.webp").write_text("")
    second = bench.run("ab", "steps")
    assert not second.result.published
    assert second.result.no_input == {"a": {".png": 2, "no extension": 1}, "b": {".webp": 1}}
