"""The crawl of a source, as a fetch wants it: what is pinned, which tasks there are, and one of them done."""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import ConfigError
from pipeline.sources import snapshots
from pipeline.sources.network import Done, Network, Shelf, Snapshot, Unit
from pipeline.sources.web import addresses
from pipeline.sources.web.addresses import GuardedResolver
from pipeline.sources.web.crawl import BadSitemap, Crawl, Share
from pipeline.sources.web.earlier import Earlier
from pipeline.sources.web.fetcher import Fetcher
from pipeline.sources.web.frontier import Bounds, Entry, Frontier, entries_of
from pipeline.sources.web.outcome import shelve
from pipeline.sources.web.packs import Packs, folder_of
from pipeline.sources.web.seeds import listed_urls
from pipeline.sources.web.settings import Politeness, WebSettings
from pipeline.sources.web.urls import Refused, bucket_of, normal
from pipeline.storage.tables import read_table

_BUCKET, _URLS = "bucket", "urls"
"""Of a pin: a bucket of a list's URLs, and these, one a line, compressed."""


def resolve(source: WebSettings, network: Network) -> list[Mapping[str, Any]]:
    """Check where the crawl starts, and pin the URLs of the lists, by bucket. Raises ConfigError."""
    allowed = addresses.networks(source.allow_addresses)
    for name, urls in (("seeds", source.seeds), ("sitemaps", source.sitemaps)):
        for url in urls:
            try:
                host = normal(url, source.ports).host or ""
                if ":" in host or host.replace(".", "").isdecimal():
                    addresses.check(host, allowed)
            except Refused as error:
                raise ConfigError(f"source {source.name}: {name}: {error}") from None
    listed: dict[int, dict[str, None]] = {}
    for path in source.urls:
        fetcher = _fetcher(source) if path.startswith(("http://", "https://")) else None
        where = f"source {source.name}: the list {path}"
        for url in listed_urls(path, network.base, source.url_column, where, fetcher, frozenset(source.ports)):
            listed.setdefault(_bucket(source, url), {})[url] = None
    return [
        {_BUCKET: bucket, "count": len(urls), _URLS: _packed(list(urls))} for bucket, urls in sorted(listed.items())
    ]


def _packed(urls: Sequence[str]) -> str:
    return base64.b64encode(zlib.compress("\n".join(urls).encode("utf-8", "surrogateescape"), 6)).decode()


def _listed(snapshot: Snapshot, bucket: int) -> list[str]:
    """The URLs of a bucket that the lists had when the snapshot was begun."""
    blobs = (pin[_URLS] for pin in snapshot.pins if pin[_BUCKET] == bucket)
    return [
        url
        for blob in blobs
        for url in zlib.decompress(base64.b64decode(blob)).decode("utf-8", "surrogateescape").split("\n")
    ]


def _bucket(source: WebSettings, url: str) -> int:
    """The bucket of a URL; the first one for what is no URL, which is a record with a reason there."""
    try:
        return bucket_of(normal(url, source.ports).raw_host or "", source.buckets)
    except Refused:
        return 0


def units(source: WebSettings, snapshot: Snapshot, done: Sequence[Done]) -> list[Unit]:
    """In the first round every bucket that something starts in; in a further one those that others found links to."""
    keys = {each.unit.key for each in done}
    number = 1
    buckets = {_bucket(source, url) for url in (*source.seeds, *source.sitemaps)}
    buckets |= {pin[_BUCKET] for pin in snapshot.pins}
    inputs: list[tuple[str, str]] = []
    while buckets:
        every = [_unit(snapshot, bucket, number, inputs, len(buckets)) for bucket in sorted(buckets)]
        left = [unit for unit in every if unit.key not in keys]
        if left:
            return left
        finished = [each for each in done if dict(each.unit.pin)["round"] == str(number)]
        outgoing = [each.extra["outgoing"] for each in finished if "outgoing" in each.extra]
        buckets = {int(bucket) for each in outgoing for bucket in each["buckets"]}
        inputs = sorted((each["path"], each["sha256"]) for each in outgoing)
        number += 1
    return []


