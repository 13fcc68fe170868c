"""Pictures of raw files for reports: sanitized, drawn as they are, small. Runs in the sandbox, as all drawing does."""

from __future__ import annotations

import json

import pyarrow as pa

from stages import normalize, render, sanitize
from stages.base import Dropped

PREVIEWS = pa.schema([("source", pa.string()), ("path", pa.string()), ("png", pa.binary())])


def previews(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """Draw the rows of ``table`` (`stages.schema.RAW`) that can be drawn.

    Settings: {"sanitize": its settings, "size": side of the picture in px}. Returns one table, `PREVIEWS`.
    """
    settings = json.loads(settings_json)
    clean = sanitize.SanitizeSettings.model_validate_json(json.dumps(settings["sanitize"]))
    rows = []
    for row in table.select(["source", "path", "bytes"]).to_pylist():
        try:
            svg = sanitize.sanitize_one(row["bytes"], clean).svg
            png = render.source_png(svg, normalize.source_view_box(svg), settings["size"])
        except Dropped:
            continue
        rows.append({"source": row["source"], "path": row["path"], "png": png})
    return [pa.Table.from_pylist(rows, schema=PREVIEWS)]
