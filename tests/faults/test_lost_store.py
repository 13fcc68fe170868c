import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import PartitionRefused, StoreRefused
from pipeline.progress import Display
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.versions.published import manifest_path
from pipeline.versions.verify import verify_version
from tests.helpers import mill, svgmill, write_config


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a quarter of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_ends_the_run_and_space_lets_it_go_on(icons: Path, tmp_path: Path, small_disk: Path) -> None:
    """With no space left the run ends with one line and publishes nothing; with space the same command finishes it."""
    config = write_config(tmp_path / "c.yaml", icons)
    calm = mill(config, tmp_path / "calm").workspace
    workspace = small_disk / "ws"
    run = ("run", config, "--workspace", workspace, "--engine", "inline")
    full = svgmill(*run)
    errors = [line for line in full.stderr.splitlines() if line.startswith("error:")]
    assert full.returncode == 2
    assert len(errors) == 1 and "No space left on device" in errors[0] and "run again" in errors[0]
    assert "Traceback" not in full.stderr
    assert not (workspace / manifest_path(1)).exists()
    assert not list(workspace.rglob(".partial-*"))
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    again = svgmill(*run)
    assert again.returncode == 0, again.stderr
    assert (workspace / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()
    assert verify_version(open_storage(str(workspace)), None, Display(quiet=True))[0] == []


@pytest.mark.parametrize("stage", ["samples", "deal"])
def test_a_workspace_that_is_lost_ends_the_run(
    icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """A workspace that goes away in the middle ends the run with one line; back again, the run goes on as ever."""
    config = write_config(tmp_path / "c.yaml", icons)
    calm = mill(config, tmp_path / "calm").workspace
    workspace, elsewhere = tmp_path / "ws", tmp_path / "elsewhere"
    genuine = FolderStorage.writer

    def writer(self: FolderStorage, path: str) -> object:
        if path.startswith(f"tables/{stage}/") and workspace.is_dir() and not elsewhere.exists():
            workspace.rename(elsewhere)
            workspace.write_text("no folder any more")
        return genuine(self, path)

    monkeypatch.setattr(FolderStorage, "writer", writer)
    with pytest.raises((PartitionRefused, StoreRefused)) as error:
        mill(config, workspace)
    assert len(str(error.value).splitlines()) == 1
    workspace.unlink()
    elsewhere.rename(workspace)
    monkeypatch.undo()
    assert not (workspace / manifest_path(1)).exists()
    assert mill(config, workspace).result.reused > 0
    assert (workspace / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()


def test_what_cannot_be_listed_or_removed_is_said(tmp_path: Path) -> None:
    """A folder that cannot be read is an error of the store, not an empty one."""
    (tmp_path / "ws").write_text("a file where the workspace was")
    store = FolderStorage(tmp_path / "ws")
    with pytest.raises(StoreRefused, match="cannot list"):
        store.list()
    with pytest.raises(StoreRefused, match="cannot remove"):
        store.delete("versions/1/x")
    assert FolderStorage(tmp_path / "nowhere").list("versions/") == []
