"""Conditions of style sheets: media queries (Media Queries 5) and ``@supports`` (CSS Conditional 4, 5).

A drawing is made for a screen in light mode with a mouse, of no certain size: it may be an icon, or fill a window,
whatever its own width says. What depends on the size is decided where all these sizes agree. So an answer is the set
of values that are possible (`Answer`); a feature that browsers do not know is `UNKNOWN` (Kleene's third value), which
counts as false in the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from stages.base import Dropped
from stages.normalize.css.known_css import (
    BROWSER_PROPERTIES,
    COLOR_FUNCTIONS,
    DISCRETE_MEDIA,
    MEDIA_VALUES,
    NUMERIC_MEDIA,
    SUPPORTED_KEYWORDS,
)
from stages.normalize.css.selectors import InvalidSelectorError, Namespaces, parse_selectors
from stages.normalize.values.properties import CSS_ONLY, PROPERTIES, parse_property
from stages.normalize.values.units import Length, parse_length

Truth = bool | None
"""None is Kleene's unknown."""
Answer = frozenset[Truth]

TRUE: Answer = frozenset((True,))
FALSE: Answer = frozenset((False,))
UNKNOWN: Answer = frozenset((None,))
UNDECIDED: Answer = frozenset((True, False))

_SHOWN = {
    "width": (16.0, 1920.0),
    "height": (16.0, 1080.0),
    "device-width": (1280.0, 7680.0),
    "device-height": (720.0, 4320.0),
}
"""The sizes that a drawing may be shown at, and those of screens, CSS pixels."""
_FONT_SIZE = 16.0
_WIDE_KEYWORDS = frozenset(("inherit", "initial", "unset", "revert", "revert-layer"))


def decided(answer: Answer) -> bool | None:
    """What an answer comes to, None if it depends on what is not known."""
    ends = {value is True for value in answer}
    return ends.pop() if len(ends) == 1 else None


def media(tokens: Sequence[Any]) -> Answer:
    """Whether a list of media queries holds (Media Queries 5, section 2)."""
    parts = split(tokens)
    if len(parts) == 1 and not parts[0]:
        return TRUE
    answers = [_query(part) for part in parts]
    return _combine(answers, any)


def supports(tokens: Sequence[Any], namespaces: Namespaces) -> Answer:
    """Whether a condition of ``@supports`` holds; a condition that cannot be parsed does not."""

    def leaf(token: Any) -> Answer:
        return _supported(token, namespaces)

    return _condition(solid(tokens), leaf) or FALSE


def solid(tokens: Sequence[Any]) -> list[Any]:
    """Tokens without white space and comments."""
    return [token for token in tokens if token.type not in ("whitespace", "comment")]


def split(tokens: Sequence[Any]) -> list[list[Any]]:
    """The solid tokens of each part of a list that commas separate."""
    parts: list[list[Any]] = [[]]
    for token in solid(tokens):
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _combine(answers: Sequence[Answer], how: Callable[[list[bool]], bool]) -> Answer:
    """Kleene's conjunction (``all``) or disjunction (``any``) of every possible combination."""
    if len(answers) > 8:
        return _combine([_combine(answers[:8], how), *answers[8:]], how)
    absorbing = how is any
    values: set[Truth] = set()
    for combination in product(*answers):
        if absorbing in combination:
            values.add(absorbing)
        else:
            values.add(None if None in combination else not absorbing)
    return frozenset(values)


def _negate(answer: Answer) -> Answer:
    return frozenset(None if value is None else not value for value in answer)


def _word(token: Any) -> str:
    return str(token.lower_value) if token.type == "ident" else ""


def _condition(tokens: list[Any], leaf: Callable[[Any], Answer], mixed: bool = True) -> Answer | None:
    """A condition of not, and, or; None if the tokens are none. ``mixed``: whether ``or`` may occur."""
    if not tokens:
        return None
    if _word(tokens[0]) == "not":
        inside = _inner(tokens[1], leaf) if len(tokens) == 2 else None
        return None if inside is None else _negate(inside)
    answers: list[Answer] = []
    words = {_word(token) for token in tokens[1::2]}
    if len(tokens) % 2 == 0 or len(words) > 1 or not words <= {"and", "or" if mixed else "and"}:
        return None
    for token in tokens[::2]:
        inside = _inner(token, leaf)
        if inside is None:
            return None
        answers.append(inside)
    return _combine(answers, any if "or" in words else all)


