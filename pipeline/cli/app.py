"""The ``svgmill`` command. Heavy modules are imported inside the commands: ``--help`` must answer at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pipeline.cli import exports, tokens, versions
from pipeline.errors import ConfigError, UserError
from stages.entry_points import PackageUnusable

if TYPE_CHECKING:
    from pipeline.config import Loaded
    from pipeline.storage.base import Storage

app = typer.Typer(
    name="svgmill",
    help="Turn raw SVGs from many sources into versioned, tokenized training shards.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config; configs/ holds examples")]
Workspace = Annotated[str, typer.Argument(metavar="WS", help="workspace: the folder or s3:// URI that a run wrote to")]
WorkspaceOption = Annotated[
    Optional[str],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option("--workspace", metavar="URI", help="folder or s3://bucket/prefix to write to (else the config's)"),
]
Number = Annotated[Optional[str], typer.Argument(metavar="[N]", help="version or tag; the newest if left out")]  # noqa: UP045
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="replace a setting: dotted key, JSON value; repeatable")
]


app.add_typer(tokens.app, name="segments")
app.add_typer(versions.app)
app.add_typer(exports.app)


def _workspace(loaded: Loaded, given: str | None) -> Storage:
    """The workspace to write to: as given, else the config's. Workers may run in another folder than this process."""
    from pipeline.storage.open import open_storage
    from pipeline.storage.uri import with_access

    uri = given or loaded.config.workspace
    if "://" not in uri:
        return open_storage(str(Path(uri).absolute()))
    return open_storage(with_access(uri, loaded.config.storage.access()))


@app.command()
def run(
    config: ConfigFile,
    workspace: WorkspaceOption = None,
    engine: Annotated[str, typer.Option(metavar="ray|inline", help="where partitions run")] = "ray",
    address: Annotated[Optional[str], typer.Option(help="a Ray cluster to join; else a local one starts")] = None,  # noqa: UP045
    workers: Annotated[Optional[int], typer.Option(min=1, help="partitions at a time; else one per CPU")] = None,  # noqa: UP045
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    forget_earlier: Annotated[
        bool, typer.Option("--forget-earlier", help="decide as if nothing were published: survivors and splits anew")
    ] = False,
) -> None:
    """Plan, run what is missing, publish a version, and show where everything went."""
    from pipeline.cli import printing
    from pipeline.config import load
    from pipeline.progress import Display
    from pipeline.report.publish import ensure_pages
    from pipeline.run.conductor import Conductor
    from pipeline.run.engine import open_engine

    loaded = load(config, overrides)
    chosen = open_engine(engine, address, workers)
    storage = _workspace(loaded, workspace)
    display = Display()
    try:
        result = Conductor(loaded, storage, lambda: chosen, display, forget_earlier).run()
        pages = ensure_pages(storage, result.manifest, display.say)
    except KeyboardInterrupt:  # here, because the command line library would take it for an abort without a word
        typer.echo("stopped; finished partitions are kept, run the same command to go on", err=True)
        raise typer.Exit(130) from None
    printing.print_result(result, storage, pages)


@app.command()
def plan(config: ConfigFile, workspace: WorkspaceOption = None, overrides: Overrides = []) -> None:  # noqa: B006
    """Show what a run would do and why; nothing is run or written."""
    from pipeline.cli import printing
    from pipeline.config import load
    from pipeline.progress import Display
    from pipeline.run.conductor import Conductor

    loaded = load(config, overrides)
    storage = _workspace(loaded, workspace)
    conductor = Conductor(loaded, storage, None, Display(quiet=True))
    phases = conductor.plan()
    printing.print_plan(phases, conductor.rates(), conductor.no_input)


@app.command("versions")
def versions_(workspace: Workspace) -> None:
    """List the published versions of a workspace."""
    from pipeline.cli import printing
    from pipeline.storage.open import open_existing

    printing.print_versions(open_existing(workspace))


@app.command()
def verify(workspace: Workspace, version: Number = None) -> None:
    """Check every shard and every record of a version against its manifest; exit 1 on any difference."""
    from pipeline.progress import Display
    from pipeline.storage.open import open_existing
    from pipeline.versions import published
    from pipeline.versions.verify import verify_version

    storage = open_existing(workspace)
    faults, checked = verify_version(storage, published.find(storage, version).version, Display())
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(checked)


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
        f"{len(hits.found.samples)} canonical forms of {len(hits.found.raw_ids)} files, {hits.records} in tables"
    )
    if dry_run:
        return
    done = takedowns.record(storage, rules, hits.found)
    known = "recorded" if done.new else "was recorded before"
    typer.echo(f"{storage.uri}/{done.path} {known}; run the config again to publish a version without what it names")


