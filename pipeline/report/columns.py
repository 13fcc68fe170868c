"""What a shard's columns mean, and what the stages do: the sentences that the card and the report share."""

from __future__ import annotations

import pyarrow as pa

from stages import crawl, deduplicate
from stages.rowwise import PASS
from stages.sides import MEANINGS, SHARD

_JOINED = {
    "sample_id": "Hex SHA-256 of the canonical SVG.",
    "segments": "The token string with learned segment tokens in place of frequent runs (HiVG level 2).",
    "input_ids": "Ids of the segment token string in the published tokenizer.",
    "caption": "The first of the captions.",
    "png": "The canonical SVG as a picture (PNG).",
    "webp": "The canonical SVG as a picture (lossless WebP).",
    "segment_length": "Number of tokens of the segment string.",
    "ids_length": "Number of ids.",
    "width": "Width of the source's viewBox, in user units.",
    "height": "Height of the source's viewBox, in user units.",
    "license": "SPDX expression of the record that the sample was made from.",
    "source": "The source of that record, as the config calls it.",
    "flags": "What kind of picture it is: names of deduplicate.flags that hold, sorted.",
    "provenance": "Every raw file that is this sample: source, path, address, hash, licence and author.",
}
"""The columns that come from no stage of the pass or beside it."""

COLUMN_SENTENCES = {name: (_JOINED | MEANINGS)[name] for name in SHARD.names}

STAGE_SENTENCES = {
    "crawl": crawl.SAYS,
    **{stage.name: stage.says for stage in PASS},
    "deduplicate": deduplicate.SAYS,
    "draw": "draws the pictures of what stays",
    "sandbox": "runs the stages up to deduplication in a child process, and takes out what kills it",
}


def type_name(kind: pa.DataType) -> str:
    """A short name for a column's type: ``list of int32``, ``list of {text, origin}``."""
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(kind.field(i).name for i in range(kind.num_fields)) + "}"
    return str(kind)


def columns() -> list[tuple[str, str, str]]:
    """Name, type and meaning of each column of `stages.sides.SHARD`, in its order."""
    return [(field.name, type_name(field.type), COLUMN_SENTENCES[field.name]) for field in SHARD]
