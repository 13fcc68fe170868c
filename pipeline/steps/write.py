"""Writing, as tasks and a step: what was dealt to a shard is put together, with pictures and ids, in all formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import ConfigError, Damaged
from pipeline.steps.base import dropped_output, sum_of, versions_of
from pipeline.steps.collect import pieces_in, shares_of
from pipeline.steps.deal import Kind, read_piece
from pipeline.steps.encode import Encoding
from pipeline.storage import integrity
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.lookup import rows_of
from pipeline.storage.open import open_storage
from pipeline.storage.tables import Output, write_bytes, write_table
from pipeline.versions import published, shards
from pipeline.versions.manifest import INDEX, Manifest, Shard
from pipeline.work import sandbox
from pipeline.work.ledger import Record
from pipeline.work.sandbox import SandboxSettings
from pipeline.work.task import CORPUS, SANDBOXED, Step, Task, Work, dropped_counts, planned
from stages import write
from stages.base import Settings, dropped_rows
from stages.reasons import Reason
from stages.render import PictureSettings
from stages.schema import DROPPED, ENCODED, KEY
from stages.sides import index_schema, shard_schema


class ShardSettings(Settings):
    """What a shard depends on beside its samples."""

    formats: tuple[str, ...]
    render: PictureSettings
    sandbox: SandboxSettings


@dataclass(frozen=True)
class WritePayload:
    """What a shard is put together from. ``pieces``: path and row group of what tells of them."""

    settings: ShardSettings
    kind: Kind
    place: int
    places: int
    pieces: tuple[str, int]
    encoding: Encoding
    drawn: int | None
    """A version whose pictures are what would be drawn: those that it has are copied."""


def write_tasks(
    config: Config,
    collected: Sequence[Record],
    places: Mapping[Kind, int],
    encoding: Encoding,
    parent: Manifest | None = None,
) -> Iterator[Task[WritePayload]]:
    """One task for each shard that gets samples. ``parent``: the version that the run builds on."""
    settings = ShardSettings(
        formats=config.write.formats, render=config.render.part(PictureSettings), sandbox=config.sandbox
    )
    versions = versions_of(config, "encode", "write", "picture")
    drawn = _drawn(config, versions["picture"], parent)
    for share in shares_of(collected, places):
        kind, count = share.kind, places[share.kind]
        pieces = (share.path, share.row_group)
        payload = WritePayload(settings, kind, share.place, count, pieces, encoding, drawn)
        key = f"{kind.generation}-{kind.tier}-{kind.split}-{share.place:05}-of-{count:05}"
        inputs = [*encoding.inputs, ("pieces", share.digest)]
        yield planned(WRITE, CORPUS, key, payload, versions, inputs, share.rows, share.bytes)


def _drawn(config: Config, version: int | str, parent: Manifest | None) -> int | None:
    """The version before, if its pictures are what would be drawn now."""
    if parent is None or parent.created_by.stages.get("picture") != version:
        return None
    try:
        settings = published.settings(parent, "render", type(config.render))
    except ConfigError:
        return None
    same = settings.part(PictureSettings) == config.render.part(PictureSettings)
    return parent.version if same else None


def write_step(work: Work[WritePayload]) -> Record:
    """Put a shard together from what was dealt to it, draw its pictures, look up ids, and write it in all formats.

    A shard's name is its content's digest: equal shards of different versions are one object, and none ever changes. A
    sample that cannot be drawn is quarantined.
    """
    payload, storage = work.task.payload, work.storage
    settings, kind = payload.settings, payload.kind
    parts = [read_piece(storage, piece) for piece in pieces_in(storage, *payload.pieces)]
    rows = pa.concat_tables(parts).sort_by("sample_id").combine_chunks()
    given = len(rows)
    rows, dropped = _with_pictures(work, rows)
    encoded = payload.encoding.table(storage, rows)
    for name in ENCODED.names[1:]:
        rows = rows.append_column(ENCODED.field(name), encoded[name])
    schema = shard_schema(settings.render.column)
    table = rows.select(schema.names).cast(schema)
    outputs: dict[str, Output] = {}
    written: list[Shard] = []
    column = settings.render.column
    picture_bytes = 0 if column is None else sum_of(pc.binary_length(rows[column]))
    for name in settings.formats if len(rows) else ():
        output = _write_shard(storage, write.FORMATS[name], kind, table)
        outputs[output.path] = output
        written.append(
            Shard(
                path=output.path,
                sha256=output.sha256,
                bytes=output.bytes,
                rows=output.rows,
                format=name,
                tier=kind.tier,
                split=kind.split,
                atomic_tokens=sum_of(rows["atomic_length"]),
                segment_tokens=sum_of(rows["segment_length"]),
                ids=sum_of(rows["ids_length"]),
                generation=kind.generation,
                place=payload.place,
                places=payload.places,
                picture_bytes=picture_bytes,
            )
        )
    places = index_schema(settings.formats)
    outputs["rows"] = write_table(storage, work.path(), [_index_rows(rows, kind, written, places)], places)
    outputs |= dropped_output(work, dropped)
    extra = {
        "shards": [asdict(shard) for shard in written],
        "licenses": dict(sorted(Counter(rows["license"].to_pylist()).items())),
        "raw_bytes": sum_of(rows["size"]),
        "lost": _by_source(dropped),
    }
    return work.record(outputs, given, len(rows), dropped=dropped_counts([dropped]), extra=extra)


def _by_source(dropped: pa.Table) -> dict[str, dict[str, int]]:
    lost: dict[str, Counter[str]] = {}
    for source, reason in zip(dropped["source"].to_pylist(), dropped["reason"].to_pylist(), strict=True):
        lost.setdefault(source, Counter())[reason] += 1
    return {source: dict(sorted(lost[source].items())) for source in sorted(lost)}


def _write_shard(storage: Storage, form: write.Format, kind: Kind, rows: pa.Table) -> Output:
    data = form.write(rows)
    beginning = f"shards/{form.name}/{kind.tier}/{kind.split}"
    return write_bytes(storage, lambda digest: f"{beginning}-{digest[:20]}.{form.suffix}", data, rows.num_rows)


def _index_rows(rows: pa.Table, kind: Kind, written: Sequence[Shard], schema: pa.Schema) -> pa.Table:
    """`stages.sides.index_schema` of the rows of one shard."""
    count = len(rows)
    if not count:
        return schema.empty_table()
    paths = [pa.array([shard.path] * count, pa.string()) for shard in written]
    columns: dict[str, pa.Array] = {
        "generation": pa.array([kind.generation] * count, pa.int32()),
        "row": pa.array(range(count), pa.int32()),
        "shard": pa.StructArray.from_arrays(paths, fields=list(schema.field("shard").type)),
    }
    return pa.table(
        [columns.get(name, rows[name] if name in rows.column_names else None) for name in schema.names], schema=schema
    )


def _with_pictures(work: Work[WritePayload], rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """``rows`` with their pictures, and what could not be drawn (`DROPPED`)."""
    payload, settings = work.task.payload, work.task.payload.settings
    column = settings.render.column
    if column is None:
        return rows, DROPPED.empty_table()
    ids: list[str] = rows["sample_id"].to_pylist()
    pictures = _copied(work.storage, payload.drawn, column, ids)
    missing = rows.select(["sample_id", "svg"]).filter(pa.array([each not in pictures for each in ids], pa.bool_()))
    lost: dict[str, tuple[Reason, str]] = {}
    if len(missing):
        box = sandbox.shared("stages.render.shown:pictures", settings.sandbox)
        result = box.run(missing.combine_chunks(), settings.render.model_dump_json())
        for table in result.tables[:1]:
            pictures |= dict(zip(*(table[name].to_pylist() for name in ("sample_id", "picture")), strict=True))
        for table in result.tables[1:]:
            lost |= {row["sample_id"]: (Reason(row["reason"]), row["detail"]) for row in table.to_pylist()}
        lost |= {missing["sample_id"][i].as_py(): (reason, detail) for i, reason, detail in result.quarantined}
    own = pc.list_element(rows["provenance"], 0)
    records = pa.table([pc.struct_field(own, name) for name in KEY.names], schema=KEY)
    dropped = dropped_rows(records, "draw", [(i, *lost[each]) for i, each in enumerate(ids) if each in lost])
    shown = pa.array([pictures.get(each) for each in ids], pa.binary())
    return rows.append_column(column, shown).filter(pa.array([each in pictures for each in ids], pa.bool_())), dropped


def _copied(storage: Storage, version: int | None, column: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Sample id -> picture, as far as a version has it. What is gone or damaged there has nothing."""
    pictures: dict[str, bytes] = {}
    if version is None:
        return pictures
    manifest = _version(storage.uri, version)
    parts = {shard.path: shard for shard in shards.one_format(manifest.shards)}
    for path, wanted in sorted(_places(storage, manifest, ids).items()):
        try:
            data = integrity.read_checked(storage, path, parts[path].sha256)
        except (NotFound, Damaged):
            continue
        for row in shards.rows(data, parts[path], ["sample_id", column]):
            if row["sample_id"] in wanted:
                pictures[row["sample_id"]] = row[column]
    return pictures


def _places(storage: Storage, manifest: Manifest, ids: Sequence[str]) -> dict[str, set[str]]:
    """Path of a shard, of one format, -> those of ``ids`` that it has."""
    places: dict[str, set[str]] = {}
    form = next((shard.format for shard in shards.one_format(manifest.shards)), "")
    for file in manifest.of_role(INDEX):
        try:
            for table in rows_of(storage, file.path, ["sample_id", "shard"], "sample_id", pa.array(sorted(ids))):
                for row in table.to_pylist():
                    places.setdefault(row["shard"][form], set()).add(row["sample_id"])
        except (NotFound, Damaged):
            continue
    return places


@lru_cache(maxsize=1)
def _version(workspace: str, version: int) -> Manifest:
    """A process reads the manifest once, not for each shard that it writes: a manifest never changes."""
    return published.read(open_storage(workspace), version)


WRITE = Step(
    "write", write_step, "writes the shards, with pictures, segment tokens and ids", whole=True, needs=SANDBOXED
)
