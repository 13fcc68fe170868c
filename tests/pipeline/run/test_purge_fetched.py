"""What was taken down goes from what the network gave, too; who needs the rest again is told how to have it."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.errors import Mend
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import InlineEngine
from pipeline.run.purge import purge_taken_down
from pipeline.sources import kinds
from pipeline.storage.open import open_storage
from pipeline.versions.resolve import resolve
from pipeline.versions.takedown import parse, record
from tests.helpers import drawing, write_config
from tests.histories.distant import Distant, publish
from tests.histories.oracle import remains


def zipped(*numbers: int) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in numbers:
            archive.writestr(zipfile.ZipInfo(f"{number}.svg", (2020, 1, 1, 0, 0, 0)), drawing(number))
    return stream.getvalue()


def run(tmp_path: Path, config: Path, *refresh: str) -> Result:
    storage = open_storage(str(tmp_path / "ws"))
    return Conductor(load(config), storage, InlineEngine, Display(quiet=True), refresh=refresh).run()


def test_no_byte_is_left_and_the_rest_can_be_had_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file goes alone; an archive goes whole, and is fetched again where it is needed and the user says so."""
    monkeypatch.setattr(kinds, "SOURCES", (*kinds.SOURCES, Distant))
    home, workspace = tmp_path / "home", tmp_path / "ws"
    files = {f"{number}.svg": drawing(number).encode() for number in range(4)} | {"a.zip": zipped(5, 6, 7)}
    publish(home, files)
    source = {"name": "far", "kind": "distant", "path": str(home), "license": "MIT"}
    config = write_config(tmp_path / "config.yaml", tmp_path, sources=[source])
    assert run(tmp_path, config).manifest.funnel.kept == 7
    storage = open_storage(str(workspace))
    texts = [drawing(number).encode() for number in (2, 6)]
    rules = parse("path:far/2.svg\npath:far/a.zip/6.svg")
    record(storage, rules, resolve(storage, rules).targets)
    second = run(tmp_path, config)
    assert (second.manifest.funnel.kept, second.manifest.funnel.rejected) == (5, {"taken_down": 2})
    assert len(list((workspace / "fetched/far").glob("*"))) == 6  # five objects and the snapshots
    purge_taken_down(storage)
    assert remains(workspace, texts) == [] and len(list((workspace / "fetched/far").glob("*"))) == 4
    assert not run(tmp_path, config).published

    data = json.loads(config.read_text()) | {"crawl": {"max_archive_bytes": 1_000_000}}
    config.write_text(json.dumps(data))
    with pytest.raises(Mend, match=r"fetched/far/[0-9a-f]{64} is gone; fetch the source again with --refresh far;"):
        run(tmp_path, config)
    third = run(tmp_path, config, "far")
    assert third.manifest.funnel == second.manifest.funnel
    shards = [{file.sha256 for file in result.manifest.shards} for result in (second, third)]
    assert shards[0] == shards[1]
