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
from stages.normalize.known_attributes import PRESENTATION_ATTRIBUTES
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
    style: dict[str, Any]


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


REFUSED = "refused"
"""The key, among an element's own computed properties, of the dict of its refused ones."""
REFUSED_ROOT = "refused root"
"""The same for those that count on the document's root alone."""


def refuse(own: dict[str, Any], root: bool = False) -> None:
    """Raise Dropped if one of an element's own computed properties is refused. ``root``: of the document's root."""
    for key in (REFUSED, REFUSED_ROOT) if root else (REFUSED,):
        for value in own.get(key, _NOTHING).values():
            raise Dropped(value.reason, value.detail)


def check_declared(declared: dict[str, Any]) -> None:
    """Raise Dropped if one of the declarations of an element that something refers to is refused."""
    for value in declared.values():
        if type(value) is Refused and not value.root:
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


_LAYERS = re.compile(r",(?![^(]*\))")


def _mask(text: str) -> Mask | str | None:
    """A value of ``mask`` (CSS Masking 1, section 6.8); "" for none. Of a reference, only the mode counts."""
    plain = _reference_or_none(text)
    if plain is not None:
        return Mask(plain) if plain else ""
    layers = [layer.strip() for layer in _LAYERS.split(text) if layer.strip().lower() != "none"]
    if not layers:
        return None
    found = parse_reference(layers[0][match.start() :]) if (match := _MASK_URL.search(layers[0])) else None
    if len(layers) > 1 or found is None or not found[0]:
        return Mask("", image=text.strip()) if "(" in text else None
    words = set(layers[0].lower().split())
    mode = "alpha" if "alpha" in words else "luminance" if "luminance" in words else ""
    return Mask(found[0], mode, simple=False)


def _mask_image(text: str) -> Mask | str | None:
    value = _mask(text)
    if value is None:
        return None
    return value._replace(simple=False) if isinstance(value, Mask) else Mask("", simple=False)


_MASK_URL = re.compile(r"(?<![\w-])url\(", re.IGNORECASE)


def _clip_path(text: str) -> str | None:
    found = _reference_or_none(text)
    if found is None and ("(" in text or text.strip().lower() in REFERENCE_BOXES):
        return "\0" + text.strip()  # a basic shape or a box, which the caller applies or refuses
    return found


REFERENCE_BOXES = frozenset((
    "fill-box", "stroke-box", "view-box", "margin-box", "border-box", "padding-box", "content-box",
))  # fmt: skip
"""What the sizes of CSS shapes may refer to (CSS Masking 1, section 5.1)."""


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


BLEND_MODES = (
    "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn", "hard-light", "soft-light",
    "difference", "exclusion", "hue", "saturation", "color", "luminosity",
)  # fmt: skip
"""Values of ``mix-blend-mode`` other than normal (Compositing 1, section 5)."""

_BASELINES = (
    "auto", "alphabetic", "no-change", "use-script", "reset-size", "middle", "central", "hanging", "mathematical",
    "ideographic", "text-after-edge", "text-before-edge",
)  # fmt: skip
_ALIGNMENTS = (
    "auto", "baseline", "before-edge", "text-before-edge", "middle", "central", "after-edge", "text-after-edge",
    "ideographic", "alphabetic", "hanging", "mathematical",
)  # fmt: skip
_WEIGHTS = {"normal": 400.0, "bold": 700.0}


def _weight(text: str) -> float | str | None:
    word = text.strip().lower()
    if word in ("bolder", "lighter"):
        return word
    number = parse_number(word)
    return _WEIGHTS.get(word) or (number if number is not None and 1 <= number <= 1000 else None)


def _relative_weight(word: str, parent: float) -> float:
    """CSS Fonts 4, section 2.2.1."""
    if word == "bolder":
        return 400.0 if parent < 350 else 700.0 if parent < 550 else max(parent, 900.0)
    return min(parent, 100.0) if parent < 550 else 400.0 if parent < 750 else 700.0


def _slant(text: str) -> str | None:
    word, _, angle = text.strip().lower().partition(" ")
    if word == "oblique" and angle:
        degrees = re.fullmatch(r"\s*([+-]?[0-9.]+)(deg|grad|rad|turn)", angle)
        return None if degrees is None else "normal" if parse_number(degrees[1]) == 0 else "oblique by an angle"
    return word if not angle and word in ("normal", "italic", "oblique") else None


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


_COLLAPSES = {
    "collapse": "normal",
    "preserve": "pre",
    "preserve-breaks": "pre-line",
    "break-spaces": "break-spaces",
}
_WRAPS = frozenset(("wrap", "nowrap", "balance", "pretty", "stable"))


