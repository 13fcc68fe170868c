import threading
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, StorageError
from pipeline.storage import AlreadyExists, FolderStorage, NotFound, open_existing, open_storage, require_writable


def test_listing_is_sorted_and_by_prefix(tmp_path: Path) -> None:
    """Objects come back in path order, whatever order they were written in."""
    storage = FolderStorage(tmp_path)
    for path in ("b/2", "b/10", "a", "b/1/x", "bb/1"):
        storage.write(path, b"x")
    assert [e.path for e in storage.list()] == ["a", "b/1/x", "b/10", "b/2", "bb/1"]
    assert [e.path for e in storage.list("b/")] == ["b/1/x", "b/10", "b/2"]
    assert [e.path for e in storage.list("b/1")] == ["b/1/x", "b/10"]


def test_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    """An exception inside a writer's block leaves the old object as it was, and no partial file."""
    storage = FolderStorage(tmp_path)
    storage.write("x", b"old")
    with pytest.raises(RuntimeError), storage.writer("x") as stream:
        stream.write(b"new")
        raise RuntimeError
    assert storage.read("x") == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_one_of_many_creators_wins(tmp_path: Path) -> None:
    """Of eight threads that create one path at once, one succeeds and its content stays."""
    won: list[int] = []

    def create(number: int) -> None:
        try:
            FolderStorage(tmp_path).create("v/1", str(number).encode())
            won.append(number)
        except AlreadyExists:
            pass

    for _ in range(10):
        won.clear()
        threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert len(won) == 1
        assert FolderStorage(tmp_path).read("v/1") == str(won[0]).encode()
        FolderStorage(tmp_path).delete("v/1")


def test_missing_object_says_so(tmp_path: Path) -> None:
    """Reading what is not there raises NotFound with the path."""
    with pytest.raises(NotFound, match="nothing/here"):
        FolderStorage(tmp_path).read("nothing/here")


def test_unwritable_place_is_found_at_once(tmp_path: Path) -> None:
    """A workspace below something that is no folder cannot be written, and the error says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="not writable"):
        require_writable(FolderStorage(tmp_path / "file" / "below"))


def test_unknown_places_are_refused(tmp_path: Path) -> None:
    """A URI of another kind, a file, or a missing workspace is a config error in one line."""
    (tmp_path / "file").write_text("")
    for uri in ("gs://bucket/x", str(tmp_path / "file")):
        with pytest.raises(ConfigError) as error:
            open_storage(uri)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="does not exist"):
        open_existing(str(tmp_path / "none"))
