"""A base model made ready for a version's tokens: embeddings resized and initialized, tokenizer extended, all saved."""

from __future__ import annotations

import json
import shutil
import tempfile
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
    """What was done. ``same_ids``: whether the version's ``input_ids`` are ids of the extended model."""

    rows: int
    size: int
    same_ids: bool


def extend_model(model: Path, out: Path, version: Path, settings: HmnSettings) -> Extended:
    """Write the model in the folder ``model``, with the tokens of a version's vocabulary folder, to ``out``.

    Ids of new tokens follow the base tokenizer's; rows are initialized by HMN (`stages.tokenize.hmn`), those of an
    output matrix of its own from that matrix. ``out`` is written whole or not at all. Raises EmbeddingsError.
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
        made = _load(transformers, model)
    except tokenize.BaseTokenizerError as error:
        raise EmbeddingsError(f"{model / TOKENIZER}: {error}") from None
    except (OSError, ValueError, AttributeError) as error:
        raise EmbeddingsError(f"{model} is no model with a {TOKENIZER}: {str(error).splitlines()[0]}") from None
    ids = _ids(extended, vocabulary, segments)
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    encode, known = encoder(model)

    def rows(matrix: Matrix) -> Matrix:
        # rows beyond the tokenizer's last id are padding, which says nothing
        return initialize(matrix[:known], encode, vocabulary, parts, settings)

    inputs, outputs = made.get_input_embeddings(), made.get_output_embeddings()
    tied = outputs is None or outputs.weight is inputs.weight
    wanted = [(made.get_input_embeddings, rows(_array(inputs.weight)))]
    if not tied:
        wanted.append((made.get_output_embeddings, rows(_array(outputs.weight))))
    size = max(len(inputs.weight), max(ids) + 1)
    fresh = [i for i, token in enumerate(ids) if token >= known]
    if size > len(inputs.weight):
        made.resize_token_embeddings(size, mean_resizing=False)
    places = torch.tensor([ids[i] for i in fresh])
    with torch.no_grad():
        for layer, (_, values) in zip(
            (made.get_input_embeddings(), made.get_output_embeddings()), wanted, strict=False
        ):
            layer.weight[places] = torch.from_numpy(values[fresh]).to(layer.weight.dtype)
    _save(made, model, out, extended)
    return Extended(len(fresh), size, _same_ids(version, ids))


def _load(transformers: Any, model: Path) -> Any:
    config = transformers.AutoConfig.from_pretrained(model)
    (architecture,) = config.architectures or ["no architecture"]
    return getattr(transformers, architecture).from_pretrained(model, dtype="auto")


def _array(weight: Any) -> Matrix:
    embeddings: Matrix = weight.detach().float().cpu().numpy().astype(np.float32)
    return embeddings


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


def _save(made: Any, model: Path, out: Path, tokenizer_json: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as beside:
            folder = Path(beside) / "model"
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
            if out.exists():
                out.rmdir()
            folder.rename(out)
    except OSError as error:
        raise EmbeddingsError(f"{out} cannot be written: {error.strerror or error}") from None
