"""Filters in canvas coordinates (Filter Effects 1, sections 5 to 9): all units resolved, all lengths mapped.

Kept are those whose effective primitives are in `PRIMITIVES`. Primitives that the result does not come from, and those
that change nothing, are left out; what is left refers to the one before it, or to a result named ``r0``, ``r1`` ….
"""

from __future__ import annotations

import math

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.drawing.canvas import Canvas
from stages.normalize.drawing.compositing import apply_clip, assign, fade
from stages.normalize.drawing.draw import Drawer
from stages.normalize.drawing.ink import ink
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.effects.filter_functions import steps
from stages.normalize.effects.filter_primitives import (
    EMPTY,
    FARTHEST,
    GRAPHIC,
    PRIMITIVES,
    Input,
    Primitive,
    Primitives,
    Reach,
    join,
    meet,
    references,
    span,
)
from stages.normalize.geometry.boxes import Box, BoxFinder, map_box, place_and_size, union
from stages.normalize.geometry.quantize import snap
from stages.normalize.geometry.transforms import IDENTITY, axis_aligned, invert, singular_values
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Style
from stages.normalize.values.units import parse_length, resolve
from stages.reasons import Reason

_ALPHA = "SourceAlpha"
_STANDARD = frozenset(
    ("SourceGraphic", "SourceAlpha", "BackgroundImage", "BackgroundAlpha", "FillPaint", "StrokePaint")
)
_SPREADING = frozenset(("feGaussianBlur", "feDropShadow"))
_CUT = 2.0
"""Canvas units by which a region may cut what is blurred."""
_COLOURLESS = frozenset(("feOffset",))
"""Primitives that come out alike in every colour space."""
_EVERYWHERE: Box = (-math.inf, -math.inf, math.inf, math.inf)


def room(scene: Scene, node: Node, own: Style, place: Place) -> Drawer:
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
    filters = steps(scene, value, place, _is_bare(node, value))
    if not filters:
        return elements
    if scene.settings.filter == "reject":
        raise Dropped(Reason.UNSUPPORTED_FILTER, f"filter {value[:60]}")
    for step in filters:
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
            and _Graph(_Space(scene, step, place, lambda: square), cuts=False).output(square) != GRAPHIC
            for step in steps(scene, value, place, _is_bare(node, value))
        )
    except Dropped:
        return True  # if the filter comes to be applied, it is refused there


def _is_bare(node: Node, value: str) -> bool:
    """Whether lengths may lack their unit, as in presentation attributes."""
    return node.attributes.get("filter", "").strip() == value


