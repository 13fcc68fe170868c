"""The pictures that a model is shown: on a plain ground, and named by their pixels. They are drawn in the sandbox."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from stages.base import Dropped, Settings
from stages.render.compare import Pixels
from stages.render.png import png
from stages.render.renderers import draw, sized
from stages.render.settings import RendererSettings
from stages.render.shown import UNDRAWN

VERSION = 1
"""Of what `looks` returns for equal drawings and settings."""

LOOKED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("digest", pa.binary(32)),  # sha256 of size and pixels, so that another encoding of the same is the same
        ("picture", pa.binary()),  # PNG without alpha; null where nothing could be drawn
    ]
)

_INVISIBLE = 32
"""Difference of a channel to the ground, of 255, up to which a drawing is taken for invisible on it."""

_COMPRESSION = 5
"""zlib's level."""


class LookSettings(Settings):
    """The picture of a drawing that a model is shown."""

    size: int = Field(512, ge=32, le=2048, description="side, px; what a model is billed for mostly grows with it")
    ground: str = Field("#ffffff", pattern="^#[0-9a-f]{6}$", description="colour that is laid under the drawing")
    other_ground: str = Field(
        "#555555", pattern="^#[0-9a-f]{6}$", description="the same, where the drawing cannot be seen on ground"
    )


class DrawnLook(Settings):
    """All that a look depends on."""

    picture: LookSettings
    renderer: RendererSettings


def looks(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """Draw the rows of ``table`` (sample_id, svg). Returns what was drawn (`LOOKED`), and what cannot be (`UNDRAWN`).

    ``settings_json``: `DrawnLook`.
    """
    settings = DrawnLook.model_validate_json(settings_json)
    drawn, undrawn = [], []
    for sample_id, svg in zip(table["sample_id"].to_pylist(), table["svg"].to_pylist(), strict=True):
        try:
            pixels = draw(sized(svg, settings.picture.size), settings.renderer.renderer)
        except Dropped as lost:
            undrawn.append({"sample_id": sample_id, "reason": str(lost.reason), "detail": lost.detail})
            continue
        shown = on_ground(pixels, settings.picture)
        drawn.append({"sample_id": sample_id, "digest": digest(shown), "picture": png(shown, _COMPRESSION)})
    return [pa.Table.from_pylist(drawn, schema=LOOKED), pa.Table.from_pylist(undrawn, schema=UNDRAWN)]


def on_ground(pixels: Pixels, settings: LookSettings) -> Pixels:
    """``pixels``, (height, width, 4) with straight alpha, laid on the ground on which they can be seen: opaque."""
    laid = _laid(pixels, _channels(settings.ground))
    steps = np.abs(laid[..., :3].astype(np.int16) - _channels(settings.ground))
    return laid if int(steps.max()) > _INVISIBLE else _laid(pixels, _channels(settings.other_ground))


def digest(pixels: Pixels) -> bytes:
    """sha256 of height, width and opaque pixels."""
    height, width, _ = pixels.shape
    return hashlib.sha256(f"{height}x{width}:".encode() + np.ascontiguousarray(pixels[..., :3]).tobytes()).digest()


def _laid(pixels: Pixels, ground: npt.NDArray[np.int16]) -> Pixels:
    alpha = pixels[..., 3:].astype(np.uint16)
    laid = np.empty_like(pixels)
    laid[..., :3] = (pixels[..., :3] * alpha + ground.astype(np.uint16) * (255 - alpha) + 127) // 255
    laid[..., 3] = 255
    return laid


def _channels(colour: str) -> npt.NDArray[np.int16]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.int16)
