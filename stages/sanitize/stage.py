"""The sanitize stage."""

from __future__ import annotations

from dataclasses import dataclass

from stages.base import Columns, Dropped, RowStage
from stages.reasons import Reason
from stages.sanitize.clean import clean
from stages.sanitize.decode import decode
from stages.sanitize.parse import parse
from stages.sanitize.settings import SanitizeSettings
from stages.schema import SANITIZED
from stages.text import plain


@dataclass(frozen=True)
class Sanitized:
    """``svg``: UTF-8, no declaration, no DOCTYPE. ``title``, ``desc``: one line each. ``notes``: sorted codes."""

    svg: bytes
    title: str
    desc: str
    notes: tuple[str, ...]


def sanitize_one(data: bytes, settings: SanitizeSettings) -> Sanitized:
    """Sanitize one document (inflated bytes). Raises Dropped, and nothing else, whatever ``data`` is."""
    if len(data) > settings.max_bytes:
        raise Dropped(Reason.TOO_LARGE, f"{len(data)} bytes, over {settings.max_bytes}")
    text, decoded = decode(data)
    root, parsed = parse(text, settings)
    svg, title, desc, cleaned = clean(root, settings)
    limit = settings.max_title_chars
    return Sanitized(svg, plain(title, limit), plain(desc, limit), tuple(sorted(decoded | parsed | cleaned)))


def _sanitize(data: bytes, settings: SanitizeSettings) -> Columns:
    done = sanitize_one(data, settings)
    return {"sanitized": done.svg, "title": done.title, "desc": done.desc, "notes": list(done.notes)}


SANITIZE = RowStage(
    name="sanitize",
    version=3,
    settings=SanitizeSettings,
    reads=("bytes",),
    adds=SANITIZED,
    removes=("bytes",),
    one=_sanitize,
    says="parses safely, takes out active content and references to the outside",
)
