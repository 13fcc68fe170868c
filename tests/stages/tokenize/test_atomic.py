import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.reasons import Reason
from stages.schema import ATOMIC
from stages.tokenize import (
    TOKENIZE,
    TokenError,
    TokenizeSettings,
    Vocabulary,
    atomic_length,
    decode,
    encode,
    encode_all,
    join,
    split,
)
from tests.stages.tokenize.strategies import SETTINGS, VOCABULARY, drawings

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'


@settings(max_examples=120, deadline=None)
@given(drawings)
def test_decoding_tokens_gives_the_canonical_text_again(svg):
    """Every canonical drawing survives, whatever its attributes and text hold; lengths and splits agree."""
    tokens = encode(svg, VOCABULARY)
    assert decode(tokens, VOCABULARY) == svg
    pieces = split(tokens)
    assert join(pieces) == tokens
    assert len(pieces) == atomic_length(tokens)
    assert all(piece in VOCABULARY.ids for piece in pieces if piece.startswith("<"))


@settings(max_examples=120, deadline=None)
@given(st.text(st.sampled_from("<>/=& svgpathdcmM_P0129-\"'\n"), max_size=60) | st.text(max_size=30))
def test_any_string_is_refused_with_one_line_or_is_the_tokens_of_what_it_decodes_to(text):
    """Decoding and encoding arbitrary strings raise TokenError or nothing."""
    _decode_or_refuse(text)
    try:
        encode(text, VOCABULARY)
    except TokenError as error:
        assert "\n" not in error.message


@settings(max_examples=150, deadline=None)
@given(drawings, st.integers(0, 10_000), st.integers(0, 30), st.text(max_size=3))
def test_damaged_tokens_are_refused_or_are_the_tokens_of_another_drawing(svg, at, length, inserted):
    """What decodes at all encodes to the same string: no two strings are one drawing."""
    tokens = encode(svg, VOCABULARY)
    at %= len(tokens)
    _decode_or_refuse(tokens[:at] + inserted + tokens[at + length :])


def test_a_value_may_look_like_an_attribute():
    """Where the data of a path begins is a matter of quotes."""
    for attributes in ('id=" d="', 'id=" d=" d="M1 2h3"', 'd="M1 2h3" id=" d="'):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><path {attributes}/></svg>'
        tokens = encode(svg, VOCABULARY)
        assert encode(decode(tokens, VOCABULARY), VOCABULARY) == tokens
    with pytest.raises(TokenError, match="attribute twice"):
        encode(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><path d="M1 2" d="M1 2"/></svg>', VOCABULARY
        )


@pytest.mark.parametrize("broken", ["<cmd_\nM>", "\n", "\x00", "\u2028"])
def test_what_is_wrong_is_said_in_one_line(broken):
    """Also where it is a line's end."""
    tokens = encode(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><path d="M1 2h3"/></svg>', VOCABULARY
    )
    for at in range(0, len(tokens), 3):
        _decode_or_refuse(tokens[:at] + broken + tokens[at:])


def _decode_or_refuse(text):
    try:
        svg = decode(text, VOCABULARY)
    except TokenError as error:
        assert error.position is None or 0 <= error.position <= len(text)
        assert "\n" not in error.message
    else:
        assert encode(svg, VOCABULARY) == text


def test_the_paper_and_the_released_vocabulary_have_their_sizes():
    """2,450 tokens at canvas 784 with 21 elements, 14 more with 28; ids count from 0; JSON is stable."""
    paper = Vocabulary.build(TokenizeSettings(elements="paper"))
    assert (len(paper.tokens), len(VOCABULARY.tokens)) == (2450, 2464)
    assert [token.id for token in paper.tokens] == list(range(2450))
    kinds = [token.kind for token in paper.tokens]
    assert [kinds.count(k) for k in ("structure", "command", "flag", "position", "offset")] == [42, 20, 4, 795, 1589]
    assert paper.to_json() == Vocabulary.build(TokenizeSettings(elements="paper")).to_json()
    assert "symbol" not in paper.names and "symbol" in VOCABULARY.names


