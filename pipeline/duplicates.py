"""Deduplication as tasks and steps: `stages.deduplicate` over blocks of samples partitions.

    bands        of each block of partitions (and of each takedown): the buckets of its samples, in slices
    pairs        of some slices of all blocks: candidates, by pairs of blocks
    match        of each pair of blocks that has candidates: the duplicates among them
    deduplicate  of the whole corpus: who stays

A block is of one generation, as shards are: what is new in a version is in blocks of its own. So a run reads the
buckets of all samples, which are narrow, but compares drawings only where one of the two is new.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import ledger, plan, takedown
from pipeline.config import Config
from pipeline.ledger import Basis, Record, table_path
from pipeline.tables import Output, read_table, table_bytes, write_bytes, write_table
from pipeline.work import Task, Work
from stages import deduplicate
from stages.reasons import Outcome, Reason, outcome
from stages.schema import BANDS, DECIDED, EDGES, INDEX, PAIRS

BLOCK = 100_000
"""Samples of a block, about."""

REDUCED = 8_000_000
"""Rows of buckets that one task of ``pairs`` takes, about: 30 for each sample."""


@dataclass(frozen=True)
class Block:
    """Some samples partitions, or the samples of a takedown, that are compared together."""

    key: str
    inputs: tuple[tuple[str, str], ...]
    """(path, digest) of the tables with the samples' features."""
    records: int


def blocks(
    samples: Sequence[Record], generations: Mapping[tuple[str, str], int], taken: Sequence[tuple[str, str]] = ()
) -> list[Block]:
    """The blocks of a run, takedowns first, then by generation. ``taken``: (path, digest) of tables of `takedown`.

    Where a block ends is decided by a hash of the next partition's key and its size, so that a partition that comes or
    goes changes its own block only.
    """
    found = [Block(f"takedown-{digest[:20]}", ((path, digest),), 0) for path, digest in taken]
    groups: list[list[Record]] = []
    filled, current = 0, -1

    def generation(record: Record) -> int:
        return generations.get((record.source, record.key.rpartition("-")[0]), 1)

    for record in sorted(samples, key=generation):
        chance = int(ledger.digest([record.source, record.key])[:13], 16) / 16**13
        fits = filled + record.rows_kept <= 2 * BLOCK and chance >= record.rows_kept / BLOCK
        if not groups or current != generation(record) or not fits:
            groups.append([])
            filled, current = 0, generation(record)
        groups[-1].append(record)
        filled += record.rows_kept
    for group in groups:
        inputs = tuple(plan.inputs_of(record.outputs["kept"] for record in group))
        found.append(Block(f"{group[0].source}-{group[0].key}", inputs, sum(record.rows_kept for record in group)))
    return found


def _settings(config: Config) -> dict[str, Any]:
    """Of the settings, what the way to the decisions depends on, beside the features themselves."""
    own = plan.dump(config.deduplicate)
    return {name: value for name, value in own.items() if name not in (*plan.SIGNATURE_SETTINGS, "flags")}


def bands_tasks(config: Config, of: Sequence[Block]) -> list[Task]:
    """One task for each block."""
    versions, own = plan.versions_of(config, "deduplicate"), _settings(config)
    text = config.deduplicate.model_dump_json()
    return [
        Task(
            "bands",
            plan.CORPUS,
            block.key,
            Basis(versions, own, block.inputs),
            {"settings": text, "tables": [path for path, _ in block.inputs]},
            block.records,
            block.records * _NARROW_BYTES,
        )
        for block in of
    ]


_NARROW_BYTES = 700
"""Of a sample, about what is read to find its buckets; for estimates."""


