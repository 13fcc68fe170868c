"""Candidates: pairs of samples that share a bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.deduplicate.settings import DeduplicateSettings
from stages.schema import PAIRS

FIRST = 4
"""Of a bucket with more than ``max_bucket`` samples, how many of the first all others are compared with."""

Places = npt.NDArray[np.int64]


def pairs(
    parts: Sequence[tuple[int, pa.Table]], source_rank: Mapping[str, int], settings: DeduplicateSettings
) -> pa.Table:
    """The pairs (`stages.schema.PAIRS`) in ``parts``: (number of block, its `stages.schema.BANDS` of some slices).

    Sorted and distinct. In a bucket of more than ``max_bucket`` samples (shapes that are as good as blank, templates
    that a tool has filled in thousands of times) each sample meets the `FIRST` first by source and item only: these are
    the ones that would take it. So a bucket of n samples costs no more than a multiple of n, and who is first does not
    depend on what later sources bring.
    """
    bucket, item, rank, block = _columns(parts, source_rank)
    order = np.lexsort((block, item, rank, bucket))
    bucket, item, block = bucket[order], item[order], block[order]
    # a sample that several blocks hold counts once
    fresh = np.ones(len(bucket), bool)
    fresh[1:] = (bucket[1:] != bucket[:-1]) | (item[1:] != item[:-1])
    bucket, item, block = bucket[fresh], item[fresh], block[fresh]
    left, right = _within(bucket, settings.max_bucket)
    found: dict[str, Any] = {
        "block_a": block[left],
        "block_b": block[right],
        "a": item[left],
        "b": item[right],
        "kinds": (np.uint8(1) << (bucket[left] & np.uint64(3)).astype(np.uint8)),
    }
    return _distinct(found)


def _columns(
    parts: Sequence[tuple[int, pa.Table]], source_rank: Mapping[str, int]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    columns: list[list[npt.NDArray[np.generic]]] = [[], [], [], []]
    for number, table in parts:
        source = table["source"].combine_chunks()
        if isinstance(source, pa.ChunkedArray):
            source = source.chunk(0) if source.num_chunks else pa.array([], table.schema.field("source").type)
        ranks = np.array([source_rank[name] for name in source.dictionary.to_pylist()], np.int32)
        columns[0].append(table["bucket"].to_numpy())
        columns[1].append(table["item"].to_numpy())
        columns[2].append(ranks[source.indices.to_numpy(zero_copy_only=False)] if len(source) else ranks[:0])
        columns[3].append(np.full(len(table), number, np.int32))
    kinds = (np.uint64, np.uint64, np.int32, np.int32)
    bucket, item, rank, block = (
        np.concatenate([np.empty(0, kind), *column]) for kind, column in zip(kinds, columns, strict=True)
    )
    return bucket, item, rank, block


def _within(bucket: npt.NDArray[np.uint64], most: int) -> tuple[Places, Places]:
    """Pairs of places, the first before the second, of equal ``bucket`` (sorted)."""
    if not len(bucket):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], bucket[1:] != bucket[:-1]]))
    sizes = np.diff(np.append(starts, len(bucket)))
    # what is alone in its bucket, which is most, goes no further
    size_of = np.repeat(sizes, sizes)
    rest = np.flatnonzero(size_of > 1)
    left: list[Places] = []
    right: list[Places] = []
    small = rest[size_of[rest] <= most]
    lag = 1
    while len(small):
        inside = small[small + lag < len(bucket)]
        same = inside[bucket[inside] == bucket[inside + lag]]
        if not len(same):
            break
        left.append(same)
        right.append(same + lag)
        small, lag = same, lag + 1
    large = rest[size_of[rest] > most]
    if len(large):
        start_of = np.repeat(starts, sizes)[large]
        for k in range(FIRST):
            later = large > start_of + k
            left.append(start_of[later] + k)
            right.append(large[later])
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *left]), np.concatenate([empty, *right])


def _distinct(found: dict[str, Any]) -> pa.Table:
    """Sorted by blocks and items; of equal pairs one, with the kinds of all."""
    order = np.lexsort((found["b"], found["a"], found["block_b"], found["block_a"]))
    found = {name: values[order] for name, values in found.items()}
    a, b = found["a"], found["b"]
    new = np.ones(len(a), bool)
    new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    starts = np.flatnonzero(new)
    kinds = np.bitwise_or.reduceat(found["kinds"], starts) if len(starts) else found["kinds"]
    columns = {name: values[starts] for name, values in found.items()} | {"kinds": kinds}
    return pa.table([pa.array(columns[name]) for name in PAIRS.names], schema=PAIRS)


def merged(tables: Sequence[pa.Table]) -> pa.Table:
    """The pairs of several tables of `pairs`, as one of them."""
    table = pa.concat_tables([PAIRS.empty_table(), *tables])
    return _distinct({name: table[name].to_numpy() for name in PAIRS.names})
