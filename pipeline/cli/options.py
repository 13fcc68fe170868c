"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config; configs/ holds examples")]
Workspace = Annotated[str, typer.Argument(metavar="WS", help="workspace: the folder or s3:// URI that a run wrote to")]
WorkspaceOption = Annotated[
    str | None,
    typer.Option("--workspace", metavar="URI", help="folder or s3://bucket/prefix to write to (else the config's)"),
]
Number = Annotated[str | None, typer.Argument(metavar="[N]", help="version or tag; the newest if left out")]
Engine = Annotated[str, typer.Option(metavar="ray|inline", help="where partitions run")]
Address = Annotated[str | None, typer.Option(help="a Ray cluster to join; else a local one starts")]
WorkerCount = Annotated[int | None, typer.Option("--workers", min=1, help="partitions at a time; else one per CPU")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="replace a setting: dotted key, JSON value; repeatable")
]
ForgetEarlier = Annotated[
    bool, typer.Option("--forget-earlier", help="decide as if nothing were published: survivors and splits anew")
]
Refresh = Annotated[
    list[str], typer.Option("--refresh", metavar="SOURCE|all", help="ask the network anew for this source; repeatable")
]
AskAgain = Annotated[
    bool, typer.Option("--ask-again", help="ask the model once more where it gave no caption, as it refused to")
]
