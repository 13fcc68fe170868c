"""``svgmill segments``: learn, show and use segment tokens on token strings, without a workspace."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.errors import ConfigError, UserError

if TYPE_CHECKING:
    from stages.tokenize import Segments

app = typer.Typer(no_args_is_help=True, help="Learn segment tokens from token strings, show them, encode and decode.")

Table = Annotated[Path, typer.Argument(metavar="SEGMENTS", help="a segments.json")]


@app.command()
def learn(
    strings: Annotated[Path, typer.Argument(metavar="JSONL", help='a token string a line: "…" or {"tokens": "…"}')],
    out: Annotated[Path, typer.Option(metavar="SEGMENTS", help="where to write segments.json")],
    algorithm: Annotated[Literal["savings", "pairs", "hivg"], typer.Option(help="how to choose")] = "savings",
    count: Annotated[int, typer.Option(help="segments at most")] = 500,
    min_frequency: Annotated[int, typer.Option(help="occurrences that a segment needs")] = 100,
) -> None:
    """Learn segments from a file of atomic token strings."""
    from stages import tokenize

    settings = tokenize.SegmentSettings(algorithm=algorithm, count=count, min_frequency=min_frequency)
    found = tokenize.learn(_strings(strings), settings)
    try:
        out.write_text(found.to_json(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror or error}") from None
    typer.echo(f"{len(found.items)} segments in {out}")


@app.command()
def show(table: Table, top: Annotated[int, typer.Option(help="how many")] = 20) -> None:
    """Print the first segments: token, how often it occurred, tokens it saved, geometry."""
    for item in _read(table).items[:top]:
        typer.echo(f"{item.token:>12} {item.frequency:>10,} {item.saved:>10,}  {item.tokens}")


@app.command()
def encode(table: Table) -> None:
    """Read atomic token strings from standard input, a line each, and print them with segment tokens."""
    from stages import tokenize

    segments = _read(table)
    for line in sys.stdin:
        typer.echo(tokenize.encode_segments(line.rstrip("\n"), segments))


@app.command()
def decode(table: Table) -> None:
    """Read token strings with segment tokens from standard input, a line each, and print the atomic ones."""
    from stages import tokenize

    segments = _read(table)
    for number, line in enumerate(sys.stdin, 1):
        try:
            typer.echo(tokenize.decode_segments(line.rstrip("\n"), segments))
        except tokenize.TokenError as error:
            raise UserError(f"line {number}: {error}") from None


def _read(path: Path) -> Segments:
    from stages import tokenize

    try:
        return tokenize.Segments.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no segments.json: {error}") from None


def _strings(path: Path) -> list[str]:
    found: list[str] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                    text = value["tokens"] if isinstance(value, dict) else value
                except (ValueError, KeyError) as error:
                    raise ConfigError(f'{path}, line {number}: neither a string nor an object with "tokens"') from error
                if not isinstance(text, str):
                    raise ConfigError(f'{path}, line {number}: neither a string nor an object with "tokens"')
                found.append(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    return found