def _inner(token: Any, leaf: Callable[[Any], Answer]) -> Answer | None:
    """What stands in brackets: a condition, a feature, or what nobody knows. None for anything else."""
    if token.type == "() block":
        inside = solid(token.content)
        if inside and (inside[0].type in ("() block", "function") or _word(inside[0]) == "not"):
            answer = _condition(inside, leaf)
            if answer is not None:
                return answer
        return leaf(token)
    return leaf(token) if token.type == "function" else None


# -- media queries ----------------------------------------------------------------------------------------------------


def _query(tokens: list[Any]) -> Answer:
    def leaf(token: Any) -> Answer:
        return _feature(token)

    condition = _condition(tokens, leaf)
    if condition is not None:
        return condition
    words = [_word(token) for token in tokens[:2]]
    negated = bool(words) and words[0] == "not"
    at = 1 if words and words[0] in ("not", "only") else 0
    kind = words[at] if len(words) > at else ""
    if not kind or kind in ("not", "only", "and", "or", "layer"):
        return FALSE
    answer = TRUE if kind in ("all", "screen") else FALSE
    rest = tokens[at + 1 :]
    if rest:
        if _word(rest[0]) != "and":
            return FALSE
        more = rest[1:]
        condition = _condition(more, leaf, mixed=False)
        if condition is None:
            return FALSE
        answer = _combine([answer, condition], all)
    return _negate(answer) if negated else answer


def _feature(token: Any) -> Answer:
    """One media feature: ``(name)``, ``(name: value)`` or a range (section 2.4)."""
    if token.type != "() block":
        return UNKNOWN
    tokens = solid(token.content)
    at = [i for i, each in enumerate(tokens) if each.type == "literal" and each.value in "<=>:"]
    if not at:
        name = _word(tokens[0]) if len(tokens) == 1 else ""
        return _boolean(name)
    pieces, signs = _pieces(tokens)
    if signs == [":"]:
        name = _single_word(pieces[0])
        for prefix, sign in (("min-", ">="), ("max-", "<="), ("-webkit-min-", ">="), ("-webkit-max-", "<=")):
            if name.startswith(prefix):
                bare = ("-webkit-" if prefix[0] == "-" else "") + name.removeprefix(prefix)
                return _compare(bare, sign, pieces[1])
        if name in DISCRETE_MEDIA or name == "scripting":
            value = _single_word(pieces[1])
            if value not in MEDIA_VALUES[name]:
                return UNKNOWN
            if name == "scripting":
                return UNDECIDED
            return TRUE if value in DISCRETE_MEDIA[name][0] else FALSE
        if name == "orientation":
            return UNDECIDED if _single_word(pieces[1]) in ("portrait", "landscape") else UNKNOWN
        return _compare(name, "=", pieces[1])
    if len(signs) == 1 and signs[0] != ":":
        name = _single_word(pieces[0])
        if name in _RANGES:
            return _compare(name, signs[0], pieces[1])
        return _compare(_single_word(pieces[1]), _TURNED[signs[0]], pieces[0])
    if len(signs) == 2 and {sign[0] for sign in signs} in ({"<"}, {">"}):
        name = _single_word(pieces[1])
        first = _compare(name, _TURNED[signs[0]], pieces[0])
        return _combine([first, _compare(name, signs[1], pieces[2])], all)
    return UNKNOWN


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_RATIOS = frozenset(("aspect-ratio", "device-aspect-ratio"))
_RANGES = _SHOWN.keys() | _RATIOS | NUMERIC_MEDIA.keys()


def _pieces(tokens: list[Any]) -> tuple[list[list[Any]], list[str]]:
    """What stands between the signs of a feature, and the signs."""
    pieces: list[list[Any]] = [[]]
    signs: list[str] = []
    for token in tokens:
        sign = token.value if token.type == "literal" else ""
        if sign in ("<", ">", "=", ":", "<=", ">="):
            if sign == "=" and not pieces[-1] and signs and signs[-1] in "<>":
                signs[-1] += "="
                continue
            signs.append(sign)
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces, signs


def _single_word(tokens: list[Any]) -> str:
    return _word(tokens[0]) if len(tokens) == 1 else ""


def _boolean(name: str) -> Answer:
    """A feature without a value: whether its value would be other than none or zero (section 2.4.2)."""
    if name in _SHOWN or name in _RATIOS or name in ("orientation",):
        return TRUE
    if name in NUMERIC_MEDIA:
        return TRUE if NUMERIC_MEDIA[name] else FALSE
    if name == "scripting":
        return UNDECIDED
    if name in DISCRETE_MEDIA:
        holding, nothing = DISCRETE_MEDIA[name]
        return TRUE if any(value != nothing for value in holding) else FALSE
    return UNKNOWN


