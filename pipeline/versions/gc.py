"""Garbage: what no version and no unfinished run needs.

Needed is what a published manifest names, what a ledger record names (a run that was cut off goes on from there), the
requests of takedowns, tags, and what is younger than the caller says. Everything else in the places where runs write is
garbage: shards and vocabularies that were never published, tables that others have replaced, tables of sources that the
newest version has no more, snapshots that no version was made of and a later one has replaced, partial files of killed
writers. Of the tables that versions name for what is kept, and for
what vanishes next, those of the newest are needed: no run builds on another. Nothing is removed while a run is at work
(`marks`), so nothing can become needed between being found useless and being removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from pipeline.sources import snapshots
from pipeline.sources.network import FETCH_STAGE, FETCHED_PLACE
from pipeline.storage.base import Entry, Storage
from pipeline.storage.tables import read_table
from pipeline.versions import browse, published
from pipeline.versions.manifest import KEPT_PLACE, File
from pipeline.work import ledger
from pipeline.work.compacted import COMPACTED, Listed, compacted_path
from pipeline.work.marks import MARK_SECONDS, MARKS, Mark, collecting

PROBE, PROBE_SECONDS = ".writable-", 3600.0
"""What runs try whether they can write with, and the age from which on none is in use."""

PLACES = (
    "shards/",
    "tables/",
    "vocabularies/",
    "index/",
    "provenance/",
    "clusters/",
    "layouts/",
    "lineage/",
    KEPT_PLACE,
    FETCHED_PLACE,
    COMPACTED,
    PROBE,
)
"""Where runs write what versions and records name, and `PROBE`."""

PARTIAL = "partial files"
"""The place of `Storage.leftovers`."""


@dataclass
class Garbage:
    """What is garbage: by place the objects, and their bytes in all."""

    objects: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many objects."""
        return sum(len(entries) for entries in self.objects.values())

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(entry.size for entries in self.objects.values() for entry in entries)


def collect_garbage(storage: Storage, older_than: float, dry_run: bool = False) -> Garbage:
    """Find what is garbage and at least ``older_than`` seconds old, and remove it unless ``dry_run``.

    Raises Busy if a run is at work, ConfigError or Damaged if a manifest cannot be read: then nothing is removed.
    """
    with collecting(storage) as mark:
        return collect(storage, mark, older_than, dry_run)


def collect(storage: Storage, mark: Mark, older_than: float, dry_run: bool = False) -> Garbage:
    """As `collect_garbage`, for who has a ``mark`` already."""
    needed = set(_needed(storage))
    now = time.time()
    garbage = Garbage()
    listed = [(place, entry) for place in PLACES for entry in storage.list(place)]
    listed += [
        (PARTIAL, entry)
        for entry in storage.leftovers()
        # who is writing a mark is not kept out by it yet
        if not entry.path.startswith(MARKS) or now - entry.modified >= MARK_SECONDS
    ]
    for place, entry in listed:
        # a run that begins tries whether it can write, which it does at the top, before it says that it is at work
        least = max(older_than, PROBE_SECONDS) if "/" not in entry.path else older_than
        # an unfinished upload can be to a path that is needed
        if (place == PARTIAL or entry.path not in needed) and now - entry.modified >= least:
            garbage.objects.setdefault(place.rstrip("/"), []).append(entry)
    if not dry_run:
        for place, entries in garbage.objects.items():
            for entry in entries:
                mark.refresh()
                if place == PARTIAL:
                    storage.discard(entry)
                else:
                    storage.delete(entry.path)
    return garbage


def _needed(storage: Storage) -> Iterator[str]:
    sources: list[set[str]] = []
    newest: tuple[File, ...] = ()
    read: dict[str, set[int]] = {}
    for number in published.numbers(storage):
        manifest = published.read(storage, number)
        newest = manifest.files
        yield from (file.path for file in manifest.lasting)
        yield from published.left_of(storage, number).values()
        sources.append({source.source for source in manifest.sources})
        for source, snapshot in manifest.snapshots.items():
            read.setdefault(source, set()).add(snapshot)
    yield from (file.path for file in newest)
    left = set().union(*sources) - sources[-1] if sources else set()
    fetched = set(_fetched(storage, read))
    yield from fetched
    for stage, places in groupby(browse.record_paths(storage), attrgetter("stage")):
        yield compacted_path(stage)
        listed = Listed(storage, stage)
        for place in places:
            if place.source in left or (stage == FETCH_STAGE and place.path not in fetched):
                continue
            yield place.path
            record = listed.record(place.source, place.key)
            if record is not None:
                yield from (output.path for output in record.outputs.values())
    # base tokenizers are few, and a cut-off run's later stages read them
    yield from (entry.path for entry in storage.list("vocabularies/base-"))


def _fetched(storage: Storage, read: Mapping[str, Set[int]]) -> Iterator[str]:
    """What is needed of what the network gave, and the records of its fetch. ``read``: snapshots that versions read."""
    for source in snapshots.sources(storage):
        begun, whole = snapshots.numbers(storage, source)
        last = whole[-1] if whole else 0
        tables: list[str] = []
        for number in begun:
            if number in whole and (number == last or number in read.get(source, ())):
                yield from snapshots.paths(source, number)
                tables += [unit.table for unit in snapshots.units(storage, source, number)]
            elif number > last:
                yield from snapshots.paths(source, number)
                yield from (entry.path for entry in storage.list(f"{FETCHED_PLACE}{source}/{number}-"))
                # whatever was fetched since may be of this one, which is not whole
                records = ledger.records(storage, FETCH_STAGE, [source])
                tables += [output.path for record in records for output in record.outputs.values()]
        for record in ledger.records(storage, FETCH_STAGE, [source]):
            if any(output.path in tables for output in record.outputs.values()):
                yield ledger.table_path(FETCH_STAGE, source, record.key, "json")
        for path in tables:
            yield path
            yield from set(read_table(storage, path, columns=["stored"])["stored"].to_pylist())
