"""What a round came to, as a unit of a fetch ends in it: a row for each response, and for what was not asked for."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow.parquet as pq

from pipeline.sources.network import Shelf
from pipeline.sources.web.frontier import INPUTS, Frontier, Signals, entries_table
from pipeline.sources.web.packs import KEY, Packs, Row
from pipeline.sources.web.urls import digest
from pipeline.storage.tables import PARQUET

RESPONSE, LOST, RESERVED = "response", "lost", "reserved"
"""Facts of a place: pack#row of the response; why there is no content, where only the whole crawl tells; signals of the
pages that show it."""

_SAME = ("same_pack", "same_row")
_READ = (*KEY, *_SAME, "what", "fetched", "size", "sha256", "drawings", "links")


def shelve(shelf: Shelf, packs: Packs, frontier: Frontier, number: int) -> dict[str, object]:
    """Put what came in a round on the shelf. Returns what the driver has to know."""
    targets: dict[str, str] = {}
    contents: dict[str, tuple[tuple[str, str, int], int]] = {}
    for pack, at, row in packs.stored((*KEY, *_SAME, "target", "sha256", "size")):
        if row.kind == "redirect":
            targets[row.url] = row.target
        elif row.sha256 and row.kind in ("svg", "sheet"):
            contents[row.url] = _content(pack, at, row)
    came: Counter[str] = Counter()
    imports: dict[str, tuple[str, ...]] = {}
    noted: set[bytes] = set()
    for pack, at, row in packs.stored(_READ):
        if row.kind == "sheet":
            imports[row.url] = tuple(url for url, asked, _ in row.links if asked == "sheet")
        key = digest(row.url)
        if row.round == number and key not in noted:  # a write that was not confirmed is made again
            noted.add(key)
            came[row.kind] += 1
            _add(shelf, pack, at, row, targets, contents, frontier.reserved.get(key, ()))
    for pack in packs.paths():
        shelf.add("", "", "", (pack, "", 0), "")  # also what holds nothing but word that nothing has changed
    for each in shelf.rows:
        each["beside"] = _with_imports(each["beside"], imports)
    for why, count in sorted(frontier.left.items()):
        shelf.add(why, "", "", ("", "", 0), "", [("count", str(count))])
    extra: dict[str, object] = {"came": dict(sorted(came.items())), "left": dict(sorted(frontier.left.items()))}
    if frontier.outgoing:
        extra["outgoing"] = _outgoing(shelf, frontier)
    return extra


def _content(pack: str, at: int, row: Row) -> tuple[tuple[str, str, int], int]:
    """Where the content of a row lies, as `Shelf.add` takes it, and in which row."""
    place, where = (row.same_pack, row.same_row) if row.same_pack else (pack, at)
    return (place, row.sha256, row.size), where


def _add(
    shelf: Shelf,
    pack: str,
    at: int,
    row: Row,
    targets: Mapping[str, str],
    contents: Mapping[str, tuple[tuple[str, str, int], int]],
    reserved: Signals,
) -> None:
    stored, where = _content(pack, at, row)
    facts = [(RESPONSE, f"{pack}#{at}")]
    if reserved:
        facts.append((RESERVED, json.dumps(reserved, ensure_ascii=False)))
    path, shape = row.url, "files"
    beside: tuple[str, ...] = ()
    if row.kind == "page" and row.drawings:
        shape, beside = "pages", tuple(url for url, asked, _ in row.links if asked in ("sheet", "sprite"))
    elif row.kind == "svg" and row.asked == "sprite":
        shape = "pages"
    elif row.kind == "redirect":
        end = _end(row.url, targets)
        if end is None and row.asked in INPUTS:
            facts.append((LOST, "it is redirected in a circle"))
        else:
            path, shape = "redirect", ""
            stored, where = contents.get(end or "", (stored, where))
    elif row.kind == "page" and row.asked == "list":
        facts.append((LOST, "it is a page without drawings"))
    elif row.kind == "failed" and row.asked not in INPUTS:
        path, shape = f"{row.asked}: {row.what}", ""
    elif row.kind not in ("svg", "failed"):
        path, shape = _NO_INPUT.get(row.kind) or f"other: {row.what}", ""
    shelf.add(path, shape, row.url, stored, row.fetched, facts, where, beside)


def _with_imports(urls: Sequence[str], imports: Mapping[str, tuple[str, ...]]) -> list[str]:
    """URLs, and those of all style sheets that these import."""
    every = dict.fromkeys(urls)
    left = list(urls)
    while left:
        for url in imports.get(left.pop(), ()):
            if url not in every:
                every[url] = None
                left.append(url)
    return list(every)


_NO_INPUT = {
    "page": "page without drawings",
    "sheet": "style sheet",
    "sitemap": "sitemap",
    "robots": "robots.txt",
    "rules": "file of rules",
}


def _end(url: str, targets: Mapping[str, str]) -> str | None:
    """Where redirects lead to, as far as this bucket knows; None for a circle."""
    passed = {url}
    while (following := targets.get(url)) is not None:
        if following in passed:
            return None
        passed.add(following)
        url = following
    return url


def _outgoing(shelf: Shelf, frontier: Frontier) -> dict[str, object]:
    entries = list(frontier.outgoing.values())
    stream = io.BytesIO()
    pq.write_table(entries_table(entries), stream, **PARQUET)
    stream.seek(0)
    stored = shelf.put(stream)
    shelf.add("", "", "", stored, "")
    buckets = Counter(str(bucket) for bucket, _ in entries)
    return {"path": stored[0], "sha256": stored[1], "buckets": dict(sorted(buckets.items()))}
