"""Commands on captions: ``captions plan``, ``captions batch``, ``captions show``, ``export`` and ``import``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    Address,
    ConfigFile,
    Engine,
    Number,
    Overrides,
    WorkerCount,
    Workspace,
    WorkspaceOption,
)

if TYPE_CHECKING:
    from pipeline.asking.settings import AskSettings
    from pipeline.run.asking import Known
    from pipeline.storage.base import Storage

app = typer.Typer(
    help="What a model is asked for and what that costs; captions of samples, and what people make of them.",
    no_args_is_help=True,
)
batch = typer.Typer(help="Batch files, which hosted endpoints answer at a lower price.", no_args_is_help=True)
app.add_typer(batch, name="batch")


@app.command("plan")
def plan(
    config: ConfigFile,
    workspace: WorkspaceOption = None,
    engine: Engine = "ray",
    address: Address = None,
    workers: WorkerCount = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
) -> None:
    """Say what asking the config's model will take, before it is asked. Steps up to the pictures that it is shown run,
    as a run would run them; the model is not asked."""
    settings, storage, known = _known(config, workspace, engine, address, workers, overrides)
    for line in _plan(settings, storage, known):
        typer.echo(line)


@batch.command("write")
def batch_write(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(metavar="DIR", help="a new folder")],
    workspace: WorkspaceOption = None,
    engine: Engine = "ray",
    address: Address = None,
    workers: WorkerCount = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
) -> None:
    """Write what the config's model was not asked for yet as batch files: OpenAI's batch API and vLLM's run-batch take
    them. Steps up to the pictures run, as with plan."""
    from pipeline.run.batches import write_batches

    settings, storage, known = _known(config, workspace, engine, address, workers, overrides)
    written = write_batches(storage, settings, known, out)
    for path, lines in written.files:
        typer.echo(f"{lines:>7,} requests in {path}")
    if written.left_out:
        typer.echo(f"{written.left_out:>7,} requests left out: ask.budget does not hold them")
    if not written.files and not written.left_out:
        typer.echo("nothing to ask: every caption is answered")


@batch.command("read")
def batch_read(
    config: ConfigFile,
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="what the batch answered with")],
    workspace: WorkspaceOption = None,
    engine: Engine = "ray",
    address: Address = None,
    workers: WorkerCount = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
) -> None:
    """Store what a batch answered, for all later runs. The config has to be the one that the files were written by."""
    from pipeline.errors import InputError
    from pipeline.run.batches import complaints, read_batches

    settings, storage, known = _known(config, workspace, engine, address, workers, overrides)
    result = read_batches(storage, settings, known, files)
    cost = f", {result.money:.2f} {settings.price.currency}" if settings.price else ""
    usage = result.usage
    typer.echo(
        f"{result.stored:,} answers stored, {result.without_text:,} of them without a text; {usage.input_tokens:,} "
        f"tokens in, {usage.output_tokens:,} out{cost}"
    )
    if result.known:
        typer.echo(f"{result.known:,} were answered before")
    if result.faults["failed"]:
        typer.echo(f"{result.faults['failed']:,} failed and can be asked again")
    if result.missing:
        typer.echo(f"{result.missing:,} are missing: write a batch of them, or have the run ask")
    if lines := list(complaints(result)):
        raise InputError("\n".join(lines))


@app.command("show")
def show(
    workspace: Workspace,
    sample_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="beginning of a sample id")] = None,
) -> None:
    """Say where captions come from and why others are not used; or all captions of one sample."""
    from pipeline.cli.show import show_captions, show_captions_of
    from pipeline.storage.open import open_existing

    storage = open_existing(workspace)
    if sample_id is None:
        show_captions(storage)
    else:
        show_captions_of(storage, sample_id.lower())


@app.command("export")
def export(
    workspace: Workspace,
    out: Annotated[Path, typer.Option(metavar="FILE", help="a new .csv or .parquet file")],
    version: Number = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="also write the pictures, to a folder beside it")
    ] = False,
) -> None:
    """Write all captions of a version as a table, a row for each."""
    from pipeline.storage.open import open_existing
    from pipeline.versions import captions, published

    storage = open_existing(workspace)
    samples, rows = captions.export(storage, published.find(storage, version), out, pictures)
    typer.echo(f"{rows:,} captions of {samples:,} samples in {out}")


@app.command("import")
def import_(
    workspace: Workspace,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a .csv or .parquet table with sample_id and text")],
) -> None:
    """Remember captions by people, for all later versions: those of a table that the newest version does not have.

    They come into the next version that a run publishes. A row without a text withdraws what people said of the sample.
    """
    from pipeline.errors import InputError
    from pipeline.storage.open import open_existing
    from pipeline.versions import captions

    came = captions.bring(open_existing(workspace), file)
    withdrawn = f", {came.withdrawn:,} of them withdrawn" if came.withdrawn else ""
    typer.echo(f"captions of {came.edited:,} samples stored{withdrawn}; {came.unchanged:,} samples as they were")
    lines = []
    if came.unknown:
        lines.append(
            f"{len(came.unknown):,} sample ids are of no sample or duplicate of the newest version, the first is "
            f"{came.unknown[0]}; they were left out"
        )
    if came.taken_down:
        lines.append(f"{came.taken_down:,} samples were taken down; what was said of them was left out")
    if lines:
        raise InputError("\n".join(lines))


def _known(
    config: Path, workspace: str | None, engine: str, address: str | None, workers: int | None, overrides: list[str]
) -> tuple[AskSettings, Storage, Known]:
    """The settings, the workspace, and what is answered there."""
    from pipeline.cli.runs import workspace_of
    from pipeline.config import load
    from pipeline.progress import Display
    from pipeline.run.conductor import Conductor
    from pipeline.run.engine import open_engine

    loaded = load(config, overrides)
    chosen = open_engine(engine, address, workers)
    storage = workspace_of(loaded, workspace)
    known = Conductor(loaded, storage, lambda: chosen, Display()).known()
    assert loaded.config.ask is not None
    return loaded.config.ask, storage, known


def _plan(settings: AskSettings, storage: Storage, known: Known) -> Iterator[str]:
    """What is answered, what is missing, and what that will take."""
    from pipeline.asking.cache import Cache
    from pipeline.asking.limits import Amount
    from pipeline.asking.price import estimate, minutes
    from pipeline.asking.request import Usage

    cache = Cache(storage)
    cache.refresh()
    counts = dict(known.counts)
    answered = counts.pop("answered", 0)
    yield f"pictures      {known.pictures:>11,}"
    yield f"answered      {answered:>11,}"
    if counts:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
        yield f"without text  {sum(counts.values()):>11,}  {reasons} (--ask-again asks once more)"
    total, money = Usage(), 0.0
    yield f"to ask        {known.missing:>11,}  of {settings.model}"
    for style, (count, characters) in known.absent().items():
        one = estimate(settings, cache, style, count, characters)
        how = "measured" if one.measured else "by rule"
        yield f"  {style:<11} {count:>11,}  {one.input_tokens:,} tokens in, {one.output_tokens:,} out ({how})"
        total += one.usage
    if not known.missing:
        return
    tokens = total.input_tokens + total.output_tokens
    yield f"tokens        {tokens:>11,}  in {total.input_tokens:,}, out {total.output_tokens:,}"
    if settings.price is not None:
        money = settings.price.of(total.input_tokens, total.output_tokens)
        batch = settings.price.of(total.input_tokens, total.output_tokens, batch=True)
        yield f"price         {money:>11,.2f}  {settings.price.currency}; as batch files {batch:,.2f}"
    time = minutes(settings, total)
    if time is not None:
        yield f"time          {time:>11,.0f}  minutes at least, at the rates of the settings"
    left = Amount.left(settings.budget, *cache.spent())
    over = left.exceeded_by(Amount(total.requests, total.input_tokens, total.output_tokens, money))
    if over:
        yield f"budget                     ask.budget.{over} has {getattr(left, over):,g} left, which is too little"
