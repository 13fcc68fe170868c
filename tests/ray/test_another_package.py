"""Somebody else's package brings a source, a stage and an export; no line of this repository knows of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.storage.open import open_storage
from pipeline.work import ledger
from tests.helpers import ROOT, drawing, write_config

CODE = '''
import json
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field

from pipeline.exports.base import Chunk, Export, File
from pipeline.sources.base import Entry, Listing, RawItem, Source
from stages.base import RowStage, Settings


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


class ScoresSettings(Settings):
    """Settings of the export scores."""


def scores(version, settings):
    def lines():
        for sample in version.samples(version.shards, ["sample_id", "ink", "provenance"]):
            yield Chunk(f"{sample['provenance'][0]['url']} {sample['ink']}\\n".encode(), 1)

    yield File("scores.txt", lines())


SCORES = Export("scores", 4, ScoresSettings, scores, says="a score a line")
'''

POINTS = """[svgmill.sources]
wall = toywall:Wall

[svgmill.stages]
ink = toywall:INK

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


def svgmill(packages: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The command in an environment that has ``packages``."""
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}", "COLUMNS": "200"}
    line = [sys.executable, "-m", "pipeline.cli", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, env=env)


@pytest.mark.ray
def test_a_package_brings_a_source_a_stage_and_an_export(tmp_path: Path) -> None:
    """All three run, on Ray's workers and in their sandboxes, too; the package's version is in every fingerprint."""
    (tmp_path / "wall.json").write_text(json.dumps({f"d{n:02}.svg": drawing(n) for n in range(24)}))
    sources = [{"name": "wall", "kind": "wall", "path": str(tmp_path / "wall.json")}]
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=sources, ink={"factor": 3})
    workspace, out, site = tmp_path / "ws", tmp_path / "out", install(tmp_path / "one", "1.2")

    done = svgmill(site, "run", config, "--workspace", workspace, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert svgmill(site, "verify", workspace).returncode == 0
    storage = open_storage(str(workspace))
    crawled, samples = (ledger.records(storage, step, ["wall"]) for step in ("crawl", "samples"))
    assert len(crawled) > 1 and {record.versions["source wall"] for record in crawled} == {"1 in toywall 1.2"}
    assert {record.versions["ink"] for record in samples} == {"1 in toywall 1.2"}
    assert json.loads((workspace / "versions/1/manifest.json").read_text())["config"]["ink"] == {"factor": 3}

    exported = svgmill(site, "export", workspace, "--format", "scores", "--out", out)
    assert exported.returncode == 0, exported.stderr
    lines = dict(line.split() for line in (out / "scores.txt").read_text().splitlines())
    assert set(lines) == {f"wall:d{n:02}.svg" for n in range(24)}
    assert all(int(score) % 3 == 0 for score in lines.values()) and len(set(lines.values())) > 2
    assert "24 rows, all sound" in svgmill(site, "verify-export", out).stdout
    assert json.loads((out / "export.json").read_text())["export_version"] == "4 in toywall 1.2"

    site = install(tmp_path / "two", "1.3")
    plan = " ".join(svgmill(site, "plan", config, "--workspace", workspace).stdout.split())
    assert 'version of source wall from "1 in toywall 1.2" to "1 in toywall 1.3"' in plan
    again = svgmill(site, "export", workspace, "--format", "scores", "--out", out)
    assert again.returncode == 2 and "export_version is 4 in toywall 1.2, not 4 in toywall 1.3" in again.stderr
