"""The ``svgmill`` command. Heavy modules are imported inside the commands: ``--help`` must answer at once."""

from __future__ import annotations

import sys

import typer

from pipeline.cli import captions, exports, jobs, models, runs, status, tokens, versions
from pipeline.errors import ConfigError, UserError
from stages.entry_points import PackageUnusable

app = typer.Typer(
    name="svgmill",
    help="Turn raw SVGs from many sources into versioned, tokenized training shards.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for subject in (runs, status, jobs, versions, exports, tokens, models):
    app.add_typer(subject.app)
app.add_typer(captions.app, name="captions")


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
