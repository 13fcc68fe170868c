"""The normalize stage."""

from __future__ import annotations

import hashlib

from stages.base import Columns, RowStage
from stages.normalize.document import normalize_one
from stages.normalize.settings import NormalizeSettings
from stages.schema import NORMALIZED


def _normalize(sanitized: bytes, notes: list[str] | None, settings: NormalizeSettings) -> Columns:
    done = normalize_one(sanitized, settings)
    return {
        "sample_id": hashlib.sha256(done.svg.encode()).hexdigest(),
        "sanitized": done.source,
        "svg": done.svg,
        "background": done.background,
        "view_box": list(done.view_box),
        "frame": list(done.frame),
        "beyond": list(done.beyond),
        "notes": sorted({*(notes or ()), *done.notes}),
    }


NORMALIZE = RowStage(
    name="normalize",
    version=5,
    settings=NormalizeSettings,
    reads=("sanitized", "notes"),
    adds=NORMALIZED,
    one=_normalize,
    says="resolves styles, references and transforms, and rounds to integer coordinates on the canvas",
    shards={"svg": "The canonical SVG: integer coordinates on the square canvas, no transforms, no style rules."},
)
