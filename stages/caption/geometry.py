"""What is certain from a drawing alone: colours by area, strokes or fills, symmetry, shape, parts, text.

Colours, symmetry and shape are those of the small picture (`stages.pictures`), the rest is in the canonical SVG.
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.caption.colours import NAMES, nearest
from stages.pictures import SIDE, Reduced, unpack
from stages.text import plain

_OPAQUE = 250
_PAINTED = 128
"""Of 255: what covers less of a pixel is an edge."""
_WHOLE = 0.9
"""Share of a picture that a ground leaves opaque at least."""
_APART = 24
"""Of 255: by how much a channel differs from the ground where something is drawn on it."""
_LEAST = 0.05
"""Share of the area drawn on that a colour has, to be named."""
_INNER = 0.3
"""Share of pixels that have a neighbour of their own colour, from which on the others are taken for edges."""
_CLEAR = 64
"""Of 255: by how much a channel differs where two pictures do, and not only in how an edge falls on a pixel."""
_LIKE = 0.004
"""Share of the pixels with ink that may differ clearly from those of the mirror image."""
_DISC = 0.04
"""Share of a disc's pixels by which a round picture may differ from it."""
_MOST_PARTS = 9

_DRAWN = re.compile(r"<(path|rect|circle|ellipse|line|polyline|polygon)\b([^>]*)>")
_TEXT = re.compile(r"<text[^>]*>([^<]+)</text>")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Look:
    """What a drawing looks like."""

    colours: tuple[str, ...] = ()
    """Names of the colours that are drawn, by area, the largest first; without the ground's."""
    ground: str = ""
    """Name of the colour of the ground that all is drawn on, "" for none."""
    outlined: bool = False
    """Whether all is strokes without fills."""
    symmetry: str = ""
    """"left to right", "top to bottom", both with "and", "half a turn", or ""."""
    round: bool = False
    """Whether the outline of all that is drawn is a circle."""
    parts: int = 0
    """How many closed shapes or lines there are, 0 for too many to say."""
    text: str = ""
    """What is written in it."""
    gradients: bool = False


def look(picture: bytes | None, svg: str) -> Look:
    """What is certain of a drawing. ``picture``: as `stages.pictures.pack` gives it, None where there is none."""
    elements = _DRAWN.findall(svg.rpartition("</defs>")[2])
    outlined = bool(elements) and all(
        tag == "line" or 'fill="none"' in each for tag, each in elements if "stroke=" in each or tag != "line"
    )
    outlined = outlined and all("stroke=" in each for _, each in elements)
    single = all(tag != "path" or len(re.findall("[Mm]", _data(each))) == 1 for tag, each in elements)
    parts = len(elements) if single and len(elements) <= _MOST_PARTS else 0
    text = plain(html.unescape(" ".join(_TEXT.findall(svg))), 60) if "<text" in svg else ""
    gradients = "<linearGradient" in svg or "<radialGradient" in svg
    if picture is None:
        return Look(outlined=outlined, parts=parts, text=text, gradients=gradients)
    pixels = np.ascontiguousarray(unpack(picture))
    ground, inked = _ground(pixels)
    colours = _colours(pixels, inked)
    round_ = ground is None and _round(pixels)
    return Look(
        colours,
        "" if ground is None else _name(ground),
        outlined,
        _symmetry(pixels, inked),
        round_,
        parts,
        text,
        gradients,
    )


def _data(attributes: str) -> str:
    return attributes.partition(' d="')[2].partition('"')[0]


def _name(colour: npt.NDArray[np.uint8]) -> str:
    red, green, blue = (int(c) >> 3 for c in colour)
    return NAMES[int(nearest()[red << 10 | green << 5 | blue])]


def _ground(pixels: Reduced) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.bool_]]:
    """The colour of an opaque ground that reaches into all corners, None for none; and where there is ink."""
    alpha = pixels[..., 3]
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    if (
        int(corners[:, 3].min()) >= _OPAQUE
        and np.count_nonzero(alpha >= _OPAQUE) > _WHOLE * alpha.size
        and int(np.ptp(corners[:, :3], axis=0).max()) < _APART
    ):
        ground = corners[0, :3]
        edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])[:, :3]
        if np.mean(np.abs(edges.astype(np.int16) - ground).max(axis=1) < _APART) > 0.9:
            inked = np.abs(pixels[..., :3].astype(np.int16) - ground).max(axis=2) >= _APART
            return ground, inked
    inked = alpha >= _PAINTED
    return None, inked if inked.any() else alpha >= 16


