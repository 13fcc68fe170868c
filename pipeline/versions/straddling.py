"""Whether near-duplicates straddle splits: what a model was tested with, it must not have been trained with.

Splits go by duplicate cluster, so this holds if deduplication found what there is to find. It is checked on what was
published, from the shards alone: features are made anew from the tokens, candidates found among all samples, and where
two of different splits are near by their commands, their pictures in the shards decide.

    seek       of the shards of all splits but the largest: the buckets of their samples
               of the largest split's: which of its samples share one of these buckets
    features   of the samples of candidates in different splits: what is compared

So what is in memory grows with the small splits, and where these are large, with a range of all buckets: each range is
a pass over the shards of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.grouping import filled
from pipeline.storage.base import Storage
from pipeline.versions import shards
from pipeline.versions.manifest import Shard
from pipeline.work.reading import Workers
from stages import deduplicate, fine, pictures
from stages.deduplicate.banding import lsh_parameters
from stages.render.compare import Pixels
from stages.render.renderers import draw, sized, vips
from stages.render.stage import fine_picture
from stages.rowwise import SAMPLES
from stages.schema import PAIRS, PICTURES

_CLEARLY = 0.5
"""A pair is a fault only if it is within this share of the limits: shards hold other sizes of the pictures."""

_SCHEMA = pa.schema([SAMPLES.field(name) for name in ("source", *deduplicate.FEATURES)])

_AT_ONCE = 2_000
"""Samples whose features a worker makes at a time."""

_BUCKETS = 4_000_000
"""Buckets of samples of small splits that are in memory at a time, about: 20 for each sample."""

_TOGETHER = 5_000
"""Samples of shards that one worker takes together, at most, if none has more."""

Buckets = npt.NDArray[np.uint64]


def crossing(
    workers: Workers, storage: Storage, parts: Sequence[Shard], settings: deduplicate.DeduplicateSettings
) -> list[tuple[str, str]]:
    """The pairs of near-duplicates, or of one geometry, that are in different splits; sorted.

    ``parts``: shards that hold each sample once. None are sought if ``settings`` do not drop near-duplicates.
    """
    sizes: Counter[str] = Counter()
    for shard in parts:
        sizes[shard.split] += shard.rows
    if len(sizes) < 2 or not settings.near:
        return []
    large = max(sorted(sizes), key=lambda split: sizes[split])
    strict = settings.model_copy(
        update={
            "picture_share": settings.picture_share * _CLEARLY,
            "picture_mean": settings.picture_mean * _CLEARLY,
            "picture_patch": settings.picture_patch * _CLEARLY,
        }
    )
    buckets = (lsh_parameters(settings.threshold)[0] + 1) * (sizes.total() - sizes[large])
    count = -(-buckets // _BUCKETS)
    pairs: set[tuple[str, str]] = set()
    for number in range(count):
        seek = Seek(strict.model_copy(update={"pictures": False}), number, count)
        pairs.update(_in_range(workers, storage, parts, large, seek, strict))
    return sorted(pairs)


def _in_range(
    workers: Workers,
    storage: Storage,
    parts: Sequence[Shard],
    large: str,
    seek: Seek,
    settings: deduplicate.DeduplicateSettings,
) -> Iterator[tuple[str, str]]:
    """The pairs that share a bucket of a range."""
    numbered = list(enumerate(sorted(parts, key=lambda shard: shard.path)))
    small = _groups([(n, shard) for n, shard in numbered if shard.split != large])
    hits = Hits.joined(list(workers.map("straddling", seek, small)))
    seek = replace(seek, wanted=np.unique(hits.bucket))
    rest = _groups([(n, shard) for n, shard in numbered if shard.split == large])
    hits = Hits.joined([hits, *workers.map("straddling", seek, rest)])
    candidates = hits.candidates(seek.settings, [shard.split for _, shard in numbered])
    if not len(candidates):
        return
    table = pa.concat_tables(
        [_SCHEMA.empty_table(), *workers.map("straddling", Features(settings), hits.places(candidates, numbered))]
    ).sort_by("sample_id")
    close = _duplicates(candidates, table, seek.settings)
    if settings.pictures and len(close):
        found = set(zip(close["a"].to_pylist(), close["b"].to_pylist(), strict=True))
        mask = [pair in found for pair in zip(candidates["a"].to_pylist(), candidates["b"].to_pylist(), strict=True)]
        candidates = candidates.filter(pa.array(mask))
        drawings: dict[str, tuple[bytes | None, str]] = {}
        for shard, items in hits.places(candidates, numbered):
            drawings |= _drawings(storage, shard, items)
        close = _duplicates(candidates, _with_pictures(table, drawings), settings)
    ids = {int(sample_id[:16], 16): sample_id for sample_id in table["sample_id"].to_pylist()}
    for a, b in zip(close["a"].to_pylist(), close["b"].to_pylist(), strict=True):
        yield ids[a], ids[b]


def _groups(numbered: Sequence[tuple[int, Shard]]) -> list[list[tuple[int, Shard]]]:
    groups = filled(numbered, lambda pair: pair[1].rows, _TOGETHER)
    return sorted(groups, key=lambda group: -sum(shard.rows for _, shard in group))


@dataclass(frozen=True)
class Hits:
    """Samples in buckets: row by row the bucket, the sample (as `deduplicate.item_ids`), and its shard's number."""

    bucket: Buckets
    item: Buckets
    shard: npt.NDArray[np.int32]

    @classmethod
    def joined(cls, parts: Sequence[Hits]) -> Hits:
        """All rows of ``parts``."""
        empty = cls(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int32))
        every = [empty, *parts]
        return cls(
            np.concatenate([part.bucket for part in every]),
            np.concatenate([part.item for part in every]),
            np.concatenate([part.shard for part in every]),
        )

    def candidates(self, settings: deduplicate.DeduplicateSettings, splits: Sequence[str]) -> pa.Table:
        """`stages.schema.PAIRS` of two different splits; ``splits``: by the number of a shard."""
        order = np.lexsort((self.item, self.bucket))
        bucket, item = self.bucket[order], self.item[order]
        source = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(order), np.int32)), pa.array([""]))
        rows = pa.table([bucket, item, source], ["bucket", "item", "source"])
        pairs = deduplicate.pairs([(0, rows)], {"": 0}, settings)
        names = sorted(set(splits))
        codes = np.array([names.index(split) for split in splits], np.int32)
        ends = [codes[self._shards_of(pairs[name].to_numpy())] for name in ("a", "b")]
        return pairs.filter(pa.array(ends[0] != ends[1])) if len(pairs) else PAIRS.empty_table()

    def places(
        self, candidates: pa.Table, numbered: Sequence[tuple[int, Shard]]
    ) -> list[tuple[Shard, tuple[int, ...]]]:
        """Where the samples of ``candidates`` are: shards, in order, each with the samples that it has."""
        items = np.unique(np.concatenate([candidates["a"].to_numpy(), candidates["b"].to_numpy()]))
        shard = self._shards_of(items)
        return [(numbered[n][1], tuple(items[shard == n].tolist())) for n in np.unique(shard).tolist()]

    def _shards_of(self, items: Buckets) -> npt.NDArray[np.int32]:
        distinct, first = np.unique(self.item, return_index=True)
        return self.shard[first][np.searchsorted(distinct, items)]


