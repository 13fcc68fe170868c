"""Pictures of shards, which have an alpha channel, as models take them: on a plain ground.

Trainers drop the alpha channel as it is, and then what is transparent looks black. The ground is that on which the
drawing can be seen (`stages.render.looks`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from stages.render.looks import LookSettings, on_ground
from stages.render.png import png
from stages.render.renderers import vips

_RGB, _PALETTE = 2, 3
"""PNG's colour types of pixels without alpha, and of numbers of a palette."""

_HEAD = 8
"""Bytes of a PNG's signature."""

_COMPRESSION = 5
"""zlib's level."""


def opaque(picture: bytes, settings: LookSettings) -> bytes:
    """``picture``, a PNG or WebP of the size that it is to have, as a PNG without alpha on ``settings.ground``.

    Of a PNG with a palette, as most drawings are, only the palette is written anew.
    """
    if picture[1:4] == b"PNG" and picture[25] in (_RGB, _PALETTE):
        return picture if picture[25] == _RGB else _repainted(picture, settings)
    image = vips().Image.new_from_buffer(picture, "").colourspace("srgb")
    pixels = (image if image.hasalpha() else image.addalpha()).numpy()
    return png(on_ground(pixels, settings), _COMPRESSION)


def _repainted(picture: bytes, settings: LookSettings) -> bytes:
    """A PNG with a palette; its pixels stay the numbers that they are."""
    chunks = dict(_chunks(picture))
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    colours = np.full((1, len(palette), 4), 255, np.uint8)
    colours[0, :, :3] = palette
    alphas = np.frombuffer(chunks.pop(b"tRNS", b""), np.uint8)
    colours[0, : len(alphas), 3] = alphas
    chunks[b"PLTE"] = on_ground(colours, settings)[0, :, :3].tobytes()
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
    return picture[:_HEAD] + body


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the chunks, of which there is one of a kind: `stages.render.png` writes no others."""
    at = _HEAD
    while at < len(picture):
        (size,) = struct.unpack_from(">I", picture, at)
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        at += size + 12
