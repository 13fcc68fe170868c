"""The picture of a canonical drawing that shards hold.

It runs in the sandbox, as all that draws.
"""

from __future__ import annotations

from stages.render.compare import Pixels
from stages.render.png import png
from stages.render.renderers import draw, sized, version, vips
from stages.render.settings import PictureSettings

VERSION = 1
"""Of what `picture` returns for equal drawings and settings."""

_WEBP = ((0, 0), (1, 20), (2, 25), (3, 30), (3, 50), (4, 50), (4, 75), (4, 90), (5, 90), (6, 100))
"""Method and quality of libwebp's levels 0 to 9 (WebPConfigLosslessPreset)."""


def picture(svg: str, settings: PictureSettings) -> bytes:
    """The file of the picture of a canonical SVG, ``settings.size`` px a side, without loss.

    Also what a fully transparent pixel's colour is stays. Raises Dropped (RENDER_FAILED), MemoryError,
    RendererUnavailable, and ValueError where ``settings.size`` is None.
    """
    if settings.size is None:
        raise ValueError("no size: these settings want no pictures")
    pixels = draw(sized(svg, settings.size), settings.renderer)
    if settings.format == "png":
        return png(pixels, settings.png_compression)
    return webp(pixels, settings.webp_compression)


def webp(pixels: Pixels, compression: int) -> bytes:
    """A lossless WebP of (height, width, 4) pixels without metadata. ``compression``: libwebp's level, 0 to 9."""
    height, width, bands = pixels.shape
    method, quality = _WEBP[compression]
    image = vips().Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar").copy(interpretation="srgb")
    data: bytes = image.webpsave_buffer(lossless=True, exact=True, effort=method, Q=quality, keep="none")
    return data


def uses(settings: PictureSettings) -> dict[str, int | str]:
    """What pictures depend on beside the settings: name -> version. Raises RendererUnavailable."""
    return {"picture": VERSION, "renderer": version(settings.renderer)}
