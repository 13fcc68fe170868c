"""What lies in a source's folder: regular files, also those that links lead to, and a count of all that is none.

Links lead on within the folder and within the folders that the config names, and nowhere else. The order is that of the
paths, whatever the file system's is.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.errors import ConfigError
from pipeline.storage.base import TEMPORARY, Entry

MOST_LINKS = 10_000
"""Linked folders that are followed in one source: links between many folders have as many ways as there are orders."""

LINKS_DEEP = 8
"""Linked folders within each other."""

PLACES = frozenset(
    {
        "clusters",
        "index",
        "kept",
        "layouts",
        "lineage",
        "provenance",
        "shards",
        "tables",
        "takedowns",
        "versions",
        "vocabularies",
    }
)
"""Folders of a workspace, which hold tables and tars of drawings."""

WORKSPACE = "workspace of svgmill"
"""The kind of a folder that is passed over, so that no run feeds on what runs have made."""

MISSING = "missing"
"""The etag of an entry that is there no more."""


_MARKS = frozenset({"layouts", "shards", "tables", "versions"})


@dataclass
class Contents:
    """All files below a folder."""

    entries: list[Entry] = field(default_factory=list)
    """Sorted by path. Where a link leads to nothing, or out of the roots, the entry says so when it is read."""
    no_input: Counter[str] = field(default_factory=Counter)
    """What cannot be read as a file, by kind."""


@dataclass(frozen=True)
class _Folder:
    path: str
    prefix: str
    way: tuple[str, ...]
    """Real paths of this folder and those above it, as they were come through."""
    links: int


def contents(root: str, roots: Sequence[str], whose: str, workspace: str | None = None) -> Contents:
    """All files below ``root``; ``roots``: real paths that links may lead into; ``whose``: for messages.

    ``workspace`` and others that are known by their folders are passed over; of one that is ``root`` itself, what runs
    write. Raises ConfigError for a folder that cannot be listed.
    """
    below = Contents()
    left = [_Folder(root, "", (os.path.realpath(root),), 0)]
    followed = 0
    while left:
        folder = left.pop()
        items = _listed(folder.path, whose)
        if folder.way[-1] == workspace or len(_MARKS & {item.name for item in items}) == len(_MARKS):
            below.no_input[WORKSPACE] += 1
            if folder.prefix:
                continue
            items = [item for item in items if item.name not in PLACES]
        for item in items:
            path = f"{folder.prefix}{item.name}"
            try:
                if item.is_dir():
                    if not item.is_symlink():
                        way = (*folder.way, f"{folder.way[-1]}/{item.name}")
                        left.append(_Folder(item.path, f"{path}/", way, folder.links))
                        continue
                    real = os.path.realpath(item.path)
                    if not within(real, roots):
                        below.no_input["linked folder out of the source (see allow_links_to)"] += 1
                    elif real in folder.way or folder.links >= LINKS_DEEP:
                        below.no_input["linked folder that leads back"] += 1
                    else:
                        followed += 1
                        left.append(_Folder(item.path, f"{path}/", (*folder.way, real), folder.links + 1))
                    continue
                status = item.stat()
            except OSError:  # a dangling link, or gone since: listed, and reported when it is read
                below.entries.append(Entry(path, 0, MISSING))
                continue
            if stat.S_ISREG(status.st_mode):
                if not item.name.startswith(TEMPORARY):
                    below.entries.append(Entry(path, status.st_size, _etag(status), status.st_mtime))
            else:
                below.no_input[_kind(status.st_mode)] += 1
        if followed > MOST_LINKS:
            raise ConfigError(f"{whose}: over {MOST_LINKS} linked folders in {root}; take links out of it")
    below.entries.sort()
    return below


def entry_of(path: str, name: str) -> Entry:
    """One file that is a source itself. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116 - beside the others here, on names as the system has them
    return Entry(name, status.st_size, _etag(status), status.st_mtime)


def within(real: str, roots: Sequence[str]) -> bool:
    """Whether a real path is in one of ``roots``, real paths, too."""
    return any(real == root or real.startswith(f"{root.rstrip('/')}/") for root in roots)


def _listed(path: str, whose: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as items:
            return sorted(items, key=lambda item: item.name)
    except FileNotFoundError:  # gone since it was listed
        return []
    except OSError as error:
        raise ConfigError(
            f"{whose}: folder {path} cannot be listed ({error.strerror or error}); give yourself the right to "
            "read and to enter it, or take it out of the source"
        ) from None


def _etag(status: os.stat_result) -> str:
    """Size and time are not enough: package managers date all files alike. A copy has another inode and change time."""
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_ctime_ns:x}"


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "named pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"
