"""The fonts' glyphs: which there are, how HarfBuzz sets them in a row, and their outlines. Lengths are in em."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

from stages import fonts
from stages.normalize.geometry.path_segments import Segment, Subpath
from stages.normalize.values.properties import Style


class Face(NamedTuple):
    """One of the fonts: generic family and style."""

    generic: str
    bold: bool
    italic: bool


class Shaped(NamedTuple):
    """A glyph in a row: its number in the font, its advance and offset (y upwards), the index of its character."""

    id: int
    advance: float
    dx: float
    dy: float
    cluster: int


class Extents(NamedTuple):
    """Ascent, descent, and the heights of x and H, all positive."""

    ascent: float
    descent: float
    x_height: float
    cap_height: float


def face_of(style: Style) -> Face:
    """The font of a computed style. Of two weights the bold one serves what is over 500 (CSS Fonts 4, section 5.2)."""
    generic = fonts.family_of(style["font-family"]) if style["font-family"] is not None else fonts.INITIAL
    return Face(generic, style["font-weight"] > 500, style["font-style"] != "normal")


@cache
def _font(face: Face) -> Any:
    import uharfbuzz

    return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(fonts.path(*face)))))


@cache
def covered(face: Face) -> frozenset[str]:
    """The characters that a font has glyphs for."""
    return frozenset(map(chr, _font(face).face.unicodes))


@lru_cache(maxsize=4096)
def shape(text: str, face: Face, kern: bool = True, liga: bool = True) -> tuple[Shaped, ...]:
    """The glyphs of ``text`` from left to right. The fonts have no other features that matter."""
    import uharfbuzz

    font = _font(face)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.direction, buffer.script, buffer.language = "ltr", "Latn", "en"
    uharfbuzz.shape(font, buffer, {"kern": kern, "liga": liga, "clig": liga})
    em = font.face.upem
    return tuple(
        Shaped(info.codepoint, place.x_advance / em, place.x_offset / em, place.y_offset / em, info.cluster)
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    )


@cache
def extents(face: Face) -> Extents:
    """The font's own measures."""
    import uharfbuzz

    font = _font(face)
    given, em = font.get_font_extents("ltr"), font.face.upem
    x_height, cap_height = (
        font.get_metric_position_with_fallback(tag) / em
        for tag in (uharfbuzz.OTMetricsTag.X_HEIGHT, uharfbuzz.OTMetricsTag.CAP_HEIGHT)
    )
    return Extents(given.ascender / em, -given.descender / em, x_height, cap_height)


def ink_box(text: str, face: Face, size: float, x: float, y: float, anchor: str) -> tuple[float, float, float, float]:
    """A box that holds a line of text that is set as it is, its overhangs included, in the units of ``size``."""
    advance = sum(glyph.advance for glyph in shape(text, face)) * size
    x -= {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * advance
    pad = 0.2 * size
    over = extents(face)
    return x - pad, y - over.ascent * size - pad, x + advance + pad, y + over.descent * size + pad


@lru_cache(maxsize=4096)
def outline(face: Face, glyph: int) -> tuple[Subpath, ...]:
    """A glyph's contours, y downwards."""
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
        segment: Segment = (kind, *values)
        self.subpaths[-1].segments.append(segment)

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