@app.command()
def show(
    workspace: Workspace,
    sample_id: Annotated[str, typer.Argument(metavar="SAMPLE_ID", help="sample or raw id, or the beginning of one")],
    save: Annotated[Optional[Path], typer.Option(metavar="DIR", help="write SVGs and pictures there")] = None,  # noqa: UP045
) -> None:
    """Show all that is known of a sample: source, canonical form, tokens, pictures, provenance, decisions."""
    from pipeline.cli.show import show_sample
    from pipeline.storage.open import open_existing

    show_sample(open_existing(workspace), sample_id, save)


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
def tokenize(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="an .svg or .svgz file")],
    config: Annotated[Optional[Path], typer.Option(help="take the settings from this config")] = None,  # noqa: UP045
    segments: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="JSON", help="also apply a version's segments.json"),
    ] = None,
) -> None:
    """Print the token string of one file, made by the pipeline's own stages."""
    from pipeline.cli.one_file import tokenize_file

    typer.echo(tokenize_file(file, config, segments))


@app.command()
def detokenize(
    config: Annotated[Optional[Path], typer.Option(help="take the settings from this config")] = None,  # noqa: UP045
    segments: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="JSON", help="a version's segments.json, for strings with segment tokens"),
    ] = None,
    partial: Annotated[
        bool, typer.Option(help="take the longest valid beginning, closed, as of a model's output")
    ] = False,
) -> None:
    """Read a token string from standard input and print its canonical SVG."""
    from pipeline.cli.one_file import detokenize_prefix, detokenize_text

    if not partial:
        typer.echo(detokenize_text(sys.stdin.read(), config, segments))
        return
    found, note = detokenize_prefix(sys.stdin.read(), config, segments)
    typer.echo(found)
    if note:
        typer.echo(f"note: {note}", err=True)


@app.command()
def hmn(
    embeddings: Annotated[Path, typer.Option(metavar="SAFETENSORS", help="the base model's token embeddings")],
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="a version's vocabularies/<digest> folder")],
    out: Annotated[Path, typer.Option(metavar="SAFETENSORS", help="where the rows for the new tokens go")],
    base_tokenizer: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="base model's folder or tokenizer.json, if the version does not extend it"),
    ] = None,
    settings: Annotated[Optional[Path], typer.Option(metavar="YAML", help="weights and choices")] = None,  # noqa: UP045
) -> None:
    """Initialize the embeddings of atomic and segment tokens from a base model's (HiVG's HMN)."""
    from pipeline.models.embeddings import read_settings, write_hmn

    count = write_hmn(embeddings, tokenizer, base_tokenizer, out, read_settings(settings))
    typer.echo(f"{count} rows in {out}")


@app.command("extend-model")
def extend_model_(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="a model as transformers saves it")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="a new folder")],
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="a version's vocabularies/<digest> folder")],
    settings: Annotated[Optional[Path], typer.Option(metavar="YAML", help="HMN's weights and choices")] = None,  # noqa: UP045
) -> None:
    """Add a version's tokens to a base model: resize, initialize (HMN), save. Needs svgmill[train]."""
    from pipeline.models.embeddings import read_settings
    from pipeline.models.extend import extend_model

    done = extend_model(model, out, tokenizer, read_settings(settings))
    typer.echo(f"{done.rows} new rows, {done.size} in all, in {out}")
    if not done.same_ids:
        typer.echo(
            "note: the version's input_ids are not this model's ids; tokenize its strings with the tokenizer in "
            f"{out}, or set tokenize.ids.base_tokenizer and run again",
            err=True,
        )


def main() -> None:
    """Run the command; a fault that a user can act on is one line on standard error and an exit code."""
    try:
        app()
    except UserError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            print(f"error: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    except PackageUnusable as error:  # raised while a command imports the stages
        print(f"error: {error}", file=sys.stderr)
        sys.exit(ConfigError.exit_code)
    except BrokenPipeError:
        sys.exit(1)
