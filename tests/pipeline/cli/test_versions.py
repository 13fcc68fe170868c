"""diff, checkout, tag and gc."""

import json
import os
import threading
from pathlib import Path

import pytest

from pipeline.storage.base import AlreadyExists
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.gc import collect_garbage
from pipeline.work import marks
from pipeline.work.marks import Busy
from tests.helpers import Run, drawing, mill, one_line, parquet_rows, svgmill, verify, write_config


@pytest.fixture
def second(icons: Path, tmp_path: Path) -> Run:
    """A version with one sample gone, two new, and the rest in other splits."""
    config, workspace = write_config(tmp_path / "config.yaml", icons), tmp_path / "ws"
    mill(config, workspace)
    (icons / "shapes/s020.svg").unlink()
    for number in (90, 91):
        (icons / f"shapes/s0{number}.svg").write_text(drawing(number))
    return mill(config, workspace, sets=('tier.splits={"train": 0.5, "test": 0.5}',))


def test_diff_tells_what_was_added_removed_and_changed(second: Run, tmp_path: Path) -> None:
    """In numbers, by source, tier and licence, with the reasons of what was lost, and as a list."""
    listing = tmp_path / "list"
    done = svgmill("diff", second.workspace, "1", "2", "--list", listing)
    states = [line.split("\t")[0] for line in listing.read_text().splitlines()]
    assert states.count("added") == 2 and states.count("removed") == 1 and states.count("changed") > 5
    assert done.stdout.startswith(f"2 added, 1 removed, {states.count('changed')} changed\n")
    assert "source   icons" in done.stdout and "license  CC0-1.0" in done.stdout
    assert svgmill("diff", second.workspace, "2", "2").stdout == "0 added, 0 removed, 0 changed\n"
    back = svgmill("diff", second.workspace, "2", "1").stdout
    assert back.startswith("1 added, 2 removed")


def test_a_checkout_stands_alone(second: Run, tmp_path: Path) -> None:
    """Shards, tokenizer and pages of a version are in a folder without the workspace, and links lead into it."""
    import datasets
    import transformers

    svgmill("tag", second.workspace, "1", "first")
    target = tmp_path / "out/v1"
    done = svgmill("checkout", second.workspace, "first", target)
    assert done.returncode == 0 and done.stdout.startswith(f"version 1 in {target}: ")
    second.workspace.rename(tmp_path / "away")
    told = json.loads((target / "manifest.json").read_text())
    for file in told["files"]:
        assert (target / file["path"]).stat().st_size == file["bytes"]
    paths = [str(target / f["path"]) for f in told["files"] if f["role"] == "shard" and f["format"] == "parquet"]
    data = datasets.load_dataset("parquet", data_files=paths, cache_dir=str(tmp_path / "cache"), split="train")
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(str(target / "tokenizer"))
    assert len(data) == told["funnel"]["kept"]
    assert tokenizer(data[0]["segments"])["input_ids"] == data[0]["input_ids"]
    for page in ("README.md", "report.html"):
        assert "../../" not in (target / page).read_text()
    (tmp_path / "away").rename(second.workspace)
    assert "is not an empty folder" in one_line(svgmill("checkout", second.workspace, "1", target), 2)
    shard = second.workspace / second.result.manifest.shards[0].path
    shard.write_bytes(shard.read_bytes()[:-1])
    assert "damaged" in one_line(svgmill("checkout", second.workspace, "2", tmp_path / "other"), 2)
    assert sorted(path.name for path in tmp_path.glob("*other*")) == []


def test_a_version_has_names(second: Run) -> None:
    """A name stays until it is moved or deleted, of racing taggers one wins, and commands take names."""
    ws = second.workspace
    assert svgmill("tag", ws, "1", "stable").stdout == "version 1 is stable\n"
    assert "give --move" in one_line(svgmill("tag", ws, "2", "stable"), 2)
    assert svgmill("tag", ws, "2", "stable", "--move").returncode == 0
    assert svgmill("tag", ws).stdout == "stable\t2\n"
    assert svgmill("verify", ws, "stable").stdout.startswith("version 2 verified")
    assert "has no version called other; its tags are stable" in one_line(svgmill("verify", ws, "other"), 2)
    assert "is no name" in one_line(svgmill("tag", ws, "1", "a/b"), 2)
    assert svgmill("tag", ws, "--delete", "stable").returncode == 0
    assert "no version called stable" in one_line(svgmill("tag", ws, "--delete", "stable"), 2)


