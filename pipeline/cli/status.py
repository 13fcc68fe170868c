"""``svgmill status``: what the runs on a workspace are at, from any terminal that reaches the workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Workspace
from pipeline.progress import duration

if TYPE_CHECKING:
    from pipeline.storage.base import Storage
    from pipeline.work.status import PartitionStatus, RunStatus

app = typer.Typer()

SILENT_SECONDS = 60.0
"""A run that has not told anything for so long is probably dead."""

_SHOWN = 5
"""Running and slow partitions, unless all are asked for."""


@app.command()
def status(
    workspace: Workspace,
    as_json: Annotated[bool, typer.Option("--json", help="all that is known, as one JSON object a run")] = False,
    every: Annotated[bool, typer.Option("--all", help="all partitions that are known, not the longest alone")] = False,
) -> None:
    """Show what runs on the workspace are at: steps, time left, slow partitions, reasons with examples."""
    from pipeline.storage.open import open_existing
    from pipeline.versions import published
    from pipeline.work import marks
    from pipeline.work.status import read_status

    storage = open_existing(workspace)
    runs = marks.fresh(storage, marks.RUNS)
    told = [read_status(data) for data in marks.told(storage, runs)]
    if as_json:
        for run in told:
            if run is not None:
                typer.echo(run.model_dump_json())
        return
    if not runs:
        numbers = published.numbers(storage)
        newest = f"the newest version is {numbers[-1]}" if numbers else "it has no version yet"
        typer.echo(f"no run is at work on {storage.uri}; {newest}")
    for run in told:
        if run is None:
            typer.echo("a run has begun, and told nothing yet: it starts, or waits for svgmill gc to end")
            continue
        for line in lines(run, time.time(), None if every else _SHOWN, storage):
            typer.echo(line)


def lines(run: RunStatus, now: float, most: int | None, storage: Storage) -> Iterator[str]:
    """What a person wants to know of a run. ``most``: partitions that are shown."""
    left = "" if run.seconds_left is None else f", about {duration(run.seconds_left)} left"
    yield f"{run.name}: {run.share:.0%} done{left}; at work for {duration(now - run.began)}, {run.workers} workers"
    if now - run.told > SILENT_SECONDS:
        yield (
            f"  it has told nothing for {duration(now - run.told)}: if its process is dead, run the command again; "
            "what is finished is kept"
        )
    if run.waits_for:
        yield f"  it waits for {run.waits_for}"
    elif now - run.advanced > SILENT_SECONDS and run.running:
        yield f"  no partition has ended for {duration(now - run.advanced)}"
    for step in run.steps:
        if not step.partitions and step is not run.steps[-1]:
            continue
        rate = f", {step.records / step.seconds:,.0f} a second and worker" if step.seconds else ""
        reused = f", {step.reused:,} reused" if step.reused else ""
        yield f"  {step.step:<12} {step.done:,}/{step.partitions:,} partitions{reused}, {step.records:,} records{rate}"
    untouched = sum(not step.partitions for step in run.steps[:-1])
    if untouched:
        yield f"  {untouched} steps had nothing to do"
    if run.queued:
        yield f"  {run.queued:,} partitions of {run.steps[-1].step} wait for their turn"
    yield from _partitions("running", run.running, most)
    yield from _partitions("slowest", run.slowest, most)
    if run.reasons:
        yield "  records that left, by reason"
    for reason in sorted(run.reasons, key=lambda each: (-each.records, each.stage, each.reason)):
        example = _example(reason.table, reason.reason, storage)
        yield f"    {reason.records:>9,}  {reason.stage} {reason.reason}{example}"


def _partitions(title: str, partitions: tuple[PartitionStatus, ...], most: int | None) -> Iterator[str]:
    if partitions:
        yield f"  {title}"
    for each in partitions[:most]:
        yield f"    {duration(each.seconds):>9}  {each.step} {each.partition}"


def _example(path: str, reason: str, storage: Storage) -> str:
    """A record that left for the reason, of the table that says so; "" if it is gone again."""
    from pipeline.errors import UserError
    from pipeline.storage.tables import read_table

    if not path:
        return ""
    try:
        rows = read_table(storage, path).to_pylist()
    except UserError:
        return ""
    row = next((row for row in rows if row["reason"] == reason), None)
    return "" if row is None else f": {row['source']}/{row['path']} {_detail(row['detail'])}"


def _detail(text: str) -> str:
    return f" ({text[:80]})" if text else ""
