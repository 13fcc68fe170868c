"""Learning a vocabulary, as tasks and steps: counts of all survivors become segments and a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.grouping import filled
from pipeline.steps.base import Survivors, decided_of, versions_of
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, named, read_table, write_bytes, write_table
from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import CORPUS, Step, Task, Work, inputs_of, planned
from stages import tokenize
from stages.base import Settings
from stages.schema import CANDIDATES, RUNS, TEXTS
from stages.tokenize import CandidateSettings, CountedSettings, TokenizeSettings

LEARN_GROUP = 20_000
"""Samples that one task of learning reads at most, if its first partition has no more; the result does not depend on
it."""


def vocabulary_basis(config: Config, base: Mapping[str, Output]) -> dict[str, Any]:
    """What a frozen vocabulary must agree with to be used again: settings and code, not the corpus."""
    basis = {
        "settings": config.tokenize.model_dump(mode="json"),
        "versions": versions_of(config, "tokenize", "segments"),
    }
    return basis | ({"base": {name: output.sha256 for name, output in base.items()}} if base else {})


def _share(config: Config, decided: Record) -> float:
    """Of the samples, how many are learned from."""
    wanted = config.tokenize.segments.sample
    return 1.0 if wanted is None else min(1.0, wanted / max(decided.rows_kept, 1))


@dataclass(frozen=True)
class _Group:
    """Consecutive samples partitions of one source that are counted together."""

    first: Record
    survivors: tuple[Survivors, ...]
    captions: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...]
    """What was decided of them."""
    rows: int
    size: int


def _groups(samples: Sequence[Record], decided: Record, captions: Sequence[Record] = ()) -> Iterator[_Group]:
    """``captions``: none, or one for each of ``samples``."""
    sizes = [(record.rows_kept, record.source) for record in samples]
    for group in filled(range(len(samples)), lambda i: sizes[i][0], LEARN_GROUP, lambda i: sizes[i][1]):
        records = list(samples[group[0] : group[-1] + 1])
        tables = [captions[i].outputs["kept"] if captions else None for i in group]
        yield _Group(
            records[0],
            tuple(Survivors.of(record, decided) for record in records),
            tuple(table.path for table in tables if table is not None),
            (
                *inputs_of(
                    output
                    for record, table in zip(records, tables, strict=True)
                    for output in (record.outputs["kept"], table)
                    if output is not None
                ),
                *(decided_of(decided, record) for record in records),
            ),
            sum(record.rows_kept for record in records),
            sum(record.outputs["kept"].bytes for record in records),
        )


class CountSettings(Settings):
    """What counts depend on."""

    tokenize: CountedSettings
    share: float
    """Of the samples, how many are learned from."""


@dataclass(frozen=True)
class CountPayload:
    """``captions``: a table for each partition of ``survivors``."""

    settings: CountSettings
    survivors: tuple[Survivors, ...]
    captions: tuple[str, ...]


def count_tasks(
    config: Config, samples: Sequence[Record], decided: Record, captions: Sequence[Record]
) -> Iterator[Task[CountPayload]]:
    """The tasks of ``count``: candidates for segments, and texts, of each group of partitions."""
    settings = CountSettings(tokenize=config.tokenize.part(CountedSettings), share=_share(config, decided))
    versions = versions_of(config, "tokenize", "segments")
    for group in _groups(samples, decided, captions):
        source, key = group.first.source, group.first.key
        payload = CountPayload(settings, group.survivors, group.captions)
        yield planned(COUNT, source, key, payload, versions, group.inputs, group.rows, group.size)


@dataclass(frozen=True)
class FrequentPayload:
    """``candidates``: tables of all groups, of so many ``samples``."""

    settings: CandidateSettings
    candidates: tuple[str, ...]
    samples: int


def frequent_tasks(config: Config, counted: Sequence[Record]) -> list[Task[FrequentPayload]]:
    """One task: which candidates may be frequent in the whole corpus."""
    outputs = [record.outputs["candidates"] for record in counted]
    rows = sum(record.rows_kept for record in counted)
    settings = config.tokenize.segments.part(CandidateSettings)
    payload = FrequentPayload(settings, tuple(output.path for output in outputs), rows)
    versions, size = versions_of(config, "segments"), sum(output.bytes for output in outputs)
    return [planned(FREQUENT, CORPUS, "candidates", payload, versions, inputs_of(outputs), rows, size)]


class RunsSettings(Settings):
    """What runs depend on."""

    segments: CandidateSettings
    share: float


@dataclass(frozen=True)
class RunsPayload:
    """``mask``: the file that says which candidates may be frequent."""

    settings: RunsSettings
    survivors: tuple[Survivors, ...]
    mask: str


def runs_tasks(
    config: Config, samples: Sequence[Record], decided: Record, frequent: Record
) -> Iterator[Task[RunsPayload]]:
    """The tasks of ``runs``: what is left of each group of partitions without what is rare."""
    segments = config.tokenize.segments.part(CandidateSettings)
    settings = RunsSettings(segments=segments, share=_share(config, decided))
    versions = versions_of(config, "segments")
    mask = frequent.outputs["mask"]
    for group in _groups(samples, decided):
        source, key = group.first.source, group.first.key
        payload = RunsPayload(settings, group.survivors, mask.path)
        inputs = (*inputs_of([mask]), *group.inputs)
        yield planned(RUNS_STEP, source, key, payload, versions, inputs, group.rows, group.size)


@dataclass(frozen=True)
class SegmentsPayload:
    """``base``: (name, path) of the base tokenizer's files, if there is one. ``samples``: how many there are."""

    settings: TokenizeSettings
    texts: tuple[str, ...]
    runs: tuple[str, ...]
    base: tuple[tuple[str, str], ...]
    samples: int


