"""From a workspace and a manifest to a `Report`: reads narrow columns of the samples, and pictures of a few.

Tables are read a part at a time, so that what is in memory is what is shown.

Examples of drops and duplicates come from the workspace's tables, which hold the latest run: for an older version they
may have moved on, the counts have not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.report import model
from pipeline.report.model import Histogram, Place, Report
from pipeline.storage.base import Storage
from pipeline.versions import attribution, browse, captions, clusters, published, shards
from pipeline.versions.manifest import CLUSTERS, Manifest, Tiers
from stages import tokenize
from stages.reasons import Reason
from stages.schema import PICTURES
from stages.tier import LONG, SHORT

GALLERY = 48
CAPTIONED = 50
"""Samples that are shown with all their captions."""
REJECTED_PER_REASON = 5
EXAMPLES_PER_REASON = 4
SHOWN_CLUSTERS = 50
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
    gone = published.redacted(storage, manifest.version)
    largest = _clusters(storage, manifest, gone)
    wanted = {(p["source"], p["path"]) for row in gallery_rows for p in row["provenance"][:1]}
    wanted |= {(sample.source, sample.path) for sample in dropped}
    wanted |= {(each.source, each.path) for cluster in largest for each in (cluster.survivor, *cluster.members)}
    pictures = browse.source_pictures(storage, wanted, manifest.config)

    def pictured(member: model.ClusterMember) -> model.ClusterMember:
        return replace(member, png=pictures.get((member.source, member.path)))

    lengths = _tier_lengths(figures, manifest.tiers)
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
        captions=_captions(storage, manifest, figures),
        gallery=tuple(_gallery_sample(row, pictures) for row in gallery_rows),
        dropped=tuple(replace(sample, png=pictures.get((sample.source, sample.path))) for sample in dropped),
        clusters=tuple(
            replace(each, survivor=pictured(each.survivor), members=tuple(map(pictured, each.members)))
            for each in largest
        ),
        atomic_lengths=figures.atomic,
        segment_lengths=figures.segment,
        edges=manifest.tiers,
        tiers=_tiers(storage, manifest),
        tier_lengths=lengths,
        licenses=manifest.licenses,
        license_origins=attribution.found(storage, manifest),
        ssim=figures.ssim,
        compression=model.Compression(
            manifest.raw_bytes, sum(tier.sums[0] for tier in lengths), sum(tier.sums[1] for tier in lengths)
        ),
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


LENGTHS = ("atomic_length", "segment_length", "ids_length")


@dataclass
class _Figures:
    """What is counted of all samples, a part of them at a time."""

    atomic: Histogram = field(default_factory=lambda: Histogram.of([], LENGTH_EDGES))
    segment: Histogram = field(default_factory=lambda: Histogram.of([], LENGTH_EDGES))
    ssim: Histogram = field(default_factory=lambda: Histogram.of([], SSIM_EDGES))
    lengths: dict[str, tuple[Counter[int], Counter[int], Counter[int]]] = field(default_factory=dict)
    """Tier -> for each of `LENGTHS` how many samples have it."""
    picks: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    """(tier, source) -> the first samples' ids, each with the path of its shard."""

    captioned: list[tuple[str, str, str]] = field(default_factory=list)
    """End of the id, id and path of the shard of samples whose ids end with the least digits: as good as by chance."""

    def add(self, table: pa.Table) -> None:
        """Count some samples."""
        ends = pc.utf8_slice_codeunits(table["sample_id"], 48)
        least = pc.select_k_unstable(pa.table({"end": ends}), CAPTIONED, [("end", "ascending")])
        few = [column.take(least).to_pylist() for column in (ends, table["sample_id"], table["path"])]
        self.captioned = sorted([*self.captioned, *zip(*few, strict=True)])[:CAPTIONED]
        atomic, segment, _ = (table[name].to_numpy() for name in LENGTHS)
        self.atomic = self.atomic.with_values(atomic.astype(np.float64))
        self.segment = self.segment.with_values(segment.astype(np.float64))
        self.ssim = self.ssim.with_values(table["ssim"].to_numpy().astype(np.float64))
        for tier in pc.unique(table["tier"]).to_pylist():
            own = table.filter(pc.equal(table["tier"], tier))
            counters = self.lengths.setdefault(tier, (Counter(), Counter(), Counter()))
            for name, counter in zip(LENGTHS, counters, strict=True):
                counter.update({item["values"]: item["counts"] for item in pc.value_counts(own[name]).to_pylist()})
            for source in pc.unique(own["source"]).to_pylist():
                few = own.filter(pc.equal(own["source"], source)).select(["sample_id", "path"])
                few = few.take(pc.select_k_unstable(few, GALLERY, [("sample_id", "ascending")]))
                before = self.picks.get((tier, source), [])
                rows = zip(few["sample_id"].to_pylist(), few["path"].to_pylist(), strict=True)
                self.picks[tier, source] = sorted([*before, *rows])[:GALLERY]


