"""Asking a model for captions, as two steps, of which only the first knows the network.

    ask      a few tasks that share limits and budget: what is not answered yet is asked, and stored in the cache
    answers  one task for each samples partition: what the cache has for its samples, as a table beside them

``answers`` runs first, and says what is missing; ``ask`` asks for that; then ``answers`` runs again where something was
missing. `pipeline.run.asking` leads. A table of answers depends on looks, prompts, parameters and the cache, never on
the order in which answers came.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline.asking.asker import Asker, Outcome
from pipeline.asking.cache import Answer, Cache, Keeper
from pipeline.asking.endpoint import Captioner, Endpoint
from pipeline.asking.limits import Purse, Share
from pipeline.asking.prompts import Prompt, known_of
from pipeline.asking.request import Request, Unanswered, Usage, key_of
from pipeline.asking.settings import AskSettings, ParameterSettings
from pipeline.storage.base import Storage
from pipeline.storage.tables import open_table, read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Needs, Step, Task, Work, inputs_of, planned
from stages.base import Settings
from stages.schema import ANSWERED

VERSION = 1
"""Of what `answers_step` makes of equal inputs and answers."""

WHOLE = "whole"
"""The state of a table of answers that lacks none."""


class AnswersSettings(Settings):
    """What answers depend on beside the pictures and what is known of them."""

    parameters: ParameterSettings
    prompts: tuple[Prompt, ...]
    language: str

    @classmethod
    def of(cls, settings: AskSettings, prompts: Sequence[Prompt]) -> AnswersSettings:
        """Of the config's."""
        return cls(parameters=settings.part(ParameterSettings), prompts=tuple(prompts), language=settings.language)


@dataclass(frozen=True)
class Place:
    """A samples partition: where the looks of its survivors are, and what is known of them, in the same order."""

    look: str
    known: str


@dataclass(frozen=True)
class Wanted:
    """A caption that is wanted. ``key``: None if there is no picture."""

    sample_id: str
    prompt: Prompt
    filled: str
    key: bytes | None
    picture: bytes | None
    """Only where pictures were to be read, too."""


def wanted(
    storage: Storage, place: Place, settings: AnswersSettings, groups: Sequence[int] | None = None, shown: bool = False
) -> Iterator[tuple[int, list[Wanted]]]:
    """What is wanted of a partition, by row group of its looks, or of some ``groups``. ``shown``: with pictures."""
    parameters = settings.parameters.model_dump(mode="json")
    known = read_table(storage, place.known, columns=["sample_id", "captions"])
    with open_table(storage, place.look) as file:
        end = 0
        for group in range(file.num_row_groups):
            begin, end = end, end + file.metadata.row_group(group).num_rows
            if groups is not None and group not in groups:
                continue
            columns = ["sample_id", "digest", *(["picture"] if shown else [])]
            rows = file.read_row_group(group, columns=columns, use_threads=False).to_pylist()
            captions = known.slice(begin, end - begin)
            if captions["sample_id"].to_pylist() != [row["sample_id"] for row in rows]:
                raise ValueError(f"{place.known} is not of the samples of {place.look}")
            each = zip(rows, captions["captions"].to_pylist(), strict=True)
            yield group, [one for row, own in each for one in _wanted(row, known_of(own), settings, parameters)]


def _wanted(
    row: dict[str, Any], known: dict[str, list[str]], settings: AnswersSettings, parameters: dict[str, Any]
) -> Iterator[Wanted]:
    for prompt in settings.prompts:
        filled = prompt.filled(known)
        key = None if row["digest"] is None else key_of(row["digest"], filled, parameters)
        yield Wanted(row["sample_id"], prompt, filled, key, row.get("picture"))


# -- answers


@dataclass(frozen=True)
class AnswersPayload:
    """Whose answers, and to what."""

    settings: AnswersSettings
    place: Place


def answers_tasks(
    settings: AnswersSettings, looks: Sequence[Record], known: Sequence[Record]
) -> list[Task[AnswersPayload]]:
    """One task for each samples partition. ``known``: of the same partitions, tables with ``captions``."""
    tasks = []
    for look, base in zip(looks, known, strict=True):
        tables = look.outputs["kept"], base.outputs["kept"]
        payload = AnswersPayload(settings, Place(*(table.path for table in tables)))
        rows, size = look.rows_kept, tables[0].bytes
        versions = {"answers": VERSION}
        task = planned(ANSWERS, look.source, look.key, payload, versions, inputs_of(tables), rows, size, WHOLE)
        tasks.append(replace(task, state_is_of="what the model has answered"))
    return tasks


def answers_step(work: Work[AnswersPayload]) -> Record:
    """What the cache has for a partition: `stages.schema.ANSWERED`, a row for each survivor and style."""
    payload, storage = work.task.payload, work.storage
    settings = payload.settings
    cache = Cache(storage)
    cache.refresh()
    rows: list[dict[str, Any]] = []
    missing: dict[int, int] = {}
    failed: dict[int, int] = {}
    characters: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    parts = list(wanted(storage, payload.place, settings))
    answers = cache.find(one.key for _, every in parts for one in every if one.key is not None)
    for group, every in parts:
        for one in every:
            answer = answers.get(one.key) if one.key is not None else None
            row = _row(one, answer, settings)
            rows.append(row)
            if one.key is not None and answer is None:
                missing[group] = missing.get(group, 0) + 1
                absent[one.prompt.style] += 1
                characters[one.prompt.style] += len(one.filled)
                continue
            counts[row["reason"] or "answered"] += 1
            if answer is not None and answer.reason:
                failed[group] = failed.get(group, 0) + 1
    samples = len(rows) // len(settings.prompts)
    table = pa.Table.from_pylist(rows, schema=ANSWERED)
    output = write_table(storage, work.path(), [table], ANSWERED)
    extra = {
        "states": [] if missing else [WHOLE],
        "missing": [[group, count] for group, count in sorted(missing.items())],
        "failed": [[group, count] for group, count in sorted(failed.items())],
        "absent": {style: [absent[style], characters[style]] for style in sorted(absent)},
        "counts": dict(sorted(counts.items())),
        "usage": {name: sum(row[name] for row in rows) for name in ("requests", "input_tokens", "output_tokens")},
        "money": sum(row["money"] for row in rows),
    }
    return work.record({"kept": output}, samples, samples, extra=extra)


