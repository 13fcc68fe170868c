"""A kind of source is a class and a line in a registry; what its records bring with them reaches the shards."""

import importlib
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.sources import kinds
from pipeline.storage.open import open_storage
from pipeline.versions.resolve import resolve
from pipeline.versions.takedown import parse, record
from pipeline.work import ledger
from tests.helpers import HEAD, ROOT, Run, drawing, mill, parquet_rows, svgmill_with, verify, write_config
from tests.http_server import Answer, Request, serve

NO_MODEL = {"language": "", **dict.fromkeys(("model", "prompt", "temperature", "seed", "score"))}


def pictures(*numbers: int) -> dict[str, dict[str, object]]:
    return {
        f"p{n}.svg": {
            "svg": drawing(n),
            "etag": f"drawing {n}",
            "url": f"https://gallery.example/p{n}.svg",
            "artist": f"Artist {n % 2}",
            "license": "CC-BY-4.0" if n % 2 else None,
            "alt": f"Shape {n} on a wall",
            "tags": ["wall"],
        }
        for n in numbers
    }


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A published version of a gallery: the kind that docs/architecture.md has, as it stands there, and its line."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    code = text.partition("## How to add a source\n")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "toy_gallery.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_gallery", raising=False)
    monkeypatch.setattr(kinds, "SOURCES", (*kinds.SOURCES, importlib.import_module("toy_gallery").Gallery))
    (tmp_path / "gallery.json").write_text(json.dumps(pictures(*range(12))))
    sources = [{"name": "wall", "kind": "gallery", "path": "gallery.json", "license": "CC0-1.0", "on_missing": "keep"}]
    return mill(write_config(tmp_path / "c.yaml", tmp_path, sources=sources), tmp_path / "ws")


def test_what_a_record_brings_is_in_the_shards(gallery: Run) -> None:
    """URL, author and own licence are in its provenance, its caption comes first with its origin; all is verified."""
    rows = {row["provenance"][0]["path"]: row for row in parquet_rows(gallery)}
    assert len(rows) == 12 and not verify(gallery.workspace)
    for n in range(12):
        row = rows[f"p{n}.svg"]
        license = "CC-BY-4.0" if n % 2 else "CC0-1.0"
        (origin,) = row["provenance"]
        assert (origin["url"], origin["author"]) == (f"https://gallery.example/p{n}.svg", f"Artist {n % 2}")
        assert origin["license"] == row["license"] == license
        assert row["captions"][0] == NO_MODEL | {"text": f"Shape {n} on a wall", "origin": "dataset", "style": ""}
        assert row["caption"] == f"Shape {n} on a wall"
        assert "wall" in next(each["text"] for each in row["captions"] if each["style"] == "tag").split(", ")
    made = ledger.records(open_storage(str(gallery.workspace)), "crawl", ["wall"])
    assert {each.versions["source gallery"] for each in made} == {"1"}
    assert not mill(gallery.config, gallery.workspace).result.published


def test_a_source_that_asks_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind that docs/architecture.md has, as it stands there: fetched once, and what changed when asked anew."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    code = (
        text.partition("## How to add a source that asks a network")[2].partition("```python\n")[2].partition("```")[0]
    )
    (tmp_path / "toy_wall.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_wall", raising=False)
    monkeypatch.setattr(kinds, "SOURCES", (*kinds.SOURCES, importlib.import_module("toy_wall").Wall))
    there = {f"p{n}.svg": drawing(n) for n in range(4)}

    def answer(request: Request) -> Answer:
        if request.path != "/wall.json":
            return Answer(200, there[request.path.removeprefix("/")].encode())
        listed = {name: {"url": f"{server.url}/{name}", "etag": str(len(svg))} for name, svg in there.items()}
        return Answer(200, json.dumps(listed).encode())

    with serve(answer) as server:
        sources = [{"name": "far", "kind": "wall", "page": f"{server.url}/wall.json", "license": "MIT"}]
        run = mill(write_config(tmp_path / "c.yaml", tmp_path, sources=sources), tmp_path / "ws")
        assert run.result.manifest.funnel.kept == 4 and not verify(run.workspace)
        asked = len(server.asked)
        there["p1.svg"] = drawing(11)
        assert not mill(run.config, run.workspace).result.published and len(server.asked) == asked
        after = mill(run.config, run.workspace, refresh=("far",))
    assert after.result.published and [each.path for each in server.asked[asked:]] == ["/wall.json", "/p1.svg"]


