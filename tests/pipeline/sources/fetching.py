"""A source of the network by itself: resolved, fetched and read, without a run around it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources.base import RawItem
from pipeline.sources.network import FETCHED, Network, NetworkSource, Shelf, Snapshot
from pipeline.sources.partitions import chunks
from pipeline.sources.places import FetchedTables, Placed
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import write_table
from pipeline.versions import published
from stages.crawl import CrawlSettings


@dataclass(frozen=True)
class Fetched:
    snapshot: Snapshot
    items: list[RawItem]
    no_input: Counter[str]
    rows: list[dict[str, Any]]

    @property
    def by_path(self) -> dict[str, RawItem]:
        return {item.path: item for item in self.items}


def resolve(source: NetworkSource, folder: Path, before: Snapshot | None = None) -> Snapshot:
    """A snapshot that is begun, as a workspace would give it back."""
    pins = json.loads(json.dumps(source.resolve(Network(str(folder), str(folder)), before)))
    return Snapshot(source.name, 1, source.asks(), tuple(pins), "2026-01-31T00:00:00Z")


def fetch(source: NetworkSource, folder: Path, snapshot: Snapshot | None = None) -> Fetched:
    """All that a snapshot holds, read out of a workspace in ``folder``."""
    snapshot = snapshot or resolve(source, folder)
    network, shelf = Network(str(folder), str(folder)), Shelf(FolderStorage(folder / "ws"), source.name)
    for unit in source.units(snapshot, (), network):
        source.fetch(unit, shelf, network)
    table = write_table(shelf.storage, "fetched.parquet", [pa.Table.from_pylist(shelf.rows, FETCHED)], FETCHED)
    listing = source.of_snapshot(snapshot, FetchedTables(shelf.storage, [table.path]), str(folder / "ws"))
    assert listing.reader is not None
    items, no_input = [], Counter(listing.no_input)
    for chunk in chunks(listing, 100):
        placed = replace(chunk, places=tuple(Placed(listing.places, chunk.entries)))
        items += list(listing.reader.read(placed, CrawlSettings(), no_input))
    return Fetched(snapshot, items, no_input, shelf.rows)


def provenance(workspace: Path) -> dict[str, tuple[str, str, str | None]]:
    """Path -> licence, how it was found, and author of each record that the newest version's samples stand for."""
    manifest = published.read(FolderStorage(workspace))
    shards = [file.path for file in manifest.shards if file.format == "parquet"]
    rows = [row for path in shards for row in pq.read_table(workspace / path).to_pylist()]
    return {
        each["path"]: (each["license"], each["license_from"], each["author"])
        for row in rows
        for each in row["provenance"]
    }
