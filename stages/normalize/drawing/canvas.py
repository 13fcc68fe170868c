"""The canvas: which viewBox a drawing has, and the map from it to the square."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from stages.base import Dropped
from stages.normalize.geometry.boxes import Box, map_box
from stages.normalize.geometry.transforms import Matrix, multiply
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.tree import Node
from stages.normalize.values.units import NUMBER, parse_length, resolve
from stages.reasons import Reason

ViewBox = tuple[float, float, float, float]
"""min-x, min-y, width, height."""

_LIST = re.compile(rf"\s*{NUMBER.pattern}(?:(?:\s*,\s*|\s+|(?=[+-])){NUMBER.pattern}){{3}}\s*")


@dataclass(frozen=True)
class Canvas:
    """``matrix`` maps the view box to the square; ``rect`` is its image, rounded outwards to whole units."""

    view_box: ViewBox
    matrix: Matrix
    rect: Box


def parse_view_box(text: str | None) -> ViewBox | None:
    """The four numbers, None if they are absent or invalid."""
    if text is None or not _LIST.fullmatch(text):
        return None
    x, y, width, height = (float(piece) for piece in NUMBER.findall(text))
    return (x, y, width, height) if all(map(math.isfinite, (x, y, width, height))) else None


def declared_view_box(root: Node) -> ViewBox | None:
    """The root's viewBox, or one made of its width and height in absolute units; None if it has neither."""
    view_box = parse_view_box(root.attributes.get("viewBox"))
    if view_box is not None:
        return view_box
    width, height = side(root, "width"), side(root, "height")
    return (0.0, 0.0, width, height) if width is not None and height is not None else None


def side(root: Node, name: str) -> float | None:
    """The root's width or height in pixels; None if it is absent, invalid or relative."""
    declared = root.declared.get(name)
    text = declared if isinstance(declared, str) else root.attributes.get(name)
    length = parse_length(text) if text is not None else None
    return None if length is None or length.unit == "%" else resolve(length, 0.0)


def check_view_box(view_box: ViewBox, settings: NormalizeSettings) -> ViewBox:
    """``view_box`` if a canvas can be made of it. Raises Dropped (BAD_DIMENSION)."""
    x, y, width, height = view_box
    shown = f"{x:g} {y:g} {width:g} {height:g}"
    if not (width >= settings.min_side and height >= settings.min_side):
        raise Dropped(Reason.BAD_DIMENSION, f"viewBox {shown} is empty")
    if max(abs(x), abs(y), width, height) > settings.max_side:
        raise Dropped(Reason.BAD_DIMENSION, f"viewBox {shown} is over {settings.max_side:g}")
    if max(width, height) > settings.max_aspect * min(width, height):
        raise Dropped(Reason.BAD_DIMENSION, f"viewBox {shown} is over {settings.max_aspect:g} times as long as wide")
    return view_box


def make_canvas(view_box: ViewBox, settings: NormalizeSettings) -> Canvas:
    """Fit a view box into the square. Raises Dropped (BAD_DIMENSION)."""
    x, y, width, height = check_view_box(view_box, settings)
    size = settings.canvas
    if settings.fit == "stretch":
        sx, sy = size / width, size / height
    else:
        sx = sy = size / max(width, height)
    tx, ty = (size - width * sx) / 2 - x * sx, (size - height * sy) / 2 - y * sy
    matrix = (sx, 0.0, 0.0, sy, tx, ty)
    left, top, right, bottom = map_box(matrix, (x, y, x + width, y + height))
    # a border that is off by less than a thousandth is on the grid
    rect = (
        max(math.floor(left + 1e-3), 0),
        max(math.floor(top + 1e-3), 0),
        min(math.ceil(right - 1e-3), size),
        min(math.ceil(bottom - 1e-3), size),
    )
    return Canvas(view_box, matrix, rect)


def fit_view_box(view_box: ViewBox, x: float, y: float, width: float, height: float, aspect: str) -> Matrix:
    """The map of a view box into a viewport (SVG 2, section 8.2), with ``preserveAspectRatio``; sizes are positive."""
    min_x, min_y, box_width, box_height = view_box
    sx, sy = width / box_width, height / box_height
    words = [word for word in aspect.split() if word != "defer"]
    align = words[0] if words and re.fullmatch(r"none|x(?:Min|Mid|Max)Y(?:Min|Mid|Max)", words[0]) else "xMidYMid"
    if align != "none":
        sx = sy = max(sx, sy) if words[1:2] == ["slice"] else min(sx, sy)
        shares = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}
        x += (width - box_width * sx) * shares[align[1:4]]
        y += (height - box_height * sy) * shares[align[5:8]]
    return multiply((1.0, 0.0, 0.0, 1.0, x, y), (sx, 0.0, 0.0, sy, -min_x * sx, -min_y * sy))
