"""Commands on what a workspace holds: its versions, their samples, their names, what they need and what must go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Address, Engine, Number, WorkerCount, Workspace

app = typer.Typer()


@app.command("versions")
def versions_(workspace: Workspace) -> None:
    """List the published versions of a workspace."""
    from pipeline.cli import printing
    from pipeline.storage.open import open_existing

    printing.print_versions(open_existing(workspace))


@app.command()
def verify(
    workspace: Workspace,
    version: Number = None,
    engine: Engine = "inline",
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Check every shard and every record of a version against its manifest; exit 1 on any difference."""
    from pipeline.progress import Display
    from pipeline.run.reading import open_workers
    from pipeline.storage.open import open_existing
    from pipeline.versions import published
    from pipeline.versions.verify import verify_version

    storage = open_existing(workspace)
    number = published.find(storage, version).version
    with open_workers(storage, engine, address, workers) as readers:
        faults, checked = verify_version(storage, number, Display(), readers)
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(checked)


@app.command()
def report(workspace: Workspace, version: Number = None) -> None:
    """Write a version's HTML report and dataset card anew, and say where."""
    from pipeline.report.publish import write_pages
    from pipeline.storage.open import open_existing
    from pipeline.versions import published

    storage = open_existing(workspace)
    for path in write_pages(storage, published.find(storage, version)):
        typer.echo(storage.locate(path))


@app.command()
def show(
    workspace: Workspace,
    sample_id: Annotated[str, typer.Argument(metavar="SAMPLE_ID", help="sample or raw id, or the beginning of one")],
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="write SVGs and pictures there")] = None,
) -> None:
    """Show all that is known of a sample: source, canonical form, tokens, pictures, provenance, decisions."""
    from pipeline.cli.show import show_sample
    from pipeline.storage.open import open_existing

    show_sample(open_existing(workspace), sample_id, save)


@app.command()
def diff(
    workspace: Workspace,
    old: Annotated[str, typer.Argument(metavar="A", help="version or tag")],
    new: Annotated[str, typer.Argument(metavar="B", help="version or tag")],
    listing: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="write the samples' ids, each with what became of it"),
    ] = None,
) -> None:
    """What was added, removed and changed from version A to B: samples by source, tier and licence; reasons."""
    import contextlib

    from pipeline.errors import ConfigError
    from pipeline.storage.open import open_existing
    from pipeline.versions import published
    from pipeline.versions.diff import STATES
    from pipeline.versions.diff import diff as compare

    storage = open_existing(workspace)
    old_version, new_version = published.find(storage, old), published.find(storage, new)
    try:
        with contextlib.nullcontext() if listing is None else listing.open("w") as file:
            difference = compare(
                storage,
                old_version,
                new_version,
                lambda sample_id, state: file is not None and file.write(f"{state}\t{sample_id}\n"),
            )
    except OSError as error:
        raise ConfigError(f"{listing} cannot be written: {error.strerror or error}") from None
    typer.echo(", ".join(f"{difference.states[state]:,} {state}" for state in STATES))
    for number, rows in difference.redacted.items():
        typer.echo(f"  version {number} is redacted: {rows:,} samples are in shards that are gone by takedowns")
    for name, n in sorted(difference.columns.items()):
        typer.echo(f"  {'column':<8} {name:<24} {n:,} changed")
    for what, values in difference.counts.items():
        for value, counts in sorted(values.items()):
            changes = ", ".join(f"{counts[state]:,} {state}" for state in sorted(counts))
            typer.echo(f"  {what:<8} {value:<24} {changes}")
    for reason, n in difference.reasons.items():
        typer.echo(f"  {'reason':<8} {reason:<24} {n:+,} records")


@app.command()
def checkout(
    workspace: Workspace,
    version: Annotated[str, typer.Argument(metavar="N", help="version or tag")],
    target: Annotated[Path, typer.Argument(metavar="DEST", help="a new or empty folder")],
) -> None:
    """Copy a version into a folder of its own: shards, tokenizer, manifest, card and report."""
    from pipeline.report.model import Place
    from pipeline.report.publish import pages
    from pipeline.storage.open import open_existing
    from pipeline.versions import published
    from pipeline.versions.checkout import checkout as copy
    from pipeline.versions.checkout import placed, require_empty

    storage = open_existing(workspace)
    manifest = published.find(storage, version)
    require_empty(target)
    place = Place(placed(manifest).__getitem__, alone=True)
    size = copy(storage, manifest, target, pages(storage, manifest, place))
    gone = len(published.redacted(storage, manifest.version))
    less = f"; it is redacted, {gone} files are gone by takedowns" if gone else ""
    typer.echo(f"version {manifest.version} in {target}: {len(manifest.shards)} shards, {size / 1e6:,.1f} MB{less}")


