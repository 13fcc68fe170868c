"""One request: asked, bounded in time and size, inflated within bounds, and judged by its status."""

from __future__ import annotations

import datetime
import email.utils
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from pipeline.sources.web.addresses import GuardedResolver
from pipeline.sources.web.settings import Limits
from pipeline.sources.web.urls import Refused
from stages.reasons import Reason

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
_GRACE = 5
"""Seconds before a slow response is given up."""
_DISCARDED = 65_536
"""Bytes of a body that is read although nobody wants it, so that the connection can be used again."""


@dataclass(frozen=True)
class Response:
    """What came: of status 200, 203 or 304, or a redirect."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    """Inflated."""
    fetched: str
    """When, UTC."""

    @property
    def content_type(self) -> str:
        """As the header has it, at most 200 characters."""
        return self.headers.get("Content-Type", "")[:200]

    @property
    def location(self) -> str:
        """Where a redirect leads to, as it stands there; "" for none."""
        return self.headers.get("Location", "") if self.status in _REDIRECTS else ""


class NotFetched(Exception):
    """Nothing came that counts. ``what``: in few words, for counts; ``passes``: asking later can help."""

    def __init__(
        self,
        what: str,
        detail: str,
        *,
        passes: bool = False,
        status: int = 0,
        retry_after: float | None = None,
        reason: Reason = Reason.NOT_FETCHED,
    ) -> None:
        super().__init__(detail)
        self.what, self.detail, self.passes, self.status = what, detail, passes, status
        self.retry_after, self.reason = retry_after, reason


def now() -> str:
    """This second, UTC, as tables have it."""
    return _written(int(time.time()))


@lru_cache(8)
def _written(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


class Fetcher:
    """Asks for URLs, one request each: redirects, retries and turns are the caller's. A context manager."""

    def __init__(self, limits: Limits, agent: str, resolver: GuardedResolver) -> None:
        self._limits, self._agent, self._resolver = limits, agent, resolver
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Fetcher:
        connector = aiohttp.TCPConnector(
            limit=0,  # turns are given elsewhere
            resolver=self._resolver,
            socket_factory=self._resolver.make_socket,
            ttl_dns_cache=60,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent, "Accept-Encoding": "gzip, deflate", "Accept": "*/*"},
            timeout=aiohttp.ClientTimeout(total=self._limits.seconds, sock_connect=self._limits.connect_seconds),
        )
        # a second request that no turn was given for is none of ours
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, url: URL, headers: Mapping[str, str] | None = None, most: int | None = None) -> Response:
        """Ask once. ``most``: bytes instead of the settings'. Raises NotFetched."""
        most = most or self._limits.max_bytes
        try:
            async with self._session.get(url, allow_redirects=False, headers=headers) as answer:
                status = answer.status
                if status in (200, 203):
                    return Response(status, answer.headers, await self._body(answer, most), now())
                if status == 304 or status in _REDIRECTS:
                    await _discard(answer)
                    return Response(status, answer.headers, b"", now())
                await _discard(answer)
                raise NotFetched(
                    f"HTTP {status}",
                    f"the server answers {status}",
                    passes=status in _PASSING,
                    status=status,
                    retry_after=_retry_after(answer.headers.get("Retry-After")),
                )
        except Refused as error:
            raise NotFetched(error.what, error.detail) from None
        except aiohttp.ConnectionTimeoutError:
            limit = f"{self._limits.connect_seconds:g} s"
            raise NotFetched("connection failed", f"no connection within {limit}", passes=True) from None
        except TimeoutError:
            limit = f"{self._limits.seconds:g} s"
            raise NotFetched("too slow", f"no whole answer within {limit}", passes=True) from None
        except (aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError) as error:
            raise NotFetched("TLS failed", f"TLS: {_words(error)}") from None
        except aiohttp.ClientConnectorDNSError as error:
            raise NotFetched("name not found", f"DNS: {_words(error.os_error)}", passes=True) from None
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
            raise NotFetched("no HTTP", f"the answer is no valid HTTP: {_words(error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotFetched("connection failed", f"the connection failed: {_words(error)}", passes=True) from None

    async def _body(self, answer: aiohttp.ClientResponse, most: int) -> bytes:
        if (answer.content_length or 0) > most:
            raise _too_large(most)
        inflate = _inflater(answer.headers.get("Content-Encoding", ""), most)
        chunks: list[bytes] = []
        received = size = 0
        began = time.monotonic()
        while chunk := await answer.content.readany():
            received += len(chunk)
            if received > most:
                raise _too_large(most)
            if inflate is not None:
                chunk = inflate(chunk)
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            chunks.append(chunk)
            elapsed = time.monotonic() - began
            if elapsed > _GRACE and received < self._limits.min_rate * (elapsed - _GRACE):
                raise NotFetched("too slow", f"{received} bytes in {elapsed:.0f} s", passes=True)
        if inflate is not None and not inflate.whole:
            raise NotFetched("damaged", "what is compressed ends too early")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(most: int) -> NotFetched:
    return NotFetched("too large", f"more than {most} bytes", reason=Reason.TOO_LARGE)


async def _discard(answer: aiohttp.ClientResponse) -> None:
    """Read a small body, for its connection's sake; of a large one or an endless one the connection is closed."""
    if answer.content_length is None or answer.content_length > _DISCARDED:
        answer.close()
        return
    await answer.read()


class _Inflater:
    """Inflates gzip or deflate, never far past the limit; the second is zlib, or raw as some servers send it."""

    def __init__(self, kind: str, most: int) -> None:
        self._kind, self._most, self._size = kind, most, 0
        self._stream = zlib.decompressobj(47 if kind == "gzip" else 15)
        self._begun = False

    def __call__(self, data: bytes) -> bytes:
        inflated = []
        while data:
            try:
                part = self._stream.decompress(data, self._most + 1 - self._size)
            except zlib.error as error:
                if self._begun or self._kind == "gzip":
                    raise NotFetched("damaged", f"what is compressed is damaged ({error})") from None
                self._stream, self._begun = zlib.decompressobj(-15), True
                continue
            self._begun = True
            self._size += len(part)
            inflated.append(part)
            if self._size > self._most:
                break
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data = self._stream.unused_data
                if not data or self._kind != "gzip" or data[:1] != b"\x1f":
                    break  # nothing, or what is no further member
                self._stream = zlib.decompressobj(47)
        return b"".join(inflated)

    @property
    def whole(self) -> bool:
        """Whether the stream has come to its end, or never began."""
        return self._stream.eof or not self._begun


def _inflater(coding: str, most: int) -> _Inflater | None:
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        return _Inflater("gzip" if coding.endswith("gzip") else "deflate", most)
    raise NotFetched("another encoding", f"Content-Encoding {coding[:40]!r} was not asked for")


def _retry_after(value: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), None if it says nothing that can be read."""
    if value is None:
        return None
    value = value.strip()
    if value.isdecimal():
        return float(value)
    try:
        then = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.UTC)
    return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())


def _words(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
