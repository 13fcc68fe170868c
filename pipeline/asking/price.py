"""What asking will take, before anybody is asked.

Tokens of a picture are as measured, where the cache has answers of the same model and style. Else they are by the
published rule of the model's family, told by its name:

    Qwen2-VL, Qwen2.5-VL   a token for each 28 x 28 px, and two around
    Qwen3-VL and later     a token for each 32 x 32 px, and two around
    gpt-4o, gpt-4.1, gpt-4.5   85, and 170 for each tile of 512 px, once the short side is scaled down to 768 px
    gpt-4o-mini            2833 and 5667 likewise
    gpt-4.1-mini/-nano, gpt-5-mini/-nano, o4-mini   a token for each 32 x 32 px, 1536 at most, times 1.62 (nano: 2.46)
    Gemma 3                256
    InternVL               256 for each tile of 448 px, and 256 for the whole where there are several
    Pixtral, Mistral       a token for each 16 x 16 px, and one a row
    Claude                 width x height / 750
    Gemini                 258 up to 384 px, then 258 for each tile of 768 px
    others                 as Qwen2.5-VL

Tokens of text are a quarter of its characters, in any family; of an answer, what its style asks for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pipeline.asking.cache import Cache
from pipeline.asking.request import Usage
from pipeline.asking.settings import AskSettings

CHARACTERS = 4
"""Of a token of text."""
AROUND = 20
"""Tokens of a chat beside text and picture."""
OUT = {"tag": 40, "short": 40, "detailed": 110}
"""Tokens of an answer of a style, with what JSON takes."""


def picture_tokens(model: str, size: int) -> int:
    """Tokens of a square picture of ``size`` px, by the rule of the model's family."""
    name = model.lower()
    for pattern, rule in _RULES:
        if re.search(pattern, name):
            return rule(size)
    return _patches(size, 28) + 2


def _patches(size: int, side: int) -> int:
    return math.ceil(size / side) ** 2


def _tiles(size: int, base: int, tile: int) -> int:
    return base + tile * math.ceil(min(size, 768) / 512) ** 2


def _intern(size: int) -> int:
    tiles = math.ceil(size / 448) ** 2
    return 256 * (tiles + (tiles > 1))


_RULES = (
    (r"qwen-?2(\.5)?-?(vl|omni)", lambda size: _patches(size, 28) + 2),
    (r"qwen-?[3-9]", lambda size: _patches(size, 32) + 2),
    (r"gpt-4o-mini", lambda size: _tiles(size, 2833, 5667)),
    (r"(gpt-4\.1|gpt-5)-nano", lambda size: math.ceil(2.46 * min(1536, _patches(size, 32)))),
    (r"(gpt-4\.1|gpt-5)-mini|o4-mini", lambda size: math.ceil(1.62 * min(1536, _patches(size, 32)))),
    (r"gpt-4|gpt-5|\bo[13]\b", lambda size: _tiles(size, 85, 170)),
    (r"gemma-?3", lambda size: 256),
    (r"internvl", _intern),
    (r"pixtral|mistral", lambda size: math.ceil(size / 16) * (math.ceil(size / 16) + 1)),
    (r"claude", lambda size: math.ceil(size * size / 750)),
    (r"gemini", lambda size: 258 * (1 if size <= 384 else math.ceil(size / 768) ** 2)),
)


@dataclass(frozen=True)
class Estimate:
    """What a style's missing captions will take. ``measured``: by answers that are there, not by rule."""

    style: str
    requests: int
    input_tokens: int
    output_tokens: int
    measured: bool

    @property
    def usage(self) -> Usage:
        """In all."""
        return Usage(self.requests, self.input_tokens, self.output_tokens)


def estimate(settings: AskSettings, cache: Cache, style: str, requests: int, characters: int) -> Estimate:
    """Of ``requests`` for a style, whose prompts have so many ``characters`` together."""
    measured = cache.measured(settings.model, style)
    if measured is not None:
        tokens = requests * measured.input_tokens, requests * measured.output_tokens
        return Estimate(style, requests, *tokens, True)
    each = picture_tokens(settings.model, settings.picture.size) + AROUND
    out = min(OUT[style], settings.max_tokens)
    return Estimate(style, requests, requests * each + math.ceil(characters / CHARACTERS), requests * out, False)


def guess(settings: AskSettings, cache: Cache, characters: int) -> Usage:
    """What one request takes, the dearest of the styles. ``characters``: of a prompt."""
    each = [estimate(settings, cache, style, 1, characters).usage for style in settings.styles]
    return Usage(1, max(one.input_tokens for one in each), max(one.output_tokens for one in each))


def minutes(settings: AskSettings, usage: Usage) -> float | None:
    """The time that so much takes at the rates of the settings; None if they set none."""
    times = [
        amount / rate
        for amount, rate in (
            (usage.requests, settings.requests_per_minute),
            (usage.input_tokens + usage.output_tokens, settings.tokens_per_minute),
        )
        if rate is not None
    ]
    return max(times) if times else None
