"""The unit rem where the root's font size is not the initial one (CSS Values 4, section 6.1.1)."""

from __future__ import annotations

import re
from typing import Any

from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Refused
from stages.normalize.values.units import FONT_SIZE, NUMBER, Length, resolve
from stages.reasons import Reason

_REM = re.compile(rf"({NUMBER.pattern})rem\b", re.IGNORECASE)


def resolve_rem(nodes: list[Node]) -> None:
    """Replace lengths in rem, of declarations and attributes, by pixels; ``nodes`` in document order.

    What `units.resolve` takes for a rem is the initial font size, which nearly all drawings have.
    """
    root, *others = nodes
    value = root.declared.get("font-size")
    size = resolve(value, FONT_SIZE, FONT_SIZE) if isinstance(value, Length) else FONT_SIZE
    if size == FONT_SIZE:
        return
    _replace(root, size, frozenset(("font-size",)))
    for node in others:
        _replace(node, size, frozenset())


def _replace(node: Node, size: float, but: frozenset[str]) -> None:
    for name, value in node.declared.items():
        if name not in but:
            node.declared[name] = _absolute(name, value, size)
    for name, text in node.attributes.items():
        if "rem" in text.lower() and name not in ("id", "class", "href", "style"):
            # the source keeps the unit, and is made plain where the length is used
            node.attributes[name] = _in_pixels(text, size)


def _absolute(name: str, value: Any, size: float) -> Any:
    if isinstance(value, Length):
        if value.unit == "rem":
            return Length(value.value * size, "px", None, True)
        if value.term is not None and "rem" in value.term.relative:
            return Refused(Reason.UNSUPPORTED_CSS, f"{name}: rem in a calculation, where the root has a font size")
        return value
    if isinstance(value, str):
        return _in_pixels(value, size)
    if type(value) is tuple and any(isinstance(each, Length) for each in value):
        lengths = tuple(_absolute(name, each, size) for each in value)
        return next((each for each in lengths if isinstance(each, Refused)), lengths)
    return value


def _in_pixels(text: str, size: float) -> str:
    # a calculation of one unit marks the length as one that renderers lack
    return _REM.sub(lambda match: f"calc({float(match[1]) * size:.9g}px)", text) if "rem" in text.lower() else text
