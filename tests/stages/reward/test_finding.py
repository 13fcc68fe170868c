"""The token string within what a model wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.reward import Found, find

DRAWING = "<svg>viewBox=0 0 784 784<path><cmd_M><P_1><P_2><cmd_z></path></svg>"


@pytest.mark.parametrize(
    "answer",
    [
        DRAWING,
        f"\n {DRAWING}\n",
        f"{DRAWING}<|im_end|>",
        f"{DRAWING}<|im_end|>\n<|im_start|>user\nAnother one, please: <svg>",
        f"<bos>{DRAWING}<eos><pad><pad>",
        f"<s>{DRAWING}</s>",
        f"```svg\n{DRAWING}\n```",
        f"```\n{DRAWING}```<|endoftext|>",
        f"<think>First <svg>viewBox=0 0 9 9, or rather</think>\n{DRAWING}",
        "<svg> viewBox=0 0 784 784<path> <cmd_M> <P_1> <P_2>\n<cmd_z> </path> </svg>",
    ],
)
def test_what_is_put_around_an_answer_is_no_part_of_it(answer: str):
    """Chat templates, decoders and Markdown cost nothing."""
    assert find(answer) == Found(DRAWING, 0)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (f"Sure! {DRAWING} Here.", Found(DRAWING, len("Sure!Here."))),
        (f"{DRAWING}{DRAWING}", Found(DRAWING, len(DRAWING.replace(" ", "")))),
        (f"I draw {DRAWING[:30]}", Found(DRAWING[:30], len("Idraw"))),
        ("<svg>a<svg>b</svg>c</svg>d", Found("<svg>a<svg>b</svg>c</svg>", 1)),
        ('<svg viewBox="0 0 9 9"/>', Found("", len('<svgviewBox="0099"/>'))),
        ("", Found("", 0)),
    ],
)
def test_the_first_drawing_counts_and_the_rest_is_prose(answer: str, found: Found):
    """A drawing that does not end goes on to the end of the answer."""
    assert find(answer) == found


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_has_an_answer(text: str):
    """What is found is in the text, once white space after tokens is gone."""
    found = find(f"{text}<svg>{text}")
    assert found.tokens.startswith("<svg>") or "<|" in text or "</think>" in text
    assert 0 <= found.prose <= len(text) * 2 + 5