class _Space:
    """The user space of one filter on one element: its region and subregions, and what they hold.

    ``box``: finds the element's bounding box. ``scale``: canvas units of a user unit where they are fewest, if not as
    the matrix of ``place`` says.
    """

    def __init__(self, scene: Scene, node: Node, place: Place, box: BoxFinder, scale: float | None = None) -> None:
        self.scene, self.node, self.place = scene, node, place
        self.scale = singular_values(place.matrix)[1] if scale is None else scale
        self._box = box
        self._relative = node.attributes.get("primitiveUnits", "").strip() == "objectBoundingBox"

    def region(self) -> Box | None:
        """The filter region in user units, everything for a filter function; None if there is no box to refer to."""
        node, place = self.node, self.place
        attributes = node.attributes
        if node.tag != "filter":
            return _EVERYWHERE
        relative = attributes.get("filterUnits", "").strip() != "userSpaceOnUse"
        names = (("x", "-10%"), ("y", "-10%"), ("width", "120%"), ("height", "120%"))
        wholes = (1.0, 1.0) if relative else (place.viewport.width, place.viewport.height)
        font_size = self.scene.style_at(node)["font-size"].value
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
        return place_and_size(box)

    def holds(self, region: Box, reach: Reach) -> bool:
        """Whether a region in user units holds what reaches this far on the canvas."""
        if region == _EVERYWHERE or reach == EMPTY:
            return True
        back = invert(self.place.matrix)
        if reach is None or back is None:
            return False
        left, top, right, bottom = map_box(back, reach)
        slack = 0.5 / self.scale
        return (
            region[0] <= left + slack
            and region[1] <= top + slack
            and region[2] >= right - slack
            and region[3] >= bottom - slack
        )

    def _relative_to(self) -> tuple[float, float, float, float]:
        box = self._sides()
        if box is None:
            raise Dropped(Reason.UNSUPPORTED_FILTER, "primitiveUnits of an empty box")
        return box

    def units(self) -> tuple[float, float]:
        """User units of the unit in which primitives give horizontal and vertical lengths."""
        if not self._relative:
            return 1.0, 1.0
        return self._relative_to()[2:]

    def subregion(self, node: Node) -> tuple[float | None, ...]:
        """The subregion in user units: x, y, width, height, None for what is not given; empty if none is."""
        names = ("x", "y", "width", "height")
        if not any(name in node.attributes for name in names):
            return ()
        lengths = [parse_length(node.attributes[name]) if name in node.attributes else None for name in names]
        viewport = self.place.viewport
        wholes = (1.0, 1.0) if self._relative else (viewport.width, viewport.height)
        values = [
            None if length is None else resolve(length, whole)
            for length, whole in zip(lengths, wholes * 2, strict=True)
        ]
        if self._relative:
            left, top, across, down = self._relative_to()
            values = [
                None if value is None else start + value * side
                for value, start, side in zip(values, (left, top, 0.0, 0.0), (across, down) * 2, strict=True)
            ]
        # renderers do not agree on sizes of nothing
        if any(value is not None and value <= 0 for value in values[2:]):
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a subregion without size")
        return tuple(values) if any(value is not None for value in values) else ()

    def printed_subregion(self, area: tuple[float | None, ...]) -> dict[str, str]:
        """The attributes of a subregion on the canvas."""
        a, b, c, d, e, f = self.place.matrix
        x, y, width, height = area
        if x is not None and y is not None and width is not None and height is not None:
            left, top, right, bottom = map_box(self.place.matrix, (x, y, x + width, y + height))
            (x_text, w_text), (y_text, h_text) = span(left, right), span(top, bottom)
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


