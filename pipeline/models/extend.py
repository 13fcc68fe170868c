"""A base model made ready for a version's tokens: embeddings resized and initialized, tokenizer extended, all saved."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.models.base_tokenizer import BESIDE, TOKENIZER
from pipeline.models.embeddings import EmbeddingsError, encoder, read_vocabulary
from stages import tokenize
from stages.tokenize.hmn import HmnSettings, Matrix, initialize

_NOT_COPIED = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".index.json", ".partial")
"""Weights, which are written anew."""

_STALE = ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer.model")
"""Other spellings of the base's tokenizer, which know nothing of the new tokens."""


@dataclass(frozen=True)
class Extended:
    """What was done, as it was found in the saved model.

    ``rows``: new rows, and ``size``: all rows, of each embedding matrix; the others are the base's, bit for bit.
    ``matrices``: 1 if input and output share one matrix, else 2. ``same_ids``: whether the version's ``input_ids`` are
    ids of the extended model.
    """

    rows: int
    size: int
    matrices: int
    same_ids: bool


def extend_model(model: Path, out: Path, version: Path, settings: HmnSettings) -> Extended:
    """Write the model in the folder ``model``, with the tokens of a version's vocabulary folder, to ``out``.

    Ids of new tokens follow the base tokenizer's; rows are initialized by HMN (`stages.tokenize.hmn`), those of an
    output matrix of its own from that matrix. What was saved is read back as a trainer does: the saved tokenizer must
    give the ids, the rows of these must be the initialized ones, and all other rows the base's. ``out`` is written
    whole or not at all. Raises EmbeddingsError.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise EmbeddingsError(f"extend-model needs {error.name}: pip install 'svgmill[train]'") from None
    if out.exists() and any(out.iterdir()):
        raise EmbeddingsError(f"{out} is not empty; give a new folder")
    vocabulary, segments = read_vocabulary(version)
    try:
        base_json = (model / TOKENIZER).read_text(encoding="utf-8")
        extended = tokenize.extend_tokenizer(base_json, vocabulary, segments)
        base = _load(transformers, model)
    except tokenize.BaseTokenizerError as error:
        raise EmbeddingsError(f"{model / TOKENIZER}: {error}") from None
    except (OSError, ValueError, AttributeError) as error:
        raise EmbeddingsError(f"{model} is no model with a {TOKENIZER}: {str(error).splitlines()[0]}") from None
    ids = _ids(extended, vocabulary, segments)
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    encode, known = encoder(model)
    fresh = [i for i, token in enumerate(ids) if token >= known]
    places = torch.tensor([ids[i] for i in fresh])
    matrices = []
    for embeddings in _matrices(base):
        # rows beyond the tokenizer's last id are padding, which says nothing
        values = initialize(_array(embeddings)[:known], encode, vocabulary, parts, settings)
        rows = torch.zeros((max(len(embeddings), max(ids) + 1), embeddings.shape[1]), dtype=embeddings.dtype)
        rows[: len(embeddings)] = embeddings.detach()
        rows[places] = torch.from_numpy(values[fresh]).to(embeddings.dtype)
        matrices.append(rows)
    size = len(matrices[0])
    if size > len(_matrices(base)[0]):
        base.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        for embeddings, rows in zip(_matrices(base), matrices, strict=True):
            embeddings.copy_(rows)
    with _beside(out) as folder:
        _save(base, model, folder, extended)
        del base, embeddings  # two models at a time would need twice the memory
        if _ids((folder / TOKENIZER).read_text(encoding="utf-8"), vocabulary, segments) != ids:
            raise EmbeddingsError(f"the tokenizer that was saved for {out} gives other ids than the model has rows for")
        _check(_matrices(_load(transformers, folder)), matrices)
    return Extended(len(fresh), size, len(matrices), _same_ids(version, ids))


def _load(transformers: Any, model: Path) -> Any:
    config = transformers.AutoConfig.from_pretrained(model)
    (architecture,) = config.architectures or ["no architecture"]
    return getattr(transformers, architecture).from_pretrained(model, dtype="auto")


def _matrices(model: Any) -> list[Any]:
    """The input embeddings, and the output embeddings if these are a matrix of their own."""
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings()
    return [inputs] if outputs is None or outputs.weight is inputs else [inputs, outputs.weight]


def _array(weight: Any) -> Matrix:
    embeddings: Matrix = weight.detach().float().cpu().numpy().astype(np.float32)
    return embeddings


def _check(saved: list[Any], expected: list[Any]) -> None:
    """Raises EmbeddingsError unless the matrices that were read back are bit for bit what should have been saved."""
    if len(saved) != len(expected):
        raise EmbeddingsError(f"the saved model has {len(saved)} embedding matrices, not {len(expected)}")
    for name, rows, wanted in zip(("input", "output"), saved, expected, strict=False):
        if rows.shape != wanted.shape or rows.dtype != wanted.dtype:
            raise EmbeddingsError(
                f"the saved {name} embeddings are {tuple(rows.shape)} {rows.dtype}, not {tuple(wanted.shape)} "
                f"{wanted.dtype}"
            )
        wrong = (rows != wanted).any(dim=1).nonzero().flatten().tolist()
        if wrong:
            raise EmbeddingsError(
                f"{len(wrong)} rows of the saved {name} embeddings are not what they should be, the first is {wrong[0]}"
            )


def _ids(tokenizer_json: str, vocabulary: tokenize.Vocabulary, segments: tokenize.Segments) -> list[int]:
    """Ids of the atomic tokens in their order, then of the segment tokens."""
    tokenizer = tokenize.load_tokenizer(tokenizer_json)
    strings = [*(token.text for token in vocabulary.tokens), *(segment.token for segment in segments.items)]
    known = tokenizer.get_vocab(with_added_tokens=True)
    return [known[string] for string in strings]


def _same_ids(version: Path, ids: list[int]) -> bool:
    try:
        tokens = json.loads((version / "tokens.json").read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, KeyError):
        return False
    return [row["id"] for row in tokens] == ids


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that becomes ``out`` when the block ends, and is gone if it raises."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as home:
            folder = Path(home) / "model"
            yield folder
            if out.exists():
                out.rmdir()
            folder.rename(out)
    except OSError as error:
        raise EmbeddingsError(f"{out} cannot be written: {error.strerror or error}") from None


def _save(made: Any, model: Path, folder: Path, tokenizer_json: str) -> None:
    made.save_pretrained(folder)
    for file in sorted(model.iterdir()):
        kept = file.is_file() and not file.name.endswith(_NOT_COPIED) and file.name not in _STALE
        if kept and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    (folder / TOKENIZER).write_text(tokenizer_json, encoding="utf-8")
    beside_it = model / BESIDE[0]
    base_config = beside_it.read_text(encoding="utf-8") if beside_it.exists() else None
    settings = tokenize.IdSettings(base_tokenizer=str(model))
    (folder / BESIDE[0]).write_text(tokenize.tokenizer_config(settings, base_config), encoding="utf-8")
