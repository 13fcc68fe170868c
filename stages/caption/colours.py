"""Names of colours, by the nearest of a table in OKLab (Ottosson 2020)."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

# Basic colour terms and common shades, as sRGB. Several points of one name: what the name means has no one middle.
TABLE = (
    ("black", "000000"), ("black", "1a1a1a"), ("black", "303030"), ("dark grey", "505050"), ("grey", "808080"),
    ("light grey", "c8c8c8"), ("grey", "78828c"), ("dark grey", "46505a"), ("white", "ffffff"), ("white", "f6f6f6"),
    ("light grey", "dfe4ea"), ("red", "e02020"), ("red", "ff0000"), ("red", "dd2e44"), ("dark red", "8b0000"),
    ("pink", "ff9eb5"), ("pink", "f06292"), ("magenta", "d6249f"), ("magenta", "ff00ff"), ("purple", "8033b3"),
    ("purple", "9266cc"), ("light purple", "c9a7eb"), ("dark purple", "45206b"), ("blue", "2060e0"),
    ("blue", "0000ff"), ("blue", "3b88c3"), ("blue", "4d6f8c"), ("blue", "012169"), ("light blue", "9ecbf7"),
    ("light blue", "5dadec"), ("dark blue", "10256b"), ("dark blue", "14223f"), ("cyan", "20c8d8"),
    ("cyan", "00ffff"), ("teal", "108078"), ("dark teal", "054752"), ("green", "28a838"), ("green", "00ff00"),
    ("green", "5c913b"), ("light green", "9be08f"), ("light green", "cdf7e0"), ("dark green", "0c5220"),
    ("lime", "b4e01e"), ("olive", "808020"), ("yellow", "ffd820"), ("yellow", "ffff00"), ("yellow", "ffcc4d"),
    ("light yellow", "fff3a8"), ("gold", "d4a017"), ("orange", "ff8c1a"), ("orange", "f4900c"), ("orange", "ff5722"),
    ("peach", "ffcfa6"), ("brown", "8a5228"), ("brown", "a0683a"), ("brown", "6b4a26"), ("dark brown", "4a2a12"),
    ("beige", "ece0c0"),
)  # fmt: skip

NAMES = tuple(dict.fromkeys(name for name, _ in TABLE))

_CHROMA = 2.0
"""How much more a and b count than lightness: as in Delta E OK 2."""

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(srgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, 3) sRGB, 0..1, in OKLab."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab: npt.NDArray[np.float64] = np.cbrt(linear @ _LMS.T) @ _LAB.T
    return lab


def _spaced(srgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spaced: npt.NDArray[np.float64] = oklab(srgb) * np.array([1.0, _CHROMA, _CHROMA])
    return spaced


@functools.lru_cache(1)
def nearest() -> npt.NDArray[np.uint8]:
    """(32768,): of each colour of 5 bits a channel, red highest, the place of its name in `NAMES`."""
    grid = np.arange(32768)
    srgb = np.stack([grid >> 10, grid >> 5 & 31, grid & 31], axis=1) / 31
    points = _spaced(np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for _, code in TABLE]))
    places = np.array([NAMES.index(name) for name, _ in TABLE], np.uint8)
    lab = _spaced(srgb)
    distances = ((lab[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    closest: npt.NDArray[np.uint8] = places[distances.argmin(axis=1)]
    return closest


def name_of(colour: str) -> str:
    """The name of a colour given as three or six hexadecimal digits."""
    code = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    red, green, blue = (round(int(code[i : i + 2], 16) * 31 / 255) for i in (0, 2, 4))
    return NAMES[int(nearest()[red << 10 | green << 5 | blue])]
