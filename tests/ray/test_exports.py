"""Exports on Ray's workers."""

from pathlib import Path

import pytest
import yaml

from pipeline.exports import registry
from pipeline.exports.base import Version
from pipeline.exports.write import write_export
from pipeline.progress import Display
from pipeline.run.reading import open_workers
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.work.reading import Here
from tests.helpers import Run, svgmill
from tests.pipeline.exports.test_lists import files, stage
from tests.ray.conftest import Cluster

pytestmark = pytest.mark.ray


def test_workers_write_the_same_bytes(finished: Run, cluster: Cluster, tmp_path: Path) -> None:
    """One process or two workers, of every export that there is."""
    tiers = {shard.tier for shard in finished.result.manifest.shards}
    file = tmp_path / "curriculum.yaml"
    file.write_text(yaml.safe_dump({"stages": [stage("all", tiers)]}))
    storage = open_storage(str(finished.workspace))
    version = Version(storage, published.read(storage))
    with open_workers(storage, "ray", None, 2) as workers:
        for name, export in sorted(registry.known().items()):
            made_of_records = "curriculum" in export.settings.model_fields
            overrides = ("file_rows=9",) if "file_rows" in export.settings.model_fields else ()
            settings = registry.settings_of(export, overrides, file if made_of_records else None)
            written = {}
            for who, readers in (("here", Here(storage)), ("workers", workers)):
                out = tmp_path / f"{name}-{who}"
                write_export(version, export, settings, open_storage(str(out)), Display(quiet=True), readers)
                written[who] = files(out)
            assert written["here"] == written["workers"], name
            assert len(written["here"]) > 1
    by_command = ("export", finished.workspace, "--format", "lists", "--curriculum", file, "--set", "file_rows=9")
    done = svgmill(*by_command, "--out", tmp_path / "command", "--engine", "ray")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "command") == files(tmp_path / "lists-here")
