"""The entries of a 7z.

py7zr reads the directory. It hands out contents only by writing them itself, all of a block at a time, and some of its
decompressors heed no bound; so the blocks are decompressed here, as much as is asked for. A block (7z calls it a
folder) holds one member after the other: what lies before a wanted member is decompressed and passed over, what lies
behind the last wanted one is not read. Damage in a block costs its members from there on.

PPMd is not read: the one library for it (pyppmd) ends the process on damaged data.
"""

from __future__ import annotations

import bz2
import io
import lzma
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol

from py7zr import archiveinfo
from py7zr.exceptions import ArchiveError as SevenZipError

from stages.crawl.compression import Inflater
from stages.crawl.container import CHUNK, FAULTS, ArchiveError, Budget, Entry, Sink
from stages.crawl.items import Lost
from stages.crawl.listing import display
from stages.reasons import Reason

MAGIC = b"7z\xbc\xaf\x27\x1c"

_DIRECTORY = 64 * 2**20
"""Bytes of a directory, compressed or not."""

_MOST = 2**20
"""Members of an archive: py7zr holds a dictionary for each, also for those that a damaged directory only claims."""

_MEMORY = 256 * 2**20
"""Bytes of a decompressor's window."""

_ENCODED, _HEADER, _STREAMS, _FILES = b"\x17", b"\x01", b"\x04", b"\x05"
_AES = b"\x06\xf1\x07\x01"
_LZMA, _LZMA2, _COPY, _BZIP2, _DEFLATE = b"\x03\x01\x01", b"\x21", b"\x00", b"\x04\x02\x02", b"\x04\x01\x08"
_FILTERS = {
    b"\x03": lzma.FILTER_DELTA,
    b"\x04": lzma.FILTER_X86,
    b"\x05": lzma.FILTER_POWERPC,
    b"\x06": lzma.FILTER_IA64,
    b"\x07": lzma.FILTER_ARM,
    b"\x08": lzma.FILTER_ARMTHUMB,
    b"\x09": lzma.FILTER_SPARC,
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
}
_NAMES = {
    _LZMA: "LZMA",
    b"\x03\x03\x01\x1b": "BCJ2",
    b"\x03\x04\x01": "PPMd",
    b"\x04\x01\x09": "Deflate64",
    b"\x04\xf7\x11\x01": "Zstandard",
    b"\x04\xf7\x11\x02": "Brotli",
}
_FAULTS = (*FAULTS, SevenZipError, TypeError, AssertionError, AttributeError, LookupError)
"""py7zr says on some damaged directories what Python says of a wrong value."""


class _Refused(Exception):
    """A block that is not decompressed, and why."""


def sevenzip_entries(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Entry]:
    """Every entry that is no folder, block by block. ``stream`` is seekable. Raises ArchiveError."""
    try:
        members, blocks = _directory(stream, budget)
    except _Refused as error:
        raise ArchiveError(path, f"its directory is {error}") from None
    except _FAULTS as error:
        raise ArchiveError(path, f"damaged directory: {error}" if str(error) else "damaged directory") from None
    now: tuple[int, _Block] | None = None
    for member in members:
        if member.block is None:
            yield Entry(member.name, _nothing, member.is_file)
            continue
        if now is None or now[0] != member.block:
            now = member.block, _Block(stream, blocks[member.block], budget)
        yield Entry(member.name, partial(now[1].copy, member), member.is_file)


@dataclass(frozen=True)
class _Member:
    name: str
    is_file: bool
    block: int | None = None
    """Which block holds it; None for an empty file."""
    begin: int = 0
    """Bytes of the block before it."""
    size: int = 0
    crc: int | None = None


@dataclass(frozen=True)
class _Packed:
    """Where a block lies, and how it is compressed. ``coders``: (method, properties), in the order of decompressing."""

    position: int
    size: int
    coders: tuple[tuple[bytes, bytes], ...] | None
    """None: not one stream through one coder after the other."""


