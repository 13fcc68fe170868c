"""Names of the colours in a drawing, by the nearest of a table in CIELAB."""

from __future__ import annotations

import functools
import re
from collections import Counter

# Basic colour terms and common shades, as sRGB; nearest by Euclidean distance in CIELAB (CIE 1976 Delta E).
TABLE = {
    "black": "000000", "dark grey": "404040", "grey": "808080", "light grey": "c8c8c8", "white": "ffffff",
    "red": "e02020", "dark red": "8b0000", "pink": "ff9eb5", "magenta": "d6249f", "purple": "8033b3",
    "light purple": "c9a7eb", "dark purple": "45206b", "blue": "2060e0", "light blue": "9ecbf7", "dark blue": "10256b",
    "cyan": "20c8d8", "teal": "108078", "green": "28a838", "light green": "9be08f", "dark green": "0c5220",
    "lime": "b4e01e", "olive": "808020", "yellow": "ffd820", "light yellow": "fff3a8", "gold": "d4a017",
    "orange": "ff8c1a", "peach": "ffcfa6", "brown": "8a5228", "dark brown": "4a2a12", "beige": "ece0c0",
}  # fmt: skip

_COLOUR = re.compile(r'(?:fill|stroke|stop-color)="#([0-9a-f]{3}|[0-9a-f]{6})"')
_DRAWN = re.compile(r"<(path|rect|circle|ellipse|line|polyline|polygon)\b([^>]*)>")


@functools.lru_cache(65536)
def name_of(colour: str) -> str:
    """The name of a colour given as three or six hexadecimal digits."""
    lab = _lab(colour)
    return min(_POINTS, key=lambda point: sum((a - b) ** 2 for a, b in zip(lab, point[1], strict=True)))[0]


def _lab(colour: str) -> tuple[float, float, float]:
    if len(colour) == 3:
        colour = "".join(c * 2 for c in colour)
    linear = [_linear(int(colour[i : i + 2], 16) / 255) for i in (0, 2, 4)]
    r, g, b = linear
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(v: float) -> float:
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


# The corners of sRGB are far from the middle of what their names mean.
CORNERS = {
    "red": "ff0000", "green": "00ff00", "blue": "0000ff", "yellow": "ffff00", "cyan": "00ffff", "magenta": "ff00ff",
}  # fmt: skip

_POINTS = [(name, _lab(value)) for table in (TABLE, CORNERS) for name, value in table.items()]


def seen(svg: str) -> list[str]:
    """Names of the colours in a canonical SVG, the most frequent first; an element without fill is black."""
    counts: Counter[str] = Counter(name_of(colour) for colour in _COLOUR.findall(svg))
    for tag, attributes in _DRAWN.findall(svg.split("</defs>", 1)[-1]):
        if tag != "line" and "fill=" not in attributes:
            counts["black"] += 1
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def shapes(svg: str) -> list[tuple[str, int]]:
    """Kinds of drawn elements and how many, the most frequent first; ``stroke-only`` paths count as lines."""
    counts: Counter[str] = Counter()
    for tag, attributes in _DRAWN.findall(svg.split("</defs>", 1)[-1]):
        outline = tag == "path" and 'fill="none"' in attributes
        counts["stroked path" if outline else _PLAIN.get(tag, tag)] += 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


_PLAIN = {"rect": "rectangle"}
