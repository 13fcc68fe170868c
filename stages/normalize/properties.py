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

from stages.base import Dropped
from stages.normalize.calculations import LENGTH, UnknownFunction, parse_math
from stages.normalize.colors import BLACK, Color, is_modern, is_plain, parse_color
from stages.normalize.units import FONT_SIZE, Length, in_pixels, parse_length, parse_number, parse_share, resolve
from stages.reasons import Reason


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
        from stages.normalize.color_functions import evaluate

        return evaluate(self.expression, current) or BLACK


NO_PAINT, CURRENT = Paint("none"), Paint("current")

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


REFUSED = "refused"
"""The key, among an element's own computed properties, of the dict of its refused ones."""


def refuse(own: dict[str, Any]) -> None:
    """Raise Dropped if one of an element's own computed properties is refused."""
    for value in own.get(REFUSED, _NOTHING).values():
        raise Dropped(value.reason, value.detail)


def check_declared(declared: dict[str, Any]) -> None:
    """Raise Dropped if one of the declarations of an element that something refers to is refused."""
    for value in declared.values():
        if type(value) is Refused:
            raise Dropped(value.reason, value.detail)


_NOTHING: dict[str, Any] = {}

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
        found = parse_reference(text)
        if found is None:
            return None
        ref, rest = found
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
    from stages.normalize.color_functions import evaluate

    if evaluate(text, BLACK) is None:
        return None
    return Paint("current", expression=text, exotic=True, modern=is_modern(text))


def _color(text: str) -> Paint | None:
    paint = parse_paint(text)
    return paint if paint and paint.kind in ("color", "current") else None


def _opacity(text: str) -> float | None:
    value = parse_share(text)
    return None if value is None else min(max(value, 0.0), 1.0)


def _size(text: str) -> Length | None:
    length = parse_length(text)
    if length is None or length.value >= 0:
        return length
    return Length(0.0, "px", None, True) if "(" in text else None  # a calculated value is clamped


def _miter_limit(text: str) -> float | None:
    value = parse_share(text) if "%" not in text else None
    if value is not None and "(" in text:
        return max(value, 1.0)
    return value if value is not None and value >= 1 else None


def _dashes(text: str) -> tuple[Length, ...] | None:
    if text.strip().lower() == "none":
        return ()
    lengths = [_size(part) for part in split_list(text)]
    if any(length is None for length in lengths):
        return None
    return tuple(length for length in lengths if length)


_GAP = re.compile(r"\s*,\s*|\s+")


def split_list(text: str) -> list[str]:
    """The values of a list with spaces or commas between them, functions in one piece."""
    if "(" not in text:
        return _GAP.split(text.strip())
    parts, depth = [""], 0
    for char in text.strip():
        depth += (char == "(") - (char == ")")
        if depth == 0 and (char == "," or char.isspace()):
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part]


def _keyword(*allowed: str) -> Callable[[str], str | None]:
    def parse(text: str) -> str | None:
        word = text.strip().lower()
        return word if word in allowed else None

    return parse


def _reference_or_none(text: str) -> str | None:
    """The id referred to, "" for none."""
    if text.strip().lower() == "none":
        return ""
    found = parse_reference(text)
    return found[0] if found and not found[1].strip() else None


def _clip_path(text: str) -> str | None:
    found = _reference_or_none(text)
    if found is None and "(" in text:
        return "\0shape"  # a basic shape or a box, which the caller refuses if it would be applied
    return found


def _filter(text: str) -> str | None:
    word = text.strip()
    return "" if word.lower() == "none" else word or None


def _font_size(text: str) -> Length | float | None:
    word = text.strip().lower()
    if word in _FONT_SIZES:
        return Length(_FONT_SIZES[word], "px", None, True)
    if word in _FONT_STEPS:
        return Length(_FONT_STEPS[word], "em", None, True)
    return _size(text)


