"""Which samples go into which shard."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Cut ``table`` (columns of `stages.schema.SHARD`) into shards.

    Rows are ordered by tier, split and sample_id. A shard ends when the next row would take it over ``max_rows`` or
    ``max_bytes``; a row that is larger than ``max_bytes`` has a shard of its own.
    """
    table = table.sort_by([("tier", "ascending"), ("split", "ascending"), ("sample_id", "ascending")])
    sizes = row_bytes(table)
    kinds = list(zip(table["tier"].to_pylist(), table["split"].to_pylist(), strict=True))
    packs: list[Pack] = []
    begin, filled = 0, 0
    for i in range(len(kinds) + 1):
        full = i == len(kinds) or (
            i > begin
            and (kinds[i] != kinds[begin] or i - begin >= settings.max_rows or filled + sizes[i] > settings.max_bytes)
        )
        if full and i > begin:
            packs.append(Pack(*kinds[begin], table.slice(begin, i - begin)))
            begin, filled = i, 0
        if i < len(kinds):
            filled += sizes[i]
    return packs


def row_bytes(table: pa.Table) -> list[int]:
    """Bytes of text, ids and picture of each row, before compression."""
    total = pc.multiply(pc.list_value_length(table["input_ids"]), 4)
    for column in ("svg", "tokens", "segments", "png"):
        total = pc.add(total, pc.binary_length(table[column]))
    return total.to_pylist()