def _row(one: Wanted, answer: Answer | None, settings: AnswersSettings) -> dict[str, Any]:
    parameters = settings.parameters
    row: dict[str, Any] = {"sample_id": one.sample_id, "style": one.prompt.style, "language": settings.language}
    row |= {"model": parameters.model, "prompt": one.prompt.digest, "temperature": parameters.temperature}
    row |= {"seed": parameters.seed, "score": None}
    if answer is None:
        reason = Unanswered.NOT_DRAWN if one.key is None else Unanswered.NOT_ASKED
        return row | {"text": None, "reason": str(reason), "detail": "", **asdict(Usage()), "money": 0.0}
    row |= {"text": None if answer.reason else answer.text, "reason": answer.reason, "detail": answer.detail}
    row |= {"requests": answer.requests, "input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
    return row | {"money": answer.money}


# -- ask


@dataclass(frozen=True)
class Unit:
    """A part of what is to be asked: a row group of looks. ``count``: requests that are missing in it."""

    place: Place
    group: int
    count: int


@dataclass(frozen=True)
class AskPayload:
    """What one of the tasks that ask asks, and how much it may take."""

    settings: AskSettings
    answers: AnswersSettings
    units: tuple[Unit, ...]
    share: Share
    guess: Usage
    """What a request takes, before any was answered."""
    seconds: float
    """After which no request is begun."""
    again: frozenset[str] = frozenset()
    """Reasons: what has no text for one of these is asked again."""


def ask_tasks(payloads: Sequence[AskPayload]) -> list[Task[AskPayload]]:
    """One task for each payload. They are run whatever was recorded: what is asked is gone once it is answered."""
    tasks = []
    for number, payload in enumerate(payloads, 1):
        step = ASK if payload.settings.local is None or payload.settings.local.device == "cpu" else ASK_ON_GPU
        key = f"{number:03}-of-{len(payloads):03}"
        count = sum(unit.count for unit in payload.units)
        tasks.append(planned(step, CORPUS, key, payload, {"answers": VERSION}, [], count, 0, "asked"))
    return tasks


def ask_step(work: Work[AskPayload]) -> Record:
    """Ask what is missing in the units; what comes goes into the cache as it comes."""
    payload = work.task.payload
    outcome = asyncio.run(_asked(work.storage, payload))
    extra = {
        "left_from": outcome.left_from,
        "spent_out": outcome.spent_out,
        "answered": outcome.answered,
        "failed": outcome.failed,
        "usage": asdict(outcome.usage),
    }
    count = outcome.answered + outcome.failed
    return work.record({}, count, count, extra=extra)


async def _asked(storage: Storage, payload: AskPayload) -> Outcome:
    settings, share = payload.settings, payload.share
    until = time.monotonic() + payload.seconds
    captioner = captioner_of(settings)
    try:
        keeper = Keeper(storage, max(MOST_UNSTORED, share.at_once))
        purse = Purse(share.budget, settings.price, payload.guess)
        asker = Asker(settings, captioner, share, purse, keeper, until)
        return await asker.run(_requests(storage, payload))
    finally:
        await captioner.close()


def captioner_of(settings: AskSettings) -> Captioner:
    """Who answers. Raises ConfigError if what it needs is not there."""
    if settings.local is None:
        return Endpoint(settings)
    from pipeline.asking.local import Local  # PyTorch takes seconds to import

    return Local(settings)


def _requests(storage: Storage, payload: AskPayload) -> Iterator[Request]:
    cache = Cache(storage)
    seen = float("-inf")
    for number, unit in enumerate(payload.units):
        if time.monotonic() - seen >= REFRESH_SECONDS:
            cache.refresh()
            seen = time.monotonic()
        for _, every in wanted(storage, unit.place, payload.answers, [unit.group], shown=True):
            asked = [one for one in every if one.key is not None]
            keys = [one.key for one in asked if one.key is not None]
            if payload.again:
                known = cache.find(keys)
                there = [key in known and known[key].reason not in payload.again for key in keys]
            else:
                there = cache.has(keys).tolist()
            for one, key, known_already in zip(asked, keys, there, strict=True):
                if not known_already and one.picture is not None:
                    yield Request(key, one.sample_id, one.prompt.style, one.filled, one.picture, number)


REFRESH_SECONDS = 30.0
"""After which a task that asks looks for what others were answered."""

MOST_UNSTORED = 32
"""Answers that a task holds before it stores them; where it has more requests under way, so many."""

ASK = Step("ask", ask_step, "asks a model for captions that nobody has been asked for", to="answers", whole=True)
ASK_ON_GPU = Step("ask", ask_step, ASK.says, to="answers", whole=True, needs=Needs(gpus=1))

ANSWERS = Step("answers", answers_step, "lays what a model said beside the samples")
