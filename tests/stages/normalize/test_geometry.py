"""Arcs, boxes, clipping and rounding, against sampled points."""

import math
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stages.normalize import NormalizeSettings
from stages.normalize.geometry.arcs import center, middle
from stages.normalize.geometry.boxes import arc_box, exact_box, hull_box
from stages.normalize.geometry.clip import clip_fill, reach_stroke
from stages.normalize.geometry.path_segments import Subpath, from_commands, transform
from stages.normalize.geometry.quantize import FILL, Pen, quantize
from stages.normalize.geometry.transforms import apply, determinant, singular_values
from stages.pathdata import parse_path

SETTINGS = NormalizeSettings()
PLACE = st.floats(-300, 1100)
RADIUS = st.floats(2, 400)
FLAG = st.integers(0, 1)
MATRIX = st.tuples(*[st.floats(-3, 3)] * 4, *[st.floats(-200, 200)] * 2)


def path(data: str) -> list[Subpath]:
    return from_commands(parse_path(data)[0])


def points(subpaths: list[Subpath], count: int = 24) -> list[list[tuple[float, float]]]:
    """Each subpath as a polyline, evenly in the parameter of each segment."""
    lines = []
    for sub in subpaths:
        line = [(sub.x, sub.y)]
        for seg in sub.segments:
            x0, y0 = line[-1]
            if seg[0] == "A":
                c = center(x0, y0, *seg[1:])
                line += [c.at(c.start + c.extent * i / count) for i in range(1, count)]
            else:
                pts = [(x0, y0), *zip(seg[1::2], seg[2::2], strict=True)]
                n = len(pts) - 1
                for i in range(1, count):
                    t = i / count
                    weights = [math.comb(n, k) * t**k * (1 - t) ** (n - k) for k in range(n + 1)]
                    line.append(tuple(sum(w * p[d] for w, p in zip(weights, pts, strict=True)) for d in (0, 1)))
            line.append((seg[-2], seg[-1]))
        if sub.closed:
            line.append((sub.x, sub.y))
        lines.append(line)
    return lines


def winding(lines: list[list[tuple[float, float]]], x: float, y: float) -> int:
    """The winding number of closed polylines about a point."""
    total = 0
    for line in lines:
        for (ax, ay), (bx, by) in zip(line, [*line[1:], line[0]], strict=True):
            if (ay <= y) != (by <= y):
                side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
                total += (side > 0) - (side < 0) if (side > 0) == (by > ay) else 0
    return total


@given(PLACE, PLACE, RADIUS, RADIUS, st.floats(-200, 200), FLAG, FLAG, PLACE, PLACE, MATRIX)
def test_the_image_of_an_arc_is_an_arc(x0, y0, rx, ry, turn, large, sweep, x, y, matrix):
    """Mapping the arc's points equals the points of the mapped arc, with its own radii, rotation and sweep."""
    assume(math.hypot(x - x0, y - y0) > 1)
    big, small = singular_values(matrix)
    assume(small > 0.05 and big < 4)
    source = path(f"M{x0} {y0}A{rx} {ry} {turn} {large} {sweep} {x} {y}")
    seg = source[0].segments[0]
    half = math.hypot(*apply((1, 0, 0, 1, 0, 0), (x - x0) / 2, (y - y0) / 2))
    assume(abs(half / max(rx, ry) - 1) > 0.01 and abs(half / min(rx, ry) - 1) > 0.01)
    mapped = transform(source, matrix)
    expected = apply(matrix, *middle(x0, y0, *seg[1:]))
    got = middle(mapped[0].x, mapped[0].y, *mapped[0].segments[0][1:])
    size = 1 + max(rx, ry, half)
    assert math.dist(got, expected) < 1e-4 * size * size
    assert mapped[0].segments[0][5] == (seg[5] if determinant(matrix) > 0 else 1 - seg[5])


