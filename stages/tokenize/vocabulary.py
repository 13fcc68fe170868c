"""The vocabulary of atomic tokens: which strings are tokens, in which order, and what they mean.

Order of ids: structure (``<svg>``, ``</svg>``, ``<path>`` …), commands (``<cmd_M>``, ``<cmd_m>`` …), arc flags,
positions ``<P_0>`` … ``<P_N>``, offsets ``<d_-N>`` … ``<d_N>``, with N = canvas + tolerance. Elements beyond those of
the reference's released code come last, so that they do not move the ids of what it has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from stages.tokenize.describe import Description, describe
from stages.tokenize.settings import RELEASED_ELEMENTS, AtomicSettings

COMMANDS = "MLHVCSQTAZ"

Kind = Literal["structure", "command", "flag", "position", "offset"]


@dataclass(frozen=True)
class Token:
    """One atomic token. ``value``: user units for positions and offsets, 0 or 1 for flags, else None.

    ``description``: what it means at three levels: category, token, explanation.
    """

    id: int
    text: str
    kind: Kind
    value: int | None = None
    description: Description = ("", "", "")


@dataclass(frozen=True)
class Vocabulary:
    """All atomic tokens; ``tokens[i].id == i``. ``limit`` is the largest coordinate, inclusive."""

    canvas: int
    limit: int
    elements: tuple[str, ...]
    tokens: tuple[Token, ...]

    @classmethod
    def build(cls, settings: AtomicSettings) -> Vocabulary:
        """The vocabulary that ``settings`` describe; equal settings give the same (cached) object."""
        return _build(settings.canvas, settings.tolerance, settings.element_names)

    @cached_property
    def names(self) -> frozenset[str]:
        """The elements as a set."""
        return frozenset(self.elements)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token string to id."""
        return {token.text: token.id for token in self.tokens}

    def to_json(self) -> str:
        """The vocabulary as JSON text; equal vocabularies give equal bytes."""
        head = json.dumps({"canvas": self.canvas, "limit": self.limit, "elements": self.elements})[:-1]
        rows = ",\n".join(
            json.dumps(
                {"id": t.id, "token": t.text, "kind": t.kind, "value": t.value, "description": list(t.description)}
            )
            for t in self.tokens
        )
        return f'{head}, "tokens": [\n{rows}\n]}}\n'


@lru_cache(maxsize=8)
def _build(canvas: int, tolerance: int, elements: tuple[str, ...]) -> Vocabulary:
    limit = canvas + tolerance
    rows: list[tuple[str, Kind, int | None]] = []
    later = elements[len(RELEASED_ELEMENTS) :] if elements[: len(RELEASED_ELEMENTS)] == RELEASED_ELEMENTS else ()
    for name in elements[: len(elements) - len(later)]:
        rows += [(f"<{name}>", "structure", None), (f"</{name}>", "structure", None)]
    for letter in COMMANDS:
        rows += [(f"<cmd_{letter}>", "command", None), (f"<cmd_{letter.lower()}>", "command", None)]
    rows += [(f"<{flag}_{value}>", "flag", value) for flag in ("large", "sweep") for value in (0, 1)]
    rows += [(f"<P_{value}>", "position", value) for value in range(limit + 1)]
    rows += [(f"<d_{value}>", "offset", value) for value in range(-limit, limit + 1)]
    for name in later:
        rows += [(f"<{name}>", "structure", None), (f"</{name}>", "structure", None)]
    tokens = tuple(Token(i, text, kind, value, describe(text, canvas)) for i, (text, kind, value) in enumerate(rows))
    return Vocabulary(canvas, limit, elements, tokens)
