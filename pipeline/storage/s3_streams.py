"""Streams of objects in a bucket: a reader that fetches ranges, and an upload in parts."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pipeline.errors import UserError
from pipeline.storage.base import NotFound
from pipeline.storage.s3_client import Bucket, crc32, error_code, retries

PART_BYTES = 16 << 20
"""Size of a multipart upload's parts; what is no larger is one put. S3 takes 10,000 parts, so 156 GiB an object."""

PARALLEL = 4
"""Parts of one object that travel at a time; a writer holds at most this many and the one that is being filled."""

LEAST_AHEAD, MOST_AHEAD = 256 << 10, 8 << 20
"""Bytes that a request for a part of an object fetches at least: after a jump, and when it keeps reading on."""


class RangeReader(io.RawIOBase):
    """A seekable reader that holds the last range it fetched, and fetches more at a time the longer it reads on.

    ``end``: the last bytes of the object, if they are known; they are held throughout.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, end: bytes) -> None:
        self._fetch, self._size, self._end = fetch, size, end
        self._position = 0
        self._held, self._begin = b"", 0
        self._ahead = LEAST_AHEAD

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes before what is read next."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the object, or beyond its end; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        """What is left."""
        return self.read(-1)

    def readinto(self, buffer: Any) -> int:
        """As `read`, into ``buffer``, which is filled unless the object ends."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the object."""
        if self.closed:
            raise ValueError("read of a closed stream")
        begin = self._position
        end = self._size if size is None or size < 0 else min(begin + size, self._size)
        if end <= begin:
            return b""
        self._position = end
        known = self._size - len(self._end)
        if begin >= known:
            return self._end[begin - known : end - known]
        if not self._begin <= begin <= end <= self._begin + len(self._held):
            self._hold(begin, end)
        return self._held[begin - self._begin : end - self._begin]

    def _hold(self, begin: int, end: int) -> None:
        held_end = self._begin + len(self._held)
        reads_on = bool(self._held) and self._begin <= begin <= held_end
        self._ahead = min(2 * self._ahead, MOST_AHEAD) if reads_on else LEAST_AHEAD
        known = self._held[begin - self._begin :] if self._begin <= begin < held_end else b""
        start = begin + len(known)
        self._held = known + self._fetch(start, min(self._size, max(end, start + self._ahead)))
        self._begin = begin


class Upload(io.RawIOBase):
    """Collects what is written, and sends each full part while the next one is filled."""

    def __init__(self, bucket: Bucket, path: str) -> None:
        self._bucket, self._path, self._key = bucket, path, bucket.key(path)
        self._buffer = bytearray()
        self._size = 0
        self._id: str | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._parts: list[Future[dict[str, Any]]] = []
        self._running: deque[Future[dict[str, Any]]] = deque()

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes taken so far."""
        return self._size

    def write(self, data: Any, /) -> int:
        """Take all of ``data``. Raises as the sending of an earlier part did."""
        view = memoryview(data).cast("B")
        self._buffer += view
        self._size += len(view)
        while len(self._buffer) > PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(view)

    def finish(self) -> None:
        """Make the object appear."""
        if self._id is None:
            self._bucket.put(self._path, bytes(self._buffer))
            return
        self._send(bytes(self._buffer))
        parts = [part.result() for part in self._parts]
        assert self._pool is not None
        self._pool.shutdown()
        arguments = {"Key": self._key, "UploadId": self._id, "MultipartUpload": {"Parts": parts}}
        answer = self._bucket.call("CompleteMultipartUpload", self._path, ("NoSuchUpload",), **arguments)
        # a retry after a lost answer finds the upload gone, because it was completed
        if error_code(answer) and not (retries(answer) and self._completed(parts)):
            raise self._bucket.error("CompleteMultipartUpload", self._path, answer)

    def abort(self) -> None:
        """Leave no object, and no parts that are stored without being seen."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)  # a part that arrived after the abort would stay
        if self._id is not None:
            # what made us abort is told; parts that stay are for the bucket's lifecycle rule
            with contextlib.suppress(UserError):
                self._bucket.call("AbortMultipartUpload", self._path, Key=self._key, UploadId=self._id)

    def _send(self, data: bytes) -> None:
        if self._id is None:
            self._id = self._bucket.call("CreateMultipartUpload", self._path, Key=self._key, ChecksumAlgorithm="CRC32")[
                "UploadId"
            ]
            self._pool = ThreadPoolExecutor(PARALLEL, "svgmill-upload")
        assert self._pool is not None
        while len(self._running) >= PARALLEL:
            self._running.popleft().result()
        part = self._pool.submit(self._part, len(self._parts) + 1, data)
        self._parts.append(part)
        self._running.append(part)

    def _part(self, number: int, data: bytes) -> dict[str, Any]:
        checksum = crc32(data)
        response = self._bucket.call(
            "UploadPart",
            self._path,
            Key=self._key,
            UploadId=self._id,
            PartNumber=number,
            Body=data,
            ChecksumCRC32=checksum,
        )
        self._bucket.counts.add(bytes_out=len(data))
        return {"PartNumber": number, "ETag": response["ETag"], "ChecksumCRC32": checksum}

    def _completed(self, parts: list[dict[str, Any]]) -> bool:
        try:
            etag = self._bucket.call("HeadObject", self._path, Key=self._key)["ETag"].strip('"')
            digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
        except (NotFound, ValueError):
            return False
        return bool(etag == f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}")
