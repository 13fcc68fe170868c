"""What a run's sources hold: a listing that is cheap to make, and the partitions it is cut into."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import FolderSource
from pipeline.errors import ConfigError
from pipeline.storage import Entry, FolderStorage
from stages.crawl import kind_of, matches


@dataclass(frozen=True)
class Listing:
    """The inputs of one source: loose SVG files and archives, sorted by path, read from ``root``."""

    source: FolderSource
    root: Path
    is_archive: bool
    """The source's path is an archive itself: ``archives`` has just that one."""
    files: tuple[Entry, ...]
    archives: tuple[Entry, ...]
    ignored: int
    """Files below the folder that are no input: another kind, or not matched by the glob."""


@dataclass(frozen=True)
class Chunk:
    """The input of one crawl partition: some loose files, or one archive."""

    key: str
    entries: tuple[Entry, ...]
    archive: bool


def list_source(source: FolderSource, base: Path) -> Listing:
    """List a source. Raises ConfigError if there is no such folder, or nothing in it to read."""
    path = base / source.path
    if not path.exists():
        raise ConfigError(f"source {source.name}: {path} does not exist; correct its path")
    if path.is_file():
        if kind_of(path.name) != "archive":
            raise ConfigError(
                f"source {source.name}: {path} is a file, neither a folder nor an archive (zip, tar.gz, tgz); "
                "give the folder that holds it, and select it with glob"
            )
        entry = next(e for e in FolderStorage(path.parent).list(path.name) if e.path == path.name)
        return Listing(source, path.parent, True, (), (entry,), 0)
    entries = FolderStorage(path).list()
    kinds = [kind_of(entry.path) for entry in entries]
    files = tuple(e for e, kind in zip(entries, kinds, strict=True) if kind == "svg" and matches(e.path, source.glob))
    archives = tuple(e for e, kind in zip(entries, kinds, strict=True) if kind == "archive")
    if not files and not archives:
        raise ConfigError(
            f"source {source.name}: no .svg, .svgz or archive in {path} matches {source.glob!r} "
            f"({len(entries)} other files); correct path or glob"
        )
    return Listing(source, path, False, files, archives, len(entries) - len(files) - len(archives))


def chunks(listing: Listing, records: int) -> list[Chunk]:
    """Cut a listing into crawl partitions of about ``records`` loose files, and one for each archive.

    Where a chunk ends is decided by a hash of the next path, not by counting from the start: a file that is added or
    removed changes the chunk it is in and leaves the others, and their keys, as they were. Chunks hold at most twice
    ``records``.
    """
    found = [Chunk(_key(entry.path), (entry,), True) for entry in listing.archives]
    begin = 0
    files = listing.files
    for i in range(1, len(files) + 1):
        if i == len(files) or i - begin >= 2 * records or (i - begin >= records // 2 and _cuts(files[i].path, records)):
            found.append(Chunk(_key(files[begin].path), files[begin:i], False))
            begin = i
    return found


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _cuts(path: str, records: int) -> bool:
    value = int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return value % max(1, records // 2) == 0
