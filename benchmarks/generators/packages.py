"""What Python packages make of small inputs: packages.py OUTDIR. A package that is not there is named and skipped."""

from __future__ import annotations

import math
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

OUT = Path(sys.argv[1])
MAKERS: list[tuple[str, Callable[[Path], None]]] = []


def maker(generator: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def register(make: Callable[[Path], None]) -> Callable[[Path], None]:
        MAKERS.append((generator, make))
        return make

    return register


@maker("matplotlib")
def matplotlib_(out: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    import numpy as np

    x = np.linspace(0, 6, 60)
    for name, kind in (("paths", "path"), ("text", "none")):
        plt.rcParams["svg.fonttype"] = kind
        figure, axes = plt.subplots(figsize=(5, 3.5))
        axes.plot(x, np.sin(x), label=r"$\sin(x)$")
        axes.fill_between(x, np.cos(x), alpha=0.3, hatch="//")
        axes.set(title="Waves", xlabel=r"$x^2_i$", ylabel="value")
        axes.legend()
        figure.savefig(out / f"lines-{name}.svg")
    plt.rcParams["svg.fonttype"] = "path"
    figure, axes = plt.subplots(2, 2, figsize=(6, 6))
    rng = np.random.default_rng(1)
    axes[0, 0].scatter(rng.random(40), rng.random(40), c=rng.random(40), s=200 * rng.random(40), alpha=0.5)
    axes[0, 1].pie([3, 4, 5], labels=["a", "b", "c"], explode=[0, 0.1, 0], shadow=True, autopct="%d%%")
    axes[1, 0].bar(["p", "q", "r"], [3, 5, 2], yerr=[0.5, 1, 0.2], capsize=4, color=["#e33", "#3e3", "#33e"])
    axes[1, 1].contourf(rng.random((8, 8)))
    figure.savefig(out / "four.svg", transparent=True)
    figure = plt.figure()
    axes = figure.add_subplot(projection="polar")
    axes.plot(x, x)
    figure.savefig(out / "polar.svg")
    figure, axes = plt.subplots()
    axes.imshow(rng.random((4, 4)))
    figure.savefig(out / "image.svg")


@maker("seaborn")
def seaborn_(out: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd
    import seaborn as sns

    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80), "k": rng.choice(list("xyz"), 80)})
    sns.set_theme()
    for name, draw in {
        "scatter": lambda: sns.scatterplot(frame, x="a", y="b", hue="k"),
        "violin": lambda: sns.violinplot(frame, x="k", y="a"),
        "heatmap": lambda: sns.heatmap(rng.random((5, 6)), annot=True, cbar=False),
    }.items():
        plt.figure()
        draw().figure.savefig(out / f"{name}.svg")
    frame.groupby("k").mean().plot.barh(title="pandas").figure.savefig(out / "pandas-barh.svg")


