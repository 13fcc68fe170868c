"""What sources share whose input lies at a path: a file, a folder, an s3:// object, or a prefix.

A kind says what there is in what was found (`PathSource.sort_out`), and opens it on a worker (`PathSource.open`)::

    class Notes(PathSource):
        kind: Literal["notes"]

        def sort_out(self, found: Found) -> Listing:
            return Listing(self, files=found.entries, no_input=found.no_input, reader=found.reader)

        def read(self, chunk: Chunk, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
            for path in chunk.paths:
                with self.open(path) as stream:
                    yield RawItem(path, stream.read())
"""

from __future__ import annotations

import errno
import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.sources.base import Listing, Source, Surroundings
from pipeline.sources.contents import PLACES, WORKSPACE, contents, entry_of, within
from pipeline.sources.entries import Spool
from pipeline.storage.base import Entry, NotFound, Storage
from pipeline.storage.folder import open_regular
from pipeline.storage.open import open_storage
from pipeline.storage.uri import is_s3, join_uri, split_uri, with_access
from stages import crawl


@dataclass(frozen=True)
class Found:
    """What is at a source's path."""

    where: str
    """The path, for messages."""
    reader: PathSource
    """The source with its path made absolute; that of a folder or a prefix ends in /."""
    entries: Sequence[Entry]
    """All files below it, sorted by path; or the one that it is."""
    no_input: Counter[str]
    """What cannot be read as a file, by kind."""
    alone: bool = False
    """The path is a file, or at least nothing that holds files."""
    regular: bool = True
    """False for what is alone and no file, such as a named pipe."""


class PathSource(Source):
    """The settings of a source whose input lies at a path."""

    path: str = Field(min_length=1, description="folder, file, or s3:// URI; relative to the config file")
    glob: str = Field("**/*", min_length=1, description="which files, relative to path; ** is any number of folders")
    allow_links_to: tuple[str, ...] = Field(
        (), description="folders outside of path that links in it may lead into; relative as path"
    )

    @abstractmethod
    def sort_out(self, found: Found) -> Listing:
        """What of it is input. Raises ConfigError if nothing is."""

    def listing(self, surroundings: Surroundings) -> Listing:
        """What is below the path. Raises ConfigError if that is nothing; a store may refuse or not answer."""
        return self.sort_out(self.find(surroundings))

    def find(self, surroundings: Surroundings) -> Found:
        """All files at the path. Raises ConfigError if it cannot be read."""
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
            reader = self.model_copy(update={"path": str(path)})
            return Found(str(path), reader, [entry], Counter(), True, path.is_file())
        links = tuple(str(surroundings.base / link) for link in self.allow_links_to)
        reader = self.model_copy(update={"path": f"{path}/", "allow_links_to": links})
        own = surroundings.workspace
        own = None if own is None or "://" in own else os.path.realpath(own)
        there = contents(str(path), reader.roots(), f"source {self.name}", own)
        return Found(str(path), reader, there.entries, there.no_input)

    def _in_store(self, uri: str, workspace: str | None) -> Found:
        where, options = split_uri(uri)
        where = where.rstrip("/")
        made = _made_in(workspace, where)
        spool, passed_over = Spool(), 0
        for entry in open_storage(uri).scan():
            if entry.path.startswith(made):
                passed_over = 1
            else:
                spool.add(entry)
        entries = spool.finish()
        if not entries and not passed_over:
            folder, _, name = where.rpartition("/")
            above = open_storage(join_uri(folder, options)).scan(name) if folder != "s3:/" else ()
            alone = [entry for entry in above if entry.path == name]
            if not alone:
                raise ConfigError(f"source {self.name}: nothing is at {where}; correct its path")
            reader = self.model_copy(update={"path": join_uri(where, options)})
            return Found(where, reader, alone, Counter(), True)
        reader = self.model_copy(update={"path": join_uri(f"{where}/", options)})
        return Found(where, reader, entries, Counter({WORKSPACE: 1} if passed_over else {}))

    # -- on a worker: the path is absolute, and a folder's ends in /

    @property
    def is_folder(self) -> bool:
        """Whether the path is that of a folder or a prefix, not of a file."""
        return split_uri(self.path)[0].endswith("/") if is_s3(self.path) else self.path.endswith("/")

    @property
    def store(self) -> Storage | None:
        """What holds the source's objects; None for a folder of this machine."""
        if not is_s3(self.path):
            return None
        where, options = split_uri(self.path)
        root = where.rstrip("/") if self.is_folder else where.rpartition("/")[0]
        return open_storage(join_uri(root, options))

    def open(self, path: str) -> BinaryIO:
        """A file of the source, to be read and sought in. Raises ArchiveError if it is gone or cannot be read."""
        try:
            store = self.store
            if store is not None:
                return store.open(path)
            return open_below(self.path, path, self.roots()) if self.is_folder else open_regular(self.path)
        except NotFound:
            raise crawl.ArchiveError(path, "gone since it was listed") from None
        except OSError as error:
            raise crawl.ArchiveError(path, error.strerror or str(error)) from None

    def roots(self) -> tuple[str, ...]:
        """Real paths that links may lead into."""
        return tuple(os.path.realpath(path) for path in (self.path, *self.allow_links_to))


def open_below(folder: str, path: str, roots: Sequence[str]) -> BinaryIO:
    """A regular file of a folder, whose path ends in /. Raises OSError, also if a link leads out of ``roots``."""
    whole = f"{folder}{path}"
    if not within(os.path.realpath(whole), roots):
        raise OSError(errno.EPERM, "the link leads out of the source's folder; name where to in allow_links_to")
    return open_regular(whole)


def _made_in(workspace: str | None, where: str) -> tuple[str, ...]:
    """How the paths of what runs write begin, relative to ``where``, if the workspace lies there."""
    own = split_uri(workspace)[0].rstrip("/") if workspace is not None and is_s3(workspace) else ""
    if own == where:
        return tuple(f"{place}/" for place in PLACES)
    return (f"{own.removeprefix(where).lstrip('/')}/",) if own.startswith(f"{where}/") else ()