def _figures(storage: Storage, manifest: Manifest) -> _Figures:
    figures = _Figures()
    for table in browse.narrow(storage, manifest, ["sample_id", "tier", "source", "ssim", *LENGTHS]):
        figures.add(table)
    return figures


def _tiers(storage: Storage, manifest: Manifest) -> dict[str, dict[str, int]]:
    """Tier -> split -> samples."""
    tiers: dict[str, dict[str, int]] = {}
    for shard in shards.present(storage, manifest):
        splits = tiers.setdefault(shard.tier, {})
        splits[shard.split] = splits.get(shard.split, 0) + shard.rows
    return tiers


def _tier_lengths(figures: _Figures, tiers: Tiers) -> tuple[model.TierLengths, ...]:
    order = [SHORT, *(each.name for each in tiers.edges), LONG]
    rows = []
    for tier in sorted(figures.lengths, key=order.index):
        atomic, segment, ids = figures.lengths[tier]
        medians = (_median_low(atomic), _median_low(segment), _median_low(ids))
        rows.append(model.TierLengths(tier, atomic.total(), medians, (_sum(atomic), _sum(segment), _sum(ids))))
    return tuple(rows)


def _sum(counts: Counter[int]) -> int:
    """Of counted numbers."""
    return sum(value * n for value, n in counts.items())


def _median_low(counts: Counter[int]) -> int:
    """As `statistics.median_low` of counted numbers."""
    seen, middle = 0, (counts.total() + 1) // 2
    for value, n in sorted(counts.items()):
        seen += n
        if seen >= middle:
            return value
    raise ValueError("of no numbers there is no median")


def _gallery_rows(storage: Storage, manifest: Manifest, figures: _Figures) -> list[shards.Row]:
    """A spread over tiers and sources; within both, by sample id, which is as good as by chance."""
    groups = [group for _, group in sorted(figures.picks.items())]
    chosen = [group[depth] for depth in range(GALLERY) for group in groups if len(group) > depth][:GALLERY]
    columns = ["sample_id", "tokens", "captions", *PICTURES, "tier", "split", "atomic_length", "segment_length"]
    columns += ["ssim", "mae", "visible_share", "license", "provenance"]
    by_path = {shard.path: shard for shard in shards.present(storage, manifest)}
    return [
        row
        for sample_id, path in chosen
        for row in shards.between(storage, by_path[path], columns, sample_id, sample_id)
    ]


