"""Lines of files of any size, none of which is held that is too long."""

from __future__ import annotations

from collections.abc import Iterator

from stages.crawl.compression import Reader
from stages.crawl.container import TableError

_BLOCK = 2**20
_BOM = b"\xef\xbb\xbf"
_OTHERS = (b"\xff\xfe", b"\xfe\xff")


def blocks(stream: Reader, path: str) -> Iterator[bytes]:
    """The content in parts, without a byte order mark. Raises TableError if that is one of UTF-16."""
    head = stream.read(_BLOCK)
    if head.startswith(_OTHERS):
        raise TableError(path, "it is UTF-16; write it anew as UTF-8")
    block = head.removeprefix(_BOM)
    while block:
        yield block
        block = stream.read(_BLOCK)


def lines(parts: Iterator[bytes], limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Each line's number, from 1, and the line without its end; None for one of over ``limit`` bytes."""
    number, size = 1, 0
    pieces: list[bytes] = []
    for block in parts:
        *ends, rest = block.split(b"\n")
        for piece in ends:
            size += len(piece)
            line = b"".join([*pieces, piece]) if pieces else piece
            yield number, line if size <= limit else None
            number, size = number + 1, 0
            pieces.clear()
        size += len(rest)
        if size <= limit:
            pieces.append(rest)
        else:
            pieces.clear()
    if size:
        yield number, b"".join(pieces) if size <= limit else None