class _Graph:
    """The primitives of a filter that its result comes from. ``cuts``: whether subregions count."""

    def __init__(self, space: _Space, cuts: bool) -> None:
        self._space, self._cuts = space, cuts
        self._maker = Primitives(space.place.matrix, space.units, space.scene.settings.opacity_decimals)
        self.primitives = self._maker.made

    @property
    def tail(self) -> float:
        """Canvas units beyond their reach where renderers still paint what the primitives blur."""
        return self._maker.tail

    def add_copy(self, name: str, reach: Reach) -> int:
        """Add a primitive that gives one of the filter's sources as it is; returns its index."""
        self.primitives.append(Primitive("feOffset", [name], reach))
        return len(self.primitives) - 1

    def output(self, source: Box) -> Input:
        """Read the primitives that the result comes from; returns where it does. ``source``: what is filtered."""
        nodes = [child for child in self._space.node.children if child.tag[:2] == "fe"]
        if not nodes:
            return GRAPHIC
        results: dict[str, int] = {}
        inputs: list[list[int | str]] = []
        for at, node in enumerate(nodes):
            before: int | str = at - 1 if at else GRAPHIC
            inputs.append([_input(text, results, before) for text in references(node)])
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
        outputs: dict[int, Input] = {}
        for at in sorted(wanted):
            given = [outputs[each] if isinstance(each, int) else each for each in inputs[at]]
            for each in given:
                if each in _STANDARD and each not in (GRAPHIC, _ALPHA):
                    raise Dropped(Reason.UNSUPPORTED_FILTER, f"{each} in a filter")
            outputs[at] = self._primitive(nodes[at], given, source)
        return outputs[len(nodes) - 1]

    def _primitive(self, node: Node, inputs: list[Input], source: Box) -> Input:
        """Add a primitive; returns where its result is to be found, which is its input if it changes nothing."""
        if node.tag not in PRIMITIVES:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"{node.tag} in a filter")
        reaches: list[Reach] = []
        for each in inputs:
            reaches.append(self.primitives[each].reach if isinstance(each, int) else source)
        area = self._space.subregion(node) if self._cuts else ()
        made = self._maker.make(node, inputs, reaches)
        if isinstance(made, str | int) and not area:
            return made
        if isinstance(made, str | int):
            # what cuts its input and does nothing else
            made = Primitive("feOffset", [made], reaches[inputs.index(made)])
        made.area = area
        return self._maker.add(made, node)

    def chosen(self, output: Input) -> list[int]:
        """The primitives that a result comes from, in order."""
        wanted: set[int] = set()
        stack = [output]
        while stack:
            at = stack.pop()
            if isinstance(at, int) and at not in wanted:
                wanted.add(at)
                stack += self.primitives[at].inputs
        return sorted(wanted)

    def is_cut(self, region: Box, chosen: list[int]) -> bool:
        """Whether subregions cut what some primitive shows, so that they must be printed."""
        areas: dict[int, Box] = {}
        cut = False
        for at in chosen:
            primitive = self.primitives[at]
            used = [areas[each] if isinstance(each, int) else region for each in primitive.inputs]
            default = join(used) if used else region
            area = default if default is not None and default != EMPTY else region
            if primitive.area:
                x, y, width, height = primitive.area
                left, top = area[0] if x is None else x, area[1] if y is None else y
                right = left + (area[2] - area[0] if width is None else width)
                bottom = top + (area[3] - area[1] if height is None else height)
                area = (left, top, right, bottom)
            areas[at] = area
            # what the region cuts as well needs no subregion
            cut = cut or (area != region and not self._space.holds(area, primitive.reach))
        return cut

    def is_free(self, region: Box, shown: list[int], chosen: list[int]) -> bool:
        """Whether the filter region cuts nothing of what the primitives ``shown`` give; ``chosen``: all of them."""
        for at in shown:
            primitive = self.primitives[at]
            if primitive.reach is None:
                # a flood is cut by the region, which does not matter to what shows less than all of it
                users = [each for each in chosen if at in self.primitives[each].inputs]
                if not users or any(self.primitives[each].reach is None for each in users):
                    return False
            elif not self._space.holds(region, primitive.reach):
                return False
        return True

    def printed(self, chosen: list[int], attributes: dict[str, str]) -> list[Element]:
        """The primitives ``chosen`` as elements; adds to the filter's ``attributes`` what counts for all of them."""
        primitives = [self.primitives[at] for at in chosen]
        spaces = {primitive.srgb for primitive in primitives if primitive.tag not in _COLOURLESS}
        if spaces == {True}:
            attributes["color-interpolation-filters"] = "sRGB"
        at_of = {at: i for i, at in enumerate(chosen)}
        elements = [Element(p.tag, dict(p.attributes), list(p.children)) for p in primitives]
        inputs = [[each if isinstance(each, str) else at_of[each] for each in p.inputs] for p in primitives]
        # the result of the primitive before, and the source for the first, go without saying
        named = {each for i, given in enumerate(inputs) for each in given if isinstance(each, int) and each != i - 1}
        names: dict[Input, str] = {each: f"r{n}" for n, each in enumerate(sorted(named))}
        for i, (primitive, element) in enumerate(zip(primitives, elements, strict=True)):
            texts = [each if isinstance(each, str) else names.get(each, "") for each in inputs[i]]
            before: Input = i - 1 if i else GRAPHIC
            for attribute, each, text in zip(("in", "in2"), inputs[i], texts, strict=False):
                if each != before:
                    element.attributes[attribute] = text
            if primitive.srgb and spaces == {True, False} and primitive.tag not in _COLOURLESS:
                element.attributes["color-interpolation-filters"] = "sRGB"
            if primitive.area:
                element.attributes.update(self._space.printed_subregion(primitive.area))
            if i in names:
                element.attributes["result"] = names[i]
        return elements