_FONT_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": FONT_SIZE,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
    "xxx-large": 48.0,
}
_FONT_STEPS = {"larger": 1.2, "smaller": 1 / 1.2}


def _text(text: str) -> str | None:
    return text.strip() or None


def _paint_order(text: str) -> tuple[str, ...] | None:
    words = text.lower().split()
    if words == ["normal"]:
        return _PAINT_ORDER
    if not words or len(set(words)) != len(words) or not set(words) <= {"fill", "stroke", "markers"}:
        return None
    return (*words, *(word for word in _PAINT_ORDER if word not in words))


_PAINT_ORDER = ("fill", "stroke", "markers")


BLEND_MODES = (
    "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn", "hard-light", "soft-light",
    "difference", "exclusion", "hue", "saturation", "color", "luminosity",
)  # fmt: skip
"""Values of ``mix-blend-mode`` other than normal (Compositing 1, section 5)."""

_BASELINES = (
    "auto", "alphabetic", "baseline", "no-change", "use-script", "reset-size", "middle", "central", "hanging",
    "mathematical", "ideographic", "text-after-edge", "text-bottom", "text-before-edge", "text-top",
)  # fmt: skip
_WEIGHTS = {"normal": 400.0, "bold": 700.0, "bolder": 700.0, "lighter": 300.0}


def _weight(text: str) -> float | None:
    word = text.strip().lower()
    return _WEIGHTS.get(word) or parse_number(word)


def _word_or_length(*words: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        word = text.strip().lower()
        return word if word in words else parse_length(text)

    return parse


def _spacing(text: str) -> Length | None:
    return Length(0.0, "px") if text.strip().lower() == "normal" else parse_length(text)


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
    from stages.normalize.transform_lists import is_origin

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
    "stroke-width": (_size, Length(1.0, "px")),
    "stroke-linecap": (_keyword("butt", "round", "square"), "butt"),
    "stroke-linejoin": (_keyword("miter", "round", "bevel", "miter-clip", "arcs"), "miter"),
    "stroke-miterlimit": (_miter_limit, 4.0),
    "stroke-dasharray": (_dashes, ()),
    "stroke-dashoffset": (parse_length, Length(0.0, "px")),
    "color": (_color, Paint("color", BLACK)),
    "visibility": (_keyword("visible", "hidden", "collapse"), "visible"),
    "clip-rule": (_keyword("nonzero", "evenodd"), "nonzero"),
    "marker-start": (_reference_or_none, ""),
    "marker-mid": (_reference_or_none, ""),
    "marker-end": (_reference_or_none, ""),
    "paint-order": (_paint_order, _PAINT_ORDER),
    "color-interpolation-filters": (_keyword("auto", "srgb", "linearrgb"), "linearrgb"),
    "font-size": (_font_size, Length(FONT_SIZE, "px")),
    "font-family": (_text, None),
    "font-weight": (_weight, 400.0),
    "font-style": (_keyword("normal", "italic", "oblique"), "normal"),
    "text-anchor": (_keyword("start", "middle", "end"), "start"),
    "letter-spacing": (_spacing, None),
    "word-spacing": (_spacing, None),
    "white-space": (_keyword("normal", "pre", "pre-wrap", "pre-line", "nowrap", "break-spaces"), "normal"),
    "writing-mode": (_word, "horizontal-tb"),
    "direction": (_word, "ltr"),
    "dominant-baseline": (_keyword(*_BASELINES), "auto"),
    "text-decoration": (_word, "none"),
    "color-scheme": (_color_scheme, "light"),
}
_OWN: dict[str, tuple[Callable[[str], Any], Any]] = {
    "display": (_text, "inline"),
    "opacity": (_opacity, 1.0),
    "clip-path": (_clip_path, ""),
    "mask": (_reference_or_none, ""),
    "filter": (_filter, ""),
    "overflow": (_keyword("visible", "hidden", "scroll", "auto", "clip"), None),
    "mix-blend-mode": (_keyword("normal", *BLEND_MODES), "normal"),
    "isolation": (_keyword("auto", "isolate"), "auto"),
    "vector-effect": (_text, "none"),
    "transform-origin": (_origin, None),
    "transform-box": (_transform_box, "view-box"),
    "offset-path": (_offset_path, "none"),
    "stop-color": (_color, Paint("color", BLACK)),
    "stop-opacity": (_opacity, 1.0),
    "baseline-shift": (_word_or_length("baseline", "sub", "super"), None),
    "flood-color": (_color, Paint("color", BLACK)),
    "flood-opacity": (_opacity, 1.0),
    "mask-type": (_keyword("luminance", "alpha"), "luminance"),
}
PROPERTIES = {**_INHERITED, **_OWN}
INHERITED = frozenset(_INHERITED)
DEFAULTS: dict[str, Any] = {name: initial for name, (_, initial) in _INHERITED.items()}
"""The computed style that the root starts from: inherited properties only."""
OWN_DEFAULTS: dict[str, Any] = {name: initial for name, (_, initial) in _OWN.items()}

