"""Requests to one bucket: clients that are shared, attempts and pauses, checksums, and a count of what was asked."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config as ClientConfig
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pipeline.errors import StoreUnavailable, UserError
from pipeline.storage import s3_errors
from pipeline.storage.base import Traffic
from pipeline.storage.uri import Access

_TRUNCATED = (
    exceptions.IncompleteReadError,
    exceptions.ResponseStreamingError,
    exceptions.ReadTimeoutError,
    exceptions.ConnectionClosedError,
    exceptions.FlexibleChecksumError,
    HTTPError,  # what botocore passes on of a broken TLS stream
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

    def traffic(self) -> Traffic:
        """All of it as it is now."""
        with self._lock:
            return Traffic(dict(self.requests), self.bytes_in, self.bytes_out)


class Bucket:
    """The keys of one bucket that begin with a prefix, reached through ``access``. Several threads may use it."""

    def __init__(self, name: str, prefix: str, access: Access) -> None:
        self.name, self.prefix = name, prefix
        self.endpoint_url, self.attempts = access.endpoint_url, access.attempts
        self.place = f"s3://{name}/{prefix}".rstrip("/")
        """The URI without how to reach the server."""
        self.counts = Counts()

    def key(self, path: str) -> str:
        """The key of the object at ``path``."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def locate(self, path: str) -> str:
        """The URI of the object at ``path``."""
        return f"{self.place}/{path}"

    def call(self, operation: str, path: str, expected: Collection[str] = (), **arguments: Any) -> dict[str, Any]:
        """One operation, with botocore's attempts.

        An answer with one of the ``expected`` error codes is returned, see `error_code`. Any other error is raised, as
        `s3_errors` words and classes it.
        """
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower().replace("objectsv2", "objects_v2")
        try:
            client = _client(self.endpoint_url, self.attempts)
            response: dict[str, Any] = getattr(client, method)(Bucket=self.name, **arguments)
        except exceptions.ClientError as error:
            answer: dict[str, Any] = {**error.response}
            self.counts.add(operation, 1 + retries(answer))
            if error_code(answer) in expected:
                return answer
            raise self.error(operation, path, answer) from None
        except (exceptions.BotoCoreError, ResponseParserError, ValueError) as error:
            unreachable = isinstance(error, s3_errors.UNREACHABLE)
            self.counts.add(operation, self.attempts if unreachable else 0)
            raise s3_errors.of_failure(self._request(operation, path), error) from None
        self.counts.add(operation, 1 + retries(response))
        return response

    def error(self, operation: str, path: str, answer: dict[str, Any]) -> UserError:
        """What an answer with an error code, which `call` returned as expected, is raised as after all."""
        return s3_errors.of_answer(self._request(operation, path), answer)

    def _request(self, operation: str, path: str) -> s3_errors.Request:
        return s3_errors.Request(operation, self.locate(path), self.place, self.name, self.endpoint_url)

    def put(self, path: str, data: bytes, expected: Collection[str] = (), **more: str) -> dict[str, Any]:
        """Write or replace the whole object. Returns the answer, as `call`."""
        arguments = {"Key": self.key(path), "Body": data, "ChecksumCRC32": crc32(data), **more}
        answer = self.call("PutObject", path, expected, **arguments)
        if not error_code(answer):
            self.counts.add(bytes_out=len(data))
        return answer

    def get(
        self, path: str, wanted: Callable[[dict[str, Any]], bool], expected: Collection[str] = (), **more: str
    ) -> tuple[dict[str, Any], bytes | None]:
        """The answer to a GET, with its body if that is ``wanted``; one that is cut off is asked for again."""
        for attempt in range(1, self.attempts + 1):
            response = self.call("GetObject", path, expected, Key=self.key(path), **more)
            if error_code(response):
                return response, None
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
                pause(attempt)
        raise StoreUnavailable(
            f"cannot read {self.locate(path)}: it did not arrive whole in {self.attempts} attempts ({reason}); "
            "check the network, then run again"
        )


def error_code(answer: dict[str, Any]) -> str:
    """S3's code of an answer that is an error, "" of another."""
    return str(answer.get("Error", {}).get("Code", ""))


def retries(answer: dict[str, Any]) -> int:
    """How often the request was made again before this answer came."""
    return int(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def crc32(data: bytes) -> str:
    """The checksum of ``data`` as S3 writes it."""
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def pause(attempt: int) -> None:
    """Wait before another attempt than the first, longer each time; by chance, so that clients spread."""
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
