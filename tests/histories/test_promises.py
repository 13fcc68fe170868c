"""What a version promised stays promised, fault by fault; `test_histories` looks for those that nobody thought of."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import ConfigError, UserError
from pipeline.progress import Display
from pipeline.run import execute
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import InlineEngine
from pipeline.run.purge import purge_taken_down
from pipeline.storage.folder import FolderStorage
from pipeline.versions.diff import diff
from pipeline.versions.gc import collect_garbage
from pipeline.versions.manifest import Lineage
from pipeline.versions.published import read
from pipeline.versions.resolve import resolve
from pipeline.versions.takedown import parse, record
from pipeline.versions.verify import verify_version
from tests.faults.crashing import CountingStorage, never
from tests.histories.oracle import remains
from tests.histories.recall import quick
from tests.histories.settings import SMALL
from tests.histories.world import Drawing, Source, World


class Bench:
    """A world, a workspace, and runs with settings."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.world, self.workspace = folder, World(folder / "sources"), folder / "ws"

    def source(self, name: str, license: str, *drawings: Drawing, **more: Any) -> Source:
        """A source of files f0.svg, f1.svg, ..."""
        files = {f"f{n}.svg": each for n, each in enumerate(drawings)}
        return self.world.add(Source(name, license, files=files, **more))

    def run(self, forget: bool = False, **settings: Any) -> Result:
        """Run, with settings in the place of those of `SMALL`."""
        store = CountingStorage(self.workspace, never)
        config = self.folder / "config.yaml"
        config.write_text(json.dumps(SMALL | settings | {"sources": self.world.config()}))
        execute.open_storage = lambda uri: store  # type: ignore[assignment]
        return Conductor(load(config), store, InlineEngine, Display(quiet=True), forget).run()

    def rows(self, result: Result) -> dict[str, dict[str, Any]]:
        """Sample id -> its row."""
        paths = [shard.path for shard in result.manifest.shards if shard.format == "parquet"]
        rows = [row for path in paths for row in pq.read_table(self.workspace / path, use_threads=False).to_pylist()]
        return {row["sample_id"]: row for row in rows}

    def leads(self, result: Result) -> dict[tuple[str, str], str]:
        """(source, path) of each sample's own record -> its split."""
        firsts = [(row["provenance"][0], row["split"]) for row in self.rows(result).values()]
        return {(first["source"], first["path"]): split for first, split in firsts}

    def verify(self) -> list[str]:
        return verify_version(FolderStorage(self.workspace), None, Display(quiet=True))[0]

    def take_down(self, text: str) -> dict[int, dict[str, list[str]]]:
        """Record a request; what it names, by version."""
        storage, rules = FolderStorage(self.workspace), parse(text)
        hits = resolve(storage, rules)
        record(storage, rules, hits.targets)
        return hits.versions


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with quick():
        yield Bench(tmp_path)


def many(first: int, count: int, **more: Any) -> list[Drawing]:
    return [Drawing(first + n, **more) for n in range(count)]


SETTINGS: list[dict[str, Any]] = [
    {"render": {"size": 40, "compare_size": 32}},
    {"normalize": {"shapes": "path"}},
    {"sanitize": {"max_title_chars": 9}},
    {"deduplicate": {"threshold": 0.7}},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: next(iter(setting)))
def test_a_changed_setting_throws_no_survivor_out(bench: Bench, setting: dict[str, Any]) -> None:
    """B, then A+B with recoloured copies and A first: B's records stay whatever changes, and back is as it was."""
    own = bench.source("b", "MIT", *many(0, 8))
    first = bench.run()
    bench.source("a", "Apache-2.0", *many(0, 8, colour=1), Drawing(50))
    bench.world.sources.sort(key=lambda source: source.name)
    second = bench.run()
    changed = bench.run(**setting)
    leads = bench.leads(second)
    assert {("b", path) for path in own.files} <= leads.keys() and bench.leads(first).items() <= leads.items()
    assert bench.leads(changed) == leads
    back = bench.run()
    assert back.manifest.version == 4 and back.manifest.content() == second.manifest.content()
    forgotten = bench.run(forget=True)
    assert {source for source, _ in bench.leads(forgotten)} == {"a"}


def test_a_later_copy_takes_nothing_over(bench: Bench) -> None:
    """Not the record, nor its licence, caption and shard, whether its source or its path comes first."""
    bench.source("b", "MIT", *many(0, 4))
    first = bench.run()
    bench.source("a", "Apache-2.0", *many(0, 4))
    bench.world.sources.sort(key=lambda source: source.name)
    bench.world.sources[1].files["a0.svg"] = Drawing(1)
    bench.world.write(bench.world.sources[1])
    second = bench.run()
    assert second.published and second.manifest.shards == first.manifest.shards
    assert second.manifest.funnel.duplicate == 5
    assert bench.verify() == []


