"""Where a workspace lives: one small interface, so that a folder and an object store behave the same.

Paths are relative, with ``/``. Every write is whole or absent: a reader never sees half an object. `Storage.create` is
the one conditional write; publishing a version rests on it.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import stat
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit

from pipeline.errors import ConfigError, StorageError

TEMPORARY = ".partial-"

ATTEMPTS = 6
"""How often a request to an object store is made before it has failed, unless the URI says otherwise."""


class AlreadyExists(StorageError):
    """`Storage.create` found the path taken: another writer was first."""


class NotFound(StorageError):
    """There is no object at the path."""


@dataclass(frozen=True, order=True)
class Entry:
    """One listed object. ``etag`` changes whenever the content may have changed; it is no content digest."""

    path: str
    size: int
    etag: str
    modified: float = field(default=0.0, compare=False)
    """When it was written, seconds since the epoch, by the store's clock."""


class Storage(ABC):
    """A flat space of immutable-while-read objects under one URI."""

    uri: str
    remote = False
    """Whether each request takes so long that what was just written is better remembered than asked for."""

    @abstractmethod
    def present(self) -> bool:
        """Whether there is anything at the URI."""

    def locate(self, path: str) -> str:
        """Where an object lies, for people."""
        return f"{self.uri}/{path}"

    @abstractmethod
    def list(self, prefix: str = "") -> list[Entry]:
        """All objects whose path begins with ``prefix``, sorted by path."""

    def leftovers(self) -> builtins.list[Entry]:
        """What writers that were killed left, or are at work on, and no listing shows; `discard` removes it."""
        return []

    def discard(self, leftover: Entry) -> None:
        """Remove one of `leftovers`, if it is still there."""
        self.delete(leftover.path)

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The whole object. Raises NotFound."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """A seekable reader that fetches only what is read. Raises NotFound."""

    def open_end(self, path: str) -> BinaryIO:
        """As `open`, for what is read from its end on, as a Parquet file is."""
        return self.open(path)

    @abstractmethod
    def writer(self, path: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A stream whose content becomes the object when the block ends without an exception."""

    @abstractmethod
    def create(self, path: str, data: bytes) -> None:
        """Write ``data`` only if the path is free, atomically. Raises AlreadyExists."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove the object if it is there."""

    def write(self, path: str, data: bytes) -> None:
        """Write or replace the whole object."""
        with self.writer(path) as stream:
            stream.write(data)

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        try:
            self.open(path).close()
        except NotFound:
            return False
        return True


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
        start = self.root / prefix if prefix.endswith("/") or not prefix else (self.root / prefix).parent
        found = []

        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise StorageError(f"cannot list {self.uri}/{prefix}: {error.strerror or error}") from None

        for folder, _, names in os.walk(start, onerror=fail):
            relative = Path(folder).relative_to(self.root).as_posix()
            for name in names:
                path = name if relative == "." else f"{relative}/{name}"
                if not path.startswith(prefix) or name.startswith(TEMPORARY):
                    continue
                try:
                    status = (Path(folder) / name).stat()
                except OSError:  # a dangling link, or gone since: listed, and reported when it is read
                    found.append(Entry(path, 0, "missing"))
                    continue
                etag = f"{status.st_size:x}-{status.st_mtime_ns:x}"
                found.append(Entry(path, status.st_size, etag, status.st_mtime))
        return sorted(found)

    def leftovers(self) -> builtins.list[Entry]:
        """The partial files of writers that were killed, or are at work."""
        found = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.startswith(TEMPORARY):
                    with contextlib.suppress(FileNotFoundError):  # a writer that is at work has finished
                        status = (Path(folder) / name).stat()
                        path = (Path(folder) / name).relative_to(self.root).as_posix()
                        found.append(Entry(path, status.st_size, "", status.st_mtime))
        return sorted(found)

    def read(self, path: str) -> bytes:
        """The whole file."""
        with self.open(path) as stream:
            return stream.read()

    def open(self, path: str) -> BinaryIO:
        """The file, opened for reading."""
        try:
            return open_regular(self.root / path)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{self.uri}/{path} does not exist") from None
        except OSError as error:
            raise StorageError(f"cannot read {self.uri}/{path}: {error.strerror or error}") from None

    @contextlib.contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """Writes beside the target and renames, after the data has reached the disk."""
        with self._partial(path) as (stream, partial):
            yield stream
            self._settle(stream)
            partial.replace(self.root / path)

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
            raise StorageError(f"cannot remove {self.uri}/{path}: {error.strerror or error}") from None

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
            raise StorageError(
                f"cannot write {self.uri}/{path}: {error.strerror or error}; check space and rights, then run again"
            ) from None

    @staticmethod
    def _settle(stream: BinaryIO) -> None:
        stream.flush()
        os.fsync(stream.fileno())


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading. Raises OSError, also if it is no regular file: a pipe would be waited for for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


