"""From words of a name to English: articles, word order, signs, arrows, containers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stages.caption.tables import emoji_orders
from stages.caption.vocabulary import (
    ACTIONS,
    ADDED_TO,
    AFTER,
    BETWEEN,
    BUBBLES,
    CITIES,
    CONTINENTS,
    CURRENCIES,
    DEVICES,
    DIRECTIONS,
    FILES,
    HEAD_FIRST,
    KNOWN,
    LIKE_A_SHAPE,
    MANNER,
    MASS,
    NAMES,
    NOT_ADDED_TO,
    OFF_AS_A_WORD,
    POINTING,
    PROPER,
    SHAPES,
    SIDED,
    SIGN_ALONE,
    SIGNS,
    SKIES,
    SUITS,
    SURE,
    TOPICS,
    TURNING,
    TWISTS,
    TWO_AS_ONE,
    UNSURE,
    UPPER,
    WEATHER,
    WITH,
)


@dataclass(frozen=True)
class Phrase:
    """``text``: what stands before "icon", without article; or, if ``whole``, a noun phrase with its own article."""

    text: str
    whole: bool = False
    tags: tuple[str, ...] = ()
    """What it is made of, as keywords."""


def article(text: str) -> str:
    """ "a" or "an", by how the first word sounds."""
    first = re.split(r"[ \-]", text)[0]
    if first in ("SIM", "NATO", "NASA", "LAN", "NAS", "SCSI", "SASS"):
        return "a"
    if first == "Xbox" or (first[:1] in "AEFHILMNORSX" and (first.isupper() or first in ("HTML5",))):
        return "an"
    if first.isupper() or re.match(r"(?i)(eu|one\b|once|uni(?!n|m)|use|usi|usu|uti)", first):
        return "a"
    if re.match(r"(8|11(?!\d)|18(?!\d))", first) or re.match(r"(?i)(hour|honest|honou?r|heir)", first):
        return "an"
    return "an" if first[:1].lower() in "aeiou" else "a"


def cased(words: Sequence[str]) -> str:
    """Words as they are written."""
    return " ".join(_cased(word, place) for place, word in enumerate(words))


def _cased(word: str, place: int) -> str:
    if (
        word in UPPER
        or (len(word) == 1 and (word != "a" or not place))
        or re.fullmatch("[a-z][1-9]|[0-9]+(mp|k|g|d|fps|hz|gb)", word)
    ):
        return word.upper()
    if word in CITIES:
        return word.capitalize()
    return PROPER.get(word, word)


def counted(words: Sequence[str]) -> str:
    """A noun phrase of words with the article that it takes."""
    text, last = cased(words), words[-1]
    plural = len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is", "ous")) and last != "lens"
    if plural or last in MASS or words[0] in ("two", "three", "four", "five", "six"):
        return text
    return f"{article(text)} {text}"


def ordered(words: Sequence[str]) -> Sequence[str]:
    """Words in the order that CLDR's names have them, or with an adjective that a set puts after the noun before it."""
    known = emoji_orders().get(tuple(sorted(words)))
    if known:
        return known
    if len(words) > 1 and "×" in words[-1]:
        return [words[-1], *words[:-1]]
    if len(words) == 2 and (
        words[0] in HEAD_FIRST or (words[0] == "file" and (words[1] in FILES or words[1] in UPPER))
    ):
        return [words[1], words[0]]
    if len(words) == 3 and words[0] in HEAD_FIRST and words[2] in AFTER:
        return [words[2], words[1], words[0]]
    if words[-1] in AFTER and 1 < len(words) < 4 and words[-2] not in ("align", "flip", "text", "half", "layout"):
        return [words[-1], *words[:-1]]
    if 1 < len(words) < 4 and words[-1] in DIRECTIONS and (words[-2:-1] == ["triangle"] or words[-2] in SIDED):
        return [words[-1], *words[:-1]]
    return words


def sign(words: Sequence[str]) -> str:
    """What words look like that stand for a sign, a letter, a number or a thing, with an article."""
    first = words[0]
    if len(words) == 1:
        if first in SIGNS:
            return SIGNS[first]
        if first.isdigit():
            return f"the number {first}"
        if len(first) == 1 and first.isalpha() and first.isascii():
            return f"the letter {first.upper()}"
    if len(words) == 2 and first in ("number", "numeric", "num") and words[1].isdigit():
        return f"the number {words[1]}"
    if len(words) == 2 and first in ("letter", "alpha", "alphabet") and len(words[1]) == 1:
        return f"the letter {words[1].upper()}"
    if len(words) == 2 and words[1] in ("sign", "mark", "symbol") and words[0] in ("question", "exclamation"):
        return counted(words)
    pointer = _arrow(words)
    return counted(ordered(words)) if pointer is None else _whole(pointer)


def _whole(phrase: Phrase) -> str:
    return phrase.text if phrase.whole else f"{article(phrase.text)} {phrase.text}"


