"""Small drawings with a browser's pictures of them, and how much of such a picture a renderer draws otherwise."""

from __future__ import annotations

import tarfile
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from stages import deduplicate, normalize, render, sanitize, tokenize
from stages.normalize import Normalized
from stages.render.compare import difference
from stages.render.renderers import draw, sized, vips
from stages.rowwise import RowwiseSettings, mill
from stages.schema import RAW
from tests.helpers import DATA

ALIKE = 0.005
"""Share of pixels that may differ by over `LEVELS` in a channel: edges, which renderers smooth in their own ways."""
LEVELS = 40
UNSEEN = 0.005
"""Share of visibly different pixels up to which a canonical form looks like the reference, by the nearer renderer."""

NAMING = {
    "foreign_object",
    "raster_embedded",
    *(f"unsupported_{what}" for what in ["css", "text", "filter", "mask", "clip_path", "pattern", "animation"]),
    *(f"unsupported_{what}" for what in ["paint", "stroke", "element", "attribute"]),
}
"""Reasons that name a construct. That two pictures differ, or that none is drawn, does not."""

SETTINGS = RowwiseSettings(
    sanitize=sanitize.SanitizeSettings(),
    normalize=normalize.NormalizeSettings(),
    tokenize=tokenize.TokenizeSettings(),
    render=render.RenderSettings(),
    deduplicate=deduplicate.DeduplicateSettings(),
)


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


class Outcome(NamedTuple):
    """What became of a case: ``reason`` and ``detail`` of its drop, or how unlike the reference its form is."""

    reason: str
    detail: str
    share: float
    svg: str
    notes: tuple[str, ...]

    @property
    def right(self) -> bool:
        return not self.reason and self.share <= UNSEEN


def outcome_of(data: bytes, picture: bytes, settings: RowwiseSettings = SETTINGS) -> Outcome:
    row = {"raw_id": "0", "source": "s", "path": "p", "name": "n", "url": "", "license": "", "size": 0, "bytes": data}
    kept, dropped, _ = mill(pa.Table.from_pylist([row], schema=RAW), settings.model_dump_json())
    if not kept.num_rows:
        return Outcome(dropped["reason"][0].as_py(), dropped["detail"][0].as_py(), 1.0, "", ())
    image = vips().Image.new_from_buffer(picture, "").colourspace("srgb")
    want = (image if image.hasalpha() else image.addalpha()).numpy()[..., :4].astype(np.uint8)
    svg = kept["svg"][0].as_py()
    ground = np.full_like(want, 255)

    def unlike(renderer: str) -> float:
        got = draw(sized(svg, want.shape[0]), renderer)
        alpha = got[..., 3:].astype(np.float64) / 255
        laid = ground.copy()
        laid[..., :3] = np.rint(got[..., :3] * alpha + 255 * (1 - alpha))
        return difference(want, laid, SETTINGS.render.pixel_threshold).visible_share

    return Outcome("", "", min(unlike("librsvg"), unlike("resvg")), svg, tuple(kept["notes"][0].as_py()))
