"""Basic shapes (SVG 2, section 10) in their own coordinates, and the paths that they equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stages.normalize.geometry.boxes import Box, exact_box
from stages.normalize.geometry.path_segments import Subpath, from_commands
from stages.normalize.source.tree import Node
from stages.normalize.values.units import NUMBER, Viewport, parse_length, resolve
from stages.pathdata import parse_path

SHAPES = frozenset(("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"))

_FARTHEST = 1e12
_SMALLEST = 1e-9
_LONGEST = float(2**25)
"""Units of a rect's place and sides, beyond which browsers, which keep them in 64ths in 32 bits, make them this."""
_GAP = re.compile(r"[ \t\n\r\f,]*")


@dataclass(slots=True)
class Shape:
    """A shape in user units. ``numbers``: x, y, width, height, rx, ry of a rect; cx, cy, rx, ry of a circle or an
    ellipse; x1, y1, x2, y2 of a line. ``subpaths``: of the others, None until asked for. ``data``: a path's, as given.
    ``note``: what was wrong with the data, "" if nothing was, or if nobody has looked yet. ``exotic``: what of the
    geometry there are renderers that lack, by the attribute that says it plainly.
    """

    kind: str
    numbers: tuple[float, ...] = ()
    subpaths: list[Subpath] | None = None
    data: str = ""
    note: str = ""
    exotic: dict[str, float | str] = field(default_factory=dict)

    def path(self) -> list[Subpath]:
        """The equivalent path, beginning where dashes begin; empty if there is no geometry.

        Raises TooLarge.
        """
        if self.subpaths is None:
            if self.kind == "path":
                commands, complete = parse_path(self.data)
                self.note = "" if complete else "path_error"
                _check([value for _, args in commands for value in args])
                self.subpaths = from_commands(commands)
            else:
                self.subpaths = _PATHS[self.kind](*self.numbers)
        return self.subpaths

    def box(self) -> Box | None:
        """The exact bounding box of the fill geometry, None if there is no geometry."""
        if self.kind == "rect":
            x, y, width, height = self.numbers[:4]
            return x, y, x + width, y + height
        if self.kind in ("circle", "ellipse"):
            cx, cy, rx, ry = self.numbers
            return cx - rx, cy - ry, cx + rx, cy + ry
        path = self.path()
        return exact_box(path) if path else None


def read_shape(node: Node, viewport: Viewport, font_size: float) -> Shape | None:
    """The shape of an element, None if it has no geometry; a path's data is read when it is needed.

    Raises TooLarge.
    """
    kind = node.tag
    if kind == "path":
        styled = node.declared.get("d")
        if styled is not None:
            data = styled if isinstance(styled, str) else ""
            return Shape("path", data=data, exotic={"d": data}) if data else None
        data = node.attributes.get("d", "")
        return Shape("path", data=data) if data else None
    if kind in ("polyline", "polygon"):
        return _poly(node)
    read = _Reader(node, viewport, font_size)
    shape = {"rect": _rect, "circle": _circle, "ellipse": _ellipse, "line": _line}[kind](read)
    if shape is not None:
        _check(shape.numbers)
        shape.exotic = read.exotic
    return shape


class TooLarge(Exception):
    """A number that is too large to compute with, in a drawing of any size that can be drawn."""


def _check(values: list[float] | tuple[float, ...]) -> None:
    if values and not (min(values) > -_FARTHEST and max(values) < _FARTHEST):
        raise TooLarge


class _Reader:
    """Lengths of an element's geometry attributes, which are properties too."""

    def __init__(self, node: Node, viewport: Viewport, font_size: float) -> None:
        self._node, self._viewport, self._font_size = node, viewport, font_size
        self.exotic: dict[str, float | str] = {}

    def length(self, name: str, across: str) -> float | None:
        """User units; percentages refer to the viewport's size ``across``. None if absent, invalid or auto."""
        declared = self._node.declared.get(name)
        text = declared if isinstance(declared, str) else self._node.attributes.get(name)
        if text is None:
            return None
        length = parse_length(text)
        if length is None:
            return None
        viewport = self._viewport
        reference = {"x": viewport.width, "y": viewport.height}.get(across)
        value = resolve(length, viewport.diagonal if reference is None else reference, self._font_size)
        if length.exotic:
            self.exotic[name] = value
        return value


