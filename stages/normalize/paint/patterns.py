"""Patterns in canvas coordinates (SVG 2, section 14.3): a tile that begins at (0, 0) of its own space, and its content.

The map from a pattern's content to the canvas is taken apart into a scale, which the content's integers are drawn in,
and what remains. Where the tile is upright on the canvas nothing remains: ``x``, ``y``, ``width`` and ``height`` are
canvas units. Small tiles are drawn larger, since half a unit is much of them, and others are turned or skewed: these
have a ``patternTransform``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.drawing.canvas import Canvas, fit_view_box, parse_view_box
from stages.normalize.drawing.draw import Drawer
from stages.normalize.drawing.ink import ink
from stages.normalize.drawing.placement import server_matrix
from stages.normalize.drawing.plain_values import plain_lengths
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.geometry.boxes import Box, BoxFinder, map_box, overlaps
from stages.normalize.geometry.transforms import (
    IDENTITY,
    Matrix,
    apply,
    axis_aligned,
    determinant,
    invert,
    multiply,
    singular_values,
)
from stages.normalize.source.tree import Node
from stages.normalize.values.units import Viewport, parse_length, resolve
from stages.reasons import Reason

NOTHING = "none"
"""What a pattern paints that has no content or no size."""

_FINE = 128
"""Units that the shorter side of a tile has at least where its longer one allows it: half a unit is little of them."""
_COARSEST = 4
"""Canvas units that one unit of the content may stand for, in tiles larger than the canvas."""
_SMALLEST = 0.05
"""Canvas units of a tile's shorter side, below which there are more tiles than a picture can show."""
_FEWEST = 4
"""Units of a tile's shorter side that content can be drawn in at all."""
_MATRIX_DECIMALS = 5
_TILE_DECIMALS = 2
_SLACK = 1e-3
_FARTHEST = 1e7
_LARGEST = 1e8
"""Square canvas units of a tile above which renderers see a smaller one."""
_DEPTH = 3
"""Of a pattern's content in the canonical drawing: svg, defs, pattern."""


class _Source(NamedTuple):
    """A pattern before it is drawn. ``matrix``: content to canvas; ``tile``: in content units: x, y, width, height."""

    node: Node
    matrix: Matrix
    tile: tuple[float, float, float, float]
    viewport: Viewport


