"""The captions of a partition's samples."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stages.base import SideStage
from stages.caption import compose, geometry
from stages.caption.settings import CaptionSettings
from stages.caption.words import useful
from stages.schema import CAPTIONED

READS = (
    "sample_id", "title", "desc", "path", "name", "source", "svg", "picture", "own_captions", "hints", "facts",
)  # fmt: skip


def caption(table: pa.Table, settings: CaptionSettings) -> pa.Table:
    """Captions (`stages.schema.CAPTIONED`) for rows with the columns `READS`.

    Every sample has one at least, the last, of its geometry. Before it stand those of its names, titles and keywords,
    and before all those that its record came with: somebody who saw the drawing knows more of it than its file name
    tells.
    """
    captions = [_captions(row, settings) for row in table.select(READS[1:]).to_pylist()]
    return pa.table(
        [table["sample_id"].combine_chunks(), pa.array(captions, CAPTIONED.field(1).type)], schema=CAPTIONED
    )


def _captions(row: dict[str, Any], settings: CaptionSettings) -> list[dict[str, Any]]:
    seen = geometry.look(row["picture"], row["svg"])
    facts = {fact["name"]: fact["text"] for fact in row["facts"] or ()}
    record = compose.Record(
        row["path"], row["name"], row["source"], row["title"], row["desc"], row["hints"] or (), facts
    )
    # a raw table of an earlier version has neither style nor language
    own = [
        each
        | {"text": useful(each["text"], settings), "style": each["style"] or "", "language": each["language"] or ""}
        for each in row["own_captions"] or ()
    ]
    named = compose.metadata(record, seen, settings)
    drawn = geometry.described(seen, settings.max_colours)
    drawing = {"text": drawn, "style": "short", "language": compose.ENGLISH, "origin": "geometry"}
    return [
        each | {"text": _cut(each["text"], settings.max_characters)} for each in (*own, *named, drawing) if each["text"]
    ]


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"


CAPTION = SideStage(
    name="caption",
    version=7,
    settings=CaptionSettings,
    reads=READS,
    schema=CAPTIONED,
    make=caption,
    says="gives each sample its captions",
    shards={
        "captions": "All captions, each with its style (tag, short, detailed), language (BCP 47) and origin (human, "
        "dataset, model, metadata, geometry); of a model with its name, digest of the prompt, temperature, seed "
        "and score. Style and language are empty where they are not known."
    },
)