def segments_tasks(
    config: Config, counted: Sequence[Record], runs: Sequence[Record], base: Mapping[str, Output]
) -> list[Task[SegmentsPayload]]:
    """One task: learn the segments and make the tokenizer. ``base``: the base tokenizer's files, if there is one."""
    texts = [record.outputs["texts"] for record in counted]
    kept = [record.outputs["kept"] for record in runs]
    rows = sum(record.rows_kept for record in counted)
    payload = SegmentsPayload(
        config.tokenize,
        tuple(output.path for output in texts),
        tuple(output.path for output in kept),
        tuple((name, output.path) for name, output in base.items()),
        rows,
    )
    versions, inputs = versions_of(config, "tokenize", "segments"), inputs_of([*texts, *kept, *base.values()])
    size = sum(output.bytes for output in [*texts, *kept])
    return [planned(SEGMENTS, CORPUS, "vocabulary", payload, versions, inputs, rows, size)]


def count_step(work: Work[CountPayload]) -> Record:
    """Candidates for segments, and texts for the tokenizer, of some partitions' survivors."""
    payload = work.task.payload
    settings = payload.settings.tokenize
    vocabulary = tokenize.Vocabulary.build(settings)
    strings: list[str] = []
    captions: list[str] = []
    for survivors, path in zip(payload.survivors, payload.captions, strict=True):
        rows = _learned_from(work.storage, survivors, payload.settings.share)
        side = read_table(work.storage, path)
        wanted = pc.is_in(side["sample_id"], value_set=rows["sample_id"].combine_chunks())
        strings += rows["tokens"].to_pylist()
        captions += pc.struct_field(pc.list_flatten(side.filter(wanted)["captions"]), "text").to_pylist()
    candidates = tokenize.count_candidates(strings, settings.segments)
    if settings.ids.base_tokenizer is None:
        texts = tokenize.count_texts(chain(strings, captions), vocabulary, settings.ids)
    else:
        texts = TEXTS.empty_table()
    outputs = {
        "candidates": write_table(work.storage, work.path(), [candidates], CANDIDATES),
        "texts": write_table(work.storage, work.path("texts.parquet"), [texts], TEXTS),
    }
    return work.record(outputs, len(strings), len(strings))


