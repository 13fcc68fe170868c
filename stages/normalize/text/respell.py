"""Text made plain for the judges: every run where it stands, with all that its style says.

Renderers lack much of what styles say of text, each another part of it. Where that matters, the source's text element
holds one ``tspan`` for each run instead, and beside it stand paths for what no ``tspan`` can say: lines as browsers
draw them, letters that are stretched, and parts that are faint as a whole. The judges still set and paint the letters.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from stages.canonical import SVG_NS, number
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.geometry.path_segments import Subpath
from stages.normalize.geometry.transforms import IDENTITY, Matrix
from stages.normalize.source.tree import Node
from stages.normalize.text.characters import refuse
from stages.normalize.text.decoration import Lines
from stages.normalize.text.typeset import Run, outlines
from stages.normalize.values.properties import Paint, Style
from stages.normalize.values.units import Length

_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_BLANK = " \u00a0"
_WHITE = re.compile(r"^\s|\s$|\s\s|[\n\t\r]")
_POSITIONS = ("x", "y", "dx", "dy", "rotate", "textLength", "lengthAdjust", _SPACE)
_CONDITIONS = ("requiredFeatures", "requiredExtensions", "systemLanguage")
_PAINTED = (
    "fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-linecap", "stroke-linejoin",
    "stroke-miterlimit", "stroke-dasharray", "stroke-dashoffset", "paint-order",
)  # fmt: skip
_RESET = {
    "letter-spacing": "0",
    "word-spacing": "0",
    "text-anchor": "start",
    "baseline-shift": "baseline",
    "dominant-baseline": "auto",
    "alignment-baseline": "auto",
    "text-decoration": "none",
    "text-transform": "none",
    "font-variant": "normal",
    "white-space": "normal",
}
_EFFECTS = {"opacity": "1", "mix-blend-mode": "normal", "filter": "none", "clip-path": "none", "mask": "none"}


def respell(scene: Scene, node: Node, own: Style, place: Place, runs: list[Run], lines: list[Lines | None]) -> None:
    """Make a text element plain if the renderers lack something that it says. Raises Dropped."""
    if scene.plain.dry:
        return
    reasons = _lacking(node, own, runs, lines)
    if not reasons:
        return
    spelled = [_Spelled(run, beside) for run, beside in zip(runs, lines, strict=True)]
    apart = any(each.below or each.above or each.apart for each in spelled)
    if apart and _within(node, "clipPath"):
        raise refuse(f"{min(reasons)} in a clip path")
    if apart and len(runs) > 1 and any(_boxed(scene, run.style[name]) for run in runs for name in ("fill", "stroke")):
        raise refuse(f"{min(reasons)} of text with a gradient or pattern of its box")
    matrix = scene.local_transform(node, own, place) if apart else IDENTITY
    value = "".join(each.key for each in spelled)
    for why in sorted(reasons):
        scene.plain.later(node, value, why, lambda: _spell(node, own, matrix, spelled, apart))


def _spell(node: Node, own: Style, matrix: Matrix, spelled: list[_Spelled], apart: bool) -> None:
    text = node.source
    for child in list(text):
        text.remove(child)
    text.text = None
    for name in _POSITIONS:
        text.attrib.pop(name, None)
    text.set("style", _joined(text.get("style", ""), _RESET))
    for each in spelled:
        if not each.apart:
            each.into(text)
    if apart:
        _beside(text, own, matrix, spelled)


def _lacking(node: Node, own: Style, runs: list[Run], lines: list[Lines | None]) -> set[str]:
    """What the element says that the renderers lack, all or one of those that could judge it."""
    reasons: set[str] = set()
    relative = _relative(node)
    if any(lines):
        reasons.add("text_decoration")
    for run in runs:
        style = run.style
        if style["text-transform"] != "none" or style["font-variant-caps"] != "normal":
            reasons.add("text_case")
        if run.layers:
            reasons.add("text_opacity")
        if run.stretch != 1:
            reasons.add("text_length")
        if run.drift and (relative or style["text-anchor"] != "start"):
            reasons.add("text_spacing")
        if style["font-kerning"] == "none" or style["font-feature-settings"]:
            reasons.add("font_features")
        if style["font-style"] == "oblique by an angle":
            reasons.add("font_style")
        if style["font-size-adjust"][1] is not None:
            reasons.add("font_size_adjust")
    for element, outer in _elements(node, _kept_outside(node)):
        attributes, declared = element.attributes, element.declared
        shift = declared.get("baseline-shift")
        if shift not in (None, "baseline") or "alignment-baseline" in declared:
            reasons.add("text_baseline")
        if "textLength" in attributes and not _simple(element, node, runs):
            reasons.add("text_length")
        kept = attributes[_SPACE].strip() == "preserve" if _SPACE in attributes else outer
        if _white(element) and kept != (_collapses(element, node) in ("pre", "pre-wrap", "break-spaces")):
            reasons.add("white_space")
    return reasons


def _simple(element: Node, node: Node, runs: list[Run]) -> bool:
    """Whether a length that text is adjusted to is all that moves its letters, which one of the renderers can do."""
    moved = any(len(element.attributes.get(name, "").replace(",", " ").split()) > 1 for name in ("x", "y"))
    moved = moved or any(name in element.attributes for name in ("dx", "dy", "rotate"))
    spaced = any(run.style[name] is not None for run in runs for name in ("letter-spacing", "word-spacing"))
    return element is node and not node.children and not moved and not spaced


def _relative(node: Node) -> bool:
    """Whether spacing around or within a text element is not said in pixels."""
    around: list[Node] = [node]
    while (outer := around[-1].parent) is not None:
        around.append(outer)
    within = [element for element, _ in _elements(node, False)]
    values = [each.declared.get(name) for each in around + within for name in ("letter-spacing", "word-spacing")]
    return any(isinstance(value, Length) and value.unit != "px" for value in values)


def _elements(node: Node, kept: bool) -> list[tuple[Node, bool]]:
    """The element and those within, each with what ``xml:space`` is around it to a renderer that lets it inherit."""
    elements = [(node, kept)]
    inner = node.attributes[_SPACE].strip() == "preserve" if _SPACE in node.attributes else kept
    for child in node.children:
        if child.tag in ("tspan", "a"):
            elements += _elements(child, inner)
    return elements


def _kept_outside(node: Node) -> bool:
    at = node.parent
    while at is not None:
        if _SPACE in at.attributes:
            return at.attributes[_SPACE].strip() == "preserve"
        at = at.parent
    return False


def _white(element: Node) -> bool:
    """Whether an element holds white space that could collapse."""
    texts = [element.source.text, *(child.tail for child in element.source)]
    return any(_WHITE.search(text) for text in texts if text)


def _collapses(element: Node, root: Node) -> str:
    at: Node | None = element
    while at is not None:
        value = at.declared.get("white-space")
        if isinstance(value, str):
            return value
        at = at.parent
    return "normal"


def _within(node: Node, tag: str) -> bool:
    at = node.parent
    while at is not None:
        if at.tag == tag:
            return True
        at = at.parent
    return False


def _boxed(scene: Scene, paint: Paint) -> bool:
    """Whether a paint refers to something whose units are the box of what it paints."""
    target = scene.ids.get(paint.ref) if paint.kind == "url" else None
    units = "patternUnits" if target is not None and target.tag == "pattern" else "gradientUnits"
    return target is not None and target.attributes.get(units, "").strip() != "userSpaceOnUse"


class _Spelled:
    """A run as elements of the source. ``apart``: its letters are no ``tspan`` but a path."""

    def __init__(self, run: Run, beside: Lines | None) -> None:
        self.run = run
        shown = run.style["visibility"] == "visible"
        self.apart = run.stretch != 1 or bool(run.layers)
        self.below: list[dict[str, str]] = []
        self.above: list[dict[str, str]] = []
        if beside is not None and beside.below:
            self.below.append(_path(beside.below, beside.style, run))
        if self.apart and shown:
            path = outlines(run)
            if path:
                self.above.append(_path(path, run.style, run))
        if beside is not None and beside.above:
            self.above.append(_path(beside.above, beside.style, run))
        self.spans = [] if self.apart else _tspans(run)

    @property
    def key(self) -> str:
        """All of it as one string, to compare."""
        return repr((self.below, self.spans, self.above))

    def into(self, text: etree._Element) -> None:
        for content, attributes in self.spans:
            etree.SubElement(text, f"{{{SVG_NS}}}tspan", attributes).text = content


def _tspans(run: Run) -> list[tuple[str, dict[str, str]]]:
    """Texts and attributes: one ``tspan`` if the glyphs stand as the font has them, else one for each."""
    style = {
        **_paint(run.style),
        "visibility": run.style["visibility"],
        "font-family": run.face.generic,
        "font-size": f"{run.size:.6g}px",
        "font-weight": "bold" if run.face.bold else "normal",
        "font-style": "italic" if run.face.italic else "normal",
        **_RESET,
    }
    shared = {"style": _joined("", style)}
    if run.rotate:
        shared["rotate"] = f"{run.rotate:.6g}"
    if run.drift < 1e-3 * run.size:
        parts = [(run.text, 0.0)]
    else:
        starts = sorted({glyph.cluster: glyph.x for glyph in reversed(run.glyphs)}.items())
        ends = [*(cluster for cluster, _ in starts[1:]), len(run.text)]
        parts = [(run.text[a:b], x * run.size) for (a, x), b in zip(starts, ends, strict=True)]
    spans = []
    for text, x in parts:
        blank = len(text) - len(text.lstrip(_BLANK))
        shown = text.strip(_BLANK)
        if blank and shown:
            x = run.glyphs[blank].x * run.size
        if shown:
            at = {"x": f"{run.x + x:.6g}", "y": f"{run.y:.6g}"}
            spans.append((shown, {**at, **shared}))
    return spans


def _path(subpaths: list[Subpath], style: Style, run: Run) -> dict[str, str]:
    properties = _paint(style)
    opacity = 1.0
    for layer in run.layers:
        opacity *= layer.opacity
        if layer.blend != "normal":
            properties["mix-blend-mode"] = layer.blend
    properties["opacity"] = f"{opacity:.6g}"
    data = []
    for sub in subpaths:
        data.append(f"M{sub.x:.6g} {sub.y:.6g}")
        data += [f"{seg[0]}{' '.join(f'{value:.6g}' for value in seg[1:])}" for seg in sub.segments]
        data.append("Z")
    return {"d": "".join(data), "style": _joined("", properties)}


def _paint(style: Style) -> dict[str, str]:
    return {name: _css(style[name], style) for name in _PAINTED}


def _css(value: Any, style: Style) -> str:
    """A computed value as CSS."""
    if isinstance(value, Paint):
        if value.kind == "current":
            return _css(style["color"], style)
        if value.kind == "color" and value.color is not None:
            red, green, blue, alpha = value.color
            return f"rgba({red},{green},{blue},{number(alpha, 4)})"
        if value.kind == "url":
            return f"url(#{value.ref})" + (f" {_css(value.fallback, style)}" if value.fallback else "")
        return f"context-{value.ref}" if value.kind == "context" else "none"
    if isinstance(value, Length):
        return f"{value.value:.6g}{'px' if value.unit == 'px' else '%'}"
    if isinstance(value, tuple):
        return " ".join(_css(each, style) for each in value) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _joined(before: str, properties: dict[str, str]) -> str:
    parts = [before.strip().rstrip(";")] if before.strip() else []
    return ";".join([*parts, *(f"{name}:{value} !important" for name, value in properties.items())])


def _beside(text: etree._Element, own: Style, matrix: Matrix, spelled: list[_Spelled]) -> None:
    """Put a group in the text's place, with its transform and effects, that holds the text and the paths beside it."""
    parent = text.getparent()
    if parent is None:
        return
    group = etree.Element(f"{{{SVG_NS}}}g")
    for name in ("id", *_CONDITIONS):
        if name in text.attrib:
            group.set(name, text.attrib.pop(name))
    text.attrib.pop("transform", None)
    group.set("transform", f"matrix({' '.join(f'{value:.9g}' for value in matrix)})")
    effects = {name: own[name] for name in _EFFECTS if own.get(name) not in (None, "")}
    values = {
        name: f"url(#{value})" if name in ("clip-path", "mask") else f"{value:.6g}" if name == "opacity" else str(value)
        for name, value in effects.items()
    }
    if values:
        group.set("style", _joined("", values))
    text.set("style", _joined(text.get("style", ""), {**_EFFECTS, "transform": "none"}))
    group.tail, text.tail = text.tail, None
    parent.replace(text, group)
    for each in spelled:
        for attributes in each.below:
            etree.SubElement(group, f"{{{SVG_NS}}}path", attributes)
    group.append(text)
    for each in spelled:
        for attributes in each.above:
            etree.SubElement(group, f"{{{SVG_NS}}}path", attributes)
