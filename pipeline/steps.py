"""The stages as steps on storage: read a partition's columns, call the pure function, write what it returns."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import decisions, duplicates, ledger, sandbox
from pipeline.errors import ConfigError
from pipeline.folder import within
from pipeline.ledger import Record
from pipeline.sources import bounded
from pipeline.storage import NotFound, Storage, is_s3, open_regular, open_storage
from pipeline.tables import Output, named, read_table, write_bytes, write_table
from pipeline.work import Work, dropped_counts
from stages import caption, crawl, tier, tokenize, write
from stages.base import dropped_rows
from stages.reasons import Reason
from stages.schema import (
    CANDIDATES,
    CAPTIONED,
    DROPPED,
    ENCODED,
    RAW,
    RUNS,
    SAMPLES,
    SHARD,
    TEXTS,
    TIERED,
)


def crawl_step(work: Work) -> Record:
    """Read loose files, or one archive, into a raw table: one row group for each partition of the row-wise pass."""
    payload, settings = work.task.payload, crawl.CrawlSettings.model_validate_json(work.task.payload["settings"])
    whose = f"source {payload['source']}"
    dropped: list[pa.Table] = []
    reading = crawl.Reading(payload["column"], payload["on_bad_archive"] == "drop")

    def kept(items: Iterable[tuple[str, bytes | tuple[Reason, str]]]) -> Iterator[pa.Table]:
        for raw, lost in crawl.crawl_records(items, payload["source"], payload["license"], settings):
            dropped.append(lost)
            yield raw
        if payload["missing"]:
            yield _kept_records(work, payload)

    items: Iterable[tuple[str, bytes | tuple[Reason, str]]]
    if payload["archive"]:
        items = _read_archive(payload, settings, reading)
    else:
        items = _read_files(payload["root"], payload["paths"], payload["roots"], settings.max_bytes)
    try:
        raw = write_table(work.storage, work.path(), kept(items), RAW)
    except crawl.NoColumn as error:
        if payload["is_root"]:
            raise ConfigError(f"{whose}: {error}") from None
        # beside drawings, a table of something else is no fault
        reading.no_input[crawl.NO_COLUMN] += 1
        raw = write_table(work.storage, work.path(), (), RAW)
    except crawl.ArchiveError as error:
        if not reading.drop_bad:
            raise ConfigError(f"{whose}: {error}, or set the source's on_bad_archive: drop") from None
        # the table is not written before its end, so what was read of the archive is gone with it
        dropped.clear()
        reading.no_input.clear()
        lost_whole = [(payload["paths"][0], (Reason.BAD_ARCHIVE, error.what))]
        raw = write_table(work.storage, work.path(), kept(lost_whole), RAW)
    lost = pa.concat_tables([DROPPED.empty_table(), *dropped])
    outputs = {"kept": raw, **_dropped(work, lost)}
    extra = {"no_input": bounded(reading.no_input)} if reading.no_input else {}
    return work.record(outputs, raw.rows + lost.num_rows, raw.rows, dropped=dropped_counts([lost]), extra=extra)


def _read_archive(
    payload: Mapping[str, Any], settings: crawl.CrawlSettings, reading: crawl.Reading
) -> Iterator[tuple[str, bytes | tuple[Reason, str]]]:
    """The members of a partition's archive, if it is still there."""
    for path in payload["paths"]:
        prefix = "" if payload["is_root"] else f"{crawl.display(path)}/"
        whole = not payload["is_root"] and crawl.matches(path, payload["glob"])

        def select(name: str, prefix: str = prefix, whole: bool = whole) -> bool:
            return whole or crawl.matches(prefix + name, payload["glob"])

        with _open_archive(payload["root"], path, payload["roots"]) as stream:
            for member in crawl.members(stream, path, settings, select, reading):
                yield prefix + member.path, member.content


