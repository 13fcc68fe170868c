"""What lies in a source's folder: regular files, also those that links lead to, and a count of all that is none.

Links lead on within the folder and within the folders that the config names, and nowhere else. The order is that of the
paths, whatever the file system's is.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.errors import ConfigError
from pipeline.sources.entries import Spool
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

    entries: Sequence[Entry] = ()
    """Sorted by path. Where a link leads to nothing, or out of the roots, the entry says so when it is read."""
    no_input: Counter[str] = field(default_factory=Counter)
    """What cannot be read as a file, by kind."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    prefix: str
    way: tuple[str, ...]
    """Real paths of this folder and those above it, as they were come through."""
    links: int

    def below(self, name: str, real: str | None) -> _Folder:
        """A folder in it. ``real``: where a link leads; None: it is none."""
        way = (*self.way, real or f"{self.way[-1]}/{name}")
        return _Folder(os.path.join(self.path, name), f"{self.prefix}{name}/", way, self.links + (real is not None))  # noqa: PTH118


def contents(root: str, roots: Sequence[str], whose: str, workspace: str | None = None) -> Contents:
    """All files below ``root``; ``roots``: real paths that links may lead into; ``whose``: for messages.

    ``workspace`` and others that are known by their folders are passed over; of one that is ``root`` itself, what runs
    write. Raises ConfigError for a folder that cannot be listed.
    """
    below, entries = Contents(), Spool()
    # of what is still to be gone through no more than a name is held
    left: list[tuple[_Folder | None, str, str | None]] = [(None, "", None)]
    followed = 0
    while left:
        above, name, real = left.pop()
        folder = above.below(name, real) if above else _Folder(root, "", (os.path.realpath(root),), 0)
        own = folder.way[-1] == workspace or _is_workspace(folder.path)
        if own:
            below.no_input[WORKSPACE] += 1
            if folder.prefix:
                continue
        for item in _items(folder.path, whose):
            if own and item.name in PLACES:
                continue
            path = f"{folder.prefix}{item.name}"
            try:
                if item.is_dir():
                    if not item.is_symlink():
                        left.append((folder, item.name, None))
                        continue
                    real = os.path.realpath(item.path)
                    if not within(real, roots):
                        below.no_input["linked folder out of the source (see allow_links_to)"] += 1
                    elif real in folder.way or folder.links >= LINKS_DEEP:
                        below.no_input["linked folder that leads back"] += 1
                    else:
                        followed += 1
                        left.append((folder, item.name, real))
                    continue
                status = item.stat()
            except OSError:  # a dangling link, or gone since: listed, and reported when it is read
                entries.add(Entry(path, 0, MISSING))
                continue
            if stat.S_ISREG(status.st_mode):
                if not item.name.startswith(TEMPORARY):
                    entries.add(Entry(path, status.st_size, _etag(status), status.st_mtime))
            else:
                below.no_input[_kind(status.st_mode)] += 1
        if followed > MOST_LINKS:
            raise ConfigError(f"{whose}: over {MOST_LINKS} linked folders in {root}; take links out of it")
    below.entries = entries.finish()
    return below


def entry_of(path: str, name: str) -> Entry:
    """One file that is a source itself. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116 - beside the others here, on names as the system has them
    return Entry(name, status.st_size, _etag(status), status.st_mtime)


def within(real: str, roots: Sequence[str]) -> bool:
    """Whether a real path is in one of ``roots``, real paths, too."""
    return any(real == root or real.startswith(f"{root.rstrip('/')}/") for root in roots)


def _is_workspace(path: str) -> bool:
    return all(os.path.lexists(f"{path}/{mark}") for mark in sorted(_MARKS))


def _items(path: str, whose: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as items:
            yield from items
    except FileNotFoundError:  # gone since it was listed
        return
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
