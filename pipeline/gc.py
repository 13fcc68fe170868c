"""Garbage: what no version and no unfinished run needs.

Needed is what a published manifest names, what a ledger record names (a run that was cut off goes on from there), the
requests of takedowns, tags, and what is younger than the caller says. Everything else in the places where runs write is
garbage: shards and vocabularies that were never published, tables that others have replaced, partial files of killed
writers. Nothing is removed while a run is at work (`marks`), so nothing can become needed between being found useless
and being removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline import ledger, shards, takedown, versions
from pipeline.errors import ConfigError
from pipeline.marks import collecting
from pipeline.report.publish import page_paths
from pipeline.storage import Entry, Storage

PLACES = ("shards/", "tables/", "vocabularies/", "index/", "clusters/", "layouts/", ".writable-")
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

    Raises Busy if a run is at work, ConfigError or StorageError if a manifest cannot be read: then nothing is removed.
    """
    with collecting(storage) as mark:
        needed = set(_needed(storage))
        now = time.time()
        found = Garbage()
        listed = [(place, entry) for place in PLACES for entry in storage.list(place)]
        listed += [(PARTIAL, entry) for entry in storage.leftovers()]
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
    for number in versions.numbers(storage):
        manifest = json.loads(storage.read(versions.manifest_path(number)))
        yield from _paths(manifest["shards"])
        for part in ("vocabulary", "index", "clusters", "layout"):
            yield from _paths(manifest.get(part, {}))
    for entry in storage.list("tables/"):
        if entry.path.endswith(".json"):
            yield entry.path
            stage, source, key = entry.path.removeprefix("tables/").removesuffix(".json").split("/", 2)
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


def purge_taken_down(storage: Storage, dry_run: bool = False) -> dict[int, list[str]]:
    """Remove the shards of old versions that hold samples which were taken down; returns version -> its shards.

    Such a version is redacted: its manifest stays, ``versions/<n>/redacted.json`` says which shards are gone and for
    which requests, and its report and card, which have pictures, go too. Raises ConfigError if the newest version still
    holds such a sample, and Busy as `collect_garbage`.
    """
    with collecting(storage) as mark:
        requests = takedown.requests(storage)
        taken = set(takedown.load(storage, requests).samples)
        holding: dict[str, bool] = {}
        found: dict[int, list[str]] = {}
        known = versions.numbers(storage)
        for number in reversed(known):
            for shard in versions.read(storage, number).shards:
                path = shard["path"]
                if path not in holding:
                    mark.refresh()
                    holding[path] = storage.exists(path) and not taken.isdisjoint(
                        row["sample_id"] for row in shards.rows(storage.read(path), shard["format"], ["sample_id"])
                    )
                if holding[path]:
                    found.setdefault(number, []).append(path)
        if known and known[-1] in found:
            raise ConfigError(
                f"version {known[-1]}, the newest, still holds samples that were taken down; run its config again to "
                "publish one without them, then purge"
            )
        if not dry_run:
            for number, paths in sorted(found.items()):
                told = {"shards": sorted({*paths, *versions.redacted(storage, number)}), "requests": requests}
                storage.write(versions.redaction_path(number), (json.dumps(told, indent=1) + "\n").encode())
                for page in page_paths(number):
                    storage.delete(page)
            for path in sorted({path for paths in found.values() for path in paths}):
                mark.refresh()
                storage.delete(path)
    return found
