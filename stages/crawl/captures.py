"""From the records of a WARC to drawings: SVG responses, the symbols of sprite files, and the drawings in pages.

A drawing is called ``<time of its capture>/<its URL>``, as ``20260131000000/https://icons.test/a.svg``: a name that
depends on no other record, so that it is the same whether a WARC is read as a whole or by an index. The second of one
URL and second is ``...#2``. One in a page or a sprite has what `stages.crawl.html` calls it behind the URL.

A page's style sheets, and the sprites that it takes parts of, are captured before it or after it: `beside` goes through
a WARC for them first.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from stages.crawl import html, optouts
from stages.crawl.items import Lost, Permission, RawItem
from stages.crawl.listing import display
from stages.crawl.responses import Response, decoded, is_svg, response_of
from stages.crawl.warcs import Record
from stages.licenses.expressions import spdx
from stages.reasons import Reason

PAGES = frozenset(("text/html", "application/xhtml+xml"))
_MAY_BE_SVG = frozenset(
    (
        *("", "image/svg+xml", "image/svg", "image/svg-xml", "application/svg+xml", "text/svg"),
        *("application/xml", "text/xml", "text/plain", "application/octet-stream", "binary/octet-stream"),
    )
)
"""Media types under which servers send SVG; of others only a URL that ends as one's does is looked at."""
_HOSTS = 1_000
"""Hosts whose robots.txt is remembered."""
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
_LONGEST_NAME = 1_000
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL_LICENSE = re.compile(r"""rel\s*=\s*["']?[^;,"']*\blicense\b""", re.IGNORECASE)


@dataclass
class Beside:
    """What pages of a WARC need of it, by URL: the first capture of each."""

    sheets: dict[str, bytes] = field(default_factory=dict)
    sprites: dict[str, bytes] = field(default_factory=dict)
    left: int = 64 * 2**20
    """Bytes that more may hold."""

    def add(self, url: str, data: bytes, sheet: bool) -> None:
        """Hold a file, unless it is too much."""
        held = self.sheets if sheet else self.sprites
        if url not in held and len(data) <= self.left:
            held[url] = data
            self.left -= len(data)


def beside(records: Iterable[Record], limit: int) -> Beside:
    """The style sheets and sprites in records, each of at most ``limit`` bytes."""
    captures, found = Captures(limit, False, Counter()), Beside()
    for record in records:
        response = captures.response(record)
        if response is None:
            continue
        sheet = response.media_type == "text/css"
        if sheet or "svg" in response.media_type:
            data = captures.content(record, response)
            if isinstance(data, bytes) and (sheet or _may_be_sprite(data)):
                found.add(record.uri.partition("#")[0], data, sheet)
    return found


