"""Settings of tiers and splits: what edges count, where they are or how they are found, and the shares of splits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, model_validator

from stages.base import Settings

SHORT, LONG = "short", "long"
"""Tiers of what lies below the first edge, and above the last."""

Count = Literal["atomic", "segment", "input_ids", "complexity"]

COLUMNS: dict[Count, str] = {
    "atomic": "atomic_length",
    "segment": "segment_length",
    "input_ids": "ids_length",
    "complexity": "complexity",
}
"""What edges count -> the column of shards that has it."""

UNITS: dict[Count, str] = {
    "atomic": "atomic tokens",
    "segment": "tokens with segments",
    "input_ids": "ids",
    "complexity": "complexity",
}
"""What edges count, in words."""


def plain(value: float) -> int | float:
    """As an integer where it is whole, which is how configs and manifests spell it."""
    return int(value) if value == int(value) else value


Edge = Annotated[float, Field(ge=0, allow_inf_nan=False), PlainSerializer(plain, return_type=int | float)]

_NAME = r"^[A-Za-z0-9_-]{1,32}$"
_NAMED = "goes into shard paths; neither short nor long"


class Tier(Settings):
    """One tier: from its lower edge up to its upper one."""

    name: str = Field(pattern=_NAME, description=_NAMED)
    start: Edge = Field(alias="from", description="inclusive; what `count` says")
    end: Edge | None = Field(
        alias="to", description="exclusive, but inclusive for the last tier, which has no upper edge if this is null"
    )


class Quantile(Settings):
    """One tier by its share of the samples."""

    name: str = Field(pattern=_NAME, description=_NAMED)
    share: float = Field(gt=0, le=1, description="of the samples from `least` to `most`; all sum to 1")


_PAPER = (("L1", 30, 326), ("L2", 326, 605), ("L3", 605, 1000))


class EdgeSettings(Settings):
    """Tiers with their edges, and the splits: what a sample's tier and split depend on."""

    tiers: tuple[Tier, ...] = Field(
        tuple(Tier.model_validate({"name": name, "from": start, "to": end}) for name, start, end in _PAPER),
        description="contiguous and increasing; what is below the first is short, what is above the last is long",
    )
    splits: dict[str, float] = Field(
        {"train": 0.98, "validation": 0.01, "test": 0.01}, min_length=1, description="name: share; they sum to 1"
    )
    seed: int = Field(0, description="another seed gives another split")

    @model_validator(mode="after")
    def _contiguous(self) -> Self:
        for one, two in pairwise(self.tiers):
            if one.end is None:
                raise ValueError(f"tier {one.name} has no upper edge, which only the last tier may lack")
            if one.end != two.start:
                raise ValueError(
                    f"tier {two.name} begins at {plain(two.start)}, but {one.name} ends at {plain(one.end)}"
                )
        for each in self.tiers:
            if each.end is not None and each.start >= each.end:
                raise ValueError(f"tier {each.name} begins at {plain(each.start)}; its end must be above that")
        _check_names([each.name for each in self.tiers])
        shares = list(self.splits.values())
        if any(not 0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares of splits must be 0 to 1 and sum to 1, not {sum(shares):g}")
        return self


class CountedEdgeSettings(EdgeSettings):
    """The same, of edges that count something else than atomic tokens."""

    count: Count


class QuantileSettings(Settings):
    """What the edges of quantiles depend on beside the samples."""

    count: Count = Field(
        "atomic",
        description="what edges count: atomic tokens, tokens with segments, input_ids, or the complexity score",
    )
    quantiles: tuple[Quantile, ...] = Field(
        (), description="instead of tiers: their edges are found in the first version's samples and then stay"
    )
    least: Edge = Field(0, description="with quantiles: what is below is short; the first tier's lower edge, inclusive")
    most: Edge | None = Field(
        None, description="with quantiles: what is above is long; the last tier's upper edge, inclusive; null: none"
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.quantiles:
            total = sum(each.share for each in self.quantiles)
            if abs(total - 1) > 1e-6:
                raise ValueError(f"the shares of quantiles must sum to 1, not {total:g}")
            _check_names([each.name for each in self.quantiles])
        if self.most is not None and self.least >= self.most:
            raise ValueError(f"most is {plain(self.most)}, which must be above least, {plain(self.least)}")
        return self


class TierSettings(EdgeSettings, QuantileSettings):
    """What curriculum tiers go by, where their edges are, and the shares of the splits; see [Tiers](tiers.md)."""

    edges: Literal["frozen", "learn"] = Field(
        "frozen",
        description="with quantiles: frozen: as the newest version with equal settings has them; learn: found anew",
    )

    @model_validator(mode="after")
    def _fixed_or_quantiles(self) -> Self:
        given = self.model_fields_set
        if self.quantiles:
            if "tiers" in given and self.tiers:
                raise ValueError("give tiers or quantiles, not both")
            # else a config that is read back would have both
            object.__setattr__(self, "tiers", ())
        elif not self.tiers:
            raise ValueError("give at least one of tiers, or quantiles")
        elif "tiers" not in given and self.count == "complexity":
            raise ValueError("the default tiers count tokens; with count: complexity give tiers or quantiles")
        elif unused := [name for name, value in self._of_quantiles().items() if value]:
            raise ValueError(f"{' and '.join(unused)}: only with quantiles; tiers have their edges in from and to")
        if self.count != "complexity":
            edges = [edge for each in self.tiers for edge in (each.start, each.end)]
            for edge in (*edges, self.least, self.most):
                if edge is not None and edge != int(edge):
                    raise ValueError(f"the edge {edge} is not whole, but count: {self.count} counts whole tokens")
        return self

    def _of_quantiles(self) -> dict[str, bool]:
        """Name of what means nothing to fixed edges -> whether it is set."""
        return {"least": self.least > 0, "most": self.most is not None, "edges": self.edges != "frozen"}

    @property
    def names(self) -> tuple[str, ...]:
        """The tiers in order, without short and long."""
        return tuple(each.name for each in self.quantiles or self.tiers)


def _check_names(names: Sequence[str]) -> None:
    if len(set(names)) < len(names) or {SHORT, LONG} & set(names):
        raise ValueError("tier names must differ from each other and from short and long")
