"""From a workspace and a manifest to a `Report`: reads narrow columns of the shards, and pictures of a few samples.

Examples of drops and duplicates come from the workspace's tables, which hold the latest run: for an older version they
may have moved on, the counts have not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, islice
from statistics import median_low
from typing import Any

import pyarrow.compute as pc
import yaml

from pipeline.report import model
from pipeline.report.model import Histogram, Place, Report
from pipeline.storage.base import Storage
from pipeline.versions import browse, published, shards
from pipeline.versions.manifest import Manifest
from stages import tokenize
from stages.reasons import Reason
from stages.schema import PICTURES

GALLERY = 48
EXAMPLES_PER_REASON = 4
CLUSTERS = 50
MEMBERS = 7
TOKENS_SHOWN = 600
SCANNED_TABLES = 400
"""Tables of a stage's drops, and of decisions, that are searched for examples at most, in path order."""

LENGTH_EDGES = tuple(float(n) for n in [*range(0, 1001, 50), 1500, 2000, 4000])
SSIM_EDGES = tuple(round(0.8 + 0.01 * n, 2) for n in range(21))


def collect(storage: Storage, manifest: Manifest, place: Place) -> Report:
    """Gather what the report of ``manifest`` shows, with links as from ``place``."""
    figures = _figures(storage, manifest)
    gallery_rows = _gallery_rows(storage, manifest, figures)
    dropped = _dropped_examples(storage, manifest)
    clusters = _clusters(storage)
    wanted = {(p["source"], p["path"]) for row in gallery_rows for p in row["provenance"][:1]}
    wanted |= {(sample.source, sample.path) for sample in dropped}
    wanted |= {(each.source, each.path) for cluster in clusters for each in (cluster.survivor, *cluster.members)}
    pictures = browse.source_pictures(storage, wanted, manifest.config)

    def pictured(member: model.ClusterMember) -> model.ClusterMember:
        return replace(member, png=pictures.get((member.source, member.path)))

    tiers = manifest.config["tier"]
    gone = published.redacted(storage, manifest.version)
    return Report(
        name=manifest.config["name"],
        version=manifest.version,
        parent=manifest.parent,
        canvas=manifest.config["normalize"]["canvas"],
        tool=manifest.created_by.tool,
        stage_versions=manifest.created_by.stages,
        funnel=manifest.funnel,
        stages=manifest.stages,
        sources=manifest.sources,
        gallery=tuple(_gallery_sample(row, pictures) for row in gallery_rows),
        dropped=tuple(replace(sample, png=pictures.get((sample.source, sample.path))) for sample in dropped),
        clusters=tuple(
            replace(each, survivor=pictured(each.survivor), members=tuple(map(pictured, each.members)))
            for each in clusters
        ),
        atomic_lengths=Histogram.of(figures.atomic, LENGTH_EDGES),
        segment_lengths=Histogram.of(figures.segment, LENGTH_EDGES),
        tier_edges=_edges(tiers),
        tiers=figures.tiers,
        tier_lengths=_tier_lengths(figures, tiers),
        licenses=manifest.licenses,
        ssim=Histogram.of(figures.ssim, SSIM_EDGES),
        compression=model.Compression(manifest.raw_bytes, sum(figures.atomic), sum(figures.segment)),
        shards=tuple(shard for shard in manifest.shards if shard.path not in gone),
        assets=tuple(model.Asset(file, _ASSETS[name]) for name, file in sorted(manifest.vocabulary_files.items())),
        segments=_segments(storage, manifest),
        notes=manifest.notes,
        config=yaml.safe_dump(dict(manifest.config), sort_keys=False, allow_unicode=True),
        tokenizer=place.link(manifest.vocabulary_files["tokenizer"].path).rpartition("/")[0],
        place=place,
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
    """(tier, source, sample_id, path of its shard)"""


def _figures(storage: Storage, manifest: Manifest) -> _Figures:
    figures = _Figures()
    columns = ["sample_id", "atomic_length", "segment_length", "ids_length", "ssim", "provenance"]
    for shard in shards.present(storage, manifest):
        splits = figures.tiers.setdefault(shard.tier, {})
        splits[shard.split] = splits.get(shard.split, 0) + shard.rows
        for row in shards.read(storage, shard, columns):
            figures.atomic.append(row["atomic_length"])
            figures.segment.append(row["segment_length"])
            figures.ids.append(row["ids_length"])
            figures.ssim.append(row["ssim"])
            source = row["provenance"][0]["source"]
            figures.picks.append((shard.tier, source, row["sample_id"], shard.path))
    return figures


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


def _gallery_rows(storage: Storage, manifest: Manifest, figures: _Figures) -> list[shards.Row]:
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
    columns = ["sample_id", "tokens", "captions", *PICTURES, "tier", "split", "atomic_length", "segment_length"]
    columns += ["ssim", "mae", "visible_share", "license", "provenance"]
    rows = [
        row
        for shard in shards.present(storage, manifest)
        if shard.path in by_shard
        for row in shards.read(storage, shard, columns)
        if row["sample_id"] in by_shard[shard.path]
    ]
    order = {sample_id: i for i, (sample_id, _) in enumerate(chosen)}
    return sorted(rows, key=lambda row: order[row["sample_id"]])


def _gallery_sample(row: shards.Row, pictures: dict[tuple[str, str], bytes]) -> model.GallerySample:
    first = row["provenance"][0]
    return model.GallerySample(
        sample_id=row["sample_id"],
        source_png=pictures.get((first["source"], first["path"])),
        canonical_png=shards.picture_of(row),
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


def _dropped_examples(storage: Storage, manifest: Manifest) -> list[model.DroppedSample]:
    """Some of each reason, without pictures."""
    examples: dict[str, list[model.DroppedSample]] = {}
    samples = chain(
        (
            model.DroppedSample(row["source"], row["path"], row["stage"], row["reason"], row["detail"])
            for table in browse.dropped(storage, manifest, SCANNED_TABLES)
            for row in table.to_pylist()
        ),
        (
            model.DroppedSample(row["source"], row["path"], "deduplicate", row["reason"], f"of {row['cluster_id']}")
            for table in islice(browse.decisions(storage), SCANNED_TABLES)
            for row in table.filter(pc.invert(table["kept"])).to_pylist()
        ),
    )
    for sample in samples:
        # what was taken down is shown to nobody
        if sample.reason != Reason.TAKEN_DOWN:
            of_reason = examples.setdefault(sample.reason, [])
            if len(of_reason) < EXAMPLES_PER_REASON:
                of_reason.append(sample)
    return [sample for reason in sorted(examples) for sample in examples[reason]]


def _clusters(storage: Storage) -> list[model.Cluster]:
    """The largest clusters, without pictures."""
    members: dict[str, list[tuple[bool, model.ClusterMember]]] = {}
    columns = ["source", "path", "cluster_id", "kept", "reason", "score"]
    for table in islice(browse.decisions(storage, columns), SCANNED_TABLES):
        for row in table.to_pylist():
            member = model.ClusterMember(row["source"], row["path"], row["reason"], row["score"])
            members.setdefault(row["cluster_id"], []).append((row["kept"], member))
    clusters = []
    for cluster_id, pairs in members.items():
        pairs.sort(key=lambda pair: (not pair[0], pair[1].source, pair[1].path))
        (kept, survivor), others = pairs[0], [member for _, member in pairs[1:]]
        down = any(member.reason == Reason.TAKEN_DOWN for _, member in pairs)
        if others and kept and not down:
            clusters.append(model.Cluster(cluster_id, survivor, tuple(others[:MEMBERS]), len(pairs)))
    clusters.sort(key=lambda cluster: (-cluster.size, cluster.cluster_id))
    return clusters[:CLUSTERS]


def _edges(tier: Any) -> tuple[int, ...]:
    edges = [int(t["from"]) for t in tier["tiers"]]
    return (*edges, int(tier["tiers"][-1]["to"]))


def _segments(storage: Storage, manifest: Manifest, count: int = 30) -> tuple[model.Segment, ...]:
    segments = tokenize.Segments.from_json(storage.read(manifest.vocabulary_files["segments"].path).decode())
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