def _white_space(text: str) -> str | None:
    """The keyword that says what becomes of white space (CSS Text 4, section 3); nothing here breaks a line."""
    words = text.lower().split()
    if len(words) == 1 and words[0] in ("normal", "pre", "pre-wrap", "pre-line", "nowrap", "break-spaces"):
        return words[0]
    collapses = [_COLLAPSES[word] for word in words if word in _COLLAPSES]
    wraps = [word for word in words if word in _WRAPS]
    if not words or len(collapses) > 1 or len(wraps) > 1 or len(collapses) + len(wraps) < len(words):
        return None
    return collapses[0] if collapses else "normal"


def _lines(text: str) -> tuple[str, ...] | None:
    words = tuple(text.lower().split())
    if words == ("none",):
        return ()
    known = set(words) <= {"underline", "overline", "line-through", "blink"}
    return tuple(word for word in words if word != "blink") if words and known and len({*words}) == len(words) else None


_LINE_STYLES = ("solid", "double", "dotted", "dashed", "wavy")


def _line_thickness(text: str) -> Length | str | None:
    word = text.strip().lower()
    return word if word in ("auto", "from-font") else parse_length(text)


def _features_off(text: str) -> frozenset[str] | None:
    """Which of the fonts' features, ``kern`` and ``liga``, ``font-feature-settings`` turns off."""
    word = text.strip().lower()
    if word == "normal":
        return frozenset()
    pairs = [re.fullmatch(r"""\s*(["'])([ -~]{4})\1(?:\s+(on|off|[0-9]+))?\s*""", part) for part in word.split(",")]
    if not all(pairs):
        return None
    last = {pair[2]: pair[3] for pair in pairs if pair}
    return frozenset(tag for tag in ("kern", "liga") if last.get(tag) in ("off", "0"))


def _ligatures(text: str) -> str | None:
    words = text.lower().split()
    kinds = {f"{no}{kind}" for no in ("", "no-") for kind in ("common-ligatures", *_OTHER_LIGATURES)}
    if not words or not set(words) <= {"normal", "none", *kinds}:
        return None
    return "none" if {"none", "no-common-ligatures"} & set(words) else "normal"


_OTHER_LIGATURES = ("discretionary-ligatures", "historical-ligatures")


def _size_adjust(text: str) -> tuple[str, float | None] | None:
    """A metric and its share of the font size (CSS Fonts 5, section 2.1), None where the size stays as it is."""
    words = text.lower().split()
    number = parse_number(words[-1]) if words else None
    if words in (["none"], ["from-font"]):
        return ("ex-height", None)
    metric = words[0] if len(words) == 2 else "ex-height"
    if number is None or number < 0 or len(words) > 2:
        return None
    return metric, number


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
    "color-interpolation": (_keyword("auto", "srgb", "linearrgb"), "srgb"),
    "color-interpolation-filters": (_keyword("auto", "srgb", "linearrgb"), "linearrgb"),
    "font-size": (_font_size, Length(FONT_SIZE, "px")),
    "font-family": (_text, None),
    "font-weight": (_weight, 400.0),
    "font-style": (_slant, "normal"),
    "font-variant-caps": (
        _keyword("normal", "small-caps", "all-small-caps", "petite-caps", "all-petite-caps", "unicase", "titling-caps"),
        "normal",
    ),
    "font-synthesis-small-caps": (_keyword("auto", "none"), "auto"),
    "font-kerning": (_keyword("auto", "normal", "none"), "auto"),
    "font-feature-settings": (_features_off, frozenset()),
    "font-variant-ligatures": (_ligatures, "normal"),
    "font-size-adjust": (_size_adjust, ("ex-height", None)),
    "text-transform": (_keyword("none", "capitalize", "uppercase", "lowercase"), "none"),
    "text-shadow": (_word, "none"),
    "text-anchor": (_keyword("start", "middle", "end"), "start"),
    "letter-spacing": (_spacing, None),
    "word-spacing": (_spacing, None),
    "white-space": (_white_space, "normal"),
    "writing-mode": (_word, "horizontal-tb"),
    "direction": (_word, "ltr"),
    "dominant-baseline": (_keyword(*_BASELINES), "auto"),
    "color-scheme": (_color_scheme, "light"),
}
_ANIMATION = (
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
    "mix-blend-mode": (_keyword("normal", *BLEND_MODES), "normal"),
    "isolation": (_keyword("auto", "isolate"), "auto"),
    "vector-effect": (_keyword("none", "non-scaling-stroke"), "none"),  # all that browsers know
    "background-color": (_color, None),
    "background-image": (_image, ""),
    "transform-origin": (_origin, None),
    "transform-box": (_transform_box, "view-box"),
    "offset-path": (_offset_path, "none"),
    "stop-color": (_color, Paint("color", BLACK)),
    "stop-opacity": (_opacity, 1.0),
    "alignment-baseline": (_keyword(*_ALIGNMENTS), "auto"),
    "text-decoration-line": (_lines, ()),
    "text-decoration-style": (_keyword(*_LINE_STYLES), "solid"),
    "text-decoration-thickness": (_line_thickness, "auto"),
    "baseline-shift": (_word_or_length("baseline", "sub", "super"), None),
    "flood-color": (_color, Paint("color", BLACK)),
    "flood-opacity": (_opacity, 1.0),
    "mask-type": (_keyword("luminance", "alpha"), "luminance"),
    **dict.fromkeys(_ANIMATION, (_text, None)),
    "animation-timeline": (_text, "auto"),
}
PROPERTIES = {**_INHERITED, **_OWN}
INHERITED = frozenset(_INHERITED)
DEFAULTS: dict[str, Any] = {name: initial for name, (_, initial) in _INHERITED.items()} | {"text-decoration": ()}
"""The computed style that the root starts from: inherited properties only."""
OWN_DEFAULTS: dict[str, Any] = {name: initial for name, (_, initial) in _OWN.items()}

