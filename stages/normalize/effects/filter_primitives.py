"""Filter primitives in canvas coordinates (Filter Effects 1, section 9): what each comes to, and how far it reaches.

A primitive that changes nothing comes to its input, and one that others can say comes to these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.drawing.stops import current_color
from stages.normalize.geometry.boxes import Box, grown, intersection, moved, union
from stages.normalize.geometry.quantize import snap
from stages.normalize.geometry.transforms import Matrix, apply, axis_aligned, singular_values
from stages.normalize.source.tree import Node
from stages.normalize.values.blending import BLEND_MODES
from stages.normalize.values.properties import INHERIT, INITIAL, UNSET, Paint
from stages.normalize.values.srgb import Color, linear
from stages.normalize.values.units import NUMBER, parse_number
from stages.reasons import Reason

PRIMITIVES = (
    "feGaussianBlur", "feOffset", "feBlend", "feColorMatrix", "feComposite", "feMerge", "feFlood", "feDropShadow",
    "feComponentTransfer", "feMorphology",
)  # fmt: skip
"""The primitives that have a canonical form."""

Input = str | int
"""``SourceGraphic``, ``SourceAlpha``, or the index of an earlier primitive."""
GRAPHIC = "SourceGraphic"
Reach = Box | None
"""What a picture covers, canvas units; None for everything."""
EMPTY: Box = (math.inf, math.inf, -math.inf, -math.inf)
"""The reach of what shows nothing."""
FARTHEST = 1e6
"""Canvas units beyond which no number of a filter may lie."""
LENGTH_DECIMALS = 2

_OPERATORS = frozenset(("in", "out", "atop", "xor", "lighter", "arithmetic"))
_SIGMAS = 2.4
"""Standard deviations within which a blur can be seen: beyond is less than a hundredth of what it blurs."""
_TAIL = 0.6
"""Standard deviations beyond `_SIGMAS` where renderers, which blur with boxes, still paint."""
_FACTOR_DECIMALS = 4
_UNEVEN, _UNSEEN = 0.05, 0.25
"""How far a blur's standard deviations may differ from their mean: as a share, or canvas units."""
_IDENTITY = "1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0"


@dataclass
class Primitive:
    """A primitive as printed, but for the names of its inputs. ``reach``: before it is cut to a region."""

    tag: str
    inputs: list[Input]
    reach: Reach
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    srgb: bool = False
    area: tuple[float | None, ...] = ()
    """x, y, width and height in user units, those that are given."""


