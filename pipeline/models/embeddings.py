"""Embeddings for new tokens, as files: safetensors in, safetensors out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from pipeline.errors import InputError
from stages import tokenize
from stages.tokenize.hmn import HmnSettings, Matrix, initialize

_NAMES = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embeddings")
_TYPES: dict[str, str] = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class EmbeddingsError(InputError):
    """A file that is not what it should be; the message says which and what to do."""


def write_hmn(embeddings: Path, tokenizer: Path, base_tokenizer: Path | None, out: Path, settings: HmnSettings) -> int:
    """Write the rows for the tokens of a version's vocabulary folder; returns how many.

    ``base_tokenizer`` may be None if the version's tokenizer is an extended base tokenizer.
    ``out`` holds one tensor, ``embeddings``, float32, a row for each atomic token in the order of ``vocabulary.json``
    and then for each of ``segments.json``; its metadata, ``svgmill``, has the tokens' strings and the settings.
    It is written whole or not at all. Raises EmbeddingsError.
    """
    vocabulary, segments = read_vocabulary(tokenizer)
    base = read_embeddings(embeddings)
    if base_tokenizer is None and _token_table(tokenizer)["base"] is None:
        raise EmbeddingsError(
            f"{tokenizer} has a tokenizer of its own, which knows nothing of the base model: give --base-tokenizer DIR"
        )
    first = None if base_tokenizer else min(row["id"] for row in _token_table(tokenizer)["tokens"])
    encode, known = encoder(base_tokenizer or tokenizer)
    # rows beyond the tokenizer's last id are padding, which says nothing
    base = base[: known if first is None else first]
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    try:
        rows = initialize(base, encode, vocabulary, parts, settings)
    except ValueError as error:
        raise EmbeddingsError(f"{embeddings} and {base_tokenizer} do not belong together: {error}") from None
    from safetensors.numpy import save

    names = [token.text for token in vocabulary.tokens] + [segment.token for segment in segments.items]
    # one entry, since the library writes several in an order of its own each time
    metadata = {"tokens": names, "settings": settings.model_dump(mode="json"), "base": embeddings.name}
    beside = out.with_name(out.name + ".partial")
    try:
        beside.write_bytes(save({"embeddings": rows}, {"svgmill": json.dumps(metadata)}))
        beside.replace(out)
    except OSError as error:
        raise EmbeddingsError(f"{out} cannot be written: {error.strerror or error}") from None
    return len(rows)


def _token_table(folder: Path) -> Any:
    try:
        return json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"base": None, "tokens": []}


def read_embeddings(path: Path) -> Matrix:
    """The token embeddings of a safetensors file, float32. Raises EmbeddingsError.

    The tensor is the only matrix of the file, or the one that has a usual name of token embeddings.
    """
    try:
        data = memoryview(path.read_bytes())
        size = int.from_bytes(data[:8], "little")
        header: dict[str, Any] = json.loads(bytes(data[8 : 8 + size]))
    except OSError as error:
        raise EmbeddingsError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise EmbeddingsError(f"{path} is no safetensors file") from None
    header.pop("__metadata__", None)
    matrices = [name for name, entry in header.items() if len(entry["shape"]) == 2]
    named = [name for name in matrices if name.endswith(_NAMES)]
    chosen = named if len(named) == 1 else matrices
    if len(chosen) != 1:
        some = ", ".join(sorted(matrices)[:5])
        raise EmbeddingsError(
            f"{path} holds {len(matrices)} matrices ({some}); extract the token embeddings into a file"
        )
    entry = header[chosen[0]]
    kind = _TYPES.get(entry["dtype"])
    if kind is None:
        raise EmbeddingsError(f"{path}: {chosen[0]} is {entry['dtype']}; one of {', '.join(_TYPES)} is needed")
    begin, end = (8 + size + offset for offset in entry["data_offsets"])
    raw = np.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    if entry["dtype"] == "BF16":
        # the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)


def read_settings(path: Path | None) -> HmnSettings:
    """Settings from a YAML file with any of their names, the defaults without one. Raises EmbeddingsError."""
    if path is None:
        return HmnSettings()
    try:
        return HmnSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise EmbeddingsError(f"{path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise EmbeddingsError(f"{path}: {' '.join(str(error).split())[:300]}") from None


def read_vocabulary(folder: Path) -> tuple[tokenize.Vocabulary, tokenize.Segments]:
    """The vocabulary and the segments of a version's vocabulary folder."""
    try:
        data = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        segments = tokenize.Segments.from_json((folder / "segments.json").read_text(encoding="utf-8"))
        settings = tokenize.TokenizeSettings(
            canvas=data["canvas"], tolerance=data["limit"] - data["canvas"], elements=tuple(data["elements"])
        )
    except OSError as error:
        raise EmbeddingsError(
            f"{error.filename} cannot be read: {error.strerror}; give a version's vocabularies/<digest> folder"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise EmbeddingsError(f"{folder} holds no vocabulary: {error}") from None
    vocabulary = tokenize.Vocabulary.build(settings)
    if [token["token"] for token in data["tokens"]] != [token.text for token in vocabulary.tokens]:
        raise EmbeddingsError(f"{folder}/vocabulary.json is of another release of svgmill: run the pipeline again")
    return vocabulary, segments


def encoder(path: Path) -> tuple[Callable[[str], list[int]], int]:
    """A text to the ids of the tokenizer in that folder or file, and how many ids it has. Raises EmbeddingsError."""
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # its errors have no class of their own
        raise EmbeddingsError(f"{file} is no tokenizer.json: {error}") from None
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids), tokenizer.get_vocab_size()
