"""The conductor of a run: plan a stage, run what is missing, go on to the next, balance the counts, publish.

`Conductor` walks the stages once. With ``engine=None`` it only plans: it stops at the first thing that is not known
before something has run, and says what follows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from pipeline.config import Config, Loaded
from pipeline.errors import ConfigError, Damaged, UserError
from pipeline.models import base_tokenizer
from pipeline.models.base_tokenizer import BaseTokenizer
from pipeline.progress import Display
from pipeline.run import bisect
from pipeline.run.accounts import no_input
from pipeline.run.engine import Engine
from pipeline.run.failures import gave_up
from pipeline.run.history import History
from pipeline.run.plan import Decision, decide
from pipeline.run.publish import Walked, manifest_of, within_budget
from pipeline.sources.partitions import LAYOUT, layout_table, list_source, others
from pipeline.steps import crawl, decisions, duplicates, encode, keep, learning, registry, rowwise, sides, write
from pipeline.storage import integrity
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.open import require_writable
from pipeline.storage.tables import Output, table_bytes
from pipeline.versions import published, takedown
from pipeline.versions.lineage import Past
from pipeline.versions.manifest import Kept, Manifest
from pipeline.work import ledger, marks
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Cause, Done, Failed, Task
from stages.sides import SIDES

ATTEMPTS = 20
"""Walks of one run at most, each with something made anew that was damaged."""

READERS = 16
"""Records that are read at a time: each is small, and an object store takes its time to answer."""

RATES = "rates.json"
"""Where a workspace keeps how long its records take."""


@dataclass(frozen=True)
class Pending:
    """Work that follows from ``stage``: records and bytes, as far as planning knows."""

    stage: str
    records: int
    size: int


@dataclass(frozen=True)
class Phase:
    """One stage of a run as planned: its decisions, or only the word that it follows from an earlier stage."""

    stage: str
    decisions: tuple[Decision, ...]
    follows: str = ""
    pending: Mapping[str, Pending] = field(default_factory=dict)
    """Source -> what will run, though into which partitions is not known before the stage before has run."""


@dataclass
class Costs:
    """What a run took; for people and benchmarks, never written into the dataset."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Stage -> seconds of its partitions together."""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Part of the row-wise pass -> CPU seconds."""
    records: dict[str, int] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    manifest: Manifest
    published: bool
    """False if nothing had changed since ``manifest``."""
    ran: int
    reused: int
    costs: Costs
    no_input: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As `Manifest.no_input`, of this run, which may have published nothing."""


class _Unknown(Exception):
    """Planning cannot go on: a stage has to run first."""

    def __init__(self, stage: str) -> None:
        self.stage = stage


class _Damaged(Exception):
    """A stage found a table damaged or gone."""

    def __init__(self, path: str, failure: UserError) -> None:
        self.path, self.failure = path, failure


