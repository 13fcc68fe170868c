"""``svgmill export`` and ``svgmill verify-export``: a version in the form that somebody else reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Address, Engine, Number, WorkerCount, Workspace

app = typer.Typer()

Out = Annotated[str, typer.Argument(metavar="OUT", help="folder or s3:// prefix of an export")]


CurriculumFile = Annotated[
    Path | None,
    typer.Option("--curriculum", metavar="YAML", help="a curriculum; configs/curricula holds examples; else HiVG's"),
]


@app.command()
def export(
    workspace: Workspace,
    version: Number = None,
    *,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="a format; what there is: docs/training.md")],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="a new or empty folder, or s3:// prefix, or this very export")
    ],
    curriculum: CurriculumFile = None,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="a setting of the export: JSON value; repeatable")
    ] = [],  # noqa: B006 - typer copies it
    engine: Engine = "inline",
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Write a version in another format; an export that was cut off goes on where it was."""
    from pipeline.exports.base import Version
    from pipeline.exports.registry import find, settings_of
    from pipeline.exports.write import write_export
    from pipeline.progress import Display
    from pipeline.run.reading import open_workers
    from pipeline.storage.open import open_existing, open_storage
    from pipeline.versions import published

    chosen = find(form)
    settings = settings_of(chosen, overrides, curriculum)
    storage = open_existing(workspace)
    read = Version(storage, published.find(storage, version))
    with open_workers(storage, engine, address, workers) as writers:
        receipt = write_export(read, chosen, settings, open_storage(out), Display(), writers)
    size = sum(file.bytes for file in receipt.files)
    rows = sum(file.rows for file in receipt.files)
    less = f"; the version is redacted, {receipt.redacted} files are gone by takedowns" if receipt.redacted else ""
    typer.echo(
        f"version {receipt.version} as {receipt.export} in {out}: {len(receipt.files)} files, {rows:,} rows, "
        f"{size / 1e6:,.1f} MB{less}"
    )


@app.command()
def curriculum(
    workspace: Workspace,
    version: Number = None,
    curriculum: CurriculumFile = None,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="a setting, as curriculum.seed=1; repeatable")
    ] = [],  # noqa: B006 - typer copies it
    engine: Engine = "inline",
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Print a table of a curriculum's stages over a version: samples, records, tokens, what the context cuts."""
    from pipeline.exports import stage_table
    from pipeline.exports.base import Version
    from pipeline.exports.lists import LISTS
    from pipeline.exports.records import course
    from pipeline.exports.registry import settings_of
    from pipeline.run.reading import open_workers
    from pipeline.storage.open import open_existing
    from pipeline.versions import published

    settings = settings_of(LISTS, overrides, curriculum)
    storage = open_existing(workspace)
    read = Version(storage, published.find(storage, version))
    plan = course(read, settings.curriculum)
    with open_workers(storage, engine, address, workers) as readers:
        rows = stage_table.count(read, plan, settings, readers)
    for line in stage_table.lines(rows):
        typer.echo(line)


@app.command("verify-export")
def verify_export_(out: Out) -> None:
    """Check every file of an export against its export.json; exit 1 on any difference."""
    from pipeline.exports.write import verify_export
    from pipeline.storage.open import open_existing

    faults, receipt = verify_export(open_existing(out))
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(
        f"version {receipt.version} as {receipt.export} verified: {len(receipt.files)} files, "
        f"{sum(file.rows for file in receipt.files):,} rows, all sound"
    )
