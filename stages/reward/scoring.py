"""The reward of an answer: what a model wrote, beside the drawing it should have written.

    total = (format * f + drawn * d + length * l + picture * p) / (format + drawn + length + picture)

``format`` and so on are weights (`RewardSettings`); the terms, each 0..1, are those of `Reward`. An answer that is no
token string gets a part of the format term alone, a blank one the whole of it, one that draws anything more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from re import Match

from stages import tokenize
from stages.base import Dropped
from stages.reasons import Reason
from stages.render.compare import Pixels, blank
from stages.render.renderers import draw, sized
from stages.reward.finding import find
from stages.reward.likeness import SAME, Likeness, Target
from stages.reward.settings import RewardSettings
from stages.tokenize.segments import SEGMENT

UNFINISHED = 0.5
"""What a valid beginning counts, beside a whole token string of equal length."""


class Why(StrEnum):
    """What became of an answer. The sandbox adds the reasons for which it gives up on one (`stages.reasons`)."""

    EXACT = "exact"
    DRAWN = "drawn"
    BLANK = "blank"
    RENDER_FAILED = "render_failed"
    INCOMPLETE = "incomplete"
    MALFORMED = "malformed"
    NO_TOKENS = "no_tokens"
    TOO_LONG = "too_long"


@dataclass(frozen=True)
class Reward:
    """The terms of a reward and their weighted mean ``total``, each 0..1; ``why`` with a ``detail``, for people.

    ``format``: the share of what was written that is the token string, or, times `UNFINISHED`, its valid beginning.
    ``decodes``: it is a whole drawing. ``renders``: it draws something. The others are nought unless it does:
    ``length``: the shorter of answer and truth to the longer, in atomic tokens; ``picture``: the weighted mean of
    ``ink``, ``ssim`` and ``visible`` (`likeness.Likeness`).
    """

    total: float
    format: float
    decodes: bool
    renders: bool
    length: float
    picture: float
    ink: float
    ssim: float
    visible: float
    why: str
    detail: str = ""


def nothing(why: str, detail: str = "") -> Reward:
    """No reward, for this reason."""
    return Reward(0.0, 0.0, False, False, 0.0, 0.0, 0.0, 0.0, 0.0, why, detail)


@dataclass(frozen=True)
class Language:
    """What token strings are read by."""

    vocabulary: tokenize.Vocabulary
    segments: tokenize.Segments

    def spelled(self, tokens: str) -> str:
        """The atomic token string; segments that are not known stay, as what is malformed."""
        expansions = self.segments.expansions

        def spell(match: Match[str]) -> str:
            return expansions.get(match[0], match[0])

        return SEGMENT.sub(spell, tokens)


@dataclass(frozen=True)
class Truth:
    """The drawing that was asked for. ``svg``: canonical. ``length``: in atomic tokens."""

    svg: str
    length: int
    settings: RewardSettings

    @classmethod
    def of(cls, tokens: str, language: Language, settings: RewardSettings) -> Truth:
        """The drawing of a token string, with segments or without. Raises TokenError."""
        spelled = language.spelled(tokens)
        return cls(tokenize.decode(spelled, language.vocabulary), tokenize.atomic_length(spelled), settings)

    @cached_property
    def target(self) -> Target:
        """Its picture. Raises Dropped (RENDER_FAILED) and MemoryError."""
        return Target(_drawn(self.svg, self.settings), self.settings.pixel_threshold)


def score(answer: str, truth: Truth, language: Language, settings: RewardSettings) -> Reward:
    """The reward of any text. Raises MemoryError, RendererUnavailable, and Dropped where the truth cannot be drawn.

    It draws what it is given: run it in a process that may die.
    """
    if len(answer) > settings.max_characters:
        return nothing(Why.TOO_LONG, f"over {settings.max_characters} characters")
    found = find(answer)
    if not found.tokens:
        return nothing(Why.NO_TOKENS, "no <svg> in it")
    tokens = language.spelled(found.tokens)
    if len(tokens) > settings.max_characters:
        return nothing(Why.TOO_LONG, f"over {settings.max_characters} characters with its segments spelled out")
    written = len(tokens) + found.prose
    try:
        svg = tokenize.decode(tokens, language.vocabulary)
    except tokenize.TokenError as error:
        prefix = tokenize.decode_prefix(tokens, language.vocabulary)
        why = Why.INCOMPLETE if prefix.valid == len(tokens) else Why.MALFORMED
        return _summed(settings, UNFINISHED * prefix.valid / written, False, why=why, detail=str(error))
    well_formed = len(tokens) / written
    length = tokenize.atomic_length(tokens)
    length_term = min(length, truth.length) / max(length, truth.length)
    if svg == truth.svg:
        return _summed(settings, well_formed, True, length_term, SAME, Why.EXACT)
    target = truth.target
    try:
        pixels = _drawn(svg, settings)
    except Dropped as lost:
        return _summed(settings, well_formed, True, why=Why.RENDER_FAILED, detail=lost.detail)
    if blank(pixels):
        return _summed(settings, well_formed, True, why=Why.BLANK)
    return _summed(settings, well_formed, True, length_term, target.likeness(pixels), Why.DRAWN)


def _summed(
    settings: RewardSettings,
    well_formed: float,
    decodes: bool,
    length: float = 0.0,
    alike: Likeness | None = None,
    why: Why = Why.DRAWN,
    detail: str = "",
) -> Reward:
    """The reward of these terms. ``alike``: None where nothing was drawn."""
    renders = alike is not None
    terms = alike or Likeness(0.0, 0.0, 0.0)
    picture = settings.ink * terms.ink + settings.ssim * terms.ssim + settings.visible * terms.visible
    picture /= settings.ink + settings.ssim + settings.visible
    total = settings.format * well_formed + settings.drawn * renders
    total += settings.length * length + settings.picture * picture
    total /= settings.format + settings.drawn + settings.length + settings.picture
    return Reward(
        total, well_formed, decodes, renders, length, picture, terms.ink, terms.ssim, terms.visible, str(why), detail
    )


def _drawn(svg: str, settings: RewardSettings) -> Pixels:
    pixels = draw(sized(svg, settings.size), settings.renderer)
    if pixels.shape != (settings.size, settings.size, 4):
        raise Dropped(Reason.RENDER_FAILED, f"it renders as {pixels.shape[1]} x {pixels.shape[0]} px")
    return pixels
