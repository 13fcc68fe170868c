"""Setting text: which glyphs stand where (SVG 2, section 11), for horizontal text from left to right.

The fonts are those of `stages.fonts`, and HarfBuzz shapes, as the renderers do. What this does not set, and so refuses:
text on a path, vertical and right-to-left text, and characters without a glyph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from stages import fonts
from stages.normalize.drawing.glyphs import Face, Shaped, covered, extents, face_of, outline, shape
from stages.normalize.geometry.path_segments import Segment, Subpath
from stages.normalize.source.tree import Node
from stages.normalize.text.characters import Character, Layer, characters_of, refuse, spans
from stages.normalize.values.properties import Decoration, Style
from stages.normalize.values.units import Length, Viewport, parse_length, resolve

_SPACES = " \u00a0"


class Glyph(NamedTuple):
    """A glyph of the font, its origin relative to its run's, em, and the index of its character in the run's text."""

    id: int
    x: float
    y: float
    cluster: int


@dataclass
class Run:
    """Characters of one style that stand on one line without a gap. Lengths are in user units of the text element.

    ``x``, ``y``: where it begins, on its baseline. ``chunk``: the number of its text chunk; ``anchored``: where the
    chunk's anchor is. ``drift``: how far the farthest glyph stands from where the font would have it. ``stretch``: how
    much wider than the font's its glyphs are. ``line``: the font size that lines beside it have.
    """

    text: str
    style: Style
    face: Face
    size: float
    glyphs: list[Glyph]
    advance: float
    rotate: float = 0.0
    x: float = 0.0
    y: float = 0.0
    chunk: int = 0
    anchored: float = 0.0
    drift: float = 0.0
    stretch: float = 1.0
    line: float = 0.0
    layers: tuple[Layer, ...] = ()
    parts: tuple[tuple[float, float], ...] = ()
    """Where lines beside it begin and end, from its beginning."""

    @property
    def decorations(self) -> tuple[Decoration, ...]:
        """What says which lines are drawn beside it, the outermost first."""
        decorations: tuple[Decoration, ...] = self.style["text-decoration"]
        return decorations


@dataclass
class _Cell:
    """A character's place on the one line that text is before attributes move its parts.

    ``x``: where it begins; ``width``: its advance; ``stretch``: see `Run`; ``apart``: part of an element whose length
    is adjusted already, other than its first.
    """

    x: float
    width: float
    typographic: bool
    stretch: float = 1.0
    apart: bool = False
    loose: bool = False
    """Whether the characters around it are further away, or nearer, than they would be."""


class _Measure(NamedTuple):
    """Characters that are to be of a length together; whether their glyphs, too, are to be adjusted."""

    places: range
    length: Length
    glyphs: bool


class _Segment(NamedTuple):
    """Characters ``first`` to ``end`` that are shaped together."""

    first: int
    end: int
    face: Face
    size: float
    shaped: tuple[Shaped, ...]


def typeset(node: Node, style: Style, own: Style, viewport: Viewport) -> list[Run]:
    """The runs of a ``text`` element with the computed ``style``, in order. Raises Dropped (UNSUPPORTED_TEXT)."""
    characters = characters_of(node, style, own, viewport)
    if not characters:
        return []
    adjusted = _adjusted(node)
    held = spans(node, characters) if adjusted else {}
    lengths = [_Measure(held[id(each)], length, glyphs) for each, length, glyphs in adjusted if id(each) in held]
    bounds = {edge for each in lengths for edge in (each.places.start, each.places.stop)}
    segments = list(_segments(characters, bounds))
    cells = _cells(characters, segments)
    for places, length, glyphs in lengths:
        size = characters[places[0]].style["font-size"].value
        _adjust(cells, places, resolve(length, viewport.width, size), glyphs)
    return _runs(characters, segments, cells)


def _segments(characters: list[Character], bounds: set[int]) -> Iterator[_Segment]:
    """Parts of one style that attributes put in one place. Letters are kerned and tied across parts of one font."""
    i = 0
    while i < len(characters):
        head = characters[i]
        face = _face(head)
        font = _used_size(head.style, face) * head.scale, _features(head.style)
        end = i + 1
        while end < len(characters):
            other = characters[end]
            if "x" in other.at or "y" in other.at or (_face(other) != face and other.text not in _SPACES):
                break
            if (other.style is not head.style or other.scale != head.scale) and (
                _used_size(other.style, face) * other.scale,
                _features(other.style),
            ) != font:
                break
            end += 1
        size, features = font
        shaped = shape("".join(c.text for c in characters[i:end]), face, *features)
        begins = {i + glyph.cluster for glyph in shaped}
        first = i
        for at in range(i + 1, end + 1):
            if at == end or (at in begins and (at in bounds or _parted(characters[at - 1], characters[at]))):
                held = [g._replace(cluster=g.cluster + i - first) for g in shaped if first <= i + g.cluster < at]
                yield _Segment(first, at, face, size, tuple(held))
                first = at
        i = end


def _parted(before: Character, after: Character) -> bool:
    """Whether two neighbours cannot be in one run."""
    return (
        before.style is not after.style
        or before.shift != after.shift
        or before.layers != after.layers
        or before.at.get("rotate", 0.0) != 0
        or after.at.get("rotate", 0.0) != 0
        or bool(after.at.keys() - {"rotate"})
    )


def _used_size(style: Style, face: Face) -> float:
    """The size at which glyphs are drawn (CSS Fonts 4, section 5.6)."""
    size: float = style["font-size"].value
    metric, ratio = style["font-size-adjust"]
    if ratio is None:
        return size
    if metric not in ("ex-height", "cap-height"):
        raise refuse(f"font-size-adjust {metric}")
    font = extents(face)
    return float(size * ratio / (font.x_height if metric == "ex-height" else font.cap_height))


def _cells(characters: list[Character], segments: list[_Segment]) -> list[_Cell]:
    cells: list[_Cell] = []
    x = 0.0
    for segment in segments:
        style = characters[segment.first].style
        size = style["font-size"].value
        letter, word = (_spacing(style[name], size) for name in ("letter-spacing", "word-spacing"))
        count = segment.end - segment.first
        widths, shown = [0.0] * count, [False] * count
        for glyph in segment.shaped:
            if not shown[glyph.cluster]:
                shown[glyph.cluster] = True
                space = characters[segment.first + glyph.cluster].text in _SPACES
                widths[glyph.cluster] += letter + (word if space else 0.0)
            widths[glyph.cluster] += glyph.advance * segment.size
        for i in range(count):
            x += characters[segment.first + i].at.get("dx", 0.0)
            cells.append(_Cell(x, widths[i], shown[i]))
            x += widths[i]
    return cells


def _adjusted(node: Node) -> list[tuple[Node, Length, bool]]:
    """The elements that say how long they are, the innermost first; whether glyphs, too, are to be adjusted."""
    adjusted: list[tuple[Node, Length, bool]] = []
    for child in node.children:
        if child.tag in ("tspan", "a"):
            adjusted += _adjusted(child)
    if "textLength" in node.attributes and node.tag != "a":
        length = parse_length(node.attributes["textLength"])
        if length is not None and length.value > 0:
            adjusted.append((node, length, node.attributes.get("lengthAdjust", "").strip() == "spacingAndGlyphs"))
    return adjusted


def _adjust(cells: list[_Cell], places: range, length: float, glyphs: bool) -> None:
    """Make characters take up ``length`` in all (SVG 2, section 11.5, "resolve text length"), as browsers do.

    What follows moves on. An element within, whose own length was resolved, counts as one character.
    """
    low = min(cells[i].x for i in places)
    natural = max(cells[i].x + cells[i].width for i in places) - low
    parts = [i for i in places if cells[i].typographic and not cells[i].apart]
    moved = 0.0
    if glyphs and natural > 0:
        factor = length / natural
        for i in places:
            cell = cells[i]
            cell.x = low + (cell.x - low) * factor
            cell.width, cell.stretch = cell.width * factor, cell.stretch * factor
        moved = length - natural
    elif not glyphs and len(parts) > 1:
        step = (length - natural) / (len(parts) - 1)
        for i in places:
            cells[i].x += moved
            cells[i].loose = True
            if cells[i].typographic and not cells[i].apart:
                moved += step
    for cell in cells[places.stop :]:
        cell.x += moved
    for i in places[1:]:
        cells[i].apart = True


def _runs(characters: list[Character], segments: list[_Segment], cells: list[_Cell]) -> list[Run]:
    """Set runs one after the other, chunk by chunk."""
    runs: list[Run] = []
    right = y = 0.0
    across = 0.0  # from the one line to where the chunk is
    chunk, first, start = 0, 0, 0.0

    def anchor(end: float) -> None:
        """Move the chunk's runs to where its anchor says."""
        if first == len(runs):
            return
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[runs[first].style["text-anchor"]]
        for run in runs[first:]:
            run.anchored = start
            run.x -= (end - start) * share

    for segment in segments:
        head, cell = characters[segment.first], cells[segment.first]
        at = head.at
        dx = at.get("dx", 0.0)
        if segment.first == 0 or "x" in at or "y" in at:
            anchor(right)
            chunk, first = chunk + 1, len(runs)
            if "x" in at or segment.first == 0:
                across = at.get("x", 0.0) + dx - cell.x
            y = at.get("y", y)
            start = cell.x + across
        y += at.get("dy", 0.0)
        run = _run(characters, segment, cells)
        run.x, run.y, run.chunk, run.rotate = cell.x + across, y - head.shift, chunk, at.get("rotate", 0.0)
        runs.append(run)
        right = run.x + run.advance
    anchor(right)
    return runs