@app.command()
def duplicates(
    workspace: Workspace,
    shown: Annotated[int, typer.Option("--show", min=0, help="largest clusters, and closest calls of each kind")] = 10,
) -> None:
    """What deduplication found in the newest run: cluster sizes, removals by source, and close calls."""
    from pipeline.storage.open import open_existing
    from pipeline.versions.clusters import SIZES
    from pipeline.versions.clusters import duplicates as find

    result = find(open_existing(workspace), shown)
    typer.echo("records in a cluster, clusters")
    for least, above in zip(SIZES, [*(size - 1 for size in SIZES[1:]), None], strict=True):
        span = str(least) if above == least else f"{least} and more" if above is None else f"{least} to {above}"
        typer.echo(f"  {span:<16}{result.sizes[least]:>10,}")
    typer.echo("largest clusters: records, survivor")
    for size, survivor in result.largest:
        typer.echo(f"  {size:>8,}  {survivor}")
    typer.echo("removed, by source")
    for source, reasons in sorted(result.removed.items()):
        counts = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items()))
        typer.echo(f"  {source:<24}{sum(reasons.values()):>8,}  {counts}")
    typer.echo("close calls: how alike, both records; svgmill report shows the largest clusters' pictures")
    for pair in result.close:
        typer.echo(f"  {pair.level:<12}{pair.score:.3f}  {pair.one}  {pair.other}")


@app.command()
def tag(
    workspace: Workspace,
    version: Annotated[str | None, typer.Argument(metavar="[N]", help="version or tag")] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="what to call it")] = None,
    move: Annotated[bool, typer.Option("--move", help="NAME may be another version's now")] = False,
    delete: Annotated[str | None, typer.Option(metavar="NAME", help="forget this name")] = None,
) -> None:
    """Name a version; without N and NAME, list the names."""
    from pipeline.errors import ConfigError
    from pipeline.storage.open import open_existing
    from pipeline.versions import published

    storage = open_existing(workspace)
    if delete is not None:
        published.untag(storage, delete)
        typer.echo(f"{delete} is no name any more")
    elif version is None:
        for known, number in sorted(published.tags(storage).items()):
            typer.echo(f"{known}\t{number}")
    elif name is None:
        raise ConfigError("give a version and its name: svgmill tag WS N NAME")
    else:
        number = published.find(storage, version).version
        published.tag(storage, number, name, move)
        typer.echo(f"version {number} is {name}")


@app.command()
def gc(
    workspace: Workspace,
    older_than: Annotated[float, typer.Option(min=0, metavar="HOURS", help="leave what is younger")] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and remove nothing")] = False,
    purge: Annotated[
        bool, typer.Option("--purge-taken-down", help="remove old versions' shards that hold what was taken down, too")
    ] = False,
) -> None:
    """Remove what no version and no unfinished run needs."""
    from pipeline.run.purge import purge_taken_down
    from pipeline.storage.open import open_existing
    from pipeline.versions.gc import collect_garbage

    if purge:
        redacted, others = purge_taken_down(open_existing(workspace), dry_run)
        for number, paths in sorted(redacted.items()):
            typer.echo(f"version {number}: {len(paths)} files {'would go' if dry_run else 'are gone; it is redacted'}")
        if not dry_run:
            typer.echo(f"{others.count:,} tables and other objects of older runs are gone, whatever their age")
    garbage = collect_garbage(open_existing(workspace), older_than * 3600, dry_run)
    for place, entries in sorted(garbage.objects.items()):
        typer.echo(f"{place:<14} {len(entries):>8,} objects {sum(e.size for e in entries) / 1e6:>12,.1f} MB")
    typer.echo(f"{garbage.count:,} objects, {garbage.size / 1e6:,.1f} MB {'would go' if dry_run else 'removed'}")


@app.command()
def takedown(
    workspace: Workspace,
    file: Annotated[
        Path,
        typer.Option(metavar="LIST", help="a line each: sample or raw id, URL, path:SOURCE/BEGINNING, license:SPDX"),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it names, and remember nothing")] = False,
) -> None:
    """Remember what must go; the next version, and all later ones, lack it, also from other sources.

    It is looked for in all versions and all tables. license:SPDX is the whole expression that a source states.
    """
    from pipeline.errors import ConfigError
    from pipeline.storage.open import open_existing
    from pipeline.versions import takedown as takedowns
    from pipeline.versions.resolve import resolve

    try:
        rules = takedowns.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    storage = open_existing(workspace)
    hits = resolve(storage, rules)
    for number, samples in sorted(hits.versions.items()):
        typer.echo(f"version {number}: {len(samples)} samples")
        for sample, places in sorted(samples.items()) if dry_run else ():
            typer.echo(f"  {sample}  {', '.join(places)}")
    for whole in hits.parts_of:
        typer.echo(f"note: {whole} has it as a part, and is not named; a licence is a whole expression")
    typer.echo(
        f"{len(hits.targets.samples)} canonical forms of {len(hits.targets.raw_ids)} files, {hits.records} in tables"
    )
    if dry_run:
        return
    done = takedowns.record(storage, rules, hits.targets)
    known = "recorded" if done.new else "was recorded before"
    typer.echo(f"{storage.uri}/{done.path} {known}; run the config again to publish a version without what it names")