class _Filter:
    """One filter on one element.

    ``cuts``: whether subregions count; ``moved``: whether it applies to a ``use``, whose region may be meant for the
    place that it is moved from.
    """

    def __init__(
        self, scene: Scene, node: Node, place: Place, box: BoxFinder, cuts: bool = True, moved: bool = False
    ) -> None:
        self._scene, self._node, self._place, self._box, self._moved = scene, node, place, box, moved
        self._space = _Space(scene, node, place, box)
        self._graph = _Graph(self._space, cuts)

    def apply(self, elements: list[Element]) -> list[Element]:
        """What the filter makes of ``elements``; they themselves where that is all it does."""
        node, place = self._node, self._place
        if not any(child.tag[:2] == "fe" for child in node.children):
            if node.attributes.get("href", "").strip():
                raise Dropped(Reason.UNSUPPORTED_FILTER, "a filter that takes its primitives from another")
            return []
        region = self._space.region()
        if region is None:
            return elements
        if region[2] <= region[0] or region[3] <= region[1]:
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a filter region without size")  # renderers do not agree
        source = union([ink(element) for element in elements]) if elements else EMPTY
        output = self._graph.output(source)
        if output == _ALPHA:
            output = self._graph.add_copy(output, source)
        upright = axis_aligned(place.matrix)
        before, after = (False, False) if upright else self._clips(region, elements)
        if isinstance(output, str):
            if upright:
                before = not self._space.holds(region, source)
            return self._clipped(region, elements) if before else elements
        final = self._graph.primitives[output].reach
        if final == EMPTY:
            return []
        chosen = self._graph.chosen(output)
        if upright and self._moved and any(self._graph.primitives[at].tag in _SPREADING for at in chosen):
            self._check_cut(map_box(place.matrix, region), source)
        cut = upright and self._graph.is_cut(region, chosen)
        if not cut and any(self._graph.primitives[at].area for at in chosen):
            return _Filter(self._scene, node, place, self._box, cuts=False).apply(elements)
        whole = self._whole(region, source, chosen)
        if whole is None:
            return []
        if max(map(abs, whole)) > FARTHEST:
            raise Dropped(Reason.UNSUPPORTED_FILTER, f"a filter region of {max(map(abs, whole)):.4g} units")
        (x, width), (y, height) = span(whole[0], whole[2]), span(whole[1], whole[3])
        attributes = {"x": x, "y": y, "width": width, "height": height, "filterUnits": "userSpaceOnUse"}
        children = self._graph.printed(chosen, attributes)
        value = self._scene.definitions.reference(Element("filter", attributes, children))
        printed = (float(x), float(y), float(x) + float(width), float(y) + float(height))
        reach = meet(final, printed) or printed
        elements = self._clipped(region, elements) if before else elements
        # what stays this far from the canvas no outer filter brings back
        size = self._scene.settings.canvas
        if meet(reach, (-size, -size, 2 * size, 2 * size)) == EMPTY or not (elements or final is None):
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
        size, tail = self._scene.settings.canvas, self._graph.tail
        needed = [reach for at in chosen if (reach := self._graph.primitives[at].reach) is not None]
        left, top, right, bottom = meet(join([source, *needed]), (-size, -size, 2 * size, 2 * size)) or EMPTY
        if left >= right or top >= bottom:
            return None
        return math.floor(left - tail), math.floor(top - tail), math.ceil(right + tail), math.ceil(bottom + tail)

    def _check_cut(self, region: Box, source: Reach) -> None:
        """Raises Dropped where the region cuts what is blurred: browsers cut the result alone, renderers its source."""
        rect = self._scene.target.canvas.rect
        if source is None or source == EMPTY:
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
        place = self._place._replace(matrix=IDENTITY)
        space = _Space(self._scene, self._node, place, self._box, self._space.scale)
        graph = _Graph(space, cuts=True)
        source = union([ink(element, back) for element in elements]) if elements else EMPTY
        before = not space.holds(region, source)
        output = graph.output(meet(source, region) or region)
        if isinstance(output, str):
            return before, False
        chosen = graph.chosen(output)
        if graph.is_cut(region, chosen) or not graph.is_free(region, chosen[:-1], chosen):
            raise Dropped(Reason.UNSUPPORTED_FILTER, "a turned region that cuts what it shows")
        return before, not graph.is_free(region, chosen[-1:], chosen)


def _wrap(elements: list[Element], value: str, reach: Box) -> list[Element]:
    """Set a filter on the element, or on a group: it comes before an element's own clip path, mask and opacity."""
    if len(elements) == 1 and not elements[0].attributes.keys().isdisjoint(("clip-path", "mask", "opacity")):
        elements = [Element("g", {}, elements)]
    elements = assign(elements, "filter", value)
    elements[0].extent = reach
    return elements


def _input(text: str, results: dict[str, int], default: int | str) -> int | str:
    """What ``in`` refers to: a name that no primitive before has means the default."""
    if text in _STANDARD:
        return text
    return results.get(text, default) if text else default
