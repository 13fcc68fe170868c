"""Values of CSS, each in a small drawing with Chromium's picture: the canonical form and the source made plain.

``tests/data/value-cases.tar.gz``: CC0-1.0, its README says how the pictures were drawn.
"""

import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from stages.normalize import NormalizeSettings, normalize_one
from stages.render.renderers import draw, sized, vips

ARCHIVE = Path(__file__).parent.parent / "data" / "value-cases.tar.gz"
ALIKE = 0.005
"""Share of pixels that may differ by over `LEVELS` in a channel: edges, which renderers smooth in their own ways."""
LEVELS = 40


@lru_cache(1)
def files() -> dict[str, bytes]:
    with tarfile.open(ARCHIVE) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def share(svg: str, renderer: str, want: np.ndarray) -> float:
    """How much of Chromium's picture a renderer draws otherwise."""
    got = draw(sized(svg, want.shape[0]), renderer).astype(float)
    alpha = got[..., 3:] / 255
    laid = np.rint(got[..., :3] * alpha + 255 * (1 - alpha))
    return float((np.abs(laid - want).max(-1) > LEVELS).mean())


@pytest.mark.parametrize("name", sorted(name for name in files() if name.endswith(".svg")))
def test_a_value_is_drawn_as_browsers_draw_it(name: str):
    """In the canonical form by one of the renderers, and in the plain source by the one that judges first."""
    image = vips().Image.new_from_buffer(files()[f"{name}.png"], "").colourspace("srgb")
    want = image.numpy()[..., :3].astype(float)
    made = normalize_one(files()[name], NormalizeSettings())
    assert min(share(made.svg, "librsvg", want), share(made.svg, "resvg", want)) <= ALIKE, made.svg
    assert share(made.source.decode(), "librsvg", want) <= ALIKE, made.source