def test_splits_stay_when_a_source_goes(bench: Bench) -> None:
    """With recoloured: keep, the variants of a source that is dropped leave their splits to the others."""
    setting = {"deduplicate": {"recoloured": "keep"}}
    gone = bench.source("a", "MIT", *many(0, 12))
    bench.source("b", "MIT", *many(0, 12, colour=1), *many(30, 3))
    before = bench.leads(bench.run(**setting))
    bench.world.remove(gone)
    after = bench.leads(bench.run(**setting))
    assert len(after) == 15 and after.items() <= before.items()


def test_published_clusters_that_become_one_are_held_out_and_counted(bench: Bench) -> None:
    """The split of the two that is held out wins, and taken apart again each has its own."""
    bench.source("a", "MIT", *many(0, 12), *many(0, 12, colour=1))
    apart = {"deduplicate": {"recoloured": "off"}}
    first = bench.run(**apart)
    splits = bench.leads(first)
    together = bench.run()
    order = ["train", "validation", "test"]
    for (_, path), split in bench.leads(together).items():
        number = int(path[1:-4]) % 12
        both = [splits["a", f"f{number}.svg"], splits["a", f"f{number + 12}.svg"]]
        assert split == max(both, key=order.index)
    assert together.manifest.lineage == Lineage(12) and first.manifest.lineage == Lineage(0)
    assert bench.run(**apart).manifest.content() == first.manifest.content()


@pytest.mark.parametrize("together", [True, False])
def test_a_file_that_moves_leaves_its_split_to_nobody(bench: Bench, together: bool) -> None:
    """Published apart, brought together, moved then or when it is taken apart again: each has its own split."""
    source = bench.source("a", "MIT", *many(0, 12))
    bench.source("b", "MIT", *many(0, 12, colour=1))
    apart = {"deduplicate": {"recoloured": "off"}}
    first = bench.leads(bench.run(**apart))
    bench.run()
    source.files = {f"moved/{path}": drawing for path, drawing in source.files.items()}
    bench.world.write(source)
    if together:
        bench.run()
    after = bench.leads(bench.run(**apart))
    assert after == {(name, f"moved/{path}" if name == "a" else path): split for (name, path), split in first.items()}


@pytest.mark.parametrize(
    "setting",
    [{"partition": {"records": 3}}, {"partition": {"seconds": 900}}, {"write": SMALL["write"] | {"repack": True}}],
    ids=str,
)
def test_what_is_kept_is_kept_however_the_rest_is_cut(bench: Bench, setting: dict[str, Any]) -> None:
    """Files and members that vanished stay when partitions change, or shards are packed anew."""
    source = bench.source("a", "MIT", *many(0, 9), on_missing="keep")
    source.archives["x.zip"] = {f"{n}.svg": Drawing(20 + n) for n in range(3)}
    bench.world.write(source)
    first = bench.rows(bench.run())
    for path in ("f1.svg", "f5.svg"):
        del source.files[path]
    del source.archives["x.zip"]["1.svg"]
    bench.world.write(source)
    kept = bench.run()
    assert bench.rows(kept).keys() == first.keys() and len(first) == 12
    assert bench.rows(bench.run(**setting)).keys() == first.keys()
    del source.archives["x.zip"]
    bench.world.write(source)
    assert bench.rows(bench.run(**setting)).keys() == first.keys()
    collect_garbage(FolderStorage(bench.workspace), 0.0)
    assert bench.rows(bench.run()).keys() == first.keys() and bench.verify() == []


def test_what_is_kept_outlives_a_run_that_published_nothing(bench: Bench) -> None:
    """A run with remove that is over its budget writes other tables, and keeps nothing; the next one keeps all."""
    source = bench.source("a", "MIT", *many(0, 6), on_missing="keep")
    first = bench.rows(bench.run())
    del source.files["f2.svg"]
    source.on_missing = "remove"
    bench.world.write(source)
    damaged = next(bench.workspace.glob("vocabularies/*/tokenizer.json"))
    sound = damaged.read_bytes()
    damaged.write_bytes(sound + b" ")
    with pytest.raises(UserError, match="restore it from a copy"):
        bench.run()
    damaged.write_bytes(sound)
    source.on_missing = "keep"
    assert bench.rows(bench.run()).keys() == first.keys()
    kept = next(bench.workspace.glob("kept/*/*.parquet"))
    kept.unlink()
    with pytest.raises(ConfigError, match=r"1 kept records are not there.*set on_missing: remove"):
        bench.run()
    source.on_missing = "remove"
    assert len(bench.rows(bench.run())) == len(first) - 1