def _directory(stream: BinaryIO, budget: Budget) -> tuple[list[_Member], list[_Packed]]:
    start = _exactly(stream, 32)
    if not start.startswith(MAGIC):
        raise ValueError("no 7z")
    start_crc, offset, size, crc = struct.unpack("<8xIQQI", start)
    if zlib.crc32(start[12:]) != start_crc:
        raise ValueError("the start's checksum is wrong")
    if size > _DIRECTORY:
        raise ValueError(f"{size} bytes of it")
    if offset + size > stream.seek(0, io.SEEK_END) - 32:
        raise EOFError("the archive is truncated")
    stream.seek(32 + offset)
    data = _exactly(stream, size)
    if zlib.crc32(data) != crc:
        raise ValueError("the directory's checksum is wrong")
    while data[:1] == _ENCODED:
        data = _decoded(stream, archiveinfo.StreamsInfo.retrieve(io.BytesIO(data[1:])), budget)
    if not data:
        return [], []
    buffer = io.BytesIO(data)
    streams = None
    if buffer.read(1) != _HEADER or (kind := buffer.read(1)) not in (_STREAMS, _FILES):
        raise ValueError("unknown data in it")
    if kind == _STREAMS:
        streams = archiveinfo.StreamsInfo.retrieve(buffer)
        kind = buffer.read(1)
    if kind != _FILES:
        return [], []
    at = buffer.tell()
    count = archiveinfo.read_uint64(buffer)
    if count > _MOST:
        raise ValueError(f"{count} members, more than {_MOST} are not read")
    buffer.seek(at)
    blocks, sizes = _layout(streams) if streams is not None else ([], [])
    return list(_members(archiveinfo.FilesInfo.retrieve(buffer), sizes)), blocks


def _decoded(stream: BinaryIO, streams: Any, budget: Budget) -> bytes:
    """A directory that is itself compressed."""
    (block,), (((size, crc),),) = _layout(streams)
    if size > _DIRECTORY:
        raise ValueError(f"{size} bytes of it")
    data = io.BytesIO()
    lost = _Block(stream, block, budget).copy(_Member("", True, 0, 0, size, crc), data, size)
    if lost is not None:
        raise _Refused(lost[1])
    return data.getvalue()


def _layout(streams: Any) -> tuple[list[_Packed], list[list[tuple[int, int | None]]]]:
    """Where each block lies, and (size, CRC) of the members of each."""
    folders, pack, sub = streams.unpackinfo.folders, streams.packinfo, streams.substreamsinfo
    blocks, sizes, number, member = [], [], 0, 0
    for index, folder in enumerate(folders):
        # the first of its streams, if it has several: it is not read then
        position = 32 + pack.packpos + pack.packpositions[number]
        blocks.append(_Packed(position, pack.packsizes[number], _coders(folder)))
        number += len(folder.packed_indices)
        whole = folder.get_unpack_size()
        own: list[tuple[int, int | None]] = []
        if sub is None:
            own.append((whole, folder.crc if folder.digestdefined else None))
        else:
            for _ in range(sub.num_unpackstreams_folders[index]):
                crc = sub.digests[member] if sub.digestsdefined[member] else None
                own.append((whole if sub.unpacksizes is None else sub.unpacksizes[member], crc))
                member += 1
        if not own or min(size for size, _ in own) < 0 or sum(size for size, _ in own) != whole:
            raise ValueError("the sizes of members and blocks differ")
        sizes.append(own)
    return blocks, sizes


def _coders(folder: Any) -> tuple[tuple[bytes, bytes], ...] | None:
    coders = folder.coders
    if len(folder.packed_indices) != 1 or any(c["numinstreams"] != 1 or c["numoutstreams"] != 1 for c in coders):
        # a filter with several streams, as BCJ2; what it is called says the last
        return None
    following = {bond.outcoder: bond.incoder for bond in folder.bindpairs}
    at: int | None = folder.packed_indices[0]
    order: list[int] = []
    while at is not None and len(order) < len(coders):
        order.append(at)
        at = following.get(at)
    return tuple((coders[i]["method"], coders[i]["properties"] or b"") for i in order)


def _members(files: Any, sizes: Sequence[Sequence[tuple[int, int | None]]]) -> Iterator[_Member]:
    places = iter([(i, *own) for i, block in enumerate(sizes) for own in _placed(block)])
    empty = -1
    for file in files.files:
        name = file.get("filename", "")
        attributes = file.get("attributes") or 0
        mode = attributes >> 16 if attributes & 0x8000 else 0
        is_file = stat.S_IFMT(mode) in (0, stat.S_IFREG) and not attributes & 0x400
        if not file["emptystream"]:
            block, begin, size, crc = next(places)
            yield _Member(name, is_file, block, begin, size, crc)
            continue
        # of what has no content, those are files that the directory says are; the rest are folders
        empty += 1
        if empty < len(files.emptyfiles) and files.emptyfiles[empty]:
            yield _Member(name, is_file)


