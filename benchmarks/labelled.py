"""A labelled set for deduplication, made of real icons: the same drawings in other words, and others that look alike.

    python benchmarks/labelled.py FOLDER OUTDIR [--icons 400] [--svgo PATH/TO/svgo]

Takes drawings of FOLDER (one set a subfolder, as `fetch_icons.py` leaves them), at most one of a name, and writes for
each what known operations make of it; and real pairs of different drawings that are easily taken for one another.
``OUTDIR/pairs.jsonl`` has a line for each pair: a, b, operation, duplicate. Of every pair the pictures are compared:
an operation that changed the picture, and different drawings that look the same, are left out. ``--svgo``: the command
of the npm package svgo (4.0); without it that operation is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from lxml import etree
from operations import OPERATIONS, absolute_path, box, mapped, picosvg, scour, shapes, spelled, subpaths
from pairs import Pairs, by_svgo

SIDE = 128
MOST_BYTES = 20_000
"""Of a drawing: sheets of symbols are no icons."""


def draw(text: bytes) -> Any:
    """(SIDE, SIDE, 4) pixels, or None."""
    try:
        image = pyvips.Image.thumbnail_buffer(text, SIDE, height=SIDE, size="force")
        pixels = np.ndarray(
            buffer=image.write_to_memory(), dtype=np.uint8, shape=(image.height, image.width, image.bands)
        )
    except pyvips.Error:
        return None
    return pixels if pixels.shape == (SIDE, SIDE, 4) else None


def apart(one: Any, other: Any, colours: bool = True, levels: int = 64) -> float:
    """The share of pixels that differ by over ``levels`` on white; without ``colours`` by 64 in coverage."""
    if not colours:
        return float((np.abs(one[..., 3].astype(int) - other[..., 3]) > 64).mean())
    grounds = []
    for picture in (one, other):
        alpha = picture[..., 3:].astype(float) / 255
        grounds.append(picture[..., :3] * alpha + 255 * (1 - alpha))
    return float((np.abs(grounds[0] - grounds[1]).max(axis=2) > levels).mean())


def alike(operation: str, one: Any, other: Any) -> bool:
    """Whether two drawings look the same, or have the same shape in one colour each."""
    if operation == "skin_tone":  # steps of a tone are small, but over much of the picture
        return apart(one, other, levels=24) < 0.005
    opaque = bool((one[..., 3] == 255).all())
    return apart(one, other) < 0.005 or (not opaque and apart(one, other, colours=False) < 0.005)


# -- different drawings


def part_changed(root: Any, chance: random.Random) -> bool:
    """Without one of its elements or subpaths, or with one of them elsewhere."""
    found = shapes(root)
    paths = [node for node in found if node.get("d") and len(subpaths(absolute_path(node.get("d")))) > 1]
    if paths and (len(found) < 2 or chance.random() < 0.5):
        node = chance.choice(paths)
        parts = subpaths(absolute_path(node.get("d")))
        place = chance.randrange(len(parts))
        part = parts.pop(place)
        if chance.random() < 0.5:
            step = chance.choice((-0.12, 0.12)) * max(box(root)[2:])
            parts.insert(place, mapped(part, lambda v, up: v if up else v + step))
        node.set("d", spelled([command for part in parts for command in part]))
        return True
    if len(found) < 2:
        return False
    node = chance.choice(found)
    node.getparent().remove(node)
    return True


def other_flag(root: Any, chance: random.Random) -> bool:
    """A flag with its colours in other places."""
    found = [node for node in shapes(root) if node.get("fill", "none") != "none"]
    colours = sorted({node.get("fill") for node in found})
    if len(colours) < 2:
        return False
    turned = dict(zip(colours, [*colours[1:], colours[0]], strict=True))
    for node in found:
        node.set("fill", turned[node.get("fill")])
    return True


TURNS = (("left", "right"), ("up", "down"), ("left", "up"), ("right", "down"))
FILLS = (("-outline", ""), ("-fill", ""), ("-sharp", ""), ("-sharp", "-outline"), ("-filled", ""), ("-bold", "-fill"))
FOLDERS = (("outline", "filled"), ("outline", "solid"), ("outlined", "filled"), ("regular", "fill"), ("sharp", "round"))
TONES = (
    ("-light", "-medium-light"),
    ("-medium-light", "-medium"),
    ("-medium", "-medium-dark"),
    ("-medium-dark", "-dark"),
)
TONE_CODES = (("1f3fb", "1f3fc"), ("1f3fc", "1f3fd"), ("1f3fd", "1f3fe"), ("1f3fe", "1f3ff"))
NUMBER = re.compile(r"(?<![0-9])([0-9])(?![0-9])|-(one|two|three|four|five|six|seven|eight)\b|-([a-h])(?=-|$)")


def real_pairs(files: dict[str, Path]) -> Iterator[tuple[str, Path, Path]]:
    """Pairs of files by their names: name of the kind, and both. ``files``: set/path without suffix -> file."""
    by_number: dict[str, list[str]] = {}
    for name, path in files.items():
        folder, _, stem = name.rpartition("/")
        for one, other in TONES:
            if stem.endswith(one) and (twin := f"{name.removesuffix(one)}{other}") in files:
                yield "skin_tone", path, files[twin]
        for one, other in TONE_CODES:
            if one in stem and (twin := f"{folder}/{stem.replace(one, other)}") in files:
                yield "skin_tone", path, files[twin]
        for one, other in TURNS:
            if re.search(rf"\b{one}\b", stem) and (twin := f"{folder}/{re.sub(rf'{one}', other, stem)}") in files:
                yield "turned", path, files[twin]
        for one, other in FILLS:
            if one and stem.endswith(one) and (twin := name.removesuffix(one) + other) in files:
                yield "filled_outlined", path, files[twin]
        for one, other in FOLDERS:
            if (twin := name.replace(f"/{one}/", f"/{other}/")) != name and twin in files:
                yield "filled_outlined", path, files[twin]
        if NUMBER.search(stem):
            by_number.setdefault(f"{folder}/{NUMBER.sub('#', stem)}", []).append(name)
    for names in by_number.values():
        for one, other in zip(sorted(names), sorted(names)[1:], strict=False):
            yield "numbered", files[one], files[other]


class Set(Pairs):
    """Variants of real icons, and copies of pairs of them."""

    def add(self, base: str, operation: str, text: bytes | None, original: bytes, duplicate: bool) -> None:
        """Write a variant of ``base``, unless its picture says otherwise than the label."""
        if text is None:
            self.left_out[f"{operation}: the tool failed"] += 1
            return
        one, other = draw(original), draw(text)
        if one is None or other is None:
            self.left_out[f"{operation}: does not draw"] += 1
            return
        share = apart(one, other, operation != "recoloured")
        if share > (0.04 if operation == "jitter" else 0.01) if duplicate else share < 0.005:
            self.left_out[f"{operation}: {'changed' if duplicate else 'did not change'} the picture"] += 1
            return
        path = f"{base}/{operation}.svg"
        self.write(path, text)
        self.label(f"{base}/base.svg", path, operation, duplicate)

    def pair(self, number: int, operation: str, one: Path, other: Path) -> None:
        """Copy two different drawings."""
        pictures = draw(one.read_bytes()), draw(other.read_bytes())
        if pictures[0] is None or pictures[1] is None or alike(operation, *pictures):
            self.left_out[f"{operation}: look the same"] += 1
            return
        names = [f"{operation}/{number:05}-{side}-{path.name}" for side, path in (("a", one), ("b", other))]
        for name, path in zip(names, (one, other), strict=True):
            self.write(name, path.read_bytes())
        self.label(*names, operation, False)


def bases(root: Path, count: int) -> list[tuple[str, Path]]:
    """Drawings in the order of a hash, spread over the sets, one of a name."""
    sets = sorted(folder for folder in root.iterdir() if folder.is_dir())
    order = {
        folder.name: sorted(
            folder.rglob("*.svg"), key=lambda p: hashlib.sha256(str(p.relative_to(root)).encode()).digest()
        )
        for folder in sets
    }
    stems: set[str] = set()
    found: list[tuple[str, Path]] = []
    for turn in range(max(map(len, order.values()))):
        for name, paths in order.items():
            if turn < len(paths) and len(found) < count:
                stem = re.split(r"[-_. 0-9]", paths[turn].stem.lower())[0]
                if stem not in stems and paths[turn].stat().st_size <= MOST_BYTES:
                    stems.add(stem)
                    found.append((f"{name}-{len(found):04}", paths[turn]))
    return found


def main() -> None:
    """Make the set, and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--icons", type=int, default=400)
    parser.add_argument("--real", type=int, default=500, help="real pairs of each kind at most")
    parser.add_argument("--svgo")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    made = Set(args.out)
    chosen = bases(args.folder, args.icons)
    for base, path in chosen:
        text = path.read_bytes()
        chance = random.Random(base)
        try:
            tree = etree.fromstring(text)
        except etree.XMLSyntaxError:
            continue
        (args.out / base).mkdir(parents=True)
        (args.out / base / "base.svg").write_bytes(text)
        for name, operation in OPERATIONS.items():
            root = deepcopy(tree)
            if operation(root, chance):
                made.add(base, name, etree.tostring(root), text, True)
        made.add(base, "scour", scour(text), text, True)
        made.add(base, "other_tool", picosvg(text), text, True)
        changes = [part_changed, *([other_flag] if "flag" in base else [])]
        for change in changes:
            root = deepcopy(tree)
            if root.get("viewBox") and change(root, chance):
                made.add(base, change.__name__, etree.tostring(root), text, False)
    if args.svgo:
        originals = {base: path.read_bytes() for base, path in chosen if (args.out / base / "base.svg").exists()}
        for base, text in by_svgo(args.svgo, originals, args.out.with_name(args.out.name + "-svgo")).items():
            made.add(base, "svgo", text, originals[base], True)
    files = {str(p.relative_to(args.folder).with_suffix("")): p for p in sorted(args.folder.rglob("*.svg"))}
    kinds: Counter[str] = Counter()
    pairs = sorted(real_pairs(files), key=lambda pair: hashlib.sha256(f"{pair[1]} {pair[2]}".encode()).digest())
    for number, (kind, one, other) in enumerate(pairs):
        if kinds[kind] < args.real:
            kinds[kind] += 1
            made.pair(number, kind, one, other)
    made.save()


if __name__ == "__main__":
    main()
