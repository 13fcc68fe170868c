"""The folder source: SVG files, archives and Parquet files below a folder or an s3:// prefix, or one of them."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, ChunkLost, Listing, RawItem, Shape, Source, Surroundings
from pipeline.sources.contents import PLACES, WORKSPACE, contents, entry_of, within
from pipeline.sources.no_input import others
from pipeline.storage.base import Entry, NotFound, Storage
from pipeline.storage.folder import open_regular
from pipeline.storage.open import open_storage
from pipeline.storage.uri import is_s3, join_uri, split_uri, with_access
from stages import crawl
from stages.crawl import ARCHIVES, NOT_IN_GLOB, Columns, CrawlSettings, Lost, extension, kind_of, matches, reaches
from stages.reasons import Reason


class FolderSource(Source):
    """SVG files, archives (zip, tar, compressed or not) and Parquet files below a folder or an s3:// prefix, or one."""

    version: ClassVar[int] = 1

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
    on_bad_archive: Literal["fail", "drop"] = Field(
        "fail",
        description="a damaged archive ends the run, or is dropped as one record (bad_archive), also what could be read"
        " of it, since nobody knows what is missing",
    )
    column: str | None = Field(
        None,
        min_length=1,
        description="of Parquet files, the column of drawings, in a struct a.b; null: svg, or one with svg in its name",
    )
    columns: Columns = Columns()
    allow_links_to: tuple[str, ...] = Field(
        (), description="folders outside of path that links in it may lead into; relative as path"
    )

    def listing(self, surroundings: Surroundings) -> Listing:
        """What is below the path. Raises ConfigError if that is nothing; a store may refuse or not answer."""
        if is_s3(self.path):
            return self._in_store(with_access(self.path, surroundings.access), surroundings.workspace)
        path = surroundings.base / self.path
        try:
            entry = entry_of(str(path), path.name)
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigError(f"source {self.name}: {path} does not exist; correct its path") from None
        except OSError as error:
            raise ConfigError(
                f"source {self.name}: {path} cannot be read ({error.strerror}); correct rights or path"
            ) from None
        if not path.is_dir():
            return self._alone(str(path), str(path), entry, path.is_file())
        links = tuple(str(surroundings.base / link) for link in self.allow_links_to)
        reader = self.model_copy(update={"path": f"{path}/", "allow_links_to": links})
        own = surroundings.workspace
        own = None if own is None or "://" in own else os.path.realpath(own)
        there = contents(str(path), reader._roots(), f"source {self.name}", own)
        return self._below(str(path), reader, there.entries, there.no_input)

    def _in_store(self, uri: str, workspace: str | None) -> Listing:
        where, options = split_uri(uri)
        where = where.rstrip("/")
        entries = open_storage(uri).list()
        if not entries:
            folder, _, name = where.rpartition("/")
            above = open_storage(join_uri(folder, options)).list(name) if folder != "s3:/" else []
            alone = [entry for entry in above if entry.path == name]
            if not alone:
                raise ConfigError(f"source {self.name}: nothing is at {where}; correct its path")
            return self._alone(where, join_uri(where, options), alone[0])
        made = _made_in(workspace, where)
        left = [entry for entry in entries if not entry.path.startswith(made)]
        reader = self.model_copy(update={"path": join_uri(f"{where}/", options)})
        return self._below(where, reader, left, Counter({WORKSPACE: 1} if len(left) < len(entries) else {}))

    def _alone(self, where: str, path: str, entry: Entry, regular: bool = True) -> Listing:
        if not regular or kind_of(entry.path) != "archive":
            raise ConfigError(
                f"source {self.name}: {where} is a file, neither a folder nor an archive ({ARCHIVES}); "
                "give the folder that holds it, and select it with glob"
            )
        reader = self.model_copy(update={"path": path})
        if _is_table(entry):
            return Listing(self, tables=(entry,), reader=reader)
        return Listing(self, archives=(entry,), reader=reader)

    def _below(self, where: str, reader: Source, entries: list[Entry], no_input: Counter[str]) -> Listing:
        files: list[Entry] = []
        archives: list[Entry] = []
        for entry in entries:
            kind = kind_of(entry.path)
            if kind == "archive" and reaches(entry.path, self.glob):
                archives.append(entry)
            elif not matches(entry.path, self.glob):
                no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
            elif kind is None:
                no_input[extension(entry.path)] += 1
            else:
                (archives if kind == "archive" else files).append(entry)
        if not files and not archives:
            raise ConfigError(
                f"source {self.name}: no .svg, .svgz or archive in {where} matches {self.glob!r} "
                f"({others(no_input)}); correct path or glob"
            )
        tables = tuple(entry for entry in archives if _is_table(entry))
        packed = tuple(entry for entry in archives if not _is_table(entry))
        return Listing(self, tuple(files), packed, tables, no_input=no_input, reader=reader)

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """Where the source lies says nothing, and of its settings those say something that the shape has a use for."""
        names = {"allow_links_to"} if self.allow_links_to else set()
        if shape != "files":
            names |= {"glob", "column", "columns", "on_bad_archive"}
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
        reading = crawl.Reading(self.column, self.columns, self.on_bad_archive == "drop", no_input)
        try:
            with self._open_archive(path) as stream:
                yield from self._members(stream, path, limits, reading)
        except crawl.NoColumn as error:
            if not self._is_folder:
                raise ConfigError(f"source {self.name}: {error}") from None
            # beside drawings, a table of something else is no fault
            no_input[crawl.NO_COLUMN] += 1
        except crawl.ArchiveError as error:
            if self.on_bad_archive != "drop":
                raise ConfigError(f"source {self.name}: {error}, or set the source's on_bad_archive: drop") from None
            raise ChunkLost(path, Reason.BAD_ARCHIVE, error.what) from None

    @property
    def _is_folder(self) -> bool:
        return split_uri(self.path)[0].endswith("/") if is_s3(self.path) else self.path.endswith("/")

    def _members(self, stream: BinaryIO, path: str, limits: CrawlSettings, reading: crawl.Reading) -> Iterator[RawItem]:
        prefix = f"{crawl.display(path)}/" if self._is_folder else ""
        whole = self._is_folder and matches(path, self.glob)

        def select(name: str) -> bool:
            return whole or matches(prefix + name, self.glob)

        for item in crawl.members(stream, path, limits, select, reading):
            yield replace(item, path=prefix + item.path)

    def _open_archive(self, path: str) -> BinaryIO:
        try:
            if is_s3(self.path):
                where, options = split_uri(self.path)
                root = where.rstrip("/") if self._is_folder else where.rpartition("/")[0]
                return open_storage(join_uri(root, options)).open(path)
            return _open_below(self.path, path, self._roots()) if self._is_folder else open_regular(self.path)
        except NotFound:
            raise crawl.ArchiveError(path, "gone since it was listed") from None
        except OSError as error:
            raise crawl.ArchiveError(path, error.strerror or str(error)) from None

    def _files(self, paths: Sequence[str], limit: int) -> Iterator[RawItem]:
        if not is_s3(self.path):
            roots = self._roots()
            for path in paths:
                yield RawItem(path, _file(self.path, path, roots, limit))
            return
        where, options = split_uri(self.path)
        storage = open_storage(join_uri(where.rstrip("/"), options))
        # an object takes long to answer and no time to send, so many are asked for at once, and few held
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for begin in range(0, len(paths), _AT_ONCE):
                group = paths[begin : begin + _AT_ONCE]
                objects = pool.map(lambda path: _object(storage, path, limit), group)
                yield from map(RawItem, group, objects)

    def _roots(self) -> tuple[str, ...]:
        """Real paths that links may lead into."""
        return tuple(os.path.realpath(path) for path in (self.path, *self.allow_links_to))


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
        with _open_below(folder, path, roots) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        return Reason.UNREADABLE, error.strerror or str(error)
    return data if len(data) <= limit else (Reason.TOO_LARGE, f"over {limit} bytes")


def _open_below(folder: str, path: str, roots: Sequence[str]) -> BinaryIO:
    """A regular file of a folder, whose path ends in /. Raises OSError, also if a link leads out of ``roots``."""
    whole = f"{folder}{path}"
    if not within(os.path.realpath(whole), roots):
        raise OSError(errno.EPERM, "the link leads out of the source's folder; name where to in allow_links_to")
    return open_regular(whole)


def _is_table(entry: Entry) -> bool:
    return entry.path.lower().endswith(".parquet")


def _made_in(workspace: str | None, where: str) -> tuple[str, ...]:
    """How the paths of what runs write begin, relative to ``where``, if the workspace lies there."""
    own = split_uri(workspace)[0].rstrip("/") if workspace is not None and is_s3(workspace) else ""
    if own == where:
        return tuple(f"{place}/" for place in PLACES)
    return (f"{own.removeprefix(where).lstrip('/')}/",) if own.startswith(f"{where}/") else ()
