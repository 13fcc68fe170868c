"""Rows of a table, some at a time, as the formats' readers give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.crawl.items import Lost
from stages.crawl.tables.columns import Column, Roles

Drawing = bytes | Lost | None
"""What a row has as its drawing: bytes as stored there, why it cannot be read, or nothing."""

Texts = Sequence[tuple[str, ...]]
"""The texts of each row of a column: none of a null. What is no UTF-8 is escaped by surrogates."""


@dataclass(frozen=True)
class Batch:
    """Some rows, column by column. ``texts``: of each of ``roles.taken``."""

    roles: Roles
    drawings: Sequence[Drawing]
    texts: Mapping[Column, Texts]


def stored(text: str) -> bytes:
    """The bytes that ``text`` was decoded from, or would be: what surrogates stand for as it was."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return b"".join(
            bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else c.encode("utf-8", "surrogatepass") for c in text
        )
