"""What is to be asked for: each URL once, by host, in the order of finding."""

from __future__ import annotations

import fnmatch
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
from yarl import URL

from pipeline.sources.web.packs import Row
from pipeline.sources.web.urls import Refused, bucket_of, digest, in_site, normal
from stages.crawl import optouts
from stages.schema import SIGNALS

Asked = Literal["seed", "list", "page", "image", "maybe", "sheet", "sprite", "sitemap"]
"""As what a URL is asked for: one to start from; one of a list; a link; what should be an SVG by its name or type; what
may be one; a style sheet; a file of parts; a sitemap."""

INPUTS = frozenset(("list", "image"))
"""What is an input whatever comes of it: if nothing does, that is a record with a reason."""
PAGES = frozenset(("seed", "page"))

MOST_CONSIDERED, MOST_OUTGOING = 1_000_000, 500_000
"""Links that are known to have been looked at, and links to hosts of other buckets, of one task: memory has an end."""

ENTRIES = pa.schema(  # of seeds, and of links to hosts of other buckets
    [
        ("bucket", pa.int32()),
        ("url", pa.string()),
        ("asked", pa.string()),
        ("depth", pa.int32()),
        ("root", pa.string()),
        ("hops", pa.int32()),
        ("referrer", pa.string()),
        ("text", pa.string()),
        ("reserved", SIGNALS),  # by the page that shows it
    ]
)

Signals = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One URL, and how it was found."""

    url: str
    asked: Asked
    depth: int = 0
    root: str = ""
    """The host of the seed; "" until it is known."""
    hops: int = 0
    referrer: str = ""
    text: str = ""
    reserved: Signals = ()


@dataclass(frozen=True)
class Bounds:
    """How far links are followed; fields as in the settings."""

    bucket: int
    buckets: int
    ports: frozenset[int]
    scope: Literal["host", "site", "any"]
    hosts: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    images: Literal["named", "all", "none"]
    images_from: Literal["anywhere", "scope"]
    depth: int
    pages_per_host: int
    files_per_host: int
    redirects: int

    def in_scope(self, host: str, root: str) -> bool:
        """Whether links found below a root may lead to a host."""
        if self.scope == "any" or host == root or (self.scope == "site" and in_site(host, root)):
            return True
        return any(fnmatch.fnmatchcase(host, pattern) for pattern in self.hosts)

    def outside(self, entry: Entry, url: str, host: str) -> str:
        """Why a URL is not asked for, in few words; "" if it is."""
        if any(fnmatch.fnmatchcase(url, pattern) for pattern in self.exclude):
            return "excluded by pattern"
        if entry.asked == "page":
            if entry.depth > self.depth:
                return "deeper than limits.depth"
            if not self.in_scope(host, entry.root):
                return "out of scope"
            if self.include and not any(fnmatch.fnmatchcase(url, pattern) for pattern in self.include):
                return "in no pattern to include"
            return ""
        if entry.asked in ("seed", "list", "sitemap") or self.images_from == "anywhere":
            return ""
        return "" if self.in_scope(host, entry.root) else "out of scope"


@dataclass
class Queue:
    """What is to be asked of one host: files first, since pages lead to more."""

    files: deque[Entry] = field(default_factory=deque)
    pages: deque[Entry] = field(default_factory=deque)
    pages_taken: int = 0
    files_taken: int = 0

    def __len__(self) -> int:
        return len(self.files) + len(self.pages)

    def pop(self) -> Entry:
        """The next. Raises IndexError."""
        return self.files.popleft() if self.files else self.pages.popleft()


class Frontier:
    """All that a bucket has found, and has yet to ask for."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.queues: dict[str, Queue] = {}
        self.outgoing: dict[bytes, tuple[int, Entry]] = {}
        """Links to hosts of other buckets, with the bucket."""
        self.refused: list[tuple[Entry, Refused]] = []
        """Inputs that nobody may ask for; who drains the frontier makes records of them."""
        self.left: Counter[str] = Counter()
        """What is not asked for, by why."""
        self.reserved: dict[bytes, Signals] = {}
        """URL of an image -> what reserves it by the page that shows it."""
        self._seen: set[bytes] = set()
        self._considered: set[bytes] = set()

    def stored(self, url: str, asked: str) -> None:
        """Never ask for a URL again, of which it is stored what came."""
        key = digest(url)
        if key in self._seen:  # a write that was not confirmed is made again
            return
        self._seen.add(key)
        host = URL(url).raw_host
        if host and asked in PAGES:
            self.queues.setdefault(host, Queue()).pages_taken += 1
        elif host and asked != "list":
            self.queues.setdefault(host, Queue()).files_taken += 1

    def push(self, entry: Entry) -> str:
        """Take an entry if it is new and within bounds. Returns the host whose queue it is in, "" if in none."""
        if entry.reserved:
            self._reserve(entry)
        key = digest(f"{entry.asked in PAGES}{entry.url}")
        if key in self._considered:
            return ""
        if len(self._considered) >= MOST_CONSIDERED:
            self._considered.clear()  # what comes again is seen, or counted again
        self._considered.add(key)
        try:
            parsed = normal(entry.url, self.bounds.ports)
        except Refused as error:
            self._refuse(entry, error)
            return ""
        url, host = str(parsed), parsed.raw_host or ""
        if why := self.bounds.outside(entry, url, host):
            self.left[f"{_name(entry.asked)} {why}"] += 1
            return ""
        key = digest(url)
        if key in self._seen:
            return ""
        if entry.url != url or not entry.root:
            root = entry.root or host
            entry = Entry(url, entry.asked, entry.depth, root, entry.hops, entry.referrer, entry.text, entry.reserved)
        bucket = bucket_of(host, self.bounds.buckets)
        if bucket != self.bounds.bucket:
            if len(self.outgoing) < MOST_OUTGOING:
                self.outgoing.setdefault(key, (bucket, entry))
            elif key not in self.outgoing:
                self.left[f"{_name(entry.asked)} past {MOST_OUTGOING} links of a task to hosts of others"] += 1
            return ""
        queue = self.queues.setdefault(host, Queue())
        if entry.asked in PAGES:
            if queue.pages_taken >= self.bounds.pages_per_host:
                self.left["page past limits.pages_per_host"] += 1
                return ""
            queue.pages_taken += 1
            queue.pages.append(entry)
        else:
            if entry.asked != "list" and queue.files_taken >= self.bounds.files_per_host:
                self.left[f"{_name(entry.asked)} past limits.files_per_host"] += 1
                return ""
            queue.files_taken += entry.asked != "list"
            queue.files.append(entry)
        self._seen.add(key)
        return host

    def follow(self, row: Row) -> list[str]:
        """Push what a response leads to. Returns the hosts whose queues took something."""
        hosts = {self.push(entry): None for entry in self._entries(row)}
        return [host for host in hosts if host]

    def drain(self) -> Iterator[Entry]:
        """All that is left in the queues, which are empty then."""
        for queue in self.queues.values():
            while queue:
                yield queue.pop()

    def _entries(self, row: Row) -> Iterator[Entry]:
        asked: Asked = row.asked  # type: ignore[assignment]
        if row.kind == "redirect":
            root = "" if row.asked in ("seed", "list", "sitemap") else row.root
            yield Entry(row.target, asked, row.depth, root, row.hops + 1, row.referrer or row.url, row.text)
            return
        reserved = showing_reserved(row.signals) if row.kind == "page" else ()
        for url, kind, text in row.links:
            if kind == "page":
                depth = 0 if row.kind == "sitemap" else row.depth + 1
                yield Entry(url, "page", depth, row.root, 0, row.url)
            elif kind == "sitemap":
                yield Entry(url, "sitemap", row.depth + 1, row.root, 0, row.url)
            elif kind == "sheet":
                # an import is no redirect, but as long a chain of them has no end either
                yield Entry(url, "sheet", row.depth, row.root, row.hops + 1 if row.kind == "sheet" else 0, row.url)
            elif kind != "maybe" or self.bounds.images == "all":
                yield Entry(url, kind, row.depth, row.root, 0, row.url, text, reserved)  # type: ignore[arg-type]

    def _reserve(self, entry: Entry) -> None:
        try:
            key = digest(str(normal(entry.url, self.bounds.ports)))
        except Refused:
            return
        there = self.reserved.get(key, ())
        self.reserved[key] = tuple(dict.fromkeys((*there, *entry.reserved)))

    def _refuse(self, entry: Entry, error: Refused) -> None:
        if entry.asked in INPUTS:
            self.refused.append((entry, error))
        else:
            self.left[f"{_name(entry.asked)}: {error.what}"] += 1


