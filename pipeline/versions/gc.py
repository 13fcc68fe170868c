"""Garbage: what no version and no unfinished run needs.

Needed is what a published manifest names, what a ledger record names (a run that was cut off goes on from there), the
requests of takedowns, tags, and what is younger than the caller says. Everything else in the places where runs write is
garbage: shards and vocabularies that were never published, tables that others have replaced, tables of sources that the
newest version has no more, partial files of killed writers. Of the tables that versions name for what is kept, and for
what vanishes next, those of the newest are needed: no run builds on another. Nothing is removed while a run is at work
(`marks`), so nothing can become needed between being found useless and being removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.storage.base import Entry, Storage
from pipeline.versions import browse, published
from pipeline.versions.manifest import KEPT_PLACE, File
from pipeline.work import ledger
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
    for number in published.numbers(storage):
        manifest = published.read(storage, number)
        newest = manifest.files
        yield from (file.path for file in manifest.lasting)
        yield from published.left_of(storage, number).values()
        sources.append({source.source for source in manifest.sources})
    yield from (file.path for file in newest)
    left = set().union(*sources) - sources[-1] if sources else set()
    for place in browse.record_paths(storage):
        if place.source in left:
            continue
        yield place.path
        record = ledger.load(storage, place.stage, place.source, place.key)
        if record is not None:
            yield from (output.path for output in record.outputs.values())
    # base tokenizers are few, and a cut-off run's later stages read them
    yield from (entry.path for entry in storage.list("vocabularies/base-"))
