"""Charts as inline SVG: each function returns markup that takes its colours from the page's style sheet.

Lengths are in the chart's own user units; the page scales it. Coordinates are printed with at most one decimal, so that
equal data give equal bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from pipeline.report.model import Histogram
from pipeline.report.text import count, plain, share
from pipeline.versions.manifest import Funnel, StageCount
from stages.pathdata import parse_path
from stages.reasons import Outcome, Reason, outcome

_REASONS = frozenset(str(reason) for reason in Reason)


def outcome_of(reason: str) -> str:
    """The outcome's name for a reason code; a code that `stages.reasons` does not know counts as rejected."""
    return str(outcome(Reason(reason))) if reason in _REASONS else str(Outcome.REJECTED)


def _n(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _rect(css: str, x: float, y: float, width: float, height: float, title: str = "") -> Markup:
    tip = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}">{}</rect>').format(
        css, _n(x), _n(y), _n(width), _n(height), tip
    )


def _text(css: str, x: float, y: float, text: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(css, _n(x), _n(y), anchor, text)


def _svg(css: str, width: float, height: float, label: str, parts: Sequence[Markup], stretch: bool = False) -> Markup:
    ratio = Markup(' preserveAspectRatio="none"') if stretch else ""
    return Markup('<svg class="{}" viewBox="0 0 {} {}"{} role="img" aria-label="{}">{}</svg>').format(
        css, _n(width), _n(height), ratio, plain(label), Markup("").join(parts)
    )


def bar(part: int, whole: int, css: str = "kept") -> Markup:
    """A horizontal bar filled to ``part`` of ``whole``; a part that is not 0 is always visible."""
    return stacked([(css, part)], whole)


def stacked(parts: Sequence[tuple[str, int]], whole: int, label: str = "") -> Markup:
    """A horizontal bar of (class, count) parts out of ``whole``, on a track; decorative unless it has a ``label``."""
    shapes = [_rect("track", 0, 0, 1000, 10)]
    at = 0.0
    for css, n in parts:
        if n > 0 and whole > 0:
            width = max(1000 * n / whole, 4)
            shapes.append(_rect(css, min(at, 996), 0, width, 10, label and f"{css}: {count(n)}, {share(n, whole)}"))
            at += 1000 * n / whole
    if label:
        return _svg("bar", 1000, 10, label, shapes, stretch=True)
    return Markup(
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(Markup("").join(shapes))


def flow(funnel: Funnel, stages: Sequence[StageCount]) -> Markup:
    """The funnel as a river: a band as thick as the records that go on, from which each stage's losses run off."""
    width, top, bend = 1000.0, 58.0, 7.0
    step = (width - 84) / max(len(stages), 1)
    losses = [sum(row.dropped.values()) for row in stages]
    # The widest loss must fit between its stage and the next one.
    full = min(132.0, (step - 16) * funnel.input / max(*losses, 1)) if losses else 132.0
    base = top + full + 34

    def thick(n: int) -> float:
        return full * n / funnel.input if funnel.input else 0.0

    parts: list[Markup] = []
    x = 4.0
    for row in stages:
        into, on = thick(row.input), thick(row.kept)
        lost = dict.fromkeys(("rejected", "quarantined", "duplicate"), 0)
        for reason, n in row.dropped.items():
            lost[outcome_of(reason)] += n
        parts.append(_rect("river", x, top, step, max(on, 1.0 if row.kept else 0.0)))
        parts.append(_rect("node", x, top - 3, 3, max(into, 1.0) + 6))
        below, centre = top + on, max(top + into, top + on + 1) + bend
        for kind, n in lost.items():
            if n:
                end = below + max(thick(n), 1.5)
                parts.append(_ribbon(kind, x + 3, below, end, centre + max(0.0, end - centre + bend), base))
                below += thick(n)
        total = sum(lost.values())
        parts.append(_text("name", x, 18, plain(row.stage)))
        parts.append(_text("small", x, 36, count(row.input)))
        if total:
            parts.append(_text("loss", x + 8, base + 18, f"\u2212{count(total)}"))
            parts.append(_text("small", x + 8, base + 34, share(total, row.input)))
        x += step
    parts.append(_rect("node end", x, top - 3, 4, max(thick(funnel.kept), 1.0) + 6))
    parts.append(_text("name", x, 18, "kept"))
    parts.append(_text("small", x, 36, count(funnel.kept)))
    parts.append(_text("small", x + 10, top + thick(funnel.kept) / 2 + 4, share(funnel.kept, funnel.input)))
    label = f"Records through the stages: {count(funnel.input)} come in, {count(funnel.kept)} are kept."
    return _svg("chart flow", width, base + 42, label, parts)


def _ribbon(css: str, x: float, upper: float, lower: float, centre: float, base: float) -> Markup:
    """A band that leaves to the right between ``upper`` and ``lower`` and turns down around (x, ``centre``)."""
    outer, inner = centre - upper, centre - lower
    return Markup('<path class="{}" d="M{} {}A{} {} 0 0 1 {} {}V{}H{}V{}A{} {} 0 0 0 {} {}z"/>').format(
        css, *map(_n, (x, upper, outer, outer, x + outer, centre, base, x + inner, centre, inner, inner, x, lower))
    )


def _nice(high: float, about: int) -> float:
    """A round step (1, 2 or 5 times a power of ten) that divides ``high`` into about ``about`` parts."""
    raw = high / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)


def _short(value: float) -> str:
    if value >= 10_000:
        for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if value >= limit:
                return f"{value / limit:g}{unit}"
    return count(int(value)) if value == int(value) else f"{value:.6g}"


def histogram(
    data: Histogram,
    label: str,
    unit: str,
    marks: Sequence[int] = (),
    names: Sequence[str] = (),
    logarithmic: bool = False,
) -> Markup:
    """A histogram with axes. ``marks`` are x positions drawn as lines, ``names`` the spans between and beside them.

    Values outside the edges get a hatched column of their own at that end. ``logarithmic`` concerns the counts' axis.
    """
    width, height, left, right, top, bottom = 460.0, 236.0, 44.0, 8.0, 26.0, 42.0
    begin = left + (36 if data.below else 0)
    end = width - right - (26 if data.above else 0)
    low, high = data.edges[0], data.edges[-1]
    peak = max(*data.counts, data.below, data.above, 1)

    def across(value: float) -> float:
        return begin + (value - low) / (high - low) * (end - begin)

    def up(n: float) -> float:
        part = math.log10(1 + n) / math.log10(1 + ceiling) if logarithmic else n / ceiling
        return (height - top - bottom) * part

    ground = height - bottom
    if logarithmic:
        ceiling = float(peak)
        ticks = [10.0**power for power in range(math.floor(math.log10(peak)) + 1)]
    else:
        step = max(_nice(peak, 4), 1.0)
        ceiling = step * math.ceil(peak / step)
        ticks = [step * i for i in range(1, round(ceiling / step) + 1)]

    parts: list[Markup] = []
    for tick in ticks:
        y = _n(ground - up(tick))
        parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(_n(left), y, _n(width - right)))
        parts.append(_text("tick", left - 6, ground - up(tick) + 4, _short(tick), "end"))
    for i, n in enumerate(data.counts):
        if n:
            x, x2 = across(data.edges[i]), across(data.edges[i + 1])
            gap = 1.0 if x2 - x > 4 else 0.0
            title = f"{_short(data.edges[i])} to {_short(data.edges[i + 1])}: {count(n)}"
            parts.append(_rect("column", x, ground - max(up(n), 1), x2 - x - gap, max(up(n), 1), title))
    for n, x, word, value in ((data.below, left, "less than", low), (data.above, end + 8, "more than", high)):
        if n:
            title = f"{word} {_short(value)}: {count(n)}"
            parts.append(_rect("column outside", x, ground - max(up(n), 1), 18, max(up(n), 1), title))
            parts.append(_text("tick", x + 9, ground + 15, word[:4], "middle"))
    inside = [mark for mark in marks if low < mark < high]
    for mark in inside:
        parts.append(Markup('<path class="mark" d="M{} {}V{}"/>').format(_n(across(mark)), _n(top - 8), _n(ground)))
    if names and inside == list(marks):
        bounds = [begin, *map(across, marks), end]
        for name, a, b in zip(names, bounds, bounds[1:], strict=False):
            if b - a >= 7 * len(name) + 4:
                parts.append(_text("tick tiername", (a + b) / 2, top - 10, name, "middle"))
    parts.append(Markup('<path class="axis" d="M{} {}H{}"/>').format(_n(left), _n(ground), _n(width - right)))
    step = _nice(high - low, 5)
    first = math.ceil(low / step - 1e-9)
    for i in range(first, math.floor(high / step + 1e-9) + 1):
        parts.append(_text("tick", across(i * step), ground + 15, _short(round(i * step, 9)), "middle"))
    parts.append(_text("tick", (begin + end) / 2, height - 8, unit, "middle"))
    return _svg("chart", width, height, f"{label}: {count(data.total)} values, most in one bin {count(peak)}", parts)


