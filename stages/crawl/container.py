"""What the readers of archives share: entries, errors, and a bound on what is read out of one archive in all."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from lzma import LZMAError
from typing import IO, Protocol

import pyarrow as pa

from stages.crawl.items import Lost, RawItem
from stages.crawl.listing import display
from stages.reasons import Reason

CHUNK = 2**16

FAULTS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    struct.error,
    zlib.error,
    LZMAError,
    pa.ArrowException,
)
"""What the libraries raise on damaged archives."""


class ArchiveError(Exception):
    """The archive cannot be read as a whole; retrying will not help, another copy of it may."""

    remedy = "fetch it again, or take it out of the source"
    kind = "archive"

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = " ".join(display(what).split()) or "damaged"
        super().__init__(f"{self.kind} {display(path)} cannot be read: {self.what}; {self.remedy}")


class OverBudget(ArchiveError):
    """More comes out of the archive than the settings allow."""

    remedy = "raise the limit, or take it out of the source"


class TableError(ArchiveError):
    """A table cannot be read as a whole."""

    kind = "table"


class NoColumn(TableError):
    """A table without a column of drawings, or one that the settings name: whole, but no input."""

    def __init__(self, path: str, what: str, setting: str) -> None:
        self.remedy = f"name the column with {setting}, or take it out of the source"
        super().__init__(path, what)


class Budget:
    """Bytes that may still be read out of an archive, and out of the archives in it."""

    def __init__(self, path: str, limit: int) -> None:
        self.path, self.limit, self.left = path, limit, limit

    def spend(self, size: int) -> None:
        """Count bytes that were read. Raises OverBudget."""
        self.left -= size
        if self.left < 0:
            raise OverBudget(self.path, f"inflates to over {self.limit} bytes (crawl.max_archive_bytes)")

    def copy(self) -> Budget:
        """As much is left, counted apart."""
        other = Budget(self.path, self.limit)
        other.left = self.left
        return other


class Sink(Protocol):
    """What content is copied into."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


@dataclass(frozen=True)
class Entry:
    """A file in an archive. ``name`` is as stored there; only one entry is read at a time, in order."""

    name: str
    copy: Callable[[Sink, int], Lost | None]
    """Copy the content, at most so many bytes, or say why not. Raises ArchiveError."""
    is_file: bool = True
    """False for links, devices and pipes, which have no content."""
    brings: RawItem = RawItem("", b"")  # noqa: RUF009 - it is frozen
    """What comes with it; its path and content say nothing."""


def pump(member: IO[bytes], sink: Sink, limit: int, spend: Callable[[int], None] = lambda size: None) -> int | Lost:
    """Copy all of ``member``, or TOO_LARGE once ``limit`` bytes were read: the size in a header is only a claim."""
    size = 0
    while chunk := member.read(CHUNK):
        spend(len(chunk))
        size += len(chunk)
        if size > limit:
            return Reason.TOO_LARGE, f"over {limit} bytes"
        sink.write(chunk)
    return size