CURVES = st.lists(
    st.one_of(
        st.tuples(st.just("L"), PLACE, PLACE),
        st.tuples(st.just("C"), *[PLACE] * 6),
        st.tuples(st.just("Q"), *[PLACE] * 4),
        st.tuples(st.just("A"), RADIUS, RADIUS, st.integers(-90, 90), FLAG, FLAG, PLACE, PLACE),
    ),
    min_size=1,
    max_size=6,
).map(lambda segments: "M10 20" + "".join(letter + " ".join(map(str, args)) for letter, *args in segments))


@given(CURVES)
def test_boxes_hold_the_path_and_touch_it(data: str):
    """The exact box is that of densely sampled points; the hull box holds it."""
    sampled = [p for line in points(path(data), 400) for p in line]
    box, hull = exact_box(path(data)), hull_box(path(data))
    expected = (min(p[0] for p in sampled), min(p[1] for p in sampled))
    assert box[:2] == pytest.approx(expected, abs=0.5) and box[0] <= expected[0] + 1e-6 and box[1] <= expected[1] + 1e-6
    expected = (max(p[0] for p in sampled), max(p[1] for p in sampled))
    assert box[2:] == pytest.approx(expected, abs=0.5) and box[2] >= expected[0] - 1e-6 and box[3] >= expected[1] - 1e-6
    assert all(h <= b + 1e-6 for h, b in zip(hull[:2], box[:2], strict=True))
    assert all(h >= b - 1e-6 for h, b in zip(hull[2:], box[2:], strict=True))


def test_an_arc_that_is_nearly_a_circle_has_the_circle_s_box():
    """Extremes between the ends count."""
    assert arc_box(50, 10, ("A", 40, 40, 0, 1, 1, 49.99, 10)) == pytest.approx((10, 10, 90, 90), abs=0.1)


@settings(max_examples=60, deadline=None)
@given(CURVES, st.lists(st.tuples(st.floats(3, 780), st.floats(3, 780)), min_size=8, max_size=8))
def test_clipping_a_fill_keeps_every_winding_number_inside(data: str, probes: list[tuple[float, float]]):
    """Within the box both fill rules see the same picture; outside nothing is left."""
    box = (0.0, 0.0, 784.0, 784.0)
    before = [[*line, line[0]] for line in points(path(data), 200)]
    clipped = clip_fill(path(data), box)
    after = points(clipped, 200)
    for line in after:
        for x, y in line:
            assert -1e-6 <= x <= 784 + 1e-6 and -1e-6 <= y <= 784 + 1e-6
    for x, y in probes:
        near = min((math.dist((x, y), p) for line in [*before, *after] for p in line), default=99)
        if near > 12:  # polylines stand in for the curves, so points near them prove nothing
            assert winding(before, x, y) == winding(after, x, y)


def test_a_fill_around_the_box_becomes_the_box():
    """No corner of the path needs to lie inside."""
    done = quantize(clip_fill(path("M-100 -100H900V900H-100z"), (0, 0, 784, 784)), FILL, SETTINGS)
    assert done is not None and done.fits and done.data == "M0 0h784v784h-784z"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("M-50 100H100V200", "M100 100h-150h150v100"),
        ("M-50 -50H100V100H-50z", "M100 100h-150v-150h150v150z"),
        ("M100 100H-900V300H100", "M100 100h-500h-500v200h500h500"),
    ],
)
def test_strokes_begin_within_reach(data: str, expected: str):
    """Closed strokes turn, open ones go back to their beginning first, and long lines are cut."""
    moved = reach_stroke(path(data), 784, 794, 5, False, False)
    assert moved is not None
    pen = Pen(False, True, False, 5.0)
    done = quantize(moved, pen, SETTINGS)
    assert done is not None and done.fits
    assert done.data == expected


def q(data: str, pen: Pen = FILL) -> str:
    done = quantize(path(data), pen, SETTINGS)
    return "" if done is None else done.data