def test_garbage_is_what_nothing_names(second: Run) -> None:
    """Replaced tables, shards that were never published and partial files go; versions and the ledger stay whole."""
    storage = open_storage(str(second.workspace))
    storage.write("shards/parquet/L1/train-never.parquet", b"x" * 100)
    (second.workspace / "tables/crawl/.partial-abc").write_bytes(b"x")
    before = {e.path for e in storage.list()}
    would = collect_garbage(storage, 0.0, dry_run=True)
    assert {e.path for e in storage.list()} == before
    young = collect_garbage(storage, 3600.0)
    assert young.count == 0
    found = collect_garbage(storage, 0.0)
    assert found.count == would.count and set(found.objects) == {"shards", "tables", "partial files"}
    assert not (second.workspace / "tables/crawl/.partial-abc").exists()
    assert collect_garbage(storage, 0.0).count == 0
    for number in (1, 2):
        assert svgmill("verify", second.workspace, str(number)).returncode == 0
    sets = ('tier.splits={"train": 0.5, "test": 0.5}',)
    assert mill(second.config, second.workspace, sets=sets).result.ran == 0
    assert "0 objects" in svgmill("gc", second.workspace, "--older-than", "0").stdout


def test_gc_gives_way_to_a_run_and_a_run_waits_for_gc(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a run's mark nothing is collected; with a collection's a run begins when that is gone; old marks are dead."""
    storage = open_storage(str(finished.workspace))
    with marks.running(storage, print), pytest.raises(Busy, match="a run is at work"):
        collect_garbage(storage, 0.0)
    assert not storage.list("marks/")
    said: list[str] = []
    begun = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        begun.set()

    def run() -> None:
        with marks.running(storage, say):
            said.append("runs")

    with marks.collecting(storage):
        thread = threading.Thread(target=run)
        thread.start()
        assert begun.wait(10) and said == ["waiting for svgmill gc to end"]
    thread.join(10)
    assert said[-1] == "runs"
    dead = marks.Mark(storage, marks.RUNS)
    with pytest.raises(Busy):
        collect_garbage(storage, 0.0)
    old = finished.workspace / dead._path
    os.utime(old, (1, 1))
    collect_garbage(storage, 0.0)


def test_gc_beside_runs_that_publish_breaks_no_version(finished: Run) -> None:
    """Collections at any moment, with no regard for age, while versions are published that go back and forth."""
    storage = open_storage(str(finished.workspace))
    over = threading.Event()
    collected: list[int] = []

    def collect() -> None:
        while not over.is_set():
            try:
                collected.append(collect_garbage(storage, 0.0).count)
            except Busy:
                collected.append(-1)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for seed in (1, 2, 1, 0, 3, 1):
            assert mill(finished.config, finished.workspace, sets=(f"tier.seed={seed}",)).result.published
    finally:
        over.set()
        thread.join()
    assert -1 in collected and max(collected) >= 0
    assert published.numbers(storage) == list(range(1, 8))
    for number in published.numbers(storage):
        assert svgmill("verify", finished.workspace, str(number)).returncode == 0


def test_a_name_is_taken_once(finished: Run) -> None:
    """Two who create one tag at once: the store decides."""
    storage = open_storage(str(finished.workspace))
    storage.create("tags/x.json", b'{"version": 1}\n')
    with pytest.raises(AlreadyExists):
        storage.create("tags/x.json", b'{"version": 1}\n')
    published.tag(storage, 1, "x")  # says the same, so it is no fault
    assert parquet_rows(finished) and not verify(finished.workspace)
