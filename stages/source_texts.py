"""The text of sources, for models that write SVG as it is: sanitized, or made shorter by scour. Runs in the sandbox.

What scour makes is held against what it was made of, by drawing both. Where it would change the picture, or fails, the
text stays as it was, and says why (`Unoptimized`).
"""

from __future__ import annotations

from enum import StrEnum
from optparse import Values

import pyarrow as pa

from stages import normalize, sanitize
from stages.base import Dropped, Settings
from stages.render.compare import difference
from stages.render.renderers import draw, framed
from stages.render.settings import GateSettings


class Unoptimized(StrEnum):
    """Why a text is not what scour makes of it."""

    FAILED = "scour_failed"
    """It raised an exception."""
    UNDRAWN = "scour_undrawn"
    """The text or what it wrote cannot be drawn by the first renderer, so that the two cannot be compared."""
    CHANGED = "scour_changed_picture"
    """What it wrote looks different."""


TEXTS = pa.schema(
    [
        ("source", pa.string()),
        ("path", pa.string()),
        ("svg", pa.string()),
        ("unoptimized", pa.string()),
        ("detail", pa.string()),
    ]
)


class SourceTextSettings(Settings):
    """What is made of a raw file."""

    sanitize: sanitize.SanitizeSettings
    gate: GateSettings
    optimize: bool
    """By scour."""


def source_texts(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """The text of each row of ``table`` (`stages.schema.RAW`) that can be sanitized: one table, `TEXTS`.

    ``unoptimized`` is "" or, where scour was asked for, an `Unoptimized`; ``detail`` says more of that. What cannot be
    sanitized is left out.
    """
    settings = SourceTextSettings.model_validate_json(settings_json)
    rows = []
    for row in table.select(["source", "path", "bytes"]).to_pylist():
        try:
            svg = sanitize.sanitize_one(row["bytes"], settings.sanitize).svg
        except Dropped:
            continue
        text, why, detail = svg.decode(), "", ""
        if settings.optimize:
            try:
                text = _optimized(svg, settings.gate)
            except _Unoptimized as error:
                why, detail = error.why, error.detail
        rows.append({"source": row["source"], "path": row["path"], "svg": text, "unoptimized": why, "detail": detail})
    return [pa.Table.from_pylist(rows, schema=TEXTS)]


class _Unoptimized(Exception):
    def __init__(self, why: Unoptimized, detail: str) -> None:
        super().__init__(why)
        self.why, self.detail = why, detail[:200]


def _optimized(svg: bytes, gate: GateSettings) -> str:
    """What scour makes of ``svg``. Raises _Unoptimized if that does not look the same, and RendererUnavailable."""
    from scour import scour

    # scour knows references by xlink:href alone, and takes what others refer to for unused
    options = _OPTIONS | ({} if b" href=" in svg else {"strip_ids": True, "shorten_ids": True, "keep_defs": False})
    try:
        text = str(scour.scourString(svg.decode(), scour.sanitizeOptions(Values(options))))
    except Exception as error:  # it documents none, and raises whatever its parts raise
        raise _Unoptimized(Unoptimized.FAILED, f"{type(error).__name__}: {error}") from None
    try:
        box = normalize.source_view_box(svg)
        before, after = (
            draw(framed(each, box, gate.compare_size, gate.fit), gate.renderer) for each in (svg, text.encode())
        )
    except Dropped as error:
        raise _Unoptimized(Unoptimized.UNDRAWN, f"{error.reason}: {error.detail}") from None
    share = difference(before, after, gate.pixel_threshold).visible_share
    if share > gate.max_visible_share:
        raise _Unoptimized(Unoptimized.CHANGED, f"{share:.2%} of the pixels")
    return text


_OPTIONS = {
    "quiet": True,
    "digits": 5,
    "keep_defs": True,
    "strip_comments": True,
    "strip_xml_prolog": True,
    "remove_descriptive_elements": True,
    "remove_metadata": True,
    "enable_viewboxing": True,
    "indent_type": "none",
    "newlines": False,
}
