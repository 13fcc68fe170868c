"""What a run's sources hold: a listing that is cheap to make, and the partitions it is cut into."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from pipeline.config import FolderSource
from pipeline.errors import ConfigError
from pipeline.sources.folder import PLACES, WORKSPACE, contents, entry_of
from pipeline.storage.base import Entry
from pipeline.storage.open import open_storage
from pipeline.storage.uri import Access, is_s3, join_uri, split_uri, with_access
from stages.crawl import ARCHIVES, NOT_IN_GLOB, extension, kind_of, matches, reaches


@dataclass(frozen=True)
class Listing:
    """The inputs of one source: loose SVG files and archives, sorted by path."""

    source: FolderSource
    root: str
    """The folder, or the s3:// URI with how to reach it, that the paths are below."""
    is_archive: bool
    """The source's path is an archive itself: ``archives`` has just that one."""
    files: tuple[Entry, ...]
    archives: tuple[Entry, ...]
    no_input: Counter[str] = field(default_factory=Counter)
    """Files below the folder that are no input, by kind: their extension, or what else they are."""
    roots: tuple[str, ...] = ()
    """Of a folder: real paths that links may lead into."""


@dataclass(frozen=True)
class Chunk:
    """The input of one crawl partition: some loose files, or one archive."""

    key: str
    entries: tuple[Entry, ...]
    archive: bool
    generation: int = 1
    """The version that it was new in; shards never mix generations."""


def list_source(
    source: FolderSource, base: Path, access: Access | None = None, workspace: str | None = None
) -> Listing:
    """List a source; ``access`` says how an s3:// path is reached that does not say it itself.

    ``workspace``: the URI of the run's own, which is no input where it lies in the source. Raises ConfigError if there
    is no such folder, or nothing in it to read, StoreUnavailable or StoreRefused if a store cannot
    be listed.
    """
    if is_s3(source.path):
        return _list_s3(source, with_access(source.path, access or Access()), workspace)
    path = base / source.path
    try:
        entry = entry_of(str(path), path.name)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"source {source.name}: {path} does not exist; correct its path") from None
    except OSError as error:
        raise ConfigError(
            f"source {source.name}: {path} cannot be read ({error.strerror}); correct rights or path"
        ) from None
    if not path.is_dir():
        return _one_archive(source, str(path), str(path.parent), entry, path.is_file())
    roots = tuple(os.path.realpath(folder) for folder in (path, *(base / link for link in source.allow_links_to)))
    own = None if workspace is None or "://" in workspace else os.path.realpath(workspace)
    there = contents(str(path), roots, f"source {source.name}", own)
    return replace(_below(source, str(path), str(path), there.entries, there.no_input), roots=roots)


def _list_s3(source: FolderSource, uri: str, workspace: str | None) -> Listing:
    where, options = split_uri(uri)
    where = where.rstrip("/")
    entries = open_storage(uri).list()
    if not entries:
        folder, _, name = where.rpartition("/")
        root = join_uri(folder, options)
        alone = [e for e in open_storage(root).list(name) if e.path == name] if folder != "s3:/" else []
        if not alone:
            raise ConfigError(f"source {source.name}: nothing is at {where}; correct its path")
        return _one_archive(source, where, root, alone[0])
    made = _made_in(workspace, where)
    left = [entry for entry in entries if not entry.path.startswith(made)]
    return _below(source, where, uri, left, Counter({WORKSPACE: 1} if len(left) < len(entries) else {}))


def _made_in(workspace: str | None, where: str) -> tuple[str, ...]:
    """How the paths of what runs write begin, relative to ``where``, if the workspace lies there."""
    own = split_uri(workspace)[0].rstrip("/") if workspace is not None and is_s3(workspace) else ""
    if own == where:
        return tuple(f"{place}/" for place in PLACES)
    return (f"{own.removeprefix(where).lstrip('/')}/",) if own.startswith(f"{where}/") else ()


def _one_archive(source: FolderSource, where: str, root: str, entry: Entry, regular: bool = True) -> Listing:
    if not regular or kind_of(entry.path) != "archive":
        raise ConfigError(
            f"source {source.name}: {where} is a file, neither a folder nor an archive ({ARCHIVES}); "
            "give the folder that holds it, and select it with glob"
        )
    return Listing(source, root, True, (), (entry,))


