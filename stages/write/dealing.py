"""Which samples go into which shard: all of a kind are dealt by the hash that their id is.

A *kind* is a tier and a split of one generation. Its samples are dealt into shards by equal ranges of sample ids, so
that each shard is a mixture of all sources, and a sample that comes or goes changes its own shard alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.deduplicate import item_ids
from stages.write.settings import WriteSettings

TOKEN_BYTES = 20
"""Of text and ids in a shard, before compression, for each atomic token; about."""

PIXEL_BYTES = 0.05
"""Of a picture in a shard, for each of its pixels; about."""


@dataclass(frozen=True)
class Amount:
    """How much there is of a kind."""

    rows: int = 0
    tokens: int = 0
    """Atomic tokens."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.rows + other.rows, self.tokens + other.tokens)

    def load(self, settings: WriteSettings, picture_size: int) -> float:
        """How many shards that would fill. ``picture_size``: side of the pictures, px; 0 for none."""
        size = self.tokens * TOKEN_BYTES + self.rows * picture_size * picture_size * PIXEL_BYTES
        return max(self.rows / settings.shard_rows, size / settings.shard_bytes)


def places(load: float) -> int:
    """Into how many shards to deal what would fill ``load`` shards: each is filled to two thirds at least, and at most
    to one and a half times, but for the shard of a kind that has only one."""
    return max(1, round(load))


def fits(load: float, count: int) -> bool:
    """Whether ``count`` shards are still right for what would fill ``load``: none is under half or over twice."""
    return load / count <= 2 and (count == 1 or load / count >= 0.5)


def place_of(sample_ids: pa.ChunkedArray, count: int) -> npt.NDArray[np.int64]:
    """For each sample id (hex) its shard of ``count``: which of as many equal ranges holds the id's first 32 bits."""
    heads = item_ids(sample_ids) >> np.uint64(32)
    return (heads * np.uint64(count) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Dealt:
    """Rows of one shard, or a part of them, in the shard's order."""

    tier: str
    split: str
    place: int
    rows: pa.Table


def deal(table: pa.Table, counts: Mapping[tuple[str, str], int]) -> Iterator[Dealt]:
    """The rows of ``table`` (sample_id, tier, split, ...) by shard. ``counts``: (tier, split) -> shards of that kind.

    They are ordered by tier, split and sample_id; being a hash, the id's order is a shuffle.
    """
    table = table.sort_by([("tier", "ascending"), ("split", "ascending"), ("sample_id", "ascending")]).combine_chunks()
    begin = 0
    for kind, rows in groupby(zip(table["tier"].to_pylist(), table["split"].to_pylist(), strict=True)):
        of_kind = table.slice(begin, sum(1 for _ in rows))
        begin += len(of_kind)
        place = place_of(of_kind["sample_id"], counts[kind])
        ends = np.flatnonzero(np.diff(place, append=-1)) + 1
        for first, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            yield Dealt(*kind, int(place[first]), of_kind.slice(first, end - first))
