"""A scorer as somebody would bring one: it looks at the pixels, and believes what is said of red ones."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyvips

VERSION = "1"

CALLS: list[int] = []
"""Pairs that it was given at a time."""


def redness(pictures: Sequence[bytes], texts: Sequence[str]) -> list[float]:
    """1 where a text says red and the picture is, or neither; else 0."""
    CALLS.append(len(texts))
    return [
        float(_red(picture) == ("red" in text.lower().split())) for picture, text in zip(pictures, texts, strict=True)
    ]


def _red(picture: bytes) -> bool:
    pixels = pyvips.Image.new_from_source(pyvips.Source.new_from_memory(io.BytesIO(picture).getvalue()), "").numpy()
    rgb = pixels[..., :3].astype(np.int16)
    return bool(((rgb[..., 0] - rgb[..., 1:].max(axis=2)) > 80).mean() > 0.01)


def too_few(pictures: Sequence[bytes], texts: Sequence[str]) -> list[float]:
    return [1.0]
