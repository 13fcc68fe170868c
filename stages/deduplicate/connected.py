"""Connected components of the graph of duplicates, by contraction: no machine ever holds all of its edges.

Survivors are decided within a component, so components can be decided independently. They are computed by filtering
(Lattanzi, Moseley, Suri, Vassilvitskii 2011: Filtering, a method for solving graph problems in MapReduce): a task takes
as many edges as fit its memory and replaces them by a star for each component among them: edges from its samples to the
least. The stars of several tasks are the edges of the next round, until one task holds what is left. Every round is
`components`, since

    components(components(A) + components(B)) = components(A + B),

whatever the parts and their order: a component's name is its least item.

Cost: of m edges between n samples that have any, a task reads M and writes at most as many rows as samples are among
them, of 16 bytes. The first round has m / M tasks; where n < M a second one, of one task, ends it, and else rounds go
on while stars that share samples shrink when put together. The last task holds O(n), never O(m): 10^8 samples of which
a third have a duplicate are 0.5 GB there. Work is O(m log m) in all, for sorting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.deduplicate.columns import Items, item_ids, joined
from stages.deduplicate.flags import REASONS as FLAG_REASONS
from stages.deduplicate.matching import Level
from stages.deduplicate.settings import DeduplicateSettings
from stages.schema import EDGES, STARS

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def components(parts: Sequence[pa.Table]) -> pa.Table:
    """The components (`stages.schema.STARS`) of ``parts``: EDGES, of which only duplicates count, or STARS.

    One row an item that has an edge, sorted by item.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends: list[tuple[Items, Items]] = []
    for part in parts:
        if "level" in part.schema.names:
            part = part.filter(pc.less(part["level"], int(Level.ALMOST)))
        one, other = part.schema.names[:2]
        ends.append((part[one].to_numpy(), part[other].to_numpy()))
    empty = np.empty(0, np.uint64)
    left, right = (np.concatenate([empty, *column]) for column in (zip(*ends, strict=True) if ends else ((), ())))
    items, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    if not len(items):
        return STARS.empty_table()
    a, b = places[: len(left)].astype(np.int32), places[len(left) :].astype(np.int32)
    graph = coo_matrix((np.ones(len(a), bool), (a, b)), shape=(len(items), len(items)))
    count, label = connected_components(graph, directed=False)
    least = np.full(count, len(items), np.int64)
    np.minimum.at(least, label, np.arange(len(items)))
    return pa.table([pa.array(items), pa.array(items[least[label]])], schema=STARS)


def template_links(table: pa.Table, settings: DeduplicateSettings) -> pa.Table:
    """Edges from the samples of ``table`` (sample_id, flags, template) to their templates, as `EDGES`.

    Only for flags of which a config caps how many of a template stay: then a template is decided on as a whole.
    """
    capped = [name for name in FLAG_REASONS if getattr(settings.flags, name).policy == "cap"]
    lists = joined(table["flags"])
    hits = pc.is_in(pc.list_flatten(lists), value_set=pa.array(capped, pa.string()))
    rows = np.unique(pc.list_parent_indices(lists).filter(hits).to_numpy())
    flagged = table.take(pa.array(rows))
    templates = (flagged["template"].to_numpy().astype(np.uint64) + np.uint64(1)) * _GOLDEN
    columns = [pa.array(item_ids(flagged["sample_id"])), pa.array(templates)]
    columns += [pa.array(np.zeros(len(rows), np.uint8)), pa.array(np.ones(len(rows), np.float32))]
    return pa.table(columns, schema=EDGES)


def slices(items: Items, stars: pa.Table, count: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` tasks decides on each item: all of a component in one. ``stars``: of `components`."""
    known, least = stars["item"].to_numpy(), stars["component"].to_numpy()
    component = items
    if len(known):
        places = np.minimum(np.searchsorted(known, items), len(known) - 1)
        component = np.where(known[places] == items, least[places], items)
    return ((component * _GOLDEN) >> np.uint64(32)).astype(np.int64) % count