@maker("networkx")
def networkx_(out: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    import networkx as nx

    figure, axes = plt.subplots()
    nx.draw(nx.karate_club_graph(), pos=nx.circular_layout(nx.karate_club_graph()), ax=axes, with_labels=True)
    figure.savefig(out / "karate.svg")


@maker("altair")
def altair_(out: Path) -> None:
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame({"x": list("ABCD"), "y": [3, 7, 2, 5]})
    (alt.Chart(frame, title="Bars").mark_bar().encode(x="x", y="y", color="x")).save(out / "bars.svg")
    alt.Chart(frame).mark_arc(innerRadius=40).encode(theta="y", color="x").save(out / "donut.svg")
    alt.Chart(frame).mark_line(point=True).encode(x="x", y="y").save(out / "line.svg")


@maker("typst")
def typst_(out: Path) -> None:
    import typst

    pages = {
        "formula": "$ integral_0^oo e^(-x^2) dif x = sqrt(pi)/2 $",
        "shapes": "#rect(width: 60pt, height: 30pt, fill: gradient.linear(red, blue), radius: 4pt)\n"
        "#circle(radius: 12pt, stroke: 2pt + oklch(60%, 0.2, 150deg))\n#text(fill: color.mix(red, blue))[Typst *bold*]",
        "table": "#table(columns: 3, fill: (x, y) => if calc.odd(y) { luma(230) }, [a], [b], [c], [1], [2], [3])",
        "tiling": "#let p = tiling(size: (8pt, 8pt))[#place(line(start: (0%, 0%), end: (100%, 100%)))]\n"
        "#rect(width: 80pt, height: 40pt, fill: p)",
    }
    for name, page in pages.items():
        source = out / f"{name}.typ"
        source.write_text("#set page(width: 160pt, height: auto, margin: 8pt)\n" + page)
        typst.compile(source, output=out / f"{name}.svg", format="svg")
        source.unlink()


@maker("svgwrite")
def svgwrite_(out: Path) -> None:
    import svgwrite

    drawing = svgwrite.Drawing(str(out / "mixed.svg"), size=("80mm", "60mm"), viewBox="0 0 80 60")
    gradient = drawing.linearGradient((0, 0), (1, 1))
    gradient.add_stop_color(0, "orange").add_stop_color(1, "purple", 0.5)
    drawing.defs.add(gradient)
    drawing.add(drawing.rect((5, 5), (40, 30), rx=3, fill=gradient.get_paint_server(), stroke="black"))
    marker = drawing.marker(insert=(5, 5), size=(10, 10), orient="auto")
    marker.add(drawing.path("M0,0 L10,5 L0,10 z"))
    drawing.defs.add(marker)
    line = drawing.line((10, 50), (70, 45), stroke="green")
    line.set_markers((None, False, marker))
    drawing.add(line)
    drawing.add(drawing.text("svgwrite", insert=(50, 20), font_size="6px", rotate=[10, 20, 30]))
    drawing.save()


@maker("drawsvg")
def drawsvg_(out: Path) -> None:
    import drawsvg as draw

    drawing = draw.Drawing(200, 100, origin="center")
    clip = draw.ClipPath()
    clip.append(draw.Rectangle(-80, -40, 100, 80))
    drawing.append(draw.Circle(-30, 0, 40, fill="teal", clip_path=clip, stroke_width=2, stroke="black"))
    drawing.append(draw.ArcLine(60, 20, 20, 60, 270, stroke="red", stroke_width=5, fill="none"))
    path = draw.Path(stroke="navy", fill="none")
    path.M(-90, 40).C(-40, -40, 40, 80, 90, 0)
    drawing.append(path)
    drawing.append(draw.Text("along a path", 10, path=path, text_anchor="start"))
    drawing.save_svg(str(out / "clip-textpath.svg"))


@maker("schemdraw")
def schemdraw_(out: Path) -> None:
    import schemdraw
    import schemdraw.elements as elm
    from schemdraw import logic

    schemdraw.use("svg")
    with schemdraw.Drawing(file=str(out / "rc.svg"), show=False):
        elm.SourceV().label("5 V")
        elm.Resistor().right().label("100 kΩ")
        elm.Capacitor().down().label("0.1 µF", loc="bottom")
        elm.Line().left()
        elm.Ground()
    with schemdraw.Drawing(file=str(out / "logic.svg"), show=False):
        logic.And().label("A", "in1").label("B", "in2")
        logic.Xor().right()


@maker("pygal")
def pygal_(out: Path) -> None:
    import pygal

    for name, kind in (("bar", pygal.Bar), ("radar", pygal.Radar), ("pie", pygal.Pie)):
        chart = kind(title=f"Pygal {name}")
        chart.x_labels = ["a", "b", "c"]
        chart.add("one", [1, 3, 2])
        chart.add("two", [2, 2, 4])
        chart.render_to_file(str(out / f"{name}.svg"))


@maker("segno")
def segno_(out: Path) -> None:
    import segno

    segno.make("svgmill", error="h").save(str(out / "qr.svg"), scale=4, dark="darkblue", light="#eee")
    segno.make_micro("12345").save(str(out / "micro.svg"), border=1)


@maker("qrcode-py")
def qrcode_(out: Path) -> None:
    import qrcode
    import qrcode.image.svg as images

    for name, factory in (("rects", images.SvgImage), ("path", images.SvgPathImage), ("fill", images.SvgFillImage)):
        qrcode.make("svgmill", image_factory=factory).save(str(out / f"{name}.svg"))


@maker("python-barcode")
def barcode_(out: Path) -> None:
    import barcode

    barcode.get("ean13", "400638133393").save(str(out / "ean13"))
    barcode.get("code39", "MILL").save(str(out / "code39"))


@maker("cairo")
def cairo_(out: Path) -> None:
    import cairocffi as cairo

    surface = cairo.SVGSurface(str(out / "surface.svg"), 200, 150)
    context = cairo.Context(surface)
    gradient = cairo.RadialGradient(100, 75, 10, 100, 75, 80)
    gradient.add_color_stop_rgba(0, 1, 0.8, 0, 1)
    gradient.add_color_stop_rgba(1, 0.8, 0, 0, 0.2)
    context.set_source(gradient)
    context.arc(100, 75, 60, 0, 2 * math.pi)
    context.fill_preserve()
    context.set_source_rgb(0, 0, 0.4)
    context.set_dash([8, 4])
    context.stroke()
    context.select_font_face("Roboto")
    context.set_font_size(18)
    context.move_to(60, 80)
    context.show_text("cairo 12")
    context.push_group()
    context.rectangle(20, 20, 60, 40)
    context.set_source_rgb(0, 0.6, 0)
    context.fill()
    context.pop_group_to_source()
    context.paint_with_alpha(0.5)
    surface.finish()


@maker("vtracer")
def vtracer_(out: Path) -> None:
    import vtracer
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (160, 120), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 20, 90, 90), fill="#d33")
    pen.polygon([(80, 110), (150, 110), (115, 30)], fill="#36c")
    picture.save(out / "in.png")
    vtracer.convert_image_to_svg_py(str(out / "in.png"), str(out / "traced.svg"))
    (out / "in.png").unlink()


