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
    CAPITAL,
    CITIES,
    CONTINENTS,
    CURRENCIES,
    CURRENCY_NAMES,
    DEVICES,
    DIRECTIONS,
    EMOTIVE,
    EXPRESSIONS,
    FILES,
    HEAD_FIRST,
    IN_FULL,
    KNOWN,
    LIKE_A_SHAPE,
    MAKERS,
    MANNER,
    MASS,
    MODIFIERS,
    NAMES,
    NOT_ADDED_TO,
    NUMBERS,
    OFF_AS_A_WORD,
    ONE_WORD,
    PARTICIPLE,
    POINTED,
    POINTING,
    PROPER,
    SHAPES,
    SIDED,
    SIGN_ALONE,
    SIGNS,
    SKIES,
    SMALL_WORDS,
    SUITS,
    SURE,
    TOPICS,
    TURNING,
    TWISTS,
    TWO_AS_ONE,
    UNSURE,
    UPPER,
    WEATHER,
    WEATHERS,
    WINDS,
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
    shown = [_cased(word, place) for place, word in enumerate(words)]
    if words[0] in MAKERS or words[0] in CITIES:
        shown = [word[:1].upper() + word[1:] if word.islower() and word not in SMALL_WORDS else word for word in shown]
    return " ".join(shown)


def _cased(word: str, place: int) -> str:
    if (
        word in UPPER
        or (len(word) == 1 and (word != "a" or not place))
        or re.fullmatch("[a-z][1-9]|[0-9]+(mp|k|g|d|fps|hz|gb)", word)
    ):
        return word.upper()
    if word in CITIES or word in CAPITAL:
        return word.capitalize()
    return PROPER.get(word, word)


def counted(words: Sequence[str]) -> str:
    """A noun phrase of words with the article that it takes."""
    text, last = cased(words), words[-1]
    plural = len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is", "ous")) and last != "lens"
    if (
        plural
        or last in MASS
        or (last == "code" and words[0] in MODIFIERS)
        or words[0] in ("two", "three", "four", "five", "six")
    ):
        return text
    return f"{article(text)} {text}"


def plural(word: str) -> str:
    """The plural of a noun, which a name has in the singular."""
    if word in MASS:
        return word
    if re.search(r"(s|x|z|ch|sh)$", word):
        return f"{word}es"
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"


def ordered(words: Sequence[str]) -> Sequence[str]:
    """Words in the order that CLDR's names have them, or with an adjective that a set puts after the noun before it."""
    if len(words) == 2 and words[0] == "triangle" and words[1] in POINTED:
        return [f"{POINTED[words[1]]}-pointing", "triangle"]
    known = emoji_orders().get(tuple(sorted(words)))
    if known or len(words) == 1:
        return known or words
    return _of_nouns(words) or _of_adjectives(words) or words


def _of_nouns(words: Sequence[str]) -> Sequence[str]:
    """Words that begin with a noun of certain kinds, in English order; none for others."""
    first, last = words[0], words[-1]
    if len(words) == 2 and (
        first in HEAD_FIRST
        or last in ("landscape", "portrait")
        or (first == "file" and last in FILES)
        or (first in ("file", "document", "badge") and last in UPPER)
    ):
        return [last, first]
    if first == "sign" and words[1] not in ("in", "out", "up", "on", "off", "language"):
        return [*ordered(words[1:]), "sign"]
    if len(words) > 2 and words[-3] == "turn" and words[-2] in ("slight", "sharp"):
        return [*words[:-3], words[-2], last, "turn"]
    if len(words) == 3 and words[1] == "align" and first in ("text", "format") and last in DIRECTIONS | {"center"}:
        return [f"{last}-aligned", "text"]
    if first == "weather" and last in WEATHERS:
        return [*words[1:], "weather"]
    if first in EMOTIVE and all(word in EXPRESSIONS for word in words[1:]):
        return [*(EXPRESSIONS[word] for word in reversed(words[1:])), EMOTIVE[first]]
    if len(words) == 3 and first == "chart" and last in ("bar", "line", "plot", "area"):
        return [words[1], last, first]
    return ()


