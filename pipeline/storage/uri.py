"""URIs of object stores, which say how the server is reached."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from pipeline.errors import ConfigError

ATTEMPTS = 6
"""How often a request to an object store is made before it has failed, unless the URI says otherwise."""


@dataclass(frozen=True)
class Access:
    """How an object store is reached, as far as a URI says it."""

    endpoint_url: str | None = None
    """The server, if it is not the one of the usual AWS settings."""
    attempts: int = ATTEMPTS
    """How often a request is made at most."""


def is_s3(uri: str) -> bool:
    """Whether a path in the config or on the command line means an object store."""
    return uri.startswith("s3://")


def split_uri(uri: str) -> tuple[str, Access]:
    """The ``s3://bucket/prefix`` of a URI, and what its query says. Raises ConfigError for what it cannot say."""
    where, _, query = uri.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    endpoint_url, attempts = options.pop("endpoint_url", None), options.pop("attempts", str(ATTEMPTS))
    if options:
        raise ConfigError(f"{uri}: unknown {', '.join(sorted(options))}; allowed are endpoint_url and attempts")
    if endpoint_url is not None:
        check_endpoint(endpoint_url, uri)
    if not attempts.isdecimal() or not 1 <= int(attempts) <= 100:
        raise ConfigError(f"{uri}: attempts={attempts} must be a number from 1 to 100")
    return where, Access(endpoint_url, int(attempts))


def check_endpoint(endpoint_url: str, where: str) -> None:
    """Raise ConfigError unless it is a server's address. ``where`` is where it was given."""
    try:
        parts = urlsplit(endpoint_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{where}: endpoint_url={endpoint_url} must be like http://host:9000")


def join_uri(where: str, access: Access) -> str:
    """Inverse of `split_uri`; what is usual is left out."""
    options = {
        "endpoint_url": access.endpoint_url,
        "attempts": None if access.attempts == ATTEMPTS else str(access.attempts),
    }
    query = urlencode({name: value for name, value in options.items() if value is not None}, safe=":/")
    return f"{where}?{query}" if query else where


def with_access(uri: str, access: Access) -> str:
    """An s3:// URI that says how the server is reached; what it says itself stays. Others are left as they are."""
    if not is_s3(uri):
        return uri
    where, own = split_uri(uri)
    attempts = own.attempts if own.attempts != ATTEMPTS else access.attempts
    return join_uri(where, Access(own.endpoint_url or access.endpoint_url, attempts))
