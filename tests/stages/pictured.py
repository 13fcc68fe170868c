"""Small drawings with a browser's pictures of them, and how much of such a picture a renderer draws otherwise."""

from __future__ import annotations

import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from stages.normalize import Normalized
from stages.render.renderers import draw, sized, vips

DATA = Path(__file__).parent.parent / "data"
ALIKE = 0.005
"""Share of pixels that may differ by over `LEVELS` in a channel: edges, which renderers smooth in their own ways."""
LEVELS = 40


@lru_cache
def files(archive: str) -> dict[str, bytes]:
    """The files of one of the archives in ``tests/data``, by name."""
    with tarfile.open(DATA / archive) as tar:
        return {m.name.removeprefix("./"): tar.extractfile(m).read() for m in tar if m.isfile()}


def share(svg: str, renderer: str, want: np.ndarray) -> float:
    """How much of a picture on white, (size, size, 3), a renderer draws otherwise."""
    got = draw(sized(svg, want.shape[0]), renderer).astype(float)
    alpha = got[..., 3:] / 255
    laid = np.rint(got[..., :3] * alpha + 255 * (1 - alpha))
    return float((np.abs(laid - want).max(-1) > LEVELS).mean())


def check(made: Normalized, picture: bytes) -> None:
    """That the canonical form, by one of the renderers, and the plain source, by the first, look like a picture."""
    want = vips().Image.new_from_buffer(picture, "").colourspace("srgb").numpy()[..., :3].astype(float)
    assert min(share(made.svg, "librsvg", want), share(made.svg, "resvg", want)) <= ALIKE, made.svg
    assert share(made.source.decode(), "librsvg", want) <= ALIKE, made.source
