import dataclasses
import math
import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.deduplicate.flags import FEW, FlagSettings, Measures, TracedRule, flags, measure
from stages.tokenize import TokenizeSettings, Vocabulary, encode

VOCABULARY = Vocabulary.build(TokenizeSettings())
SHAPE = st.tuples(st.sampled_from(("M", "h", "v", "l", "c", "q", "z")), st.lists(st.integers(-99, 99), min_size=6))
ARITY = {"M": 2, "h": 1, "v": 1, "l": 2, "c": 6, "q": 4, "z": 0}


def drawing(*elements: str) -> str:
    return f"<svg>viewBox=0 0 784 784{''.join(elements)}</svg>"


def command(letter: str, *numbers: int) -> str:
    kind = "P" if letter == "M" else "d"
    return f"<cmd_{letter}>{''.join(f'<{kind}_{n}>' for n in numbers)}"


def path(attributes: str, *commands: str) -> str:
    return f"<path>{attributes}{''.join(commands)}</path>"


def text(x: int, y: int, content: str, anchor: str = "") -> str:
    return f"<text>x={x} y={y} font-family=sans-serif font-size=12{anchor} ={content}</text>"


def ring(count: int, seed: int = 0, radius: float = 300) -> list[tuple[int, int]]:
    """The steps of a closed ragged outline with ``count`` corners."""
    chance = random.Random(seed)
    radii = [radius * (0.6 + 0.4 * chance.random()) for _ in range(count)]
    angles = [2 * math.pi * i / count for i in range(count)]
    points = [(round(r * math.cos(a)), round(r * math.sin(a))) for r, a in zip(radii, angles, strict=True)]
    return [(b[0] - a[0], b[1] - a[1]) for a, b in zip(points, points[1:] + points[:1], strict=True)]


