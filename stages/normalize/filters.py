"""Filters in canvas coordinates (Filter Effects 1, sections 5 to 9): all units resolved, all lengths mapped.

Kept are those whose effective primitives are in `PRIMITIVES`. Primitives that the result does not come from, and those
that change nothing, are left out; what is left refers to the one before it, or to a result named ``r0``, ``r1`` ….
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stages.base import Dropped
from stages.canonical import Element, number
from stages.normalize.boxes import Box, BoxFinder, map_box, union
from stages.normalize.canvas import Canvas
from stages.normalize.compositing import apply_clip, fade
from stages.normalize.draw import Drawer, Look
from stages.normalize.filter_functions import steps
from stages.normalize.ink import ink
from stages.normalize.properties import INHERIT, INITIAL, UNSET, Paint
from stages.normalize.quantize import snap
from stages.normalize.scene import Place, Scene
from stages.normalize.shapes import Shape
from stages.normalize.srgb import Color, linear
from stages.normalize.stops import current_color
from stages.normalize.transforms import IDENTITY, apply, axis_aligned, invert, singular_values
from stages.normalize.tree import Node
from stages.normalize.units import NUMBER, parse_length, parse_number, resolve
from stages.reasons import Reason

PRIMITIVES = (
    "feGaussianBlur", "feOffset", "feBlend", "feColorMatrix", "feComposite", "feMerge", "feFlood", "feDropShadow",
    "feComponentTransfer", "feMorphology",
)  # fmt: skip
"""The primitives that have a canonical form."""

_GRAPHIC, _ALPHA = "SourceGraphic", "SourceAlpha"
_STANDARD = frozenset(
    ("SourceGraphic", "SourceAlpha", "BackgroundImage", "BackgroundAlpha", "FillPaint", "StrokePaint")
)
_BLENDS = frozenset((
    "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn", "hard-light", "soft-light",
    "difference", "exclusion", "hue", "saturation", "color", "luminosity",
))  # fmt: skip
_OPERATORS = frozenset(("in", "out", "atop", "xor", "lighter", "arithmetic"))
_SPREADING = frozenset(("feGaussianBlur", "feDropShadow"))
_CUT = 2.0
"""Canvas units by which a region may cut what is blurred."""
_COLOURLESS = frozenset(("feOffset",))
"""Primitives that come out alike in every colour space."""

_SIGMAS = 2.4
"""Standard deviations within which a blur can be seen: beyond is less than a hundredth of what it blurs."""
_TAIL = 0.6
"""Standard deviations beyond `_SIGMAS` where renderers, which blur with boxes, still paint."""
_LENGTH_DECIMALS = 2
_FACTOR_DECIMALS = 4
_FARTHEST = 1e6
_UNEVEN, _UNSEEN = 0.05, 0.25
"""How far a blur's standard deviations may differ from their mean: as a share, or canvas units."""

Input = str | int
"""``SourceGraphic``, ``SourceAlpha``, or the index of an earlier primitive."""
Reach = Box | None
"""What a picture covers, canvas units; None for everything."""

_EVERYWHERE: Box = (-math.inf, -math.inf, math.inf, math.inf)
_EMPTY: Box = (math.inf, math.inf, -math.inf, -math.inf)


@dataclass
class _Primitive:
    """A primitive as printed, but for the names of its inputs. ``reach``: before it is cut to a region."""

    tag: str
    inputs: list[Input]
    reach: Reach
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    srgb: bool = False
    area: tuple[float | None, ...] = ()
    """x, y, width and height in user units, those that are given."""


def room(scene: Scene, node: Node, own: dict[str, Any], place: Place) -> Drawer:
    """What draws an element with these properties: under a filter, also what lies beside the viewBox counts."""
    value = own.get("filter")
    if not value or scene.settings.filter != "keep" or not _changes(scene, node, value, place):
        return scene.target.drawer
    margin = scene.settings.canvas // 2
    left, top, right, bottom = scene.target.canvas.rect
    rect = (left - margin, top - margin, right + margin, bottom + margin)
    return Drawer(Canvas(scene.target.canvas.view_box, scene.target.canvas.matrix, rect), scene.settings)


