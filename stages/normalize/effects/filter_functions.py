"""The value of the ``filter`` property: references and functions, and the primitives that functions stand for
(Filter Effects 1, sections 5 and 6).
"""

from __future__ import annotations

import math
from typing import Any

from lxml import etree

from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.source.tree import Node
from stages.normalize.values.colors import parse_color
from stages.normalize.values.properties import Paint
from stages.normalize.values.srgb import Color
from stages.normalize.values.units import parse_length, resolve
from stages.untrusted import limit_css_nesting


def steps(scene: Scene, value: str, place: Place, bare: bool) -> list[Node | float]:
    """The filters of a list of functions, and the opacities in it; none if the value is invalid or names no filter.

    ``bare``: whether lengths and angles may lack their unit.
    """
    import tinycss2

    limit_css_nesting(value, scene.settings.max_css_nesting)
    filters: list[Node | float] = []
    for token in tinycss2.parse_component_value_list(value, skip_comments=True):
        if token.type == "whitespace":
            continue
        if token.type == "url" or (token.type == "function" and token.lower_name == "url"):
            strings = [token.value] if token.type == "url" else [a.value for a in token.arguments if a.type == "string"]
            target = scene.ids.get(strings[0][1:]) if strings and strings[0][:1] == "#" else None
            if target is None or target.tag != "filter":
                scene.notes.add("filter_missing")  # Filter Effects 1, section 5: the whole list is ignored
                return []
            filters.append(target)
            continue
        step = _shorthand(token, place, bare) if token.type == "function" else None
        if step is None:
            scene.notes.add("filter_invalid")
            return []
        filters.append(step)
    return filters


_GREY = ((0.2126, 0.7152, 0.0722),) * 3
_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
_ANGLES = {"deg": 1.0, "rad": 180 / math.pi, "grad": 0.9, "turn": 360.0}


def _shorthand(token: Any, place: Place, bare: bool) -> Node | float | None:
    """The filter that a function stands for (Filter Effects 1, section 6.1), an opacity, or None if it is invalid."""
    name = token.lower_name
    arguments = [each for each in token.arguments if each.type not in ("whitespace", "comment")]
    font_size = place.style["font-size"].value
    if name == "drop-shadow":
        return _drop_shadow(arguments, place, bare)
    if len(arguments) > 1:
        return None
    if name == "blur":
        deviation = _css_length(arguments[0], font_size, bare) if arguments else 0.0
        return None if deviation is None or deviation < 0 else _made("feGaussianBlur", stdDeviation=repr(deviation))
    if name == "hue-rotate":
        angle = _angle(arguments[0], bare) if arguments else 0.0
        return None if angle is None else _made("feColorMatrix", type="hueRotate", values=repr(angle))
    amount = _amount(arguments[0]) if arguments else 1.0
    if amount is None or amount < 0:
        return None
    share = min(amount, 1.0)
    if name == "opacity":
        return share
    if name in ("grayscale", "sepia"):
        rows = _GREY if name == "grayscale" else _SEPIA
        values = [
            [value * share + (1 - share if i == j else 0.0) for j, value in enumerate(row)]
            for i, row in enumerate(rows)
        ]
        text = " ".join(" ".join(map(repr, row)) + " 0 0" for row in values) + " 0 0 0 1 0"
        return _made("feColorMatrix", values=text)
    if name == "saturate":
        return _made("feColorMatrix", type="saturate", values=repr(amount))
    if name == "invert":
        return _transferred(type="linear", slope=repr(1 - 2 * share), intercept=repr(share))
    if name == "brightness":
        return _transferred(type="linear", slope=repr(amount))
    if name == "contrast":
        return _transferred(type="linear", slope=repr(amount), intercept=repr(0.5 - 0.5 * amount))
    return None


def _drop_shadow(arguments: list[Any], place: Place, bare: bool) -> Node | None:
    lengths: list[float] = []
    color: Color | None = None
    import tinycss2

    font_size = place.style["font-size"].value
    for at, each in enumerate(arguments):
        length = _css_length(each, font_size, bare)
        if length is not None and (
            not lengths or at == 0 or _css_length(arguments[at - 1], font_size, bare) is not None
        ):
            lengths.append(length)
            continue
        text = tinycss2.serialize([each])
        parsed_color = place.style["color"].color if text.lower() == "currentcolor" else parse_color(text)
        if parsed_color is None or color is not None:
            return None
        color = parsed_color
    if not 2 <= len(lengths) <= 3 or (len(lengths) == 3 and lengths[2] < 0):
        return None
    deviation = lengths[2] if len(lengths) == 3 else 0.0
    node = _made("feDropShadow", dx=repr(lengths[0]), dy=repr(lengths[1]), stdDeviation=repr(deviation))
    node.children[0].declared["flood-color"] = Paint("color", color or place.style["color"].color)
    return node


def _made(tag: str, **attributes: str) -> Node:
    """A filter of one primitive, as a function makes it: in sRGB, without a region."""
    node = Node("function", {}, None, etree.Element("function"))
    node.declared["color-interpolation-filters"] = "srgb"
    node.children.append(Node(tag, attributes, node, etree.Element(tag)))
    return node


def _transferred(**attributes: str) -> Node:
    node = _made("feComponentTransfer")
    transfer = node.children[0]
    transfer.children += [
        Node(tag, attributes, transfer, etree.Element(tag)) for tag in ("feFuncR", "feFuncG", "feFuncB")
    ]
    return node


def _css_length(token: Any, font_size: float, bare: bool) -> float | None:
    if token.type == "number":
        return float(token.value) if bare or token.value == 0 else None
    if token.type != "dimension":
        return None
    length = parse_length(f"{token.value!r}{token.unit}")
    return None if length is None or length.unit == "%" else resolve(length, 0.0, font_size)


def _angle(token: Any, bare: bool) -> float | None:
    if token.type == "number":
        return float(token.value) if bare or token.value == 0 else None
    if token.type != "dimension" or token.unit.lower() not in _ANGLES:
        return None
    return float(token.value) * _ANGLES[token.unit.lower()]


def _amount(token: Any) -> float | None:
    if token.type not in ("number", "percentage"):
        return None
    return float(token.value) / (100 if token.type == "percentage" else 1)
