"""Geometry: path data and points to tokens and back.

The canonical form of a path and its tokens differ only by the spelling of each piece, so both directions are: check
the whole string against its grammar with one regular expression, then replace substrings. That runs at the speed of
the C library, about ten times that of a loop over numbers. What the grammar refuses takes the long way, which either
rewrites it (absolute commands, implicit repeats, free white space) or says what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from stages.canonical import number
from stages.pathdata import ARITY, parse_path
from stages.tokenize.errors import TokenError

_RADIUS = r"(?:0|[1-9][0-9]*)(?:\.[0-9]?[1-9])?"
_ROTATION = r"(?:0|-?(?:[1-9][0-9]*(?:\.[0-9]?[1-9])?|0\.[0-9]?[1-9]))"

_ARC = "%s\x02%s\x02%s\x03%s\x04%s\x05%s"
# Each piece closes the token before it: a command letter stands where "><cmd_x>" does. "c" comes first, since it is
# the only letter that a replacement brings in ("cmd", "d", "P" and capitals aside). Control characters stand for the
# places within a move (\x01) and an arc (\x02 to \x05) where a space has another meaning.
_SPELL = (
    ("c", "><cmd_c><d_"),
    *((letter, f"><cmd_{letter}><d_") for letter in "lhvsqt"),
    ("a", "><cmd_a>"),
    ("z", "><cmd_z"),
    ("M", "><cmd_M><P_"),
    (" ", "><d_"),
    ("\x01", "><P_"),
)
_SPELL_ARC = (("\x02", " "), ("\x03", "<large_"), ("\x04", "><sweep_"), ("\x05", "><d_"))
_UNSPELL = (
    *((f"<cmd_{letter}><d_", letter) for letter in "clhvsqt"),
    ("<cmd_a>", "a"),
    ("<cmd_z>", "z"),
    ("<cmd_M><P_", "M"),
    ("><d_", " "),
    ("><P_", " "),
    ("<large_", " "),
    ("><sweep_", " "),
    (">", ""),
)
_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_POINTS = re.compile(rf"[ \t\n\r\f]*{_POINT.pattern}(?:[ \t\n\r\f]*,?[ \t\n\r\f]*{_POINT.pattern})*[ \t\n\r\f]*")
_NUMBER = re.compile(r"-?[0-9]+")
_PIECE = re.compile(r"<[^<>]*>?|[^<]+")


def _up_to(digits: str, first: bool = True) -> str:
    """A pattern for what may follow on the way to a number without leading zeros of at most ``digits``."""
    head, rest = int(digits[0]), len(digits) - 1
    low = 1 if first else 0
    parts = []
    if head > low:
        parts.append(f"[{low}-{head - 1}]" + (f"[0-9]{{0,{rest}}}" if rest else ""))
    if head >= low:
        parts.append(str(head) + (f"(?:{_up_to(digits[1:], False)})?" if rest else ""))
    if head < 9 and rest:
        parts.append(f"[{head + 1}-9]" + (f"[0-9]{{0,{rest - 1}}}" if rest > 1 else ""))
    return "|".join(parts)


@dataclass(frozen=True)
class Grammar:
    """The patterns for coordinates up to ``limit``. Groups are absent: only whole matches count."""

    limit: int
    path: re.Pattern[str]  # canonical path data, not empty
    run: re.Pattern[str]  # tokens of a path, not empty
    command: re.Pattern[str]  # tokens of one command
    poly: re.Pattern[str]  # tokens of a polygon (ends with z) or polyline
    argument: re.Pattern[str]  # an offset token


@lru_cache(maxsize=8)
def grammar(limit: int) -> Grammar:
    """The patterns for a vocabulary whose largest coordinate is ``limit``."""
    positive = f"(?:{_up_to(str(limit))})"
    position, offset = f"(?:{positive}|0)", f"(?:-?{positive}|0)"
    move, line = f"<cmd_M><P_{position}><P_{position}>", f"<cmd_l><d_{offset}><d_{offset}>"
    arc_text = f"a{_RADIUS} {_RADIUS} {_ROTATION} [01] [01] {offset} {offset}"
    arc_run = f"<cmd_a>{_RADIUS} {_RADIUS} {_ROTATION}<large_[01]><sweep_[01]><d_{offset}><d_{offset}>"
    texts, runs = [], []
    for letter in "clhvsqt":
        count = ARITY[letter.upper()]
        texts.append(f"{letter}{offset}" + (f"(?: {offset}){{{count - 1}}}" if count > 1 else ""))
        runs.append(f"<cmd_{letter}>(?:<d_{offset}>){{{count}}}")
    texts += [arc_text, "z", f"M{position} {position}"]
    runs += [arc_run, "<cmd_z>", move]
    return Grammar(
        limit,
        path=re.compile(f"M{position} {position}(?:{'|'.join(texts)})*"),
        run=re.compile(f"{move}(?:{'|'.join(runs)})*"),
        command=re.compile("|".join(runs)),
        poly=re.compile(f"{move}(?:{line})*(?:<cmd_z>)?"),
        argument=re.compile(f"<d_{offset}>"),
    )


def encode_path(data: str, limit: int) -> str:
    """Tokens of path data, canonical or not. Raises TokenError (see `relative`)."""
    return _spell(data if grammar(limit).path.fullmatch(data) else relative(data, limit))


def encode_paths(paths: list[str], limit: int) -> list[str | TokenError]:
    """What `encode_path` gives for each of ``paths``, errors as values; many at once are faster than one by one."""
    if paths and all(map(grammar(limit).path.fullmatch, paths)):
        # a line each, so that one round of replacing does for all
        return [*_spell("\n".join(paths)).replace("\n>", ">\n").split("\n")]
    results: list[str | TokenError] = []
    for data in paths:
        try:
            results.append(encode_path(data, limit))
        except TokenError as error:
            results.append(error)
    return results


def _spell(text: str) -> str:
    """Tokens of canonical path data; between several lines "\\n>", since a token's end goes before what follows it."""
    text = "M".join([part.replace(" ", "\x01", 1) for part in text.split("M")])
    before, *arcs = text.split("a")
    if arcs:
        text = "a".join([before, *[_ARC % tuple(arc.split(" ", 5)) for arc in arcs]])
    for piece, spelled in _SPELL:
        text = text.replace(piece, spelled)
    if arcs:
        for piece, spelled in _SPELL_ARC:
            text = text.replace(piece, spelled)
    return text[1:] + ">"


