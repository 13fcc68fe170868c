"""The properties that decide how geometry looks: which values are valid, which are inherited, what they begin as.

An invalid declaration has no effect, so validity is decided where a declaration is read. Names that are not here never
change a picture without text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from stages.normalize.values.blending import BLEND_MODES, ISOLATING
from stages.normalize.values.calculations import LENGTH, UnknownFunction, parse_math
from stages.normalize.values.color_functions import evaluate
from stages.normalize.values.colors import is_modern, is_plain, parse_color
from stages.normalize.values.known_attributes import PRESENTATION_ATTRIBUTES
from stages.normalize.values.srgb import BLACK, Color
from stages.normalize.values.text_values import (
    ALIGNMENTS,
    BASELINES,
    LINE_STYLES,
    parse_features_off,
    parse_font_size,
    parse_ligatures,
    parse_line_thickness,
    parse_lines,
    parse_size_adjust,
    parse_slant,
    parse_spacing,
    parse_weight,
    parse_white_space,
)
from stages.normalize.values.transform_lists import check_property, is_origin
from stages.normalize.values.units import (
    FONT_SIZE,
    Length,
    parse_length,
    parse_share,
    parse_size,
    split_list,
)
from stages.pathdata import parse_path
from stages.reasons import Reason

Style = dict[str, Any]
"""Typed values by the names of their properties: what is declared, or computed."""


class Paint(NamedTuple):
    """A fill or stroke. ``kind``: none, color, current (``currentColor``), url or context.

    ``color`` is set for color, ``ref`` (an id) and ``fallback`` for url; ``ref`` is fill or stroke for context.
    ``expression``: the colour function, if it is a modern one or one that ``currentColor`` stands in. ``exotic``:
    whether there are renderers that lack what says the colour. ``modern``: whether it is mixed with others in Oklab.
    """

    kind: str
    color: Color | None = None
    ref: str = ""
    fallback: Paint | None = None
    expression: str = ""
    exotic: bool = False
    modern: bool = False

    def solid(self, current: Color) -> Color:
        """The colour of a paint that is one, where ``currentColor`` is ``current``."""
        if self.color is not None or not self.expression:
            return self.color or current
        return evaluate(self.expression, current) or BLACK


class Mask(NamedTuple):
    """A value of ``mask``: the id it refers to, "" for none, and the mode; or what else it is, which nothing can say.

    ``simple``: whether it says no more than the id, as renderers expect.
    """

    ref: str
    mode: str = ""
    image: str = ""
    simple: bool = True


NO_PAINT, CURRENT = Paint("none"), Paint("current")


class Decoration(NamedTuple):
    """Lines that an element asks for beside its text: which, of what kind, how thick, and the style of their paint.

    ``thickness``: in pixels, or in percent of the font size of the text beside it; None for what is usual.
    """

    lines: tuple[str, ...]
    kind: str
    thickness: Length | None
    style: Style


INHERIT, INITIAL, UNSET = object(), object(), object()
"""What the CSS-wide keywords parse to."""


class Variable(NamedTuple):
    """A declaration whose value only custom properties tell; `variables.resolve_variables` replaces it."""

    name: str
    text: str


class Refused(NamedTuple):
    """A valid value that cannot be drawn: it takes part in the cascade, and drops what it would apply to."""

    reason: Reason
    detail: str
    root: bool = False
    """Whether it is so on the document's root alone."""


_URL = re.compile(r"""\s*url\(\s*(?:"([^"]*)"\s*|'([^']*)'\s*|([^"'()\s]+)\s*|)\)\s*""", re.IGNORECASE)


def parse_reference(text: str) -> tuple[str, str] | None:
    """The id that ``url(#id)`` names, "" if it is not one of this document, and the text after it. None if no url()."""
    match = _URL.match(text)
    if match is None:
        return None
    target = (match[1] or match[2] or match[3] or "").strip()
    return target[1:] if target[:1] == "#" else "", text[match.end() :]


@lru_cache(maxsize=8192)
def parse_paint(text: str) -> Paint | None:
    """A value of ``fill`` or ``stroke``, None if it is invalid."""
    word = text.strip().lower()
    if word == "none":
        return NO_PAINT
    if word == "currentcolor":
        return CURRENT
    if word.startswith("url"):
        reference = parse_reference(text)
        if reference is None:
            return None
        ref, rest = reference
        fallback = parse_paint(rest) if rest.strip() else None
        if rest.strip() and fallback is None:
            return None
        return Paint("url", ref=ref, fallback=fallback)
    if word in ("context-fill", "context-stroke"):
        return Paint("context", ref=word[8:])
    color = parse_color(text)
    if color is not None:
        if is_plain(text):
            return Paint("color", color)
        modern = is_modern(text)
        return Paint("color", color, expression=text.strip() if modern else "", exotic=True, modern=modern)
    return _deferred(text.strip()) if "(" in text else None


