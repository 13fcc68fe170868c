"""One bucket, one round: all that its hosts have to give is asked for, politely, and stored.

A worker of a host takes a URL from the host's queue, finds what the origin's rules say, waits for its turn, asks,
stores what came, and pushes what it leads to. A host has no more workers than it may have requests at once. When no
queue has anything left the round is over; what it found on hosts of other buckets is the next round's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from yarl import URL

from pipeline.sources.web import reading
from pipeline.sources.web.asking import Asker
from pipeline.sources.web.earlier import Earlier
from pipeline.sources.web.fetcher import Fetcher, NotFetched, Response, now
from pipeline.sources.web.frontier import INPUTS, Entry, Frontier
from pipeline.sources.web.origins import ROBOTS, RULES, Origins
from pipeline.sources.web.packs import KEY, Packs, Row
from pipeline.sources.web.rules import OriginRules
from pipeline.sources.web.settings import Limits, Politeness
from pipeline.sources.web.sitemaps import MOST_BYTES
from pipeline.sources.web.urls import Refused, normal
from stages.crawl import optouts
from stages.crawl.optouts import Statement


class BadSitemap(Exception):
    """A sitemap that the user named is none."""


@dataclass(frozen=True)
class Share:
    """What one task may take; None: no limit."""

    responses: int | None
    bytes: int | None
    seconds: float | None


class Crawl:
    """The crawl of a bucket in one round. ``given``: sitemaps that the user named."""

    def __init__(
        self,
        fetcher: Fetcher,
        frontier: Frontier,
        packs: Packs,
        earlier: Earlier | None,
        politeness: Politeness,
        limits: Limits,
        share: Share,
        agent: str,
        number: int,
        given: frozenset[str] = frozenset(),
        sitemaps_of_robots: bool = False,
    ) -> None:
        self._frontier, self._packs, self._earlier = frontier, packs, earlier
        self._concurrency, self._limits, self._share = politeness.concurrency, limits, share
        self._agent, self._round, self._given = agent, number, given
        self._sitemaps_of_robots = sitemaps_of_robots
        self._asker = Asker(fetcher, politeness)
        self._origins = Origins(self._asker, agent, frontier.bounds.ports, number, self._keep)
        self._listed: set[str] = set()
        self._responses = self._bytes = 0
        self._until = float("inf")
        self._over = ""
        self._group: asyncio.TaskGroup

    def resume(self) -> int:
        """Take up what is stored of the bucket, and ask for none of it again. Returns how many rows that are."""
        count = 0
        files: dict[str, list[int]] = {}
        for pack, number, row in self._packs.stored((*KEY, "size")):
            count += 1
            self._frontier.stored(row.url, row.asked)
            if row.kind in (ROBOTS, RULES):
                files.setdefault(pack, []).append(number)
            else:
                self._responses, self._bytes = self._responses + 1, self._bytes + row.size
        for pack, numbers in files.items():
            for row in self._packs.whole(pack, numbers):
                self._origins.remember(row)
        if count:
            for _, _, row in self._packs.stored():
                if row.round == self._round:
                    self._frontier.follow(row)
        return count

    async def run(self, entries: Iterable[Entry]) -> None:
        """Ask for all that the entries lead to. Raises BadSitemap, and what the store raises."""
        for entry in entries:
            self._frontier.push(entry)
        if self._share.seconds is not None:
            self._until = time.monotonic() + self._share.seconds
        writer = asyncio.create_task(self._packs.keep_flushing())
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for host in list(self._frontier.queues):
                    self._wake(host)
            await self._say_what_is_left()
        except ExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._origins.close()
            await self._packs.flush()

    def _wake(self, host: str) -> None:
        """Set as many workers to a host's queue as it has use for."""
        state, queue = self._asker.host(host), self._frontier.queues[host]
        while state.workers < min(self._concurrency, len(queue)):
            state.workers += 1
            self._group.create_task(self._work(host))

    async def _work(self, host: str) -> None:
        queue = self._frontier.queues[host]
        try:
            while queue and not self._is_over():
                self._responses += 1
                row = await self._fetch(queue.pop())
                self._bytes += row.size
                await self._keep(row)
                if row.links or row.target:
                    for found in self._frontier.follow(row):
                        self._wake(found)
                if self._frontier.refused:
                    await self._say_refused()
        finally:
            self._asker.host(host).workers -= 1

    def _is_over(self) -> bool:
        share = self._share
        if share.responses is not None and self._responses >= share.responses:
            self._over = "limits.responses"
        elif share.bytes is not None and self._bytes >= share.bytes:
            self._over = "limits.total_bytes"
        elif time.monotonic() > self._until:
            self._over = "limits.hours"
        return bool(self._over)

    async def _keep(self, row: Row) -> None:
        await self._packs.add(row)

    async def _fetch(self, entry: Entry) -> Row:
        """Ask for one URL. Raises BadSitemap."""
        row = self._row(entry)
        url = URL(entry.url, encoded=True)  # the frontier has spelled it
        found = await self._origins.of(url)
        self._push_sitemaps(url, found)
        if not found.allows(url):
            row.robots = found.verdict or "disallowed"
            why = found.verdict or "robots.txt disallows it"
            reading.failed(row, "robots.txt cannot be had" if found.unreachable else "disallowed by robots.txt", why)
            return self._checked(row, entry)
        row.robots = found.verdict or "allowed"
        conditions = self._earlier.conditions(row.url) if self._earlier is not None else None
        try:
            most = MOST_BYTES if entry.asked == "sitemap" else None
            response = await self._asker.ask(url, conditions, most)
        except NotFetched as error:
            row.status = error.status
            reading.failed(row, error.what, error.detail, error.reason)
            return self._checked(row, entry)
        if 300 <= response.status < 400 and response.status != 304:
            self._redirect(row, entry, url, response)
        else:
            await self._fill(row, entry, url, response, found)
        return self._checked(row, entry)

    def _row(self, entry: Entry) -> Row:
        return Row(
            entry.url,
            entry.asked,
            "failed",
            self._round,
            entry.depth,
            entry.root,
            entry.hops,
            entry.referrer,
            fetched=now(),
            text=entry.text,
        )

    def _redirect(self, row: Row, entry: Entry, url: URL, response: Response) -> None:
        row.status, row.fetched = response.status, response.fetched
        try:
            target = str(normal(str(url.join(URL(response.location))), self._frontier.bounds.ports))
        except (Refused, ValueError) as error:
            reading.failed(row, "bad redirect", f"it redirects to {response.location[:200]!r}: {error}")
            return
        if not response.location:
            reading.failed(row, "bad redirect", "it redirects without saying where to")
        elif target == row.url:
            reading.failed(row, "redirect loop", "it redirects to itself")
        elif entry.hops >= self._limits.redirects:
            reading.failed(row, "redirects", f"it is redirected more than {self._limits.redirects} times")
        else:
            row.kind, row.target = "redirect", target

    async def _fill(self, row: Row, entry: Entry, url: URL, response: Response, found: OriginRules) -> None:
        if response.status == 304 and self._earlier is not None:
            pack, number, before = self._earlier.row(row.url)
            row.status, row.fetched = 304, before.fetched
            reading.unchanged(row, before, (pack, number), response.headers)
            statements = reading.stated_before(before) + optouts.in_headers(
                reading.significant(response), row.url, self._agent
            )
        else:
            statements, documents = reading.fill(row, entry, response, url, self._agent)
            for document in documents:
                statements += await self._terms(document, row.url)
            if self._earlier is not None and row.sha256:
                row.fetched = self._earlier.came(row)
        if row.kind in ("svg", "page"):
            permission = found.permission if not statements else None
            permission = permission or optouts.permission([*found.statements(url), *statements])
            row.permission = permission.verdict
            row.signals = tuple((signal.name, signal.place, signal.value) for signal in permission.signals)

    async def _terms(self, document: str, url: str) -> list[Statement]:
        said: list[Statement] = []
        for each in await self._origins.terms(document, url):
            said += [each] if isinstance(each, Statement) else optouts.rsl_at(each, url)
        return said

    def _push_sitemaps(self, url: URL, found: OriginRules) -> None:
        """Take the sitemaps that an origin's robots.txt names, if the settings want that."""
        if self._sitemaps_of_robots and found.robots_url not in self._listed:
            self._listed.add(found.robots_url)
            for sitemap in found.sitemaps:
                host = self._frontier.push(Entry(sitemap, "sitemap", 0, url.raw_host or "", referrer=found.robots_url))
                if host:
                    self._wake(host)

    def _checked(self, row: Row, entry: Entry) -> Row:
        given = entry.referrer if entry.hops else entry.url
        if row.kind == "failed" and entry.asked == "sitemap" and given in self._given:
            raise BadSitemap(f"sitemap {entry.url}: {row.detail}")
        return row

    async def _say_refused(self) -> None:
        refused, self._frontier.refused = self._frontier.refused, []
        for entry, error in refused:
            row = self._row(entry)
            reading.failed(row, error.what, error.detail)
            self._frontier.stored(row.url, row.asked)
            await self._keep(row)

    async def _say_what_is_left(self) -> None:
        """Inputs past a limit are records with a reason; of the rest it is counted how much there is."""
        await self._say_refused()
        past: Counter[str] = Counter()
        for entry in self._frontier.drain():
            if entry.asked in INPUTS:
                row = self._row(entry)
                reading.failed(row, f"past {self._over}", f"it was not asked for: the task is past {self._over}")
                await self._keep(row)
            else:
                past[f"{entry.asked} past {self._over}"] += 1
        self._frontier.left.update(past)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of what workers raised, the first that is no group."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
