"""Sitemaps (sitemaps.org): an index, a list of URLs, or a text file of them, gzipped or not."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

from lxml import etree

MOST_BYTES = 50 * 2**20
"""Of one sitemap, inflated: the protocol's own limit."""
MOST_URLS = 50_000
"""Of one sitemap: the protocol's own limit."""


class Malformed(Exception):
    """It is no sitemap, or a damaged one."""


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap lists, each once, in its order."""

    sitemaps: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def read(body: bytes) -> Sitemap:
    """Read a sitemap. Raises Malformed."""
    if body[:2] == b"\x1f\x8b":
        body = _inflated(body)
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<") and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _text(body)
    groups: dict[str, dict[str, None]] = {"sitemap": {}, "url": {}, "image": {}}
    root = ""
    try:
        events = etree.iterparse(
            io.BytesIO(body), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
        )
        for event, element in events:
            name = etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""
            if not root:
                root = name
                if root not in ("urlset", "sitemapindex"):
                    raise Malformed(f"its root is <{root[:40]}>, neither urlset nor sitemapindex")
            if event != "end":
                continue
            if name == "loc" and (text := (element.text or "").strip()):
                parent = element.getparent()
                kind = etree.QName(parent).localname.lower() if parent is not None else ""
                if kind in groups and sum(map(len, groups.values())) < 2 * MOST_URLS:
                    groups[kind][text] = None
            if name in ("url", "sitemap"):
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise Malformed(f"it is no XML: {' '.join(str(error).split())[:200]}") from None
    if not root:
        raise Malformed("it is empty")
    return Sitemap(tuple(groups["sitemap"]), tuple(groups["url"]), tuple(groups["image"]))


def _text(body: bytes) -> Sitemap:
    lines = [line.strip() for line in body.decode("utf-8-sig", "replace").splitlines()]
    urls = [line for line in lines if line]
    if not urls or any(not line.startswith(("http://", "https://")) for line in urls[:10]):
        raise Malformed("it is neither XML nor a list of URLs")
    return Sitemap(pages=tuple(dict.fromkeys(urls[:MOST_URLS])))


def _inflated(body: bytes) -> bytes:
    stream = zlib.decompressobj(47)
    try:
        inflated = stream.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise Malformed(f"its gzip data is damaged ({error})") from None
    if len(inflated) > MOST_BYTES:
        raise Malformed(f"it inflates to more than {MOST_BYTES} bytes")
    if not stream.eof:
        raise Malformed("its gzip data ends too early")
    return inflated