def _open_archive(root: str, path: str, roots: Sequence[str]) -> BinaryIO:
    try:
        return open_storage(root).open(path) if is_s3(root) else _open_file(root, path, roots)
    except NotFound:
        raise crawl.ArchiveError(path, "gone since it was listed") from None
    except OSError as error:
        raise crawl.ArchiveError(path, error.strerror or str(error)) from None


def _kept_records(work: Work, payload: Mapping[str, Any]) -> pa.Table:
    """The records of files that are there no more, from the raw table that was made while they were."""
    rows = read_table(work.storage, payload["raw"])
    if payload["archive"]:
        return rows
    return rows.filter(pc.is_in(rows["path"], value_set=pa.array([crawl.display(p) for p in payload["missing"]])))


def _read_files(
    root: str, paths: Sequence[str], roots: Sequence[str], limit: int
) -> Iterator[tuple[str, bytes | tuple[Reason, str]]]:
    """The content of each file, or why it is not to be had, in order."""
    if not is_s3(root):
        for path in paths:
            yield path, _read_file(root, path, roots, limit)
        return
    storage = open_storage(root)
    # an object takes long to answer and no time to send, so many are asked for at once, and few held
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for begin in range(0, len(paths), _AT_ONCE):
            some = paths[begin : begin + _AT_ONCE]
            yield from zip(some, pool.map(lambda path: _read_object(storage, path, limit), some), strict=True)


_AT_ONCE = 16
"""Objects of a source that are read at a time."""


def _read_object(storage: Storage, path: str, limit: int) -> bytes | tuple[Reason, str]:
    try:
        with storage.open(path) as stream:
            if stream.seek(0, os.SEEK_END) > limit:
                return Reason.TOO_LARGE, f"over {limit} bytes"
            stream.seek(0)
            return stream.read()
    except NotFound:  # whatever else the store says is not this file's fault, and ends the partition
        return Reason.UNREADABLE, "gone since it was listed"


def _read_file(root: str, path: str, roots: Sequence[str], limit: int) -> bytes | tuple[Reason, str]:
    try:
        with _open_file(root, path, roots) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        return Reason.UNREADABLE, error.strerror or str(error)
    return data if len(data) <= limit else (Reason.TOO_LARGE, f"over {limit} bytes")


def _open_file(root: str, path: str, roots: Sequence[str]) -> BinaryIO:
    """A regular file of a source's folder. Raises OSError, also if a link leads out of ``roots`` (none: anywhere)."""
    whole = f"{root}/{path}"
    if roots and not within(os.path.realpath(whole), roots):
        raise OSError(errno.EPERM, "the link leads out of the source's folder; name where to in allow_links_to")
    return open_regular(whole)


def samples_step(work: Work) -> Record:
    """Run the row-wise pass over one row group of a raw table, in a sandboxed child process.

    ``rows`` in the payload are the begin and end (exclusive) of the rows to run, else all are. ``parts`` are tables of
    such runs: then nothing is run, they are put together, and ``lost`` (row, reason, detail) are the rows of no part.
    """
    payload = work.task.payload
    table = read_table(work.storage, payload["raw"], row_group=payload["row_group"])
    if "parts" in payload:
        parts = [
            [read_table(work.storage, part[role]) for part in payload["parts"] if role in part]
            for role in ("kept", "dropped")
        ]
        kept = pa.concat_tables([SAMPLES.empty_table(), *parts[0]])
        dropped = pa.concat_tables([DROPPED.empty_table(), *parts[1]])
        quarantined = [(row, Reason(reason), detail) for row, reason, detail in payload["lost"]]
    else:
        if "rows" in payload:
            begin, end = payload["rows"]
            table = table.slice(begin, end - begin)
        box = sandbox.shared("stages.rowwise:mill", sandbox.SandboxSettings.model_validate_json(payload["sandbox"]))
        result = box.run(table, payload["settings"])
        quarantined = list(result.quarantined)
        if result.tables:
            kept, dropped, timings = result.tables
            for stage, seconds in zip(timings["stage"].to_pylist(), timings["cpu_seconds"].to_pylist(), strict=True):
                work.stage_seconds[stage] = work.stage_seconds.get(stage, 0.0) + seconds
        else:
            kept, dropped = SAMPLES.empty_table(), DROPPED.empty_table()
    # chunks are as the sandbox or the parts happened to be cut, and show in a Parquet file's bytes
    kept = kept.combine_chunks()
    lost = dropped_rows(table, "rowwise", quarantined)
    dropped = pa.concat_tables([dropped, lost]).sort_by([("path", "ascending")])
    notes = {item["values"]: item["counts"] for item in pc.value_counts(pc.list_flatten(kept["notes"])).to_pylist()}
    size = _sum(pc.binary_length(kept["svg"])) * 3 + _sum(pc.binary_length(kept["png"]))
    outputs = {"kept": write_table(work.storage, work.path(), [kept], SAMPLES), **_dropped(work, dropped)}
    return work.record(
        outputs,
        table.num_rows,
        kept.num_rows,
        dropped=dropped_counts([dropped]),
        extra={"shard_bytes": size, "notes": notes},
    )


