"""Purge of what the network gave: objects that hold what was taken down go, of packs of responses those rows.

A source that has to read such an object again, because its settings have changed, says so; ``--refresh`` fetches it
anew, and what was taken down is kept out again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Damaged
from pipeline.sources import snapshots
from pipeline.sources.base import Chunk, ChunkLost, Entry
from pipeline.sources.kinds import kinds
from pipeline.sources.network import CONTENT, FETCH_STAGE, NetworkSource, network_of
from pipeline.sources.places import FetchedTables, Place
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table, table_bytes
from pipeline.versions import published
from pipeline.versions.takedown import Known
from pipeline.work import ledger
from stages.crawl import CrawlSettings


def forget_fetched(storage: Storage, taken: Known) -> int:
    """Remove what holds what was taken down, from all snapshots; how many objects are gone or lack a part now."""
    known = _sources(storage)
    count = 0
    for name in snapshots.sources(storage):
        rows: dict[str, set[int]] = {}
        for entry, shape, place in _entries(storage, name):
            if (place.stored, place.row) != ("", -1) and _holds(storage, known.get(name), entry, shape, place, taken):
                rows.setdefault(place.stored, set()).add(place.row)
        for path, places in sorted(rows.items()):
            if -1 in places:
                storage.delete(path)
            else:
                _blank(storage, path, places)
            count += 1
    return count


def _sources(storage: Storage) -> dict[str, tuple[NetworkSource, CrawlSettings]]:
    """The sources of the network as the newest version that has them was configured."""
    known: dict[str, tuple[NetworkSource, CrawlSettings]] = {}
    for number in reversed(published.numbers(storage)):
        config = published.read(storage, number).config
        for data in config["sources"]:
            kind = kinds().get(data["kind"])
            if data["name"] in known or kind is None:
                continue
            source = network_of(kind.source.model_validate_json(json.dumps(data)))
            if source is not None:
                known[data["name"]] = source, CrawlSettings.model_validate(config["crawl"])
    return known


def _entries(storage: Storage, source: str) -> Iterator[tuple[str, str, Place]]:
    """(path, shape, place) of all that any fetch of a source has brought, each place once."""
    tables = {output.path for r in ledger.records(storage, FETCH_STAGE, [source]) for output in r.outputs.values()}
    for number in snapshots.numbers(storage, source)[1]:
        tables |= {unit.table for unit in snapshots.units(storage, source, number)}
    seen: set[tuple[str, int]] = set()
    fetched = FetchedTables(storage, (path for path in sorted(tables) if storage.exists(path)))
    for row, place in fetched.rows():
        if row["shape"] and (place.stored, place.row) not in seen:
            seen.add((place.stored, place.row))
            yield row["path"], row["shape"], place


def _holds(
    storage: Storage,
    known: tuple[NetworkSource, CrawlSettings] | None,
    path: str,
    shape: Any,
    place: Place,
    taken: Known,
) -> bool:
    if taken.holds([place.sha256]):
        return True
    if shape == "files" or known is None:
        return False
    source, limits = known
    chunk = Chunk(path, (Entry(path, 0, ""),), shape, places=(place,))
    try:
        items = source.items(chunk, storage, limits, Counter())
        return taken.holds(
            hashlib.sha256(item.content).hexdigest() for item in items if isinstance(item.content, bytes)
        )
    except (Damaged, ChunkLost):  # gone since an earlier purge, or read to where it is damaged
        return False


def _blank(storage: Storage, path: str, rows: Iterable[int]) -> None:
    """Write a pack again without the content of some rows."""
    table = read_table(storage, path)
    mask = pa.array([place in set(rows) for place in range(len(table))])
    column = table.schema.get_field_index(CONTENT)
    field = table.schema.field(column)
    blank = pc.if_else(mask, pa.scalar(None, field.type), table[CONTENT])
    storage.write(path, table_bytes(table.set_column(column, field, blank), table.schema))
