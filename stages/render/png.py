"""PNG files of RGBA pixels (PNG, third edition, W3C 2025, sections 5 and 7 to 11), with the encoding pinned down.

libvips writes them, too, at twice the time: most of it goes to steps that these pixels do not need.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from zlib_ng import zlib_ng

from stages.render.compare import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EIGHT_BITS, _RGBA = 8, 6


def png(pixels: Pixels, compression: int) -> bytes:
    """A PNG of (height, width, 4) pixels without metadata. ``compression``: zlib's level, 0 to 9."""
    height, width, _ = pixels.shape
    # drawings are flat: what a filter other than none (0) would say is no shorter, and takes longer to find
    lines = np.zeros((height, 1 + 4 * width), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _RGBA, 0, 0, 0)
    data = zlib_ng.compress(lines, compression)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