def _captions(storage: Storage, manifest: Manifest, figures: _Figures) -> model.CaptionFigures:
    by_path = {shard.path: shard for shard in shards.present(storage, manifest)}
    columns = ["sample_id", "captions", *PICTURES]
    samples = [
        model.CaptionedSample(row["sample_id"], shards.picture_of(row), _told(row))
        for _, sample_id, path in figures.captioned
        for row in shards.between(storage, by_path[path], columns, sample_id, sample_id)
    ]
    examples: dict[str, list[dict[str, Any]]] = {}
    kept = {reason.partition(" ")[0] for reason in manifest.captions.rejected}
    for table in islice(captions.rejected(storage), SCANNED_TABLES) if kept else ():
        for row in table.to_pylist():
            own = examples.setdefault(row["reason"], [])
            if len(own) < REJECTED_PER_REASON:
                own.append(row)
    rejected = [
        model.RejectedCaption(
            *(row[name] or "" for name in ("sample_id", "text", "origin", "style", "reason", "detail"))
        )
        for reason in sorted(examples)
        for row in examples[reason]
    ]
    price = (manifest.config.get("ask") or {}).get("price") or {}
    currency = price.get("currency", "")
    return model.CaptionFigures(manifest.captions, manifest.asked, currency, tuple(rejected), tuple(samples))


def _told(row: shards.Row) -> tuple[model.Caption, ...]:
    """A sample's captions. Shards of earlier versions know less of one."""
    return tuple(
        model.Caption(c["text"], c["origin"], c.get("style") or "", c.get("model") or "") for c in row["captions"]
    )


def _gallery_sample(row: shards.Row, pictures: dict[tuple[str, str], bytes]) -> model.GallerySample:
    first = row["provenance"][0]
    return model.GallerySample(
        sample_id=row["sample_id"],
        source_png=pictures.get((first["source"], first["path"])),
        canonical_png=shards.picture_of(row),
        captions=_told(row),
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
    columns = ["source", "path", "reason", "cluster_id", "kept"]
    for table in browse.dropped(storage, manifest, SCANNED_TABLES):
        for row in _few_of_each(table, examples):
            examples.setdefault(row["reason"], []).append(
                model.DroppedSample(row["source"], row["path"], row["stage"], row["reason"], row["detail"])
            )
    for table in islice(browse.decisions(storage, columns), SCANNED_TABLES):
        for row in _few_of_each(table.filter(pc.invert(table["kept"])), examples):
            examples.setdefault(row["reason"], []).append(
                model.DroppedSample(row["source"], row["path"], "deduplicate", row["reason"], f"of {row['cluster_id']}")
            )
    return [sample for reason in sorted(examples) for sample in examples[reason]]


def _few_of_each(table: pa.Table, examples: Mapping[str, Sequence[object]]) -> Iterator[dict[str, Any]]:
    """The first rows of each reason of which there are not yet enough ``examples``."""
    for reason in pc.unique(table["reason"]).to_pylist():
        lacking = EXAMPLES_PER_REASON - len(examples.get(reason, ()))
        # what was taken down is shown to nobody
        if lacking > 0 and reason != Reason.TAKEN_DOWN:
            yield from table.filter(pc.equal(table["reason"], reason)).slice(0, lacking).to_pylist()


def _clusters(storage: Storage, manifest: Manifest, gone: Container[str]) -> list[model.Cluster]:
    """The largest clusters, without pictures."""
    paths = [file.path for file in manifest.of_role(CLUSTERS) if file.path not in gone]
    largest: list[tuple[int, str]] = []
    for cluster_id, size in clusters.sizes(storage, paths):
        largest.append((-size, cluster_id))
        if len(largest) > 1000:
            largest = sorted(largest)[:SHOWN_CLUSTERS]
    members = clusters.members_of(storage, paths, [cluster_id for _, cluster_id in sorted(largest)[:SHOWN_CLUSTERS]])
    shown = []
    for size, cluster_id in sorted(largest)[:SHOWN_CLUSTERS]:
        first, *others = (
            model.ClusterMember(row["source"], row["path"], row["reason"], row["score"]) for row in members[cluster_id]
        )
        if not first.reason:  # else it is what overlaps a benchmark, whose drawing is nobody's record
            shown.append(model.Cluster(cluster_id, first, tuple(others[:MEMBERS]), -size))
    return shown


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
