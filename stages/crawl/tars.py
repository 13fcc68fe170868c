"""The entries of a tar, compressed or not."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from stages.crawl.compression import inflated
from stages.crawl.container import CHUNK, FAULTS, ArchiveError, Budget, Entry, Sink, pump
from stages.crawl.items import Lost
from stages.reasons import Reason

_MAX_READ = 2**20


def tar_entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    """Every entry that is no folder, in order, to the very end of the stream. Raises ArchiveError."""
    try:
        source = _Inflated(stream, budget)
        with _StrictTar(fileobj=source, mode="r", encoding="utf-8", errors="surrogateescape") as archive:
            while (info := archive.next()) is not None:
                if not info.isdir():
                    yield Entry(info.name, partial(_copy, archive, info, path), info.isreg())
        while source.read(CHUNK):
            pass  # to the end, where gzip keeps its checksum
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _copy(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str, sink: Sink, limit: int) -> Lost | None:
    if info.size > limit:
        return Reason.TOO_LARGE, f"{info.size} bytes, over {limit}"
    try:
        member = archive.extractfile(info)
        assert member is not None, "extractfile returns a file for every regular member"
        copied = pump(member, sink, limit)
        if isinstance(copied, int) and copied < info.size:
            raise tarfile.ReadError("unexpected end of data")
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    return None if isinstance(copied, int) else copied


class _StrictTar(tarfile.TarFile):
    """A TarFile that keeps no list of members, reads on after an end marker, and takes no damage for an end.

    `tarfile` takes an unreadable header anywhere but at the start for the end of the archive, which would lose the
    members after it without a word; and the blocks of zeros that end one archive may have another behind them, where
    two were joined by ``cat``.
    """

    _begun = False

    def next(self) -> tarfile.TarInfo | None:
        """The next member, None at the end of the stream after an end marker. Raises tarfile.ReadError."""
        if not self._begun:
            # the constructor calls next() for the first member, and iteration has to see that one again
            self._begun = True
            return None
        ended = False
        while True:
            before = self.offset
            assert isinstance(self.fileobj, _Inflated)
            self.fileobj.seek(before)
            try:
                info = self.tarinfo.fromtarfile(self)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                self.offset, ended = before + tarfile.BLOCKSIZE, True
                continue
            except tarfile.HeaderError as error:
                if ended and not self.fileobj.last.strip(b"\0"):
                    return None  # what is left is no whole block
                where = " after the end of the archive" if ended else ""
                raise tarfile.ReadError(f"{error} at {before} bytes{where}") from None
            if self.offset <= before:
                raise tarfile.ReadError(f"a member of negative size at {before} bytes")
            return info


class _Inflated(io.RawIOBase):
    """The decompressed stream, forward only, within a budget; a single read is bounded, too.

    The bound on a read is for `tarfile`, which reads an extended header as a whole, however long it claims to be.
    """

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._source, self._budget, self._at = inflated(stream), budget, 0
        self.last = b""

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise tarfile.ReadError("members overlap")
        while self._at < offset and self.read(min(CHUNK, offset - self._at)):
            pass
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError(f"a header of more than {_MAX_READ} bytes")
        data = bytearray()
        # a decompressor may return less than it is asked for, and tarfile takes that for the end
        while len(data) < size and (more := self._source.read(size - len(data))):
            data += more
        self._at += len(data)
        self._budget.spend(len(data))
        self.last = bytes(data)
        return self.last