@dataclass
class Captures:
    """What is made of captured responses, one after the other."""

    limit: int
    """Bytes of a drawing or a page."""
    pages: bool
    """Whether pages are read for the drawings in them."""
    no_input: Counter[str]
    """Counts what no record is made of."""
    beside: Beside = field(default_factory=Beside)
    """What pages need."""
    agent: str = ""
    """The product token that opt-outs may name; "" for those that name none."""
    _seen: Counter[str] = field(default_factory=Counter)
    _robots: dict[str, optouts.RobotsPreferences] = field(default_factory=dict)

    def items(self, records: Iterable[Record]) -> Iterator[RawItem]:
        """The drawings in records, in their order."""
        for record in records:
            yield from self._of(record)

    def _of(self, record: Record) -> Iterator[RawItem]:
        response = self.response(record)
        if response is None:
            return
        if _split(record.uri).path == "/robots.txt":
            self._note_robots(record, response)
        declared = response.media_type
        is_page = self.pages and declared in PAGES
        if not (is_page or declared in _MAY_BE_SVG or "svg" in declared or names_svg(record.uri)):
            self.no_input[f"{declared} in a WARC"] += 1
            return
        asserted = "svg" in declared or names_svg(record.uri)
        data = self.content(record, response)
        svg = asserted if isinstance(data, tuple) else is_svg(data) or (asserted and declared not in PAGES)
        if svg:
            yield from self._drawings(record, response, data)
        elif isinstance(data, bytes) and is_page:
            yield from self._in_page(record, response, data)
        else:
            why = f", {data[0]}" if isinstance(data, tuple) else ""
            self.no_input[f"{declared or 'unknown type'} in a WARC{why}"] += 1

    def response(self, record: Record) -> Response | None:
        """The head of a response that may have a drawing."""
        if record.kind in ("resource", "conversion"):
            return Response(200, (("Content-Type", record.fields.get("content-type", "")),))
        if record.kind != "response" or not record.uri.startswith(("http:", "https:")):
            self.no_input[f"{display(record.kind)[:20] or 'nameless'} record of a WARC"] += 1
            return None
        response = response_of(record.block.head())
        if response is None or response.status != 200:
            what = f"status {response.status}" if response else "no head"
            self.no_input[f"response with {what}"] += 1
            return None
        return response

    def content(self, record: Record, response: Response) -> bytes | Lost:
        """What was sent, or why that is not whole."""
        if "warc-segment-number" in record.fields:
            return Reason.UNREADABLE, "in segments, which are not joined"
        if (why := record.fields.get("warc-truncated")) is not None:
            return Reason.NOT_FETCHED, f"cut when it was captured ({display(why)[:40]})"
        if record.block.left > self.limit:
            return Reason.TOO_LARGE, f"{record.block.left} bytes, over {self.limit}"
        body = record.block.read()
        if record.block.is_damaged:
            return Reason.UNREADABLE, "Bad WARC-Block-Digest"
        return decoded(body, response, self.limit)

    def _drawings(self, record: Record, response: Response, data: bytes | Lost) -> Iterator[RawItem]:
        statements = self._statements(record, response)
        facts = (("content_type", response.field("content-type")),)
        license = _linked_license(response)
        found = [RawItem(record.uri, data)]
        if (
            isinstance(data, bytes)
            and _may_be_sprite(data)
            and (symbols := list(html.sprite_symbols(data, record.uri)))
        ):
            self.no_input["sprite whose symbols are records"] += 1
            found = symbols
        for item in found:
            item = replace(item, facts=(*item.facts, *facts), license=license, license_from="page")
            yield self._finished(item, record, statements)

    def _in_page(self, record: Record, response: Response, data: bytes) -> Iterator[RawItem]:
        media_type = response.field("content-type")
        about = html.links(data, record.uri, media_type)
        if not about.drawings:
            self.no_input["page without a drawing"] += 1
            return
        statements = self._statements(record, response) + optouts.in_metas(about.metas, record.uri, self.agent)
        named = about.licenses or tuple(filter(None, (_linked_license(response),)))
        license = named[0] if len({spdx(name) for name in named}) == 1 else None
        beside = self.beside
        for item in html.drawings(data, record.uri, beside.sheets, beside.sprites, media_type, True, self.no_input):
            yield self._finished(replace(item, license=license, license_from="page"), record, statements)

    def _finished(self, item: RawItem, record: Record, statements: list[optouts.Statement]) -> RawItem:
        date = _DATE.match(record.fields.get("warc-date", ""))
        return replace(
            item,
            path=self._name("".join(date.groups()) if date else "", item.path),
            url=record.uri,
            facts=(*item.facts, ("warc_record", record.fields.get("warc-record-id", ""))),
            permission=_permission(statements),
            fetched=f"{date[0]}Z" if date else None,
        )

    def _statements(self, record: Record, response: Response) -> list[optouts.Statement]:
        url = _split(record.uri)
        robots = self._robots.get(f"{url.scheme}://{url.netloc}")
        path = url.path + (f"?{url.query}" if url.query else "")
        own = robots.at(path or "/") if robots else []
        return own + optouts.in_headers(response.fields, record.uri, self.agent)

    def _note_robots(self, record: Record, response: Response) -> None:
        """A robots.txt speaks for what is captured after it, as crawlers ask for it first."""
        url = _split(record.uri)
        data = self.content(record, response)
        if isinstance(data, bytes) and len(self._robots) < _HOSTS:
            text = data[: optouts.MOST_BYTES].decode("utf-8", "replace")
            lines = optouts.robots_lines(text, self.agent)
            self._robots[f"{url.scheme}://{url.netloc}"] = optouts.robots_preferences(lines, record.uri)

    def lost(self, url: str, time: str, lost: Lost) -> RawItem:
        """A record that an index lists, and that cannot be read."""
        return RawItem(self._name(time, url), lost, url=url)

    def _name(self, time: str, url: str) -> str:
        first = name = f"{time or 'unknown'}/{_bounded(display(url))}"
        while name in self._seen:
            self._seen[first] += 1
            name = f"{first}#{self._seen[first]}"
        self._seen[name] = 1
        return name


def _permission(statements: list[optouts.Statement]) -> Permission | None:
    # a WARC says little of who was asked: nothing said is not the same as allowed
    return optouts.permission(statements) if statements else None


def _may_be_sprite(data: bytes) -> bool:
    return b"<symbol" in data or data.count(b"<svg") > 1


def _linked_license(response: Response) -> str | None:
    """What a ``Link`` field names as the licence (RFC 8288); RSL's documents are terms of use, not licences."""
    for target, parameters in _LINK.findall(
        ", ".join(value for name, value in response.fields if name.lower() == "link")
    ):
        if _REL_LICENSE.search(parameters) and "rsl+xml" not in parameters:
            return str(target)
    return None


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError:  # of brackets that hold no address
        return urlsplit("")


def names_svg(uri: str) -> bool:
    """Whether a URL ends as one of a drawing does."""
    return _split(uri).path.lower().endswith((".svg", ".svgz"))


def _bounded(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}...{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
