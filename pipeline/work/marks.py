"""Marks: who is at work on a workspace, so that garbage collection and runs keep out of each other's way.

A run writes its mark before it reads the ledger, a collection writes its own before it looks for what nothing names;
then each looks for the other's. A store lists what has been written, so at least one of two that begin at once sees the
other: the collection gives way at once, and the run waits for a collection to end. So nothing is removed while a run
decides what to reuse or writes what it will publish. Who is killed leaves a mark; it counts until it is as old as the
caller says, and those who work refresh theirs.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator

from pipeline.errors import Overtaken
from pipeline.storage.base import NotFound, Storage

MARKS = "marks/"
RUNS, COLLECTIONS = f"{MARKS}run-", f"{MARKS}gc-"

MARK_SECONDS = 6 * 3600.0
"""Age from which on a mark is taken for one that a killed process left."""

REFRESH_SECONDS = 600.0
"""Age at which those who work write their marks anew."""

_POLL_SECONDS = 0.2


class Busy(Overtaken):
    """Somebody else is at work on the workspace."""


class Mark:
    """One's own mark; `refresh` now and then."""

    def __init__(self, storage: Storage, prefix: str) -> None:
        self._storage = storage
        # who writes it is nobody's business, so a random name does; marks are part of no version
        self._path = f"{prefix}{uuid.uuid4().hex}.json"
        self._written = 0.0
        self._over = False
        self._lock = threading.Lock()
        self.refresh()

    def refresh(self) -> None:
        """Write it anew if it has become old."""
        if time.monotonic() - self._written >= REFRESH_SECONDS or not self._written:
            self.tell(b"{}\n")

    def tell(self, status: bytes) -> None:
        """Write it with what the work is at (`pipeline.work.status`); any thread may."""
        with self._lock:
            if not self._over:
                self._storage.write(self._path, status)
                self._written = time.monotonic()

    def remove(self) -> None:
        """The work is over."""
        with self._lock:
            self._over = True
            self._storage.delete(self._path)


def fresh(storage: Storage, prefix: str) -> list[str]:
    """The marks of that kind that count."""
    now = time.time()
    return [entry.path for entry in storage.list(prefix) if now - entry.modified < MARK_SECONDS]


def told(storage: Storage, paths: Iterable[str]) -> list[bytes]:
    """What these marks say, but for those that are gone meanwhile."""
    contents = []
    for path in paths:
        with contextlib.suppress(NotFound):
            contents.append(storage.read(path))
    return contents


@contextlib.contextmanager
def running(storage: Storage, say: Callable[[str], None]) -> Iterator[Mark]:
    """A run at work: waits while garbage is collected."""
    mark = Mark(storage, RUNS)
    try:
        is_waiting = False
        while fresh(storage, COLLECTIONS):
            if not is_waiting:
                say("waiting for svgmill gc to end")
                is_waiting = True
            time.sleep(_POLL_SECONDS)
        yield mark
    finally:
        mark.remove()


@contextlib.contextmanager
def collecting(storage: Storage) -> Iterator[Mark]:
    """A collection at work. Raises Busy if a run is going on, or another collection."""
    mark = Mark(storage, COLLECTIONS)
    try:
        if fresh(storage, RUNS):
            raise Busy(
                f"a run is at work on {storage.uri}; try again when it has ended (a killed run's mark counts for "
                f"{MARK_SECONDS / 3600:.0f} hours; remove it from marks/ if you know that it is dead)"
            )
        if len(fresh(storage, COLLECTIONS)) > 1:
            raise Busy(f"another svgmill gc is at work on {storage.uri}; try again when it has ended")
        yield mark
    finally:
        mark.remove()