@dataclass(frozen=True)
class Seek:
    """Finds the samples of shards in buckets of the ``number``-th of ``count`` ranges; called by workers."""

    settings: deduplicate.DeduplicateSettings
    number: int
    count: int
    wanted: Buckets | None = None
    """Only these buckets, sorted; None: all of the range."""

    def __call__(self, storage: Storage, group: Sequence[tuple[int, Shard]]) -> Hits:
        """What is in the buckets, of a group of shards with their numbers."""
        parts = []
        for number, shard in group:
            for table in _tables(storage, shard, self.settings):
                rows = deduplicate.bands(table, self.settings)
                bucket, item = rows["bucket"].to_numpy(), rows["item"].to_numpy()
                here = self._in(bucket)
                parts.append(Hits(bucket[here], item[here], np.full(int(here.sum()), number, np.int32)))
        return Hits.joined(parts)

    def _in(self, bucket: Buckets) -> npt.NDArray[np.bool_]:
        if self.wanted is None:
            place: Buckets = (bucket >> np.uint64(32)) * np.uint64(self.count) >> np.uint64(32)
            inside: npt.NDArray[np.bool_] = place == np.uint64(self.number)
            return inside
        if not len(self.wanted):
            return np.zeros(len(bucket), bool)
        places = np.minimum(np.searchsorted(self.wanted, bucket), len(self.wanted) - 1)
        there: npt.NDArray[np.bool_] = self.wanted[places] == bucket
        return there


