"""Which record of each cluster stays: a pure function of content and declared source order.

Samples are ranked: what was taken down, then what an earlier version kept, the oldest first, then by source order,
richer provenance and licence, fidelity, and sample_id. Going down the ranks, a sample that no earlier survivor has
taken becomes a survivor and takes every later sample that is a duplicate of *it*. So survivors are the
lexicographically first maximal independent set of the graph of duplicates: no two that stay are duplicates of each
other, each that goes resembles one that stays, there are no chains, and what later sources bring changes nothing before
it. What was taken down survives nothing, but takes what resembles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.deduplicate.flags import REASONS as FLAG_REASONS
from stages.deduplicate.matching import Level
from stages.deduplicate.settings import DeduplicateSettings
from stages.licenses import NO_LICENSE
from stages.reasons import Reason
from stages.schema import CREDITS, DECISIONS, PROVENANCE, SHOWN

Ints = npt.NDArray[np.int64]

DECIDES = (
    "raw_id",
    "source",
    "path",
    *CREDITS,
    "sample_id",
    "geometry_key",
    "ssim",
    "flags",
    "template",
)
"""The columns that `deduplicate` reads."""

REASONS: Mapping[int, Reason] = {
    Level.GEOMETRY: Reason.DUPLICATE_GEOMETRY,
    Level.NEAR: Reason.NEAR_DUPLICATE,
    Level.PICTURE: Reason.DUPLICATE_PICTURE,
}

FLAGS = tuple(FLAG_REASONS)


@dataclass(frozen=True)
class Taken:
    """What must not be in the dataset.

    ``samples``: sample ids. The rest are rules for records; what a record that one of them names holds is taken down
    wherever else it comes from, too.
    """

    samples: frozenset[str] = frozenset()
    raw_ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    paths: tuple[tuple[str, str], ...] = ()
    """(source, beginning of path)."""
    licenses: frozenset[str] = frozenset()

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a rule names this record (raw_id, url, source, path, license)."""
        return (
            record["raw_id"] in self.raw_ids
            or record["url"] in self.urls
            or record["license"] in self.licenses
            or any(record["source"] == source and record["path"].startswith(start) for source, start in self.paths)
        )

    def named(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """`matches` of each row."""
        hits = np.zeros(len(table), bool)
        for name, values in (("raw_id", self.raw_ids), ("url", self.urls), ("license", self.licenses)):
            if values:
                hits |= pc.is_in(table[name], value_set=pa.array(sorted(values), pa.string())).to_numpy()
        for source, start in self.paths:
            here = pc.and_(pc.equal(table["source"], source), pc.starts_with(table["path"], start))
            hits |= pc.fill_null(here, False).to_numpy()
        return hits


@dataclass(frozen=True)
class Earlier:
    """What earlier versions recorded of each record; 0 for nothing, which counts as now."""

    since: Ints
    """The version since which it represents a drawing, also while settings say that another one does."""
    joined: Ints
    """The version whose provenance named it first."""

    @classmethod
    def none(cls, rows: int) -> Earlier:
        """Nothing was published."""
        return cls(np.zeros(rows, np.int64), np.zeros(rows, np.int64))


NOW = np.iinfo(np.int64).max


@dataclass
class _Samples:
    """The distinct samples of a table, and those that were taken down and are there no more; by number."""

    ids: list[str]
    by_record: Ints
    """Record -> sample."""
    first: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Sample -> the record that stands for it, -1 for one that is gone."""
    rank: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Sample -> its place among all."""
    down: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Whether it must not be in the dataset, nor what resembles it."""
    overlaps: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Whether that is so because a benchmark has it."""
    barred: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Sample -> number of the flag (of `FLAGS`) for which it must leave, -1 for none."""


def deduplicate(
    table: pa.Table,
    edges: Sequence[pa.Table],
    settings: DeduplicateSettings,
    source_order: Sequence[str],
    earlier: Earlier | None = None,
    taken: Taken | None = None,
    benchmark: frozenset[str] = frozenset(),
) -> pa.Table:
    """Decide for each row of ``table`` (`DECIDES`) whether it stays.

    ``edges``: `stages.schema.EDGES`. ``earlier``: of each row. ``benchmark``: sample ids that must not be in the
    dataset; as what was taken down, they take what resembles them. Returns `stages.schema.DECISIONS`, a row for each
    row, in their order.
    """
    table = table.select(DECIDES).combine_chunks()
    source = _codes(table["source"], source_order)
    path = pc.rank(table["path"], tiebreaker="dense").to_numpy().astype(np.int64)
    history = earlier or Earlier.none(len(table))
    history = Earlier(*(np.where(column == 0, NOW, column) for column in (history.since, history.joined)))
    samples = _ranked(table, source, path, history.since, taken or Taken(), benchmark)
    flagged = _flagged(table, samples)
    samples.barred = _barred(flagged, samples, settings)
    taker, level, score = _greedy(table, samples, edges, settings)
    number = np.arange(len(samples.ids))
    variant = (taker >= 0) & (level == Level.GEOMETRY) & (settings.recoloured == "keep")
    variant &= ~samples.down & ~samples.down[np.maximum(taker, 0)]
    stays = ((taker < 0) | variant) & ~samples.down & (samples.barred < 0)
    over = _over_cap(table, flagged, samples, stays, settings)
    stays &= ~over
    holder = np.where((taker < 0) | variant, number, taker)
    # a variant's cluster is that of the sample whose geometry it has
    cluster = np.where(taker < 0, number, taker)
    cluster = np.where(taker[cluster] >= 0, taker[cluster], cluster)
    sample = samples.by_record
    kept = stays[sample] & (samples.first[sample] == np.arange(len(table)))
    reasons = _reasons(table, samples, kept, holder, level, over, source, path)
    ids = pa.array(samples.ids, pa.string())
    return pa.table(
        [
            *(table[name] for name in ("raw_id", "source", "path", "sample_id")),
            ids.take(pa.array(cluster[sample])),
            pa.array(kept),
            reasons,
            pa.array(np.where(taker >= 0, score, 1)[sample].astype(np.float32)),
            *_provenance(table, kept, holder[sample], source, path, history),
        ],
        schema=DECISIONS,
    )


def _codes(column: pa.ChunkedArray, order: Sequence[str]) -> Ints:
    """The place of each value in ``order``. Raises ValueError for one that is not in it."""
    codes = pc.index_in(column, value_set=pa.array(list(order), pa.string()))
    if codes.null_count:
        raise ValueError("a record's source is none of the config's")
    return np.asarray(codes.to_numpy(), np.int64)


def _ranked(
    table: pa.Table, source: Ints, path: Ints, since: Ints, taken: Taken, benchmark: frozenset[str]
) -> _Samples:
    codes = table["sample_id"].combine_chunks().dictionary_encode()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.chunk(0) if codes.num_chunks else pa.array([], pa.dictionary(pa.int32(), pa.string()))
    ids: list[str] = codes.dictionary.to_pylist()
    present = set(ids)
    gone = sorted((taken.samples | benchmark) - present)
    samples = _Samples([*ids, *gone], codes.indices.to_numpy().astype(np.int64))
    count, all_ = len(ids), len(ids) + len(gone)
    sample = samples.by_record
    rich = richness(table)
    order = np.lexsort((path, -rich, source, since, sample))
    leads = order[np.unique(sample[order], return_index=True)[1]] if count else np.empty(0, np.int64)
    samples.first = np.full(all_, -1, np.int64)
    samples.first[:count] = leads
    samples.down = np.ones(all_, bool)
    samples.down[:count] = np.fromiter((name in taken.samples or name in benchmark for name in ids), bool, count)
    named = sample[taken.named(table)]
    samples.down[named] = True
    samples.overlaps = np.fromiter(
        (name in benchmark and name not in taken.samples for name in samples.ids), bool, all_
    )
    samples.overlaps[named] = False
    oldest = np.full(all_, NOW, np.int64)
    oldest[:count] = since[leads]
    places = np.full(all_, -1, np.int64), np.zeros(all_, np.int64), np.zeros(all_)
    places[0][:count], places[1][:count] = source[leads], rich[leads]
    places[2][:count] = table["ssim"].to_numpy()[leads]
    by_id = np.empty(all_, np.int64)
    by_id[np.argsort(np.array(samples.ids, dtype=object))] = np.arange(all_)
    samples.rank = np.empty(all_, np.int64)
    samples.rank[np.lexsort((by_id, -places[2], -places[1], places[0], oldest, ~samples.down))] = np.arange(all_)
    return samples


def richness(records: pa.Table) -> Ints:
    """How much is known of where records are from, by their ``license`` and ``url``: 0 to 3."""
    licensed = pc.invert(pc.is_in(pc.fill_null(records["license"], ""), value_set=pa.array(NO_LICENSE))).to_numpy()
    located = pc.is_valid(records["url"]).to_numpy()
    return np.asarray(2 * licensed.astype(np.int64) + located, np.int64)


def _greedy(
    table: pa.Table, samples: _Samples, edges: Sequence[pa.Table], settings: DeduplicateSettings
) -> tuple[Ints, npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Sample -> the one that takes it or -1, by which level, and how alike they are."""
    all_ = len(samples.ids)
    taker = np.full(all_, -1, np.int64)
    level, score = np.full(all_, 255, np.uint8), np.ones(all_, np.float32)
    items = np.array([int(name[:16], 16) for name in samples.ids], np.uint64)
    by_item = np.argsort(items, kind="stable")
    low, high, levels, scores = _oriented(edges, items[by_item], by_item, samples.rank)
    keys = _geometry(table, samples) if settings.recoloured != "off" else {}
    free = samples.barred < 0
    keys = {x: key for x, key in keys.items() if free[x]}
    keep = settings.recoloured == "keep"
    owner: dict[bytes, int] = {}
    changes = np.flatnonzero(low[1:] != low[:-1]) + 1
    cuts = [0, *changes.tolist(), len(low)] if len(low) else [0]
    span = {int(low[begin]): (begin, end) for begin, end in pairwise(cuts)}
    for x in sorted({*span, *keys}, key=samples.rank.__getitem__):
        key = keys.get(x)
        if taker[x] < 0 and key is not None:
            first = owner.setdefault(key, x)
            if first != x:
                taker[x], level[x] = first, Level.GEOMETRY
        if x not in span or not free[x] or (taker[x] >= 0 and not (keep and level[x] == Level.GEOMETRY)):
            continue
        begin, end = span[x]
        others = high[begin:end]
        left = (taker[others] < 0) & free[others]
        others = others[left]
        taker[others], level[others], score[others] = x, levels[begin:end][left], scores[begin:end][left]
    return taker, level, score


def _oriented(
    edges: Sequence[pa.Table], items: npt.NDArray[np.uint64], numbers: npt.NDArray[np.intp], rank: Ints
) -> tuple[Ints, Ints, npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The edges between known samples, each from the better ranked one, sorted; ``items`` are sorted."""
    parts = []
    for edge in edges:
        ends = []
        known = edge["level"].to_numpy() < Level.ALMOST
        for name in ("a", "b"):
            values = edge[name].to_numpy()
            places = np.minimum(np.searchsorted(items, values), max(len(items) - 1, 0))
            known &= items[places] == values if len(items) else False
            ends.append(numbers[places] if len(items) else places)
        one, other = (end[known] for end in ends)
        swap = rank[one] > rank[other]
        parts.append(
            (
                np.where(swap, other, one),
                np.where(swap, one, other),
                edge["level"].to_numpy()[known],
                edge["score"].to_numpy()[known],
            )
        )
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.float32)
    low, high, level, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((rank[high], level, low))
    return low[order], high[order], level[order], score[order]


def _geometry(table: pa.Table, samples: _Samples) -> dict[int, bytes]:
    """Sample -> key of its geometry, of those whose key another one has."""
    firsts = samples.first[samples.first >= 0]
    column = table["geometry_key"].combine_chunks().take(pa.array(firsts))
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(column.drop_null()).to_pylist()}
    numbers = np.flatnonzero(samples.first >= 0)
    return {
        n: key
        for n, key in zip(numbers.tolist(), column.to_pylist(), strict=True)
        if key is not None and counts[key] > 1
    }


def _flagged(table: pa.Table, samples: _Samples) -> npt.NDArray[np.bool_]:
    """(samples, flags): which flags the samples have, of `FLAGS`."""
    flagged = np.zeros((len(samples.ids), len(FLAGS)), bool)
    lists = table["flags"].combine_chunks()
    parents = pc.list_parent_indices(lists).to_numpy()
    codes = pc.index_in(pc.list_flatten(lists), value_set=pa.array(FLAGS)).to_numpy()
    flagged[samples.by_record[parents], codes] = True
    return flagged


def _barred(flagged: npt.NDArray[np.bool_], samples: _Samples, settings: DeduplicateSettings) -> Ints:
    barred = np.full(len(flagged), -1, np.int64)
    for code, name in reversed(list(enumerate(FLAGS))):
        if getattr(settings.flags, name).policy == "drop":
            barred[flagged[:, code]] = code
    barred[samples.down] = -1
    return barred


def _over_cap(
    table: pa.Table,
    flagged: npt.NDArray[np.bool_],
    samples: _Samples,
    stays: npt.NDArray[np.bool_],
    settings: DeduplicateSettings,
) -> npt.NDArray[np.bool_]:
    """The samples that would stay, were there not as many of their template, better ranked, as a flag's cap allows."""
    over = np.zeros(len(stays), bool)
    templates = table["template"].to_numpy()
    for code, name in enumerate(FLAGS):
        rule = getattr(settings.flags, name)
        if rule.policy != "cap":
            continue
        seen: Counter[int] = Counter()
        for x in sorted(np.flatnonzero(flagged[:, code] & stays & ~over).tolist(), key=samples.rank.__getitem__):
            template = int(templates[samples.first[x]])
            seen[template] += 1
            over[x] = seen[template] > rule.most
    return over


def _reasons(
    table: pa.Table,
    samples: _Samples,
    kept: npt.NDArray[np.bool_],
    holder: Ints,
    level: npt.NDArray[np.uint8],
    over: npt.NDArray[np.bool_],
    source: Ints,
    path: Ints,
) -> pa.Array:
    sample = samples.by_record
    order = np.lexsort((path, source, samples.first[sample] != np.arange(len(table)), samples.rank[sample]))
    raw = pc.rank(table["raw_id"], tiebreaker="dense").to_numpy()
    again = np.ones(len(table), bool)
    again[order[np.unique(raw[order], return_index=True)[1]]] = False
    names = [
        "",
        *(str(REASONS[code]) for code in sorted(REASONS)),
        *map(str, (Reason.DUPLICATE_CANONICAL, Reason.DUPLICATE_RAW, Reason.OVER_CAP, Reason.TAKEN_DOWN)),
        str(Reason.BENCHMARK_OVERLAP),
        *(str(FLAG_REASONS[name]) for name in FLAGS),
    ]
    codes = np.where(level[sample] < 255, level[sample].astype(np.int64) + 1, 4)
    codes[(samples.first[sample] != np.arange(len(table)))] = 4
    codes[again] = 5
    # only the record that represents a sample over the cap has that reason; its copies are copies
    codes[over[sample] & (samples.first[sample] == np.arange(len(table)))] = 6
    codes[samples.down[holder[sample]]] = 7
    codes[samples.overlaps[holder[sample]]] = 8
    codes = np.where(samples.barred[sample] >= 0, 9 + samples.barred[sample], codes)
    codes[kept] = 0
    return pa.array(names, pa.string()).take(pa.array(codes))


def _provenance(
    table: pa.Table, kept: npt.NDArray[np.bool_], holder: Ints, source: Ints, path: Ints, history: Earlier
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """For each kept record its own origin and those of all that gave way to it, in source order; else nothing.

    And of each of these whether it was known when the kept record first was published: a shard names these only,
    so that a later copy does not rewrite it. Last, of each record whether it is such a later copy.
    """
    order = np.lexsort((path, source, ~kept, holder))
    groups = holder[order]
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]])) if len(groups) else groups
    ends = np.append(starts[1:], len(groups))
    lead = order[starts]
    lengths = np.zeros(len(table), np.int64)
    begins = np.zeros(len(table), np.int64)
    led = kept[lead]
    lengths[lead[led]], begins[lead[led]] = (ends - starts)[led], starts[led]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    rows = order[np.repeat(begins, lengths) + within]
    fields = PROVENANCE.value_type
    chosen = table.select([item.name for item in fields]).take(pa.array(rows)).combine_chunks()
    values = pa.StructArray.from_arrays(
        [chosen[item.name].combine_chunks() if len(chosen) else pa.array([], item.type) for item in fields],
        fields=list(fields),
    )
    heads = np.repeat(np.arange(len(table)), lengths)
    shown = (history.joined[rows] <= history.since[heads]) | (rows == heads)
    places = pa.array(offsets, pa.int32())
    late = np.zeros(len(table), bool)
    late[rows] = ~shown
    return (
        pa.ListArray.from_arrays(places, values, type=PROVENANCE),
        pa.ListArray.from_arrays(places, pa.array(shown), type=SHOWN),
        pa.array(late),
    )
