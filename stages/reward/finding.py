"""The token string within what a model wrote, and what it wrote beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING, _CLOSING = "<svg>", "</svg>"
_ROOTS = re.compile(r"</?svg>")
_END = re.compile(r"<\|(?:im_end|endoftext|eot_id|end_of_text|end)\|>|<end_of_turn>|<eos>|</s>")
"""Tokens that end a model's turn; what follows them is no part of the answer."""

_NO_PROSE = re.compile(r"<\|[^<>|\s]{1,40}\|>|<(?:s|pad|bos|unk)>|```[A-Za-z]*|\s+")
"""What chat templates, decoders and Markdown put around an answer."""

_THOUGHT = "</think>"
_AFTER_TOKEN = re.compile(r">\s+")


@dataclass(frozen=True)
class Found:
    """``tokens``: from ``<svg>`` to its ``</svg>``, or to the end of the answer; "" if there is none.
    ``prose``: characters of the answer beside it that are neither white space, special tokens nor code fences.
    """

    tokens: str
    prose: int


def find(answer: str) -> Found:
    """The first token string of an answer, after what the model thought aloud and before the token that ends its turn.

    White space after a token, as some decoders set it, is left out: no token string has any.
    """
    answer = answer[answer.rfind(_THOUGHT) + len(_THOUGHT) if _THOUGHT in answer else 0 :]
    if end := _END.search(answer):
        answer = answer[: end.start()]
    start = answer.find(_OPENING)
    if start < 0:
        return Found("", _prose(answer))
    stop = _stop(answer, start)
    return Found(_AFTER_TOKEN.sub(">", answer[start:stop]), _prose(answer[:start]) + _prose(answer[stop:]))


def _stop(answer: str, start: int) -> int:
    """Where the root that opens at ``start`` is closed; the length of the answer if it is not."""
    depth = 0
    for root in _ROOTS.finditer(answer, start):
        depth += 1 if root[0] == _OPENING else -1
        if depth == 0:
            return root.end()
    return len(answer)


def _prose(text: str) -> int:
    return len(_NO_PROSE.sub("", text))
