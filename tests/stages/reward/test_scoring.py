"""Rewards: how they rank answers to real questions, and that any text has one."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages import tokenize
from stages.reward import Reward, RewardSettings, Truth, Why, score
from tests.stages.reward.answers import perturbed
from tests.stages.reward.drawings import LANGUAGE, drawings
from tests.stages.tokenize.strategies import hostile

SETTINGS = RewardSettings(size=128)
BLANK = "<svg>viewBox=0 0 784 784</svg>"
SQUARE = "<svg>viewBox=0 0 784 784<rect>width=392 height=392</rect></svg>"


def reward(answer: str, truth: str = SQUARE, settings: RewardSettings = SETTINGS) -> Reward:
    return score(answer, Truth.of(truth, LANGUAGE, settings), LANGUAGE, settings)


def test_answers_rank_as_one_would_rank_them():
    """Of each of thirteen real drawings: itself, itself a little askew, another one, a blank page, half of itself."""
    truths = drawings()
    near, far, others = [], [], []
    for index, truth in enumerate(truths):
        exact = reward(truth, truth)
        assert (exact.total, exact.picture, exact.why) == (1.0, 1.0, Why.EXACT)
        askew = [reward(perturbed(truth, reach, index), truth) for reach in (2, 40)]
        other, blank, half = (reward(text, truth) for text in (truths[index - 1], BLANK, truth[: len(truth) // 2]))
        assert 1 > askew[0].total > max(askew[1].total, other.total)
        assert min(askew[1].total, other.total) > blank.total > half.total > 0
        near.append(askew[0].picture)
        far.append(askew[1].picture)
        others.append(other.picture)
    assert mean(near) > mean(far) + 0.2 and mean(far) > mean(others) + 0.1


def test_a_drawing_said_in_segments_is_the_same_drawing():
    """Both as answer and as truth."""
    for tokens in drawings():
        said = tokenize.encode_segments(tokens, LANGUAGE.segments)
        assert reward(said, tokens) == reward(tokens, said) == reward(tokens, tokens)


def test_another_way_to_draw_the_same_looks_the_same():
    """It is drawn, not read."""
    path = (
        "<svg>viewBox=0 0 784 784<path><cmd_M><P_0><P_0><cmd_h><d_392><cmd_v><d_392><cmd_h><d_-392><cmd_z></path></svg>"
    )
    alike = reward(path)
    assert (alike.picture, alike.why) == (1.0, Why.DRAWN)
    assert alike.length == tokenize.atomic_length(SQUARE) / tokenize.atomic_length(path)


@pytest.mark.parametrize("times", [2, 10, 100])
def test_who_goes_on_for_ever_is_too_long(times: int):
    """Within a drawing the length tells, after it the format."""
    within = reward(SQUARE.replace("</svg>", "<rect>width=392 height=392</rect>" * (times - 1) + "</svg>"))
    assert within.picture == 1 and within.length < 2 / times and within.total < 1
    after = reward(SQUARE * times)
    assert after.why == Why.EXACT and after.format < 1.1 / times
    endless = reward(SQUARE.removesuffix("</svg>") + "<rect>width=392 height=392</rect>" * times)
    assert (endless.why, endless.length, endless.picture) == (Why.INCOMPLETE, 0, 0)


def test_what_is_well_formed_for_longer_has_more_of_the_format_term():
    """Nought without a token string, at most a half for a beginning, and all for a whole one and nothing else."""
    truth = drawings()[0]
    wrong = [
        truth[:at] + "<d_5>" * 9 + truth[at:] for at in (len(BLANK) - len("</svg>"), len(truth) // 3, len(truth) // 2)
    ]
    shares = [reward(answer, truth).format for answer in ["Sorry.", *wrong, truth[:-6], f"Here: {truth}", truth]]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-3] == 0.5 and shares[-1] == 1
    assert len(set(shares)) == len(shares)


@pytest.mark.parametrize(
    ("answer", "why", "decodes"),
    [
        (BLANK, Why.BLANK, True),
        (SQUARE.replace("784 784<", "784 784 width=9<"), Why.RENDER_FAILED, True),
        (SQUARE.replace("784 784<", "784 784 style=width:9px;height:9px<"), Why.RENDER_FAILED, True),
        (SQUARE[:40], Why.INCOMPLETE, False),
        (SQUARE.replace("</rect>", "<SEG_7></rect>"), Why.MALFORMED, False),
        ("I cannot draw.", Why.NO_TOKENS, False),
        ("<svg>" * 99_999, Why.TOO_LONG, False),
        ("<svg>" + "<SEG_1>" * 9_999, Why.TOO_LONG, False),
    ],
)
def test_each_failure_has_its_reason(answer: str, why: Why, decodes: bool):
    """None of them has a picture or a length."""
    said = reward(answer, settings=SETTINGS.model_copy(update={"max_characters": 90_000}))
    assert (said.why, said.decodes, said.renders, said.picture, said.length) == (why, decodes, False, 0, 0)
    assert said.total == pytest.approx(0.1 * said.format)


def test_weights_are_shares_of_their_sum():
    """Whatever they are, a perfect answer has 1."""
    for name in ("format", "drawn", "length", "picture"):
        alone = RewardSettings(size=128, **{"format": 0, "drawn": 0, "length": 0, "picture": 0} | {name: 0.3})
        assert reward(SQUARE, settings=alone).total == 1
        other = reward("Well: <svg>viewBox=0 0 784 784<circle>r=90 fill=red</circle></svg>", settings=alone)
        assert other.total == pytest.approx(1 if name == "drawn" else getattr(other, name)) and other.renders
    with pytest.raises(ValidationError, match="must be over 0"):
        RewardSettings(format=0, drawn=0, length=0, picture=0)
    with pytest.raises(ValidationError, match="ink, ssim and visible"):
        RewardSettings(ink=0, ssim=0, visible=0)


TOKENS = [
    "<svg>",
    "</svg>",
    "<path>",
    "</path>",
    "<g>",
    "</g>",
    "<text>",
    "</text>",
    "<cmd_M>",
    "<P_7>",
    "<cmd_l>",
    "<d_-9>",
]
OTHERS = ["<SEG_0>", "<SEG_1>", "<SEG_2>", "<|im_end|>", "</think>", " ", "=", "fill=red", "viewBox=", "\ud800", "\0"]
PIECES = st.sampled_from([*TOKENS, *OTHERS])


@given(st.lists(PIECES | hostile | st.text(max_size=5), max_size=30).map("".join), st.booleans())
def test_any_text_has_a_reward(text: str, headed: bool):
    """Its terms are shares, and what draws nothing is worth less than what draws."""
    said = reward(f"<svg>viewBox=0 0 784 784{text}" if headed else text)
    for term in (said.total, said.format, said.length, said.picture):
        assert 0 <= term <= 1
    assert said.total > 0.1 if said.renders else said.total <= 0.1
