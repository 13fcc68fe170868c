"""Regular expressions with possessive groups, which mean the same on every Python.

Before Python 3.11.5 `re` matches ``(?:ab?c)*+`` wrongly (cpython issues 100061 and 106052). ``(?>(?:ab?c)*)`` means the
same and is right there; but it takes a tenth longer, and memory for every repetition, so later Pythons have the first.
"""

from __future__ import annotations

import re
import sys

RIGHT = sys.version_info >= (3, 11, 5)
"""Whether this Python's `re` matches groups that are repeated possessively as it should."""

_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(|\)(?:([*+?]|\{[\d,]+\})(\+)?)?|.", re.DOTALL)
"""An escape, a set, the begin of a group, its end with its quantifier, or a character."""


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile`; ``pattern`` may have groups that are repeated possessively."""
    return re.compile(pattern if RIGHT else atomic(pattern), flags)


def atomic(pattern: str) -> str:
    """The pattern with each ``(…)*+`` as ``(?>(…)*)``, also with other quantifiers. Not for the flag VERBOSE."""
    parts: list[str] = []
    opened: list[int] = []
    for match in _PART.finditer(pattern):
        part, (quantifier, possessive) = match[0], match.groups()
        if part[0] == "(":
            opened.append(len(parts))
        elif part[0] == ")":
            begin = opened.pop()
            if quantifier and possessive:
                parts[begin] = "(?>" + parts[begin]
                part = f"){quantifier})"
        parts.append(part)
    return "".join(parts)
