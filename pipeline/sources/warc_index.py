"""Reading WARCs by an index: its lines, and the records that they name, each by a range of its file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from pipeline.sources.base import RawItem
from pipeline.sources.paths import Found, PathSource
from pipeline.storage.base import Entry, NotFound
from stages.crawl import ArchiveError, CrawlSettings, Lost, display, extension
from stages.crawl.captures import PAGES, Captures, names_svg
from stages.crawl.cdx import Capture, capture_of, columns_of
from stages.crawl.compression import inflated
from stages.crawl.container import CHUNK, FAULTS, Budget
from stages.crawl.warcs import LONGEST_HEAD, warc_records
from stages.reasons import Reason

_PART = 8 * 2**20
"""Bytes of a plain index that are a chunk: some 30,000 lines."""

_LONGEST_LINE = 2**20

_AT_ONCE = 16
"""Records of an object store that are asked for at a time."""


def index_entries(found: Found) -> list[Entry]:
    """The index's files, each plain one as parts: ``<path>#00000`` and so on."""
    entries = []
    for entry in found.entries:
        if not (found.alone or "cdx" in entry.path.rpartition("/")[2].lower()):
            found.no_input[extension(entry.path)] += 1
        elif entry.path.lower().endswith((".gz", ".zst", ".bz2", ".xz")):
            entries.append(entry)
        else:
            parts = range(max(1, -(-entry.size // _PART)))
            entries += [
                Entry(f"{entry.path}#{n:05}", min(_PART, entry.size - n * _PART), entry.etag, entry.modified)
                for n in parts
            ]
    return entries


def captures_in(
    index: PathSource, path: str, pages: bool, budget: Budget, no_input: Counter[str]
) -> Iterator[Capture | RawItem]:
    """The captures that an entry of `index_entries` lists as SVG, and of bad lines why.

    ``index``: has the entry at its path. ``pages``: HTML pages, too. Raises ArchiveError if the file cannot be read.
    """
    name, part, number = path.rpartition("#")
    with index.open(name if part else path) as stream:
        lines = _part(stream, int(number)) if part else _all(stream, path, budget)
        columns, before = None, ""
        for at, line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text.startswith(("CDX ", "!")) or not text or text == before:
                columns = columns_of(text) or columns
                continue
            before = text
            capture = capture_of(text, columns)
            if capture is None:
                yield RawItem(
                    f"{display(name or path)}/{at}", (Reason.UNREADABLE, f"no line of an index: {text[:80]!r}")
                )
            elif _is_wanted(capture, pages):
                yield capture
            else:
                no_input[f"{display(capture.mime)[:60]}, status {capture.status}, in an index"] += 1


def items_of(
    source: PathSource, listed: Iterable[Capture | RawItem], captures: Captures, limits: CrawlSettings
) -> Iterator[RawItem]:
    """The drawings of what is listed, in its order. ``source``: has the WARCs below its path."""
    most = limits.max_bytes + LONGEST_HEAD

    def fetch(each: Capture | RawItem) -> BinaryIO | Lost | None:
        return None if isinstance(each, RawItem) else _fetched(source, each, most)

    remaining = iter(listed)
    with ThreadPoolExecutor(_AT_ONCE if source.store is not None else 1) as pool:
        while group := list(islice(remaining, _AT_ONCE)):
            for each, content in zip(group, pool.map(fetch, group), strict=True):
                if isinstance(each, RawItem):
                    yield each
                else:
                    assert content is not None
                    yield from _items(each, content, captures, limits)


def _items(capture: Capture, content: BinaryIO | Lost, captures: Captures, limits: CrawlSettings) -> Iterator[RawItem]:
    lost = content
    if not isinstance(content, tuple):
        try:
            with content:
                records = warc_records(content, capture.filename, Budget(capture.filename, limits.max_archive_bytes))
                record = next(records, None)
                if record is not None and record.uri == capture.url:
                    items = list(captures.items((record,)))
                    if capture.length is not None and not record.block.left:
                        next(records, None)  # there is none: this sees whether the record ends as it should
                    yield from (_in(capture, item) for item in items)
                    return
            what = "no record" if record is None else f"a record of {display(record.uri)[:200] or record.kind}"
            lost = Reason.UNREADABLE, f"the index is wrong: {what} is there"
        except ArchiveError as error:
            lost = Reason.UNREADABLE, error.what
    assert isinstance(lost, tuple)
    yield _in(capture, captures.lost(capture.url, capture.time, lost))


def _fetched(source: PathSource, capture: Capture, most: int) -> BinaryIO | Lost:
    """A record's bytes, or, where the index does not say how many they are, its file from there on."""
    if capture.length is not None and capture.length > most:
        return Reason.TOO_LARGE, f"{capture.length} bytes, over {most}"
    try:
        if (store := source.store) is not None and capture.length is not None:
            return io.BytesIO(store.read_range(capture.filename, capture.offset, capture.length))
        stream = source.open(capture.filename)
    except NotFound:
        return _NO_FILE
    except ArchiveError as error:
        return Reason.UNREADABLE, error.what
    stream.seek(capture.offset)
    if capture.length is None:
        return stream
    with stream:
        return io.BytesIO(stream.read(capture.length))


def _in(capture: Capture, item: RawItem) -> RawItem:
    return replace(item, path=f"{display(capture.filename)}/{item.path}")


def _is_wanted(capture: Capture, pages: bool) -> bool:
    kinds = set(capture.mime.split())
    if capture.status not in ("200", "-"):
        return False
    if "svg" in capture.mime or (names_svg(capture.url) and "warc/revisit" not in kinds):
        return True
    return pages and bool(kinds & PAGES)


def _part(stream: BinaryIO, number: int) -> Iterator[tuple[int, bytes]]:
    """The lines that begin in a part, each with its place in the file; before them the first, which names columns."""
    begin, end = number * _PART, (number + 1) * _PART
    if number:
        if (first := stream.readline(_LONGEST_LINE)).startswith(b" CDX "):
            yield 0, first
        stream.seek(begin - 1)
        begin += len(stream.readline(_LONGEST_LINE)) - 1
    while begin < end and (line := stream.readline(_LONGEST_LINE)):
        yield begin, line
        begin += len(line)


def _all(stream: BinaryIO, path: str, budget: Budget) -> Iterator[tuple[int, bytes]]:
    """The lines of a compressed file, each with its place in what it inflates to. Raises ArchiveError."""
    begin, rest = 0, b""
    try:
        source = inflated(stream)
        while more := source.read(CHUNK):
            budget.spend(len(more))
            *lines, rest = (rest + more).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise ValueError(f"a line of over {_LONGEST_LINE} bytes")
            for line in lines:
                yield begin, line
                begin += len(line) + 1
    except FAULTS as error:
        raise ArchiveError(path, str(error) or type(error).__name__) from None
    if rest:
        yield begin, rest


_NO_FILE: Lost = (Reason.UNREADABLE, "the index names a file that is not there")
