"""The entries of a zip.

Names are UTF-8 where the entry says so, else CP437. Programs on Unix and macOS store UTF-8 without saying so; a name
with bytes over 127 that is valid UTF-8 is that. A name in UTF-8 that stands beside (Info-ZIP's extra field 0x7075)
counts if it is of the name that it stands beside.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from stages.crawl.container import FAULTS, ArchiveError, Budget, Entry, Sink, pump
from stages.crawl.items import Lost
from stages.crawl.listing import display
from stages.reasons import Reason

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UTF8, _UNICODE_PATH = 0x800, 0x7075
_LOCAL, _END, _END_SIZE = b"PK\x03\x04", b"PK\x05\x06", 22


def zip_entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    """Every entry that is no folder, in the directory's order. Raises ArchiveError."""
    try:
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
        require_whole(stream, archive)
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    with archive:
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
            if info.filename.endswith("/") or kind == stat.S_IFDIR:
                continue
            # what Info-ZIP read from a pipe is content, whatever the pipe's mode
            is_file = kind in (0, stat.S_IFREG, stat.S_IFIFO)
            yield Entry(_name(info).replace("\\", "/"), partial(_copy, archive, info, budget), is_file)


def _name(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return info.filename
    stored = info.filename.encode("cp437")
    return _beside(info.extra, stored) or _utf8(stored) or info.filename


def _beside(extra: bytes, name: bytes) -> str | None:
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if (
            kind == _UNICODE_PATH
            and len(field) > 5
            and field[0] == 1
            and struct.unpack_from("<xI", field) == (zlib.crc32(name),)
        ):
            return _utf8(field[5:])
    return None


def _utf8(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def require_whole(stream: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Raise BadZipFile if there is more in the stream than the archive that its last directory is of.

    A program before the first member unpacks it, and blanks after the end are padding; other data may be an archive.
    """
    stream.seek(0)
    first = min((info.header_offset for info in archive.infolist()), default=archive.start_dir)
    if first > 0 and stream.read(len(_LOCAL)) == _LOCAL:
        raise zipfile.BadZipFile(f"the first {first} bytes hold members that its directory does not name")
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_SIZE - 2**16))
    end = stream.read()
    at = end.rfind(_END)
    rest = end[at + _END_SIZE + int.from_bytes(end[at + _END_SIZE - 2 : at + _END_SIZE], "little") :]
    if at >= 0 and rest.strip(b"\0 \r\n"):
        raise zipfile.BadZipFile(f"{len(rest)} bytes follow its end")


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, sink: Sink, limit: int) -> Lost | None:
    if info.flag_bits & 1:
        return Reason.BAD_ARCHIVE_MEMBER, "encrypted"
    if info.compress_type not in _METHODS:
        return Reason.BAD_ARCHIVE_MEMBER, f"compression method {info.compress_type}, only deflate is read"
    try:
        with archive.open(info) as member:
            copied = pump(member, sink, limit, budget.spend)
    except FAULTS as error:
        return Reason.BAD_ARCHIVE_MEMBER, display(str(error)) or type(error).__name__
    return None if isinstance(copied, int) else copied
