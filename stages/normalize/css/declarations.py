"""Declarations: the content of style attributes and of style rules, typed (CSS Syntax 3, CSS Cascade 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.normalize.values.known_properties import NO_LENGTH, REFUSED
from stages.normalize.values.properties import (
    CSS_ONLY,
    INHERIT,
    INITIAL,
    PROPERTIES,
    Mask,
    Refused,
    Variable,
    parse_property,
)
from stages.normalize.values.shorthands import SHORTHANDS, background_longhands, expand
from stages.reasons import Reason
from stages.untrusted import limit_css_nesting

_PLAIN_STYLE = re.compile(r"[^\"'()\\{}@!/]*")
_URL_STYLE = re.compile(r"(?:[^\"'()\\{}@!/]*(?:url\(#[\w.:-]+\)|rgba?\([\d\s.,%]*\)))*[^\"'()\\{}@!/]*")
_MARKERS = ("marker-start", "marker-mid", "marker-end")
_MASKS = frozenset(("mask", "mask-image", "-webkit-mask", "-webkit-mask-image"))
BORDER_WIDTH = "border-width"
"""Of the root's border, "0" where it has none, whatever its style."""
_LONGEST = 200
SHORTHAND_NAMES = SHORTHANDS | _MASKS | {"marker", "font", "all", "background"}
KNOWN = frozenset(PROPERTIES) | CSS_ONLY | SHORTHAND_NAMES

REVERT_LAYER = object()
"""The value of a declaration that leaves the decision to the layers below (CSS Cascade 5, section 7.3.5)."""

_ALL = (*PROPERTIES.keys() - {"direction", "unicode-bidi"}, *CSS_ONLY)
"""What ``all`` stands for (section 3.1)."""


class Declaration(NamedTuple):
    """One declaration with its typed value."""

    name: str
    value: Any
    important: bool


class Written(NamedTuple):
    """One declaration as it is written; ``name`` in lower case but for custom properties."""

    name: str
    text: str
    important: bool


@lru_cache(maxsize=4096)
def parse_style(text: str, nesting: int) -> tuple[Declaration, ...]:
    """The valid declarations of a style attribute, in order. Raises Dropped (TOO_COMPLEX, UNSUPPORTED_CSS)."""
    if _PLAIN_STYLE.fullmatch(text) or _URL_STYLE.fullmatch(text):
        pairs = [piece.partition(":") for piece in text.split(";")]
        return typed(Written(_name(name), value, False) for name, colon, value in pairs if colon)
    import tinycss2

    limit_css_nesting(text, nesting)
    nodes = tinycss2.parse_declaration_list(text, skip_comments=True, skip_whitespace=True)
    return typed(written(node) for node in nodes if node.type == "declaration")


def _name(text: str) -> str:
    text = text.strip()
    return text if text.startswith("--") else text.lower()  # custom properties alone have a case


def written(node: Any) -> Written:
    """A declaration as the parser gave it."""
    import tinycss2

    return Written(_name(node.name), tinycss2.serialize(node.value), node.important)


def typed(declarations: Iterable[Written]) -> tuple[Declaration, ...]:
    """The declarations that are valid, shorthands as what they stand for."""
    block: list[Declaration] = []
    for name, text, important in declarations:
        if name not in KNOWN:
            if name.startswith("--"):
                block.append(Declaration(name, text, important))
            elif name == BORDER_WIDTH:
                block.append(
                    Declaration(name, INITIAL if NO_LENGTH.fullmatch(text.strip()[:80]) is None else "0", important)
                )
            elif name in REFUSED:
                block.append(Declaration(name, _unsaid(name, text), important))
            continue
        if name == "font":
            block.extend(Declaration(each, value, important) for each, value in _font(text))
            continue
        if name == "background" and "var(" not in text.lower() and text.strip().lower() != "revert-layer":
            block.extend(Declaration(each, value, important) for each, value in background_longhands(text))
            continue
        if name in SHORTHANDS:
            if text.strip().lower() == "revert-layer":
                raise Dropped(Reason.UNSUPPORTED_CSS, f"{name}: revert-layer")
            block.extend(Declaration(each, value, important) for each, value in expand(name, text))
            continue
        if name in _MASKS:
            block.extend(Declaration(each, value, important) for each, value in _mask(name, text))
            continue
        names = _MARKERS if name == "marker" else _ALL if name == "all" else (name,)
        if text.strip().lower() == "revert-layer":
            value = REVERT_LAYER
        else:
            value = parse_property("marker-start" if name == "marker" else "fill" if name == "all" else name, text)
            if name == "all" and not _is_wide(value):
                continue
        if value is not None:
            block.extend(Declaration(each, value, important) for each in names)
    return tuple(block)


def _unsaid(name: str, text: str) -> Any:
    """The value of a property that nobody handles: refused, but where it changes nothing."""
    word = text.strip().lower()
    rule = REFUSED[name]
    if word in ("inherit", "initial", "unset", "revert", "revert-layer"):
        return INHERIT if word == "inherit" else INITIAL
    if len(word) <= _LONGEST and rule.neutral.fullmatch(word):
        return INITIAL
    return Refused(Reason.UNSUPPORTED_CSS, f"{name}: {text.strip()[:60]}", rule.root)


