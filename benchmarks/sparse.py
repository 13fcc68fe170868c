"""A labelled set of drawings with little ink, in `labelled.py`'s format: what is easily merged, and must not be.

    pip install matplotlib
    python benchmarks/sparse.py OUTDIR [--each 40] [--seed 1] [--svgo PATH/TO/svgo]

Families of drawings are made by code, each member a little other than the one before it: formulas on a wide canvas,
charts with other data, circuit symbols (a capacitor with its pins exchanged), diagrams with one label changed, thin
outlines, stars of other counts, clocks of other times, tiny icons on large canvases. Neighbours in a family are pairs
of different drawings; what `labelled.py`'s operations make of a member are its duplicates. ``accuracy.py`` reads it.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import operations
from lxml import etree
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from pairs import Pairs, by_svgo

from stages.render.compare import difference, on_ground
from stages.render.renderers import draw, framed

SIDE = 512
THRESHOLD = 64
LEAST, MOST, MOST_JITTER = 0.001, 0.03, 0.3
"""Share of the ink that differs, in different drawings at least, and in equal ones and in jittered ones at most."""

FORMULAS = (
    r"x_2", r"x_3", r"\sqrt{x}", r"x^2", r"\hat{x}", r"\tilde{x}", r"\bar{x}", r"\dot{x}", r"\frac{x}{2}",
    r"\frac{x}{3}", r"\alpha_i", r"\alpha_j", r"\beta_i", r"\int_0^1", r"\int_0^2", r"\int_1^2", r"\sum_{i=0}^n",
    r"\sum_{j=0}^n", r"\prod_{i=0}^n", r"a \leq b", r"a \geq b", r"a < b", r"a \ll b", r"\vec{v}", r"\vec{u}",
    r"E = mc^2", r"E = mc^3", r"F = ma", r"\sigma(t)", r"\sigma(1)", r"\Gamma(t)", r"p \in P", r"p \notin P",
    r"\left(\frac{a}{b}\right)", r"\left[\frac{a}{b}\right]", r"A \cup B", r"A \cap B", r"\nabla f", r"\Delta f",
    r"\partial f", r"90^\circ", r"80^\circ", r"10\,\Omega", r"16\,\Omega", r"\log_2 n", r"\log_3 n", r"\ln n",
)  # fmt: skip
WORDS = ("Input", "Output", "Cache", "Store", "Read", "Write", "Parse", "Draw", "Merge", "Split", "Count", "Sort")
PIXELS = Any

Family = Iterator[bytes]


def svg(body: str, width: float, height: float, stroke: float = 0) -> bytes:
    """A drawing in black; with a ``stroke`` of lines, else of areas."""
    paint = f'fill="none" stroke="#000" stroke-width="{stroke}"' if stroke else 'fill="#000"'
    return (
        f'<svg xmlns="{operations.SVG}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f"{paint}>{body}</svg>"
    ).encode()


def figure(drawn: Callable[[Figure], None], width: float, height: float) -> bytes:
    """What matplotlib writes, text as outlines; the same bytes each time."""
    with mpl.rc_context({"svg.hashsalt": "svgmill", "svg.fonttype": "path"}):
        page = Figure(figsize=(width, height))
        drawn(page)
        file = io.BytesIO()
        page.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def formulas(chance: random.Random) -> Family:
    """On a page as wide as matplotlib's, at one place, or at the top of it."""
    size, place = chance.choice(((16, (0.5, 0.5)), (12, (0.1, 0.8)), (30, (0.4, 0.4))))
    for text in FORMULAS:

        def drawn(page: Figure, text: str = text) -> None:
            if size != 12:
                page.patch.set_visible(False)
            page.text(*place, f"${text}$", fontsize=size)

        yield figure(drawn, 6.4, 1.6)


def charts(chance: random.Random) -> Family:
    """A kind of chart after the other, each with data of its own and with the same but for one value."""
    for kind in ("plot", "bar", "scatter", "step", "barh") * 100:
        rng = np.random.default_rng(chance.randrange(1 << 30))
        values = rng.uniform(2, 9, 8)
        values[[2, 6]] = 1, 10
        ticks = bool(chance.randrange(2))
        for change in (0, 1):
            some = values.copy()
            if change:
                some[4] = some[4] + 1.5 if some[4] < 6 else some[4] - 1.5

            def drawn(page: Figure, kind: str = kind, some: PIXELS = some, ticks: bool = ticks) -> None:
                axes = page.subplots()
                getattr(axes, kind)(range(8), some)
                if not ticks:
                    axes.set_xticks([])
                    axes.set_yticks([])

            yield figure(drawn, 6.4, 4.8)


