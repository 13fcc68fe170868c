"""Texts from outside, such as titles and captions, as plain text."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))


def plain(text: str, limit: int) -> str:
    """One line of visible characters: no control, bidi or zero-width ones, at most ``limit`` characters."""
    text = " ".join(text[: 16 * limit].split())
    if text.isprintable():  # none of its characters is of those categories
        return text[:limit].rstrip()
    shown = "".join(c for c in text if (c.isascii() and c.isprintable()) or unicodedata.category(c) not in _INVISIBLE)
    return " ".join(shown.split())[:limit].rstrip()
