"""Config and what exists -> the partitions to run, and why. Pure: imports neither Ray nor a cloud client.

Each function makes the tasks of one stage from the records of the stages before it. A task's `Basis` holds the digests
of its inputs, the stage's own settings and its version; `decide` holds it against the record in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipeline import ledger
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.ledger import Basis, Record
from pipeline.sources import Chunk, Listing
from pipeline.tables import Output
from pipeline.versions import Manifest
from pipeline.work import Task
from stages import caption, crawl, deduplicate, normalize, render, sanitize, tier, tokenize, write
from stages.rowwise import RowwiseSettings

LEARNING = ("count", "frequent", "runs", "segments")
"""The stages that learn a vocabulary, which are left out once it is frozen; see `stages.tokenize.learning`."""

IN_SHARDS = ("components", "route", "settle", "gather")
"""The stages that decide on a corpus too large for one task; see `pipeline.decisions`."""

DUPLICATES = ("bands", "pairs", "match", *IN_SHARDS, "deduplicate")
"""The stages that find duplicates and decide who stays; see `pipeline.duplicates`."""

STAGES = ("crawl", "samples", *DUPLICATES, "caption", "tier", *LEARNING, "encode", "write")
"""In the order they run."""

WHOLE = ("pairs", *IN_SHARDS, "deduplicate", "frequent", "segments")
"""The stages with tasks over the whole corpus, which take as long as they take."""

LEARN_GROUP = 20_000
"""Samples that one task of learning reads at most, if its first partition has no more; the result does not depend on
it."""

ATOMIC_SETTINGS = ("canvas", "tolerance", "elements")
"""Settings of tokenize that atomic tokens depend on; the others are for what is learned."""

SIGNATURE_SETTINGS = ("grid", "min_shingles")
"""Settings of deduplicate that signatures depend on; the others are for decisions."""

CORPUS = "all"
"""Where a source's name would stand in the path of a stage that sees the whole corpus."""


@dataclass(frozen=True)
class Decision:
    """Whether ``task`` runs, and why; ``record`` is what the ledger holds if it does not."""

    task: Task
    why: str
    record: Record | None

    @property
    def run(self) -> bool:
        """True if there is nothing to reuse."""
        return self.record is None


def decide(task: Task, record: Record | None) -> Decision:
    """Reuse ``record`` if it was made from what ``task`` would be made from."""
    if record is None:
        return Decision(task, "new", None)
    if record.fingerprint == task.basis.fingerprint:
        return Decision(task, "unchanged", record)
    return Decision(task, ledger.explain_change(record, task.basis), None)


def stage_versions(config: Config) -> dict[str, Any]:
    """The version of each stage's code, and of the renderer, whose pictures are part of a dataset."""
    return {
        "crawl": crawl.VERSION,
        "sanitize": sanitize.VERSION,
        "normalize": normalize.VERSION,
        "tokenize": tokenize.VERSION,
        "render": render.VERSION,
        "renderer": _renderer(config),
        "deduplicate": deduplicate.VERSION,
        "caption": caption.VERSION,
        "tier": tier.VERSION,
        "segments": tokenize.SEGMENTS_VERSION,
        "encode": tokenize.ENCODE_VERSION,
        "write": write.VERSION,
    }


def _renderer(config: Config) -> str:
    try:
        return render.renderer_version(config.render)
    except render.RendererUnavailable as error:
        raise ConfigError(str(error)) from None


def versions_of(config: Config, *stages: str) -> dict[str, Any]:
    """Of `stage_versions` those of some stages."""
    every = stage_versions(config)
    return {stage: every[stage] for stage in stages}


def dump(settings: BaseModel) -> dict[str, Any]:
    """Settings as plain values."""
    return settings.model_dump(mode="json")


