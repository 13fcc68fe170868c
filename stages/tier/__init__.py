"""Tiers of the curriculum by atomic token length, and splits by duplicate cluster.

HiVG (supplement, training): L1 30-326, L2 326-605, L3 605-1000 atomic tokens. A tier holds its lower edge and not its
upper one, which begins the next; the last tier holds both. Shorter samples are ``short``, longer ones ``long``: part of
the version, not of the training stages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import pyarrow as pa
from pydantic import Field, model_validator

from stages.base import Settings, SideStage
from stages.schema import TIERED

__all__ = ["TIER", "Tier", "TierSettings", "tier"]

SHORT, LONG = "short", "long"


class Tier(Settings):
    """One tier: lengths from ``from`` up to ``to``."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="goes into shard paths; neither short nor long")
    start: int = Field(alias="from", ge=0, description="atomic tokens, inclusive")
    end: int = Field(alias="to", ge=1, description="atomic tokens; exclusive, but inclusive for the last tier")


_PAPER = (("L1", 30, 326), ("L2", 326, 605), ("L3", 605, 1000))


class TierSettings(Settings):
    """Edges of the tiers, and shares of the splits."""

    tiers: tuple[Tier, ...] = Field(
        tuple(Tier.model_validate({"name": name, "from": start, "to": end}) for name, start, end in _PAPER),
        min_length=1,
        description="contiguous and increasing",
    )
    splits: dict[str, float] = Field(
        {"train": 0.98, "validation": 0.01, "test": 0.01}, min_length=1, description="name: share; they sum to 1"
    )
    seed: int = Field(0, description="another seed gives another split")

    @model_validator(mode="after")
    def _contiguous(self) -> Self:
        for one, two in pairwise(self.tiers):
            if one.end != two.start:
                raise ValueError(f"tier {two.name} begins at {two.start}, but {one.name} ends at {one.end}")
        if any(t.start >= t.end for t in self.tiers):
            raise ValueError("a tier must end above its beginning")
        names = [t.name for t in self.tiers]
        if len(set(names)) < len(names) or {SHORT, LONG} & set(names):
            raise ValueError("tier names must differ from each other and from short and long")
        shares = list(self.splits.values())
        if any(not 0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares of splits must be 0 to 1 and sum to 1, not {sum(shares):g}")
        return self


def tier(table: pa.Table, settings: TierSettings) -> pa.Table:
    """Tier and split (`stages.schema.TIERED`) of each row of ``table``: sample_id, atomic_length, keys."""
    lengths, keys = table["atomic_length"].to_pylist(), table["keys"].to_pylist()
    return pa.table(
        [
            table["sample_id"].combine_chunks(),
            pa.array([tier_of(length, settings) for length in lengths], pa.string()),
            pa.array([split_of_any(several, settings) for several in keys], pa.string()),
        ],
        schema=TIERED,
    )


def tier_of(length: int, settings: TierSettings) -> str:
    """The tier of a sample with ``length`` atomic tokens."""
    if length < settings.tiers[0].start:
        return SHORT
    for one in settings.tiers:
        if length < one.end:
            return one.name
    last = settings.tiers[-1]
    return last.name if length == last.end else LONG


HELD_OUT = ("test", "validation")
"""Names of splits that win, the first before the second, where clusters come together that were published apart: what
was held out is never trained on. Of other names the one that the settings name later wins, and train before none."""


def split_of_any(keys: Sequence[str], settings: TierSettings) -> str:
    """The split of a duplicate cluster with these keys: one, or several if it was several when it was published."""
    if len(keys) == 1:
        return split_of(keys[0], settings)
    order = [name for name in settings.splits if name not in (*HELD_OUT, "train")]
    order = ["train", *order, *reversed(HELD_OUT)]
    return max((split_of(key, settings) for key in keys), key=order.index)


def split_of(key: str, settings: TierSettings) -> str:
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
    settings=TierSettings,
    reads=("sample_id", "atomic_length", "keys"),
    schema=TIERED,
    make=tier,
    says="sorts samples into curriculum tiers and splits",
    shards={
        "tier": "Curriculum tier, by atomic length.",
        "split": "Split; near-duplicates never straddle two splits.",
    },
    counts=kinds,
)