def showing_reserved(signals: Signals) -> Signals:
    """Of a page's signals those that also reserve the images it shows: noai and its like, and its TDMRep meta."""
    return tuple(
        (name, place, value)
        for name, place, value in signals
        if name == optouts.ROBOTS_TAG
        or (name == optouts.TDMREP and place.startswith("meta ") and value.replace(" ", "") == "tdm-reservation:1")
    )


def _name(asked: str) -> str:
    return {"maybe": "image", "list": "listed URL", "sheet": "style sheet"}.get(asked, asked)


def entries_table(entries: list[tuple[int, Entry]]) -> pa.Table:
    """Entries with their buckets as a table, sorted."""
    rows = [
        {
            "bucket": bucket,
            **{name: getattr(entry, name) for name in ENTRIES.names[1:-1]},
            "reserved": [dict(zip(("name", "place", "value"), each, strict=True)) for each in entry.reserved],
        }
        for bucket, entry in sorted(entries, key=lambda pair: (pair[0], pair[1].url))
    ]
    return pa.Table.from_pylist(rows, schema=ENTRIES)


def entries_of(table: pa.Table, bucket: int) -> Iterator[Entry]:
    """Inverse of `entries_table`, of one bucket."""
    for row in table.to_pylist():
        if row.pop("bucket") == bucket:
            reserved = tuple((each["name"], each["place"], each["value"]) for each in row.pop("reserved"))
            yield Entry(**row, reserved=reserved)
