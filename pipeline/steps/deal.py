"""Dealing, as tasks and a step: survivors are joined with their side tables and sorted by the shard they go into.

What is dealt is text and numbers: pictures are drawn, and ids looked up, where shards are written. A task deals a group
of partitions, of all sources, so that a shard is put together from a part of each group and not of each partition.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.errors import BalanceError
from pipeline.grouping import cut
from pipeline.steps import decided as decisions
from pipeline.steps.base import Survivors, decided_of, versions_of
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import (
    DamagedTable,
    LostTable,
    named,
    read_table,
    remedy,
    table_bytes,
    write_bytes,
    write_table,
)
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, inputs_of, planned
from stages import write
from stages.base import Settings
from stages.rowwise import SAMPLES
from stages.schema import ENCODED, SHARD_COLUMNS
from stages.sides import BESIDE, SHARD, TEXT
from stages.write import Amount

DEALT = pa.schema([*(field for field in TEXT if field.name not in ENCODED.names[1:]), ("size", pa.int64())])
"""What is dealt: the columns of shards without what is made where they are written (picture, segments, ids), and the
bytes of the raw file."""

VERSION = 2
"""Of what tells of pieces."""

Generations = Mapping[tuple[str, str], int]
"""(source, key of a chunk) -> the version that it was new in; absent: 1."""


class Kind(NamedTuple):
    """Samples that shards never mix with others."""

    generation: int
    tier: str
    split: str


@dataclass(frozen=True)
class Part:
    """A samples partition on its way into shards: its survivors, and where the tables beside them lie."""

    survivors: Survivors
    sides: Mapping[str, str]
    """Name of each of `stages.sides.BESIDE` -> path."""
    decisions: str
    """Path."""


class DealSettings(Settings):
    """What dealing depends on."""

    repack: bool
    places: tuple[tuple[str, str, int], ...]
    """(tier, split, shards that this kind is dealt into), sorted."""


@dataclass(frozen=True)
class DealPayload:
    """The partitions of a group, in order."""

    settings: DealSettings
    parts: tuple[Part, ...]


class Piece(NamedTuple):
    """What a group has for one shard: bytes of a Parquet file (`DEALT`) within an object of the store."""

    path: str
    offset: int
    bytes: int
    sha256: str
    rows: int


PIECES = pa.schema(
    [
        ("shard", pa.int32()),
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
    ]
)
"""What a group has for each shard, sorted by these: shards are numbered through ``DealSettings.places``."""


class _Staying(NamedTuple):
    """A samples partition that has survivors, in the order of dealing. ``size``: bytes of text."""

    generation: int
    source: str
    key: str
    place: int
    size: int


def generation_of(record: Record, generations: Generations) -> int:
    """The version that the chunk of a samples partition was new in."""
    return generations.get((record.source, record.key.rpartition("-")[0]), 1)


def stays(record: Record, decided: Record) -> bool:
    """Whether a samples partition has survivors at all."""
    return any(base64.b64decode(decided.extra["kept"][f"{record.source}/{record.key}"]))


def amounts(samples: Sequence[Record], tiered: Sequence[Record], generations: Generations) -> dict[Kind, Amount]:
    """How much there is of each kind. ``tiered``: the records of tiers, in the order of ``samples``."""
    total: dict[Kind, Amount] = defaultdict(Amount)
    for record, tiers in zip(samples, tiered, strict=True):
        generation = generation_of(record, generations)
        for tier, split, rows, tokens in tiers.extra["kinds"]:
            total[Kind(generation, tier, split)] += Amount(rows, tokens)
    return dict(sorted(total.items()))


def deal_tasks(
    config: Config,
    samples: Sequence[Record],
    decided: Record,
    sides: Mapping[str, Sequence[Record]],
    generations: Generations,
    places: Mapping[Kind, int],
) -> Iterator[Task[DealPayload]]:
    """One task for each group of partitions of one generation, of about ``group_bytes`` together.

    Where a group ends is decided by a hash of the next partition's key and its size, not by counting from the start, so
    that a partition that comes or goes changes its own group only. ``sides``: the records of
    `stages.sides.BESIDE`, in the order of ``samples``. ``places``: into how many shards each kind is dealt.

    Of provenance, what shards show is part of the basis: the sample's own record and the copies that were there when it
    was first published, so that a licence that is corrected or a copy that is withdrawn reaches the shards. Others that
    turn out to be copies later are in the version's table of provenance alone, unless the config says ``repack``.
    """
    staying = [
        _Staying(generation_of(record, generations), record.source, record.key, place, int(record.extra["shard_bytes"]))
        for place, record in enumerate(samples)
        if stays(record, decided)
    ]
    groups = cut(
        sorted(staying),  # in another order of sources, shards are the same
        lambda each: ledger.digest([each.source, each.key]),
        lambda each: each.size,
        config.write.group_bytes,
        lambda each: each.generation,
    )
    versions = {**versions_of(config, "write"), "pieces": VERSION}
    shown = "origins" if config.write.repack else "shown"
    # columns that stages of other packages bring
    columns = [("column", name) for name in SHARD.names[len(SHARD_COLUMNS) :]]
    for group in groups:
        parts: list[Part] = []
        inputs = list(columns)
        rows = 0
        for each in group:
            record, name = samples[each.place], f"{each.source}/{each.key}"
            rows += record.rows_kept
            beside = {side: records[each.place].outputs["kept"] for side, records in sides.items()}
            inputs += inputs_of([record.outputs["kept"], *beside.values()])
            inputs += [decided_of(decided, record), (f"{shown} {name}", str(decided.extra[shown][name]))]
            paths = {side: output.path for side, output in beside.items()}
            parts.append(Part(Survivors.of(record, decided), paths, decided.outputs[name].path))
        first, generation = group[0], group[0].generation
        counts = counts_of(places, generation)
        payload = DealPayload(DealSettings(repack=config.write.repack, places=counts), tuple(parts))
        size = sum(each.size for each in group)
        key = f"{generation}-{first.source}-{first.key}"
        yield planned(DEAL, CORPUS, key, payload, versions, inputs, rows, size)


def deal_step(work: Work[DealPayload]) -> Record:
    """Join a group of partitions' survivors with their side tables, and sort them by shard.

    The output is one object: Parquet files one after the other, so that a shard's writer asks for its own bytes only.
    """
    settings = work.task.payload.settings
    joins = [joined(work.storage, part, settings.repack) for part in work.task.payload.parts]
    rows = pa.concat_tables([DEALT.empty_table(), *(table.select(DEALT.names).cast(DEALT) for table in joins)])
    counts = {(tier, split): count for tier, split, count in settings.places}
    ends = accumulate(count for *_, count in settings.places)
    firsts = {place[:2]: end - place[2] for place, end in zip(settings.places, ends, strict=True)}
    data: list[bytes] = []
    pieces: list[dict[str, int | str]] = []
    offset = 0
    for dealt in write.deal(rows, counts):
        piece = table_bytes(dealt.rows, DEALT)
        data.append(piece)
        shard, digest = firsts[dealt.tier, dealt.split] + dealt.place, hashlib.sha256(piece).hexdigest()
        size, count = len(piece), len(dealt.rows)
        pieces.append({"shard": shard, "offset": offset, "bytes": size, "sha256": digest, "rows": count})
        offset += size
    table = pa.Table.from_pylist(pieces, PIECES).sort_by("shard")
    outputs = {
        "kept": write_bytes(work.storage, partial(named, work.path("bin")), b"".join(data), len(rows)),
        "pieces": write_table(work.storage, work.path(), [table], PIECES),
    }
    return work.record(outputs, len(rows), len(rows))


def counts_of(places: Mapping[Kind, int], generation: int) -> tuple[tuple[str, str, int], ...]:
    """Of one generation the (tier, split, shards that this kind is dealt into), sorted."""
    return tuple((*kind[1:], count) for kind, count in sorted(places.items()) if kind.generation == generation)


def generation_dealt(record: Record) -> int:
    """Of which generation a record's samples are: of this step, or of the one that collects what was dealt."""
    return int(record.key.partition("-")[0])