def _of_adjectives(words: Sequence[str]) -> Sequence[str]:
    """Words with what describes the noun, and stands last, before it; none where nothing does."""
    last = words[-1]
    if "×" in last or (last in MODIFIERS and words[-2] not in MODIFIERS and not set(words) & {*BETWEEN, *ACTIONS}):
        return [last, *ordered(words[:-1])]
    if len(words) == 3 and words[1] in DIRECTIONS and last in AFTER and words[0] not in POINTING:
        return [words[1], last, words[0]] if last in ("outer", "inner") else [last, words[1], words[0]]
    if len(words) == 3 and words[0] in HEAD_FIRST and last in AFTER:
        return [last, words[1], words[0]]
    if (
        len(words) < 4
        and (last in AFTER or PARTICIPLE.fullmatch(last))
        and not set(words) & {"not", "no", *BETWEEN}
        and words[-2] not in ("align", "flip", "half")
    ):
        count = words[0] in NUMBERS
        return [*words[:count], last, *words[count:-1]]
    if len(words) < 4 and last in DIRECTIONS and words[-2] in SIDED:
        return [last, *words[:-1]]
    return ()


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
    if words[0] in ACTIONS and words[-1] not in ("symbol", "button", "sign"):
        return counted([*words, "symbol"])
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
    for at in range(len(merged) - 1):
        if tuple(merged[at : at + 2]) in ONE_WORD:
            merged[at : at + 2] = [ONE_WORD[merged[at], merged[at + 1]]]
            break
    if merged[-2:-1] == ["direction"]:
        merged[-1] = WINDS.get(merged[-1], merged[-1])
    several = len(merged) > 1 and len(merged[0]) > 3 and merged[0].endswith("s") and not merged[0].endswith("ss")
    if several and (merged[1] in NUMBERS or re.fullmatch("[2-9]", merged[1])) and set(merged[2:]) <= AFTER:
        merged[:2] = [NUMBERS[int(merged[1])] if merged[1].isdigit() else merged[1], merged[0]]
    return merged


def icon(words: Sequence[str]) -> Phrase:
    """What an icon with this name shows."""
    words = [IN_FULL.get(word, word) for word in words]
    if len(words) > 1 and "default" in words[1:]:
        words = [words[0], *(word for word in words[1:] if word != "default")]
    known = KNOWN.get(" ".join(words))
    if known:
        return Phrase(known, True, tuple(cased([word]) for word in words))
    words = _merged(words)
    if len(words) > 1 and words[0] == "device" and words[1] in DEVICES:
        words = ["mobile", "phone", *words[2:]] if words[1] == "mobile" else words[1:]
    if len(words) > 2 and words[:2] == ["file", "type"]:
        words = ["filetype", *words[2:]]
    if len(words) == 2 and words[0] == "filetype":
        kind = f"{words[1].upper()} file"
        return Phrase(kind, False, (kind,))
    if len(words) > 1 and words[0] in TOPICS and words[1] not in {*WITH, *SHAPES, "off"}:
        words = words[1:]
    if len(words) > 2 and words[0] == "nav" and words[1] in POINTING:
        words = words[1:]
    if len(words) > 2 and words[0] == "play" and words[1] in ("skip", "back", "forward"):
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
        if first in WEATHERS:
            return Phrase(f"{first} weather", True)
        return Phrase(SIGNS[first], True) if first in SIGN_ALONE else None
    if first in ("letter", "alpha", "number", "numeric") and len(words) == 2:
        text = sign(words)
        if text.startswith("the "):
            return Phrase(text, True)
    pointer = _arrow(words)
    if pointer is not None:
        return pointer
    if first in NUMBERS and words[1].endswith("s"):
        return Phrase(cased(ordered(words)), True)
    pattern = _pattern(words)
    if pattern is not None:
        return pattern
    if last in ("off", "slash", "disabled") and first not in OFF_AS_A_WORD and words[-2] not in OFF_AS_A_WORD:
        inner = icon(words[:-1])
        if inner.whole:
            return Phrase(f"{inner.text}, crossed out", True)
        return Phrase(f"crossed-out {inner.text}")
    if len(words) > 2 and first in POINTING and words[1] in SHAPES and words[1] != "box":
        words = [first, *words[2:], words[1]]
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
        and (first not in NOT_ADDED_TO or (len(words) > 2 and last in SURE))
        and (words[-2] in ADDED_TO or last in SURE or (first in ADDED_TO and last not in UNSURE))
    ):
        return Phrase(f"{sign(words[:-1])} with {WITH[last]}", True)
    return None


