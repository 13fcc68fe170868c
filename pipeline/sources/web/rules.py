"""What an origin says to crawlers: robots.txt, and what robots.txt leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from protego import Protego
from yarl import URL

from pipeline.sources.web.urls import path_of
from stages.crawl import optouts
from stages.crawl.items import Permission, Signal
from stages.crawl.optouts import MOST_BYTES, RobotsPreferences, Rule, Statement, robots_lines, robots_preferences

_PROTEGO = frozenset(("allow", "disallow", "crawl-delay"))

ROBOTS_PATH, TDMREP_PATH = "/robots.txt", "/.well-known/tdmrep.json"


@dataclass(frozen=True)
class OriginRules:
    """What holds for an origin: who may fetch what (RFC 9309), and what its files say of training."""

    agent: str
    robots_url: str
    robots: Protego | None = None
    """None where there is none: everything may be fetched, or, with ``unreachable``, nothing."""
    verdict: str = ""
    """Of robots.txt where it has none: why not."""
    unreachable: bool = False
    preferences: RobotsPreferences = RobotsPreferences()  # noqa: RUF009 - it is frozen
    sitemaps: tuple[str, ...] = ()
    """That robots.txt names."""
    tdmrep: tuple[Rule, ...] = ()
    licenses: tuple[tuple[Rule, ...], ...] = ()
    """Of RSL documents."""
    unread: tuple[Statement, ...] = ()
    """Of RSL documents that could not be read."""

    def allows(self, url: URL) -> bool:
        """Whether robots.txt allows to fetch a URL."""
        if self.unreachable:
            return False
        return self.robots is None or self.robots.can_fetch(str(url), self.agent)

    def statements(self, url: URL) -> list[Statement]:
        """What is said of the use of what a URL gives, with the verdict of robots.txt, which allows to fetch it."""
        said = [Statement(Signal(optouts.ROBOTS_TXT, self.robots_url, self.verdict or "allowed"))]
        path = path_of(url)
        if self.preferences.rules:
            said += self.preferences.at(path)
        if self.tdmrep:
            said += optouts.tdmrep_at(self.tdmrep, path)
        for terms in self.licenses:
            said += optouts.rsl_at(terms, str(url))
        return [*said, *self.unread]

    @cached_property
    def permission(self) -> Permission | None:
        """What holds for all of the origin alike; None if it depends on the URL."""
        if self.preferences.rules or self.tdmrep or self.licenses:
            return None
        return optouts.permission(self.statements(URL(self.robots_url)))

    @property
    def delay(self) -> float:
        """Seconds between requests that robots.txt asks for, 0 for none."""
        return (self.robots.crawl_delay(self.agent) or 0.0) if self.robots else 0.0


def parsed(body: bytes, url: str, agent: str) -> OriginRules:
    """Rules of a robots.txt that came. Of a longer one the first 500 KiB count (RFC 9309, 2.5)."""
    lines = robots_lines(body[:MOST_BYTES].decode("utf-8-sig", "replace"), agent)
    # protego multiplies the agents of a group by its rules, so it sees this crawler's alone
    own = [f"{name}: {value}" for name, value in lines.group if name in _PROTEGO]
    robots = Protego.parse("\n".join(["User-agent: *", *own]))
    sitemaps = tuple(dict.fromkeys(value for name, value in lines.outside if name == "sitemap"))
    return OriginRules(agent, url, robots, preferences=robots_preferences(lines, url), sitemaps=sitemaps)


def missing(url: str, agent: str, what: str) -> OriginRules:
    """Rules where a server says that there is no robots.txt (4xx: RFC 9309, 2.3.1.3): all may be fetched."""
    return OriginRules(agent, url, verdict=f"allowed: no robots.txt ({what})")


def unreachable(url: str, agent: str, detail: str) -> OriginRules:
    """Rules where nobody knows whether there is one (5xx, no connection: RFC 9309, 2.3.1.4): nothing may be fetched."""
    return OriginRules(agent, url, verdict=f"robots.txt cannot be had: {detail}", unreachable=True)


def absolute(base: URL, references: Sequence[str]) -> list[str]:
    """References as URLs, each once; without those that are none."""
    urls = []
    for reference in references:
        try:
            urls.append(str(base.join(URL(reference))))
        except ValueError:
            continue
    return list(dict.fromkeys(urls))
