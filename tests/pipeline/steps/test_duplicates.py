"""Deduplication as a run does it: benchmarks, takedowns, blocks and generations."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.steps import decisions, duplicates
from pipeline.storage.open import open_storage
from pipeline.storage.tables import read_table
from pipeline.versions import browse
from pipeline.work.task import Task, planned
from stages.deduplicate import MatchSettings
from tests.helpers import HEAD, Run, drawing, drawings, mill, parquet_rows, svgmill, verify, write_config


def decided(run: Run) -> dict[str, dict[str, Any]]:
    storage = open_storage(str(run.workspace))
    rows = [row for table in browse.decisions(storage) for row in table.to_pylist()]
    return {row["path"]: row for row in rows}


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    """Drawings, with copies by other means of some."""
    folder = drawings(tmp_path / "icons", 20)
    square = "<path d='M4 4h16v12h-9v4h-7z'/>"
    files = {
        "black": square,
        "red": square.replace("<path", "<path fill='red'"),
        "polygon": "<polygon points='4,4 20,4 20,16 11,16 11,20 4,20'/>",
        "stroke": "<path fill='none' stroke='#000' stroke-width='4' d='M6 6h12v8h-9v4h-3z'/>",
        "disc": "<path fill='blue' d='M2 2h20v20h-20z'/><circle fill='red' cx='12' cy='12' r='7'/>",
        "arcs": "<rect fill='blue' x='2' y='2' width='20' height='20'/>"
        "<path fill='red' d='M5 12a7 7 0 0 1 14 0a7 7 0 0 1-14 0z'/>",
        "moved": square.replace("h-9", "h-5"),
    }
    for name, body in files.items():
        (folder / f"{name}.svg").write_text(f"{HEAD}{body}</svg>")
    scaled = "<path d='M10 10h40v30h-22.5v10h-17.5z'/>"
    (folder / "scaled.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 60">{scaled}</svg>')
    return folder


def test_the_same_drawing_in_other_words_is_found(icons: Path, tmp_path: Path) -> None:
    """Scaled, recoloured, and by another element; not the one with a part changed, nor its outline."""
    run = mill(write_config(tmp_path / "c.yaml", icons), tmp_path / "ws")
    found = decided(run)
    of = {name: found[f"{name}.svg"]["cluster_id"] for name in ("black", "red", "polygon", "scaled", "stroke", "moved")}
    assert len({of[name] for name in ("black", "red", "polygon", "scaled")}) == 1
    assert len(set(of.values())) == 3
    reasons = {row["reason"] for row in found.values()}
    assert found["disc.svg"]["cluster_id"] == found["arcs.svg"]["cluster_id"]
    assert {"duplicate_geometry", "duplicate_picture"} <= reasons
    (part,) = run.result.manifest.of_role("clusters")
    table = read_table(open_storage(str(run.workspace)), part.path).to_pylist()
    members = [row for row in table if row["cluster_id"] == of["black"]]
    assert {row["path"] for row in members} == {f"{name}.svg" for name in ("black", "red", "polygon", "scaled")}
    assert members[0]["sample_id"] == of["black"] and members[0]["reason"] == ""
    assert all(row["reason"] for row in members[1:])
    assert len(table) == len({row["cluster_id"] for row in table}) + run.result.manifest.funnel.duplicate
    told = svgmill("duplicates", run.workspace).stdout
    assert re.search(r"\n  3 to 4 +1\n", told)
    assert re.search(r"icons +\d+  .*duplicate_geometry \d.*duplicate_picture \d", told)
    assert re.search(r"\n +4  icons/(black|red|polygon|scaled).svg\n", told)
    assert verify(run.workspace) == []


def test_benchmarks_are_not_in_the_dataset(icons: Path, tmp_path: Path) -> None:
    """What is a duplicate of a benchmark's drawing leaves with its reason; folders and Parquet files are read."""
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "one.svg").write_text(drawing(3).replace("><", ">\n<"))
    polygon = (icons / "polygon.svg").read_text()
    pq.write_table(pa.table({"id": [1, 2], "svg": [polygon, drawing(7)]}), tmp_path / "bench.parquet")
    paths = [str(bench), str(tmp_path / "bench.parquet")]
    run = mill(write_config(tmp_path / "c.yaml", icons, decontaminate=paths), tmp_path / "ws")
    found = decided(run)
    gone = {path for path, row in found.items() if row["reason"] == "benchmark_overlap"}
    assert gone == {"s03.svg", "s07.svg", "black.svg", "red.svg", "polygon.svg", "scaled.svg"}
    assert run.result.manifest.funnel.rejected["benchmark_overlap"] == len(gone)
    (part,) = run.result.manifest.of_role("clusters")
    rows = read_table(open_storage(str(run.workspace)), part.path).to_pylist()
    told = {row["path"]: row for row in rows if row["reason"] == "benchmark_overlap"}
    assert told.keys() == gone
    assert told["s07.svg"]["cluster_id"] == found["s07.svg"]["sample_id"]
    assert run.result.manifest.funnel.input == 28
    assert [source.source for source in run.result.manifest.sources] == ["icons"]
    assert not gone & {p["path"] for row in parquet_rows(run) for p in row["provenance"]}
    assert verify(run.workspace) == []
    without = mill(write_config(tmp_path / "c.yaml", icons), tmp_path / "ws")
    assert without.result.manifest.funnel.kept > run.result.manifest.funnel.kept