def _deferred(text: str) -> Paint | None:
    """A colour that depends on ``currentColor``, whose computed value keeps it (CSS Color 5, section 7.1).

    Raises UnknownFunction.
    """
    if evaluate(text, BLACK) is None:
        return None
    return Paint("current", expression=text, exotic=True, modern=is_modern(text))


def parse_solid(text: str) -> Paint | None:
    """A value of ``color`` and its like, None if it is invalid."""
    paint = parse_paint(text)
    return paint if paint and paint.kind in ("color", "current") else None


def _opacity(text: str) -> float | None:
    value = parse_share(text)
    return None if value is None else min(max(value, 0.0), 1.0)


def _miter_limit(text: str) -> float | None:
    value = parse_share(text) if "%" not in text else None
    if value is not None and "(" in text:
        return max(value, 1.0)
    return value if value is not None and value >= 1 else None


def _dashes(text: str) -> tuple[Length, ...] | None:
    if text.strip().lower() == "none":
        return ()
    lengths = [parse_size(part) for part in split_list(text)]
    if any(length is None for length in lengths):
        return None
    return tuple(length for length in lengths if length)


def _keyword(*allowed: str) -> Callable[[str], str | None]:
    def parse(text: str) -> str | None:
        word = text.strip().lower()
        return word if word in allowed else None

    return parse


def _reference_or_none(text: str) -> str | None:
    """The id referred to, "" for none."""
    if text.strip().lower() == "none":
        return ""
    reference = parse_reference(text)
    return reference[0] if reference and not reference[1].strip() else None


_LAYERS = re.compile(r",(?![^(]*\))")


def _mask(text: str) -> Mask | str | None:
    """A value of ``mask`` (CSS Masking 1, section 6.8); "" for none. Of a reference, only the mode counts."""
    plain = _reference_or_none(text)
    if plain is not None:
        return Mask(plain) if plain else ""
    layers = [layer.strip() for layer in _LAYERS.split(text) if layer.strip().lower() != "none"]
    if not layers:
        return None
    reference = parse_reference(layers[0][match.start() :]) if (match := _MASK_URL.search(layers[0])) else None
    if len(layers) > 1 or reference is None or not reference[0]:
        return Mask("", image=text.strip()) if "(" in text else None
    words = set(layers[0].lower().split())
    mode = "alpha" if "alpha" in words else "luminance" if "luminance" in words else ""
    return Mask(reference[0], mode, simple=False)


def _mask_image(text: str) -> Mask | str | None:
    value = _mask(text)
    if value is None:
        return None
    return value._replace(simple=False) if isinstance(value, Mask) else Mask("", simple=False)


_MASK_URL = re.compile(r"(?<![\w-])url\(", re.IGNORECASE)


def _clip_path(text: str) -> str | None:
    reference = _reference_or_none(text)
    if reference is None and ("(" in text or text.strip().lower() in REFERENCE_BOXES):
        return "\0" + text.strip()  # a basic shape or a box, which the caller applies or refuses
    return reference


REFERENCE_BOXES = frozenset((
    "fill-box", "stroke-box", "view-box", "margin-box", "border-box", "padding-box", "content-box",
))  # fmt: skip
"""What the sizes of CSS shapes may refer to (CSS Masking 1, section 5.1)."""


def _filter(text: str) -> str | None:
    word = text.strip()
    return "" if word.lower() == "none" else word or None


def _text(text: str) -> str | None:
    return text.strip() or None


def _image(text: str) -> str | None:
    """The value of a property of images, "" for none."""
    return "" if text.strip().lower() == "none" else text.strip() or None


def _paint_order(text: str) -> tuple[str, ...] | None:
    words = text.lower().split()
    if words == ["normal"]:
        return _PAINT_ORDER
    if not words or len(set(words)) != len(words) or not set(words) <= {"fill", "stroke", "markers"}:
        return None
    return (*words, *(word for word in _PAINT_ORDER if word not in words))


_PAINT_ORDER = ("fill", "stroke", "markers")


def _blend_mode(text: str) -> str | Refused | None:
    word = text.strip().lower()
    if word == "plus-lighter":  # Compositing 2, section 6.1: browsers know it, renderers do not
        return Refused(Reason.UNSUPPORTED_CSS, "mix-blend-mode: plus-lighter")
    return word if word == "normal" or word in BLEND_MODES else None


