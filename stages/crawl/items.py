"""What a source gives for each record: its content, or why there is none, and all that came with it."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from stages.licenses import LicenseFrom
from stages.reasons import Reason
from stages.text import plain

Lost = tuple[Reason, str]
"""Why there is no content."""

DATASET: Literal["dataset"] = "dataset"
"""The origin of captions that a dataset has beside its drawings."""

LONGEST_CAPTION = 10_000
"""Characters of a caption, and of a fact; `stages.caption` allows no more."""

LONGEST_URL = 2_000
"""Characters of a URL, an author, a licence. A longer one would not be what it says if it were cut."""

LONGEST_HINT = 100
"""Characters of a hint; a longer one is a sentence, not a keyword."""

MOST = 100
"""Captions, hints and facts of one record, of each."""

_TAG = re.compile(r"<[/!?]?[A-Za-z-][^<>]*>")


CaptionStyle = Literal["tag", "short", "detailed", ""]
"""How a caption says what a drawing shows: in words one after the other, in a phrase or a sentence, at length; "" where
nobody said."""


CaptionOrigin = Literal["human", "dataset", "model", "metadata", "geometry"]
"""Who says it: a person who edited captions, the source beside its drawings, a model that was shown the picture, names
and texts that came with the drawing, or the drawing's own geometry."""


@dataclass(frozen=True)
class Caption:
    """A text about a drawing, as `stages.schema.CAPTIONS` has it."""

    text: str
    origin: CaptionOrigin = DATASET
    style: CaptionStyle = ""
    language: str = ""
    """BCP 47; "" where nobody said."""
    model: str | None = None
    """This and the rest: of what a model said, where its source knows."""
    prompt: str | None = None
    temperature: float | None = None
    seed: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class Signal:
    """What a place says of the use of what it gives, as `stages.schema.SIGNALS` has it."""

    name: str
    place: str
    value: str


@dataclass(frozen=True)
class Permission:
    """What the place a record came from says of training on it, as one verdict, and what that was decided by."""

    verdict: Literal["allowed", "reserved"]
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True)
class RawItem:
    """One record as a source gives it.

    ``path``: stable, and unique in the source; ``content``: the bytes as stored there. The rest is what the source
    knows of this one record: it may be anything, and is cleaned by `brought`.
    """

    path: str
    content: bytes | Lost
    url: str | None = None
    """Where it was fetched from."""
    license: str | None = None
    """SPDX expression of this record; None: that of its source."""
    author: str | None = None
    """Who made it, as a credit names them."""
    hints: tuple[str, ...] = ()
    """Keywords."""
    captions: tuple[Caption, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """What else is known: (name, text); the raw table keeps it."""
    license_from: LicenseFrom = "column"
    """How ``license`` was found."""
    license_digest: str | None = None
    """Hex sha256 of the licence's text, where one was found, also of one that nobody knows."""
    title: str | None = None
    """What the work is called, for a credit."""
    link: str | None = None
    """Where the work is presented, for a credit."""
    permission: Permission | None = None
    """What its place says of training on it; None where there was nobody to ask."""
    fetched: str | None = None
    """When the network gave it, UTC, as 2026-01-31T00:00:00Z."""


def brought(item: RawItem, ignored: Counter[str]) -> dict[str, Any]:
    """What came with a record, as the columns of `stages.schema.RAW` that hold it: clean, on one line, bounded.

    Texts lose control and other invisible characters; captions and hints lose markup, too, and what is said twice is
    said once. Captions and facts end after `LONGEST_CAPTION` characters; what else is too long, or too much, is left
    out and counted in ``ignored``, as is what holds nothing but markup.
    """
    captions: dict[str, dict[str, Any]] = {}
    for caption in item.captions:
        text = _without_markup(caption.text, LONGEST_CAPTION)
        if text:
            captions.setdefault(text, vars(caption) | {"text": text})
        elif caption.text.strip():
            ignored["caption of nothing but markup"] += 1
    hints: dict[str, None] = {}
    for hint in item.hints:
        text = _without_markup(hint, LONGEST_CAPTION)
        if not text and hint.strip():
            ignored["hint of nothing but markup"] += 1
        elif shown := _whole(text, LONGEST_HINT, "hint", ignored):
            hints[shown] = None
    facts = [{"name": plain(name, LONGEST_HINT), "text": plain(text, LONGEST_CAPTION)} for name, text in item.facts]
    return {
        "url": _whole(item.url, LONGEST_URL, "URL", ignored),
        "author": _whole(item.author, LONGEST_URL, "author", ignored),
        "own_license": _whole(item.license, LONGEST_URL, "licence", ignored),
        "hints": _most(hints, "hints", ignored),
        "own_captions": _most(captions.values(), "captions", ignored),
        "facts": _most((fact for fact in facts if fact["text"]), "facts", ignored),
        "license_digest": item.license_digest,
        "work_title": _whole(item.title, LONGEST_URL, "title", ignored),
        "work_link": _whole(item.link, LONGEST_URL, "link", ignored),
        "permission": item.permission.verdict if item.permission else None,
        "signals": [
            {"name": signal.name, "place": signal.place, "value": plain(signal.value, LONGEST_URL)}
            for signal in (item.permission.signals if item.permission else ())
        ],
        "fetched": item.fetched,
    }


def _most(values: Iterable[Any], what: str, ignored: Counter[str]) -> list[Any]:
    every = list(values)
    if len(every) > MOST:
        ignored[f"{what} of a record behind the first {MOST}"] += len(every) - MOST
    return every[:MOST]


def _whole(text: str | None, limit: int, what: str, ignored: Counter[str]) -> str | None:
    """``text`` without what cannot be seen; None if nothing is left of it, or too much."""
    if text is None:
        return None
    shown = plain(text, limit + 1)
    if len(shown) > limit:
        ignored[f"{what} of over {limit} characters"] += 1
        return None
    return shown or None


def _without_markup(text: str, limit: int) -> str:
    """``text`` on one line without tags, and with what entities stand for; "" for what is made to hide tags in tags."""
    if "<" not in text and "&" not in text:
        return plain(text, limit)
    text = plain(html.unescape(_TAG.sub(" ", text[: 16 * limit])), limit)
    for _ in range(3):
        bare = _TAG.sub(" ", text)
        if bare == text:
            return text
        text = " ".join(bare.split())
    return ""