@dataclass(frozen=True)
class Features:
    """What is compared of some samples of a shard; called by workers."""

    settings: deduplicate.DeduplicateSettings

    def __call__(self, storage: Storage, place: tuple[Shard, tuple[int, ...]]) -> pa.Table:
        """`_SCHEMA`, without pictures, of the samples of the shard."""
        shard, items = place
        return pa.concat_tables([_SCHEMA.empty_table(), *_tables(storage, shard, self.settings, frozenset(items))])


def _tables(
    storage: Storage, shard: Shard, settings: deduplicate.DeduplicateSettings, items: frozenset[int] | None = None
) -> Iterator[pa.Table]:
    """The features of the samples of a shard, or only of ``items``; some at a time."""
    rows: list[shards.Row] = []
    for row in shards.read(storage, shard, ["sample_id", "tokens"]):
        if items is None or int(row["sample_id"][:16], 16) in items:
            rows.append(row)
        if len(rows) == _AT_ONCE:
            yield _features(rows, settings)
            rows = []
    if rows:
        yield _features(rows, settings)


def _features(rows: Sequence[shards.Row], settings: deduplicate.DeduplicateSettings) -> pa.Table:
    columns: dict[str, Any] = deduplicate.features([row["tokens"] for row in rows], settings)
    columns |= {"sample_id": pa.array([row["sample_id"] for row in rows], pa.string())}
    columns |= {"source": pa.array([""] * len(rows), pa.string())}
    table = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in _SCHEMA]
    return pa.table(table, schema=_SCHEMA)


def _drawings(storage: Storage, shard: Shard, items: Sequence[int]) -> dict[str, tuple[bytes | None, str]]:
    """Sample id -> its picture, None where shards have none, and canonical form."""
    wanted = frozenset(items)
    return {
        row["sample_id"]: (shards.picture_of(row), row["svg"])
        for row in shards.read(storage, shard, ["sample_id", *PICTURES, "svg"])
        if int(row["sample_id"][:16], 16) in wanted
    }


def _with_pictures(table: pa.Table, drawings: Mapping[str, tuple[bytes | None, str]]) -> pa.Table:
    """`_SCHEMA` of the samples that have drawings, with their pictures."""
    table = table.filter(pc.is_in(table["sample_id"], pa.array(sorted(drawings), pa.string())))
    chosen = [drawings[sample_id] for sample_id in table["sample_id"].to_pylist()]
    small = [pictures.reduce(pixels(picture, svg)) for picture, svg in chosen]
    columns = {
        "picture": pa.array([pictures.pack(picture) for picture in small], pa.binary()),
        "picture_hash": pa.array([pictures.picture_hash(picture) for picture in small], pa.binary(24)),
        # shards hold pictures of any size, so these are drawn
        "fine": pa.array(
            [fine_picture(svg) if pictures.sparse(p) else None for (_, svg), p in zip(chosen, small, strict=True)],
            pa.binary(),
        ),
    }
    for name, column in columns.items():
        table = table.set_column(_SCHEMA.get_field_index(name), name, column)
    return table


def _duplicates(candidates: pa.Table, features: pa.Table, settings: deduplicate.DeduplicateSettings) -> pa.Table:
    matches = deduplicate.match(candidates, features, settings)
    return matches.filter(pc.less(matches["level"], int(deduplicate.Level.ALMOST)))


def pixels(picture: bytes | None, svg: str) -> Pixels:
    """(n, n, 4), straight alpha, of a file with a picture; drawn where there is none."""
    if picture is None:
        return draw(sized(svg, fine.SIDE), "librsvg")
    image = vips().Image.new_from_buffer(picture, "").colourspace("srgb")
    image = image if image.hasalpha() else image.addalpha()
    return np.ndarray(buffer=image.write_to_memory(), dtype=np.uint8, shape=(image.height, image.width, 4))
