"""Path data: the fast reading of valid data equals the slow reading of any."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stages import pathdata
from stages.pathdata import ARITY, parse_path

PIECES = st.sampled_from(
    [
        *"MmLlHhVvCcSsQqTtAaZz",
        " ",
        ",",
        "-",
        "+",
        ".",
        "e",
        "0",
        "1",
        "10",
        "1.5",
        "-.5",
        "1e3",
        "01",
        "1e999",
        "\n",
        "x",
    ]
)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.lists(PIECES, max_size=25).map("".join), st.lists(PIECES, max_size=25).map(lambda p: "M1 2" + "".join(p))
    )
)
def test_both_ways_of_reading_agree(data: str):
    """What the fast way accepts, the slow way reads alike and to its end."""
    fast, slow = pathdata._parse_valid(data), pathdata._parse_until_error(data)
    if fast is not None:
        assert slow == (fast, True)
    assert parse_path(data) == slow


NUMBERS = st.floats(-1e6, 1e6)


@st.composite
def commands(draw: st.DrawFn) -> list[tuple[str, tuple[float, ...]]]:
    found = [("M", (draw(NUMBERS), draw(NUMBERS)))]
    for letter in draw(st.lists(st.sampled_from("MmLlHhVvCcSsQqTtAaZz"), max_size=8)):
        args = [draw(NUMBERS) for _ in range(ARITY[letter.upper()])]
        if letter in "aA":
            args[3:5] = [float(draw(st.integers(0, 1))), float(draw(st.integers(0, 1)))]
        found.append((letter, tuple(args)))
    return found


@given(commands(), st.sampled_from([" ", ",", " , ", "\n"]))
def test_printing_and_parsing_gives_the_commands_back(found: list[tuple[str, tuple[float, ...]]], gap: str):
    """Parse of print is the identity, whatever separates the numbers."""
    texts = []
    for letter, args in found:
        flags = letter in "aA"
        texts.append(letter + gap.join(str(int(v)) if flags and i in (3, 4) else repr(v) for i, v in enumerate(args)))
    assert parse_path("".join(texts)) == (found, True)
    assert parse_path(" ".join(texts)) == (found, True)


def test_compact_arcs_repeats_and_errors_are_read_as_svg_2_says():
    """Flags need no separators, repeated movetos are linetos, and an error ends the path."""
    assert parse_path("m1 2 3 4a1 1 0 01.5.5") == (
        [("m", (1, 2)), ("l", (3, 4)), ("a", (1, 1, 0, 0, 1, 0.5, 0.5))],
        True,
    )
    assert parse_path("M1-2.5.5L3 4 5") == ([("M", (1, -2.5))], False)
    assert parse_path("L1 2") == ([], False)
    assert parse_path("M0 0,L5 5") == ([("M", (0, 0))], False)


def test_hostile_data_takes_time_in_proportion_to_its_length():
    """Long runs of digits, dots, spaces or arguments before an error cost no backtracking: this ends at once."""
    for unit in ("1", "1.5", " ", "1 1,", "\t,", "0", "1 1 0 0 1 5 5 "):
        for tail in ("x", "", "1,"):
            parse_path("M1 1L" + unit * 20_000 + tail)
            parse_path("M1 1a" + unit * 10_000 + tail)
