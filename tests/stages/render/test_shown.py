"""The pictures that shards hold: every format has the pixels that the renderer drew."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from stages.base import Dropped
from stages.render import PictureSettings, RenderSettings, picture
from stages.render.renderers import draw, sized, vips
from stages.render.shown import webp

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'
DISCS = [
    f'<circle cx="{9 * i}" cy="{i * i % 784}" r="{5 * i}" fill="#{i * 99991 % 4096:03x}" fill-opacity=".7"/>'
    for i in range(80)
]
DISC = f'{HEAD}<circle cx="392" cy="392" r="300" fill="#27c" fill-opacity=".5"/></svg>'
RICH = f"{HEAD}{''.join(DISCS)}</svg>"


@pytest.mark.parametrize("size", [16, 65, 512])
@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_picture_is_what_the_renderer_draws(form: str, size: int) -> None:
    data = picture(DISC, PictureSettings(format=form, size=size))
    image = Image.open(io.BytesIO(data))
    assert image.format == form.upper()
    assert np.array_equal(np.asarray(image.convert("RGBA")), draw(sized(DISC, size), "librsvg"))
    assert picture(DISC, PictureSettings(format=form, size=size)) == data


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4))), st.integers(0, 3))
def test_webp_loses_nothing(pixels: np.ndarray, compression: int) -> None:
    """Also not the colours of what is fully transparent. Two other readers see the same."""
    data = webp(pixels, compression)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")), pixels)
    read = vips().Image.webpload_buffer(data, fail_on="warning")
    assert np.array_equal((read if read.hasalpha() else read.addalpha()).numpy(), pixels)
    assert all(name not in data for name in (b"EXIF", b"XMP ", b"ICCP"))


@pytest.mark.parametrize("form", ["png", "webp"])
def test_higher_levels_take_fewer_bytes(form: str) -> None:
    settings = [PictureSettings(format=form, **{f"{form}_compression": level}) for level in (0, 1, 6)]
    sizes = [len(picture(RICH, one)) for one in settings]
    assert sizes[0] > sizes[1] > sizes[2]


def test_no_size_is_no_picture() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        picture(DISC, PictureSettings(size=None))


def test_what_does_not_render_says_so() -> None:
    with pytest.raises(Dropped, match="render_failed"):
        picture(f"{HEAD}<g>", PictureSettings())


def test_pictures_depend_on_nothing_of_the_gate() -> None:
    """A changed gate draws nothing again."""
    settings = RenderSettings(max_mae=0.5, compare_size=64)
    assert settings.part(PictureSettings) == RenderSettings().part(PictureSettings)