def test_blocks_do_not_decide(icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block or many, one task for all buckets or one for each few: the same shards."""
    config = write_config(tmp_path / "c.yaml", icons, partition={"records": 4})
    one = mill(config, tmp_path / "one").result.manifest
    monkeypatch.setattr(duplicates, "BLOCK", 1)
    monkeypatch.setattr(duplicates, "STRETCH", 8)
    monkeypatch.setattr(duplicates, "REDUCED", 50)
    monkeypatch.setattr(duplicates, "GROUP", 8)
    many = mill(config, tmp_path / "many").result
    assert many.manifest.shards == one.shards
    stages = {path.parent.parent.name for path in (tmp_path / "many/tables").glob("match/*/*.json")}
    assert stages == {"match"}
    assert len(list((tmp_path / "many/tables/pairs/all").glob("*.json"))) > 8


@pytest.mark.parametrize("policy", ["keep", "cap"])
def test_deciding_in_slices_decides_the_same(
    icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """No task sees the whole corpus, and every decision is what one task makes it, also when sources are added."""
    for n in range(6):  # glyphs of one template, of which a cap lets two stay
        glyph = f"M4 {4 + n}Q{6 + n} {18 - n} 12 4Q{22 - n} {2 + 3 * n} 20 {20 - n}Q{2 + 3 * n} {20 - n} 4 {4 + n}z"
        (icons / f"glyph{n}.svg").write_text(f"{HEAD}<path d='{glyph}'/></svg>")
    more = tmp_path / "more"
    more.mkdir()
    for n in (3, 7, 40):
        (more / f"m{n}.svg").write_text(drawing(n).replace("><", ">\n<"))
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "one.svg").write_text(drawing(5))
    flags = {"glyph": {"policy": policy, "most": 2}}
    recoloured = "keep" if policy == "keep" else "drop"
    own = {"flags": flags, "recoloured": recoloured}
    keys = {"partition": {"records": 4}, "deduplicate": own, "decontaminate": [str(bench)]}
    sources = [
        {"name": folder.name, "kind": "folder", "path": str(folder), "license": "MIT"} for folder in (icons, more)
    ]
    first = write_config(tmp_path / "first.yaml", icons, sources=sources[:1], **keys)
    second = write_config(tmp_path / "second.yaml", icons, sources=sources, **keys)

    def versions(name: str) -> list[tuple[Any, ...]]:
        found = []
        for config in (first, second):
            run = mill(config, tmp_path / name)
            assert verify(run.workspace) == []
            storage = open_storage(str(run.workspace))
            manifest = run.result.manifest
            index = [
                row for part in manifest.of_role("provenance") for row in read_table(storage, part.path).to_pylist()
            ]
            index.sort(key=lambda row: row["sample_id"])
            found.append((manifest.shards, manifest.funnel, manifest.sources, decided(run), index))
        return found

    whole = versions("whole")
    lost = whole[0][1].rejected
    assert lost["benchmark_overlap"] == 1 and lost.get("over_cap", 0) == (4 if policy == "cap" else 0)
    monkeypatch.setattr(decisions, "TOGETHER", 6)
    monkeypatch.setattr(decisions, "ROUTED_AT_ONCE", 9)
    monkeypatch.setattr(decisions, "EDGES_AT_ONCE", 2)
    monkeypatch.setattr(duplicates, "BLOCK", 4)
    monkeypatch.setattr(duplicates, "STRETCH", 4)
    assert versions("slices") == whole
    tables = tmp_path / "slices/tables"
    assert len(list((tables / "settle/all").glob("*.json"))) > 4
    assert len(list((tables / "components/all").glob("round-1-*.json"))) > 0
    again = mill(second, tmp_path / "slices").result
    assert again.ran == 0 and not again.published


def test_new_drawings_are_compared_with_old_ones_only_once(icons: Path, tmp_path: Path) -> None:
    """A new file in an old source: buckets and matches of the old blocks are reused, its copy is found."""
    config = write_config(tmp_path / "c.yaml", icons)
    mill(config, tmp_path / "ws")
    tables = tmp_path / "ws/tables"
    before = {path: path.stat().st_mtime_ns for path in tables.rglob("*.parquet") if "deduplicate" not in str(path)}
    (icons / "zzz.svg").write_text(f"{HEAD}<polygon points='4,4 20,4 20,16 11,16 11,20 4,20 4,12'/></svg>")
    run = mill(config, tmp_path / "ws")
    row = decided(run)["zzz.svg"]
    assert not row["kept"] and row["cluster_id"] == decided(run)["black.svg"]["cluster_id"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_verify_finds_near_duplicates_in_different_splits(tmp_path: Path) -> None:
    """Drawings that nobody compared, since the config said so, and that ended in two splits, are faults."""
    folder = tmp_path / "icons"
    folder.mkdir()
    for n in range(20):
        body = "".join(f"<path d='M{2 + i} {(i * 7 + n) % 20}l3 {1 + i % 4}h2z'/>" for i in range(12))
        (folder / f"s{n:02}.svg").write_text(f"{HEAD}{body}</svg>")
        (folder / f"t{n:02}.svg").write_text(f"{HEAD}{body.replace('l3 1h2', 'l3 1h2.03')}</svg>")
    splits = {"tier": {"splits": {"train": 0.5, "test": 0.5}}}
    sound = mill(write_config(tmp_path / "c.yaml", folder, **splits), tmp_path / "sound")
    assert sound.result.manifest.duplicates["near_duplicate"] == 20
    assert verify(sound.workspace) == []
    blind = {"deduplicate": {"near": False, "pictures": False}}
    careless = mill(write_config(tmp_path / "c.yaml", folder, **splits, **blind), tmp_path / "careless")
    assert careless.result.manifest.funnel.kept == 40
    manifest = careless.workspace / "versions/1/manifest.json"
    manifest.write_text(manifest.read_text().replace('"near": false', '"near": true'))
    faults = [fault for fault in verify(careless.workspace) if "different splits" in fault]
    assert 3 < len(faults) < 20


def test_candidates_are_compared_in_parts(icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By several tasks where they are many: the table of duplicates, its record and the version are those of one."""
    config = write_config(tmp_path / "c.yaml", icons)
    one = mill(config, tmp_path / "one")
    monkeypatch.setattr(duplicates, "COMPARED", 2)
    many = mill(config, tmp_path / "many")
    assert many.result.manifest == one.result.manifest
    tables = [
        {path.name: path.read_bytes() for path in (run.workspace / "tables/match/all").iterdir()} for run in (one, many)
    ]
    assert tables[0] == tables[1] and tables[0]
    parts = len(list((many.workspace / "tables/compare/all").glob("*.json")))
    assert parts > 1 and not (one.workspace / "tables/compare").exists()
    assert many.result.ran == one.result.ran + parts
    assert mill(config, many.workspace).result.ran == 0


def test_what_is_compared_in_parts() -> None:
    """What must run and has many of all candidates, but for a takedown's."""
    settings = MatchSettings()

    def match(key: str, candidates: int, taken: bool = False) -> Task[Any]:
        payload = duplicates.MatchPayload(settings, (), (), taken)
        return planned(duplicates.MATCH_STEP, "all", key, payload, {}, [], candidates)

    few, many = match("few", duplicates.COMPARED), match("many", 3 * duplicates.COMPARED)
    others = [match("taken", 3 * duplicates.COMPARED, True), match("done", 3 * duplicates.COMPARED)]
    tasks = duplicates.compare_tasks([few, many, *others], lambda task: task.key != "done")
    assert [task.key for task in tasks] == ["many-00000", "many-00001", "many-00002"]
    assert len({task.basis.fingerprint for task in tasks}) == 3
    # where there are many tasks as it is
    assert not duplicates.compare_tasks([match(str(n), 3 * duplicates.COMPARED) for n in range(64)], lambda task: True)