def _run(characters: list[Character], segment: _Segment, cells: list[_Cell]) -> Run:
    head, size = characters[segment.first], segment.size
    text = "".join(c.text for c in characters[segment.first : segment.end])
    begin, last = cells[segment.first], cells[segment.end - 1]
    stretch = begin.stretch
    glyphs: list[Glyph] = []
    drift = natural = within = 0.0
    cluster = -1
    usual = shape(text, segment.face)
    for glyph in segment.shaped:
        within = within if glyph.cluster == cluster else 0.0  # advance of the cluster's glyphs so far
        cluster = glyph.cluster
        x = cells[segment.first + cluster].x - begin.x + within * stretch * size
        drift = max(drift, abs(x - natural * size), abs(stretch - 1) * glyph.advance * size)
        glyphs.append(Glyph(glyph.id, (x / size if size else 0.0) + glyph.dx * stretch, -glyph.dy, cluster))
        within += glyph.advance
        natural += glyph.advance
    if usual is not segment.shaped:
        drift = max(drift, _apart(segment.shaped, usual) * size)
    drift = drift if drift > 1e-6 * size else 0.0
    advance = last.x + last.width - begin.x
    style = head.style
    parts: tuple[tuple[float, float], ...] = ((0.0, advance),)
    if begin.loose:
        held = [cell for cell in cells[segment.first : segment.end] if cell.typographic]
        parts = tuple((cell.x - begin.x, cell.x + cell.width - begin.x) for cell in held)
    return Run(
        text,
        style,
        segment.face,
        size,
        glyphs,
        advance,
        drift=drift,
        stretch=stretch,
        line=_used_size(style, face_of(style)),
        layers=head.layers,
        parts=parts,
    )


