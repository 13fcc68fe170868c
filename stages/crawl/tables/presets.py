"""The layouts of datasets that many know: which of their columns is what.

A setting that is given beside a preset wins. The layouts are those of the datasets' cards and of code that reads them:

- ``svg-stack``: starvector/svg-stack (Filename, Svg) and its captioned form text2svg-stack, which adds one caption by
  each of three models.
- ``mmsvg``: OmniSVG/MMSVG-Icon and MMSVG-Illustration (id, svg, description, and since their second edition keywords,
  detail and a picture).
- ``svgx``: xingxm/SVGX-SFT-1M, Alpaca records: a fixed instruction with the caption as its input, or an instruction
  that has the caption in itself and no input; the output is the drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stages.crawl.settings import CaptionColumn, Columns, TableColumns

Preset = Literal["svg-stack", "mmsvg", "svgx"]

_COLUMNS = Columns()

USUAL = TableColumns(
    path=_COLUMNS.path,
    id=("id", "uuid"),
    captions=_COLUMNS.captions,
    hints=_COLUMNS.hints,
    url=_COLUMNS.url,
    license=_COLUMNS.license,
    author=_COLUMNS.author,
    facts=(),
)
"""What columns are called that no setting names."""

PRESETS: Mapping[str, TableColumns] = {
    "svg-stack": TableColumns(
        svg="Svg",
        path=("Filename",),
        captions=(
            CaptionColumn(column="caption_blip2", style="short", origin="model", language="en", model="blip2"),
            CaptionColumn(column="caption_cogvlm", style="detailed", origin="model", language="en", model="cogvlm"),
            CaptionColumn(column="caption_llava", style="detailed", origin="model", language="en", model="llava"),
        ),
    ),
    "mmsvg": TableColumns(
        svg="svg",
        id=("id",),
        captions=(
            CaptionColumn(column="description", style="short", language="en"),
            CaptionColumn(column="detail", style="detailed", language="en"),
        ),
        hints=("keywords",),
    ),
    "svgx": TableColumns(
        svg="output",
        captions=(CaptionColumn(column="input", style="short", otherwise="instruction"),),
    ),
}
"""Name -> what its columns are; what is null there has its usual name."""
