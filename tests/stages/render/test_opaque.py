"""Pictures without alpha: what a reader that drops it would see on a ground."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stages.render.looks import LookSettings, on_ground
from stages.render.opaque import opaque
from stages.render.png import png

SETTINGS = LookSettings()


def pixels_of(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.format == "PNG" and "transparency" not in image.info and image.mode in ("RGB", "P")
    return np.asarray(image.convert("RGB"))


def webp(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "webp", lossless=True, exact=True)
    return stream.getvalue()


@pytest.mark.parametrize("colours", [1, 2, 200, 3000])
@pytest.mark.parametrize("kind", ["any", "opaque", "grey"])
@pytest.mark.parametrize("form", ["png", "webp"])
def test_every_pixel_lies_on_the_ground(colours: int, kind: str, form: str) -> None:
    """As laying each pixel says, with few colours and with many, from either format."""
    random = np.random.default_rng(colours)
    palette = random.integers(0, 256, (colours, 4), np.uint8)
    if kind == "opaque":
        palette[:, 3] = 255
    if kind == "grey":
        palette[:, :3] = palette[:, :1]
    pixels = palette[random.integers(0, colours, (64, 48))]
    made = opaque(png(pixels, 5) if form == "png" else webp(pixels), SETTINGS)
    assert np.array_equal(pixels_of(made), on_ground(pixels, SETTINGS)[..., :3])


def test_what_white_would_hide_lies_on_grey() -> None:
    """A white drawing on nothing is seen on the other ground, a black one on white."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[8:24, 8:24] = 255
    assert pixels_of(opaque(png(pixels, 5), SETTINGS))[0, 0].tolist() == [0x55, 0x55, 0x55]
    pixels[8:24, 8:24, :3] = 0
    assert pixels_of(opaque(png(pixels, 5), SETTINGS))[0, 0].tolist() == [255, 255, 255]