@dataclass(frozen=True)
class Access:
    """How an object store is reached, as far as a URI says it."""

    endpoint_url: str | None = None
    """The server, if it is not the one of the usual AWS settings."""
    attempts: int = ATTEMPTS
    """How often a request is made at most."""


def is_s3(uri: str) -> bool:
    """Whether a path in the config or on the command line means an object store."""
    return uri.startswith("s3://")


def split_uri(uri: str) -> tuple[str, Access]:
    """The ``s3://bucket/prefix`` of a URI, and what its query says. Raises ConfigError for what it cannot say."""
    where, _, query = uri.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    endpoint_url, attempts = options.pop("endpoint_url", None), options.pop("attempts", str(ATTEMPTS))
    if options:
        raise ConfigError(f"{uri}: unknown {', '.join(sorted(options))}; allowed are endpoint_url and attempts")
    if endpoint_url is not None:
        check_endpoint(endpoint_url, uri)
    if not attempts.isdecimal() or not 1 <= int(attempts) <= 100:
        raise ConfigError(f"{uri}: attempts={attempts} must be a number from 1 to 100")
    return where, Access(endpoint_url, int(attempts))


def check_endpoint(endpoint_url: str, where: str) -> None:
    """Raise ConfigError unless it is a server's address. ``where`` is where it was given."""
    try:
        parts = urlsplit(endpoint_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{where}: endpoint_url={endpoint_url} must be like http://host:9000")


def join_uri(where: str, access: Access) -> str:
    """Inverse of `split_uri`; what is usual is left out."""
    options = {
        "endpoint_url": access.endpoint_url,
        "attempts": None if access.attempts == ATTEMPTS else str(access.attempts),
    }
    query = urlencode({name: value for name, value in options.items() if value is not None}, safe=":/")
    return f"{where}?{query}" if query else where


def with_access(uri: str, access: Access) -> str:
    """An s3:// URI that says how the server is reached; what it says itself stays. Others are left as they are."""
    if not is_s3(uri):
        return uri
    where, own = split_uri(uri)
    attempts = own.attempts if own.attempts != ATTEMPTS else access.attempts
    return join_uri(where, Access(own.endpoint_url or access.endpoint_url, attempts))


def open_storage(uri: str) -> Storage:
    """The storage at ``uri``: a folder's path, a ``file://`` URI, or ``s3://bucket/prefix``.

    An s3:// URI may end in ``?endpoint_url=http://host:9000`` and in ``attempts=8``. Raises ConfigError for anything
    else.
    """
    if is_s3(uri):
        from pipeline.s3 import S3Storage  # here, so that a run on folders does not load a cloud client

        return S3Storage(uri)
    if uri.startswith("file://"):
        uri = uri.removeprefix("file://")
    if "://" in uri:
        raise ConfigError(f"workspace {uri}: only folders and s3:// are supported; give a folder's path or s3://bucket")
    root = Path(uri)
    if root.exists() and not root.is_dir():
        raise ConfigError(f"workspace {uri} is a file, not a folder; give another path with --workspace")
    return FolderStorage(root)


def require_writable(storage: Storage) -> None:
    """Raise StorageError at once if nothing can be written, rather than after the first partition.

    Also if the store lets two create one object: some servers take a conditional write for a plain one.
    """
    probe = f".writable-{uuid.uuid4().hex}"
    try:
        storage.create(probe, b"")
        try:
            storage.create(probe, b"")
        except AlreadyExists:
            pass
        else:
            raise UnwritableWorkspace(
                f"workspace {storage.uri}: its server ignores If-None-Match, so two runs could publish one version; "
                "use another server"
            )
        finally:
            storage.delete(probe)
    except UnwritableWorkspace:
        raise
    except StorageError as error:
        raise UnwritableWorkspace(f"workspace {storage.uri} is not writable: {error}") from None


class UnwritableWorkspace(StorageError):
    """The workspace cannot be written to."""


def open_existing(uri: str) -> Storage:
    """As `open_storage`, but the workspace must be there. Raises ConfigError if it is not."""
    storage = open_storage(uri)
    if not storage.present():
        raise ConfigError(f"workspace {uri} does not exist; make one with: svgmill run CONFIG --workspace {uri}")
    return storage
