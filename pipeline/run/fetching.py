"""What a run has of the network: for each source the snapshot that it reads, fetched first where there is none."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import ConfigError, Overtaken, UserError
from pipeline.progress import Display
from pipeline.run.stage import Phase, StageRunner
from pipeline.sources import snapshots
from pipeline.sources.base import Listing
from pipeline.sources.network import FETCHED_PLACE, Done, Network, NetworkSource, Snapshot, network_of, now
from pipeline.sources.places import FetchedTables
from pipeline.steps.fetch import FETCH, FetchPayload, done_of, fetch_tasks
from pipeline.storage.base import AlreadyExists, Storage
from pipeline.storage.tables import read_table
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Task

WATCH_SECONDS = 10.0
"""Before it is first said how much of a fetch is stored; then later and later, each minute at last."""

ALL = "all"
"""Stands for every source of the network where the user names those to be fetched anew."""


class Fetching:
    """Of one run, whichever number of walks it takes: a source is fetched anew once."""

    def __init__(
        self,
        config: Config,
        base: Path,
        storage: Storage,
        display: Display,
        refresh: Sequence[str] = (),
    ) -> None:
        """``refresh``: names of sources that are to be asked anew, or `ALL`. Raises ConfigError for another name."""
        networked = [source.name for source in config.sources if network_of(source)]
        for name in refresh:
            if name != ALL and name not in networked:
                raise ConfigError(
                    f"--refresh {name}: no source of that name asks the network; "
                    + (f"these do: {', '.join(networked)}" if networked else "none of the config's does")
                )
        self._refresh = set(networked if ALL in refresh else refresh)
        self._storage, self._display = storage, display
        self._network = Network(storage.uri, str(base))
        self._chosen: dict[str, Snapshot] = {}

    def listings(self, sources: Sequence[NetworkSource], runner: StageRunner) -> dict[str, Listing]:
        """Name -> what the source's snapshot holds; of a plan without those of which something has to be fetched."""
        chosen = {
            source.name: self._chosen.get(source.name) or self._choose(source, runner.planning) for source in sources
        }
        if not runner.planning:
            self._chosen |= chosen
        done: dict[str, list[Done]] = {}
        for name, snapshot in chosen.items():
            if snapshot.number in snapshots.numbers(self._storage, name)[1]:
                done[name] = snapshots.units(self._storage, name, snapshot.number)
                why = f"snapshot {snapshot.number} of {snapshot.began} (--refresh {name} asks anew)"
                runner.phases.append(Phase(FETCH.name, (), settled={name: why}))
        left = {source.name: source for source in sources if source.name not in done}
        fetched = self._fetched(left, chosen, runner)
        for name in fetched:
            done[name] = fetched[name] if runner.planning else self._finished(chosen[name], fetched[name])
        return {
            source.name: source.of_snapshot(
                chosen[source.name],
                FetchedTables(self._storage, (each.table for each in done[source.name])),
                self._storage.uri,
            )
            for source in sources
            if source.name in done
        }

    def _choose(self, source: NetworkSource, planning: bool) -> Snapshot:
        """The snapshot to read, begun if there is none that serves."""
        begun, whole = snapshots.numbers(self._storage, source.name)
        if source.snapshot is not None:
            if source.snapshot not in whole:
                known = f"whole are {', '.join(map(str, whole))}" if whole else "none is whole"
                raise ConfigError(f"source {source.name}: there is no snapshot {source.snapshot} ({known})")
            return snapshots.read(self._storage, source.name, source.snapshot)
        asks = source.asks()
        newest_first = [snapshots.read(self._storage, source.name, number) for number in reversed(begun)]
        fitting = [snapshot for snapshot in newest_first if snapshot.settings == asks]
        refresh = source.name in self._refresh
        usable = next((snapshot for snapshot in fitting if snapshot.number in whole), None)
        if usable is not None and not refresh:
            return usable
        last_whole = whole[-1] if whole else 0
        unfinished = next((s for s in fitting if s.number not in whole and s.number > last_whole), None)
        if unfinished is not None:
            return unfinished
        before = next((snapshot for snapshot in newest_first if snapshot.number in whole), None)
        earlier = [] if before is None else snapshots.units(self._storage, source.name, before.number)
        snapshot = Snapshot(
            source.name,
            (begun[-1] if begun else 0) + 1,
            asks,
            tuple(source.resolve(self._network, None if refresh else before)),
            now(),
            tuple((each.table, each.sha256) for each in earlier),
        )
        if not planning:
            try:
                snapshots.begin(self._storage, snapshot)
            except AlreadyExists:
                raise Overtaken(f"another run has begun to fetch source {source.name}; run again") from None
        return snapshot

    def _fetched(
        self, sources: Mapping[str, NetworkSource], chosen: Mapping[str, Snapshot], runner: StageRunner
    ) -> dict[str, list[Done]]:
        """The units of sources, fetched in as many rounds as it takes; of a plan only of those that are all there."""
        done: dict[str, list[Done]] = {name: [] for name in sources}
        while True:
            tasks = [
                task
                for name in done
                for task in fetch_tasks(
                    sources[name], sources[name].units(chosen[name], done[name], self._network), self._network
                )
            ]
            if not tasks:
                return done
            if not runner.planning:
                self._forget_gone(tasks)
            with self._watched(sorted({task.source for task in tasks}), runner.planning):
                records = {(record.source, record.key): record for record in runner.run(FETCH, tasks)}
            for task in tasks:
                record = records.get((task.source, task.key))
                if record is None:
                    done.pop(task.source, None)
                elif task.source in done:
                    done[task.source].append(done_of(task, record))

    @contextlib.contextmanager
    def _watched(self, names: Sequence[str], planning: bool) -> Iterator[None]:
        """Say meanwhile what is stored: a unit can be a crawl of hours, and its task says nothing before its end."""
        over = threading.Event()
        begun = (0, 0) if planning else self._stored(names)

        def watch() -> None:
            pause, said = WATCH_SECONDS, begun
            while not over.wait(pause):
                with contextlib.suppress(UserError):  # whoever fetches meets the same, and ends the run with it
                    stored = self._stored(names)
                    if stored != said:
                        said = stored
                        objects, size = stored[0] - begun[0], stored[1] - begun[1]
                        self._display.say(f"fetch: {objects:,} objects stored, {size / 1e6:,.1f} MB")
                pause = min(1.5 * pause, 6 * WATCH_SECONDS)

        watcher = threading.Thread(target=watch, name="fetch", daemon=True)
        if not planning:
            watcher.start()
        try:
            yield
        finally:
            over.set()
            if not planning:
                watcher.join()

    def _stored(self, names: Sequence[str]) -> tuple[int, int]:
        """Objects that the workspace has of sources, and their bytes."""
        count = size = 0
        for name in names:
            for entry in self._storage.list(f"{FETCHED_PLACE}{name}/"):
                count, size = count + 1, size + entry.size
        return count, size

    def _finished(self, snapshot: Snapshot, done: list[Done]) -> list[Done]:
        """Note that a snapshot is whole; what it consists of, which another run may have noted before."""
        try:
            snapshots.finish(self._storage, snapshot, done)
        except AlreadyExists:
            return snapshots.units(self._storage, snapshot.source, snapshot.number)
        return done

    def _forget_gone(self, tasks: Sequence[Task[FetchPayload]]) -> None:
        """Have those units fetched again whose objects are gone."""
        there: set[str] = set()
        for task in tasks:
            record = ledger.load(self._storage, FETCH.name, task.source, task.key)
            if record is not None:
                there = there or {entry.path for entry in self._storage.list(f"{FETCHED_PLACE}{task.source}/")}
                if _gone(self._storage, record, there):
                    self._storage.delete(ledger.table_path(FETCH.name, task.source, task.key, "json"))


def _gone(storage: Storage, record: Record, there: Set[str]) -> bool:
    """Whether something that a unit stored is there no more: a purge removes what holds what was taken down."""
    stored = read_table(storage, record.outputs["kept"].path, columns=["stored"])["stored"]
    return any(each and each not in there for each in stored.unique().to_pylist())
