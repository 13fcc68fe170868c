"""What a run has of a model: what is answered already, and the rest asked, in rounds, within limits and budget.

Each round deals what is left of the budget and all limits out to a few tasks (`pipeline.asking.limits.shares`). A round
ends after `ROUND_SECONDS`, so that people see how far it is, and that budget which one task did not need goes to the
others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.asking import prompts
from pipeline.asking.cache import Cache
from pipeline.asking.endpoint import key_from
from pipeline.asking.limits import Amount, Purse, shares
from pipeline.asking.price import guess
from pipeline.asking.request import FOR_GOOD, Usage
from pipeline.asking.settings import AskSettings
from pipeline.config import Config
from pipeline.errors import ConfigError, Defect, Mend
from pipeline.progress import Display
from pipeline.run.stage import Run, StageRunner
from pipeline.steps.ask import ANSWERS, ASK, AnswersSettings, AskPayload, Place, Unit, answers_tasks, ask_tasks
from pipeline.storage.base import Storage
from pipeline.work import ledger
from pipeline.work.ledger import Record, merged
from pipeline.work.records import Records

ROUND_SECONDS = 300.0
"""After which a task that asks begins no more requests, and all is dealt anew."""

LEAST_AT_ONCE, LEAST_REQUESTS = 8, 200
"""Requests under way, and in all, that are worth a task of their own."""


class BudgetSpent(Mend):
    """The budget for asking is spent; what was answered is stored."""


class Reached(Exception):
    """A walk has come as far as it was to come. ``known``: what is answered, and what is missing."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known


