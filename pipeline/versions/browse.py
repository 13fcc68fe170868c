"""A workspace as its readers see it: the tables that its runs left, by what they hold instead of where they lie.

Whoever looks into a workspace without running anything reads it through here: the report, ``show``, ``duplicates``,
garbage collection, takedowns, tests. Tables are those of the newest run: what they say of an older version may have
moved on, what its manifest and shards say has not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage import lookup
from pipeline.storage.base import Storage
from pipeline.storage.tables import open_table, read_table
from pipeline.versions import published, shards
from pipeline.versions.manifest import CLUSTERS, INDEX, PROVENANCE, Manifest
from pipeline.work import ledger, sandbox
from pipeline.work.compacted import Listed
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS
from stages import crawl, schema
from stages.schema import RAW
from stages.sides import INDEXED

Place = tuple[str, str]
"""A record's source and path."""

DECIDED = ("raw_id", "source", "path", "sample_id", "cluster_id", "kept", "reason", "score")
"""Of `stages.schema.DECISIONS` what is shown of a record."""


PASSED = ("samples", "copied")
"""The stages whose tables say what the row-wise pass made of records: those that were run, and their copies."""


@dataclass(frozen=True)
class RecordPath:
    """Where the ledger has a record: ``path`` in the workspace, and what it is the record of."""

    path: str
    stage: str
    source: str
    key: str


def record_paths(storage: Storage, stage: str = "") -> Iterator[RecordPath]:
    """Where the records of a stage, or of all, lie, whichever sources they are of."""
    for entry in storage.list(f"tables/{stage}/" if stage else "tables/"):
        if entry.path.endswith(".json"):
            yield RecordPath(entry.path, *entry.path.removeprefix("tables/").removesuffix(".json").split("/", 2))


def records(storage: Storage, stage: str) -> Iterator[Record]:
    """The records of a stage that can be read, whichever sources they are of."""
    listed = Listed(storage, stage)
    for source, key in listed.names():
        record = listed.record(source, key)
        if record is not None:
            yield record


def dropped(storage: Storage, manifest: Manifest, most: int | None = None) -> Iterator[pa.Table]:
    """Tables `stages.schema.DROPPED` of the version's sources: what left before duplicates were decided on.

    ``most``: so many tables of the crawl, of the row-wise pass, and of copies, the first in path order.
    """
    names = [source.source for source in manifest.sources]
    decided = {name for record in ledger.records(storage, "deduplicate", [CORPUS]) for name in record.extra["kept"]}
    for stage in ("crawl", *PASSED):
        # a partition whose last copy is gone, or which has no more than copies now, has left a record behind
        outputs = (
            record.outputs.get("dropped")
            for record in ledger.records(storage, stage, names)
            if stage == "crawl" or f"{record.source}/{record.key}" in decided
        )
        for output in islice((output for output in outputs if output is not None), most):
            yield read_table(storage, output.path)