def _pattern(words: Sequence[str]) -> Phrase | None:
    """A phrase for names of weather, levels, several of a thing and what is beside one, two words and more."""
    first, last = words[0], words[-1]
    if first in ("battery", "lightbulb", "brightness") and last.isdigit() and last.endswith("0"):
        thing = [word for word in words[:-1] if word != "on"]
        return Phrase(f"{counted(thing)} at {last} percent", True)
    whole = _weather(words) or _corner(words)
    if whole:
        return Phrase(whole, True)
    if last in ("up", "down") and words[-2] in ADDED_TO and words[-2] not in ("hand", "eye"):
        return Phrase(f"{sign(words[:-1])} with {SIGNS[last]}", True)
    if last == "multiple" and not words[-2].endswith("s"):
        if len(words) > 2 and words[-2] in SHAPES:
            return Phrase(f"several {plural(SHAPES[words[-2]])} with {sign(words[:-2])}", True)
        return Phrase(f"several {cased([*words[:-2], plural(words[-2])])}", True)
    if words[:2] == ["hand", "holding"] and len(words) > 2:
        return Phrase(f"a hand holding {sign(words[2:])}", True)
    if words[:2] == ["creative", "commons"]:
        return Phrase(" ".join(["Creative Commons", *(word.upper() if len(word) < 3 else word for word in words[2:])]))
    if len(words) > 2 and words[-2] == "circle" and last in WITH and first not in SHAPES:
        return Phrase(f"{counted(ordered(words[:-2]))} with {WITH[last]} in a circle", True)
    return _currency(words) or _valued(words)


def _currency(words: Sequence[str]) -> Phrase | None:
    """The sign of a currency, alone or with the thing that it is on."""
    last = words[-1]
    if words[-2] == "currency" or (len(words) == 2 and words[0] == "currency"):
        name = f"{CURRENCIES.get(last, last)} sign"
    elif tuple(words[-2:]) in CURRENCY_NAMES:
        name = f"{CURRENCY_NAMES[words[-2], last]} sign"
    else:
        return None
    return Phrase(name) if len(words) == 2 else Phrase(f"{sign(words[:-2])} with {article(name)} {name}", True)


def _valued(words: Sequence[str]) -> Phrase | None:
    """What shows a letter, a number or a place, of two words (a playing card: three)."""
    first, last = words[0], words[-1]
    if len(words) == 3 and first == "card" and last in SUITS:
        return Phrase(f"the {cased([words[1]])} of {last}", True)
    if len(words) != 2:
        return None
    if first in ("globe", "earth") and last in CONTINENTS:
        shown = "the Americas" if last == "americas" else last.capitalize()
        return Phrase(f"{'the earth' if first == 'earth' else 'a globe'} showing {shown}", True)
    if first in ("die", "dice") and last in "123456":
        return Phrase(f"a die showing {('one', *NUMBERS[2:7])[int(last) - 1]}", True)
    if first == "clock" and last.isdigit() and 0 < int(last) < 13:
        return Phrase(f"a clock showing {int(last)} o'clock", True)
    if first in ("check", "plus", "add", "x") and last in ADDED_TO and last not in SHAPES:
        return Phrase(f"{sign([last])} with {WITH[first]}", True)
    if first == "letter" and len(last) == 2 and last[0] == last[1]:
        return Phrase(f"the letter {last[0].upper()} in upper and lower case", True)
    if first in ("percentage", "percent", "fps") and last.isdigit():
        return Phrase(f"{last} {'FPS' if first == 'fps' else 'percent'}")
    return Phrase("DOC file") if (first, last) == ("file", "doc") else None


def _weather(words: Sequence[str]) -> str:
    """Weather by what falls, the sky, and day or night; "" for names that have other words, too."""
    falls = [word for word in words if word in WEATHER]
    sky = [word for word in words if word in SKIES]
    time = next((word for word in words if word in ("day", "night")), "")
    if words == ["extreme", time]:
        return f"extreme weather {'by day' if time == 'day' else 'at night'}"
    if len(falls) + len(sky) + bool(time) != len(words) or len(words) < 2 or not falls:
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
    if last in SHAPES and len(words) > 2 and words[-2] == "from" and first in POINTING:
        return Phrase(f"{sign(words[:-2])} out of {article(last)} {SHAPES[last]}", True)
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
    where = "out of" if inner[0] in POINTING and "out" in inner else "in"
    return Phrase(f"{_inside(inner)} {where} {article(shape)} {shape}", True)


def _inside(words: Sequence[str]) -> str:
    if len(words) > 1 and words[-1] in ("off", "slash") and words[0] not in OFF_AS_A_WORD:
        text = f"crossed-out {cased(words[:-1])}"
        return f"a {text}"
    known = KNOWN.get(" ".join(words), "") if len(words) > 1 else ""
    inner = _special(words)
    if known or (inner is not None and inner.whole and len(words) > 1):
        return known or (inner.text if inner is not None else "")
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
    if rest in (["back"], ["forward"]):
        rest = ["left" if rest == ["back"] else "right"]
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
    where = [{"top": "up", "bottom": "down"}.get(word, word) for word in where]
    return Phrase(f"{one} pointing {' and '.join(where)}", True)
