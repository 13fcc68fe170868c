"""What codes stand for: emoji by code points, flags by country, coins by symbol, logos by name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from stages.caption import tables
from stages.caption.phrases import article, cased, counted
from stages.caption.vocabulary import AFTER, MAKERS, NUMBERS, PLURALS
from stages.caption.vocabulary import words as word_set

_THE = re.compile(
    r"^(Netherlands|United |Philippines|Bahamas|Gambia|Maldives|Comoros|Seychelles|Czech Republic|Dominican Republic"
    r"|Central African|Democratic Republic|Republic of|European Union|Isle of|.* Islands$|.* Territor)"
)
_OTHER_FLAGS = {
    "arab": "the Arab League", "asean": "the Association of Southeast Asian Nations",
    "cefta": "the Central European Free Trade Agreement", "eac": "the East African Community",
    "pc": "the Pacific Community", "es-pv": "the Basque Country", "es-ct": "Catalonia", "es-ga": "Galicia",
    "nato": "NATO", "european union": "the European Union", "yu": "Yugoslavia", "su": "the Soviet Union",
    "dd": "East Germany", "an": "the Netherlands Antilles", "sh-ac": "Ascension Island", "sh-hl": "Saint Helena",
    "sh-ta": "Tristan da Cunha",
}  # fmt: skip
_PLAIN_FLAGS = word_set(
    """
    checkered chequered white black red blue green yellow orange rainbow pirate jolly
    """
)
_FLAG_NOISE = word_set(
    """
    flag flags of the icon rectangle circle round square svg old historical variant
    """
)


def flag_place(words: Sequence[str]) -> str:
    """The place whose flag a name says, with its article; "" if none is known."""
    code = "-".join(words)
    if code in _OTHER_FLAGS or " ".join(words) in _OTHER_FLAGS:
        return _OTHER_FLAGS.get(code) or _OTHER_FLAGS[" ".join(words)]
    left = [word for word in words if word not in _FLAG_NOISE] or list(words)
    name = tables.places().get("".join(left)) if len(left) <= 2 and len(left[0]) == 2 else None
    if name is None:
        spelled = "".join(left)
        if tables.letters(spelled) not in tables.place_names():
            return ""
        name = next(each for each in tables.territories().values() if tables.letters(each) == tables.letters(spelled))
    return placed(name)


def placed(name: str) -> str:
    """The name of a place with the article that it takes."""
    name = name.replace(" and Grenadines", " and the Grenadines")
    return f"the {name}" if _THE.match(name) else name


def flag(words: Sequence[str], folders: str) -> str:
    """What a drawing of a set of flags shows."""
    if folders.rstrip("/").rpartition("/")[2] == "language":
        name = tables.languages().get(words[0])
        if name and len(words) <= 2:
            place = flag_place(words[1:]) if len(words) > 1 else ""
            return f"the flag for the {name} language" + (f" in {place}" if place else "")
    place = flag_place(words)
    if place:
        return f"the flag of {place}"
    shown = [word for word in words if word not in ("flag", "flags")] or ["flag"]
    if shown in (["xx"], ["unknown"]):
        return "a placeholder for an unknown flag"
    if len(shown) == 2 and shown[0] in tables.territories() and shown[1] in tables.territories():
        return f"the flag of {placed(tables.territories()[shown[1]])}"
    if len(shown[0]) == 2 and shown[0] in tables.territories():
        return f"a regional or historical flag of {placed(tables.territories()[shown[0]])}"
    text = cased(shown)
    if shown[0] in _PLAIN_FLAGS:
        return f"{article(text)} {text} flag"
    text = " ".join(word[:1].upper() + word[1:] for word in text.split())
    return f"the flag of {text}" if shown[-1] in ("island", "islands", "federation", "republic") else f"the {text} flag"


def coin(words: Sequence[str]) -> str:
    """The name of the coin with this symbol, "" for none that is known."""
    symbol, name = tables.coins().get("".join(words), ("", ""))
    if not name:
        return ""
    return name if symbol.lower() == name.lower() else f"{name} ({symbol})"


def brand(words: Sequence[str], marked: bool) -> str:
    """The brand that a name is, "" for none. ``marked``: something says that it is a logo."""
    slug = "".join(words)
    name, known = tables.brands().get(slug, ("", False))
    if marked and not name:
        # by the name of its maker, or with a word that says what it is
        longer = [f"{maker}{slug}" for maker in (*sorted(MAKERS), "apache")]
        for each in (*longer, slug.removesuffix("app")):
            name = name or tables.brands().get(each, ("", False))[0]
    return name if known or marked else ""


def logo(words: Sequence[str], styles: Sequence[str]) -> str:
    """What a drawing of a set of logos shows."""
    shape = ""
    if len(words) > 1 and words[-1] in ("square", "circle", "box") and not brand(words, marked=True):
        shape = f" in a {words[-1]}"
        words = words[:-1]
    if len(words) > 1 and words[-1] in AFTER and not brand(words, marked=True):
        words = [words[-1], *words[:-1]]
        text = " ".join([words[0], brand(words[1:], marked=True) or _capital(cased(words[1:]))])
    else:
        text = brand(words, marked=True)
    if not text:
        first = brand(words[:-1], marked=True) if len(words) > 1 else ""
        shown = [first, cased(words[-1:])] if first else [cased([word]) for word in words]
        text = " ".join(_capital(word) if word.islower() else word for word in shown)
    named = " with its name" if "wordmark" in styles else ""
    return f"the {text.removeprefix('The ')} logo{named}{shape}"


def _capital(word: str) -> str:
    if not set(word) & set("aeiouy"):
        return word.upper()
    prefix = next((each for each in ("open", "libre") if word.startswith(each) and len(word) > len(each) + 3), "")
    return prefix.capitalize() + word[len(prefix) :].capitalize()


def emoji(points: str) -> str:
    """CLDR's name of an emoji, or Unicode's of its characters, "" for neither."""
    name = tables.emoji().get(points)
    if name:
        return name
    characters = [chr(int(point, 16)) for point in points.split("-") if int(point, 16) <= 0x10FFFF]
    if len(characters) > 3 and points.startswith("1f3f4-e00"):
        code = "".join(
            chr(ord(c) - 0xE0000)
            for c in characters[1:]
            if 0xE0061 <= ord(c) <= 0xE007A or 0xE0030 <= ord(c) <= 0xE0039
        )
        return f"flag: {tables.places()[code]}" if code in tables.places() else ""
    names = [tables.emoji().get(f"{ord(c):x}") or unicodedata.name(c, "").lower() for c in characters if c != "\u200d"]
    if len(names) > 1 and names[-1].endswith("skin tone"):
        return f"{' '.join(name for name in names[:-1] if name)}: {names[-1]}"
    return " ".join(name for name in names if name)


def emoji_phrase(name: str) -> str:
    """A noun phrase, with article, for an emoji by its name in CLDR."""
    head, _, rest = name.partition(": ")
    parts = [part for part in rest.split(", ") if part]
    if head == "flag":
        return f"an emoji of the flag of {placed(rest)}"
    if head == "keycap":
        return f"a keycap emoji of {rest if not rest.isdigit() else f'the number {rest}'}"
    extra = [part for part in parts if "skin tone" in part or part.endswith(" hair") or part in ("beard", "bald")]
    others = [part for part in parts if part not in extra]
    text = f"an emoji of {head}" if head.partition(" ")[0] in PLURALS else f"{article(head)} {head} emoji"
    if others and others[0].startswith("facing"):
        text += f" {others.pop(0)}"
    if others:
        text += f" of {_and(_together(others))}"
    if extra:
        worded = ["no hair" if part == "bald" else "a beard" if part == "beard" else part for part in extra]
        text += f"{',' if text.startswith('an emoji') else ''} with {_and(worded)}"
    return text


_SEVERAL = {"man": "men", "woman": "women", "person": "people", "boy": "boys", "girl": "girls", "child": "children",
            "adult": "adults"}  # fmt: skip


def _together(parts: Sequence[str]) -> list[str]:
    """People with their articles, those who are alike counted."""
    counts = Counter(parts)
    together = []
    for part, count in counts.items():
        if part not in _SEVERAL:
            together += [part] * count
        else:
            together.append(counted([part]) if count == 1 else f"{NUMBERS[count]} {_SEVERAL[part]}")
    return together


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


_TONES = (("medium", "light"), ("medium", "dark"), ("medium",), ("light",), ("dark",), ("default",))
"""Words that sets of emoji put behind a name for a tone of skin."""


def emoji_by_words(words: Sequence[str]) -> str:
    """CLDR's name of the emoji that a file is named after, "" for none."""
    known = _emoji_called(words)
    if known:
        return known
    for tone in _TONES:
        head = words[: -len(tone)]
        if head and tuple(words[-len(tone) :]) == tone:
            name = _emoji_called(head) or " ".join(head)
            if tone == ("default",):
                return name
            return f"{name}{', ' if ':' in name else ': '}{'-'.join(tone)} skin tone"
    return ""


def _emoji_called(words: Sequence[str]) -> str:
    names = tables.emoji_names()
    words = ["blond" if word == "blonde" else word for word in words]
    return names.get("".join(words), "") or (names.get("".join(words[1:]), "") if words[0] == "person" else "")
