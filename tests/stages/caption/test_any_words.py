"""Any words of the vocabulary in any order make a phrase: names of files are whatever somebody called them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.caption import phrases, vocabulary

_COLLECTIONS = (set, frozenset, tuple, list, dict)
WORDS = sorted(
    {
        word
        for name in dir(vocabulary)
        if isinstance(table := getattr(vocabulary, name), _COLLECTIONS)
        for word in table
        if isinstance(word, str) and word and " " not in word
    }
    | {"long", "fast", "x", "a", "1", "12", "number", "letter", "circle", "off"}
)


@pytest.mark.parametrize("make", [phrases.sign, phrases.icon, phrases.ordered])
def test_one_word_is_enough(make) -> None:
    assert all(make([word]) for word in WORDS)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_any_words_make_a_phrase(words: list[str]) -> None:
    assert phrases.sign(words) and phrases.icon(words)
