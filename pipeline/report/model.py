"""What a report holds: plain frozen dataclasses, filled from a workspace by the caller, rendered by `pipeline.report`.

Rendering reads nothing but a `Report`, so the same `Report` gives the same bytes. Text may be hostile (captions, paths,
details, tokens come out of crawled files): it is stored here as found, and escaped when it is rendered.
Pictures are PNG bytes, a few hundred pixels wide at most: they are embedded in the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.versions.manifest import Captions, File, Funnel, Shard, SourceCount, StageCount, Tiers
from stages.reasons import DUPLICATES

SPLITS = ("train", "validation", "test")
"""The splits in the order in which they are shown; others follow by name."""


@dataclass(frozen=True)
class Place:
    """Where a version's files lie, seen from its pages."""

    link: Callable[[str], str]
    """From a file's path in the workspace to what stands in the pages for it."""
    alone: bool
    """Whether no other version's files lie there, so that a pattern names this version's."""


WORKSPACE = Place(lambda path: f"../../{path}", alone=False)
"""Of pages beside their version's manifest in a workspace."""


@dataclass(frozen=True)
class Caption:
    """A caption; origin, style and the model that said it, if one did, are those of `stages.schema.CAPTIONS`."""

    text: str
    origin: str
    style: str = ""
    model: str = ""


@dataclass(frozen=True)
class RejectedCaption:
    """A caption that is not used, and why."""

    sample_id: str
    text: str
    origin: str
    style: str
    reason: str
    detail: str


@dataclass(frozen=True)
class CaptionedSample:
    """A sample with all its captions, the chosen one first."""

    sample_id: str
    png: bytes | None
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class CaptionFigures:
    """Captions in counts, what a model took for them, and examples.

    ``counts`` is that of the manifest, ``asked`` its field of that name. ``rejected`` has some of each reason,
    ``samples`` some of all, as good as by chance.
    """

    counts: Captions = field(default_factory=Captions)
    asked: Mapping[str, float] = field(default_factory=dict)
    currency: str = ""
    """Of the money that was asked for, "" where the config has no price."""
    rejected: tuple[RejectedCaption, ...] = ()
    samples: tuple[CaptionedSample, ...] = ()


@dataclass(frozen=True)
class Origin:
    """A raw file that became, or was merged into, a sample."""

    source: str
    path: str


@dataclass(frozen=True)
class GallerySample:
    """A kept sample, shown with its source picture beside the canonical one.

    ``captions`` holds all captions, the shown one first; it may be empty. ``tokens`` is an excerpt. ``ssim`` is -1..1,
    ``mae`` and ``visible_share`` are 0..1, as in `stages.schema.RENDERED`.
    """

    sample_id: str
    source_png: bytes | None
    canonical_png: bytes | None
    captions: tuple[Caption, ...]
    tier: str
    split: str
    atomic_length: int
    segment_length: int
    tokens: str
    ssim: float
    mae: float
    visible_share: float
    license: str
    provenance: tuple[Origin, ...]


@dataclass(frozen=True)
class DroppedSample:
    """An example of a dropped record. ``png`` is None where the source cannot be drawn."""

    source: str
    path: str
    stage: str
    reason: str
    detail: str = ""
    png: bytes | None = None


@dataclass(frozen=True)
class ClusterMember:
    """A record of a duplicate cluster. ``reason`` is "" and ``score`` 1 for the survivor."""

    source: str
    path: str
    reason: str = ""
    score: float = 1.0
    png: bytes | None = None


@dataclass(frozen=True)
class Cluster:
    """A duplicate cluster: the survivor and some of the records that gave way to it.

    ``size`` counts all the cluster's records, the survivor and those not listed included.
    """

    cluster_id: str
    survivor: ClusterMember
    members: tuple[ClusterMember, ...]
    size: int


@dataclass(frozen=True)
class Histogram:
    """Counts of values between edges: bin i is ``edges[i] <= value < edges[i + 1]``, the last one closed on the right.

    ``below`` and ``above`` count the values outside the edges.
    """

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    below: int = 0
    above: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError unless there is one edge more than counts (or none of both) and the edges ascend."""
        if (self.counts or self.edges) and len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{len(self.counts)} counts need {len(self.counts) + 1} edges, not {len(self.edges)}")
        if any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError("histogram edges must ascend")

    @classmethod
    def of(cls, values: Iterable[float], edges: tuple[float, ...]) -> Histogram:
        """Bin ``values``; raises ValueError for fewer than two edges or a value that is not a number."""
        if len(edges) < 2:
            raise ValueError("a histogram needs two edges or more")
        return cls(tuple(edges), (0,) * (len(edges) - 1)).with_values(np.asarray(list(values), dtype=np.float64))

    def with_values(self, values: npt.NDArray[np.float64]) -> Histogram:
        """With more ``values``; raises ValueError for one that is not a number."""
        if np.isnan(values).any():
            raise ValueError("a histogram needs numbers")
        counts, _ = np.histogram(values, bins=np.asarray(self.edges))
        return Histogram(
            self.edges,
            tuple(n + more for n, more in zip(self.counts, counts.tolist(), strict=True)),
            self.below + int((values < self.edges[0]).sum()),
            self.above + int((values > self.edges[-1]).sum()),
        )

    @property
    def total(self) -> int:
        """The number of values, those outside the edges included."""
        return sum(self.counts) + self.below + self.above


@dataclass(frozen=True)
class Compression:
    """Totals over the kept samples; ``raw_bytes`` are the surviving records' source files."""

    raw_bytes: int = 0
    atomic_tokens: int = 0
    segment_tokens: int = 0


