"""A workspace or a source on S3, or on any server that speaks its protocol.

The URI is all a worker gets, so what it takes to reach the server travels in it:
``s3://bucket/prefix?endpoint_url=http://host:9000&attempts=8``. Credentials never do: they come from where boto3 looks
for them. Bytes are checked on both ways: a CRC32 goes with each write, and a whole object that is read is held against
the checksum that the server has of it.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import hashlib
import io
import os
import random
import re
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config as ClientConfig
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pipeline.errors import ConfigError, StorageError, UserError
from pipeline.storage.base import AlreadyExists, Entry, NotFound, Storage
from pipeline.storage.uri import join_uri, split_uri

SMALL_BYTES = 1 << 20
"""An object of at most this size is fetched whole when it is opened."""

END_BYTES = 1 << 20
"""What is fetched first of an object that is read from its end on: of a small table all there is."""

PART_BYTES = 16 << 20
"""Size of a multipart upload's parts; what is no larger is one put. S3 takes 10,000 parts, so 156 GiB an object."""

PARALLEL = 4
"""Parts of one object that travel at a time; a writer holds at most this many and the one that is being filled."""

LEAST_AHEAD, MOST_AHEAD = 256 << 10, 8 << 20
"""Bytes that a request for a part of an object fetches at least: after a jump, and when it keeps reading on."""

_TRUNCATED = (
    exceptions.IncompleteReadError,
    exceptions.ResponseStreamingError,
    exceptions.ReadTimeoutError,
    exceptions.ConnectionClosedError,
    exceptions.FlexibleChecksumError,
    HTTPError,  # what botocore passes on of a broken TLS stream
)
_UNREACHABLE = (exceptions.ConnectionError, exceptions.HTTPClientError)
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
)
_LONGEST_PAUSE = 20.0


