"""HiVG tokens: atomic tokens, learned segments, ids. See `atomic`, `segments` and `ids`."""

from stages.tokenize.atomic import ATOMIC_VERSION, atomic_length, decode, encode, join, split, tokenize_atomic
from stages.tokenize.errors import TokenError
from stages.tokenize.settings import IdSettings, SegmentSettings, TokenizeSettings
from stages.tokenize.vocabulary import Token, Vocabulary

VERSION: int = ATOMIC_VERSION

__all__ = [
    "ATOMIC_VERSION",
    "VERSION",
    "IdSettings",
    "SegmentSettings",
    "Token",
    "TokenError",
    "TokenizeSettings",
    "Vocabulary",
    "atomic_length",
    "decode",
    "encode",
    "join",
    "split",
    "tokenize_atomic",
]