def filtered(
    scene: Scene, node: Node, value: str, place: Place, elements: list[Element], box: BoxFinder
) -> list[Element]:
    """``elements`` under the value of the ``filter`` property: a list of functions (Filter Effects 1, section 5).

    They may be none: a flood fills the region all the same. ``node``: what they were drawn for; ``box``: finds its
    bounding box, user units. Raises Dropped (UNSUPPORTED_FILTER, UNSUPPORTED_CSS, TOO_COMPLEX).
    """
    found = steps(scene, value, place, _is_bare(node, value))
    if not found:
        return elements
    if scene.settings.filter == "reject":
        raise Dropped(Reason.UNSUPPORTED_FILTER, f"filter {value[:60]}")
    for step in found:
        if isinstance(step, float):
            elements = fade(elements, step, scene.settings)
        else:
            elements = _Filter(scene, step, place, box, moved=node.tag == "use").apply(elements)
    return elements


def _changes(scene: Scene, node: Node, value: str, place: Place) -> bool:
    """Whether a value of the ``filter`` property does more than cut what it applies to."""
    square = (0.0, 0.0, 1.0, 1.0)
    try:
        return any(
            not isinstance(step, float)
            and _Filter(scene, step, place, lambda: square, cuts=False).output(square) != _GRAPHIC
            for step in steps(scene, value, place, _is_bare(node, value))
        )
    except Dropped:
        return True  # if the filter comes to be applied, it is refused there


def _is_bare(node: Node, value: str) -> bool:
    """Whether lengths may lack their unit, as in presentation attributes."""
    return node.attributes.get("filter", "").strip() == value


