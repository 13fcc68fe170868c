"""What a source has no more, and ``on_missing: keep`` holds on to: raw records in tables of their own.

A version names the raw tables of every source that keeps, and the tables of what is kept (`manifest.RawTable`, `Kept`).
What vanished since is found in these, whatever settings or unpublished runs came between, and goes into a table
``kept/<source>/kept-<version>.parquet``, which no later cut of the source touches. A record leaves it when its path is
there again, when it is taken down, or when the config does not let it in any more: for good, as it is nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, SourceSettings
from pipeline.sources.partitions import compared
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.versions import takedown
from pipeline.versions.manifest import KEPT_PLACE, Kept, RawTable
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, planned
from stages import crawl
from stages.base import Settings
from stages.crawl.records import LETS_ALL_IN
from stages.licenses.policy import Policy
from stages.licenses.settle import of_source
from stages.reasons import Reason
from stages.schema import RAW


@dataclass(frozen=True)
class Before:
    """What the version that a run builds on had of a source: its chunks, their raw tables, and what it kept."""

    chunks: Sequence[Chunk]
    raw: Mapping[str, str]
    """Key of a chunk -> path of its raw table."""
    kept: Sequence[Kept]
    policy: Policy = LETS_ALL_IN
    """Which records it let in."""


class Gone(Settings):
    """A raw table of before, of which records are not there any more."""

    raw: str
    paths: tuple[str, ...] | None
    """Their paths; None: all that is not there again."""


class KeepSettings(Settings):
    """All that decides what is kept."""

    kept: tuple[Kept, ...]
    """The tables of before."""
    gone: tuple[Gone, ...]
    fresh: tuple[str, ...]
    """Raw tables of archives and tables that are new or have changed."""
    lost: tuple[str, ...]
    """What was dropped of these."""
    files: tuple[str, ...]
    """Paths of files that are new."""
    license: str
    """Of the source."""
    policy: Policy
    """Which records are let in."""
    version: int
    takedowns: tuple[str, ...]
    marks: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class KeepPayload:
    """What is kept is decided by settings alone: tables are named by their content."""

    settings: KeepSettings


def raw_tables(storage: Storage, chunks: Sequence[Chunk], source: str, named: Sequence[RawTable]) -> dict[str, str]:
    """The raw tables of a source's chunks: those that the version names, else those that the workspace has now."""
    found = {raw.key: raw.path for raw in named if raw.source == source}
    for chunk in chunks:
        if chunk.key not in found:
            record = ledger.load(storage, "crawl", source, chunk.key)
            if record is not None:
                found[chunk.key] = record.outputs["kept"].path
    return found


def keep_task(
    before: Before,
    source: SourceSettings,
    cut: Sequence[Chunk],
    crawled: Sequence[Record],
    version: int,
    takedowns: Sequence[str],
    marks: Sequence[str],
    rows: int,
    policy: Policy,
) -> Task[KeepPayload] | None:
    """The task that finds what a source keeps; None if that is what it was. ``crawled``: in the order of ``cut``.

    ``marks``: what of the kept tables a takedown names. ``rows``: of a row group at most. ``policy``: of this run.
    Raises ConfigError if a table is not known any more.
    """
    # beside loose files, each of which is a record, paths are of what holds records
    whole = [number for number, chunk in enumerate(cut) if chunk.shape != "files"]
    own = [chunk for chunk in before.chunks if chunk.shape == "files"]
    others = [chunk for chunk in before.chunks if chunk.shape != "files"]
    fresh: set[int] = set()
    of_whole = compared([cut[number] for number in whole], before.chunks)
    for number, (unknown, known) in zip(whole, of_whole, strict=True):
        path = crawled[number].outputs["kept"].path
        if unknown or any(before.raw.get(before.chunks[each].key) != path for each in known):
            fresh.add(number)
    gone: list[Gone] = []
    of_own, of_others = compared(own, cut), compared(others, [cut[number] for number in whole])
    for chunk in before.chunks:
        missing, there = next(of_own if chunk.shape == "files" else of_others)
        changed = chunk.shape != "files" and not missing and any(whole[each] in fresh for each in there)
        if not missing and not changed:
            continue
        if chunk.key not in before.raw:
            raise ConfigError(
                f"source {source.name}: {(missing or chunk.paths)[0]} has changed or is gone, and so is "
                "the table that held what it was; bring it back, or set on_missing: remove"
            )
        names = None if chunk.shape != "files" else tuple(crawl.display(path) for path in missing)
        gone.append(Gone(raw=before.raw[chunk.key], paths=names))
    files = [chunk for chunk in cut if chunk.shape == "files"] if before.kept else []
    new = sorted(path for unknown, _ in compared(files, before.chunks) for path in unknown)
    other = any(kept.license != source.license or policy != before.policy for kept in before.kept)
    if not gone and not other and not marks and not (before.kept and (new or fresh)):
        return None
    anew = [crawled[number] for number in sorted(fresh)]
    settings = KeepSettings(
        kept=tuple(before.kept),
        gone=tuple(gone),
        fresh=tuple(record.outputs["kept"].path for record in anew),
        lost=tuple(record.outputs["dropped"].path for record in anew if "dropped" in record.outputs),
        files=tuple(crawl.display(path) for path in new),
        license=source.license,
        policy=policy,
        version=version,
        takedowns=tuple(takedowns),
        marks=tuple(marks),
        rows=rows,
    )
    versions, count = {"crawl": crawl.VERSION}, sum(kept.rows for kept in before.kept)
    return planned(KEEP, source.name, "kept", KeepPayload(settings), versions, (), count)