@dataclass
class Counts:
    """What a storage object has asked of the server, retries included. Safe to add to from several threads."""

    requests: Counter[str] = field(default_factory=Counter)
    """Requests by kind, as the protocol calls them: ``GetObject``, ``PutObject``, ..."""
    bytes_in: int = 0
    """Bytes of objects received."""
    bytes_out: int = 0
    """Bytes of objects sent."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, kind: str = "", requests: int = 0, bytes_in: int = 0, bytes_out: int = 0) -> None:
        """Count ``requests`` of a kind and the bytes that went with them."""
        with self._lock:
            if requests:
                self.requests[kind] += requests
            self.bytes_in += bytes_in
            self.bytes_out += bytes_out


class Refused(StorageError):
    """The server answered with an error, or could not be reached. ``code`` is S3's, or empty."""

    def __init__(self, message: str, code: str = "", retries: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.retries = retries


class S3Storage(Storage):
    """The objects of a bucket whose keys begin with a prefix. Can be pickled, and used by several threads."""

    remote = True

    def __init__(self, uri: str) -> None:
        where, options = split_uri(uri)
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", bucket):
            raise ConfigError(f"{uri}: {bucket!r} is no bucket's name; write it as s3://bucket/prefix")
        self.bucket, self.prefix = bucket, prefix.strip("/")
        self.endpoint_url, self.attempts = options.endpoint_url, options.attempts
        self._place = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self.uri = join_uri(self._place, options)
        self.counts = Counts()

    def __reduce__(self) -> tuple[type[S3Storage], tuple[str]]:
        return S3Storage, (self.uri,)

    def locate(self, path: str) -> str:
        """The object's own URI, without how to reach the server."""
        return f"{self._place}/{path}"

    def present(self) -> bool:
        """Whether any object's key begins with the prefix. Raises ConfigError if there is no such bucket."""
        return bool(self._call("ListObjectsV2", "", Prefix=self._key(""), MaxKeys=1).get("Contents"))

    def list(self, prefix: str = "") -> list[Entry]:
        """All objects, as the server lists them; the empty objects that stand for folders in consoles are left out."""
        found: list[Entry] = []
        start = len(self._key(""))
        more: dict[str, str] = {}
        while True:
            page = self._call("ListObjectsV2", prefix, Prefix=self._key(prefix), **more)
            for item in page.get("Contents", ()):
                path, size = item["Key"][start:], item["Size"]
                if path and not (path.endswith("/") and not size):
                    found.append(Entry(path, size, item["ETag"].strip('"'), item["LastModified"].timestamp()))
            if not page.get("IsTruncated"):
                return sorted(found)  # directory buckets list in no order
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, path: str) -> bytes:
        """The whole object, in one request, held against the server's checksum. Raises NotFound."""
        _, data = self._get(path, lambda response: True)
        assert data is not None
        return data

    def open(self, path: str) -> BinaryIO:
        """A reader over ranges; a small object is fetched whole. Raises NotFound.

        All ranges are of the object as it was when it was opened: a read raises StorageError if it was replaced since.
        """
        # the whole is asked for because only then does the server send a checksum; of a large object no more than the
        # beginning of the answer is received
        response, data = self._get(path, lambda response: response["ContentLength"] <= SMALL_BYTES)
        if data is not None:
            return io.BytesIO(data)
        return self._ranges(path, response["ETag"], response["ContentLength"], b"")

    def open_end(self, path: str) -> BinaryIO:
        """As `open`, in one request for the last `END_BYTES`, which no checksum of the server's covers."""
        try:
            response, data = self._get(
                path,
                lambda response: "ContentRange" in response or response["ContentLength"] <= SMALL_BYTES,
                Range=f"bytes=-{END_BYTES}",
            )
        except Refused as error:
            if error.code == "InvalidRange":
                return io.BytesIO()  # it is empty
            raise
        size = int(response.get("ContentRange", str(response["ContentLength"])).rpartition("/")[2])
        if data is not None and len(data) == size:
            return io.BytesIO(data)
        return self._ranges(path, response["ETag"], size, data or b"")

    def _ranges(self, path: str, etag: str, size: int, end: bytes) -> BinaryIO:
        """A reader of an object of which the ``end`` is known."""

        def fetch(begin: int, end: int) -> bytes:
            span = f"bytes={begin}-{end - 1}"
            part = self._get(path, lambda response: True, Range=span, IfMatch=etag)[1]
            if part is None or len(part) != end - begin:
                raise StorageError(f"cannot read {self.locate(path)}: the server does not send ranges of bytes")
            return part

        return cast(BinaryIO, _Reader(fetch, size, end))

    @contextlib.contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """One put at the end, or a multipart upload from the second part on, completed at the end or aborted."""
        upload = _Upload(self, path)
        try:
            yield cast(BinaryIO, upload)
            upload.finish()
        except BaseException:
            upload.abort()
            raise

    def write(self, path: str, data: bytes) -> None:
        """Write or replace the whole object."""
        if len(data) > PART_BYTES:
            super().write(path, data)
        else:
            self._put(path, data)

    def create(self, path: str, data: bytes) -> None:
        """A conditional put: the server lets one of several through."""
        retried = False
        for attempt in range(1, self.attempts + 1):
            try:
                self._put(path, data, IfNoneMatch="*")
                return
            except Refused as error:
                if error.code == "PreconditionFailed":
                    # of an attempt whose answer was lost, a retry finds its own work: that is no lost race
                    if (retried or error.retries) and self._holds(path, data):
                        return
                    raise AlreadyExists(f"{self.locate(path)} already exists") from None
                if error.code not in ("ConditionalRequestConflict", "OperationAborted") or attempt == self.attempts:
                    raise
                retried = retried or error.retries > 0
                _pause(attempt)

    def md5(self, entry: Entry) -> str:
        """The ETag, of what was sent in one part; of what a server encrypts with keys of its own it is another."""
        return entry.etag if re.fullmatch("[0-9a-f]{32}", entry.etag) else ""

    def leftovers(self) -> builtins.list[Entry]:
        """Multipart uploads that are not completed, whose parts are stored, and paid for, unseen. ``etag``: the id."""
        found: builtins.list[Entry] = []
        start = len(self._key(""))
        more: dict[str, str] = {}
        while True:
            page = self._call("ListMultipartUploads", "", Prefix=self._key(""), **more)
            for item in page.get("Uploads", ()):
                found.append(Entry(item["Key"][start:], 0, item["UploadId"], item["Initiated"].timestamp()))
            if not page.get("IsTruncated"):
                return sorted(found)
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def discard(self, leftover: Entry) -> None:
        """Abort the upload; its parts go."""
        try:
            self._call("AbortMultipartUpload", leftover.path, Key=self._key(leftover.path), UploadId=leftover.etag)
        except Refused as error:
            if error.code != "NoSuchUpload":  # ended since it was listed
                raise

    def delete(self, path: str) -> None:
        """Remove the object if it is there."""
        self._call("DeleteObject", path, Key=self._key(path))

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        try:
            self._call("HeadObject", path, Key=self._key(path))
        except UserError as error:
            if isinstance(error, Refused) and not error.code:
                raise
            # an answer to HEAD has no text: a listing of the one key says why, or that there is nothing
            page = self._call("ListObjectsV2", path, Prefix=self._key(path), MaxKeys=1)
            return any(item["Key"] == self._key(path) for item in page.get("Contents", ()))
        return True

    # -- requests

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self.read(path) == data
        except NotFound:
            return False

    def _put(self, path: str, data: bytes, **more: str) -> None:
        arguments = {"Key": self._key(path), "Body": data, "ChecksumCRC32": _crc32(data), **more}
        self._call("PutObject", path, **arguments)
        self.counts.add(bytes_out=len(data))

    def _get(
        self, path: str, wanted: Callable[[dict[str, Any]], bool], **more: str
    ) -> tuple[dict[str, Any], bytes | None]:
        """The answer to a GET, with its body if that is ``wanted``; one that is cut off is asked for again."""
        for attempt in range(1, self.attempts + 1):
            response = self._call("GetObject", path, Key=self._key(path), **more)
            with contextlib.closing(response["Body"]) as body:
                if not wanted(response):
                    return response, None
                try:
                    data = body.read()
                except _TRUNCATED as error:
                    reason = " ".join(str(error).split())
                else:
                    self.counts.add(bytes_in=len(data))
                    return response, data
            if attempt < self.attempts:
                _pause(attempt)
        raise Refused(
            f"cannot read {self.locate(path)}: it did not arrive whole in {self.attempts} attempts ({reason}); "
            "check the network, then run again"
        )

    def _call(self, operation: str, path: str, **arguments: Any) -> dict[str, Any]:
        """One operation. Raises NotFound, Refused or ConfigError for what the server or the way to it says."""
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower().replace("objectsv2", "objects_v2")
        try:
            client = _client(self.endpoint_url, self.attempts)
            response: dict[str, Any] = getattr(client, method)(Bucket=self.bucket, **arguments)
        except exceptions.ClientError as error:
            self._count(operation, error.response)
            raise self._explain(operation, path, error.response) from None
        except (exceptions.BotoCoreError, ResponseParserError, ValueError) as error:
            unreachable = isinstance(error, _UNREACHABLE)
            self.counts.add(operation, self.attempts if unreachable else 0)
            raise self._explain_failure(operation, path, error) from None
        self._count(operation, response)
        return response

    def _count(self, operation: str, response: Any) -> None:
        self.counts.add(operation, 1 + response.get("ResponseMetadata", {}).get("RetryAttempts", 0))

    def _server(self) -> str:
        return self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "AWS"

    def _explain(self, operation: str, path: str, response: Any) -> UserError:
        error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
        code, status = str(error.get("Code", "")), metadata.get("HTTPStatusCode", 0)
        message = " ".join(str(error.get("Message", "")).split()).rstrip(".")
        retries = metadata.get("RetryAttempts", 0)
        what = f"cannot {_VERBS[operation]} {self.locate(path)}"
        if code == "NoSuchBucket":
            return ConfigError(
                f"{self._place}: there is no bucket {self.bucket} at {self._server()}; make it, or correct the URI"
            )
        if code == "NoSuchKey" or (status == 404 and operation == "HeadObject"):
            return NotFound(f"{self.locate(path)} does not exist")
        if code in ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"):
            return Refused(f"{what}: the credentials have expired; renew them, then run again", code, retries)
        if code == "RequestTimeTooSkewed":
            times = f" (here {error['RequestTime']}, there {error['ServerTime']})" if "ServerTime" in error else ""
            return Refused(
                f"{what}: this machine's clock is too far from the server's{times}; set the clock, then run again",
                code,
                retries,
            )
        if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"):
            return ConfigError(
                f"{what}: {self._server()} does not take the credentials ({code}); "
                "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"
            )
        if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"):
            region = error.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")
            there = f"is in region {region}" if region else "is in another region"
            return ConfigError(
                f"{what}: bucket {self.bucket} {there}, not where it was asked for; "
                f"set AWS_REGION{f'={region}' if region else ''}"
            )
        if code == "InvalidObjectState":
            return Refused(f"{what}: it is archived; restore it to a class that can be read at once", code, retries)
        if code == "PreconditionFailed" and operation == "GetObject":
            return Refused(f"{what}: it was replaced while it was read; run again", code, retries)
        if status == 403:
            return Refused(
                f"{what}: access denied ({message or code}); the credentials need s3:{_RIGHTS[operation]} there"
                f"{'' if operation == 'ListObjectsV2' else ', and s3:ListBucket on the bucket'}",
                code,
                retries,
            )
        tries = f" in {retries + 1} attempts" if retries else ""
        return Refused(
            f"{what}: {self._server()} answered {code or status}{tries}{f' ({message})' if message else ''}; "
            f"{'run again later' if status in (429, 500, 502, 503, 504) else 'see what that server supports'}",
            code,
            retries,
        )

    def _explain_failure(self, operation: str, path: str, error: Exception) -> UserError:
        text = " ".join(str(error).split()).rstrip(".")
        if isinstance(error, _NO_CREDENTIALS):
            return ConfigError(
                f"{self._place}: no usable credentials ({text}); "
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )
        if isinstance(error, _UNREACHABLE):
            return Refused(
                f"cannot {_VERBS[operation]} {self.locate(path)}: {self._server()} cannot be reached ({text}); "
                "check endpoint_url and the network, then run again"
            )
        if isinstance(error, ResponseParserError):
            return ConfigError(f"{self._place}: {self._server()} does not answer as S3 does; correct endpoint_url")
        return ConfigError(f"{self._place}: {text}; correct the URI or the AWS settings")


