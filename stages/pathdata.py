"""Path data (SVG 2, section 9.3): the grammar, read once, used by the normalizer and the tokenizer alike."""

from __future__ import annotations

import math
import re

ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}

Command = tuple[str, tuple[float, ...]]
"""A command letter as written (case says absolute or relative) and exactly its `ARITY` arguments."""

_WS = r"[ \t\n\r\f]*"
# what may stand between two arguments; there is one way to match it, lest white space be tried from every character
_GAP = r"(?:[ \t\n\r\f]+(?:,[ \t\n\r\f]*)?|,[ \t\n\r\f]*)"
_COMMAND = re.compile(_WS + "([MmLlHhVvCcSsQqTtAaZz])")
_SEPARATED = re.compile(_GAP + r"?([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_FLAG = re.compile(_GAP + "?([01])")
_END = re.compile(_WS + r"\Z")

# The fast way takes the data apart at its letters, and reads each piece with two scans that run in C. Lookaheads leave
# only one way to match, so that failing takes no longer than matching. Possessive repeats would do so, too, but Python
# 3.11.2 (Debian 12) gets them wrong.
_LETTERS = "MmLlHhVvCcSsQqTtAaZz"
_PIECES = re.compile(rf"([{_LETTERS}])([^{_LETTERS}]*)")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ONE = r"[+-]?(?:[0-9]+(?![0-9.])|[0-9]+\.[0-9]*(?![0-9])|\.[0-9]+(?![0-9]))(?:[eE][+-]?[0-9]+(?![0-9]))?(?![eE])"
_NEXT = rf"(?:{_GAP}|(?=[+.-])){_ONE}"
_NUMBERS = re.compile(rf"[ \t\n\r\f]*{_ONE}(?:{_NEXT})*[ \t\n\r\f]*")
_ARC_TAIL = rf"{_NEXT}{_NEXT}{_GAP}[01]{_GAP}?[01]{_GAP}?{_ONE}{_NEXT}"
_ARCS = re.compile(rf"[ \t\n\r\f]*{_ONE}{_ARC_TAIL}(?:{_NEXT}{_ARC_TAIL})*[ \t\n\r\f]*")
_LOOSE = r"[ \t\n\r\f,]*"
_ARC = re.compile(_LOOSE.join(["", *[f"({_NUMBER.pattern})"] * 3, "([01])", "([01])", *[f"({_NUMBER.pattern})"] * 2]))
_WHITE = " \t\n\r\f"


def parse_path(data: str) -> tuple[list[Command], bool]:
    """Read path data into commands; implicit repeats get their letter (a repeated moveto is a lineto).

    Returns the commands up to the first error, as SVG 2 section 9.5.4 asks, and whether all of it was read. Numbers
    that overflow a double count as errors. Data that does not begin with a moveto has no commands.
    """
    commands = _parse_valid(data)
    return (commands, True) if commands is not None else _parse_until_error(data)


def _parse_valid(data: str) -> list[Command] | None:
    """The commands of data without errors, None if it has any, or anything else that needs a closer look."""
    pieces = _PIECES.findall(data)
    if not pieces or pieces[0][0] not in "Mm" or data[: data.index(pieces[0][0])].strip(_WHITE):
        return None
    commands: list[Command] = []
    add = commands.append
    total = 0.0
    for letter, text in pieces:
        upper = letter.upper()
        if upper == "Z":
            if text.strip(_WHITE):
                return None
            add((letter, ()))
            continue
        if upper == "A":
            if not _ARCS.fullmatch(text):
                return None
            for arc in _ARC.findall(text):
                args = tuple(map(float, arc))
                total += sum(args)
                add((letter, args))
            continue
        if not _NUMBERS.fullmatch(text):
            return None
        values = tuple(map(float, _NUMBER.findall(text)))
        total += sum(values)
        arity, count = ARITY[upper], len(values)
        if count == arity:
            add((letter, values))
        elif count % arity:
            return None
        else:
            add((letter, values[:arity]))
            if upper == "M":
                letter = "l" if letter == "m" else "L"
            for i in range(arity, count, arity):
                add((letter, values[i : i + arity]))
    return commands if math.isfinite(total) else None


def _parse_until_error(data: str) -> tuple[list[Command], bool]:
    commands: list[Command] = []
    at = 0
    while match := _COMMAND.match(data, at):
        letter = match[1]
        if not commands and letter not in "Mm":
            return [], False
        at = match.end()
        arity = ARITY[letter.upper()]
        if arity == 0:
            commands.append((letter, ()))
            continue
        first = True
        while True:
            args: list[float] = []
            begin = at
            for i in range(arity):
                pattern = _FLAG if letter in "Aa" and i in (3, 4) else _SEPARATED
                argument = pattern.match(data, at)
                if argument is None or (first and i == 0 and "," in argument[0]):
                    break
                value = float(argument[1])
                if not math.isfinite(value):
                    return commands, False
                args.append(value)
                at = argument.end()
            if len(args) < arity:
                if args or first:
                    return commands, False
                at = begin
                break
            commands.append((letter, tuple(args)))
            first = False
            if letter in "Mm":
                letter = "l" if letter == "m" else "L"
    return commands, _END.match(data, at) is not None
