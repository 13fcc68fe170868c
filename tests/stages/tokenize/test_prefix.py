"""What of a broken token string is still a drawing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.tokenize import Prefix, decode, decode_prefix, encode
from tests.stages.tokenize.strategies import VOCABULARY, drawings

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><g opacity="0.5"><path fill="#f00" '
    'd="M10 20c20 -20 50 30 80 0l5 5z"/><polygon points="1 1 9 1 9 9"/><text x="5">two words</text></g></svg>'
)
TOKENS = encode(SVG, VOCABULARY)


def check(found: Prefix, text: str) -> None:
    """The prefix is a drawing, of no more than the text, and says so of itself."""
    assert 0 <= found.valid <= len(text)
    if found.svg:
        assert decode(encode(found.svg, VOCABULARY), VOCABULARY) == found.svg
    assert found.complete == (found.valid == len(text) and not found.problem)


def test_every_truncation_of_a_drawing_is_a_drawing():
    """At each character: what is whole stays, the drawing never shrinks as the string grows, and all of it is all."""
    before = 0
    for end in range(len(TOKENS) + 1):
        found = decode_prefix(TOKENS[:end], VOCABULARY)
        check(found, TOKENS[:end])
        # a space may end a value or stand before the next attribute
        assert found.valid >= before - 1 and (found.svg or end < TOKENS.index("<g>"))
        before = found.valid
    assert found == Prefix(SVG, len(TOKENS), "")


@pytest.mark.parametrize(
    ("cut", "inside"),
    [
        ("<d_80>", '<path fill="#f00" d="M10 20"/>'),
        ("<cmd_z></path>", '<path fill="#f00" d="M10 20c20 -20 50 30 80 0l5 5"/>'),
        ("<cmd_l><d_0><d_8>", '<polygon points="1 1 9 1"/>'),
    ],
)
def test_geometry_ends_after_the_last_whole_command(cut: str, inside: str):
    """A curve without its end is no curve; a polygon that loses its end is closed."""
    found = decode_prefix(TOKENS[: TOKENS.index(cut)], VOCABULARY)
    assert inside in found.svg and not found.complete and found.problem


@pytest.mark.parametrize(
    ("wrong", "svg"),
    [
        ("", ""),
        ("a story", ""),
        ("<path>fill=red</path>", ""),
        ("<svg>viewBox=0 0 9 9</svg>", ""),
        ("<svg>viewBox=0 0 784 784<g>a=1 a=2</g></svg>", '<g a="1"/>'),
        ("<svg>viewBox=0 0 784 784<g></path></svg>", "<g/>"),
        ("<svg>viewBox=0 0 784 784<g></g>words<path></path></svg>", "<g/>"),
        ("<svg>viewBox=0 0 784 784<g></g></svg><svg>", "<g/>"),
        ("<svg>viewBox=0 0 784 784<spline></spline></svg>", None),
    ],
)
def test_what_is_wrong_ends_the_drawing(wrong: str, svg: str | None):
    """Text, twins, strangers and strays: up to them the drawing stands."""
    found = decode_prefix(wrong, VOCABULARY)
    check(found, wrong)
    assert found.problem and not found.complete
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"'
    want = "" if svg == "" else f"{head}/>" if svg is None else f"{head}>{svg}</svg>"
    assert found.svg == want


@settings(max_examples=60, deadline=None)
@given(drawings, st.integers(0, 3000), st.text(st.sampled_from("<>/=& svgpathdcmM_P0129-\"'\n"), max_size=12))
def test_any_damage_leaves_a_valid_beginning(svg: str, at: int, damage: str):
    """Whatever stands where a string breaks off, the result is a drawing, and holds what came before the damage."""
    tokens = encode(svg, VOCABULARY)
    text = tokens[:at] + damage
    check(decode_prefix(text, VOCABULARY), text)
    whole = decode_prefix(tokens[:at], VOCABULARY)
    check(whole, tokens[:at])
