"""URLs as a crawler compares them: one spelling each, and only what may be asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from functools import lru_cache

from yarl import URL

LONGEST = 2_000

_SPELLED = re.compile(
    r"https?://(?:[a-z][a-z0-9-]*\.)+[a-z]+(?::(?!80/|443/)[1-9]\d{0,4})?/[A-Za-z0-9_.~/-]*(?:\?[A-Za-z0-9_.~=&-]+)?"
)
"""URLs that need no other spelling; not all of them."""


class Refused(Exception):
    """A URL or an address is one that the settings do not let us ask. ``what``: in few words, for counts."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(detail)
        self.what, self.detail = what, detail


def normal(url: str, ports: Collection[int]) -> URL:
    """A URL in one spelling, without fragment. Raises Refused for what is no such URL of http or https."""
    try:
        if len(url) <= LONGEST and _SPELLED.fullmatch(url) and "/." not in url:
            parsed = URL(url, encoded=True)  # as most are
            if parsed.port in ports:
                return parsed
        else:
            parsed = URL(url.strip()).with_fragment(None)
        scheme, host, port = parsed.scheme, parsed.raw_host, parsed.port
    except (ValueError, UnicodeError, TypeError) as error:
        raise Refused("no URL", f"{url[:200]!r} is no URL ({error})") from None
    if scheme not in ("http", "https"):
        raise Refused("another scheme", f"{url[:200]!r} is neither http nor https")
    if not host:
        raise Refused("no URL", f"{url[:200]!r} names no host")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise Refused("credentials in the URL", f"the URL of {host} holds a user name or a password")
    if port not in ports:
        raise Refused("another port", f"port {port} of {host} is not allowed; allow it with ports")
    if host.endswith("."):
        parsed = parsed.with_host(host.rstrip("."))
    if parsed.raw_path == "/" and not parsed.raw_query_string:
        parsed = parsed.with_path("/")  # also where it was not written
    if len(str(parsed)) > LONGEST:
        raise Refused("long URL", f"a URL of {host} has over {LONGEST} characters")
    return parsed


def origin(url: URL) -> str:
    """Scheme, host and port, which is what a robots.txt is for."""
    return str(url.origin())


def path_of(url: URL) -> str:
    """Path and query, as rules on paths are matched against."""
    return url.raw_path_qs


@lru_cache(65536)
def bucket_of(host: str, buckets: int) -> int:
    """Which bucket a host is dealt to: always the same one."""
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big") % buckets


def in_site(host: str, root: str) -> bool:
    """Whether a host is ``root`` or below it; a leading ``www.`` of the root does not count."""
    root = root.removeprefix("www.")
    return host == root or host.endswith(f".{root}")


def digest(url: str) -> bytes:
    """16 bytes that stand for a URL."""
    return hashlib.blake2b(url.encode("utf-8", "surrogateescape"), digest_size=16).digest()
