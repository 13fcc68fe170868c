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
KINDS = ("any", "opaque", "grey", "opaque grey")
MODES = {2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}


def check(data: bytes, pixels: np.ndarray) -> None:
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.mode == MODES[data[25]] and image.info.keys() <= {"transparency"}
    assert np.array_equal(np.asarray(image.convert("RGBA")), pixels)
    read = vips().Image.pngload_buffer(data, fail_on="warning").colourspace("srgb")
    assert np.array_equal((read if read.hasalpha() else read.addalpha()).numpy(), pixels)


@given(arrays(np.uint8, SHAPES), st.integers(0, 9))
def test_two_other_readers_see_the_same_pixels(pixels: np.ndarray, compression: int) -> None:
    check(png(pixels, compression), pixels)


@given(st.integers(1, 300), st.integers(18, 40), st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_pictures_of_so_many_colours(count: int, width: int, kind: str, seed: int) -> None:
    """Up to 256 are a palette; of others, greys take two bytes a pixel, an opaque picture three, the rest four."""
    random = np.random.default_rng(seed)
    colours = random.choice(2**32, 2 * count, replace=False).astype("<u4").view(np.uint8).reshape(-1, 4)
    if "grey" in kind:
        colours[:, :3] = colours[:, :1]
    if "opaque" in kind:
        colours[:, 3] = 255
    colours = np.unique(colours, axis=0)[:count]
    numbers = np.concatenate([np.arange(len(colours)), random.integers(0, len(colours), 20 * width)])
    pixels = colours[np.resize(random.permutation(numbers), (len(numbers) // width) * width)].reshape(-1, width, 4)
    data = png(pixels, 6)
    distinct = np.unique(pixels.reshape(-1, 4), axis=0)
    if len(distinct) <= 256:
        expected = 3
    elif (distinct[:, :3] == distinct[:, :1]).all():
        expected = 4
    else:
        expected = 2 if (distinct[:, 3] == 255).all() else 6
    assert data[25] == expected
    check(data, pixels)


def test_pixels_need_not_lie_in_a_row() -> None:
    pixels = np.arange(16 * 16 * 4, dtype=np.uint8).reshape(16, 16, 4)[::2, ::-1]
    check(png(pixels, 2), pixels)


@pytest.mark.parametrize("compression", [1, 2, 6])
def test_same_bytes_each_time(compression: int) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[20:40, 10:50] = (200, 30, 30, 255)
    assert png(pixels, compression) == png(pixels.copy(order="F"), compression)
