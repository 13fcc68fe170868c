"""Commands that run on a cluster: ``submit``, and ``jobs list``, ``jobs follow`` and ``jobs stop``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AskAgain, ConfigFile, ForgetEarlier, Overrides, Refresh, WorkerCount, WorkspaceOption
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.config import Loaded
    from pipeline.run.jobs import JobServer

app = typer.Typer()
jobs = typer.Typer(help="Runs that were submitted to a cluster.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")

JobAddress = Annotated[
    str, typer.Option("--address", metavar="URL", help="the cluster's dashboard, as http://10.0.0.1:8265")
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="as submit and jobs list show it")]


@app.command()
def submit(
    config: ConfigFile,
    address: JobAddress,
    workspace: WorkspaceOption = None,
    workers: WorkerCount = None,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    forget_earlier: ForgetEarlier = False,
    refresh: Refresh = [],  # noqa: B006 - typer copies it
    ask_again: AskAgain = False,
    beside: Annotated[
        list[Path],
        typer.Option(
            "--with", metavar="PATH", help="file or folder that the config names by a path relative to it; repeatable"
        ),
    ] = [],  # noqa: B006 - typer copies it
    shared_folders: Annotated[
        bool, typer.Option("--shared-folders", help="every node has the folders that the config names, at these paths")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="do not wait for the run's end")] = False,
) -> None:
    """Run a config as a job of a Ray cluster, whose nodes get this code with it. The run's output is shown, and its
    exit code is that of svgmill run; who interrupts only leaves."""
    from pipeline.config import load
    from pipeline.run.jobs import JobServer, Run, options

    loaded = load(config, overrides)
    where = _reachable(loaded, workspace, shared_folders)
    flags = {"--forget-earlier": forget_earlier, "--ask-again": ask_again}
    run = Run(config, where, options(overrides, workers, refresh, flags), tuple(beside))
    server = JobServer(address)
    job = server.submit(run)
    typer.echo(f"submitted {job}", err=True)
    if detach:
        typer.echo(f"follow it with: svgmill jobs follow {job} --address {address}", err=True)
        return
    _follow(server, job, address)


@jobs.command("list")
def list_jobs(address: JobAddress) -> None:
    """List the runs that were submitted since the cluster was started, the newest first."""
    from pipeline.run.jobs import JobServer

    for job in JobServer(address).runs():
        began = "-" if job.began is None else f"{datetime.fromtimestamp(job.began, UTC):%Y-%m-%d %H:%M:%S}Z"
        typer.echo(f"{job.id}  {job.status:<9}  {began:<20}  {job.config}  {job.workspace}")


@jobs.command("follow")
def follow(job: JobId, address: JobAddress) -> None:
    """Show the output of a run from its beginning on until it ends. The exit code is the run's."""
    from pipeline.run.jobs import JobServer

    _follow(JobServer(address), job, address)


@jobs.command("stop")
def stop(job: JobId, address: JobAddress) -> None:
    """Stop a run. What it has finished is kept: the same submission goes on."""
    from pipeline.run.jobs import JobServer

    if JobServer(address).stop(job):
        typer.echo(f"stopped {job}; finished partitions are kept, submit again to go on")
    else:
        typer.echo(f"{job} had ended before")


def _follow(server: JobServer, job: str, address: str) -> None:
    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        code = server.follow(job, write)
    except KeyboardInterrupt:
        typer.echo(
            f"the job goes on; follow it with: svgmill jobs follow {job} --address {address}, "
            f"stop it with: svgmill jobs stop {job} --address {address}",
            err=True,
        )
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def _reachable(loaded: Loaded, given: str | None, shared_folders: bool) -> str:
    """The workspace's URI. Raises ConfigError for what only this machine can be expected to have."""
    from pipeline.sources.paths import PathSource
    from pipeline.storage.uri import is_s3, with_access

    uri = given or loaded.config.workspace
    places = {f"workspace {uri}": uri}
    sources = (*loaded.config.sources, *loaded.config.benchmarks())
    places |= {
        f"source {source.name}: {source.path}": source.path for source in sources if isinstance(source, PathSource)
    }
    for name, place in places.items():
        if is_s3(place):
            continue
        if not Path(place.removeprefix("file://")).is_absolute():
            raise ConfigError(f"{name} is relative to a folder of this machine; give an s3:// URI, or an absolute path")
        if not shared_folders:
            raise ConfigError(
                f"{name} is a folder of this machine; give an s3:// URI, or --shared-folders if every node has it"
            )
    return with_access(uri, loaded.config.storage.access())