class Primitives:
    """The primitives of one filter, as they are made one after the other.

    ``matrix``: from user units to the canvas; ``units``: finds the user units of the unit in which primitives give
    horizontal and vertical lengths; ``opacity_decimals``: of what is printed.
    """

    def __init__(self, matrix: Matrix, units: Callable[[], tuple[float, float]], opacity_decimals: int) -> None:
        self._matrix, self._units, self._opacity_decimals = matrix, units, opacity_decimals
        self._large, self._small = singular_values(matrix)
        self.made: list[Primitive] = []
        self.tail = 0.0
        """Canvas units beyond their reach where renderers still paint what is blurred."""

    def make(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        """What the primitive ``node`` comes to, which is not added yet. ``reaches``: of its inputs.

        Raises Dropped (UNSUPPORTED_FILTER).
        """
        return _MAKERS[node.tag](self, node, inputs, reaches)

    def add(self, primitive: Primitive, node: Node) -> int:
        """Add a primitive that stands for ``node`` or a part of it; returns its index."""
        primitive.srgb = _color_space(node) == "srgb"
        self.made.append(primitive)
        return len(self.made) - 1

    def _radii(self, node: Node, name: str, default: float) -> tuple[float, float]:
        """Two lengths that are no offset, canvas units: standard deviations or radii; 0, 0 for what is invalid."""
        values = _numbers(node.attributes.get(name)) or ([default] if name not in node.attributes else [0.0])
        if len(values) > 2 or min(values) < 0:
            return 0.0, 0.0
        across, down = self._units()
        x, y = values[0] * across, values[-1] * down
        a, b, c, d = map(abs, self._matrix[:4])
        if axis_aligned(self._matrix):
            x, y = a * x + c * y, b * x + d * y
        elif x or y:
            high, low = max(x, y) * self._large, min(x, y) * self._small
            x = y = (high + low) / 2
            if name == "radius" or (high - low) / 2 > max(_UNEVEN / 2 * x, _UNSEEN):
                raise Dropped(Reason.UNSUPPORTED_FILTER, f"{name} of {high:.4g} and {low:.4g} under a turn")
        if max(x, y) > FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"{name} of {max(x, y):.4g} units")
        x, y = round(x, LENGTH_DECIMALS), round(y, LENGTH_DECIMALS)
        self.tail += _TAIL * max(x, y)
        return x, y

    def _offset(self, node: Node, default: float) -> tuple[float, float]:
        """``dx`` and ``dy``, canvas units."""
        texts = [node.attributes.get(name) for name in ("dx", "dy")]
        values = [default if text is None else parse_number(text) or 0.0 for text in texts]
        across, down = self._units()
        linear = (*self._matrix[:4], 0.0, 0.0)
        x, y = apply(linear, values[0] * across, values[1] * down)
        if max(abs(x), abs(y)) > FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"an offset of {max(abs(x), abs(y)):.4g} units")
        return round(x, LENGTH_DECIMALS), round(y, LENGTH_DECIMALS)

    def _flood(self, node: Node) -> tuple[str, str, str, str]:
        """The flood's colour in the space that the primitive computes in, and its opacity, as printed."""
        color, opacity = Color(0, 0, 0), node.declared.get("flood-opacity", 1.0)
        paint = node.declared.get("flood-color")
        if isinstance(paint, Paint):
            color = paint.solid(current_color(node))
        alpha = number(color.alpha * (opacity if isinstance(opacity, float) else 1.0), self._opacity_decimals)
        channels = [channel / 255 for channel in color[:3]]
        if _color_space(node) != "srgb":
            channels = [linear(channel) for channel in channels]
        red, green, blue = map(_factor, channels)
        return red, green, blue, alpha

    def _blur(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        x, y = self._radii(node, "stdDeviation", 0.0)
        if x == y == 0:
            return inputs[0]
        attributes = {"stdDeviation": _pair(x, y)}
        edge = node.attributes.get("edgeMode", "").strip()
        if edge in ("duplicate", "wrap"):
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"edgeMode {edge}")  # which few renderers know
        return Primitive(node.tag, inputs, _grown(reaches[0], x * _SIGMAS, y * _SIGMAS), attributes)

    def _move(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        x, y = self._offset(node, 0.0)
        if x == y == 0:
            return inputs[0]
        attributes = {name: _length(value) for name, value in (("dx", x), ("dy", y)) if value}
        return Primitive(node.tag, inputs, _moved(reaches[0], x, y), attributes)

    def _blend(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        # with nothing there is nothing to blend
        for one, other in ((0, 1), (1, 0)):
            if reaches[one] == EMPTY:
                return inputs[other]
        mode = node.attributes.get("mode", "").strip()
        attributes = {"mode": mode} if mode in BLEND_MODES else {}
        return Primitive(node.tag, inputs, join(reaches), attributes)

    def _color_matrix(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        kind = node.attributes.get("type", "matrix").strip()
        given = node.attributes.get("values")
        values = _numbers(given)
        if kind == "luminanceToAlpha":
            return Primitive(node.tag, inputs, reaches[0], {"type": kind})
        if kind in ("saturate", "hueRotate"):
            value = values[0] if values and len(values) == 1 else 1.0 if kind == "saturate" else 0.0
            text = _factor(value)
            if text == ("1" if kind == "saturate" else "0"):
                return inputs[0]
            return Primitive(node.tag, inputs, reaches[0], {"type": kind, "values": text})
        texts = [_factor(value) for value in values or ()]
        if len(texts) != 20 or " ".join(texts) == _IDENTITY:
            return inputs[0]
        if set(texts[15:]) == {"0"}:
            return _nothing()
        return Primitive(node.tag, inputs, None if float(texts[19]) > 0 else reaches[0], {"values": " ".join(texts)})

    def _composite(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        operator = node.attributes.get("operator", "").strip()
        if operator not in _OPERATORS:
            for one, other in ((0, 1), (1, 0)):
                if reaches[one] == EMPTY:
                    return inputs[other]
            return Primitive(node.tag, inputs, join(reaches))
        attributes = {"operator": operator}
        reach = join(reaches)
        if operator == "arithmetic":
            for name in ("k1", "k2", "k3", "k4"):
                text = _factor(parse_number(node.attributes.get(name, "0")) or 0.0)
                if text != "0":
                    attributes[name] = text
            if float(attributes.get("k4", "0")) > 0:
                reach = None
        elif operator == "in":
            reach = meet(reaches[0], reaches[1])
        elif operator in ("out", "atop"):
            reach = reaches[0 if operator == "out" else 1]
        return Primitive(node.tag, inputs, reach, attributes)

    def _merge(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        """One over the other, from the bottom up: what feMerge does, without feMergeNode."""
        seen = [(each, reach) for each, reach in zip(inputs, reaches, strict=True) if reach != EMPTY]
        if not seen:
            return _nothing()
        made: Primitive | Input
        made, reach = seen[0]
        for each, above in seen[1:]:
            if isinstance(made, Primitive):
                made = self.add(made, node)
            reach = join([reach, above])
            made = Primitive("feComposite", [each, made], reach)
        return made

    def _fill(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        """A colour matrix that makes one colour of all: what feFlood does."""
        red, green, blue, alpha = self._flood(node)
        if alpha == "0":
            return _nothing()
        values = f"0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue} 0 0 0 0 {alpha}"
        return Primitive("feColorMatrix", [GRAPHIC], None, {"values": values})

    def _shadow(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        """The primitives that feDropShadow stands for (Filter Effects 1, section 9.13)."""
        dx, dy = self._offset(node, 2.0)
        x, y = self._radii(node, "stdDeviation", 2.0)
        red, green, blue, alpha = self._flood(node)
        if alpha == "0":
            return inputs[0]
        shadow, reach = inputs[0], reaches[0]
        if x or y:
            reach = _grown(reach, x * _SIGMAS, y * _SIGMAS)
            shadow = self.add(Primitive("feGaussianBlur", [shadow], reach, {"stdDeviation": _pair(x, y)}), node)
        if dx or dy:
            reach = _moved(reach, dx, dy)
            attributes = {name: _length(value) for name, value in (("dx", dx), ("dy", dy)) if value}
            shadow = self.add(Primitive("feOffset", [shadow], reach, attributes), node)
        values = f"0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue} 0 0 0 {alpha} 0"
        shadow = self.add(Primitive("feColorMatrix", [shadow], reach, {"values": values}), node)
        return Primitive("feComposite", [inputs[0], shadow], join([reaches[0], reach]))

    def _transfer(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        children: list[Element] = []
        reach = reaches[0]
        for tag in ("feFuncR", "feFuncG", "feFuncB", "feFuncA"):
            # of several the last one counts
            function = next((child for child in reversed(node.children) if child.tag == tag), None)
            attributes, lowest = _function(function) if function is not None else ({}, 0.0)
            if attributes:
                children.append(Element(tag, attributes))
                if tag == "feFuncA" and lowest > 0:
                    reach = None
        if children and all(child.attributes["type"] == "linear" for child in children):
            by_tag = {child.tag: child.attributes for child in children}
            rows = []
            for at, tag in enumerate(("feFuncR", "feFuncG", "feFuncB", "feFuncA")):
                terms = by_tag.get(tag, {})
                row = ["0"] * 5
                row[at], row[4] = terms.get("slope", "1"), terms.get("intercept", "0")
                rows.append(" ".join(row))
            return Primitive("feColorMatrix", inputs, reach, {"values": " ".join(rows)})
        return Primitive(node.tag, inputs, reach, children=children) if children else inputs[0]

    def _morphology(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> Primitive | Input:
        x, y = self._radii(node, "radius", 0.0)
        if x == 0 or y == 0:
            if x != y:
                raise Dropped(Reason.UNSUPPORTED_FILTER, "a morphology along one axis")  # renderers do not agree
            return inputs[0]
        attributes = {"radius": _pair(x, y)}
        reach = reaches[0]
        if node.attributes.get("operator", "").strip() == "dilate":
            attributes["operator"] = "dilate"
            reach = _grown(reach, x, y)
        return Primitive(node.tag, inputs, reach, attributes)


_MAKERS: dict[str, Callable[[Primitives, Node, list[Input], list[Reach]], Primitive | Input]] = {
    "feGaussianBlur": Primitives._blur,
    "feOffset": Primitives._move,
    "feBlend": Primitives._blend,
    "feColorMatrix": Primitives._color_matrix,
    "feComposite": Primitives._composite,
    "feMerge": Primitives._merge,
    "feFlood": Primitives._fill,
    "feDropShadow": Primitives._shadow,
    "feComponentTransfer": Primitives._transfer,
    "feMorphology": Primitives._morphology,
}


def _nothing() -> Primitive:
    """A primitive that gives transparent black."""
    return Primitive("feColorMatrix", [GRAPHIC], EMPTY, {"values": " ".join("0" * 20)})


def references(node: Node) -> list[str]:
    """What a primitive says about its inputs, "" where it says nothing."""
    if node.tag == "feMerge":
        return [child.attributes.get("in", "").strip() for child in node.children if child.tag == "feMergeNode"]
    if node.tag in ("feFlood", "feImage", "feTurbulence"):
        return []
    names = ("in", "in2") if node.tag in ("feBlend", "feComposite", "feDisplacementMap") else ("in",)
    return [node.attributes.get(name, "").strip() for name in names]


def _color_space(node: Node) -> str:
    """The computed value of ``color-interpolation-filters``; ``auto`` is linearRGB, as its initial value."""
    at: Node | None = node
    while at is not None:
        value = at.declared.get("color-interpolation-filters")
        if isinstance(value, str):
            return value
        if value is INITIAL:
            break
        assert value in (None, INHERIT, UNSET)
        at = at.parent
    return "linearrgb"


def _function(node: Node) -> tuple[dict[str, str], float]:
    """The attributes of a transfer function, none for the identity; and what it makes of 0."""
    kind = node.attributes.get("type", "").strip()

    def factor(name: str, default: float) -> float:
        value = parse_number(node.attributes.get(name, ""))
        return default if value is None else value

    if kind in ("table", "discrete"):
        values = _numbers(node.attributes.get("tableValues"))
        if not values:
            return {}, 0.0
        texts = [_factor(value) for value in values]
        if kind == "table" and texts == ["0", "1"]:
            return {}, 0.0
        return {"type": kind, "tableValues": " ".join(texts)}, float(texts[0])
    if kind == "linear":
        parts = {"slope": (factor("slope", 1.0), "1"), "intercept": (factor("intercept", 0.0), "0")}
        lowest = round(parts["intercept"][0], _FACTOR_DECIMALS)
    elif kind == "gamma":
        exponent = factor("exponent", 1.0)
        parts = {
            "amplitude": (factor("amplitude", 1.0), "1"),
            "exponent": (exponent, "1"),
            "offset": (factor("offset", 0.0), "0"),
        }
        lowest = round(parts["offset"][0] + (parts["amplitude"][0] if exponent <= 0 else 0.0), _FACTOR_DECIMALS)
    else:
        return {}, 0.0
    shown = {name: text for name, (value, default) in parts.items() if (text := _factor(value)) != default}
    return ({"type": kind, **shown} if shown else {}), lowest


def _numbers(text: str | None) -> list[float] | None:
    """A list of finite numbers, None if ``text`` is none."""
    if not text or NUMBER.sub("", text).strip(" \t\n\r\f,"):
        return None
    values = [float(piece) for piece in NUMBER.findall(text)]
    return values if values and all(map(math.isfinite, values)) else None


def _factor(value: float) -> str:
    return number(value, _FACTOR_DECIMALS)


def _length(value: float) -> str:
    return number(value, LENGTH_DECIMALS)


def _pair(x: float, y: float) -> str:
    first, second = _length(x), _length(y)
    return first if first == second else f"{first} {second}"


def span(low: float, high: float) -> tuple[str, str]:
    """Where a side of a region begins and how long it is; one that integers would say nothing of keeps decimals."""
    begin, end = snap(low), snap(high)
    return (str(begin), str(end - begin)) if end > begin else (_length(low), _length(max(high - low, 0.01)))


def _grown(reach: Reach, x: float, y: float) -> Reach:
    return None if reach is None else grown(reach, x, y)


def _moved(reach: Reach, x: float, y: float) -> Reach:
    return None if reach is None else moved(reach, x, y)


def join(reaches: list[Reach] | list[Box]) -> Reach:
    """What pictures cover together."""
    boxes = [reach for reach in reaches if reach is not None]
    if len(boxes) != len(reaches):
        return None
    seen = [box for box in boxes if box[0] <= box[2]]
    return union(seen) if seen else EMPTY


def meet(a: Reach, b: Reach) -> Reach:
    """What two pictures both cover."""
    if a is None or b is None:
        return b if a is None else a
    box = intersection(a, b)
    return box if box[0] <= box[2] and box[1] <= box[3] else EMPTY
