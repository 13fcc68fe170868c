"""The row-wise pass judged by a browser: source and canonical form as Chromium draws them, by the mill's own measures.

`fidelity.py browser` calls this. What is kept is compared at 512 px on white; a source that is animated counts as
right if its picture is that of the drawing before its animations or after them.
"""

from __future__ import annotations

import base64
import hashlib
import html
import multiprocessing
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice, zip_longest
from multiprocessing.pool import AsyncResult
from pathlib import Path

import numpy as np
import numpy.typing as npt
from chromium import Chromium, Drawing
from fidelity import content, milled, settings
from numpy.lib.stride_tricks import sliding_window_view

from stages import fonts
from stages.render.compare import Difference, Pixels, difference
from stages.render.png import png

SIZE = 512
CONFIG = settings()
THRESHOLD = CONFIG.render.pixel_threshold
BARS = (0.001, 0.005, 0.01)
"""Shares of visibly different pixels that are counted."""

KNOWN = {"inherit", *fonts.NAMES, *(name for names in fonts.NAMES.values() for name in names)}
CANVAS = (0.0, 0.0, 784.0, 784.0)
TEXT = re.compile(rb"<(?:\w+:)?(?:text|foreignObject)\b")
FOREIGN = re.compile(rb"<(?:\w+:)?foreignObject\b|@font-face")
FAMILIES = re.compile(r"font-family\s*(?:=\s*([\"'])(.*?)\1|:\s*([^;}<>]*))", re.DOTALL)
NAME = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\"|([^\"']*))")
WORST = 60
"""Drawings on the sheet, at most."""

BATCH = 96


@dataclass(frozen=True)
class Milled:
    """What became of a file: ``reason`` and ``detail`` of its drop, or its canonical form."""

    path: Path
    reason: str
    detail: str
    svg: str = ""
    view_box: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A file, and how unlike its source the canonical form is in the browser's eyes.

    ``text``: "" for none; "known" where each list of families names one that the mill knows; else "other": the
    source's own fonts, HTML, or families that the browser's standard font stands for. ``moment``: of an animation,
    which of its pictures was nearer; else "". ``undrawn``: which of the two the browser does not draw, else "".
    """

    path: str
    set: str
    reason: str = ""
    detail: str = ""
    text: str = ""
    visible: float = 0.0
    ssim: float = 1.0
    mae: float = 0.0
    moment: str = ""
    undrawn: str = ""
    notes: tuple[str, ...] = ()
    strip: str = field(default="", repr=False)

    @property
    def compared(self) -> bool:
        return not self.reason and not self.undrawn


def sample(root: Path) -> list[Path]:
    """All files in an order that is the same everywhere and takes from each set in turn."""
    sets = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        paths = [p for p in folder.rglob("*") if p.suffix in (".svg", ".svgz") and p.is_file()]
        paths.sort(key=lambda path: hashlib.sha256(str(path.relative_to(root)).encode()).digest())
        sets.append(paths)
    return [path for turn in zip_longest(*sets) for path in turn if path is not None]


def mill_file(path: Path) -> Milled:
    kept, reason, detail = milled(content(path), CONFIG)
    if kept is None:
        return Milled(path, reason, detail)
    return Milled(path, "", "", kept["svg"], tuple(kept["view_box"]), tuple(kept["notes"]))


def judge(root: Path, count: int, package_fonts: bool, out: Path | None) -> tuple[list[Judged], str]:
    """Run files of ``root`` until ``count`` are kept; also the browser's version."""
    rows: list[Judged] = []
    paths = iter(sample(root))
    with Chromium(SIZE, package_fonts) as browser, multiprocessing.Pool() as pool:

        def start() -> AsyncResult[list[Milled]]:
            return pool.map_async(mill_file, list(islice(paths, BATCH)), chunksize=4)

        running = start()
        while count and (batch := running.get()):
            running = start()
            places = [i for i, milling in enumerate(batch) if not milling.reason][:count]
            if len(places) == count:
                batch = batch[: places[-1] + 1]
            count -= len(places)
            rows += _judged(batch, root, browser, out)
        pool.terminate()
        return rows, browser.version


