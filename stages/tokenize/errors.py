"""The one exception of the tokenizer."""

from __future__ import annotations


class TokenError(ValueError):
    """Text that has no tokens, or tokens that are no drawing: one line that says what is wrong.

    ``position`` is the index of the first offending character in the text that was given, None where a single place
    cannot be named.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} (at character {position})")
        self.message = message
        self.position = position


class UnknownElement(TokenError):
    """The SVG has an element that the vocabulary has no tokens for."""
