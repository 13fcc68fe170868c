"""Where a crawl starts: URLs in the config, sitemaps, and lists of URLs as text, Parquet or JSON lines."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from yarl import URL

from pipeline.errors import ConfigError
from pipeline.sources.web.fetcher import Fetcher, NotFetched
from pipeline.sources.web.urls import Refused, normal
from pipeline.storage.base import NotFound
from pipeline.storage.folder import open_regular
from pipeline.storage.open import open_storage
from pipeline.storage.uri import is_s3, join_uri, split_uri

MOST_BYTES = 2**30
"""Of a list that is fetched."""


def listed_urls(
    path: str, base: str, column: str, where: str, fetcher: Fetcher | None, ports: frozenset[int]
) -> Iterator[str]:
    """The URLs of a list, as they stand there. ``where``: what messages call it. Raises ConfigError."""
    data = _data(path, base, where, fetcher, ports)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise ConfigError(f"{where} is damaged gzip data ({error}); get it again") from None
    count = 0
    for url in _urls(data, column, where):
        count += 1
        yield url
    if not count:
        raise ConfigError(f"{where} holds no URL; correct urls")


def _urls(data: bytes, column: str, where: str) -> Iterator[str]:
    if data[:4] == b"PAR1":
        yield from _of_parquet(data, column, where)
        return
    text = data.decode("utf-8-sig", "replace")
    lines = (line.strip() for line in text.splitlines())
    if text.lstrip()[:1] == "{":
        for number, line in enumerate(lines, 1):
            if line:
                yield _of_json(line, column, f"{where}, line {number}")
        return
    for line in lines:
        if line and not line.startswith("#"):
            yield line


def _of_parquet(data: bytes, column: str, where: str) -> Iterator[str]:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        if column not in file.schema_arrow.names:
            raise ConfigError(f"{where} has no column {column}; it has {', '.join(file.schema_arrow.names)}")
        for batch in file.iter_batches(columns=[column]):
            for value in batch.column(0).to_pylist():
                if isinstance(value, str) and value.strip():
                    yield value
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"{where} is a damaged Parquet file ({' '.join(str(error).split())})") from None


def _of_json(line: str, column: str, where: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise ConfigError(f"{where} is no JSON; correct the list") from None
    url = value.get(column) if isinstance(value, dict) else None
    if not isinstance(url, str):
        names = ", ".join(sorted(value)) if isinstance(value, dict) else "no object"
        raise ConfigError(f"{where} has no text {column} (it has {names}); set url_column")
    return url


def _data(path: str, base: str, where: str, fetcher: Fetcher | None, ports: frozenset[int]) -> bytes:
    if path.startswith(("http://", "https://")):
        if fetcher is None:
            raise ConfigError(f"{where} cannot be fetched here")
        return asyncio.run(_fetched(path, where, fetcher, ports))
    try:
        if is_s3(path):
            uri, options = split_uri(path)
            folder, _, file = uri.rpartition("/")
            return open_storage(join_uri(folder, options)).read(file)
        with open_regular(Path(base) / path) as stream:
            return stream.read()
    except (NotFound, FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{where} does not exist; correct urls") from None
    except OSError as error:
        raise ConfigError(f"{where} cannot be read ({error.strerror}); correct rights or path") from None


async def _fetched(path: str, where: str, fetcher: Fetcher, ports: frozenset[int]) -> bytes:
    try:
        async with fetcher:
            url = normal(path, ports)
            for _ in range(6):
                response = await fetcher.get(url, most=MOST_BYTES)
                if not response.location:
                    return response.body
                url = normal(str(url.join(URL(response.location))), ports)
            raise NotFetched("redirects", "it is redirected more than 5 times")
    except (NotFetched, Refused, ValueError) as error:
        raise ConfigError(f"{where} cannot be fetched: {error}") from None
