"""Garbage: what no version and no unfinished run needs.

Needed is what a published manifest names, what a ledger record names (a run that was cut off goes on from there), the
requests of takedowns, tags, and what is younger than the caller says. Everything else in the places where runs write is
garbage: shards and vocabularies that were never published, tables that others have replaced, tables of sources that the
newest version has no more, partial files of killed writers. Of the tables that versions name for what is kept, and for
what vanishes next, those of the newest are needed: no run builds on another. Nothing is removed while a run is at work
(`marks`), so nothing can become needed between being found useless and being removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.steps import keep
from pipeline.storage.base import Entry, Storage
from pipeline.versions import published
from pipeline.work import ledger
from pipeline.work.marks import MARK_SECONDS, MARKS, Mark, collecting

PLACES = (
    "shards/",
    "tables/",
    "vocabularies/",
    "index/",
    "clusters/",
    "layouts/",
    "lineage/",
    keep.PLACE,
    ".writable-",
)
"""Where runs write what versions and records name, and what they try whether they can write with."""

PARTIAL = "partial files"
"""The place of `Storage.leftovers`."""


@dataclass
class Garbage:
    """What was found: by place the objects, and their bytes in all."""

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
    found = Garbage()
    listed = [(place, entry) for place in PLACES for entry in storage.list(place)]
    listed += [
        (PARTIAL, entry)
        for entry in storage.leftovers()
        # who is writing a mark is not kept out by it yet
        if not entry.path.startswith(MARKS) or now - entry.modified >= MARK_SECONDS
    ]
    for place, entry in listed:
        # an unfinished upload can be to a path that is needed
        if (place == PARTIAL or entry.path not in needed) and now - entry.modified >= older_than:
            found.objects.setdefault(place.rstrip("/"), []).append(entry)
    if not dry_run:
        for place, entries in found.objects.items():
            for entry in entries:
                mark.refresh()
                if place == PARTIAL:
                    storage.discard(entry)
                else:
                    storage.delete(entry.path)
    return found


def _needed(storage: Storage) -> Iterator[str]:
    sources: list[set[str]] = []
    kept: dict[str, Any] = {}
    for number in published.numbers(storage):
        manifest = json.loads(storage.read(published.manifest_path(number)))
        yield from _paths(manifest["shards"])
        for part in ("vocabulary", "index", "clusters", "layout", "lineage"):
            yield from _paths(manifest.get(part, {}))
        kept = manifest.get("kept", {})
        sources.append({source["source"] for source in manifest["sources"]})
    yield from _paths(kept)
    left = set().union(*sources) - sources[-1] if sources else set()
    for entry in storage.list("tables/"):
        if entry.path.endswith(".json"):
            stage, source, key = entry.path.removeprefix("tables/").removesuffix(".json").split("/", 2)
            if source in left:
                continue
            yield entry.path
            record = ledger.load(storage, stage, source, key)
            if record is not None:
                yield from (output.path for output in record.outputs.values())
    # base tokenizers are few, and a cut-off run's later stages read them
    yield from (entry.path for entry in storage.list("vocabularies/base-"))


def _paths(value: Any) -> Iterator[str]:
    """Every ``path`` in some JSON."""
    if isinstance(value, Mapping):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _paths(item)
