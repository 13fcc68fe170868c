"""Which samples go into which shard."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby

import pyarrow as pa
import pyarrow.compute as pc

from stages.write.settings import WriteSettings


@dataclass(frozen=True)
class Pack:
    """The rows of one shard, all of one ``tier`` and ``split``, in the shard's order."""

    tier: str
    split: str
    rows: pa.Table


def pack(table: pa.Table, settings: WriteSettings) -> list[Pack]:
    """Cut ``table`` (columns of `stages.sides.SHARD`) into shards.

    Rows are ordered by tier, split and sample_id. What is over ``max_rows`` or ``max_bytes`` is halved by the next bit
    of sample_id, as often as needed; so a sample that comes or goes changes the shard it is in, at most its sibling,
    and no other. A row that is larger than ``max_bytes`` has a shard of its own.
    """
    table = table.sort_by([("tier", "ascending"), ("split", "ascending"), ("sample_id", "ascending")])
    ends = [0, *accumulate(row_bytes(table))]
    ids = [int(sample_id[:16], 16) for sample_id in table["sample_id"].to_pylist()]
    kinds = list(zip(table["tier"].to_pylist(), table["split"].to_pylist(), strict=True))

    def cut(begin: int, end: int, bit: int) -> Iterator[tuple[int, int]]:
        fits = end - begin <= settings.max_rows and ends[end] - ends[begin] <= settings.max_bytes
        if fits or end - begin == 1:
            yield begin, end
            return
        if bit < 0:  # equal in 64 bits
            middle = (begin + end) // 2
        else:
            upper = (ids[begin] >> bit | 1) << bit
            middle = bisect_left(ids, upper, begin, end)
        for part in ((begin, middle), (middle, end)):
            if part[0] < part[1]:
                yield from cut(*part, max(bit - 1, -1))

    packs: list[Pack] = []
    begin = 0
    for kind, rows in groupby(kinds):
        end = begin + sum(1 for _ in rows)
        packs += [Pack(*kind, table.slice(first, last - first)) for first, last in cut(begin, end, 63)]
        begin = end
    return packs


def row_bytes(table: pa.Table) -> list[int]:
    """Bytes of text, ids and picture of each row, before compression."""
    total = pc.multiply(pc.list_value_length(table["input_ids"]), 4)
    for column in ("svg", "tokens", "segments", "png"):
        total = pc.add(total, pc.binary_length(table[column]))
    sizes: list[int] = total.to_pylist()
    return sizes
