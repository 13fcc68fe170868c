"""The entries of a Debian package: of the tar in it that is unpacked when it is installed.

A .deb is an ar archive of ``debian-binary``, ``control.tar.*`` and ``data.tar.*``. The last is read where it stands;
python-debian reads it as a whole, into memory, and knows no Zstandard.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from stages.crawl.container import CHUNK, FAULTS, ArchiveError, Budget, Entry
from stages.crawl.tars import tar_entries

_MAGIC, _HEADER, _END = b"!<arch>\n", 60, b"`\n"


def deb_entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    """Every entry of ``data.tar.*`` that is no folder, in order. Raises ArchiveError."""
    try:
        yield from _entries(stream, path, budget)
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("no ar archive")
    found = False
    while header := stream.read(_HEADER):
        size = header[48:58].decode("ascii", "replace").strip()
        if len(header) < _HEADER or header[58:] != _END or not size.isdigit():
            raise ValueError("a damaged header of ar")
        part = _Part(stream, int(size))
        if header.startswith(b"data.tar"):
            if found:
                raise ValueError("two data.tar in it")
            found = True
            yield from tar_entries(part, path, budget)
        while part.read(CHUNK):
            pass
        if part.left:
            raise EOFError("the archive is truncated")
        if int(size) % 2:
            stream.read(1)  # a newline, which some leave out at the end
    if not found:
        raise ValueError("no data.tar in it")


class _Part(io.RawIOBase, BinaryIO):
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self.left = stream, left

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        data = self._stream.read(self.left if size is None or size < 0 else min(size, self.left))
        self.left -= len(data)
        return data
