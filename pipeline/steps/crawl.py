"""Crawl, as tasks and a step: loose files, or one archive, become a raw table."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import pyarrow as pa

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.sources.folder import within
from pipeline.sources.partitions import Chunk, Listing, bounded
from pipeline.steps.base import dropped_output, taken_down, versions_of
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.folder import open_regular
from pipeline.storage.open import open_storage
from pipeline.storage.tables import write_table
from pipeline.storage.uri import is_s3
from pipeline.versions import takedown
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Step, Task, Work, dropped_counts
from stages import crawl
from stages.reasons import Reason
from stages.schema import DROPPED, RAW


def crawl_tasks(
    config: Config,
    listings: Sequence[Listing],
    cut: Mapping[str, Sequence[Chunk]],
    takedowns: Sequence[str] = (),
    held: Mapping[tuple[str, str], Sequence[str]] | None = None,
) -> list[Task[dict[str, Any]]]:
    """One task for each chunk of loose files and each archive.

    ``takedowns``: paths of the requests. ``held``: (source, key) of a chunk that held what they name -> what says so.
    """
    tasks = []
    settings = config.crawl.model_copy(update={"batch_rows": config.partition.records})
    versions = versions_of(config, "crawl")
    for listing in listings:
        source = listing.source
        for chunk in cut[source.name]:
            own: dict[str, Any] = {"crawl": settings.model_dump(mode="json"), "license": source.license}
            if chunk.archive:
                own |= {"glob": source.glob, "column": source.column, "on_bad_archive": source.on_bad_archive}
            if held and held.get((source.name, chunk.key)):
                own["taken_down"] = list(held[source.name, chunk.key])
            if source.allow_links_to:
                own["allow_links_to"] = list(source.allow_links_to)
            basis = Basis(versions, own, tuple((crawl.display(e.path), e.etag) for e in chunk.entries))
            payload = {
                "root": listing.root,
                "paths": [entry.path for entry in chunk.entries],
                "takedowns": list(takedowns),
                "archive": chunk.archive,
                "is_root": listing.is_archive,
                "roots": list(listing.roots),
                "column": source.column,
                "on_bad_archive": source.on_bad_archive,
                "source": source.name,
                "license": source.license,
                "glob": source.glob,
                "settings": settings.model_dump_json(),
            }
            size = sum(entry.size for entry in chunk.entries)
            tasks.append(Task(CRAWL, source.name, chunk.key, basis, payload, len(chunk.entries), size))
    return tasks


def crawl_step(work: Work[dict[str, Any]]) -> Record:
    """Read loose files, or one archive, into a raw table: one row group for each partition of the row-wise pass."""
    payload, settings = work.task.payload, crawl.CrawlSettings.model_validate_json(work.task.payload["settings"])
    whose = f"source {payload['source']}"
    dropped: list[pa.Table] = []
    reading = crawl.Reading(payload["column"], payload["on_bad_archive"] == "drop")
    taken = takedown.load(work.storage, payload["takedowns"])

    def kept(items: Iterable[tuple[str, bytes | tuple[Reason, str]]]) -> Iterator[pa.Table]:
        for raw, lost in crawl.crawl_records(items, payload["source"], payload["license"], settings):
            down = taken.down(raw)
            gone = raw.filter(pa.array(down))
            # what is kept has to know that there is something at these paths
            places = [taken.places(payload["source"], path)[0] for path in gone["path"].to_pylist()]
            dropped.extend((lost, taken_down(gone.drop_columns("raw_id"), "crawl", places)))
            yield raw.filter(pa.array(~down))

    items: Iterable[tuple[str, bytes | tuple[Reason, str]]]
    if payload["archive"]:
        items = _read_archive(payload, settings, reading)
    else:
        items = _read_files(payload["root"], payload["paths"], payload["roots"], settings.max_bytes)
    try:
        raw = write_table(work.storage, work.path(), kept(items), RAW)
    except crawl.NoColumn as error:
        if payload["is_root"]:
            raise ConfigError(f"{whose}: {error}") from None
        # beside drawings, a table of something else is no fault
        reading.no_input[crawl.NO_COLUMN] += 1
        raw = write_table(work.storage, work.path(), (), RAW)
    except crawl.ArchiveError as error:
        if not reading.drop_bad:
            raise ConfigError(f"{whose}: {error}, or set the source's on_bad_archive: drop") from None
        # the table is not written before its end, so what was read of the archive is gone with it
        dropped.clear()
        reading.no_input.clear()
        lost_whole = [(payload["paths"][0], (Reason.BAD_ARCHIVE, error.what))]
        raw = write_table(work.storage, work.path(), kept(lost_whole), RAW)
    lost = pa.concat_tables([DROPPED.empty_table(), *dropped])
    outputs = {"kept": raw, **dropped_output(work, lost)}
    extra = {"no_input": bounded(reading.no_input)} if reading.no_input else {}
    return work.record(outputs, raw.rows + lost.num_rows, raw.rows, dropped=dropped_counts([lost]), extra=extra)


def _read_archive(
    payload: Mapping[str, Any], settings: crawl.CrawlSettings, reading: crawl.Reading
) -> Iterator[tuple[str, bytes | tuple[Reason, str]]]:
    """The members of a partition's archive, if it is still there."""
    for path in payload["paths"]:
        prefix = "" if payload["is_root"] else f"{crawl.display(path)}/"
        whole = not payload["is_root"] and crawl.matches(path, payload["glob"])

        def select(name: str, prefix: str = prefix, whole: bool = whole) -> bool:
            return whole or crawl.matches(prefix + name, payload["glob"])

        with _open_archive(payload["root"], path, payload["roots"]) as stream:
            for member in crawl.members(stream, path, settings, select, reading):
                yield prefix + member.path, member.content