def _learned_from(storage: Storage, survivors: Survivors, share: float) -> pa.Table:
    """The survivors of a samples partition that are in the share to learn from."""
    rows = survivors.read(storage, ["sample_id", "tokens"])
    if share >= 1:
        return rows
    chosen = [tokenize.in_sample(sample_id, share) for sample_id in rows["sample_id"].to_pylist()]
    return rows.filter(pa.array(chosen, pa.bool_()))


def frequent_step(work: Work[FrequentPayload]) -> Record:
    """Which candidates may be frequent in the whole corpus, a bit for each slot."""
    payload = work.task.payload
    tables = (read_table(work.storage, path) for path in payload.candidates)
    mask = tokenize.may_be_frequent(tables, payload.settings)
    # few bits of many are set
    data = pa.compress(np.packbits(mask).tobytes(), "zstd", asbytes=True)
    output = write_bytes(work.storage, partial(named, work.path("bin")), data)
    return work.record({"mask": output}, payload.samples, payload.samples)


def runs_step(work: Work[RunsPayload]) -> Record:
    """The distinct runs of commands in some partitions' survivors that hold nothing rare."""
    payload = work.task.payload
    bits = pa.decompress(work.storage.read(payload.mask), tokenize.SLOTS // 8, "zstd", asbytes=True)
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).view(bool)
    strings = [
        text
        for survivors in payload.survivors
        for text in _learned_from(work.storage, survivors, payload.settings.share)["tokens"].to_pylist()
    ]
    runs = tokenize.frequent_runs(strings, mask, payload.settings.segments)
    return work.record({"kept": write_table(work.storage, work.path(), [runs], RUNS)}, len(strings), len(strings))


def segments_step(work: Work[SegmentsPayload]) -> Record:
    """Learn the segment table and make the tokenizer, from counts of all survivors."""
    payload = work.task.payload
    settings = payload.settings
    vocabulary = tokenize.Vocabulary.build(settings)
    segments = tokenize.learn_runs((read_table(work.storage, path) for path in payload.runs), settings.segments)
    base = {name: work.storage.read(path).decode() for name, path in payload.base}
    if base:
        try:
            tokenizer = tokenize.extend_tokenizer(base["tokenizer.json"], vocabulary, segments)
        except tokenize.BaseTokenizerError as error:
            raise ConfigError(f"base_tokenizer {settings.ids.base_tokenizer}: {error}; use another") from None
    else:
        texts = (read_table(work.storage, path) for path in payload.texts)
        tokenizer = tokenize.build_tokenizer(vocabulary, segments, texts, settings.ids)
    files = {name: text for name, text in base.items() if name not in ("tokenizer.json", "tokenizer_config.json")}
    files |= {
        "segments.json": segments.to_json(),
        "vocabulary.json": vocabulary.to_json(),
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": tokenize.tokenizer_config(settings.ids, base.get("tokenizer_config.json")),
        "tokens.json": tokenize.token_table(vocabulary, segments, tokenizer, settings.ids.base_tokenizer),
    }
    # versions refer to these files, so they lie under their digest and never change
    home = f"vocabularies/{ledger.digest(files)[:20]}"
    outputs = {
        name.partition(".")[0]: write_bytes(work.storage, f"{home}/{name}", text.encode())
        for name, text in sorted(files.items())
    }
    return work.record(outputs, payload.samples, payload.samples)


COUNT = Step("count", count_step, "counts candidates for segment tokens, and texts", to="segments")
FREQUENT = Step("frequent", frequent_step, "finds which candidates may be frequent", to="segments", whole=True)
RUNS_STEP = Step("runs", runs_step, "collects the runs of frequent commands", to="segments")
SEGMENTS = Step("segments", segments_step, "learns the segment tokens", whole=True)
