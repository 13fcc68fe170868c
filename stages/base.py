"""What a stage is: a frozen settings model, a version number, and one pure function; the rest is written once, here.

A *row-wise stage* is a `RowStage`. It sees one record at a time, and says what it adds or raises `Dropped`::

    class InkSettings(Settings):
        most: int = Field(100_000, ge=1, description="characters of a drawing at most")

    def ink(svg: str, settings: InkSettings) -> Columns:
        if len(svg) > settings.most:
            raise Dropped(Reason.FILTERED, f"{len(svg)} characters")
        return {"ink": svg.count("<path")}

    INK = RowStage(
        name="ink", version=1, settings=InkSettings, says="counts paths",
        reads=("svg",), adds=pa.schema([("ink", pa.int32())]), one=ink,
    )

A *side stage* is a `SideStage`. It sees the samples that are kept, and makes a table of its own beside them.

Both are pure: same rows and settings, same result, in the same row order. `stages.rowwise.PASS` and
`stages.sides.SIDES` list them, and the schemas of tables, settings, versions, error budgets and the card's sentences
come from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any, Generic, TypeAlias, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stages.reasons import Reason
from stages.schema import DROPPED


class Settings(BaseModel):
    """Base of every stage's settings: immutable, no unknown keys, no silent coercion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)

    def part(self, kind: type[S]) -> S:
        """Of these settings those that ``kind``, a base class of theirs, declares, and no others.

        A stage that is handed a part can read nothing that its fingerprint does not hold.
        """
        if not isinstance(self, kind):
            raise TypeError(f"{kind.__name__} is no part of {type(self).__name__}")
        values: dict[str, Any] = {}
        for name, declared in kind.model_fields.items():
            value, own = getattr(self, name), declared.annotation
            nested = isinstance(own, type) and issubclass(own, Settings)
            values[name] = value.part(own) if nested else value
        return kind(**values)


S = TypeVar("S", bound=Settings)


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


Columns: TypeAlias = dict[str, Any]
"""One row's values by column, on their way into Arrow."""


