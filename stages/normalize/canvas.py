"""The viewBox of a source and its map onto the canvas."""

from __future__ import annotations

import math

from stages.base import Dropped
from stages.normalize.matrix import Matrix
from stages.normalize.tree import Node
from stages.normalize.units import length, numbers
from stages.reasons import Reason

ViewBox = tuple[float, float, float, float]

_LARGEST = 1e7
_SMALLEST = 1e-3


def declared(root: Node, max_aspect: float) -> ViewBox | None:
    """The root's viewBox, else the box of its width and height; None if it has neither.

    An invalid viewBox counts as none (SVG 2, section 8.6), a negative or zero size never. Raises Dropped
    (BAD_DIMENSION).
    """
    text = root.attributes.get("viewBox")
    if text is not None:
        values = numbers(text)
        if values is not None and len(values) == 4:
            return checked((values[0], values[1], values[2], values[3]), max_aspect)
    sizes = [length(root.attributes.get(name), math.nan) for name in ("width", "height")]
    given = [root.attributes.get(name) not in (None, "auto", "100%") for name in ("width", "height")]
    if sizes[0] is not None and sizes[1] is not None and all(map(math.isfinite, (sizes[0], sizes[1]))):
        return checked((0.0, 0.0, sizes[0], sizes[1]), max_aspect)
    if text is not None or any(given):
        raise Dropped(Reason.BAD_DIMENSION, f"viewBox={text!r}"[:80])
    return None


def checked(box: ViewBox, max_aspect: float) -> ViewBox:
    """``box`` itself. Raises Dropped (BAD_DIMENSION) if it has no area, or is too large, too small or too long."""
    x, y, w, h = box
    if not (w > 0 and h > 0 and all(map(math.isfinite, box))):
        raise Dropped(Reason.BAD_DIMENSION, f"{w:g} x {h:g}")
    if max(w, h) > _LARGEST or min(w, h) < _SMALLEST or max(abs(x), abs(y)) > _LARGEST:
        raise Dropped(Reason.BAD_DIMENSION, f"{x:g} {y:g} {w:g} {h:g}")
    if max(w, h) > max_aspect * min(w, h):
        raise Dropped(Reason.BAD_DIMENSION, f"sides of {w:g} and {h:g}")
    return box


def contain(box: ViewBox, size: float) -> Matrix:
    """The map of ``box`` into the square canvas: as large as it fits, centred, aspect ratio kept."""
    x, y, w, h = box
    scale = size / max(w, h)
    return (scale, 0.0, 0.0, scale, (size - w * scale) / 2 - x * scale, (size - h * scale) / 2 - y * scale)


def viewport_map(box: ViewBox, align: str, x: float, y: float, w: float, h: float) -> Matrix:
    """The map of a viewBox into a viewport under preserveAspectRatio (SVG 2, section 8.7)."""
    words = align.split() or ["xMidYMid"]
    if words[0] == "defer":
        words = words[1:] or ["xMidYMid"]
    sx, sy = w / box[2], h / box[3]
    if words[0] == "none":
        return (sx, 0.0, 0.0, sy, x - box[0] * sx, y - box[1] * sy)
    scale = max(sx, sy) if words[1:] == ["slice"] else min(sx, sy)
    shares = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}
    across, down = shares.get(words[0][1:4], 0.5), shares.get(words[0][5:8], 0.5)
    return (
        scale,
        0.0,
        0.0,
        scale,
        x + across * (w - box[2] * scale) - box[0] * scale,
        y + down * (h - box[3] * scale) - box[1] * scale,
    )
