"""The SVG members of a zip or tar.gz, or the SVGs of a Parquet file, one after the other, without unpacking to disk.

An archive is untrusted: its names are data, its sizes are claims. What is wrong with one member costs that member; what
is wrong with the archive as a whole (truncated, no archive at all) raises `ArchiveError`, because nobody can say which
records are missing. Links, devices and folders are no members. Archives within archives are not opened.
"""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stages.crawl.listing import display, kind_of
from stages.crawl.settings import CrawlSettings
from stages.reasons import Reason

_CHUNK = 2**16
_MAX_READ = 2**20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_FAULTS = (
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
)


class ArchiveError(Exception):
    """The archive cannot be read as a whole; retrying will not help, another copy of it may."""

    def __init__(self, path: str, what: str) -> None:
        reason = " ".join(display(what).split()) or "damaged"
        super().__init__(
            f"archive {display(path)} cannot be read: {reason}; fetch it again, or take it out of the source"
        )
        self.path = path
        self.what = what


@dataclass(frozen=True)
class Member:
    """``path``: normalised path in the archive, unique in it. ``content``: bytes, or why there are none."""

    path: str
    content: bytes | tuple[Reason, str]


def members(stream: BinaryIO, path: str, settings: CrawlSettings, select: Callable[[str], bool]) -> Iterator[Member]:
    """Yield the .svg and .svgz members whose normalised path satisfies ``select``, in the archive's own order.

    ``stream`` is open at its start, and seekable if ``path`` ends in .zip or .parquet. The second member of one path is
    called ``<path>#2``, and so on; a Parquet file's rows are called by their number, from ``00000000.svg``. Raises
    ArchiveError, possibly after members were yielded: drop those, too.
    """
    seen: dict[str, int] = {}
    suffix = path.lower().rpartition(".")[2]
    walk = {"zip": _zip, "parquet": _parquet}.get(suffix, _tar)
    for name, read in walk(stream, path, settings):
        shown = _normalise(name)
        if kind_of(shown) != "svg" or not select(shown):
            continue
        seen[shown] = count = seen.get(shown, 0) + 1
        yield Member(shown if count == 1 else f"{shown}#{count}", read())


_Entry = tuple[str, Callable[[], "bytes | tuple[Reason, str]"]]


def _normalise(name: str) -> str:
    parts: list[str] = []
    for part in display(name).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _zip(stream: BinaryIO, path: str, settings: CrawlSettings) -> Iterator[_Entry]:
    try:
        archive = zipfile.ZipFile(stream)
    except _FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    left = settings.max_archive_bytes

    def read(info: zipfile.ZipInfo) -> bytes | tuple[Reason, str]:
        nonlocal left
        if info.flag_bits & 1:
            return Reason.BAD_ARCHIVE_MEMBER, "encrypted"
        if info.compress_type not in _METHODS:
            return Reason.BAD_ARCHIVE_MEMBER, f"compression method {info.compress_type}, only deflate is read"
        try:
            with archive.open(info) as member:
                data = _read(member, settings.max_bytes)
        except _FAULTS as error:
            return Reason.BAD_ARCHIVE_MEMBER, display(str(error)) or type(error).__name__
        left -= len(data) if isinstance(data, bytes) else settings.max_bytes
        if left < 0:
            raise ArchiveError(path, f"over {settings.max_archive_bytes} bytes (crawl.max_archive_bytes)")
        return data

    with archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
            if info.filename.endswith("/") or kind not in (0, stat.S_IFREG):
                continue
            yield info.filename.replace("\\", "/"), lambda info=info: read(info)  # type: ignore[misc]


