"""Cheap flags of what kind of picture a drawing is, from its tokens, its small picture, and what normalizing remarked.

`measure` counts what the rules for tokens ask for, `flags` names those that hold; `stages.deduplicate.shown` has the
rules for pictures. Lengths are units of the 784 canvas in which the token string is written. What lies in clip
paths, masks and patterns counts like the rest. Thresholds were chosen by looking at 6,572 ordinary files of 45 public
sets, 95,047 icons, 535 outlines of countries that potrace had traced, 53 maps, and at pictures made for the purpose:
traces by potrace and vtracer, charts by matplotlib, letters of many fonts. The rules are made to be right where they
speak, not to find everything.

``traced``
    An auto-traced bitmap. potrace puts both handles of a curve at the same share of the way to where they would meet
    (Selinger: Potrace, a polygon-based tracing algorithm, 2003, section 2.3), so the line between the control points is
    parallel to the chord. Curves that approximate circles have this, too, and so have elevated quadratic ones; thus the
    outline must also be long, made of short curves, and nearly without axis-parallel lines. vtracer gives nearly every
    path a paint of its own, and draws with nothing but curves or nothing but lines. Traces of small or simple pictures
    look like drawings by hand and are not found; lettering and strokes that became outlines of many short curves may be
    taken for traces.
``chart``
    A chart or diagram of a program: rows of equal ticks, numbers as text beside axis-parallel lines, boxes with centred
    text, tables of text, or equal marks with labels. Circuit symbols, labelled boards and frames for technical
    drawings have the same and are flagged, too. Pies, and bars or lines without axes and text, are not.
``map``
    Outlines of land: long closed polygons of tiny lines in all directions, hardly a curve, at most two paints. Traces
    into polygons with few paints are flagged, too. Maps in many colours and maps drawn with curves are not.
``glyph``
    One letter: a single path, one paint, no stroke, and no curves but quadratic ones, which TrueType fonts have and few
    icons are drawn with. Letters of fonts with cubic curves, and letters without curves, cannot be told from icons and
    are not flagged; chess pieces and clouds that are drawn with quadratic curves are.
``light_only``
    A drawing that shows nothing on white: all its paint is white or nearly so, and shows on black. It was made for a
    dark ground; ``normalize.background: auto`` lays one.
``tiny_ink``
    Hardly anything of the canvas is drawn on: a formula, a row of dots, a mark in the corner of a page.
``cut_off``
    A side of the viewBox cuts through the drawing: shapes reach clearly beyond that side, and where they cross it there
    is ink along a part of it. Pictures that fill the whole side, and shapes that reach beyond both opposite sides, like
    grounds and stripes, are not flagged, nor is what clip paths and masks confine.
``outside_style``
    A shape has a class that no rule asks for, and neither it nor its ancestors state a fill or a stroke: its look is
    in a style sheet of the page that it was taken from, and without that it is a black area. Classes of the root and
    of groups alone say nothing, since plain glyphs have these, too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from statistics import median_low
from typing import Literal

from pydantic import Field

from stages.base import Settings
from stages.reasons import Reason

FEW: int = 50
"""Segments of the longest subpath below which single segments are not measured: no rule asks for it."""

_GEOMETRY = re.compile(r"<cmd_M>[^/]*")
_PAINT = re.compile(r"[ >](?:fill|stroke)=([^ <]+)")
_TEXT = re.compile(r"<text>[^<]*=([^<]*)</text>")
_NUMERIC = re.compile(
    r"\s*(?:[-+−$€£~<>]|&lt;|&gt;)?\s*[\d.,:/×−-]*\d[\d.,]*\s*(?:%|°C?|[kKMGmµn]?(?:Hz|s|m|V|A|B)?)?\s*"
)
_LINE = re.compile(r"<line>(?:x1=([^ <]+) ?)?(?:y1=([^ <]+) ?)?(?:x2=([^ <]+) ?)?(?:y2=([^ <]+))?")
# geometry is one run of tokens an element, each with the beginning of the next token
_RULE = re.compile(r"<cmd_M><P_-?\d+><P_-?\d+><cmd_[hv]><d_-?(\d+)><(?=<|$)")
# the two below read tokens after "><d_" became a space
_END = re.compile(r" (-?\d+) (-?\d+)>|[hv] (-?\d+)>")
_CUBIC = re.compile(r"c (-?\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+)>")
_LONG_CHORD = 12  # units, |x| + |y|: of shorter curves rounding hides the direction of the handles
_LEAST_CHORDS = 20  # fewer long ones say nothing
_LONGEST_NUMBER = 32  # characters; longer ones could keep the pattern busy
_letter = itemgetter(0)


class TracedThresholds(Settings):
    """Thresholds of ``traced``, which besides asks for a drawing without strokes, gradients and text."""

    axis_share: float = Field(
        0.08, ge=0, le=1, description="of one or few paints: axis-parallel lines, at most this share of the segments"
    )
    longest: int = Field(80, ge=FEW, description="segments of the longest subpath, at least")
    cubics: int = Field(100, ge=1, description="of one or few paints: cubic curves, at least")
    few_paints: int = Field(16, ge=1, description="of one or few paints: paints, at most")
    median_length: int = Field(16, ge=1, description="of one or few paints: median segment, units, at most")
    symmetry: float = Field(
        0.97, ge=0, le=1, description="of one or few paints: curves whose control points lie as potrace's, least share"
    )
    paths: int = Field(12, ge=1, description="in many paints: paths, at least")
    paint_share: float = Field(0.6, ge=0, le=1, description="in many paints: paints for each path, at least")
    path_length: float = Field(12, ge=1, description="in many paints: segments for each path on average, at least")
    purity: float = Field(0.95, ge=0.5, le=1, description="in many paints: least share of curves, or else of lines")


class ChartThresholds(Settings):
    """Thresholds of ``chart``: any of its five signs is enough."""

    ticks: int = Field(6, ge=2, description="ticks: equal short axis-parallel lines, at least")
    rules: int = Field(10, ge=1, description="ticks: axis-parallel lines that are paths of their own, at least")
    rule_share: float = Field(0.1, ge=0, le=1, description="ticks: share of all paths that these lines make, at least")
    paths: int = Field(20, ge=1, description="ticks: paths, at least; outlined labels are paths")
    numbers: int = Field(3, ge=1, description="numbers: texts that are a number, at least")
    number_share: float = Field(0.3, ge=0, le=1, description="numbers: share of texts that are a number, at least")
    axes: int = Field(4, ge=1, description="numbers: axis-parallel lines beside them, at least")
    labels: int = Field(2, ge=1, description="boxes: centred texts, at least; they are at least half of the texts")
    boxes: int = Field(2, ge=1, description="boxes: rectangles, circles and ellipses, at least")
    box_share: float = Field(8, gt=0, description="boxes: paths and shapes for each text, at most")
    table: int = Field(12, ge=1, description="table: texts, at least, beside boxes; no more than two shapes for each")
    marks: int = Field(12, ge=2, description="marks: equal subpaths, at least")
    mark_labels: int = Field(8, ge=1, description="marks: texts beside them, at least")


class MapThresholds(Settings):
    """Thresholds of ``map``."""

    segments: int = Field(150, ge=1, description="segments, at least")
    longest: int = Field(100, ge=FEW, description="segments of the longest subpath, at least")
    median_length: int = Field(8, ge=1, description="median segment, units, at most")
    curve_share: float = Field(0.01, ge=0, le=1, description="curves, at most this share of the segments")
    axis_share: float = Field(0.88, ge=0, le=1, description="axis-parallel lines, at most this share of the segments")
    closed_share: float = Field(0.8, ge=0, le=1, description="closed subpaths, at least this share")
    paints: int = Field(2, ge=1, description="distinct paints, at most")
    texts: int = Field(5, ge=0, description="texts, at most")


class GlyphThresholds(Settings):
    """Thresholds of ``glyph``."""

    quadratics: int = Field(3, ge=1, description="quadratic curves, at least; there are no others")
    subpaths: int = Field(4, ge=1, description="subpaths, at most")
    segments: int = Field(120, ge=1, description="segments, at most")


class LightOnlyThresholds(Settings):
    """Thresholds of ``light_only``."""

    darkest: float = Field(
        0.1, ge=0, le=0.5, description="how far paints may be from white, of the channel farthest from it; 1 is black"
    )


class TinyInkThresholds(Settings):
    """Thresholds of ``tiny_ink``."""

    share: float = Field(0.01, ge=0, le=0.06, description="share of the canvas that has ink, less than this")


class CutOffThresholds(Settings):
    """Thresholds of ``cut_off``, all for the same side of the viewBox."""

    beyond: float = Field(
        0.05, gt=0, description="how far shapes that the side cuts reach beyond it, as a share of the viewBox, at least"
    )
    inked: float = Field(0.03, gt=0, le=1, description="share of the side that has ink, at least")
    filled: float = Field(0.95, gt=0, le=1, description="share of the side that has ink, at most")


class FlagThresholds(Settings):
    """When a drawing has which flag."""

    traced: TracedThresholds = Field(TracedThresholds(), description="auto-traced bitmaps")
    chart: ChartThresholds = Field(ChartThresholds(), description="charts and diagrams that a program made")
    map: MapThresholds = Field(MapThresholds(), description="outlines of land")
    glyph: GlyphThresholds = Field(GlyphThresholds(), description="single letters of TrueType fonts")
    light_only: LightOnlyThresholds = Field(LightOnlyThresholds(), description="drawings that show nothing on white")
    tiny_ink: TinyInkThresholds = Field(TinyInkThresholds(), description="drawings with hardly any ink")
    cut_off: CutOffThresholds = Field(CutOffThresholds(), description="drawings that the viewBox cuts")


class FlagRule(Settings):
    """What deduplication does with drawings that have the flag.

    Drawings of one template have the same elements with the same paints in the same order, however often each.
    """

    policy: Literal["keep", "drop", "cap"] = Field(
        "keep", description="keep: nothing; drop: they leave; cap: of each template, the first few stay"
    )
    most: int = Field(1, ge=1, description="how many drawings of one template stay under the policy cap")


class TracedRule(TracedThresholds, FlagRule):
    """``traced``: when, and what then."""


class ChartRule(ChartThresholds, FlagRule):
    """``chart``: when, and what then."""


class MapRule(MapThresholds, FlagRule):
    """``map``: when, and what then."""


class GlyphRule(GlyphThresholds, FlagRule):
    """``glyph``: when, and what then."""


class LightOnlyRule(LightOnlyThresholds, FlagRule):
    """``light_only``: when, and what then."""


class TinyInkRule(TinyInkThresholds, FlagRule):
    """``tiny_ink``: when, and what then."""


class CutOffRule(CutOffThresholds, FlagRule):
    """``cut_off``: when, and what then."""


class FlagSettings(FlagThresholds):
    """The flags of drawings, with their policies."""

    traced: TracedRule = Field(TracedRule(), description="auto-traced bitmaps")
    chart: ChartRule = Field(ChartRule(), description="charts and diagrams that a program made")
    map: MapRule = Field(MapRule(), description="outlines of land")
    glyph: GlyphRule = Field(GlyphRule(), description="single letters of TrueType fonts")
    light_only: LightOnlyRule = Field(LightOnlyRule(), description="drawings that show nothing on white")
    tiny_ink: TinyInkRule = Field(TinyInkRule(), description="drawings with hardly any ink")
    cut_off: CutOffRule = Field(CutOffRule(), description="drawings that the viewBox cuts")
    outside_style: FlagRule = Field(FlagRule(), description="drawings that lack the style sheet of their page")


@dataclass(frozen=True)
class Measures:
    """What the rules ask for. Segments are drawn commands: neither moves nor closes."""

    elements: int
    """With the root."""
    paths: int
    """Paths, polygons and polylines."""
    shapes: int
    """Rectangles, circles and ellipses."""
    subpaths: int
    closed: int
    """Subpaths that end with a close."""
    commands: dict[str, int]
    """By letter."""
    segments: int
    curves: int
    axis: int
    """Axis-parallel lines among the segments."""
    longest: int
    """Segments of the longest subpath, with its close; 0 with fewer than `FEW` segments in all."""
    median_length: int
    """Of segments, the larger of width and height, units; 0 where ``longest`` is below `FEW`."""
    symmetry: float
    """Share of long cubic curves with the chord parallel to the line between the control points, but for rounding; 0
    where there are fewer than 20 long ones or ``longest`` is below `FEW`."""
    paints: int
    """Distinct values of fill and stroke, none aside."""
    strokes: int
    """Elements with a stroke of their own."""
    gradients: int
    texts: int
    numbers: int
    """Texts that are a number, with sign and unit."""
    centred: int
    """Texts that are centred at their position."""
    rules: int
    """Axis-parallel lines that are elements of their own."""
    ticks: int
    """Paths that are one axis-parallel line of the same length, below 100 units; of the most frequent length."""
    repeats: int
    """Subpaths that are equal but for their position; of the most frequent one. 0 without text."""


DEFAULTS = FlagThresholds()

REASONS = {
    "chart": Reason.CHART,
    "cut_off": Reason.CUT_OFF,
    "glyph": Reason.GLYPH,
    "light_only": Reason.LIGHT_ONLY,
    "map": Reason.MAP,
    "outside_style": Reason.OUTSIDE_STYLE,
    "tiny_ink": Reason.TINY_INK,
    "traced": Reason.TRACED,
}
"""Why a drawing leaves where a flag's policy is drop."""


