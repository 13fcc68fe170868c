"""Captions that many drawings have, as tasks and steps: what is said of everything says nothing.

    hear      of a samples partition: a hash of each caption of a dataset or a model, with the sample
    repeats   of a range of hashes: where more samples than may have the same caption, those behind the first

The first are those with the least ids, so that no order of arrival counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import Config
from pipeline.steps.lend import RowGroups, laid_out, routed
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, planned
from stages import deduplicate
from stages.base import Settings
from stages.caption import CAPTION
from stages.caption.choose import counted, said_of
from stages.schema import BORROWED

VERSION = 1

RANGE = 10_000_000
"""Captions that one task of ``repeats`` looks at, about."""

_HEARD_BYTES = 60
"""Of such a caption, about, in memory; for estimates."""

HEARD = pa.schema([("hash", pa.uint64()), ("item", pa.uint64())])
"""Captions by `stages.caption.choose.hash_of`, and samples by `stages.deduplicate.item_ids`."""


class HearSettings(Settings):
    """Nothing of the config says what is heard."""


@dataclass(frozen=True)
class HearPayload:
    """What was said of a partition's samples. ``answers``: "" for none."""

    settings: HearSettings
    described: str
    borrowed: RowGroups
    answers: str


@dataclass(frozen=True)
class Heard:
    """Of a samples partition, what captions are made of: tables, and parts of tables with their digests."""

    name: str
    described: Record
    answers: Output | None
    borrowed: Sequence[tuple[str, int, str]] = ()
    edited: Sequence[tuple[str, int, str]] = ()
    look: Output | None = None

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """Of what records and a model said."""
        own = self.described.outputs["kept"]
        inputs = [(own.path, own.sha256), *(("borrowed", digest) for _, _, digest in self.borrowed)]
        return inputs if self.answers is None else [*inputs, (self.answers.path, self.answers.sha256)]


def groups_of(parts: Sequence[tuple[str, int, str]]) -> RowGroups:
    """Without digests."""
    return tuple((path, group) for path, group, _ in parts)


def hear_tasks(config: Config, heard: Iterable[Heard]) -> Iterator[Task[HearPayload]]:
    """One task for each partition of which a dataset or a model said something; none where that is not counted."""
    if config.caption.checks.alike is None:
        return
    settings = HearSettings()
    for part in heard:
        own = part.described
        if not (own.extra["said"] or part.borrowed or part.answers):
            continue
        answers = "" if part.answers is None else part.answers.path
        payload = HearPayload(settings, own.outputs["kept"].path, groups_of(part.borrowed), answers)
        rows, size = own.rows_kept, own.outputs["kept"].bytes
        yield planned(HEAR, own.source, own.key, payload, {"repeats": VERSION}, part.inputs, rows, size)


def hear_step(work: Work[HearPayload]) -> Record:
    """`HEARD` of a partition, sorted."""
    payload, storage = work.task.payload, work.storage
    known = read_table(storage, payload.described, columns=["sample_id", "captions"])
    borrowed = laid_out(storage, payload.borrowed, len(known), "captions", BORROWED)
    answers = read_table(storage, payload.answers).to_pylist() if payload.answers else []
    of_samples: dict[str, list[dict[str, object]]] = {}
    for answer in answers:
        of_samples.setdefault(answer["sample_id"], []).append(answer)
    hashes: list[int] = []
    owners: list[int] = []
    rows = zip(known.to_pylist(), borrowed.to_pylist(), strict=True)
    for place, (row, others) in enumerate(rows):
        said = said_of(row | {"borrowed": others, "answers": of_samples.get(row["sample_id"])})
        own = list(counted(said))
        hashes += own
        owners += [place] * len(own)
    items = deduplicate.item_ids(known["sample_id"])[np.array(owners, np.int64)]
    table = pa.table([pa.array(hashes, pa.uint64()), pa.array(items, pa.uint64())], schema=HEARD)
    output = write_table(storage, work.path(), [table.sort_by([("hash", "ascending"), ("item", "ascending")])], HEARD)
    return work.record({"kept": output}, len(known), output.rows)


