"""What holds for an origin, asked once: robots.txt first, then what else tells of its use, as far as that allows it."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from dataclasses import replace

from yarl import URL

from pipeline.sources.web import rules
from pipeline.sources.web.asking import Asker
from pipeline.sources.web.fetcher import NotFetched, now
from pipeline.sources.web.packs import Row
from pipeline.sources.web.rules import OriginRules
from pipeline.sources.web.urls import Refused, normal, origin
from stages.crawl import optouts
from stages.crawl.optouts import MOST_BYTES, Rule, Statement

FRESH = datetime.timedelta(hours=24)
"""How long a robots.txt may be used (RFC 9309, 2.4)."""

ROBOTS, RULES = "robots", "rules"
"""Kinds of rows: a robots.txt; another file of rules."""

_HOPS = 5
"""Redirects of such a file that are followed, also to other hosts (RFC 9309, 2.3.1.2)."""


class Origins:
    """The rules of the origins that a crawl has to do with. Files of rules are stored like all that comes."""

    def __init__(
        self, asker: Asker, agent: str, ports: frozenset[int], number: int, keep: Callable[[Row], Awaitable[None]]
    ) -> None:
        self._asker, self._agent, self._ports, self._round, self._keep = asker, agent, ports, number, keep
        self._robots: dict[str, asyncio.Task[OriginRules]] = {}
        self._whole: dict[str, asyncio.Task[OriginRules]] = {}
        self._terms: dict[str, asyncio.Task[tuple[Rule, ...] | Statement]] = {}
        self._known: dict[str, Row] = {}

    def remember(self, row: Row) -> None:
        """Use a stored file of rules instead of asking, while it is fresh."""
        then = datetime.datetime.fromisoformat(row.fetched)
        if datetime.datetime.now(datetime.UTC) - then < FRESH:
            self._known[row.url] = row

    async def of(self, url: URL) -> OriginRules:
        """All that holds for a URL's origin."""
        key = origin(url)
        task = self._whole.get(key)
        if task is None:
            task = self._whole[key] = asyncio.create_task(self._all(key))
        elif task.done():
            return task.result()
        return await asyncio.shield(task)

    async def terms(self, document: str, place: str) -> list[tuple[Rule, ...] | Statement]:
        """What an RSL document says: its rules, or that it could not be read."""
        task = self._terms.get(document)
        if task is None:
            task = self._terms[document] = asyncio.create_task(self._rsl(document, place))
        return [await asyncio.shield(task)]

    async def close(self) -> None:
        """Let go of what is still being asked."""
        tasks = [task for group in (self._robots, self._whole, self._terms) for task in group.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _all(self, key: str) -> OriginRules:
        base = URL(key)
        found = await self._robots_of(key)
        if found.unreachable:
            return found
        if found.delay:
            self._asker.slow_down(base.raw_host or "", found.delay)
        tdmrep: tuple[Rule, ...] = ()
        place = base.with_path(rules.TDMREP_PATH)
        if found.allows(place):
            try:
                tdmrep = optouts.tdmrep_rules(await self._file(str(place), RULES), str(place))
            except NotFetched:
                tdmrep = ()
        documents = [
            await self.terms(document, found.robots_url)
            for document in rules.absolute(base, found.preferences.licenses)
        ]
        every = [each for group in documents for each in group]
        return replace(
            found,
            tdmrep=tdmrep,
            licenses=tuple(each for each in every if isinstance(each, tuple)),
            unread=tuple(each for each in every if isinstance(each, Statement)),
        )

    async def _robots_of(self, key: str) -> OriginRules:
        task = self._robots.get(key)
        if task is None:
            task = self._robots[key] = asyncio.create_task(self._robots_txt(key))
        return await asyncio.shield(task)

    async def _robots_txt(self, key: str) -> OriginRules:
        url = f"{key}{rules.ROBOTS_PATH}"
        try:
            return rules.parsed(await self._file(url, ROBOTS), url, self._agent)
        except NotFetched as error:
            if 400 <= error.status < 500 and error.status != 429:
                return rules.missing(url, self._agent, error.what)
            return rules.unreachable(url, self._agent, error.detail)

    async def _rsl(self, document: str, place: str) -> tuple[Rule, ...] | Statement:
        try:
            url = normal(document, self._ports)
            if not (await self._robots_of(origin(url))).allows(url):
                return optouts.unread_license(document, place, "its robots.txt disallows to fetch it")
            body = await self._file(str(url), RULES)
        except (NotFetched, Refused) as error:
            return optouts.unread_license(document, place, error.detail)
        terms = optouts.rsl_terms(body, document)
        return terms if terms is not None else optouts.unread_license(document, place, "it is no RSL document")

    async def _file(self, url: str, kind: str) -> bytes:
        """A file of rules, stored or asked for. Raises NotFetched."""
        row = self._known.get(url)
        if row is None:
            row = await self._asked(url, kind)
            await self._keep(row)
        if row.reason:
            raise NotFetched(row.what, row.detail, status=row.status)
        return row.content or b""

    async def _asked(self, url: str, kind: str) -> Row:
        row = Row(url, kind, kind, self._round, fetched=now())
        at = url
        try:
            for _ in range(_HOPS + 1):
                target = normal(at, self._ports)
                response = await self._asker.ask(target, most=2 * MOST_BYTES)
                if not response.location:
                    row.status, row.fetched, row.content = response.status, response.fetched, response.body[:MOST_BYTES]
                    row.content_type, row.size = response.content_type, len(response.body)
                    return row
                at = str(target.join(URL(response.location)))
            # RFC 9309, 2.3.1.2: as if there were none
            raise NotFetched("redirects", f"it is redirected more than {_HOPS} times", status=404)
        except (NotFetched, Refused, ValueError) as error:
            row.reason, row.detail = "not_fetched", str(error)
            row.what = getattr(error, "what", "no URL")
            row.status = getattr(error, "status", 0)
        return row