@maker("rdkit")
def rdkit_(out: Path) -> None:
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    for name, smiles in (("caffeine", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"), ("aspirin", "CC(=O)OC1=CC=CC=C1C(=O)O")):
        drawer = rdMolDraw2D.MolDraw2DSVG(300, 250)
        drawer.DrawMolecule(Chem.MolFromSmiles(smiles))
        drawer.FinishDrawing()
        (out / f"{name}.svg").write_text(drawer.GetDrawingText())


@maker("fonttools")
def fonttools_(out: Path) -> None:
    from fontTools.pens.svgPathPen import SVGPathPen
    from fontTools.ttLib import TTFont

    from stages import fonts

    font = TTFont(fonts.path("serif", False, True))
    glyphs = font.getGlyphSet()
    pen = SVGPathPen(glyphs)
    glyphs[font.getBestCmap()[ord("&")]].draw(pen)
    size = font["head"].unitsPerEm
    (out / "ampersand.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {-size} {size} {2 * size}">'
        f'<path transform="scale(1,-1)" d="{pen.getCommands()}"/></svg>'
    )


@maker("plotly")
def plotly_(out: Path) -> None:
    """Specifications that browser.py has plotly.js draw."""
    import plotly.graph_objects as go

    random.seed(3)
    figures = {
        "scatter": go.Figure(
            go.Scatter(x=[1, 2, 3, 4], y=[4, 1, 3, 5], mode="lines+markers", name="s"),
            {"title": {"text": "Plotly <b>bold</b> x<sup>2</sup>"}},
        ),
        "bars": go.Figure([go.Bar(x=["a", "b"], y=[2, 3], marker_pattern_shape="/"), go.Bar(x=["a", "b"], y=[1, 4])]),
        "pie": go.Figure(go.Pie(labels=["x", "y", "z"], values=[3, 4, 5], hole=0.4)),
        "heat": go.Figure(go.Contour(z=[[1, 2, 3], [3, 1, 4], [2, 5, 1]])),
        "sankey": go.Figure(
            go.Sankey(node={"label": ["a", "b", "c"]}, link={"source": [0, 0], "target": [1, 2], "value": [3, 2]})
        ),
        "polar": go.Figure(go.Scatterpolar(r=[1, 3, 2, 4], theta=[0, 90, 180, 270], fill="toself")),
    }
    for name, figure in figures.items():
        (out / f"{name}.json").write_text(figure.to_json())


def main() -> int:
    failed = 0
    for generator, make in MAKERS:
        folder = OUT / generator
        folder.mkdir(parents=True, exist_ok=True)
        try:
            make(folder)
        except ImportError as error:
            failed += 1
            print(f"{generator}: {error}", file=sys.stderr)
        except (
            Exception
        ):  # of a package, which may fail in any way: the others are still made, and the exit code says it
            failed += 1
            print(f"{generator}:", traceback.format_exc(limit=-1), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