_VERBS = {
    "AbortMultipartUpload": "abort the upload of",
    "CompleteMultipartUpload": "write",
    "CreateMultipartUpload": "write",
    "DeleteObject": "delete",
    "GetObject": "read",
    "HeadObject": "look for",
    "ListMultipartUploads": "list unfinished uploads to",
    "ListObjectsV2": "list",
    "PutObject": "write",
    "UploadPart": "write",
}
_RIGHTS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObject": "DeleteObject",
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectsV2": "ListBucket",
    "PutObject": "PutObject",
    "UploadPart": "PutObject",
}


class _Reader(io.RawIOBase):
    """A seekable reader that holds the last range it fetched, and fetches more at a time the longer it reads on.

    ``end``: the last bytes of the object, if they are known; they are held throughout.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, end: bytes) -> None:
        self._fetch, self._size, self._end = fetch, size, end
        self._position = 0
        self._held, self._begin = b"", 0
        self._ahead = LEAST_AHEAD

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: Any) -> int:
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


class _Upload(io.RawIOBase):
    """Collects what is written, and sends each full part while the next one is filled."""

    def __init__(self, storage: S3Storage, path: str) -> None:
        self._storage, self._path, self._key = storage, path, storage._key(path)
        self._buffer = bytearray()
        self._size = 0
        self._id: str | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._parts: list[Future[dict[str, Any]]] = []
        self._running: deque[Future[dict[str, Any]]] = deque()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any, /) -> int:
        """Take all of ``data``. Raises StorageError if an earlier part could not be sent."""
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
            self._storage._put(self._path, bytes(self._buffer))
            return
        self._send(bytes(self._buffer))
        parts = [part.result() for part in self._parts]
        assert self._pool is not None
        self._pool.shutdown()
        try:
            self._storage._call(
                "CompleteMultipartUpload",
                self._path,
                Key=self._key,
                UploadId=self._id,
                MultipartUpload={"Parts": parts},
            )
        except Refused as error:
            # a retry after a lost answer finds the upload gone, because it was completed
            if error.code != "NoSuchUpload" or not error.retries or not self._completed(parts):
                raise

    def abort(self) -> None:
        """Leave no object, and no parts that are stored without being seen."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)  # a part that arrived after the abort would stay
        if self._id is not None:
            # what made us abort is told; parts that stay are for the bucket's lifecycle rule
            with contextlib.suppress(UserError):
                self._storage._call("AbortMultipartUpload", self._path, Key=self._key, UploadId=self._id)

    def _send(self, data: bytes) -> None:
        if self._id is None:
            self._id = self._storage._call(
                "CreateMultipartUpload", self._path, Key=self._key, ChecksumAlgorithm="CRC32"
            )["UploadId"]
            self._pool = ThreadPoolExecutor(PARALLEL, "svgmill-upload")
        assert self._pool is not None
        while len(self._running) >= PARALLEL:
            self._running.popleft().result()
        part = self._pool.submit(self._part, len(self._parts) + 1, data)
        self._parts.append(part)
        self._running.append(part)

    def _part(self, number: int, data: bytes) -> dict[str, Any]:
        checksum = _crc32(data)
        response = self._storage._call(
            "UploadPart",
            self._path,
            Key=self._key,
            UploadId=self._id,
            PartNumber=number,
            Body=data,
            ChecksumCRC32=checksum,
        )
        self._storage.counts.add(bytes_out=len(data))
        return {"PartNumber": number, "ETag": response["ETag"], "ChecksumCRC32": checksum}

    def _completed(self, parts: list[dict[str, Any]]) -> bool:
        try:
            etag = self._storage._call("HeadObject", self._path, Key=self._key)["ETag"].strip('"')
            digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
        except (NotFound, ValueError):
            return False
        return bool(etag == f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}")


