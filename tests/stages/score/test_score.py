import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.pathdata import parse_path
from stages.schema import SCORED
from stages.score import SCORE, ScoreSettings, colors, measure
from stages.tokenize import TokenizeSettings, Vocabulary, encode

VOCABULARY = Vocabulary.build(TokenizeSettings())
PATHS = st.lists(
    st.sampled_from(("h5", "v-5", "l3 4", "c1 2 3 4 5 6", "s1 2 3 4", "q1 2 3 4", "t3 4", "a5 4 30 0 1 3 4", "z")),
    min_size=1,
    max_size=30,
).map(lambda parts: "M9 9" + "".join(parts).replace("z", "z M9 9").removesuffix(" M9 9").replace("z M", "zM"))


def tokens(*elements: str) -> str:
    return encode(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{"".join(elements)}</svg>', VOCABULARY
    )


def test_the_formula() -> None:
    """The mean of four shares of what SVGenius's hard drawings have: paths, numbers, weighted commands, entropy."""
    row = measure(tokens('<path d="M1 2c1 2 3 4 5 6l3 4z"/>', '<circle cx="5" cy="5" r="9"/>'))
    assert (row["paths"], row["commands"], row["colors"]) == (2, 5, 1)
    numbers, weighted, entropy = 2 + 6 + 2 + 3, 1 + 3 + 1 + 1 + 1, math.log2(5)
    expected = (2 / 16.02 + numbers / 1148.67 + weighted / 389 + entropy / 1.68) / 4
    assert row["complexity"] == pytest.approx(expected, abs=1e-4)


def test_nothing_has_no_complexity() -> None:
    """An empty drawing has none of anything."""
    assert measure(tokens()) == {"complexity": 0, "paths": 0, "commands": 0, "colors": 0}


@given(PATHS)
def test_counts_are_those_of_the_path_data(data: str) -> None:
    """Commands and numbers are those that a reader of path data sees."""
    commands, _ = parse_path(data)
    row = measure(tokens(f'<path d="{data}"/>'))
    assert row["commands"] == len(commands)
    counts = [sum(letter == other for other, _ in commands) for letter in {letter for letter, _ in commands}]
    weights = {"M": 1, "h": 1, "v": 1, "l": 1, "z": 1, "q": 2, "t": 3, "c": 3, "s": 4, "a": 5}
    entropy = -sum(n / len(commands) * math.log2(n / len(commands)) for n in counts)
    expected = (
        1 / 16.02
        + sum(len(arguments) for _, arguments in commands) / 1148.67
        + sum(weights[letter] for letter, _ in commands) / 389
        + entropy / 1.68
    ) / 4
    assert row["complexity"] == pytest.approx(expected, abs=1e-4)


@given(PATHS, PATHS)
def test_more_is_more_complex(one: str, other: str) -> None:
    """A drawing twice over is more complex than once, and has the same entropy."""
    single, double = (measure(tokens(*[f'<path d="{one}"/>'] * n)) for n in (1, 2))
    assert double["complexity"] > single["complexity"]
    both = measure(tokens(f'<path d="{one}"/>', f'<path d="{other}"/>'))
    assert both["commands"] == single["commands"] + measure(tokens(f'<path d="{other}"/>'))["commands"]


@pytest.mark.parametrize(
    ("elements", "count"),
    [
        (['<path d="M1 1h5v5z"/>'], 1),
        (['<path fill="none" stroke="#f00" stroke-width="3" d="M1 1h5v5z"/>'], 1),
        (['<path fill="#f00" d="M1 1h5v5z"/>', '<rect x="1" y="1" width="5" height="5"/>'], 2),
        (['<path fill="#f00" fill-opacity="0.5" d="M1 1h5v5z"/>', '<circle cx="5" cy="5" r="2" fill="#f00"/>'], 1),
        (['<line x1="1" y1="1" x2="9" y2="9" stroke="#00f"/>'], 1),
        (['<line x1="1" y1="1" x2="9" y2="9" stroke="#00f"/>', '<polygon points="1 1 9 1 9 9"/>'], 2),
        (
            [
                '<defs><linearGradient id="a"><stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/>'
                "</linearGradient></defs>",
                '<rect width="9" height="9" fill="url(#a)"/>',
            ],
            1,
        ),
        (
            [
                '<defs><clipPath id="c0"><path d="M1 1h5v5z"/></clipPath></defs>',
                '<rect width="9" height="9" fill="#f00" clip-path="url(#c0)"/>',
            ],
            1,
        ),
    ],
)
def test_paints_are_those_that_show(elements: list[str], count: int) -> None:
    """Distinct fills and strokes, black where a fill is not stated; what clips has no paint."""
    assert colors(tokens(*elements)) == count


def test_a_table_of_scores() -> None:
    """A row for each sample, in its order."""
    strings = [tokens(f'<path d="M1 1{"h5v5" * n}z"/>') for n in range(3)]
    table = SCORE.run(pa.table({"sample_id": ["c", "a", "b"], "tokens": strings}), ScoreSettings())
    assert table.schema == SCORED
    assert table["sample_id"].to_pylist() == ["c", "a", "b"]
    assert table["commands"].to_pylist() == [2, 4, 6]
