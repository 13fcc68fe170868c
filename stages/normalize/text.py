"""Text as canonical elements: one ``text`` for each run where the map allows, else the outlines of its glyphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stages.canonical import Element, number
from stages.normalize.draw import Look
from stages.normalize.quantize import snap
from stages.normalize.segments import exact_box, transform, union
from stages.normalize.shapes import Shape, TooLarge
from stages.normalize.transforms import Box, apply, map_box
from stages.normalize.tree import Node
from stages.normalize.typeset import Run, box, outlines, refuse, typeset

if TYPE_CHECKING:
    from stages.normalize.structure import Place, Walker

_FARTHEST = 1e9
_BLANK = " \u00a0"
_DECORATIONS = ("none", "underline", "line-through", "overline")


def draw_text(walker: Walker, node: Node, place: Place, outlined: bool = False) -> list[Element]:
    """The elements of a ``text`` element on the canvas. ``outlined``: as paths, whatever the setting says.

    Raises Dropped (UNSUPPORTED_TEXT, and what paints raise) and TooLarge.
    """
    runs = [run for run in _visible(walker, node, place) if run.size > 0]
    scale = max(map(abs, place.matrix))
    # written so that what is no number is too large
    if not all(abs(value) * scale <= _FARTHEST for run in runs for value in (*box(run), run.anchored)):
        raise TooLarge
    drawn: list[Element] = []
    if not runs:
        return drawn
    if any(run.style["stroke"].kind != "none" for run in runs) and _unscaled(node):
        raise refuse("vector-effect non-scaling-stroke")
    cells = union([box(run) for run in runs])
    outlined = outlined or walker.settings.text == "outline" or not _upright(place.matrix)
    counts: dict[int, int] = {}
    for run in runs:
        counts[run.chunk] = counts.get(run.chunk, 0) + 1
    for run in runs:
        style = run.style
        if style["visibility"] != "visible" or (style["fill"].kind == "none" and style["stroke"].kind == "none"):
            continue
        look = walker.look(style, {}, lambda: cells, place.matrix, place.viewport)
        if look is None:
            continue
        if outlined or run.rotate or run.spaced or (look.stroke is not None and look.stroke.pen is not None):
            if style["text-decoration"] != "none":
                raise refuse(f"text-decoration {style['text-decoration']} on outlined text")
            path = outlines(run)
            if path:
                drawn += walker.drawer.draw(Shape("path", subpaths=path), place.matrix, look)
            continue
        element = _element(walker, run, place, look, counts[run.chunk] == 1)
        if element is not None:
            drawn.append(element)
    return drawn


def text_box(walker: Walker, node: Node, place: Place) -> Box | None:
    """The bounding box of a text element on the canvas: of its glyphs' cells (SVG 2, section 8.10)."""
    runs = _visible(walker, node, place)
    if not runs:
        return None
    if all(run.rotate == 0 for run in runs):
        return map_box(place.matrix, union([box(run) for run in runs]))
    paths = [path for run in runs if (path := outlines(run))]
    return union([exact_box(transform(path, place.matrix)) for path in paths]) if paths else None


def _visible(walker: Walker, node: Node, place: Place) -> list[Run]:
    style: dict[str, Any] = place.style
    for name, usual in (("writing-mode", ("horizontal-tb", "lr", "lr-tb")), ("direction", ("ltr",))):
        if style[name] not in usual:
            raise refuse(f"{name} {style[name]}")
    return typeset(node, style, place.viewport)


def _upright(matrix: tuple[float, ...]) -> bool:
    """Whether letters stay as they are but for their size."""
    a, b, c, d = matrix[:4]
    return a > 0 and abs(b) <= 1e-6 * a and abs(c) <= 1e-6 * a and abs(a - d) <= 1e-3 * a


def _element(walker: Walker, run: Run, place: Place, look: Look, alone: bool) -> Element | None:
    settings, style = walker.settings, run.style
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
    if style["text-decoration"] != "none":
        if style["text-decoration"] not in _DECORATIONS:
            raise refuse(f"text-decoration {style['text-decoration'][:40]}")
        attributes["text-decoration"] = style["text-decoration"]
    element = Element("text", {**attributes, **look.attributes()}, text=text)
    return element if walker.in_sight(element) else None


def _unscaled(node: Node) -> bool:
    """Whether a text or something in it has a stroke in pixels of the screen."""
    return node.declared.get("vector-effect") == "non-scaling-stroke" or any(map(_unscaled, node.children))
