"""Setting text: which glyphs stand where (SVG 2, section 11), for horizontal text from left to right.

The fonts are those of `stages.fonts`, and HarfBuzz shapes, as the renderers do. What this does not set, and so refuses:
text on a path, vertical and right-to-left text, adjusted lengths, small capitals, and characters without a glyph.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple

from stages import fonts
from stages.base import Dropped
from stages.normalize.properties import compute
from stages.normalize.segments import Segment, Subpath
from stages.normalize.tree import Node
from stages.normalize.units import Length, Viewport, parse_length, resolve
from stages.reasons import Reason

_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_UNSET = frozenset(("textPath", "tref", "altGlyph"))
_LISTS = ("x", "y", "dx", "dy", "rotate")
_MOST = 20_000
_BIDI = frozenset("\u061c\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
"""Controls that may turn what follows round; marks that say left to right, and ends, do nothing here."""


class Face(NamedTuple):
    """One of the fonts: generic family and style."""

    generic: str
    bold: bool
    italic: bool


class Glyph(NamedTuple):
    """A glyph of the font and its origin relative to its run's, em."""

    id: int
    x: float
    y: float


@dataclass
class Run:
    """Characters of one style that stand on one line without a gap. Lengths are in user units of the text element.

    ``x``, ``y``: where it begins, on its baseline. ``chunk``: the number of its text chunk; ``anchored``: where the
    chunk's anchor is. ``spaced``: whether its glyphs are further apart than the font says.
    """

    text: str
    style: dict[str, Any]
    face: Face
    size: float
    glyphs: list[Glyph]
    advance: float
    rotate: float = 0.0
    x: float = 0.0
    y: float = 0.0
    chunk: int = 0
    anchored: float = 0.0
    spaced: bool = False


@dataclass
class _Character:
    text: str
    style: dict[str, Any]
    owner: Node
    at: dict[str, float] = field(default_factory=dict)
    shift: float = 0.0


def refuse(detail: str) -> Dropped:
    """The exception for text that cannot be set."""
    return Dropped(Reason.UNSUPPORTED_TEXT, detail)


def typeset(node: Node, style: dict[str, Any], viewport: Viewport) -> list[Run]:
    """The runs of a ``text`` element with the computed ``style``, in order. Raises Dropped (UNSUPPORTED_TEXT)."""
    characters: list[_Character] = []
    _collect(node, style, viewport, characters, 0.0, root=True)
    characters = _collapse(characters, _preserved(node))
    _place(node, characters, viewport)
    return _runs(characters)


def _collect(
    node: Node, style: dict[str, Any], viewport: Viewport, out: list[_Character], shift: float, root: bool = False
) -> None:
    """The characters of an element, in order, with their styles."""
    if not root:
        style, own = compute(style, node.declared)
        if own.get("display") == "none":
            return
        shift += _baseline_shift(own, style)
    if "textLength" in node.attributes and parse_length(node.attributes["textLength"]) is not None:
        raise refuse("textLength")
    own_shift = shift + _dominant(style)
    out += [_Character(c, style, node, shift=own_shift) for c in node.source.text or ""]
    for child in node.children:
        if child.tag in _UNSET:
            raise refuse(f"a {child.tag} element")
        if child.tag in ("tspan", "a"):
            _collect(child, style, viewport, out, shift)
        out += [_Character(c, style, node, shift=own_shift) for c in child.source.tail or ""]
        if len(out) > _MOST:
            raise Dropped(Reason.TOO_COMPLEX, f"over {_MOST} characters of text")


def _preserved(node: Node) -> bool:
    """Whether white space stays (``xml:space``), as it is on the text element."""
    at: Node | None = node
    while at is not None:
        if _SPACE in at.attributes:
            return at.attributes[_SPACE].strip() == "preserve"
        at = at.parent
    return False


def _collapse(characters: list[_Character], preserved: bool) -> list[_Character]:
    """Without the white space that is not shown."""
    kept: list[_Character] = []
    for character in characters:
        white = character.style["white-space"]
        keep = (preserved and white == "normal") or white in ("pre", "pre-wrap", "break-spaces")
        if character.text in "\n\t\r ":
            if character.text == "\n" and white in ("pre", "pre-wrap", "pre-line"):
                raise refuse("line breaks in preserved white space")
            character.text = "\u00a0" if keep else " "
            if not keep and (not kept or kept[-1].text in " \u00a0"):
                continue
        elif character.text in _BIDI:
            raise refuse(f"the bidi control U+{ord(character.text):04X}")
        elif unicodedata.category(character.text) in ("Cc", "Cf"):
            continue
        kept.append(character)
    while kept and kept[-1].text == " ":
        kept.pop()
    return kept


