"""Which samples a stage has, and how often: decided of each sample alone, by what its id hashes to.

Nothing here depends on the order of samples, or on which others are read with them, so any worker decides the same of
any part of a version. What is asked of all samples together, the cap of a source, is one number for each source: the
hash up to which its samples are chosen (`Thresholds`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.curriculum.settings import Curriculum

_MASK = 2**64 - 1
_ALL = _MASK


@lru_cache(maxsize=4096)
def hashed(*parts: object) -> int:
    """64 bits of the sha256 of ``parts``, as text."""
    return int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:8], "big")


def mixed(number: int, salt: int) -> int:
    """64 bits that depend on all of ``number`` and ``salt``: splitmix64's finalizer (Steele and others, 2014)."""
    z = (number ^ salt) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def ranks(sample_ids: pa.ChunkedArray, salt: int) -> npt.NDArray[np.uint64]:
    """`mixed` of the first 64 bits of each sample id (hex)."""
    z = np.array([int(sample_id[:16], 16) for sample_id in sample_ids.to_pylist()], np.uint64) ^ np.uint64(salt)
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def part(number: float, chance: int) -> int:
    """``number`` as a whole one: its floor, and one more for that share of ``chance`` (64 bits) which is its rest."""
    whole = int(number)
    return whole + (chance < (number - whole) * 2.0**64)


@dataclass(frozen=True)
class Thresholds:
    """What caps come to: the rank (`ranks` by `cap_salt`) up to which samples are chosen, inclusive."""

    sources: Mapping[str, int] = field(default_factory=dict)
    """Those that have more samples than the cap."""
    left_out: frozenset[str] = frozenset()
    """Samples that their cluster's cap leaves out."""

    def lets_in(self, sample_id: str, source: str, salt: int) -> bool:
        """Whether no cap leaves this sample out."""
        limit = self.sources.get(source, _ALL)
        return sample_id not in self.left_out and (limit == _ALL or mixed(int(sample_id[:16], 16), salt) <= limit)


def cap_salt(curriculum: Curriculum) -> int:
    """By which caps rank samples: equal in all stages, so that a stage keeps the samples of those before it."""
    return hashed("cap", curriculum.seed)


def source_thresholds(tables: Iterable[pa.Table], cap: int, salt: int) -> dict[str, int]:
    """Source -> the rank of the last of its ``cap`` samples, of the sources that have more.

    ``tables``: sample_id, source. In memory are at most twice ``cap`` ranks of each source, and a table.
    """
    least: dict[str, list[npt.NDArray[np.uint64]]] = {}
    more: set[str] = set()
    for table in tables:
        order = ranks(table["sample_id"], salt)
        sources = np.array(table["source"].to_pylist(), object)
        for source in sorted(set(sources)):
            waiting = least.setdefault(source, [])
            waiting.append(order[sources == source])
            if sum(map(len, waiting)) > 2 * cap:
                least[source] = [np.partition(np.concatenate(waiting), cap - 1)[:cap]]
                more.add(source)
    thresholds = {}
    for source, waiting in least.items():
        every = np.sort(np.concatenate(waiting))
        if len(every) > cap or source in more:
            thresholds[source] = int(every[cap - 1])
    return dict(sorted(thresholds.items()))


def beyond_cluster_cap(clusters: Mapping[str, Sequence[str]], cap: int, salt: int) -> frozenset[str]:
    """The samples that are left out if each cluster keeps ``cap``: cluster -> the ids of its samples."""
    out: set[str] = set()
    for samples in clusters.values():
        out.update(sorted(samples, key=lambda sample_id: mixed(int(sample_id[:16], 16), salt))[cap:])
    return frozenset(out)


def copies(row: Mapping[str, Any], curriculum: Curriculum, stage: str) -> int:
    """How often a sample comes in a stage. ``row``: sample_id, source, flags, tokens."""
    number = curriculum.weights.get(row["source"], 1.0)
    for feature in curriculum.oversample:
        has = feature.feature in (row["tokens"] if feature.feature.startswith("<") else row["flags"] or ())
        number *= feature.times if has else 1.0
    return part(number, mixed(int(row["sample_id"][:16], 16), hashed("copies", curriculum.seed, stage)))
