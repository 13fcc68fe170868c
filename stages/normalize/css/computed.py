"""From what an element declares to its computed style (CSS Cascade 5, section 4); what is refused is raised here."""

from __future__ import annotations

from stages.base import Dropped
from stages.normalize.values.properties import (
    DEFAULTS,
    INHERIT,
    INHERITED,
    INITIAL,
    OWN_DEFAULTS,
    UNSET,
    Decoration,
    Paint,
    Refused,
    Style,
)
from stages.normalize.values.text_values import relative_weight
from stages.normalize.values.units import Length, in_pixels, resolve

REFUSED = "refused"
"""The key, among an element's own computed properties, of the dict of its refused ones."""
REFUSED_ROOT = "refused root"
"""The same for those that count on the document's root alone."""


def refuse(own: Style, root: bool = False) -> None:
    """Raise Dropped if one of an element's own computed properties is refused. ``root``: of the document's root."""
    for key in (REFUSED, REFUSED_ROOT) if root else (REFUSED,):
        for value in own.get(key, _NOTHING).values():
            raise Dropped(value.reason, value.detail)


def check_declared(declared: Style) -> None:
    """Raise Dropped if one of the declarations of an element that something refers to is refused."""
    for value in declared.values():
        if type(value) is Refused and not value.root:
            raise Dropped(value.reason, value.detail)


_NOTHING: Style = {}

_LENGTH_VALUED = frozenset(("stroke-width", "stroke-dashoffset"))


def compute(parent: Style, declared: Style) -> tuple[Style, Style]:
    """Inherited and own properties of an element, from its parent's inherited ones and its declarations.

    Lengths relative to the font come out in pixels. The second dict holds only what was declared.
    """
    if not declared:
        return parent, _NOTHING
    style, own = parent, Style()
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


def _absolute(style: Style, parent: Style, declared: Style) -> None:
    """Resolve ``currentColor`` of color and lengths relative to the font."""
    if style["color"].kind == "current":
        paint = style["color"]
        style["color"] = Paint("color", paint.solid(parent["color"].color)) if paint.expression else parent["color"]
    size, before = style["font-size"], parent["font-size"].value
    if size.unit != "px":
        style["font-size"] = size = Length(max(resolve(size, before, before), 0.0), "px", None, size.exotic)
    if isinstance(style["font-weight"], str):
        style["font-weight"] = relative_weight(style["font-weight"], parent["font-weight"])
    for name in ("letter-spacing", "word-spacing"):
        if name in declared and style[name] is not None:
            style[name] = in_pixels(style[name], size.value)
    for name in _LENGTH_VALUED:
        if name in declared:
            style[name] = in_pixels(style[name], size.value)
    if "stroke-dasharray" in declared:
        style["stroke-dasharray"] = tuple(in_pixels(length, size.value) for length in style["stroke-dasharray"])


def _decoration(own: Style, style: Style) -> Decoration:
    """The lines that an element of this style asks for. Browsers do not scale a thickness, so its pixels depend."""
    kind, given = own.get("text-decoration-style", "solid"), own.get("text-decoration-thickness", "auto")
    thickness = None if isinstance(given, str) else in_pixels(given, style["font-size"].value)
    if given == "from-font" or (isinstance(given, Length) and given.unit not in ("em", "%")):
        kind = "a thickness in pixels or of the font"
    return Decoration(own["text-decoration-line"], kind, thickness, style)