def flags(tokens: str, settings: FlagThresholds = DEFAULTS) -> tuple[str, ...]:
    """The names of those flags of a drawing, sorted, that its atomic token string alone shows."""
    m = measure(tokens)
    verdicts = (
        ("chart", _chart(m, settings.chart)),
        ("glyph", _glyph(m, settings.glyph)),
        ("map", _map(m, settings.map)),
        ("traced", _traced(m, settings.traced)),
    )
    return tuple(name for name, holds in verdicts if holds)


def measure(tokens: str) -> Measures:
    """Measure an atomic token string."""
    geometry = "".join(_GEOMETRY.findall(tokens))
    commands = Counter(map(_letter, geometry.split("<cmd_")[1:]))
    subpaths, closed = commands["M"], commands["z"]
    axis = commands["h"] + commands["v"]
    segments = commands.total() - subpaths - closed
    longest, median_length, symmetry = 0, 0, 0.0
    if segments >= FEW:
        longest = max(part.count("<cmd_") for part in geometry.split("<cmd_M>"))
    if longest >= FEW:
        plain = geometry.replace("><d_", " ")
        lengths = [abs(int(a)) if a else max(abs(int(x)), abs(int(y))) for x, y, a in _END.findall(plain)]
        median_length = median_low(lengths or [0])
        symmetry = _symmetry(plain)
    texts = _TEXT.findall(tokens) if "<text>" in tokens else []
    rules: list[str] = _RULE.findall(geometry) if axis else []
    lines = _LINE.findall(tokens) if "<line>" in tokens else []
    return Measures(
        elements=tokens.count("</"),
        paths=tokens.count("</path>") + tokens.count("</poly"),
        shapes=tokens.count("<rect>") + tokens.count("<circle>") + tokens.count("<ellipse>"),
        subpaths=subpaths,
        closed=closed,
        commands=dict(commands),
        segments=segments,
        curves=segments - axis - commands["l"],
        axis=axis,
        longest=longest,
        median_length=median_length,
        symmetry=symmetry,
        paints=len(set(_PAINT.findall(tokens)) - {"none"}),
        strokes=tokens.count("stroke=") - tokens.count("stroke=none"),
        gradients=tokens.count("</linearGradient>") + tokens.count("</radialGradient>"),
        texts=len(texts),
        numbers=sum(len(text) <= _LONGEST_NUMBER and _NUMERIC.fullmatch(text) is not None for text in texts),
        centred=tokens.count("text-anchor=middle") if texts else 0,
        rules=len(rules) + sum(x1 == x2 or y1 == y2 for x1, y1, x2, y2 in lines),
        ticks=_most([length for length in rules if len(length) <= 2]),
        repeats=_most(_bodies(geometry)) if texts else 0,
    )


