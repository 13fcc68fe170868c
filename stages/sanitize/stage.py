"""The sanitize stage: one document, and a table of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from stages.base import Dropped, Rows, StageResult
from stages.reasons import Reason
from stages.sanitize.clean import clean
from stages.sanitize.decode import decode
from stages.sanitize.parse import parse
from stages.sanitize.settings import SanitizeSettings
from stages.sanitize.text import plain
from stages.schema import SANITIZED


@dataclass(frozen=True)
class Sanitized:
    """``svg``: UTF-8, no declaration, no DOCTYPE. ``title``, ``desc``: one line each. ``notes``: sorted codes."""

    svg: bytes
    title: str
    desc: str
    notes: tuple[str, ...]


def sanitize(table: pa.Table, settings: SanitizeSettings) -> StageResult:
    """Sanitize every row of a `RAW` table: adds the columns of `SANITIZED`, removes ``bytes``."""
    rows = Rows(table, "sanitize", SANITIZED, remove=("bytes",))
    column = table["bytes"]
    for index in range(table.num_rows):
        try:
            done = sanitize_one(column[index].as_py(), settings)
        except Dropped as error:
            rows.drop(index, error.reason, error.detail)
        except MemoryError:
            raise  # not this record's fault alone: the sandbox decides
        except Exception as error:  # a defect in this stage costs the record that shows it, no other
            rows.drop(index, Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")
        else:
            rows.keep(index, sanitized=done.svg, title=done.title, desc=done.desc, notes=list(done.notes))
    return rows.result()


def sanitize_one(data: bytes, settings: SanitizeSettings) -> Sanitized:
    """Sanitize one document (inflated bytes). Raises Dropped, and nothing else, whatever ``data`` is."""
    if len(data) > settings.max_bytes:
        raise Dropped(Reason.TOO_LARGE, f"{len(data)} bytes, over {settings.max_bytes}")
    text, decoded = decode(data)
    root, parsed = parse(text, settings)
    svg, title, desc, cleaned = clean(root, settings)
    limit = settings.max_title_chars
    return Sanitized(svg, plain(title, limit), plain(desc, limit), tuple(sorted(decoded | parsed | cleaned)))
