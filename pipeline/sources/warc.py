"""The warc source: what crawlers have archived, as whole files, or by an index that says where what is wanted lies.

Whole WARCs and WACZs are a chunk each. Of an index, a chunk is a compressed file, or a part of a plain one, so that
the listing is as short as the index is, whatever the number of WARCs; see `pipeline.sources.warc_index`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, ChunkLost, Listing, RawItem, Shape, Surroundings
from pipeline.sources.no_input import others
from pipeline.sources.paths import Found, PathSource
from pipeline.sources.warc_index import captures_in, index_entries, items_of
from pipeline.storage.uri import is_s3, join_uri, split_uri, with_access
from stages import crawl
from stages.crawl import NOT_IN_GLOB, CrawlSettings, display, extension, matches
from stages.crawl.captures import Captures, beside
from stages.crawl.container import Budget
from stages.crawl.warcs import Record, is_wacz, is_warc, wacz_records, warc_records
from stages.reasons import Reason


class WarcSource(PathSource):
    """SVGs in WARCs and WACZs below a folder or an s3:// prefix, or in one of them; also those that an index names."""

    version: ClassVar[int] = 1

    kind: Literal["warc"]
    path: str = Field(
        min_length=1,
        description="a WARC, a WACZ, a folder of them, or an s3:// URI; relative to the config file (with --set: to "
        "here). With cdx, the folder or prefix that the index's file names start from, which is not listed",
    )
    glob: str = Field(
        "**/*", min_length=1, description="which WARCs, relative to path; ** is any number of folders; not with cdx"
    )
    cdx: str | None = Field(
        None,
        min_length=1,
        description="an index (CDX or CDXJ, also gzipped), a folder of them (files with cdx in their name), or an "
        "s3:// URI, relative as path: only records that it lists as SVG are read, by ranges",
    )
    pages: bool | None = Field(
        None,
        description="whether HTML pages are read for the drawings in them; null: in whole WARCs they are, by an index "
        "they are not",
    )
    on_bad_archive: Literal["fail", "drop"] = Field(
        "fail",
        description="a damaged or truncated WARC ends the run, or is dropped as one record (bad_archive), also what "
        "could be read of it; by an index, a damaged record costs itself",
    )

    def listing(self, surroundings: Surroundings) -> Listing:
        """The WARCs, or the parts of the index. Raises ConfigError if there are none."""
        if self.cdx is None:
            return super().listing(surroundings)
        if is_s3(self.path):
            where, access = split_uri(with_access(self.path, surroundings.access))
            path = join_uri(f"{where.rstrip('/')}/", access)
        else:
            path = f"{surroundings.base / self.path}/"
            if not (surroundings.base / self.path).is_dir():
                raise ConfigError(
                    f"source {self.name}: {path[:-1]} is no folder; with cdx, path is the folder that the index's "
                    "file names start from"
                )
        found = self.model_copy(update={"path": self.cdx}).find(surroundings)
        links = tuple(str(surroundings.base / link) for link in self.allow_links_to)
        reader = self.model_copy(update={"path": path, "cdx": found.reader.path, "allow_links_to": links})
        entries = index_entries(found)
        if not entries:
            what = f"no file with cdx in its name ({others(found.no_input)})"
            raise ConfigError(f"source {self.name}: {found.where} has {what}; correct cdx")
        return Listing(self, archives=tuple(sorted(entries)), no_input=found.no_input, reader=reader)

    def sort_out(self, found: Found) -> Listing:
        """The WARCs of what there is; another file is an error if it is alone, else counted."""
        archives, no_input = [], found.no_input
        for entry in found.entries:
            if not (is_warc(entry.path) or is_wacz(entry.path)):
                no_input[extension(entry.path)] += 1
            elif found.alone or matches(entry.path, self.glob):
                archives.append(entry)
            else:
                no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
        if not archives or not found.regular:
            what = "is no WARC" if found.alone else f"has no WARC that matches {self.glob!r} ({others(no_input)})"
            raise ConfigError(
                f"source {self.name}: {found.where} {what}; names end in .warc, .warc.gz or .wacz: correct path or glob"
            )
        return Listing(self, archives=tuple(archives), no_input=no_input, reader=found.reader)

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Where the source lies says nothing; with an index, an entry is of the index alone, so the path does."""
        names = {"on_bad_archive", "pages"} | ({"path"} if self.cdx else set())
        settings = self.model_dump(mode="json", include=names | ({"allow_links_to"} if self.allow_links_to else set()))
        return settings | {"by_index": self.cdx is not None}

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """What there is instead of drawings."""
        place = f"{self.path} that {self.cdx} lists" if self.cdx else self.path
        return f"source {self.name}: no SVG in the WARCs of {place} ({others(no_input)}); correct path or settings"

    # -- on a worker

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The drawings of a WARC, or those that a part of an index names."""
        (path,) = chunk.paths
        pages = self.cdx is None if self.pages is None else self.pages
        captures = Captures(limits.max_bytes, pages, no_input)
        try:
            if self.cdx is not None:
                index = self.model_copy(update={"path": self.cdx})
                listed = captures_in(index, path, pages, Budget(path, limits.max_archive_bytes), no_input)
                prefix = f"{display(path)}/" if index.is_folder else ""
                for item in items_of(self, listed, captures, limits):
                    yield replace(item, path=prefix + item.path)
                return
            prefix = f"{display(path)}/" if self.is_folder else ""
            if pages:
                with self.open(path) as stream:
                    records = _records(stream, path, Budget(path, limits.max_archive_bytes))
                    captures.beside = beside((record for _, record in records), limits.max_bytes)
            with self.open(path) as stream:
                for name, record in _records(stream, path, Budget(path, limits.max_archive_bytes)):
                    for item in captures.items((record,)):
                        yield replace(item, path=f"{prefix}{name}{item.path}")
        except crawl.ArchiveError as error:
            if self.on_bad_archive != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_archive: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None


def _records(stream: BinaryIO, path: str, budget: Budget) -> Iterable[tuple[str, Record]]:
    """Each record, and what stands before the names of its drawings."""
    if is_wacz(path):
        return ((f"{display(name)}/", record) for name, record in wacz_records(stream, path, budget))
    return (("", record) for record in warc_records(stream, path, budget))
