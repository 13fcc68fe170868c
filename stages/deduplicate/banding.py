"""Locality-sensitive hashing (LSH): samples that may be alike share a bucket.

Near-duplicates come together by MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman: Mining of Massive
Datasets, section 3.4): a sample is in one bucket for each band of its signature, and bands and rows are datasketch's
optimum for the threshold, with false negatives weighing far more than false positives, since every candidate is
verified. A permutation is a linear one of 32-bit numbers (Bohman, Cooper, Frieze 2000: Min-wise independent linear
permutations). Drawings that look the same come together where `BITS` bits of their picture hashes agree, in one of
`PICTURE_BANDS` choices of bits. Drawings of one geometry have its key for a bucket.

Every sample has some 30 rows of 20 bytes. They are sorted by bucket, and buckets are as good as random: a reducer takes
a range of them, as wide as its memory allows.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.deduplicate.columns import first_of_each, fixed_bytes, item_ids, joined
from stages.deduplicate.settings import MatchSettings
from stages.schema import BANDS

PERMUTATIONS = 128

GEOMETRY, NEAR, PICTURE = 0, 1, 2
"""The two lowest bits of a bucket: what brings its samples together."""

PICTURE_BANDS, BITS = 12, 16
"""Choices of bits, and bits of each of a hash's three planes in one."""

_MISS, _EXCESS = 0.98, 0.02
"""Weights of false negatives and of false positives, for datasketch's optimum."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_AT_ONCE = 4096
"""Samples that are signed at a time."""

Signatures = npt.NDArray[np.uint32]
"""(permutations, samples)."""

Rows = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]
"""(bands, samples) buckets, and (samples) the samples' rows."""


def bands(table: pa.Table, settings: MatchSettings) -> pa.Table:
    """`stages.schema.BANDS` of ``table`` (sample_id, source, and of `stages.schema.SIGNED` all but picture).

    One row a bucket of a distinct sample of a source, sorted by bucket, source and item.
    """
    table = first_of_each(table, "sample_id", "source")
    items = item_ids(table["sample_id"])
    names = sorted(pc.unique(table["source"]).to_pylist())
    sources = pc.index_in(table["source"], value_set=pa.array(names, pa.string())).to_numpy()
    parts: list[Rows] = []
    if settings.recoloured != "off":
        parts.append(_geometry(table["geometry_key"]))
    if settings.near:
        parts.append(_near(joined(table["shingles"]), settings))
    if settings.pictures:
        parts.append(_pictures(table["picture_hash"]))
    buckets = np.concatenate([np.empty(0, np.uint64), *(bucket.ravel() for bucket, _ in parts)])
    rows = np.concatenate([np.empty(0, np.int32), *(np.tile(row, len(bucket)) for bucket, row in parts)])
    del parts
    by_sample = np.lexsort((items, sources)).astype(np.int32)
    place = np.empty(len(by_sample), np.uint64)
    place[by_sample] = np.arange(len(by_sample), dtype=np.uint64)
    order = np.argsort(buckets)
    buckets = buckets[order]
    # what is in one bucket, by source and item: sorting numbers is far quicker than sorting by several keys
    keys = _runs(buckets)
    keys <<= np.uint64(32)
    rows = rows[order]
    del order
    keys |= place[rows]
    keys.sort()
    keys &= np.uint64(0xFFFFFFFF)
    rows = by_sample[keys]
    del keys
    columns = [pa.array(buckets), pa.array(items[rows])]
    columns.append(pa.DictionaryArray.from_arrays(pa.array(sources[rows], pa.int32()), pa.array(names, pa.string())))
    return pa.table(columns, schema=BANDS)


