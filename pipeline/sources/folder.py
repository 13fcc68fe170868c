"""The folder source: SVG files, archives and Parquet files below a folder or an s3:// prefix, or one of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.sources.archive import ArchiveReader
from pipeline.sources.base import Chunk, Listing, RawItem, Shape
from pipeline.sources.entries import Spool
from pipeline.sources.no_input import others
from pipeline.sources.paths import Found, open_below
from pipeline.storage.base import Entry, NotFound, Storage
from stages import crawl
from stages.crawl import ARCHIVES, NOT_IN_GLOB, Columns, CrawlSettings, Lost, extension, kind_of, matches, reaches
from stages.reasons import Reason


class FolderSource(ArchiveReader):
    """SVG files, archives (zip, 7z, deb, tar) and Parquet files below a folder or an s3:// prefix, or one of them."""

    version: ClassVar[int] = 2

    kind: Literal["folder"]
    path: str = Field(
        min_length=1,
        description="folder, archive, Parquet file, or s3:// URI; relative to the config file (with --set: to here)",
    )
    glob: str = Field(
        "**/*",
        min_length=1,
        description="which files, archives and members of archives, relative to path; ** is any number of folders",
    )
    column: str | None = Field(
        None,
        min_length=1,
        description="of Parquet files, the column of drawings, in a struct a.b; null: svg, or one with svg in its name",
    )
    columns: Columns = Columns()

    def sort_out(self, found: Found) -> Listing:
        """SVG files, archives and tables of what there is; another file is an error if it is alone, else counted."""
        if found.alone:
            return self._alone(found)
        spool = Spool()
        archives: list[Entry] = []
        no_input = found.no_input
        for entry in found.entries:
            kind = kind_of(entry.path)
            if kind == "archive" and reaches(entry.path, self.glob):
                archives.append(entry)
            elif not matches(entry.path, self.glob):
                no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
            elif kind is None:
                no_input[extension(entry.path)] += 1
            elif kind == "archive":
                archives.append(entry)
            else:
                spool.add(entry)
        files = spool.finish()
        if not files and not archives:
            raise ConfigError(
                f"source {self.name}: no .svg, .svgz or archive in {found.where} matches {self.glob!r} "
                f"({others(no_input)}); correct path or glob"
            )
        tables = tuple(entry for entry in archives if _is_table(entry))
        packed = tuple(entry for entry in archives if not _is_table(entry))
        return Listing(self, files, packed, tables, no_input=no_input, reader=found.reader)

    def _alone(self, found: Found) -> Listing:
        (entry,) = found.entries
        if not found.regular or kind_of(entry.path) != "archive":
            raise ConfigError(
                f"source {self.name}: {found.where} is a file, neither a folder nor an archive ({ARCHIVES}); "
                "give the folder that holds it, and select it with glob"
            )
        if _is_table(entry):
            return Listing(self, tables=(entry,), reader=found.reader)
        return Listing(self, archives=(entry,), reader=found.reader)

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Where the source lies says nothing, and of its settings those say something that the shape has a use for."""
        names = {"allow_links_to"} if self.allow_links_to else set()
        if shape != "files":
            names |= {"glob", "column", "columns", "on_bad_archive", "license_texts"}
        return self.model_dump(mode="json", include=names)

    def nothing_read(self, no_input: Mapping[str, int]) -> str:
        """The archives are all that there is; else the listing has a file."""
        return (
            f"source {self.name}: no .svg or .svgz in the archives of {self.path} matches {self.glob!r} "
            f"({others(no_input)}); correct path, glob or column"
        )

    # -- on a worker: the path is absolute, and a folder's ends in /

    def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """Files as they are, and the members of an archive or the rows of a table."""
        if chunk.shape == "files":
            yield from self._files(chunk.paths, limits.max_bytes)
            return
        (path,) = chunk.paths
        reading = self.reading(no_input, self.column, self.columns)
        try:
            yield from self.members(path, limits, reading)
        except crawl.NoColumn as error:
            if not self.is_folder:
                raise ConfigError(f"source {self.name}: {error}") from None
            # beside drawings, a table of something else is no fault
            no_input[crawl.NO_COLUMN] += 1

    def _files(self, paths: Sequence[str], limit: int) -> Iterator[RawItem]:
        store = self.store
        if store is None:
            roots = self.roots()
            for path in paths:
                yield RawItem(path, _file(self.path, path, roots, limit))
            return
        # an object takes long to answer and no time to send, so many are asked for at once, and few held
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for begin in range(0, len(paths), _AT_ONCE):
                group = paths[begin : begin + _AT_ONCE]
                objects = pool.map(lambda path: _object(store, path, limit), group)
                yield from map(RawItem, group, objects)


_AT_ONCE = 16
"""Objects of a source that are read at a time."""


def _object(storage: Storage, path: str, limit: int) -> bytes | Lost:
    try:
        with storage.open(path) as stream:
            if stream.seek(0, os.SEEK_END) > limit:
                return Reason.TOO_LARGE, f"over {limit} bytes"
            stream.seek(0)
            return stream.read()
    except NotFound:  # whatever else the store says is not this file's fault, and ends the partition
        return Reason.UNREADABLE, "gone since it was listed"


def _file(folder: str, path: str, roots: Sequence[str], limit: int) -> bytes | Lost:
    try:
        with open_below(folder, path, roots) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        return Reason.UNREADABLE, error.strerror or str(error)
    return data if len(data) <= limit else (Reason.TOO_LARGE, f"over {limit} bytes")


def _is_table(entry: Entry) -> bool:
    return entry.path.lower().endswith(".parquet")
