"""Captions of a whole run: what duplicates, a model and people say, what is not used, and what a change makes anew."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage.open import open_storage
from pipeline.versions import captions as tables
from pipeline.versions import edits
from tests import scorer
from tests.chat_server import serve
from tests.helpers import HEAD, Run, drawing, mill, one_line, parquet_rows, svgmill, verify, write_config

RED = "<path d='M4 4h9v4H4z' fill='#e22'/>"
BLUE = "<circle cx='12' cy='12' r='7' fill='#22e'/><path d='M3 3h4v9z' fill='#22e'/>"


def svg(body: str, title: str = "") -> str:
    return f"{HEAD}<title>{title}</title>{body}</svg>"


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A source of drawings with captions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def rows_of(run: Run) -> list[dict[str, Any]]:
    return sorted(parquet_rows(run), key=lambda row: row["sample_id"])


def texts(row: dict[str, Any], *origins: str) -> list[str]:
    return [each["text"] for each in row["captions"] if not origins or each["origin"] in origins]


def rejects(run: Run) -> list[dict[str, Any]]:
    return [row for part in tables.rejected(open_storage(str(run.workspace))) for row in part.to_pylist()]


def source(name: str, path: Path, **more: Any) -> dict[str, Any]:
    kind = {"kind": "table"} if path.suffix == ".parquet" else {"kind": "folder", "glob": "**/*.svg"}
    return {"name": name, "path": str(path), "license": "CC0-1.0", **kind, **more}


def records(run: Run) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in run.workspace.glob("tables/*/*/*.json")}


def again(run: Run, before: dict[Path, int]) -> set[str]:
    """Steps that ran since ``before``."""
    return {path.parts[-3] for path, when in records(run).items() if before.get(path) != when}


@pytest.fixture
def clusters(tmp_path: Path) -> Path:
    """A config of three sources with the same red bar, and one drawing of its own in each."""
    own = [
        {"svg": svg(RED), "caption": "A red bar", "name": "a.svg"},
        {"svg": svg(drawing(2)[len(HEAD) : -6]), "caption": "Number two", "name": "two.svg"},
    ]
    other = [
        {"svg": svg(RED.replace(" d=", "  d=")), "caption": "A ruby-coloured plank", "name": "b.svg"},
        {"svg": svg(drawing(5)[len(HEAD) : -6]), "caption": "Number five", "name": "five.svg"},
        {"svg": svg(RED.replace("#e22", "#22e")), "caption": "A blue plank", "name": "c.svg"},
    ]
    folder = tmp_path / "icons"
    folder.mkdir()
    (folder / "wooden-board.svg").write_text(svg(RED, "Board"))
    (folder / "circle.svg").write_text(svg(BLUE))
    sources = [
        source("one", table(tmp_path / "one.parquet", own)),
        source("two", table(tmp_path / "two.parquet", other)),
        source("icons", folder),
    ]
    return write_config(tmp_path / "config.yaml", folder, sources=sources, deduplicate={"recoloured": "drop"})


def test_duplicates_give_their_captions_to_what_stays(clusters: Path, tmp_path: Path) -> None:
    """None is lost, each once, behind the drawing's own; a colour that a duplicate had is not the drawing's."""
    run = mill(clusters, tmp_path / "ws")
    bar = next(row for row in rows_of(run) if len(row["provenance"]) == 4)
    assert texts(bar, "dataset") == ["A red bar", "A ruby-coloured plank"]
    assert bar["caption"] == "A red bar"
    assert any("board" in text.lower() for text in texts(bar, "metadata"))
    assert [(row["text"], row["reason"]) for row in rejects(run)] == [("A blue plank", "colour_contradiction")]
    counts = run.result.manifest.captions
    assert sum(counts.first.values()) == run.result.manifest.funnel.kept == sum(counts.lengths.values())
    assert counts.rejected == {"colour_contradiction dataset": 1}
    assert not verify(run.workspace)
    # one of each alone, and the last said first
    last = mill(clusters, tmp_path / "ws2", sets=('caption.prefer={"origins": ["metadata"]}', "caption.duplicates=2"))
    bar = next(row for row in rows_of(last) if len(row["provenance"]) == 4)
    assert bar["captions"][0]["origin"] == "metadata" and texts(bar, "dataset")[-1] == "A ruby-coloured plank"


def test_a_cluster_of_many_copies_has_few_captions(tmp_path: Path) -> None:
    """The bound holds, what most of them say stands first, and how they are partitioned makes no difference."""
    rows = [
        {
            "svg": svg(RED + f"<!-- {n} -->"),
            "caption": f"A red thing called {n % 61}" if n % 3 else "A red bar",
            "name": f"{n}.svg",
        }
        for n in range(120)
    ]
    path = table(tmp_path / "many.parquet", rows)
    config = write_config(tmp_path / "c.yaml", path.parent, sources=[source("many", path)], caption={"duplicates": 5})
    run = mill(config, tmp_path / "ws")
    (row,) = rows_of(run)
    dataset = texts(row, "dataset")
    assert len(dataset) <= 6 and "A red bar" in dataset[:2] and len(row["captions"]) < 12
    assert len(set(dataset)) == len(dataset)
    whole = mill(config, tmp_path / "ws3", sets=("partition.records=1000",))
    assert texts(rows_of(whole)[0], "dataset")[:2] == dataset[:2]


def test_a_later_source_rewrites_no_earlier_shard(clusters: Path, tmp_path: Path) -> None:
    """Its duplicates lend nothing to what was published; with repack they do."""
    data = json.loads(clusters.read_text())
    clusters.write_text(json.dumps(data | {"sources": data["sources"][:1]}))
    first = mill(clusters, tmp_path / "ws")
    shards = {shard.path for shard in first.result.manifest.shards}
    clusters.write_text(json.dumps(data))
    second = mill(clusters, tmp_path / "ws")
    assert shards < {shard.path for shard in second.result.manifest.shards}
    bar = next(row for row in rows_of(second) if row["caption"] == "A red bar")
    assert texts(bar, "dataset") == ["A red bar"]
    third = mill(clusters, tmp_path / "ws", sets=("write.repack=true",))
    bar = next(row for row in rows_of(third) if row["caption"] == "A red bar")
    assert texts(bar, "dataset") == ["A red bar", "A ruby-coloured plank"]


def test_only_partitions_whose_captions_changed_are_made_anew(finished: Run) -> None:
    """A caption by a person touches one partition, draws nothing and tokenizes nothing."""
    before, row = records(finished), rows_of(finished)[0]
    path = finished.workspace.parent / "edit.csv"
    path.write_text(f"sample_id,text,style,language\n{row['sample_id']},An edited caption,short,en\n")
    assert svgmill("captions", "import", finished.workspace, path).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.work.sandbox.Sandbox.run", lambda *_: pytest.fail("something was drawn"))
        second = mill(finished.config, finished.workspace)
    assert again(second, before) <= {"edited", "caption", "deal", "collect", "write", "index"}
    changed = [path for path, when in records(second).items() if before.get(path) != when and "caption" in path.parts]
    assert len(changed) == 1
    edited = next(each for each in rows_of(second) if each["sample_id"] == row["sample_id"])
    assert edited["caption"] == "An edited caption" and edited["captions"][0]["origin"] == "human"
    others = {each["sample_id"]: each for each in rows_of(finished)}
    assert all(others[each["sample_id"]] == each for each in rows_of(second) if each is not edited and each != edited)
    assert not verify(second.workspace)


def test_people_edit_captions_as_a_table(finished: Run, tmp_path: Path) -> None:
    """Out, changed, and back: what was left as it was is nobody's; a correction is corrected, and withdrawn."""
    out = tmp_path / "captions.csv"
    result = svgmill("captions", "export", finished.workspace, "--out", out, "--pictures")
    assert result.returncode == 0 and " samples in " in result.stdout, result.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all((tmp_path / row["picture"]).exists() for row in rows)
    assert len(rows) == sum(len(row["captions"]) for row in rows_of(finished))

    def send(rows: list[dict[str, Any]], name: str = "back.csv") -> str:
        path = tmp_path / name
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            with path.open("w", newline="") as file:
                table = csv.DictWriter(file, rows[0].keys())
                table.writeheader()
                table.writerows(rows)
        result = svgmill("captions", "import", finished.workspace, path)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert send(rows).startswith("captions of 0 samples stored")
    wanted = rows[0]["sample_id"]
    rows[0]["text"] = "A first correction"
    assert send(rows).startswith("captions of 1 samples stored")

    def first() -> dict[str, Any]:
        run = mill(finished.config, finished.workspace)
        return next(row for row in rows_of(run) if row["sample_id"] == wanted)

    assert first()["caption"] == "A first correction"
    assert send(rows).startswith("captions of 0 samples stored")
    assert "1 samples stored" in send([{"sample_id": wanted, "text": "A second correction"}], "second.parquet")
    row = first()
    assert texts(row, "human") == ["A second correction"]
    assert "1 of them withdrawn" in send([{"sample_id": wanted, "text": ""}])
    assert texts(first(), "human") == []
    assert len(edits.imports(open_storage(str(finished.workspace)))) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sample_id,caption\n", "no column text"),
        ("sample_id,text\n", "no rows"),
        ("sample_id,text\nabc,x\n", "row 1: 'abc' is no sample id"),
        (f"sample_id,text,style\n{'a' * 64},x,long\n", "row 1: style 'long'"),
        (f"sample_id,text,language\n{'a' * 64},x,not a language\n", "row 1: language"),
        (b"\xff\xfe\x00", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_of_captions_is_one_line(
    finished: Run, tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    """And nothing of it is stored."""
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in one_line(svgmill("captions", "import", finished.workspace, path), 2)
    assert not edits.imports(open_storage(str(finished.workspace)))


def test_ids_that_nobody_knows_cost_themselves(finished: Run, tmp_path: Path) -> None:
    """What was taken down is refused, what is unknown is counted, and the rest is stored."""
    first, second, *_ = rows_of(finished)
    listed = tmp_path / "list.txt"
    listed.write_text(first["sample_id"] + "\n")
    assert svgmill("takedown", finished.workspace, "--file", listed).returncode == 0
    path = tmp_path / "back.csv"
    lines = [f"{each},Something new" for each in (first["sample_id"], second["sample_id"], "e" * 64, "f" * 64)]
    path.write_text("\n".join(["sample_id,text", *lines]))
    result = svgmill("captions", "import", finished.workspace, path)
    assert result.returncode == 2 and "captions of 1 samples stored" in result.stdout
    assert f"2 sample ids are of no sample or duplicate of the newest version, the first is {'e' * 64}" in result.stderr
    assert "1 samples were taken down" in result.stderr
    run = mill(finished.config, finished.workspace)
    assert next(row for row in rows_of(run) if row["sample_id"] == second["sample_id"])["caption"] == "Something new"


def test_captions_by_people_follow_the_drawing_and_its_cluster(tmp_path: Path) -> None:
    """Where another record of the same drawing, or its drawing in another colour, stays instead, they go with it."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, body in ((one, RED), (two, RED.replace("#e22", "#2a2"))):
        folder.mkdir()
        (folder / "bar.svg").write_text(svg(body))
        (folder / "same.svg").write_text(svg(BLUE, folder.name))
    sources = [source("one", one), source("two", two)]
    drop = {"recoloured": "drop"}
    config = write_config(tmp_path / "c.yaml", one, sources=sources, deduplicate=drop)
    both = mill(config, tmp_path / "ws")
    (stays,) = (row["sample_id"] for row in rows_of(both) if "22e" not in row["svg"])
    alone = [mill(write_config(tmp_path / "a.yaml", one, sources=[each]), tmp_path / each["name"]) for each in sources]
    ids = {row["sample_id"] for run in alone for row in rows_of(run)}
    (circle,) = ids & {row["sample_id"] for row in rows_of(both)} - {stays}
    (duplicate,) = ids - {circle, stays}
    path = tmp_path / "back.csv"
    path.write_text(f"sample_id,text\n{duplicate},Said of a bar\n{circle},Said of a circle\n")
    assert svgmill("captions", "import", both.workspace, path).returncode == 0
    said = {row["sample_id"]: row["caption"] for row in rows_of(mill(config, tmp_path / "ws"))}
    assert said == {stays: "Said of a bar", circle: "Said of a circle"}
    path.write_text(f"sample_id,text\n{stays},Said of what stays\n")
    assert svgmill("captions", "import", both.workspace, path).returncode == 0
    write_config(config, one, sources=sources[::-1], deduplicate=drop)
    said = {row["sample_id"]: row["caption"] for row in rows_of(mill(config, tmp_path / "ws"))}
    assert said == {stays: "Said of what stays", circle: "Said of a circle"}


def test_a_model_is_checked_and_falls_back(tmp_path: Path) -> None:
    """Its refusals, and what it says of everything, are not used; the next origin's caption stands first then."""
    icons = tmp_path / "icons"
    icons.mkdir()
    for n in range(12):
        (icons / f"thing-{'abcdefghijkl'[n]}.svg").write_text(drawing(n))
    with serve(answer="A picture of something") as server:
        ask = {"model": "eye", "endpoint": {"base_url": server.url}, "styles": ["short"], "picture": {"size": 64}}
        config = write_config(tmp_path / "c.yaml", icons, ask=ask, caption={"checks": {"alike": 3}})
        run = mill(config, tmp_path / "ws")
        assert [row["caption"] for row in rows_of(run)].count("A picture of something") == 3
        firsts = sorted(row["sample_id"] for row in rows_of(run))[:3]
        assert firsts == sorted(r["sample_id"] for r in rows_of(run) if r["caption"] == "A picture of something")
        assert run.result.manifest.captions.rejected == {"repeated model": 9}
        assert {row["captions"][0]["origin"] for row in rows_of(run)[3:]} == {"metadata"}
        asked, before = len(server.log.asked), records(run)
        more = mill(config, tmp_path / "ws", sets=("caption.checks.alike=5",))
        assert len(server.log.asked) == asked and more.result.manifest.captions.rejected == {"repeated model": 7}
        assert again(more, before) <= {"repeats", "caption", "deal", "collect", "write", "index"}
    with serve(answer="I'm sorry, but I can't help with that.") as server:
        ask["endpoint"] = {"base_url": server.url}
        refused = mill(write_config(tmp_path / "c.yaml", icons, ask=ask), tmp_path / "ws5")
        assert refused.result.manifest.captions.rejected == {"refusal model": 12} or all(
            row["captions"][0]["origin"] == "metadata" for row in rows_of(refused)
        )


def test_a_scorer_says_what_fits(tmp_path: Path) -> None:
    """It is given pictures and texts in batches; a low score takes a caption out, and the score stands beside others."""
    rows = [
        {"svg": svg(RED), "caption": "A bar in red", "name": "a.svg"},
        {"svg": svg(BLUE), "caption": "Some red circle or so", "name": "b.svg"},
    ]
    path = table(tmp_path / "t.parquet", rows)
    sets = ("caption.scorer=tests.scorer:redness", "caption.least_score=0.5", "caption.checks.colours=1")
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=[source("t", path)])
    scorer.CALLS.clear()
    run = mill(config, tmp_path / "ws", sets=(*sets,))
    assert max(scorer.CALLS) > 1
    bar = next(row for row in rows_of(run) if row["caption"] == "A bar in red")
    assert bar["captions"][0]["score"] == 1.0 and bar["captions"][-1]["score"] is None
    low = {row["text"]: row["reason"] for row in rejects(run)}
    assert low["Some red circle or so"] in ("low_score", "colour_contradiction") and "low_score" in low.values()
    for name, message in {
        "no_such_module:f": "cannot be imported", "tests.scorer:none": "has no function", "tests.scorer:too_few": "number",
    }.items():  # fmt: skip
        result = svgmill(
            "run", config, "--workspace", tmp_path / "ws6", "--engine", "inline", "--set", f"caption.scorer={name}"
        )
        assert message in one_line(result, 2)


def test_show_says_where_captions_come_from(clusters: Path, tmp_path: Path) -> None:
    """In counts, and of one sample with what is not used."""
    run = mill(clusters, tmp_path / "ws")
    told = svgmill("captions", "show", run.workspace).stdout
    assert "first captions" in told and "colour_contradiction dataset" in told
    bar = next(row for row in rows_of(run) if row["caption"] == "A red bar")
    told = svgmill("captions", "show", run.workspace, bar["sample_id"][:12]).stdout
    assert "A red bar  [dataset" in told and "not used      A blue plank  [dataset: colour_contradiction" in told
    assert "no sample of version 1" in one_line(svgmill("captions", "show", run.workspace, "zzzz"), 2)
