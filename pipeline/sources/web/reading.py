"""What a response is, by what it holds, and what it leads to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

from yarl import URL

from pipeline.sources.web import sitemaps
from pipeline.sources.web.fetcher import Response
from pipeline.sources.web.frontier import Entry
from pipeline.sources.web.packs import Row
from pipeline.sources.web.rules import absolute
from stages.crawl import html, optouts
from stages.crawl.html import Link, Links
from stages.crawl.optouts import Statement
from stages.patterns import compiled
from stages.reasons import Reason

Content = Literal["svg", "page", "text", "nothing", "other"]

_SIGNIFICANT = ("content-usage", "content-signal", "tdm-reservation", "tdm-policy", "x-robots-tag", "link")
# possessive: a document of nothing but comments takes no longer for it
_BEFORE_ROOT = r"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[.*?\]\s*+)?>)*+"
_ROOT = compiled(_BEFORE_ROOT + r"<([A-Za-z_][\w.-]*:)?([A-Za-z][\w-]*)", re.DOTALL | re.IGNORECASE)
_HTML = re.compile(r"<!DOCTYPE\s+html", re.IGNORECASE)
_LOOKED_AT = 65_536
_RASTER = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\x00\x00\x01\x00", b"%PDF", b"PK\x03\x04", b"wOF", b"BM")
_LICENSE = re.compile(r"""<([^<>]*)>[^,<]*;\s*rel\s*=\s*["']?[^;,"']*\blicense\b""", re.IGNORECASE)


def sniff(body: bytes, content_type: str, name: str = "") -> Content:
    """What a body is. Its first bytes count more than what the server calls it, or ``name``, the path of its URL."""
    if not body.strip():
        return "nothing"
    if body[:2] == b"\x1f\x8b":
        return "svg" if "svg" in content_type.lower() or name.lower().endswith((".svgz", ".svg.gz")) else "other"
    if body.startswith(_RASTER):
        return "other"
    head = _text(body[:_LOOKED_AT])
    root = _ROOT.match(head)
    declared = content_type.partition(";")[0].strip().lower()
    if root:
        tag = root[2].lower()
        if tag == "svg":
            return "svg"
        markup = tag in ("html", "head", "body") or _HTML.search(head, 0, root.start(2))
        if declared in ("text/html", "application/xhtml+xml", "") or markup:
            return "page"
        return "other"
    if declared in ("text/html", "application/xhtml+xml"):
        return "page"
    return "text" if declared.startswith("text/") or "\x00" not in head else "other"


def _text(head: bytes) -> str:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if head.startswith(mark):
            return head[len(mark) :].decode(codec, "replace")
    if head[:4] in (b"<\x00?\x00", b"<\x00s\x00"):
        return head.decode("utf-16-le", "replace")
    if head[:4] in (b"\x00<\x00?", b"\x00<\x00s"):
        return head.decode("utf-16-be", "replace")
    return head.decode("latin-1")


def significant(response: Response) -> list[tuple[str, str]]:
    """The header fields that say something of the content's use."""
    headers = response.headers
    return [(name, value) for name in _SIGNIFICANT if name in headers for value in headers.getall(name)]


def fill(row: Row, entry: Entry, response: Response, url: URL, agent: str) -> tuple[list[Statement], list[str]]:
    """Fill a row with what came. Returns what is said of its use, and the RSL documents that are named there."""
    row.status, row.fetched = response.status, response.fetched
    row.content_type = response.content_type
    row.etag = response.headers.get("ETag", "")[:500]
    row.modified = response.headers.get("Last-Modified", "")[:100]
    fields = significant(response)
    statements = optouts.in_headers(fields, row.url, agent) if fields else []
    documents = absolute(url, optouts.rsl_links(fields)) if fields else []
    for name, value in fields:
        if name.lower() == "link" and "rsl+xml" not in value and (match := _LICENSE.search(value)):
            row.license = next(iter(absolute(url, [match[1]])), "")
    row.size = len(response.body)
    what = sniff(response.body, row.content_type, url.raw_path)
    if entry.asked == "sitemap":
        _sitemap(row, response.body)
    elif what == "svg":
        row.kind = "svg"
        _content(row, response.body)
    elif what == "page" and entry.asked not in ("image", "maybe", "sheet", "sprite"):
        found = html.links(response.body, row.url, row.content_type)
        statements += optouts.in_metas(found.metas, row.url, agent)
        documents += [link.url for link in found.relations if "license" in link.rel and "rsl+xml" in link.media_type]
        row.license = row.license or (found.licenses[0] if len(set(found.licenses)) == 1 else "")
        _page(row, response.body, found, any(name == "x-robots-tag" and _nofollow(value) for name, value in fields))
    elif what == "text" and entry.asked == "sheet":
        row.kind = "sheet"
        _content(row, response.body)
        found = html.sheet_links(response.body.decode("utf-8", "replace"), row.url)
        row.links = (*_images(found), *((link.url, "sheet", "") for link in found.sheets))
    else:
        called = row.content_type.partition(";")[0].strip().lower() or "nothing that says its type"
        if entry.asked in ("image", "list"):
            failed(row, "no SVG", "nothing came" if what == "nothing" else f"{called} came, which is no SVG")
        else:
            row.kind, row.what = "other", f"{called[:60]}"
    return statements, documents


def failed(row: Row, what: str, detail: str, reason: Reason = Reason.NOT_FETCHED) -> None:
    """Note that nothing came that counts."""
    row.kind, row.what, row.reason, row.detail = "failed", what, reason, detail


def _content(row: Row, body: bytes) -> None:
    row.content, row.sha256 = body, hashlib.sha256(body).hexdigest()


def _page(row: Row, body: bytes, found: Links, nofollow: bool) -> None:
    row.kind = "page"
    row.drawings = bool(found.drawings)
    links: list[tuple[str, str, str]] = list(_images(found))
    if row.drawings:
        _content(row, body)
        links += [(link.url, "sheet", "") for link in found.sheets]
        links += [(link.url, "sprite", "") for link in found.sprites]
    if not nofollow and not found.nofollow:
        links += [(link.url, "page", "") for link in found.pages if "nofollow" not in link.rel]
    row.links = tuple(links)


def _images(found: Links) -> list[tuple[str, str, str]]:
    return [(link.url, "image" if _is_named(link) else "maybe", link.text) for link in found.images]


def _is_named(link: Link) -> bool:
    """Whether its name or type says that it is an SVG."""
    path = link.url.partition("?")[0].lower()
    return path.endswith((".svg", ".svgz")) or link.media_type == "image/svg+xml" or link.element == "mask-icon"


def _nofollow(directives: str) -> bool:
    return bool({"nofollow", "none"} & {word.strip() for word in directives.lower().split(",")})


def _sitemap(row: Row, body: bytes) -> None:
    try:
        listed = sitemaps.read(body)
    except sitemaps.Malformed as error:
        failed(row, "malformed sitemap", str(error))
        return
    row.kind = "sitemap"
    images = [
        (url, "image" if url.partition("?")[0].lower().endswith((".svg", ".svgz")) else "maybe", "")
        for url in listed.images
    ]
    pages = [
        (url, "image" if url.partition("?")[0].lower().endswith((".svg", ".svgz")) else "page", "")
        for url in listed.pages
    ]
    row.links = (*((url, "sitemap", "") for url in listed.sitemaps), *pages, *images)


def unchanged(row: Row, before: Row, place: tuple[str, int], headers: Mapping[str, str]) -> None:
    """Fill a row of a response that says that nothing has changed (304): the content stays where it lies."""
    for name in ("kind", "what", "reason", "detail", "content_type", "size", "sha256", "license", "drawings", "links"):
        setattr(row, name, getattr(before, name))
    row.etag = headers.get("ETag", before.etag)[:500]
    row.modified = headers.get("Last-Modified", before.modified)[:100]
    row.same_pack, row.same_row = (before.same_pack, before.same_row) if before.same_pack else place


def stated_before(before: Row) -> list[Statement]:
    """What a response's own header and page said when its content came; a 304 need not say it again."""
    return [
        optouts.restated(name, place, value)
        for name, place, value in before.signals
        if place.startswith(("header of ", "meta of "))
    ]