class RepeatsSettings(Settings):
    """``alike``: samples that may have the same caption; ``range``: which of how many ranges of hashes."""

    alike: int
    range: tuple[int, int]


@dataclass(frozen=True)
class RepeatsPayload:
    """``tables``: partition (source/key) -> path. ``first`` and ``last``: of the range, both inclusive."""

    settings: RepeatsSettings
    tables: Mapping[str, str]
    first: int
    last: int


def repeats_tasks(config: Config, heard: Sequence[Record]) -> list[Task[RepeatsPayload]]:
    """One task for each range of hashes; none where all together are too few."""
    alike, rows = config.caption.checks.alike, sum(record.rows_kept for record in heard)
    if alike is None or rows <= alike:
        return []
    outputs = {f"{record.source}/{record.key}": record.outputs["kept"] for record in heard if record.rows_kept}
    tables = dict(sorted(outputs.items()))
    paths = {name: output.path for name, output in tables.items()}
    inputs = [(name, output.sha256) for name, output in tables.items()]
    count = -(-rows // RANGE)
    tasks = []
    for k, (first, end) in enumerate(pairwise((1 << 64) * k // count for k in range(count + 1))):
        settings = RepeatsSettings(alike=alike, range=(k, count))
        payload = RepeatsPayload(settings, paths, first, end - 1)
        size = rows // count
        tasks.append(
            planned(REPEATS, CORPUS, f"range-{k:05}", payload, {"repeats": VERSION}, inputs, size, size * _HEARD_BYTES)
        )
    return tasks


def repeats_step(work: Work[RepeatsPayload]) -> Record:
    """`HEARD` of the samples that come behind the first, a row group for each partition that has some."""
    payload, storage = work.task.payload, work.storage
    names = sorted(payload.tables)
    alike = payload.settings.alike
    hashes, items, owner = _in_range(storage, payload, names)
    order = np.lexsort((items, hashes))
    ordered = hashes[order]
    # in this order, what is said as often as may be stands so many places before
    over = order[alike:][ordered[alike:] == ordered[: len(ordered) - alike]]
    heard = len(ordered)
    del order, ordered
    over = over[np.argsort(owner[over], kind="stable")]
    numbers, begins = np.unique(owner[over], return_index=True)
    tables = {}
    for number, (begin, end) in zip(numbers.tolist(), pairwise([*begins.tolist(), len(over)]), strict=True):
        own = over[begin:end]
        tables[names[number]] = pa.table([pa.array(hashes[own]), pa.array(items[own])], schema=HEARD)
    outputs, places = routed(work, tables, HEARD)
    return work.record(outputs, heard, len(over), extra={"places": places})


def _in_range(
    storage: Storage, payload: RepeatsPayload, names: Sequence[str]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Hashes of a range, which are sorted in each table, with their samples and the places of their tables."""
    columns: tuple[list[npt.NDArray[np.uint64]], ...] = ([np.empty(0, np.uint64)], [np.empty(0, np.uint64)])
    counts = []
    for name in names:
        table = read_table(storage, payload.tables[name])
        hashes, items = (table[column].to_numpy() for column in HEARD.names)
        begin = np.searchsorted(hashes, np.uint64(payload.first), "left")
        end = np.searchsorted(hashes, np.uint64(payload.last), "right")
        for column, values in zip(columns, (hashes, items), strict=True):
            column.append(values[begin:end].copy())
        counts.append(end - begin)
    owner = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    return np.concatenate(columns[0]), np.concatenate(columns[1]), owner


HEAR = Step("hear", hear_step, "notes which captions samples have, to find those that many have", to=CAPTION.name)
REPEATS = Step("repeats", repeats_step, "finds captions that too many drawings have", to=CAPTION.name, whole=True)