def _face(character: Character) -> Face:
    """The font that a character is set in: its style's, or the first of the others that has a glyph for it."""
    wanted = face_of(character.style)
    for name in (wanted.generic, *(other for other in fonts.FAMILIES if other != wanted.generic)):
        face = wanted._replace(generic=name)
        if character.text in covered(face):
            return face
    raise refuse(f"no glyph for U+{ord(character.text):04X}")


def _features(style: Style) -> tuple[bool, bool]:
    """Whether pairs are kerned and letters tied (CSS Fonts 4, section 7.1; CSS Text 4, section 8.2)."""
    off = style["font-feature-settings"]
    letter = style["letter-spacing"]
    tied = style["font-variant-ligatures"] != "none" and (letter is None or letter.value == 0)
    return style["font-kerning"] != "none" and "kern" not in off, tied and "liga" not in off


def _apart(given: tuple[Shaped, ...], usual: tuple[Shaped, ...]) -> float:
    """How far glyphs stand from their usual places, em; all of it if they are others."""
    if len(given) != len(usual):
        return sum(glyph.advance for glyph in given)
    far = x = u = 0.0
    for one, other in zip(given, usual, strict=True):
        far = max(far, abs(x - u))
        x, u = x + one.advance, u + other.advance
    return far


def _spacing(length: Length | None, size: float) -> float:
    return 0.0 if length is None else resolve(length, size, size)


def box(run: Run) -> tuple[float, float, float, float]:
    """The run's glyph cells in user units: left, top, right, bottom."""
    font = extents(run.face)
    return run.x, run.y - font.ascent * run.size, run.x + run.advance, run.y + font.descent * run.size


def turned(run: Run, subpaths: list[Subpath]) -> list[Subpath]:
    """Paths beside the run's origin, user units, where the run stands, turned as it is."""
    turn = math.radians(run.rotate)
    cos, sin = math.cos(turn), math.sin(turn)

    def place(x: float, y: float) -> tuple[float, float]:
        return run.x + x * cos - y * sin, run.y + x * sin + y * cos

    turned_paths = []
    for sub in subpaths:
        segments: list[Segment] = [
            (seg[0], *(value for pair in zip(seg[1::2], seg[2::2], strict=True) for value in place(*pair)))
            for seg in sub.segments
        ]
        turned_paths.append(Subpath(*place(sub.x, sub.y), segments, True))
    return turned_paths


def contours(run: Run) -> list[Subpath]:
    """The glyphs' outlines beside the run's origin, user units."""
    size, wide = run.size, run.size * run.stretch
    paths = []
    for glyph in run.glyphs:
        x, y = glyph.x * size, glyph.y * size
        for sub in outline(run.face, glyph.id):
            segments: list[Segment] = [
                (seg[0], *(v for u, w in zip(seg[1::2], seg[2::2], strict=True) for v in (x + u * wide, y + w * size)))
                for seg in sub.segments
            ]
            paths.append(Subpath(x + sub.x * wide, y + sub.y * size, segments, True))
    return paths


def outlines(run: Run) -> list[Subpath]:
    """The glyphs as a path in user units, turned where the text says so."""
    return turned(run, contours(run))
