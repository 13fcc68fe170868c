from pathlib import Path

import pytest
from conftest import drawing, mill, write_config
from killing import NODE, WORKERS, cluster, disturbed

from pipeline.versions import manifest_path


@pytest.mark.ray
def test_killed_workers_and_a_lost_node_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With workers killed at random, and with one of two nodes killed, the manifest is that of an undisturbed run."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(24):
        (folder / f"s{number:02}.svg").write_text(drawing(number))
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}}
    config = write_config(tmp_path / "c.yaml", folder, **small)
    calm = mill(config, tmp_path / "calm").workspace
    with cluster() as nodes:
        for what, pause in ((WORKERS, (0.1, 0.6)), (NODE, (0.1, 0.6))):
            kills, _ = disturbed(nodes, config, tmp_path / what, what, 1, pause, most=3)
            assert kills > 0
            assert (tmp_path / what / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()
