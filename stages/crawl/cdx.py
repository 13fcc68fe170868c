"""Indexes of WARCs: which capture lies where. CDX, whose first line names its columns, and CDXJ, a JSON object a line.

CDX: the file format of the Internet Archive of 2006 and 2015 (9 and 11 columns), and what wget writes. CDXJ: as pywb,
cdxj-indexer, WACZ and Common Crawl's index have it, ``<key> <time> {"url": ..., "mime": ..., "status": ..., "offset":
..., "length": ..., "filename": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

_LETTERS = {"a": "url", "b": "time", "m": "mime", "s": "status", "S": "length", "V": "offset", "g": "filename"}
_DEFAULT = "N b a m s k r M S V g"
_LONGEST_LINE = 2**20


@dataclass(frozen=True)
class Capture:
    """Where a record lies."""

    url: str
    time: str
    """Fourteen digits, UTC."""
    mime: str
    """As the server said, and, behind a blank, as the one who made the index found, if that is there."""
    status: str
    filename: str
    offset: int
    length: int | None
    """Bytes of the compressed record; None if the index does not say it."""


def columns_of(line: str) -> tuple[str, ...] | None:
    """The columns that the first line of a CDX names; None of a line that is no such."""
    words = line.split()
    return tuple(words[1:]) if words[:1] == ["CDX"] else None


def capture_of(line: str, columns: tuple[str, ...] | None) -> Capture | None:
    """What a line says; None for a bad one. ``columns``: of a CDX; one that names none has the usual eleven."""
    if len(line) > _LONGEST_LINE:
        return None
    _key, _, rest = line.partition(" ")
    time, _, tail = rest.partition(" ")
    if tail.startswith("{"):
        try:
            found = json.loads(tail)
        except (ValueError, RecursionError):
            return None
        return _capture({"time": time} | found) if isinstance(found, dict) else None
    letters = columns or tuple(_DEFAULT.split())
    words = line.split()
    if len(words) != len(letters):
        return None
    return _capture({_LETTERS[letter]: word for letter, word in zip(letters, words, strict=True) if letter in _LETTERS})


def _capture(found: Mapping[str, object]) -> Capture | None:
    text = {name: str(value) for name, value in found.items() if isinstance(value, str | int)}
    offset, length = text.get("offset", ""), text.get("length", "")
    if not (text.get("url") and text.get("filename") and _is_number(offset)):
        return None
    return Capture(
        text["url"],
        text.get("time", text.get("timestamp", "")),
        f"{text.get('mime', '')} {text.get('mime-detected', '')}".lower().strip(),
        text.get("status", "-"),
        text["filename"],
        int(offset),
        int(length) if _is_number(length) else None,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
