"""The text of sources, for models that write SVG as it is: sanitized, or made shorter by scour. Runs in the sandbox.

What scour makes is held against what it was made of, by drawing both: in one file of 700 it changes the picture, and
then the text stays as it was.
"""

from __future__ import annotations

from optparse import Values

import pyarrow as pa

from stages import normalize, sanitize
from stages.base import Dropped, Settings
from stages.render.compare import difference
from stages.render.renderers import draw, framed
from stages.render.settings import GateSettings

TEXTS = pa.schema([("source", pa.string()), ("path", pa.string()), ("svg", pa.string()), ("optimized", pa.bool_())])


class SourceTextSettings(Settings):
    """What is made of a raw file."""

    sanitize: sanitize.SanitizeSettings
    gate: GateSettings
    optimize: bool
    """By scour."""


def source_texts(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """The text of each row of ``table`` (`stages.schema.RAW`) that can be sanitized: one table, `TEXTS`.

    ``optimized`` is false where scour was asked for and would change the picture, or fails.
    """
    settings = SourceTextSettings.model_validate_json(settings_json)
    rows = []
    for row in table.select(["source", "path", "bytes"]).to_pylist():
        try:
            svg = sanitize.sanitize_one(row["bytes"], settings.sanitize).svg
        except Dropped:
            continue
        shorter = _optimized(svg, settings.gate) if settings.optimize else None
        text = svg.decode() if shorter is None else shorter
        rows.append({"source": row["source"], "path": row["path"], "svg": text, "optimized": shorter is not None})
    return [pa.Table.from_pylist(rows, schema=TEXTS)]


def _optimized(svg: bytes, gate: GateSettings) -> str | None:
    """What scour makes of ``svg``, None if that does not look the same."""
    from scour import scour

    # scour knows references by xlink:href alone, and takes what others refer to for unused
    options = _OPTIONS | ({} if b" href=" in svg else {"strip_ids": True, "shorten_ids": True, "keep_defs": False})
    try:
        text = str(scour.scourString(svg.decode(), scour.sanitizeOptions(Values(options))))
        box = normalize.source_view_box(svg)
        pictures = [
            draw(framed(each, box, gate.compare_size, gate.fit), gate.renderer) for each in (svg, text.encode())
        ]
    except Exception:  # scour raises whatever its parts raise, and what it writes may be no SVG
        return None
    shown = difference(pictures[0], pictures[1], gate.pixel_threshold)
    return text if shown.visible_share <= gate.max_visible_share else None


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