def crawl_tasks(
    config: Config,
    listings: Sequence[Listing],
    cut: Mapping[str, Sequence[Chunk]],
    raw: Mapping[tuple[str, str], str],
) -> list[Task]:
    """One task for each chunk of loose files and each archive.

    ``raw``: (source, key) of each chunk that has missing entries to the raw table that still holds their records.
    """
    tasks = []
    settings = config.crawl.model_copy(update={"batch_rows": config.partition.records})
    versions = versions_of(config, "crawl")
    for listing in listings:
        source = listing.source
        for chunk in cut[source.name]:
            own: dict[str, Any] = {"crawl": dump(settings), "license": source.license}
            if chunk.archive:
                own |= {"glob": source.glob, "column": source.column, "on_bad_archive": source.on_bad_archive}
            if source.allow_links_to:
                own["allow_links_to"] = list(source.allow_links_to)
            basis = Basis(versions, own, tuple((crawl.display(e.path), e.etag) for e in chunk.entries))
            payload = {
                "root": listing.root,
                "paths": [entry.path for entry in chunk.entries if entry.path not in chunk.missing],
                "missing": list(chunk.missing),
                "raw": raw.get((source.name, chunk.key), ""),
                "archive": chunk.archive,
                "is_root": listing.is_archive,
                "roots": list(listing.roots),
                "column": source.column,
                "on_bad_archive": source.on_bad_archive,
                "source": source.name,
                "license": source.license,
                "glob": source.glob,
                "settings": settings.model_dump_json(),
            }
            size = sum(entry.size for entry in chunk.entries)
            tasks.append(Task("crawl", source.name, chunk.key, basis, payload, len(chunk.entries), size))
    return tasks


def samples_tasks(config: Config, crawled: Sequence[Record]) -> list[Task]:
    """One task for each row group of each raw table."""
    settings = RowwiseSettings(
        sanitize=config.sanitize,
        normalize=config.normalize,
        tokenize=config.tokenize,
        render=config.render,
        deduplicate=config.deduplicate,
    )
    own = dump(settings) | {"sandbox": dump(config.sandbox)}
    # what is learned, encoded or decided later is no part of the pass
    own["tokenize"] = {k: v for k, v in own["tokenize"].items() if k in ATOMIC_SETTINGS}
    own["deduplicate"] = {k: v for k, v in own["deduplicate"].items() if k in SIGNATURE_SETTINGS}
    # policies are for decisions
    own["deduplicate"]["flags"] = {
        flag: {k: v for k, v in rule.items() if k not in ("policy", "most")}
        for flag, rule in dump(config.deduplicate)["flags"].items()
    }
    versions = versions_of(config, "sanitize", "normalize", "tokenize", "render", "renderer", "deduplicate")
    text, limits = settings.model_dump_json(), config.sandbox.model_dump_json()
    tasks = []
    for record in crawled:
        raw = record.outputs["kept"]
        for group in range(len(raw.row_groups)):
            payload = {
                "raw": raw.path,
                "row_group": group,
                "settings": text,
                "sandbox": limits,
            }
            basis = Basis(versions, own, ((f"{raw.path}#{group}", raw.sha256),))
            rows = raw.row_groups[group]
            share = raw.bytes * rows // max(raw.rows, 1)
            tasks.append(Task("samples", record.source, f"{record.key}-{group:03}", basis, payload, rows, share))
    return tasks


