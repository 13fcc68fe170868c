"""Build the bundled sample: ``data/quickstart.tar.gz`` and ``data/SOURCES.md``.

    python benchmarks/make_sample.py --cache build/npm [--out data]

The icons come from pinned npm packages (`fetch_icons.pack`), each under MIT, Apache-2.0 or CC0-1.0 by the text that it
ships, byte for byte as in the package; the broken files are those of `broken_files`. Which icons: the patterns of
`SETS`, and of what matches the first in the order of a hash of the icon's name, so that several sets give one motif.

The archive is a function of this file and the packages: entries sorted by path, no times, no owners. Its compressed
bytes depend on zlib as well; ``SOURCES.md`` therefore also names the digest of the uncompressed archive.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from broken_files import BROKEN
from fetch_icons import members, pack

from pipeline.errors import InputError, UserError
from stages.licenses.tree import is_text

MAX_ARCHIVE_BYTES = 1_500_000
LICENSE_MARKS = {
    "MIT": "Permission is hereby granted, free of charge",
    "Apache-2.0": "Apache License\n                           Version 2.0, January 2004",
    "CC0-1.0": "CC0 1.0 Universal",
}


@dataclass(frozen=True)
class Take:
    """``count`` icons, each with all of ``paths``, where ``{}`` stands for the icon's name.

    Only icons all of whose files hold ``holds`` and do not hold ``lacks`` and are at most ``max_bytes`` long.
    """

    count: int
    paths: tuple[str, ...]
    holds: bytes = b""
    lacks: bytes | None = None
    max_bytes: int = 60_000


@dataclass(frozen=True)
class IconSet:
    """A folder of the archive: ``root`` is cut off the paths in the package; ``notice`` is put before the licence."""

    name: str
    spec: str
    license: str
    root: str
    takes: tuple[Take, ...]
    shows: str
    notice: str = ""


SETS = (
    IconSet(
        "flag-icons", "flag-icons@7.5.0", "MIT", "flags/",
        (
            Take(6, ("4x3/{}.svg",), holds=b"Gradient"),
            Take(12, ("4x3/{}.svg", "1x1/{}.svg"), holds=b"<use"),
            Take(12, ("4x3/{}.svg", "1x1/{}.svg"), holds=b"<clipPath"),
            Take(40, ("4x3/{}.svg",), max_bytes=20_000),
        ),
        "flags: use, clip paths, gradients, transforms; long ones, and the same flag in two formats",
    ),
    IconSet(
        "fluent-emoji", "fluentui-emoji@1.3.0", "MIT", "icons/",
        (
            Take(64, ("flat/{}.svg",)),
            Take(12, ("flat/{}.svg", "high-contrast/{}.svg"), max_bytes=8_000),
            Take(56, ("modern/{}.svg",), holds=b"Gradient", lacks=b"<filter", max_bytes=20_000),
            Take(8, ("modern/{}.svg",), holds=b"<filter", max_bytes=12_000),
        ),
        "colour emoji: gradients, opacity, transforms, filters; the same motif flat and in one colour",
        "The drawings are Microsoft's Fluent Emoji:\n\nMIT License, Copyright (c) Microsoft Corporation.\n\n"
        "The package that they were taken from:\n\n",
    ),
    IconSet(
        "pictograms", "@carbon/pictograms@12.82.0", "Apache-2.0", "",
        (
            Take(30, ("src/svg/{}.svg",), holds=b"<style"),
            Take(10, ("src/svg/{}.svg", "svg/{}.svg"), holds=b"<path"),
            Take(44, ("svg/{}.svg",)),
        ),
        "line drawings of medium length: style elements; the same drawing before and after an optimizer",
    ),
    IconSet(
        "carbon", "@carbon/icons@11.89.0", "Apache-2.0", "svg/",
        (Take(10, ("32/{}.svg",), holds=b"transform="), Take(30, ("32/{}.svg",)), Take(6, ("16/{}.svg", "32/{}.svg"))),
        "interface icons: circles, rectangles and polygons beside paths, transforms",
    ),
    IconSet(
        "material", "@material-design-icons/svg@0.14.15", "Apache-2.0", "",
        (
            Take(14, ("filled/{}.svg", "outlined/{}.svg", "round/{}.svg", "sharp/{}.svg")),
            Take(12, ("two-tone/{}.svg",)),
        ),
        "interface icons, tiny; the same motif in four styles",
    ),
    IconSet(
        "phosphor", "@phosphor-icons/core@2.1.1", "MIT", "assets/",
        (Take(12, ("regular/{}.svg", "bold/{}-bold.svg", "light/{}-light.svg")), Take(20, ("duotone/{}-duotone.svg",))),
        "interface icons; the same motif in three weights, and duotone with opacity",
    ),
    IconSet(
        "tabler", "@tabler/icons@3.51.0", "MIT", "icons/",
        (Take(12, ("outline/{}.svg", "filled/{}.svg")), Take(46, ("outline/{}.svg",))),
        "interface icons drawn with strokes, and some filled",
    ),
    IconSet(
        "bootstrap", "bootstrap-icons@1.13.2", "MIT", "icons/",
        (Take(12, ("{}.svg", "{}-fill.svg")), Take(36, ("{}.svg",))),
        "interface icons drawn with fills; outlined and filled",
    ),
    IconSet(
        "heroicons", "heroicons@2.2.0", "MIT", "",
        (Take(12, ("24/outline/{}.svg", "24/solid/{}.svg", "20/solid/{}.svg", "16/solid/{}.svg")),),
        "interface icons; the same motif in three sizes",
    ),
    IconSet(
        "ionicons", "ionicons@8.1.0", "MIT", "dist/svg/",
        (Take(30, ("{}-outline.svg",)), Take(16, ("{}-sharp.svg",)), Take(4, ("{}.svg",), holds=b"transform=")),
        "interface icons: class attributes, strokes, rectangles and circles",
    ),
    IconSet(
        "feather", "feather-icons@4.29.2", "MIT", "dist/icons/", (Take(40, ("{}.svg",)),),
        "interface icons: lines, polylines, polygons and circles",
    ),
    IconSet(
        "circle-flags", "circle-flags@2.8.3", "MIT", "flags/", (Take(16, ("{}.svg",)),),
        "round flags, cut out by a mask",
    ),
    IconSet(
        "cryptocurrency", "cryptocurrency-icons@0.18.1", "CC0-1.0", "svg/",
        (Take(16, ("color/{}.svg", "black/{}.svg")), Take(4, ("icon/{}.svg",))),
        "coins in colour and in black, which differ only in colour; some with filters",
    ),
)  # fmt: skip

CC0_TITLE = "BROKEN AND HOSTILE FILES, WRITTEN FOR THIS SAMPLE\n\n"


def select(take: Take, files: dict[str, bytes], taken: set[str]) -> list[str]:
    """The paths that ``take`` adds to ``taken``. Raises InputError if too few icons match."""
    first = re.compile(re.escape(take.paths[0]).replace(r"\{\}", "([^/]+)"))
    names = []
    for path in files:
        match = first.fullmatch(path)
        paths = [pattern.replace("{}", match[1]) for pattern in take.paths] if match else []
        if match and all(_fits(take, files.get(p)) for p in paths) and not taken.intersection(paths):
            names.append(match[1])
    if len(names) < take.count:
        raise InputError(f"{take.paths}: {len(names)} icons match, {take.count} are wanted")
    names.sort(key=lambda name: (hashlib.sha256(name.encode()).hexdigest(), name))
    return [pattern.replace("{}", name) for name in names[: take.count] for pattern in take.paths]


def _fits(take: Take, content: bytes | None) -> bool:
    if content is None or len(content) > take.max_bytes or take.holds not in content:
        return False
    return take.lacks is None or take.lacks not in content


def icons(icon_set: IconSet, cache: Path) -> dict[str, bytes]:
    """The set's files for the archive, with its LICENSE. Raises InputError if its licence text is not as configured."""
    contents = dict(members(pack(icon_set.spec, cache)))
    text = next(
        (content.decode() for path, content in sorted(contents.items()) if "/" not in path and is_text(path)), ""
    )
    if LICENSE_MARKS[icon_set.license] not in text:
        raise InputError(f"{icon_set.spec}: its licence text is not that of {icon_set.license}")
    files = {
        path.removeprefix(icon_set.root): content
        for path, content in contents.items()
        if path.startswith(icon_set.root) and path.endswith(".svg")
    }
    taken: set[str] = set()
    for take in icon_set.takes:
        taken.update(select(take, files, taken))
    found = {f"{icon_set.name}/{path}": files[path] for path in taken}
    found[f"{icon_set.name}/LICENSE"] = (icon_set.notice + text).encode()
    return found


