"""What of a drawing deduplication goes by; the part of it that belongs to the row-wise pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.base import StageResult
from stages.deduplicate.flags import flags
from stages.deduplicate.settings import DeduplicateSettings
from stages.deduplicate.shingles import drawn
from stages.pictures import colourless, picture_hash, unpack
from stages.schema import DROPPED, SIGNED


def signatures(table: pa.Table, settings: DeduplicateSettings) -> StageResult:
    """Add `stages.schema.SIGNED` from the columns ``tokens`` and ``picture`` (see `stages.pictures`)."""
    columns = features(table["tokens"].to_pylist(), settings)
    hashes: list[bytes | None] = []
    for picture, key in zip(table["picture"].to_pylist(), columns["geometry_key"].to_pylist(), strict=True):
        if picture is None:
            hashes.append(None)
        else:
            # one of a single colour comes together with the same shape in any other
            seen = unpack(picture)
            hashes.append(picture_hash(seen if key is None else colourless(seen)))
    columns["picture_hash"] = pa.array(hashes, pa.binary(24))
    for column in SIGNED:
        table = table.append_column(column, columns[column.name])
    return StageResult(table, DROPPED.empty_table())


def features(strings: Sequence[str], settings: DeduplicateSettings) -> dict[str, pa.Array]:
    """The columns of `stages.schema.SIGNED` that come from token strings alone."""
    found = drawn(strings, settings.grid)
    counts = np.diff(found.offsets)
    enough = counts >= settings.min_shingles
    values = found.shingles[np.repeat(enough, counts)]
    offsets = np.concatenate([[0], np.cumsum(np.where(enough, counts, 0))])
    return {
        "geometry_key": pa.array(found.geometry_keys, pa.binary(16)),
        "text_hash": pa.array(found.text_hashes, pa.uint32()),
        "flags": pa.array([flags(text, settings.flags) for text in strings], pa.list_(pa.string())),
        "template": pa.array(found.templates, pa.uint32()),
        "shingles": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.uint32())),
    }