def pairs_tasks(config: Config, banded: Sequence[Record]) -> list[Task]:
    """As many tasks as the buckets of all blocks need, each over some slices of all of them."""
    order = [source.name for source in (*config.benchmarks(), *config.sources)]
    tables = [record.outputs["kept"] for record in banded]
    rows = sum(table.rows for table in tables)
    count = max(1, min(deduplicate.SLICES, -(-rows // REDUCED)))
    cuts = [deduplicate.SLICES * k // count for k in range(count + 1)]
    own = _settings(config) | {"source_order": order}
    tasks = []
    for first, end in pairwise(cuts):
        parts = []
        for number, record in enumerate(banded):
            sizes = record.extra["slices"]
            # a slice without rows has no row group
            begin = sum(size > 0 for size in sizes[:first])
            groups = list(range(begin, begin + sum(size > 0 for size in sizes[first:end])))
            if groups:
                parts.append((number, record.outputs["kept"].path, groups))
        basis = Basis(
            plan.versions_of(config, "deduplicate"), own | {"slices": [first, end]}, tuple(plan.inputs_of(tables))
        )
        payload = {"settings": config.deduplicate.model_dump_json(), "source_order": order, "parts": parts}
        here = sum(sum(record.extra["slices"][first:end]) for record in banded)
        tasks.append(Task("pairs", plan.CORPUS, f"slices-{first:02}-{end:02}", basis, payload, here, here * 24))
    return tasks


def match_tasks(config: Config, of: Sequence[Block], paired: Sequence[Record]) -> list[Task]:
    """One task for each two blocks that have candidates."""
    versions, own = plan.versions_of(config, "deduplicate"), _settings(config)
    text = config.deduplicate.model_dump_json()
    parts: dict[tuple[int, int], list[tuple[str, int, int, str]]] = {}
    for record in paired:
        for group, (one, other, rows, digest) in enumerate(record.extra["groups"]):
            parts.setdefault((one, other), []).append((record.outputs["kept"].path, group, rows, digest))
    tasks = []
    for (one, other), found in sorted(parts.items()):
        features = list(dict.fromkeys([*of[one].inputs, *of[other].inputs]))
        inputs = (*features, *((f"pairs {path.partition('.')[0]}", digest) for path, _, _, digest in found))
        payload = {
            "settings": text,
            "pairs": [(path, group) for path, group, _, _ in found],
            "tables": [path for path, _ in features],
        }
        rows = sum(rows for _, _, rows, _ in found)
        key = f"{one:05}-{other:05}"
        tasks.append(Task("match", plan.CORPUS, key, Basis(versions, own, inputs), payload, rows, rows * _NARROW_BYTES))
    return tasks


def deduplicate_tasks(
    config: Config,
    samples: Sequence[Record],
    matched: Sequence[Record],
    benchmarks: Sequence[Record] = (),
    earlier: str = "",
    takedowns: Sequence[str] = (),
) -> list[Task]:
    """One task over the whole corpus. ``benchmarks``: the samples of what the dataset must not overlap.

    ``earlier``: path of the index of the version whose samples stay, "" for none. It is no part of the basis: what was
    decided from the same samples before stands, which is what it is there for. ``takedowns``: paths of the requests
    (see `takedown`).
    """
    order = [source.name for source in config.sources]
    edges = [record.outputs["kept"] for record in matched]
    basis = Basis(
        plan.versions_of(config, "deduplicate"),
        plan.dump(config.deduplicate) | {"source_order": order, "takedowns": list(takedowns)},
        (
            *plan.inputs_of(record.outputs["kept"] for record in samples),
            *(("benchmark", record.outputs["kept"].sha256) for record in benchmarks),
            # the numbers of blocks, which are in the paths, say nothing
            *(("edges", digest) for digest in sorted(edge.sha256 for edge in edges if edge.rows)),
        ),
    )
    payload = {
        "settings": config.deduplicate.model_dump_json(),
        "source_order": order,
        "earlier": earlier,
        "takedowns": list(takedowns),
        "edges": [edge.path for edge in edges if edge.rows],
        "benchmarks": [record.outputs["kept"].path for record in benchmarks],
        "partitions": [(record.source, record.key, record.outputs["kept"].path) for record in samples],
    }
    rows = sum(record.rows_kept for record in samples)
    return [Task("deduplicate", plan.CORPUS, "decisions", basis, payload, rows, rows * _NARROW_BYTES)]


def bands_step(work: Work) -> Record:
    """The buckets of a block's samples, a row group for each slice that has any."""
    payload = work.task.payload
    settings = deduplicate.DeduplicateSettings.model_validate_json(payload["settings"])
    columns = ["sample_id", "source", "geometry_key", "shingles", "picture_hash"]
    table = pa.concat_tables([read_table(work.storage, path, columns=columns) for path in payload["tables"]])
    parts = deduplicate.slices(deduplicate.bands(table, settings))
    output = write_table(work.storage, work.path(), parts, BANDS)
    return work.record(
        {"kept": output}, table.num_rows, table.num_rows, extra={"slices": [len(part) for part in parts]}
    )


def pairs_step(work: Work) -> Record:
    """Candidates in some slices, a row group for each two blocks."""
    payload = work.task.payload
    settings = deduplicate.DeduplicateSettings.model_validate_json(payload["settings"])
    parts = [(number, read_table(work.storage, path, row_group=groups)) for number, path, groups in payload["parts"]]
    rank = {name: place for place, name in enumerate([takedown.SOURCE, *payload["source_order"]])}
    found = deduplicate.pairs(parts, rank, settings)
    rows = sum(len(part) for _, part in parts)
    del parts
    groups = list(_by_blocks(found))
    output = write_table(work.storage, work.path(), [group for _, _, group in groups], PAIRS)
    told = [[one, other, len(group), _digest(group)] for one, other, group in groups]
    return work.record({"kept": output}, rows, len(found), extra={"groups": told})


def _by_blocks(found: pa.Table) -> Iterator[tuple[int, int, pa.Table]]:
    one, other = found["block_a"].to_numpy(), found["block_b"].to_numpy()
    changes = np.flatnonzero((one[1:] != one[:-1]) | (other[1:] != other[:-1])) + 1
    for begin, end in pairwise([0, *changes.tolist(), len(found)] if len(found) else [0]):
        yield int(one[begin]), int(other[begin]), found.slice(begin, end - begin)


def _digest(group: pa.Table) -> str:
    digest = hashlib.sha256()
    for name in ("a", "b", "kinds"):
        digest.update(group[name].to_numpy().tobytes())
    return digest.hexdigest()


def match_step(work: Work) -> Record:
    """The duplicates among the candidates of two blocks."""
    payload = work.task.payload
    settings = deduplicate.DeduplicateSettings.model_validate_json(payload["settings"])
    candidates = deduplicate.merged(
        [read_table(work.storage, path, row_group=group) for path, group in payload["pairs"]]
    )
    wanted = np.unique(np.concatenate([candidates["a"].to_numpy(), candidates["b"].to_numpy()]))
    features = []
    for path in payload["tables"]:
        ids = read_table(work.storage, path, columns=["sample_id"])
        here = np.isin(deduplicate.item_ids(ids["sample_id"]), wanted)
        if here.any():
            table = read_table(work.storage, path, columns=list(deduplicate.FEATURES))
            features.append(table.filter(pa.array(here)))
    found = deduplicate.match(candidates, pa.concat_tables(features), settings)
    output = write_table(work.storage, work.path(), [found], EDGES)
    return work.record({"kept": output}, len(candidates), len(found))


def deduplicate_step(work: Work) -> Record:
    """Decide over the whole corpus which record of each cluster stays; one decisions table a samples partition.

    The index of all samples lies under its digest, since versions refer to it. The record says, in a bit for each row
    of a samples partition, which stay, and has a digest of these and their clusters: what follows depends on that, and
    not on their provenance, so that a shard stays as it is when a later source brings another copy of its samples.
    """
    payload = work.task.payload
    settings = deduplicate.DeduplicateSettings.model_validate_json(payload["settings"])
    columns = [*deduplicate.DECIDES, "atomic_length"]
    tables = [read_table(work.storage, path, columns=columns) for _, _, path in payload["partitions"]]
    earlier: frozenset[str] = frozenset()
    if payload["earlier"]:
        index = read_table(work.storage, payload["earlier"], columns=["sample_id"])
        earlier = frozenset(index["sample_id"].to_pylist())
    taken = takedown.load(work.storage, payload["takedowns"])
    edges = [read_table(work.storage, path) for path in payload["edges"]]
    narrow = pa.concat_tables(tables)
    benchmark = frozenset(
        sample_id
        for path in payload["benchmarks"]
        for sample_id in read_table(work.storage, path, columns=["sample_id"])["sample_id"].to_pylist()
    )
    decisions = deduplicate.deduplicate(narrow, edges, settings, payload["source_order"], earlier, taken, benchmark)
    decisions = decisions.append_column("atomic_length", narrow["atomic_length"].cast(pa.int32()))
    outputs: dict[str, Output] = {}
    kept: dict[str, str] = {}
    decided: dict[str, str] = {}
    before = ledger.load(work.storage, work.task.stage, work.task.source, work.task.key)
    there = {output.path for output in before.outputs.values()} if before else set()
    begin = 0
    for (source, key, _), table in zip(payload["partitions"], tables, strict=True):
        mine = decisions.slice(begin, len(table))
        begin += len(table)
        name = f"{source}/{key}"
        outputs[name] = write_table(work.storage, table_path("deduplicate", source, key), [mine], DECIDED, there)
        kept[name] = base64.b64encode(np.packbits(mine["kept"].to_numpy()).tobytes()).decode()
        stays = mine.filter(mine["kept"])
        decided[name] = ledger.digest([stays["sample_id"].to_pylist(), stays["cluster_id"].to_pylist()])
    samples = decisions.filter(decisions["kept"]).select(INDEX.names).sort_by("sample_id")
    data = table_bytes(samples, INDEX)
    outputs["index"] = write_bytes(work.storage, f"index/{hashlib.sha256(data).hexdigest()[:20]}.parquet", data)
    return work.record(
        outputs,
        narrow.num_rows,
        len(samples),
        **_counts(decisions, {"kept": kept, "decided": decided}),
    )


def _counts(decisions: pa.Table, extra: dict[str, Any]) -> dict[str, Any]:
    """What was dropped, by reason, and of each source the duplicates and, by reason, what a rule rejected."""
    lost = decisions.filter(pc.invert(decisions["kept"]))
    counted = Counter(zip(lost["source"].to_pylist(), lost["reason"].to_pylist(), strict=True))
    dropped: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    rejected: dict[str, dict[str, int]] = {}
    for (source, reason), n in sorted(counted.items()):
        dropped[reason] += n
        if outcome(Reason(reason)) is Outcome.DUPLICATE:
            duplicates[source] += n
        else:
            rejected.setdefault(source, {})[reason] = n
    extra = {"duplicates": dict(duplicates), "rejected": rejected, **extra}
    return {"dropped": {"deduplicate": dict(sorted(dropped.items()))} if dropped else {}, "extra": extra}


STEPS = {"bands": bands_step, "pairs": pairs_step, "match": match_step, "deduplicate": deduplicate_step}