def symbols(chance: random.Random) -> Family:
    """Circuit symbols with thin leads on a wide canvas; those beside each other are alike."""
    lead = "M10 50H{a}M{b} 50H190"

    def path(data: str, more: str = "") -> str:
        return f'<path d="{data}"/>{more}'

    plates = "M96 30V70M104 30V70"
    diode = "M88 38V62L112 50Z"
    bodies = [
        path(lead.format(a=96, b=104) + plates, '<path d="M80 30H90M85 25V35"/>'),
        path(lead.format(a=96, b=104) + plates, '<path d="M110 30H120M115 25V35"/>'),
        path(lead.format(a=96, b=104) + plates),
        path(lead.format(a=96, b=104) + "M96 30V70M108 30Q100 50 108 70"),
        path(lead.format(a=96, b=104) + "M96 30V70M104 40V60"),
        path(lead.format(a=88, b=112) + diode + "M112 38V62"),
        path(lead.format(a=88, b=112) + "M112 38V62L88 50ZM88 38V62"),
        path(lead.format(a=88, b=112) + diode + "M112 38V62H116M112 38H108"),
        path(lead.format(a=88, b=112) + diode + "M112 38V62M104 34L112 26M108 26H112V30"),
        path(lead.format(a=80, b=120) + "M80 42H120V58H80Z"),
        path(lead.format(a=80, b=120) + "M80 42H120V58H80ZM84 66L116 34"),
        path(lead.format(a=80, b=120) + "L83 42L90 58L97 42L104 58L111 42L117 58L120 50".replace("L83", "M80 50L83")),
        *(
            path(lead.format(a=100 - 6 * n, b=100 + 6 * n) + f"M{100 - 6 * n} 50" + "a6 6 0 0 1 12 0" * n)
            for n in (3, 4, 5)
        ),
        path("M80 25V75L125 50ZM10 38H80M10 62H80M125 50H190M85 38H91M88 35V41M85 62H91"),
        path("M80 25V75L125 50ZM10 38H80M10 62H80M125 50H190M85 38H91M88 59V65M85 62H91"),
        path("M60 30V70M10 50H60M60 42L90 22V5M60 58L90 78V95M83 78L90 78L88 71"),
        path("M60 30V70M10 50H60M60 42L90 22V5M60 58L90 78V95M68 58L62 59L65 65"),
        path("M100 10V50M85 50H115M90 56H110M95 62H105"),
        path("M100 10V50M85 50H115M85 50L80 58M95 50L90 58M105 50L100 58M115 50L110 58"),
        path("M100 10V50M85 50H115L100 65Z"),
        path(lead.format(a=80, b=120) + "M80 50L118 36"),
        path(lead.format(a=80, b=120) + "M80 50L118 50"),
        path(lead.format(a=85, b=115), '<circle cx="100" cy="50" r="15"/><path d="M96 56V44L100 50L104 44V56"/>'),
        path(lead.format(a=85, b=115), '<circle cx="100" cy="50" r="15"/><path d="M96 44L100 56L104 44"/>'),
        path(lead.format(a=85, b=115), '<circle cx="100" cy="50" r="15"/><path d="M89 39L111 61M111 39L89 61"/>'),
    ]
    width = chance.choice((0.6, 1.0, 1.5))
    for body in bodies:
        yield svg(body, 200, 100, width)


def lettered(text: str, x: float, y: float, size: float) -> str:
    """Path data of a text, centred."""
    outline = TextPath((0, 0), text, size=size, prop=FontProperties(family="DejaVu Sans"))
    low, high = outline.vertices.min(axis=0), outline.vertices.max(axis=0)
    left = x - (low[0] + high[0]) / 2
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    data = ""
    for points, code in outline.iter_segments():
        numbers = points.reshape(-1, 2) * (1, -1) + (left, y + size / 3)
        data += "Z" if code == 79 else letters[int(code)] + " ".join(f"{v:.2f}" for v in numbers.ravel())
    return f'<path d="{data}" fill="#000" stroke="none"/>'


