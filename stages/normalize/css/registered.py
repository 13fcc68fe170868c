"""Registered custom properties (CSS Properties and Values 1): initial values, and which values are invalid."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from stages.normalize.source.tree import Node
from stages.normalize.values.properties import parse_property
from stages.normalize.values.units import parse_length


class Registered(NamedTuple):
    """A custom property of ``@property``. ``initial``: its initial value, None if it has none."""

    syntax: str
    inherits: bool
    initial: str | None


def registration(descriptors: Mapping[str, str]) -> Registered | None:
    """What ``@property`` with these descriptors registers, None if it is invalid (section 3)."""
    syntax = descriptors.get("syntax", "").strip()
    inherits = descriptors.get("inherits", "").strip().lower()
    if syntax[:1] not in "\"'" or len(syntax) < 2 or inherits not in ("true", "false"):
        return None
    syntax = syntax[1:-1].strip()
    initial = descriptors.get("initial-value")
    initial = None if initial is None else initial.strip()
    if syntax != "*" and (initial is None or "var(" in initial.lower() or not _fits(syntax, initial)):
        return None
    return Registered(syntax, inherits == "true", initial)


def apply_registered(nodes: list[Node], registered: Mapping[str, Registered]) -> None:
    """Give every element what registered properties are where it does not say so, or says what is invalid."""
    for node in nodes:
        for name, (syntax, inherits, initial) in registered.items():
            value = node.declared.get(name)
            if isinstance(value, str) and "var(" not in value.lower() and not _fits(syntax, value):
                del node.declared[name]
                value = None
            if value is None and initial is not None and (not inherits or node.parent is None):
                node.declared[name] = initial


def _color(text: str) -> bool:
    return parse_property("color", text) is not None


def _length(units: bool, percent: bool) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        length = parse_length(text)
        if length is None:
            return text.strip().lower().startswith(("calc(", "min(", "max(", "clamp("))
        if length.unit == "%":
            return percent
        return units and (length.value == 0 or not re.fullmatch(r"[-+.0-9e]+", text.strip().lower()))

    return fits


_FITS: dict[str, Callable[[str], bool]] = {
    "<color>": _color,
    "<length>": _length(True, False),
    "<percentage>": _length(False, True),
    "<length-percentage>": _length(True, True),
    "<number>": lambda text: re.fullmatch(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*", text.lower()) is not None,
    "<integer>": lambda text: re.fullmatch(r"\s*[-+]?\d+\s*", text) is not None,
}


def _fits(syntax: str, text: str) -> bool:
    """Whether a value has the syntax; what is no one of the basic types is taken as it is."""
    parts = [part.strip() for part in syntax.split("|")]
    return any(_FITS[part](text) if part in _FITS else True for part in parts)