def even_curve(x: int, y: int) -> str:
    """A curve as potrace draws it: the line between the control points is parallel to the chord."""
    bulge = (-y // 4, x // 4)
    one = (round(0.2 * x) + bulge[0], round(0.2 * y) + bulge[1])
    return command("c", *one, one[0] + round(0.6 * x), one[1] + round(0.6 * y), x, y)


def uneven_curve(x: int, y: int) -> str:
    """A curve as a hand draws it: one handle long, the other short and elsewhere."""
    return command("c", round(0.8 * x - 0.9 * y), round(0.8 * y + 0.9 * x), round(0.9 * x), round(0.9 * y), x, y)


def outline(curve: Callable[[int, int], str], count: int = 160) -> str:
    steps = ring(count, radius=120)
    return path("", command("M", 500, 400), *(curve(*step) for step in steps), command("z"))


def land(count: int = 400, attributes: str = "fill=#ccc") -> str:
    return path(
        attributes,
        command("M", 500, 400),
        *(command("l", *step) for step in ring(count, radius=30)),
        command("z"),
    )


def letter(curve: str = "q") -> str:
    one = command(curve, *(30, 0, 40, 20, 50, 30)[: ARITY[curve]])
    return path("", command("M", 200, 600), one, one, one, one, command("h", -90), command("z"))


def chart(labels: bool) -> str:
    ticks = [
        path("stroke=#000 stroke-width=1", command("M", 100 + 60 * i, 600), command("v", 5)) for i in range(10)
    ] + [path("stroke=#000 stroke-width=1", command("M", 95, 100 + 50 * i), command("h", 5)) for i in range(10)]
    words = [text(100 + 60 * i, 620, str(i / 2)) for i in range(10)] if labels else []
    line = path("fill=none stroke=#00f", command("M", 100, 500), *(command("l", 20, -7) for _ in range(20)))
    return drawing(line, *ticks, *words)


def boxes(count: int = 3) -> str:
    parts = []
    for i in range(count):
        parts.append(f"<rect>x=300 y={100 + 200 * i} width=150 height=90 fill=#fff stroke=#000</rect>")
        parts.append(text(375, 150 + 200 * i, "step", " text-anchor=middle"))
        parts.append(path("fill=none stroke=#000", command("M", 375, 190 + 200 * i), command("v", 110)))
    return drawing(*parts)


def many_paints(share: float = 1.0) -> str:
    """A picture as vtracer draws it; ``share`` of its 20 paths have a paint of their own."""
    last = round(20 * share)
    return drawing(
        *(
            path(
                f"fill=#{min(i, last):02x}4567",
                command("M", 500, 400),
                *(uneven_curve(*step) for step in ring(90, i)),
                command("z"),
            )
            for i in range(20)
        )
    )


ICON = encode(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><path d="M98 98h588v588h-588z'
    'M200 300c0 -55 45 -100 100 -100s100 45 100 100s-45 100 -100 100s-100 -45 -100 -100z" fill="#333"/></svg>',
    VOCABULARY,
)


def test_a_long_outline_of_potrace_s_curves_is_traced() -> None:
    """One path of many short curves with even handles is a trace."""
    found = drawing(outline(even_curve))
    assert measure(found).symmetry > 0.97
    assert flags(found) == ("traced",)


def test_a_long_outline_of_uneven_curves_is_not_traced() -> None:
    """The same outline with handles as a hand sets them is not."""
    found = drawing(outline(uneven_curve))
    assert measure(found).symmetry < 0.5
    assert flags(found) == ()


@pytest.mark.parametrize(
    "beside",
    [
        path("stroke=#000", command("M", 1, 1), command("l", 9, 9)),
        text(1, 1, "word"),
        "<defs><linearGradient>id=g0<stop>offset=0 stop-color=#fff</stop></linearGradient></defs>",
    ],
)
def test_what_no_tracer_writes_is_not_traced(beside: str) -> None:
    """A stroke, a text or a gradient beside the outline says that a hand was there."""
    assert flags(drawing(outline(even_curve), beside)) == ()


def test_a_short_outline_is_not_traced() -> None:
    """A circle-like outline of few curves is an icon's, however even."""
    assert flags(drawing(outline(even_curve, FEW))) == ()


def test_a_paint_for_each_path_is_traced() -> None:
    """Many long paths with a paint each are a trace in colours, but not when they share paints."""
    assert flags(many_paints()) == ("traced",)
    assert flags(many_paints(0.3)) == ()


@pytest.mark.parametrize("labels", [False, True])
def test_a_plot_with_axes_is_a_chart(labels: bool) -> None:
    """Ticks along two axes are a chart, with and without numbers as text."""
    assert flags(chart(labels)) == ("chart",)


def test_boxes_with_centred_words_are_a_chart() -> None:
    """Two boxes with their labels are a diagram; a single one may be a sign."""
    assert flags(boxes(2)) == ("chart",)
    assert flags(boxes(1)) == ()


def test_a_table_is_a_chart() -> None:
    """Many texts in few boxes are a table or a class of a diagram."""
    rows = [text(10, 20 * i, f"name {i}") for i in range(14)]
    frame = ["<rect>x=0 y=0 width=400 height=300</rect>"] * 2
    assert flags(drawing(*frame, *rows)) == ("chart",)
    assert flags(drawing(*rows)) == ()


def test_equal_marks_with_labels_are_a_chart() -> None:
    """A cloud of equal marks beside labels is a scatter plot, without labels it is an ornament."""
    chance = random.Random(0)
    mark = command("l", 5, 5) + command("l", -9, 3) + command("z")
    marks = [path("fill=#00f", command("M", chance.randrange(700), chance.randrange(700)), mark) for _ in range(20)]
    labels = [text(10, 20 * i, f"name {i}") for i in range(9)]
    assert flags(drawing(*marks, *labels)) == ("chart",)
    assert flags(drawing(*marks)) == ()


def test_a_clock_is_not_a_chart() -> None:
    """Numbers alone do not make a chart: they need axis-parallel lines beside them."""
    hours = [text(392 + round(300 * math.sin(h)), 392 - round(300 * math.cos(h)), str(h)) for h in (3, 6, 9, 12)]
    assert flags(drawing("<circle>cx=392 cy=392 r=380</circle>", *hours)) == ()


def test_a_ragged_polygon_is_a_map() -> None:
    """A long closed polygon of tiny lines is an outline of land."""
    assert flags(drawing(land())) == ("map",)


@pytest.mark.parametrize(
    "other",
    [
        drawing(land(90)),
        drawing(land().replace("<cmd_z>", "")),
        drawing(*(land(attributes=f"fill=#{i}00") for i in range(3))),
        drawing(path("", command("M", 1, 1), *(command("h", 2) + command("v", 1) for _ in range(200)), command("z"))),
    ],
    ids=["short", "open", "colours", "stairs"],
)
def test_other_polygons_are_not_maps(other: str) -> None:
    """Short ones, open ones, those in many colours, and stairs are not."""
    assert flags(other) == ()


def test_a_letter_is_a_glyph() -> None:
    """One path of quadratic curves in one paint is a letter, of cubic ones it may be an icon."""
    assert flags(drawing(letter())) == ("glyph",)
    assert flags(drawing(letter("c"))) == ()


@pytest.mark.parametrize(
    "other",
    [
        drawing(letter(), letter()),
        drawing(letter().replace("<path>", "<path>stroke=#000")),
        drawing(letter().replace("<path>", "<path>fill=none stroke=#000")),
        drawing(letter().replace("<cmd_z>", "")),
    ],
    ids=["two", "stroke", "outline", "open"],
)
def test_other_curves_are_not_glyphs(other: str) -> None:
    """Two paths, strokes and open lines are not letters."""
    assert flags(other) == ()


@pytest.mark.parametrize("plain", [drawing(), ICON, drawing("<circle>r=5</circle>")])
def test_plain_drawings_have_no_flags(plain: str) -> None:
    """Nothing, an icon, and a dot."""
    assert flags(plain) == ()


@given(st.lists(SHAPE), st.integers(0, 99))
def test_counts_are_those_of_the_tokens(shapes: list[tuple[str, list[int]]], move: int) -> None:
    """Counts equal what a plain reading of the tokens finds, and no string of commands raises."""
    commands = [command(letter, *numbers[: ARITY[letter]]) for letter, numbers in [("M", [move] * 2), *shapes]]
    found = measure(drawing(path("fill=#abc", *commands)))
    letters = [letter for letter, _ in shapes] + ["M"]
    assert found.commands == {letter: letters.count(letter) for letter in letters}
    assert found.subpaths == letters.count("M") and found.closed == letters.count("z")
    assert found.segments == sum(letter not in "Mz" for letter in letters)
    assert found.curves == sum(letter in "cq" for letter in letters)
    assert (found.elements, found.paths, found.paints) == (2, 1, 1)


@given(st.lists(st.integers(-300, 300).filter(bool), min_size=FEW, max_size=90))
def test_the_median_length_is_a_segment_s(lengths: list[int]) -> None:
    """Half of the segments are at most the median, and one has it."""
    lines = [command("h", n) if n % 2 else command("l", n // 3, -n) for n in lengths]
    found = measure(drawing(path("", command("M", 0, 0), *lines)))
    assert found.median_length in map(abs, lengths)
    assert sum(abs(n) <= found.median_length for n in lengths) >= len(lengths) / 2


@pytest.mark.parametrize(
    "one", [chart(True), boxes(), drawing(land()), drawing(letter()), many_paints(), drawing(outline(even_curve))]
)
@given(x=st.integers(-90, 90), y=st.integers(-90, 90))
def test_paths_may_stand_anywhere(one: str, x: int, y: int) -> None:
    """Moving all paths by the same offset changes no measure."""

    def moved(found: re.Match[str]) -> str:
        return f"<cmd_M><P_{int(found[1]) + x}><P_{int(found[2]) + y}>"

    assert measure(re.sub(r"<cmd_M><P_(-?\d+)><P_(-?\d+)>", moved, one)) == measure(one)


def test_two_drawings_in_one_have_the_sum_of_the_counts() -> None:
    """Counts add up over elements."""
    one, two = boxes(), chart(True)
    both = one.removesuffix("</svg>") + two.removeprefix("<svg>viewBox=0 0 784 784")
    for name in ("paths", "shapes", "subpaths", "closed", "segments", "curves", "axis", "strokes", "texts", "rules"):
        assert getattr(measure(both), name) == getattr(measure(one), name) + getattr(measure(two), name), name


@pytest.mark.parametrize(
    "number", ["1", "-0.5", "−10", "1,000", "$5", "30 %", "2.5 kHz", "12:30", "&lt;5", "1/2", "7m"]
)
def test_numbers_are_seen(number: str) -> None:
    """Signs, units, times and currencies belong to numbers."""
    assert measure(drawing(text(1, 1, number))).numbers == 1


@pytest.mark.parametrize("word", ["", "GND", "x 1", "1st place", "v2.0b3", "-", "1" * 100_000 + "x"])
def test_words_are_not_numbers(word: str) -> None:
    """Words with digits are words, and a very long row of digits costs no time."""
    assert measure(drawing(text(1, 1, word))).numbers == 0


def test_lines_count_as_rules() -> None:
    """Line elements that are axis-parallel count, also where a coordinate is left out."""
    lines = ["x1=1 y1=5 x2=9 y2=5", "x1=5 y1=5 x2=5 y2=9", "x2=9", "x1=1 y1=2 x2=3 y2=4"]
    assert measure(drawing(*(f"<line>{line} stroke=#000</line>" for line in lines))).rules == 3


def test_settings_decide() -> None:
    """A stricter threshold takes a flag away, and all flags keep what has them unless told otherwise."""
    found = drawing(outline(even_curve))
    assert flags(found, FlagSettings(traced=TracedRule(longest=500))) == ()
    settings = FlagSettings()
    rules = [getattr(settings, name) for name in FlagSettings.model_fields]
    assert {rule.policy for rule in rules} == {"keep"}
    assert FlagSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("bad", [{"policy": "maybe"}, {"most": 0}, {"longest": FEW - 1}, {"unknown": 1}])
def test_bad_settings_are_refused(bad: dict) -> None:
    """Unknown policies and keys are refused, and thresholds below what is measured."""
    with pytest.raises(ValidationError):
        TracedRule.model_validate(bad)


def test_measures_are_immutable() -> None:
    """A measure cannot be changed after the fact."""
    found = measure(ICON)
    assert isinstance(found, Measures)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.paths = 3  # type: ignore[misc]


@pytest.mark.parametrize("both", [chart(True).replace("</svg>", letter() + "</svg>"), boxes()])
def test_flags_are_sorted_names_of_settings(both: str) -> None:
    """Flags come sorted, each once, and each has settings of its name."""
    found = flags(both)
    assert list(found) == sorted(set(found))
    assert set(found) <= set(FlagSettings.model_fields)