def decisions(storage: Storage, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Tables `stages.schema.DECISIONS`, one for each partition of samples; or only these columns."""
    for record in ledger.records(storage, "deduplicate", [CORPUS]):
        for name, output in sorted(record.outputs.items()):
            if "/" in name:  # else it is of the whole corpus
                yield read_table(storage, output.path, columns=columns)


def clusters(storage: Storage) -> list[str]:
    """Paths of the tables `stages.schema.CLUSTERS` of the newest run."""
    return sorted(
        output.path
        for record in ledger.records(storage, "deduplicate", [CORPUS])
        for name, output in record.outputs.items()
        if name.partition("-")[0] == CLUSTERS
    )


def edges(storage: Storage) -> Iterator[pa.Table]:
    """Tables of the pairs that deduplication looked at closely: ``a``, ``b``, ``level``, ``score``."""
    for record in ledger.records(storage, "deduplicate", [CORPUS]):
        for path in record.extra["edges"]:
            with open_table(storage, path) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group, use_threads=False)


def narrow(storage: Storage, manifest: Manifest, columns: Sequence[str]) -> Iterator[pa.Table]:
    """``columns`` of `stages.sides.INDEXED` of all samples, and ``path``, their shard's; some thousands at a time.

    They are those of the version's index, or of its shards if it has none, or not all of it any more.
    """
    gone = published.redacted(storage, manifest.version)
    index, parts = manifest.of_role(INDEX), shards.present(storage, manifest)
    if index and not gone and parts:
        for file in index:
            for table in lookup.row_groups(storage, file.path, [*columns, "shard"], "sample_id", "", "g"):
                yield table.select(list(columns)).append_column(
                    "path", pc.struct_field(table["shard"], parts[0].format)
                )
        return
    fields = pa.schema([*(INDEXED.field(name) for name in columns), ("path", pa.string())])
    for shard in parts:
        rows = shards.read(storage, shard, [*columns, "provenance"])
        while batch := list(islice(rows, _AT_ONCE)):
            # an earlier version's shards do not say the source
            each = [{"source": row["provenance"][0]["source"], **row, "path": shard.path} for row in batch]
            yield pa.Table.from_pylist(each, schema=fields)


_AT_ONCE = 5_000
"""Samples of a shard whose narrow columns are in memory at a time."""


def find(storage: Storage, manifest: Manifest, beginning: str, columns: Sequence[str]) -> list[shards.Row]:
    """The samples of a version whose ids, in hex digits, begin so, with at least these ``columns`` of their shards.

    The index says in which shards they are; a version that has none, or not all of it any more, is looked through.
    """
    parts = shards.present(storage, manifest)
    index = [] if published.redacted(storage, manifest.version) else manifest.of_role(INDEX)
    if index and parts:
        tables = (
            table
            for file in index
            for table in lookup.rows_that_begin(storage, file.path, ["sample_id", "shard"], "sample_id", beginning)
        )
        paths = {row["shard"][parts[0].format] for table in tables for row in table.to_pylist()}
        parts = [shard for shard in parts if shard.path in paths]
    last = beginning + "g"
    return [row for shard in parts for row in shards.between(storage, shard, columns, beginning, last)]


def origins(storage: Storage, manifest: Manifest, sample_id: str) -> list[dict[str, Any]]:
    """`DECIDED` of the records that are a sample or gave way to it, as far as the version tells of them."""
    gone = published.redacted(storage, manifest.version)

    def rows(role: str, key: str, value: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        wanted = pa.array([value], pa.string())
        paths = [file.path for file in manifest.of_role(role) if file.path not in gone]
        tables = (table for path in paths for table in lookup.rows_of(storage, path, columns, key, wanted))
        return [row for table in tables for row in table.to_pylist()]

    own = next(iter(rows(PROVENANCE, "sample_id", sample_id, schema.ORIGINS.names)), None)
    if own is None:
        return []
    cluster = own["cluster_id"]
    members = [
        {**dict.fromkeys(DECIDED), **row, "kept": not row["reason"]}
        for row in rows(CLUSTERS, "cluster_id", cluster, schema.CLUSTERS.names)
        if sample_id in (cluster, row["sample_id"])
    ]
    alone = own["provenance"][0] | {"sample_id": sample_id, "cluster_id": cluster, "kept": True, "score": 1.0}
    return members or [{name: alone.get(name) for name in DECIDED}]


def raw_rows(storage: Storage, places: Collection[Place]) -> pa.Table:
    """The raw records (`stages.schema.RAW`) at these places, sorted; those whose tables are gone are absent."""
    parts = [RAW.empty_table()]
    for source in sorted({source for source, _ in places}):
        paths = pa.array(sorted(path for name, path in places if name == source))
        for record in ledger.records(storage, "crawl", [source]):
            with open_table(storage, record.outputs["kept"].path) as file:
                for group in range(file.num_row_groups):
                    # the narrow column first: the bytes are read only of row groups that hold a wanted record
                    here = pc.is_in(file.read_row_group(group, columns=["path"])["path"], value_set=paths)
                    if pc.any(here).as_py():
                        parts.append(crawl.as_raw(file.read_row_group(group).filter(here)))
    return pa.concat_tables(parts).sort_by([("source", "ascending"), ("path", "ascending")])


def source_pictures(
    storage: Storage, places: Collection[Place], config: Mapping[str, Any], size: int = 192
) -> dict[Place, bytes]:
    """Small PNGs of source files by place, drawn in the sandbox; those that cannot be drawn are absent.

    ``config``: as a manifest has it. ``size``: the longer side, in pixels.
    """
    rows = raw_rows(storage, places)
    settings = json.dumps({"sanitize": config["sanitize"], "size": size})
    limits = sandbox.SandboxSettings.model_validate_json(json.dumps(config["sandbox"]))
    result = sandbox.shared("stages.preview:previews", limits).run(rows, settings)
    if not result.tables:
        return {}
    return {(row["source"], row["path"]): row["png"] for row in result.tables[0].to_pylist()}