def pieces_dealt(storage: Storage, record: Record) -> list[Piece]:
    """What a record of this step tells of. Raises as `read_table`, and NotFound for a record of an earlier form."""
    if "pieces" not in record.outputs:
        raise NotFound(f"{record.stage} {record.source}/{record.key} does not say what it dealt")
    table, path = read_table(storage, record.outputs["pieces"].path), record.outputs["kept"].path
    return [Piece(path, **row) for row in table.drop_columns(["shard"]).to_pylist()]


def read_piece(storage: Storage, piece: Piece, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a piece (`DEALT`). Raises LostTable, and DamagedTable if it is not what was written."""
    try:
        with storage.open(piece.path) as stream:
            stream.seek(piece.offset)
            data = stream.read(piece.bytes)
    except NotFound:
        raise LostTable(f"{storage.locate(piece.path)} does not exist; {remedy(piece.path)}", piece.path) from None
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        raise DamagedTable(f"{storage.locate(piece.path)} is damaged; {remedy(piece.path)}", piece.path)
    return pq.read_table(pa.BufferReader(data), columns=None if columns is None else list(columns), use_threads=False)


def joined(storage: Storage, part: Part, whole: bool) -> pa.Table:
    """One partition's rows with all columns of `DEALT`; ``whole``: with all provenance."""
    wanted = [*(name for name in DEALT.names if name in SAMPLES.names), "path", "view_box"]
    rows = part.survivors.read(storage, wanted)
    for side in BESIDE:
        if not side.shards:
            continue
        path = part.sides[side.name]
        rows = _beside(rows, read_table(storage, path, columns=["sample_id", *side.shards]), path)
    rows = _beside(rows, _provenance(read_table(storage, part.decisions), whole), part.decisions)
    if rows["svg"].null_count:
        raise BalanceError(f"{part.survivors.path}: a record that was to share another's outcome was kept")
    boxes = rows["view_box"]
    captions = rows["captions"]
    rows = rows.append_column("width", pc.list_element(boxes, 2)).append_column("height", pc.list_element(boxes, 3))
    rows = rows.append_column("caption", pc.struct_field(pc.list_element(captions, 0), "text"))
    return rows


def _provenance(decided: pa.Table, whole: bool) -> pa.Table:
    """``sample_id`` and ``provenance`` of what is kept: all of it, or what shards show."""
    kept = decided.filter(decided["kept"]).select(["sample_id", "provenance", "shown"]).combine_chunks()
    origins = kept["provenance"].combine_chunks()
    if not whole:
        origins = decisions.shown(origins, kept["shown"].combine_chunks())
    return kept.select(["sample_id"]).append_column("provenance", origins)


def _beside(rows: pa.Table, side: pa.Table, path: str) -> pa.Table:
    """``rows`` with the columns of a table of the same samples. Raises ValueError if ``path`` holds others."""
    if side["sample_id"] != rows["sample_id"]:
        raise ValueError(f"{path} does not hold the survivors of its partition")
    for name in side.column_names:
        if name != "sample_id":
            rows = rows.append_column(side.schema.field(name), side[name])
    return rows


DEAL = Step("deal", deal_step, "deals samples into shards", to="write")