def _dropped(work: Work, table: pa.Table) -> dict[str, Output]:
    """What was dropped, if anything was: a request to the store less where all is well."""
    if not table.num_rows:
        return {}
    return {"dropped": write_table(work.storage, work.path("dropped.parquet"), [table], DROPPED)}


def _sum(values: Any) -> int:
    return pc.sum(values).as_py() or 0


def _kept(work: Work, columns: list[str]) -> pa.Table:
    """The surviving rows of a samples partition, in its order."""
    payload = work.task.payload
    return survivors(read_table(work.storage, payload["samples"], columns=columns), payload["kept"])


def survivors(rows: pa.Table, bits: str) -> pa.Table:
    """Rows of a samples partition that stay; ``bits``: as `decisions.deduplicate_step` records them."""
    mask = np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=len(rows)).astype(bool)
    return rows.filter(pa.array(mask))


def caption_step(work: Work) -> Record:
    """Captions of a partition's survivors."""
    rows = _kept(work, ["sample_id", "title", "desc", "path", "name", "source", "svg", "tokens"])
    settings = caption.CaptionSettings.model_validate_json(work.task.payload["settings"])
    table = caption.caption(rows, settings)
    return _side_table(work, table, CAPTIONED, rows.num_rows)


def tier_step(work: Work) -> Record:
    """Tier and split of a partition's survivors."""
    payload = work.task.payload
    columns = ["sample_id", "cluster_id", "kept", "atomic_length"]
    rows = read_table(work.storage, payload["decisions"], columns=columns)
    rows = rows.filter(rows["kept"])
    table = tier.tier(rows, tier.TierSettings.model_validate_json(payload["settings"]))
    return _side_table(work, table, TIERED, rows.num_rows)


def encode_step(work: Work) -> Record:
    """Segment tokens and ids of a partition's survivors."""
    payload = work.task.payload
    rows = _kept(work, ["path", "sample_id", "tokens"])
    segments, tokenizer = _vocabulary(work.storage.uri, payload["segments"], payload["tokenizer"])
    table = tokenize.encode_table(rows, tokenizer, segments)
    return _side_table(work, table, ENCODED, rows.num_rows)


@lru_cache(maxsize=2)
def _vocabulary(workspace: str, segments: str, tokenizer: str) -> tuple[tokenize.Segments, str]:
    """The segments and the tokenizer's text. They lie under their digest, so a worker reads them once."""
    storage = open_storage(workspace)
    return tokenize.Segments.from_json(storage.read(segments).decode()), storage.read(tokenizer).decode()


def _side_table(work: Work, table: pa.Table, schema: pa.Schema, rows_in: int) -> Record:
    output = write_table(work.storage, work.path(), [table.select(schema.names)], schema)
    return work.record({"kept": output}, rows_in, output.rows)


