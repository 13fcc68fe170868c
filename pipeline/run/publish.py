"""From the records of a run to the manifest of a version: the counts balance, and the budget is kept."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from tempfile import SpooledTemporaryFile

from pipeline.config import Config
from pipeline.errors import BalanceError, OverBudget
from pipeline.run.accounts import account, stage_counts
from pipeline.sources.base import Chunk
from pipeline.sources.partitions import write_layout
from pipeline.steps.base import stage_versions
from pipeline.steps.learning import vocabulary_basis
from pipeline.storage.tables import Output
from pipeline.versions import published
from pipeline.versions.manifest import (
    INDEX,
    LAYOUT,
    VOCABULARY,
    Captions,
    File,
    Kept,
    Lineage,
    Manifest,
    RawTable,
    Shard,
    Takedowns,
    Tiers,
    Vocabulary,
    files_of,
)
from pipeline.work.ledger import Record, merged
from stages.reasons import Outcome, Reason, outcome


@dataclass(frozen=True)
class Walked:
    """What the stages of a run came to."""

    parent: Manifest | None
    crawled: Sequence[Record]
    samples: Sequence[Record]
    decided: Record
    vocabulary: Mapping[str, Output]
    tiers: Tiers
    written: Sequence[Record]
    indexed: Sequence[Record]
    takedowns: Sequence[str]
    kept: Sequence[Kept]
    cut: Mapping[str, Sequence[Chunk]]
    """Source -> how it is cut."""
    fingerprints: Mapping[str, str]
    base_tokenizer: Mapping[str, Output]
    no_input: Mapping[str, Mapping[str, int]]
    snapshots: Mapping[str, int]
    answered: Sequence[Record]
    captioned: Sequence[Record]


def manifest_of(config: Config, done: Walked, layout: File) -> Manifest:
    """The manifest of the next version. ``layout``: the table of ``done.cut``.

    Raises BalanceError if a record is lost or counted twice.
    """
    funnel, sources = account(config, done.crawled, done.samples, done.decided, done.written)
    shards = [Shard(**shard) for record in done.written for shard in record.extra["shards"]]
    licenses: Counter[str] = Counter()
    for record in done.written:
        licenses.update(record.extra["licenses"])
    for form in config.write.formats:
        rows = sum(shard.rows for shard in shards if shard.format == form)
        if rows != funnel.kept:
            raise BalanceError(f"{form} shards hold {rows} samples, but {funnel.kept} were kept")
    if sum(record.rows_kept for record in done.indexed) != funnel.kept:
        raise BalanceError(f"the index does not have the {funnel.kept} samples that were kept")
    parent = None if done.parent is None else done.parent.version
    lost = done.decided.dropped.get("deduplicate", {})
    return Manifest(
        version=(parent or 0) + 1,
        parent=parent,
        created_by=published.created_by(stage_versions(config)),
        config=config.resolved(),
        fingerprints=dict(sorted(done.fingerprints.items())),
        funnel=funnel,
        stages=stage_counts(done.crawled, done.samples, done.decided, done.written),
        sources=sources,
        duplicates={r: n for r, n in lost.items() if outcome(Reason(r)) is Outcome.DUPLICATE},
        files=files_of([*shards, *_files(config, done), layout]),
        vocabulary=Vocabulary(vocabulary_basis(config, done.base_tokenizer), done.fingerprints["segments"]),
        tiers=done.tiers,
        licenses=dict(sorted(licenses.items())),
        notes=merged(record.extra["notes"] for record in done.samples),
        raw_bytes=sum(record.extra["raw_bytes"] for record in done.written),
        lineage=Lineage(done.decided.extra["merged"]),
        takedowns=Takedowns(tuple(done.takedowns), funnel.rejected.get(Reason.TAKEN_DOWN, 0)),
        no_input=done.no_input,
        snapshots=dict(sorted(done.snapshots.items())),
        asked=_asked(done.answered),
        captions=_captions(done.captioned),
    )


def _captions(captioned: Sequence[Record]) -> Captions:
    counts: dict[str, Counter[str]] = {each.name: Counter() for each in fields(Captions)}
    for record in captioned:
        for name, total in counts.items():
            total.update(record.extra[name])
    return Captions(*(dict(sorted(total.items())) for total in counts.values()))


def _asked(answered: Sequence[Record]) -> dict[str, float]:
    """`Manifest.asked`."""
    counts: dict[str, float] = dict(merged(record.extra["counts"] for record in answered))
    counts |= merged(record.extra["usage"] for record in answered)
    if answered:
        counts["money"] = round(math.fsum(record.extra["money"] for record in answered), 6)
    return counts


def _files(config: Config, done: Walked) -> Iterator[File]:
    """All but the shards and the layout."""
    for name, output in done.vocabulary.items():
        yield _file(f"{VOCABULARY}{name}", output)
    for name, output in done.decided.outputs.items():
        if "/" not in name:  # else it is of a partition
            yield _file(name.partition("-")[0], output, output.rows)
    for record in done.indexed:
        yield _file(INDEX, record.outputs["kept"], record.rows_kept)
    yield from done.kept
    keeping = {source.name for source in config.sources if source.on_missing == "keep"}
    for record in done.crawled:
        if record.source in keeping and record.stage == "crawl":
            out = record.outputs["kept"]
            yield RawTable(
                source=record.source,
                key=record.key,
                path=out.path,
                sha256=out.sha256,
                bytes=out.bytes,
                rows=out.rows,
            )


def _file(role: str, output: Output, rows: int | None = None) -> File:
    return File(role=role, path=output.path, sha256=output.sha256, bytes=output.bytes, rows=rows)


@contextlib.contextmanager
def layout_of(cut: Mapping[str, Sequence[Chunk]]) -> Iterator[SpooledTemporaryFile[bytes]]:
    """How sources are cut, as a version has it: a Parquet file, which is gone after the block."""
    with SpooledTemporaryFile(max_size=_SPOOL) as stream:
        write_layout(stream, cut)
        stream.seek(0)
        yield stream


_SPOOL = 8 * 2**20
"""Bytes of a layout from which on it is in a temporary file."""


def layout_file(layout: SpooledTemporaryFile[bytes]) -> File:
    """As a manifest names it."""
    layout.seek(0)
    sha256 = hashlib.file_digest(layout, "sha256").hexdigest()
    return File(role=LAYOUT, path=f"layouts/{sha256[:20]}.parquet", sha256=sha256, bytes=layout.tell())


def within_budget(config: Config, manifest: Manifest) -> None:
    """Raise OverBudget, with one line for each budget that is exceeded."""
    budget, everything = config.error_budget, manifest.funnel.input
    lost = {
        "rowwise" if count.stage == "sandbox" else count.stage: {
            reason: n for reason, n in count.dropped.items() if outcome(Reason(reason)) == Outcome.QUARANTINED
        }
        for count in manifest.stages
    }
    if isinstance(budget, dict):
        default = Config.model_fields["error_budget"].default
        shares = [(stage, reasons, budget.get(stage, default)) for stage, reasons in lost.items()]
    else:
        shares = [("", merged(lost.values()), budget)]
    lines = []
    for stage, reasons, share in shares:
        count = sum(reasons.values())
        if count > share * everything:
            codes = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
            where, key = (f" in {stage}", f"error_budget.{stage}") if stage else ("", "error_budget")
            lines.append(
                f"{count} of {everything} records were quarantined{where} ({codes}), over {key} {share}; nothing "
                "was published; look at tables/**/*.dropped.parquet, or raise it and run again"
            )
    if lines:
        raise OverBudget("\n".join(lines))
