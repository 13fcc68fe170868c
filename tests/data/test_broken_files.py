import json
import tarfile
from pathlib import Path

from tests.helpers import ROOT, dropped, mill


def test_each_broken_file_ends_as_expected(tmp_path: Path) -> None:
    """Every file of the sample's `broken/` has the outcome its own list expects, and costs nothing but itself."""
    with tarfile.open(ROOT / "data/quickstart.tar.gz") as tar:
        expected = json.load(tar.extractfile("broken/EXPECTED.json"))  # type: ignore[arg-type]
    sources = json.dumps(
        [{"name": "broken", "kind": "folder", "path": str(ROOT / "data/quickstart.tar.gz"), "glob": "broken/**"}]
    )
    config = ROOT / "configs/quickstart.yaml"
    run = mill(config, tmp_path / "ws", sets=(f"sources={sources}", "render.size=64", "error_budget=0.1"))
    found = dict.fromkeys(expected, "kept")
    found |= {row["path"].removeprefix("broken/"): row["reason"] for row in dropped(run)}
    assert {name: reason for name, reason in found.items() if reason not in expected[name]["expected"]} == {}
    assert run.result.manifest.funnel.input == len(expected)
    assert len(set(found.values())) >= 25
