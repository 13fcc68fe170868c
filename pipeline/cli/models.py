"""Commands on models: ``hmn``, ``extend-model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def hmn(
    embeddings: Annotated[Path, typer.Option(metavar="SAFETENSORS", help="the base model's token embeddings")],
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="a version's vocabularies/<digest> folder")],
    out: Annotated[Path, typer.Option(metavar="SAFETENSORS", help="where the rows for the new tokens go")],
    base_tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="base model's folder or tokenizer.json, if the version does not extend it"),
    ] = None,
    settings: Annotated[Path | None, typer.Option(metavar="YAML", help="weights and choices")] = None,
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
    settings: Annotated[Path | None, typer.Option(metavar="YAML", help="HMN's weights and choices")] = None,
) -> None:
    """Add a version's tokens to a base model: resize, initialize (HMN), save. Needs svgmill[train]."""
    from pipeline.models.embeddings import read_settings
    from pipeline.models.extend import extend_model

    done = extend_model(model, out, tokenizer, read_settings(settings))
    typer.echo(f"{done.rows} new rows, {done.size} in all, in {out}")
    what = "the input matrix, which the output shares" if done.matrices == 1 else "the input and the output matrix"
    typer.echo(
        f"read back: in {what}, the {done.rows} new rows are as initialized, at the ids of their tokens, and the other "
        f"{done.size - done.rows} rows are the base's"
    )
    if not done.same_ids:
        typer.echo(
            "note: the version's input_ids are not this model's ids; tokenize its strings with the tokenizer in "
            f"{out}, or set tokenize.ids.base_tokenizer and run again",
            err=True,
        )
