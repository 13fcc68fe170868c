"""What a run does for tiers: what edges count is looked up, edges are as the config or a version has them, or found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.run.history import History
from pipeline.run.stage import Run, StageRunner
from pipeline.steps.encode import Encoding
from pipeline.steps.tiers import (
    EDGES,
    LENGTHS_STEP,
    MEASURE,
    TIER_STEP,
    by_vocabulary,
    edges_basis,
    edges_tasks,
    lengths_tasks,
    measure_tasks,
    tier_tasks,
    tiers_found,
)
from pipeline.storage.tables import Output
from pipeline.versions.manifest import Manifest, Tiers
from pipeline.work.ledger import Record
from pipeline.work.records import Records


@dataclass(frozen=True)
class Tiered:
    """A record of tiers for each samples partition, and what the manifest says of them."""

    records: Records
    tiers: Tiers


def offer_tiers(history: History, runner: StageRunner, samples: Sequence[Record], decided: Record) -> None:
    """Offer what `tiered` needs nothing for but what was decided."""
    config = history.config
    if config.tier.count != "atomic" or runner.planning:
        return
    tiers = config.tier.tiers
    if config.tier.quantiles:
        version = frozen(history, edges_basis(config, {}))
        if version is None:
            runner.offer(MEASURE, partial(measure_tasks, config, samples, decided, ()))
            return
        tiers = version.tiers.settings()
    runner.offer(TIER_STEP, partial(tier_tasks, config, tiers, samples, decided, ()))


def tiered(
    history: History,
    run: Run,
    runner: StageRunner,
    samples: Sequence[Record],
    decided: Record,
    scored: Sequence[Record],
    vocabulary: Mapping[str, Output],
) -> Tiered:
    """Run, or plan, what tiers take. ``scored``: the records of scores, in the order of ``samples``."""
    config = history.config
    counting: Sequence[Record] = scored if config.tier.count == "complexity" else ()
    if by_vocabulary(config.tier):
        counting = run(LENGTHS_STEP, lengths_tasks(config, samples, decided, Encoding.of(vocabulary)))
    tiers, basis = config.tier.tiers, {}
    if config.tier.quantiles:
        basis = edges_basis(config, vocabulary)
        version = frozen(history, basis)
        if version is None:
            measures = run(MEASURE, measure_tasks(config, samples, decided, counting))
            (record,) = run(EDGES, edges_tasks(config, measures))
            tiers = tiers_found(record)
        else:
            runner.stays(EDGES, version.version)
            tiers = version.tiers.settings()
    records = run(TIER_STEP, tier_tasks(config, tiers, samples, decided, counting))
    return Tiered(records, Tiers.of(config.tier.count, tiers, basis))


def frozen(history: History, basis: Mapping[str, Any]) -> Manifest | None:
    """The newest version whose edges were found by ``basis``; None for none, or if the config has them found anew."""
    if history.parent is None or history.config.tier.edges == "learn":
        return None
    return next((version for version in history.newest_first() if version.tiers.basis == basis), None)


def plan_frozen(history: History, runner: StageRunner, vocabulary: Mapping[str, Output] | None) -> None:
    """Tell a plan that cannot go on of edges that stay. ``vocabulary``: None if it is not known."""
    config = history.config
    if config.tier.quantiles and (vocabulary is not None or not by_vocabulary(config.tier)):
        version = frozen(history, edges_basis(config, vocabulary or {}))
        if version is not None:
            runner.stays(EDGES, version.version)
