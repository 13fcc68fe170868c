"""Drawings of pages as Chromium shows them in the page, against the documents that `stages.crawl.html` makes of them.

Each page of tests/data/pages has one drawing that is to be seen. The picture of the element in the page is compared
with that of the document alone, both by Chromium. With ``--write`` the pictures of the pages are stored beside them,
for the tests, which have no browser.

    python benchmarks/page_drawings.py [--write] [--out DIR] [NAME ...]
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Route

from benchmarks.chromium import Chromium
from stages.crawl.html import drawings
from stages.render.compare import Pixels
from stages.render.renderers import vips

PAGES = Path(__file__).parents[1] / "tests" / "data" / "pages"
HOME = "https://example.org/"
WINDOW = {"width": 1280, "height": 720}
FAR = 24
"""Levels of a channel by which a pixel is another."""
_TYPES = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store what Chromium shows of each page's drawing")
    parser.add_argument("--out", type=Path, help="where both pictures of what differs go")
    parser.add_argument("names", nargs="*", help="pages, without .html; all if none is named")
    options = parser.parse_args()
    files = {HOME + path.name: path.read_bytes() for path in PAGES.iterdir() if path.suffix in _TYPES}
    sheets = {url: content for url, content in files.items() if url.endswith(".css")}
    sprites = {url: content for url, content in files.items() if url.endswith(".svg")}
    different = 0
    names = options.names or sorted(path.stem for path in PAGES.glob("*.html"))
    with Chromium(64, package_fonts=True) as browser:
        page = browser.page(WINDOW["width"], WINDOW["height"])
        page.route("**/*", lambda route: _answer(route, files))
        for name in names:
            shown, width, height = _in_page(page, name)
            if options.write:
                (PAGES / f"{name}.png").write_bytes(shown)
            url = f"{HOME}{name}.html"
            records = list(drawings(files[url], url, sheets, sprites))
            if len(records) != 1:
                raise SystemExit(f"{name}: {len(records)} drawings")
            content = records[0].content
            alone = _alone(page, content if isinstance(content, bytes) else b"", width, height)
            first, second = _pixels(shown), _pixels(alone)
            share = difference(first, second)
            facts = " ".join(f"{key}={value}" for key, value in records[0].facts)
            if share > 0.01:
                different += 1
                print(f"{name}: {share:.1%} of the pixels differ {facts}\n  {content!r}")
                if options.out:
                    options.out.mkdir(parents=True, exist_ok=True)
                    (options.out / f"{name}-page.png").write_bytes(shown)
                    (options.out / f"{name}-alone.png").write_bytes(alone)
        print(f"{browser.version}: {len(names)} pages, {different} differ")


def difference(first: Pixels, second: Pixels) -> float:
    """The share of pixels that differ by more than `FAR` levels; 1 for pictures of other sizes."""
    if first.shape != second.shape:
        return 1.0
    return float((np.abs(first.astype(int) - second.astype(int)).max(axis=2) > FAR).mean())


def _answer(route: Route, files: dict[str, bytes]) -> None:
    url = route.request.url.partition("#")[0]
    if url in files:
        route.fulfill(body=files[url], content_type=_TYPES[Path(url).suffix])
    else:
        route.fulfill(status=404, body="")


def _in_page(page: Page, name: str) -> tuple[bytes, int, int]:
    page.goto(f"{HOME}{name}.html")
    boxes = [
        (each, box)
        for each in page.locator("svg").all()
        if (box := each.bounding_box()) and box["width"] and box["height"]
    ]
    element, box = boxes[0]
    page.wait_for_timeout(50)
    return element.screenshot(), round(box["width"]), round(box["height"])


def _alone(page: Page, content: bytes, width: int, height: int) -> bytes:
    address = "data:image/svg+xml;base64," + base64.b64encode(content).decode()
    page.goto("about:blank")
    page.set_content(
        f'<body style="margin:0;background:#fff"><img src="{address}" '
        f'style="display:block;width:{width}px;height:{height}px">'
    )
    page.wait_for_timeout(50)
    return page.locator("img").screenshot()


def _pixels(png: bytes) -> Pixels:
    image = vips().Image.new_from_buffer(png, "")
    pixels: Pixels = image.flatten(background=255).numpy() if image.hasalpha() else image.numpy()
    return pixels


if __name__ == "__main__":
    main()