def _place(node: Node, characters: list[_Character], viewport: Viewport) -> None:
    """Give characters the positions that attributes of their elements say; inner elements go first."""
    index = {id(character): i for i, character in enumerate(characters)}
    owned: dict[int, list[int]] = {}
    for character in characters:
        at: Node | None = character.owner
        while at is not None:
            owned.setdefault(id(at), []).append(index[id(character)])
            if at is node:
                break
            at = at.parent

    def apply(element: Node) -> None:
        places = owned.get(id(element), [])
        for name in _LISTS:
            text = element.attributes.get(name)
            if text is None or not places:
                continue
            size = characters[places[0]].style["font-size"].value
            reference = viewport.height if name in ("y", "dy") else viewport.width
            lengths = [parse_length(piece) for piece in text.replace(",", " ").split()]
            if any(length is None for length in lengths):
                continue
            values = [resolve(length, reference, size) for length in lengths if length is not None]
            if name == "rotate" and values:
                values += [values[-1]] * (len(places) - len(values))
            for i, value in zip(places, values, strict=False):
                characters[i].at[name] = value
        for child in element.children:
            apply(child)

    apply(node)


def _runs(characters: list[_Character]) -> list[Run]:
    """Shape runs and set them one after the other, chunk by chunk."""
    runs: list[Run] = []
    x = y = 0.0
    chunk, first, start = 0, 0, 0.0

    def anchor(end: float) -> None:
        """Move the chunk's runs to where its anchor says."""
        if first == len(runs):
            return
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[runs[first].style["text-anchor"]]
        for run in runs[first:]:
            run.anchored = start
            run.x -= (end - start) * share

    i = 0
    while i < len(characters):
        head = characters[i]
        at = head.at
        if i == 0 or "x" in at or "y" in at:
            anchor(x)
            chunk, first = chunk + 1, len(runs)
            x, y = at.get("x", x), at.get("y", y)
            start = x + at.get("dx", 0.0)
        x, y = x + at.get("dx", 0.0), y + at.get("dy", 0.0)
        face = _face(head)
        end = i + 1
        while (
            end < len(characters)
            and characters[end].style is head.style
            and characters[end].shift == head.shift
            and not (characters[end].at.keys() - {"rotate"})
            and not at.get("rotate")
            and not characters[end].at.get("rotate")
            and (_face(characters[end]) == face or characters[end].text in " \u00a0")
        ):
            end += 1
        run = _shape("".join(c.text for c in characters[i:end]), head.style, face)
        run.x, run.y, run.chunk, run.rotate = x, y - head.shift, chunk, at.get("rotate", 0.0)
        runs.append(run)
        x += run.advance
        i = end
    anchor(x)
    return runs


def _face(character: _Character) -> Face:
    """The font that a character is set in: its style's, or the first of the others that has a glyph for it."""
    style = character.style
    weight = style["font-weight"]
    bold, italic = weight >= 600, style["font-style"] != "normal"
    generic = fonts.family_of(style["font-family"]) if style["font-family"] is not None else fonts.INITIAL
    for name in (generic, *(other for other in fonts.FAMILIES if other != generic)):
        face = Face(name, bold, italic)
        if character.text in covered(face):
            return face
    raise refuse(f"no glyph for U+{ord(character.text):04X}")


@cache
def _font(face: Face) -> Any:
    import uharfbuzz

    return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(fonts.path(*face)))))


@cache
def covered(face: Face) -> frozenset[str]:
    """The characters that a font has glyphs for."""
    return frozenset(map(chr, _font(face).face.unicodes))


def _shape(text: str, style: dict[str, Any], face: Face) -> Run:
    size = style["font-size"].value
    letter, word = (_spacing(style[name], size) for name in ("letter-spacing", "word-spacing"))
    shaped = _shaped(text, face, letter != 0)
    glyphs, x = [], 0.0
    for glyph, advance, dx, dy, cluster in shaped:
        glyphs.append(Glyph(glyph, x + dx, -dy))
        x += advance
        if size:
            x += (letter + (word if text[cluster] in " \u00a0" else 0.0)) / size
    spaced = letter != 0 or (word != 0 and any(c in " \u00a0" for c in text))
    return Run(text, style, face, size, glyphs, x * size, spaced=spaced)


@lru_cache(maxsize=4096)
def _shaped(text: str, face: Face, apart: bool) -> tuple[tuple[int, float, float, float, int], ...]:
    """Glyph, advance and offsets (em), and the index of its character. ``apart``: no ligatures."""
    import uharfbuzz

    font = _font(face)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.direction, buffer.script, buffer.language = "ltr", "Latn", "en"
    uharfbuzz.shape(font, buffer, {"liga": not apart, "clig": not apart, "kern": True})
    em = font.face.upem
    return tuple(
        (info.codepoint, place.x_advance / em, place.x_offset / em, place.y_offset / em, info.cluster)
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    )


