"""The stages that make tables beside the samples, and what shards hold: samples joined with these tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from stages.base import RowStage, SideStage
from stages.caption import CAPTION, DESCRIBE
from stages.entry_points import PackageUnusable
from stages.installed import check_names, side_stages
from stages.rowwise import PASS, SAMPLES
from stages.schema import DECIDED, PICTURES, SHARD_COLUMNS
from stages.score import SCORE
from stages.tier import TIER

SIDES: tuple[SideStage[Any], ...] = side_stages((DESCRIBE, SCORE))
"""In the order they run; none reads another's table."""

BESIDE: tuple[SideStage[Any], ...] = (CAPTION, TIER, *SIDES)
"""All whose tables lie beside the samples: captions and tiers are made of other tables, too (`pipeline.steps.caption`,
`pipeline.steps.tiers`)."""

KEYS = "keys"
"""What splits go by, of `DECIDED`: the one column that a side stage can read and that samples do not have."""

SURVIVORS = pa.schema([*SAMPLES, DECIDED.field(KEYS)])
"""What is known of a sample that is kept: the columns that a side stage can read."""

_SCHEMAS: list[tuple[RowStage[Any] | SideStage[Any], pa.Schema]] = [
    *((stage, stage.adds) for stage in PASS),
    *((side, side.schema) for side in BESIDE),
]

MEANINGS: dict[str, str] = {name: sentence for stage, _ in _SCHEMAS for name, sentence in stage.shards.items()}
"""Columns of shards that stages bring: name -> meaning."""


def _all_columns() -> pa.Schema:
    """The columns of shards: `SHARD_COLUMNS`, then what else the stages bring, by name. Raises PackageUnusable."""
    check_names([*PASS, *SIDES])
    if KEYS in SAMPLES.names:
        raise PackageUnusable(f"a stage brings the column {KEYS}, which is what splits go by; give it another name")
    for side in SIDES:
        unknown = [name for name in side.reads if name not in SURVIVORS.names]
        if unknown or "sample_id" not in side.reads:
            what = f"reads the column {unknown[0]}" if unknown else "does not read sample_id"
            raise PackageUnusable(f"stage {side.name} {what}; it can read {', '.join(SURVIVORS.names)}")
    columns: dict[str, pa.Field] = {}
    for stage, schema in _SCHEMAS:
        for name in stage.shards:
            if name in columns:
                raise PackageUnusable(f"stage {stage.name} brings the column {name}, which another stage brings, too")
            if name not in schema.names:
                raise PackageUnusable(f"stage {stage.name} has no column {name} for shards")
            columns[name] = schema.field(name)
    return pa.schema([*SHARD_COLUMNS, *(columns[name] for name in sorted(columns.keys() - set(SHARD_COLUMNS.names)))])


SHARD = _all_columns()
"""A Parquet shard's columns, by default; WebDataset members hold the same."""

TEXT = pa.schema([field for field in SHARD if field.name not in PICTURES])
"""These without a picture."""

INDEXED = pa.schema(
    [
        field
        for field in TEXT
        if field.name not in ("svg", "tokens", "segments", "input_ids", "caption", "captions", "provenance")
        # what stages of other packages bring may be of any size
        and (field.name in SHARD_COLUMNS.names or pa.types.is_primitive(field.type))
    ]
)
"""The narrow columns of shards, which a version's index has, too."""


def shard_schema(picture: str | None) -> pa.Schema:
    """The columns of shards with pictures of a kind: a column of `PICTURES`, None for shards without pictures."""
    fields = [field.with_name(picture) if picture and field.name in PICTURES else field for field in SHARD]
    return pa.schema([field for field in fields if picture or field.name not in PICTURES])


def index_schema(formats: Sequence[str]) -> pa.Schema:
    """The columns of a version's index: `INDEXED`, and where a sample is: its shard in each of the ``formats``, and its
    row there, counted from 0."""
    first, *others = INDEXED
    shard = pa.struct([(name, pa.string()) for name in formats])
    place = [("generation", pa.int32()), ("shard", shard), ("row", pa.int32())]
    return pa.schema([first, *place, *others])