def inputs_of(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """(path, digest) of tables, as a `Basis` takes them."""
    return [(output.path, output.sha256) for output in outputs]


def _of(decided: Record, record: Record) -> tuple[str, str]:
    """What was decided of a samples partition, as an input: which rows stay, in which clusters."""
    name = f"{record.source}/{record.key}"
    return f"decisions {name}", str(decided.extra["decided"][name])


def _bits(decided: Record, record: Record) -> str:
    """Which rows of a samples partition stay; see `steps.survivors`."""
    return str(decided.extra["kept"][f"{record.source}/{record.key}"])


def side_tasks(config: Config, stage: str, samples: Sequence[Record], decided: Record) -> list[Task]:
    """The tasks of ``caption`` or ``tier``: one for each samples partition."""
    settings = {"caption": config.caption, "tier": config.tier}[stage]
    versions, own, text = versions_of(config, stage), dump(settings), settings.model_dump_json()
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        basis = Basis(versions, own, (*inputs_of([rows]), _of(decided, record)))
        payload = {
            "settings": text,
            "samples": rows.path,
            "kept": _bits(decided, record),
            "decisions": decided.outputs[f"{record.source}/{record.key}"].path,
        }
        tasks.append(Task(stage, record.source, record.key, basis, payload, record.rows_kept, rows.bytes))
    return tasks


def vocabulary_basis(config: Config, base: Mapping[str, Output]) -> dict[str, Any]:
    """What a frozen vocabulary must agree with to be used again: settings and code, not the corpus."""
    found = {"settings": dump(config.tokenize), "versions": versions_of(config, "tokenize", "segments")}
    return found | ({"base": {name: output.sha256 for name, output in base.items()}} if base else {})


def _learning(config: Config, decided: Record) -> dict[str, Any]:
    """What counting depends on beside the samples."""
    own = dump(config.tokenize)
    own["segments"].pop("count")
    wanted = config.tokenize.segments.sample
    share = 1.0 if wanted is None else min(1.0, wanted / max(decided.rows_kept, 1))
    return {"tokenize": own, "share": share}


def _groups(samples: Sequence[Record]) -> list[list[int]]:
    """Indices of consecutive partitions of one source that are counted together."""
    groups: list[list[int]] = []
    filled = 0
    for i, record in enumerate(samples):
        fits = bool(groups) and samples[groups[-1][0]].source == record.source
        if not fits or filled + record.rows_kept > LEARN_GROUP:
            groups.append([])
            filled = 0
        groups[-1].append(i)
        filled += record.rows_kept
    return groups


def count_tasks(config: Config, samples: Sequence[Record], decided: Record, captions: Sequence[Record]) -> list[Task]:
    """The tasks of ``count``: candidates for segments, and texts, of each group of partitions."""
    own = _learning(config, decided)
    versions = versions_of(config, "tokenize", "segments")
    tasks = []
    for group in _groups(samples):
        parts = [(samples[i].outputs["kept"], captions[i].outputs["kept"]) for i in group]
        inputs = inputs_of(output for part in parts for output in part)
        basis = Basis(versions, own, (*inputs, *(_of(decided, samples[i]) for i in group)))
        payload = {
            "settings": config.tokenize.model_dump_json(),
            "share": own["share"],
            "partitions": [
                (rows.path, _bits(decided, samples[i]), captioned.path)
                for i, (rows, captioned) in zip(group, parts, strict=True)
            ],
        }
        first = samples[group[0]]
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        rows = sum(samples[i].rows_kept for i in group)
        tasks.append(Task("count", first.source, first.key, basis, payload, rows, size))
    return tasks


def frequent_tasks(config: Config, counted: Sequence[Record]) -> list[Task]:
    """One task: which candidates may be frequent in the whole corpus."""
    outputs = [record.outputs["candidates"] for record in counted]
    own = {key: value for key, value in dump(config.tokenize.segments).items() if key != "count"}
    basis = Basis(versions_of(config, "segments"), own, tuple(inputs_of(outputs)))
    payload = {
        "settings": config.tokenize.segments.model_dump_json(),
        "candidates": [output.path for output in outputs],
        "samples": sum(record.rows_kept for record in counted),
    }
    rows = sum(record.rows_kept for record in counted)
    return [Task("frequent", CORPUS, "candidates", basis, payload, rows, sum(output.bytes for output in outputs))]


def runs_tasks(config: Config, samples: Sequence[Record], decided: Record, frequent: Record) -> list[Task]:
    """The tasks of ``runs``: what is left of each group of partitions without what is rare."""
    own = _learning(config, decided)
    mask = frequent.outputs["mask"]
    tasks = []
    for group in _groups(samples):
        inputs = inputs_of([*(samples[i].outputs["kept"] for i in group), mask])
        basis = Basis(versions_of(config, "segments"), own, (*inputs, *(_of(decided, samples[i]) for i in group)))
        payload = {
            "settings": config.tokenize.segments.model_dump_json(),
            "share": own["share"],
            "mask": mask.path,
            "partitions": [(samples[i].outputs["kept"].path, _bits(decided, samples[i])) for i in group],
        }
        first = samples[group[0]]
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        rows = sum(samples[i].rows_kept for i in group)
        tasks.append(Task("runs", first.source, first.key, basis, payload, rows, size))
    return tasks


def segments_tasks(
    config: Config, counted: Sequence[Record], runs: Sequence[Record], base: Mapping[str, Output]
) -> list[Task]:
    """One task: learn the segments and make the tokenizer. ``base``: the base tokenizer's files, if there is one."""
    texts = [record.outputs["texts"] for record in counted]
    kept = [record.outputs["kept"] for record in runs]
    basis = Basis(
        versions_of(config, "tokenize", "segments"),
        dump(config.tokenize),
        tuple(inputs_of([*texts, *kept, *base.values()])),
    )
    payload = {
        "settings": config.tokenize.model_dump_json(),
        "texts": [output.path for output in texts],
        "runs": [output.path for output in kept],
        "base": {name: output.path for name, output in base.items()},
        "samples": sum(record.rows_kept for record in counted),
    }
    size = sum(output.bytes for output in [*texts, *kept])
    rows = sum(record.rows_kept for record in counted)
    return [Task("segments", CORPUS, "vocabulary", basis, payload, rows, size)]


def encode_tasks(
    config: Config, samples: Sequence[Record], decided: Record, vocabulary: Mapping[str, Output]
) -> list[Task]:
    """One task for each samples partition. ``vocabulary``: segments, vocabulary, tokenizer."""
    versions = versions_of(config, "encode")
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        inputs = inputs_of((rows, vocabulary["segments"], vocabulary["tokenizer"]))
        basis = Basis(versions, {}, (*inputs, _of(decided, record)))
        payload = {
            "samples": rows.path,
            "kept": _bits(decided, record),
            "segments": vocabulary["segments"].path,
            "tokenizer": vocabulary["tokenizer"].path,
        }
        tasks.append(Task("encode", record.source, record.key, basis, payload, record.rows_kept, rows.bytes))
    return tasks


SAMPLE_STAGES = ("sanitize", "normalize", "render", "deduplicate")
"""Parts of the config that decide what the samples are, beside `ATOMIC_SETTINGS` of tokenize."""


def same_samples(config: Config, parent: Manifest) -> bool:
    """Whether ``parent`` was made with the settings and the code that decide what the samples are.

    If so, its samples stay. If not, they are decided anew, so that a setting changed and changed back gives what it
    gave before.
    """
    now, before = config.resolved(), parent.config
    names = ("sanitize", "normalize", "tokenize", "render", "renderer", "deduplicate")
    versions = stage_versions(config)
    return (
        all(now[part] == before.get(part) for part in SAMPLE_STAGES)
        and all(now["tokenize"][name] == before["tokenize"].get(name) for name in ATOMIC_SETTINGS)
        and all(versions[name] == parent.created_by["stages"].get(name) for name in names)
    )


def write_tasks(
    config: Config,
    samples: Sequence[Record],
    decided: Record,
    sides: Mapping[str, Sequence[Record]],
    generations: Mapping[tuple[str, str], int],
) -> list[Task]:
    """One task for each group of consecutive partitions of one source, of about ``group_bytes`` together.

    ``generations``: (source, key of a chunk) to the version that it was new in; no group has two.

    Where a group ends is decided by a hash of the next partition's key and its size, not by counting from the start, so
    that a partition that comes or goes changes its own group only; none is over twice ``group_bytes``, but for a single
    partition. ``sides``: the records of caption, tier and encode, in the order of ``samples``.

    Provenance is no part of the basis unless the config says ``repack``: the shards of earlier samples stay when others
    turn out to be copies of them, and the index of the version knows all.
    """

    def home(record: Record) -> tuple[str, int]:
        return record.source, generations.get((record.source, record.key.rpartition("-")[0]), 1)

    groups: list[list[int]] = []
    filled = 0
    for i, record in enumerate(samples):
        size = int(record.extra["shard_bytes"])
        fits = bool(groups) and home(samples[groups[-1][0]]) == home(record)
        if fits:
            chance = int(ledger.digest(record.key)[:13], 16) / 16**13
            fits = filled + size <= 2 * config.write.group_bytes and chance >= size / config.write.group_bytes
        if not fits:
            groups.append([])
            filled = 0
        groups[-1].append(i)
        filled += size
    versions, text = versions_of(config, "write"), config.write.model_dump_json()
    tasks = []
    for group in groups:
        parts, inputs = [], []
        for i in group:
            record = samples[i]
            outputs = {"samples": record.outputs["kept"]}
            outputs |= {stage: sides[stage][i].outputs["kept"] for stage in ("caption", "tier", "encode")}
            inputs += [*inputs_of(outputs.values()), _of(decided, record)]
            outputs["decisions"] = decided.outputs[f"{record.source}/{record.key}"]
            if config.write.repack:
                inputs += inputs_of([outputs["decisions"]])
            part = {role: output.path for role, output in outputs.items()}
            parts.append(part | {"kept": _bits(decided, record)})
        first = samples[group[0]]
        basis = Basis(versions, dump(config.write), tuple(inputs))
        payload = {"settings": text, "partitions": parts}
        rows = sum(samples[i].rows_kept for i in group)
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        tasks.append(Task("write", first.source, first.key, basis, payload, rows, size))
    return tasks
