"""The conductor of a run: plan a stage, run what is missing, go on to the next, balance the counts, publish.

`Conductor` walks the stages once. With ``engine=None`` it only plans: it stops at the first thing that is not known
before something has run, and says what follows.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline import base_tokenizer, bisect, decisions, duplicates, ledger, marks, plan, takedown, versions
from pipeline.accounts import account, merged, no_input, stage_counts
from pipeline.base_tokenizer import BaseTokenizer
from pipeline.config import Config, Loaded
from pipeline.engine import Engine
from pipeline.errors import BalanceError, ConfigError, OverBudget, PartitionError
from pipeline.ledger import Record
from pipeline.plan import Decision
from pipeline.progress import Display
from pipeline.sources import LAYOUT, Chunk, Listing, chunks, layout_table, list_source, others, read_layout
from pipeline.storage import NotFound, Storage, require_writable
from pipeline.tables import Output, read_table, table_bytes
from pipeline.versions import Manifest
from pipeline.work import Cause, Done, Failed, Task
from stages.reasons import Outcome, Reason, outcome

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


class Conductor:
    """Walks the stages of one run over one workspace."""

    def __init__(
        self, loaded: Loaded, storage: Storage, open_engine: Callable[[], Engine] | None, display: Display
    ) -> None:
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
        self._pending: dict[str, Pending] = {}

    # -- the two ways to use it

    def plan(self) -> list[Phase]:
        """What would run and why, with nothing run and nothing written."""
        try:
            self._walk()
        except _Unknown as unknown:
            later = sum(pending.records for pending in self._pending.values())
            bytes_ = sum(pending.size for pending in self._pending.values())
            rest = {plan.CORPUS: Pending(unknown.stage, later, bytes_)}
            if all(phase.stage not in plan.LEARNING for phase in self.phases):
                self._frozen()
            done = {phase.stage for phase in self.phases}
            if "segments" in done:
                done.update(plan.LEARNING)
            for stage in plan.STAGES:
                # whether a corpus is large enough to be decided on in shards is not known yet
                if stage not in done and stage not in plan.IN_SHARDS:
                    self.phases.append(Phase(stage, (), unknown.stage, rest))
            self.phases.sort(key=lambda phase: plan.STAGES.index(phase.stage))
        return self.phases

    def run(self) -> Result:
        """Run what is missing and publish. Raises UserError subclasses; finished partitions stay finished."""
        require_writable(self.storage)
        with marks.running(self.storage, self.display.say) as self._mark:
            return self._run()

    def _run(self) -> Result:
        try:
            with self.display:
                manifest = self._walk()
        finally:
            if self._engine is not None:
                self._engine.__exit__(None, None, None)
        self._keep_rates()
        ran = sum(decision.run for phase in self.phases for decision in phase.decisions)
        reused = sum(not decision.run for phase in self.phases for decision in phase.decisions)
        if self._parent is not None and self._parent.content() == manifest.content():
            return Result(self._parent, False, ran, reused, self.costs, self.no_input)
        self._within_budget(manifest)
        self.storage.write(manifest.layout["path"], self._layout)
        versions.publish(self.storage, manifest)
        return Result(manifest, True, ran, reused, self.costs, self.no_input)

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
        known = versions.numbers(self.storage)
        # read once: a version that somebody else publishes meanwhile is met when this one is published, and not before
        self._parent = versions.read(self.storage, known[-1]) if known else None
        everything = (*config.sources, *config.benchmarks())
        access = config.storage.access()
        listings = [list_source(source, self.base, access, self.storage.uri) for source in everything]
        cut = self._cut(listings)
        crawled = self._stage("crawl", plan.crawl_tasks(config, listings, cut, self._raw_tables(cut)))
        self.no_input = no_input(listings, crawled)
        for source in everything:
            if source.name not in self._pending and not any(
                record.rows_in for record in crawled if record.source == source.name
            ):
                raise ConfigError(
                    f"source {source.name}: no .svg or .svgz in the archives of {source.path} matches {source.glob!r} "
                    f"({others(self.no_input.get(source.name, {}))}); correct path, glob or column"
                )
        samples = self._stage("samples", plan.samples_tasks(config, crawled))
        if self._pending:
            raise _Unknown("samples")
        takedowns = takedown.requests(self.storage)
        names = {source.name for source in config.sources}
        benchmarks = [record for record in samples if record.source not in names]
        samples = [record for record in samples if record.source in names]
        crawled = [record for record in crawled if record.source in names]
        generations = {(name, chunk.key): chunk.generation for name, of in cut.items() for chunk in of}
        decided = self._duplicates(samples, benchmarks, generations, takedowns)
        sides = {
            stage: self._stage(stage, plan.side_tasks(config, stage, samples, decided)) for stage in ("caption", "tier")
        }
        vocabulary = self._vocabulary(samples, decided, sides["caption"])
        sides["encode"] = self._stage("encode", plan.encode_tasks(config, samples, decided, vocabulary))
        written = self._stage("write", plan.write_tasks(config, samples, decided, sides, generations))
        return self._manifest(crawled, samples, decided, vocabulary, written, takedowns)

    def _duplicates(
        self,
        samples: Sequence[Record],
        benchmarks: Sequence[Record],
        generations: Mapping[tuple[str, str], int],
        takedowns: Sequence[str],
    ) -> Record:
        """What was decided of the whole corpus."""
        blocks = duplicates.blocks([*benchmarks, *samples], generations, takedown.features(self.storage, takedowns))
        stretches = duplicates.stretches(blocks)
        banded = self._stage("bands", duplicates.bands_tasks(self.config, blocks))
        paired = self._stage("pairs", duplicates.pairs_tasks(self.config, stretches, banded))
        matched = self._stage("match", duplicates.match_tasks(self.config, stretches, paired))
        deciding = decisions.Deciding(self.config, samples, matched, benchmarks, self._earlier(), takedowns)
        task = deciding.whole()
        if deciding.shards > 1 and self._decide(task).run:
            deciding.in_shards(self._stage)
        (decided,) = self._stage("deduplicate", [task])
        return decided

    def _earlier(self) -> list[str]:
        """The index of the samples that must stay: those of the newest version, if they were made alike."""
        parent = self._parent
        if parent is None or not plan.same_samples(self.config, parent):
            return []
        return [part["path"] for part in parent.index]

    def _cut(self, listings: Sequence[Listing]) -> dict[str, list[Chunk]]:
        """The crawl partitions of each source: those of the newest version, and new ones for what is new."""
        parent, partition = self._parent, self.config.partition
        previous: dict[str, list[Chunk]] = {}
        generation = 1
        if parent is not None and not self.config.write.repack:
            generation = parent.version + 1
            if parent.layout and parent.config["partition"] == partition.model_dump(mode="json"):
                previous = read_layout(read_table(self.storage, parent.layout["path"]))
        cut = {
            listing.source.name: chunks(
                listing,
                partition.records,
                previous.get(listing.source.name, ()),
                generation,
                listing.source.on_missing == "keep",
            )
            for listing in listings
        }
        self._layout = table_bytes(layout_table(cut), LAYOUT)
        return cut

    def _raw_tables(self, cut: Mapping[str, Sequence[Chunk]]) -> dict[tuple[str, str], str]:
        """Of chunks with missing entries, the raw tables that hold their records. Raises ConfigError if one is gone."""
        found: dict[tuple[str, str], str] = {}
        for source, of_source in cut.items():
            for chunk in of_source:
                if chunk.missing:
                    record = ledger.load(self.storage, "crawl", source, chunk.key)
                    if record is None:
                        raise ConfigError(
                            f"source {source}: {chunk.missing[0]} is gone, and so is the table that held it; bring it "
                            "back, or set on_missing: remove"
                        )
                    found[source, chunk.key] = record.outputs["kept"].path
        return found

    def _frozen(self) -> tuple[Mapping[str, Any] | None, BaseTokenizer | None]:
        """The newest version's vocabulary if it is used again, and the base tokenizer, if the config names one."""
        name = self.config.tokenize.ids.base_tokenizer
        base = None if name is None else base_tokenizer.find(name, self.base)
        self._base_tokenizer = base.outputs if base else {}
        parent = self._parent
        if parent is not None and self.config.vocabulary == "frozen":
            published = parent.vocabulary
            if published["basis"] == plan.vocabulary_basis(self.config, self._base_tokenizer):
                self.phases.append(Phase("segments", (), f"frozen since published (version {parent.version})"))
                return published, base
        return None, base

    def _vocabulary(self, samples: Sequence[Record], decided: Record, captions: Sequence[Record]) -> dict[str, Output]:
        """The vocabulary of the newest version if it fits the config (it is frozen once published), else learn one."""
        frozen, base = self._frozen()
        if frozen is not None:
            self._fingerprints["segments"] = frozen["fingerprint"]
            return {role: Output(rows=0, **file) for role, file in frozen["files"].items()}
        counted = self._stage("count", plan.count_tasks(self.config, samples, decided, captions))
        (frequent,) = self._stage("frequent", plan.frequent_tasks(self.config, counted))
        runs = self._stage("runs", plan.runs_tasks(self.config, samples, decided, frequent))
        if base and self._open_engine is not None:
            base.store(self.storage)
        tasks = plan.segments_tasks(self.config, counted, runs, self._base_tokenizer)
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
        if stage in (*plan.LEARNING[:-1], *plan.DUPLICATES[:-1]):
            # the last one's fingerprint stands for them: of a vocabulary also when it is frozen, of duplicates however
            # the way to them was cut into blocks
            return records
        # of crawl, the fingerprint holds file times, which say nothing about content
        self._fingerprints[stage] = ledger.digest(
            [[r.source, r.key, r.outputs["kept"].sha256 if stage == "crawl" else r.fingerprint] for r in records]
        )
        return records

    def _decide(self, task: Task) -> Decision:
        known = ledger.table_path(task.stage, task.source, task.key, "json") in (self._recorded or ())
        record = ledger.load(self.storage, task.stage, task.source, task.key) if known else None
        return plan.decide(task, record)

    def _execute(self, stage: str, todo: list[Task]) -> dict[tuple[str, str], Record]:
        if not todo:
            return {}
        assert self._open_engine is not None
        if self._engine is None:
            self._engine = self._open_engine().__enter__()
        if stage not in plan.WHOLE:
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
                    elif result.cause == Cause.STORE:
                        raise _gave_up(stage, [result])
                    yield result

        def finished(result: Done) -> None:
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
            raise _gave_up(stage, failed)
        tasks = {(task.source, task.key): task for task in todo}
        cases = [(tasks[f.source, f.key], f) for f in sorted(failed, key=lambda f: (f.source, f.key))]
        # the first on its own: if not records but something else is to blame, it shows there
        for group in (cases[:1], cases[1:]):
            for task, failure in group:
                self.display.say(f"samples {task.source}/{task.key}: {failure.message}; looking for the record")
            for whole in bisect.rescue(self.storage, group, run) if group else ():
                finished(whole)
        return done

    def _count(self, stage: str, result: Done) -> None:
        costs = self.costs
        costs.seconds[stage] = costs.seconds.get(stage, 0.0) + result.seconds
        costs.records[stage] = costs.records.get(stage, 0) + result.record.rows_in
        costs.peak_bytes[stage] = max(costs.peak_bytes.get(stage, 0), result.peak_bytes)
        for part, seconds in result.stage_seconds.items():
            costs.cpu_seconds[part] = costs.cpu_seconds.get(part, 0.0) + seconds

    # -- the accounts

    def _manifest(
        self,
        crawled: Sequence[Record],
        samples: Sequence[Record],
        decided: Record,
        vocabulary: dict[str, Output],
        written: Sequence[Record],
        takedowns: Sequence[str],
    ) -> Manifest:
        funnel, sources = account(self.config, crawled, samples, decided)
        shards = sorted((shard for record in written for shard in record.extra["shards"]), key=lambda s: s["path"])
        licenses: dict[str, int] = {}
        for record in written:
            for spdx, n in record.extra["licenses"].items():
                licenses[spdx] = licenses.get(spdx, 0) + n
        for form in self.config.write.formats:
            rows = sum(shard["rows"] for shard in shards if shard["format"] == form)
            if rows != funnel.kept:
                raise BalanceError(f"{form} shards hold {rows} samples, but {funnel.kept} were kept")
        parent = None if self._parent is None else self._parent.version
        lost = decided.dropped.get("deduplicate", {})
        published: dict[str, list[dict[str, Any]]] = {"index": [], "clusters": []}
        for role, output in sorted(decided.outputs.items()):
            if "/" not in role:  # else it is of a partition
                file = {"path": output.path, "sha256": output.sha256, "bytes": output.bytes}
                published[role.partition("-")[0]].append(file)
        files = {role: {"path": o.path, "sha256": o.sha256, "bytes": o.bytes} for role, o in sorted(vocabulary.items())}
        return Manifest(
            version=(parent or 0) + 1,
            parent=parent,
            created_by=versions.created_by(plan.stage_versions(self.config)),
            config=self.config.resolved(),
            fingerprints=dict(sorted(self._fingerprints.items())),
            funnel=funnel,
            stages=stage_counts(crawled, samples, decided),
            sources=sources,
            duplicates={r: n for r, n in lost.items() if outcome(Reason(r)) is Outcome.DUPLICATE},
            shards=shards,
            vocabulary={
                "basis": plan.vocabulary_basis(self.config, self._base_tokenizer),
                "fingerprint": self._fingerprints["segments"],
                "files": files,
            },
            licenses=dict(sorted(licenses.items())),
            notes=merged(record.extra["notes"] for record in samples),
            raw_bytes=sum(record.extra["raw_bytes"] for record in written),
            layout=self._layout_file(),
            index=published["index"],
            clusters=published["clusters"],
            takedowns={"requests": list(takedowns), "records": lost.get(Reason.TAKEN_DOWN, 0)},
            no_input=self.no_input,
        )

    def _layout_file(self) -> dict[str, Any]:
        digest = hashlib.sha256(self._layout).hexdigest()
        return {"path": f"layouts/{digest[:20]}.parquet", "sha256": digest, "bytes": len(self._layout)}

    def _within_budget(self, manifest: Manifest) -> None:
        """Raise OverBudget, with one line for each budget that is exceeded."""
        budget, everything = self.config.error_budget, manifest.funnel.input
        lost = {
            "rowwise" if row["stage"] == "sandbox" else row["stage"]: {
                reason: n for reason, n in row["dropped"].items() if outcome(Reason(reason)) == Outcome.QUARANTINED
            }
            for row in manifest.stages
        }
        if isinstance(budget, dict):
            default = Config.model_fields["error_budget"].default
            shares = [(stage, reasons, budget.get(stage, default)) for stage, reasons in lost.items()]
        else:
            shares = [("", merged(lost.values()), budget)]
        lines = []
        for stage, reasons, share in shares:
            count = sum(reasons.values())
            if count > share * everything:
                codes = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
                where, key = (f" in {stage}", f"error_budget.{stage}") if stage else ("", "error_budget")
                lines.append(
                    f"{count} of {everything} records were quarantined{where} ({codes}), over {key} {share}; nothing "
                    "was published; look at tables/**/*.dropped.parquet, or raise it and run again"
                )
        if lines:
            raise OverBudget("\n".join(lines))


def _gave_up(stage: str, failed: list[Failed]) -> PartitionError:
    failed.sort(key=lambda f: (f.source, f.key))
    more = f" (and {len(failed) - 1} more partitions)" if len(failed) > 1 else ""
    first = failed[0]
    return PartitionError(
        f"{stage} failed on {first.source}/{first.key}: {first.message}{more}; "
        "finished partitions are kept, run again to go on"
    )
