"""The settings of a crawl: from where, how fast, how far, how much."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.sources.network import NetworkSource
from pipeline.sources.no_input import bounded
from stages.base import Settings

_CONTACT = re.compile(r"[^@\s<>()]+@[^@\s<>()]+\.[^@\s<>()]+|https?://[^\s<>()]+")
_SPEED = ("contact", "politeness", "store")


class Politeness(Settings):
    """How a host is treated. None of this decides what is fetched."""

    rate: float = Field(1.0, ge=0, description="requests a second to one host; 0: as fast as it answers")
    concurrency: int = Field(2, ge=1, le=100, description="requests at once to one host")
    total_rate: float = Field(
        0,
        ge=0,
        description="requests a second to all hosts, of which each task of a round has an equal part, so that it is"
        " kept on any number of workers; 0: no limit",
    )
    connections: int = Field(100, ge=1, le=5000, description="requests at once of one task to all hosts")
    max_crawl_delay: float = Field(
        60, ge=0, description="seconds between requests, where robots.txt asks for more than that"
    )
    attempts: int = Field(4, ge=1, le=20, description="how often a URL is asked for if the server or the way fails")
    backoff: float = Field(2, ge=0, description="seconds before the second attempt, doubled before each further one")
    max_retry_after: float = Field(
        300, ge=0, description="seconds that a host may ask to be left alone; one that asks for more is given up"
    )
    max_failures: int = Field(20, ge=1, description="URLs that fail in a row before a host is given up")


class Limits(Settings):
    """How far a crawl goes. What is past a limit is counted and said."""

    depth: int = Field(3, ge=0, description="links from a seed to a page; 0: seeds only")
    pages_per_host: int = Field(1000, ge=1, description="pages of one host")
    files_per_host: int = Field(
        100_000, ge=1, description="images, style sheets and sprites of one host that pages name; lists count apart"
    )
    responses: int | None = Field(
        None, ge=1, description="responses in all; each bucket has an equal share; null: no limit"
    )
    total_bytes: int | None = Field(
        None, ge=1, description="bytes in all; each bucket has an equal share; null: no limit"
    )
    hours: float | None = Field(None, gt=0, description="how long one task asks; null: no limit")
    max_bytes: int = Field(10 * 2**20, ge=1024, description="bytes of one response, as sent and as inflated")
    redirects: int = Field(5, ge=0, le=20, description="redirects one after another")
    seconds: float = Field(60, gt=0, description="how long one response may take")
    connect_seconds: float = Field(15, gt=0, description="how long a connection may take")
    min_rate: int = Field(500, ge=0, description="bytes a second that a response must bring after its first 5 seconds")


class Store(Settings):
    """How what came is stored. None of this decides what is fetched."""

    seconds: float = Field(
        10, gt=0, description="a killed crawl asks again for what came in these last seconds at most"
    )
    responses: int = Field(1000, ge=1, description="responses of one pack at most")
    bytes: int = Field(16 * 2**20, ge=1, description="bytes of one pack before compression, about")


class WebSettings(NetworkSource):
    """SVGs of the web: by crawling from seeds and sitemaps, or by lists of their URLs."""

    version: ClassVar[int] = 1
    reading: ClassVar[frozenset[str]] = frozenset(("symbols",))

    kind: Literal["web"]
    contact: str = Field(
        "", description="e-mail address or URL by which site owners reach you: a part of the user agent; required"
    )
    agent: str = Field(
        "svgmill", pattern=r"^[A-Za-z_-]{1,40}$", description="product token, by which robots.txt names the crawler"
    )
    seeds: tuple[str, ...] = Field((), description="URLs of pages to start from")
    sitemaps: tuple[str, ...] = Field((), description="URLs of sitemaps: an index, XML or text, gzipped or not")
    sitemaps_of_robots: bool = Field(False, description="whether sitemaps that a robots.txt names are read")
    urls: tuple[str, ...] = Field(
        (), description="lists of URLs, each an input: text, JSON lines or Parquet; paths, s3:// or http(s)"
    )
    url_column: str = Field(
        "url", min_length=1, description="of lists in Parquet or JSON lines, what the URLs are called"
    )
    scope: Literal["host", "site", "any"] = Field(
        "host", description="where links may lead: the seed's host, that and hosts below it, or anywhere"
    )
    hosts: tuple[str, ...] = Field(
        (), description="hosts that links may lead to beside; *.example.org for those below one"
    )
    include: tuple[str, ...] = Field((), description="patterns (* is any text) of URLs of which a link must match one")
    exclude: tuple[str, ...] = Field((), description="patterns (* is any text) of URLs that are never asked for")
    images: Literal["named", "all", "none"] = Field(
        "named", description="images of pages: those whose name or type says SVG, all that may be one, or none"
    )
    images_from: Literal["anywhere", "scope"] = Field(
        "anywhere", description="where images, style sheets and sprites may be fetched from"
    )
    symbols: bool = Field(True, description="whether each symbol of a sprite that shows nothing by itself is a record")
    ports: tuple[int, ...] = Field((80, 443), description="ports that may be asked")
    allow_addresses: tuple[str, ...] = Field(
        (), description="networks, as 10.1.0.0/16, that may be asked although they are not public"
    )
    names: dict[str, str] = Field({}, description="addresses of hosts, instead of what DNS says")
    buckets: int = Field(
        16, ge=1, le=1000, description="tasks that hosts are dealt to; a host is always in the same one"
    )
    limits: Limits = Limits()
    politeness: Politeness = Politeness()
    store: Store = Store()

    @field_validator("allow_addresses")
    @classmethod
    def _are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            ipaddress.ip_network(text)
        return texts

    @model_validator(mode="after")
    def _is_whole(self) -> WebSettings:
        if not self.contact:
            raise ValueError("contact is missing; give the e-mail address or URL by which site owners reach you")
        if not _CONTACT.fullmatch(self.contact):
            raise ValueError(f"contact {self.contact!r} is neither an e-mail address nor a URL")
        if not (self.seeds or self.sitemaps or self.urls):
            raise ValueError("it has nothing to start from; give seeds, sitemaps or urls")
        return self

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """What to tell the user if nothing came that is or holds a drawing."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in bounded(no_input, 8).items())
        return f"source {self.name}: nothing that was fetched is an SVG or holds one ({kinds}); correct its settings"

    @property
    def user_agent(self) -> str:
        """What servers are told: who asks, and whom to write to."""
        return f"{self.agent}/{version('svgmill')} (+{self.contact})"

    def asks(self) -> Mapping[str, Any]:
        """How fast it goes, and how it is stored on the way, decide nothing."""
        return {name: value for name, value in super().asks().items() if name not in _SPEED}
