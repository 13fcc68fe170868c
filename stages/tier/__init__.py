"""Tiers of the curriculum by length or complexity, and splits by duplicate cluster.

HiVG (supplement, training): L1 30-326, L2 326-605, L3 605-1000 atomic tokens. A tier holds its lower edge and not its
upper one, which begins the next; the last tier holds both. What is below the first is ``short``, what is above the last
``long``: part of the version, not of the training stages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.base import SideStage
from stages.schema import TIERED
from stages.tier.quantiles import NoEdges, measured, quantile_tiers
from stages.tier.settings import (
    COLUMNS,
    LONG,
    SHORT,
    UNITS,
    Count,
    CountedEdgeSettings,
    EdgeSettings,
    Quantile,
    QuantileSettings,
    Tier,
    TierSettings,
    plain,
)

__all__ = [
    "COLUMNS",
    "LONG",
    "SHORT",
    "TIER",
    "UNITS",
    "Count",
    "CountedEdgeSettings",
    "EdgeSettings",
    "NoEdges",
    "Quantile",
    "QuantileSettings",
    "Tier",
    "TierSettings",
    "kinds",
    "measured",
    "plain",
    "quantile_tiers",
    "tier",
    "tiers_of",
]


def tier(table: pa.Table, settings: EdgeSettings, column: str = "atomic_length") -> pa.Table:
    """Tier and split (`stages.schema.TIERED`) of each row of ``table``: sample_id, keys, and what edges count."""
    return pa.table(
        [
            table["sample_id"].combine_chunks(),
            tiers_of(table[column].combine_chunks(), settings.tiers),
            pa.array([split_of_any(several, settings) for several in table["keys"].to_pylist()], pa.string()),
        ],
        schema=TIERED,
    )


def tiers_of(values: pa.Array, tiers: Sequence[Tier]) -> pa.Array:
    """The name of the tier of each of some lengths or scores. A score of 32 bits meets an edge of as many."""
    numbers = values.to_numpy(zero_copy_only=False)
    # integers are compared as they are
    kind = numbers.dtype if numbers.dtype.kind == "f" else np.dtype(np.float64)
    starts = np.array([each.start for each in tiers], kind)
    places = np.searchsorted(starts, numbers, "right")
    end = tiers[-1].end
    if end is not None:
        places[numbers > np.array(end, kind)] = len(tiers) + 1
    names = pa.array([SHORT, *(each.name for each in tiers), LONG], pa.string())
    return names.take(pa.array(places))


HELD_OUT = ("test", "validation")
"""Names of splits that win, the first before the second, where clusters come together that were published apart: what
was held out is never trained on. Of other names the one that the settings name later wins, and train before none."""


def split_of_any(keys: Sequence[str], settings: EdgeSettings) -> str:
    """The split of a duplicate cluster with these keys: one, or several if it was several when it was published."""
    if len(keys) == 1:
        return split_of(keys[0], settings)
    order = [name for name in settings.splits if name not in (*HELD_OUT, "train")]
    order = ["train", *order, *reversed(HELD_OUT)]
    return max((split_of(key, settings) for key in keys), key=order.index)


def split_of(key: str, settings: EdgeSettings) -> str:
    """The split of a key, which is the id of the cluster when it first was published: where its hash falls among the
    shares."""
    head = hashlib.sha256(f"{settings.seed}:{key}".encode()).digest()[:8]
    at = int.from_bytes(head, "big") / 2**64
    total = 0.0
    for name, share in settings.splits.items():
        total += share
        if at < total:
            return name
    return next(name for name in reversed(settings.splits) if settings.splits[name] > 0)


def kinds(rows: pa.Table, tiers: pa.Table) -> dict[str, list[tuple[str, str, int, int]]]:
    """{"kinds": [(tier, split, samples, their atomic tokens), ...]}, sorted. ``rows``: what ``tiers`` was made of."""
    sums = tiers.append_column("tokens", rows["atomic_length"].cast(pa.int64())).group_by(["tier", "split"])
    counted = sums.aggregate([([], "count_all"), ("tokens", "sum")]).sort_by(
        [("tier", "ascending"), ("split", "ascending")]
    )
    columns = (counted[name].to_pylist() for name in ("tier", "split", "count_all", "tokens_sum"))
    return {"kinds": list(zip(*columns, strict=True))}


TIER = SideStage(
    name="tier",
    version=2,
    settings=EdgeSettings,
    reads=("sample_id", "atomic_length", "keys"),
    schema=TIERED,
    make=tier,
    says="sorts samples into curriculum tiers and splits",
    shards={
        "tier": "Curriculum tier, by length or complexity.",
        "split": "Split; near-duplicates never straddle two splits.",
    },
)
