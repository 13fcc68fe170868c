"""Finding duplicates, as tasks and steps: `stages.deduplicate` over blocks of samples partitions.

    bands   of each block of partitions (and of each takedown): the buckets of its samples, sorted
    pairs   of a range of the buckets of all blocks: candidates, by pairs of stretches
    compare of many candidates of two stretches: the duplicates among a part of them
    match   of each two stretches that have candidates: the duplicates among them

What becomes of them: `pipeline.steps.decisions`. A block is of one generation, as shards are: what is new in a version
is in blocks of its own. So a run reads the buckets of all samples, which are narrow, but compares drawings only where
one of the two is new. Of a large generation several blocks are a stretch: drawings are read once for each other
stretch.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.grouping import cut
from pipeline.steps.base import versions_of
from pipeline.steps.decided import DECIDER
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table, write_table
from pipeline.versions import takedown
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, CORPUS_WIDE, Step, Task, Work, inputs_of, planned
from stages import deduplicate
from stages.deduplicate import MatchSettings
from stages.deduplicate.matching import MOST_BITS
from stages.schema import BANDS, EDGES, PAIRS

BLOCK = 50_000
"""Samples of a block, about."""

STRETCH = 100_000
"""Samples of a stretch, about, at least."""

STRETCHES = 16
"""A generation has about so many stretches, or twice as many, if it is large enough."""

REDUCED = 8_000_000
"""Rows of buckets that one task of ``pairs`` takes, about: 30 for each sample."""

COMPARED = 4_000
"""Candidates that one task compares, about, at least: each takes up to some milliseconds."""

COMPARED_IN = 16
"""Tasks that compare, about, at most: each reads the features of both stretches."""

GROUP = 16_384
"""Rows of a row group of buckets."""


@dataclass(frozen=True)
class Block:
    """Some samples partitions, or the samples of a takedown, that are compared together."""

    key: str
    inputs: tuple[tuple[str, str], ...]
    """(path, digest) of the tables with the samples' features."""
    records: int
    generation: int


def blocks(
    samples: Sequence[Record], generations: Mapping[tuple[str, str], int], taken: Sequence[tuple[str, str]] = ()
) -> list[Block]:
    """The blocks of a run, takedowns first, then by generation. ``taken``: (path, digest) of tables of `takedown`."""
    all_blocks = [Block(f"takedown-{digest[:20]}", ((path, digest),), 0, 0) for path, digest in taken]

    rows, number = [], []
    for record in samples:
        rows.append(record.rows_kept)
        number.append(generations.get((record.source, record.key.rpartition("-")[0]), 1))

    def name(place: int) -> str:
        record = samples[place]
        return ledger.digest([record.source, record.key])

    order = sorted(range(len(samples)), key=number.__getitem__)
    for group in cut(order, name, rows.__getitem__, BLOCK, number.__getitem__):
        records = [samples[place] for place in group]
        inputs = tuple(inputs_of(record.outputs["kept"] for record in records))
        first, count = records[0], sum(record.rows_kept for record in records)
        all_blocks.append(Block(f"{first.source}-{first.key}", inputs, count, number[group[0]]))
    return all_blocks


def stretches(of: Sequence[Block]) -> list[list[Block]]:
    """Blocks that lie together and are matched together; each takedown is on its own.

    Each two stretches are a task of ``match``, that reads what they hold. So there are few, of a size that changes only
    where a generation doubles.
    """
    groups: list[list[Block]] = []
    for number, group in groupby(of, lambda block: block.generation):
        generation = list(group)
        share = sum(block.records for block in generation) // STRETCHES
        size = max(STRETCH, 1 << max(share.bit_length() - 1, 0)) if number else 1
        groups += cut(generation, lambda block: ledger.digest([block.key]), lambda block: block.records or 1, size)
    return groups


@dataclass(frozen=True)
class BandsPayload:
    """``tables``: of the block's samples."""

    settings: MatchSettings
    tables: tuple[str, ...]


def bands_tasks(config: Config, of: Sequence[Block]) -> list[Task[BandsPayload]]:
    """One task for each block."""
    settings, versions = config.deduplicate.part(MatchSettings), versions_of(config, "deduplicate")
    tasks = []
    for block in of:
        payload = BandsPayload(settings, tuple(path for path, _ in block.inputs))
        size = block.records * _NARROW_BYTES
        tasks.append(planned(BANDS_STEP, CORPUS, block.key, payload, versions, block.inputs, block.records, size))
    return tasks


