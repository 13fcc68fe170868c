"""A workspace or a source on S3, or on any server that speaks its protocol.

The URI is all a worker gets, so what it takes to reach the server travels in it:
``s3://bucket/prefix?endpoint_url=http://host:9000&attempts=8``. Credentials never do: they come from where boto3 looks
for them. Bytes are checked on both ways: a CRC32 goes with each write, and a whole object that is read is held against
the checksum that the server has of it.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipeline.errors import ConfigError, Mend, StoreRefused
from pipeline.storage.base import AlreadyExists, Entry, NotFound, Storage, Traffic
from pipeline.storage.s3_client import Bucket, error_code, pause, retries
from pipeline.storage.s3_errors import CONFLICTS
from pipeline.storage.s3_streams import PART_BYTES, RangeReader, Upload
from pipeline.storage.uri import join_uri, split_uri

SMALL_BYTES = 1 << 20
"""An object of at most this size is fetched whole when it is opened."""

END_BYTES = 1 << 20
"""What is fetched first of an object that is read from its end on: of a small table all there is."""


class S3Storage(Storage):
    """The objects of a bucket whose keys begin with a prefix. Can be pickled, and used by several threads."""

    remote = True

    def __init__(self, uri: str) -> None:
        where, access = split_uri(uri)
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", bucket):
            raise ConfigError(f"{uri}: {bucket!r} is no bucket's name; write it as s3://bucket/prefix")
        self.bucket = Bucket(bucket, prefix.strip("/"), access)
        self.counts = self.bucket.counts
        self.uri = join_uri(self.bucket.place, access)

    def __reduce__(self) -> tuple[type[S3Storage], tuple[str]]:
        return S3Storage, (self.uri,)

    def traffic(self) -> Traffic:
        """As `Storage.traffic`."""
        return self.counts.traffic()

    def locate(self, path: str) -> str:
        """The object's own URI, without how to reach the server."""
        return self.bucket.locate(path)

    def present(self) -> bool:
        """Whether any object's key begins with the prefix. Raises ConfigError if there is no such bucket."""
        return bool(self.bucket.call("ListObjectsV2", "", Prefix=self.bucket.key(""), MaxKeys=1).get("Contents"))

    def list(self, prefix: str = "") -> list[Entry]:
        """All objects, as the server lists them; the empty objects that stand for folders in consoles are left out."""
        return sorted(self.scan(prefix))  # directory buckets list in no order

    def scan(self, prefix: str = "") -> Iterator[Entry]:
        """As `list`, a page at a time, and of most buckets in their order."""
        start = len(self.bucket.key(""))
        more: dict[str, str] = {}
        while True:
            page = self.bucket.call("ListObjectsV2", prefix, Prefix=self.bucket.key(prefix), **more)
            for item in page.get("Contents", ()):
                path, size = item["Key"][start:], item["Size"]
                if path and not (path.endswith("/") and not size):
                    yield Entry(path, size, item["ETag"].strip('"'), item["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, path: str) -> bytes:
        """The whole object, in one request, held against the server's checksum. Raises NotFound."""
        _, data = self.bucket.get(path, lambda response: True)
        assert data is not None
        return data

    def open(self, path: str) -> BinaryIO:
        """A reader over ranges; a small object is fetched whole. Raises NotFound.

        All ranges are of the object as it was when it was opened: a read raises Overtaken if it was replaced since.
        """
        # the whole is asked for because only then does the server send a checksum; of a large object no more than the
        # beginning of the answer is received
        response, data = self.bucket.get(path, lambda response: response["ContentLength"] <= SMALL_BYTES)
        if data is not None:
            return io.BytesIO(data)
        return self._ranges(path, response["ETag"], response["ContentLength"], b"")

    def open_end(self, path: str) -> BinaryIO:
        """As `open`, in one request for the last `END_BYTES`, which no checksum of the server's covers."""
        response, data = self.bucket.get(
            path,
            lambda response: "ContentRange" in response or response["ContentLength"] <= SMALL_BYTES,
            ("InvalidRange",),
            Range=f"bytes=-{END_BYTES}",
        )
        if error_code(response):
            return io.BytesIO()  # it is empty
        size = int(response.get("ContentRange", str(response["ContentLength"])).rpartition("/")[2])
        if data is not None and len(data) == size:
            return io.BytesIO(data)
        return self._ranges(path, response["ETag"], size, data or b"")

    def read_range(self, path: str, begin: int, size: int) -> bytes:
        """In one request, of the object as it is then."""
        if size <= 0:
            return b""
        span = f"bytes={begin}-{begin + size - 1}"
        response, data = self.bucket.get(
            path, lambda response: "ContentRange" in response, ("InvalidRange",), Range=span
        )
        if error_code(response):
            return b""  # it ends before
        if data is None:
            raise StoreRefused(f"cannot read {self.locate(path)}: the server does not send ranges of bytes")
        return data

    def _ranges(self, path: str, etag: str, size: int, end: bytes) -> BinaryIO:
        """A reader of an object of which the ``end`` is known."""

        def fetch(begin: int, end: int) -> bytes:
            span = f"bytes={begin}-{end - 1}"
            part = self.bucket.get(path, lambda response: True, Range=span, IfMatch=etag)[1]
            if part is None or len(part) != end - begin:
                raise StoreRefused(f"cannot read {self.locate(path)}: the server does not send ranges of bytes")
            return part

        return cast(BinaryIO, RangeReader(fetch, size, end))

    @contextlib.contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """One put at the end, or a multipart upload from the second part on, completed at the end or aborted."""
        upload = Upload(self.bucket, path)
        try:
            yield cast(BinaryIO, upload)
            upload.finish()
        except BaseException:
            upload.abort()
            raise

    def write(self, path: str, data: bytes) -> str:
        """As `Storage.write`: the etag is known of what is sent in one request."""
        if len(data) > PART_BYTES:
            return super().write(path, data)
        return str(self.bucket.put(path, data).get("ETag", "")).strip('"')

    def create(self, path: str, data: bytes) -> None:
        """A conditional put: the server lets one of several through."""
        retried = False
        for attempt in range(1, self.bucket.attempts + 1):
            expected = ("PreconditionFailed", *(CONFLICTS if attempt < self.bucket.attempts else ()))
            answer = self.bucket.put(path, data, expected, IfNoneMatch="*")
            code, retried = error_code(answer), retried or retries(answer) > 0
            if not code:
                return
            if code == "PreconditionFailed":
                # of an attempt whose answer was lost, a retry finds its own work: that is no lost race
                if retried and self._holds(path, data):
                    return
                raise AlreadyExists(f"{self.locate(path)} already exists")
            pause(attempt)

    def md5(self, entry: Entry) -> str:
        """The ETag, of what was sent in one part; of what a server encrypts with keys of its own it is another."""
        return entry.etag if re.fullmatch("[0-9a-f]{32}", entry.etag) else ""

    def leftovers(self) -> builtins.list[Entry]:
        """Multipart uploads that are not completed, whose parts are stored, and paid for, unseen. ``etag``: the id."""
        uploads: builtins.list[Entry] = []
        start = len(self.bucket.key(""))
        more: dict[str, str] = {}
        while True:
            page = self.bucket.call("ListMultipartUploads", "", Prefix=self.bucket.key(""), **more)
            for item in page.get("Uploads", ()):
                uploads.append(Entry(item["Key"][start:], 0, item["UploadId"], item["Initiated"].timestamp()))
            if not page.get("IsTruncated"):
                return sorted(uploads)
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def discard(self, leftover: Entry) -> None:
        """Abort the upload; its parts go."""
        key, ended_since = self.bucket.key(leftover.path), ("NoSuchUpload",)
        self.bucket.call("AbortMultipartUpload", leftover.path, ended_since, Key=key, UploadId=leftover.etag)

    def delete(self, path: str) -> None:
        """Remove the object if it is there."""
        self.bucket.call("DeleteObject", path, Key=self.bucket.key(path))

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        try:
            self.bucket.call("HeadObject", path, Key=self.bucket.key(path))
        except Mend:
            # an answer to HEAD has no text: a listing of the one key says why, or that there is nothing
            page = self.bucket.call("ListObjectsV2", path, Prefix=self.bucket.key(path), MaxKeys=1)
            return any(item["Key"] == self.bucket.key(path) for item in page.get("Contents", ()))
        return True

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self.read(path) == data
        except NotFound:
            return False