def _merged(words: Sequence[str]) -> list[str]:
    """Words of which two that name one sign are one."""
    merged: list[str] = []
    for word in words:
        if merged and (merged[-1], word) in TWO_AS_ONE and len(words) > 2:
            merged[-1:] = TWO_AS_ONE[merged[-1], word].split()
        elif len(merged) > 1 and word.isdigit() and merged[-1] == "x" and merged[-2].isdigit():
            merged[-2:] = [f"{merged[-2]}×{word}"]
        elif word not in merged or set(words) & BETWEEN or len(words) < 3 or len(word) < 4:
            merged.append(word)
    return merged


def icon(words: Sequence[str]) -> Phrase:
    """What an icon with this name shows."""
    known = KNOWN.get(" ".join(words))
    if known:
        return Phrase(known, True, tuple(cased([word]) for word in words))
    words = _merged(words)
    if len(words) > 1 and words[0] == "device" and words[1] in DEVICES:
        words = ["mobile", "phone", *words[2:]] if words[1] == "mobile" else words[1:]
    if len(words) > 1 and words[0] == "filetype":
        words = ["file", *words[1:]]
    if len(words) > 2 and words[:2] == ["file", "type"]:
        words = ["file", *words[2:]]
    if len(words) > 1 and words[0] in TOPICS and words[1] not in {*WITH, *SHAPES, "off"}:
        words = words[1:]
    if len(words) > 2 and words[0] == "nav" and words[1] in POINTING:
        words = words[1:]
    tags = tuple(cased([word]) for word in words)
    special = _special(words)
    if special is not None:
        return Phrase(special.text, special.whole, tags)
    joined = cased(ordered(words))
    return Phrase(joined, False, (joined,))


def _special(words: Sequence[str]) -> Phrase | None:
    """A phrase for words that follow a pattern, None for others."""
    first, last = words[0], words[-1]
    if len(words) == 1:
        return Phrase(SIGNS[first], True) if first in SIGN_ALONE else None
    if first in ("letter", "alpha", "number", "numeric") and len(words) == 2:
        text = sign(words)
        return Phrase(text, True) if text.startswith("the ") else None
    pointer = _arrow(words)
    if pointer is not None:
        return pointer
    pattern = _pattern(words)
    if pattern is not None:
        return pattern
    if last in ("off", "slash", "disabled") and first not in OFF_AS_A_WORD and words[-2] not in OFF_AS_A_WORD:
        inner = icon(words[:-1])
        if inner.whole:
            return Phrase(f"{inner.text}, crossed out", True)
        return Phrase(f"crossed-out {inner.text}")
    held = _held(words)
    if held is not None:
        return held
    if "arrow" in words[1:-1] and not set(words) & BETWEEN:
        at = words.index("arrow", 1)
        added = _arrow(words[at:])
        if added is not None:
            return Phrase(f"{sign(words[:at])} with {_whole(added)}", True)
    if (
        last in WITH
        and not set(words) & BETWEEN
        and " ".join(words) not in NAMES
        and first not in NOT_ADDED_TO
        and (words[-2] in ADDED_TO or last in SURE or (first in ADDED_TO and last not in UNSURE))
    ):
        return Phrase(f"{sign(words[:-1])} with {WITH[last]}", True)
    return None


def _pattern(words: Sequence[str]) -> Phrase | None:
    """A phrase for names of weather, globes, currencies, shares and levels, two words and more."""
    first, last = words[0], words[-1]
    if words[-2] == "currency" or (len(words) == 2 and first == "currency"):
        name = f"{CURRENCIES.get(last, last)} sign"
        return Phrase(name) if len(words) == 2 else Phrase(f"{counted(words[:-2])} with {article(name)} {name}", True)
    if first in ("battery", "lightbulb", "brightness") and last.isdigit() and last.endswith("0"):
        thing = [word for word in words[:-1] if word != "on"]
        return Phrase(f"{counted(thing)} at {last} percent", True)
    whole = _weather(words) or _corner(words)
    if whole:
        return Phrase(whole, True)
    if len(words) == 2 and first in ("globe", "earth") and last in CONTINENTS:
        shown = "the Americas" if last == "americas" else last.capitalize()
        return Phrase(f"{'the earth' if first == 'earth' else 'a globe'} showing {shown}", True)
    if len(words) == 3 and first == "card" and last in SUITS:
        return Phrase(f"the {cased([words[1]])} of {last}", True)
    if last in ("up", "down") and words[-2] in ADDED_TO and words[-2] not in ("hand", "eye"):
        return Phrase(f"{sign(words[:-1])} with {SIGNS[last]}", True)
    if last == "multiple" and not words[-2].endswith("s"):
        return Phrase(f"several {cased(words[:-1])}s", True)
    if len(words) == 2 and first == "letter" and len(last) == 2 and last[0] == last[1]:
        return Phrase(f"the letter {last[0].upper()} in upper and lower case", True)
    if first in ("percentage", "percent") and last.isdigit():
        return Phrase(f"{last} percent")
    if len(words) > 2 and words[-2] == "circle" and last in WITH and first not in SHAPES:
        return Phrase(f"{counted(ordered(words[:-2]))} with {WITH[last]} in a circle", True)
    return None


