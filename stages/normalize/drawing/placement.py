"""An element's own map: its transform properties, the point they refer to and the reference box (CSS Transforms 2,
section 9: translate, rotate, scale, then transform, about the origin)."""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.base import Dropped
from stages.normalize.css.computed import check_declared
from stages.normalize.geometry.boxes import Box, BoxFinder
from stages.normalize.geometry.transforms import IDENTITY, Matrix, about, multiply
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.calculations import UnknownFunction
from stages.normalize.values.properties import TRANSFORM_PROPERTIES, Style
from stages.normalize.values.transform_lists import (
    Frame,
    combined,
    parse_individual,
    parse_origin,
    parse_property,
    parse_transform,
)
from stages.normalize.values.units import FONT_SIZE, Viewport
from stages.reasons import Reason

_INDIVIDUAL = ("translate", "rotate", "scale")
_SIMPLE = re.compile(
    r"(?:\s*(?:matrix|translate|scale|rotate|skewX|skewY)\([-+.,\s0-9pxdeg]*\))*\s*"
)  # fmt: skip
"""Values of the property that librsvg reads like browsers."""


class Local(NamedTuple):
    """``matrix``: the map. ``exotic``: whether renderers lack what it was said with. ``valid``: of the attribute."""

    matrix: Matrix
    exotic: bool = False
    valid: bool = True


def local_matrix(
    node: Node,
    own: Style,
    viewport: Viewport,
    font_size: float,
    box: BoxFinder,
    attribute: str = "transform",
) -> Local:
    """The map from an element's coordinates to those around it. ``box``: its bounding box in its own coordinates.

    Raises Dropped (UNSUPPORTED_CSS, UNSUPPORTED_ATTRIBUTE).
    """
    declared = node.declared
    styled = "transform" in declared
    text = node.attributes.get(attribute, "")
    individual = [name for name in _INDIVIDUAL if isinstance(declared.get(name), str)]
    origin, kind = own.get("transform-origin"), own.get("transform-box", "view-box")
    try:
        if not styled and not individual and origin is None and kind == "view-box":
            matrix = parse_transform(text)
            # renderers agree on what is invalid, but for a comma at the end
            return Local(IDENTITY, text.rstrip().endswith(","), False) if matrix is None else Local(matrix)
        whole = _reference(kind, viewport, box)
        frame = Frame(whole[2] - whole[0], whole[3] - whole[1], font_size)
        steps = [parse_individual(name, declared[name], frame) for name in individual]
        matrix, valid = IDENTITY, True
        value = declared.get("transform")
        if isinstance(value, str):
            steps.append(parse_property(value, frame))
        elif not styled:
            attributed = parse_transform(text)
            matrix, valid = attributed or IDENTITY, attributed is not None
    except UnknownFunction as error:
        raise Dropped(Reason.UNSUPPORTED_CSS, f"{attribute}: {error}") from None
    matrix = multiply(combined([step for step in steps if step is not None]), matrix)
    point = parse_origin(origin, whole, font_size) if origin else whole[:2]
    if point and point != (0.0, 0.0):
        matrix = about(matrix, *point)
    simple = not individual and origin is None and kind == "view-box"
    return Local(matrix, not (simple and isinstance(value, str) and _SIMPLE.fullmatch(value)), valid)


def _reference(kind: str, viewport: Viewport, box: BoxFinder) -> Box:
    """The reference box (CSS Transforms 1, section 8)."""
    if kind == "view-box":
        return (0.0, 0.0, viewport.width, viewport.height)
    return box() or (0.0, 0.0, 0.0, 0.0)


def make_plain(plain: Plain, node: Node, matrix: Matrix, attribute: str = "transform") -> None:
    """Say an element's map as a matrix, with nothing else that would move it."""
    numbers = ",".join(f"{value:.9g}" for value in matrix)
    text, declared, why = f"matrix({numbers})", node.declared, "transforms"
    plain.attribute(node, attribute, text, why)
    if "transform" in declared:
        plain.declare(node, "transform", text, why)
    if "transform-origin" in node.attributes:
        plain.attribute(node, "transform-origin", None, why)
    if "transform-origin" in declared:
        plain.declare(node, "transform-origin", "0 0", why)
    if "transform-box" in declared:
        plain.declare(node, "transform-box", "view-box", why)
    for name in _INDIVIDUAL:
        if name in declared:
            plain.declare(node, name, "none", why)


def server_matrix(chain: list[Node], attribute: str, viewport: Viewport, plain: Plain) -> Matrix:
    """The map of a gradient or a pattern: that of the first in the chain of references which has one.

    Raises Dropped (UNSUPPORTED_CSS, UNSUPPORTED_PAINT, UNSUPPORTED_PATTERN).
    """
    for node in chain:
        declared = node.declared
        styled = not TRANSFORM_PROPERTIES.isdisjoint(declared)
        if not styled and attribute not in node.attributes:
            continue
        check_declared(declared)
        own: Style = {name: declared[name] for name in ("transform-origin", "transform-box") if name in declared}
        texts = [str(declared[name]) for name in (*TRANSFORM_PROPERTIES, *own) if name in declared]
        if "transform-box" in own or any("%" in text or text in _WORDS for text in texts):
            reason = Reason.UNSUPPORTED_PATTERN if node.tag == "pattern" else Reason.UNSUPPORTED_PAINT
            raise Dropped(reason, f"a reference box of a {node.tag}: {'; '.join(texts)[:60]}")
        local = local_matrix(node, own, viewport, FONT_SIZE, lambda: None, attribute)
        if local.exotic or styled:
            make_plain(plain, node, local.matrix, attribute)
        return local.matrix
    return IDENTITY


_BOXED = ("transform-origin", "transform-box")
_WORDS = frozenset(("left", "top", "center", "right", "bottom"))