def diagrams(chance: random.Random) -> Family:
    """Boxes with labels as outlines, and arrows; the next one has a letter, an arrowhead, or a line changed."""
    while True:
        labels = chance.sample(WORDS, 6)
        texts = [labels, [*labels]]
        k = chance.randrange(6)
        swap = chance.choice([letter for letter in "aeosn" if letter not in labels[k].lower()])
        texts[1][k] = labels[k][:2] + swap + labels[k][3:]
        for variant, (names, arrow) in enumerate(((texts[0], 0), (texts[1], 0), (texts[0], 1), (texts[0], 2))):
            body = ""
            for n, name in enumerate(names):
                x, y = 30 + n % 3 * 190, 40 + n // 3 * 160
                body += f'<rect x="{x}" y="{y}" width="120" height="60"/>' + lettered(name, x + 60, y + 30, 18)
                if n % 3 < 2 and not (arrow == 2 and n == 1):
                    a, b = (x + 120, x + 190) if not (arrow == 1 and n == 0) else (x + 190, x + 120)
                    tip = 7 if b < a else -7
                    body += f'<path d="M{a} {y + 30}H{b}M{b + tip} {y + 25}L{b} {y + 30}L{b + tip} {y + 35}"/>'
            yield svg(body, 560, 300, 1.2 if variant < 4 else 1)


def stars(chance: random.Random) -> Family:
    """Outlines of stars, a point more each time, for several depths and strokes."""
    for depth, width in ((0.5, 0.6), (0.7, 0.8), (0.85, 1.0), (0.93, 0.8)) * 10:
        turn = chance.random()
        for count in (8, 9, 10, 11, 12, 16, 17, 24, 25):
            points = []
            for k in range(2 * count):
                r, angle = (45 if k % 2 == 0 else 45 * depth), turn + math.pi * k / count
                points.append(f"{50 + r * math.cos(angle):.3f},{50 + r * math.sin(angle):.3f}")
            yield svg(f'<polygon points="{" ".join(points)}"/>', 100, 100, width)


def outlines(chance: random.Random) -> Family:
    """Thin closed lines that nearly coincide: polygons of other counts, corners cut or rounded, rings with a gap."""
    while True:
        width = chance.choice((0.4, 0.7, 1.0))
        r, gap = chance.uniform(25, 45), chance.randrange(4)
        for count in (9, 10, 12):
            points = [2 * math.pi * k / count for k in range(count)]
            text = " ".join(f"{50 + r * math.cos(a):.3f},{50 + r * math.sin(a):.3f}" for a in points)
            yield svg(f'<polygon points="{text}"/>', 100, 100, width)
        yield svg(f'<circle cx="50" cy="50" r="{r:.3f}"/>', 100, 100, width)
        x, side = 50 - r, 2 * r
        for corner in (0, r / 5):
            yield svg(
                f'<rect x="{x:.3f}" y="{x:.3f}" width="{side:.3f}" height="{side:.3f}" rx="{corner:.3f}"/>',
                100, 100, width,
            )  # fmt: skip
        for place in (gap, gap + 1):
            start, end = place * math.pi / 2, place * math.pi / 2 + 2 * math.pi - 0.25
            a, b = ((50 + r * math.cos(t), 50 + r * math.sin(t)) for t in (start, end))
            data = f"M{a[0]:.3f} {a[1]:.3f}A{r:.3f} {r:.3f} 0 1 1 {b[0]:.3f} {b[1]:.3f}"
            yield svg(f'<path d="{data}"/>', 100, 100, width)


def clocks(chance: random.Random) -> Family:
    """A dial with thin hands, each time another time."""
    dial = "".join(
        f'<path d="M{50 + 40 * math.cos(a):.3f} {50 + 40 * math.sin(a):.3f}'
        f'L{50 + 45 * math.cos(a):.3f} {50 + 45 * math.sin(a):.3f}"/>'
        for a in (math.pi * k / 6 for k in range(12))
    )
    while True:
        minute, hour = 2 * math.pi * chance.randrange(60) / 60, 2 * math.pi * chance.randrange(12) / 12
        for step in (0, 0.21):
            hands = "".join(
                f'<path d="M50 50L{50 + r * math.cos(a):.3f} {50 + r * math.sin(a):.3f}"/>'
                for r, a in ((36, minute + step), (24, hour))
            )
            yield svg(f'<circle cx="50" cy="50" r="47"/>{dial}{hands}', 100, 100, 0.8)