@pytest.mark.parametrize(
    ("svg", "tokens"),
    [
        (
            '<path fill="#9f616a" d="M10 20 C30 0 60 50 90 20"/>',
            "<path>fill=#9f616a<cmd_M><P_10><P_20><cmd_c><d_20><d_-20><d_50><d_30><d_80><d_0></path>",
        ),
        (
            '<polygon points="5,5 10,5 10,9" fill="none" stroke-dasharray="4 2"/>',
            "<polygon>fill=none stroke-dasharray=4 2"
            "<cmd_M><P_5><P_5><cmd_l><d_5><d_0><cmd_l><d_0><d_4><cmd_z></polygon>",
        ),
        ('<polyline points="5 5,10 5"/>', "<polyline><cmd_M><P_5><P_5><cmd_l><d_5><d_0></polyline>"),
        ('<circle cx="1" cy="2" r="3"/>', "<circle>cx=1 cy=2 r=3</circle>"),
        (
            '<path d="m 9 9 2 2 h1 1 Z m1 1 A9 9 0 0 1 20 20"/>',
            "<path><cmd_M><P_9><P_9><cmd_l><d_2><d_2><cmd_h><d_1><cmd_h><d_1><cmd_z><cmd_M><P_10><P_10>"
            "<cmd_a>9 9 0<large_0><sweep_1><d_10><d_10></path>",
        ),
    ],
)
def test_the_reference_dialect_becomes_the_reference_tokens(svg, tokens):
    """Absolute commands, implicit repeats, commas and attribute order of free SVG give the reference's strings."""
    assert encode(f"{HEAD}\n<!-- x -->{svg}</svg>", VOCABULARY) == f"<svg>viewBox=0 0 784 784{tokens}</svg>"


@pytest.mark.parametrize(
    ("svg", "said"),
    [
        ('<path d="M-1 0"/>', "position -1 0"),
        ('<path d="M795 0"/>', "position 795 0"),
        ('<path d="M0 0l0 -795"/>', "command 1 (l): offset -795"),
        ('<path d="M0 0l0.5 1"/>', "0.5 is no integer"),
        ('<path d="M0 0a1.005 1 0 0 0 1 1"/>', "need rounding"),
        ('<path d="L1 1"/>', "invalid"),
        ('<path d="M0 0 5"/>', "invalid"),
        ('<polygon points="1 2 3"/>', "pairs"),
        ('<polygon points="1 2 x 4"/>', "list of numbers"),
        ('<polyline points="0 0 0 795"/>', "offset 0 795"),
        ("<tspan/>", "element tspan"),
        ("<g>text</g>", "character data"),
        ('<g xmlns:a="b" a:c="d"/>', "namespace"),
        ('<g é="1"/>', "name"),
        ("<g>", "well-formed"),
        ('<g a="1" a="2"/>', "twice"),
        ("<g>&e;</g>", "well-formed"),
        ('<path d="M0 0" d="M0 0"/>', "twice"),
    ],
)
def test_what_has_no_tokens_is_refused_by_name(svg, said):
    """Nothing is clamped, rounded or left out: encoding says what it cannot hold."""
    with pytest.raises(TokenError, match=re.escape(said)):
        encode(f"{HEAD}{svg}</svg>", VOCABULARY)


def test_another_canvas_or_root_is_refused():
    """Tokens mean units of the vocabulary's canvas, so a drawing of another one has none."""
    for svg in ("", "<svg/>", HEAD.replace("784", "512") + "</svg>", HEAD.replace("svg>", "x>"), HEAD + "</svg>x"):
        with pytest.raises(TokenError):
            encode(svg, VOCABULARY)


