"""From a workspace and a manifest to a `Report`: reads narrow columns of the shards, and pictures of a few samples.

Examples of drops and duplicates come from the workspace's tables, which hold the latest run: for an older version they
may have moved on, the counts have not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.report import model
from pipeline.report.model import Histogram, Report
from pipeline.storage.base import Storage
from pipeline.storage.tables import open_table, read_table
from pipeline.versions import published, shards
from pipeline.versions.published import Manifest
from pipeline.work import ledger, sandbox
from pipeline.work.task import CORPUS
from stages import tokenize
from stages.reasons import Reason
from stages.schema import RAW

GALLERY = 48
EXAMPLES_PER_REASON = 4
CLUSTERS = 50
MEMBERS = 7
TOKENS_SHOWN = 600
SCANNED_TABLES = 400
"""Tables of drops and decisions that are searched for examples at most, in path order."""

LENGTH_EDGES = tuple(float(n) for n in [*range(0, 1001, 50), 1500, 2000, 4000])
SSIM_EDGES = tuple(round(0.8 + 0.01 * n, 2) for n in range(21))


def collect(storage: Storage, manifest: Manifest) -> Report:
    """Gather what the report of ``manifest`` shows."""
    figures = _figures(storage, manifest)
    gallery_rows = _gallery_rows(storage, manifest, figures)
    dropped = _dropped_examples(storage, manifest)
    clusters = _clusters(storage)
    wanted = {(p["source"], p["path"]) for row in gallery_rows for p in row["provenance"][:1]}
    wanted |= {(row["source"], row["path"]) for row in dropped}
    wanted |= {(row["source"], row["path"]) for rows in clusters for row in rows[: 1 + MEMBERS]}
    pictures = source_pictures(storage, wanted, manifest.config)
    tiers = manifest.config["tier"]
    return Report(
        name=manifest.config["name"],
        version=manifest.version,
        parent=manifest.parent,
        canvas=manifest.config["normalize"]["canvas"],
        tool=manifest.created_by["tool"],
        stage_versions=manifest.created_by["stages"],
        funnel=model.Funnel(
            manifest.funnel.input,
            manifest.funnel.kept,
            manifest.funnel.duplicate,
            manifest.funnel.rejected,
            manifest.funnel.quarantined,
        ),
        stages=tuple(model.StageCount(s["stage"], s["in"], s["kept"], s["dropped"]) for s in manifest.stages),
        sources=tuple(
            model.SourceCount(
                s["source"],
                s["license"],
                s["input"],
                s["kept"],
                s["duplicate"],
                sum(s["rejected"].values()),
                sum(s["quarantined"].values()),
            )
            for s in manifest.sources
        ),
        gallery=tuple(_gallery_sample(row, pictures) for row in gallery_rows),
        dropped=tuple(
            model.DroppedSample(
                row["source"],
                row["path"],
                row["stage"],
                row["reason"],
                row["detail"],
                pictures.get((row["source"], row["path"])),
            )
            for row in dropped
        ),
        clusters=tuple(_cluster(rows, pictures) for rows in clusters),
        atomic_lengths=Histogram.of(figures.atomic, LENGTH_EDGES),
        segment_lengths=Histogram.of(figures.segment, LENGTH_EDGES),
        tier_edges=_edges(tiers),
        tiers=figures.tiers,
        tier_lengths=_tier_lengths(figures, tiers),
        licenses=manifest.licenses,
        ssim=Histogram.of(figures.ssim, SSIM_EDGES),
        compression=model.Compression(manifest.raw_bytes, sum(figures.atomic), sum(figures.segment)),
        shards=tuple(model.Shard(**(dict(shard) | {"path": f"../../{shard['path']}"})) for shard in manifest.shards),
        assets=tuple(
            model.Asset(f"../../{file['path']}", _ASSETS[role], file["bytes"], file["sha256"])
            for role, file in sorted(manifest.vocabulary["files"].items())
        ),
        segments=_segments(storage, manifest),
        notes=manifest.notes,
        config=yaml.safe_dump(dict(manifest.config), sort_keys=False, allow_unicode=True),
        tokenizer=f"../../{manifest.vocabulary['files']['tokenizer']['path'].rpartition('/')[0]}",
    )


_ASSETS = {
    "chat_template": "the base tokenizer's chat template",
    "segments": "learned segment tokens with their geometry and frequency",
    "special_tokens_map": "the base tokenizer's special tokens",
    "tokenizer": "tokenizer that transformers.PreTrainedTokenizerFast loads",
    "tokenizer_config": "what transformers reads beside it",
    "tokens": "all new tokens with their ids, values, descriptions and atoms, for initializing embeddings",
    "vocabulary": "atomic tokens with kinds and values",
}


@dataclass
class _Figures:
    atomic: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    tiers: dict[str, dict[str, int]] = field(default_factory=dict)
    picks: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(tier, source, sample_id, shard path)"""


