"""The conductor of a run: walk the steps, make anew what is damaged, balance the counts, publish.

A `Conductor` with ``open_engine=None`` only plans: it stops at the first thing that is not known before something has
run, and says what follows.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import Loaded
from pipeline.errors import ConfigError, Damaged
from pipeline.progress import Display
from pipeline.run.asking import Asking, Known, Reached
from pipeline.run.costs import Costs, rates
from pipeline.run.engine import Engine
from pipeline.run.fetching import Fetching
from pipeline.run.publish import layout_file, layout_of, manifest_of, within_budget
from pipeline.run.stage import MetDamage, Pending, Phase, StageRunner, Unknown
from pipeline.run.walk import Walk
from pipeline.run.watch import Watch
from pipeline.steps.ask import ANSWERS, ASK
from pipeline.steps.caption import CAPTION_STEP
from pipeline.steps.fetch import FETCH
from pipeline.steps.learning import SEGMENTS
from pipeline.steps.look import LOOK
from pipeline.steps.registry import STEPS, on_the_way_to
from pipeline.steps.tiers import EDGES, MEASURE, unused_steps
from pipeline.storage import integrity
from pipeline.storage.base import Storage
from pipeline.storage.open import require_writable
from pipeline.versions import published
from pipeline.versions.manifest import Manifest
from pipeline.versions.published import LostRace
from pipeline.work import marks
from pipeline.work.task import CORPUS, Needs

ATTEMPTS = 20
"""Walks of one run at most, each with something made anew that was damaged."""


RACES = 5
"""Publications that a run tries at most. After each that another run wins it walks once more, on what that one has
published: little has to run then. Who loses all of them is among runs that do nothing but publish, and has to wait."""


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    manifest: Manifest
    published: bool
    """False if nothing had changed since ``manifest``."""
    ran: int
    reused: int
    costs: Costs
    no_input: Mapping[str, Mapping[str, int]]
    """As `Manifest.no_input`, of this run, which may have published nothing."""


def needs_of(loaded: Loaded) -> dict[str, Needs]:
    """What the config says that tasks need, by step. Raises ConfigError for a step that there is not."""
    known = [step.name for step in STEPS]
    for name in loaded.config.resources:
        if name not in known:
            raise ConfigError(f"resources.{name}: there is no such step; there are {', '.join(known)}")
    return {name: Needs(own.cpus, own.memory, own.gpus) for name, own in loaded.config.resources.items()}


class Conductor:
    """Plans or runs all steps over one workspace."""

    def __init__(
        self,
        loaded: Loaded,
        storage: Storage,
        open_engine: Callable[[], Engine] | None,
        display: Display,
        forget_earlier: bool = False,
        refresh: Sequence[str] = (),
        ask_again: bool = False,
    ) -> None:
        """``forget_earlier``: decide as if nothing had been published; later runs keep what is published then.

        ``refresh``: names of sources whose network is to be asked anew; see `pipeline.run.fetching`. ``ask_again``:
        ask the model once more where it gave a reason and no caption; see `pipeline.run.asking`.
        """
        self.no_input: dict[str, dict[str, int]] = {}
        """As `Walk.no_input`."""
        self._loaded, self._storage, self._display, self._forget = loaded, storage, display, forget_earlier
        self._fetching = Fetching(loaded.config, loaded.base, storage, display, refresh)
        self._asking = Asking(loaded.config, loaded.base, storage, display, ask_again)
        self._mark: marks.Mark | None = None
        seconds = loaded.config.partition.seconds
        self.watch = Watch(loaded.config.name, display, rates(storage) if open_engine else {}, storage.traffic)
        self._runner = StageRunner(storage, seconds, open_engine, display, self._alive, self.watch, needs_of(loaded))

    def plan(self) -> list[Phase]:
        """What would run and why, with nothing run and nothing written."""
        walk = self._walk(self._newest())
        phases = self._runner.phases
        try:
            walk.walk()
        except Unknown as unknown:
            pending = self._runner.pending.values()
            rest = Pending(unknown.stage, sum(p.records for p in pending), sum(p.size for p in pending))
            learning = {step.name for step in (*on_the_way_to(SEGMENTS), SEGMENTS)}
            walk.settled()
            done = {phase.stage for phase in phases}
            if SEGMENTS.name in done:
                done |= learning
            if EDGES.name in done:
                done.add(MEASURE.name)
            # whether a corpus is so large that it is decided on in slices is not known yet
            unknown_steps = {FETCH, ASK, *on_the_way_to(CAPTION_STEP)}
            unknown_steps |= set() if self._loaded.config.ask else {LOOK, ANSWERS}
            unknown_steps |= unused_steps(self._loaded.config.tier)
            later = [
                step.name for step in STEPS if step.name not in done and not step.large and step not in unknown_steps
            ]
            phases += [Phase(name, (), unknown.stage, {CORPUS: rest}) for name in later]
            order = [step.name for step in STEPS]
            phases.sort(key=lambda phase: order.index(phase.stage))
        self.no_input = walk.no_input
        return phases

    def run(self) -> Result:
        """Run what is missing and publish; once more, up to `RACES` times, if another run publishes first.

        Raises UserError subclasses; finished partitions stay finished.
        """
        require_writable(self._storage)
        with marks.running(self._storage, self._display.say) as self._mark:
            try:
                with self._display, self.watch.telling(self._mark):
                    for _ in range(RACES - 1):
                        with contextlib.suppress(LostRace):
                            return self._race()
                        self._display.say("another run published first; going on from what it published")
                    return self._race()
            finally:
                self._runner.close()

    def known(self) -> Known:
        """What a model has answered of the survivors, and what is missing: steps run up to there, and nobody is asked.

        Raises as `run`, and ConfigError if the config names no model.
        """
        require_writable(self._storage)
        self._asking.only_known = True
        with marks.running(self._storage, self._display.say) as self._mark:
            try:
                with self._display, self.watch.telling(self._mark):
                    for _ in range(ATTEMPTS):
                        self._runner.begin()
                        try:
                            self._walk(self._newest()).walk()
                        except Reached as reached:
                            return reached.known
                        except MetDamage as damaged:
                            if not self._runner.trust.distrust([damaged.path]):
                                raise damaged.failure from None
                    raise Damaged(f"{self._storage.uri}: what is made anew is damaged again and again")
            finally:
                self._asking.only_known = False
                self._runner.costs.keep(self._storage)
                self._runner.close()

    def _race(self) -> Result:
        """Raises LostRace if another run publishes first."""
        # read once: what somebody else publishes meanwhile is met when this is published, and not before
        parent = self._newest()
        manifest = self._whole(parent)
        self._runner.costs.keep(self._storage)
        if parent is not None and parent.content() == manifest.content():
            return self._result(parent, False)
        within_budget(self._loaded.config, manifest)
        published.publish(self._storage, manifest)
        return self._result(manifest, True)

    def _whole(self, parent: Manifest | None) -> Manifest:
        """The manifest, once all that it names is there. What is damaged or gone is made anew from what it was made of.

        Raises Damaged if something cannot be, with what to do about it; then nothing is published.
        """
        trust = self._runner.trust
        for _ in range(ATTEMPTS):
            self._runner.begin()
            walk = self._walk(parent)
            try:
                walked = walk.walk()
            except MetDamage as damaged:
                if not trust.distrust([damaged.path]):
                    raise damaged.failure from None
                continue
            self.no_input = walk.no_input
            with layout_of(walked.cut) as layout:
                manifest = manifest_of(self._loaded.config, walked, layout_file(layout))
                if parent is not None and parent.content() == manifest.content():
                    return manifest
                assert manifest.layout is not None
                layout.seek(0)
                with self._storage.writer(manifest.layout.path) as stream:
                    shutil.copyfileobj(layout, stream, 2**20)
            faults = trust.faults(manifest.files, [manifest.layout.path])
            if not faults:
                return manifest
            if not trust.distrust(faults):
                raise integrity.DamagedFile(*faults.popitem()[::-1])
        raise Damaged(f"{self._storage.uri}: what is made anew is damaged again and again; see to the store")

    def _walk(self, parent: Manifest | None) -> Walk:
        config, base = self._loaded.config, self._loaded.base
        return Walk(config, base, self._storage, self._runner, parent, self._fetching, self._asking, self._forget)

    def _newest(self) -> Manifest | None:
        numbers = published.numbers(self._storage)
        return published.read(self._storage, numbers[-1]) if numbers else None

    def _alive(self) -> None:
        if self._mark is not None:
            self._mark.refresh()

    def _result(self, manifest: Manifest, is_new: bool) -> Result:
        runner = self._runner
        return Result(manifest, is_new, runner.ran, runner.reused, runner.costs, self.no_input)
