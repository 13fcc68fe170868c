"""Streams that decompress what they are opened on, told by its first bytes: gzip, bzip2, xz, Zstandard, or nothing.

Several compressed streams one after the other are one, as the tools take them. What follows a stream and is none is an
error: the standard library's readers of bzip2 and xz would take it for the end, without a word.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

import pyarrow as pa

_XZ_MEMORY = 256 * 2**20
_READ = 2**16


class Reader(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


def inflated(stream: BinaryIO) -> Reader:
    """``stream``, from where it is, without its compression."""
    head = b""
    while len(head) < 6 and (more := stream.read(6 - len(head))):
        head += more
    whole = _Rejoined(head, stream)
    if head.startswith(b"\x1f\x8b"):
        return _Streams(whole, lambda: Inflater(zlib.MAX_WBITS | 16))
    if head.startswith(b"BZh"):
        return _Streams(whole, bz2.BZ2Decompressor)
    if head.startswith(b"\xfd7zXZ\0"):
        return _Streams(whole, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(Reader, pa.CompressedInputStream(pa.PythonFile(whole, mode="r"), "zstd"))
    return whole


class Decompressor(Protocol):
    """What `bz2` and `lzma` have for one stream."""

    @property
    def needs_input(self) -> bool:
        """Whether it has given all that it can give of what it got."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """What it got behind the stream's end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most ``max_length`` bytes."""


class Inflater:
    """zlib's decompressor as the others are. ``window``: as zlib has it, which says the frame, too."""

    def __init__(self, window: int) -> None:
        self._inflater = zlib.decompressobj(window)

    @property
    def needs_input(self) -> bool:
        """See `Decompressor`."""
        return not self._inflater.unconsumed_tail

    @property
    def eof(self) -> bool:
        """See `Decompressor`."""
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        """See `Decompressor`."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See `Decompressor`."""
        return self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)


class _Rejoined(io.RawIOBase):
    """A stream with what was read of it to see what it is put back."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._stream.read(size)
        data, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
        return data + self._stream.read(-1) if size < 0 else data


class _Streams:
    """Compressed streams one after the other, with zeros between and after them."""

    def __init__(self, stream: Reader, decompressor: Callable[[], Decompressor]) -> None:
        self._stream, self._new = stream, decompressor
        self._now = decompressor()
        self._pending = b""

    def read(self, size: int, /) -> bytes:
        while True:
            if self._now.eof:
                rest = self._now.unused_data
                while not (rest := rest.lstrip(b"\0")):
                    if not (rest := self._stream.read(_READ)):
                        return b""
                self._now, self._pending = self._new(), rest
            if self._now.needs_input and not self._pending:
                self._pending = self._stream.read(_READ)
                if not self._pending:
                    raise EOFError("the compressed data is truncated")
            data = self._now.decompress(self._pending, size)
            self._pending = b""
            if data:
                return data
