"""Signatures: the features of a drawing that deduplication compares, computed in the row-wise pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.base import Batch, RowStage
from stages.deduplicate.flags import flags
from stages.deduplicate.settings import SignatureSettings
from stages.deduplicate.shingling import drawn
from stages.pictures import colourless, picture_hash, unpack
from stages.schema import SIGNED

VERSION: int = 5
"""Of deduplication as a whole: signatures are of no use but to its other steps."""


def _sign(rows: pa.Table, settings: SignatureSettings) -> Batch:
    columns = features(rows["tokens"].to_pylist(), settings)
    hashes: list[bytes | None] = []
    for picture, key in zip(rows["picture"].to_pylist(), columns["geometry_key"].to_pylist(), strict=True):
        if picture is None:
            hashes.append(None)
        else:
            # one of a single colour comes together with the same shape in any other
            seen = unpack(picture)
            hashes.append(picture_hash(seen if key is None else colourless(seen)))
    columns["picture_hash"] = pa.array(hashes, pa.binary(24))
    return Batch(pa.table([columns[name] for name in SIGNED.names], schema=SIGNED))


def features(strings: Sequence[str], settings: SignatureSettings) -> dict[str, pa.Array]:
    """The columns of `stages.schema.SIGNED` that come from token strings alone."""
    drawings = drawn(strings, settings.grid)
    counts = np.diff(drawings.offsets)
    enough = counts >= settings.min_shingles
    values = drawings.shingles[np.repeat(enough, counts)]
    offsets = np.concatenate([[0], np.cumsum(np.where(enough, counts, 0))])
    return {
        "geometry_key": pa.array(drawings.geometry_keys, pa.binary(16)),
        "text_hash": pa.array(drawings.text_hashes, pa.uint32()),
        "flags": pa.array([flags(text, settings.flags) for text in strings], pa.list_(pa.string())),
        "template": pa.array(drawings.templates, pa.uint32()),
        "shingles": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.uint32())),
    }


SIGNATURES = RowStage(
    name="signatures",
    version=VERSION,
    settings=SignatureSettings,
    section="deduplicate",
    reads=("tokens", "picture"),
    adds=SIGNED,
    many=_sign,
    says="makes the keys, hashes and flags by which duplicates are found",
)
