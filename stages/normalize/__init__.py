"""Normalize: a sanitized SVG to the canonical form (`stages.canonical`), as HiVG does, but without silent losses.

Cascade CSS, resolve structure, bake maps, fit the viewBox to the canvas, round to integers. What cannot be said
faithfully is rejected with its reason.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from stages.base import Dropped, Rows, StageResult
from stages.canonical import Element, serialize
from stages.normalize import canvas, tree
from stages.normalize.matrix import IDENTITY
from stages.normalize.settings import NormalizeSettings
from stages.normalize.shapes import Viewport
from stages.normalize.walker import Walker
from stages.reasons import Reason
from stages.schema import NORMALIZED

VERSION: int = 1

__all__ = ["VERSION", "NormalizeSettings", "Normalized", "normalize", "normalize_one", "source_view_box"]


@dataclass(frozen=True)
class Normalized:
    """``svg``: canonical text. ``view_box``: of the source, as resolved (min-x, min-y, width, height)."""

    svg: str
    view_box: tuple[float, float, float, float]
    notes: tuple[str, ...]


def normalize_one(data: bytes, settings: NormalizeSettings) -> Normalized:
    """The canonical form of a sanitized SVG in UTF-8. Raises Dropped, and nothing else, for any bytes."""
    document = tree.parse(data)
    box = _view_box(document, settings)
    walker = Walker(document, settings, canvas.contain(box, settings.canvas), Viewport(box[2], box[3]))
    found = walker.walk()
    if not found:
        raise Dropped(Reason.NOTHING_DRAWN, ", ".join(sorted(walker.notes)))
    scale = settings.canvas / max(box[2], box[3])
    across, down = (settings.canvas - box[2] * scale) / 2, (settings.canvas - box[3] * scale) / 2
    found = walker.frame(found, (across, down, settings.canvas - across, settings.canvas - down))
    content = [Element("defs", {}, walker.definitions.elements)] if walker.definitions.elements else []
    root = Element("svg", {"viewBox": f"0 0 {settings.canvas} {settings.canvas}"}, content + found)
    return Normalized(serialize(root), box, tuple(sorted(walker.notes)))


def source_view_box(data: bytes, settings: NormalizeSettings | None = None) -> tuple[float, float, float, float]:
    """The viewBox of a sanitized SVG as `normalize_one` resolves it. Raises Dropped."""
    return _view_box(tree.parse(data), settings or NormalizeSettings())


def _view_box(document: tree.Document, settings: NormalizeSettings) -> canvas.ViewBox:
    box = canvas.declared(document.root, settings.max_aspect)
    if box is not None:
        return box
    walker = Walker(document, settings.model_copy(update={"canvas": 10**9}), IDENTITY, Viewport(300.0, 150.0))
    if not walker.walk():
        raise Dropped(Reason.NOTHING_DRAWN, "")
    boxes = [extent.exact() for extent in walker.extents]
    x0, y0 = (min(box[i] for box in boxes) for i in (0, 1))
    x1, y1 = (max(box[i] for box in boxes) for i in (2, 3))
    return canvas.checked((x0, y0, x1 - x0, y1 - y0), settings.max_aspect)


def normalize(table: pa.Table, settings: NormalizeSettings) -> StageResult:
    """Normalize the rows of ``table`` (columns ``sanitized`` and ``notes``); adds `stages.schema.NORMALIZED`."""
    rows = Rows(table, "normalize", NORMALIZED)
    for i, (data, notes) in enumerate(zip(table["sanitized"].to_pylist(), table["notes"].to_pylist(), strict=True)):
        try:
            found = normalize_one(data, settings)
        except Dropped as error:
            rows.drop(i, error.reason, error.detail)
        except MemoryError:
            raise
        except Exception as error:  # a defect: it costs this record, and the reason says so
            rows.drop(i, Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")
        else:
            rows.keep(
                i,
                sample_id=hashlib.sha256(found.svg.encode()).hexdigest(),
                svg=found.svg,
                view_box=list(found.view_box),
                notes=sorted({*notes, *found.notes}),
            )
    return rows.result()
