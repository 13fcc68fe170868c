"""Licences that a sentence names: of a comment, of ``dc:rights``.

A sentence counts that says of the file that it is under a licence, and ends there: what goes on after the licence's
name ("and", "except", "for personal use") is a condition that nobody here can read. Two sentences with different
licences are no licence.
"""

from __future__ import annotations

import re

from stages.licenses.expressions import PUBLIC_DOMAIN, spdx

_LONGEST = 4_000  # characters that are looked at
_WORDS = 14  # of a licence's name

_LEADS = re.compile(
    r"(?:\b(?:licen[sc]ed|released|published|distributed|available|provided|made\s+available|shared)\s+under\s+"
    r"(?:the\s+terms\s+of\s+)?(?:(?:the|an?)\s+)?"
    r"|\b(?:SPDX-License-Identifier|licen[sc]e|icons)\s*:\s*"
    r"|@licen[sc]e\s+(?:[\w@./-]+\s+v?\d[\w.+-]*\s+-\s+)?)",
    re.I,
)
_PUBLIC = re.compile(
    r"\b(?:this\s+(?:file|image|work|drawing|svg|icon)\s+(?:is|has\s+been\s+(?:placed|released))"
    r"|(?:released|placed|dedicated))\s+(?:in|into|to)\s+the\s+public\s+domain\s*(?:$|[.;!\n]|-->)",
    re.I,
)
_ENDS = re.compile(
    r"""\s*(?:$|[.;,)!|*]|-+\s|\n|\(?https?://|copyright\b|©|\(c\)|\(?(?:see|the\s+["“']licen[sc]e))""", re.I
)
_GOES_ON = re.compile(
    r"\s*[.;,)!|*-]*\s*(?:and|or|with|but|except|excluding|unless|for|only|if|when|provided|plus)\b(?!\s+is\b)", re.I
)


def licence_in(text: str) -> str | None:
    """The SPDX expression of the licence that ``text`` is, or that its sentences name; None if that is not sure."""
    text = text[:_LONGEST].strip()
    if (whole := spdx(text)) is not None:
        return whole
    found: set[str | None] = set()
    for lead in _LEADS.finditer(text):
        name, rest = _longest_name(text[lead.end() :])
        if name is not None or not lead[0].lower().startswith("icons"):
            found.add(name if name is None or (_ENDS.match(rest) and not _GOES_ON.match(rest)) else None)
    if _PUBLIC.search(text):
        found.add(PUBLIC_DOMAIN)
    return found.pop() if len(found) == 1 else None


def _longest_name(text: str) -> tuple[str | None, str]:
    """The longest beginning of ``text`` that is a licence's name, and what follows it."""
    ends = [word.end() for word in re.finditer(r"\S+", text[:400])][:_WORDS]
    for end in reversed(ends):
        for cut in (len(text[:end].rstrip(".,;:)!|*")), end):
            if cut and (name := spdx(text[:cut])) is not None:
                return name, text[cut:]
    return None, text
