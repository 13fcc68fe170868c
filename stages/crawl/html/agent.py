"""The part of a browser's own style sheet that reaches drawings: what elements hand down (HTML, section 15.3)."""

from __future__ import annotations

import re

_BOLD, _ITALIC = (("font-weight", "bold"),), (("font-style", "italic"),)
_MONO = (("font-family", "monospace"), ("font-size", "13px"))
_CONTROL = (
    ("color", "black"),
    ("font-size", "13.3333px"),
    ("font-family", "Arial"),
    ("font-weight", "400"),
    ("font-style", "normal"),
    ("letter-spacing", "normal"),
    ("word-spacing", "normal"),
    ("text-transform", "none"),
)

Declared = tuple[tuple[str, str], ...]

_SHEET: dict[str, Declared] = {
    **dict.fromkeys(("b", "strong", "th"), _BOLD),
    **dict.fromkeys(("i", "em", "cite", "var", "dfn", "address"), _ITALIC),
    **dict.fromkeys(("code", "kbd", "samp", "tt", "pre"), _MONO),
    **dict.fromkeys(("button", "input", "select", "textarea"), _CONTROL),
    **dict.fromkeys(("small", "sub", "sup"), (("font-size", "smaller"),)),
    "big": (("font-size", "larger"),),
    "mark": (("color", "black"),),
    "h1": (("font-size", "2em"), *_BOLD),
    "h2": (("font-size", "1.5em"), *_BOLD),
    "h3": (("font-size", "1.17em"), *_BOLD),
    "h4": _BOLD,
    "h5": (("font-size", "0.83em"), *_BOLD),
    "h6": (("font-size", "0.67em"), *_BOLD),
}
_LINK: Declared = (("color", "#0000ee"),)
_HEX = re.compile(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}")


def agent_style(tag: str, attributes: dict[str, str]) -> Declared:
    """What a browser declares on an element of HTML by itself, and by attributes of old, of what is handed down."""
    if tag in ("a", "area") and "href" in attributes:
        return _LINK
    if (tag == "font" and "color" in attributes) or (tag == "body" and "text" in attributes):
        color = attributes["color" if tag == "font" else "text"].strip()
        return (("color", f"#{color}" if _HEX.fullmatch(color) else color),)
    return _SHEET.get(tag, ())