def _colours(pixels: Reduced, inked: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    """Names of the colours that have at least `_LEAST` of the area where there is ink."""
    chosen = pixels[inked]
    if not len(chosen):
        return ()
    # few pixels are premultiplied
    partial = np.flatnonzero(chosen[:, 3] < 255)
    if len(partial):
        some = chosen[partial].astype(np.uint16)
        alpha = np.maximum(some[:, 3:], 1)
        chosen[partial, :3] = np.minimum((some[:, :3] * np.uint16(255) + alpha // 2) // alpha, 255)
    high = (chosen >> 3).astype(np.uint16)
    names = nearest()[high[:, 0] << 10 | high[:, 1] << 5 | high[:, 2]]
    grid = np.full((SIDE, SIDE), 255, np.uint8)
    grid[inked] = names
    inner = np.zeros((SIDE, SIDE), bool)
    inner[1:-1, 1:-1] = (
        (grid[1:-1, 1:-1] == grid[1:-1, 2:])
        & (grid[1:-1, 1:-1] == grid[1:-1, :-2])
        & (grid[1:-1, 1:-1] == grid[2:, 1:-1])
    )
    kept = names[inner[inked]]
    if len(kept) < _INNER * len(names):
        kept = names
    counts = np.bincount(kept, minlength=len(NAMES))
    least = _LEAST * len(kept)
    order = sorted((-int(counts[place]), place) for place in np.flatnonzero(counts >= least))
    return tuple(NAMES[place] for _, place in order)


def _symmetry(pixels: Reduced, inked: npt.NDArray[np.bool_]) -> str:
    """How the picture is symmetric."""
    count = int(np.count_nonzero(inked))
    most = max(2, int(_LIKE * count))
    wide = pixels.astype(np.int16)
    half = SIDE // 2
    sides = _like(wide[:, :half], wide[:, : half - 1 : -1], most)
    ends = _like(wide[:half], wide[: half - 1 : -1], most)
    if sides and ends:
        return "left to right and top to bottom"
    if sides or ends:
        return "left to right" if sides else "top to bottom"
    return "half a turn" if count and _like(wide[:half], wide[: half - 1 : -1, ::-1], most) else ""


def _like(a: npt.NDArray[np.int16], b: npt.NDArray[np.int16], most: int) -> bool:
    """Whether at most ``most`` pixels differ clearly."""
    apart = np.abs(a - b) >= _CLEAR
    return int(np.count_nonzero(apart)) <= most or int(np.count_nonzero(apart.any(axis=2))) <= most


@functools.lru_cache(256)
def _disc(top: int, bottom: int, left: int, right: int) -> npt.NDArray[np.bool_]:
    """(SIDE, SIDE): the circle in a box of pixels, ends included."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    cy, cx = (top + bottom) / 2, (left + right) / 2
    radius = (bottom - top + right - left + 2) / 4
    disc: npt.NDArray[np.bool_] = (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
    return disc


def _round(pixels: Reduced) -> bool:
    """Whether what is covered is a full disc of at least half of the picture's side."""
    covered = pixels[..., 3] >= _PAINTED
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if len(rows) < SIDE // 2 or abs(len(rows) - len(columns)) > 2:
        return False
    disc = _disc(int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1]))
    return float(np.count_nonzero(disc != covered)) < _DISC * float(np.count_nonzero(disc))


def listed(parts: tuple[str, ...] | list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return "".join(parts) if len(parts) < 2 else ", ".join(parts[:-1]) + " and " + parts[-1]


def coloured(seen: Look, most: int) -> str:
    """The colours of a drawing and of its ground as a phrase after "in", "" for none. ``most``: colours named."""
    colours = list(seen.colours[:most])
    if not colours:
        return seen.ground if most else ""
    more = "" if len(seen.colours) <= most else " and other colours"
    text = (", ".join(colours) if more and len(colours) > 1 else listed(colours)) + more
    return f"{text} on {seen.ground}" if seen.ground and seen.ground not in colours else text


def manner(seen: Look, most: int) -> str:
    """How it is drawn, as a sentence without a full stop, "" where nothing is certain."""
    colours = coloured(seen, most)
    start = "Drawn"
    if colours:
        start += f" in {colours}"
    if seen.gradients:
        start += " with gradients"
    if seen.outlined:
        start += ", in outlines" if colours else " in outlines"
    more = [start] if start != "Drawn" else []
    if seen.round:
        more.append("round")
    if seen.symmetry:
        turned = seen.symmetry == "half a turn"
        more.append("the same after half a turn" if turned else f"symmetric from {seen.symmetry}")
    if seen.text:
        more.append(f"with the text “{seen.text}”")
    text = ", ".join(more)
    return text[:1].upper() + text[1:]


def described(seen: Look, most: int) -> str:
    """A caption of what the drawing looks like."""
    style = "outlined " if seen.outlined else ""
    round_ = "round " if seen.round else ""
    text = f"{round_}{style}drawing"
    article = "An" if text[0] in "aeiou" else "A"
    colours = coloured(seen, most)
    if colours:
        text += f" in {colours}"
    if seen.parts > 1:
        text += f", made of {_NUMBERS[seen.parts]} parts"
    if seen.symmetry:
        text += ", " + (
            "the same after half a turn" if seen.symmetry == "half a turn" else f"symmetric from {seen.symmetry}"
        )
    if seen.text:
        text += f", with the text “{seen.text}”"
    return f"{article} {text}"