def test_a_takedown_is_over_history(bench: Bench) -> None:
    """What older versions hold under another path and in another form is found, leaves, and never comes back."""
    source = bench.source("a", "MIT", *many(0, 4))
    bench.run()
    source.files["moved/g1.svg"] = source.files.pop("f1.svg")
    bench.world.write(source)
    bench.run(normalize={"shapes": "path"}, deduplicate={"min_shingles": 5})
    found = bench.take_down("path:a/f1.svg")
    assert sorted(found) == [1, 2] and all(len(samples) == 1 for samples in found.values())
    bench.source("b", "MIT", Drawing(1, spaced=True), Drawing(60))
    after = bench.run()
    assert sorted(bench.leads(after)) == [("a", "f0.svg"), ("a", "f2.svg"), ("a", "f3.svg"), ("b", "f1.svg")]
    assert after.manifest.funnel.rejected == {"taken_down": 2} and after.manifest.takedowns.records == 2
    assert bench.verify() == []


def test_a_purge_leaves_no_byte(bench: Bench) -> None:
    """Canonical forms, token strings, raw bytes and pictures are in no file, however it is packed; old versions say so."""
    bench.source("a", "MIT", *many(0, 5), on_missing="keep")
    first = bench.run()
    needles = [row[name] for row in bench.rows(first).values() for name in ("svg", "tokens", "png")]
    row = next(row for row in bench.rows(first).values() if row["provenance"][0]["path"] == "f3.svg")
    bench.run(normalize={"width_decimals": 1}, render={"size": 40, "compare_size": 32})
    own = [Drawing(3).svg(), row["svg"].encode(), row["tokens"].encode(), row["png"]]
    assert remains(bench.workspace, own) and needles
    bench.take_down(row["provenance"][0]["raw_id"])
    bench.run()
    bench.source("b", "MIT", Drawing(3, scale=2), Drawing(70))
    bench.run()
    with pytest.raises(ConfigError, match="1 files that came since"):
        purge_taken_down(FolderStorage(bench.workspace))
    bench.run()
    redacted, _ = purge_taken_down(FolderStorage(bench.workspace))
    assert {1, 2} <= redacted.keys()
    assert remains(bench.workspace, [*own, Drawing(3, scale=2).svg(), row["sample_id"].encode()]) == []
    storage = FolderStorage(bench.workspace)
    told = diff(storage, read(storage, 1), read(storage))
    assert told.redacted[1] >= 1
    assert bench.verify() == [] and not bench.run().published


def test_decisions_that_are_damaged_are_made_anew_in_a_corpus_that_changed(bench: Bench) -> None:
    """Deciding on what is new writes no decision again that stays the same: one that is found damaged then, it does."""
    bench.source("a", "MIT", *many(0, 4))
    other = bench.source("b", "MIT", *many(10, 4))
    first = bench.run()
    for path in (bench.workspace / "tables/deduplicate/a").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + bytes(9))
    other.files["new.svg"] = Drawing(50)
    bench.world.write(other)
    # the write step reads all decisions again where the settings of shards change
    after = bench.run(write={"formats": ["parquet"]})
    assert bench.rows(after).keys() > bench.rows(first).keys() and bench.verify() == []


def test_a_purge_finds_what_was_kept_once(bench: Bench) -> None:
    """A table of kept records outlives the setting in the workspace; a purge does not leave it there."""
    source = bench.source("a", "MIT", *many(0, 5), on_missing="keep")
    bench.run()
    del source.files["f3.svg"]
    bench.world.write(source)
    bench.run()
    source.on_missing = "remove"
    bench.run()
    bench.take_down(Drawing(3).raw_id)
    bench.run()
    purge_taken_down(FolderStorage(bench.workspace))
    assert remains(bench.workspace, [Drawing(3).svg()]) == []


def test_moved_bytes_go_before_what_took_their_place(bench: Bench) -> None:
    """A row that was inserted before a published one, and is the same drawing written otherwise, does not lead."""
    source = bench.world.add(Source("t", "MIT", rows=[Drawing(5), Drawing(6)]))
    bench.run()
    assert source.rows is not None
    source.rows.insert(0, Drawing(5, scale=2))
    bench.world.write(source)
    after = bench.run()
    assert bench.leads(after).keys() == {("t", "00000001.svg"), ("t", "00000002.svg")}