def _crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _pause(attempt: int) -> None:
    time.sleep(random.random() * min(0.25 * 2**attempt, _LONGEST_PAUSE))


_clients: dict[tuple[str | None, int], Any] = {}
_lock = threading.Lock()


def forget_clients() -> None:
    """Let the next request make a new client, from the settings as they are then."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()


# neither a connection nor a lock that some thread holds may be shared with a child
os.register_at_fork(after_in_child=forget_clients)


def _client(endpoint_url: str | None, attempts: int) -> Any:
    """One client of this process for each server; making one takes longer than most requests."""
    with _lock:
        key = (endpoint_url, attempts)
        if key not in _clients:
            _clients[key] = _make_client(endpoint_url, attempts)
        return _clients[key]


def _make_client(endpoint_url: str | None, attempts: int) -> Any:
    settings = botocore.session.Session()
    session = boto3.session.Session(botocore_session=settings)
    region = os.environ.get("AWS_REGION") or session.region_name or "us-east-1"
    style = (settings.get_scoped_config().get("s3") or {}).get("addressing_style")

    def make(addressing: str) -> Any:
        config = ClientConfig(
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={"addressing_style": addressing},
            request_checksum_calculation="when_supported",
            response_checksum_validation="when_supported",
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=64,
            tcp_keepalive=True,
        )
        return session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)

    client = make(style or "auto")
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    if style is None and not re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host):
        client = make("path")  # the name of a server of one's own seldom resolves with a bucket's name before it
    return client