PRESENTATION = frozenset(PROPERTIES) & PRESENTATION_ATTRIBUTES
"""Properties that are also attributes."""

GEOMETRY_PROPERTIES = frozenset(("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"))
"""Attributes that are also properties: a style may set them."""

TRANSFORM_PROPERTIES = frozenset(("translate", "rotate", "scale", "transform"))

CSS_ONLY = GEOMETRY_PROPERTIES | TRANSFORM_PROPERTIES | {"d"}

_CAPS = frozenset(("small-caps", "all-small-caps", "petite-caps", "all-petite-caps", "unicase", "titling-caps"))


def _text_decoration(text: str) -> dict[str, str]:
    """Its colour does not count: what SVG paints is painted by fill and stroke."""
    longhands = {"text-decoration-line": "none", "text-decoration-style": "solid", "text-decoration-thickness": "auto"}
    lines: list[str] = []
    for word in _words(text):
        if _lines(word) is not None:
            lines.append(word)
        elif word in _LINE_STYLES:
            longhands["text-decoration-style"] = word
        elif _line_thickness(word) is not None:
            longhands["text-decoration-thickness"] = word
        elif _color(word) is None:
            return {}
    return {**longhands, "text-decoration-line": " ".join(lines) or "none"}


def _font_variant(text: str) -> dict[str, str]:
    words = _words(text)
    caps = [word for word in words if word in _CAPS]
    ligatures = "none" if {"none", "no-common-ligatures"} & set(words) else "normal"
    if not words or len(caps) > 1:
        return {}
    return {"font-variant-caps": caps[0] if caps else "normal", "font-variant-ligatures": ligatures}


def _font_synthesis(text: str) -> dict[str, str]:
    words = _words(text)
    if not words or not set(words) <= {"none", "weight", "style", "small-caps", "position"}:
        return {}
    return {"font-synthesis-small-caps": "auto" if "small-caps" in words else "none"}


def _words(text: str) -> list[str]:
    """The words of a value, each function one of them."""
    return re.findall(r"[^\s(]+(?:\([^)]*\)+)?", text.lower())


_ANIMATION_WORDS = {
    "animation-direction": ("normal", "reverse", "alternate", "alternate-reverse"),
    "animation-fill-mode": ("none", "forwards", "backwards", "both"),
    "animation-play-state": ("running", "paused"),
}
_EASING = re.compile(
    r"(?:linear|ease|ease-in|ease-out|ease-in-out|step-start|step-end|(?:cubic-bezier|steps|linear)\(.*\))", re.DOTALL
)
_TIME = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?m?s")


def _animation(text: str) -> dict[str, str]:
    """CSS Animations 1, section 3.9: of two times the first is the duration, and a word that is free is the name."""
    parts = [_one_animation(re.findall(r"[^\s(]+(?:\([^)]*\)+)?", part)) for part in _SEPARATORS.split(text)]
    if not parts or any(part is None for part in parts):
        return {}
    return {name: ",".join(part[name] for part in parts if part is not None) for name in _ANIMATION}


_SEPARATORS = re.compile(r",(?![^(]*\))")
_ANIMATION_DEFAULTS = ("none", "0s", "0s", "1", "normal", "none", "running")