def _judged(batch: list[Milled], root: Path, browser: Chromium, out: Path | None) -> Iterator[Judged]:
    kept = [milling for milling in batch if not milling.reason]
    sources = [Drawing(content(milling.path), milling.view_box) for milling in kept]
    forms = [Drawing(milling.svg.encode(), CANVAS) for milling in kept]
    wants, gots = browser.draw(sources), browser.draw(forms)
    shown = {milling.path: places for milling, *places in zip(kept, sources, wants, gots, strict=True)}
    for milling in batch:
        name = milling.path.relative_to(root)
        row = Judged(str(name), name.parts[0], milling.reason, milling.detail, notes=milling.notes)
        if milling.path not in shown:
            yield row
            continue
        source, want, got = shown[milling.path]
        row = replace(row, text=_text(source.data))
        if want is None or got is None:
            yield replace(row, undrawn="source" if want is None else "canonical")
        else:
            yield _compared(row, browser, source, want, got, out)


def _text(data: bytes) -> str:
    if TEXT.search(data) is None:
        return ""
    if FOREIGN.search(data) is not None:
        return "other"
    for match in FAMILIES.finditer(html.unescape(data.decode(errors="replace"))):
        names = ["".join(filter(None, NAME.match(name).groups())) for name in (match[2] or match[3] or "").split(",")]
        if not any(" ".join(name.split()).lower() in KNOWN for name in names if name):
            return "other"
    return "known"


def _compared(row: Judged, browser: Chromium, source: Drawing, want: Pixels, got: Pixels, out: Path | None) -> Judged:
    moment, unlike = "", difference(want, got, THRESHOLD)
    if source.animated:
        moment, want, unlike = _nearest(browser, source, got, want, unlike)
    strip = ""
    if out is not None and unlike.visible_share > BARS[0]:
        strip = f"{hashlib.sha256(row.path.encode()).hexdigest()[:12]}.png"
        (out / strip).write_bytes(png(_strip(want, got), 6))
    return replace(row, visible=unlike.visible_share, ssim=unlike.ssim, mae=unlike.mae, moment=moment, strip=strip)


def _nearest(
    browser: Chromium, source: Drawing, got: Pixels, image: Pixels, unlike: Difference
) -> tuple[str, Pixels, Difference]:
    """Of an animated drawing's pictures the one that the canonical form is nearest to."""
    shown = [(difference(want, got, THRESHOLD), moment, want) for moment, want in browser.moments(source)]
    best = min(shown, key=lambda one: one[0].visible_share, default=(unlike, "load", image))
    return best[1], best[2], best[0]


def _strip(want: Pixels, got: Pixels) -> Pixels:
    """Source, canonical form, and, in red on the faded source, what counts as visibly different."""
    marked = want.copy()
    marked[..., :3] = (want[..., :3].astype(np.uint16) + 3 * 255) // 4
    marked[_outside(want, got) | _outside(got, want)] = (230, 0, 0, 255)
    gap = np.full((want.shape[0], 8, 4), (128, 128, 128, 255), np.uint8)
    return np.ascontiguousarray(np.concatenate([want, gap, got, gap, marked], axis=1))


def _outside(one: Pixels, other: Pixels) -> npt.NDArray[np.bool_]:
    """Where ``one`` lies outside of what the pixels around the place in ``other`` span, as `difference` counts it."""
    around = sliding_window_view(np.pad(other[..., :3], ((1, 1), (1, 1), (0, 0)), "edge"), (3, 3), axis=(0, 1))
    low, high = (extreme(axis=(3, 4)).astype(int) for extreme in (around.min, around.max))
    here = one[..., :3].astype(int)
    return ((here > high + THRESHOLD) | (here < low - THRESHOLD)).any(axis=2)