class Patterns:
    """The patterns of the document that ``scene`` draws."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._drawn: dict[tuple[int, Matrix, Viewport, Box], list[Element]] = {}

    def convert(self, node: Node, matrix: Matrix, box: BoxFinder, viewport: Viewport) -> str | None:
        """The value of ``fill`` or ``stroke`` of a shape whose coordinates ``matrix`` maps to the canvas.

        ``box``: finds its bounding box in user units; ``viewport``: what its percentages refer to, user units.
        ``NOTHING`` where the pattern paints nothing (SVG 2, section 14.3), None where the reference does not count and
        the fallback paints: without a bounding box to refer to. Raises Dropped (UNSUPPORTED_PATTERN, CYCLIC_REF, and
        whatever the content does).
        """
        scene = self._scene
        chain = _chain(scene.ids, node)
        content = next((each for each in chain if each.children), None)
        if content is None:
            return NOTHING
        if scene.settings.pattern == "reject":
            raise Dropped(Reason.UNSUPPORTED_PATTERN, f"pattern {node.attributes.get('id', '')!r}")
        relative = _attribute(chain, "patternUnits") != "userSpaceOnUse"
        inside = _attribute(chain, "patternContentUnits") == "objectBoundingBox"
        view_box = parse_view_box(_attribute(chain, "viewBox"))
        bounds: Box | None = None
        if relative or (inside and view_box is None):
            bounds = box()
            if bounds is None or bounds[2] <= bounds[0] or bounds[3] <= bounds[1]:
                return None
        source = self._source(chain, content, matrix, bounds, viewport)
        if source is None:
            return NOTHING
        self._limit(chain, source)
        with scene.entered(content):
            element = self._element(source)
        return NOTHING if element is None else scene.definitions.reference(element)

    def _source(
        self, chain: list[Node], content: Node, matrix: Matrix, box: Box | None, viewport: Viewport
    ) -> _Source | None:
        """The pattern's map and tile, None if it has no size."""
        font_size = self._scene.style_at(chain[0])["font-size"].value
        relative = _attribute(chain, "patternUnits") != "userSpaceOnUse"
        wide, high = (1.0, 1.0) if relative else viewport
        x, width = (self._length(chain, name, wide, font_size) for name in ("x", "width"))
        y, height = (self._length(chain, name, high, font_size) for name in ("y", "height"))
        if relative and box is not None:
            across, down = box[2] - box[0], box[3] - box[1]
            x, y, width, height = box[0] + x * across, box[1] + y * down, width * across, height * down
        if width <= 0 or height <= 0:
            return None
        matrix = multiply(matrix, self._transform(chain, viewport))
        # renderers agree that the content begins where the tile does
        matrix = multiply(matrix, (1.0, 0.0, 0.0, 1.0, x, y))
        text = _attribute(chain, "viewBox")
        view_box = parse_view_box(text)
        tile = (0.0, 0.0, width, height)
        inner = IDENTITY
        if view_box is not None:
            if view_box[2] <= 0 or view_box[3] <= 0:
                return None
            aspect = _attribute(chain, "preserveAspectRatio")
            # which makes no viewport: percentages still refer to the one around (SVG 2, section 8.2)
            inner = fit_view_box(view_box, 0.0, 0.0, width, height, aspect)
        elif _attribute(chain, "patternContentUnits") == "objectBoundingBox" and box is not None:
            inner, viewport = (box[2] - box[0], 0.0, 0.0, box[3] - box[1], 0.0, 0.0), Viewport(1.0, 1.0)
        matrix = multiply(matrix, inner)
        back = invert(inner)
        if back is None or determinant(matrix) == 0:
            return None
        left, top, right, bottom = map_box(back, tile)
        if max(map(abs, (*matrix, left, top, right, bottom))) > _FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_PATTERN, "a pattern too large to compute with")
        return _Source(content, matrix, (left, top, right - left, bottom - top), viewport)

    def _length(self, chain: list[Node], name: str, reference: float, font_size: float) -> float:
        node = next((node for node in chain if name in node.attributes), None)
        length = None if node is None else parse_length(node.attributes[name])
        if node is None or length is None:
            return 0.0
        value = resolve(length, reference, font_size)
        if length.exotic:
            plain_lengths(self._scene.plain, node, {name: value})
        return value

    def _limit(self, chain: list[Node], source: _Source) -> None:
        """Make tiles that are far larger than the canvas smaller in what renderers see: resvg draws all of a tile.

        Raises Dropped (UNSUPPORTED_PATTERN) where that would not be the same picture.
        """
        canvas = self._scene.settings.canvas
        x, y, width, height = source.tile
        box = map_box(source.matrix, (x, y, x + width, y + height))
        sides = (box[2] - box[0], box[3] - box[1])
        if sides[0] * sides[1] <= _LARGEST:
            return
        for name, begin, side in (("width", box[0], sides[0]), ("height", box[1], sides[1])):
            if side <= 3 * canvas:
                continue
            node = next(node for node in chain if name in node.attributes)
            length = parse_length(node.attributes[name])
            # one tile has to hold all of the canvas
            near = -canvas < begin <= 0 or (0 < begin < canvas and side > canvas)
            plain = axis_aligned(source.matrix) and source.matrix[0] > 0 and source.matrix[3] > 0
            if length is None or not near or not plain or _attribute(chain, "viewBox"):
                raise Dropped(Reason.UNSUPPORTED_PATTERN, f"a tile of {sides[0]:.4g} x {sides[1]:.4g} units")
            value = length.value * (3 * canvas) / side
            unit = "" if length.unit == "px" else length.unit
            self._scene.plain.attribute(node, name, f"{number(value, 9)}{unit}", "pattern_tile")

    def _transform(self, chain: list[Node], viewport: Viewport) -> Matrix:
        return server_matrix(chain, "patternTransform", viewport, self._scene.plain)

    def _element(self, source: _Source) -> Element | None:
        """The canonical pattern without id, None if it draws nothing."""
        large, small = singular_values(source.matrix)
        even = large - small <= min(2 / _FINE, self._scene.settings.stroke_anisotropy) * small
        # strokes and filters that an uneven scale would distort are drawn before it, not after
        if axis_aligned(source.matrix) and (even or not self._lined(source.node.children, [])):
            return self._upright(source)
        return self._turned(source, large)

    def _lined(self, nodes: list[Node], seen: list[Node]) -> bool:
        """Whether one of ``nodes`` or something in them may have a stroke or a filter."""
        for node in nodes:
            if self._scene.style_at(node)["stroke"].kind != "none" or node.declared.get("filter"):
                return True
            target = self._scene.ids.get(node.attributes.get("href", "").strip()[1:])
            if target is not None and not any(target is each for each in seen):
                seen.append(target)
                if self._lined([target], seen):
                    return True
            if self._lined(node.children, seen):
                return True
        return False

    def _upright(self, source: _Source) -> Element | None:
        """A pattern whose tile is upright on the canvas: a flip or quarter turn is baked into its content."""
        x, y, width, height = source.tile
        left, top, right, bottom = map_box(source.matrix, (x, y, x + width, y + height))
        size = self._scene.settings.canvas
        left, wide, across = _shown(left, right - left, size)
        top, high, down = _shown(top, bottom - top, size)
        grow = _grow(wide, high, size)
        sides = [wide * grow, high * grow]
        kept = _on_grid(width, height, sides)
        if kept is not None:
            sides = kept
        content = self._content(source, (sides[0] / wide, sides[1] / high), left, top, sides)
        if kept is None and any(_short(content, side, axis) for axis, side in enumerate(sides)):
            # what reaches the far side of a tile must do so on the grid, else a seam shows between tiles
            sides = [_whole(side) for side in sides]
            content = self._content(source, (sides[0] / wide, sides[1] / high), left, top, sides)
        if not content:
            return None
        texts = [number(side, _TILE_DECIMALS) for side in sides]
        scales = [wide / sides[0], high / sides[1]]
        places = []
        for place, side, text, scale in zip((across, down), sides, texts, scales, strict=True):
            # of all tiles, the first on the canvas
            nearest = round((place / scale) % side, _TILE_DECIMALS)
            places.append(number(nearest if nearest < float(text) - 0.005 else 0.0, _TILE_DECIMALS))
        # a tile that is not repeated gets a hundredth more: librsvg rounds its pixels down, be it from 255.999…
        spans = [place == "0" and text == f"{size}" for place, text in zip(places, texts, strict=True)]
        texts = [f"{size}.01" if whole else text for whole, text in zip(spans, texts, strict=True)]
        attributes = {"x": places[0], "y": places[1], "width": texts[0], "height": texts[1]}
        decimals = _decimals(min(scales))
        shown = [number(scale, decimals) for scale in scales]
        if shown != ["1", "1"]:
            attributes["patternTransform"] = f"scale({shown[0] if shown[0] == shown[1] else ' '.join(shown)})"
        return Element("pattern", {**attributes, "patternUnits": "userSpaceOnUse"}, content)

    def _turned(self, source: _Source, scale: float) -> Element | None:
        """A pattern that is turned, skewed or stretched: its content is drawn before that. ``scale``: the larger."""
        x, y, width, height = source.tile
        grow = scale * _grow(width * scale, height * scale, self._scene.settings.canvas)
        if abs(grow - 1) < 2 / _FINE:
            grow = 1.0  # content that is as fine already stays as it is, as that of canonical drawings does
        flat = source._replace(matrix=IDENTITY)
        sides, scales = [width * grow, height * grow], (grow, grow)
        content = self._content(flat, scales, x, y, sides)
        if any(_short(content, side, axis) for axis, side in enumerate(sides)):
            sides = [_whole(side) for side in sides]
            scales = (sides[0] / width, sides[1] / height)
            content = self._content(flat, scales, x, y, sides)
        if not content:
            return None
        matrix = multiply(source.matrix, (1 / scales[0], 0.0, 0.0, 1 / scales[1], x, y))
        dx = dy = 0.0
        back = invert(matrix)
        if back is not None and max(abs(matrix[4]), abs(matrix[5])) > 2 * self._scene.settings.canvas:
            # of the corners of all tiles, one near the origin
            steps = zip(apply((*back[:4], 0.0, 0.0), *matrix[4:]), sides, strict=True)
            dx, dy = apply((*matrix[:4], 0.0, 0.0), *(math.floor(at / side) * side for at, side in steps))
        decimals = _decimals(singular_values(matrix)[0])
        values = [number(value, decimals) for value in matrix[:4]]
        values += [number(matrix[4] - dx, _TILE_DECIMALS), number(matrix[5] - dy, _TILE_DECIMALS)]
        texts = [number(side, _TILE_DECIMALS) for side in sides]
        attributes = {"x": "0", "y": "0", "width": texts[0], "height": texts[1]}
        attributes |= {"patternTransform": f"matrix({' '.join(values)})", "patternUnits": "userSpaceOnUse"}
        return Element("pattern", attributes, content)

    def _content(
        self, source: _Source, scales: tuple[float, float], left: float, top: float, sides: list[float]
    ) -> list[Element]:
        """What the tile shows, in its own space: content, mapped, moved by (left, top) and scaled."""
        scene = self._scene
        matrix = multiply((scales[0], 0.0, 0.0, scales[1], -left * scales[0], -top * scales[1]), source.matrix)
        size = scene.settings.canvas
        # a unit more than the tile, since what ends with it may be rounded to end beyond it
        right, bottom = (min(math.ceil(round(side, _TILE_DECIMALS) - _SLACK) + 1, size) for side in sides)
        rect = (0, 0, right, bottom)
        # equal tiles at other places have the same content, but for the noise of their sums
        key = (id(source.node), _rounded(matrix), source.viewport, rect)
        known = self._drawn.get(key)
        if known is not None:
            return known
        canvas = Canvas((0.0, 0.0, sides[0], sides[1]), IDENTITY, rect)
        target = scene.target._replace(canvas=canvas, drawer=Drawer(canvas, scene.settings), contents={})
        place = Place(scene.style_at(source.node), matrix, source.viewport, _DEPTH)
        with scene.onto(target):
            content = scene.children(source.node, place)
        content = [element for element in content if overlaps(ink(element), (0.0, 0.0, sides[0], sides[1]))]
        self._drawn[key] = content
        return content


