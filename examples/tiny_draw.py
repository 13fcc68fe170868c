"""From a model's ids to pictures: decoding, and a sheet of what was asked for and what was drawn."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import dataclass
from html import escape

from tiny_data import Release

from pipeline.models.embeddings import read_vocabulary
from stages import tokenize
from stages.base import Dropped
from stages.render.png import png
from stages.render.renderers import draw, sized

PICTURE, GAP, TEXT = 132, 12, 46
"""Sides of a picture, of what is between two, and of what is below, px."""


@dataclass(frozen=True)
class Answer:
    """What came of a model's ids. ``svg``: None where they are no drawing; ``why`` says so, or that nothing shows."""

    tokens: str
    svg: str | None
    why: str = ""


class Reader:
    """Reads answers of a model that was trained on a version."""

    def __init__(self, release: Release) -> None:
        self.tokenizer = release.tokenizer
        self.vocabulary, self.segments = read_vocabulary(release.folder / "tokenizer")

    def read(self, ids: list[int]) -> Answer:
        """Decode by the rules of the mill, and draw once."""
        tokens = self.tokenizer.decode(ids, skip_special_tokens=False)
        try:
            svg = tokenize.decode(tokenize.decode_segments(tokens, self.segments), self.vocabulary)
            shows = bool(draw(sized(svg, 64), "librsvg")[..., 3].any())
        except tokenize.TokenError as error:
            return Answer(tokens, None, str(error))
        except Dropped as error:
            return Answer(tokens, None, error.detail)
        return Answer(tokens, svg, "" if shows else "nothing shows")


def sheet(rows: list[tuple[str, list[str | None]]], columns: int) -> bytes:
    """A PNG: ``columns`` cells a row, each a caption under its drawings, which are side by side on white."""
    wide = max(len(drawings) for _, drawings in rows) * (PICTURE + GAP) + GAP
    high = PICTURE + TEXT + GAP
    parts = []
    for number, (caption, drawings) in enumerate(rows):
        left, top = number % columns * wide + GAP, number // columns * high + GAP
        for place, svg in enumerate(drawings):
            x = left + place * (PICTURE + GAP)
            parts.append(f'<rect x="{x}" y="{top}" width="{PICTURE}" height="{PICTURE}" fill="#fff" stroke="#ddd"/>')
            if svg is not None:
                data = base64.b64encode(png(draw(sized(svg, PICTURE), "librsvg"), 5)).decode()
                place_ = f'x="{x}" y="{top}" width="{PICTURE}" height="{PICTURE}"'
                parts.append(f'<image {place_} href="data:image/png;base64,{data}"/>')
        for line, text in enumerate(textwrap.wrap(caption, wide // 6)[:3]):
            y = top + PICTURE + 14 * (line + 1)
            parts.append(f'<text x="{left}" y="{y}" font-size="11" font-family="Roboto">{escape(text)}</text>')
    width, height = columns * wide, -(-len(rows) // columns) * high + GAP
    ground = f'<rect width="{width}" height="{height}" fill="#fafafa"/>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(parts)}</svg>'
    return png(draw(svg.encode(), "librsvg"), 5)
