"""What a shard's columns mean, and what the stages do: the sentences that the card and the report share."""

from __future__ import annotations

import pyarrow as pa

from stages.schema import SHARD

COLUMN_SENTENCES = {
    "sample_id": "Hex SHA-256 of the canonical SVG.",
    "svg": "The canonical SVG: integer coordinates on the square canvas, no transforms, no style rules.",
    "tokens": "The atomic token string (HiVG level 1).",
    "segments": "The token string with learned segment tokens in place of frequent runs (HiVG level 2).",
    "input_ids": "Ids of the segment token string in the published tokenizer.",
    "caption": "The first of the captions.",
    "captions": "All captions, each with the captioner or metadata field it came from.",
    "png": "The canonical SVG as a picture (PNG).",
    "tier": "Curriculum tier, by atomic length.",
    "split": "Split; near-duplicates never straddle two splits.",
    "atomic_length": "Number of atomic tokens.",
    "segment_length": "Number of tokens of the segment string.",
    "ids_length": "Number of ids.",
    "ssim": "Structural similarity of source and canonical pictures, the worse of white and black ground, −1 to 1.",
    "mae": "Mean absolute error of the two pictures, the worse of both grounds, 0 to 1.",
    "visible_share": "Share of pixels that differ visibly, 0 to 1.",
    "width": "Width of the source's viewBox, in user units.",
    "height": "Height of the source's viewBox, in user units.",
    "license": "SPDX expression of the record that the sample was made from.",
    "provenance": "Every raw file that is this sample: source, path, address, hash and licence.",
}

STAGE_SENTENCES = {
    "crawl": "reads the sources' files and archives",
    "sanitize": "parses safely, takes out active content and references to the outside",
    "normalize": "resolves styles, references and transforms, and rounds to integer coordinates on the canvas",
    "tokenize": "writes HiVG tokens and checks that they decode to the canonical form",
    "render": "draws source and canonical form and compares the pictures",
    "deduplicate": "merges records that are equal in bytes, in canonical form, or nearly in geometry",
    "caption": "gives each sample its captions",
    "tier": "sorts samples into curriculum tiers and splits",
    "count": "counts candidates for segment tokens, and texts",
    "frequent": "finds which candidates may be frequent",
    "runs": "collects the runs of frequent commands",
    "segments": "learns the segment tokens",
    "encode": "replaces runs of atomic tokens by segment tokens and looks up ids",
    "write": "writes the shards",
}


def type_name(kind: pa.DataType) -> str:
    """A short name for a column's type: ``list of int32``, ``list of {text, origin}``."""
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(kind.field(i).name for i in range(kind.num_fields)) + "}"
    return str(kind)


def columns() -> list[tuple[str, str, str]]:
    """Name, type and meaning of each column of `stages.schema.SHARD`, in its order."""
    return [(field.name, type_name(field.type), COLUMN_SENTENCES[field.name]) for field in SHARD]
