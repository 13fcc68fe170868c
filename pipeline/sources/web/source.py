"""The kind ``web``: pages that lead to SVGs, and lists of URLs, asked for politely and stored with what they permit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, RawItem
from pipeline.sources.network import Done, Network, Shelf, Snapshot, Unit
from pipeline.sources.web.settings import WebSettings
from pipeline.storage.base import Storage
from stages.crawl import CrawlSettings


class WebSource(WebSettings):
    """SVGs of the web: by crawling from seeds and sitemaps, or by lists of their URLs."""

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """Check where the crawl starts, and pin the URLs of the lists; seeds and sitemaps are in the settings."""
        found: list[Mapping[str, Any]] = self._part("task").resolve(self, network)
        return found

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """One unit a bucket and round, as long as there are links to follow."""
        found: list[Unit] = self._part("task").units(self, snapshot, done)
        return found

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Crawl a bucket until it has nothing left. Raises ConfigError for a sitemap of the config that is none."""
        came: Mapping[str, Any] = self._part("task").fetch(self, unit, shelf)
        return came

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """Each file and drawing that came, and each input that did not, with the reason."""
        yield from self._part("records").records(chunk, store, self.name, self.symbols, no_input)

    def _part(self, name: str) -> ModuleType:
        """A module that needs the libraries of the extra ``crawl``, which a config without this kind does not."""
        try:
            return import_module(f"pipeline.sources.web.{name}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("pipeline."):
                raise
            raise ConfigError(
                f"source {self.name}: {error.name} is not installed; install the extra: pip install svgmill[crawl]"
            ) from None