PRESENTATION = frozenset(PROPERTIES) - {
    "mix-blend-mode", "isolation", "transform-box", "white-space", "color-scheme", "offset-path",
}  # fmt: skip
"""Properties that are also attributes."""

GEOMETRY_PROPERTIES = frozenset(("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"))
"""Attributes that are also properties: a style may set them."""

TRANSFORM_PROPERTIES = frozenset(("translate", "rotate", "scale", "transform"))

CSS_ONLY = GEOMETRY_PROPERTIES | TRANSFORM_PROPERTIES | {"d"}

_WIDE = {"inherit": INHERIT, "initial": INITIAL, "unset": UNSET, "revert": UNSET, "revert-layer": UNSET}

_LENGTH_VALUED = frozenset(("stroke-width", "stroke-dashoffset"))

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
    wide = _WIDE.get(text.strip().lower())
    if wide is not None:
        return wide
    try:
        if name in PROPERTIES:
            value = PROPERTIES[name][0](text)
            return None if isinstance(value, float) and not math.isfinite(value) else value
        if name in GEOMETRY_PROPERTIES:
            return _geometry(name, text)
        if name in TRANSFORM_PROPERTIES:
            from stages.normalize.transform_lists import check_property

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

    from stages.pathdata import parse_path

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


def compute(parent: dict[str, Any], declared: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inherited and own properties of an element, from its parent's inherited ones and its declarations.

    Lengths relative to the font come out in pixels. The second dict holds only what was declared.
    """
    if not declared:
        return parent, _NOTHING
    style, own = parent, dict[str, Any]()
    copied = False
    for name, value in declared.items():
        if type(value) is Refused:
            own.setdefault(REFUSED, {})[name] = value
        elif name in INHERITED:
            if value is INHERIT or value is UNSET:
                continue
            if not copied:
                style, copied = dict(parent), True
            style[name] = DEFAULTS[name] if value is INITIAL else value
        elif name in OWN_DEFAULTS and value is not INITIAL and value is not UNSET:
            own[name] = value
    if copied:
        _absolute(style, parent, declared)
    return style, own


def _absolute(style: dict[str, Any], parent: dict[str, Any], declared: dict[str, Any]) -> None:
    """Resolve ``currentColor`` of color and lengths relative to the font."""
    if style["color"].kind == "current":
        paint = style["color"]
        style["color"] = Paint("color", paint.solid(parent["color"].color)) if paint.expression else parent["color"]
    size, before = style["font-size"], parent["font-size"].value
    if size.unit != "px":
        style["font-size"] = size = Length(max(resolve(size, before, before), 0.0), "px", None, size.exotic)
    for name in _LENGTH_VALUED:
        if name in declared:
            style[name] = in_pixels(style[name], size.value)
    if "stroke-dasharray" in declared:
        style["stroke-dasharray"] = tuple(in_pixels(length, size.value) for length in style["stroke-dasharray"])
