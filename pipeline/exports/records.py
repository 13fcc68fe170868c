"""A curriculum over a version: which records there are, in parts that any worker can make by itself.

A part is a range of sample ids. Ids are hashes, so each part is a mixture of all tiers, sources and generations, and
the records of a part, ordered by another hash, are a shuffle; the parts of a stage one after the other are its order.
Everything that is asked of all samples together (`Course`) is known before the first part is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.exports.base import Shard, Version
from pipeline.storage import lookup
from pipeline.versions import browse
from pipeline.versions.manifest import PROVENANCE
from stages import curriculum, tokenize
from stages.base import Settings
from stages.curriculum import (
    CHAT_BEGIN,
    CHAT_ML,
    COLUMNS,
    TEXT_TO_SVG,
    Counts,
    Curriculum,
    Frame,
    Maker,
    Record,
    Stage,
    TaskName,
    Thresholds,
)


class CurriculumSettings(Settings):
    """Settings of exports that are made of a curriculum's records."""

    curriculum: Curriculum = Field(default_factory=Curriculum, description="stages, tasks, caps, weights: --curriculum")
    file_rows: int = Field(5_000, ge=1, description="samples whose records stand in one file, about")


@dataclass(frozen=True)
class Course:
    """A curriculum, and what its caps come to over the samples of a version."""

    curriculum: Curriculum
    thresholds: Mapping[str, Thresholds]
    """By stage."""
    frame: Frame
    """What stands around prompt and answer."""

    def stage(self, name: str) -> Stage:
        """The stage called so."""
        return next(stage for stage in self.curriculum.stages if stage.name == name)


@dataclass(frozen=True)
class Part:
    """The samples of a stage and a split with ids in one of ``count`` equal ranges, the ``number``-th from 0."""

    stage: str
    split: str
    number: int
    count: int

    @property
    def first(self) -> str:
        """The least id that may be in it."""
        return f"{-(-(self.number << 64) // self.count):016x}"

    @property
    def last(self) -> str:
        """What no id in it is beyond."""
        return f"{-(-(self.number + 1 << 64) // self.count) - 1:016x}" + "f" * 48

    @property
    def name(self) -> str:
        """For files of the part: parts sort by it in their order."""
        return f"{self.number:05d}"


def course(version: Version, settings: Curriculum) -> Course:
    """The curriculum over this version, once it is known that the two fit.

    Raises ConfigError for a version that is redacted, stages without samples, sources, splits, tiers and features that
    the version does not have, and contexts that the prompts alone fill.
    """
    manifest = version.manifest
    if version.redacted:
        raise ConfigError(
            f"version {manifest.version} is redacted: takedowns have removed {len(version.redacted)} of its files; "
            "publish a version without what was taken down (svgmill run), and export that"
        )
    _check(version, settings)
    encode, frame = tokenize.encoder(version.tokenizer), settings.frame or _frame(version)
    for stage in settings.stages:
        maker = Maker(settings, stage, Thresholds(), encode, frame, tuple(settings.tasks))
        for task in settings.tasks:
            if maker.least(task) >= stage.context:
                raise ConfigError(
                    f"stage {stage.name}: the context of {stage.context} tokens is shorter than the prompt of {task}, "
                    f"which takes {maker.least(task)} with its picture and frame; raise stages.context"
                )
    return Course(settings, {stage.name: _thresholds(version, settings, stage) for stage in settings.stages}, frame)


def _frame(version: Version) -> Frame:
    """What stands around prompt and answer by the version's tokenizer."""
    if tokenize.load_tokenizer(version.tokenizer).token_to_id(CHAT_BEGIN) is not None:
        return CHAT_ML
    begin, end = version.special_token("bos"), version.special_token("eos")
    if end is None:
        raise ConfigError(
            f"the tokenizer of version {version.manifest.version} has neither {CHAT_BEGIN} nor an eos token; say what "
            "stands around prompt and answer: curriculum.frame"
        )
    return Frame(before=begin or "", between="\n", after=end)


def _check(version: Version, settings: Curriculum) -> None:
    kinds = {(shard.tier, shard.split) for shard in version.shards}
    tiers, splits = sorted({tier for tier, _ in kinds}), sorted({split for _, split in kinds})
    for split in (settings.split, *settings.evaluate):
        declared = version.manifest.config["tier"]["splits"]
        if split not in declared:
            raise ConfigError(f"no sample has the split {split}; the version has {', '.join(splits)}")
    for stage in settings.stages:
        if not any((tier, settings.split) in kinds for tier in stage.tiers):
            raise ConfigError(
                f"stage {stage.name} has no samples: none of {settings.split} is of tier {', '.join(stage.tiers)}; "
                f"the version has {', '.join(tiers) or 'no samples'}"
            )
    sources = {source.source for source in version.manifest.sources}
    for source in settings.weights:
        if source not in sources:
            raise ConfigError(f"weights.{source}: the version has no such source; it has {', '.join(sorted(sources))}")
    for feature in settings.oversample:
        if feature.feature.startswith("<") and feature.feature not in version.token_strings:
            raise ConfigError(f"oversample: {feature.feature} is no token of the version's vocabulary; see tokens.json")


