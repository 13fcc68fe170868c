"""All tasks of a run, planned on records that are made up: nothing is read, written or run."""

from __future__ import annotations

import base64
import copy
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.asking import prompts
from pipeline.config import MODEL, Config
from pipeline.run.history import History
from pipeline.sources.base import Chunk, Entry, Listing
from pipeline.steps import decisions, duplicates, learning, tiers
from pipeline.steps.ask import AnswersSettings, answers_tasks
from pipeline.steps.caption import caption_tasks
from pipeline.steps.collect import collect_tasks
from pipeline.steps.copied import copied_tasks, inherit_tasks, outcomes_tasks
from pipeline.steps.copies import copies_of, copies_tasks
from pipeline.steps.crawl import crawl_tasks
from pipeline.steps.deal import amounts, deal_tasks
from pipeline.steps.edited import edited_tasks
from pipeline.steps.encode import Encoding
from pipeline.steps.index import index_tasks
from pipeline.steps.lend import borrow_tasks, lend_tasks, parts_of
from pipeline.steps.look import look_tasks
from pipeline.steps.repeats import Heard, hear_tasks, repeats_tasks
from pipeline.steps.rowwise import samples_tasks
from pipeline.steps.sides import SIDE_STEPS, side_tasks
from pipeline.steps.write import write_tasks
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output
from pipeline.versions.edits import Import
from pipeline.versions.lineage import Past
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task
from stages.caption import DESCRIBE
from stages.sides import BESIDE

CONFIG: dict[str, Any] = {
    "config_version": 1,
    "name": "test",
    "sources": [
        {"name": name, "kind": "folder", "path": f"/{name}", "glob": "**/*", "license": "MIT"}
        for name in ("one", "two")
    ],
    "decontaminate": ["/benchmark"],
    "licenses": {"unknown": "keep"},
    "ask": {
        "model": "eye",
        "endpoint": {"base_url": "http://localhost:8000/v1"},
        "price": {"input": 1.0, "output": 2.0},
    },
    "tier": {"count": "segment", "quantiles": [{"name": "low", "share": 0.5}, {"name": "high", "share": 0.5}]},
}


def config_with(key: str = "", value: Any = None) -> Config:
    """`CONFIG` with one dotted key set to ``value``."""
    data = copy.deepcopy(CONFIG)
    target: Any = data
    *folders, last = key.split(".")
    for part in folders:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    if last:
        target[int(last) if isinstance(target, list) else last] = value
    return MODEL.model_validate_json(json.dumps(data))