_NARROW_BYTES = 700
"""Of a sample, about what is read to find its buckets; for estimates."""


class PairsSettings(MatchSettings):
    """What candidates depend on."""

    source_order: tuple[str, ...]
    stretches: tuple[int, ...]
    """The blocks of each."""
    range: tuple[int, int]
    """Which of how many ranges of buckets."""


class BandedPart(NamedTuple):
    """Row groups of a block's buckets, and in which stretch it is."""

    stretch: int
    path: str
    row_groups: tuple[int, ...]


@dataclass(frozen=True)
class PairsPayload:
    """``first`` and ``last``: of the range of buckets, both inclusive."""

    settings: PairsSettings
    parts: tuple[BandedPart, ...]
    first: int
    last: int


def pairs_tasks(
    config: Config, of: Sequence[Sequence[Block]], banded: Sequence[Record]
) -> Iterator[Task[PairsPayload]]:
    """As many tasks as the buckets of all blocks need, each over a range of them. ``of``: `stretches`."""
    stretch = {block.key: number for number, group in enumerate(of) for block in group}
    tables = [record.outputs["kept"] for record in banded]
    bands = [(stretch[record.key], record.outputs["kept"].path, record.extra["firsts"]) for record in banded]
    rows = sum(table.rows for table in tables)
    count = max(1, -(-rows // REDUCED))
    cuts = [(1 << 64) * k // count for k in range(count + 1)]
    versions, inputs = versions_of(config, "deduplicate"), tuple(inputs_of(tables))
    for k, (first, end) in enumerate(pairwise(cuts)):
        parts = []
        for number, path, firsts in bands:
            groups = tuple(range(max(bisect_right(firsts, first) - 1, 0), bisect_left(firsts, end)))
            if groups:
                parts.append(BandedPart(number, path, groups))
        settings = PairsSettings(
            **dict(config.deduplicate.part(MatchSettings)),
            source_order=tuple(source.name for source in (*config.benchmarks(), *config.sources)),
            stretches=tuple(len(group) for group in of),
            range=(k, count),
        )
        payload = PairsPayload(settings, tuple(parts), first, end - 1)
        key, records = f"range-{k:05}", rows // count
        yield planned(PAIRS_STEP, CORPUS, key, payload, versions, inputs, records, records * 20)


@dataclass(frozen=True)
class MatchPayload:
    """``pairs``: (path, row group) of candidates. ``tables``: of the samples' features."""

    settings: MatchSettings
    pairs: tuple[tuple[str, int], ...]
    tables: tuple[str, ...]
    taken: bool
    """Whether one of the two stretches is of what was taken down."""
    compared: tuple[str, ...] = ()
    """What `COMPARE` has found of all parts, in order; none where this task compares itself."""


def match_tasks(config: Config, of: Sequence[Sequence[Block]], paired: Sequence[Record]) -> list[Task[MatchPayload]]:
    """One task for each two stretches that have candidates."""
    parts: dict[tuple[int, int], list[tuple[str, int, int, str]]] = {}
    for record in paired:
        for group, (one, other, rows, digest) in enumerate(record.extra["groups"]):
            parts.setdefault((one, other), []).append((record.outputs["kept"].path, group, rows, digest))
    settings, versions = config.deduplicate.part(MatchSettings), versions_of(config, "deduplicate")
    tasks = []
    for (one, other), candidates in sorted(parts.items()):
        features = list(dict.fromkeys(pair for k in (one, other) for block in of[k] for pair in block.inputs))
        inputs = (*features, *(("pairs", digest) for _, _, _, digest in candidates))
        payload = MatchPayload(
            settings,
            tuple((path, group) for path, group, _, _ in candidates),
            tuple(path for path, _ in features),
            of[one][0].generation == 0 or of[other][0].generation == 0,
        )
        rows = sum(rows for _, _, rows, _ in candidates)
        # numbers would change with every takedown, which comes first
        key = ledger.digest([of[one][0].key, of[other][0].key])[:20]
        tasks.append(planned(MATCH_STEP, CORPUS, key, payload, versions, inputs, rows, rows * _NARROW_BYTES))
    return tasks


class CompareSettings(MatchSettings):
    """``range``: which of how many parts of the candidates."""

    range: tuple[int, int]


@dataclass(frozen=True)
class ComparePayload:
    """A part of what ``of`` would compare."""

    settings: CompareSettings
    of: MatchPayload


def compare_tasks(
    matching: Sequence[Task[MatchPayload]], runs: Callable[[Task[Any]], bool]
) -> list[Task[ComparePayload]]:
    """Several tasks for each of ``matching`` that ``runs`` and has many of all candidates.

    There are few tasks of `MATCH_STEP` unless a corpus is large, and each by itself would keep workers waiting.
    """
    size = max(COMPARED, sum(task.records for task in matching) // COMPARED_IN)
    tasks = []
    for task in matching:
        count = -(-task.records // size)
        # a takedown's edges are not in the order of its candidates, and it has few
        if count == 1 or task.payload.taken or not runs(task):
            continue
        for k in range(count):
            settings = CompareSettings(**dict(task.payload.settings), range=(k, count))
            payload = ComparePayload(settings, task.payload)
            versions, inputs = task.basis.versions, task.basis.inputs
            rows, data = task.records // count, task.size // count
            tasks.append(planned(COMPARE, CORPUS, f"{task.key}-{k:05}", payload, versions, inputs, rows, data))
    return tasks


def with_compared(matching: Sequence[Task[MatchPayload]], compared: Sequence[Record]) -> list[Task[MatchPayload]]:
    """``matching``, which put together what is in ``compared``, and write what they would have found themselves."""
    parts: dict[str, list[str]] = {}
    for record in compared:
        parts.setdefault(record.key.rpartition("-")[0], []).append(record.outputs["kept"].path)
    return [replace(task, payload=replace(task.payload, compared=tuple(parts.get(task.key, ())))) for task in matching]


def bands_step(work: Work[BandsPayload]) -> Record:
    """The buckets of a block's samples."""
    payload = work.task.payload
    columns = ["sample_id", "source", "geometry_key", "shingles", "picture_hash"]
    table = pa.concat_tables([read_table(work.storage, path, columns=columns) for path in payload.tables])
    buckets = deduplicate.bands(table, payload.settings)
    parts = [buckets.slice(begin, GROUP) for begin in range(0, len(buckets), GROUP)]
    output = write_table(work.storage, work.path(), parts, BANDS)
    firsts = [part["bucket"][0].as_py() for part in parts]
    return work.record({"kept": output}, table.num_rows, table.num_rows, extra={"firsts": firsts})


def pairs_step(work: Work[PairsPayload]) -> Record:
    """Candidates in a range of buckets, a row group for each two stretches."""
    payload = work.task.payload
    rank = {name: place for place, name in enumerate([takedown.SOURCE, *payload.settings.source_order])}
    rows = 0

    def parts() -> Iterator[tuple[int, pa.Table]]:
        nonlocal rows
        for number, path, groups in payload.parts:
            table = read_table(work.storage, path, row_group=list(groups))
            buckets = table["bucket"].to_numpy()
            begin = int(np.searchsorted(buckets, np.uint64(payload.first)))
            end = int(np.searchsorted(buckets, np.uint64(payload.last), side="right"))
            rows += end - begin
            yield number, table.slice(begin, end - begin)

    candidates = deduplicate.pairs(parts(), rank, payload.settings)
    groups = list(_by_blocks(candidates))
    output = write_table(work.storage, work.path(), [group for _, _, group in groups], PAIRS)
    sizes = [[one, other, len(group), _digest(group)] for one, other, group in groups]
    return work.record({"kept": output}, rows, len(candidates), extra={"groups": sizes})


def _by_blocks(candidates: pa.Table) -> Iterator[tuple[int, int, pa.Table]]:
    one, other = candidates["block_a"].to_numpy(), candidates["block_b"].to_numpy()
    changes = np.flatnonzero((one[1:] != one[:-1]) | (other[1:] != other[:-1])) + 1
    for begin, end in pairwise([0, *changes.tolist(), len(candidates)] if len(candidates) else [0]):
        yield int(one[begin]), int(other[begin]), candidates.slice(begin, end - begin)


def _digest(group: pa.Table) -> str:
    digest = hashlib.sha256()
    for name in ("a", "b", "kinds"):
        digest.update(group[name].to_numpy().tobytes())
    return digest.hexdigest()


def match_step(work: Work[MatchPayload]) -> Record:
    """The duplicates among the candidates of two stretches."""
    payload = work.task.payload
    candidates = _candidates(work.storage, payload)
    if payload.compared:
        edges = pa.concat_tables([read_table(work.storage, path) for path in payload.compared])
    else:
        edges = _compared(work.storage, payload, candidates)
    output = write_table(work.storage, work.path(), [edges], EDGES)
    return work.record({"kept": output}, len(candidates), len(edges))


def compare_step(work: Work[ComparePayload]) -> Record:
    """The duplicates among a part of the candidates of two stretches."""
    payload = work.task.payload
    candidates = _candidates(work.storage, payload.of)
    k, count = payload.settings.range
    begin, end = len(candidates) * k // count, len(candidates) * (k + 1) // count
    candidates = candidates.slice(begin, end - begin)
    edges = _compared(work.storage, payload.of, candidates)
    output = write_table(work.storage, work.path(), [edges], EDGES)
    return work.record({"kept": output}, len(candidates), len(edges))


def _candidates(storage: Storage, payload: MatchPayload) -> pa.Table:
    return deduplicate.merged([read_table(storage, path, row_group=group) for path, group in payload.pairs])


def _compared(storage: Storage, payload: MatchPayload, candidates: pa.Table) -> pa.Table:
    """The duplicates among some candidates."""
    wanted = np.unique(np.concatenate([candidates["a"].to_numpy(), candidates["b"].to_numpy()]))
    features = []
    for path in payload.tables:
        ids = read_table(storage, path, columns=["sample_id"])
        items = deduplicate.item_ids(ids["sample_id"])
        here = np.isin(items, wanted)
        if here.any():
            wanted = np.setdiff1d(wanted, items[here])
            table = read_table(storage, path, columns=list(deduplicate.FEATURES))
            features.append(table.filter(pa.array(here)))
    return _matched(candidates, pa.concat_tables(features), payload.settings)


TAKEN_BITS = 6
"""Of a picture hash's 192: what differs in no more from what was taken down is taken for the same picture, since there
is no picture of that to hold it against."""


def _matched(candidates: pa.Table, features: pa.Table, settings: MatchSettings) -> pa.Table:
    """`deduplicate.match`, also of what was taken down, of which there is a hash of a picture only."""
    hashes = features["picture_hash"]
    faceless = pc.and_(pc.is_null(features["picture"]), pc.is_valid(hashes)).to_numpy()
    if not faceless.any():
        return deduplicate.match(candidates, features, settings)
    place = features.column_names.index("picture_hash")
    blank = pc.if_else(pa.array(faceless), pa.nulls(len(features), hashes.type), hashes)
    matched = deduplicate.match(candidates, features.set_column(place, "picture_hash", blank), settings)
    rows = {item: row for row, item in enumerate(deduplicate.item_ids(features["sample_id"]).tolist())}
    bits = [None if each is None else int.from_bytes(each, "little") for each in hashes.to_pylist()]

    def apart(a: int, b: int) -> int | None:
        """In how many bits two differ, if one of them was taken down."""
        one, other = bits[rows[a]], bits[rows[b]]
        if one is None or other is None or not (faceless[rows[a]] or faceless[rows[b]]):
            return None
        return (one ^ other).bit_count()

    edges = {(row["a"], row["b"]): row for row in matched.to_pylist()}
    for a, b in zip(candidates["a"].to_pylist(), candidates["b"].to_pylist(), strict=True):
        bits_apart = apart(a, b)
        if bits_apart is None or not settings.pictures:
            continue
        known = edges.get((a, b))
        if known is not None and known["level"] == deduplicate.Level.NEAR and bits_apart > MOST_BITS:
            del edges[a, b]
        elif known is None and bits_apart <= TAKEN_BITS:
            score = 1 - bits_apart / 192
            edges[a, b] = {"a": a, "b": b, "level": int(deduplicate.Level.PICTURE), "score": score}
    return pa.Table.from_pylist(list(edges.values()), schema=EDGES)


BANDS_STEP = Step("bands", bands_step, "finds the buckets of samples", to=DECIDER)
PAIRS_STEP = Step(
    "pairs", pairs_step, "finds candidates: samples that share a bucket", to=DECIDER, whole=True, needs=CORPUS_WIDE
)
COMPARE = Step(
    "compare", compare_step, "finds which of many candidates are duplicates", to=DECIDER, large=True, needs=CORPUS_WIDE
)
MATCH_STEP = Step("match", match_step, "finds which candidates are duplicates", to=DECIDER, needs=CORPUS_WIDE)
