"""Commands on token strings: ``tokenize``, ``detokenize``, and ``segments`` with commands of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.errors import ConfigError, InputError

if TYPE_CHECKING:
    from stages.tokenize import Segments

app = typer.Typer()

segments_app = typer.Typer(
    no_args_is_help=True, help="Learn segment tokens from token strings, show them, encode and decode."
)
app.add_typer(segments_app, name="segments")

Table = Annotated[str, typer.Argument(metavar="SEGMENTS", help="a segments.json, or a workspace (its newest version)")]


@app.command()
def tokenize(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="an .svg or .svgz file")],
    config: Annotated[Path | None, typer.Option(help="take the settings from this config")] = None,
    segments: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="also apply a version's segments.json"),
    ] = None,
) -> None:
    """Print the token string of one file, made by the pipeline's own stages."""
    from pipeline.cli.one_file import tokenize_file

    typer.echo(tokenize_file(file, config, segments))


@app.command()
def detokenize(
    config: Annotated[Path | None, typer.Option(help="take the settings from this config")] = None,
    segments: Annotated[
        Path | None,
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
    svg, note = detokenize_prefix(sys.stdin.read(), config, segments)
    typer.echo(svg)
    if note:
        typer.echo(f"note: {note}", err=True)


@segments_app.command()
def learn(
    strings: Annotated[
        str,
        typer.Argument(
            metavar="STRINGS", help='a workspace, or a file with a token string a line: "…" or {"tokens": "…"}'
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="SEGMENTS", help="where to write segments.json")],
    algorithm: Annotated[Literal["savings", "pairs", "hivg"], typer.Option(help="how to choose")] = "savings",
    count: Annotated[int, typer.Option(min=0, max=100_000, help="segments at most")] = 500,
    min_frequency: Annotated[int, typer.Option(min=2, help="occurrences that a segment needs")] = 100,
    sample: Annotated[int | None, typer.Option(min=1, help="learn from about so many, by hash")] = None,
) -> None:
    """Learn segments from atomic token strings: those of a workspace's newest version, or of a file."""
    from stages import tokenize

    settings = tokenize.SegmentSettings(algorithm=algorithm, count=count, min_frequency=min_frequency, sample=sample)
    segments = tokenize.learn(_Published(strings) if _is_workspace(strings) else _Lines(Path(strings)), settings)
    try:
        out.write_text(segments.to_json(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror or error}") from None
    typer.echo(f"{len(segments.items)} segments in {out}")


@segments_app.command()
def show(table: Table, top: Annotated[int, typer.Option(help="how many")] = 20) -> None:
    """Print the first segments: token, how often it occurred, tokens it saved, geometry."""
    for item in _read(table).items[:top]:
        typer.echo(f"{item.token:>12} {item.frequency:>10,} {item.saved:>10,}  {item.tokens}")


@segments_app.command()
def encode(table: Table) -> None:
    """Read atomic token strings from standard input, a line each, and print them with segment tokens."""
    from stages import tokenize

    segments = _read(table)
    for line in sys.stdin:
        typer.echo(tokenize.encode_segments(line.rstrip("\n"), segments))


@segments_app.command()
def decode(table: Table) -> None:
    """Read token strings with segment tokens from standard input, a line each, and print the atomic ones."""
    from stages import tokenize

    segments = _read(table)
    for number, line in enumerate(sys.stdin, 1):
        try:
            typer.echo(tokenize.decode_segments(line.rstrip("\n"), segments))
        except tokenize.TokenError as error:
            raise InputError(f"line {number}: {error}") from None


def _is_workspace(path: str) -> bool:
    from pipeline.storage.uri import is_s3

    return is_s3(path) or Path(path).is_dir()


def _read(path: str) -> Segments:
    from stages import tokenize

    try:
        if _is_workspace(path):
            from pipeline.storage.open import open_existing
            from pipeline.versions import published

            storage = open_existing(path)
            text = storage.read(published.read(storage).vocabulary_files["segments"].path).decode()
        else:
            text = Path(path).read_text(encoding="utf-8")
        return tokenize.Segments.from_json(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no segments.json: {error}") from None


class _Published:
    """The token strings of a workspace's newest version, a shard at a time, each time anew."""

    def __init__(self, path: str) -> None:
        from pipeline.storage.open import open_existing
        from pipeline.versions import published

        self._storage = open_existing(path)
        self._manifest = published.read(self._storage)

    def __iter__(self) -> Iterator[str]:
        from pipeline.versions import shards

        for shard in shards.present(self._storage, self._manifest):
            for row in shards.read(self._storage, shard, ["tokens"]):
                yield row["tokens"]


class _Lines:
    """The token strings of a file of JSON lines, each time anew."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[str]:
        try:
            with self._path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield self._string(line, number)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._path} cannot be read: {getattr(error, 'strerror', None) or error}") from None

    def _string(self, line: str, number: int) -> str:
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        text = value.get("tokens") if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise ConfigError(f'{self._path}, line {number}: neither a string nor an object with "tokens"')
        return text
