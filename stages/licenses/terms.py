"""What a licence asks for: `terms`, a pure function of its SPDX expression.

Of an expression that joins licences (AND) all their terms count; of a choice (OR) those that every side has, in which
share-alike and copyleft stand for each other. This is for sorting and for labels; what may be done with a drawing is
what its licence's text says.

Sources: for Creative Commons the parts of its licences' names (BY, NC, ND, SA), which are defined to mean this; for
others the category that ScanCode LicenseDB gives each licence that SPDX lists (in ``license-expression``): copyleft
and limited copyleft, permissive, public domain, and what is none of these. What asks for no credit is SPDX's own text
of these few licences.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

from license_expression import get_license_index

from stages.licenses import NO_LICENSE
from stages.licenses.expressions import combined

Term = Literal[
    "public-domain",
    "attribution",
    "share-alike",
    "copyleft",
    "non-commercial",
    "no-derivatives",
    "restricted",
    "unknown",
]

SENTENCES: dict[Term, str] = {
    "public-domain": "Nobody asks for anything.",
    "attribution": "Who made it, or the licence's text, has to be named.",
    "share-alike": "What is made from it has to be under the same terms (Creative Commons).",
    "copyleft": "What is made from it has to be under the same terms (GPL and its like).",
    "non-commercial": "Not for commercial use.",
    "no-derivatives": "What is changed must not be passed on.",
    "restricted": "The licence forbids some uses, or is not a free one; read it.",
    "unknown": "Nothing is known of what it asks for.",
}

TERMS: tuple[Term, ...] = get_args(Term)

_SAME_TERMS = frozenset[Term]({"share-alike", "copyleft"})
_ASK_NOTHING = frozenset({"0BSD", "MIT-0"})
_CC: dict[str, Term] = {"BY": "attribution", "NC": "non-commercial", "ND": "no-derivatives", "SA": "share-alike"}
_CATEGORIES: dict[str, frozenset[Term]] = {
    "Public Domain": frozenset({"public-domain"}),
    "Permissive": frozenset({"attribution"}),
    "Copyleft": frozenset({"attribution", "copyleft"}),
    "Copyleft Limited": frozenset({"attribution", "copyleft"}),
    "Source-available": frozenset({"attribution", "restricted"}),
    "Free Restricted": frozenset({"attribution", "restricted"}),
    "Proprietary Free": frozenset({"attribution", "restricted"}),
}


@lru_cache(4096)
def terms(expression: str) -> tuple[Term, ...]:
    """What an SPDX expression asks for, in the order of `TERMS`; ("unknown",) where nobody knows."""
    found = None if expression in NO_LICENSE else combined(expression, _of_one, frozenset[Term]().union, _of_choice)
    return tuple(term for term in TERMS if term in found) if found is not None else ("unknown",)


def _of_choice(*sides: frozenset[Term]) -> frozenset[Term]:
    shared = frozenset[Term].intersection(*sides)
    same = [side & _SAME_TERMS for side in sides]
    return shared.union(*same) if all(same) else shared


def _of_one(license: str) -> frozenset[Term]:
    name = license.partition(" WITH ")[0]
    if name.startswith("CC-") and (parts := _CC.keys() & name.split("-")):
        return frozenset(term for term in TERMS if term in {_CC[part] for part in parts})
    if name in _ASK_NOTHING:
        return frozenset()
    return _CATEGORIES.get(_categories().get(name, ""), frozenset({"unknown"}))


@lru_cache(1)
def _categories() -> dict[str, str]:
    """SPDX identifier -> category."""
    return {
        key: entry["category"]
        for entry in get_license_index()
        for key in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
        if key
    }