def _parquet(stream: BinaryIO, path: str, settings: CrawlSettings) -> Iterator[_Entry]:
    """The rows of the column that is called svg, or else of the first that has svg in its name."""
    try:
        with pq.ParquetFile(stream) as file:
            names = sorted(file.schema_arrow.names, key=lambda name: (name.lower() != "svg", name))
            column = next((name for name in names if "svg" in name.lower()), None)
            kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
            if column is None or not any(is_(file.schema_arrow.field(column).type) for is_ in kinds):
                raise ArchiveError(path, f"no column of texts called svg, only {', '.join(names[:9])}")
            number = 0
            for batch in file.iter_batches(256, columns=[column]):
                for value in batch.column(0).to_pylist():
                    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value or b""
                    over = Reason.TOO_LARGE, f"over {settings.max_bytes} bytes"
                    content = data if len(data) <= settings.max_bytes else over
                    yield f"{number:08}.svg", lambda content=content: content  # type: ignore[misc]
                    number += 1
    except (pa.ArrowException, *_FAULTS) as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _tar(stream: BinaryIO, path: str, settings: CrawlSettings) -> Iterator[_Entry]:
    source = _Inflated(stream, path, settings.max_archive_bytes)
    try:
        with _StrictTar(fileobj=source, mode="r", encoding="utf-8", errors="surrogateescape") as archive:
            while (info := archive.next()) is not None:
                if info.isreg():
                    yield info.name, lambda info=info: _tar_member(archive, info, path, settings.max_bytes)  # type: ignore[misc]
        while source.read(_CHUNK):
            pass  # to the end, where gzip keeps its checksum
    except _FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str, limit: int) -> bytes | tuple[Reason, str]:
    if info.size > limit:
        return Reason.TOO_LARGE, f"{info.size} bytes, over {limit}"
    try:
        member = archive.extractfile(info)
        assert member is not None, "extractfile returns a file for every regular member"
        data = _read(member, limit)
        if isinstance(data, bytes) and len(data) < info.size:
            raise tarfile.ReadError("unexpected end of data")
    except _FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    return data


def _read(member: IO[bytes], limit: int) -> bytes | tuple[Reason, str]:
    """All of ``member``, or TOO_LARGE once ``limit`` bytes were read: the size in a header is only a claim."""
    out = bytearray()
    while chunk := member.read(_CHUNK):
        out += chunk
        if len(out) > limit:
            return Reason.TOO_LARGE, f"over {limit} bytes"
    return bytes(out)


class _StrictTar(tarfile.TarFile):
    """A TarFile that keeps no list of members, and for which a damaged header in the middle is an error.

    `tarfile` takes an unreadable header anywhere but at the start for the end of the archive, which would lose the
    members after it without a word.
    """

    _begun = False

    def next(self) -> tarfile.TarInfo | None:
        """The next member, None after the end marker. Raises tarfile.ReadError."""
        if not self._begun:
            # the constructor calls next() for the first member, and iteration has to see that one again
            self._begun = True
            return None
        before = self.offset
        assert self.fileobj is not None
        self.fileobj.seek(before)
        try:
            info = self.tarinfo.fromtarfile(self)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return None
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at {before} bytes") from None
        if self.offset <= before:
            raise tarfile.ReadError(f"a member of negative size at {before} bytes")
        return info


class _Inflated(io.RawIOBase):
    """The gunzipped stream, forward only, of at most ``limit`` bytes; a single read is bounded, too.

    The bound on a read is for `tarfile`, which reads an extended header as a whole, however long it claims to be.
    """

    def __init__(self, stream: BinaryIO, path: str, limit: int) -> None:
        self._gzip, self._path, self._limit, self._at = gzip.GzipFile(fileobj=stream, mode="rb"), path, limit, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise tarfile.ReadError("members overlap")
        while self._at < offset and self.read(min(_CHUNK, offset - self._at)):
            pass
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError(f"a header of more than {_MAX_READ} bytes")
        data = self._gzip.read(size)
        self._at += len(data)
        if self._at > self._limit:
            raise ArchiveError(self._path, f"inflates to over {self._limit} bytes (crawl.max_archive_bytes)")
        return data
