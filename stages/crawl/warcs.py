"""The records of a WARC (ISO 28500), read to its very end: what is cut or damaged is told.

A WARC is records one after the other, each a head of lines, a block of as many bytes as the head says, and two empty
lines; compressed, each is a gzip member of its own. Readers take the end of a file for the end of the archive, also in
a head or a gzip member (FastWARC and warcio do), which loses records without a word. So records are cut here, where
each has to end as the standard says, and nothing may stand between them; decompression is `stages.crawl.compression`'s,
which is as strict.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from stages.crawl.compression import inflated
from stages.crawl.container import CHUNK, FAULTS, ArchiveError, Budget
from stages.crawl.zips import require_whole

LONGEST_HEAD = 2**18
"""Bytes of a record's head, and of a response's, which can hold cookies of any length."""

_EMPTY_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True)
class Record:
    """One record of a WARC. Its block can be read until the next record is asked for."""

    fields: dict[str, str]
    """Of its head, names in small letters; of equal names the last."""
    block: Block

    @property
    def kind(self) -> str:
        """response, resource, request, revisit, ..."""
        return self.fields.get("warc-type", "").lower()

    @property
    def uri(self) -> str:
        """What it was captured from; "" for nothing."""
        # WARC 1.0 had angle brackets in its grammar, and wget writes them
        return self.fields.get("warc-target-uri", "").removeprefix("<").removesuffix(">")


class Block:
    """What is left of a record's block. Reading raises ArchiveError if the WARC ends before."""

    def __init__(self, source: _Source, size: int, digest: str) -> None:
        self._source, self.left = source, size
        algorithm, _, self._digest = digest.partition(":")
        self._sum = hashlib.sha1(usedforsecurity=False) if algorithm.lower() == "sha1" else None

    def read(self) -> bytes:
        """All of it."""
        data = self._source.exactly(self.left)
        self._count(data)
        return data

    def head(self) -> bytes:
        """Up to and with the first empty line; b"" if there is none in `LONGEST_HEAD` bytes."""
        data = self._source.head(min(self.left, LONGEST_HEAD))
        self._count(data)
        return data

    def skip(self) -> None:
        """Leave it."""
        while self.left:
            self.left -= len(self._source.exactly(min(self.left, CHUNK)))

    @property
    def is_damaged(self) -> bool:
        """Of a block that was read: whether its ``WARC-Block-Digest``, if that is of SHA-1, is another's."""
        if self._sum is None:
            return False
        digest = self._sum.digest()
        return self._digest.lower() not in (digest.hex(), base64.b32encode(digest).decode().lower())

    def _count(self, data: bytes) -> None:
        self.left -= len(data)
        if self._sum is not None:
            self._sum.update(data)


def warc_records(stream: BinaryIO, path: str, budget: Budget) -> Iterator[Record]:
    """Every record of a WARC, compressed or not. Raises ArchiveError."""
    source = _Source(stream, path, budget)
    while (record := _next(source)) is not None:
        yield record
        record.block.skip()
        end = source.exactly(2)
        if end != b"\n\n" and end + source.exactly(2) != b"\r\n\r\n":
            raise source.error("no end of the record where its length says")


def wacz_records(stream: BinaryIO, path: str, budget: Budget) -> Iterator[tuple[str, Record]]:
    """(path of the WARC in it, record) of all WARCs of a WACZ 1.1, a zip of ``archive/*.warc.gz``. Raises ArchiveError.

    WARCs stand in it as they are; a compressed one is read all the same. ``stream`` is seekable.
    """
    try:
        archive = zipfile.ZipFile(stream)
        require_whole(stream, archive)
        names = [name for name in archive.namelist() if name.startswith("archive/") and is_warc(name)]
        if not names:
            raise ValueError("no archive/*.warc or archive/*.warc.gz in it")
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    for name in names:
        try:
            member = archive.open(name)
        except FAULTS as error:
            raise ArchiveError(path, f"{name}: {error}") from None
        with member:
            for record in warc_records(cast(BinaryIO, member), f"{path}/{name}", budget):
                yield name, record


def is_warc(path: str) -> bool:
    """Whether a path's extension is that of a WARC."""
    return path.lower().endswith((".warc", ".warc.gz"))


def is_wacz(path: str) -> bool:
    """Whether a path's extension is that of a WACZ."""
    return path.lower().endswith(".wacz")


class _Source:
    """The decompressed WARC, forward only, within a budget. All that is wrong with it raises ArchiveError."""

    def __init__(self, stream: BinaryIO, path: str, budget: Budget) -> None:
        self._path, self._budget = path, budget
        self._data, self._at = b"", 0
        self._before = self._begin = 0
        try:
            self._stream = inflated(stream)
        except FAULTS as error:
            raise self.error(str(error)) from None

    def error(self, what: str) -> ArchiveError:
        """What is wrong, and where."""
        return ArchiveError(self._path, f"{what} (in the record at {self._begin} bytes, decompressed)")

    def mark(self) -> None:
        """A record begins here."""
        self._begin = self._before + self._at

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data) and not self._more()

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        while len(self._data) - self._at < size:
            if not self._more():
                raise self.error("the WARC ends")
        data = self._data[self._at : self._at + size]
        self._at += size
        return data

    def head(self, limit: int) -> bytes:
        """Up to and with the first empty line, of at most ``limit`` bytes; b"" if that is not in them."""
        while True:
            held = self._data[self._at : self._at + limit]
            if match := _EMPTY_LINE.search(held):
                self._at += match.end()
                return held[: match.end()]
            if len(held) == limit:
                return b""
            if not self._more():
                raise self.error("the WARC ends in a head")

    def pass_lines(self) -> None:
        """Pass over line ends."""
        while not self.ended and self._data[self._at] in b"\r\n":
            self._at += 1

    def _more(self) -> bool:
        try:
            more = self._stream.read(CHUNK)
        except FAULTS as error:
            raise self.error(str(error) or type(error).__name__) from None
        self._budget.spend(len(more))
        self._before += self._at
        self._data, self._at = self._data[self._at :] + more, 0
        return bool(more)


def _next(source: _Source) -> Record | None:
    source.pass_lines()
    source.mark()
    if source.ended:
        return None
    if (first := source.exactly(5)) != b"WARC/":
        raise source.error(f"no WARC record but {first!r}")
    head = source.head(LONGEST_HEAD)
    fields = {name.lower(): value for name, value in head_fields(head)}
    length = fields.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        raise source.error("no length of its block" if head else f"a head of over {LONGEST_HEAD} bytes")
    return Record(fields, Block(source, int(length), fields.get("warc-block-digest", "")))


def head_fields(head: bytes) -> list[tuple[str, str]]:
    """(name, value) of the lines of a head behind the first, in order; a line that begins with a blank goes on."""
    fields: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            fields[-1] = name, f"{value} {line.strip()}"
        elif line:
            name, colon, value = line.partition(":")
            if colon:
                fields.append((name.strip(), value.strip()))
    return fields
