"""Values of properties that decide what is blended with what (Compositing 1)."""

from __future__ import annotations

BLEND_MODES = (
    "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn", "hard-light", "soft-light",
    "difference", "exclusion", "hue", "saturation", "color", "luminosity",
)  # fmt: skip
"""Values of ``mix-blend-mode`` other than normal (Compositing 1, section 5)."""

_ANNOUNCED = frozenset(("opacity", "filter", "mix-blend-mode", "backdrop-filter"))
"""Properties that make Chromium draw an element of SVG apart where ``will-change`` names them."""


def _will_change(text: str) -> str:
    return "" if _ANNOUNCED.isdisjoint(text.lower().replace(",", " ").split()) else "apart"


def _unless_none(text: str) -> str | None:
    word = text.strip()
    return "" if word.lower() in ("none", "auto") else word or None


ISOLATING = {"backdrop-filter": _unless_none, "view-transition-name": _unless_none, "will-change": _will_change}
"""Parsers of properties that paint nothing in a still picture of SVG, but isolate, unless their value is ""."""
