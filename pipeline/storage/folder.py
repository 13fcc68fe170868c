"""A workspace, or a source, in a folder of the file system."""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from pipeline.storage.base import TEMPORARY, AlreadyExists, Entry, NotFound, Storage, read_error, write_error


class FolderStorage(Storage):
    """A folder of the local file system (or of one that is mounted)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)

    def present(self) -> bool:
        """Whether the folder is there, empty or not."""
        return self.root.is_dir()

    def list(self, prefix: str = "") -> list[Entry]:
        """All files below the folder, links to files included, links to folders not followed."""
        return sorted(self.scan(prefix), key=attrgetter("path"))

    def scan(self, prefix: str = "") -> Iterator[Entry]:
        """As `list`, a folder at a time."""
        for path, file in self._files(prefix):
            try:
                status = file.stat()
            except OSError:  # a dangling link, or gone since: listed, and reported when it is read
                yield Entry(path, 0, "missing")
                continue
            yield Entry(path, status.st_size, _etag(status), status.st_mtime)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """As `list`, without a look at each file."""
        return (path for path, _ in self._files(prefix))

    def _files(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """The files whose path begins with ``prefix``, in no order. Raises as `list`."""
        start = prefix.rpartition("/")[0]
        folders = [start]
        while folders:
            folder = folders.pop()
            begin = f"{folder}/" if folder else ""
            try:
                with os.scandir(f"{self.uri}/{folder}") as found:
                    for each in found:
                        path = f"{begin}{each.name}"
                        if _is_folder(each):
                            if not each.is_symlink():
                                folders.append(path)
                        elif path.startswith(prefix) and not each.name.startswith(TEMPORARY):
                            yield path, each
            except FileNotFoundError:
                continue
            except OSError as error:
                raise read_error(error, f"cannot list {self.uri}/{prefix}: {error.strerror or error}") from None

    def leftovers(self) -> builtins.list[Entry]:
        """The partial files of writers that were killed, or are at work."""
        partials = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.startswith(TEMPORARY):
                    with contextlib.suppress(FileNotFoundError):  # a writer that is at work has finished
                        status = (Path(folder) / name).stat()
                        path = (Path(folder) / name).relative_to(self.root).as_posix()
                        partials.append(Entry(path, status.st_size, "", status.st_mtime))
        return sorted(partials)

    def read(self, path: str) -> bytes:
        """The whole file."""
        with self._open(path, buffering=0) as stream:
            return stream.read()

    def open(self, path: str) -> BinaryIO:
        """The file, opened for reading."""
        return self._open(path)

    def open_whole(self, path: str) -> BinaryIO:
        """As `open`: what is read is what is there."""
        return self._open(path)

    def _open(self, path: str, buffering: int = -1) -> BinaryIO:
        try:
            return open_regular(f"{self.uri}/{path}", buffering)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{self.uri}/{path} does not exist") from None
        except OSError as error:
            raise read_error(error, f"cannot read {self.uri}/{path}: {error.strerror or error}") from None

    @contextlib.contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """Writes beside the target and renames, after the data has reached the disk."""
        with self._partial(path) as (stream, partial):
            yield stream
            self._settle(stream)
            partial.replace(self.root / path)

    def write(self, path: str, data: bytes) -> str:
        """As `Storage.write`."""
        with self._partial(path) as (stream, partial):
            stream.write(data)
            self._settle(stream)
            etag = _etag(os.fstat(stream.fileno()))
            partial.replace(self.root / path)
        return etag

    def create(self, path: str, data: bytes) -> None:
        """A hard link fails if the name is taken, also between processes and on network file systems."""
        with self._partial(path) as (stream, partial):
            stream.write(data)
            self._settle(stream)
            try:
                os.link(partial, self.root / path)
            except FileExistsError:
                raise AlreadyExists(f"{self.uri}/{path} already exists") from None

    def delete(self, path: str) -> None:
        """Remove the file if it is there."""
        try:
            (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise write_error(error, f"cannot remove {self.uri}/{path}: {error.strerror or error}") from None

    @contextlib.contextmanager
    def _partial(self, path: str) -> Iterator[tuple[BinaryIO, Path]]:
        target = self.root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
            partial = Path(name)
            try:
                partial.chmod(0o644)
                with os.fdopen(handle, "wb") as stream:
                    yield stream, partial
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            message = f"cannot write {self.uri}/{path}: {error.strerror or error}; check space and rights"
            raise write_error(error, message) from None

    @staticmethod
    def _settle(stream: BinaryIO) -> None:
        stream.flush()
        os.fsync(stream.fileno())


def _etag(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"


def _is_folder(file: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return file.is_dir()
    except OSError:  # a link to itself
        return False


def open_regular(path: Path | str, buffering: int = -1) -> BinaryIO:
    """Open a file for reading, ``buffering`` as for `open`. Raises OSError, also if it is no regular file.

    A pipe would be waited for for ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(handle, "rb", buffering)
    except BaseException:
        os.close(handle)
        raise