def _runs(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """For each of sorted ``values`` its dense rank, from 0."""
    numbers = np.zeros(len(values), np.uint64)
    np.cumsum(values[1:] != values[:-1], out=numbers[1:])
    return numbers


def _tagged(keys: npt.NDArray[np.uint64], kind: int, band: int) -> npt.NDArray[np.uint64]:
    """Bucket numbers: evenly spread, of their own for each kind and band."""
    mixed = (keys ^ np.uint64(kind << 32 | band)) * _GOLDEN
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return (mixed & ~np.uint64(3)) | np.uint64(kind)


def _geometry(keys: pa.ChunkedArray) -> Rows:
    rows, digests = fixed_bytes(keys)
    first = np.ascontiguousarray(digests[:, :8]).view("<u8")[:, 0]
    return _tagged(first, GEOMETRY, 0)[None], rows.astype(np.int32)


def _near(lists: pa.ListArray, settings: MatchSettings) -> Rows:
    lengths = np.diff(lists.offsets.to_numpy())
    rows = np.flatnonzero(lengths)
    count, width = lsh_parameters(settings.threshold)
    hashes, lengths = lists.flatten().to_numpy(), lengths[rows]
    ends = np.cumsum(lengths)
    buckets = np.empty((count, len(rows)), np.uint64)
    for begin in range(0, len(rows), _AT_ONCE):
        block = slice(begin, begin + _AT_ONCE)
        first = ends[begin] - lengths[begin]
        matrix = minhash(hashes[first : ends[block][-1]], lengths[block], settings.seed, count * width)
        for band in range(count):
            keys = np.full(matrix.shape[1], 0x243F6A8885A308D3, np.uint64)
            for row in matrix[band * width : (band + 1) * width]:
                keys = (keys ^ row) * _GOLDEN
                keys ^= keys >> np.uint64(32)
            buckets[band, block] = _tagged(keys, NEAR, band)
    return buckets, rows.astype(np.int32)


def minhash(
    hashes: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64], seed: int, count: int = PERMUTATIONS
) -> Signatures:
    """MinHash signatures of sets of 32-bit hashes, concatenated in ``hashes``; ``lengths``: their sizes, all positive.

    It is fastest for so few sets that their hashes stay in the processor's cache.
    """
    starts = np.cumsum(lengths) - lengths
    factors, terms = _permutations(seed)
    signatures = np.empty((count, len(lengths)), np.uint32)
    permuted = np.empty_like(hashes)
    for k in range(count):
        np.multiply(hashes, factors[k], out=permuted)
        np.add(permuted, terms[k], out=permuted)
        np.minimum.reduceat(permuted, starts, out=signatures[k])
    return signatures


@lru_cache(4)
def _permutations(seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    text = b"".join(blake2b(f"svgmill {seed} {k}".encode(), digest_size=8).digest() for k in range(PERMUTATIONS))
    numbers = np.frombuffer(text, "<u4").reshape(PERMUTATIONS, 2)
    return numbers[:, 0] | np.uint32(1), numbers[:, 1].copy()


@lru_cache(16)
def lsh_parameters(threshold: float) -> tuple[int, int]:
    """Bands, and rows of each, that datasketch finds best; it finds no two bands for thresholds near 1, so 0.95 stands
    for those."""
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=min(threshold, 0.95), num_perm=PERMUTATIONS, weights=(_EXCESS, _MISS))
    return lsh.b, lsh.r


def _pictures(hashes: pa.ChunkedArray) -> Rows:
    rows, matrix = fixed_bytes(hashes)
    buckets = np.empty((PICTURE_BANDS, len(rows)), np.uint64)
    for begin in range(0, len(rows), _AT_ONCE):
        block = slice(begin, begin + _AT_ONCE)
        bits = np.unpackbits(matrix[block], axis=1)
        for band, chosen in enumerate(_choices()):
            packed = np.packbits(bits[:, chosen], axis=1)
            keys = np.zeros((len(packed), 8), np.uint8)
            keys[:, : packed.shape[1]] = packed
            buckets[band, block] = _tagged(keys.view("<u8")[:, 0].astype(np.uint64), PICTURE, band)
    return buckets, rows.astype(np.int32)


@lru_cache(1)
def _choices() -> list[npt.NDArray[np.int64]]:
    """Of each band, which bits: the first after sorting by a hash. Planes differ, since they may say the same."""
    return [
        np.concatenate(
            [
                plane * 64
                + np.array(
                    sorted(range(1, 64), key=lambda bit: blake2b(f"{band} {plane} {bit}".encode()).digest())[:BITS]
                )
                for plane in range(3)
            ]
        )
        for band in range(PICTURE_BANDS)
    ]
