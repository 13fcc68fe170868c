"""Writing, as tasks and a step: survivors are joined with their side tables and packed into shards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.grouping import cut
from pipeline.steps import decided
from pipeline.steps.base import Survivors, decided_of, sum_of, versions_of
from pipeline.storage.tables import Output, read_table, write_bytes
from pipeline.versions.manifest import Shard
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Step, Task, Work, inputs_of
from stages import write
from stages.rowwise import SAMPLES
from stages.schema import SHARD_COLUMNS
from stages.sides import SHARD, SIDES


def write_tasks(
    config: Config,
    samples: Sequence[Record],
    decided: Record,
    sides: Mapping[str, Sequence[Record]],
    generations: Mapping[tuple[str, str], int],
) -> list[Task[dict[str, Any]]]:
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
    versions, text = versions_of(config, "write"), config.write.model_dump_json()
    own = config.write.model_dump(mode="json")
    if more := SHARD.names[len(SHARD_COLUMNS) :]:
        own["columns"] = more
    tasks = []
    for group in groups:
        parts, inputs = [], []
        for i in group:
            record = samples[i]
            outputs = {"samples": record.outputs["kept"]}
            outputs |= {stage: sides[stage][i].outputs["kept"] for stage in sides}
            inputs += [*inputs_of(outputs.values()), decided_of(decided, record)]
            outputs["decisions"] = decided.outputs[f"{record.source}/{record.key}"]
            name = f"{record.source}/{record.key}"
            shown = "origins" if config.write.repack else "shown"
            inputs.append((f"{shown} {name}", str(decided.extra[shown][name])))
            part = {role: output.path for role, output in outputs.items()}
            parts.append(part | {"kept": Survivors.of(record, decided).bits})
        first = samples[group[0]]
        basis = Basis(versions, own, tuple(inputs))
        payload = {"settings": text, "partitions": parts}
        rows = sum(samples[i].rows_kept for i in group)
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        tasks.append(Task(WRITE, first.source, first.key, basis, payload, rows, size))
    return tasks


def write_step(work: Work[dict[str, Any]]) -> Record:
    """Join a group of partitions' survivors with their side tables and pack them into shards.

    A shard's name is its content's digest: equal shards of different versions are one object, and none ever changes.
    """
    payload = work.task.payload
    settings = write.WriteSettings.model_validate_json(payload["settings"])
    joins = [joined(work, part, settings.repack) for part in payload["partitions"]]
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


def _write_shard(work: Work[dict[str, Any]], form: write.Format, pack: write.Pack) -> Output:
    data = form.write(pack.rows)
    path = f"shards/{form.name}/{pack.tier}/{pack.split}-{hashlib.sha256(data).hexdigest()[:20]}.{form.suffix}"
    return write_bytes(work.storage, path, data, pack.rows.num_rows)


def joined(work: Work[dict[str, Any]], part: dict[str, str], whole: bool) -> pa.Table:
    """One partition's rows with all columns of `stages.sides.SHARD`, and ``size``; ``whole``: with all provenance."""
    wanted = [*(name for name in SHARD.names if name in SAMPLES.names), "path", "view_box", "size"]
    rows = Survivors(part["samples"], part["kept"]).read(work.storage, wanted)
    brought = {side.name: ["sample_id", *side.shards] for side in SIDES}
    for stage in (*brought, "encode", "decisions"):
        side = read_table(work.storage, part[stage], columns=brought.get(stage))
        if stage == "decisions":
            side = side.filter(side["kept"]).select(["sample_id", "provenance", "shown"]).combine_chunks()
            origins = side["provenance"].combine_chunks()
            if not whole:
                origins = decided.shown(origins, side["shown"].combine_chunks())
            side = side.select(["sample_id"]).append_column("provenance", origins)
        if side["sample_id"] != rows["sample_id"]:
            raise ValueError(f"{part[stage]} does not hold the survivors of {part['samples']}")
        for name in side.column_names:
            if name != "sample_id":
                rows = rows.append_column(side.schema.field(name), side[name])
    boxes = rows["view_box"]
    captions = rows["captions"]
    rows = rows.append_column("width", pc.list_element(boxes, 2)).append_column("height", pc.list_element(boxes, 3))
    rows = rows.append_column("caption", pc.struct_field(pc.list_element(captions, 0), "text"))
    return rows


WRITE = Step("write", write_step, "packs samples into shards")