def _open_archive(root: str, path: str, roots: Sequence[str]) -> BinaryIO:
    try:
        return open_storage(root).open(path) if is_s3(root) else _open_file(root, path, roots)
    except NotFound:
        raise crawl.ArchiveError(path, "gone since it was listed") from None
    except OSError as error:
        raise crawl.ArchiveError(path, error.strerror or str(error)) from None


def _read_files(
    root: str, paths: Sequence[str], roots: Sequence[str], limit: int
) -> Iterator[tuple[str, bytes | tuple[Reason, str]]]:
    """The content of each file, or why it is not to be had, in order."""
    if not is_s3(root):
        for path in paths:
            yield path, _read_file(root, path, roots, limit)
        return
    storage = open_storage(root)
    # an object takes long to answer and no time to send, so many are asked for at once, and few held
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for begin in range(0, len(paths), _AT_ONCE):
            some = paths[begin : begin + _AT_ONCE]
            yield from zip(some, pool.map(lambda path: _read_object(storage, path, limit), some), strict=True)


_AT_ONCE = 16
"""Objects of a source that are read at a time."""


def _read_object(storage: Storage, path: str, limit: int) -> bytes | tuple[Reason, str]:
    try:
        with storage.open(path) as stream:
            if stream.seek(0, os.SEEK_END) > limit:
                return Reason.TOO_LARGE, f"over {limit} bytes"
            stream.seek(0)
            return stream.read()
    except NotFound:  # whatever else the store says is not this file's fault, and ends the partition
        return Reason.UNREADABLE, "gone since it was listed"


def _read_file(root: str, path: str, roots: Sequence[str], limit: int) -> bytes | tuple[Reason, str]:
    try:
        with _open_file(root, path, roots) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        return Reason.UNREADABLE, error.strerror or str(error)
    return data if len(data) <= limit else (Reason.TOO_LARGE, f"over {limit} bytes")


def _open_file(root: str, path: str, roots: Sequence[str]) -> BinaryIO:
    """A regular file of a source's folder. Raises OSError, also if a link leads out of ``roots`` (none: anywhere)."""
    whole = f"{root}/{path}"
    if roots and not within(os.path.realpath(whole), roots):
        raise OSError(errno.EPERM, "the link leads out of the source's folder; name where to in allow_links_to")
    return open_regular(whole)


CRAWL = Step("crawl", crawl_step, crawl.SAYS)
