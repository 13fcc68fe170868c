"""Which licence a text is: `license_of_text`.

A text is a licence if it is one of the texts that `identify` brings (those of choosealicense.com), word for word but
for who holds the copyright, for headings, and for a few words that change nothing. `identify` itself allows any
twentieth of a text to differ, so that "non-commercial" is lost in it: here no word that permits, forbids or excepts may
differ. Of Creative Commons' other legal codes, each of which says in a fixed place which it is, that place decides.

What is more than one licence, or a licence and more, is none: its digest is all that is said of it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from identify.vendor.licenses import LICENSES

from stages.licenses.expressions import spdx

_LONGEST = 200_000  # characters; a longer text is no licence alone
_SHORT = 100  # characters of a text that only names a licence
_FEW = 40  # words of a file that says nothing but SPDX-License-Identifier, and who holds the copyright
_DIFFERENT, _IN_A_ROW, _BEFORE = 0.05, 14, 40  # words that may differ: a share, in one place, before the text begins

_IDENTIFIER = re.compile(r"^\W*(?:[\w-]+\W+)?SPDX-License-Identifier:\s*(.+?)\s*(?:-->|\*/)?\s*$", re.I | re.M)
_COPYRIGHT = re.compile(
    r"^\W*(?:portions\s+|all\s+\w+\s+)?(?:copyrights?\b|\(c\)|©|all rights reserved|spdx-filecopyrighttext)(.{0,300})$",
    re.I,
)
_COPYRIGHT_LAW = re.compile(
    r"^\W*(?:copyrights?|\(c\)|©)\W+(?:notice|owner|holder|and|law|license|of|protection)\b", re.I
)
_WORD = re.compile(r"[a-z0-9]+(?:[.'’-][a-z0-9]+)*")
_END = ["end", "of", "terms", "and", "conditions"]

_WEIGHT = """
no not non nor none never without except excepting exception exceptions excluding excluded exclusion unless only must
shall may can cannot commercial commercially noncommercial non-commercial derivative derivatives noderivatives
sharealike share-alike share shared adapt adapted adaptation adaptations modify modified modification modifications
sell sold sale sublicense relicense restrict restricted restriction restrictions prohibit prohibited forbidden forbid
permit permitted allow allowed require required additional additionally further dual either fee charge royalty
personal private educational academic research internal evaluation military nuclear weapon weapons good evil harm
ethical human rights discrimination ai training train machine-learning dataset model models attribution credit
advertising advertise acknowledgment acknowledgement acknowledge clause patent patents trademark trademarks logo logos
brand government terminate terminated
"""
WEIGHTY = frozenset(_WEIGHT.split())
"""Words that a text cannot have, or lack, and still be the licence that it resembles."""

_CC4 = re.compile(
    r"terms and conditions of this creative commons (attribution[a-z -]*?) (4\.0) international public license"
)
_CC3 = re.compile(
    r"^(?:creative commons )?legal code (attribution[a-z -]*?|sharealike) (\d\.\d)(?: unported| generic)? "
    r"creative commons corporation is not a law firm"
)
_NOTICE = re.compile(
    r"creative commons corporation is not a law firm and does not provide legal services "
    r".{300,420}? provided hereunder "
)
"""What stands before CC0 in the form that is handed round as a file."""


@dataclass(frozen=True)
class Found:
    """What a text turned out to be. ``digest``: hex sha256 of its UTF-8 bytes, also of what nobody knows."""

    expression: str | None
    digest: str


def license_of_text(text: str | bytes) -> Found:
    """The licence whose text this is, as an SPDX expression; None if it is not surely one.

    Bytes are UTF-8, or Latin-1. Of a text that is only a header, ``SPDX-License-Identifier`` counts; of one of a few
    words, the name or the address of a licence.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return _found(data)


@lru_cache(256)
def _found(data: bytes) -> Found:
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > 4 * _LONGEST:
        return Found(None, digest)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return Found(_expression(text) if len(text) <= _LONGEST else None, digest)