def settings_of(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting's dotted key and value."""
    for name in type(model).model_fields:
        value, key = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from settings_of(value, f"{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel) and name == "sources":
            for place, each in enumerate(value):
                yield from settings_of(each, f"{key}.{place}.")
        else:
            yield key, value


def listing(config: Config, place: int) -> tuple[Listing, list[Chunk]]:
    """A source of two chunks of files, an archive and a table."""
    entries = [Entry(f"{name}.svg", 100, f"etag {name}") for name in "abcd"]
    archive, table = Entry("x.zip", 1000, "etag x"), Entry("y.parquet", 1000, "etag y")
    source = [*config.sources, *config.benchmarks()][place]
    chunks = [
        Chunk("k1", tuple(entries[:2]), "files"),
        Chunk("k2", tuple(entries[2:]), "files", 2),
        Chunk("k3", (archive,), "archive"),
        Chunk("k4", (table,), "table"),
    ]
    return Listing(source, tuple(entries), (archive,), (table,)), chunks


def done(task: Task[Any], **extra: Any) -> Record:
    """The record of a task that wrote nothing."""
    basis = task.basis
    return Record(
        task.step.name,
        task.source,
        task.key,
        basis.fingerprint,
        basis.versions,
        basis.settings,
        ledger.digest(basis.inputs),
        {},
        10,
        8,
        extra=extra,
    )


class Planner:
    """Plans all steps for a config.

    A task's record has outputs of which nothing depends on the task's settings: so that what changes a step's
    fingerprints is what the step itself reads, not what steps before it have made. ``following``: the outputs depend on
    the fingerprint, as they do in a run.
    """

    def __init__(self, config: Config, following: bool = False, reverse: bool = False) -> None:
        self._config, self._following, self._reverse = config, following, reverse
        self.tasks: dict[str, list[Task[Any]]] = {}
        """Step -> its tasks."""
        self._plan()

    @property
    def fingerprints(self) -> dict[str, list[tuple[str, str, str]]]:
        """Step -> source, key and fingerprint of its tasks."""
        return {
            name: [(task.source, task.key, task.basis.fingerprint) for task in tasks]
            for name, tasks in self.tasks.items()
        }

    def _plan(self) -> None:
        config = self._config
        cut = [listing(config, place) for place in range(3)]
        listings = [each for each, _ in cut]
        chunks = self._shuffled({each.source.name: chunks for each, chunks in cut})
        crawled = self._run(crawl_tasks(config, listings, chunks), row_groups=(6, 4))
        generations = {(name, chunk.key): chunk.generation for name, own in chunks.items() for chunk in own}
        generations = self._shuffled(generations)
        names = {source.name for source in config.sources}
        own = [record for record in crawled if record.source in names]
        found = self._run(copies_tasks(config, own, generations), extra=self._found())
        masks = self._shuffled(copies_of(found))
        every = self._run(samples_tasks(config, crawled, (), masks), extra={"shard_bytes": 10_000_000, "notes": {}})
        ran = [record for record in every if record.source in names]
        benchmarks = [record for record in every if record.source not in names]
        looking = outcomes_tasks(found, ran)
        made_from = looking[0].basis.fingerprint if self._following else ""
        places = {name: ["part-00000", n, f"outcome {n} {made_from}"] for n, name in enumerate(sorted(masks))}
        outcomes = self._run(looking, outputs=["part-00000"], extra={"places": self._shuffled(places)})
        copied = self._run(copied_tasks(own, masks, outcomes), extra={"notes": {}})

        samples = [*ran, *copied]
        blocks = duplicates.blocks([*benchmarks, *ran], generations)
        stretches = duplicates.stretches(blocks)
        banded = self._run(duplicates.bands_tasks(config, blocks), extra={"firsts": [0, 1 << 60]})
        paired = self._run(
            duplicates.pairs_tasks(config, stretches, banded), extra={"groups": [[0, 0, 4, "d0"], [0, 1, 4, "d1"]]}
        )
        matching = duplicates.match_tasks(config, stretches, paired)
        # as if there were many
        many = [replace(task, records=2 * duplicates.COMPARED) for task in matching]
        compared = self._run(duplicates.compare_tasks(many, lambda task: True))
        matched = self._run(duplicates.with_compared(matching, compared))
        past = Past((("lineage", "digest"),), 1)
        deciding = decisions.Deciding(config, samples, matched, benchmarks, past)
        deciding.in_slices(self._decide)
        (decided,) = self._run(
            [deciding.whole()], extra=self._decided(samples), outputs=[f"{r.source}/{r.key}" for r in samples]
        )
        inherited = inherit_tasks(copied, outcomes, decided)
        passed = samples
        samples = [*ran, *self._run(inherited, extra={"shard_bytes": 10_000_000})]

        sides = {
            side.name: self._run(
                side_tasks(config, step, side, samples, decided),
                extra={"said": 1},
            )
            for step, side in SIDE_STEPS
        }
        captions = self._captions(config, passed, samples, decided, sides[DESCRIBE.name])
        counted = self._run(learning.count_tasks(config, samples, decided, captions), outputs=["candidates", "texts"])
        (frequent,) = self._run(learning.frequent_tasks(config, counted), outputs=["mask"])
        runs = self._run(learning.runs_tasks(config, samples, decided, frequent))
        (learned,) = self._run(
            learning.segments_tasks(config, counted, runs, {}), outputs=["segments", "vocabulary", "tokenizer"]
        )
        encoding = Encoding.of(learned.outputs)
        sides |= {"caption": captions, "tier": self._tiers(config, samples, decided, sides["score"], encoding)}
        shown = {side.name: sides[side.name] for side in BESIDE if side.shards}
        places = History(config, FolderStorage(Path("none")), None).places(amounts(samples, sides["tier"], generations))
        dealt = self._run(
            deal_tasks(config, samples, decided, shown, generations, places),
            outputs=["kept", "pieces"],
        )
        collected = self._run(collect_tasks(dealt, places))
        written = self._run(write_tasks(config, collected, places, encoding), outputs=["rows"])
        self._run(index_tasks(config, written))

    def _tiers(
        self,
        config: Config,
        samples: Sequence[Record],
        decided: Record,
        scored: Sequence[Record],
        encoding: Encoding,
    ) -> list[Record]:
        counting = list(scored) if config.tier.count == "complexity" else []
        if tiers.by_vocabulary(config.tier):
            counting = self._run(tiers.lengths_tasks(config, samples, decided, encoding))
        found = config.tier.tiers
        if config.tier.quantiles:
            measures = self._run(tiers.measure_tasks(config, samples, decided, counting))
            edges = [{"name": "low", "from": 0, "to": 50}, {"name": "high", "from": 50, "to": None}]
            (record,) = self._run(tiers.edges_tasks(config, measures), extra={"tiers": edges})
            found = tiers.tiers_found(record)
        tasks = tiers.tier_tasks(config, found, samples, decided, counting)
        return self._run(tasks, extra={"kinds": [["low", "train", 40, 4000]]})

    def _captions(
        self,
        config: Config,
        passed: Sequence[Record],
        samples: Sequence[Record],
        decided: Record,
        described: Sequence[Record],
    ) -> list[Record]:
        assert config.ask is not None
        looks = self._run(look_tasks(config, samples, decided))
        told = AnswersSettings.of(config.ask, prompts.load(config.ask, Path("/")))
        answers = self._run(answers_tasks(told, looks, described))
        lent = self._run(lend_tasks(config, passed, decided), extra={"captions": 5})
        names = [f"{record.source}/{record.key}" for record in samples]

        def routed(kind: str, tasks: Sequence[Task[Any]]) -> dict[str, list[tuple[str, int, str]]]:
            made_from = tasks[0].basis.fingerprint if self._following else ""
            places = {name: ["part-00000", n, f"{kind} {n} {made_from}"] for n, name in enumerate(sorted(names))}
            return parts_of(self._run(tasks, outputs=["part-00000"], extra={"places": self._shuffled(places)}))

        borrowed = routed("borrowed", borrow_tasks(config, lent))
        edited = routed("edited", edited_tasks([Import(1, "captions/a.parquet", "digest", 1)], passed, decided))
        heard = [
            Heard(name, record, answer.outputs["kept"], borrowed[name], edited[name])
            for name, record, answer in zip(names, described, answers, strict=True)
        ]
        common = routed("common", repeats_tasks(config, self._run(hear_tasks(config, heard))))
        return self._run(caption_tasks(config, heard, common, [prompt.template for prompt in told.prompts]))

    def _found(self) -> dict[str, Any]:
        """Of two partitions a row each is a copy of one in a third."""
        rows = base64.b64encode(zlib.compress(b"\x80")).decode()
        names = {"one/k1-001": 1, "two/k2-000": 12}
        copies = {name: [4 if number == 1 else 6, rows] for name, number in names.items()}
        found: dict[str, dict[str, Any]] = {"copies": copies, "leaders": {"one/k1-000": 0}, "partitions": names}
        return {name: self._shuffled(of) for name, of in found.items()}

    def _decide(self, step: Step[Any], tasks: Sequence[Task[Any]]) -> list[Record]:
        return self._run(tasks, outputs=["kept", "met"], extra={"sizes": [1, 1, 1, 1], "routes": [1, 1, 1, 1]})

    def _decided(self, samples: Iterable[Record]) -> dict[str, Any]:
        names = [f"{record.source}/{record.key}" for record in samples]
        bits = base64.b64encode(b"\xff").decode()
        each: dict[str, dict[str, Any]] = {"kept": dict.fromkeys(names, bits), "duplicates": {"one": 1}}
        for kind in ("decided", "keys", "origins", "shown"):
            each[kind] = {name: f"{kind} of {name}" for name in names}
        return {kind: self._shuffled(of) for kind, of in each.items()}

    def _run(
        self,
        tasks: Iterable[Task[Any]],
        outputs: Iterable[str] = ("kept",),
        extra: Mapping[str, Any] | None = None,
        row_groups: tuple[int, ...] = (),
    ) -> list[Record]:
        """The records of ``tasks``, in their order."""
        tasks = list(tasks)
        for task in tasks:
            self.tasks.setdefault(task.step.name, []).append(task)
        return [self._record(task, list(outputs), extra or {}, row_groups) for task in tasks]

    def _record(
        self, task: Task[Any], roles: Sequence[str], extra: Mapping[str, Any], row_groups: tuple[int, ...]
    ) -> Record:
        step, made_from = task.step.name, task.basis.fingerprint if self._following else ""
        written = {
            role: Output(
                f"tables/{step}/{task.source}/{task.key}.{role}",
                ledger.digest([step, task.source, task.key, role, made_from]),
                1000,
                10,
                row_groups,
            )
            for role in roles
        }
        if step == "collect":
            shards = range(*task.basis.settings["range"])
            extra = {"shards": [(n, 4, 10, ledger.digest([task.key, n, made_from])) for n in shards]}
        return done(task, **extra)._replace(outputs=self._shuffled(written))

    def _shuffled(self, by_name: dict[Any, Any]) -> dict[Any, Any]:
        return dict(reversed(by_name.items())) if self._reverse else by_name