@dataclass(frozen=True)
class TierLengths:
    """Lengths of a tier's samples: medians and sums of atomic tokens, of tokens with segments, and of ids."""

    tier: str
    samples: int
    medians: tuple[int, int, int]
    sums: tuple[int, int, int]


@dataclass(frozen=True)
class Asset:
    """A file published beside the shards (vocabulary, segment table, training lists), and what it is."""

    file: File
    description: str


@dataclass(frozen=True)
class Segment:
    """A learned segment token. ``path`` is its geometry as path data from any start point, None to show no picture.

    ``saved``: the tokens that it saved when it was learned, 0 where the algorithm does not say.
    """

    token: str
    frequency: int
    string: str
    path: str | None = None
    saved: int = 0


@dataclass(frozen=True)
class Report:
    """A published version, as the report and the card show it. Every collection may be empty.

    ``canvas`` is the side of the square canvas in units. ``edges`` says which tiers there are and what parts
    them. ``tiers`` counts samples: tier -> split -> n.
    ``licenses`` counts samples by SPDX expression, ``notes`` counts records by what sanitize and normalize took out or
    repaired. ``taken_down`` counts samples removed from the parent version. ``tokenizer`` is the folder of the
    published ``tokenizer.json``, as it stands in the pages.
    """

    name: str
    version: int
    canvas: int
    funnel: Funnel
    tool: str
    parent: int | None = None
    taken_down: int = 0
    stage_versions: Mapping[str, int | str] = field(default_factory=dict)
    stages: tuple[StageCount, ...] = ()
    sources: tuple[SourceCount, ...] = ()
    gallery: tuple[GallerySample, ...] = ()
    captions: CaptionFigures = CaptionFigures()
    dropped: tuple[DroppedSample, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    atomic_lengths: Histogram = Histogram()
    segment_lengths: Histogram = Histogram()
    edges: Tiers = field(default_factory=lambda: Tiers("atomic", ()))
    tiers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tier_lengths: tuple[TierLengths, ...] = ()
    licenses: Mapping[str, int] = field(default_factory=dict)
    license_origins: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(licence, how it was found) -> samples."""
    ssim: Histogram = Histogram()
    compression: Compression = Compression()
    shards: tuple[Shard, ...] = ()
    assets: tuple[Asset, ...] = ()
    segments: tuple[Segment, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    config: str = ""
    tokenizer: str | None = None
    place: Place = WORKSPACE


def ordered(names: Iterable[str], first: tuple[str, ...]) -> list[str]:
    """``names`` without repeats: those in ``first`` in its order, then the others sorted."""
    unique = set(names)
    return [name for name in first if name in unique] + sorted(unique - set(first))


def imbalances(report: Report) -> list[str]:
    """One sentence for each sum that does not match: the funnel's, the stages' and the sources'. Empty if all do."""
    out: list[str] = []
    funnel = report.funnel
    if funnel.difference:
        out.append(f"The outcomes differ from the input by {funnel.difference} records.")
    for row in report.stages:
        if row.input != row.kept + sum(row.dropped.values()):
            out.append(f"Stage {row.stage} took in {row.input} records but accounts for others.")
    for before, after in pairwise(report.stages):
        if before.kept != after.input:
            out.append(
                f"Stage {before.stage} let {before.kept} records through, stage {after.stage} took {after.input}."
            )
    if report.stages and (report.stages[0].input, report.stages[-1].kept) != (funnel.input, funnel.kept):
        out.append("The stages begin or end with other counts than the funnel.")
    for source in report.sources:
        if not source.balanced:
            out.append(f"Source {source.source} has {source.input} records but accounts for others.")
    if report.sources:
        sums = {
            "input": funnel.input,
            "kept": funnel.kept,
            "duplicate": funnel.duplicate,
            "rejected_total": funnel.rejected_total,
            "quarantined_total": funnel.quarantined_total,
        }
        for name, expected in sums.items():
            total = sum(getattr(source, name) for source in report.sources)
            if total != expected:
                column = name.removesuffix("_total")
                out.append(f"The sources sum to {total} {column}, the funnel has {expected}.")
    return out


def duplicate_reasons(report: Report) -> dict[str, int]:
    """Duplicates by reason code, from the stages' counts; whatever they do not explain is under ``duplicate``."""
    counts: dict[str, int] = {}
    for row in report.stages:
        for reason, n in row.dropped.items():
            if reason in DUPLICATES:
                counts[str(reason)] = counts.get(str(reason), 0) + n
    rest = report.funnel.duplicate - sum(counts.values())
    return counts | ({"duplicate": rest} if rest > 0 else {})
