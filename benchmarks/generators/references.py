"""Drawings of generators with Chromium's pictures of them, for the tests: references.py OUTDIR ARCHIVE.tar.gz

512 px, white ground, the package's fonts, framed as the mill frames a source; lossless WebP. Files of over `LARGEST`
bytes stay out, and of each generator all but `FEW`.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from chromium import Chromium, Drawing  # noqa: E402

from stages.base import Dropped  # noqa: E402
from stages.normalize import source_view_box  # noqa: E402
from stages.render.compare import Pixels  # noqa: E402
from stages.render.renderers import vips  # noqa: E402
from stages.sanitize import SanitizeSettings, sanitize_one  # noqa: E402

SIZE = 512
LARGEST = 40_000
FEW = 3


def main() -> None:
    root = Path(sys.argv[1])
    drawings: dict[str, Drawing] = {}
    taken: Counter[Path] = Counter()
    for path in sorted(root.rglob("*.svg")):
        data = path.read_bytes()
        if len(data) > LARGEST or taken[path.parent] == FEW:
            continue
        taken[path.parent] += 1
        try:
            box = source_view_box(sanitize_one(data, SanitizeSettings()).svg)
        except Dropped as error:
            print(f"{path}: {error.reason}", file=sys.stderr)
            continue
        drawings[str(path.relative_to(root))] = Drawing(data, box)
    members: dict[str, bytes] = {"versions.tsv": (HERE / "versions.tsv").read_bytes()}
    with Chromium(SIZE, package_fonts=True) as browser:
        for (name, drawing), picture in zip(drawings.items(), browser.draw(list(drawings.values())), strict=True):
            if drawing.animated:
                picture = dict(browser.moments(drawing)).get("end", picture)
            if picture is None:
                print(f"{name}: not drawn", file=sys.stderr)
                continue
            members |= {name: drawing.data, f"{name}.webp": _webp(picture)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    Path(sys.argv[2]).write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _webp(picture: Pixels) -> bytes:
    image = vips().Image.new_from_memory(picture.data.cast("B"), SIZE, SIZE, 4, "uchar").copy(interpretation="srgb")
    data: bytes = image.flatten().webpsave_buffer(lossless=True, effort=6, keep="none")
    return data


if __name__ == "__main__":
    main()
