"""Names that stand for codes: emoji, places, languages, coins, brands. `data/SOURCES.txt` has where they are from."""

from __future__ import annotations

import functools
import re
import unicodedata
from importlib import resources

JOINERS = frozenset(("fe0f", "fe0e"))
"""Code points that file names may leave out: variation selectors."""


def _rows(name: str) -> list[list[str]]:
    text = resources.files(__package__).joinpath("data", f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


@functools.lru_cache(1)
def emoji() -> dict[str, str]:
    """Code points, hexadecimal with hyphens and without variation selectors -> CLDR's short name."""
    return {row[0]: row[1] for row in _rows("emoji")}


@functools.lru_cache(1)
def emoji_names() -> dict[str, str]:
    """Letters and digits of CLDR's short names -> the name as it is written. Names of signs alone are left out."""
    return {letters(name): name for name in emoji().values() if name not in ("keycap: *", "keycap: #")}


@functools.lru_cache(1)
def emoji_orders() -> dict[tuple[str, ...], tuple[str, ...]]:
    """The words of CLDR's short names that have two to four, sorted -> in their order. "And" may be missing."""
    names = [tuple(name.lower().split()) for name in emoji().values() if name.replace(" ", "").isalpha()]
    joined = {tuple(sorted((words[0], words[2]))): words for words in names if len(words) == 3 and words[1] == "and"}
    return joined | {tuple(sorted(words)): words for words in names if 1 < len(words) < 5}


@functools.lru_cache(1)
def territories() -> dict[str, str]:
    """ISO 3166-1 code, lower case -> name; also ``eu``, ``un`` and ``xk``."""
    return {row[0]: row[1] for row in _rows("territories")}


@functools.lru_cache(1)
def places() -> dict[str, str]:
    """ISO 3166-1 and ISO 3166-2 codes, lower case, without hyphen -> name."""
    return {row[0]: row[1] for row in _rows("subdivisions")} | territories()


@functools.lru_cache(1)
def place_names() -> frozenset[str]:
    """Letters of the names of territories."""
    return frozenset(letters(name) for name in territories().values())


@functools.lru_cache(1)
def languages() -> dict[str, str]:
    """ISO 639 code -> name."""
    return {row[0]: row[1] for row in _rows("languages")}


@functools.lru_cache(1)
def coins() -> dict[str, tuple[str, str]]:
    """Symbol in lower case, letters and digits -> symbol and name."""
    return {slug: (symbol, name) for slug, symbol, name in _rows("coins")}


@functools.lru_cache(1)
def brands() -> dict[str, tuple[str, bool]]:
    """Letters and digits of a brand's name or alias -> its name, and whether no icon of that name is another thing."""
    return {slug: (name, known == "known") for slug, name, known in _rows("brands")}


def letters(text: str) -> str:
    """Letters and digits of a text, in lower case and without accents: how file names spell it."""
    lower = text.lower().replace("+", "plus").replace("ß", "ss")
    if not lower.isascii():
        lower = unicodedata.normalize("NFKD", lower)
    return re.sub(r"[^a-z0-9]", "", lower)