def count_step(work: Work) -> Record:
    """Candidates for segments, and texts for the tokenizer, of some partitions' survivors."""
    payload = work.task.payload
    settings = tokenize.TokenizeSettings.model_validate_json(payload["settings"])
    vocabulary = tokenize.Vocabulary.build(settings)
    strings: list[str] = []
    captions: list[str] = []
    for samples, kept, captioned in payload["partitions"]:
        rows = _to_learn_from(work, samples, kept)
        side = read_table(work.storage, captioned)
        wanted = pc.is_in(side["sample_id"], value_set=rows["sample_id"].combine_chunks())
        strings += rows["tokens"].to_pylist()
        captions += pc.struct_field(pc.list_flatten(side.filter(wanted)["captions"]), "text").to_pylist()
    candidates = tokenize.count_candidates(strings, settings.segments)
    if settings.ids.base_tokenizer is None:
        texts = tokenize.count_texts(chain(strings, captions), vocabulary, settings.ids)
    else:
        texts = TEXTS.empty_table()
    outputs = {
        "candidates": write_table(work.storage, work.path(), [candidates], CANDIDATES),
        "texts": write_table(work.storage, work.path("texts.parquet"), [texts], TEXTS),
    }
    return work.record(outputs, len(strings), len(strings))


def _to_learn_from(work: Work, samples: str, kept: str) -> pa.Table:
    """The survivors of a samples partition that are in the share to learn from."""
    rows = survivors(read_table(work.storage, samples, columns=["sample_id", "tokens"]), kept)
    share = work.task.payload["share"]
    if share >= 1:
        return rows
    return rows.filter(
        pa.array([tokenize.in_sample(each, share) for each in rows["sample_id"].to_pylist()], pa.bool_())
    )


def frequent_step(work: Work) -> Record:
    """Which candidates may be frequent in the whole corpus, a bit for each slot."""
    payload = work.task.payload
    settings = tokenize.SegmentSettings.model_validate_json(payload["settings"])
    tables = (read_table(work.storage, path) for path in payload["candidates"])
    mask = tokenize.may_be_frequent(tables, settings)
    # few bits of many are set
    data = pa.compress(np.packbits(mask).tobytes(), "zstd", asbytes=True)
    output = write_bytes(work.storage, named(work.path("bin"), hashlib.sha256(data).hexdigest()), data)
    return work.record({"mask": output}, payload["samples"], payload["samples"])


def runs_step(work: Work) -> Record:
    """The distinct runs of commands in some partitions' survivors that hold nothing rare."""
    payload = work.task.payload
    settings = tokenize.SegmentSettings.model_validate_json(payload["settings"])
    bits = pa.decompress(work.storage.read(payload["mask"]), tokenize.SLOTS // 8, "zstd", asbytes=True)
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).astype(bool)
    strings = [
        text
        for samples, kept in payload["partitions"]
        for text in _to_learn_from(work, samples, kept)["tokens"].to_pylist()
    ]
    runs = tokenize.frequent_runs(strings, mask, settings)
    return work.record({"kept": write_table(work.storage, work.path(), [runs], RUNS)}, len(strings), len(strings))


def segments_step(work: Work) -> Record:
    """Learn the segment table and make the tokenizer, from counts of all survivors."""
    payload = work.task.payload
    settings = tokenize.TokenizeSettings.model_validate_json(payload["settings"])
    vocabulary = tokenize.Vocabulary.build(settings)
    segments = tokenize.learn_runs((read_table(work.storage, path) for path in payload["runs"]), settings.segments)
    base = {name: work.storage.read(path).decode() for name, path in payload["base"].items()}
    if base:
        try:
            tokenizer = tokenize.extend_tokenizer(base["tokenizer.json"], vocabulary, segments)
        except tokenize.BaseTokenizerError as error:
            raise ConfigError(f"base_tokenizer {settings.ids.base_tokenizer}: {error}; use another") from None
    else:
        texts = (read_table(work.storage, path) for path in payload["texts"])
        tokenizer = tokenize.build_tokenizer(vocabulary, segments, texts, settings.ids)
    files = {name: text for name, text in base.items() if name not in ("tokenizer.json", "tokenizer_config.json")}
    files |= {
        "segments.json": segments.to_json(),
        "vocabulary.json": vocabulary.to_json(),
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": tokenize.tokenizer_config(settings.ids, base.get("tokenizer_config.json")),
        "tokens.json": tokenize.token_table(vocabulary, segments, tokenizer, settings.ids.base_tokenizer),
    }
    # versions refer to these files, so they lie under their digest and never change
    home = f"vocabularies/{ledger.digest(files)[:20]}"
    outputs = {
        name.partition(".")[0]: write_bytes(work.storage, f"{home}/{name}", text.encode())
        for name, text in sorted(files.items())
    }
    return work.record(outputs, payload["samples"], payload["samples"])


