"""The captions of one drawing, by origin: what its record came with, what its names say, what it looks like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from stages.caption import codes, geometry, phrases
from stages.caption.geometry import Look
from stages.caption.phrases import article, cased
from stages.caption.sets import SetKind, kind_of
from stages.caption.settings import DescribeSettings
from stages.caption.tables import letters
from stages.caption.words import Name, from_folders, named, useful

ENGLISH = "en"

_SENTENCE = re.compile(r"(?<=\w\w)[.!?]\s")
"""Where the first sentence of a title ends."""
_SLUG = re.compile(r"^[\w.+]+(?:[-_.+][\w.+]+)+$|^[a-z]+[A-Z]\w*$", re.A)
"""A title that is a name, not a text."""
_HINTS_SHOWN = 3
"""Keywords that name a drawing whose title and file name do not."""
_MOST_TAGS = 20

_SCRIPTS = {"HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "THAI": "th", "GREEK": "el", "GEORGIAN": "ka",
            "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "TIBETAN": "bo", "HEBREW": "he", "TAMIL": "ta",
            "TELUGU": "te", "GUJARATI": "gu", "SINHALA": "si", "MALAYALAM": "ml", "KANNADA": "kn"}  # fmt: skip
"""Scripts that one language has nearly for itself -> its code."""


class Captioned(TypedDict):
    """A caption as `stages.schema.CAPTIONS` has it, but for what only a model's has."""

    text: str
    style: str
    language: str
    origin: str


@dataclass(frozen=True)
class Record:
    """What a record brings to its captions. ``facts``: name -> text."""

    path: str
    name: str
    source: str
    title: str
    desc: str
    hints: Sequence[str]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """What a drawing shows. ``phrase``: with an article; ``head``: goes before "icon" instead, "" for nothing."""

    phrase: str
    head: str = ""
    tags: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    kind: SetKind = "pictures"
    english: bool = True


def metadata(record: Record, seen: Look, settings: DescribeSettings) -> list[Captioned]:
    """The captions that names and texts of a record give: none where they say nothing."""
    # the keywords of a package are about all that is in it
    own_hints = () if "package" in record.facts else tuple(record.hints)
    hints = list(dict.fromkeys(hint for text in own_hints if (hint := useful(text, settings))))
    title, desc = useful(record.title, settings), useful(record.desc, settings)
    subject = _subject(record, title, hints, settings)
    captions: list[Captioned] = []
    if subject is not None:
        short = _short(subject)
        language = ENGLISH if subject.english else language_of(short)
        captions.append(_caption(short, "short", language))
        manner = geometry.manner(seen, settings.max_colours)
        if manner and subject.english:
            captions.append(_caption(f"{short}. {manner}.", "detailed", language))
        tags = [*subject.tags, *hints, *subject.styles, *_kind_tags(subject), *seen.colours[: settings.max_colours]]
        tags = list(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]
        captions.append(_caption(", ".join(tags), "tag", language))
    elif hints:
        captions.append(_caption(", ".join(hints), "tag", language_of(" ".join(hints))))
    if title and not _SLUG.match(title) and (subject is None or title.lower() != _short(subject).lower()):
        captions.append(_caption(title, "short", language_of(title)))
    if desc:
        captions.append(_caption(desc, "detailed", language_of(desc)))
    return captions


def language_of(text: str) -> str:
    """The language that the script of a text is of alone, "" where many share it."""
    for character in text:
        if not character.isascii() and character.isalpha():
            language = _SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0])
            if language:
                return language
    return ""


def _caption(text: str, style: str, language: str) -> Captioned:
    return {"text": text, "style": style, "language": language, "origin": "metadata"}


def _kind_tags(subject: Subject) -> tuple[str, ...]:
    return (
        ()
        if subject.kind == "pictures"
        else ({"icons": "icon", "flags": "flag", "emoji": "emoji"}.get(subject.kind, "logo"),)
    )