def _one_animation(words: list[str]) -> dict[str, str] | None:
    given: dict[str, str] = {}
    for raw in words:
        word = raw.lower()
        names = [name for name, allowed in _ANIMATION_WORDS.items() if word in allowed and name not in given]
        if _TIME.fullmatch(word):
            names = [name for name in ("animation-duration", "animation-delay") if name not in given]
        elif word == "infinite" or parse_number(word) is not None:
            names = ["animation-iteration-count"]
        elif _EASING.fullmatch(word) and "easing" not in given:
            names = ["easing"]
        elif not names or (word == "none" and "animation-name" not in given and "animation-fill-mode" in given):
            names = ["animation-name"]
        if not names or names[0] in given:
            return None
        given[names[0]] = raw if names[0] == "animation-name" else word
    if not words:
        return None
    return {name: given.get(name, usual) for name, usual in zip(_ANIMATION, _ANIMATION_DEFAULTS, strict=True)}


def _as(name: str) -> Callable[[str], dict[str, str]]:
    """What reads the value of another name for a property."""
    return lambda text: {name: text}


_SHORTHANDS: dict[str, Callable[[str], dict[str, str]]] = {
    "animation": _animation,
    "-webkit-animation": _animation,
    "text-decoration": _text_decoration,
    "font-variant": _font_variant,
    "font-synthesis": _font_synthesis,
    "white-space-collapse": _as("white-space"),
    **{f"-webkit-{name}": _as(name) for name in _ANIMATION},
}
_LONGHANDS: dict[str, tuple[str, ...]] = {
    "animation": _ANIMATION,
    "-webkit-animation": _ANIMATION,
    **{f"-webkit-{name}": (name,) for name in _ANIMATION},
    "text-decoration": ("text-decoration-line", "text-decoration-style", "text-decoration-thickness"),
    "font-variant": ("font-variant-caps", "font-variant-ligatures"),
    "font-synthesis": ("font-synthesis-small-caps",),
    "white-space-collapse": ("white-space",),
}
SHORTHANDS = frozenset(_SHORTHANDS)


def expand(name: str, text: str) -> list[tuple[str, Any]]:
    """The longhands of a shorthand, typed; none if ``text`` is invalid."""
    wide = _WIDE.get(text.strip().lower())
    if wide is not None:
        return [(each, wide) for each in _LONGHANDS[name]]
    if "(" in text and "var(" in text.lower():
        raise Dropped(Reason.UNSUPPORTED_CSS, f"{name}: {text[:80]}")
    typed = [(each, parse_property(each, value)) for each, value in _SHORTHANDS[name](text).items()]
    return [] if any(value is None for _, value in typed) else typed


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
            own.setdefault(REFUSED_ROOT if value.root else REFUSED, {})[name] = value
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
    if own.get("text-decoration-line"):
        style = {**style, "text-decoration": (*style["text-decoration"], _decoration(own, style))}
    return style, own


def _absolute(style: dict[str, Any], parent: dict[str, Any], declared: dict[str, Any]) -> None:
    """Resolve ``currentColor`` of color and lengths relative to the font."""
    if style["color"].kind == "current":
        paint = style["color"]
        style["color"] = Paint("color", paint.solid(parent["color"].color)) if paint.expression else parent["color"]
    size, before = style["font-size"], parent["font-size"].value
    if size.unit != "px":
        style["font-size"] = size = Length(max(resolve(size, before, before), 0.0), "px", None, size.exotic)
    if isinstance(style["font-weight"], str):
        style["font-weight"] = _relative_weight(style["font-weight"], parent["font-weight"])
    for name in ("letter-spacing", "word-spacing"):
        if name in declared and style[name] is not None:
            style[name] = in_pixels(style[name], size.value)
    for name in _LENGTH_VALUED:
        if name in declared:
            style[name] = in_pixels(style[name], size.value)
    if "stroke-dasharray" in declared:
        style["stroke-dasharray"] = tuple(in_pixels(length, size.value) for length in style["stroke-dasharray"])


def _decoration(own: dict[str, Any], style: dict[str, Any]) -> Decoration:
    """The lines that an element of this style asks for. Browsers do not scale a thickness, so its pixels depend."""
    kind, given = own.get("text-decoration-style", "solid"), own.get("text-decoration-thickness", "auto")
    thickness = None if isinstance(given, str) else in_pixels(given, style["font-size"].value)
    if given == "from-font" or (isinstance(given, Length) and given.unit not in ("em", "%")):
        kind = "a thickness in pixels or of the font"
    return Decoration(own["text-decoration-line"], kind, thickness, style)