DOTS = Pen(False, True, True, 2.0)
BUTT = Pen(False, True, False, 2.0)


def test_rounding_does_not_accumulate():
    """A thousand steps of 0.3 end where 300 is, and closed subpaths stay closed."""
    assert sum(int(n) for n in re.findall(r"h(-?\d+)", q("M0 0" + "h.3" * 1000, BUTT))) == 300
    assert q("M10.4 10.4l.4 .4l20 0l-.3 20z") == "M10 10l1 1h20v20z"


def test_commands_that_draw_nothing_are_dropped_unless_they_draw_dots():
    """No-ops go; with round caps a subpath without length is a dot."""
    assert q("M5 5h.2v0l.1.1c.1 0 0 .1.1.1h20v20") == "M5 5h20v20"
    assert q("M5 5h.01", DOTS) == "M5 5z"
    assert q("M5 5h.01", DOTS._replace(square=True)) == "M5 5h1"
    assert q("M5 5h.01", BUTT) == "" and q("M5 5h.01") == "" and q("M5 5", DOTS) == ""
    assert q("M5 5h9M7 7zM8 8h9v9") == "M8 8h9v9"


def test_reflected_control_points_stay_implied_only_while_they_are_right():
    """s and t are kept as written, and become c and q where dropping or rounding breaks the reflection."""
    assert q("M0 0c10 0 20 10 20 20s10 20 20 20v9") == "M0 0c10 0 20 10 20 20s10 20 20 20v9"
    assert q("M0 0q.2 .3 .3 .1t40 40v9") == "M0 0t40 40v9"
    assert q("M0 0c.4 0 .3 -.3 .4 -.4S90 10 90 90v9") == "M0 0s90 10 90 90v9"
    assert q("M0 0c9 9 20 9 .4 .4S90 10 90 90v9").count("s") == 1
    assert q("M0 0q9.4 9.4 20.4 20.4t20.4 20.4t20.4 20.4t20.4 20.4t9 -9").count("q") >= 2


@given(st.floats(20, 300), st.floats(200, 600), st.floats(200, 600))
def test_circles_made_of_arcs_stay_round(r: float, cx: float, cy: float):
    """However a circle is written as arcs, its rounded form stays within 1.6 units of it everywhere."""
    for data in (
        f"M{cx - r} {cy}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z",
        f"M{cx} {cy - r}a{r} {r} 0 1 1 -.01 0z",
        f"M{cx + r} {cy}A{r} {r} 0 0 1 {cx} {cy + r}A{r} {r} 0 1 1 {cx + r} {cy}z",
    ):
        for line in points(path(q(data)), 60):
            assert all(abs(math.dist(p, (cx, cy)) - r) < 1.6 for p in line)


def test_degenerate_arcs_are_lines_and_wild_flags_end_the_path():
    """A radius of zero means a line; a flag that is neither 0 nor 1 is an error in the data."""
    assert q("M0 0A0 5 0 0 1 20 20v9z") == "M0 0l20 20v9z"
    assert q("M0 0h50v50A5 5 0 2 1 20 20") == "M0 0h50v50"


def test_the_spec_s_recovery_draws_up_to_the_error():
    """What comes before an error in the data is drawn."""
    assert q("M0 0h50v50l5") == "M0 0h50v50"


def test_radii_too_small_to_compute_with_are_those_that_reach():
    """An arc of nearly no radius between distant points is a half circle, whatever the scale."""
    tiny, half = (from_commands(parse_path(f"M0 0A{r} {r} 0 0 1 8 0")[0]) for r in ("1e-300", "4"))
    assert [round(value, 6) for value in exact_box(tiny)] == [round(value, 6) for value in exact_box(half)]
    assert from_commands(parse_path("M0 0A1e-300 5 0 0 1 8 0")[0])[0].segments == [("L", 8.0, 0.0)]