def _thresholds(version: Version, settings: Curriculum, stage: Stage) -> Thresholds:
    caps, salt = settings.caps, curriculum.cap_salt(settings)
    sources: dict[str, int] = {}
    left_out: frozenset[str] = frozenset()
    if caps.source is not None:
        sources = curriculum.source_thresholds(_narrow(version, settings, stage), caps.source, salt)
    if caps.cluster is not None:
        left_out = curriculum.beyond_cluster_cap(_variants(version, settings, stage), caps.cluster, salt)
    return Thresholds(sources, left_out)


def _narrow(version: Version, settings: Curriculum, stage: Stage) -> Iterator[pa.Table]:
    """sample_id and source of the stage's samples, some thousands at a time."""
    for rows in browse.narrow(version.storage, version.manifest, ["sample_id", "source", "tier", "split"]):
        ours = pc.and_(pc.is_in(rows["tier"], pa.array(stage.tiers)), pc.equal(rows["split"], settings.split))
        yield rows.filter(ours).select(["sample_id", "source"])


def _variants(version: Version, settings: Curriculum, stage: Stage) -> dict[str, list[str]]:
    """The stage's samples in clusters of several samples, by cluster: variants that deduplication kept."""

    def tables() -> Iterator[pa.Table]:
        for file in version.manifest.of_role(PROVENANCE):
            columns = ["sample_id", "cluster_id"]
            yield from lookup.row_groups(version.storage, file.path, columns, "sample_id", "", "g")

    several: set[str] = set()
    for table in tables():
        several.update(table.filter(pc.not_equal(table["sample_id"], table["cluster_id"]))["cluster_id"].to_pylist())
    if not several:
        return {}
    wanted = pa.array(sorted(several), pa.string())
    cluster_of: dict[str, str] = {}
    for table in tables():
        some = table.filter(pc.is_in(table["cluster_id"], wanted))
        cluster_of.update(zip(some["sample_id"].to_pylist(), some["cluster_id"].to_pylist(), strict=True))
    clusters: dict[str, list[str]] = {}
    for rows in _narrow(version, settings, stage):
        for sample_id in rows["sample_id"].to_pylist():
            if sample_id in cluster_of:
                clusters.setdefault(cluster_of[sample_id], []).append(sample_id)
    return clusters


def parts(version: Version, settings: CurriculumSettings, stage: Stage, split: str) -> list[Part]:
    """The parts of a stage's samples of one split: none if it has no samples there."""
    rows = sum(shard.rows for shard in shards_of(version, stage, split))
    count = -(-rows // settings.file_rows)
    return [Part(stage.name, split, number, count) for number in range(count)]


def shards_of(version: Version, stage: Stage, split: str) -> list[Shard]:
    """The shards of a stage's samples of one split."""
    return [shard for shard in version.shards if shard.tier in stage.tiers and shard.split == split]


def of_texts(settings: Curriculum, export: str) -> Curriculum:
    """The curriculum with text to SVG alone, whose records can be given as ids: a picture's ids are up to the model.

    Raises ConfigError if it has tasks with pictures only. ``export``: the name of who asks.
    """
    if TEXT_TO_SVG not in settings.tasks:
        raise ConfigError(
            f"export {export} has {TEXT_TO_SVG} alone, and the curriculum does not have it; add it to tasks"
        )
    return settings.model_copy(update={"tasks": {TEXT_TO_SVG: settings.tasks[TEXT_TO_SVG]}})


def require_records(stage: Stage, count: int) -> None:
    """Raises ConfigError for a stage without records, which no trainer starts on."""
    if not count:
        raise ConfigError(
            f"stage {stage.name} has samples, but no records of them: svgmill curriculum says how many are longer than "
            "its context; or they have no captions"
        )


def splits_of(settings: Curriculum) -> tuple[str, ...]:
    """The splits that a curriculum has records of: that which is trained on first."""
    return (settings.split, *settings.evaluate)


def records(
    version: Version, plan: Course, part: Part, tasks: Sequence[TaskName], columns: Sequence[str] = ()
) -> tuple[list[Record], dict[str, int]]:
    """The records of these ``tasks`` of a part, in their order, and counts of what came of its samples.

    ``columns``: of shards, what the rows of records have beside `COLUMNS`; `PICTURES` for pictures. Counts are for a
    `Chunk`; `pipeline.exports.stage_table` adds them up.
    """
    stage = plan.stage(part.stage)
    held_out = part.split != plan.curriculum.split
    encode = tokenize.encoder(version.tokenizer)
    maker = Maker(plan.curriculum, stage, plan.thresholds[stage.name], encode, plan.frame, tuple(tasks), held_out)
    wanted = list(dict.fromkeys([*COLUMNS, *columns]))
    rows = version.between(shards_of(version, stage, part.split), wanted, part.first, part.last)
    counts: Counts = Counter()
    made = [record for row in rows for record in maker.records(row, counts)]
    made.sort(key=lambda record: (record.order, record.sample_id, record.task, record.copy))
    return made, {f"{stage.name}/{part.split}/{task}/{name}": count for (task, name), count in counts.items()}
