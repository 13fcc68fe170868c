"""Signatures: the features of a drawing that deduplication compares, computed in the row-wise pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.base import Batch, Columns, RowStage
from stages.deduplicate.flags import FlagThresholds, flags
from stages.deduplicate.settings import SignatureSettings
from stages.deduplicate.shingling import drawn
from stages.deduplicate.shown import cut_off, light_only, tiny_ink
from stages.pictures import Reduced, colourless, picture_hash, unpack
from stages.schema import SIGNED, STYLED_OUTSIDE

VERSION: int = 5
"""Of deduplication as a whole: signatures are of no use but to its other steps."""


def _sign(rows: pa.Table, settings: SignatureSettings) -> Batch:
    columns = features(rows["tokens"].to_pylist(), settings)
    hashes: list[bytes | None] = []
    flagged: list[list[str]] = []
    for row, key in zip(rows.to_pylist(), columns["geometry_key"].to_pylist(), strict=True):
        picture = None if row["picture"] is None else unpack(row["picture"])
        # one of a single colour comes together with the same shape in any other
        hashes.append(None if picture is None else picture_hash(picture if key is None else colourless(picture)))
        flagged.append(_flags(row, picture, settings.flags))
    columns["picture_hash"] = pa.array(hashes, pa.binary(24))
    columns["flags"] = pa.array(flagged, pa.list_(pa.string()))
    return Batch(pa.table([columns[name] for name in SIGNED.names], schema=SIGNED))


def _flags(row: Columns, picture: Reduced | None, rules: FlagThresholds) -> list[str]:
    """The flags of a row of what is read, sorted."""
    names = set(flags(row["tokens"], rules))
    if STYLED_OUTSIDE in (row["notes"] or ()):
        names.add("outside_style")
    if picture is not None:
        light = light_only(picture, rules.light_only.darkest)
        if light:
            names.add("light_only")
        # what has so little ink has a fine picture
        if row["fine"] is not None and tiny_ink(picture, light, rules.tiny_ink.share):
            names.add("tiny_ink")
        if cut_off(picture, row["frame"], row["beyond"], rules.cut_off):
            names.add("cut_off")
    return sorted(names)


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
        "template": pa.array(drawings.templates, pa.uint32()),
        "shingles": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.uint32())),
    }


SIGNATURES = RowStage(
    name="signatures",
    version=VERSION,
    settings=SignatureSettings,
    section="deduplicate",
    reads=("tokens", "picture", "fine", "frame", "beyond", "notes"),
    adds=SIGNED,
    removes=("frame", "beyond"),
    many=_sign,
    says="makes the keys, hashes and flags by which duplicates are found",
)
