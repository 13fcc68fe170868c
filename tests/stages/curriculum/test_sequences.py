"""Records as ids, and ids packed into contexts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.curriculum import CHAT_ML, Record, packed, sequence


@given(st.lists(st.integers(1, 100), max_size=80))
def test_packing_loses_nothing_and_cuts_nothing(lengths: list[int]) -> None:
    """Each item is in one context, none is over its length, and no two contexts fit into one."""
    contexts = packed(lengths, 100)
    assert sorted(item for context in contexts for item in context) == list(range(len(lengths)))
    assert contexts == sorted(sorted(context) for context in contexts)
    filled = sorted(sum(lengths[item] for item in context) for context in contexts)
    assert all(amount <= 100 for amount in filled)
    assert len(filled) < 2 or filled[0] + filled[1] > 100


def record(**more: Any) -> Record:
    fields: dict[str, Any] = {
        "sample_id": "0",
        "task": "text_to_svg",
        "copy": 0,
        "prompt": "draw it",
        "answer": "an svg",
        "caption": "it",
        "tokens": 0,
        "order": 0,
        "row": {},
    }
    return Record(**fields | more)


def test_a_sequence_is_prompt_and_answer_in_their_frame() -> None:
    """The loss counts the answer and what ends it."""
    ids = sequence(record(), CHAT_ML, lambda text: [ord(character) for character in text])
    text = "".join(map(chr, ids.ids))
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    assert text == f"{system}<|im_start|>user\ndraw it<|im_end|>\n<|im_start|>assistant\nan svg<|im_end|>\n"
    assert "".join(map(chr, (label for label in ids.labels if label >= 0))) == "an svg<|im_end|>\n"
    assert ids.labels[: ids.prompt] == [-100] * ids.prompt and len(ids.labels) == len(ids.ids)
    with pytest.raises(ValueError, match="shows a picture"):
        sequence(record(prompt="<image> draw", task="image_to_svg"), CHAT_ML, lambda text: [0])
