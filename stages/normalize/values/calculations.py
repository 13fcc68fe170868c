"""Math functions (CSS Values 4, section 10): calc(), min(), max(), clamp(), round() and the others, as typed terms.

A term has the exponents of its dimensions, which say where it is valid, and a value that may need what percentages and
font-relative units refer to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.reasons import Reason

Value = Callable[[float, float], float]
"""From the reference of percentages and the font size to pixels, degrees, a number or percents."""

Dimensions = tuple[int, int, int]
"""Exponents of length, angle and percentage."""

SCALAR: Dimensions = (0, 0, 0)
LENGTH: Dimensions = (1, 0, 0)
ANGLE: Dimensions = (0, 1, 0)
PERCENTAGE: Dimensions = (0, 0, 1)

PIXELS = {"px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}
"""CSS pixels in each absolute unit."""
DEGREES = {"deg": 1.0, "grad": 0.9, "rad": 180 / math.pi, "turn": 360.0}
FONT_UNITS = frozenset(("em", "ex", "ch", "rem"))
UNKNOWABLE = {
    **dict.fromkeys(
        (p + u for p in ("", "s", "l", "d") for u in ("vw", "vh", "vi", "vb", "vmin", "vmax")),
        "which is relative to the window",
    ),
    **dict.fromkeys(
        ("cap", "ic", "lh", "rlh", "rcap", "rch", "rex", "ric"), "which is relative to the metrics of a font"
    ),
    **dict.fromkeys(("cqw", "cqh", "cqi", "cqb", "cqmin", "cqmax"), "which is relative to a container"),
}
"""Units whose size the drawing alone does not tell (CSS Values 4, section 6.1), and why."""

INVALID = frozenset(("param", "expression", "device-cmyk", "icc-color"))
"""Functions of drafts and of the past that no browser knows: what holds them is invalid."""

ROOT_FONT_SIZE = 16.0
_FARTHEST = 1e30
_DEEPEST = 32
_CONSTANTS = {"e": math.e, "pi": math.pi, "infinity": math.inf, "-infinity": -math.inf, "nan": math.nan}


class UnknownFunction(Exception):
    """A function that no value is known for. The argument is its name with parentheses."""


class Term(NamedTuple):
    """A term: its dimensions, its value, and the relative units that it needs."""

    dimensions: Dimensions
    value: Value
    relative: frozenset[str] = frozenset()

    def number(self, reference: float = 0.0, font_size: float = ROOT_FONT_SIZE) -> float:
        """The value as a finite number (section 10.9: not a number is 0, what is infinite is the largest)."""
        try:
            value = self.value(reference, font_size)
        except (ValueError, ArithmeticError):
            return 0.0
        return 0.0 if math.isnan(value) else min(max(value, -_FARTHEST), _FARTHEST)


def unknowable(text: str, unit: str) -> Dropped:
    """The reason to drop a drawing whose picture depends on a length in such a unit."""
    return Dropped(Reason.UNSUPPORTED_CSS, f"{text}: a length in {unit}, {UNKNOWABLE[unit]}")


@lru_cache(maxsize=4096)
def parse_math(text: str, percentages: bool = False) -> Term | None:
    """The term of a value that is one math function, None if it is invalid.

    ``percentages``: whether they are a type of their own, where they are not those of lengths. Raises UnknownFunction.
    """
    if text.count("(") > 2 * _DEEPEST:
        return None
    import tinycss2

    nodes = [n for n in tinycss2.parse_component_value_list(text, skip_comments=True) if n.type != "whitespace"]
    if len(nodes) != 1 or nodes[0].type != "function":
        return None
    return _Reader(percentages).function(nodes[0], 0)


def math_term(node: Any, percentages: bool = False) -> Term | None:
    """The term of a parsed component value: a number, a dimension, a percentage or a math function; None for others.

    Raises UnknownFunction.
    """
    return _Reader(percentages).value(node, 0)


class _Reader:
    def __init__(self, percentages: bool) -> None:
        self._percent = PERCENTAGE if percentages else LENGTH

    def value(self, node: Any, depth: int) -> Term | None:
        kind = node.type
        if kind == "number":
            return _constant(SCALAR, float(node.value))
        if kind == "percentage":
            share = float(node.value)
            if self._percent == PERCENTAGE:
                return _constant(PERCENTAGE, share)
            return Term(LENGTH, lambda reference, size: reference * share / 100, frozenset("%"))
        if kind == "dimension":
            return _dimension(float(node.value), node.lower_unit)
        if kind == "ident" and node.lower_value in _CONSTANTS:
            return _constant(SCALAR, _CONSTANTS[node.lower_value])
        if kind == "() block":
            return self.sum(node.content, depth + 1)
        return self.function(node, depth + 1) if kind == "function" else None

    def function(self, node: Any, depth: int) -> Term | None:
        name = node.lower_name
        if name in ("calc", "-webkit-calc", "-moz-calc"):
            return self.sum(node.arguments, depth)
        arguments = _split(node.arguments)
        if name == "round" and len(arguments) > 1:
            words = [each for each in arguments[0] if each.type != "whitespace"]
            if len(words) == 1 and words[0].type == "ident" and words[0].lower_value in _ROUNDINGS:
                return self._round(words[0].lower_value, arguments[1:], depth)
        if name == "round":
            return self._round("nearest", arguments, depth)
        if name in INVALID:
            return None
        if name not in _FUNCTIONS:
            raise UnknownFunction(f"{node.name}()")
        terms = [self.sum(argument, depth) for argument in arguments]
        return _apply(name, [term for term in terms if term is not None]) if all(terms) else None

    def _round(self, strategy: str, arguments: list[list[Any]], depth: int) -> Term | None:
        terms = [self.sum(argument, depth) for argument in arguments]
        if len(terms) == 1 and terms[0] is not None and terms[0].dimensions == SCALAR:
            terms.append(_constant(SCALAR, 1.0))
        first, *rest = terms
        if first is None or len(rest) != 1 or rest[0] is None or rest[0].dimensions != first.dimensions:
            return None
        step, rounding = rest[0], _ROUNDINGS[strategy]
        return Term(
            first.dimensions,
            lambda r, s: rounding(first.value(r, s) / step.value(r, s)) * step.value(r, s),
            first.relative | step.relative,
        )

    def sum(self, nodes: list[Any], depth: int) -> Term | None:
        """A sum of products; plus and minus stand between white space (section 10.8)."""
        if depth > _DEEPEST:
            return None
        total: Term | None = None
        sign, piece = 1.0, list[Any]()
        for i, node in enumerate([*nodes, None]):
            if node is not None and not (node.type == "literal" and node.value in "+-"):
                piece.append(node)
                continue
            if node is not None and not (
                0 < i < len(nodes) - 1 and nodes[i - 1].type == nodes[i + 1].type == "whitespace"
            ):
                return None
            term = self._product([each for each in piece if each.type not in ("whitespace", "comment")], depth)
            if term is None or (total is not None and total.dimensions != term.dimensions):
                return None
            total = term if total is None else _added(total, term, sign)
            if node is not None:
                sign, piece = 1.0 if node.value == "+" else -1.0, []
        return total

    def _product(self, nodes: list[Any], depth: int) -> Term | None:
        total: Term | None = None
        for i in range(0, len(nodes), 2):
            term = self.value(nodes[i], depth)
            if term is None:
                return None
            if i == 0:
                total = term
                continue
            operator = nodes[i - 1]
            if total is None or operator.type != "literal" or operator.value not in ("*", "/"):
                return None
            total = _multiplied(total, term, 1 if operator.value == "*" else -1)
        return total if len(nodes) % 2 else None


def _constant(dimensions: Dimensions, value: float) -> Term:
    return Term(dimensions, lambda reference, size: value)


def _dimension(value: float, unit: str) -> Term | None:
    if unit in PIXELS:
        return _constant(LENGTH, value * PIXELS[unit])
    if unit in DEGREES:
        return _constant(ANGLE, value * DEGREES[unit])
    if unit == "rem":
        return Term(LENGTH, lambda reference, size: value * ROOT_FONT_SIZE, frozenset((unit,)))
    if unit in FONT_UNITS:
        share = value if unit == "em" else value / 2
        return Term(LENGTH, lambda reference, size: share * size, frozenset((unit,)))
    if unit in UNKNOWABLE:

        def refuse(reference: float, size: float) -> float:
            raise unknowable(f"{value:g}{unit}", unit)

        return Term(LENGTH, refuse, frozenset((unit,)))
    return None


def _added(first: Term, second: Term, sign: float) -> Term:
    return Term(
        first.dimensions,
        lambda r, s: first.value(r, s) + sign * second.value(r, s),
        first.relative | second.relative,
    )


def _multiplied(first: Term, second: Term, exponent: int) -> Term:
    a, b, c = first.dimensions
    d, e, f = (exponent * each for each in second.dimensions)

    def value(r: float, s: float) -> float:
        x, y = first.value(r, s), second.value(r, s)
        if exponent > 0:
            return x * y
        if y == 0:
            return math.nan if x == 0 else math.copysign(math.inf, x) * math.copysign(1.0, y)
        return x / y

    return Term((a + d, b + e, c + f), value, first.relative | second.relative)


def _split(nodes: list[Any]) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for node in nodes:
        if node.type == "literal" and node.value == ",":
            parts.append([])
        else:
            parts[-1].append(node)
    return [_trimmed(part) for part in parts]


def _trimmed(nodes: list[Any]) -> list[Any]:
    while nodes and nodes[0].type == "whitespace":
        nodes = nodes[1:]
    while nodes and nodes[-1].type == "whitespace":
        nodes = nodes[:-1]
    return nodes


def _nearest(value: float) -> float:
    return math.floor(value + 0.5)


_ROUNDINGS: dict[str, Callable[[float], float]] = {
    "nearest": _nearest,
    "up": math.ceil,
    "down": math.floor,
    "to-zero": math.trunc,
}

_SAME, _PLAIN = "same", "number"

_FUNCTIONS: dict[str, tuple[int, int, str, Dimensions | None, Callable[..., float]]] = {
    "min": (1, 99, _SAME, None, min),
    "max": (1, 99, _SAME, None, max),
    "clamp": (3, 3, _SAME, None, lambda low, value, high: max(low, min(value, high))),
    "abs": (1, 1, _SAME, None, abs),
    "sign": (1, 1, _SAME, SCALAR, lambda a: math.copysign(1.0, a) if a else 0.0),
    "mod": (2, 2, _SAME, None, lambda a, b: a - b * math.floor(a / b)),
    "rem": (2, 2, _SAME, None, math.fmod),
    "hypot": (1, 99, _SAME, None, math.hypot),
    "atan2": (2, 2, _SAME, ANGLE, lambda y, x: math.degrees(math.atan2(y, x))),
    "pow": (2, 2, _PLAIN, SCALAR, math.pow),
    "sqrt": (1, 1, _PLAIN, SCALAR, math.sqrt),
    "log": (1, 2, _PLAIN, SCALAR, math.log),
    "exp": (1, 1, _PLAIN, SCALAR, math.exp),
    "asin": (1, 1, _PLAIN, ANGLE, lambda a: math.degrees(math.asin(a))),
    "acos": (1, 1, _PLAIN, ANGLE, lambda a: math.degrees(math.acos(a))),
    "atan": (1, 1, _PLAIN, ANGLE, lambda a: math.degrees(math.atan(a))),
    "sin": (1, 1, "angle", SCALAR, math.sin),
    "cos": (1, 1, "angle", SCALAR, math.cos),
    "tan": (1, 1, "angle", SCALAR, math.tan),
}
"""Least and most arguments, their type, the dimensions of the result (None: those of the arguments), and the rule."""


def _apply(name: str, terms: list[Term]) -> Term | None:
    least, most, kind, result, rule = _FUNCTIONS[name]
    if not least <= len(terms) <= most or len({term.dimensions for term in terms}) != 1:
        return None
    dimensions = terms[0].dimensions
    if kind == _PLAIN and dimensions != SCALAR:
        return None
    if kind == "angle" and dimensions not in (SCALAR, ANGLE):
        return None
    factor = math.pi / 180 if kind == "angle" and dimensions == ANGLE else 1.0
    return Term(
        dimensions if result is None else result,
        lambda r, s: float(rule(*(term.value(r, s) * factor for term in terms))),
        frozenset().union(*(term.relative for term in terms)),
    )
