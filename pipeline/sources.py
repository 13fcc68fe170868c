"""What a run's sources hold: a listing that is cheap to make, and the partitions it is cut into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipeline.config import FolderSource
from pipeline.errors import ConfigError
from pipeline.storage import Access, Entry, FolderStorage, is_s3, join_uri, open_storage, split_uri, with_access
from stages.crawl import kind_of, matches


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
    ignored: int
    """Files below the folder that are no input: another kind, or not matched by the glob."""


@dataclass(frozen=True)
class Chunk:
    """The input of one crawl partition: some loose files, or one archive."""

    key: str
    entries: tuple[Entry, ...]
    archive: bool
    generation: int = 1
    """The version that it was new in; shards never mix generations."""


def list_source(source: FolderSource, base: Path, access: Access | None = None) -> Listing:
    """List a source; ``access`` says how an s3:// path is reached that does not say it itself.

    Raises ConfigError if there is no such folder, or nothing in it to read, StorageError if a store cannot be listed.
    """
    if is_s3(source.path):
        return _list_s3(source, with_access(source.path, access or Access()))
    path = base / source.path
    if not path.exists():
        raise ConfigError(f"source {source.name}: {path} does not exist; correct its path")
    if path.is_file():
        entry = next(e for e in FolderStorage(path.parent).list(path.name) if e.path == path.name)
        return _one_archive(source, str(path), str(path.parent), entry)
    return _below(source, str(path), str(path), FolderStorage(path).list())


def _list_s3(source: FolderSource, uri: str) -> Listing:
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
    return _below(source, where, uri, entries)


def _one_archive(source: FolderSource, where: str, root: str, entry: Entry) -> Listing:
    if kind_of(entry.path) != "archive" and not entry.path.lower().endswith(".parquet"):
        raise ConfigError(
            f"source {source.name}: {where} is a file, neither a folder nor an archive (zip, tar.gz, tgz, parquet); "
            "give the folder that holds it, and select it with glob"
        )
    return Listing(source, root, True, (), (entry,), 0)


def _below(source: FolderSource, where: str, root: str, entries: list[Entry]) -> Listing:
    kinds = [kind_of(entry.path) for entry in entries]
    files = tuple(e for e, kind in zip(entries, kinds, strict=True) if kind == "svg" and matches(e.path, source.glob))
    archives = tuple(e for e, kind in zip(entries, kinds, strict=True) if kind == "archive")
    if not files and not archives:
        raise ConfigError(
            f"source {source.name}: no .svg, .svgz or archive in {where} matches {source.glob!r} "
            f"({len(entries)} other files); correct path or glob"
        )
    return Listing(source, root, False, files, archives, len(entries) - len(files) - len(archives))


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