def _below(source: FolderSource, where: str, root: str, entries: list[Entry], no_input: Counter[str]) -> Listing:
    files: list[Entry] = []
    archives: list[Entry] = []
    for entry in entries:
        kind = kind_of(entry.path)
        if kind == "archive" and reaches(entry.path, source.glob):
            archives.append(entry)
        elif not matches(entry.path, source.glob):
            no_input[f"{extension(entry.path)}{NOT_IN_GLOB}"] += 1
        elif kind is None:
            no_input[extension(entry.path)] += 1
        else:
            (archives if kind == "archive" else files).append(entry)
    if not files and not archives:
        raise ConfigError(
            f"source {source.name}: no .svg, .svgz or archive in {where} matches {source.glob!r} "
            f"({others(no_input)}); correct path or glob"
        )
    return Listing(source, root, False, tuple(files), tuple(archives), no_input)


MOST_KINDS = 20
"""Kinds of files that are no input which are told apart."""

REST = "others"


def bounded(counts: Mapping[str, int], most: int = MOST_KINDS) -> dict[str, int]:
    """The most frequent kinds, most first, and all others as `REST`."""
    ordered = sorted(counts.items(), key=lambda item: (item[0] == REST, -item[1], item[0]))
    rest = sum(n for _, n in ordered[most:])
    return dict(ordered[:most]) | ({REST: rest} if rest else {})


def others(no_input: Mapping[str, int]) -> str:
    """In a few words, what there is instead of input."""
    kinds = ", ".join(f"{kind} {n}" for kind, n in bounded(no_input, 5).items())
    return f"{sum(no_input.values())} other files{': ' if kinds else ''}{kinds}"


def chunks(listing: Listing, records: int, previous: Sequence[Chunk] = (), generation: int = 1) -> list[Chunk]:
    """Cut a listing into crawl partitions of about ``records`` loose files, and one for each archive.

    ``previous``: the chunks of the version before. They stay as they are, but for what has changed or vanished, and
    what is new is in chunks of its own, of this ``generation``: so new files run by themselves, and the shards of
    earlier samples stay.

    Where a new chunk ends is decided by a hash of the next path, not by counting from the start. Chunks hold at most
    twice ``records``.
    """
    left = {entry.path: entry for entry in (*listing.archives, *listing.files)}
    found: list[Chunk] = []
    for old in previous:
        entries = tuple(left.pop(entry.path) for entry in old.entries if entry.path in left)
        if entries:
            found.append(replace(old, entries=entries))
    keys = {chunk.key for chunk in found}

    def add(entries: tuple[Entry, ...], archive: bool) -> None:
        key = _key(entries[0].path)
        while key in keys:
            key = _key(key)
        keys.add(key)
        found.append(Chunk(key, entries, archive, generation))

    for entry in listing.archives:
        if entry.path in left:
            add((entry,), True)
    begin = 0
    files = tuple(entry for entry in listing.files if entry.path in left)
    for i in range(1, len(files) + 1):
        if i == len(files) or i - begin >= 2 * records or (i - begin >= records // 2 and _cuts(files[i].path, records)):
            add(files[begin:i], False)
            begin = i
    return found


def layout_table(chunks_of: Mapping[str, Sequence[Chunk]]) -> pa.Table:
    """The chunks of all sources as a table (`LAYOUT`), for the next version to build on."""
    rows = [
        {
            "source": source,
            "key": chunk.key,
            "archive": chunk.archive,
            "generation": chunk.generation,
            "path": entry.path.encode("utf-8", "surrogateescape"),
        }
        for source, of_source in chunks_of.items()
        for chunk in of_source
        for entry in chunk.entries
    ]
    return pa.Table.from_pylist(rows, schema=LAYOUT)


def read_layout(table: pa.Table) -> dict[str, list[Chunk]]:
    """Inverse of `layout_table`."""
    found: dict[str, dict[str, Chunk]] = {}
    for row in table.to_pylist():
        of_source = found.setdefault(row["source"], {})
        entry = Entry(row["path"].decode("utf-8", "surrogateescape"), 0, "")
        chunk = of_source.get(row["key"], Chunk(row["key"], (), row["archive"], row["generation"]))
        of_source[row["key"]] = replace(chunk, entries=(*chunk.entries, entry))
    return {source: list(of_source.values()) for source, of_source in found.items()}


LAYOUT = pa.schema(
    [
        ("source", pa.string()),
        ("key", pa.string()),
        ("archive", pa.bool_()),
        ("generation", pa.int32()),
        ("path", pa.binary()),
    ]
)
"""Of a version: which entry is in which chunk. It says nothing of sizes and times, which are of one machine."""


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _cuts(path: str, records: int) -> bool:
    value = int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return value % max(1, records // 2) == 0