def _figures(storage: Storage, manifest: Manifest) -> _Figures:
    figures = _Figures()
    columns = ["sample_id", "atomic_length", "segment_length", "ids_length", "ssim", "provenance"]
    for shard in _there(storage, manifest):
        splits = figures.tiers.setdefault(shard["tier"], {})
        splits[shard["split"]] = splits.get(shard["split"], 0) + shard["rows"]
        for row in _shard_rows(storage, shard, columns):
            figures.atomic.append(row["atomic_length"])
            figures.segment.append(row["segment_length"])
            figures.ids.append(row["ids_length"])
            figures.ssim.append(row["ssim"])
            source = row["provenance"][0]["source"]
            figures.picks.append((shard["tier"], source, row["sample_id"], shard["path"]))
    return figures


def _there(storage: Storage, manifest: Manifest) -> list[Any]:
    """The shards of one format, but for those that are gone by takedowns."""
    gone = published.redacted(storage, manifest.version)
    return [shard for shard in shards.one_format(manifest.shards) if shard["path"] not in gone]


def _tier_lengths(figures: _Figures, settings: Any) -> tuple[model.TierLengths, ...]:
    rows: dict[str, list[tuple[int, int, int]]] = {}
    for (tier, *_), *lengths in zip(figures.picks, figures.atomic, figures.segment, figures.ids, strict=True):
        rows.setdefault(tier, []).append((lengths[0], lengths[1], lengths[2]))
    order = ["short", *(t["name"] for t in settings["tiers"]), "long"]
    return tuple(
        model.TierLengths(
            tier,
            len(rows[tier]),
            tuple(median_low(column) for column in zip(*rows[tier], strict=True)),
            tuple(sum(column) for column in zip(*rows[tier], strict=True)),
        )
        for tier in sorted(rows, key=order.index)
    )


def _shard_rows(storage: Storage, shard: Any, columns: list[str]) -> Iterable[dict[str, Any]]:
    if shard["format"] == "parquet":
        return read_table(storage, shard["path"], columns).to_pylist()
    return shards.rows(storage.read(shard["path"]), shard["format"], columns)


def _gallery_rows(storage: Storage, manifest: Manifest, figures: _Figures) -> list[dict[str, Any]]:
    """A spread over tiers and sources; within both, by sample id, which is as good as by chance."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for tier, source, sample_id, path in sorted(figures.picks):
        groups.setdefault((tier, source), []).append((sample_id, path))
    chosen: list[tuple[str, str]] = []
    depth = 0
    while len(chosen) < GALLERY and any(len(group) > depth for group in groups.values()):
        chosen += [group[depth] for _, group in sorted(groups.items()) if len(group) > depth]
        depth += 1
    by_shard: dict[str, set[str]] = {}
    for sample_id, path in chosen[:GALLERY]:
        by_shard.setdefault(path, set()).add(sample_id)
    columns = ["sample_id", "tokens", "captions", "png", "tier", "split", "atomic_length", "segment_length"]
    columns += ["ssim", "mae", "visible_share", "license", "provenance"]
    rows = [
        row
        for shard in _there(storage, manifest)
        if shard["path"] in by_shard
        for row in _shard_rows(storage, shard, columns)
        if row["sample_id"] in by_shard[shard["path"]]
    ]
    order = {sample_id: i for i, (sample_id, _) in enumerate(chosen)}
    return sorted(rows, key=lambda row: order[row["sample_id"]])


def _gallery_sample(row: dict[str, Any], pictures: dict[tuple[str, str], bytes]) -> model.GallerySample:
    first = row["provenance"][0]
    return model.GallerySample(
        sample_id=row["sample_id"],
        source_png=pictures.get((first["source"], first["path"])),
        canonical_png=row["png"],
        captions=tuple(model.Caption(c["text"], c["origin"]) for c in row["captions"]),
        tier=row["tier"],
        split=row["split"],
        atomic_length=row["atomic_length"],
        segment_length=row["segment_length"],
        tokens=row["tokens"][:TOKENS_SHOWN],
        ssim=row["ssim"],
        mae=row["mae"],
        visible_share=row["visible_share"],
        license=row["license"],
        provenance=tuple(model.Origin(p["source"], p["path"]) for p in row["provenance"]),
    )


def tables(storage: Storage, manifest: Manifest, stage: str, role: str) -> list[str]:
    """The tables of that role that the partitions of the version's sources have now."""
    names = [source["source"] for source in manifest.sources]
    return [record.outputs[role].path for record in ledger.records(storage, stage, names) if role in record.outputs]


def decisions(storage: Storage) -> list[str]:
    """The decisions of deduplication, a table a samples partition."""
    return [
        output.path
        for record in ledger.records(storage, "deduplicate", [CORPUS])
        for name, output in sorted(record.outputs.items())
        if "/" in name
    ]


