"""What a run has of the versions before it: their lineage, how they were cut, what they kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, Listing
from pipeline.sources.partitions import chunks, layout_batches, read_layout
from pipeline.steps import keep
from pipeline.steps.deal import Kind
from pipeline.storage import integrity
from pipeline.storage.base import Storage
from pipeline.versions import published, shards, takedown
from pipeline.versions.lineage import Past
from pipeline.versions.manifest import LINEAGE, PROVENANCE, Kept, Manifest
from pipeline.work.ledger import Record
from pipeline.work.records import Records
from pipeline.work.task import Task
from stages.crawl.records import LETS_ALL_IN
from stages.licenses.policy import Policy
from stages.write import Amount, fits, places


def _dealt(version: Manifest) -> dict[Kind, tuple[int, int]]:
    """Kind -> its samples in a version, and into how many shards they were dealt."""
    dealt: dict[Kind, tuple[int, int]] = {}
    for shard in shards.one_format(version.shards):
        if shard.generation is not None:
            kind = Kind(shard.generation, shard.tier, shard.split)
            dealt[kind] = (dealt.get(kind, (0, 0))[0] + shard.rows, shard.places)
    return dealt


def _policy_of(version: Manifest) -> Policy:
    """Which records a version let in; one that is older than policies, all."""
    if "licenses" not in version.config:
        return LETS_ALL_IN
    named = {name: version.config[name] for name in Policy.model_fields}
    return Policy.model_validate_json(json.dumps(named))


class History:
    """Of one run. ``parent``: the version that it builds on; ``forget``: decide as if nothing were published."""

    def __init__(self, config: Config, storage: Storage, parent: Manifest | None, forget: bool = False) -> None:
        self.config, self.storage, self.parent = config, storage, parent
        self._forget = forget
        self._layouts: dict[int, dict[str, list[Chunk]]] = {}
        self._before: dict[str, keep.Before] = {}

    def past(self) -> Past:
        """What earlier versions published, which decides before anything else."""
        parent = self.parent
        if parent is None:
            return Past()
        if self._forget:
            return Past(version=parent.version)
        files = parent.of_role(PROVENANCE if parent.lineage is None else LINEAGE)
        return Past(tuple((file.path, file.sha256) for file in files), parent.version, parent.lineage is None)

    def cut(self, listings: Sequence[Listing]) -> dict[str, list[Chunk]]:
        """The crawl partitions of each source: those of an earlier version, and new ones for what is new.

        That is the newest version that was cut by the same settings, so that a setting changed and changed back gives
        what it gave before; nothing older than what was repacked.
        """
        parent, records, repack = self.parent, self.config.partition.records, self.config.write.repack
        layout: dict[str, list[Chunk]] = {}
        generation = 1
        if parent is not None and not repack:
            generation = parent.version + 1
            for version in self.newest_first():
                if version.config["partition"]["records"] == records:
                    layout = self._layout_of(version)
                    break
                if version.config["write"]["repack"]:
                    break
        keeping = [listing.source.name for listing in listings if listing.source.on_missing == "keep"]
        if parent is not None and keeping:
            last = self._layout_of(parent)
            for name in keeping:
                of = last.get(name, [])
                tables = [kept for kept in parent.kept if kept.source == name]
                raw = keep.raw_tables(self.storage, of, name, parent.raw)
                self._before[name] = keep.Before(of, raw, tables, _policy_of(parent))
        cut = {
            listing.source.name: chunks(listing, records, layout.get(listing.source.name, ()), generation)
            for listing in listings
        }
        self._layouts.clear()  # nothing that follows asks for them
        return cut

    def _layout_of(self, version: Manifest) -> dict[str, list[Chunk]]:
        if version.layout is None:
            return {}
        if version.version not in self._layouts:
            layout = version.layout
            with integrity.copy_checked(self.storage, layout.path, layout.sha256) as stream:
                self._layouts[version.version] = read_layout(layout_batches(stream))
        return self._layouts[version.version]

    def newest_first(self) -> Iterator[Manifest]:
        """All versions: a setting changed and changed back finds what was learned with it."""
        assert self.parent is not None
        yield self.parent
        for number in reversed(published.numbers(self.storage)):
            if number < self.parent.version:
                yield published.read(self.storage, number)

    def places(self, planned: Mapping[Kind, Amount]) -> dict[Kind, int]:
        """Into how many shards each kind is dealt: as many as an earlier version did, so that shards stay.

        That is the newest version with the same targets that had as many samples of the kind, so that a setting changed
        and changed back gives what it gave before; else the newest whose number is still right for the samples of
        now; nothing older than what was repacked.
        """
        size = self.config.render.size or 0
        targets = self.config.write
        load = {kind: amount.load(targets, size) for kind, amount in planned.items()}
        counts: dict[Kind, int] = {}
        if self.parent is None or targets.repack:
            return {kind: places(each) for kind, each in load.items()}
        # no version has shards of a generation to come
        open_kinds = {kind for kind in planned if kind.generation <= self.parent.version}
        for version in self.newest_first() if open_kinds else ():
            settings = version.config["write"]
            if all(settings.get(name) == getattr(targets, name) for name in ("shard_rows", "shard_bytes")):
                for kind, (rows, count) in _dealt(version).items():
                    if kind in open_kinds and rows == planned[kind].rows:
                        counts[kind] = count
                        open_kinds.remove(kind)
                    elif kind in open_kinds and kind not in counts and fits(load[kind], count):
                        counts[kind] = count
            if not open_kinds or settings["repack"]:
                break
        return {kind: counts.get(kind) or places(each) for kind, each in load.items()}

    def keep_tasks(
        self,
        listings: Sequence[Listing],
        cut: Mapping[str, Sequence[Chunk]],
        crawled: Records,
        takedowns: Sequence[str],
        parts: takedown.Parts,
    ) -> list[Task[Any]]:
        """The tasks that find what sources keep, where that is not what it was. Raises ConfigError if some is gone."""
        version = 1 if self.parent is None else self.parent.version + 1
        tasks = []
        for listing in listings:
            before = self._before.get(listing.source.name)
            if before is None:
                continue
            for lost in keep.missing(self.storage, before.kept):
                raise ConfigError(
                    f"source {lost.source}: {lost.rows} kept records are not there: {self.storage.locate(lost.path)} "
                    f"is damaged or gone; {integrity.remedy_for(lost.path)}"
                )
            records_of = crawled.of_sources({listing.source.name})
            marks = [mark for kept in before.kept for mark in parts.of(kept.source, kept.key)]
            chunks_ = cut[listing.source.name]
            records, policy = self.config.partition.records, self.config.policy()
            source = listing.source
            task = keep.keep_task(before, source, chunks_, records_of, version, takedowns, marks, records, policy)
            if task is not None:
                tasks.append(task)
        return tasks

    def kept(self, listings: Sequence[Listing], records: Sequence[Record]) -> list[Kept]:
        """What sources keep: as it was, or as ``records`` of tasks have it."""
        version = 1 if self.parent is None else self.parent.version + 1
        by_source = {record.source: record for record in records}
        every: list[Kept] = []
        for listing in listings:
            before, record = self._before.get(listing.source.name), by_source.get(listing.source.name)
            if before is not None:
                license = listing.source.license
                now = before.kept if record is None else keep.tables_of(record, before.kept, version, license)
                every += sorted(now, key=lambda kept: kept.key)
        return every
