"""Crawl, as tasks and a step: a chunk of a source becomes a raw table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline.config import Config
from pipeline.sources.base import Chunk, ChunkLost, Entry, Listing, RawItem, Reader, Shape
from pipeline.sources.kinds import kinds
from pipeline.sources.no_input import bounded
from pipeline.sources.places import Placed
from pipeline.steps.base import dropped_output, taken_down, versions_of
from pipeline.storage.tables import write_table
from pipeline.versions import takedown
from pipeline.work.ledger import Inputs, Record
from pipeline.work.task import Step, Task, Work, dropped_counts, planned
from stages import crawl
from stages.base import Settings
from stages.crawl.records import LETS_ALL_IN
from stages.licenses.policy import Policy
from stages.schema import DROPPED, RAW


class ChunkSettings(Settings):
    """What the raw table of a chunk depends on beside its entries."""

    crawl: crawl.CrawlSettings
    rows: int
    """Records of a row group, which is what one task of the row-wise pass takes."""
    license: str
    policy: Policy
    source: Mapping[str, Any]
    """Of the source's settings those that count for a chunk of this shape, as JSON."""
    taken_down: tuple[str, ...]
    """What says that the table held something that is to be taken down."""


@dataclass(frozen=True)
class CrawlPayload:
    """A chunk, and what reads it."""

    settings: ChunkSettings
    reader: Reader
    chunk: Chunk
    takedowns: tuple[str, ...]


def crawl_tasks(
    config: Config,
    listings: Sequence[Listing],
    cut: Mapping[str, Sequence[Chunk]],
    takedowns: Sequence[str] = (),
    held: Mapping[tuple[str, str], Sequence[str]] | None = None,
) -> Iterator[Task[CrawlPayload]]:
    """One task for each chunk.

    ``takedowns``: paths of the requests. ``held``: (source, key) of a chunk that held what they name -> what says so.
    """
    known = kinds()
    benchmarks = {source.name for source in config.benchmarks()}
    for listing in listings:
        source, reader = listing.source, listing.read_with
        places = listing.places
        settings_of: dict[tuple[Shape, tuple[str, ...]], ChunkSettings] = {}
        versions = versions_of(config, "crawl") | {f"source {source.kind}": known[source.kind].version}
        for chunk in cut[source.name]:
            taken_down = tuple((held or {}).get((source.name, chunk.key), ()))
            settings = settings_of.get((chunk.shape, taken_down))
            if settings is None:
                settings = settings_of[chunk.shape, taken_down] = ChunkSettings(
                    crawl=config.crawl,
                    rows=config.partition.records,
                    license=source.license,
                    policy=LETS_ALL_IN if source.name in benchmarks else config.policy(),
                    source=source.reads(chunk.shape),
                    taken_down=taken_down,
                )
            if places:
                chunk = replace(chunk, places=Placed(places, chunk.entries))
            payload = CrawlPayload(settings, reader, chunk, tuple(takedowns))
            inputs = Inputs(partial(_inputs, chunk.entries))
            yield planned(CRAWL, source.name, chunk.key, payload, versions, inputs, len(chunk.entries), chunk.size)


def _inputs(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    return ((crawl.display(entry.path), entry.etag) for entry in entries)


def crawl_step(work: Work[CrawlPayload]) -> Record:
    """Read a chunk into a raw table: one row group for each partition of the row-wise pass."""
    payload, settings = work.task.payload, work.task.payload.settings
    source, limits = work.task.source, settings.crawl
    dropped: list[pa.Table] = []
    no_input: Counter[str] = Counter()
    taken = takedown.load(work.storage, payload.takedowns)
    placed = replace(payload.chunk, places=tuple(payload.chunk.places))  # looked up once
    chunk, sealed = _without_taken_down(placed, source, taken)
    dropped.extend(sealed)

    records = partial(
        crawl.crawl_records,
        source=source,
        license=settings.license,
        settings=limits,
        rows=settings.rows,
        ignored=no_input,
        policy=settings.policy,
    )

    def kept(items: Iterable[RawItem]) -> Iterator[pa.Table]:
        for raw, lost in records(items):
            down = taken.down(raw)
            gone = raw.filter(pa.array(down))
            # what is kept has to know that there is something at these paths
            places = [taken.places(source, path)[0] for path in gone["path"].to_pylist()]
            dropped.extend((lost, taken_down(gone.drop_columns("raw_id"), "crawl", places)))
            yield raw.filter(pa.array(~down))

    try:
        raw = write_table(work.storage, work.path(), kept(payload.reader.read(chunk, limits, no_input)), RAW)
    except ChunkLost as error:
        # the table is not written before its end, so what was read of the chunk is gone with it
        dropped.clear()
        no_input.clear()
        whole = [RawItem(error.path, (error.reason, error.detail))]
        raw = write_table(work.storage, work.path(), kept(whole), RAW)
    lost = pa.concat_tables([DROPPED.empty_table(), *dropped])
    outputs = {"kept": raw, **dropped_output(work, lost)}
    extra = {"no_input": bounded(no_input)} if no_input else {}
    return work.record(outputs, raw.rows + lost.num_rows, raw.rows, dropped=dropped_counts([lost]), extra=extra)


def _without_taken_down(chunk: Chunk, source: str, taken: takedown.Known) -> tuple[Chunk, list[pa.Table]]:
    """A chunk without the files that were taken down, of which a purge may have left nothing to read; and these."""
    if chunk.shape != "files" or not chunk.places:
        return chunk, []
    gone = [taken.holds([place.sha256]) for place in chunk.places]
    if not any(gone):
        return chunk, []
    paths = [crawl.display(path) for path, down in zip(chunk.paths, gone, strict=True) if down]
    rows = pa.table({"source": [source] * len(paths), "path": paths})
    sealed = [taken_down(rows, "crawl", [taken.places(source, path)[0] for path in paths])]
    left = [n for n, down in enumerate(gone) if not down]
    entries, places = tuple(chunk.entries[n] for n in left), tuple(chunk.places[n] for n in left)
    return replace(chunk, entries=entries, places=places), sealed


CRAWL = Step("crawl", crawl_step, crawl.SAYS)
