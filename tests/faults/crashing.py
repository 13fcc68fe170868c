"""Runs that end at a chosen operation on the store, in a child process or with an error; for the tests and the soak."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from pipeline.config import load
from pipeline.errors import StoreUnavailable, UserError
from pipeline.progress import Display
from pipeline.run import execute
from pipeline.run.conductor import Conductor
from pipeline.run.engine import InlineEngine
from pipeline.run.watch import Watch
from pipeline.steps import rowwise
from pipeline.storage.base import Entry, Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.verify import verify_version
from pipeline.work import sandbox

BEFORE, AFTER = "before", "after"
"""Whether the operation that ends the run has taken effect."""


class CountingStorage(Storage):
    """A folder whose operations are counted; ``end`` is called before and after each with its number from 1."""

    def __init__(self, root: Path, end: Callable[[int, str], None]) -> None:
        self._inner, self._end = FolderStorage(root), end
        self.uri = self._inner.uri
        self.names: list[str] = []
        """Of the operations so far."""

    @contextlib.contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        self.names.append(name)
        number = len(self.names)
        self._end(number, BEFORE)
        try:
            yield
        finally:  # that something is not there is an answer, too
            self._end(number, AFTER)

    def present(self) -> bool:
        with self._operation("present"):
            return self._inner.present()

    def list(self, prefix: str = "") -> list[Entry]:
        with self._operation("list"):
            return self._inner.list(prefix)

    def read(self, path: str) -> bytes:
        with self._operation("read"):
            return self._inner.read(path)

    def open(self, path: str) -> BinaryIO:
        # who is dead has no stream
        with contextlib.ExitStack() as stack:
            with self._operation("open"):
                stream = stack.enter_context(self._inner.open(path))
            stack.pop_all()
            return stream

    @contextlib.contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        # two operations: the file that is begun, and the one that is whole
        with contextlib.ExitStack() as stack:
            with self._operation("begin"):
                stream = stack.enter_context(self._inner.writer(path))
            yield stream
            with self._operation("finish"):
                stack.close()

    def create(self, path: str, data: bytes) -> None:
        with self._operation("create"):
            self._inner.create(path, data)

    def delete(self, path: str) -> None:
        with self._operation("delete"):
            self._inner.delete(path)


def never(number: int, when: str) -> None:
    """For `CountingStorage`: nothing happens."""


def killed_at(operation: int, moment: str) -> Callable[[int, str], None]:
    """For `CountingStorage`: the process is gone, without a clean-up, at that operation."""

    def end(number: int, when: str) -> None:
        if (number, when) == (operation, moment):
            os._exit(99)

    return end


def failing_from(operation: int, moment: str) -> Callable[[int, str], None]:
    """For `CountingStorage`: the store is lost at that operation, and every later one fails."""

    def end(number: int, when: str) -> None:
        if number > operation or (number, when) == (operation, moment):
            raise StoreUnavailable("the store is gone")

    return end


class Recall:
    """The row-wise pass with its results kept: the many runs of a sweep need not draw the same drawings again.

    A run in a child process finds what its parent has drawn.
    """

    known: ClassVar[dict[tuple[bytes, str], sandbox.SandboxResult]] = {}
    genuine = staticmethod(sandbox.shared)

    def __init__(self, function: str, settings: sandbox.SandboxSettings) -> None:
        self._function, self._settings = function, settings

    def run(self, table: Any, text: str) -> sandbox.SandboxResult:
        key = repr(table.to_pydict()).encode(), text
        if key not in self.known:
            self.known[key] = self.genuine(self._function, self._settings).run(table, text)
        return self.known[key]


def mill(config: Path, store: Storage) -> None:
    """Run ``config`` inline with every operation going to ``store``: the same ones in the same order each time.

    The status of a run, which another thread writes every few seconds, is left out.
    """
    telling = Watch.telling
    Watch.telling = lambda watch, mark: contextlib.nullcontext()
    execute.open_storage = lambda uri: store
    rowwise.sandbox.shared = Recall
    try:
        Conductor(load(config), store, InlineEngine, Display(quiet=True)).run()
    finally:
        Watch.telling = telling
        execute.open_storage = open_storage
        rowwise.sandbox.shared = Recall.genuine


def in_child(act: Callable[[], None]) -> int:
    """Run ``act`` in a fork of this process. Returns its exit code: 0 if it ended, 1 for a UserError, 99 if killed."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            act()
            code = 0
        except UserError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Sweep:
    """Crashes of one small run, all against the manifest of the same run undisturbed."""

    def __init__(self, config: Path, folder: Path) -> None:
        self.config, self.folder = config, folder
        calm = CountingStorage(folder / "calm", never)
        mill(config, calm)
        self.operations = len(calm.names)
        self.names = calm.names
        self.manifest = calm.read(published.manifest_path(1))

    def crash(self, operation: int, moment: str) -> list[str]:
        """Kill a run there and go on. Returns what is wrong afterwards, [] if all is as it should be."""
        return self._disturb(operation, moment, killed_at(operation, moment), 99)

    def lose_store(self, operation: int, moment: str) -> list[str]:
        """As `crash`, with a store that fails from there on."""
        return self._disturb(operation, moment, failing_from(operation, moment), 1)

    def _disturb(self, operation: int, moment: str, end: Callable[[int, str], None], code: int) -> list[str]:
        home = self.folder / f"{code}-{operation}-{moment}"
        ended = in_child(lambda: mill(self.config, CountingStorage(home, end)))
        wrong = [] if ended == code else [f"the run ended with {ended}, not {code}"]
        if (home / published.manifest_path(1)).exists() and not self._past_publication(operation, moment):
            wrong.append("a version was published")
        mill(self.config, CountingStorage(home, never))
        store = FolderStorage(home)
        if published.numbers(store) != [1]:
            wrong.append(f"versions {published.numbers(store)}")
        elif store.read(published.manifest_path(1)) != self.manifest:
            wrong.append("another manifest")
        else:
            wrong += verify_version(store, 1, Display(quiet=True))[0]
        return [f"{moment} operation {operation} ({self.names[operation - 1]}): {fault}" for fault in wrong]

    def _past_publication(self, operation: int, moment: str) -> bool:
        """Whether the version exists when the run is ended there."""
        created = self.operations - self.names[::-1].index("create")
        return operation > created or (operation, moment) == (created, AFTER)
