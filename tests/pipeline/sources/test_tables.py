"""Tables as a source: what their rows bring reaches a published version, and what is wrong is one line."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import PartitionRefused
from pipeline.sources.base import Surroundings
from pipeline.sources.table import TableSource
from pipeline.storage.open import open_storage
from pipeline.work import ledger
from tests.helpers import Run, drawing, dropped, mill, one_line, parquet_rows, svgmill, verify, write_config

COUNT = 12


def config_of(tmp_path: Path, **source: object) -> Path:
    sources = [{"name": "rows", "kind": "table", "license": "CC0-1.0"} | source]
    return write_config(tmp_path / "c.yaml", tmp_path, sources=sources)


def raw(run: Run) -> list[dict[str, Any]]:
    records = ledger.records(open_storage(str(run.workspace)), "crawl", ["rows"])
    return [row for made in records for row in pq.read_table(run.workspace / made.outputs["kept"].path).to_pylist()]


def captions(row: dict[str, Any], *origins: str) -> list[tuple[str, ...]]:
    wanted = [c for c in row["captions"] if c["origin"] in origins]
    return [(c["text"], c["origin"], c["style"], c["language"], *([c["model"]] if c["model"] else [])) for c in wanted]


SVG_STACK = {
    "Filename": [f"{n:04x}.svg" for n in range(COUNT)],
    "Svg": [drawing(n) for n in range(COUNT)],
    "caption_blip2": [f"an icon of shape {n}" for n in range(COUNT)],
    "caption_cogvlm": [f"The image shows gizmo {n} and its edge" for n in range(COUNT)],
    "caption_llava": [f"The picture has a shape called {n}, which is drawn in colours" for n in range(COUNT)],
}
MMSVG = {
    "id": [f"icon-{n}" for n in range(COUNT)],
    "svg": [drawing(n) for n in range(COUNT)],
    "description": [f"Gizmo number {n}" for n in range(COUNT)],
    "keywords": [f"widget, gizmo, part {n}" for n in range(COUNT)],
    "detail": [f"Shape {n} stands in the middle of a white ground" for n in range(COUNT)],
    "image": [b"png"] * COUNT,
    "license": ["MIT" if n % 2 else None for n in range(COUNT)],
}
SVGX = [
    {
        "instruction": "Generate an SVG illustration from the given description."
        if n % 2
        else f"Draw shape {n} in colours",
        "input": f"Shape {n} in colours" if n % 2 else "",
        "output": drawing(n),
    }
    for n in range(COUNT)
]


def test_svg_stack_with_captions(tmp_path: Path) -> None:
    """File names are paths, three captions have their origins and styles; two files, one of them without captions."""
    (tmp_path / "t").mkdir()
    pq.write_table(pa.table(SVG_STACK), tmp_path / "t/train-00000-of-00001.parquet", row_group_size=5)
    bare = {"Filename": ["bare.svg"], "Svg": [drawing(99)]}
    pq.write_table(pa.table(bare), tmp_path / "t/val-00000-of-00001.parquet")
    run = mill(config_of(tmp_path, path="t", preset="svg-stack"), tmp_path / "ws")
    rows = {row["provenance"][0]["path"]: row for row in parquet_rows(run)}
    assert len(rows) == COUNT + 1 and not verify(run.workspace)
    assert "val-00000-of-00001.parquet/bare.svg" in rows
    for n in range(COUNT):
        assert captions(rows[f"train-00000-of-00001.parquet/{n:04x}.svg"], "model") == [
            (f"an icon of shape {n}", "model", "short", "en", "blip2"),
            (f"The image shows gizmo {n} and its edge", "model", "detailed", "en", "cogvlm"),
            (f"The picture has a shape called {n}, which is drawn in colours", "model", "detailed", "en", "llava"),
        ]


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl.gz", "t.arrow"])
def test_mmsvg_in_several_formats(tmp_path: Path, name: str) -> None:
    """The id names the row, keywords are hints, the row's licence is said to be of a column."""
    table = pa.table(MMSVG)
    if name == "t.parquet":
        pq.write_table(table, tmp_path / name)
    elif name == "t.arrow":
        with pa.ipc.new_file(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    else:
        lines = [json.dumps(row) for row in table.drop_columns("image").to_pylist()]
        (tmp_path / name).write_bytes(gzip.compress("\n".join(lines).encode()))
    run = mill(config_of(tmp_path, path=name, preset="mmsvg"), tmp_path / "ws")
    rows = {row["provenance"][0]["path"]: row for row in parquet_rows(run)}
    assert sorted(rows) == sorted(f"icon-{n}.svg" for n in range(COUNT)) and not verify(run.workspace)
    for n in range(COUNT):
        row = rows[f"icon-{n}.svg"]
        assert captions(row, "dataset") == [
            (f"Gizmo number {n}", "dataset", "short", "en"),
            (f"Shape {n} stands in the middle of a white ground", "dataset", "detailed", "en"),
        ]
        (tags,) = [text for text, _, style, _ in captions(row, "metadata") if style == "tag"]
        assert f"widget, gizmo, part {n}, " in tags
        origin = row["provenance"][0]
        assert (origin["license"], origin["license_from"]) == (("MIT", "column") if n % 2 else ("CC0-1.0", "config"))
    assert [row["facts"] for row in raw(run)] == [[{"name": "id", "text": f"icon-{n}"}] for n in range(COUNT)]
    assert run.result.no_input == ({"rows": {"column image not in columns": 1}} if "json" not in name else {})


def test_svgx_prompts_are_captions(tmp_path: Path) -> None:
    """The input is the caption, and where there is none the instruction; an array of records is a table."""
    (tmp_path / "t.json").write_text(json.dumps(SVGX))
    run = mill(config_of(tmp_path, path="t.json", preset="svgx"), tmp_path / "ws")
    rows = {row["provenance"][0]["path"]: row for row in parquet_rows(run)}
    assert len(rows) == COUNT
    for n in range(COUNT):
        wanted = f"Shape {n} in colours" if n % 2 else f"Draw shape {n} in colours"
        assert captions(rows[f"{n:08}.svg"], "dataset") == [(wanted, "dataset", "short", "")]


def test_a_setting_beside_a_preset_wins(tmp_path: Path) -> None:
    """Of a preset, what no setting says stays."""
    pq.write_table(pa.table(MMSVG | {"name": MMSVG["id"], "by": ["Jane"] * COUNT}), tmp_path / "t.parquet")
    own = {
        "captions": [{"column": "detail", "style": "short", "origin": "human", "language": "de"}],
        "author": ["by"],
        "hints": [],
    }
    config = config_of(tmp_path, path="t.parquet", preset="mmsvg", columns=own)
    (source,) = load(config).config.sources
    assert isinstance(source, TableSource)
    layout = source.layout
    assert (layout.svg, layout.id, layout.author, layout.hints) == ("svg", ("id",), ("by",), ())
    assert [(c.column, c.style, c.origin, c.language, c.model) for c in layout.captions] == [
        ("detail", "short", "human", "de", None)
    ]
    # the resolved config, in which every setting has a value, says the same
    again = load(write_config(tmp_path / "d.yaml", tmp_path, sources=[source.model_dump(mode="json")]))
    assert again.config.sources == (source,) and again.config.sources[0].layout == layout  # type: ignore[attr-defined]


def test_rows_without_a_drawing_have_their_names_and_reasons(tmp_path: Path) -> None:
    """So do rows that cannot be read; a name stays when rows come before it."""
    cells = [["path", "svg"], *([f"{n}.svg", drawing(n)] for n in range(6)), ["none.svg", ""], ["short.svg"]]
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(cells)
    run = mill(config_of(tmp_path, path="t.csv"), tmp_path / "ws")
    lost = {row["path"]: (row["stage"], row["reason"], row["detail"]) for row in dropped(run)}
    assert lost == {
        "none.svg": ("crawl", "no_drawing", "no text"),
        "00000007.svg": ("crawl", "bad_row", "line 9: cells 1, not 2 as in the first row"),
    }
    first = {row["sample_id"]: row["provenance"] for row in parquet_rows(run)}
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([cells[0], ["new.svg", drawing(50)], *cells[1:]])
    again = {row["sample_id"]: row["provenance"] for row in parquet_rows(mill(run.config, run.workspace))}
    assert len(first) == 6 and len(again) == 7 and again.items() >= first.items()


def test_the_plan_lists_the_columns_that_are_nothing(tmp_path: Path) -> None:
    """Before anything runs and afterwards, in one line for a source, however many tables have them."""
    (tmp_path / "t").mkdir()
    for n in range(2):
        table = pa.table({"svg": [drawing(n)], **{f"size{m:02}": [1] for m in range(30)}, "tokens": [[1]]})
        pq.write_table(table, tmp_path / f"t/{n}.parquet")
    config = config_of(tmp_path, path="t")
    for command in ("plan", "run", "plan"):
        done = svgmill(command, config, "--workspace", tmp_path / "ws", *(["--engine", "inline"] * (command == "run")))
        assert done.returncode == 0, done.stderr
        shown = " ".join((done.stdout + done.stderr).split())
        assert (
            shown.count("no column 31 rows: nothing is made of size00, size01, ") == shown.count("size29, tokens;") == 1
        )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            {"path": "t.csv", "columns": {"svg": "code"}},
            "table t.csv cannot be read: no column code; columns of texts are",
        ),
        ({"path": "t.csv", "columns": {"license": ["rights"]}}, "no column rights; its columns are id, svg; name"),
        ({"path": "t.csv", "preset": "svgx"}, "no column output; columns of texts are id, svg; name the column"),
        ({"path": "t.csv", "preset": "svg"}, "preset=\"svg\": must be 'svg-stack', 'mmsvg' or 'svgx'"),
        ({"path": "t.svg"}, "t.svg is no table; tables are parquet, arrow"),
        ({"path": "none"}, "none does not exist; correct its path"),
        ({"path": "t", "glob": "*.csv"}, "has no table that matches '*.csv'"),
        ({"path": "bad.jsonl"}, "table bad.jsonl cannot be read: no line of it is a JSON object; line 1: no JSON"),
        ({"path": "empty.csv"}, "table empty.csv cannot be read: it is empty"),
        ({"path": "header.csv"}, "header.csv have no rows (1 other files: table without rows 1)"),
        ({"path": "t.csv", "delimiter": "::"}, 'delimiter="::": must'),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(tmp_path: Path, source: dict[str, object], says: str) -> None:
    """What was wrong, where, and what there is instead."""
    (tmp_path / "t.csv").write_text(f'id,svg\n1,"{drawing(1).replace(chr(34), chr(34) * 2)}"\n')
    (tmp_path / "t.svg").write_text(drawing(1))
    (tmp_path / "t").mkdir()
    (tmp_path / "bad.jsonl").write_text("{\n}x\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("id,svg\n")
    done = svgmill("run", config_of(tmp_path, **source), "--workspace", tmp_path / "ws", "--engine", "inline")
    assert says in one_line(done, 2)


def test_a_damaged_table_is_dropped_if_the_config_says_so(tmp_path: Path) -> None:
    """As one record; the tables beside it are read."""
    (tmp_path / "t").mkdir()
    pq.write_table(pa.table(MMSVG), tmp_path / "t/a.parquet")
    data = (tmp_path / "t/a.parquet").read_bytes()
    (tmp_path / "t/b.parquet").write_bytes(data[:-3])
    config = config_of(tmp_path, path="t", preset="mmsvg")
    with pytest.raises(
        PartitionRefused, match=r"table b.parquet cannot be read: .*, or set the source's on_bad_table: drop"
    ):
        mill(config, tmp_path / "ws")
    run = mill(config_of(tmp_path, path="t", preset="mmsvg", on_bad_table="drop"), tmp_path / "ws")
    assert len(parquet_rows(run)) == COUNT
    assert [(row["path"], row["reason"]) for row in dropped(run)] == [("b.parquet", "bad_archive")]


def test_tables_of_an_object_store(tmp_path: Path, s3_uri: str) -> None:
    """A prefix and one object are read as a folder and a file are."""
    store = open_storage(s3_uri)
    pq.write_table(pa.table(MMSVG), tmp_path / "a.parquet")
    lines = "\n".join(json.dumps(row) for row in SVGX)
    for path, data in (("in/a.parquet", (tmp_path / "a.parquet").read_bytes()), ("in/b.jsonl", lines.encode())):
        store.write(path, data)
    where, mark, query = s3_uri.partition("?")
    found = {}
    for path in ("/in", "/in/a.parquet"):
        source = TableSource(name="s", kind="table", path=f"{where}{path}{mark}{query}", glob="*.parquet")
        listing = source.listing(Surroundings(tmp_path))
        found[path] = [entry.path for entry in listing.tables], dict(listing.no_input)
    ignored = {"column image not in columns": 0}
    assert found == {
        "/in": (["a.parquet"], {".jsonl not in glob": 1} | ignored),
        "/in/a.parquet": (["a.parquet"], ignored),
    }
    run = mill(config_of(tmp_path, path=f"{where}/in{mark}{query}", glob="*.parquet"), tmp_path / "ws")
    assert sorted(row["provenance"][0]["path"] for row in parquet_rows(run)) == sorted(
        f"a.parquet/icon-{n}.svg" for n in range(COUNT)
    )