def _weather(words: Sequence[str]) -> str:
    """Weather by what falls, the sky, and day or night; "" for names that have other words, too."""
    falls = [word for word in words if word in WEATHER]
    sky = [word for word in words if word in SKIES]
    time = next((word for word in words if word in ("day", "night")), "")
    if len(falls) + len(sky) + bool(time) != len(words) or len(words) < 3 or not falls:
        return ""
    fallen = " and ".join(falls)
    if list(words[:2]) == ["extreme", "thunderstorms"]:
        fallen, sky = f"extreme {fallen}", sky[1:]
    shown = " ".join("dark" if word == "extreme" else word for word in sky)
    if not shown:
        return f"{fallen} {'by day' if time == 'day' else 'at night'}" if time else fallen
    return f"{fallen} on {article(shown)} {shown} {time}" if time else f"{fallen} under {article(shown)} {shown} sky"


def _corner(words: Sequence[str]) -> str:
    """An arrow with a corner, which points where the last word says."""
    if len(words) == 3 and words[0] == "corner" and words[1] in DIRECTIONS and words[2] in DIRECTIONS:
        return f"an arrow with a corner pointing {words[2]}"
    return ""


def _held(words: Sequence[str]) -> Phrase | None:
    """Something in a circle, a square...: sets name the shape first or last."""
    first, last = words[0], words[-1]
    if last in ("rounded", "dashed", "dotted") and len(words) > 2 and words[-2] in SHAPES:
        return Phrase(f"{_inside(words[:-2])} in a {last} {SHAPES[words[-2]]}", True)
    if last in SHAPES and len(words) > 2 and words[-2] in ("on", "in") and words[0] != "check":
        return Phrase(f"{sign(words[:-2])} {words[-2]} {article(last)} {SHAPES[last]}", True)
    if set(words) & BETWEEN:
        return None
    if last in SHAPES and not set(words[:-1]) & LIKE_A_SHAPE and words[0] != "crop":
        if last == "box" and words[-2] not in SIGNS and len(words[-2]) > 1 and first not in POINTING:
            return None
        if len(words) == 2 and first in BUBBLES:
            return Phrase(f"{'round' if last == 'circle' else last} {cased(words[:1])}")
        kind, inner = last, words[:-1]
    elif first in SHAPES and first != "box" and words[1] not in TWISTS:
        kind, inner = first, words[1:]
        if kind in ("diamond", "triangle", "rectangle") and (inner[-1] not in SIGNS or inner[0] in DIRECTIONS):
            return None
    elif first in SHAPES and words[1] in ("rounded", "dashed", "dotted") and len(words) > 2:
        shape = f"{words[1]} {SHAPES[first]}"
        return Phrase(f"{_inside(words[2:])} in a {shape}", True)
    else:
        return None
    shape = SHAPES[kind]
    return Phrase(f"{_inside(inner)} in {article(shape)} {shape}", True)


def _inside(words: Sequence[str]) -> str:
    if len(words) > 1 and words[-1] in ("off", "slash") and words[0] not in OFF_AS_A_WORD:
        text = f"crossed-out {cased(words[:-1])}"
        return f"a {text}"
    inner = _special(words)
    if inner is not None and inner.whole and len(words) > 1:
        return inner.text
    if words[0] in ACTIONS:
        return counted([*words, "symbol"])
    return sign(words)


def _arrow(words: Sequence[str]) -> Phrase | None:
    """An arrow, a chevron or a caret, by where it points."""
    if len(words) < 2:
        return None
    if len(words) > 1 and words[0] in ("long", "fast") and words[1] in POINTING:
        words = [*words[1:], "long" if words[0] == "long" else "double"]
    if words[0] not in POINTING:
        if words[-1] in POINTING and all(word in DIRECTIONS or word in MANNER for word in words[:-1]):
            words = [words[-1], *words[:-1]]
        else:
            return None
    noun = words[0]
    rest = list(words[1:])
    if noun in ("angle", "angles"):
        if not set(rest) <= DIRECTIONS | {"double", "small"}:
            return None
        noun = "angle bracket" if noun == "angle" else "angle brackets"
    manner = [MANNER[word] for word in rest if MANNER.get(word)]
    turning = [TURNING[word] for word in rest if word in TURNING]
    where = [word for word in rest if word in DIRECTIONS]
    if len(manner) + len(turning) + len(where) != len([word for word in rest if MANNER.get(word) != ""]) or not where:
        return None
    bare = noun
    noun = " ".join([*manner, noun])
    if len(turning) > 1 or (turning and not where):
        return None
    one = f"{article(noun)} {noun}" if not noun.endswith("s") else noun
    if turning:
        return Phrase(f"{one} {turning[0]} {' and '.join(where)}", True)
    if len(where) == 1 and where[0] in ("left", "right", "up", "down"):
        return Phrase(" ".join([*manner, where[0], bare]))
    return Phrase(f"{one} pointing {' and '.join(where)}", True)
