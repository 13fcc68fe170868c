"""The short way for paths says what the long way says."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.normalize import NormalizeSettings
from stages.normalize.geometry.boxes import hull_box
from stages.normalize.geometry.path_segments import from_commands, transform
from stages.normalize.geometry.quantize import Pen, quantize
from stages.normalize.geometry.trace import trace
from stages.pathdata import parse_path

SETTINGS = NormalizeSettings()
ANYWHERE = (-math.inf, -math.inf, math.inf, math.inf)

numbers = st.sampled_from(["0", ".5", "1", "-1", "2.4999", "-.25", "7e-1", "30", "90.5", "-40", "1e9", "783.6", "1."])
letters = st.sampled_from("MmLlHhVvCcSsQqTtZz")
gaps = st.sampled_from([" ", ",", " ,", "  ", ""])


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Path data, mostly valid: commands with about the right number of arguments, now and then something odd."""
    text = "M" + " ".join(draw(numbers) for _ in range(2))
    for _ in range(draw(st.integers(0, 12))):
        letter = draw(letters)
        arity = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}[letter.upper()]
        count = arity * draw(st.integers(1, 2)) if draw(st.integers(0, 20)) else draw(st.integers(0, 7))
        text += letter
        for i in range(count):
            value = draw(numbers)
            text += (draw(gaps) if i and draw(st.integers(0, 30)) == 0 else " " if i else "") + value
    return text


@given(
    paths(),
    st.sampled_from([(1.0, 1.0), (3.7, 3.7), (-2.0, 5.5), (32.666666666666664, 32.666666666666664)]),
    st.floats(-50, 900),
    st.floats(-50, 900),
    st.sampled_from([Pen(True, False, False, 0.0), Pen(False, True, False, 3.0), Pen(True, True, True, 3.0)]),
)
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_both_ways_print_the_same(data: str, scale: tuple[float, float], e: float, f: float, pen: Pen):
    """Where the short way answers, the data is valid, and text and box are the long way's."""
    matrix = (scale[0], 0.0, 0.0, scale[1], e, f)
    short = trace(data, matrix, pen, SETTINGS, ANYWHERE)
    if short is None:
        return
    commands, complete = parse_path(data)
    assert complete
    path = transform(from_commands(commands), matrix)
    long = quantize(path, pen, SETTINGS)
    left, top, right, bottom = short[1]
    # what only touches the canvas, once it is rounded, is outside of it, which the short way leaves to who calls it
    edge, reach = SETTINGS.canvas - 0.5, pen.reach
    touches = min(right, bottom) + reach < 0.5 or max(left, top) - reach >= edge
    assert short[0] == ("" if long is None else long.data) or (long is None and touches)
    assert long is None or long.fits
    assert short[1] == hull_box(path)


def test_ordinary_paths_take_the_short_way_and_odd_ones_do_not():
    """Compact numbers and implicit repeats are ordinary; arcs, errors, turns and overflow are not."""
    pen, one = Pen(True, False, False, 0.0), (1.0, 0.0, 0.0, 1.0, 50.0, 50.0)
    ordinary = "M10.5.5+3 4l.5.5 7-8zm1,2c1 2 3 4 5 6s1 2 3 4q1 1 2 2t3 3H9v-1"
    assert trace(ordinary, one, pen, SETTINGS, ANYWHERE) is not None
    for odd in (
        "M0 0a9 9 0 0 1 9 9",
        "M0 0l5",
        "M0,,0l5 5",
        "L5 5",
        "M0 0l5 x",
        "M900 0h9v9z",
        "M0 0l1e400 1",
        "M1 1z",
    ):
        assert trace(odd, one, pen, SETTINGS, ANYWHERE) is None
    assert trace(ordinary, (1.0, 0.1, 0.0, 1.0, 50.0, 50.0), pen, SETTINGS, ANYWHERE) is None
    assert trace("M1 1h9v9z", one, pen, SETTINGS, (55.0, 0.0, 99.0, 99.0)) is None