def test_a_url_names_what_is_taken_down(gallery: Run, tmp_path: Path) -> None:
    """The record from there leaves and stays away; an address that no record is from takes nothing."""
    storage = open_storage(str(gallery.workspace))
    rules = parse("https://gallery.example/p4.svg\nhttps://gallery.example/none.svg\n")
    record(storage, rules, resolve(storage, rules).targets)
    after = mill(gallery.config, gallery.workspace)
    left = {row["provenance"][0]["path"] for row in parquet_rows(after)}
    assert left == {f"p{n}.svg" for n in range(12)} - {"p4.svg"} and not verify(gallery.workspace)
    assert after.result.manifest.funnel.rejected["taken_down"] == 1
    # another drawing that comes to be at that address later
    other = pictures(30)["p30.svg"] | {"url": "https://gallery.example/p4.svg"}
    changed = pictures(*range(12)) | {"p4.svg": other}
    (tmp_path / "gallery.json").write_text(json.dumps(changed))
    again = mill(gallery.config, gallery.workspace)
    assert "p4.svg" not in {row["provenance"][0]["path"] for row in parquet_rows(again)}


def test_what_is_kept_keeps_its_own_licence(gallery: Run, tmp_path: Path) -> None:
    """When the source states another licence, that of records that vanished changes only where they stated none."""
    (tmp_path / "gallery.json").write_text(json.dumps(pictures(*range(8))))
    after = mill(
        gallery.config, gallery.workspace, sets=("sources.0.license=MIT", f"sources.0.path={tmp_path}/gallery.json")
    )
    licenses = {row["provenance"][0]["path"]: row["license"] for row in parquet_rows(after)}
    assert licenses == {f"p{n}.svg": "CC-BY-4.0" if n % 2 else "MIT" for n in range(12)}


def test_a_kind_that_nobody_knows_is_told_with_those_there_are(gallery: Run) -> None:
    """One line, as for other faults; the keys of a kind are its own."""
    with pytest.raises(ConfigError, match=r"""sources\.0\.kind="gopher": must be .*'folder'.*'gallery'"""):
        load(gallery.config, ("sources.0.kind=gopher",))
    with pytest.raises(
        ConfigError, match=r"sources\.0\.glob=.*: unknown key; .*allowed here: kind, license, name, on_m"
    ):
        load(gallery.config, ("sources.0.glob=x",))
    with pytest.raises(ConfigError, match=r"sources\.0\.path: this key is required"):
        load(gallery.config, ('sources=[{"name": "x", "kind": "gallery"}]',))
    with pytest.raises(ConfigError, match=r"sources\.0\.kind: this key is required"):
        load(gallery.config, ('sources=[{"name": "x"}]',))
    with pytest.raises(ConfigError, match=r"sources\.0=5: must be a mapping"):
        load(gallery.config, ("sources=[5]",))
    assert load(gallery.config).config.resolved()["sources"][0]["path"] == "gallery.json"


PACKAGE = """
import json
from pathlib import Path
from typing import Literal
from pipeline.sources.base import Entry, Listing, RawItem, Source

class Lines(Source):
    kind: Literal["lines"]
    path: str

    def listing(self, surroundings):
        lines = Path(self.path).read_text().splitlines()
        return Listing(self, files=tuple(Entry(f"{n:03}.svg", len(line), line) for n, line in enumerate(lines)))

    def read(self, chunk, limits, no_input):
        lines = Path(self.path).read_text().splitlines()
        for path in chunk.paths:
            yield RawItem(path, lines[int(path[:3])].encode(), url=f"lines:{path}")
"""


def install(folder: Path, version: str, point: str = "lines = svgmill_lines:Lines") -> None:
    """A package in a folder, as pip would have put it there."""
    info = folder / "svgmill_lines.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "svgmill_lines.py").write_text(PACKAGE)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: svgmill-lines\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[svgmill.sources]\n{point}\n")


