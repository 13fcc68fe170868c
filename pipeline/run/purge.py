"""Purge: what was taken down goes from old versions, and from every table of the workspace.

The newest version has to lack it already. Of versions before it the shards, indexes and tables that hold it are
removed; such a version is redacted: its manifest stays, ``versions/<n>/redacted.json`` says which files are gone, and
its report and card, which have pictures, go too. Tables that hold it are removed with the records that name them,
whatever their age. What has come in since, and was kept out because it equals or resembles what was taken down, is
remembered first, so that the next run does not store it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.asking.cache import Cache
from pipeline.errors import ConfigError, Damaged
from pipeline.run.purge_fetched import forget_fetched
from pipeline.sources.partitions import layout_batches, read_layout
from pipeline.steps import decided
from pipeline.steps.ask import ANSWERS
from pipeline.steps.copied import INHERIT, OUTCOMES_STEP
from pipeline.steps.copies import COPIES_STEP
from pipeline.steps.deal import DEAL, Piece, pieces_dealt, read_piece
from pipeline.steps.edited import EDITED_STEP
from pipeline.steps.index import INDEX_STEP
from pipeline.steps.learning import SEGMENTS
from pipeline.steps.lend import BORROW, LEND
from pipeline.steps.look import LOOK
from pipeline.steps.registry import STEPS, on_the_way_to
from pipeline.steps.repeats import HEAR, REPEATS
from pipeline.steps.rowwise import BISECT, SAMPLES_STEP
from pipeline.steps.tiers import LENGTHS_STEP, MEASURE
from pipeline.steps.write import WRITE
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.integrity import copy_checked
from pipeline.storage.tables import published_bytes, read_table
from pipeline.versions import browse, edits, published, shards, takedown
from pipeline.versions.attribution import attribution_path
from pipeline.versions.browse import PASSED, records
from pipeline.versions.gc import Garbage, collect
from pipeline.versions.manifest import INDEX, NAMING_RECORDS, PROVENANCE, File, Manifest, Shard
from pipeline.versions.takedown import FEATURES, Known, Rules, Targets
from pipeline.work import ledger
from pipeline.work.compacted import COMPACTED
from pipeline.work.ledger import Record
from pipeline.work.marks import Mark, collecting
from stages.reasons import Reason
from stages.sides import BESIDE as SIDES

BESIDE = (*(side.name for side in SIDES), LENGTHS_STEP.name, LOOK.name, ANSWERS.name, LEND.name)
"""Steps that make a table beside each samples partition, or that of its copies."""

ROUTED = (OUTCOMES_STEP.name, BORROW.name, EDITED_STEP.name)
"""Steps whose tables are made for partitions, and say of which samples they are."""


def purge_taken_down(storage: Storage, dry_run: bool = False) -> tuple[dict[int, list[str]], Garbage]:
    """Remove what was taken down; returns version -> its files that go, and what else does.

    Raises ConfigError if the newest version, or what the newest run stored, still holds it, and Busy as
    `gc.collect_garbage`.
    """
    with collecting(storage) as mark:
        requests = takedown.requests(storage)
        taken = takedown.load(storage, requests)
        known = published.numbers(storage)
        holding = _holding(storage, mark, taken, known)
        if known and known[-1] in holding:
            raise ConfigError(
                f"version {known[-1]}, the newest, still holds samples that were taken down; run its config again to "
                "publish one without them, then purge"
            )
        if known and not dry_run:
            newest = published.read(storage, known[-1])
            _forget_stale(storage, newest)
            _remember(storage, taken, newest)
            for number in known[:-1]:
                instead = _left(storage, taken, published.read(storage, number))
                if instead or number in holding:
                    published.redact(storage, number, holding.get(number, ()), requests, instead)
            # pages of versions that are whole may show what another source had of it
            for number in known[:-1]:
                for page in (*published.page_paths(number), attribution_path(number)):
                    storage.delete(page)
            for path in sorted({path for paths in holding.values() for path in paths}):
                mark.refresh()
                storage.delete(path)
            _forget_tables(storage, taken)
            forget_fetched(storage, taken)
            answers = Cache(storage)
            answers.forget(taken.down)
            edits.forget(storage, taken)
        needed_gone = {path for paths in holding.values() for path in paths}
        garbage = collect(storage, mark, 0.0, dry_run)
        for place, entries in garbage.objects.items():
            garbage.objects[place] = [entry for entry in entries if entry.path not in needed_gone]
    return holding, garbage


def _holding(storage: Storage, mark: Mark, taken: Known, known: Sequence[int]) -> dict[int, list[str]]:
    """Version -> its files that hold what was taken down."""
    holds: dict[str, bool] = {}
    holding: dict[int, list[str]] = {}
    for number in reversed(known):
        manifest = published.read(storage, number)
        # what older versions kept is garbage
        files = manifest.lasting if number != known[-1] else [*manifest.lasting, *manifest.kept]
        for file in files:
            if file.role not in NAMING_RECORDS:
                continue
            if file.path not in holds:
                mark.refresh()
                try:
                    holds[file.path] = taken.holds(_ids(storage, file))
                except NotFound:
                    holds[file.path] = False
            if holds[file.path]:
                holding.setdefault(number, []).append(file.path)
    return holding


def _left(storage: Storage, taken: Known, manifest: Manifest) -> dict[str, str]:
    """Path of each table of provenance of a version that holds what was taken down -> path of what is left of it.

    It is written here: what an old version said of other samples decides what later takedowns reach.
    """
    left = published.left_of(storage, manifest.version)
    instead = {}
    for file in manifest.of_role(PROVENANCE):
        try:
            table = read_table(storage, left.get(file.path, file.path))
        except NotFound:
            continue
        clean = _without(table, taken)
        if clean != table:
            data = published_bytes(clean, clean.schema)
            instead[file.path] = f"{PROVENANCE}/{hashlib.sha256(data).hexdigest()[:20]}.parquet"
            storage.write(instead[file.path], data)
    return instead


def _without(table: pa.Table, taken: Known) -> pa.Table:
    """A table of provenance (`stages.schema.ORIGINS`) without what was taken down."""
    table = table.filter(pa.array(~taken.down(table.select(["sample_id"])))).combine_chunks()
    origins = table["provenance"].combine_chunks()
    raw_ids = pa.table({"raw_id": pc.struct_field(origins.flatten(), "raw_id")})
    offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(origins).to_numpy())])
    stays = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(~taken.down(raw_ids)))
    left = decided.shown(origins, stays)
    table = table.set_column(table.schema.names.index("provenance"), table.schema.field("provenance"), left)
    return table.filter(pc.greater(pc.list_value_length(left), 0))


def _ids(storage: Storage, file: File) -> Iterator[str]:
    """The raw and sample ids in a file of a version."""
    if isinstance(file, Shard):
        for row in shards.read(storage, file, ["sample_id", "provenance"]):
            yield row["sample_id"]
            yield from (origin["raw_id"] for origin in row["provenance"])
        return
    table = pq.read_table(pa.BufferReader(storage.read(file.path)), use_threads=False)
    for name in ("raw_id", "sample_id"):
        if name in table.column_names:
            yield from (each for each in table[name].to_pylist() if each)
    if "provenance" in table.column_names:
        yield from pc.struct_field(pc.list_flatten(table["provenance"]), "raw_id").to_pylist()


def _remember(storage: Storage, taken: Known, newest: Manifest) -> None:
    """Note what the newest run kept out of the version and has in its tables. Raises ConfigError if that is new."""
    targets = Targets()
    named: set[str] = set()
    for table in browse.decisions(storage, columns=["raw_id", "sample_id", "reason"]):
        gone = table.filter(pc.equal(table["reason"], str(Reason.TAKEN_DOWN)))
        targets.raw_ids.update(gone["raw_id"].to_pylist())
        targets.samples.update(gone["sample_id"].to_pylist())
    passed = [record for stage in PASSED for record in records(storage, stage)]
    for record in passed:
        if "dropped" in record.outputs:
            table = read_table(storage, record.outputs["dropped"].path)
            gone = table.filter(pc.equal(table["reason"], str(Reason.TAKEN_DOWN)))
            targets.raw_ids.update(gone["id"].to_pylist())
    if not targets.raw_ids:
        return
    wanted = pa.array(sorted(targets.raw_ids), pa.string())
    for record in records(storage, "crawl"):
        ids = read_table(storage, record.outputs["kept"].path, columns=["raw_id"])["raw_id"]
        if pc.any(pc.is_in(ids, value_set=wanted)).as_py():
            targets.parts.add((record.source, record.key))
    for kept in newest.kept:
        ids = read_table(storage, kept.path, columns=["raw_id"])["raw_id"]
        if pc.any(pc.is_in(ids, value_set=wanted)).as_py():
            targets.parts.add((kept.source, kept.key))
    columns = ["raw_id", "source", "path", "url", "license", "sample_id"]
    for record in passed:
        table = read_table(storage, record.outputs["kept"].path, columns=columns)
        # what a rule names is a drawing of its own; what only resembles one takes nothing with it
        named.update(table.filter(pa.array(taken.named(table)))["sample_id"].to_pylist())
    for record in passed if named else ():
        # copies have no features of their own
        if record.stage == SAMPLES_STEP.name:
            features = read_table(storage, record.outputs["kept"].path, columns=FEATURES.names)
            here = pc.is_in(features["sample_id"], value_set=pa.array(sorted(named), pa.string()))
            targets.features.append(features.filter(here).cast(FEATURES))
    if targets.parts:
        takedown.record(storage, Rules(), targets)
        raise ConfigError(
            f"{len(targets.raw_ids)} files that came since equal or resemble what was taken down, or are named by a "
            "rule; they are remembered: run the config again, so that tables lack them, too, then purge"
        )


def _forget_stale(storage: Storage, newest: Manifest) -> None:
    """Remove the ledger records of partitions that the newest version is not made of: nobody looks after these."""
    if newest.layout is None:  # it does not say what it is made of
        return
    with copy_checked(storage, newest.layout.path, newest.layout.sha256) as stream:
        layout = read_layout(layout_batches(stream))
    current = {(source, chunk.key) for source, chunks in layout.items() for chunk in chunks}
    current |= {(kept.source, kept.key) for kept in newest.kept}
    for stage in ("crawl", *PASSED, INHERIT.name, *BESIDE):
        for record in records(storage, stage):
            key = record.key if stage == "crawl" else record.key.rpartition("-")[0]
            if (record.source, key) not in current:
                storage.delete(ledger.table_path(stage, record.source, record.key, "json"))

    shards_of = {shard.path for shard in newest.shards}
    for record in records(storage, WRITE.name):
        if any(shard["path"] not in shards_of for shard in record.extra["shards"]):
            storage.delete(ledger.table_path(record.stage, record.source, record.key, "json"))
    parts = {part.path for part in newest.of_role(INDEX)}
    for record in records(storage, INDEX_STEP.name):
        if record.outputs["kept"].path not in parts:
            storage.delete(ledger.table_path(record.stage, record.source, record.key, "json"))


def _forget_tables(storage: Storage, taken: Known) -> None:
    """Remove the ledger records of tables that hold what was taken down, of runs cut off and of other code, too."""
    for stage in ("crawl", COPIES_STEP.name, *PASSED, INHERIT.name, "keep"):
        for record in records(storage, stage):
            paths = [output.path for name, output in record.outputs.items() if name != "dropped"]
            if any(_is_in(storage, path, taken) for path in paths):
                storage.delete(ledger.table_path(stage, record.source, record.key, "json"))
    for stage in (*ROUTED, *BESIDE):
        for record in records(storage, stage):
            tables = [read_table(storage, table.path, columns=["sample_id"]) for table in record.outputs.values()]
            if any(taken.down(table.drop_null()).any() for table in tables):
                storage.delete(ledger.table_path(stage, record.source, record.key, "json"))
    for record in records(storage, DEAL.name):
        if _is_dealt(storage, record, taken):
            storage.delete(ledger.table_path(record.stage, record.source, record.key, "json"))
    # copies of records, of those that are removed here, too
    for entry in storage.list(COMPACTED):
        storage.delete(entry.path)
    # what earlier code, or a package that was uninstalled, has made: nothing here knows what is in it
    steps = {step.name for step in (*STEPS, BISECT)}
    for place in browse.record_paths(storage):
        if place.stage not in steps:
            storage.delete(place.path)
    # hashes of captions, and counts of texts, of runs of commands and of lengths, which are counted anew
    for step in (*on_the_way_to(SEGMENTS), MEASURE, HEAR, REPEATS):
        for entry in storage.list(f"tables/{step.name}/"):
            if entry.path.endswith(".json"):
                storage.delete(entry.path)


def _is_dealt(storage: Storage, record: Record, taken: Known) -> bool:
    """Whether what was dealt holds what was taken down, or nothing tells what it is."""
    try:
        pieces = pieces_dealt(storage, record)
    except (NotFound, Damaged):
        return True
    return any(_holds(storage, piece, taken) for piece in pieces)


def _holds(storage: Storage, piece: Piece, taken: Known) -> bool:
    """Whether what was dealt holds what was taken down; what is gone does not."""
    try:
        return bool(taken.down(read_piece(storage, piece, ["sample_id"])).any())
    except NotFound:
        return False


def _is_in(storage: Storage, path: str, taken: Known) -> bool:
    """Whether a table of records holds what was taken down; one that is gone does not."""
    try:
        return bool(taken.down(read_table(storage, path, columns=["raw_id"])).any())
    except NotFound:
        return False