def _placed(block: Sequence[tuple[int, int | None]]) -> Iterator[tuple[int, int, int | None]]:
    begin = 0
    for size, crc in block:
        yield begin, size, crc
        begin += size


def _nothing(sink: Sink, limit: int) -> Lost | None:
    return None


class _Block:
    """A block that is decompressed once, forward."""

    def __init__(self, stream: BinaryIO, packed: _Packed, budget: Budget) -> None:
        self._stream, self._packed, self._budget = stream, packed, budget
        self._position, self._left, self._at = packed.position, packed.size, 0
        self._decoder: _Decoder | None = None
        self._lost: str = ""

    def copy(self, member: _Member, sink: Sink, limit: int) -> Lost | None:
        if not self._lost:
            try:
                lost = self._copy(member, sink, limit)
            except (*FAULTS, IndexError, _Refused) as error:
                self._lost = display(str(error)) or type(error).__name__
            else:
                return lost
        return Reason.BAD_ARCHIVE_MEMBER, self._lost

    def _copy(self, member: _Member, sink: Sink, limit: int) -> Lost | None:
        if member.size > limit:
            return Reason.TOO_LARGE, f"{member.size} bytes, over {limit}"
        self._decoder = self._decoder or _decoder(self._packed.coders)
        for _ in self._read(member.begin - self._at):
            pass
        crc = 0
        for data in self._read(member.size):
            crc = zlib.crc32(data, crc)
            sink.write(data)
        if member.crc not in (None, crc):
            return Reason.BAD_ARCHIVE_MEMBER, "Bad CRC-32"
        return None

    def _read(self, size: int) -> Iterator[bytes]:
        assert self._decoder is not None
        while size > 0:
            packed = b""
            if self._decoder.needs_input and self._left:
                # the stream is others', too
                self._stream.seek(self._position)
                packed = self._stream.read(min(CHUNK, self._left))
                self._position += len(packed)
                self._left = self._left - len(packed) if packed else 0
            data = self._decoder.decompress(packed, min(size, CHUNK))
            if not data and not packed and not self._left and self._decoder.needs_input:
                raise EOFError("its block ends early")
            self._budget.spend(len(data))
            self._at += len(data)
            size -= len(data)
            yield data


class _Decoder(Protocol):
    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _decoder(coders: tuple[tuple[bytes, bytes], ...] | None) -> _Decoder:
    """Raises _Refused."""
    if coders is None:
        raise _Refused("compression method BCJ2, which is not read")
    if any(method == _AES for method, _ in coders):
        raise _Refused("encrypted")
    (method, properties), filters = coders[0], coders[1:]
    simple: dict[bytes, Callable[[], _Decoder]] = {
        _COPY: _Stored,
        _BZIP2: bz2.BZ2Decompressor,
        _DEFLATE: partial(Inflater, -zlib.MAX_WBITS),
    }
    if not filters and method in simple:
        return simple[method]()
    # liblzma gives the last bytes of a filtered LZMA stream only if that has an end marker, which 7z does not write
    if method == _LZMA2 or (method == _LZMA and not filters):
        chain = [*reversed([_filter(*each) for each in filters]), _window(method, properties)]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain)
    names = " and ".join(_NAMES.get(each, each.hex()) for each, _ in coders)
    raise _Refused(f"compression method {names}, which is not read")


def _filter(method: bytes, properties: bytes) -> dict[str, int]:
    if method not in _FILTERS:
        raise _Refused(f"compression method {_NAMES.get(method, method.hex())}, which is not read")
    kind = _FILTERS[method]
    return {"id": kind, "dist": properties[0] + 1} if kind == lzma.FILTER_DELTA else {"id": kind}


def _window(method: bytes, properties: bytes) -> dict[str, int]:
    if method == _LZMA:
        packed, size = struct.unpack("<BI", properties)
        rest, lc = divmod(packed, 9)
        pb, lp = divmod(rest, 5)
        window = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb}
    else:
        (power,) = struct.unpack("<B", properties)
        size = (2 | power & 1) << power // 2 + 11
        window = {"id": lzma.FILTER_LZMA2}
    if size > _MEMORY:
        raise _Refused(f"a window of {size} bytes, over {_MEMORY}")
    return window | {"dict_size": size}


class _Stored:
    """Data as it is."""

    def __init__(self) -> None:
        self._data = b""

    @property
    def needs_input(self) -> bool:
        return not self._data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._data + data
        self._data = data[max_length:]
        return data[:max_length]


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    if len(data) < size:
        raise EOFError("the archive is truncated")
    return data
