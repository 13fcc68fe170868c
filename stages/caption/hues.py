"""Which colours a drawing has and a caption names, as the few that people agree on.

A name of `stages.caption.colours` counts as all hues that somebody may call it, and a colour is there from a few pixels
on: what is held against a caption is that a hue is nowhere in the drawing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Set

import numpy as np
import numpy.typing as npt

from stages.caption.colours import NAMES, nearest
from stages.pictures import unpack

_HUES = {
    "black": "black grey", "dark grey": "grey black", "grey": "grey silver", "light grey": "grey white silver",
    "white": "white", "red": "red orange pink", "dark red": "red brown purple", "pink": "pink red purple",
    "magenta": "pink purple red", "purple": "purple pink blue", "light purple": "purple pink blue",
    "dark purple": "purple blue black", "blue": "blue purple cyan", "light blue": "blue cyan green",
    "dark blue": "blue black purple", "cyan": "cyan blue green", "teal": "cyan green blue", "green": "green cyan",
    "light green": "green cyan yellow", "dark green": "green black", "lime": "green yellow",
    "olive": "green yellow brown", "yellow": "yellow orange gold", "light yellow": "yellow beige white gold",
    "gold": "yellow gold orange brown", "orange": "orange yellow red gold", "peach": "orange pink beige yellow",
    "brown": "brown orange red", "dark brown": "brown black red", "beige": "beige white yellow brown pink",
}  # fmt: skip
"""Name of a colour -> what people may call it."""

_WORDS = {
    "red": "red", "crimson": "red", "scarlet": "red", "maroon": "red brown purple", "pink": "pink",
    "magenta": "pink purple", "purple": "purple", "blue": "blue", "navy": "blue", "cyan": "cyan", "teal": "cyan",
    "turquoise": "cyan", "green": "green", "yellow": "yellow", "orange": "orange", "brown": "brown",
    "black": "black", "grey": "grey", "gray": "grey", "grayscale": "grey black white", "beige": "beige",
}  # fmt: skip
"""A caption's word -> hues of which one must be there. White is on every page; gold, silver, rose, violet, olive and
lime are things, too."""

_NAMED = re.compile(r"[a-z]+")
_THINGS = re.compile(
    r"\b(?:an? orange(?: (?:slices?|fruit|juice|tree|peel|half))?(?=$|[.,;!]| (?:icon|emoji|with|and|in|on)\b)|oranges"
    r"|orange (?:slices?|fruit|juice|trees?|peels?|half)"
    r"|(?:red cross|red crescent|red hat|red dot|black ?berry|black ?board|black hole|black belt|black friday"
    r"|black jack|black flag|blue ?berry|blue ?print|blue ?tooth|blue ?jay|blue ?sky|green ?house|green tea|green card"
    r"|pink floyd|yellow pages|brown sugar|grey ?hound|gray ?hound)s?)\b"
)
"""What has a colour in its name."""

_LEAST_SHARE, _LEAST_PIXELS = 0.004, 3
"""Of what is drawn: from which on a colour is there."""
_OPAQUE = 16
"""Of 255: what covers less of a pixel is not looked at."""


def _called(name: str) -> list[str]:
    """What people may call a colour: of a shade that has no line of its own, what they call the colour."""
    return (_HUES.get(name) or _HUES[name.rpartition(" ")[2]]).split()


@functools.lru_cache(1)
def _bits() -> tuple[npt.NDArray[np.uint32], tuple[str, ...]]:
    """Of each of `NAMES` its hues as bits, and the hues."""
    hues = tuple(sorted({hue for text in _HUES.values() for hue in text.split()}))
    masks = [sum(1 << hues.index(hue) for hue in _called(name)) for name in NAMES]
    return np.array(masks, np.uint32), hues


def seen(picture: bytes | None) -> list[str]:
    """The hues of a drawing, sorted; none where there is no picture. ``picture``: as `stages.pictures.pack` gives it.

    What is translucent counts with its own colour and with what it gives on white.
    """
    if picture is None:
        return []
    pixels = unpack(picture).reshape(-1, 4)
    pixels = pixels[pixels[:, 3] >= _OPAQUE].astype(np.uint16)
    if not len(pixels):
        return []
    alpha = pixels[:, 3:]
    straight = np.minimum((pixels[:, :3] * np.uint16(255) + alpha // 2) // alpha, 255)
    names = nearest()
    counts = np.zeros(len(NAMES), np.int64)
    for colours in (straight, np.minimum(pixels[:, :3] + (255 - alpha), 255)):
        high = colours >> 3
        places = names[high[:, 0] << 10 | high[:, 1] << 5 | high[:, 2]]
        counts = np.maximum(counts, np.bincount(places, minlength=len(NAMES)))
    masks, hues = _bits()
    there = counts >= max(_LEAST_PIXELS, _LEAST_SHARE * len(pixels))
    mask = int(np.bitwise_or.reduce(masks[there], initial=0))
    return [hue for place, hue in enumerate(hues) if mask >> place & 1]


def absent(text: str, hues: Set[str]) -> tuple[list[str], float]:
    """The colours that a caption names and a drawing does not have, and their share of those that it names."""
    words = dict.fromkeys(word for word in _NAMED.findall(_THINGS.sub(" ", text.lower())) if word in _WORDS)
    missing = [word for word in words if hues.isdisjoint(_WORDS[word].split())]
    return missing, len(missing) / len(words) if words else 0.0