def _chain(ids: dict[str, Node], node: Node) -> list[Node]:
    """The pattern and those it takes attributes and content from, the nearest first."""
    chain = [node]
    while href := chain[-1].attributes.get("href", "").strip():
        target = ids.get(href[1:]) if href[:1] == "#" else None
        if target is None or target.tag != "pattern":
            break
        if any(target is seen for seen in chain):
            raise Dropped(Reason.CYCLIC_REF, f"pattern {href} refers to itself")
        chain.append(target)
    return chain


def _shown(begin: float, length: float, size: int) -> tuple[float, float, float]:
    """Where a tile begins and how long it is, of one that spans the canvas only what the canvas shows.

    And where that is on the canvas, since it may be another tile's. ``size``: the side of the canvas.
    """
    steps = math.ceil(begin / length - _SLACK) * length
    if length > size - _SLACK and begin - steps + length >= size - _SLACK:
        return steps, float(size), 0.0
    return begin, length, begin


def _grow(width: float, height: float, size: int) -> float:
    """The power of two by which a tile of this size, canvas units, is drawn larger; ``size``: of the canvas."""
    short, long = min(width, height), max(width, height)
    if short < _SMALLEST:
        raise Dropped(Reason.UNSUPPORTED_PATTERN, f"a tile of {width:.4g} x {height:.4g} units")
    grow = 1.0
    while short * grow < _FINE * (1 - _SLACK) and long * grow * 2 <= size:
        grow *= 2
    while long * grow > size + _SLACK:
        grow /= 2
    if grow * _COARSEST < 1 or short * grow < _FEWEST:
        raise Dropped(Reason.UNSUPPORTED_PATTERN, f"a tile of {width:.4g} x {height:.4g} units")
    return grow


