"""Path data (SVG 2, section 9.3): the grammar, read once, used by the normalizer and the tokenizer alike."""

from __future__ import annotations

import math
import re

ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}

Command = tuple[str, tuple[float, ...]]
"""A command letter as written (case says absolute or relative) and exactly its `ARITY` arguments."""

_WS = r"[ \t\n\r\f]*"
_COMMAND = re.compile(_WS + "([MmLlHhVvCcSsQqTtAaZz])")
_SEPARATED = re.compile(r"(?:[ \t\n\r\f]*,?[ \t\n\r\f]*)([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_FLAG = re.compile(r"(?:[ \t\n\r\f]*,?[ \t\n\r\f]*)([01])")
_END = re.compile(_WS + r"\Z")


def parse_path(data: str) -> tuple[list[Command], bool]:
    """Read path data into commands; implicit repeats get their letter (a repeated moveto is a lineto).

    Returns the commands up to the first error, as SVG 2 section 9.5.4 asks, and whether all of it was read. Numbers
    that overflow a double count as errors. Data that does not begin with a moveto has no commands.
    """
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
                found = pattern.match(data, at)
                if found is None or (first and i == 0 and "," in found[0]):
                    break
                value = float(found[1])
                if not math.isfinite(value):
                    return commands, False
                args.append(value)
                at = found.end()
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
