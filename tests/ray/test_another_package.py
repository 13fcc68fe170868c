"""Somebody else's package brings a source, two stages and an export; no line of this repository knows of it."""

import json
from pathlib import Path

import pytest

from pipeline.storage.open import open_storage
from pipeline.work import ledger
from tests.helpers import drawing, svgmill_with, write_config

CODE = '''
import json
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field

from pipeline.exports.base import Chunk, Export, File
from pipeline.sources.base import Entry, Listing, RawItem, Source
from stages.base import RowStage, Settings, SideStage


class Wall(Source):
    """A JSON file: name -> drawing."""

    kind: Literal["wall"]
    path: str

    def listing(self, surroundings):
        drawings = json.loads(Path(self.path).read_text())
        return Listing(self, files=tuple(Entry(name, len(svg), svg) for name, svg in sorted(drawings.items())))

    def read(self, chunk, limits, no_input):
        drawings = json.loads(Path(self.path).read_text())
        for name in chunk.paths:
            yield RawItem(name, drawings[name].encode(), url=f"wall:{name}", license="CC-BY-4.0")


class InkSettings(Settings):
    """Settings of the stage ink."""

    factor: int = Field(1, ge=1, description="points for a path")


def ink(svg, settings):
    return {"ink": svg.count("<path") * settings.factor}


INK = RowStage(
    name="ink", version=1, settings=InkSettings, reads=("svg",), adds=pa.schema([("ink", pa.int32())]), one=ink,
    says="counts paths", shards={"ink": "Points for paths."},
)


class RemarkSettings(Settings):
    """Settings of the stage remark."""


def remark(table, settings):
    remarks = [f"{points} points" for points in table["ink"].to_pylist()]
    return pa.table({"sample_id": table["sample_id"], "remark": remarks})


REMARK = SideStage(
    name="remark", version=2, settings=RemarkSettings, reads=("sample_id", "ink"), make=remark,
    schema=pa.schema([("sample_id", pa.string()), ("remark", pa.string())]),
    says="puts the points into words", shards={"remark": "The points in words."},
)


class ScoresSettings(Settings):
    """Settings of the export scores."""


def lines(version):
    for sample in version.samples(version.shards, ["ink", "remark", "provenance"]):
        assert sample["remark"] == f"{sample['ink']} points"
        yield Chunk(f"{sample['provenance'][0]['url']} {sample['ink']}\\n".encode(), 1)


def scores(version, settings):
    yield File("scores.txt", lines)


SCORES = Export("scores", 4, ScoresSettings, scores, says="a score a line")
'''

POINTS = """[svgmill.sources]
wall = toywall:Wall

[svgmill.stages]
ink = toywall:INK
remark = toywall:REMARK

[svgmill.exports]
scores = toywall:SCORES
"""


def install(folder: Path, version: str) -> Path:
    """What an installer leaves in ``folder``: a module and its metadata."""
    info = folder / f"toywall-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / "toywall.py").write_text(CODE)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toywall\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(POINTS)
    return folder


@pytest.mark.ray
def test_a_package_brings_a_source_stages_and_an_export(tmp_path: Path) -> None:
    """All run, on Ray's workers and in their sandboxes, too; the package's version is in every fingerprint."""
    (tmp_path / "wall.json").write_text(json.dumps({f"d{n:02}.svg": drawing(n) for n in range(24)}))
    sources = [{"name": "wall", "kind": "wall", "path": str(tmp_path / "wall.json")}]
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=sources, ink={"factor": 3})
    workspace, out, site = tmp_path / "ws", tmp_path / "out", install(tmp_path / "one", "1.2")

    for done in svgmill_with(
        site,
        ("run", config, "--workspace", workspace, "--workers", 2),
        ("verify", workspace),
        ("export", workspace, "--format", "scores", "--out", out),
    ):
        assert done.returncode == 0, done.stderr
    storage = open_storage(str(workspace))
    crawled, samples = (ledger.records(storage, step, ["wall"]) for step in ("crawl", "samples"))
    assert len(crawled) > 1 and {record.versions["source wall"] for record in crawled} == {"1 in toywall 1.2"}
    assert {record.versions["ink"] for record in samples} == {"1 in toywall 1.2"}
    assert json.loads((workspace / "versions/1/manifest.json").read_text())["config"]["ink"] == {"factor": 3}

    lines = dict(line.split() for line in (out / "scores.txt").read_text().splitlines())
    assert set(lines) == {f"wall:d{n:02}.svg" for n in range(24)}
    assert all(int(score) % 3 == 0 for score in lines.values()) and len(set(lines.values())) > 2
    assert json.loads((out / "export.json").read_text())["export_version"] == "4 in toywall 1.2"

    planned, again, checked = svgmill_with(
        install(tmp_path / "two", "1.3"),
        ("plan", config, "--workspace", workspace),
        ("export", workspace, "--format", "scores", "--out", out),
        ("verify-export", out),
    )
    plan = " ".join(planned.stdout.split())
    assert 'version of source wall from "1 in toywall 1.2" to "1 in toywall 1.3"' in plan
    assert again.returncode == 2 and "export_version is 4 in toywall 1.2, not 4 in toywall 1.3" in again.stderr
    assert "24 rows, all sound" in checked.stdout