def _rect(read: _Reader) -> Shape | None:
    x, y = read.length("x", "x") or 0.0, read.length("y", "y") or 0.0
    width, height = read.length("width", "x") or 0.0, read.length("height", "y") or 0.0
    if width <= 0 or height <= 0:
        return None
    note = ""
    if _LONGEST < max(abs(x), abs(y), width, height) < _FARTHEST:
        x, y = (min(max(value, -_LONGEST), _LONGEST) for value in (x, y))
        width, height = min(width, _LONGEST), min(height, _LONGEST)
        note = "number_too_large"
    rx, ry = _radius(read.length("rx", "x")), _radius(read.length("ry", "y"))
    rx, ry = (ry if rx is None else rx) or 0.0, (rx if ry is None else ry) or 0.0
    if rx < _SMALLEST or ry < _SMALLEST:
        rx = ry = 0.0
    return Shape("rect", (x, y, width, height, min(rx, width / 2), min(ry, height / 2)), note=note)


def _radius(value: float | None) -> float | None:
    return None if value is None or value < 0 else value


def _circle(read: _Reader) -> Shape | None:
    r = read.length("r", "diagonal") or 0.0
    if r <= 0:
        return None
    return Shape("circle", (read.length("cx", "x") or 0.0, read.length("cy", "y") or 0.0, r, r))


def _ellipse(read: _Reader) -> Shape | None:
    rx, ry = _radius(read.length("rx", "x")), _radius(read.length("ry", "y"))
    rx, ry = (ry if rx is None else rx) or 0.0, (rx if ry is None else ry) or 0.0
    if rx <= 0 or ry <= 0:
        return None
    return Shape("ellipse", (read.length("cx", "x") or 0.0, read.length("cy", "y") or 0.0, rx, ry))


def _line(read: _Reader) -> Shape | None:
    x1, y1 = read.length("x1", "x") or 0.0, read.length("y1", "y") or 0.0
    x2, y2 = read.length("x2", "x") or 0.0, read.length("y2", "y") or 0.0
    return Shape("line", (x1, y1, x2, y2))


def _poly(node: Node) -> Shape | None:
    text = node.attributes.get("points", "")
    values = [float(piece) for piece in NUMBER.findall(text)]
    note = ""
    if NUMBER.sub("", text).strip(" \t\n\r\f,") or len(values) % 2:
        # SVG 2, section 9.5.4: what comes before the error is drawn
        values, note = _until_error(text), "points_error"
    _check(values)
    points = list(zip(values[::2], values[1::2], strict=False))
    if not points:
        return None
    lines = [("L", x, y) for x, y in points[1:]]
    return Shape(node.tag, subpaths=[Subpath(*points[0], list(lines), node.tag == "polygon")], note=note)


def _until_error(text: str) -> list[float]:
    values: list[float] = []
    at = len(text) - len(text.lstrip())
    while match := NUMBER.match(text, at):
        values.append(float(match[0]))
        at = _GAP.match(text, match.end()).end()  # type: ignore[union-attr]
    return values[: len(values) // 2 * 2]


def rect_path(x: float, y: float, width: float, height: float, rx: float, ry: float) -> list[Subpath]:
    """A rect as a path (SVG 2, section 10.2)."""
    right, bottom = x + width, y + height
    if rx == 0 or ry == 0:
        return [Subpath(x, y, [("L", right, y), ("L", right, bottom), ("L", x, bottom)], True)]
    segments = [
        ("L", right - rx, y),
        ("A", rx, ry, 0.0, 0, 1, right, y + ry),
        ("L", right, bottom - ry),
        ("A", rx, ry, 0.0, 0, 1, right - rx, bottom),
        ("L", x + rx, bottom),
        ("A", rx, ry, 0.0, 0, 1, x, bottom - ry),
        ("L", x, y + ry),
        ("A", rx, ry, 0.0, 0, 1, x + rx, y),
    ]
    return [Subpath(x + rx, y, segments, True)]


def ellipse_path(cx: float, cy: float, rx: float, ry: float) -> list[Subpath]:
    """A circle or ellipse as a path of two halves."""
    halves = [("A", rx, ry, 0.0, 0, 1, cx - rx, cy), ("A", rx, ry, 0.0, 0, 1, cx + rx, cy)]
    return [Subpath(cx + rx, cy, halves, True)]


def line_path(x1: float, y1: float, x2: float, y2: float) -> list[Subpath]:
    """A line as a path."""
    return [Subpath(x1, y1, [("L", x2, y2)])]


_PATHS: dict[str, Callable[..., list[Subpath]]] = {
    "rect": rect_path,
    "circle": ellipse_path,
    "ellipse": ellipse_path,
    "line": line_path,
}
