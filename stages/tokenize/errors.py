"""The one exception of the tokenizer."""

from __future__ import annotations

import re

_UNPRINTED = re.compile(r"[^ -~\u00a1-\uffff]|[\u2028\u2029]")
"""What would break a line, or not be seen in it."""


class TokenError(ValueError):
    """Text that has no tokens, or tokens that are no drawing: one line that says what is wrong.

    ``position`` is the index of the first offending character in the text that was given, None where a single place
    cannot be named.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        message = _UNPRINTED.sub(lambda match: ascii(match[0])[1:-1], message)
        super().__init__(message if position is None else f"{message} (at character {position})")
        self.message = message
        self.position = position


class UnknownElement(TokenError):
    """The SVG has an element that the vocabulary has no tokens for."""
