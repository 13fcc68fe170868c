"""Tiers and splits, as tasks and steps: what edges count is looked up, edges are found, samples are sorted.

    lengths    of each sample its tokens with segments, and its ids: where edges count these, which takes the vocabulary
    measure    how many samples of some partitions have each length or score: where the tiers are quantiles
    edges      the edges that part the whole corpus as the quantiles say
    tier       of each sample its tier and its split

Edges that count atomic tokens or the score need no lengths, and fixed edges need neither of the two in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.grouping import filled
from pipeline.steps.base import NoSettings, Survivors, decided_of, side_table, versions_of
from pipeline.steps.encode import Encoding
from pipeline.steps.sides import of_survivors
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, inputs_of, planned
from stages.schema import LENGTHS, MEASURED
from stages.tier import (
    COLUMNS,
    TIER,
    CountedEdgeSettings,
    EdgeSettings,
    NoEdges,
    QuantileSettings,
    Tier,
    TierSettings,
    kinds,
    measured,
    quantile_tiers,
    tier,
)
from stages.tokenize import AtomicSettings

MEASURE_GROUP = 20_000
"""Samples that one task measures at most, if its first partition has no more; the result does not depend on it."""


def by_vocabulary(settings: TierSettings) -> bool:
    """Whether edges count what only a vocabulary says."""
    return settings.count in ("segment", "input_ids")


def edges_basis(config: Config, vocabulary: Mapping[str, Output]) -> dict[str, Any]:
    """What edges that are found must agree with to be used again: settings and code, not the corpus."""
    settings = config.tier.part(QuantileSettings)
    basis: dict[str, Any] = {"settings": settings.model_dump(mode="json")}
    if by_vocabulary(config.tier):
        basis["vocabulary"] = dict(Encoding.of(vocabulary).inputs)
    else:
        basis["tokens"] = config.tokenize.part(AtomicSettings).model_dump(mode="json")
    counting = {"atomic": "tokenize", "complexity": "score"}.get(settings.count, "encode")
    return basis | {"versions": versions_of(config, counting)}


# -- lengths


@dataclass(frozen=True)
class LengthsPayload:
    """Of which samples, by which vocabulary."""

    settings: NoSettings
    survivors: Survivors
    encoding: Encoding


def lengths_tasks(
    config: Config, samples: Sequence[Record], decided: Record, encoding: Encoding
) -> Iterator[Task[LengthsPayload]]:
    """One task for each samples partition."""
    versions, settings = versions_of(config, "encode"), NoSettings()
    for record in samples:
        rows = record.outputs["kept"]
        inputs = [*inputs_of([rows]), decided_of(decided, record), *encoding.inputs]
        payload = LengthsPayload(settings, Survivors.of(record, decided), encoding)
        yield planned(LENGTHS_STEP, record.source, record.key, payload, versions, inputs, record.rows_kept, rows.bytes)


def lengths_step(work: Work[LengthsPayload]) -> Record:
    """`stages.schema.LENGTHS` of a partition's survivors."""
    payload = work.task.payload
    rows = payload.survivors.read(work.storage, ["sample_id", "tokens"])
    return side_table(work, payload.encoding.table(work.storage, rows), LENGTHS, len(rows))


# -- measure


@dataclass(frozen=True)
class MeasurePayload:
    """``tables``: of what was decided, if edges count atomic tokens; else those that have the ``column``."""

    settings: NoSettings
    tables: tuple[str, ...]
    column: str


def measure_tasks(
    config: Config, samples: Sequence[Record], decided: Record, counting: Sequence[Record]
) -> Iterator[Task[MeasurePayload]]:
    """One task for each group of partitions. ``counting``: as for `tier_tasks`."""
    column = COLUMNS[config.tier.count]
    versions = versions_of(config, TIER.name)
    sizes = [(record.rows_kept, record.source) for record in samples]
    for group in filled(range(len(samples)), lambda i: sizes[i][0], MEASURE_GROUP, lambda i: sizes[i][1]):
        records = samples[group[0] : group[-1] + 1]
        first = records[0]
        if counting:
            tables = [counting[i].outputs["kept"] for i in group]
            inputs = inputs_of(tables)
        else:
            tables = [decided.outputs[f"{record.source}/{record.key}"] for record in records]
            inputs = [decided_of(decided, record) for record in records]
        payload = MeasurePayload(NoSettings(), tuple(table.path for table in tables), column)
        rows, size = sum(sizes[i][0] for i in group), sum(table.bytes for table in tables)
        inputs.append(("column", column))
        yield planned(MEASURE, first.source, first.key, payload, versions, inputs, rows, size)


def measure_step(work: Work[MeasurePayload]) -> Record:
    """How many of the survivors of some partitions have each length or score."""
    counts = measured(_values(work.storage, work.task.payload))
    rows = sum(counts["count"].to_pylist())
    return work.record({"kept": write_table(work.storage, work.path(), [counts], MEASURED)}, rows, rows)


