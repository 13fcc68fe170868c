"""Text as canonical elements: one ``text`` for each run where the map allows, else the outlines of its glyphs."""

from __future__ import annotations

from typing import NamedTuple

from stages.canonical import Element, number
from stages.normalize.drawing.compositing import blend, fade
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape, TooLarge
from stages.normalize.geometry.boxes import Box, exact_box, map_box, union
from stages.normalize.geometry.path_segments import Subpath, transform
from stages.normalize.geometry.quantize import snap
from stages.normalize.geometry.transforms import apply
from stages.normalize.source.tree import Node
from stages.normalize.text.characters import Layer, refuse
from stages.normalize.text.decoration import Lines, lines_of
from stages.normalize.text.respell import respell
from stages.normalize.text.typeset import Run, box, outlines, typeset
from stages.normalize.values.properties import Style

_FARTHEST = 1e9
_BLANK = " \u00a0"
_DRIFT = 0.25
"""Canvas units that a glyph may stand beside the place that the font gives it where text stays text."""

_STRETCH = 0.02
"""By how much letters may be stretched whose stroke is not."""


class _Drawn(NamedTuple):
    """What a run is drawn as, and the layers that it is part of."""

    elements: list[Element]
    layers: tuple[Layer, ...]


def draw_text(scene: Scene, node: Node, own: Style, place: Place, outlined: bool = False) -> list[Element]:
    """The elements of a ``text`` element on the canvas. ``outlined``: as paths, whatever the setting says.

    Raises Dropped (UNSUPPORTED_TEXT, and what paints raise) and TooLarge.
    """
    runs = [run for run in _visible(scene, node, own, place) if run.size > 0]
    scale = max(map(abs, place.matrix))
    # written so that what is no number is too large
    if not all(abs(value) * scale <= _FARTHEST for run in runs for value in (*box(run), run.anchored)):
        raise TooLarge
    if not runs:
        return []
    if any(run.style["stroke"].kind != "none" for run in runs) and _unscaled(node):
        raise refuse("vector-effect non-scaling-stroke")
    lines = [lines_of(run) for run in runs]
    respell(scene, node, own, place, runs, lines)
    cells = union([box(run) for run in runs])
    outlined = outlined or scene.settings.text == "outline" or not _upright(place.matrix)
    counts: dict[int, int] = {}
    for run in runs:
        counts[run.chunk] = counts.get(run.chunk, 0) + 1

    def paths(subpaths: list[Subpath], look: Look | None) -> list[Element]:
        if look is None or not subpaths:
            return []
        return scene.target.drawer.draw(Shape("path", subpaths=subpaths), place.matrix, look)

    def drawn(run: Run, beside: Lines | None) -> list[Element]:
        style = run.style
        if style["visibility"] != "visible":
            return []
        below: list[Element] = []
        above: list[Element] = []
        if beside is not None:
            for part, kept in ((beside.below, below), (beside.above, above)):
                look = scene.look(beside.style, {}, lambda: cells, place.matrix, place.viewport)
                kept += paths(part, look)
        if style["fill"].kind == "none" and style["stroke"].kind == "none":
            return below + above
        look = scene.look(style, {}, lambda: cells, place.matrix, place.viewport)
        if look is None:
            return below + above
        pen = look.stroke is not None and look.stroke.pen is not None
        if outlined or run.rotate or run.drift * scale > _DRIFT or pen:
            return below + paths(outlines(run), look) + above
        element = _element(scene, run, place, look, counts[run.chunk] == 1)
        return below + ([element] if element is not None else []) + above

    return _layered(scene, [_Drawn(drawn(run, beside), run.layers) for run, beside in zip(runs, lines, strict=True)])


def text_box(scene: Scene, node: Node, own: Style, place: Place) -> Box | None:
    """The bounding box of a text element on the canvas: of its glyphs' cells (SVG 2, section 8.10)."""
    runs = _visible(scene, node, own, place)
    if not runs:
        return None
    if all(run.rotate == 0 for run in runs):
        return map_box(place.matrix, union([box(run) for run in runs]))
    paths = [path for run in runs if (path := outlines(run))]
    return union([exact_box(transform(path, place.matrix)) for path in paths]) if paths else None


def _visible(scene: Scene, node: Node, own: Style, place: Place) -> list[Run]:
    style: Style = place.style
    for name, usual in (("writing-mode", ("horizontal-tb", "lr", "lr-tb")), ("direction", ("ltr",))):
        if style[name] not in usual:
            raise refuse(f"{name} {style[name]}")
    runs = typeset(node, style, own, place.viewport)
    for run in runs:
        if run.style["visibility"] != "visible":
            continue
        if run.style["text-shadow"] != "none":
            raise refuse(f"text-shadow {run.style['text-shadow'][:40]}")
        if abs(run.stretch - 1) > _STRETCH and run.style["stroke"].kind != "none":
            raise refuse("a stroke on letters that textLength stretches")
    return runs


def _layered(scene: Scene, drawn: list[_Drawn], depth: int = 0) -> list[Element]:
    """What runs are drawn as, those of one layer as a group of its opacity and blend mode."""
    elements: list[Element] = []
    i = 0
    while i < len(drawn):
        if len(drawn[i].layers) <= depth:
            elements += drawn[i].elements
            i += 1
            continue
        layer = drawn[i].layers[depth]
        end = i + 1
        while end < len(drawn) and len(drawn[end].layers) > depth and drawn[end].layers[depth].node is layer.node:
            end += 1
        inner = fade(_layered(scene, drawn[i:end], depth + 1), layer.opacity, scene.settings)
        elements += blend(inner, layer.blend) if layer.blend != "normal" else inner
        i = end
    return elements


def _upright(matrix: tuple[float, ...]) -> bool:
    """Whether letters stay as they are but for their size."""
    a, b, c, d = matrix[:4]
    return a > 0 and abs(b) <= 1e-6 * a and abs(c) <= 1e-6 * a and abs(a - d) <= 1e-3 * a


def _element(scene: Scene, run: Run, place: Place, look: Look, alone: bool) -> Element | None:
    settings, style = scene.settings, run.style
    # white space at either end is not shown again, so what it moves is moved here
    text = run.text.strip(_BLANK)
    if not text:
        return None
    anchor = style["text-anchor"] if alone and text == run.text else "start"
    x = run.anchored if anchor != "start" else run.x
    x += run.glyphs[len(run.text) - len(run.text.lstrip(_BLANK))].x * run.size if run.text[0] in _BLANK else 0.0
    x, y = apply(place.matrix, x, run.y)
    size = number(run.size * place.matrix[0], settings.width_decimals)
    if size == "0":
        return None
    attributes = {
        "x": str(snap(x)) if settings.decimals == 0 else number(x, settings.decimals),
        "y": str(snap(y)) if settings.decimals == 0 else number(y, settings.decimals),
        "font-family": run.face.generic,
        "font-size": size,
    }
    if run.face.bold:
        attributes["font-weight"] = "bold"
    if run.face.italic:
        attributes["font-style"] = "italic"
    if anchor != "start":
        attributes["text-anchor"] = anchor
    element = Element("text", {**attributes, **look.attributes()}, text=text)
    return element if scene.in_sight(element) else None


def _unscaled(node: Node) -> bool:
    """Whether a text or something in it has a stroke in pixels of the screen."""
    return node.declared.get("vector-effect") == "non-scaling-stroke" or any(map(_unscaled, node.children))