def test_another_package_brings_a_kind(tmp_path: Path) -> None:
    """It needs no line here; its version is in the fingerprint, so that another one reads anew."""
    (tmp_path / "drawings.txt").write_text("\n".join(drawing(n) for n in range(5)))
    sources = [{"name": "a", "kind": "lines", "path": str(tmp_path / "drawings.txt")}]
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=sources)
    workspace = ("--workspace", tmp_path / "ws")
    install(tmp_path / "site", "1.2")
    (done,) = svgmill_with(tmp_path / "site", ("run", config, *workspace, "--engine", "inline"))
    assert done.returncode == 0, done.stderr
    (made,) = ledger.records(open_storage(str(tmp_path / "ws")), "crawl", ["a"])
    assert made.versions["source lines"] == "1 in svgmill-lines 1.2" and made.rows_kept == 5
    install(tmp_path / "site", "1.3")
    (planned,) = svgmill_with(tmp_path / "site", ("plan", config, *workspace))
    assert "version of source lines" in planned.stdout.replace("\n", " ")
    install(tmp_path / "site", "1.3", "lines = svgmill_lines:Path")
    (failed,) = svgmill_with(tmp_path / "site", ("plan", config, *workspace))
    lines = [line for line in failed.stderr.splitlines() if "svgmill-lines 1.3" in line]
    assert failed.returncode and len(lines) == 1 and "Source" in lines[0] and "Traceback" not in failed.stderr


def test_a_table_s_other_columns_reach_the_shards(tmp_path: Path) -> None:
    """Rows are called by their file name, captions have their origin, and columns of no use are told in plan and run."""
    folder = tmp_path / "table"
    folder.mkdir()
    table = pa.table(
        {
            "Filename": [f"set/{n:02}-shape.svg" for n in range(9)],
            "Svg": [drawing(n) for n in range(8)] + [f"{HEAD}<path d='M0"],
            "caption_blip": [f"a shape, the {n} of many" for n in range(9)],
            "keywords": [["gizmo", f"widget {n}"] for n in range(9)],
            "id": list(range(9)),
            "length": list(range(9)),
        }
    )
    pq.write_table(table, folder / "t.parquet")
    run = mill(write_config(tmp_path / "c.yaml", folder), tmp_path / "ws")
    rows = {row["provenance"][0]["path"]: row for row in parquet_rows(run)}
    assert sorted(rows) == [f"t.parquet/set/{n:02}-shape.svg" for n in range(8)] and not verify(run.workspace)
    row = rows["t.parquet/set/03-shape.svg"]
    assert row["captions"][0] == NO_MODEL | {"text": "a shape, the 3 of many", "origin": "dataset", "style": ""}
    tags = next(each["text"] for each in row["captions"] if each["style"] == "tag").split(", ")
    assert {"gizmo", "widget 3"} <= set(tags)
    assert run.result.no_input == {"icons": {"column length not in columns": 1}}
    (made,) = ledger.records(open_storage(str(run.workspace)), "crawl", ["icons"])
    raw = pq.read_table(run.workspace / made.outputs["kept"].path)
    assert raw["facts"].to_pylist()[3] == [{"name": "id", "text": "3"}]
    # rows that are inserted take nobody's name
    pq.write_table(pa.concat_tables([table.slice(8), table.slice(0, 8)]), folder / "t.parquet")
    again = mill(run.config, run.workspace)
    assert {row["sample_id"]: row["provenance"] for row in parquet_rows(again)} == {
        row["sample_id"]: row["provenance"] for row in rows.values()
    }


def test_a_setting_that_is_gone_says_what_has_its_place(tmp_path: Path) -> None:
    """A config of old is told in one line what to do."""
    config = write_config(tmp_path / "c.yaml", tmp_path, crawl={"batch_rows": 5})
    with pytest.raises(
        ConfigError, match=r"crawl=.*batch_rows never had an effect and is gone.*partition\.records"
    ) as e:
        load(config)
    assert "\n" not in str(e.value)