def _mask(name: str, text: str) -> list[tuple[str, Any]]:
    """The declarations of a mask (CSS Masking 1, sections 6.1 and 6.8): the shorthand sets the mode, too."""
    shorthand = name.endswith("mask")
    if text.strip().lower() == "revert-layer":
        value: Any = REVERT_LAYER
    else:
        value = parse_property("mask" if shorthand else "mask-image", text)
    if value is None:
        return []
    if name == "-webkit-mask" and isinstance(value, str | Mask):
        value = value._replace(simple=False) if isinstance(value, Mask) else Mask("", simple=False)
    mode = [("mask-mode", INITIAL)] if shorthand and not isinstance(value, Variable) else []
    return [*mode, ("mask", value)]


def valid(declaration: Written) -> bool:
    """Whether a declaration means something; what is not read here may mean something to the renderers."""
    return declaration.name not in KNOWN or bool(typed((declaration,)))


def expanded(declaration: Written) -> Sequence[Written]:
    """The declarations that one stands for: many for ``all``, which renderers do not know."""
    if declaration.name != "all":
        return (declaration,)
    return [declaration._replace(name=name) for name in _ALL]


def _is_wide(value: Any) -> bool:
    return type(value) is object


FONT = re.compile(
    r"(?P<before>.*?)(?<![^\s])(?P<size>[0-9.]+(?:px|pt|em|%|rem|ex|mm|cm|in|pc|q|ch)|larger|smaller"
    r"|(?:xx?-)?(?:small|large)|xxx-large|medium)(?![\w-])"
    r"(?:\s*/\s*[^\s,]+)?\s+(?P<family>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_LONGHANDS = ("font-style", "font-weight", "font-size", "font-family", "font-variant-caps")
_RESET = {
    "font-style": "normal",
    "font-weight": "normal",
    "font-variant-caps": "normal",
    "font-variant-ligatures": "normal",
    "font-kerning": "auto",
    "font-feature-settings": "normal",
    "font-size-adjust": "none",
}
_SYSTEM_FONTS = ("caption", "icon", "menu", "message-box", "small-caption", "status-bar")
_STRETCHES = frozenset(
    f"{how}{what}" for how in ("", "semi-", "extra-", "ultra-") for what in ("condensed", "expanded")
)


def _font(text: str) -> list[tuple[str, Any]]:
    """The background_longhands of ``font`` (CSS Fonts 4, section 2.7) that matter; none for a value that is invalid."""
    word = text.strip().lower()
    if word == "revert-layer":
        return [(name, REVERT_LAYER) for name in _LONGHANDS]
    wide = parse_property("font-size", text) if word in ("inherit", "initial", "unset", "revert") else None
    if wide is not None:
        return [(name, wide) for name in _LONGHANDS]
    if word in _SYSTEM_FONTS:
        raise Dropped(Reason.UNSUPPORTED_TEXT, f"font: {text.strip()}")
    match = FONT.fullmatch(text.strip())
    if match is None:
        return []
    values = {**_RESET, "font-size": match["size"], "font-family": match["family"]}
    for part in re.sub(r"oblique\s+[+-]?[0-9.]+deg", "oblique", match["before"].lower()).split():
        if part in ("italic", "oblique"):
            values["font-style"] = part
        elif part == "small-caps":
            values["font-variant-caps"] = part
        elif part in _STRETCHES:
            continue  # the fonts have one width
        elif part in ("bold", "bolder", "lighter") or part.isdecimal():
            values["font-weight"] = part
        elif part != "normal":
            return []
    parsed = [(name, parse_property(name, value)) for name, value in values.items()]
    return [(name, value) for name, value in parsed if value is not None]


INITIAL_TEXTS = {
    **dict.fromkeys(("fill", "color", "stop-color", "flood-color"), "#000"),
    **dict.fromkeys(("fill-opacity", "stroke-opacity", "stop-opacity", "flood-opacity", "opacity"), "1"),
    **dict.fromkeys(("stroke", "stroke-dasharray", "text-decoration", "clip-path", "mask", "filter"), "none"),
    **dict.fromkeys((*_MARKERS, "vector-effect", "transform", "d"), "none"),
    **dict.fromkeys(("translate", "rotate", "scale", "offset-path"), "none"),
    **dict.fromkeys(("fill-rule", "clip-rule"), "nonzero"),
    **dict.fromkeys(("stroke-dashoffset", "x", "y", "cx", "cy", "r"), "0"),
    **dict.fromkeys(("rx", "ry", "width", "height", "dominant-baseline", "isolation"), "auto"),
    **dict.fromkeys(("paint-order", "font-style", "letter-spacing", "word-spacing", "white-space"), "normal"),
    "stroke-width": "1",
    "stroke-linecap": "butt",
    "stroke-linejoin": "miter",
    "stroke-miterlimit": "4",
    "visibility": "visible",
    "color-interpolation-filters": "linearRGB",
    "font-size": "16px",
    "font-weight": "400",
    "text-anchor": "start",
    "writing-mode": "horizontal-tb",
    "display": "inline",
    "overflow": "visible",
    "mix-blend-mode": "normal",
    "transform-box": "view-box",
    "transform-origin": "0 0",
    "baseline-shift": "baseline",
    "mask-type": "luminance",
}
"""The initial value of each property, as it is written."""