def glyph(path: str, label: str) -> Markup:
    """A segment's geometry as a small line drawing with a dot at its start.

    Raises ValueError for path data that does not parse or does not begin with a moveto.
    """
    commands, whole = parse_path(path)
    if not whole or not commands:
        raise ValueError(f"not path data: {path[:80]!r}")
    x0, y0, x1, y1 = _bounds(commands)
    extent = max(x1 - x0, y1 - y0, 1e-6)
    scale = 32 / extent
    shift = (24 - scale * (x0 + x1) / 2, 24 - scale * (y0 + y1) / 2)
    start = (shift[0] + scale * commands[0][1][0], shift[1] + scale * commands[0][1][1])
    printed = "".join(letter + " ".join(f"{arg:g}" for arg in args) for letter, args in commands)
    return Markup(
        '<svg class="glyph" viewBox="0 0 48 48" role="img" aria-label="{}">'
        '<path transform="matrix({} 0 0 {} {} {})" d="{}"/><circle cx="{}" cy="{}" r="2.4"/></svg>'
    ).format(plain(label), f"{scale:.4g}", f"{scale:.4g}", *map(_n, shift), printed, *map(_n, start))


def _bounds(commands: Sequence[tuple[str, tuple[float, ...]]]) -> tuple[float, float, float, float]:
    """A box around end points and control points (an arc as if circular): x0, y0, x1, y1."""
    xs: list[float] = []
    ys: list[float] = []
    x = y = sx = sy = 0.0
    for letter, args in commands:
        ox, oy = (x, y) if letter.islower() else (0.0, 0.0)
        kind = letter.upper()
        if kind == "Z":
            x, y = sx, sy
        elif kind == "H":
            x = ox + args[0]
        elif kind == "V":
            y = oy + args[0]
        elif kind == "A":
            end_x, end_y = ox + args[5], oy + args[6]
            xs_ys = _arc_reach(x, y, end_x, end_y, max(abs(args[0]), abs(args[1])), bool(args[3]), bool(args[4]))
            xs += xs_ys[0]
            ys += xs_ys[1]
            x, y = end_x, end_y
        else:
            xs += [ox + v for v in args[0::2]]
            ys += [oy + v for v in args[1::2]]
            x, y = xs[-1], ys[-1]
        if kind == "M":
            sx, sy = x, y
        xs.append(x)
        ys.append(y)
    return min(xs), min(ys), max(xs), max(ys)


def _arc_reach(
    x0: float, y0: float, x1: float, y1: float, radius: float, large: bool, sweep: bool
) -> tuple[list[float], list[float]]:
    """Points that an arc of a circle reaches beside its end points: its apex, and its circle's box if it is large."""
    chord = math.dist((x0, y0), (x1, y1))
    if chord == 0:
        return [], []
    side = 1 if sweep else -1  # with y downwards, a positive sweep from left to right bulges upwards
    out_x, out_y = side * (y1 - y0) / chord, -side * (x1 - x0) / chord
    radius = max(radius, chord / 2)
    inner = math.sqrt(radius**2 - chord**2 / 4)
    height = radius + inner if large else radius - inner
    apex_x, apex_y = (x0 + x1) / 2 + height * out_x, (y0 + y1) / 2 + height * out_y
    if not large:
        return [apex_x], [apex_y]
    middle_x, middle_y = apex_x - radius * out_x, apex_y - radius * out_y
    return [middle_x - radius, middle_x + radius], [middle_y - radius, middle_y + radius]
