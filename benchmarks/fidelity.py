"""What is kept of ordinary files and how like the source it looks, and how the resvg test suite fares.

    python benchmarks/fidelity.py sets FOLDER [--per-set N] [--json FILE]    one set a subfolder: kept, and likeness
    python benchmarks/fidelity.py resvg FOLDER [--json FILE]                 crates/resvg/tests/tests, against its PNGs
    python benchmarks/fidelity.py browser FOLDER [--count N] [--fonts] [--out DIR] [--json FILE]
                                                    N kept files of all sets in turn, against Chromium's picture of them

Likeness is measured at 512 px, whatever size the gate of the row-wise pass looks at. All print tables for people;
--json writes a row for each file. Exits with 1 if a bar is missed. With --fonts, the browser has the package's fonts
and no other; without, those of the machine. --out gets worst.html, the pictures of what differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lxml import etree

from stages import deduplicate, normalize, render, sanitize, tokenize
from stages.base import Dropped
from stages.normalize.document import _read
from stages.normalize.drawing.canvas import declared_view_box, fit_view_box, make_canvas, side
from stages.normalize.source.plain import Plain
from stages.render.compare import blank, difference
from stages.render.renderers import draw, framed, sized, vips
from stages.rowwise import RowwiseSettings, mill
from stages.schema import RAW

ICONS = (
    "mdi", "tabler", "bootstrap-icons", "lucide", "phosphor", "octicons", "carbon-icons", "twemoji", "flag-icons",
    "simple-icons",
)  # fmt: skip
IN_SCOPE = ("shapes", "structure", "painting", "paint-servers", "masking")
BY_RULE = ("raster_embedded", "active_content")
SIZE = 512
THRESHOLD = 48

Row = dict[str, Any]


def settings(**normalizer: Any) -> RowwiseSettings:
    return RowwiseSettings(
        sanitize=sanitize.SanitizeSettings(),
        normalize=normalize.NormalizeSettings(**normalizer),
        tokenize=tokenize.TokenizeSettings(),
        render=render.RenderSettings(),
        deduplicate=deduplicate.DeduplicateSettings(),
    )


def milled(data: bytes, config: RowwiseSettings) -> tuple[dict[str, Any] | None, str, str]:
    """The sample, or the reason for which it was dropped and the detail."""
    row = {"raw_id": "0", "source": "s", "path": "p", "name": "n", "url": "", "license": "", "size": 0, "bytes": data}
    kept, dropped, _ = mill(pa.Table.from_pylist([row], schema=RAW), config.model_dump_json())
    if kept.num_rows:
        return kept.to_pylist()[0], "", ""
    return None, dropped["reason"][0].as_py(), dropped["detail"][0].as_py()


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".svgz" else data


def set_row(path: Path, config: RowwiseSettings) -> Row:
    row: Row = {"path": str(path)}
    data = content(path)
    sample, row["reason"], row["detail"] = milled(data, config)
    try:
        safe = sanitize.sanitize_one(data, config.sanitize).svg
        box = sample["view_box"] if sample else normalize.source_view_box(safe, config.normalize)
        source = draw(framed(safe, tuple(box), SIZE), "librsvg")
        row["drawable"] = not blank(source)
    except Dropped:
        row["drawable"] = False
        return row
    if sample:
        found = difference(source, draw(sized(sample["svg"], SIZE), "librsvg"), THRESHOLD)
        row |= {"ssim": found.ssim, "visible": found.visible_share, "length": sample["atomic_length"]}
    return row


def resvg_row(path: Path, config: RowwiseSettings) -> Row:
    """One file of the suite against its picture: how much of the canonical form and of the source differs."""
    row: Row = {"path": str(path)}
    data = content(path)
    sample, row["reason"], row["detail"] = milled(data, config)
    if sample is None:
        return row
    picture = vips().Image.new_from_file(str(path.with_suffix(".png"))).colourspace("srgb")
    want = (picture if picture.hasalpha() else picture.addalpha()).numpy()[..., :4].astype(np.uint8)
    safe = sanitize.sanitize_one(data, config.sanitize).svg
    in_place, as_is = frames(safe, sample["svg"], tuple(sample["view_box"]), want.shape[1], want.shape[0])
    row["visible"] = difference(want, draw(in_place, "librsvg"), THRESHOLD).visible_share
    row["source"] = difference(want, draw(as_is, "librsvg"), THRESHOLD).visible_share
    return row


def frames(safe: bytes, canonical: str, box: tuple[float, ...], width: int, height: int) -> tuple[bytes, bytes]:
    """The canonical form where the reference shows the viewBox, and the source, both ``width`` x ``height`` px."""
    root = etree.fromstring(safe)
    node, _, _ = _read(safe, normalize.NormalizeSettings(), Plain())
    declared = declared_view_box(node) or box
    sides = [side(node, name) or size for name, size in (("width", declared[2]), ("height", declared[3]))]
    canvas = make_canvas(box, normalize.NormalizeSettings())
    aspect = root.get("preserveAspectRatio", "")
    a, _, _, d, e, f = fit_view_box(box, 0, 0, *sides, aspect)
    left, top, right, bottom = canvas.rect
    x, y = box[0] * a + e, box[1] * d + f
    nested = canonical.replace(
        "<svg ",
        f'<svg x="{x}" y="{y}" width="{box[2] * a}" height="{box[3] * d}" preserveAspectRatio="none" ',
        1,
    ).replace('viewBox="0 0 784 784"', f'viewBox="{left} {top} {right - left} {bottom - top}"', 1)
    in_place = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {sides[0]} {sides[1]}" preserveAspectRatio="none">{nested}</svg>'
    )
    if root.get("viewBox") is None:
        root.set("viewBox", f"0 0 {sides[0]} {sides[1]}")
    root.set("width", str(width))
    root.set("height", str(height))
    return in_place.encode(), etree.tostring(root)


def measured(work: Callable[[Path], Row], paths: Iterable[Path]) -> list[Row]:
    with multiprocessing.Pool(maxtasksperchild=500) as pool:
        return pool.map(work, sorted(paths), chunksize=20)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else float("nan")


def report_sets(rows: list[Row], root: Path) -> bool:
    sets: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sets[Path(row["path"]).relative_to(root).parts[0]].append(row)
    print(
        f"{'set':24}{'files':>7}{'by rule':>9}{'drawable':>10}{'kept':>7}{'share':>8}"
        f"{'SSIM 50%':>10}{'1%':>7}{'min':>7}"
    )
    for name, group in [
        *sorted(sets.items()),
        ("ALL", rows),
        ("ICON SETS", [r for n in ICONS for r in sets.get(n, [])]),
    ]:
        by_rule = sum(r["reason"] in BY_RULE for r in group)
        able = [r for r in group if r["reason"] not in BY_RULE and (r["drawable"] or not r["reason"])]
        kept = [r for r in able if not r["reason"]]
        ssim = [r["ssim"] for r in kept]
        part = len(kept) / len(able) if able else float("nan")
        print(
            f"{name:24}{len(group):7}{by_rule:9}{len(able):10}{len(kept):7}{part:8.2%}"
            f"{quantile(ssim, 0.5):10.4f}{quantile(ssim, 0.01):7.3f}{quantile(ssim, 0):7.3f}"
        )
        if name == "ALL":
            good = part >= 0.97 and quantile(ssim, 0.5) >= 0.995 and quantile(ssim, 0.01) >= 0.95
        elif name == "ICON SETS":
            good = good and part >= 0.99
    print("\nten most frequent reasons (drawable files):")
    lost = [r for r in rows if r["reason"] and r["drawable"]]
    for reason, count in Counter(r["reason"] for r in lost).most_common(10):
        example = next(r for r in lost if r["reason"] == reason)
        print(f"{count:6}  {reason:24} e.g. {Path(example['path']).relative_to(root)}: {example['detail'][:80]}")
    return good


def report_resvg(rows: list[Row], root: Path) -> bool:
    folders: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parts = Path(row["path"]).relative_to(root).parts
        folders["/".join(parts[:2])].append(row)
        folders[parts[0] + " in all"].append(row)
    folders["IN SCOPE"] = [r for r in rows if Path(r["path"]).relative_to(root).parts[0] in IN_SCOPE]
    print(f"{'folder':44}{'files':>7}{'kept':>6}{'share':>8}{'unlike':>8}{'of these the source too':>25}")
    good = True
    for name, group in folders.items():
        kept = [r for r in group if not r["reason"]]
        unlike = [r for r in kept if r["visible"] > 0.005]
        too = [r for r in unlike if r["source"] > 0.005]
        share = len(kept) / len(group)
        print(f"{name:44}{len(group):7}{len(kept):6}{share:8.1%}{len(unlike):8}{len(too):25}")
        if name == "IN SCOPE":
            good = share >= 0.85 and len(unlike) == len(too)
            for row in unlike:
                if row not in too:
                    print(f"    {row['visible']:.4f} {Path(row['path']).relative_to(root)}")
            print(Counter(r["reason"] for r in group if r["reason"]).most_common(12))
    return good


def judged_by_browser(arguments: argparse.Namespace) -> tuple[list[Row], bool]:
    import browser  # playwright is wanted for this only

    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    judged, version = browser.judge(arguments.folder, arguments.count, arguments.fonts, arguments.out)
    browser.report(judged, version)
    if arguments.out:
        browser.sheet(judged, arguments.out)
    shares = browser.shares([row for row in judged if not row.text])
    return browser.as_rows(judged), shares[0] <= 0.003 and shares[-1] == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sets", "resvg", "browser"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-set", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--fonts", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    root: Path = arguments.folder
    if arguments.what == "sets":
        paths = []
        for folder in sorted(p for p in root.iterdir() if p.is_dir()):
            paths += sorted(p for p in folder.rglob("*") if p.suffix in (".svg", ".svgz") and p.is_file())[
                : arguments.per_set
            ]
        rows = measured(partial(set_row, config=settings()), paths)
        good = report_sets(rows, root)
    elif arguments.what == "browser":
        rows, good = judged_by_browser(arguments)
    else:
        paths = [p for p in sorted(root.rglob("*.svg")) if p.with_suffix(".png").exists()]
        rows = measured(partial(resvg_row, config=settings()), paths)
        good = report_resvg(rows, root)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=0), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
