"""The accounts of a run: where every record went. The counts balance, or the run fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from pipeline.config import Config
from pipeline.errors import BalanceError
from pipeline.sources.base import Listing
from pipeline.sources.no_input import bounded
from pipeline.versions.manifest import Funnel, SourceCount, StageCount
from pipeline.work.ledger import Record, merged
from stages.reasons import Outcome, Reason, outcome
from stages.rowwise import PASS


@dataclass
class _Tally:
    """What is counted of one source: its records that came in, those that left by outcome and reason."""

    input: int = 0
    raw: int = 0
    """Records that were crawled and whose way is not known yet: 0 in the end."""
    passed: int = 0
    """Records that passed the row-wise pass."""
    undrawn: int = 0
    """Survivors of which no picture could be drawn; ``lost`` has them, too."""
    lost: dict[Outcome, Counter[str]] = field(default_factory=lambda: {each: Counter() for each in Outcome})

    def drop(self, record: Record) -> None:
        """Count what left in a partition. Raises BalanceError if some is missing there."""
        if record.rows_in != record.rows_kept + _dropped(record):
            name = f"{record.stage} {record.source}/{record.key}"
            raise BalanceError(f"{name}: {record.rows_in} in, other counts differ")
        for reasons in record.dropped.values():
            for reason, n in reasons.items():
                self.lost[outcome(Reason(reason))][reason] += n


def account(
    config: Config, crawled: Sequence[Record], samples: Sequence[Record], decided: Record, written: Sequence[Record]
) -> tuple[Funnel, tuple[SourceCount, ...]]:
    """Add up where every record went, over all and by source. Raises BalanceError if one is lost or counted twice."""
    tallies = {source.name: _Tally() for source in config.sources}
    for record in crawled:
        tally = tallies[record.source]
        tally.input += record.rows_in
        tally.raw += record.rows_kept
        tally.drop(record)
    for record in samples:
        tally = tallies[record.source]
        tally.raw -= record.rows_in
        tally.passed += record.rows_kept
        tally.drop(record)
    if any(tally.raw for tally in tallies.values()):
        missing = {name: tally.raw for name, tally in tallies.items() if tally.raw}
        raise BalanceError(f"raw records without an outcome: {missing}")
    passed = sum(tally.passed for tally in tallies.values())
    if decided.rows_in != passed or decided.rows_in != decided.rows_kept + _dropped(decided):
        raise BalanceError(f"deduplicate: {decided.rows_in} in of {passed}, {decided.rows_kept} kept")
    dealt = sum(record.rows_in for record in written)
    if dealt != decided.rows_kept or any(r.rows_in != r.rows_kept + _dropped(r) for r in written):
        raise BalanceError(f"write: {dealt} in of {decided.rows_kept}, {sum(r.rows_kept for r in written)} kept")
    for record in written:
        for source, reasons in record.extra["lost"].items():
            for reason, n in reasons.items():
                tallies[source].undrawn += n
                tallies[source].lost[outcome(Reason(reason))][reason] += n
    sources = tuple(
        _source_count(source.name, source.license, tallies[source.name], decided) for source in config.sources
    )
    funnel = Funnel(
        input=sum(source.input for source in sources),
        kept=sum(source.kept for source in sources),
        duplicate=sum(source.duplicate for source in sources),
        rejected=merged(source.rejected for source in sources),
        quarantined=merged(source.quarantined for source in sources),
    )
    if not funnel.balanced or funnel.kept != sum(record.rows_kept for record in written):
        raise BalanceError(f"the funnel does not add up: {funnel}")
    return funnel, sources


def _source_count(name: str, license: str, tally: _Tally, decided: Record) -> SourceCount:
    duplicate: int = decided.extra["duplicates"].get(name, 0)
    rejected: dict[str, int] = decided.extra["rejected"].get(name, {})
    return SourceCount(
        source=name,
        license=license,
        input=tally.input,
        kept=tally.passed - duplicate - sum(rejected.values()) - tally.undrawn,
        duplicate=duplicate,
        # what was taken down may have left at an earlier stage, too
        rejected=merged([tally.lost[Outcome.REJECTED], rejected]),
        quarantined=merged([tally.lost[Outcome.QUARANTINED]]),
    )


def _dropped(record: Record) -> int:
    return sum(n for reasons in record.dropped.values() for n in reasons.values())


def stage_counts(
    crawled: Sequence[Record], samples: Sequence[Record], decided: Record, written: Sequence[Record]
) -> tuple[StageCount, ...]:
    """How many records went into each stage, stayed, and left by which reason."""
    dropped: dict[str, Counter[str]] = {}
    # one after the other: together they would be most of what a run holds
    for record in chain(crawled, samples, [decided], written):
        for stage, reasons in record.dropped.items():
            dropped.setdefault(stage, Counter()).update(reasons)
    counts = []
    going = sum(record.rows_in for record in crawled)
    # the sandbox takes out whole records, wherever in the pass they died
    for stage in ("crawl", "rowwise", *(stage.name for stage in PASS), "deduplicate", "draw"):
        here = merged([dropped.get(stage, {})])
        left = going - sum(here.values())
        counts.append(StageCount("sandbox" if stage == "rowwise" else stage, going, left, here))
        going = left
    return tuple(counts)


def no_input(listings: Sequence[Listing], crawled: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Source -> kind -> files in its folder and in its archives that were no input, the most frequent first."""
    inside: dict[str, Counter[str]] = {}
    for record in crawled:
        if counts := record.extra.get("no_input"):
            inside.setdefault(record.source, Counter()).update(counts)
    by_source: dict[str, dict[str, int]] = {}
    for listing in listings:
        name = listing.source.name
        if counts := merged([listing.no_input, inside.get(name, {})]):
            by_source[name] = bounded(counts)
    return by_source
