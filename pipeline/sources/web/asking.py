"""Asking politely: turns, retries, pauses, and hosts that are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from pipeline.sources.web.fetcher import Fetcher, NotFetched, Response
from pipeline.sources.web.pace import Pace
from pipeline.sources.web.settings import Politeness


@dataclass
class Host:
    """What is known of a host while a crawl goes on."""

    pace: Pace
    failures: int = 0
    """URLs that failed one after another."""
    given_up: str = ""
    """Why it is asked no more."""
    workers: int = 0


class Asker:
    """Asks for URLs, each as often as the settings let it, and never faster than they allow."""

    def __init__(self, fetcher: Fetcher, politeness: Politeness) -> None:
        self._fetcher, self._politeness = fetcher, politeness
        self._hosts: dict[str, Host] = {}
        self._all = Pace(politeness.total_rate)
        self._gate = asyncio.Semaphore(politeness.connections)

    def host(self, name: str) -> Host:
        """What is known of a host."""
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(Pace(self._politeness.rate))
        return host

    def slow_down(self, name: str, delay: float) -> None:
        """Keep a Crawl-delay of robots.txt, up to the settings' limit."""
        pace = self.host(name).pace
        pace.interval = max(pace.interval, min(delay, self._politeness.max_crawl_delay))

    async def ask(self, url: URL, headers: Mapping[str, str] | None = None, most: int | None = None) -> Response:
        """Ask until there is an answer, or no hope. Raises NotFetched."""
        host = self.host(url.raw_host or "")
        attempt = 0
        while True:
            if host.given_up:
                raise NotFetched("host given up", f"{url.raw_host} is given up: {host.given_up}")
            await host.pace.turn(self._gate, self._all)
            attempt += 1
            try:
                if host.given_up:
                    continue
                response = await self._fetcher.get(url, headers, most)
            except NotFetched as error:
                if error.passes and self._wait(host, error, attempt):
                    continue
                self._failed(host, error)
                raise
            finally:
                self._gate.release()
            host.failures = 0
            return response

    def _wait(self, host: Host, error: NotFetched, attempt: int) -> bool:
        """Let the host alone for a while; False if it is of no use to ask again."""
        politeness = self._politeness
        if error.retry_after is not None and error.retry_after > politeness.max_retry_after:
            host.given_up = f"it asks to be left alone for {error.retry_after:.0f} s"
            return False
        if error.status in (429, 503) or error.retry_after is not None:
            seconds = error.retry_after if error.retry_after is not None else politeness.backoff * 2 ** (attempt - 1)
            host.pace.pause(min(seconds, politeness.max_retry_after))
        elif attempt < politeness.attempts:
            host.pace.pause(min(politeness.backoff * 2 ** (attempt - 1), politeness.max_retry_after))
        return attempt < politeness.attempts

    def _failed(self, host: Host, error: NotFetched) -> None:
        if error.status and not error.passes:
            host.failures = 0  # it answers, although with a no
            return
        host.failures += 1
        if host.failures >= self._politeness.max_failures and not host.given_up:
            host.given_up = f"{host.failures} URLs failed in a row, the last since {error.detail}"
