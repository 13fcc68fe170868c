"""Checks of captions: what is caught, and what only looks like it."""

import pytest

from stages.caption import SENTENCES, Rejection, things
from stages.caption.checks import Drawing, check, essence, language_of, leaked
from stages.caption.hues import absent, seen
from stages.caption.settings import CheckSettings
from tests.stages.caption.test_caption import PICTURE

SETTINGS = CheckSettings()
RED = Drawing(frozenset(("red", "orange", "pink", "white")))


def reason(
    text: str, style: str = "short", language: str = "en", origin: str = "model", drawing: Drawing = RED
) -> Rejection | None:
    verdict = check(text, style, language, origin, drawing, SETTINGS)
    assert verdict is None or 0 <= verdict.score <= 1
    return None if verdict is None else verdict.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("...", Rejection.EMPTY),
        ("", Rejection.EMPTY),
        ("I'm sorry, but I can't help with that.", Rejection.REFUSAL),
        ("I’m unable to view images.", Rejection.REFUSAL),
        ("Sorry, I cannot describe this picture", Rejection.REFUSAL),
        ("As an AI language model, I have no eyes", Rejection.REFUSAL),
        ("No image was provided. Please upload an image", Rejection.REFUSAL),
        ("Here is a short caption: a red apple", Rejection.PROMPT_LEAK),
        ("Caption: a red apple", Rejection.PROMPT_LEAK),
        ("Based on the metadata, this is an apple", Rejection.PROMPT_LEAK),
        ("An apple<|im_end|>", Rejection.PROMPT_LEAK),
        ("A **red** apple", Rejection.MARKUP),
        ("<b>An apple</b>", Rejection.MARKUP),
        ("Salt &amp; pepper", Rejection.MARKUP),
        ('{"caption": "an apple"}', Rejection.MARKUP),
        ("An apple from https://example.org", Rejection.MARKUP),
        ("An apple, apple.svg", Rejection.MARKUP),
        ("An apple\x07", Rejection.MARKUP),
        ("An apple " + "and an apple " * 40, Rejection.TOO_LONG),
        ("Ein roter Apfel mit einem grünen Blatt", Rejection.WRONG_LANGUAGE),
        ("一个红色的苹果", Rejection.WRONG_LANGUAGE),
        ("The image shows a blank white square", Rejection.SAYS_BLANK),
        ("The image is completely blank.", Rejection.SAYS_BLANK),
        ("A blank white canvas", Rejection.SAYS_BLANK),
        ("The picture appears to be empty", Rejection.SAYS_BLANK),
        ("A blue apple", Rejection.COLOUR_CONTRADICTION),
        ("A red apple", None),
        ("A red apple with a green leaf", None),
        ("A white apple", None),
        ("The image is empty, with no content", Rejection.SAYS_BLANK),
        ("The image shows an empty shopping cart", None),
        ("A picture shows a blank speech bubble", None),
        ("A sign that says sorry", None),
        ("Rock & roll", None),
        ("C++ and C# in one logo", None),
        ("An orange", None),
        ("A blueberry", None),
        ("A person who cannot see", None),
        ("A battery is empty", None),
        ("Le drapeau", None),
    ],
)
def test_what_a_model_says_is_checked(text: str, expected: Rejection | None):
    """Each fault has its reason; what has only words in common with one passes."""
    assert reason(text) is expected


def test_tags_are_of_no_language():
    """A row of English words looks like Italian to who wants sentences."""
    assert reason("diamond, solid, icon", style="tag", drawing=Drawing(None)) is None
    assert reason("钻石, 图标, 实心", style="tag", drawing=Drawing(None)) is Rejection.WRONG_LANGUAGE


def test_every_reason_has_a_sentence():
    """For the report, and for people."""
    assert set(SENTENCES) == set(Rejection)


def test_what_a_drawing_is_called_may_have_a_colour_in_it():
    """A name that came with it is no claim about its paint; what a duplicate is called is."""
    assert reason("A blue heart icon", origin="metadata") is None
    assert reason("A blue heart icon", origin="duplicate") is Rejection.COLOUR_CONTRADICTION


def test_a_title_may_say_sorry():
    """Refusals and blanks are what models say."""
    assert reason("Sorry, we are closed", origin="metadata") is None
    assert reason("Blank page", origin="metadata") is None
    assert reason("I'm sorry", origin="dataset") is Rejection.REFUSAL


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("A cat sitting", "A dog", "cat, not dog"),
        ("Two kittens", "A cat icon", ""),
        ("A dog in a house", "A dog house for a cat", ""),
        ("An arrow pointing left", "A right arrow icon", "left, not right"),
        ("A left arrow", "An arrow pointing left", ""),
        ("The flag of Italy", "The flag of Mexico", "italy, not mexico"),
        ("The flag of the United States", "The flag of the United States of America", ""),
        ("A smiling yellow face", "A grinning face emoji", ""),
        ("The flag of Portugal. Drawn in red and green.", "The flag of Portugal", ""),
        ("The flag of St. Lucia", "The flag of Lucia", ""),
        ("The number 3 in a circle", "Number five in a circle", "3, not 5"),
        ("The Adobe logo", "The Microsoft logo", "adobe, not microsoft"),
        ("The Adobe Acrobat logo", "The Acrobat logo", ""),
        ("A red logo", "The Adobe logo", ""),
    ],
)
def test_what_contradicts_a_title(text: str, title: str, expected: str):
    """Only what cannot be both: other words for the same, and less exact ones, contradict nothing."""
    assert things.contradiction(text, title) == expected
    drawing = Drawing(None, [title])
    assert (reason(text, drawing=drawing) is Rejection.OBJECT_CONTRADICTION) == bool(expected)
    assert reason(text, origin="dataset", drawing=drawing) is None


def test_a_caption_that_repeats_the_prompt():
    """Eight words in a row are none by chance."""
    prompt = "Write one short sentence that says what the picture shows, as a person would.\nNo colours."
    verdict = leaked("Write one short sentence that says what the picture shows: an apple", [prompt])
    assert verdict is not None and verdict.reason is Rejection.PROMPT_LEAK
    assert leaked("One short sentence that says nothing of the kind, which is long enough", [prompt]) is None
    assert leaked("An apple", [prompt]) is None


def test_hues_of_a_picture_and_of_a_caption():
    """A red bar is red, may be called pink, and is nowhere blue; white is never missing."""
    hues = seen(PICTURE)
    assert "red" in hues and "blue" not in hues and seen(None) == []
    assert absent("A navy and red flag on white", frozenset(hues)) == (["navy"], 0.5)
    assert absent("A flag", frozenset(hues)) == ([], 0.0)


def test_short_texts_say_no_language():
    """Names of three words look like any language; other scripts are sure at once."""
    assert language_of("Adobe Acrobat") == ("", 0.0)
    assert language_of("リンゴ")[0] == "ja"
    assert language_of("A shopping cart with a red handle and two wheels")[0] == "en"


def test_nearly_identical_captions_share_their_essence():
    """Articles, case and marks do not count; words do."""
    assert essence("A red apple.") == essence("the Red Apple!") == "red apple"
    assert essence("A") == "a" and essence("A green apple") != essence("A red apple")