def _bodies(geometry: str) -> list[str]:
    """Each subpath without its move."""
    return [part.split(">", 2)[-1].rstrip("<") for part in geometry.split("<cmd_M>")[1:]]


def _most(values: list[str]) -> int:
    return max(Counter(values).values(), default=0)


def _symmetry(plain: str) -> float:
    long = even = 0
    for handles in _CUBIC.findall(plain):
        x1, y1, x2, y2, x, y = map(int, handles)
        size = abs(x) + abs(y)
        if size >= _LONG_CHORD:
            long += 1
            even += abs((x2 - x1) * y - (y2 - y1) * x) <= size  # a control point is off by one unit at most
    return even / long if long >= _LEAST_CHORDS else 0.0


def _traced(m: Measures, rule: TracedThresholds) -> bool:
    if m.strokes or m.texts or m.gradients or m.longest < rule.longest:
        return False
    if m.axis <= rule.axis_share * m.segments and (
        m.commands.get("c", 0) >= rule.cubics
        and m.paints <= rule.few_paints
        and m.median_length <= rule.median_length
        and m.symmetry >= rule.symmetry
    ):
        return True
    curved = m.curves >= rule.purity * m.segments
    straight = m.curves <= (1 - rule.purity) * m.segments
    return (
        m.paths >= rule.paths
        and m.paints >= rule.paint_share * m.paths
        and m.segments >= rule.path_length * m.paths
        and (curved or straight)
    )


