"""The pictures that shards hold, of canonical drawings. They are drawn in the sandbox, as all that draws."""

from __future__ import annotations

from importlib import metadata

import pyarrow as pa

from stages.base import Dropped
from stages.render.compare import Pixels
from stages.render.png import png
from stages.render.renderers import draw, sized, version, vips
from stages.render.settings import PictureSettings

VERSION = 1
"""Of what `picture` returns for equal drawings and settings."""

DRAWN = pa.schema([("sample_id", pa.string()), ("picture", pa.binary())])

UNDRAWN = pa.schema([("sample_id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])

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


def pictures(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """Draw the rows of ``table`` (sample_id, svg). Returns what was drawn (`DRAWN`), and what cannot be (`UNDRAWN`)."""
    settings = PictureSettings.model_validate_json(settings_json)
    drawn, undrawn = [], []
    for sample_id, svg in zip(table["sample_id"].to_pylist(), table["svg"].to_pylist(), strict=True):
        try:
            drawn.append({"sample_id": sample_id, "picture": picture(svg, settings)})
        except Dropped as lost:
            undrawn.append({"sample_id": sample_id, "reason": str(lost.reason), "detail": lost.detail})
    return [pa.Table.from_pylist(drawn, schema=DRAWN), pa.Table.from_pylist(undrawn, schema=UNDRAWN)]


def webp(pixels: Pixels, compression: int) -> bytes:
    """A lossless WebP of (height, width, 4) pixels without metadata. ``compression``: libwebp's level, 0 to 9."""
    height, width, bands = pixels.shape
    method, quality = _WEBP[compression]
    image = vips().Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar").copy(interpretation="srgb")
    data: bytes = image.webpsave_buffer(lossless=True, exact=True, effort=method, Q=quality, keep="none")
    return data


def uses(settings: PictureSettings) -> dict[str, int | str]:
    """What pictures depend on beside the settings: name -> version. Raises RendererUnavailable."""
    return {"picture": f"{VERSION}; {version(settings.renderer)}; zlib-ng {metadata.version('zlib-ng')}"}