def broken(cc0: bytes) -> dict[str, bytes]:
    """The broken files, their licence and what is expected of them."""
    found = {f"broken/{name}": file.content for name, file in BROKEN.items()}
    expected = {name: {"expected": list(file.expected), "shows": file.shows} for name, file in sorted(BROKEN.items())}
    found["broken/EXPECTED.json"] = (json.dumps(expected, indent=2) + "\n").encode()
    found["broken/LICENSE"] = CC0_TITLE.encode() + cc0
    return found


def archive(files: dict[str, bytes]) -> bytes:
    """An uncompressed ustar archive: entries sorted by path, mode 644, owner and time zero."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def sources(files: dict[str, bytes], tar: bytes, packed: bytes) -> str:
    """The text of SOURCES.md."""
    counts = {s.name: sum(p.startswith(f"{s.name}/") and p.endswith(".svg") for p in files) for s in SETS}
    rows = [f"| {s.name} | `{s.spec}` | {s.license} | {counts[s.name]} | {s.shows} |" for s in SETS]
    rows.append(f"| broken | this project | CC0-1.0 | {len(BROKEN)} | broken and hostile files, see below |")
    kinds = [f"| {name} | {', '.join(file.expected)} | {file.shows} |" for name, file in sorted(BROKEN.items())]
    return "\n".join(
        [
            "# What is in quickstart.tar.gz",
            "",
            "Written by `benchmarks/make_sample.py`. Files are unmodified; each folder holds its set's licence text.",
            "Flags, coins' signs and logos may be protected by other rights than copyright.",
            "",
            f"- archive: {len(packed):,} bytes, sha256 `{hashlib.sha256(packed).hexdigest()}`",
            f"- uncompressed: {len(tar):,} bytes, sha256 `{hashlib.sha256(tar).hexdigest()}`",
            f"- {sum(counts.values()):,} SVG files of {len(SETS)} sets, and {len(BROKEN)} broken ones",
            "",
            "| folder | npm package | licence | files | what it shows |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "## The broken files",
            "",
            "`broken/EXPECTED.json` says the same to programs. `kept`, or the reasons that may be given.",
            "",
            "| file | outcome | what it is |",
            "|---|---|---|",
            *kinds,
            "",
        ]
    )


def main() -> None:
    """Build and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where npm packages are kept")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "data")
    args = parser.parse_args()
    files: dict[str, bytes] = {}
    try:
        for icon_set in SETS:
            files |= icons(icon_set, args.cache)
        cc0 = next(content for path, content in files.items() if path == "cryptocurrency/LICENSE")
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    files |= broken(cc0)
    tar = archive(files)
    packed = gzip.compress(tar, 9, mtime=0)
    if len(packed) > MAX_ARCHIVE_BYTES:
        raise SystemExit(f"error: {len(packed):,} bytes, over {MAX_ARCHIVE_BYTES:,}; take fewer or smaller files")
    (args.out / "quickstart.tar.gz").write_bytes(packed)
    (args.out / "SOURCES.md").write_text(sources(files, tar, packed))
    print(f"{len(packed):,} bytes, {sum(p.endswith(('.svg', '.svgz')) for p in files):,} files")


if __name__ == "__main__":
    main()