@dataclass(frozen=True)
class Known:
    """What is answered of the survivors: a record of the step ``answers`` for each samples partition, and its place."""

    settings: AnswersSettings
    records: tuple[Record, ...] = ()
    places: tuple[Place, ...] = ()

    def units(self) -> list[Unit]:
        """What is missing."""
        return [
            Unit(place, group, count)
            for record, place in zip(self.records, self.places, strict=True)
            for group, count in record.extra["missing"]
        ]

    @property
    def missing(self) -> int:
        """Requests that nobody was asked for."""
        return sum(unit.count for unit in self.units())

    @property
    def longest(self) -> int:
        """As the function."""
        return longest(self.settings)

    @property
    def pictures(self) -> int:
        """Survivors."""
        return sum(record.rows_kept for record in self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Captions that were answered, and that were not by reason."""
        return merged(record.extra["counts"] for record in self.records)

    def absent(self) -> dict[str, tuple[int, int]]:
        """Style -> requests that are missing, and the characters of their prompts."""
        sums: dict[str, tuple[int, int]] = {}
        for record in self.records:
            for style, (count, characters) in record.extra["absent"].items():
                before = sums.get(style, (0, 0))
                sums[style] = before[0] + count, before[1] + characters
        return sums


def longest(settings: AnswersSettings) -> int:
    """Characters of the longest template, which a prompt has about as many of."""
    return max(len(prompt.template) for prompt in settings.prompts)


@dataclass
class Asking:
    """Of one run, whichever number of walks it takes."""

    config: Config
    base: Path
    storage: Storage
    display: Display
    again: bool = False
    """Ask once more for what has a reason instead of a text."""
    only_known: bool = False
    """Ask nobody: raise `Reached` once it is known what is missing."""
    _done_again: bool = field(default=False, init=False)
    _too_small: str = field(default="", init=False)
    """What is too small for one picture, and by how much; "" if nothing is."""

    def answers(self, run: Run, runner: StageRunner, looks: Sequence[Record], known: Sequence[Record]) -> Records:
        """A table of answers for each samples partition (`stages.schema.ANSWERED`); none if no model is configured.

        ``looks``: what a model is shown of each; ``known``: a table of captions (`stages.schema.DESCRIBED`) for each,
        which prompts are filled with. Raises BudgetSpent, ConfigError, Reached, and what ends failed tasks.
        """
        settings = self.config.ask
        if settings is None:
            if self.only_known:
                raise ConfigError("the config has no section ask: it names no model that could be asked")
            return Records()
        told = AnswersSettings.of(settings, prompts.load(settings, self.base))
        return self.of_looks(run, runner, settings, told, looks, known)

    def of_looks(
        self,
        run: Run,
        runner: StageRunner,
        settings: AskSettings,
        told: AnswersSettings,
        looks: Sequence[Record],
        known: Sequence[Record],
    ) -> Records:
        """As `answers`, once the pictures are drawn."""
        tasks = answers_tasks(told, looks, known)
        records = run(ANSWERS, tasks)
        if runner.planning:
            return records
        state = Known(told, tuple(records), tuple(task.payload.place for task in tasks))
        if self.only_known:
            raise Reached(state)
        again = frozenset(FOR_GOOD) if self.again and not self._done_again else frozenset[str]()
        units = state.units()
        if again:
            units = _with_reasons(state)
        if not units:
            return records
        self._done_again = True
        rerun = [i for i, record in enumerate(records) if record.extra["missing"] or (again and record.extra["failed"])]
        for record in (records[i] for i in rerun):
            # what is answered anew counts, also where this run ends before it is laid out
            self.storage.delete(ledger.table_path(record.stage, record.source, record.key, "json"))
        spent_out = self._ask(settings, told, runner, units, again)
        for i, record in zip(rerun, runner.run(ANSWERS, [tasks[i] for i in rerun]), strict=True):
            records[i] = record
        left = Known(told, tuple(records), state.places).missing
        if left:
            self._short(settings, left, spent_out)
        return records

    def _ask(
        self,
        settings: AskSettings,
        told: AnswersSettings,
        runner: StageRunner,
        units: list[Unit],
        again: frozenset[str],
    ) -> str:
        """Ask ``units`` in rounds. The limit of the budget that ended it, "" if none did."""
        if settings.endpoint is not None:
            key_from(settings.endpoint)
        cache = Cache(self.storage)
        cache.compact()
        first = True
        while units:
            cache.refresh()
            left = Amount.left(settings.budget, *cache.spent())
            one = guess(settings, cache, longest(told))
            lacking = Purse(left, settings.price, one).lacking()
            if lacking:
                if first:
                    self._too_small = _too_small(lacking, left, settings, one)
                return lacking
            payloads = self._dealt(settings, told, units, left, one, runner.width(), again)
            done = runner.run(ASK, ask_tasks(payloads))
            units = [unit for payload, record in zip(payloads, done, strict=True) for unit in _left(payload, record)]
            count = sum(record.rows_in for record in done)
            spent_out = next((r.extra["spent_out"] for r in done if r.extra["spent_out"]), "")
            self.display.say(_told(settings, done, units))
            if units and not count:
                return str(spent_out)
            first = False
        return ""

    def _dealt(
        self,
        settings: AskSettings,
        told: AnswersSettings,
        units: Sequence[Unit],
        left: Amount,
        one: Usage,
        width: int,
        again: frozenset[str],
    ) -> list[AskPayload]:
        """The tasks of a round."""
        requests = sum(unit.count for unit in units)
        if settings.local is not None:
            most = settings.local.workers
        else:
            most = min(width, -(-settings.at_once // LEAST_AT_ONCE), -(-requests // LEAST_REQUESTS))
        count = max(1, min(most, len(units), settings.at_once))
        while count > 1 and Purse(_part(left, count), settings.price, one).lacking():
            count -= 1
        lots: list[list[Unit]] = [[] for _ in range(count)]
        weights = [0] * count
        # the largest first, each to who has least; within a task in the order of the corpus
        for place in sorted(range(len(units)), key=lambda i: (-units[i].count, i)):
            least = weights.index(min(weights))
            lots[least].append(units[place])
            weights[least] += units[place].count
        order = {unit: i for i, unit in enumerate(units)}
        return [
            AskPayload(settings, told, _turned(sorted(lot, key=order.__getitem__)), share, one, ROUND_SECONDS, again)
            for lot, share in zip(lots, shares(settings, left, weights), strict=True)
        ]

    def _short(self, settings: AskSettings, left: int, spent_out: str) -> None:
        """Say that something is missing. Raises BudgetSpent where the run is to end then."""
        if not spent_out:
            raise Defect(f"ask: {left} captions are missing after all were asked for; report it")
        why = self._too_small or f"ask.budget.{spent_out}"
        told = f"the budget for asking is spent ({why}): {left} captions were not asked for"
        if settings.on_budget == "stop":
            raise BudgetSpent(
                f"{told}; what was answered is stored: raise the budget and run again to go on, or set "
                "ask.on_budget to publish to go on without them"
            )
        self.display.say(f"{told}; going on without them (ask.on_budget: publish)")


def _turned(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """``units`` in their order, from one on that is left to chance: two runs at once do not ask the same."""
    begin = random.SystemRandom().randrange(len(units))
    return (*units[begin:], *units[:begin])


def _part(left: Amount, count: int) -> Amount:
    return Amount(*(None if most is None else most / count for most in vars(left).values()))


def _left(payload: AskPayload, record: Record) -> Sequence[Unit]:
    begin = record.extra["left_from"]
    return () if begin is None else payload.units[begin:]


def _with_reasons(state: Known) -> list[Unit]:
    """Also what has a reason is to be asked: all row groups of the partitions where something has."""
    units = []
    for record, place in zip(state.records, state.places, strict=True):
        missing = dict(record.extra["missing"])
        groups = set(missing) | {group for group, _ in record.extra["failed"]}
        failed = dict(record.extra["failed"])
        units += [Unit(place, group, missing.get(group, 0) + failed.get(group, 0)) for group in sorted(groups)]
    return units


def _too_small(lacking: str, left: Amount, settings: AskSettings, one: Usage) -> str:
    amount = Purse(left, settings.price, one).amount(one)
    return (
        f"ask.budget.{lacking} has {getattr(left, lacking):g} left, too little for one picture, which takes about "
        f"{getattr(amount, lacking):g}"
    )


def _told(settings: AskSettings, done: Sequence[Record], units: Sequence[Unit]) -> str:
    usage = Usage()
    for record in done:
        usage += Usage(**record.extra["usage"])
    answered, failed = (sum(record.extra[name] for record in done) for name in ("answered", "failed"))
    cost = ""
    if settings.price is not None:
        money = settings.price.of(usage.input_tokens, usage.output_tokens)
        cost = f", {money:.2f} {settings.price.currency}"
    left = sum(unit.count for unit in units)
    more = f", about {left} to go" if left else ""
    without = f", {failed} without a text" if failed else ""
    return f"ask: {answered} captions{without}, {usage.input_tokens} tokens in, {usage.output_tokens} out{cost}{more}"
