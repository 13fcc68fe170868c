"""What is known of a partition's samples without a model: each record for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.base import SideStage
from stages.caption import compose, geometry, hues
from stages.caption.geometry import Look
from stages.caption.settings import DescribeSettings
from stages.caption.words import useful
from stages.schema import CAPTIONS, DESCRIBED

BRINGS = ("title", "desc", "path", "name", "source", "own_captions", "hints", "facts")
"""Columns of samples that say something of a drawing."""

READS = ("sample_id", "svg", "picture", *BRINGS)


def describe(table: pa.Table, settings: DescribeSettings) -> pa.Table:
    """What is known (`stages.schema.DESCRIBED`) of rows with the columns `READS`.

    Every sample has one caption at least, the last, of its geometry. Before it stand those of its names, titles and
    keywords, and before all those that its record came with: somebody who saw the drawing knows more of it than its
    file name tells.
    """
    rows = table.select(READS[1:]).to_pylist()
    captions = [_captions(row, geometry.look(row["picture"], row["svg"]), settings) for row in rows]
    seen = [hues.seen(row["picture"]) for row in rows]
    columns = [
        table["sample_id"].combine_chunks(),
        pa.array(captions, CAPTIONS),
        pa.array(seen, DESCRIBED.field("hues").type),
    ]
    return pa.table(columns, schema=DESCRIBED)


def brought(row: Mapping[str, Any], seen: Look, settings: DescribeSettings) -> list[dict[str, Any]]:
    """The captions that a record brings: those that it came with, then those of its names and texts.

    ``row``: of it the columns `BRINGS`, which may be null. ``seen``: what goes into captions of names.
    """
    facts = {fact["name"]: fact["text"] for fact in row["facts"] or ()}
    texts = (row["title"] or "", row["desc"] or "", row["hints"] or ())
    record = compose.Record(row["path"], row["name"], row["source"], *texts, facts)
    # a raw table of an earlier version has neither style nor language
    own = [
        each
        | {"text": useful(each["text"], settings), "style": each["style"] or "", "language": each["language"] or ""}
        for each in row["own_captions"] or ()
    ]
    named = [
        each | {"text": _cut(each["text"], settings.max_characters)}
        for each in compose.metadata(record, seen, settings)
    ]
    return [dict(each) for each in (*own, *named) if each["text"]]


def _captions(row: Mapping[str, Any], seen: Look, settings: DescribeSettings) -> list[dict[str, Any]]:
    drawn = _cut(geometry.described(seen, settings.max_colours), settings.max_characters)
    drawing = {"text": drawn, "style": "short", "language": compose.ENGLISH, "origin": "geometry"}
    return [*brought(row, seen, settings), drawing]


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"


def _said(rows: pa.Table, described: pa.Table) -> dict[str, int]:
    """``said``: captions that somebody gave to drawings."""
    origins = pc.struct_field(pc.list_flatten(described["captions"]), "origin")
    return {"said": pc.sum(pc.is_in(origins, value_set=pa.array(["dataset", "model"]))).as_py() or 0}


DESCRIBE = SideStage(
    name="describe",
    version=2,
    settings=DescribeSettings,
    section="caption",
    reads=READS,
    schema=DESCRIBED,
    make=describe,
    says="says what is known of each sample without a model",
    counts=_said,
)
