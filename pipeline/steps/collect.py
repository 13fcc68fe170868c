"""Collecting, as tasks and a step: of each shard the pieces that were dealt to it, which lie in objects of all groups.

Groups times shards are the square of the corpus, and too many for the process of a run, which has a line for each shard
only: its rows and bytes, and a digest of its pieces. Which they are, the task that writes the shard reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.steps.deal import Kind, Piece, counts_of, generation_dealt
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, planned
from stages.base import Settings

AT_ONCE = 1_000_000
"""Pieces that one task collects, about."""

VERSION = 1
"""Of what the tables of pieces hold."""

COLLECTED = pa.schema(
    [
        ("path", pa.string()),
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
    ]
)
"""A `Piece`: a row group has those of one shard, in the order of groups."""


class CollectSettings(Settings):
    """``places``: as of `pipeline.steps.deal.DealSettings`. ``range``: begin and end (exclusive) of shards, as these
    number them."""

    places: tuple[tuple[str, str, int], ...]
    range: tuple[int, int]


@dataclass(frozen=True)
class CollectPayload:
    """``groups``: of each group the table of its pieces, and the object that they lie in."""

    settings: CollectSettings
    groups: tuple[tuple[str, str], ...]


class Share(NamedTuple):
    """What one shard gets: where it is told which pieces these are, and what they come to."""

    kind: Kind
    place: int
    path: str
    row_group: int
    rows: int
    bytes: int
    digest: str
    """Of the pieces' digests, in order: it says the same of the same pieces, wherever they lie."""


def collect_tasks(dealt: Sequence[Record], places: Mapping[Kind, int]) -> Iterator[Task[CollectPayload]]:
    """Of each generation one task for each range of shards. ``places``: as for `pipeline.steps.deal.deal_tasks`."""
    for generation, group in groupby(dealt, generation_dealt):
        records = list(group)
        counts = counts_of(places, generation)
        objects = [(record.outputs["pieces"], record.outputs["kept"]) for record in records]
        inputs = tuple((kept.path, pieces.sha256) for pieces, kept in objects)
        groups = tuple((pieces.path, kept.path) for pieces, kept in objects)
        rows = sum(pieces.rows for pieces, _ in objects)
        size = sum(pieces.bytes for pieces, _ in objects)
        shards = sum(count for *_, count in counts)
        step = max(1, AT_ONCE // len(records))
        for number, begin in enumerate(range(0, shards, step)):
            end = min(begin + step, shards)
            payload = CollectPayload(CollectSettings(places=counts, range=(begin, end)), groups)
            key, share = f"{generation}-{number:05}", rows * (end - begin) // shards
            yield planned(COLLECT, CORPUS, key, payload, {"collect": VERSION}, inputs, share, size)


def collect_step(work: Work[CollectPayload]) -> Record:
    """The pieces of a range of shards (`COLLECTED`), and what each shard comes to."""
    payload = work.task.payload
    begin, end = payload.settings.range
    parts = [_of_range(work.storage, pieces, begin, end) for pieces, _ in payload.groups]
    paths = np.array([path for _, path in payload.groups], dtype=object)
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    pieces = pa.concat_tables(parts).combine_chunks()
    order = np.argsort(pieces["shard"].to_numpy(), kind="stable")
    pieces, owner = pieces.take(order), owner[order]
    shards: list[tuple[int, int, int, str]] = []

    def row_groups() -> Iterator[pa.Table]:
        numbers = pieces["shard"].to_numpy()
        for first, last in pairwise([*_begins(numbers), len(numbers)]):
            own = pieces.slice(first, last - first)
            digests = own["sha256"].to_pylist()
            digest = hashlib.sha256("".join(digests).encode()).hexdigest()
            rows, size = (int(own[name].to_numpy().sum()) for name in ("rows", "bytes"))
            shards.append((int(numbers[first]), rows, size, digest))
            where = pa.array(paths[owner[first:last]], pa.string())
            yield own.append_column("path", where).select(COLLECTED.names)

    output = write_table(work.storage, work.path(), row_groups(), COLLECTED)
    return work.record({"kept": output}, len(pieces), len(pieces), extra={"shards": shards})


def _of_range(storage: Storage, path: str, begin: int, end: int) -> pa.Table:
    """The pieces of a group (`pipeline.steps.deal.PIECES`) that are of some shards; they are sorted by these."""
    pieces = read_table(storage, path)
    first, last = np.searchsorted(pieces["shard"].to_numpy(), [begin, end])
    return pieces.slice(int(first), int(last - first))


def _begins(numbers: npt.NDArray[Any]) -> list[int]:
    """Where another number begins in sorted ones."""
    return np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()


def shares_of(collected: Sequence[Record], places: Mapping[Kind, int]) -> Iterator[Share]:
    """Of each shard that gets samples, in order. ``places``: as for `collect_tasks`."""
    for generation, records in groupby(collected, generation_dealt):
        names = [
            (Kind(generation, tier, split), place)
            for tier, split, count in counts_of(places, generation)
            for place in range(count)
        ]
        for record in records:
            path = record.outputs["kept"].path
            for row_group, (number, rows, size, digest) in enumerate(record.extra["shards"]):
                kind, place = names[number]
                yield Share(kind, place, path, row_group, rows, size, digest)


def pieces_in(storage: Storage, path: str, row_group: int) -> list[Piece]:
    """The pieces of one shard. Raises as `read_table`."""
    columns = read_table(storage, path, row_group=row_group).select(Piece._fields).to_pydict().values()
    return [Piece(*values) for values in zip(*columns, strict=True)]


COLLECT = Step("collect", collect_step, "finds of each shard what was dealt to it", to="write")