def _chart(m: Measures, rule: ChartThresholds) -> bool:
    ticks = (
        m.ticks >= rule.ticks
        and m.rules >= rule.rules
        and m.rules >= rule.rule_share * m.paths
        and m.paths >= rule.paths
        and not m.gradients
    )
    if ticks or not m.texts:
        return ticks
    numbers = m.numbers >= rule.numbers and m.numbers >= rule.number_share * m.texts and m.rules >= rule.axes
    drawn = m.paths + m.shapes
    boxes = (
        m.centred >= rule.labels
        and 2 * m.centred >= m.texts
        and m.shapes >= rule.boxes
        and drawn <= rule.box_share * m.texts
    )
    table = m.texts >= rule.table and m.shapes >= rule.boxes and drawn <= 2 * m.texts
    marks = m.repeats >= rule.marks and m.texts >= rule.mark_labels
    return numbers or boxes or table or marks


def _map(m: Measures, rule: MapThresholds) -> bool:
    return (
        m.segments >= rule.segments
        and m.longest >= rule.longest
        and m.median_length <= rule.median_length
        and m.curves <= rule.curve_share * m.segments
        and m.axis <= rule.axis_share * m.segments
        and m.closed >= rule.closed_share * m.subpaths
        and m.paints <= rule.paints
        and m.texts <= rule.texts
    )


def _glyph(m: Measures, rule: GlyphThresholds) -> bool:
    quadratics = m.commands.get("q", 0) + m.commands.get("t", 0)
    return (
        m.elements == 2
        and m.paths == 1
        and not m.strokes
        and m.paints <= 1
        and quadratics >= rule.quadratics
        and quadratics == m.curves
        and m.subpaths <= rule.subpaths
        and m.closed == m.subpaths
        and m.segments <= rule.segments
    )
