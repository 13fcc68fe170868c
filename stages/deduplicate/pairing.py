"""Candidate pairs: samples that share an LSH bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.deduplicate.columns import joined
from stages.deduplicate.settings import MatchSettings
from stages.schema import PAIRS

FIRST = 4
"""Of a bucket with more than ``max_bucket`` samples, how many of the first all others are compared with."""

_AT_ONCE = 131_072
"""Rows of buckets that are sorted at a time."""

Places = npt.NDArray[np.int64]

Columns = list[npt.NDArray[Any]]
"""Bucket, rank of the source, item, and number of the part."""


def pairs(parts: Iterable[tuple[int, pa.Table]], source_rank: Mapping[str, int], settings: MatchSettings) -> pa.Table:
    """The pairs (`stages.schema.PAIRS`) in ``parts``: (number of the block, `stages.schema.BANDS` of some buckets).

    Sorted and distinct. In a bucket of more than ``max_bucket`` samples (shapes that are as good as blank, templates
    that a tool has filled in thousands of times) each sample meets the `FIRST` first by source and item only: these are
    the ones that would take it. So a bucket of n samples costs no more than a multiple of n, and who is first does not
    depend on what later sources bring.
    """
    blocks = [_Part.from_bands(number, table, source_rank) for number, table in parts if len(table)]
    candidates = [_candidates(_Part.EMPTY, settings)]
    for ranges in _ranges(blocks):
        candidates.append(_candidates([np.concatenate(column) for column in zip(*ranges, strict=True)], settings))
    return _distinct({name: np.concatenate([part[name] for part in candidates]) for name in PAIRS.names})


@dataclass(frozen=True)
class _Part:
    """The rows of one block, sorted by bucket: numpy columns of a table of `stages.schema.BANDS`."""

    EMPTY: ClassVar[Columns] = [np.empty(0, kind) for kind in (np.uint64, np.int32, np.uint64, np.int32)]

    bucket: npt.NDArray[np.uint64]
    item: npt.NDArray[np.uint64]
    source: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    """By ``source``."""
    number: int

    @classmethod
    def from_bands(cls, number: int, table: pa.Table, source_rank: Mapping[str, int]) -> _Part:
        source = joined(table["source"].unify_dictionaries())
        ranks = np.array([source_rank[name] for name in source.dictionary.to_pylist()], np.int32)
        return cls(table["bucket"].to_numpy(), table["item"].to_numpy(), source.indices.to_numpy(), ranks, number)

    def columns(self, begin: int, end: int) -> Columns:
        rows = slice(begin, end)
        block = np.full(end - begin, self.number, np.int32)
        return [self.bucket[rows], self.ranks[self.source[rows]], self.item[rows], block]


def _ranges(parts: Sequence[_Part]) -> Iterator[list[Columns]]:
    """Ranges of buckets, each with about `_AT_ONCE` rows of all ``parts``."""
    if not parts:
        return
    largest = max((part.bucket for part in parts), key=len)
    count = -(-sum(len(part.bucket) for part in parts) // _AT_ONCE)
    bounds = largest[np.arange(1, count) * len(largest) // count]
    cuts = [[0, *np.searchsorted(part.bucket, bounds).tolist(), len(part.bucket)] for part in parts]
    for k in range(count):
        yield [part.columns(cut[k], cut[k + 1]) for part, cut in zip(parts, cuts, strict=True)]


def _candidates(columns: Columns, settings: MatchSettings) -> dict[str, npt.NDArray[Any]]:
    """The pairs in a range of buckets, not yet distinct."""
    bucket, rank, item, block = columns
    # parts are sorted, which a stable sort puts to use
    order = np.argsort(bucket, kind="stable")
    bucket = bucket[order]
    # what is alone in its bucket, which is most, goes no further
    same = bucket[1:] == bucket[:-1]
    shared = np.zeros(len(bucket), bool)
    shared[1:] = same
    shared[:-1] |= same
    order, bucket = order[shared], bucket[shared]
    rank, item, block = rank[order], item[order], block[order]
    # a sample that several sources or blocks have counts once, for the first of each
    order = np.lexsort((item, bucket))
    bucket, item = bucket[order], item[order]
    fresh = np.ones(len(bucket), bool)
    fresh[1:] = (bucket[1:] != bucket[:-1]) | (item[1:] != item[:-1])
    starts = np.flatnonzero(fresh)
    bucket, item = bucket[starts], item[starts]
    rank, block = (np.minimum.reduceat(values[order], starts) if len(starts) else values for values in (rank, block))
    order = np.lexsort((item, rank, bucket))
    bucket, item, block = bucket[order], item[order], block[order]
    left, right = _within(bucket, settings.max_bucket)
    return {
        "block_a": block[left],
        "block_b": block[right],
        "a": item[left],
        "b": item[right],
        "kinds": np.uint8(1) << (bucket[left] & np.uint64(3)).astype(np.uint8),
    }


def _within(bucket: npt.NDArray[np.uint64], most: int) -> tuple[Places, Places]:
    """Pairs of places, the first before the second, of equal ``bucket`` (sorted)."""
    if not len(bucket):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], bucket[1:] != bucket[:-1]]))
    sizes = np.diff(np.append(starts, len(bucket)))
    bucket_sizes = np.repeat(sizes, sizes)
    rest = np.flatnonzero(bucket_sizes > 1)
    left: list[Places] = []
    right: list[Places] = []
    small = rest[bucket_sizes[rest] <= most]
    lag = 1
    while len(small):
        inside = small[small + lag < len(bucket)]
        same = inside[bucket[inside] == bucket[inside + lag]]
        if not len(same):
            break
        left.append(same)
        right.append(same + lag)
        small, lag = same, lag + 1
    large = rest[bucket_sizes[rest] > most]
    if len(large):
        bucket_starts = np.repeat(starts, sizes)[large]
        for k in range(FIRST):
            later = large > bucket_starts + k
            left.append(bucket_starts[later] + k)
            right.append(large[later])
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *left]), np.concatenate([empty, *right])


def _distinct(candidates: dict[str, Any]) -> pa.Table:
    """Sorted by blocks and items; of equal pairs one, with the kinds of all."""
    order = np.lexsort((candidates["b"], candidates["a"], candidates["block_b"], candidates["block_a"]))
    candidates = {name: values[order] for name, values in candidates.items()}
    a, b = candidates["a"], candidates["b"]
    new = np.ones(len(a), bool)
    new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    starts = np.flatnonzero(new)
    kinds = np.bitwise_or.reduceat(candidates["kinds"], starts) if len(starts) else candidates["kinds"]
    columns = {name: values[starts] for name, values in candidates.items()} | {"kinds": kinds}
    return pa.table([pa.array(columns[name]) for name in PAIRS.names], schema=PAIRS)


def merged(tables: Sequence[pa.Table]) -> pa.Table:
    """The union of several results of `pairs`, in the same form."""
    table = pa.concat_tables([PAIRS.empty_table(), *tables])
    return _distinct({name: table[name].to_numpy() for name in PAIRS.names})
