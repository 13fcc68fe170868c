"""One request and one answer, whoever is asked: keys, reasons, and how an answer's text is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.work.ledger import canonical_json

CAPTION = "caption"
"""The one key of a structured answer."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {CAPTION: {"type": "string"}},
    "required": [CAPTION],
    "additionalProperties": False,
}
"""Of a structured answer."""


class Unanswered(StrEnum):
    """Why there is no text. All but the last two are answers, which are stored and cost no second request."""

    REFUSED = "refused"
    """The model, or a filter before it, will not."""
    REJECTED = "rejected"
    """The server takes this request for wrong."""
    CUT_OFF = "cut_off"
    """The answer is longer than ask.max_tokens."""
    EMPTY = "empty"
    """The answer has no text."""
    MALFORMED = "malformed"
    """The answer is not what was asked for, at every attempt."""
    SERVER_ERROR = "server_error"
    """The server failed on it at every attempt, and on others did not."""
    TIMED_OUT = "timed_out"
    """The server took longer than ask.endpoint.timeout at every attempt, and for others did not."""
    DROPPED = "dropped"
    """The connection ended before the answer did at every attempt, and for others did not."""
    NOT_DRAWN = "not_drawn"
    """There is no picture to ask about."""
    NOT_ASKED = "not_asked"
    """The budget was spent."""


FOR_GOOD = frozenset(map(str, Unanswered)) - {str(Unanswered.NOT_DRAWN), str(Unanswered.NOT_ASKED)}
"""The reasons that are stored."""


@dataclass(frozen=True)
class Request:
    """What a model is asked. ``key``: sha256 of all that the answer depends on."""

    key: bytes
    sample_id: str
    style: str
    prompt: str
    """Filled."""
    picture: bytes
    """PNG."""
    unit: int = 0
    """Which part of the work it is of, counted from 0."""


@dataclass(frozen=True)
class Usage:
    """What something took: requests that were answered, and tokens as the server counts them."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True)
class Reply:
    """What came of a request. ``text``: the caption, or "" and ``reason``, with ``detail`` for people."""

    usage: Usage
    text: str = ""
    reason: Unanswered | None = None
    detail: str = ""


class NoText(Exception):
    """An answer came, and it has no caption. ``again``: another attempt may have one."""

    def __init__(self, reason: Unanswered, detail: str, again: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.again = reason, detail, again


def key_of(picture: bytes, prompt: str, parameters: Mapping[str, Any]) -> bytes:
    """The key of an answer: sha256 over the picture's digest, the filled prompt's digest, model and parameters."""
    told = hashlib.sha256(prompt.encode()).hexdigest()
    whole = {"picture": picture.hex(), "prompt": told, **parameters}
    return hashlib.sha256(canonical_json(whole).encode()).digest()


def text_of(content: str, structured: bool) -> str:
    """The caption in an answer. Raises NoText.

    ``structured``: the answer was to be JSON by `SCHEMA`. Else it is a text, alone or as such JSON, perhaps between
    quotation marks or fences.
    """
    text = content.strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:
        text = text[3:-3].removeprefix("json").removeprefix("text").strip()
    if structured or text.startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            raise NoText(Unanswered.MALFORMED, "the answer is no JSON", again=True) from None
        if not isinstance(data, dict) or not isinstance(data.get(CAPTION), str):
            raise NoText(Unanswered.MALFORMED, f"the answer has no text called {CAPTION}", again=True)
        text = data[CAPTION]
    elif len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    text = " ".join(text.split())
    if not text:
        raise NoText(Unanswered.EMPTY, "the answer has no text")
    return text
