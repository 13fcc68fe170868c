"""Captions without a model over real icons, emoji, flags and logos: what they say, what must never be in one, how fast.

    python benchmarks/captions.py prepare OUT.parquet [--count 6000] [--cache DIR] [--more FOLDER ...]
    python benchmarks/captions.py measure OUT.parquet
    python benchmarks/captions.py sheet OUT.parquet FOLDER [--count 200] [--skip 0]

``prepare`` takes the sets of `fetch_icons`, those of `MORE`, and the subfolders of folders, an equal share of each by
the hash of their paths, and runs the row-wise pass over them; records are called as a source of kind npm calls them.
``measure`` asserts over all captions that nothing of `NEVER` is in any, and prints shares and captions a second.
``sheet`` draws contact sheets of samples by the hash of their paths, 20 a sheet, each picture with its captions: what
people judge. Samples after ``--skip`` are others: a held-out sample.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fetch_icons import PACKAGES, IconSet, order, shares, svgs
from fidelity import settings as pass_settings

from stages.caption import DESCRIBE, DescribeSettings, describe
from stages.rowwise import mill
from stages.schema import RAW

MORE = (
    IconSet("lucide", "lucide-static@1.62.0", "ISC", ("icons/",)),
    IconSet("simple-icons", "simple-icons@16.37.0", "CC0-1.0", ("icons/",)),
    IconSet("openmoji", "openmoji@17.0.0", "CC-BY-SA-4.0", ("color/svg/", "black/svg/")),
    IconSet("fontawesome", "@fortawesome/fontawesome-free@7.3.1", "CC-BY-4.0", ("svgs/",)),
    IconSet("boxicons", "boxicons@2.1.4", "CC-BY-4.0", ("svg/",)),
    IconSet("iconoir", "iconoir@7.12.1", "MIT", ("icons/",)),
    IconSet("meteocons", "@meteocons/svg@0.1.0", "MIT", ("fill/", "line/")),
)

NEVER = {
    "extension": re.compile(r"\.(svgz?|png|ai|eps)\b", re.I),
    "size": re.compile(r"\b\d+\s?(px|dp|pt)\b|\b\d+x\d+\b", re.I),
    "digest": re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.I),
    "vendor": re.compile(r"\b(bxs?|bxl|mdi|fa[sbrl]?|ic|ri|twemoji|openmoji|ionicons?)\b"),
    "markup": re.compile(r"</?[a-z!]|&[a-z]+;", re.I),
    "control": re.compile(r"[\x00-\x1f\x7f-\x9f]"),
    "address": re.compile(r"://|\bwww\."),
    "formula": re.compile(r"^[=+@\-]"),
    "underscore": re.compile(r"_"),
}
"""What must not be in any caption of these sets, by name."""

BRANDS = re.compile(r"500px|Pop!_OS|(?<=[Tt]he )Ionic(?= logo)")
"""Brands that are called so."""

PER_SHEET = 20


def prepare(out: Path, count: int, cache: Path, more: list[Path]) -> None:
    """Write the samples of ``count`` files to ``out``."""
    files: dict[str, dict[str, bytes]] = {}
    for each in (*PACKAGES, *MORE):
        name = each.spec.rpartition("@")[0]
        # under a set's only folder the path is cut; as a source of kind npm names records, it is not
        inside = each.under[0] if len(each.under) == 1 else ""
        files[each.set] = {f"{name}/{inside}{path}": data for path, data in svgs(each, cache).items()}
    for folder in more:
        for sub in sorted(path for path in folder.iterdir() if path.is_dir()):
            paths = sorted(path for path in sub.rglob("*.svg") if path.is_file())
            files[sub.name] = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    given = shares({name: len(each) for name, each in files.items()}, count)
    rows = []
    for name, each in sorted(files.items()):
        for path in sorted(each, key=lambda path: order("", path))[: given[name]]:
            key = {"raw_id": path, "source": "packages", "path": path, "name": path.rpartition("/")[2]}
            rows.append(key | {"url": "", "license": "", "size": len(each[path]), "bytes": each[path]})
    config = pass_settings().model_dump_json()
    kept, lost = [], 0
    for begin in range(0, len(rows), 100):
        samples, dropped, _ = mill(pa.Table.from_pylist(rows[begin : begin + 100], schema=RAW), config)
        kept.append(samples.drop_columns(["tokens", "fine"]))
        lost += dropped.num_rows
    pq.write_table(pa.concat_tables(kept), out)
    print(f"{len(rows)} files of {len(files)} sets, {lost} dropped")


def captioned(samples: pa.Table) -> list[dict[str, Any]]:
    """The samples' keys and captions, with what is in a caption and must not be."""
    rows = samples.select(["sample_id", "path", "picture"]).to_pylist()
    made = describe(samples.select(DESCRIBE.reads), DescribeSettings()).to_pylist()
    return [row | {"captions": each["captions"]} for row, each in zip(rows, made, strict=True)]