@dataclass(frozen=True)
class Batch:
    """What a stage makes of many rows together.

    ``added``: the stage's columns, one row for each row that goes on, in their order. ``dropped``: the other rows, by
    index.
    """

    added: pa.Table
    dropped: Mapping[int, Dropped] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RowStage(Generic[S]):
    """A stage of the row-wise pass. Exactly one of ``one`` and ``many`` is its function."""

    name: str
    """A Python identifier. It stands in `stages.schema.DROPPED`, the error budget, the manifest and the card."""
    version: int | str
    """Another one makes all that the stage has made anew."""
    settings: type[S]
    reads: tuple[str, ...]
    """The columns that its function is given, in this order."""
    adds: pa.Schema
    """The columns it adds, or replaces where the name exists."""
    says: str
    """What it does: a sentence without subject and full stop, for the card and the report."""
    one: Callable[..., Columns] | None = None
    """One row: the values of ``reads``, then the settings -> the values of ``adds``. Raises Dropped."""
    many: Callable[[pa.Table, S], Batch] | None = None
    """Many rows: a table of ``reads``, and the settings. A row's result depends on no other row."""
    removes: tuple[str, ...] = ()
    """Columns that do not go on."""
    raises: tuple[type[Exception], ...] = ()
    """Exceptions beside MemoryError that no record is to blame for, such as that of a renderer that is missing."""
    section: str = ""
    """The section of the config that holds its settings, if that is not its name: ``settings`` are a part of that."""
    uses: Callable[[S], Mapping[str, str]] | None = None
    """What its results depend on beside its own code: name -> version."""
    shards: Mapping[str, str] = field(default_factory=dict)
    """Of ``adds`` those that go into shards, each with its meaning: a whole sentence for the card."""

    def __post_init__(self) -> None:
        if (self.one is None) == (self.many is None):
            raise TypeError(f"stage {self.name}: it needs exactly one of the functions one and many")
        if not self.reads:
            raise TypeError(f"stage {self.name}: it reads no column")
        if not self.section:
            object.__setattr__(self, "section", self.name)

    def versions(self, settings: S) -> dict[str, int | str]:
        """What to hold against the versions that a result was made with: its own, and of all that it uses."""
        return {self.section: self.version} | dict(self.uses(settings) if self.uses else {})

    def run(self, table: pa.Table, settings: S) -> StageResult:
        """Every row of ``table`` (with the columns ``reads`` and the record's key) is kept or dropped, none both.

        A defect, which is an exception of the function other than Dropped, costs the record that shows it
        (STAGE_ERROR). Raises MemoryError, since the sandbox knows whose fault that is, and what ``raises`` says.
        """
        rows = table.select(self.reads)
        batch = self._singly(rows, settings) if self.one else self._together(rows, settings)
        places = [index for index in range(table.num_rows) if index not in batch.dropped]
        if batch.added.num_rows != len(places):
            raise ValueError(f"stage {self.name}: {batch.added.num_rows} rows added to {len(places)} that go on")
        kept = table.drop_columns([name for name in self.removes if name in table.column_names])
        if len(places) < table.num_rows:
            kept = kept.take(pa.array(places, pa.int64()))
        for added in self.adds:
            at = kept.schema.get_field_index(added.name)
            values = batch.added[added.name]
            kept = kept.append_column(added, values) if at < 0 else kept.set_column(at, added, values)
        dropped = [(index, lost.reason, lost.detail) for index, lost in sorted(batch.dropped.items())]
        return StageResult(kept, dropped_rows(table, self.name, dropped))

    def _singly(self, rows: pa.Table, settings: S) -> Batch:
        assert self.one is not None
        added: list[Columns] = []
        dropped: dict[int, Dropped] = {}
        # one row at a time, since the documents of a whole chunk may be large
        values = zip(*(map(methodcaller("as_py"), rows[name]) for name in self.reads), strict=True)
        for index, row in enumerate(values):
            try:
                added.append(self.one(*row, settings))
            except Dropped as lost:
                dropped[index] = lost
            except MemoryError:
                raise
            except self.raises:
                raise
            except Exception as error:
                dropped[index] = _defect(error)
        columns = [pa.array([row[column.name] for row in added], column.type) for column in self.adds]
        return Batch(pa.table(columns, schema=self.adds), dropped)

    def _together(self, rows: pa.Table, settings: S) -> Batch:
        assert self.many is not None
        try:
            return self.many(rows, settings)
        except MemoryError:
            raise
        except self.raises:
            raise
        except Exception as error:
            if rows.num_rows == 1:
                return Batch(self.adds.empty_table(), {0: _defect(error)})
        batches = [self._together(rows.slice(index, 1), settings) for index in range(rows.num_rows)]
        dropped = {index: lost for index, batch in enumerate(batches) for lost in batch.dropped.values()}
        return Batch(pa.concat_tables([self.adds.empty_table(), *(batch.added for batch in batches)]), dropped)


def _defect(error: Exception) -> Dropped:
    return Dropped(Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")


@dataclass(frozen=True, kw_only=True)
class SideStage(Generic[S]):
    """A stage that makes a table beside the samples: a row for each sample that is kept, in their order."""

    name: str
    """A Python identifier. It stands in the paths of its tables, the config, the manifest and the card."""
    version: int | str
    """Another one makes its tables anew."""
    settings: type[S]
    reads: tuple[str, ...]
    """Columns of `stages.sides.SURVIVORS`; ``sample_id`` is one."""
    schema: pa.Schema
    """Of its table; ``sample_id`` comes first."""
    make: Callable[[pa.Table, S], pa.Table]
    """A table of ``reads``, and the settings -> a table of ``schema``."""
    says: str
    """What it does: a sentence without subject and full stop, for the card and the report."""
    shards: Mapping[str, str] = field(default_factory=dict)
    """Of ``schema`` those that go into shards, each with its meaning: a whole sentence for the card."""
    counts: Callable[[pa.Table, pa.Table], Mapping[str, Any]] | None = None
    """From the rows that it was given and its table: what the ledger's record says of them, as JSON."""
    section: str = ""
    """The section of the config that holds its settings, if that is not its name: ``settings`` are a part of that."""

    def __post_init__(self) -> None:
        if not self.section:
            object.__setattr__(self, "section", self.name)

    def run(self, table: pa.Table, settings: S) -> pa.Table:
        """The side table of ``table``, which has the columns ``reads``."""
        made = self.make(table.select(self.reads), settings).select(self.schema.names).cast(self.schema)
        if made["sample_id"] != table["sample_id"]:
            raise ValueError(f"stage {self.name}: its table does not hold the samples it was given, in their order")
        return made


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