def decode_path(run: str, limit: int, at: int = 0) -> str:
    """Canonical path data of tokens. Raises TokenError; ``at`` is where ``run`` begins in the whole string."""
    if not grammar(limit).run.fullmatch(run):
        raise _fault(run, limit, at)
    for spelled, piece in _UNSPELL:
        run = run.replace(spelled, piece)
    return run


def encode_points(data: str, closed: bool, limit: int) -> str:
    """Tokens of the points of a polygon (``closed``) or polyline. Raises TokenError."""
    if not _POINTS.fullmatch(data):
        raise TokenError("points are not a list of numbers")
    values = [_whole(float(piece), "points", i // 2) for i, piece in enumerate(_POINT.findall(data))]
    if len(values) % 2:
        raise TokenError(f"points hold {len(values)} numbers; they must be pairs")
    x, y = values[:2]
    _check(0 <= x <= limit and 0 <= y <= limit, f"position {x} {y}", "points", 0, f"0 to {limit}")
    out = [f"<cmd_M><P_{x}><P_{y}>"]
    for i in range(2, len(values), 2):
        dx, dy = values[i] - values[i - 2], values[i + 1] - values[i - 1]
        _check(max(abs(dx), abs(dy)) <= limit, f"offset {dx} {dy}", "points", i // 2, f"-{limit} to {limit}")
        out.append(f"<cmd_l><d_{dx}><d_{dy}>")
    return "".join(out) + ("<cmd_z>" if closed else "")


def decode_points(run: str, closed: bool, limit: int, at: int = 0) -> str:
    """Canonical points of tokens. Raises TokenError; ``at`` is where ``run`` begins in the whole string."""
    if not grammar(limit).poly.fullmatch(run) or run.endswith("<cmd_z>") != closed:
        if not grammar(limit).run.fullmatch(run):
            raise _fault(run, limit, at)
        kind = "a polygon is one move, lines and a close" if closed else "a polyline is one move and lines"
        raise TokenError(f"{kind}; other commands have no place in it", at)
    x = y = 0
    out: list[str] = []
    numbers = iter([int(n) for n in _NUMBER.findall(run)])
    for dx, dy in zip(numbers, numbers, strict=True):
        x, y = x + dx, y + dy
        out.append(f"{x} {y}")
    return " ".join(out)


def relative(data: str, limit: int) -> str:
    """Rewrite path data of integers into canonical form, which also says what is wrong with it.

    Raises TokenError for path data that SVG refuses, for coordinates that are no integers or outside the vocabulary
    (``limit``), and for arcs whose radii or rotation need more than two decimals. Nothing is rounded or clamped.
    """
    commands, complete = parse_path(data)
    if not complete or not commands:
        raise TokenError(f"path data is invalid after {len(commands)} commands")
    out: list[str] = []
    x = y = start_x = start_y = 0
    for index, (letter, args) in enumerate(commands):
        upper = letter.upper()
        numbers, (end_x, end_y) = _step(letter, args, index, x, y)
        if upper == "M":
            where = f"position {end_x} {end_y}"
            _check(0 <= end_x <= limit and 0 <= end_y <= limit, where, letter, index, f"0 to {limit}")
            out.append(f"M{end_x} {end_y}")
            start_x, start_y = end_x, end_y
        elif upper == "Z":
            out.append("z")
            end_x, end_y = start_x, start_y
        else:
            for value in numbers:
                _check(-limit <= value <= limit, f"offset {value}", letter, index, f"-{limit} to {limit}")
            shape = "".join(f"{text} " for text in _arc(args, letter, index)) if upper == "A" else ""
            out.append(f"{upper.lower()}{shape}{' '.join(map(str, numbers))}")
        x, y = end_x, end_y
    return "".join(out)


def _step(letter: str, args: tuple[float, ...], index: int, x: int, y: int) -> tuple[list[int], tuple[int, int]]:
    """The command's coordinates relative to the point (x, y), and the point it leads to."""
    upper = letter.upper()
    values = [_whole(value, letter, index) for value in (args[5:] if upper == "A" else args)]
    bases = {"H": [x], "V": [y]}.get(upper, [x, y] * (len(values) // 2))
    if letter.isupper():
        values = [value - base for value, base in zip(values, bases, strict=True)]
    if not values:
        return values, (x, y)
    if upper == "H":
        return values, (x + values[0], y)
    if upper == "V":
        return values, (x, y + values[0])
    return values, (x + values[-2], y + values[-1])


def _arc(args: tuple[float, ...], letter: str, index: int) -> list[str]:
    """An arc's radii, rotation and flags in canonical spelling."""
    values = [abs(args[0]), abs(args[1]), args[2]]
    texts = [number(value) for value in values]
    if [float(text) for text in texts] != values:
        raise TokenError(f"command {index} ({letter}): radii {args[0]} {args[1]} or rotation {args[2]} need rounding")
    return [*texts, str(int(args[3])), str(int(args[4]))]


def _whole(value: float, letter: str, index: int) -> int:
    if not value.is_integer():
        raise TokenError(f"command {index} ({letter}): {value} is no integer")
    return int(value)


def _check(inside: bool, what: str, letter: str, index: int, allowed: str) -> None:
    if not inside:
        raise TokenError(f"command {index} ({letter}): {what} is outside the vocabulary, {allowed}")


def _fault(run: str, limit: int, at: int) -> TokenError:
    """Say where a run of tokens stops being a path."""
    rules, position = grammar(limit), 0
    if not run.startswith("<cmd_M>"):
        return TokenError(f"a path must begin with <cmd_M>, not {_first(run)}", at)
    while match := rules.command.match(run, position):
        position = match.end()
    name = _first(run[position:])
    letter = name[5:-1]
    if not (name.startswith("<cmd_") and letter in {"M", *"clhvsqtaz"}):
        return TokenError(f"{name} cannot stand where a command begins", at + position)
    position += len(name)
    if letter == "a":
        return TokenError("<cmd_a> needs two radii and a rotation, two flags and two offsets", at + position)
    needed, count = ARITY[letter.upper()], 0
    while count < needed and (piece := rules.argument.match(run, position)):
        position, count = piece.end(), count + 1
    kind = "positions" if letter == "M" else "offsets"
    return TokenError(f"{name} needs {needed} {kind}; the next is {_first(run[position:])}", at + position)


def _first(run: str) -> str:
    match = _PIECE.match(run)
    return match[0][:40] if match else "the end"