def report(rows: list[Judged], version: str) -> None:
    """Tables for people."""
    print(f"Chromium {version}, {SIZE} px, on white; compared: kept, and drawn by the browser")
    print(
        f"{'set':28}{'files':>7}{'kept':>7}{'compared':>10}{'>0.1%':>7}{'>0.5%':>7}{'>1%':>6}"
        f"{'worst':>9}{'SSIM 50%':>10}{'1%':>7}"
    )
    sets: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        sets[row.set].append(row)
    groups: list[tuple[str, Iterable[Judged]]] = [
        *sorted(sets.items()),
        ("WITHOUT TEXT", [row for row in rows if not row.text and not row.reason]),
        ("TEXT IN KNOWN FAMILIES", [row for row in rows if row.text == "known"]),
        ("TEXT IN OTHERS", [row for row in rows if row.text == "other"]),
        ("ANIMATED", [row for row in rows if row.moment]),
        ("ALL", rows),
    ]
    for name, group in groups:
        _line(name, list(group))
    print("\ndropped:")
    lost = [row for row in rows if row.reason]
    for reason, number in Counter(row.reason for row in lost).most_common():
        example = next(row for row in lost if row.reason == reason)
        print(f"{number:6}  {reason:24} e.g. {example.path}: {example.detail[:100]}")
    for row in rows:
        if row.undrawn:
            print(f"the browser does not draw the {row.undrawn}: {row.path}")
    print("\nworst:")
    for row in worst(rows)[:20]:
        print(f"{row.visible:9.4%}  ssim {row.ssim:.3f}  {row.path} {' '.join(row.notes)}")


def _line(name: str, group: list[Judged]) -> None:
    kept = [row for row in group if not row.reason]
    compared = [row for row in kept if row.compared]
    if not compared:
        print(f"{name:28}{len(group):7}{len(kept):7}{0:10}")
        return
    over = [sum(row.visible > bar for row in compared) for bar in BARS]
    ssim = sorted(row.ssim for row in compared)
    print(
        f"{name:28}{len(group):7}{len(kept):7}{len(compared):10}{over[0]:7}{over[1]:7}{over[2]:6}"
        f"{max(row.visible for row in compared):9.3%}{ssim[len(ssim) // 2]:10.4f}{ssim[len(ssim) // 100]:7.3f}"
    )


def worst(rows: list[Judged]) -> list[Judged]:
    """What is over the lowest bar, the worst first."""
    return sorted((row for row in rows if row.compared and row.visible > BARS[0]), key=lambda row: -row.visible)


def sheet(rows: list[Judged], out: Path) -> None:
    """A page of the worst: source, canonical form, where they differ."""
    parts = [
        "<!doctype html><meta charset='utf-8'><title>Source, canonical form, difference</title>"
        "<style>body{font:14px sans-serif;margin:2em}img{width:100%;max-width:1552px;border:1px solid #ccc}</style>"
    ]
    for row in worst(rows)[:WORST]:
        image = base64.b64encode((out / row.strip).read_bytes()).decode()
        words = [f"{row.visible:.3%} visible, SSIM {row.ssim:.4f}, MAE {row.mae:.4f}", row.path, *row.notes]
        parts.append(f"<p>{html.escape('; '.join(words))}<br><img alt='' src='data:image/png;base64,{image}'></p>")
    for row in rows:
        if row.reason or row.undrawn:
            words = [row.path, row.reason or f"the browser does not draw the {row.undrawn}", row.detail]
            parts.append(f"<p>{html.escape(': '.join(word for word in words if word))}</p>")
    (out / "worst.html").write_text("\n".join(parts), encoding="utf-8")


def shares(rows: list[Judged]) -> list[float]:
    """Of what was compared, the shares over each bar."""
    compared = [row for row in rows if row.compared]
    return [sum(row.visible > bar for row in compared) / max(len(compared), 1) for bar in BARS]


def as_rows(rows: list[Judged]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]
