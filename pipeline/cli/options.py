"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

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
