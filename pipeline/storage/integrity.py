"""Whether what a version names is there as it was written: before it is published, and when it is read by digest."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Protocol

from pipeline.errors import Damaged
from pipeline.storage.base import Entry, NotFound, Storage


class DamagedFile(Damaged):
    """What lies under a path is not what its digest says, or nothing lies there."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


def read_checked(storage: Storage, path: str, sha256: str, remedy: str = "") -> bytes:
    """The object, held against its digest. Raises DamagedFile, with what to do about it."""
    try:
        data = storage.read(path)
    except NotFound:
        raise _absent(storage, path, remedy) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _another(storage, path, remedy)
    return data


@contextlib.contextmanager
def copy_checked(storage: Storage, path: str, sha256: str) -> Iterator[IO[bytes]]:
    """As `read_checked`, of an object that may be large: a copy of it, which beyond `_SPOOL` bytes is in a file."""
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as copy:
        try:
            with storage.open(path) as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
        except NotFound:
            raise _absent(storage, path) from None
        if digest.hexdigest() != sha256:
            raise _another(storage, path)
        copy.seek(0)
        yield copy


def _absent(storage: Storage, path: str, remedy: str = "") -> DamagedFile:
    return DamagedFile(f"{storage.locate(path)} does not exist; {remedy or remedy_for(path)}", path)


def _another(storage: Storage, path: str, remedy: str = "") -> DamagedFile:
    what = "is damaged: another sha256 than was published"
    return DamagedFile(f"{storage.locate(path)} {what}; {remedy or remedy_for(path)}", path)


_SPOOL = 8 * 2**20
"""Bytes that are held in memory."""

_BLOCK = 8 * 2**20
"""Bytes that are asked for at a time."""


def remedy_for(path: str) -> str:
    """What puts right a file that no table can make again."""
    return {
        "vocabularies": "restore it from a copy (a checkout has it in tokenizer/), or give --set vocabulary=learn",
        "lineage": "restore it from a copy (a checkout has it), or give --forget-earlier to decide as if nothing were "
        "published",
        "layouts": "restore it from a copy (a checkout has it), or give --set write.repack=true to cut anew",
        "kept": "restore it from a copy of the workspace, or set on_missing: remove to let it go",
    }.get(path.partition("/")[0], "restore it from a copy")


READERS = 16
"""Files that are read at a time."""


class Written(Protocol):
    """What was written under ``path``: its hex ``sha256``, and its size in ``bytes``."""

    @property
    def path(self) -> str:
        """In the workspace."""

    @property
    def sha256(self) -> str:
        """Hex digits."""

    @property
    def bytes(self) -> int:
        """How many."""


def faults(
    storage: Storage,
    files: Sequence[Written],
    md5: Mapping[str, str] | None = None,
    written: Container[str] = (),
) -> dict[str, str]:
    """Path -> what is wrong with it, of ``files`` that are not there, or not as they should be.

    Sizes are those of a listing, and digests, too, where that has them: ``md5`` is what they should be by path. Other
    files are read, unless they were ``written`` just now.
    """
    known = md5 or {}
    listed: dict[str, Entry] = {}
    for place in sorted({file.path.partition("/")[0] for file in files}):
        if place != "tables":
            listed |= {entry.path: entry for entry in storage.list(f"{place}/")}
    for place in sorted({file.path.rpartition("/")[0] for file in files if file.path.startswith("tables/")}):
        listed |= {entry.path: entry for entry in storage.list(f"{place}/")}

    def fault(file: Written) -> str:
        path, entry = file.path, listed.get(file.path)
        if entry is None or entry.size != file.bytes:
            state = "does not exist" if entry is None else f"has {entry.size} bytes, not {file.bytes}"
            return f"{storage.locate(path)} {state}; {remedy_for(path)}"
        if path in written or (known.get(path) and storage.md5(entry) == known[path]):
            return ""
        try:
            read_checked(storage, path, file.sha256)
        except DamagedFile as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(READERS) as readers:
        each = list(readers.map(fault, files))
    return {file.path: text for file, text in zip(files, each, strict=True) if text}
