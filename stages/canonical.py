"""The canonical form: the text that is hashed into ``sample_id``, tokenized, and stored in shards.

Grammar, so that equal drawings have equal bytes and tokens map to it one to one:

* ``<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 S S">`` … ``</svg>``: no declaration, no whitespace between
  elements, no comments. An element without children ends with ``/>``. Character data occurs only in ``text`` elements
  and in ``style``.
* Attributes are printed in the order of ``Element.attributes``; the normalizer sorts them by `ATTRIBUTE_ORDER`, then by
  name. The geometry attribute (``d`` of a path, ``points`` of a polygon or polyline) is always last.
* ``d``: each command has its letter, also when it repeats. Every subpath begins with an absolute ``M x y``; every other
  command is relative (``l h v c s q t a``) or ``z``. Arguments are separated by one space, nothing stands between the
  letter and its first argument or between commands: ``M10 20c20 -20 50 30 80 0l5 5z``. All are integers, but an
  arc's radii and rotation, which may have up to two decimals.
* ``points``: absolute integers separated by one space, ``x y x y``.
* Numbers are printed by `number`: no exponent, no leading ``+``, no trailing zeros, ``-0`` is ``0``, ``0.5`` keeps its
  zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

SVG_NS = "http://www.w3.org/2000/svg"

ATTRIBUTE_ORDER = (
    "id",
    "viewBox",
    "href",
    "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2", "fx", "fy", "fr",
    "font-family", "font-size", "font-weight", "font-style", "text-anchor", "text-decoration",
    "patternUnits", "patternTransform", "filterUnits", "color-interpolation-filters",
    "gradientUnits", "gradientTransform", "spreadMethod", "offset", "stop-color", "stop-opacity",
    "clipPathUnits", "maskUnits", "maskContentUnits", "mask-type",
    "fill", "fill-opacity", "fill-rule",
    "stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
    "stroke-dasharray", "stroke-dashoffset",
    "in", "in2", "type", "mode", "operator", "values", "dx", "dy", "stdDeviation", "radius",
    "flood-color", "flood-opacity", "result",
    "clip-path", "clip-rule", "mask", "filter", "opacity", "paint-order", "style",
)  # fmt: skip

GEOMETRY = {"path": "d", "polygon": "points", "polyline": "points"}

_RANK = {name: i for i, name in enumerate(ATTRIBUTE_ORDER)}
_SPECIAL = re.compile('[&<>"\n\t\r]')


@dataclass
class Element:
    """One element of a canonical drawing. ``tag`` has no namespace; ``text`` only for text and style.

    ``within``: a box that surely holds what it paints, for those who drew it and know; left, top, right, bottom.
    """

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""
    within: tuple[float, float, float, float] | None = field(default=None, compare=False, repr=False)
    extent: tuple[float, float, float, float] | None = field(default=None, compare=False, repr=False)
    """Of an element with a filter, what it may paint on the canvas: left, top, right, bottom. Not printed."""
    uncut: tuple[float, float, float, float] | None = field(default=None, compare=False, repr=False)
    """A box of its points and control points before it was clipped, for those who know. Not printed."""


def attribute_key(name: str) -> tuple[int, str]:
    """Sort key of an attribute in canonical order; the geometry attribute comes last."""
    return (_LAST if name in _GEOMETRIES else _RANK.get(name, len(_RANK)), name)


_GEOMETRIES = frozenset(GEOMETRY.values())
_LAST = len(_RANK) + 1


def number(value: float, decimals: int = 2) -> str:
    """Print a finite number in canonical form with at most ``decimals`` decimals."""
    if value == (whole := int(value)):
        return str(whole)
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def serialize(root: Element) -> str:
    """Print the drawing whose ``svg`` element is ``root`` in canonical form."""
    out: list[str] = []
    _write(root, out, f' xmlns="{SVG_NS}"')
    return "".join(out)


def _write(element: Element, out: list[str], extra: str = "") -> None:
    out.append(f"<{element.tag}{extra}")
    for name, value in element.attributes.items():
        # looking costs less than escaping, and nearly nothing needs it
        if _SPECIAL.search(value):
            value = escape(value, _QUOTE)
        out.append(f' {name}="{value}"')
    if not element.children and not element.text:
        out.append("/>")
        return
    out.append(">")
    if element.text:
        out.append(escape(element.text))
    for child in element.children:
        _write(child, out)
    out.append(f"</{element.tag}>")


_QUOTE = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