def _unit(snapshot: Snapshot, bucket: int, number: int, inputs: Sequence[tuple[str, str]], beside: int) -> Unit:
    """``beside``: units of the round, which share what is allowed to all of them together."""
    pin = (("snapshot", str(snapshot.number)), ("bucket", str(bucket)), ("round", str(number)), ("of", str(beside)))
    earlier = ("earlier", str(len(snapshot.earlier)))
    return Unit(f"{snapshot.number}-{bucket:03d}-{number}", (*pin, earlier), (*inputs, *snapshot.earlier))


def fetch(source: WebSettings, unit: Unit, shelf: Shelf) -> Mapping[str, Any]:
    """Crawl a bucket until it has nothing left. Raises ConfigError for a sitemap of the config that is none."""
    pin = dict(unit.pin)
    bucket, number = int(pin["bucket"]), int(pin["round"])
    tables = [path for path, _ in unit.inputs]
    found, before = tables[: len(tables) - int(pin["earlier"])], tables[len(tables) - int(pin["earlier"]) :]
    packs = Packs(shelf.storage, folder_of(source.name, int(pin["snapshot"]), bucket), source.store)
    frontier = Frontier(_bounds(source, bucket))
    typed = [*(Entry(url, "sitemap") for url in source.sitemaps), *(Entry(url, "seed") for url in source.seeds)]
    entries = []
    if number == 1:
        entries += [entry for entry in typed if _bucket(source, entry.url) == bucket]
        snapshot = snapshots.read(shelf.storage, source.name, int(pin["snapshot"]))
        entries += [Entry(url, "list") for url in _listed(snapshot, bucket)]
    entries += [each for path in found for each in entries_of(read_table(shelf.storage, path), bucket)]
    known = Earlier(shelf.storage, before, bucket, source.buckets) if before else None
    try:
        asyncio.run(_crawl(source, _part(source.politeness, int(pin["of"])), frontier, packs, known, number, entries))
    except BadSitemap as error:
        raise ConfigError(f"source {source.name}: {error}; correct sitemaps") from None
    return shelve(shelf, packs, frontier, number)


def _part(politeness: Politeness, tasks: int) -> Politeness:
    """With one task's part of the rate over all hosts: no task knows of another, and any of them may run at once."""
    return politeness.model_copy(update={"total_rate": politeness.total_rate / tasks})


async def _crawl(
    source: WebSettings,
    politeness: Politeness,
    frontier: Frontier,
    packs: Packs,
    known: Earlier | None,
    number: int,
    entries: Sequence[Entry],
) -> None:
    given = frozenset(str(normal(url, source.ports)) for url in source.sitemaps)
    limits = source.limits
    share = [None if most is None else -(-most // source.buckets) for most in (limits.responses, limits.total_bytes)]
    seconds = None if limits.hours is None else limits.hours * 3600
    async with _fetcher(source) as fetcher:
        crawl = Crawl(
            fetcher,
            frontier,
            packs,
            known,
            politeness,
            limits,
            Share(share[0], share[1], seconds),
            source.agent,
            number,
            given,
            source.sitemaps_of_robots,
        )
        crawl.resume()
        await crawl.run(entries)


def _fetcher(source: WebSettings) -> Fetcher:
    resolver = GuardedResolver(addresses.networks(source.allow_addresses), source.names)
    return Fetcher(source.limits, source.user_agent, resolver)


def _bounds(source: WebSettings, bucket: int) -> Bounds:
    return Bounds(
        bucket,
        source.buckets,
        frozenset(source.ports),
        source.scope,
        source.hosts,
        source.include,
        source.exclude,
        source.images,
        source.images_from,
        source.limits.depth,
        source.limits.pages_per_host,
        source.limits.files_per_host,
        source.limits.redirects,
    )