ICONS = (
    "M4 12L10 18L20 6", "M5 5L19 19M19 5L5 19", "M12 5V19M5 12H19", "M5 12H19", "M5 12H19M13 6L19 12L13 18",
    "M19 12H5M11 6L5 12L11 18", "M12 19V5M6 11L12 5L18 11", "M12 5V19M6 13L12 19L18 13", "M3 11L12 3L21 11V21H3Z",
    "M3 11L12 3L21 11V21H3ZM10 21V14H14V21", "M3 6H21M3 12H21M3 18H21", "M3 6H21M3 12H21M3 18H14", "M4 4H20V20H4Z",
    "M4 4H20V20H4ZM8 12L11 15L16 9", "M12 3A9 9 0 1 1 12 21A9 9 0 1 1 12 3Z",
    "M12 3A9 9 0 1 1 12 21A9 9 0 1 1 12 3ZM12 7V13", "M12 3A9 9 0 1 1 12 21A9 9 0 1 1 12 3ZM12 11V17",
    "M4 6H20V18H4ZM4 6L12 13L20 6", "M6 9L12 15L18 9", "M6 15L12 9L18 15", "M9 6L15 12L9 18", "M15 6L9 12L15 18",
    "M5 4V20L19 12Z", "M6 4H10V20H6ZM14 4H18V20H14Z",
)  # fmt: skip


def tiny(chance: random.Random) -> Family:
    """An icon in a corner or the middle of a canvas that is many times as large."""
    while True:
        scale = chance.choice((1.5, 2.0, 3.0, 5.0))
        x, y = chance.choice(((30, 40), (400, 300), (700, 800)))
        for data in ICONS:
            moved = operations.mapped(
                operations.absolute_path(data), lambda v, up, x=x, y=y, s=scale: v * s + (y if up else x), scale
            )
            yield svg(f'<path d="{operations.spelled(moved)}"/>', 1000, 1000, 1.8 * scale)


FAMILIES: dict[str, Callable[[random.Random], Family]] = {
    made.__name__: made for made in (formulas, charts, symbols, diagrams, stars, outlines, clocks, tiny)
}


class Sparse(Pairs):
    """Drawings with little ink, and what operations made of them."""

    def add(self, base: str, operation: str, text: bytes | None, original: bytes) -> None:
        """Write what an operation made of a drawing, unless it changed the picture."""
        if text is None:
            self.left_out[f"{operation}: the tool failed"] += 1
        elif apart(original, text, operation != "recoloured") > (MOST_JITTER if operation == "jitter" else MOST):
            self.left_out[f"{operation}: changed the picture"] += 1
        else:
            self.write(f"{base}/{operation}.svg", text)
            self.label(f"{base}/base.svg", f"{base}/{operation}.svg", operation, True)


def picture(text: bytes) -> PIXELS:
    root = etree.fromstring(text)
    return draw(framed(etree.tostring(root), tuple(operations.box(root)), SIDE), "librsvg")


def apart(one: bytes, other: bytes, colours: bool = True) -> float:
    """The share of the ink, of the drawing that has less of it, that differs once a shift of a pixel is forgiven."""
    pictures = [picture(one), picture(other)]
    if not colours:
        for pixels in pictures:
            pixels[..., :3] = 0
    inks = []
    for pixels in pictures:
        white = on_ground(pixels, 255)
        inks.append(int((np.abs(white - white[:, :1, :1]).max(axis=0) > THRESHOLD).sum()))
    return difference(*pictures, THRESHOLD).visible_share * SIDE * SIDE / max(min(inks), 1)


def main() -> None:
    """Make the set, and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=40, help="drawings of each family at most")
    parser.add_argument("--seed", default="", help="another one makes other drawings")
    parser.add_argument("--svgo")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    made = Sparse(args.out)
    members: list[tuple[str, bytes]] = []
    for name, family in FAMILIES.items():
        before = b""
        for number, (text, _) in enumerate(
            zip(family(random.Random(f"{name}{args.seed}")), range(args.each), strict=False)
        ):
            base = f"{name}-{number:03}"
            made.write(f"{base}/base.svg", text)
            if before and apart(before, text) < LEAST:
                made.left_out[f"{name}: look the same"] += 1
            elif before:
                made.label(f"{name}-{number - 1:03}/base.svg", f"{base}/base.svg", name, False)
            before = text
            members.append((base, text))
    for base, text in members:
        chance = random.Random(f"{base}{args.seed}")
        for name, operation in operations.OPERATIONS.items():
            root = etree.fromstring(text)
            if operation(root, chance):
                made.add(base, name, etree.tostring(root), text)
        made.add(base, "scour", operations.scour(deepcopy(text)), text)
        made.add(base, "other_tool", operations.picosvg(text), text)
    if args.svgo:
        originals = dict(members)
        for base, text in by_svgo(args.svgo, originals, args.out.with_name(args.out.name + "-svgo")).items():
            made.add(base, "svgo", text, originals[base])
    made.save()


if __name__ == "__main__":
    main()