def _expression(text: str) -> str | None:
    stated = {spdx(value) for value in _IDENTIFIER.findall(text)}
    rest = _IDENTIFIER.sub("", text)
    if len(rest.strip()) <= _SHORT and not stated:
        return spdx(rest.strip())
    words = _words(rest)
    if stated and len(words) <= _FEW:
        return stated.pop() if len(stated) == 1 else None
    found = _creative_commons(words) or _known_text(words)
    return found if not stated or stated == {found} else None


def _words(text: str) -> list[str]:
    """What is compared of a text: its words without those who hold the copyright."""
    lines = [line for line in text.lower().replace("’", "'").split("\n") if not _names_the_holder(line)]
    return _WORD.findall("\n".join(lines))


def _names_the_holder(line: str) -> bool:
    """Whether all that a line says is who holds the copyright: a condition can stand there, too."""
    found = _COPYRIGHT.match(line)
    if found is None or _COPYRIGHT_LAW.match(line):
        return False
    return WEIGHTY.isdisjoint(_WORD.findall(found[1].replace("all rights reserved", "")))


@lru_cache(1)
def _references() -> tuple[tuple[str, list[str]], ...]:
    """(SPDX identifier, words) of each text, and of those with an appendix once more without."""
    references = []
    for identifier, text in LICENSES:
        words = _words(text)
        references.append((identifier, words))
        ends = [at for at in range(len(words)) if words[at : at + len(_END)] == _END]
        if ends and len(words) > ends[-1] + len(_END):
            references.append((identifier, words[: ends[-1] + len(_END)]))
    return tuple(references)


def _known_text(words: list[str]) -> str | None:
    """The licence that the words are, if they are one's, and nearest to one's alone."""
    words = _NOTICE.sub("", " ".join(words), count=1).split()
    fits: dict[str, float] = {}
    held = set(pairwise(words))
    for identifier, reference in _references():
        if not 0.9 * len(reference) <= len(words) <= 1.1 * len(reference) + _BEFORE:
            continue
        own = set(pairwise(reference))
        if len(own & held) < 0.8 * len(own):
            continue  # comparing takes long
        distance = _distance(reference, words)
        if distance is not None:
            fits[identifier] = min(distance, fits.get(identifier, distance))
    if not fits:
        return None
    least = min(fits.values())
    nearest = [identifier for identifier, distance in fits.items() if distance == least]
    return spdx(nearest[0]) if len(nearest) == 1 else None


def _distance(reference: list[str], words: list[str]) -> int | None:
    """How many words differ; None if a word of weight does, or too many."""
    if reference == words:
        return 0
    total = 0
    for kind, a, b, c, d in SequenceMatcher(None, reference, words, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        count = max(b - a, d - c)
        if not WEIGHTY.isdisjoint(reference[a:b]) or not WEIGHTY.isdisjoint(words[c:d]):
            return None
        if count > (_BEFORE if c == 0 else _IN_A_ROW):
            return None
        total += count
    return total if total <= max(_DIFFERENT * len(reference), _BEFORE) else None


def _creative_commons(words: list[str]) -> str | None:
    """The legal code of Creative Commons that the words are, from its first words to its last."""
    if not 1_000 <= len(words) <= 4_000:
        return None
    text = " ".join(words)
    tail = " ".join(words[-220:])
    named = {found.groups() for found in _CC4.finditer(text)}
    if named:
        whole = text.startswith(("attribution", "creative commons")) and "section 8 interpretation" in text
        if not whole or "privileges and immunities" not in tail:
            return None
    elif (old := _CC3.match(text)) is not None and "creative commons may be contacted at" in tail:
        named = {old.groups()}
    if len(named) != 1:
        return None
    kind, version = named.pop()
    expression = spdx(f"Creative Commons {kind.replace('-', ' ')} {version}")
    return None if expression in dict(LICENSES) else expression  # which has a text to be compared with
