"""Pages a second of `links` and `drawings`, on one core: a page of 50 kB with 110 links, and with 60 icons and a sheet.

python benchmarks/pages.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stages.crawl.html import drawings, links

URL = "https://example.org/"
ROUNDS = 30
_ICON = (
    '<svg class="icon h-6 w-6 text-blue-{n}" fill="none" viewBox="0 0 24 24" stroke="currentColor"><path '
    'stroke-linecap="round" d="M{n} 4h16v16H4z M10 10l2 2"/></svg>'
)
_ROW = (
    '<li class="item item-{n}"><a class="link" href="/page/{n}?x=1&amp;y={n}" title="Page {n}"><span class="icon">'
    "{icon}</span>Some text of a link</a><p>A paragraph of text about number {n}, which goes on for a while, and "
    'then for a while more, as texts do.</p><img src="/img/{n}.jpg" alt="x" loading="lazy"></li>\n'
)
_SCRIPT = "<script>" + "var a = 1;" * 700 + "</script>"
_RULES = "".join(
    f".c{n}{{color:#{n:03x}}}.nav .c{n}:hover>a{{color:red}}@media (min-width:{n}px){{.m\\:c{n}{{margin:{n}px}}}}"
    for n in range(2_000)
)


def page(icons: int) -> bytes:
    """A page of 50 kB with some icons."""
    rows = [_ROW.format(n=n, icon=_ICON.format(n=n) if n < icons else "") for n in range(110)]
    head = f"<title>A page</title><link rel=stylesheet href=a.css>{_SCRIPT}"
    return f"<!doctype html><html><head>{head}</head><body><ul>{''.join(rows)}</ul></body></html>".encode()


def rate(work: Callable[[], object]) -> float:
    """How often a second of CPU something is done, the first time apart."""
    work()
    start = time.process_time()
    for _ in range(ROUNDS):
        work()
    return ROUNDS / (time.process_time() - start)


def main() -> None:
    plain, icons = page(0), page(60)
    sheet = (_RULES + ".icon{width:1.5rem;stroke-width:1.5}.text-blue-7{color:#07f}").encode()
    sheets = {f"{URL}a.css": sheet}
    start = time.process_time()
    first = list(drawings(icons, URL, sheets, {}))
    cold = time.process_time() - start
    kept = {
        "links": rate(lambda: links(plain, URL)),
        f"links of a page with {len(first)} icons": rate(lambda: links(icons, URL)),
        "drawings of a page without any": rate(lambda: list(drawings(plain, URL, sheets, {}))),
        f"drawings of a page with {len(first)} icons": rate(lambda: list(drawings(icons, URL, sheets, {}))),
    }
    sizes = f"a page of {len(plain) / 1000:.0f} kB, a sheet of {len(sheet) / 1000:.0f} kB"
    print(f"{sizes}; {cold * 1000:.0f} ms for the first page, which reads the sheet")
    for name, pages in kept.items():
        print(f"{name}: {pages:.0f} pages/s")


if __name__ == "__main__":
    main()
