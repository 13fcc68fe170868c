"""HMN (Hierarchical Mean-Noise): the first embeddings of new tokens, from those of a base model (HiVG, section on HMN).

    e_t = lambda_mean * mu + lambda_noise * eps + w_semantic * phi(desc_t) + w_numeric * d_t

* ``mu``: the mean of the base model's embeddings; ``eps`` ~ N(0, sigma^2 I).
* ``phi(desc_t)``: the token's description through the frozen base embeddings. The paper has three levels of
  description and leaves open how they are joined; here each level is the mean of its tokens' embeddings, and the levels
  count alike, so that a long explanation does not outweigh the category.
* ``d_t``: for coordinates only, the value scaled to [0, 1], expanded in K Gaussian radial basis functions and powers,
  projected to the model's dimension by a fixed random matrix (Johnson and Lindenstrauss), of unit length.
  The paper leaves open how signed offsets are scaled: ``centered`` maps -N … N to 0 … 1, so that neighbours stay
  neighbours across zero; ``magnitude`` maps by size and leaves the sign to the description. The width of the basis
  functions is open, too; by default it is the distance of their centres, at which neighbouring ones overlap by half.
  The length of ``d_t`` is that of a typical base embedding, without which its weight would mean something else for
  every model.

A segment token begins as the mean of its atoms, with noise of its own; text tokens as the mean of the
base's embeddings of their text.
Rows whose length is outside of what the base has are brought to its nearest end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages.base import Settings
from stages.tokenize.vocabulary import Vocabulary

Matrix = npt.NDArray[np.float32]
"""(rows, dimension)."""


class HmnSettings(Settings):
    """The weights and choices; the defaults of the first four are the paper's."""

    mean: float = Field(0.8, description="lambda_mu: weight of the base embeddings' mean")
    noise: float = Field(0.02, ge=0, description="lambda_n: weight of the noise")
    semantic: float = Field(0.1, description="w_sem: weight of the description")
    numeric: float = Field(0.08, description="w_num: weight of the value, for coordinates")
    sigma: float | None = Field(
        None, ge=0, description="standard deviation of the noise; null: that of the base's entries"
    )
    centers: int = Field(16, ge=2, le=1024, description="K: radial basis functions over [0, 1]")
    width: float | None = Field(None, gt=0, description="their standard deviation; null: the distance of their centres")
    degree: int = Field(3, ge=0, le=16, description="highest power of the value among the features")
    signed: Literal["centered", "magnitude"] = Field("centered", description="how signed offsets are scaled to [0, 1]")
    seed: int = Field(0, ge=0, description="of the noise and of the projection")


def features(values: npt.NDArray[np.float64], settings: HmnSettings) -> npt.NDArray[np.float64]:
    """Radial basis functions and powers 1 … degree of values in [0, 1]: shape (values, centers + degree)."""
    centers = np.linspace(0.0, 1.0, settings.centers)
    width = settings.width or 1.0 / (settings.centers - 1)
    radial = np.exp(-((values[:, None] - centers) ** 2) / (2 * width * width))
    powers = values[:, None] ** np.arange(1, settings.degree + 1)
    return np.concatenate([radial, powers], axis=1)


def numeric_terms(values: npt.NDArray[np.float64], dimension: int, settings: HmnSettings) -> npt.NDArray[np.float64]:
    """The terms ``d_t`` of values in [0, 1], of unit length: shape (values, dimension)."""
    expanded = features(values, settings)
    # a generator of its own, so that the projection does not depend on how much noise was drawn
    random = np.random.default_rng([settings.seed, 1])
    projection = random.standard_normal((expanded.shape[1], dimension)) / np.sqrt(dimension)
    projected = expanded @ projection
    terms: npt.NDArray[np.float64] = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    return terms


def scaled(kind: str, value: int, limit: int, settings: HmnSettings) -> float:
    """A position 0 … limit or an offset -limit … limit in [0, 1]."""
    if kind == "position":
        return value / limit
    return (value + limit) / (2 * limit) if settings.signed == "centered" else abs(value) / limit


def initialize(
    base: Matrix,
    tokenize: Callable[[str], list[int]],
    vocabulary: Vocabulary,
    segments: Sequence[Sequence[str]],
    settings: HmnSettings,
) -> Matrix:
    """Rows for the atomic tokens in their order, then for the segment tokens.

    ``base``: the base model's embeddings. ``tokenize``: a text to ids of rows of ``base``. ``segments``: for each
    segment token the strings of its atomic tokens; others (an arc's numbers) are taken as text. Deterministic.
    Raises ValueError for an empty base or ids outside of it.
    """
    if base.ndim != 2 or not len(base):
        raise ValueError(f"base embeddings of shape {base.shape}; (tokens, dimension) is needed")
    wide = base.astype(np.float64)
    count, dimension = wide.shape
    lengths = np.linalg.norm(wide, axis=1)
    lengths = lengths[lengths > 0]
    mean = wide.mean(axis=0)
    sigma = float(wide.std()) if settings.sigma is None else settings.sigma
    random = np.random.default_rng([settings.seed, 0])

    def text_embedding(text: str) -> npt.NDArray[np.float64]:
        ids = tokenize(text)
        if any(not 0 <= i < count for i in ids):
            raise ValueError(f"the base tokenizer's ids for {text!r} are not rows of the base embeddings ({count})")
        embedding: npt.NDArray[np.float64] = wide[ids].mean(axis=0) if ids else mean
        return embedding

    tokens = vocabulary.tokens
    levels = {text: text_embedding(text) for token in tokens for text in token.description}
    meaning = np.array([np.mean([levels[text] for text in token.description], axis=0) for token in tokens])
    rows = settings.mean * mean + settings.semantic * meaning
    rows += settings.noise * sigma * random.standard_normal(rows.shape)
    numbered = [i for i, token in enumerate(tokens) if token.kind in ("position", "offset")]
    if numbered:
        values = [scaled(tokens[i].kind, tokens[i].value or 0, vocabulary.limit, settings) for i in numbered]
        terms = numeric_terms(np.array(values), dimension, settings)
        rows[numbered] += settings.numeric * float(np.median(lengths)) * terms
    atoms = {token.text: rows[i] for i, token in enumerate(tokens)}
    learned = np.zeros((len(segments), dimension))
    for i, parts in enumerate(segments):
        learned[i] = np.mean([atoms[part] if part in atoms else text_embedding(part) for part in parts], axis=0)
    learned += settings.noise * sigma * random.standard_normal(learned.shape)
    return within(np.concatenate([rows, learned]), float(lengths.min()), float(lengths.max())).astype(np.float32)


def within(rows: npt.NDArray[np.float64], shortest: float, longest: float) -> npt.NDArray[np.float64]:
    """``rows`` with their lengths clipped to a range."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    safe = np.where(lengths > 0, lengths, 1.0)
    return np.asarray(rows * np.clip(lengths, shortest, longest) / safe)
