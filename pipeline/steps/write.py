"""Writing, as tasks and a step: survivors are joined with their side tables and packed into shards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.grouping import cut
from pipeline.steps import decided
from pipeline.steps.base import Survivors, decided_of, sum_of, versions_of
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, read_table, write_bytes
from pipeline.versions.manifest import Shard
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, inputs_of, planned
from stages import write
from stages.rowwise import SAMPLES
from stages.schema import SHARD_COLUMNS
from stages.sides import SHARD, SIDES


@dataclass(frozen=True)
class Part:
    """A samples partition on its way into shards: its survivors, and where the tables beside them lie."""

    survivors: Survivors
    sides: Mapping[str, str]
    """Name -> path: encode, and those of `stages.sides.SIDES`."""
    decisions: str
    """Path."""


@dataclass(frozen=True)
class WritePayload:
    """The partitions of a group, in order."""

    settings: write.WriteSettings
    parts: tuple[Part, ...]


def write_tasks(
    config: Config,
    samples: Sequence[Record],
    decided: Record,
    sides: Mapping[str, Sequence[Record]],
    generations: Mapping[tuple[str, str], int],
) -> list[Task[WritePayload]]:
    """One task for each group of consecutive partitions of one source, of about ``group_bytes`` together.

    ``generations``: (source, key of a chunk) to the version that it was new in; no group has two.

    Where a group ends is decided by a hash of the next partition's key and its size, not by counting from the start, so
    that a partition that comes or goes changes its own group only; none is over twice ``group_bytes``, but for a single
    partition. ``sides``: the records of encode and of `stages.sides.SIDES`, in the order of ``samples``.

    Of provenance, what shards show is part of the basis: the sample's own record and the copies that were there when it
    was first published, so that a licence that is corrected or a copy that is withdrawn reaches the shards. Others that
    turn out to be copies later are in the index of the version alone, unless the config says ``repack``.
    """

    def home(record: Record) -> tuple[str, int]:
        return record.source, generations.get((record.source, record.key.rpartition("-")[0]), 1)

    groups = cut(
        range(len(samples)),
        lambda i: ledger.digest(samples[i].key),
        lambda i: int(samples[i].extra["shard_bytes"]),
        config.write.group_bytes,
        lambda i: home(samples[i]),
    )
    versions = versions_of(config, "write")
    shown = "origins" if config.write.repack else "shown"
    tasks = []
    for group in groups:
        parts: list[Part] = []
        # columns that stages of other packages bring
        inputs = [("column", name) for name in SHARD.names[len(SHARD_COLUMNS) :]]
        for i in group:
            record, name = samples[i], f"{samples[i].source}/{samples[i].key}"
            beside = {side: records[i].outputs["kept"] for side, records in sides.items()}
            inputs += inputs_of([record.outputs["kept"], *beside.values()])
            inputs += [decided_of(decided, record), (f"{shown} {name}", str(decided.extra[shown][name]))]
            paths = {side: output.path for side, output in beside.items()}
            parts.append(Part(Survivors.of(record, decided), paths, decided.outputs[name].path))
        first = samples[group[0]]
        payload = WritePayload(config.write, tuple(parts))
        rows = sum(samples[i].rows_kept for i in group)
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        tasks.append(planned(WRITE, first.source, first.key, payload, versions, inputs, rows, size))
    return tasks


def write_step(work: Work[WritePayload]) -> Record:
    """Join a group of partitions' survivors with their side tables and pack them into shards.

    A shard's name is its content's digest: equal shards of different versions are one object, and none ever changes.
    """
    settings = work.task.payload.settings
    joins = [joined(work.storage, part, settings.repack) for part in work.task.payload.parts]
    rows = pa.concat_tables([SHARD.empty_table(), *(table.select(SHARD.names).cast(SHARD) for table in joins)])
    shards: list[Shard] = []
    outputs: dict[str, Output] = {}
    for pack in write.pack(rows, settings):
        for name in settings.formats:
            output = _write_shard(work, write.FORMATS[name], pack)
            outputs[output.path] = output
            shards.append(
                Shard(
                    path=output.path,
                    sha256=output.sha256,
                    bytes=output.bytes,
                    rows=output.rows,
                    format=name,
                    tier=pack.tier,
                    split=pack.split,
                    atomic_tokens=sum_of(pack.rows["atomic_length"]),
                    segment_tokens=sum_of(pack.rows["segment_length"]),
                    ids=sum_of(pack.rows["ids_length"]),
                )
            )
    licenses = dict(sorted(Counter(rows["license"].to_pylist()).items()))
    raw_bytes = sum(sum_of(table["size"]) for table in joins)
    extra = {"shards": [asdict(shard) for shard in shards], "licenses": licenses, "raw_bytes": raw_bytes}
    return work.record(outputs, rows.num_rows, rows.num_rows, extra=extra)


def _write_shard(work: Work[WritePayload], form: write.Format, pack: write.Pack) -> Output:
    data = form.write(pack.rows)
    path = f"shards/{form.name}/{pack.tier}/{pack.split}-{hashlib.sha256(data).hexdigest()[:20]}.{form.suffix}"
    return write_bytes(work.storage, path, data, pack.rows.num_rows)


def joined(storage: Storage, part: Part, whole: bool) -> pa.Table:
    """One partition's rows with all columns of `stages.sides.SHARD`, and ``size``; ``whole``: with all provenance."""
    wanted = [*(name for name in SHARD.names if name in SAMPLES.names), "path", "view_box", "size"]
    rows = part.survivors.read(storage, wanted)
    for side in SIDES:
        path = part.sides[side.name]
        rows = _beside(rows, read_table(storage, path, columns=["sample_id", *side.shards]), path)
    rows = _beside(rows, read_table(storage, part.sides["encode"]), part.sides["encode"])
    rows = _beside(rows, _provenance(read_table(storage, part.decisions), whole), part.decisions)
    boxes = rows["view_box"]
    captions = rows["captions"]
    rows = rows.append_column("width", pc.list_element(boxes, 2)).append_column("height", pc.list_element(boxes, 3))
    rows = rows.append_column("caption", pc.struct_field(pc.list_element(captions, 0), "text"))
    return rows


def _provenance(decisions: pa.Table, whole: bool) -> pa.Table:
    """``sample_id`` and ``provenance`` of what is kept: all of it, or what shards show."""
    kept = decisions.filter(decisions["kept"]).select(["sample_id", "provenance", "shown"]).combine_chunks()
    origins = kept["provenance"].combine_chunks()
    if not whole:
        origins = decided.shown(origins, kept["shown"].combine_chunks())
    return kept.select(["sample_id"]).append_column("provenance", origins)


def _beside(rows: pa.Table, side: pa.Table, path: str) -> pa.Table:
    """``rows`` with the columns of a table of the same samples. Raises ValueError if ``path`` holds others."""
    if side["sample_id"] != rows["sample_id"]:
        raise ValueError(f"{path} does not hold the survivors of its partition")
    for name in side.column_names:
        if name != "sample_id":
            rows = rows.append_column(side.schema.field(name), side[name])
    return rows


WRITE = Step("write", write_step, "writes the shards")