def measure(path: Path) -> None:
    """Print shares and speed. Raises SystemExit if anything of `NEVER` is in a caption."""
    samples = pq.read_table(path)
    rows = captioned(samples)
    faults = [
        f"{name}: {row['path']}: {each['text']}"
        for row in rows
        for each in row["captions"]
        for name, pattern in NEVER.items()
        if pattern.search(BRANDS.sub("", each["text"]))
    ]
    print(*faults[:60], sep="\n")
    named = sum(row["captions"][0]["origin"] != "geometry" for row in rows)
    print(f"{len(rows)} samples: {named / len(rows):.2%} with a subject that is not only geometry")
    counts = Counter((each["origin"], each["style"]) for row in rows for each in row["captions"])
    print("; ".join(f"{origin} {style} {n}" for (origin, style), n in sorted(counts.items())))
    table = samples.select(DESCRIBE.reads)
    begin = time.process_time()
    describe(table, DescribeSettings())
    seconds = time.process_time() - begin
    total = sum(counts.values())
    print(f"{len(rows) / seconds:,.0f} samples and {total / seconds:,.0f} captions a second of one core")
    if faults:
        raise SystemExit(f"{len(faults)} captions hold what they must not")


def sheets(path: Path, folder: Path, count: int, skip: int) -> None:
    """Draw contact sheets and the list of what is on them."""
    from PIL import Image, ImageDraw, ImageFont

    from stages.render.renderers import draw, sized

    folder.mkdir(parents=True, exist_ok=True)
    samples = pq.read_table(path)
    table = samples.to_pylist()
    rows = captioned(samples)
    chosen = sorted(range(len(rows)), key=lambda n: order("sheet", rows[n]["path"]))[skip : skip + count]
    font = ImageFont.load_default(14)
    for sheet in range(0, len(chosen), PER_SHEET):
        page = Image.new("RGB", (1500, 1250), "white")
        pen = ImageDraw.Draw(page)
        for place, number in enumerate(chosen[sheet : sheet + PER_SHEET]):
            x, y = place % 2 * 750, place // 2 * 125
            pixels = draw(sized(table[number]["svg"], 112), "librsvg")
            picture = Image.fromarray(pixels, "RGBA")
            ground = Image.new("RGB", picture.size, (225, 232, 240))
            ground.paste(picture, (0, 0), picture)
            page.paste(ground, (x + 4, y + 6))
            row = rows[number]
            lines = [f"{sheet + place}  {row['path'][-80:]}"]
            lines += [f"[{each['origin'][:4]} {each['style']}] {each['text']}" for each in row["captions"]]
            wrapped = [line[start : start + 88] for line in lines for start in range(0, len(line), 88)][:7]
            for n, line in enumerate(wrapped):
                pen.text((x + 122, y + 4 + 17 * n), line, "black" if n else "grey", font=font)
        page.save(folder / f"sheet-{sheet // PER_SHEET:02}.png")


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("prepare", "measure", "sheet"):
        commands.add_parser(name).add_argument("samples", type=Path)
    prepared, sheet = commands.choices["prepare"], commands.choices["sheet"]
    prepared.add_argument("--count", type=int, default=6_000)
    prepared.add_argument("--cache", type=Path, default=Path("icon-packages"))
    prepared.add_argument("--more", type=Path, nargs="*", default=[])
    sheet.add_argument("folder", type=Path)
    sheet.add_argument("--count", type=int, default=200)
    sheet.add_argument("--skip", type=int, default=0)
    args = parser.parse_args()
    if args.command == "prepare":
        prepare(args.samples, args.count, args.cache, args.more)
    elif args.command == "measure":
        measure(args.samples)
    else:
        sheets(args.samples, args.folder, args.count, args.skip)


if __name__ == "__main__":
    main()
