"""Buckets: what may be alike shares one.

Near-duplicates come together by MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman: Mining of Massive
Datasets, section 3.4): a sample is in one bucket for each band of its signature, and bands and rows are datasketch's
optimum for the threshold, with misses weighing far more than candidates that turn out to be none, since every candidate
is verified. A permutation is a linear one of 32-bit numbers (Bohman, Cooper, Frieze 2000: Min-wise independent linear
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

from stages.deduplicate.settings import DeduplicateSettings
from stages.schema import BANDS

PERMUTATIONS = 128

GEOMETRY, NEAR, PICTURE = 0, 1, 2
"""The two lowest bits of a bucket: what brings its samples together."""

PICTURE_BANDS, BITS = 12, 16
"""Choices of bits, and bits of each of a hash's three planes in one."""

_MISS, _EXCESS = 0.98, 0.02
"""Weights of missed pairs and of pairs too many, for datasketch's optimum."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Signatures = npt.NDArray[np.uint32]
"""(samples, permutations)."""

Rows = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]
"""Buckets, and the row of the sample that is in each."""


def bands(table: pa.Table, settings: DeduplicateSettings) -> pa.Table:
    """`stages.schema.BANDS` of ``table`` (sample_id, source, and of `stages.schema.SIGNED` all but picture).

    One row a bucket of a distinct sample, sorted by bucket, source and item.
    """
    table = first_of_each(table)
    items = item_ids(table["sample_id"])
    parts: list[Rows] = []
    if settings.recoloured != "off":
        parts.append(_geometry(table["geometry_key"]))
    if settings.near:
        parts += _near(table["shingles"].combine_chunks(), settings)
    if settings.pictures:
        parts += _pictures(table["picture_hash"])
    buckets = np.concatenate([np.empty(0, np.uint64), *(bucket for bucket, _ in parts)])
    rows = np.concatenate([np.empty(0, np.int64), *(row for _, row in parts)])
    names = sorted(set(table["source"].to_pylist()))
    sources = pc.index_in(table["source"], value_set=pa.array(names, pa.string())).to_numpy()[rows]
    order = np.lexsort((items[rows], sources, buckets))
    return pa.table(
        [
            pa.array(buckets[order]),
            pa.array(items[rows[order]]),
            pa.DictionaryArray.from_arrays(pa.array(sources[order], pa.int32()), pa.array(names, pa.string())),
        ],
        schema=BANDS,
    )


def first_of_each(table: pa.Table) -> pa.Table:
    """One row for each sample_id: the first."""
    ids = np.array(table["sample_id"].to_pylist(), dtype=object)
    _, first = np.unique(ids, return_index=True) if len(ids) else (ids, np.empty(0, np.int64))
    return table.take(pa.array(np.sort(first)))


def item_ids(sample_ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """The first 64 bits of each sample id, which stand for it: of 10^8 samples, two share them in one of 3,700."""
    return np.array([int(sample_id[:16], 16) for sample_id in sample_ids.to_pylist()], np.uint64)


def _tagged(keys: npt.NDArray[np.uint64], kind: int, band: int) -> npt.NDArray[np.uint64]:
    """Bucket numbers: evenly spread, of their own for each kind and band."""
    mixed = (keys ^ np.uint64(kind << 32 | band)) * _GOLDEN
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return (mixed & ~np.uint64(3)) | np.uint64(kind)


def _geometry(keys: pa.ChunkedArray) -> Rows:
    values = keys.to_pylist()
    rows = np.array([i for i, key in enumerate(values) if key is not None], np.int64)
    found = np.array([int.from_bytes(values[i][:8], "little") for i in rows], np.uint64)
    return _tagged(found, GEOMETRY, 0), rows


def _near(lists: pa.ListArray, settings: DeduplicateSettings) -> list[Rows]:
    lengths = np.diff(lists.offsets.to_numpy())
    rows = np.flatnonzero(lengths)
    if not len(rows):
        return []
    matrix = minhash(lists.flatten().to_numpy(), lengths[rows], settings.seed)
    count, width = lsh_parameters(settings.threshold)
    parts = []
    for band in range(count):
        keys = np.full(len(rows), 0x243F6A8885A308D3, np.uint64)
        for column in range(band * width, (band + 1) * width):
            keys = (keys ^ matrix[:, column]) * _GOLDEN
            keys ^= keys >> np.uint64(32)
        parts.append((_tagged(keys, NEAR, band), rows))
    return parts


def minhash(hashes: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64], seed: int) -> Signatures:
    """Signatures of sets of hashes that lie one after the other, ``lengths`` (all positive) of each."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    factors, terms = _permutations(seed)
    found = np.empty((len(lengths), PERMUTATIONS), np.uint32)
    # so much at a time that it stays in the processor's cache
    step = 4096
    for begin in range(0, len(lengths), step):
        some = slice(begin, begin + step)
        first, last = starts[some][0], starts[some][-1] + lengths[some][-1]
        here, offsets = hashes[first:last], starts[some] - first
        for k in range(PERMUTATIONS):
            found[some, k] = np.minimum.reduceat(here * factors[k] + terms[k], offsets)
    return found


@lru_cache(4)
def _permutations(seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    text = b"".join(blake2b(f"svgmill {seed} {k}".encode(), digest_size=8).digest() for k in range(PERMUTATIONS))
    numbers = np.frombuffer(text, "<u4").reshape(PERMUTATIONS, 2)
    return numbers[:, 0] | np.uint32(1), numbers[:, 1].copy()


@lru_cache(16)
def lsh_parameters(threshold: float) -> tuple[int, int]:
    """How many bands of how many rows, by datasketch, for which thresholds near 1 have no two bands."""
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=min(threshold, 0.95), num_perm=PERMUTATIONS, weights=(_EXCESS, _MISS))
    return lsh.b, lsh.r


def _pictures(hashes: pa.ChunkedArray) -> list[Rows]:
    values = hashes.to_pylist()
    rows = np.array([i for i, value in enumerate(values) if value is not None], np.int64)
    if not len(rows):
        return []
    matrix = np.frombuffer(b"".join(values[i] for i in rows), np.uint8).reshape(len(rows), -1)
    bits = np.unpackbits(matrix, axis=1)
    parts = []
    for band, chosen in enumerate(_choices()):
        packed = np.packbits(bits[:, chosen], axis=1)
        keys = np.zeros((len(rows), 8), np.uint8)
        keys[:, : packed.shape[1]] = packed
        parts.append((_tagged(keys.view("<u8")[:, 0].astype(np.uint64), PICTURE, band), rows))
    return parts


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