def test_what_is_moved_while_a_setting_keeps_it_out_leads_again(bench: Bench) -> None:
    """A rejected file is known by its bytes wherever its source has it, also next to a copy of itself."""
    own = bench.source("b", "MIT", Drawing(5), Drawing(6))
    bench.run()
    bench.source("a", "Apache-2.0", Drawing(5, scale=2), Drawing(7))
    bench.world.sources.sort(key=lambda source: source.name)
    own.files["copy.svg"] = Drawing(5)
    bench.world.write(own)
    before = bench.leads(bench.run())
    without = {"sanitize": {"max_elements": 3}}
    assert bench.leads(bench.run(**without)).keys() == before.keys() - {("b", "f0.svg")}
    own.files["moved.svg"] = own.files.pop("f0.svg")
    own.files["new.svg"] = Drawing(9)
    bench.world.write(own)
    bench.run(**without)
    after = bench.leads(bench.run())
    own.files["again.svg"] = own.files.pop("moved.svg")
    del own.files["copy.svg"]
    bench.world.write(own)
    bench.run(**without)
    again = bench.leads(bench.run())
    stays = before.keys() - {("b", "f0.svg")} | {("b", "new.svg")}
    assert after.keys() == stays | {("b", "copy.svg")} and again.keys() == stays | {("b", "again.svg")}
    assert after["b", "copy.svg"] == again["b", "again.svg"] == before["b", "f0.svg"]


def test_shards_of_a_redacted_version_still_tell(bench: Bench) -> None:
    """A purge takes the index of an old version away; what its other shards say is history all the same."""
    bench.source("a", "MIT", *many(0, 4))
    other = bench.source("b", "LicenseRef-b", *many(10, 4))
    bench.run()
    other.license = "MIT"
    bench.take_down(Drawing(1).raw_id)
    bench.run()
    purge_taken_down(FolderStorage(bench.workspace))
    found = bench.take_down("license:LicenseRef-b")
    assert sorted(found) == [1, 2] and len(found[2]) == 4
    assert {source for source, _ in bench.leads(bench.run())} == {"a"}


def test_all_may_be_taken_down(bench: Bench) -> None:
    """A version of nothing is a version; and a row of a table that goes leaves no gap that is kept."""
    source = bench.world.add(Source("t", "MIT", "keep", rows=many(0, 4)))
    bench.run()
    bench.take_down(Drawing(2).raw_id)
    left = bench.leads(bench.run()).keys()
    assert left == {("t", f"0000000{n}.svg") for n in (0, 1, 3)}
    assert source.rows is not None
    source.rows.append(Drawing(9))
    bench.world.write(source)
    assert bench.leads(bench.run()).keys() == left | {("t", "00000004.svg")}
    bench.take_down("license:MIT")
    nothing = bench.run()
    assert nothing.manifest.funnel.kept == 0 and nothing.manifest.funnel.rejected["taken_down"] == 5
    assert bench.verify() == [] and not bench.run().published


def test_a_licence_is_a_whole_expression(bench: Bench) -> None:
    """MIT does not name what is under MIT OR Apache-2.0; the request says that it saw it."""
    bench.source("a", "MIT OR Apache-2.0", *many(0, 2))
    bench.source("b", "MIT", *many(10, 2))
    bench.run()
    hits = resolve(FolderStorage(bench.workspace), parse("license:MIT"))
    assert hits.parts_of == ["MIT OR Apache-2.0"]
    bench.take_down("license:MIT")
    assert {source for source, _ in bench.leads(bench.run())} == {"a"}


def test_corrections_reach_the_shards(bench: Bench) -> None:
    """A licence that is corrected, a source that is renamed or withdrawn: no shard says what is no longer so."""
    bench.source("a", "MIT", *many(0, 6))
    other = bench.source("b", "MIT", *many(0, 6), Drawing(40))
    first = bench.rows(bench.run())
    assert all(len(row["provenance"]) == 2 for row in first.values() if row["provenance"][0]["source"] == "a")
    other.license = "CC-BY-4.0"
    for row in bench.rows(bench.run()).values():
        assert {o["license"] for o in row["provenance"] if o["source"] == "b"} <= {"CC-BY-4.0"}
    other.name = "c"
    assert {o["source"] for row in bench.rows(bench.run()).values() for o in row["provenance"]} == {"a", "c"}
    bench.world.remove(other)
    for row in bench.rows(bench.run()).values():
        assert [o["source"] for o in row["provenance"]] == ["a"]
    assert bench.verify() == []