def _subject(record: Record, title: str, hints: Sequence[str], settings: DescribeSettings) -> Subject | None:
    folder = record.path.rpartition("/")[0]
    package = record.facts.get("package", "")
    kind = settings.kinds.get(record.source) or kind_of(folder, package, record.source)
    name = named(record.name, f"{record.source}/{package}/{folder}", kind, settings)
    above = "/".join(folder.split("/")[:2])
    if len(letters(title)) > 2 and letters(title) in letters(f"{package}/{above}/{record.source}"):
        title = ""  # the set's name
    if title and _SLUG.match(title):
        title_name = named(title, "", kind, settings)
        title, name = "", name if name.words or name.points else title_name
    if name.points:
        return _emoji_of(codes.emoji(name.points), name)
    if kind in ("flags", "coins", "emoji") and name.words:
        coded = _coded(kind, name, folder)
        if coded is not None:
            return coded
    if kind == "logos" or name.logo:
        words = title.split() if title else name.words
        if words:
            text = f"the {title.removeprefix('The ')} logo" if title else codes.logo(words, name.styles)
            brand = text.removeprefix("the ").partition(" logo")[0]
            return Subject(text, "", (brand,), tuple(s for s in name.styles if s != "wordmark"), "logos")
    if title:
        return _titled(_SENTENCE.split(title)[0], name, kind)
    words = (
        name.words
        or from_folders(record.path.removeprefix(f"{package}/"), settings)
        or tuple(w for h in hints[:1] for w in h.lower().split())
    )
    if not words:
        return None
    return _iconic(words, name, "icons" if kind in ("icons", "emoji", "coins", "flags") or name.styles else "pictures")


def _emoji_of(name: str, parsed: Name) -> Subject | None:
    if not name:
        return None
    head, _, rest = name.partition(": ")
    return Subject(codes.emoji_phrase(name), "", (head, *rest.split(", ")), parsed.styles, "emoji")


def _coded(kind: SetKind, name: Name, folder: str) -> Subject | None:
    if kind == "flags":
        text = codes.flag(name.words, folder)
        return Subject(text, "", (text.removeprefix("the "),), name.styles, "flags")
    if kind == "coins":
        coin = codes.coin(name.words)
        text = coin or (name.words[0].upper() if len(name.words) == 1 else cased(name.words))
        return Subject(f"the {text.removeprefix('The ')} logo", "", (text, "cryptocurrency"), name.styles, "coins")
    known = codes.emoji_by_words(name.words)
    if known:
        return _emoji_of(known, name)
    text = cased(name.words)
    return Subject(f"{article(text)} {text} emoji", "", (text,), name.styles, "emoji")


def _titled(title: str, name: Name, kind: SetKind | None) -> Subject:
    """Of a drawing whose own title says what it shows."""
    if not title.isascii() or len(title.split()) > 4 or kind not in ("icons", "emoji"):
        return Subject(title, "", (title,), name.styles, kind or "pictures", english=False)
    return _iconic(tuple(title.lower().split()), name, kind)


def _iconic(words: tuple[str, ...], name: Name, kind: SetKind) -> Subject:
    if not all(word.isascii() for word in words):
        text = " ".join(words)
        return Subject(text, "", (text,), name.styles, kind, english=False)
    brand = codes.brand(words, marked=False) if kind == "icons" else ""
    if brand:
        return Subject(f"the {brand.removeprefix('The ')} logo", "", (brand,), name.styles, "logos")
    phrase = phrases.icon(words)
    if kind == "pictures":
        return Subject(phrase.text if phrase.whole else phrases.counted(words), "", phrase.tags, name.styles, kind)
    if phrase.whole:
        return Subject(phrase.text, "", phrase.tags, name.styles, kind)
    return Subject(f"{article(phrase.text)} {phrase.text}", phrase.text, phrase.tags, name.styles, kind)


def _short(subject: Subject) -> str:
    """The short caption, without a full stop."""
    if not subject.english:
        return subject.phrase[:1].upper() + subject.phrase[1:]
    style = " ".join(subject.styles)
    if subject.kind == "icons":
        start = f"{style} " if style else ""
        text = f"{start}{subject.head} icon" if subject.head else f"{start}icon of {subject.phrase}"
        return f"{article(text).capitalize()} {text}"
    text = subject.phrase
    if style:
        text += f" in {style} style"
    return text[:1].upper() + text[1:]