def _dropped_examples(storage: Storage, manifest: Manifest) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for stage in ("crawl", "samples"):
        for path in tables(storage, manifest, stage, "dropped")[:SCANNED_TABLES]:
            for row in read_table(storage, path).to_pylist():
                if row["reason"] != Reason.TAKEN_DOWN:
                    _example(found, row)
    for path in decisions(storage)[:SCANNED_TABLES]:
        for row in read_table(storage, path).to_pylist():
            # what was taken down is shown to nobody
            if not row["kept"] and row["reason"] != Reason.TAKEN_DOWN:
                _example(found, row | {"stage": "deduplicate", "detail": f"of {row['cluster_id']}"})
    return [row for reason in sorted(found) for row in found[reason]]


def _example(found: dict[str, list[dict[str, Any]]], row: dict[str, Any]) -> None:
    examples = found.setdefault(row["reason"], [])
    if len(examples) < EXAMPLES_PER_REASON:
        examples.append(row)


def _clusters(storage: Storage) -> list[list[dict[str, Any]]]:
    """The largest clusters; each begins with its survivor."""
    members: dict[str, list[dict[str, Any]]] = {}
    columns = ["source", "path", "cluster_id", "kept", "reason", "score"]
    for path in decisions(storage)[:SCANNED_TABLES]:
        for row in read_table(storage, path, columns=columns).to_pylist():
            members.setdefault(row["cluster_id"], []).append(row)
    taken = {cluster for cluster, rows in members.items() if any(r["reason"] == Reason.TAKEN_DOWN for r in rows)}
    members = {cluster: rows for cluster, rows in members.items() if cluster not in taken}
    clusters = [sorted(rows, key=lambda r: (not r["kept"], r["source"], r["path"])) for rows in members.values()]
    clusters = [rows for rows in clusters if len(rows) > 1 and rows[0]["kept"]]
    clusters.sort(key=lambda rows: (-len(rows), rows[0]["cluster_id"]))
    return clusters[:CLUSTERS]


def _cluster(rows: list[dict[str, Any]], pictures: dict[tuple[str, str], bytes]) -> model.Cluster:
    members = [
        model.ClusterMember(r["source"], r["path"], r["reason"], r["score"], pictures.get((r["source"], r["path"])))
        for r in rows
    ]
    return model.Cluster(rows[0]["cluster_id"], members[0], tuple(members[1 : 1 + MEMBERS]), len(rows))


def source_pictures(
    storage: Storage, wanted: set[tuple[str, str]], config: Any, size: int = 192
) -> dict[tuple[str, str], bytes]:
    """Small pictures of source files by (source, path), drawn in the sandbox; those that cannot be drawn are absent."""
    rows = raw_rows(storage, wanted)
    settings = json.dumps({"sanitize": config["sanitize"], "size": size})
    limits = sandbox.SandboxSettings.model_validate_json(json.dumps(config["sandbox"]))
    result = sandbox.shared("stages.preview:previews", limits).run(rows, settings)
    if not result.tables:
        return {}
    table = result.tables[0]
    return {(row["source"], row["path"]): row["png"] for row in table.to_pylist()}


def raw_rows(storage: Storage, wanted: set[tuple[str, str]]) -> pa.Table:
    """The raw records with these (source, path), sorted; those whose tables are gone are absent."""
    found = [RAW.empty_table()]
    for source in sorted({source for source, _ in wanted}):
        paths = pa.array(sorted(path for name, path in wanted if name == source))
        for record in ledger.records(storage, "crawl", [source]):
            with open_table(storage, record.outputs["kept"].path) as file:
                for group in range(file.num_row_groups):
                    # the narrow column first: the bytes are read only of row groups that hold a wanted record
                    here = pc.is_in(file.read_row_group(group, columns=["path"])["path"], value_set=paths)
                    if pc.any(here).as_py():
                        found.append(file.read_row_group(group).filter(here))
    return pa.concat_tables(found).sort_by([("source", "ascending"), ("path", "ascending")])


def _edges(tier: Any) -> tuple[int, ...]:
    edges = [int(t["from"]) for t in tier["tiers"]]
    return (*edges, int(tier["tiers"][-1]["to"]))


def _segments(storage: Storage, manifest: Manifest, count: int = 30) -> tuple[model.Segment, ...]:
    segments = tokenize.Segments.from_json(storage.read(manifest.vocabulary["files"]["segments"]["path"]).decode())
    return tuple(
        model.Segment(item.token, item.frequency, item.tokens, segment_path(item.tokens), item.saved)
        for item in sorted(segments.items, key=lambda item: (-item.saved, -item.frequency, item.id))[:count]
    )


def segment_path(tokens: str) -> str | None:
    """Path data for a segment's tokens, for a picture of it; None for a string that holds anything else."""
    words = tokenize.split(tokens)
    data: list[str] = []
    for word in words:
        if word.startswith("<cmd_"):
            data.append(word[5:-1])
        elif word.startswith(("<P_", "<d_", "<large_", "<sweep_")):
            data.append(word[1:-1].split("_", 1)[1])
        elif word.replace(".", "", 1).isdigit():
            data.append(word)
        else:
            return None
    text = " ".join(data)
    return text if text.startswith("M") else f"M 0 0 {text}"