def _word_or_length(*words: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        word = text.strip().lower()
        return word if word in words else parse_length(text)

    return parse


def _word(text: str) -> str | None:
    return text.strip().lower() or None


def _color_scheme(text: str) -> str | Refused:
    """The used scheme: the first light or dark that is named, or light (CSS Color Adjustment 1, section 2.1)."""
    words = text.lower().split()
    if "dark" in words and "light" not in words:
        return Refused(Reason.UNSUPPORTED_CSS, f"color-scheme: {text.strip()[:40]}")
    return "light"


def _offset_path(text: str) -> str | Refused:
    word = text.strip()
    return "none" if word.lower() == "none" else Refused(Reason.UNSUPPORTED_CSS, f"offset-path: {word[:60]}")


def _origin(text: str) -> str | None:
    return text.strip() if is_origin(text) else None


def _transform_box(text: str) -> str | None:
    word = text.strip().lower()
    return word if word in ("view-box", "fill-box", "stroke-box", "content-box", "border-box") else None


_INHERITED: dict[str, tuple[Callable[[str], Any], Any]] = {
    "fill": (parse_paint, Paint("color", BLACK)),
    "fill-opacity": (_opacity, 1.0),
    "fill-rule": (_keyword("nonzero", "evenodd"), "nonzero"),
    "stroke": (parse_paint, NO_PAINT),
    "stroke-opacity": (_opacity, 1.0),
    "stroke-width": (parse_size, Length(1.0, "px")),
    "stroke-linecap": (_keyword("butt", "round", "square"), "butt"),
    "stroke-linejoin": (_keyword("miter", "round", "bevel", "miter-clip", "arcs"), "miter"),
    "stroke-miterlimit": (_miter_limit, 4.0),
    "stroke-dasharray": (_dashes, ()),
    "stroke-dashoffset": (parse_length, Length(0.0, "px")),
    "color": (parse_solid, Paint("color", BLACK)),
    "visibility": (_keyword("visible", "hidden", "collapse"), "visible"),
    "clip-rule": (_keyword("nonzero", "evenodd"), "nonzero"),
    "marker-start": (_reference_or_none, ""),
    "marker-mid": (_reference_or_none, ""),
    "marker-end": (_reference_or_none, ""),
    "paint-order": (_paint_order, _PAINT_ORDER),
    "color-interpolation": (_keyword("auto", "srgb", "linearrgb"), "srgb"),
    "color-interpolation-filters": (_keyword("auto", "srgb", "linearrgb"), "linearrgb"),
    "font-size": (parse_font_size, Length(FONT_SIZE, "px")),
    "font-family": (_text, None),
    "font-weight": (parse_weight, 400.0),
    "font-style": (parse_slant, "normal"),
    "font-variant-caps": (
        _keyword("normal", "small-caps", "all-small-caps", "petite-caps", "all-petite-caps", "unicase", "titling-caps"),
        "normal",
    ),
    "font-synthesis-small-caps": (_keyword("auto", "none"), "auto"),
    "font-kerning": (_keyword("auto", "normal", "none"), "auto"),
    "font-feature-settings": (parse_features_off, frozenset()),
    "font-variant-ligatures": (parse_ligatures, "normal"),
    "font-size-adjust": (parse_size_adjust, ("ex-height", None)),
    "text-transform": (_keyword("none", "capitalize", "uppercase", "lowercase"), "none"),
    "text-shadow": (_word, "none"),
    "text-anchor": (_keyword("start", "middle", "end"), "start"),
    "letter-spacing": (parse_spacing, None),
    "word-spacing": (parse_spacing, None),
    "white-space": (parse_white_space, "normal"),
    "writing-mode": (_word, "horizontal-tb"),
    "direction": (_word, "ltr"),
    "dominant-baseline": (_keyword(*BASELINES), "auto"),
    "color-scheme": (_color_scheme, "light"),
}
ANIMATION = (
    "animation-name", "animation-duration", "animation-delay", "animation-iteration-count", "animation-direction",
    "animation-fill-mode", "animation-play-state",
)  # fmt: skip
_OWN: dict[str, tuple[Callable[[str], Any], Any]] = {
    "display": (_text, "inline"),
    "opacity": (_opacity, 1.0),
    "clip-path": (_clip_path, ""),
    "mask": (_mask, ""),
    "mask-image": (_mask_image, ""),
    "mask-mode": (_keyword("alpha", "luminance", "match-source"), ""),
    "filter": (_filter, ""),
    "overflow": (_keyword("visible", "hidden", "scroll", "auto", "clip"), None),
    "mix-blend-mode": (_blend_mode, "normal"),
    "isolation": (_keyword("auto", "isolate"), "auto"),
    **{name: (parse, "") for name, parse in ISOLATING.items()},
    "vector-effect": (_keyword("none", "non-scaling-stroke"), "none"),  # all that browsers know
    "background-color": (parse_solid, None),
    "background-image": (_image, ""),
    "transform-origin": (_origin, None),
    "transform-box": (_transform_box, "view-box"),
    "offset-path": (_offset_path, "none"),
    "stop-color": (parse_solid, Paint("color", BLACK)),
    "stop-opacity": (_opacity, 1.0),
    "alignment-baseline": (_keyword(*ALIGNMENTS), "auto"),
    "text-decoration-line": (parse_lines, ()),
    "text-decoration-style": (_keyword(*LINE_STYLES), "solid"),
    "text-decoration-thickness": (parse_line_thickness, "auto"),
    "baseline-shift": (_word_or_length("baseline", "sub", "super"), None),
    "flood-color": (parse_solid, Paint("color", BLACK)),
    "flood-opacity": (_opacity, 1.0),
    "mask-type": (_keyword("luminance", "alpha"), "luminance"),
    **dict.fromkeys(ANIMATION, (_text, None)),
    "animation-timeline": (_text, "auto"),
}
PROPERTIES = {**_INHERITED, **_OWN}
INHERITED = frozenset(_INHERITED)
DEFAULTS: Style = {name: initial for name, (_, initial) in _INHERITED.items()} | {"text-decoration": ()}
"""The computed style that the root starts from: inherited properties only."""
OWN_DEFAULTS: Style = {name: initial for name, (_, initial) in _OWN.items()}

PRESENTATION = frozenset(PROPERTIES) & PRESENTATION_ATTRIBUTES
"""Properties that are also attributes."""

GEOMETRY_PROPERTIES = frozenset(("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"))
"""Attributes that are also properties: a style may set them."""

TRANSFORM_PROPERTIES = frozenset(("translate", "rotate", "scale", "transform"))

CSS_ONLY = GEOMETRY_PROPERTIES | TRANSFORM_PROPERTIES | {"d"}


WIDE = {"inherit": INHERIT, "initial": INITIAL, "unset": UNSET, "revert": UNSET, "revert-layer": UNSET}

_PAINTS = frozenset(("fill", "stroke", "color", "stop-color", "flood-color"))
_SIGNED = frozenset(("x", "y", "cx", "cy"))
_SUBSTITUTIONS = re.compile(r"(?<![\w-])(attr|env|if|inherit|random-item|--[\w-]+)\(", re.IGNORECASE)


def parse_property(name: str, text: str) -> Any:
    """The typed value of a declaration, None if it is invalid. What needs custom properties becomes `Variable`.

    A function that is not known in a paint, a length or a transform makes it `Refused`.
    """
    if "(" in text:
        if "var(" in text.lower():
            return Variable(name, text)
        function = _SUBSTITUTIONS.search(text)
        if function is not None and '"' not in text and "'" not in text:
            # CSS Values 5, section 8: any property may hold them, and what they stand for is not in the declaration
            return Refused(Reason.UNSUPPORTED_CSS, f"{name}: {function[1]}()")
    wide = WIDE.get(text.strip().lower())
    if wide is not None:
        return wide
    try:
        if name in PROPERTIES:
            value = PROPERTIES[name][0](text)
            return None if isinstance(value, float) and not math.isfinite(value) else value
        if name in GEOMETRY_PROPERTIES:
            return _geometry(name, text)
        if name in TRANSFORM_PROPERTIES:
            return text.strip() if check_property(name, text) else None
        if name == "d":
            return _path_data(text)
    except UnknownFunction as error:
        reason = Reason.UNSUPPORTED_PAINT if name in _PAINTS else Reason.UNSUPPORTED_CSS
        return Refused(reason, f"{name}: {error}")
    return text.strip() or None


def parse_attribute(name: str, text: str) -> Any:
    """The typed value of a presentation attribute, whose lengths need no units (SVG 2, section 6.6)."""
    if name == "transform-origin" and "(" not in text:
        text = _UNITLESS.sub(r"\1px", text)
    return parse_property(name, text)


_UNITLESS = re.compile(r"(?<![\w.%])([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?=\s|$)")


def _geometry(name: str, text: str) -> str | None:
    """A geometry property's value as it is given, None if it is invalid (SVG 2, section 7)."""
    word = text.strip()
    if word.lower() == "auto":
        return None if name in _SIGNED or name == "r" else word
    length = parse_length(word)
    if length is None:
        return None
    if "(" in word:
        term = parse_math(word) if length.unit in ("px", "calc") else None
        return word if term is None or term.dimensions == LENGTH else None
    return word if length.value >= 0 or name in _SIGNED else None


def _path_data(text: str) -> str | None:
    """The path data of ``d``, "" for none, None if it is invalid (SVG 2, section 9.3.1)."""
    import tinycss2

    word = text.strip()
    if word.lower() == "none":
        return ""
    nodes = [node for node in tinycss2.parse_component_value_list(word) if node.type != "whitespace"]
    if len(nodes) != 1 or nodes[0].type != "function" or nodes[0].lower_name != "path":
        return None
    strings = [node for node in nodes[0].arguments if node.type != "whitespace"]
    if len(strings) != 1 or strings[0].type != "string":
        return None
    data = str(strings[0].value)
    return data if parse_path(data)[1] else None
