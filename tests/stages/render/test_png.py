"""PNG files: other readers see the same pixels, and nothing else is in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from stages.render.png import png
from stages.render.renderers import vips

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4))


@given(arrays(np.uint8, SHAPES), st.integers(0, 9))
def test_two_other_readers_see_the_same_pixels(pixels: np.ndarray, compression: int) -> None:
    data = png(pixels, compression)
    image = Image.open(io.BytesIO(data))
    image.load()
    assert (image.mode, image.info) == ("RGBA", {})
    assert np.array_equal(np.asarray(image), pixels)
    assert np.array_equal(vips().Image.pngload_buffer(data, fail_on="warning").numpy(), pixels)


def test_pixels_need_not_lie_in_a_row() -> None:
    pixels = np.arange(16 * 16 * 4, dtype=np.uint8).reshape(16, 16, 4)[::2, ::-1]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(pixels, 2)))), pixels)


@pytest.mark.parametrize("compression", [1, 2, 6])
def test_same_bytes_each_time(compression: int) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[20:40, 10:50] = (200, 30, 30, 255)
    assert png(pixels, compression) == png(pixels.copy(order="F"), compression)
