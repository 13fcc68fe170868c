"""Equal bytes are run once, as tasks and a step: which records are copies of another one, their *leader*.

A leader alone goes through the pass; what becomes of it, its copies share (`pipeline.steps.copied`). It is the record
that stays, as far as that is known before the pass: of the oldest generation, so that what is new makes nothing anew,
then as `stages.deduplicate.decide` ranks records of one sample. What earlier versions published can have another one
stay, as where a file was moved; that one inherits the drawing. So who leads decides what is run, and nothing of what
comes out: copies have rows of their own wherever records are decided on, counted and told of.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.steps.rowwise import SAMPLES_STEP, partition_key
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table, write_table
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, planned
from stages import crawl, deduplicate
from stages.base import Settings
from stages.rowwise import PASS
from stages.schema import RAW

VERSION = 2
"""Of how leaders are found."""

RANGE = 2_000_000
"""Records that one task of ``copies`` looks at, about: 16 bytes each, and some hundred for each copy."""

READ_BY_PASS: tuple[str, ...] = tuple(
    name for name in RAW.names if name != "bytes" and any(name in stage.reads for stage in PASS)
)
"""What the pass reads of a record beside its bytes, which decide for the stages of this package: records share an
outcome only if these are equal, too."""

COPIES = pa.schema(  # a row a copy, by number of partition and row in it
    [
        ("partition", pa.int32()),
        ("row", pa.int32()),
        ("leader", pa.int32()),  # number of the leader's partition
        ("raw_id", pa.string()),  # the leader's path, with which it is known in tables that the pass writes
        ("path", pa.string()),
    ]
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class CopiesSettings(Settings):
    """What leaders depend on."""

    source_order: tuple[str, ...]
    columns: tuple[str, ...]
    """`READ_BY_PASS`."""
    range: tuple[int, int]
    """Which of how many ranges of raw ids."""


class RawPart(NamedTuple):
    """A raw table: its partitions are its row groups."""

    source: str
    key: str
    path: str
    generation: int
    row_groups: tuple[int, ...]


@dataclass(frozen=True)
class CopiesPayload:
    """``first`` and ``last``: of the range, both inclusive, as `deduplicate.item_ids` has raw ids."""

    settings: CopiesSettings
    tables: tuple[RawPart, ...]
    first: int
    last: int


def copies_tasks(
    config: Config, crawled: Sequence[Record], generations: Mapping[tuple[str, str], int]
) -> Iterator[Task[CopiesPayload]]:
    """One task for each range of raw ids. ``crawled``: of the config's sources. ``generations``: of their chunks."""
    tables, inputs, rows = [], [], 0
    for record in crawled:
        raw, generation = record.outputs["kept"], generations.get((record.source, record.key), 1)
        tables.append(RawPart(record.source, record.key, raw.path, generation, raw.row_groups))
        inputs.append((f"{record.source}/{record.key} {generation}", raw.sha256))
        rows += raw.rows
    parts, basis = tuple(tables), tuple(inputs)
    count = max(1, -(-rows // RANGE))
    order, versions = tuple(source.name for source in config.sources), {"copies": VERSION}
    for k, (first, end) in enumerate(pairwise((1 << 64) * k // count for k in range(count + 1))):
        settings = CopiesSettings(source_order=order, columns=READ_BY_PASS, range=(k, count))
        payload = CopiesPayload(settings, parts, first, end - 1)
        key, records = f"range-{k:05}", rows // count
        yield planned(COPIES_STEP, CORPUS, key, payload, versions, basis, records, rows * ID_BYTES)


ID_BYTES = 40
"""Of a raw id, about, in a raw table; for estimates."""


def copies_step(work: Work[CopiesPayload]) -> Record:
    """The copies in a range of raw ids, each with its leader."""
    payload = work.task.payload
    ids, tables, rows = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number, part in enumerate(payload.tables):
        table_ids = deduplicate.item_ids(read_table(work.storage, part.path, columns=["raw_id"])["raw_id"])
        here = np.flatnonzero((table_ids >= np.uint64(payload.first)) & (table_ids <= np.uint64(payload.last)))
        ids.append(table_ids[here])
        tables.append(np.full(len(here), number, np.int64))
        rows.append(here)
    items = np.concatenate(ids)
    order = np.argsort(items, kind="stable")
    same = items[order][1:] == items[order][:-1]
    shared = np.zeros(len(items), bool)
    shared[order[1:]] |= same
    shared[order[:-1]] |= same
    records = _records(work.storage, payload, np.concatenate(tables)[shared], np.concatenate(rows)[shared])
    copies = led(records, payload.settings.source_order, payload.settings.columns)
    names = [
        f"{part.source}/{partition_key(part.key, group)}"
        for part in payload.tables
        for group in range(len(part.row_groups))
    ]
    sizes = [size for part in payload.tables for size in part.row_groups]
    extra = {
        "copies": {
            names[n]: _mask(rows, sizes[n]) for n, rows in grouped(copies["partition"], copies["row"].to_numpy())
        },
        "leaders": {names[n]: n for n in np.unique(copies["leader"].to_numpy()).tolist()},
        "partitions": {names[n]: n for n in np.unique(copies["partition"].to_numpy()).tolist()},
    }
    # most corpora have none
    outputs = {"kept": write_table(work.storage, work.path(), [copies], COPIES)} if len(copies) else {}
    return work.record(outputs, len(items), len(copies), extra=extra)


def _records(storage: Storage, payload: CopiesPayload, tables: Ints, rows: Ints) -> pa.Table:
    """What `led` reads of some records; ``tables`` is ascending."""
    columns = list(dict.fromkeys(("raw_id", "source", "path", "url", "license", *payload.settings.columns)))
    parts = [pa.schema([RAW.field(name) for name in columns]).empty_table()]
    partitions, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    begin = np.cumsum([0, *(len(part.row_groups) for part in payload.tables)])
    for number in np.unique(tables).tolist():
        part, here = payload.tables[number], rows[tables == number]
        table = crawl.as_raw(read_table(storage, part.path, columns=columns)).select(columns)
        parts.append(table.take(pa.array(here)))
        starts = np.cumsum([0, *part.row_groups])
        groups = np.searchsorted(starts, here, side="right") - 1
        partitions.append(begin[number] + groups)
        places.append(here - starts[groups])
    generations = np.array([part.generation for part in payload.tables], np.int64)[tables]
    more = {
        "partition": np.concatenate(partitions),
        "row": np.concatenate(places),
        "generation": generations,
    }
    table = pa.concat_tables(parts)
    for name, values in more.items():
        table = table.append_column(name, pa.array(values))
    return table


def led(records: pa.Table, source_order: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Which of ``records`` are copies, and of which: `COPIES`.

    ``records``: ``raw_id``, ``source``, ``path``, ``url`` and ``license`` of `RAW`, and ``columns`` of it, in which
    records have to be equal, too; ``partition``, ``row`` and ``generation``.
    """
    keys = records["raw_id"].combine_chunks()
    if columns:
        more = [ledger.canonical_json(list(row.values())) for row in records.select(columns).to_pylist()]
        keys = pc.binary_join_element_wise(keys, pa.array(more, pa.string()), "\0")
    codes = pc.rank(keys, tiebreaker="dense").to_numpy()
    source = pc.index_in(records["source"], value_set=pa.array(list(source_order), pa.string())).to_numpy()
    path = pc.rank(records["path"], tiebreaker="dense").to_numpy()
    partition, row, generation = (records[name].to_numpy() for name in ("partition", "row", "generation"))
    order = np.lexsort((row, partition, path, -deduplicate.richness(records), source, generation, codes))
    begins = np.ones(len(order), bool)
    begins[1:] = codes[order][1:] != codes[order][:-1]
    starts = np.flatnonzero(begins)
    leader = order[starts[np.cumsum(begins) - 1]]
    copy, leader = order[~begins], leader[~begins]
    table = pa.table(
        [
            pa.array(partition[copy], pa.int32()),
            pa.array(row[copy], pa.int32()),
            pa.array(partition[leader], pa.int32()),
            *(records[name].take(pa.array(leader)) for name in ("raw_id", "path")),
        ],
        schema=COPIES,
    )
    return table.sort_by([("partition", "ascending"), ("row", "ascending")])


def grouped(numbers: pa.ChunkedArray, values: npt.NDArray[Any]) -> Iterable[tuple[int, npt.NDArray[Any]]]:
    """Each of ``numbers``, ascending, with its ``values``, in their order."""
    column = numbers.to_numpy()
    order = np.argsort(column, kind="stable")
    distinct, starts = np.unique(column[order], return_index=True)
    return zip(distinct.tolist(), np.split(values[order], starts[1:]), strict=False)


def _mask(rows: npt.NDArray[np.int32], size: int) -> tuple[int, str]:
    """Which of how many rows: their number, and base64 of compressed bits, few of which are set if ranges are many."""
    mask = np.zeros(size, bool)
    mask[rows] = True
    return size, base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()


def copies_of(ranges: Sequence[Record]) -> dict[str, Bools]:
    """Partition (source/key) -> which of its rows are copies, of those that have any.

    ``ranges``: what `copies_step` came to.
    """
    masks: dict[str, Bools] = {}
    for record in ranges:
        for name, (size, bits) in record.extra["copies"].items():
            mask = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(bits)), np.uint8), count=size)
            masks[name] = mask.astype(bool) | masks.get(name, False)
    return masks


COPIES_STEP = Step("copies", copies_step, "finds records of equal bytes, of which one is run", SAMPLES_STEP.name, True)