def write_step(work: Work) -> Record:
    """Join a group of partitions' survivors with their side tables and pack them into shards.

    A shard's name is its content's digest: equal shards of different versions are one object, and none ever changes.
    """
    payload = work.task.payload
    settings = write.WriteSettings.model_validate_json(payload["settings"])
    joins = [joined(work, part) for part in payload["partitions"]]
    rows = pa.concat_tables([SHARD.empty_table(), *(table.select(SHARD.names).cast(SHARD) for table in joins)])
    raw_bytes = sum(_sum(table["size"]) for table in joins)
    shards: list[dict[str, Any]] = []
    outputs: dict[str, Output] = {}
    for pack in write.pack(rows, settings):
        for form in settings.formats:
            data = write.parquet_shard(pack.rows) if form == "parquet" else write.webdataset_shard(pack.rows)
            output = _write_shard(work, form, pack, data)
            outputs[output.path] = output
            shards.append(
                {
                    "path": output.path,
                    "format": form,
                    "sha256": output.sha256,
                    "bytes": output.bytes,
                    "rows": output.rows,
                    "tier": pack.tier,
                    "split": pack.split,
                    "atomic_tokens": _sum(pack.rows["atomic_length"]),
                    "segment_tokens": _sum(pack.rows["segment_length"]),
                    "ids": _sum(pack.rows["ids_length"]),
                }
            )
    licenses: dict[str, int] = {}
    for spdx in rows["license"].to_pylist():
        licenses[spdx] = licenses.get(spdx, 0) + 1
    return work.record(
        outputs,
        rows.num_rows,
        rows.num_rows,
        extra={"shards": shards, "licenses": dict(sorted(licenses.items())), "raw_bytes": raw_bytes},
    )


def _write_shard(work: Work, form: str, pack: write.Pack, data: bytes) -> Output:
    suffix = "parquet" if form == "parquet" else "tar"
    name = f"shards/{form}/{pack.tier}/{pack.split}-{hashlib.sha256(data).hexdigest()[:20]}.{suffix}"
    return write_bytes(work.storage, name, data, pack.rows.num_rows)


def joined(work: Work, part: dict[str, str]) -> pa.Table:
    """One partition's rows with all columns of `stages.schema.SHARD`, and ``size``."""
    wanted = [
        "path",
        "sample_id",
        "svg",
        "tokens",
        "png",
        "atomic_length",
        "ssim",
        "mae",
        "visible_share",
        "view_box",
        "license",
        "size",
    ]
    rows = survivors(read_table(work.storage, part["samples"], columns=wanted), part["kept"])
    for stage in ("caption", "tier", "encode", "decisions"):
        side = read_table(work.storage, part[stage])
        if stage == "decisions":
            side = side.filter(side["kept"]).select(["sample_id", "provenance"])
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


STEPS: dict[str, Callable[[Work], Record]] = {
    "crawl": crawl_step,
    "samples": samples_step,
    "bisect": samples_step,
    **duplicates.STEPS,
    **decisions.STEPS,
    "caption": caption_step,
    "tier": tier_step,
    "count": count_step,
    "frequent": frequent_step,
    "runs": runs_step,
    "segments": segments_step,
    "encode": encode_step,
    "write": write_step,
}