class Conductor:
    """Walks the stages of one run over one workspace."""

    def __init__(
        self,
        loaded: Loaded,
        storage: Storage,
        open_engine: Callable[[], Engine] | None,
        display: Display,
        forget_earlier: bool = False,
    ) -> None:
        """``forget_earlier``: decide as if nothing had been published; later runs keep what is published then."""
        self.config: Config = loaded.config
        self.base = loaded.base
        self.storage = storage
        self.display = display
        self.phases: list[Phase] = []
        self.costs = Costs()
        self.no_input: dict[str, dict[str, int]] = {}
        """Source -> kind -> files that are no input; of archives only those that were crawled are known to a plan."""
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._fingerprints: dict[str, str] = {}
        self._base_tokenizer: dict[str, Output] = {}
        self._mark: marks.Mark | None = None
        self._recorded: set[str] | None = None
        self._layout = b""
        self._parent: Manifest | None = None
        self._forget = forget_earlier
        self._kept: list[Kept] = []
        self._distrusted: set[str] = set()
        self._mended: set[str] = set()
        """What this run wrote itself."""
        self._md5: dict[str, str] = {}
        self._pending: dict[str, Pending] = {}

    # -- the two ways to use it

    def plan(self) -> list[Phase]:
        """What would run and why, with nothing run and nothing written."""
        try:
            self._walk()
        except _Unknown as unknown:
            later = sum(pending.records for pending in self._pending.values())
            bytes_ = sum(pending.size for pending in self._pending.values())
            rest = {CORPUS: Pending(unknown.stage, later, bytes_)}
            if all(phase.stage not in registry.LEARNING for phase in self.phases):
                self._frozen()
            done = {phase.stage for phase in self.phases}
            if "segments" in done:
                done.update(registry.LEARNING)
            for stage in registry.STAGES:
                # whether a corpus is large enough to be decided on in shards is not known yet
                if stage not in done and stage not in registry.IN_SHARDS:
                    self.phases.append(Phase(stage, (), unknown.stage, rest))
            self.phases.sort(key=lambda phase: registry.STAGES.index(phase.stage))
        return self.phases

    def run(self) -> Result:
        """Run what is missing and publish. Raises UserError subclasses; finished partitions stay finished."""
        require_writable(self.storage)
        with marks.running(self.storage, self.display.say) as self._mark:
            return self._run()

    def _run(self) -> Result:
        try:
            with self.display:
                manifest = self._whole()
        finally:
            if self._engine is not None:
                self._engine.__exit__(None, None, None)
        self._keep_rates()
        ran = sum(decision.run for phase in self.phases for decision in phase.decisions)
        reused = sum(not decision.run for phase in self.phases for decision in phase.decisions)
        if self._parent is not None and self._unchanged(manifest):
            return Result(self._parent, False, ran, reused, self.costs, self.no_input)
        within_budget(self.config, manifest)
        published.publish(self.storage, manifest)
        return Result(manifest, True, ran, reused, self.costs, self.no_input)

    def _whole(self) -> Manifest:
        """The manifest, once all that it names is there. What is damaged or gone is made anew from what it was made of.

        Raises Damaged if something cannot be, with what to do about it; then nothing is published.
        """
        for _ in range(ATTEMPTS):
            before = len(self._distrusted)
            self.phases.clear()
            self._pending.clear()
            try:
                manifest = self._walk()
            except _Damaged as damaged:
                self._distrust([damaged.path])
                if len(self._distrusted) == before:
                    raise damaged.failure from None
                continue
            if self._unchanged(manifest):
                return manifest
            assert manifest.layout is not None
            self.storage.write(manifest.layout.path, self._layout)
            faults = integrity.faults(self.storage, manifest.files, self._md5, {*self._mended, manifest.layout.path})
            if not faults:
                return manifest
            self._distrust(faults)
            if len(self._distrusted) == before:
                raise integrity.DamagedFile(*faults.popitem()[::-1])
        raise Damaged(f"{self.storage.uri}: what is made anew is damaged again and again; see to the store")

    def _distrust(self, paths: Iterable[str]) -> None:
        new = sorted(set(paths) - self._distrusted)
        for path in new:
            self.display.say(f"{path} is damaged or gone; making it anew")
        self._distrusted.update(new)
        # whoever was said to have written it anew found no cause to
        self._mended.difference_update(new)

    def _unchanged(self, manifest: Manifest) -> bool:
        return self._parent is not None and self._parent.content() == manifest.content()

    def rates(self) -> dict[str, float]:
        """Stage -> core-seconds a record, of the last runs; a stage that never ran here is absent."""
        try:
            found: dict[str, float] = json.loads(self.storage.read(RATES))
        except NotFound:
            return {}
        return found

    def _keep_rates(self) -> None:
        """For the estimates of the next plan; no part of any version."""
        now = {
            stage: round(seconds / self.costs.records[stage], 9)
            for stage, seconds in self.costs.seconds.items()
            if self.costs.records.get(stage)
        }
        if now:
            self.storage.write(RATES, ledger.canonical_json(self.rates() | now).encode())

    # -- the stages

    def _walk(self) -> Manifest:
        config = self.config
        known = published.numbers(self.storage)
        # read once: a version that somebody else publishes meanwhile is met when this one is published, and not before
        self._parent = published.read(self.storage, known[-1]) if known else None
        everything = (*config.sources, *config.benchmarks())
        access = config.storage.access()
        listings = [list_source(source, self.base, access, self.storage.uri) for source in everything]
        takedowns = takedown.requests(self.storage)
        parts = takedown.Parts(self.storage, takedowns)
        history = History(config, self.storage, self._parent, self._forget)
        cut = history.cut(listings)
        self._layout = table_bytes(layout_table(cut), LAYOUT)
        held = {(name, chunk.key): parts.of(name, chunk.key) for name, of in cut.items() for chunk in of}
        crawled = self._stage("crawl", crawl.crawl_tasks(config, listings, cut, takedowns, held))
        self.no_input = no_input(listings, crawled)
        for source in everything:
            if source.name not in self._pending and not any(
                record.rows_in for record in crawled if record.source == source.name
            ):
                raise ConfigError(
                    f"source {source.name}: no .svg or .svgz in the archives of {source.path} matches {source.glob!r} "
                    f"({others(self.no_input.get(source.name, {}))}); correct path, glob or column"
                )
        if not self._pending:
            tasks = history.keep_tasks(listings, cut, crawled, takedowns, parts)
            self._kept = history.kept(listings, self._stage("keep", tasks) if tasks else [])
            crawled += [keep.record_of(kept) for kept in self._kept]
        samples = self._stage("samples", rowwise.samples_tasks(config, crawled, takedowns))
        if self._pending:
            raise _Unknown("samples")
        names = {source.name for source in config.sources}
        benchmarks = [record for record in samples if record.source not in names]
        samples = [record for record in samples if record.source in names]
        crawled = [record for record in crawled if record.source in names]
        generations = {(name, chunk.key): chunk.generation for name, of in cut.items() for chunk in of}
        generations |= {(kept.source, kept.key): kept.generation for kept in self._kept}
        lost = [record.outputs["dropped"].path for record in (*crawled, *samples) if "dropped" in record.outputs]
        decided = self._duplicates(samples, benchmarks, generations, takedowns, history.past(), lost)
        beside = {side.name: self._stage(side.name, sides.side_tasks(config, side, samples, decided)) for side in SIDES}
        vocabulary = self._vocabulary(samples, decided, beside["caption"])
        beside["encode"] = self._stage("encode", encode.encode_tasks(config, samples, decided, vocabulary))
        written = self._stage("write", write.write_tasks(config, samples, decided, beside, generations))
        done = Walked(
            self._parent,
            crawled,
            samples,
            decided,
            vocabulary,
            written,
            takedowns,
            self._kept,
            self._layout,
            self._fingerprints,
            self._base_tokenizer,
            self.no_input,
        )
        return manifest_of(config, done)

    def _duplicates(
        self,
        samples: Sequence[Record],
        benchmarks: Sequence[Record],
        generations: Mapping[tuple[str, str], int],
        takedowns: Sequence[str],
        past: Past,
        lost: Sequence[str],
    ) -> Record:
        """What was decided of the whole corpus. ``lost``: tables of the records that left before."""
        blocks = duplicates.blocks([*benchmarks, *samples], generations, takedown.features(self.storage, takedowns))
        stretches = duplicates.stretches(blocks)
        banded = self._stage("bands", duplicates.bands_tasks(self.config, blocks))
        paired = self._stage("pairs", duplicates.pairs_tasks(self.config, stretches, banded))
        matched = self._stage("match", duplicates.match_tasks(self.config, stretches, paired))
        deciding = decisions.Deciding(self.config, samples, matched, benchmarks, past, lost, takedowns)
        task = deciding.whole()
        if deciding.shards > 1 and self._decide(task).run:
            deciding.in_shards(self._stage)
        (decided,) = self._stage("deduplicate", [task])
        return decided

    def _frozen(self) -> tuple[Manifest | None, BaseTokenizer | None]:
        """The newest version whose vocabulary fits the config, and the base tokenizer that it names; None for none."""
        name = self.config.tokenize.ids.base_tokenizer
        base = None if name is None else base_tokenizer.find(name, self.base)
        self._base_tokenizer = base.outputs if base else {}
        if self._parent is not None and self.config.vocabulary == "frozen":
            basis = learning.vocabulary_basis(self.config, self._base_tokenizer)
            for version in History(self.config, self.storage, self._parent).newest_first():
                if version.vocabulary.basis == basis:
                    self.phases.append(Phase("segments", (), f"frozen since published (version {version.version})"))
                    return version, base
        return None, base

    def _vocabulary(self, samples: Sequence[Record], decided: Record, captions: Sequence[Record]) -> dict[str, Output]:
        """The vocabulary of the newest version if it fits the config (it is frozen once published), else learn one."""
        frozen, base = self._frozen()
        if frozen is not None:
            self._fingerprints["segments"] = frozen.vocabulary.fingerprint
            files = frozen.vocabulary_files
            if self._open_engine is not None:
                for file in files.values():
                    integrity.read_checked(self.storage, file.path, file.sha256)
            return {name: Output(file.path, file.sha256, file.bytes, 0) for name, file in files.items()}
        counted = self._stage("count", learning.count_tasks(self.config, samples, decided, captions))
        (frequent,) = self._stage("frequent", learning.frequent_tasks(self.config, counted))
        runs = self._stage("runs", learning.runs_tasks(self.config, samples, decided, frequent))
        if base and self._open_engine is not None:
            base.store(self.storage)
        tasks = learning.segments_tasks(self.config, counted, runs, self._base_tokenizer)
        (record,) = self._stage("segments", tasks)
        if self._open_engine is not None:
            damaged = integrity.faults(self.storage, list(record.outputs.values()), self._md5, self._mended)
            if damaged:
                self._distrust(damaged)
                (record,) = self._stage("segments", tasks)
        return dict(record.outputs)

    def _stage(self, stage: str, tasks: list[Task]) -> list[Record]:
        if self._recorded is None:
            self._recorded = {entry.path for entry in self.storage.list("tables/") if entry.path.endswith(".json")}
        with ThreadPoolExecutor(READERS) as readers:
            decisions = list(readers.map(self._decide, tasks))
        self.phases.append(Phase(stage, tuple(decisions), "", dict(self._pending)))
        todo = [decision.task for decision in decisions if decision.run]
        if todo and self._open_engine is None:
            for task in todo:
                before = self._pending.get(task.source, Pending(stage, 0, 0))
                self._pending[task.source] = Pending(stage, before.records + task.records, before.size + task.size)
            if stage not in ("crawl", "samples"):
                raise _Unknown(stage)
            return [decision.record for decision in decisions if decision.record is not None]
        done = {(d.task.source, d.task.key): d.record for d in decisions if d.record is not None}
        self.display.begin(stage, len(done), len(todo))
        done |= self._execute(stage, todo)
        records = [done[task.source, task.key] for task in tasks]
        self._md5 |= {output.path: output.md5 for record in records for output in record.outputs.values()}
        if stage in ("keep", *registry.LEARNING[:-1], *registry.DUPLICATES[:-1]):
            # what is kept is found only where something vanished; of the others the last one's fingerprint stands for
            # them: of a vocabulary also when it is frozen, of duplicates however the way to them was cut into blocks
            return records
        # of crawl, the fingerprint holds file times, which say nothing about content
        self._fingerprints[stage] = ledger.digest(
            [[r.source, r.key, r.outputs["kept"].sha256 if stage == "crawl" else r.fingerprint] for r in records]
        )
        return records

    def _decide(self, task: Task) -> Decision:
        known = ledger.table_path(task.stage, task.source, task.key, "json") in (self._recorded or ())
        record = ledger.load(self.storage, task.stage, task.source, task.key) if known else None
        damaged = self._damaged(record) if record is not None and self._distrusted else ""
        return Decision(replace(task, anew=True), damaged, None) if damaged else decide(task, record)

    def _damaged(self, record: Record) -> str:
        """Why a record does not count, if something that it wrote is damaged and was not made anew yet."""
        paths = self._distrusted.intersection(output.path for output in record.outputs.values())
        return f"damaged: {min(paths)}" if paths - self._mended else ""

    def _execute(self, stage: str, todo: list[Task]) -> dict[tuple[str, str], Record]:
        if not todo:
            return {}
        assert self._open_engine is not None
        if self._engine is None:
            self._engine = self._open_engine().__enter__()
        if stage not in registry.WHOLE:
            todo = [replace(task, seconds=self.config.partition.seconds) for task in todo]
        done: dict[tuple[str, str], Record] = {}

        def run(tasks: Sequence[Task]) -> Iterator[Done | Failed]:
            assert self._engine is not None
            with contextlib.closing(self._engine.run(tasks, self.storage.uri)) as results:
                for result in results:
                    if self._mark is not None:
                        self._mark.refresh()
                    if isinstance(result, Done):
                        self._count(stage, result)
                    elif result.damaged:
                        raise _Damaged(result.damaged, gave_up(stage, [result]))
                    elif result.cause in (Cause.STORE, Cause.STORE_REFUSED):
                        raise gave_up(stage, [result])
                    yield result

        def finished(result: Done) -> None:
            self._mended.update(output.path for output in result.record.outputs.values())
            done[result.record.source, result.record.key] = result.record
            self.display.advance(result.record.rows_in)

        failed = []
        for result in run(todo):
            if isinstance(result, Done):
                finished(result)
            else:
                failed.append(result)
        suspects = stage == "samples" and all(failure.cause in bisect.REASONS for failure in failed)
        if failed and not suspects:
            raise gave_up(stage, failed)
        tasks = {(task.source, task.key): task for task in todo}
        cases = [(tasks[f.source, f.key], f) for f in sorted(failed, key=lambda f: (f.source, f.key))]
        # the first on its own: if not records but something else is to blame, it shows there
        for group in (cases[:1], cases[1:]):
            for task, failure in group:
                self.display.say(f"samples {task.source}/{task.key}: {failure.message}; looking for the record")
            for rescued in bisect.rescue(self.storage, group, run) if group else ():
                finished(rescued)
        return done

    def _count(self, stage: str, result: Done) -> None:
        costs = self.costs
        costs.seconds[stage] = costs.seconds.get(stage, 0.0) + result.seconds
        costs.records[stage] = costs.records.get(stage, 0) + result.record.rows_in
        costs.peak_bytes[stage] = max(costs.peak_bytes.get(stage, 0), result.peak_bytes)
        for part, seconds in result.stage_seconds.items():
            costs.cpu_seconds[part] = costs.cpu_seconds.get(part, 0.0) + seconds