def _compare(name: str, sign: str, value: list[Any]) -> Answer:
    """A numeric feature compared with a value."""
    import tinycss2

    text = tinycss2.serialize(value).strip()
    if name in _RATIOS:
        return UNDECIDED
    if name in NUMERIC_MEDIA:
        number = _number(text, name)
        if number is None:
            return UNKNOWN
        return _within((NUMERIC_MEDIA[name], NUMERIC_MEDIA[name]), sign, number)
    if name not in _SHOWN:
        return UNKNOWN
    length = parse_length(text)
    if length is None:
        return UNDECIDED if value and value[0].type == "function" else UNKNOWN
    if value[0].type == "number" and length.value != 0:
        return UNKNOWN  # a length needs its unit but for zero
    pixels = _pixels(length)
    if pixels is None:
        return UNDECIDED
    return _within(_SHOWN[name], sign, pixels)


def _pixels(length: Length) -> float | None:
    if length.unit == "px":
        return length.value
    return length.value * _FONT_SIZE if length.unit in ("em", "rem") else None


_RESOLUTIONS = {"dppx": 1.0, "x": 1.0, "dpi": 1 / 96, "dpcm": 2.54 / 96}


def _number(text: str, name: str) -> float | None:
    factor = 1.0
    if name == "resolution":
        unit = next((unit for unit in _RESOLUTIONS if text.lower().endswith(unit)), "")
        if not unit:
            return None
        text, factor = text[: -len(unit)], _RESOLUTIONS[unit]
    try:
        return float(text) * factor
    except ValueError:
        return None


def _within(bounds: tuple[float, float], sign: str, value: float) -> Answer:
    """Whether all, none or some of an interval compare so with a value."""
    low, high = bounds
    if sign == "=":
        if low == high == value:
            return TRUE
        return UNDECIDED if low <= value <= high else FALSE
    if sign in (">", "<="):
        above = TRUE if low > value else FALSE if high <= value else UNDECIDED
        return above if sign == ">" else _negate(above)
    above = TRUE if low >= value else FALSE if high < value else UNDECIDED
    return above if sign == ">=" else _negate(above)


# -- @supports --------------------------------------------------------------------------------------------------------


def _supported(token: Any, namespaces: Namespaces) -> Answer:
    """A feature of ``@supports``; what is unknown is not supported (CSS Conditional 3, section 6)."""
    import tinycss2

    if token.type == "function":
        words = solid(token.arguments)
        if token.lower_name == "selector":
            try:
                listed = parse_selectors(token.arguments, namespaces)
            except InvalidSelectorError:
                return FALSE
            return TRUE if len(listed) == 1 else FALSE
        if token.lower_name in ("font-tech", "font-format"):
            return UNDECIDED if words else FALSE
        return FALSE
    node = tinycss2.parse_one_declaration(token.content, skip_comments=True)
    if node.type != "declaration":
        return FALSE
    return supported_value(node.name, tinycss2.serialize(node.value))


def supported_value(name: str, text: str) -> Answer:
    """Whether browsers can read a declaration."""
    if name.startswith("--"):
        return TRUE
    name, text = name.lower(), text.strip()
    word = text.lower()
    if name not in BROWSER_PROPERTIES or not text:
        return FALSE
    if word in _WIDE_KEYWORDS or "var(" in word or "env(" in word:
        return TRUE
    if name in SUPPORTED_KEYWORDS:
        if word in SUPPORTED_KEYWORDS[name]:
            return TRUE
        return FALSE if word.replace("-", "").isalpha() else UNDECIDED
    function = word.partition("(")[0]
    if name in PROPERTIES or name in CSS_ONLY:
        try:
            value = parse_property(name, text)
        except Dropped:
            return UNDECIDED
        if name == "background-image" and "(" in text and function not in _IMAGES:
            return UNDECIDED
        if value is not None:
            return TRUE
        if word.endswith(")") and function in COLOR_FUNCTIONS and (name.endswith("color") or name in _PAINTS):
            return TRUE
        return UNDECIDED if "(" in text else FALSE
    if name.endswith("color") or name == "background":
        if function in COLOR_FUNCTIONS and word.endswith(")"):
            return TRUE
        return TRUE if parse_property("color", text) is not None else UNDECIDED
    return TRUE if _BASIC.fullmatch(word) else UNDECIDED


_BASIC = re.compile(r"none|auto|normal|url\([^()]*\)|[-+.0-9]+(?:px|em|rem|%|deg|s|ms)?|[a-z-]*blur\([0-9.]+px\)")
"""Values that nearly every property of their kind takes."""
_IMAGES = frozenset(("url", "linear-gradient", "radial-gradient", "conic-gradient"))
_PAINTS = frozenset(("fill", "stroke"))
