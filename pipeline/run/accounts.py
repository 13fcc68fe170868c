"""The accounts of a run: where every record went. The counts balance, or the run fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config import Config
from pipeline.errors import BalanceError
from pipeline.sources.partitions import Listing, bounded
from pipeline.versions.published import Funnel
from pipeline.work.ledger import Record
from stages.reasons import Reason, outcome
from stages.rowwise import PASS


def account(
    config: Config, crawled: Sequence[Record], samples: Sequence[Record], decided: Record
) -> tuple[Funnel, list[dict[str, Any]]]:
    """Add up where every record went, over all and by source. Raises BalanceError if one is lost or counted twice."""
    by_source: dict[str, dict[str, Any]] = {
        source.name: {
            "source": source.name,
            "license": source.license,
            "input": 0,
            "kept": 0,
            "duplicate": 0,
            "rejected": {},
            "quarantined": {},
        }
        for source in config.sources
    }
    raw = {record.source: 0 for record in crawled}
    passed = dict.fromkeys(raw, 0)
    for record in crawled:
        row = by_source[record.source]
        row["input"] += record.rows_in
        raw[record.source] += record.rows_kept
        _drop(row, record)
        if record.rows_in != record.rows_kept + _dropped(record):
            raise BalanceError(f"crawl {record.source}/{record.key}: {record.rows_in} in, other counts differ")
    for record in samples:
        row = by_source[record.source]
        raw[record.source] -= record.rows_in
        passed[record.source] = passed.get(record.source, 0) + record.rows_kept
        _drop(row, record)
        if record.rows_in != record.rows_kept + _dropped(record):
            raise BalanceError(f"samples {record.source}/{record.key}: {record.rows_in} in, other counts differ")
    if any(raw.values()):
        raise BalanceError(f"raw records without an outcome: {raw}")
    if decided.rows_in != sum(passed.values()) or decided.rows_in != decided.rows_kept + _dropped(decided):
        raise BalanceError(f"deduplicate: {decided.rows_in} in of {sum(passed.values())}, {decided.rows_kept} kept")
    for name, row in by_source.items():
        row["duplicate"] = decided.extra["duplicates"].get(name, 0)
        taken = decided.extra["rejected"].get(name, {})
        # what was taken down may have left at an earlier stage, too
        row["rejected"] = merged([row["rejected"], taken])
        row["kept"] = passed.get(name, 0) - row["duplicate"] - sum(taken.values())
        row["rejected"] = dict(sorted(row["rejected"].items()))
        row["quarantined"] = dict(sorted(row["quarantined"].items()))
    rows = list(by_source.values())
    funnel = Funnel(
        input=sum(row["input"] for row in rows),
        kept=sum(row["kept"] for row in rows),
        duplicate=sum(row["duplicate"] for row in rows),
        rejected=merged(row["rejected"] for row in rows),
        quarantined=merged(row["quarantined"] for row in rows),
    )
    if not funnel.balanced or funnel.kept != decided.rows_kept:
        raise BalanceError(f"the funnel does not add up: {funnel}")
    return funnel, rows


def _drop(row: dict[str, Any], record: Record) -> None:
    for reasons in record.dropped.values():
        for reason, n in reasons.items():
            counts = row[str(outcome(Reason(reason)))]
            counts[reason] = counts.get(reason, 0) + n


def _dropped(record: Record) -> int:
    return sum(n for reasons in record.dropped.values() for n in reasons.values())


def merged(counts: Any) -> dict[str, int]:
    """The sums of several counts by name, sorted."""
    total: dict[str, int] = {}
    for part in counts:
        for reason, n in part.items():
            total[reason] = total.get(reason, 0) + n
    return dict(sorted(total.items()))


def stage_counts(crawled: Sequence[Record], samples: Sequence[Record], decided: Record) -> list[dict[str, Any]]:
    """How many records went into each stage, stayed, and left by which reason."""
    dropped: dict[str, list[dict[str, int]]] = {}
    for record in [*crawled, *samples, decided]:
        for stage, reasons in record.dropped.items():
            dropped.setdefault(stage, []).append(dict(reasons))
    counts = []
    going = sum(record.rows_in for record in crawled)
    # the sandbox takes out whole records, wherever in the pass they died
    for stage in ("crawl", "rowwise", *(stage.name for stage in PASS), "deduplicate"):
        here = merged(dropped.get(stage, []))
        left = going - sum(here.values())
        counts.append({"stage": "sandbox" if stage == "rowwise" else stage, "in": going, "kept": left, "dropped": here})
        going = left
    return counts


def no_input(listings: Sequence[Listing], crawled: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Source -> kind -> files in its folder and in its archives that were no input, the most frequent first."""
    by_source: dict[str, dict[str, int]] = {}
    for listing in listings:
        name = listing.source.name
        inside = [record.extra.get("no_input", {}) for record in crawled if record.source == name]
        if counts := merged([listing.no_input, *inside]):
            by_source[name] = bounded(counts)
    return by_source
