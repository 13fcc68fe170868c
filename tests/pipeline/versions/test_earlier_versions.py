"""Workspaces that earlier code published.

`earlier-versions.tar.gz` was made by that code from `helpers.drawing`: ``form-1`` (six drawings; its tables are left
out) by the last commit whose manifests had form 1, ``form-2`` (two versions; ``icons`` keeps s05.svg, which vanished
before the second) by the last whose had form 2.
"""

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, Damaged
from pipeline.progress import Display
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import published, shards
from pipeline.versions.diff import diff
from pipeline.versions.manifest import Manifest
from pipeline.versions.verify import verify_version
from tests.helpers import DATA, drawing, mill, svgmill

ARCHIVE = DATA / "earlier-versions.tar.gz"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder with form-1 and form-2, each with its sources, its config and the workspace ws."""
    # what Python's own does without being told how differs from version to version
    subprocess.run(["tar", "-xzf", ARCHIVE, "--no-same-owner", "-C", tmp_path], check=True)
    return tmp_path


def samples(storage: Storage, manifest: Manifest) -> dict[str, dict]:
    columns = ["sample_id", "split", "provenance"]
    return {
        row["sample_id"]: row
        for shard in shards.one_format(manifest.shards)
        for row in shards.read(storage, shard, columns)
    }


@pytest.mark.parametrize(("form", "version", "kept"), [("form-1", 1, 6), ("form-2", 1, 18), ("form-2", 2, 19)])
def test_an_earlier_manifest_is_read_whole(home: Path, form: str, version: int, kept: int) -> None:
    """Every path, digest and count of it is in what is read, which is the same once it is written and read again."""
    storage = open_storage(str(home / form / "ws"))
    text = storage.read(published.manifest_path(version))
    manifest = published.read(storage, version)
    again = Manifest.from_json(json.loads(manifest.to_bytes()))
    assert again == manifest and again.content() == manifest.content()
    spelled = json.dumps(manifest.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert manifest.to_bytes() == spelled.encode()
    written = _paths(json.loads(text))
    assert written == {file.path: file.sha256 for file in manifest.files} and len(written) == len(manifest.files)
    assert manifest.funnel.balanced and manifest.funnel.kept == kept == len(samples(storage, manifest))
    assert sum(shard.rows for shard in shards.one_format(manifest.shards)) == kept
    assert manifest.stages[0].stage == "crawl" and manifest.stages[-1].kept == kept
    assert (manifest.lineage is None) == (form == "form-1")


def _paths(value: object) -> dict[str, str]:
    """Path -> sha256 of every object of some JSON that has both."""
    if isinstance(value, list):
        return {path: digest for item in value for path, digest in _paths(item).items()}
    if not isinstance(value, dict):
        return {}
    own = {value["path"]: value["sha256"]} if {"path", "sha256"} <= value.keys() else {}
    return own | _paths(list(value.values()))


def test_earlier_versions_verify_and_are_checked_out(home: Path) -> None:
    """Their files are what their manifests say, also after garbage is collected, and in a checkout."""
    workspace = home / "form-2/ws"
    storage = open_storage(str(workspace))
    assert svgmill("gc", workspace, "--older-than", "0").returncode == 0
    for version in (1, 2):
        assert verify_version(storage, version, Display(quiet=True))[0] == []
    assert svgmill("checkout", workspace, "1", home / "out").returncode == 0
    manifest = Manifest.from_json(json.loads((home / "out/manifest.json").read_text()))
    assert {file.path for file in manifest.files} == {
        str(path.relative_to(home / "out"))
        for path in (home / "out").rglob("*.*")
        if path.is_file() and path.name not in ("manifest.json", "README.md", "report.html", "ATTRIBUTION.parquet")
    }
    assert all((home / "out" / file.path).stat().st_size == file.bytes for file in manifest.files)


def test_a_version_with_settings_that_are_gone_says_so(home: Path) -> None:
    """The first form's settings are not all known any more, so its records are not held against anything."""
    with pytest.raises(
        ConfigError, match=r"version 1 was made with settings under \w+ that this svgmill does not know"
    ):
        verify_version(open_storage(str(home / "form-1/ws")), None, Display(quiet=True))


def test_a_run_builds_on_an_earlier_version(home: Path) -> None:
    """What was published stays, with its split; what vanished is kept; what is new is added; the two can be compared."""
    folder = home / "form-2"
    storage = open_storage(str(folder / "ws"))
    before = published.read(storage)
    old = samples(storage, before)
    (folder / "others/new.svg").write_text(drawing(20))
    (folder / "icons/s07.svg").unlink()
    # the canvas has a section of its own now
    config = json.loads((folder / "config.yaml").read_text())
    config["canvas"] = {"size": config.pop("normalize")["canvas"]}
    del config["tokenize"]["canvas"]
    (folder / "config.yaml").write_text(json.dumps(config))
    manifest = mill(folder / "config.yaml", folder / "ws").result.manifest
    assert (manifest.version, manifest.parent) == (3, 2)
    new = samples(storage, manifest)
    assert len(new) == len(old) + 1 == manifest.funnel.kept
    leads = {row["provenance"][0]["raw_id"]: row["split"] for row in new.values()}
    assert {row["provenance"][0]["raw_id"]: row["split"] for row in old.values()}.items() <= leads.items()
    assert manifest.vocabulary_files == before.vocabulary_files
    assert sum(kept.rows for kept in manifest.kept) == 2
    assert {kept.generation for kept in manifest.kept} == {2, 3}
    difference = diff(storage, before, manifest)
    assert difference.states["added"] >= 1
    assert verify_version(storage, None, Display(quiet=True))[0] == []
    assert mill(folder / "config.yaml", folder / "ws").result.published is False


def test_a_manifest_that_cannot_be_read_says_why(home: Path) -> None:
    """One of a form to come asks for newer code; one that lacks a part is damaged."""
    storage = open_storage(str(home / "form-2" / "ws"))
    path = published.manifest_path(2)
    data = json.loads(storage.read(path))
    storage.write(path, json.dumps(data | {"manifest_version": 6}).encode())
    with pytest.raises(ConfigError, match=r"manifest_version 6; this svgmill reads up to 5; update svgmill"):
        published.read(storage)
    del data["shards"][0]["sha256"]
    storage.write(path, json.dumps(data).encode())
    with pytest.raises(Damaged, match=r"manifest\.json is damaged: .*sha256"):
        published.read(storage)
