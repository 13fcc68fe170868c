"""Where a workspace lives: one small interface, so that a folder and an object store behave the same.

Paths are relative, with ``/``. Every write is whole or absent: a reader never sees half an object. `Storage.create` is
the one conditional write; publishing a version rests on it.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.errors import Mend, Overtaken, StoreRefused, StoreUnavailable, UnknownOutcome

TEMPORARY = ".partial-"


class AlreadyExists(Overtaken):
    """`Storage.create` found the path taken: another writer was first."""


class NotFound(Mend):
    """There is no object at the path."""


_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOTCONN,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""What a mounted file system reports while its server is away, and a machine while it is short of something."""


def passes(error: OSError) -> bool:
    """Whether the system's error can pass by itself; others stay until somebody gives rights, space or another path."""
    return error.errno in _PASSING


def read_error(error: OSError, message: str) -> StoreUnavailable | StoreRefused:
    """What a failed look or reading is raised as."""
    return StoreUnavailable(f"{message}; run again later") if passes(error) else StoreRefused(message)


def write_error(error: OSError, message: str) -> UnknownOutcome | StoreRefused:
    """What a failed writing or removal is raised as."""
    return UnknownOutcome(f"{message}; run again later") if passes(error) else StoreRefused(message)


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """One listed object. ``etag`` changes whenever the content may have changed; it is no content digest."""

    path: str
    size: int
    etag: str
    modified: float = field(default=0.0, compare=False)
    """When it was written, seconds since the epoch, by the store's clock."""


@dataclass(frozen=True)
class Traffic:
    """What was asked of the server behind a storage object, and what it took."""

    requests: Mapping[str, int] = field(default_factory=dict)
    """By kind, as the server's protocol calls them; with those that were made again."""
    bytes_in: int = 0
    """Of objects, received."""
    bytes_out: int = 0
    """Of objects, sent."""


class Storage(ABC):
    """A flat space of immutable-while-read objects under one URI."""

    uri: str
    remote = False
    """Whether each request takes so long that what was just written is better remembered than asked for."""

    @abstractmethod
    def present(self) -> bool:
        """Whether there is anything at the URI."""

    def traffic(self) -> Traffic:
        """What this object has asked for so far; nothing where there is no server."""
        return Traffic()

    def locate(self, path: str) -> str:
        """Where an object lies, for people."""
        return f"{self.uri}/{path}"

    @abstractmethod
    def list(self, prefix: str = "") -> list[Entry]:
        """All objects whose path begins with ``prefix``, sorted by path."""

    def scan(self, prefix: str = "") -> Iterator[Entry]:
        """As `list`, one after the other in no order, so that they need not all be held."""
        return iter(self.list(prefix))

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Of what `list` gives the paths, in no order. Raises as it does."""
        return (entry.path for entry in self.scan(prefix))

    def md5(self, entry: Entry) -> str:
        """The MD5 of a listed object's content, if the listing says it, else ""."""
        return ""

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

    def open_whole(self, path: str) -> BinaryIO:
        """A seekable reader of the object as `read` gives it, which need not be held. Raises NotFound."""
        return io.BytesIO(self.read(path))

    def open_end(self, path: str) -> BinaryIO:
        """As `open`, for what is read from its end on, as a Parquet file is."""
        return self.open(path)

    def read_range(self, path: str, begin: int, size: int) -> bytes:
        """``size`` bytes of an object from ``begin`` on, fewer only at its end. Raises NotFound."""
        with self.open(path) as stream:
            stream.seek(begin)
            return stream.read(size)

    @abstractmethod
    def writer(self, path: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A stream whose content becomes the object when the block ends without an exception."""

    @abstractmethod
    def create(self, path: str, data: bytes) -> None:
        """Write ``data`` only if the path is free, atomically. Raises AlreadyExists."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove the object if it is there."""

    def write(self, path: str, data: bytes) -> str:
        """Write or replace the whole object. Its etag, as a listing has it, or "" if that is not known."""
        with self.writer(path) as stream:
            stream.write(data)
        return ""

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        try:
            self.open(path).close()
        except NotFound:
            return False
        return True
