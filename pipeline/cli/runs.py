"""Commands that make versions: ``run``, ``plan``."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    Address,
    AskAgain,
    ConfigFile,
    Engine,
    ForgetEarlier,
    Overrides,
    Refresh,
    WorkerCount,
    WorkspaceOption,
)

if TYPE_CHECKING:
    from pipeline.config import Loaded
    from pipeline.storage.base import Storage

app = typer.Typer()


@app.command()
def run(
    config: ConfigFile,
    workspace: WorkspaceOption = None,
    engine: Engine = "ray",
    address: Address = None,
    workers: WorkerCount = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    forget_earlier: ForgetEarlier = False,
    refresh: Refresh = [],  # noqa: B006 - typer copies it
    ask_again: AskAgain = False,
    serve: Annotated[
        str | None, typer.Option("--serve", metavar="[HOST:]PORT", help="a live page meanwhile; 0: any free port")
    ] = None,
) -> None:
    """Plan, run what is missing, publish a version, and show where everything went."""
    from pipeline.cli import printing
    from pipeline.config import load
    from pipeline.progress import Display
    from pipeline.report.publish import ensure_pages
    from pipeline.run.conductor import Conductor
    from pipeline.run.engine import open_engine
    from pipeline.run.serve import serving

    loaded = load(config, overrides)
    chosen = open_engine(engine, address, workers)
    storage = workspace_of(loaded, workspace)
    display = Display()
    conductor = Conductor(loaded, storage, lambda: chosen, display, forget_earlier, refresh, ask_again)
    try:
        with contextlib.ExitStack() as meanwhile:
            meanwhile.enter_context(_interrupted_when_terminated())
            if serve is not None:
                display.say(f"live page: {meanwhile.enter_context(serving(serve, conductor.watch.status))}")
            result = conductor.run()
            pages = ensure_pages(storage, result.manifest, display.say)
    except KeyboardInterrupt:  # here, because the command line library would take it for an abort without a word
        typer.echo("stopped; finished partitions are kept, run the same command to go on", err=True)
        raise typer.Exit(130) from None
    printing.print_result(result, storage, pages)


@app.command()
def plan(
    config: ConfigFile,
    workspace: WorkspaceOption = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    cluster: Annotated[
        Path | None,
        typer.Option("--cluster", metavar="YAML", help="machines and prices: what a run would take of them"),
    ] = None,
    files: Annotated[
        int | None, typer.Option("--files", min=1, help="with --cluster: so many files go in, not those of the sources")
    ] = None,
) -> None:
    """Show what a run would do and why; nothing is run or written."""
    from pipeline.cli import printing
    from pipeline.config import load
    from pipeline.errors import ConfigError
    from pipeline.progress import Display
    from pipeline.run.conductor import Conductor
    from pipeline.run.costs import rates

    loaded = load(config, overrides)
    storage = workspace_of(loaded, workspace)
    if cluster is not None:
        _plan_cluster(loaded, storage, cluster, files)
        return
    if files is not None:
        raise ConfigError("--files needs --cluster: without, the sources say what goes in")
    conductor = Conductor(loaded, storage, None, Display(quiet=True))
    phases = conductor.plan()
    printing.print_plan(phases, rates(storage), conductor.no_input)


def _plan_cluster(loaded: Loaded, storage: Storage, cluster: Path, files: int | None) -> None:
    from pipeline.progress import Display
    from pipeline.run.conductor import Conductor, needs_of
    from pipeline.run.estimate import calibrated, estimate, lines, read_spec
    from pipeline.steps.crawl import CRAWL

    spec, needs = read_spec(cluster), needs_of(loaded)
    known = calibrated(storage)
    if files is None:
        phases = Conductor(loaded, storage, None, Display(quiet=True)).plan()
        files = sum(d.task.records for phase in phases if phase.stage == CRAWL.name for d in phase.decisions)
    told = estimate(known, files, spec, loaded.config.partition.records, needs)
    for line in lines(known, told, spec):
        typer.echo(line)


@contextlib.contextmanager
def _interrupted_when_terminated() -> Iterator[None]:
    """SIGTERM, by which job systems stop what they run, is as good as Ctrl-C: the run's mark goes with it."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def workspace_of(loaded: Loaded, given: str | None) -> Storage:
    """The workspace to write to: as given, else the config's. Workers may run in another folder than this process."""
    from pipeline.storage.open import open_storage
    from pipeline.storage.uri import with_access

    uri = given or loaded.config.workspace
    if "://" not in uri:
        return open_storage(str(Path(uri).absolute()))
    return open_storage(with_access(uri, loaded.config.storage.access()))