@pytest.mark.parametrize("kind", ["shard", "provenance", "clusters"])
@pytest.mark.parametrize("harm", ["gone", "flipped"])
def test_only_what_is_whole_is_published(bench: Bench, kind: str, harm: str) -> None:
    """A shard, an index or clusters that are reused and gone, or damaged at the same size, are made anew."""
    source = bench.source("a", "MIT", *many(0, 6), Drawing(2, scale=2))
    first = bench.run()
    files = [file.path for file in first.manifest.of_role(kind)]
    for path in files:
        file = bench.workspace / path
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.unlink() if harm == "gone" else file.write_bytes(bytes(data))
    source.files["new.svg"] = Drawing(90)
    bench.world.write(source)
    second = bench.run()
    assert second.published and bench.verify() == []


@pytest.mark.parametrize("name", ["tokenizer", "segments", "tokens"])
def test_a_damaged_vocabulary_is_not_used(bench: Bench, name: str) -> None:
    """The run ends before it publishes; both remedies that it names work."""
    source = bench.source("a", "MIT", *many(0, 6))
    first = bench.run()
    file = bench.workspace / first.manifest.vocabulary_files[name].path
    sound = file.read_bytes()
    file.write_bytes(sound[:-2] + b" " + sound[-2:])
    source.files["new.svg"] = Drawing(90)
    bench.world.write(source)
    with pytest.raises(UserError, match=r"restore it from a copy.*vocabulary=learn"):
        bench.run()
    assert len(list(bench.workspace.glob("versions/*/manifest.json"))) == 1
    learned = shutil.copytree(bench.workspace, bench.folder / "copy")
    file.write_bytes(sound)
    assert bench.run().published and bench.verify() == []
    bench.workspace = learned
    assert bench.run(vocabulary="learn").published and bench.verify() == []


REMEDIES: dict[str, dict[str, Any]] = {
    "lineage": {"forget": True},
    "layouts": {"write": SMALL["write"] | {"repack": True}},
}


@pytest.mark.parametrize("place", REMEDIES)
def test_lineage_and_layout_are_checked_and_their_remedies_work(bench: Bench, place: str) -> None:
    """Damage ends the run with what to do: --forget-earlier, or write.repack."""
    source = bench.source("a", "MIT", *many(0, 6))
    bench.run()
    (file,) = (bench.workspace / place).glob("*")
    sound = file.read_bytes()
    file.write_bytes(sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:])
    assert any(file.name in fault for fault in bench.verify())
    source.files["new.svg"] = Drawing(90)
    bench.world.write(source)
    with pytest.raises(UserError, match=r"is damaged: another sha256.*restore it from a copy"):
        bench.run()
    assert bench.run(**REMEDIES[place]).published and bench.verify() == []


def test_a_vocabulary_changed_back_has_its_ids_again(bench: Bench) -> None:
    """Also when the corpus has grown between."""
    source = bench.source("a", "MIT", *many(0, 9))
    first = bench.run()
    before = bench.rows(first)
    for number in range(20, 30):
        source.files[f"n{number}.svg"] = Drawing(number)
    bench.world.write(source)
    other = bench.run(tokenize={"segments": {"count": 3}})
    back = bench.run()
    assert back.manifest.vocabulary_files == first.manifest.vocabulary_files != other.manifest.vocabulary_files
    assert all(bench.rows(back)[name]["input_ids"] == row["input_ids"] for name, row in before.items())
    storage = FolderStorage(bench.workspace)
    told = diff(storage, other.manifest, back.manifest)
    assert told.columns["input_ids"]
    larger = bench.run(render={"size": 40, "compare_size": 32})
    assert diff(storage, back.manifest, larger.manifest).columns["png"] == 19


def test_tables_of_sources_that_left_are_garbage(bench: Bench) -> None:
    """But not those of a source that no version has yet, whose run was cut off."""
    gone = bench.source("a", "MIT", *many(0, 3))
    bench.source("b", "MIT", *many(10, 3))
    bench.run()
    bench.world.remove(gone)
    bench.run()
    unfinished = bench.workspace / "tables/crawl/new"
    shutil.copytree(bench.workspace / "tables/crawl/b", unfinished)
    collect_garbage(FolderStorage(bench.workspace), 0.0)
    assert not list(bench.workspace.glob("tables/*/a/*"))
    assert list(unfinished.glob("*.json")) and not bench.run().published
