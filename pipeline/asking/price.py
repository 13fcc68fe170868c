"""What asking will take, before anybody is asked.

Tokens of a picture are as measured, where the cache has answers of the same model and style. Else they are by the rule
of the model's family, told by its name. Pictures are squares:

    Qwen2-VL, Qwen2.5-VL   the side is rounded to 28 px, a token for each 28 x 28, 4 at least, and two around
    Qwen3-VL and later     the same with 32 px, 64 at least
    InternVL               256 for each of 1, 4 or 9 tiles of 448 px, as long as they make less than twice the
                           picture's area; 256 for the whole where there are several; two around
    Pixtral                a token for each 16 x 16 px, and one a row
    Mistral Small, Medium  a token for each 28 x 28 px, and one a row
    Gemma 3 and later      256 (Gemma 4: 280 at most), and two around
    LLaVA 1.5              576
    LLaVA 1.6 (NeXT)       576 for the whole, and as many for each tile of 336 px, 4 at most, with one a row
    LLaVA-OneVision        729 for the whole, and as many for each tile of 384 px, 9 at most, with one a row
    gpt-4o, -4.1, -4.5     85, and 170 for each tile of 512 px, once the side is scaled down to 768 px
    gpt-4o-mini            2833 and 5667 likewise; o1, o3: 75 and 150; gpt-5, -5.1: 70 and 140
    gpt-4.1-mini, gpt-5-mini   a token for each 32 x 32 px, 1536 at most, times 1.62; o4-mini 1.72, their nano 2.46
    gpt-5.2 and later      the same without an upper bound that matters here, times 1.2
    Claude                 a token for each 28 x 28 px, 1568 at most
    Gemini 3 and later     1120 of any size; before: 258 up to 384 px, then 258 for each tile of 768 px
    others                 as Qwen2.5-VL

Of open models these are what their processors in transformers 5.24 do (`smart_resize` of qwen2_vl, the tiles of
got_ocr2 that InternVL takes, `_get_num_multimodal_tokens` of pixtral, llava_next and llava_onevision). OpenAI's are of
its guide "Images and vision"; 75 and 150, 1.72 and what gpt-4.1 takes are what users were billed (its developer forum,
topic 1262691), and so is 1.2 (topic 1372291). Gemini's are of its guides "Understand and count tokens" and "Media
resolution". Claude's guide says width x height / 750, which is the same but for rounding; 28 px fit the counts of the
data set JOHNISKING/image-token-cost to the token.

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
    return _rounded(size, 28, 4)


def _rounded(size: int, side: int, least: int) -> int:
    return max(least, round(size / side) ** 2) + 2


def _patches(size: int, side: int) -> int:
    return math.ceil(size / side) ** 2


def _billed(size: int, factor: float) -> int:
    return math.ceil(factor * min(1536, _patches(size, 32)))


def _tiles(size: int, base: int, tile: int) -> int:
    return base + tile * math.ceil(min(size, 768) / 512) ** 2


def _rows(size: int, side: int) -> int:
    rows = math.ceil(size / side)
    return rows * (rows + 1)


def _intern(size: int) -> int:
    tiles = max((n * n for n in (1, 2, 3) if size * size > n * n * 448 * 448 / 2), default=1)
    return 256 * (tiles + (tiles > 1)) + 2


def _llava(size: int, tile: int, side: int, most: int) -> int:
    """``side``: tokens of a side of a tile; ``most``: tiles of a side."""
    rows = side * min(most, math.ceil(size / tile))
    return side * side + rows * (rows + 1)


_RULES = (
    (r"llava-?(next|v?1\.6)", lambda size: _llava(size, 336, 24, 2)),
    (r"llava-?(onevision|ov)", lambda size: _llava(size, 384, 27, 3)),
    (r"llava", lambda size: 576),
    (r"qwen-?2(\.5)?-?(vl|omni)", lambda size: _rounded(size, 28, 4)),
    (r"qwen-?[3-9]", lambda size: _rounded(size, 32, 64)),
    (r"internvl", _intern),
    (r"pixtral", lambda size: _rows(size, 16)),
    (r"mistral|ministral|magistral", lambda size: _rows(size, 28)),
    (r"gemma-?3", lambda size: 258),
    (r"gemma-?[4-9]", lambda size: 282),
    (r"gpt-4o-mini", lambda size: _tiles(size, 2833, 5667)),
    (r"(gpt-4\.1|gpt-5)-nano", lambda size: _billed(size, 2.46)),
    (r"(gpt-4\.1|gpt-5)-mini", lambda size: _billed(size, 1.62)),
    (r"\bo4-mini", lambda size: _billed(size, 1.72)),
    (r"gpt-5\.[2-9]|gpt-[6-9]", lambda size: math.ceil(1.2 * _patches(size, 32))),
    (r"gpt-5", lambda size: _tiles(size, 70, 140)),
    (r"\bo[13]\b", lambda size: _tiles(size, 75, 150)),
    (r"gpt-4", lambda size: _tiles(size, 85, 170)),
    (r"claude", lambda size: min(1568, _patches(size, 28))),
    (r"gemini-[3-9]", lambda size: 1120),
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