class _Filter:
    """One filter on one element."""

    def __init__(
        self, scene: Scene, node: Node, place: Place, box: BoxFinder, cuts: bool = True, moved: bool = False
    ) -> None:
        self._scene, self._node, self._place, self._box = scene, node, place, box
        self._cuts = cuts
        """Whether subregions count."""
        self._moved = moved
        """Whether it applies to a ``use``, whose region may be meant for the place that it is moved from."""
        self._large, self._small = singular_values(place.matrix)
        self._tail = 0.0
        self._primitives: list[_Primitive] = []

    def apply(self, elements: list[Element]) -> list[Element]:
        """What the filter makes of ``elements``; they themselves where that is all it does."""
        node, place = self._node, self._place
        if not any(child.tag[:2] == "fe" for child in node.children):
            if node.attributes.get("href", "").strip():
                raise Dropped(Reason.UNSUPPORTED_FILTER, "a filter that takes its primitives from another")
            return []
        region = self._region()
        if region is None:
            return elements
        if region[2] <= region[0] or region[3] <= region[1]:
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a filter region without size")  # renderers do not agree
        source = union([ink(element) for element in elements]) if elements else _EMPTY
        output = self.output(source)
        if output == _ALPHA:
            self._primitives.append(_Primitive("feOffset", [output], source))
            output = len(self._primitives) - 1
        upright = axis_aligned(place.matrix)
        before, after = (False, False) if upright else self._clips(region, elements)
        if isinstance(output, str):
            if upright:
                before = not self._holds(region, source)
            return self._clipped(region, elements) if before else elements
        final = self._primitives[output].reach
        if final == _EMPTY:
            return []
        chosen = self._chosen(output)
        if upright and self._moved and any(self._primitives[at].tag in _SPREADING for at in chosen):
            self._check_cut(map_box(place.matrix, region), source)
        cut = upright and self._cut(region, chosen)
        if not cut and any(self._primitives[at].area for at in chosen):
            return _Filter(self._scene, node, place, self._box, cuts=False).apply(elements)
        whole = self._whole(region, source, chosen)
        if whole is None:
            return []
        if max(map(abs, whole)) > _FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"a filter region of {max(map(abs, whole)):.4g} units")
        (x, width), (y, height) = _span(whole[0], whole[2]), _span(whole[1], whole[3])
        attributes = {"x": x, "y": y, "width": width, "height": height, "filterUnits": "userSpaceOnUse"}
        children = self._print(chosen, attributes)
        value = self._scene.definitions.reference(Element("filter", attributes, children))
        printed = (float(x), float(y), float(x) + float(width), float(y) + float(height))
        reach = _meet(final, printed) or printed
        elements = self._clipped(region, elements) if before else elements
        # what stays this far from the canvas no outer filter brings back
        size = self._scene.settings.canvas
        if _meet(reach, (-size, -size, 2 * size, 2 * size)) == _EMPTY or not (elements or final is None):
            return []
        elements = _wrap(elements, value, reach)
        return self._clipped(region, elements) if after else elements

    def _clipped(self, region: Box, elements: list[Element]) -> list[Element]:
        """``elements`` within a region in user units."""
        left, top, right, bottom = region
        shape = Shape("rect", (left, top, right - left, bottom - top, 0.0, 0.0))
        frame = self._scene.target.drawer.draw(shape, self._place.matrix, Look({}, None, {}))
        return apply_clip(self._scene, frame, elements)

    def _whole(self, region: Box, source: Box, chosen: list[int]) -> Box | None:
        """The filter region on the canvas; that of a function holds all that it shows. None if that is nothing."""
        if region != _EVERYWHERE:
            return map_box(self._place.matrix, region)
        size, tail = self._scene.settings.canvas, self._tail
        needed = [reach for at in chosen if (reach := self._primitives[at].reach) is not None]
        left, top, right, bottom = _meet(_join([source, *needed]), (-size, -size, 2 * size, 2 * size)) or _EMPTY
        if left >= right or top >= bottom:
            return None
        return math.floor(left - tail), math.floor(top - tail), math.ceil(right + tail), math.ceil(bottom + tail)

    def _check_cut(self, region: Box, source: Reach) -> None:
        """Raises Dropped where the region cuts what is blurred: browsers cut the result alone, renderers its source."""
        rect = self._scene.target.canvas.rect
        if source is None or source == _EMPTY:
            return
        low = any(source[i] < region[i] - _CUT and region[i] > rect[i] for i in (0, 1))
        high = any(source[i] > region[i] + _CUT and region[i] < rect[i] for i in (2, 3))
        if low or high:
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a filter region that cuts what is blurred")

    def _clips(self, region: Box, elements: list[Element]) -> tuple[bool, bool]:
        """Whether a turned region cuts what goes into the filter, and what comes out: clip paths can do that.

        Raises Dropped where it, or a subregion, cuts what is shown in between.
        """
        back = invert(self._place.matrix)
        if back is None or region == _EVERYWHERE:
            return False, False
        # the same filter as seen from the user's axes
        probe = _Filter(self._scene, self._node, self._place._replace(matrix=IDENTITY), self._box)
        probe._small = self._small
        source = union([ink(element, back) for element in elements]) if elements else _EMPTY
        before = not probe._holds(region, source)
        output = probe.output(_meet(source, region) or region)
        if isinstance(output, str):
            return before, False
        chosen = probe._chosen(output)
        if probe._cut(region, chosen) or not probe._free(region, chosen[:-1], chosen):
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a turned region that cuts what it shows")
        return before, not probe._free(region, chosen[-1:], chosen)

    def _free(self, region: Box, some: list[int], chosen: list[int]) -> bool:
        """Whether the filter region cuts nothing that ``some`` of the primitives show."""
        for at in some:
            primitive = self._primitives[at]
            if primitive.reach is None:
                # a flood is cut by the region, which does not matter to what shows less than all of it
                users = [each for each in chosen if at in self._primitives[each].inputs]
                if not users or any(self._primitives[each].reach is None for each in users):
                    return False
            elif not self._holds(region, primitive.reach):
                return False
        return True

    def _region(self) -> Box | None:
        """The filter region in user units, everything for a filter function; None if there is no box to refer to."""
        node, place = self._node, self._place
        attributes = node.attributes
        if node.tag != "filter":
            return _EVERYWHERE
        relative = attributes.get("filterUnits", "").strip() != "userSpaceOnUse"
        names = (("x", "-10%"), ("y", "-10%"), ("width", "120%"), ("height", "120%"))
        wholes = (1.0, 1.0) if relative else (place.viewport.width, place.viewport.height)
        font_size = self._scene.style_at(node)["font-size"].value
        lengths = []
        for (name, default), whole in zip(names, wholes * 2, strict=True):
            length = parse_length(attributes.get(name, default)) or parse_length(default)
            lengths.append(resolve(length, whole, font_size) if length else 0.0)
        x, y, width, height = lengths
        if relative:
            box = self._sides()
            if box is None:
                return None
            left, top, across, down = box
            x, y, width, height = left + x * across, top + y * down, width * across, height * down
        return x, y, x + width, y + height

    def _sides(self) -> tuple[float, float, float, float] | None:
        """Left, top, width and height of the bounding box, None if it is empty."""
        box = self._box()
        if box is None or box[2] <= box[0] or box[3] <= box[1]:
            return None
        return box[0], box[1], box[2] - box[0], box[3] - box[1]

    def _holds(self, region: Box, reach: Reach) -> bool:
        """Whether a region in user units holds what reaches this far on the canvas."""
        if region == _EVERYWHERE or reach == _EMPTY:
            return True
        back = invert(self._place.matrix)
        if reach is None or back is None:
            return False
        left, top, right, bottom = map_box(back, reach)
        slack = 0.5 / self._small
        return (
            region[0] <= left + slack
            and region[1] <= top + slack
            and region[2] >= right - slack
            and region[3] >= bottom - slack
        )

    def output(self, source: Box) -> Input:
        """Read the primitives that the result comes from; returns where it does. ``source``: what is filtered."""
        nodes = [child for child in self._node.children if child.tag[:2] == "fe"]
        if not nodes:
            return _GRAPHIC
        results: dict[str, int] = {}
        inputs: list[list[int | str]] = []
        for at, node in enumerate(nodes):
            before: int | str = at - 1 if at else _GRAPHIC
            inputs.append([_input(text, results, before) for text in _references(node)])
            name = node.attributes.get("result", "").strip()
            if name:
                results[name] = at
        wanted: set[int] = set()
        stack: list[int | str] = [len(nodes) - 1]
        while stack:
            at_or_name = stack.pop()
            if isinstance(at_or_name, int) and at_or_name not in wanted:
                wanted.add(at_or_name)
                stack += inputs[at_or_name]
        found: dict[int, Input] = {}
        for at in sorted(wanted):
            given = [found[each] if isinstance(each, int) else each for each in inputs[at]]
            for each in given:
                if each in _STANDARD and each not in (_GRAPHIC, _ALPHA):
                    raise Dropped(Reason.UNSUPPORTED_FILTER, f"{each} in a filter")
            found[at] = self._primitive(nodes[at], given, source)
        return found[len(nodes) - 1]

    def _primitive(self, node: Node, inputs: list[Input], source: Box) -> Input:
        """Add a primitive; returns where its result is to be found, which is its input if it changes nothing."""
        if node.tag not in PRIMITIVES:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"{node.tag} in a filter")
        reaches: list[Reach] = []
        for each in inputs:
            reaches.append(self._primitives[each].reach if isinstance(each, int) else source)
        area = self._area(node)
        made = _MAKERS[node.tag](self, node, inputs, reaches)
        if isinstance(made, str | int) and not area:
            return made
        if isinstance(made, str | int):
            # what cuts its input and does nothing else
            made = _Primitive("feOffset", [made], reaches[inputs.index(made)])
        made.area = area
        made.srgb = _color_space(node) == "srgb"
        self._primitives.append(made)
        return len(self._primitives) - 1

    def _chosen(self, output: Input) -> list[int]:
        """The primitives that a result comes from, in order."""
        wanted: set[int] = set()
        stack = [output]
        while stack:
            at = stack.pop()
            if isinstance(at, int) and at not in wanted:
                wanted.add(at)
                stack += self._primitives[at].inputs
        return sorted(wanted)

    def _cut(self, region: Box, chosen: list[int]) -> bool:
        """Whether subregions cut what some primitive shows, so that they must be printed."""
        areas: dict[int, Box] = {}
        cut = False
        for at in chosen:
            primitive = self._primitives[at]
            used = [areas[each] if isinstance(each, int) else region for each in primitive.inputs]
            default = _join(used) if used else region
            area = default if default is not None and default != _EMPTY else region
            if primitive.area:
                x, y, width, height = primitive.area
                left, top = area[0] if x is None else x, area[1] if y is None else y
                right = left + (area[2] - area[0] if width is None else width)
                bottom = top + (area[3] - area[1] if height is None else height)
                area = (left, top, right, bottom)
            areas[at] = area
            # what the region cuts as well needs no subregion
            cut = cut or (area != region and not self._holds(area, primitive.reach))
        return cut

    def _print(self, chosen: list[int], attributes: dict[str, str]) -> list[Element]:
        primitives = [self._primitives[at] for at in chosen]
        spaces = {primitive.srgb for primitive in primitives if primitive.tag not in _COLOURLESS}
        if spaces == {True}:
            attributes["color-interpolation-filters"] = "sRGB"
        at_of = {at: i for i, at in enumerate(chosen)}
        elements = [Element(p.tag, dict(p.attributes), list(p.children)) for p in primitives]
        references = [[each if isinstance(each, str) else at_of[each] for each in p.inputs] for p in primitives]
        # the result of the primitive before, and the source for the first, go without saying
        named = {
            each for i, given in enumerate(references) for each in given if isinstance(each, int) and each != i - 1
        }
        names: dict[Input, str] = {each: f"r{n}" for n, each in enumerate(sorted(named))}
        for i, (primitive, element) in enumerate(zip(primitives, elements, strict=True)):
            texts = [each if isinstance(each, str) else names.get(each, "") for each in references[i]]
            before: Input = i - 1 if i else _GRAPHIC
            for attribute, each, text in zip(("in", "in2"), references[i], texts, strict=False):
                if each != before:
                    element.attributes[attribute] = text
            if primitive.srgb and spaces == {True, False} and primitive.tag not in _COLOURLESS:
                element.attributes["color-interpolation-filters"] = "sRGB"
            if primitive.area:
                element.attributes.update(self._area_text(primitive.area))
            if i in names:
                element.attributes["result"] = names[i]
        return elements

    def _area(self, node: Node) -> tuple[float | None, ...]:
        """The subregion in user units: x, y, width, height, None for what is not given; empty if none is."""
        names = ("x", "y", "width", "height")
        if not self._cuts or not any(name in node.attributes for name in names):
            return ()
        lengths = [parse_length(node.attributes[name]) if name in node.attributes else None for name in names]
        relative = self._node.attributes.get("primitiveUnits", "").strip() == "objectBoundingBox"
        viewport = self._place.viewport
        wholes = (1.0, 1.0) if relative else (viewport.width, viewport.height)
        values = [
            None if length is None else resolve(length, whole)
            for length, whole in zip(lengths, wholes * 2, strict=True)
        ]
        if relative:
            left, top, across, down = self._relative_to()
            values = [
                None if value is None else start + value * side
                for value, start, side in zip(values, (left, top, 0.0, 0.0), (across, down) * 2, strict=True)
            ]
        # renderers do not agree on sizes of nothing
        if any(value is not None and value <= 0 for value in values[2:]):
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a subregion without size")
        return tuple(values) if any(value is not None for value in values) else ()

    def _area_text(self, area: tuple[float | None, ...]) -> dict[str, str]:
        """The attributes of a subregion on the canvas."""
        a, b, c, d, e, f = self._place.matrix
        x, y, width, height = area
        if x is not None and y is not None and width is not None and height is not None:
            left, top, right, bottom = map_box(self._place.matrix, (x, y, x + width, y + height))
            (x_text, w_text), (y_text, h_text) = _span(left, right), _span(top, bottom)
            return {"x": x_text, "y": y_text, "width": w_text, "height": h_text}
        if not (a > 0 and d > 0 and abs(b) + abs(c) < 1e-9 * (a + d)):
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a turned subregion that is given in part")
        values = (
            ("x", None if x is None else a * x + e),
            ("y", None if y is None else d * y + f),
            ("width", None if width is None else a * width),
            ("height", None if height is None else d * height),
        )
        return {name: str(snap(value)) for name, value in values if value is not None}

    def _relative_to(self) -> tuple[float, float, float, float]:
        box = self._sides()
        if box is None:
            raise Dropped(Reason.UNSUPPORTED_FILTER, "primitiveUnits of an empty box")
        return box

    def _units(self) -> tuple[float, float]:
        """User units of the unit in which primitives give horizontal and vertical lengths."""
        if self._node.attributes.get("primitiveUnits", "").strip() != "objectBoundingBox":
            return 1.0, 1.0
        return self._relative_to()[2:]

    def _radii(self, node: Node, name: str, default: float) -> tuple[float, float]:
        """Two lengths that are no offset, canvas units: standard deviations or radii; 0, 0 for what is invalid."""
        values = _numbers(node.attributes.get(name)) or ([default] if name not in node.attributes else [0.0])
        if len(values) > 2 or min(values) < 0:
            return 0.0, 0.0
        across, down = self._units()
        x, y = values[0] * across, values[-1] * down
        a, b, c, d = map(abs, self._place.matrix[:4])
        if axis_aligned(self._place.matrix):
            x, y = a * x + c * y, b * x + d * y
        elif x or y:
            high, low = max(x, y) * self._large, min(x, y) * self._small
            x = y = (high + low) / 2
            if name == "radius" or (high - low) / 2 > max(_UNEVEN / 2 * x, _UNSEEN):
                raise Dropped(Reason.UNSUPPORTED_FILTER, f"{name} of {high:.4g} and {low:.4g} under a turn")
        if max(x, y) > _FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"{name} of {max(x, y):.4g} units")
        x, y = round(x, _LENGTH_DECIMALS), round(y, _LENGTH_DECIMALS)
        self._tail += _TAIL * max(x, y)
        return x, y

    def _offset(self, node: Node, default: float) -> tuple[float, float]:
        """``dx`` and ``dy``, canvas units."""
        texts = [node.attributes.get(name) for name in ("dx", "dy")]
        values = [default if text is None else parse_number(text) or 0.0 for text in texts]
        across, down = self._units()
        linear = (*self._place.matrix[:4], 0.0, 0.0)
        x, y = apply(linear, values[0] * across, values[1] * down)
        if max(abs(x), abs(y)) > _FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"an offset of {max(abs(x), abs(y)):.4g} units")
        return round(x, _LENGTH_DECIMALS), round(y, _LENGTH_DECIMALS)

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

    @property
    def _opacity_decimals(self) -> int:
        return self._scene.settings.opacity_decimals

    def _blur(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        x, y = self._radii(node, "stdDeviation", 0.0)
        if x == y == 0:
            return inputs[0]
        attributes = {"stdDeviation": _pair(x, y)}
        edge = node.attributes.get("edgeMode", "").strip()
        if edge in ("duplicate", "wrap"):
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"edgeMode {edge}")  # which few renderers know
        return _Primitive(node.tag, inputs, _grown(reaches[0], x * _SIGMAS, y * _SIGMAS), attributes)

    def _move(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        x, y = self._offset(node, 0.0)
        if x == y == 0:
            return inputs[0]
        attributes = {name: _length(value) for name, value in (("dx", x), ("dy", y)) if value}
        return _Primitive(node.tag, inputs, _moved(reaches[0], x, y), attributes)

    def _blend(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        # with nothing there is nothing to blend
        for one, other in ((0, 1), (1, 0)):
            if reaches[one] == _EMPTY:
                return inputs[other]
        mode = node.attributes.get("mode", "").strip()
        attributes = {"mode": mode} if mode in _BLENDS else {}
        return _Primitive(node.tag, inputs, _join(reaches), attributes)

    def _color_matrix(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        kind = node.attributes.get("type", "matrix").strip()
        given = node.attributes.get("values")
        values = _numbers(given)
        if kind == "luminanceToAlpha":
            return _Primitive(node.tag, inputs, reaches[0], {"type": kind})
        if kind in ("saturate", "hueRotate"):
            value = values[0] if values and len(values) == 1 else 1.0 if kind == "saturate" else 0.0
            text = _factor(value)
            if text == ("1" if kind == "saturate" else "0"):
                return inputs[0]
            return _Primitive(node.tag, inputs, reaches[0], {"type": kind, "values": text})
        texts = [_factor(value) for value in values or ()]
        if len(texts) != 20 or " ".join(texts) == _IDENTITY:
            return inputs[0]
        if set(texts[15:]) == {"0"}:
            return _nothing()
        return _Primitive(node.tag, inputs, None if float(texts[19]) > 0 else reaches[0], {"values": " ".join(texts)})

    def _composite(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        operator = node.attributes.get("operator", "").strip()
        if operator not in _OPERATORS:
            for one, other in ((0, 1), (1, 0)):
                if reaches[one] == _EMPTY:
                    return inputs[other]
            return _Primitive(node.tag, inputs, _join(reaches))
        attributes = {"operator": operator}
        reach = _join(reaches)
        if operator == "arithmetic":
            for name in ("k1", "k2", "k3", "k4"):
                text = _factor(parse_number(node.attributes.get(name, "0")) or 0.0)
                if text != "0":
                    attributes[name] = text
            if float(attributes.get("k4", "0")) > 0:
                reach = None
        elif operator == "in":
            reach = _meet(reaches[0], reaches[1])
        elif operator in ("out", "atop"):
            reach = reaches[0 if operator == "out" else 1]
        return _Primitive(node.tag, inputs, reach, attributes)

    def _merge(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        """One over the other, from the bottom up: what feMerge does, without feMergeNode."""
        seen = [(each, reach) for each, reach in zip(inputs, reaches, strict=True) if reach != _EMPTY]
        if not seen:
            return _nothing()
        made: _Primitive | Input
        made, reach = seen[0]
        for each, above in seen[1:]:
            if isinstance(made, _Primitive):
                made = self._add(made, node)
            reach = _join([reach, above])
            made = _Primitive("feComposite", [each, made], reach)
        return made

    def _add(self, primitive: _Primitive, node: Node) -> Input:
        """A primitive that stands for a part of what ``node`` does."""
        primitive.srgb = _color_space(node) == "srgb"
        self._primitives.append(primitive)
        return len(self._primitives) - 1

    def _fill(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        """A colour matrix that makes one colour of all: what feFlood does."""
        red, green, blue, alpha = self._flood(node)
        if alpha == "0":
            return _nothing()
        values = f"0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue} 0 0 0 0 {alpha}"
        return _Primitive("feColorMatrix", [_GRAPHIC], None, {"values": values})

    def _shadow(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
        """The primitives that feDropShadow stands for (Filter Effects 1, section 9.13)."""
        dx, dy = self._offset(node, 2.0)
        x, y = self._radii(node, "stdDeviation", 2.0)
        red, green, blue, alpha = self._flood(node)
        if alpha == "0":
            return inputs[0]
        shadow, reach = inputs[0], reaches[0]
        if x or y:
            reach = _grown(reach, x * _SIGMAS, y * _SIGMAS)
            shadow = self._add(_Primitive("feGaussianBlur", [shadow], reach, {"stdDeviation": _pair(x, y)}), node)
        if dx or dy:
            reach = _moved(reach, dx, dy)
            attributes = {name: _length(value) for name, value in (("dx", dx), ("dy", dy)) if value}
            shadow = self._add(_Primitive("feOffset", [shadow], reach, attributes), node)
        values = f"0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue} 0 0 0 {alpha} 0"
        shadow = self._add(_Primitive("feColorMatrix", [shadow], reach, {"values": values}), node)
        return _Primitive("feComposite", [inputs[0], shadow], _join([reaches[0], reach]))

    def _transfer(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
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
                found = by_tag.get(tag, {})
                row = ["0"] * 5
                row[at], row[4] = found.get("slope", "1"), found.get("intercept", "0")
                rows.append(" ".join(row))
            return _Primitive("feColorMatrix", inputs, reach, {"values": " ".join(rows)})
        return _Primitive(node.tag, inputs, reach, children=children) if children else inputs[0]

    def _morphology(self, node: Node, inputs: list[Input], reaches: list[Reach]) -> _Primitive | Input:
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
        return _Primitive(node.tag, inputs, reach, attributes)


_MAKERS: dict[str, Callable[[_Filter, Node, list[Input], list[Reach]], _Primitive | Input]] = {
    "feGaussianBlur": _Filter._blur,
    "feOffset": _Filter._move,
    "feBlend": _Filter._blend,
    "feColorMatrix": _Filter._color_matrix,
    "feComposite": _Filter._composite,
    "feMerge": _Filter._merge,
    "feFlood": _Filter._fill,
    "feDropShadow": _Filter._shadow,
    "feComponentTransfer": _Filter._transfer,
    "feMorphology": _Filter._morphology,
}

_IDENTITY = "1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0"


def _nothing() -> _Primitive:
    """A primitive that gives transparent black."""
    return _Primitive("feColorMatrix", [_GRAPHIC], _EMPTY, {"values": " ".join("0" * 20)})


def _wrap(elements: list[Element], value: str, reach: Box) -> list[Element]:
    """Set a filter on the element, or on a group: it comes before an element's own clip path, mask and opacity."""
    taken = ("filter", "clip-path", "mask", "opacity", "mix-blend-mode")
    if len(elements) != 1 or any(name in elements[0].attributes for name in taken):
        elements = [Element("g", {}, elements)]
    elements[0].attributes["filter"] = value
    elements[0].extent = reach
    return elements


def _references(node: Node) -> list[str]:
    """What a primitive says about its inputs, "" where it says nothing."""
    if node.tag == "feMerge":
        return [child.attributes.get("in", "").strip() for child in node.children if child.tag == "feMergeNode"]
    if node.tag in ("feFlood", "feImage", "feTurbulence"):
        return []
    names = ("in", "in2") if node.tag in ("feBlend", "feComposite", "feDisplacementMap") else ("in",)
    return [node.attributes.get(name, "").strip() for name in names]


def _input(text: str, results: dict[str, int], default: int | str) -> int | str:
    """What ``in`` refers to: a name that no primitive before has means the default."""
    if text in _STANDARD:
        return text
    return results.get(text, default) if text else default


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
        found = parse_number(node.attributes.get(name, ""))
        return default if found is None else found

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
    return number(value, _LENGTH_DECIMALS)


def _pair(x: float, y: float) -> str:
    first, second = _length(x), _length(y)
    return first if first == second else f"{first} {second}"


def _span(low: float, high: float) -> tuple[str, str]:
    """Where a side of a region begins and how long it is; one that integers would say nothing of keeps decimals."""
    begin, end = snap(low), snap(high)
    return (str(begin), str(end - begin)) if end > begin else (_length(low), _length(max(high - low, 0.01)))


def _grown(reach: Reach, x: float, y: float) -> Reach:
    return reach if reach is None else (reach[0] - x, reach[1] - y, reach[2] + x, reach[3] + y)


def _moved(reach: Reach, x: float, y: float) -> Reach:
    return reach if reach is None else (reach[0] + x, reach[1] + y, reach[2] + x, reach[3] + y)


def _join(reaches: list[Reach] | list[Box]) -> Reach:
    boxes = [reach for reach in reaches if reach is not None]
    if len(boxes) != len(reaches):
        return None
    seen = [box for box in boxes if box[0] <= box[2]]
    return union(seen) if seen else _EMPTY


def _meet(a: Reach, b: Reach) -> Reach:
    if a is None or b is None:
        return b if a is None else a
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] <= box[2] and box[1] <= box[3] else _EMPTY
