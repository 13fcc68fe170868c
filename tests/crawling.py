"""Crawls of the test web as a run makes them, without a run."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.sources import snapshots
from pipeline.sources.base import Chunk, Listing
from pipeline.sources.network import FETCHED, Done, Network, Shelf, Snapshot
from pipeline.sources.places import FetchedTables, Placed
from pipeline.sources.web import WebSource
from pipeline.sources.web.packs import KEY, narrow_rows
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import write_table
from stages.crawl import CrawlSettings
from tests.web_server import Web

FAST = {"rate": 0.0, "concurrency": 8, "backoff": 0.05}


def web_source(web: Web, **settings: Any) -> WebSource:
    """A source that may ask the test web, as fast as it answers."""
    politeness = {**FAST, **settings.pop("politeness", {})}
    limits = {"max_bytes": 1_000_000, "seconds": 20.0, **settings.pop("limits", {})}
    given = {"name": "web", "kind": "web", "contact": "crawl@example.org", "agent": "testmill", "buckets": 1}
    given |= {"names": web.names, "ports": (web.port,), "allow_addresses": ("127.0.0.0/8",)}
    return WebSource.model_validate({**given, **settings, "politeness": politeness, "limits": limits})


class Fetched:
    """A snapshot, fetched."""

    def __init__(
        self,
        source: WebSource,
        folder: Path,
        number: int = 1,
        before: Fetched | None = None,
        storage: FolderStorage | None = None,
    ) -> None:
        self.source, self.storage = source, storage or FolderStorage(folder)
        network = Network(str(folder), str(folder))
        earlier = tuple((each.table, each.sha256) for each in before.done) if before else ()
        pins = tuple(source.resolve(network, None))
        self.snapshot = Snapshot("web", number, {}, pins, "2026-01-01T00:00:00Z", earlier)
        if number not in snapshots.numbers(self.storage, "web")[0]:
            snapshots.begin(self.storage, self.snapshot)
        self.done: list[Done] = []
        self.rounds = 0
        while units := source.units(self.snapshot, self.done, network):
            self.rounds += 1
            for unit in units:
                shelf = Shelf(self.storage, "web")
                extra = source.fetch(unit, shelf, network)
                rows = sorted(shelf.rows, key=lambda row: (row["url"], row["path"]))
                table = [pa.Table.from_pylist(rows, schema=FETCHED)]
                output = write_table(self.storage, f"tables/fetch/web/{unit.key}.parquet", table, FETCHED)
                self.done.append(Done(unit, output.rows, output.path, output.sha256, extra))

    @cached_property
    def listing(self) -> Listing:
        """What a run has of it."""
        fetched = FetchedTables(self.storage, (each.table for each in self.done))
        return self.source.of_snapshot(self.snapshot, fetched, self.storage.uri)

    @property
    def left(self) -> Counter[str]:
        """What was not asked for."""
        counts: Counter[str] = Counter()
        for each in self.done:
            counts.update(each.extra["left"])
        return counts

    def records(self, shape: Literal["files", "pages"] = "files") -> dict[str, Any]:
        """Path -> record, of what came as files, or of what is in pages."""
        entries = self.listing.files if shape == "files" else self.listing.pages
        chunk = Chunk("k", entries, shape, places=tuple(Placed(self.listing.places, entries)))
        items = list(self.source.items(chunk, self.storage, CrawlSettings(), Counter()))
        assert shape == "pages" or [item.path for item in items] == [entry.path for entry in entries]
        return {item.path: item for item in items}


def stored_urls(storage: FolderStorage) -> set[str]:
    """URLs of all that packs hold."""
    packs = [entry.path for entry in storage.list("fetched/web/") if "-" in entry.path.split("/")[2]]
    return {row.url for pack in packs for _, _, row in narrow_rows(storage, pack, KEY)}


if __name__ == "__main__":
    Fetched(WebSource.model_validate_json(sys.argv[1]), Path(sys.argv[2]))


def peak_kib() -> int:
    """The largest resident memory of this program. What the system says of children is also of whoever started them."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # of macOS, which counts bytes