@pytest.mark.parametrize(
    ("body", "position", "said"),
    [
        ("<path><cmd_l><d_1><d_1></path>", 6, "must begin with <cmd_M>"),
        ("<path><cmd_M><P_1><P_2><cmd_h><d_1><d_2></path>", 35, "<d_2> cannot stand where a command begins"),
        ("<path><cmd_M><P_1><P_2><cmd_l><d_1></path>", 35, "needs 2 offsets"),
        ("<path><cmd_M><P_1><P_795></path>", 13, "needs 2 positions"),
        ("<path>d=M0 0</path>", 6, "geometry tokens"),
        ("<polygon><cmd_M><P_1><P_2></polygon>", 9, "a polygon is"),
        ("<g><cmd_M><P_1><P_2></g>", 3, "no geometry"),
        ("<g>a=1 a=2</g>", 3, "twice"),
        ("<g>hello</g>", 3, "no attribute"),
        ("<tspan></tspan>", 0, "element tspan"),
        ("<g></path>", 3, "</path> closes nothing"),
        ("<g>=text</g>", 3, "character data"),
        ("<g>a=1", 6, "the end"),
    ],
)
def test_a_decoding_error_names_the_place(body, position, said):
    """The message is one line with the index of the first offending character."""
    head = "<svg>viewBox=0 0 784 784"
    with pytest.raises(TokenError, match=re.escape(said)) as caught:
        decode(f"{head}{body}" + ("" if body == "<g>a=1" else "</svg>"), VOCABULARY)
    assert caught.value.position == len(head) + position


@pytest.mark.parametrize("limit", [1, 7, 9, 10, 19, 99, 100, 234, 794, 1008, 1999])
def test_coordinates_are_accepted_exactly_up_to_the_limit(limit):
    """The largest coordinate is inclusive, on both sides of zero, for any canvas."""
    vocabulary = Vocabulary.build(TokenizeSettings(canvas=limit, tolerance=0))
    head = HEAD.replace("784", str(limit))

    def fits(path):
        try:
            svg = f'{head}<path d="{path}"/></svg>'
            return decode(encode(svg, vocabulary), vocabulary) == svg
        except TokenError:
            return False

    for value in range(limit + 30):
        inside = value <= limit
        assert fits(f"M{value} 0") == inside
        assert fits(f"M0 0h-{value}") == (inside and value != 0)
        assert fits(f"M0 0h{value}") == inside


def test_rows_gain_tokens_or_a_reason():
    """The stage keeps what comes back exactly and drops the rest for TOKEN_MISMATCH, telling why."""
    svgs = [
        f'{HEAD}<path d="M1 2h3z"/></svg>',
        f'{HEAD}<path d="M1 2 h 3 z"/></svg>',
        f'{HEAD}<path d="M1 999"/></svg>',
    ]
    table = pa.table({"raw_id": ["a", "b", "c"], "source": ["s"] * 3, "path": ["1", "2", "3"], "svg": svgs})
    result = TOKENIZE.run(table, SETTINGS)
    assert result.kept.select(ATOMIC.names).schema.equals(ATOMIC)
    assert result.kept["atomic_length"].to_pylist() == [11]
    assert result.dropped["reason"].to_pylist() == [str(Reason.TOKEN_MISMATCH)] * 2
    assert "position 1 999" in result.dropped["detail"][1].as_py()
    assert "at character" in result.dropped["detail"][0].as_py()


def test_no_external_entity_is_read(tmp_path):
    """Encoding never opens what a document points at."""
    secret = tmp_path / "secret"
    secret.write_text("M0 0h1")
    svg = f'<!DOCTYPE svg [<!ENTITY e SYSTEM "{secret.as_uri()}">]>{HEAD}<text>&e;</text></svg>'
    with pytest.raises(TokenError):
        encode(svg, VOCABULARY)


def test_many_at_once_are_what_each_is_alone():
    drawings = [
        f'{HEAD}<path d="M1 2l3 4z"/></svg>',
        f'{HEAD}<path d="M1 2L4 6Z M9 9"/><path d="M1 2a3 4 0 0 1 5 6"/></svg>',  # another spelling
        f'{HEAD}<path d="M1 2"/><path d="M1 2l0.5 1"/></svg>',  # no integer
        f'{HEAD}<spline/><path d="M1 2"/></svg>',
        f'{HEAD}<polygon points="1 2 3 4"/><path d="M1 2l3 900"/></svg>',  # outside
        "<svg",
        f"{HEAD}</svg>",
        f'{HEAD}<path fill="a=b" d="M1 2s1 2 3 4a3 4 0 0 1 5 6M3 4"/></svg>',
    ]

    def alone(svg):
        try:
            return encode(svg, VOCABULARY)
        except TokenError as error:
            return str(error)

    for order in (drawings, drawings[::-1], drawings * 40):
        found = [text if isinstance(text, str) else str(text) for text in encode_all(order, VOCABULARY)]
        assert found == [alone(svg) for svg in order]
