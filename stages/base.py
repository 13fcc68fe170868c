"""What a stage is: a frozen settings model, a version number, and one function from table to `StageResult`.

    def sanitize(table: pa.Table, settings: SanitizeSettings) -> StageResult

The function is pure: same table and settings, same result, in the same row order. ``kept`` holds the rows that go on,
with the columns the stage adds; ``dropped`` has one row, of `stages.schema.DROPPED`, for every row that does not.
``len(kept) + len(dropped) == len(table)`` always.

Row-wise stages are written with `Rows`: one call of ``keep`` or ``drop`` for each input row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stages.reasons import Reason
from stages.schema import DROPPED


class Settings(BaseModel):
    """Base of every stage's settings: immutable, no unknown keys, no silent coercion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


class Dropped(Exception):
    """Raised inside a row-wise stage's per-record function: this record is rejected for ``reason``."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class StageResult:
    """``kept``: the rows that go on. ``dropped``: schema `stages.schema.DROPPED`, one row a lost record."""

    kept: pa.Table
    dropped: pa.Table


class Rows:
    """Collects the outcome of each row of ``table`` and builds the `StageResult`.

    ``schema`` holds the columns the stage adds (or replaces, where the name exists). ``remove`` names input columns
    that do not go on.
    """

    def __init__(self, table: pa.Table, stage: str, schema: pa.Schema, remove: tuple[str, ...] = ()) -> None:
        self._table, self._stage, self._schema, self._remove = table, stage, schema, remove
        self._kept: list[int] = []
        self._added: list[dict[str, Any]] = []
        self._dropped: list[tuple[int, Reason, str]] = []

    def keep(self, index: int, **columns: Any) -> None:
        """Row ``index`` goes on, with these values for the stage's columns."""
        self._kept.append(index)
        self._added.append(columns)

    def drop(self, index: int, reason: Reason, detail: str = "") -> None:
        """Row ``index`` ends here."""
        self._dropped.append((index, reason, detail))

    def result(self) -> StageResult:
        """Build both tables. Raises ValueError when a row has no outcome or two."""
        seen = sorted([*self._kept, *(i for i, _, _ in self._dropped)])
        if seen != list(range(self._table.num_rows)):
            raise ValueError(f"stage {self._stage}: rows without exactly one outcome")
        kept = self._table.drop_columns([c for c in self._remove if c in self._table.column_names])
        kept = kept.take(pa.array(self._kept, pa.int64()))
        for field in self._schema:
            values = pa.array([row[field.name] for row in self._added], field.type)
            at = kept.schema.get_field_index(field.name)
            kept = kept.append_column(field, values) if at < 0 else kept.set_column(at, field, values)
        return StageResult(kept, dropped_rows(self._table, self._stage, self._dropped))


def dropped_rows(table: pa.Table, stage: str, rows: list[tuple[int, Reason, str]]) -> pa.Table:
    """The DROPPED table for ``rows`` (index into ``table``, reason, detail); ``table`` has the record key columns."""
    keys = table.select(["raw_id", "source", "path"]).take(pa.array([i for i, _, _ in rows], pa.int64()))
    return pa.table(
        [
            keys["raw_id"].combine_chunks(),
            keys["source"].combine_chunks(),
            keys["path"].combine_chunks(),
            pa.array([stage] * len(rows), pa.string()),
            pa.array([str(reason) for _, reason, _ in rows], pa.string()),
            pa.array([detail[:500] for _, _, detail in rows], pa.string()),
        ],
        schema=DROPPED,
    )
