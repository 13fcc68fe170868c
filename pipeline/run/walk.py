"""The way of a run over the steps, from sources to shards: each step works on what those before it have made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.models import base_tokenizer
from pipeline.models.base_tokenizer import BaseTokenizer
from pipeline.run.accounts import no_input
from pipeline.run.asking import Asking
from pipeline.run.captioning import captioned, offer_captions
from pipeline.run.fetching import Fetching
from pipeline.run.history import History
from pipeline.run.publish import Walked
from pipeline.run.stage import StageRunner, Unknown
from pipeline.run.tiering import offer_tiers, plan_frozen, tiered
from pipeline.sources.base import Listing, Source, Surroundings
from pipeline.sources.network import network_of
from pipeline.steps import decisions, duplicates, learning
from pipeline.steps.collect import COLLECT, collect_tasks
from pipeline.steps.copied import COPIED, INHERIT, OUTCOMES_STEP, copied_tasks, inherit_tasks, outcomes_tasks
from pipeline.steps.copies import COPIES_STEP, copies_of, copies_tasks
from pipeline.steps.crawl import CRAWL, crawl_tasks
from pipeline.steps.deal import DEAL, Generations, amounts, deal_tasks
from pipeline.steps.encode import Encoding
from pipeline.steps.index import INDEX_STEP, index_tasks
from pipeline.steps.keep import KEEP, record_of
from pipeline.steps.rowwise import SAMPLES_STEP, samples_tasks
from pipeline.steps.sides import DESCRIBE_STEP, LATER_STEPS, SIDE_STEPS, side_tasks
from pipeline.steps.tiers import EDGES, MEASURE
from pipeline.steps.write import WRITE, write_tasks
from pipeline.storage import integrity
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output
from pipeline.versions import takedown
from pipeline.versions.lineage import Past
from pipeline.versions.manifest import Kept, Manifest
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.records import Records
from pipeline.work.task import Step, Task
from stages.caption import CAPTION
from stages.score import SCORE
from stages.sides import BESIDE
from stages.tier import TIER


class Walk:
    """One walk. What it has come to is in its attributes, also after Unknown, which ends the walk of a plan."""

    def __init__(
        self,
        config: Config,
        base: Path,
        storage: Storage,
        runner: StageRunner,
        parent: Manifest | None,
        fetching: Fetching,
        asking: Asking,
        forget_earlier: bool = False,
    ) -> None:
        """``base``: the folder that relative paths start from. ``parent``: the version that this run builds on."""
        self.config, self.base, self.storage = config, base, storage
        self.no_input: dict[str, dict[str, int]] = {}
        """Source -> kind -> files that are no input; of archives only those that were crawled are known to a plan."""
        self._runner, self._parent, self._forget = runner, parent, forget_earlier
        self._fetching, self._asking = fetching, asking
        self._fingerprints: dict[str, str] = {}
        self._base_outputs: dict[str, Output] = {}

    def walk(self) -> Walked:
        """Run, or plan, every step. Raises Unknown, MetDamage, ConfigError, and what ends failed tasks."""
        config = self.config
        surroundings = Surroundings(self.base, config.storage.access(), self.storage.uri)
        listings = list(self._listings(surroundings))
        takedowns = takedown.requests(self.storage)
        parts = takedown.Parts(self.storage, takedowns)
        history = History(config, self.storage, self._parent, self._forget)
        cut = history.cut(listings)
        held = {
            (name, chunk.key): requests
            for name, chunks in cut.items()
            for chunk in chunks
            if (requests := parts.of(name, chunk.key))
        }
        crawled = self._run(CRAWL, crawl_tasks(config, listings, cut, takedowns, held))
        self.no_input = no_input(listings, crawled)
        self._require_input(crawled)
        kept: list[Kept] = []
        if not self._runner.pending:
            tasks = history.keep_tasks(listings, cut, crawled, takedowns, parts)
            # what is kept is found only where something vanished
            kept = history.kept(listings, self._run(KEEP, tasks) if tasks else [])
            crawled += Records(record_of(each) for each in kept)
        generations = {
            (name, chunk.key): chunk.generation
            for name, chunks in cut.items()
            for chunk in chunks
            if chunk.generation != 1
        }
        generations |= {(each.source, each.key): each.generation for each in kept}
        snapshots = {listing.source.name: listing.snapshot for listing in listings if listing.snapshot is not None}
        del listings, held  # nothing that follows reads them, and they are as many as files, or as partitions
        names = {source.name for source in config.sources}
        own = crawled.of_sources(names)
        ranges = self._run(COPIES_STEP, copies_tasks(config, own, generations))
        copies = copies_of(ranges)
        ran = self._run(SAMPLES_STEP, samples_tasks(config, crawled, takedowns, copies))
        if self._runner.pending or self._runner.guessed:
            raise Unknown(SAMPLES_STEP.name)
        benchmarks = ran.of_sources({source.name for source in config.benchmarks()})
        ran = ran.of_sources(names)
        outcomes = self._run(OUTCOMES_STEP, outcomes_tasks(ranges, ran)) if copies else Records()
        copied = self._run(COPIED, copied_tasks(own, copies, outcomes)) if copies else Records()
        crawled, passed = own, ran + copied
        matched = self._matched(benchmarks + ran, generations, takedowns)
        decided = self._decided(crawled, passed, benchmarks, matched, takedowns, history.past())
        inheriting = inherit_tasks(copied, outcomes, decided)
        # a copy stays only where earlier versions say so
        samples = ran + (self._run(INHERIT, inheriting) if inheriting else Records())
        beside = {step: partial(side_tasks, config, step, side, samples, decided) for step, side in SIDE_STEPS}
        offer_captions(config, self._runner, passed, samples, decided)
        for step, _ in LATER_STEPS:
            self._runner.offer(step, beside[step])
        offer_tiers(history, self._runner, samples, decided)
        described = self._run(DESCRIBE_STEP, beside[DESCRIBE_STEP]())
        said = captioned(self._asking, self._run, self._runner, passed, samples, decided, described)
        del described  # nothing that follows reads them, and they are as many as partitions
        vocabulary = self._vocabulary(samples, decided, said.captions)
        sides = {side.name: self._run(step, beside[step]()) for step, side in LATER_STEPS}
        sides[CAPTION.name] = said.captions
        parted = tiered(history, self._run, self._runner, samples, decided, sides[SCORE.name], vocabulary)
        sides[TIER.name] = parted.records
        shown = {side.name: sides[side.name] for side in BESIDE if side.shards}
        places = history.places(amounts(samples, sides[TIER.name], generations))
        dealt = self._run(DEAL, deal_tasks(config, samples, decided, shown, generations, places))
        collected = self._run(COLLECT, collect_tasks(dealt, places))
        written = self._run(WRITE, write_tasks(config, collected, places, Encoding.of(vocabulary), self._parent))
        indexed = self._run(INDEX_STEP, index_tasks(config, written))
        return Walked(
            self._parent,
            crawled,
            passed,
            decided,
            vocabulary,
            parted.tiers,
            written,
            indexed,
            takedowns,
            kept,
            cut,
            self._fingerprints,
            self._base_outputs,
            self.no_input,
            snapshots,
            said.answers,
            said.captions,
        )

    def _listings(self, surroundings: Surroundings) -> Iterator[Listing]:
        """Of all sources, but for those that a plan finds have to be fetched first."""
        sources = (*self.config.sources, *self.config.benchmarks())
        network = [network for source in sources if (network := network_of(source)) is not None]
        fetched = self._fetching.listings(network, self._runner) if network else {}
        names = {source.name for source in network}
        for source in sources:
            if source.name in fetched:
                yield fetched[source.name]
            elif source.name not in names:
                assert isinstance(source, Source), "a kind is read where it lies, or fetched"
                yield source.listing(surroundings)

    def _run(self, step: Step[Any], tasks: Iterable[Task[Any]]) -> Records:
        records = self._runner.run(step, tasks)
        if not step.to:
            # of crawl, the fingerprint holds file times, which say nothing about content
            self._fingerprints[step.name] = ledger.digest_of_each(
                [r.source, r.key, r.outputs["kept"].sha256 if step is CRAWL else r.fingerprint] for r in records
            )
        return records

    def _require_input(self, crawled: Sequence[Record]) -> None:
        read = {record.source for record in crawled if record.rows_in}
        for source in (*self.config.sources, *self.config.benchmarks()):
            if source.name not in self._runner.pending and source.name not in read:
                raise ConfigError(source.nothing_read(self.no_input.get(source.name, {})))

    def _matched(self, samples: Sequence[Record], generations: Generations, takedowns: Sequence[str]) -> Records:
        """The duplicates among ``samples``, and those of what was taken down."""
        blocks = duplicates.blocks(samples, generations, takedown.features(self.storage, takedowns))
        stretches = duplicates.stretches(blocks)
        banded = self._run(duplicates.BANDS_STEP, duplicates.bands_tasks(self.config, blocks))
        paired = self._run(duplicates.PAIRS_STEP, duplicates.pairs_tasks(self.config, stretches, banded))
        matching = duplicates.match_tasks(self.config, stretches, paired)
        if not self._runner.planning:
            comparing = duplicates.compare_tasks(matching, lambda task: self._runner.decide(task).run)
            if comparing:
                matching = duplicates.with_compared(matching, self._run(duplicates.COMPARE, comparing))
        return self._run(duplicates.MATCH_STEP, matching)

    def _decided(
        self,
        crawled: Sequence[Record],
        samples: Sequence[Record],
        benchmarks: Sequence[Record],
        matched: Sequence[Record],
        takedowns: Sequence[str],
        past: Past,
    ) -> Record:
        """What was decided of the whole corpus."""

        def lost() -> Iterator[str]:
            """Paths of tables of the records that left before."""
            for record in chain(crawled, samples):
                if "dropped" in record.outputs:
                    yield record.outputs["dropped"].path

        deciding = decisions.Deciding(self.config, samples, matched, benchmarks, past, lost, takedowns)
        task = deciding.whole()
        if deciding.slices > 1 and self._runner.decide(task).run:
            deciding.in_slices(self._run)
        (decided,) = self._run(decisions.DEDUPLICATE, [task])
        return decided

    def _vocabulary(self, samples: Sequence[Record], decided: Record, captions: Sequence[Record]) -> dict[str, Output]:
        """The vocabulary of the newest version if it fits the config (it is frozen once published), else learn one."""
        frozen, base = self._frozen()
        planning = self._runner.planning
        if frozen is not None:
            self._fingerprints[learning.SEGMENTS.name] = frozen.vocabulary.fingerprint
            self._runner.stays(learning.SEGMENTS, frozen.version)
            files = _outputs(frozen)
            if not planning:
                for file in files.values():
                    integrity.read_checked(self.storage, file.path, file.sha256)
            return files
        counted = self._run(learning.COUNT, learning.count_tasks(self.config, samples, decided, captions))
        (frequent,) = self._run(learning.FREQUENT, learning.frequent_tasks(self.config, counted))
        runs = self._run(learning.RUNS_STEP, learning.runs_tasks(self.config, samples, decided, frequent))
        if base and not planning:
            base.store(self.storage)
        tasks = learning.segments_tasks(self.config, counted, runs, self._base_outputs)
        (record,) = self._run(learning.SEGMENTS, tasks)
        if not planning:
            faults = self._runner.trust.faults(list(record.outputs.values()))
            if faults:
                self._runner.trust.distrust(faults)
                (record,) = self._run(learning.SEGMENTS, tasks)
        return dict(record.outputs)

    def settled(self) -> None:
        """Tell a plan that cannot go on what stays as it was published: the vocabulary, and the edges of tiers."""
        told = {phase.stage for phase in self._runner.phases}
        version, _ = self._frozen()
        if version is not None and learning.SEGMENTS.name not in told:
            self._runner.stays(learning.SEGMENTS, version.version)
        if not told & {MEASURE.name, EDGES.name}:
            history = History(self.config, self.storage, self._parent)
            plan_frozen(history, self._runner, None if version is None else _outputs(version))

    def _frozen(self) -> tuple[Manifest | None, BaseTokenizer | None]:
        """The newest version whose vocabulary fits the config, and the base tokenizer that it names; None for none."""
        name = self.config.tokenize.ids.base_tokenizer
        base = None if name is None else base_tokenizer.find(name, self.base)
        self._base_outputs = base.outputs if base else {}
        if self._parent is not None and self.config.vocabulary == "frozen":
            basis = learning.vocabulary_basis(self.config, self._base_outputs)
            for version in History(self.config, self.storage, self._parent).newest_first():
                if version.vocabulary.basis == basis:
                    return version, base
        return None, base


def _outputs(version: Manifest) -> dict[str, Output]:
    """The vocabulary of a version."""
    files = version.vocabulary_files
    return {name: Output(file.path, file.sha256, file.bytes, 0) for name, file in files.items()}