def _spacing(length: Length | None, size: float) -> float:
    return 0.0 if length is None else resolve(length, size, size)


@cache
def _extents(face: Face) -> tuple[float, float, float]:
    """Ascent, descent and height of x, em, positive."""
    import uharfbuzz

    font = _font(face)
    extents, em = font.get_font_extents("ltr"), font.face.upem
    x_height = font.get_metric_position_with_fallback(uharfbuzz.OTMetricsTag.X_HEIGHT)
    return extents.ascender / em, -extents.descender / em, x_height / em


def _style_face(style: dict[str, Any]) -> Face:
    generic = fonts.family_of(style["font-family"]) if style["font-family"] is not None else fonts.INITIAL
    return Face(generic, style["font-weight"] >= 600, style["font-style"] != "normal")


def _dominant(style: dict[str, Any]) -> float:
    """How far text stands above where its position says, user units (CSS Inline 3, dominant-baseline)."""
    name = style["dominant-baseline"]
    if name in ("auto", "alphabetic", "baseline", "no-change", "use-script", "reset-size"):
        return 0.0
    ascent, descent, x_height = _extents(_style_face(style))
    above = {
        "middle": x_height / 2,
        "central": (ascent - descent) / 2,
        "hanging": ascent * 0.8,
        "mathematical": ascent / 2,
        "ideographic": -descent,
        "text-after-edge": -descent,
        "text-bottom": -descent,
        "text-before-edge": ascent,
        "text-top": ascent,
    }[name]
    return -above * float(style["font-size"].value)


def _baseline_shift(own: dict[str, Any], style: dict[str, Any]) -> float:
    value = own.get("baseline-shift")
    size = float(style["font-size"].value)
    if value is None or value == "baseline":
        return 0.0
    if value == "sub":
        return -0.2 * size
    if value == "super":
        return 0.4 * size
    return resolve(value, size, size)


def box(run: Run) -> tuple[float, float, float, float]:
    """The run's glyph cells in user units: left, top, right, bottom."""
    ascent, descent, _ = _extents(run.face)
    return run.x, run.y - ascent * run.size, run.x + run.advance, run.y + descent * run.size


def ink_box(text: str, face: Face, size: float, x: float, y: float, anchor: str) -> tuple[float, float, float, float]:
    """A box that holds a line of text that is set as it is, its overhangs included."""
    advance = sum(each[1] for each in _shaped(text, face, False)) * size
    ascent, descent, _ = _extents(face)
    x -= {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * advance
    pad = 0.2 * size
    return x - pad, y - ascent * size - pad, x + advance + pad, y + descent * size + pad


def outlines(run: Run) -> list[Subpath]:
    """The glyphs as a path in user units, turned where the text says so."""
    import math

    turn = math.radians(run.rotate)
    cos, sin = math.cos(turn) * run.size, math.sin(turn) * run.size
    found: list[Subpath] = []
    for glyph in run.glyphs:
        for sub in _outline(run.face, glyph.id):

            def place(x: float, y: float, glyph: Glyph = glyph) -> tuple[float, float]:
                u, v = x + glyph.x, y + glyph.y
                return run.x + u * cos - v * sin, run.y + u * sin + v * cos

            segments: list[Segment] = [
                (seg[0], *(value for pair in zip(seg[1::2], seg[2::2], strict=True) for value in place(*pair)))
                for seg in sub.segments
            ]
            found.append(Subpath(*place(sub.x, sub.y), segments, True))
    return found


@lru_cache(maxsize=4096)
def _outline(face: Face, glyph: int) -> tuple[Subpath, ...]:
    """A glyph's contours, em, y downwards."""
    font = _font(face)
    pen = _Pen(font.face.upem)
    font.draw_glyph_with_pen(glyph, pen)
    return tuple(sub for sub in pen.subpaths if sub.segments)


class _Pen:
    """Collects what HarfBuzz draws."""

    def __init__(self, em: int) -> None:
        self._em = em
        self.subpaths: list[Subpath] = []

    def _add(self, kind: str, *points: tuple[float, float]) -> None:
        values = [value / self._em * sign for point in points for value, sign in zip(point, (1, -1), strict=True)]
        self.subpaths[-1].segments.append((kind, *values))

    def moveTo(self, point: tuple[float, float]) -> None:
        self.subpaths.append(Subpath(point[0] / self._em, -point[1] / self._em, [], True))

    def lineTo(self, point: tuple[float, float]) -> None:
        self._add("L", point)

    def qCurveTo(self, *points: tuple[float, float]) -> None:
        self._add("Q", *points)

    def curveTo(self, *points: tuple[float, float]) -> None:
        self._add("C", *points)

    def closePath(self) -> None:
        sub = self.subpaths[-1]
        if sub.segments and sub.segments[-1] == ("L", sub.x, sub.y):
            sub.segments.pop()  # closing draws it