def _values(storage: Storage, payload: MeasurePayload) -> Iterator[pa.ChunkedArray]:
    name = payload.column
    for path in payload.tables:
        if name == COLUMNS["atomic"]:
            yield of_survivors(storage, path, [name])[name]
        else:
            yield read_table(storage, path, columns=[name])[name]


# -- edges


@dataclass(frozen=True)
class EdgesPayload:
    """``tables``: `stages.schema.MEASURED` of all groups."""

    settings: QuantileSettings
    tables: tuple[str, ...]


def edges_tasks(config: Config, measures: Sequence[Record]) -> list[Task[EdgesPayload]]:
    """One task: the edges of the quantiles."""
    tables = [record.outputs["kept"] for record in measures]
    rows, size = sum(record.rows_kept for record in measures), sum(table.bytes for table in tables)
    payload = EdgesPayload(config.tier.part(QuantileSettings), tuple(table.path for table in tables))
    versions = versions_of(config, TIER.name)
    return [planned(EDGES, CORPUS, "edges", payload, versions, inputs_of(tables), rows, size)]


def edges_step(work: Work[EdgesPayload]) -> Record:
    """The tiers of the whole corpus with their edges. Raises ConfigError if the samples cannot be parted so."""
    payload = work.task.payload
    try:
        tiers = quantile_tiers((read_table(work.storage, path) for path in payload.tables), payload.settings)
    except NoEdges as error:
        raise ConfigError(f"tier.quantiles: {error}") from None
    rows = work.task.records
    return work.record({}, rows, rows, extra={"tiers": [each.model_dump(mode="json") for each in tiers]})


def tiers_found(record: Record) -> tuple[Tier, ...]:
    """The tiers that `edges_step` found."""
    return tuple(Tier.model_validate(each) for each in record.extra["tiers"])


# -- tier


@dataclass(frozen=True)
class TierPayload:
    """``decisions``: the table of what was decided of the partition. ``counting``: the table of its samples that has
    the ``column``; "": decisions have it."""

    settings: EdgeSettings
    decisions: str
    counting: str
    column: str


def tier_tasks(
    config: Config, tiers: tuple[Tier, ...], samples: Sequence[Record], decided: Record, counting: Sequence[Record]
) -> Iterator[Task[TierPayload]]:
    """One task for each samples partition. ``counting``: of each the table that has what edges count; none if that is
    atomic tokens, which decisions have."""
    splits, seed, count = config.tier.splits, config.tier.seed, config.tier.count
    settings = EdgeSettings(tiers=tiers, splits=splits, seed=seed)
    if count != "atomic":
        settings = CountedEdgeSettings(tiers=tiers, splits=splits, seed=seed, count=count)
    versions = {TIER.name: TIER.version}
    for place, record in enumerate(samples):
        name, rows = f"{record.source}/{record.key}", record.outputs["kept"]
        inputs = [*inputs_of([rows]), decided_of(decided, record), (f"keys {name}", str(decided.extra["keys"][name]))]
        table = counting[place].outputs["kept"] if counting else None
        inputs += [] if table is None else inputs_of([table])
        path = "" if table is None else table.path
        payload = TierPayload(settings, decided.outputs[name].path, path, COLUMNS[count])
        yield planned(TIER_STEP, record.source, record.key, payload, versions, inputs, record.rows_kept, rows.bytes)


def tier_step(work: Work[TierPayload]) -> Record:
    """The tiers and splits (`stages.schema.TIERED`) of a partition's survivors."""
    payload, storage = work.task.payload, work.storage
    rows = of_survivors(storage, payload.decisions, TIER.reads)
    if payload.counting:
        table = read_table(storage, payload.counting, columns=["sample_id", payload.column])
        if table["sample_id"] != rows["sample_id"]:
            raise ValueError(f"{payload.counting} is not of the samples of {payload.decisions}")
        rows = rows.append_column(table.schema.field(payload.column), table[payload.column])
    made = tier(rows, payload.settings, payload.column)
    return side_table(work, made, TIER.schema, len(rows), kinds(rows, made))


LENGTHS_STEP = Step("lengths", lengths_step, "looks up tokens with segments, and ids, for tiers", to=TIER.name)
MEASURE = Step("measure", measure_step, "counts how many samples have each length, for tiers", to=TIER.name)
EDGES = Step("edges", edges_step, "finds the edges of tiers", to=TIER.name, whole=True)
TIER_STEP = Step(TIER.name, tier_step, TIER.says)


def unused_steps(settings: TierSettings) -> set[Step[Any]]:
    """The steps that no run with these settings takes."""
    unused: set[Step[Any]] = set() if by_vocabulary(settings) else {LENGTHS_STEP}
    return unused if settings.quantiles else unused | {MEASURE, EDGES}