def _on_grid(width: float, height: float, sides: list[float]) -> list[float] | None:
    """The size of a tile in its content's units where it is whole and hardly finer or coarser than ``sides``.

    Such a tile stays as it is, as do those of canonical drawings.
    """
    whole = [float(round(width)), float(round(height))]
    if abs(width - whole[0]) > _SLACK or abs(height - whole[1]) > _SLACK or min(whole) < 1:
        return None
    return whole if all(abs(a / b - 1) < 2 / _FINE for a, b in zip(sides, whole, strict=True)) else None


def _whole(side: float) -> float:
    return float(max(math.ceil(side - _SLACK), 1))


def _short(content: list[Element], side: float, axis: int) -> bool:
    """Whether something that reaches the far side of a tile may have been rounded to fall short of it."""
    edge = math.floor(side + _SLACK)
    return side - edge > _SLACK and any(edge <= ink(element)[2 + axis] < side for element in content)


def _rounded(matrix: Matrix) -> Matrix:
    a, b, c, d, e, f = (round(value, 9) for value in matrix)
    return a, b, c, d, e, f


def _decimals(scale: float) -> int:
    """How many decimals make a scale exact to less than a tenth of a canvas unit at the canvas's far end."""
    # the limits lie beside the scales that are usual, whose own rounding must not decide
    return _MATRIX_DECIMALS - min(math.floor(math.log10(scale * 1.5)), 0)


def _attribute(chain: list[Node], name: str) -> str:
    for node in chain:
        if name in node.attributes:
            return node.attributes[name].strip()
    return ""