def keep_step(work: Work[KeepPayload]) -> Record:
    """Tables of what is kept: those of before without what is there again, and one of what has vanished since."""
    settings, storage = work.task.payload.settings, work.storage
    taken = takedown.load(storage, settings.takedowns)
    here, sealed = set(settings.files), set()
    for path in settings.fresh:
        here.update(read_table(storage, path, columns=["path"])["path"].to_pylist())
    for path in settings.lost:
        table = read_table(storage, path, columns=["path", "reason", "detail"])
        here.update(table["path"].to_pylist())
        sealed.update(table.filter(pc.equal(table["reason"], str(Reason.TAKEN_DOWN)))["detail"].to_pylist())
    back = pa.array(sorted(here), pa.string())

    reasons: Counter[str] = Counter()

    def left(table: pa.Table) -> pa.Table:
        stays = pc.invert(pc.is_in(table["path"], value_set=back))
        table = table.filter(stays)
        if sealed:
            names = [taken.places(work.task.source, path) for path in table["path"].to_pylist()]
            table = table.filter(pa.array([sealed.isdisjoint(places) for places in names], pa.bool_()))
        table = table.filter(pa.array(~taken.down(table)))
        table = _licensed(table, settings.license)
        refused = [
            settings.policy.refuses(license, permission)
            for license, permission in zip(table["license"].to_pylist(), table["permission"].to_pylist(), strict=True)
        ]
        reasons.update(str(each[0]) for each in refused if each is not None)
        return table.filter(pa.array([each is None for each in refused], pa.bool_()))

    outputs: dict[str, Output] = {}
    rows = 0
    for kept in settings.kept:
        table = crawl.as_raw(read_table(storage, kept.path))
        rows += len(table)
        now = left(table)
        if now == table:
            outputs[kept.key] = Output(kept.path, kept.sha256, kept.bytes, kept.rows, tuple(kept.row_groups))
        elif len(now):
            outputs[kept.key] = _write(work, kept.key, now)
    parts = [RAW.empty_table()]
    for gone in settings.gone:
        table = crawl.as_raw(read_table(storage, gone.raw))
        if gone.paths is not None:
            table = table.filter(pc.is_in(table["path"], value_set=pa.array(gone.paths, pa.string())))
        parts.append(left(table))
    found = pa.concat_tables(parts)
    # a path can have been in two chunks of an archive that moved
    rows += len(found)
    if len(found):
        key = f"kept-{settings.version}"
        outputs[key] = _write(work, key, found.sort_by("path"))
    dropped = {"crawl": dict(sorted(reasons.items()))} if reasons else {}
    return work.record(outputs, rows, sum(output.rows for output in outputs.values()), dropped=dropped)


def _licensed(table: pa.Table, license: str) -> pa.Table:
    """Raw records with ``license`` where they state none themselves."""
    settled = of_source(license)
    own = table["own_license"]
    columns = {
        "license": pc.coalesce(own, pa.scalar(settled.license)),
        "license_from": pc.if_else(pc.is_null(own), pa.scalar(settled.origin), table["license_from"]),
    }
    for name, column in columns.items():
        table = table.set_column(RAW.names.index(name), name, column)
    return table


def _write(work: Work[KeepPayload], key: str, table: pa.Table) -> Output:
    size = work.task.payload.settings.rows
    parts = [table.slice(begin, size) for begin in range(0, len(table), size)]
    return write_table(work.storage, f"{KEPT_PLACE}{work.task.source}/{key}.parquet", parts, RAW)


def tables_of(record: Record, before: Sequence[Kept], version: int, license: str) -> list[Kept]:
    """What `keep_step` made, as a manifest names it."""
    generations = {kept.key: kept.generation for kept in before}
    return [
        Kept(
            source=record.source,
            key=key,
            path=output.path,
            sha256=output.sha256,
            bytes=output.bytes,
            rows=output.rows,
            row_groups=output.row_groups,
            generation=generations.get(key, version),
            license=license,
        )
        for key, output in sorted(record.outputs.items())
    ]


def record_of(kept: Kept) -> Record:
    """A table of kept records, as what a crawl has made."""
    output = Output(kept.path, kept.sha256, kept.bytes, kept.rows, kept.row_groups)
    return Record("keep", kept.source, kept.key, "", {}, {}, "", {"kept": output}, kept.rows, kept.rows)


def missing(storage: Storage, kept: Sequence[Kept]) -> list[Kept]:
    """The tables that are not there, or not of the size they were."""
    if not kept:
        return []
    sizes = {entry.path: entry.size for entry in storage.list(KEPT_PLACE)}
    return [each for each in kept if sizes.get(each.path) != each.bytes]


KEEP = Step("keep", keep_step, "holds on to what a source has no more", to="crawl", whole=True)
