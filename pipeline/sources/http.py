"""Single files over HTTP, as a user names them in a config; the crawler of the web has a client of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import IO

import urllib3

from pipeline.errors import ConfigError, RunAgain

_RETRIES = urllib3.Retry(
    total=5,
    redirect=10,
    backoff_factor=1.0,
    status_forcelist=(429, 500, 502, 503, 504),
    respect_retry_after_header=True,
    raise_on_status=False,
)
_TIMEOUT = urllib3.Timeout(connect=30, read=120)
_PART = 2**20
_LATER = frozenset((408, 425, 429, *range(500, 600)))


def stated(whose: str, url: str) -> Mapping[str, str]:
    """The header fields that a server states of what is at ``url``, names in small letters; {} where it tells no one
    that asks for these alone. Raises ConfigError if there is nothing, RunAgain if the server is away.
    """
    with _answer(whose, "HEAD", url) as response:
        if response.status in (403, 405, 501):
            return {}
        _require(whose, url, response.status)
        return {name.lower(): value for name, value in response.headers.items()}


def download(whose: str, url: str, into: IO[bytes], limit: int) -> Mapping[str, str]:
    """Write what is at ``url`` into a file, and give the header fields. Raises ConfigError, RunAgain.

    ``limit``: bytes at most.
    """
    with _answer(whose, "GET", url) as response:
        _require(whose, url, response.status)
        size = 0
        try:
            for part in response.stream(_PART, decode_content=True):
                size += len(part)
                if size > limit:
                    raise ConfigError(f"{whose}: {url} has more than {limit:,} bytes; raise max_bytes or take it out")
                into.write(part)
        except urllib3.exceptions.HTTPError as error:
            raise RunAgain(f"{whose}: {url} broke off ({_said(error)}); run again") from None
        return {name.lower(): value for name, value in response.headers.items()}


def get(whose: str, url: str, limit: int) -> bytes:
    """What is at ``url``. Raises as `download`."""
    file = io.BytesIO()
    download(whose, url, file, limit)
    return file.getvalue()


@contextlib.contextmanager
def _answer(whose: str, method: str, url: str) -> Iterator[urllib3.BaseHTTPResponse]:
    headers = {"User-Agent": f"svgmill/{version('svgmill')}", "Accept": "*/*"}
    with urllib3.PoolManager(retries=_RETRIES, timeout=_TIMEOUT) as pool:
        try:
            response = pool.request(method, url, headers=headers, preload_content=False)
        except urllib3.exceptions.LocationValueError as error:
            raise ConfigError(f"{whose}: {url} is no URL that can be asked ({_said(error)}); correct it") from None
        except urllib3.exceptions.HTTPError as error:
            raise RunAgain(f"{whose}: {url} cannot be reached ({_said(error)}); run again, or correct it") from None
        try:
            yield response
        finally:
            response.close()
            response.release_conn()


def _require(whose: str, url: str, status: int) -> None:
    if status in (401, 403, 407):
        raise ConfigError(
            f"{whose}: no access to {url} (HTTP {status}); take it out, or fetch it into a folder yourself"
        )
    if status in _LATER:
        raise RunAgain(f"{whose}: the server does not give {url} now (HTTP {status}); run again later")
    if status != 200:
        raise ConfigError(f"{whose}: there is nothing at {url} (HTTP {status}); correct it")


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return " ".join(str(reason).split())[-200:]
