"""Why a caption is not used, with one sentence each."""

from __future__ import annotations

from enum import StrEnum


class Rejection(StrEnum):
    """Why a caption is not used. The value is what tables and reports hold."""

    EMPTY = "empty"
    REFUSAL = "refusal"
    PROMPT_LEAK = "prompt_leak"
    MARKUP = "markup"
    TOO_LONG = "too_long"
    WRONG_LANGUAGE = "wrong_language"
    SAYS_BLANK = "says_blank"
    COLOUR_CONTRADICTION = "colour_contradiction"
    OBJECT_CONTRADICTION = "object_contradiction"
    REPEATED = "repeated"
    LOW_SCORE = "low_score"


SENTENCES = {
    Rejection.EMPTY: "The caption has no letter and no digit.",
    Rejection.REFUSAL: "The caption says that the model would not, or could not, describe the picture.",
    Rejection.PROMPT_LEAK: "The caption speaks of the task, or repeats the prompt.",
    Rejection.MARKUP: "The caption has markup, code, an address or control characters in it.",
    Rejection.TOO_LONG: "The caption is longer than captions of its style may be.",
    Rejection.WRONG_LANGUAGE: "The caption is in another language than it says it is.",
    Rejection.SAYS_BLANK: "The caption says that the picture is blank, and it is not.",
    Rejection.COLOUR_CONTRADICTION: "The caption names colours that the drawing does not have.",
    Rejection.OBJECT_CONTRADICTION: "The caption names another thing than the drawing's own title.",
    Rejection.REPEATED: "More drawings than may share a caption have nearly the same one.",
    Rejection.LOW_SCORE: "The scorer found that the caption does not fit the picture.",
}
"""For people."""
