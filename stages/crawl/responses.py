"""HTTP responses as archives store them: their head, and their content without the encodings of its way.

Some programs store a body as it came, others take encodings off and leave the fields that name them. So a body that is
not what its fields say is taken for what it is.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import pyarrow as pa

from stages.crawl.items import Lost
from stages.crawl.warcs import head_fields
from stages.reasons import Reason

try:
    import brotli
except ImportError:  # pages that were asked for without it have none
    brotli = None

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})\b")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LOOKED_AT = 4096
_BEFORE_ROOT = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?svg\b")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+(?:[A-Za-z_][\w.-]*:)?svg\b", re.IGNORECASE)


@dataclass(frozen=True)
class Response:
    """The head of a response."""

    status: int
    fields: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str:
        """The values of a field, in small letters; "" if it is not there."""
        return ", ".join(value for each, value in self.fields if each.lower() == name).lower()

    @property
    def media_type(self) -> str:
        """Without parameters; "" if it says none."""
        return self.field("content-type").partition(";")[0].strip()


def response_of(head: bytes) -> Response | None:
    """A response by its head, up to the empty line; None if it is none."""
    status = _STATUS.match(head)
    return Response(int(status[1]), tuple(head_fields(head))) if status else None


def decoded(body: bytes, response: Response, limit: int) -> bytes | Lost:
    """A body without chunks and compression, at most ``limit`` bytes."""
    data: bytes | Lost = body
    if "chunked" in response.field("transfer-encoding"):
        data = _joined(body)
    for encoding in reversed(response.field("content-encoding").split(",")):
        if isinstance(data, bytes):
            data = _decoded(data, encoding.strip(), limit)
    if isinstance(data, bytes) and len(data) > limit:
        return Reason.TOO_LARGE, f"over {limit} bytes"
    return data


def is_svg(data: bytes) -> bool:
    """Whether data is an SVG document, by its first element or its document type."""
    head = _text(data[:_LOOKED_AT])
    at = 0
    while match := _BEFORE_ROOT.match(head, at):
        at = match.end()
    return bool(_ROOT.match(head, at) or _DOCTYPE.match(head, at))


def _text(head: bytes) -> str:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if head.startswith(mark):
            return head[len(mark) :].decode(codec, "replace")
    return head.decode("latin-1")


def _joined(data: bytes) -> bytes | Lost:
    chunks: list[bytes] = []
    at = 0
    while match := _CHUNK.match(data, at):
        size = int(match[1], 16)
        if size == 0:
            return b"".join(chunks)
        chunk = data[match.end() : match.end() + size]
        if len(chunk) < size:
            return Reason.NOT_FETCHED, "the response ends in a chunk"
        chunks.append(chunk)
        at = match.end() + size
        at += 2 if data[at : at + 2] == b"\r\n" else 1
    return (Reason.NOT_FETCHED, "the response's chunks end early") if chunks else data


def _decoded(data: bytes, encoding: str, limit: int) -> bytes | Lost:
    if encoding in ("gzip", "x-gzip") and data.startswith(_GZIP):
        return _inflated(data, limit, zlib.MAX_WBITS | 16)
    if encoding == "deflate" and data and data.lstrip()[:1] != b"<":
        # with zlib's frame, as the standard has it, or without
        framed = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        return _inflated(data, limit, zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
    if encoding == "zstd" and data.startswith(_ZSTD):
        try:
            return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(limit + 1)  # type: ignore[no-any-return]
        except (OSError, pa.ArrowException) as error:
            return Reason.BAD_GZIP, f"zstd: {error}"
    if encoding == "br":
        return _of_brotli(data, limit)
    return data


def _inflated(data: bytes, limit: int, window: int) -> bytes | Lost:
    out = bytearray()
    while data:
        inflater = zlib.decompressobj(window)
        try:
            out += inflater.decompress(data, limit + 1 - len(out))
        except zlib.error as error:
            return Reason.BAD_GZIP, str(error)
        if len(out) > limit:
            return Reason.TOO_LARGE, f"inflates to over {limit} bytes"
        if not inflater.eof:
            return Reason.BAD_GZIP, "truncated"
        # servers append what browsers pass over
        data = inflater.unused_data if inflater.unused_data.startswith(_GZIP) else b""
    return bytes(out)


def _of_brotli(data: bytes, limit: int) -> bytes | Lost:
    if brotli is None:
        return Reason.UNREADABLE, "its encoding is br; install the package brotli"
    decompressor = brotli.Decompressor()
    try:
        out = decompressor.process(data, output_buffer_limit=limit + 1)
    except brotli.error as error:
        # nothing tells Brotli's data from other, but that they do not begin as a document
        return data if data.lstrip()[:1] == b"<" else (Reason.BAD_GZIP, f"br: {error}")
    if len(out) <= limit and not decompressor.is_finished():
        return Reason.BAD_GZIP, "br: truncated"
    return bytes(out)
