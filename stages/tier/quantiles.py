"""The edges of tiers that are given as shares: exact quantiles of a whole corpus, from how often each value occurs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.schema import MEASURED
from stages.tier.settings import UNITS, Quantile, QuantileSettings, Tier, plain

__all__ = ["NoEdges", "measured", "quantile_tiers"]


class NoEdges(ValueError):
    """The samples cannot be parted as the settings want it."""


MERGED = 1_000_000
"""Rows of counts that are brought together at a time."""


def measured(values: Iterable[pa.ChunkedArray]) -> pa.Table:
    """How many samples have each value (`stages.schema.MEASURED`), sorted by it."""
    return _merged(pa.table([each.cast(pa.float64()), pa.repeat(1, len(each))], schema=MEASURED) for each in values)


def _merged(tables: Iterable[pa.Table]) -> pa.Table:
    """The sums of some counts, sorted by value."""
    waiting = [MEASURED.empty_table()]
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) > MERGED:
            waiting = [_summed(waiting)]
    return _summed(waiting)


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    rows = pa.concat_tables(tables)
    # sorted, since hashes of whole numbers as floats collide
    values, place = np.unique(rows["value"].to_numpy(), return_inverse=True)
    counts = np.zeros(len(values), np.int64)
    np.add.at(counts, place, rows["count"].to_numpy())
    return pa.table([values, counts], schema=MEASURED)


def quantile_tiers(counts: Iterable[pa.Table], settings: QuantileSettings) -> tuple[Tier, ...]:
    """The tiers of ``settings.quantiles`` with the edges that part a corpus as their shares say.

    ``counts``: `measured` of parts of the corpus. Of the values from ``least`` to ``most``, both inclusive, the edge
    after the share q is ``numpy.quantile(values, q, method="higher")``, the lowest value of the tier above it. Equal
    values are in one tier, so that a tier may hold less than its share. Raises NoEdges if one would hold nothing.
    """
    every = _merged(counts)
    values, rows = every["value"].to_numpy(), every["count"].to_numpy()
    least, most = settings.least, math.inf if settings.most is None else settings.most
    if settings.count == "complexity":
        least, most = float(np.float32(least)), float(np.float32(most))
    within = (values >= least) & (values <= most)
    values, below = values[within], np.cumsum(rows[within])
    if not len(values):
        upper = "more" if settings.most is None else f"up to {plain(settings.most)}"
        least = plain(settings.least)
        raise NoEdges(f"no sample has {least} or {upper} {UNITS[settings.count]}; set least and most to others")
    starts = [settings.least, *_edges(values, below, settings)]
    if starts[-1] == settings.most:
        raise _empty(settings.quantiles[-1], int(below[-1]), settings)
    ends = [*starts[1:], settings.most]
    return tuple(
        Tier.model_validate({"name": each.name, "from": start, "to": end})
        for each, start, end in zip(settings.quantiles, starts, ends, strict=True)
    )


def _edges(values: npt.NDArray[np.float64], below: npt.NDArray[np.int64], settings: QuantileSettings) -> list[float]:
    """The edges between the tiers. ``below``: how many samples have a value or less."""
    total = int(below[-1])
    share = Decimal(0)
    edges: list[float] = []
    taken = 0
    for each in settings.quantiles[:-1]:
        # of decimals, as they are written: 0.1 and 0.2 are 0.3
        share += Decimal(str(each.share))
        place = int(np.searchsorted(below, math.ceil(float(share) * (total - 1)), "right"))
        before = int(below[place - 1]) if place else 0
        if before == taken:
            raise _empty(each, total, settings)
        taken = before
        edges.append(_spelled(values[place], settings))
    return edges


def _empty(quantile: Quantile, total: int, settings: QuantileSettings) -> NoEdges:
    return NoEdges(
        f"{quantile.name} has no range of its own: too many of {total} samples have equal {UNITS[settings.count]}; "
        "give it a larger share, or use fewer quantiles"
    )


def _spelled(value: float, settings: QuantileSettings) -> float:
    """Of a score, which is a 32-bit number, the shortest decimal that is the same number."""
    return float(str(np.float32(value))) if settings.count == "complexity" else float(value)
