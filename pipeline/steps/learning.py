"""Learning a vocabulary, as tasks and steps: counts of all survivors become segments and a tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.steps.base import (
    decided_of,
    dump,
    inputs_of,
    kept_bits,
    survivors,
    versions_of,
)
from pipeline.storage.tables import Output, named, read_table, write_bytes, write_table
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import CORPUS, Task, Work
from stages import tokenize
from stages.schema import CANDIDATES, RUNS, TEXTS

LEARN_GROUP = 20_000
"""Samples that one task of learning reads at most, if its first partition has no more; the result does not depend on
it."""


def vocabulary_basis(config: Config, base: Mapping[str, Output]) -> dict[str, Any]:
    """What a frozen vocabulary must agree with to be used again: settings and code, not the corpus."""
    found = {"settings": dump(config.tokenize), "versions": versions_of(config, "tokenize", "segments")}
    return found | ({"base": {name: output.sha256 for name, output in base.items()}} if base else {})


def _learning(config: Config, decided: Record) -> dict[str, Any]:
    """What counting depends on beside the samples."""
    own = dump(config.tokenize)
    own["segments"].pop("count")
    wanted = config.tokenize.segments.sample
    share = 1.0 if wanted is None else min(1.0, wanted / max(decided.rows_kept, 1))
    return {"tokenize": own, "share": share}


def _groups(samples: Sequence[Record]) -> list[list[int]]:
    """Indices of consecutive partitions of one source that are counted together."""
    groups: list[list[int]] = []
    filled = 0
    for i, record in enumerate(samples):
        fits = bool(groups) and samples[groups[-1][0]].source == record.source
        if not fits or filled + record.rows_kept > LEARN_GROUP:
            groups.append([])
            filled = 0
        groups[-1].append(i)
        filled += record.rows_kept
    return groups


def count_tasks(config: Config, samples: Sequence[Record], decided: Record, captions: Sequence[Record]) -> list[Task]:
    """The tasks of ``count``: candidates for segments, and texts, of each group of partitions."""
    own = _learning(config, decided)
    versions = versions_of(config, "tokenize", "segments")
    tasks = []
    for group in _groups(samples):
        parts = [(samples[i].outputs["kept"], captions[i].outputs["kept"]) for i in group]
        inputs = inputs_of(output for part in parts for output in part)
        basis = Basis(versions, own, (*inputs, *(decided_of(decided, samples[i]) for i in group)))
        payload = {
            "settings": config.tokenize.model_dump_json(),
            "share": own["share"],
            "partitions": [
                (rows.path, kept_bits(decided, samples[i]), captioned.path)
                for i, (rows, captioned) in zip(group, parts, strict=True)
            ],
        }
        first = samples[group[0]]
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        rows = sum(samples[i].rows_kept for i in group)
        tasks.append(Task("count", first.source, first.key, basis, payload, rows, size))
    return tasks


def frequent_tasks(config: Config, counted: Sequence[Record]) -> list[Task]:
    """One task: which candidates may be frequent in the whole corpus."""
    outputs = [record.outputs["candidates"] for record in counted]
    own = {key: value for key, value in dump(config.tokenize.segments).items() if key != "count"}
    basis = Basis(versions_of(config, "segments"), own, tuple(inputs_of(outputs)))
    payload = {
        "settings": config.tokenize.segments.model_dump_json(),
        "candidates": [output.path for output in outputs],
        "samples": sum(record.rows_kept for record in counted),
    }
    rows = sum(record.rows_kept for record in counted)
    return [Task("frequent", CORPUS, "candidates", basis, payload, rows, sum(output.bytes for output in outputs))]


def runs_tasks(config: Config, samples: Sequence[Record], decided: Record, frequent: Record) -> list[Task]:
    """The tasks of ``runs``: what is left of each group of partitions without what is rare."""
    own = _learning(config, decided)
    mask = frequent.outputs["mask"]
    tasks = []
    for group in _groups(samples):
        inputs = inputs_of([*(samples[i].outputs["kept"] for i in group), mask])
        basis = Basis(
            versions_of(config, "segments"), own, (*inputs, *(decided_of(decided, samples[i]) for i in group))
        )
        payload = {
            "settings": config.tokenize.segments.model_dump_json(),
            "share": own["share"],
            "mask": mask.path,
            "partitions": [(samples[i].outputs["kept"].path, kept_bits(decided, samples[i])) for i in group],
        }
        first = samples[group[0]]
        size = sum(samples[i].outputs["kept"].bytes for i in group)
        rows = sum(samples[i].rows_kept for i in group)
        tasks.append(Task("runs", first.source, first.key, basis, payload, rows, size))
    return tasks


def segments_tasks(
    config: Config, counted: Sequence[Record], runs: Sequence[Record], base: Mapping[str, Output]
) -> list[Task]:
    """One task: learn the segments and make the tokenizer. ``base``: the base tokenizer's files, if there is one."""
    texts = [record.outputs["texts"] for record in counted]
    kept = [record.outputs["kept"] for record in runs]
    basis = Basis(
        versions_of(config, "tokenize", "segments"),
        dump(config.tokenize),
        tuple(inputs_of([*texts, *kept, *base.values()])),
    )
    payload = {
        "settings": config.tokenize.model_dump_json(),
        "texts": [output.path for output in texts],
        "runs": [output.path for output in kept],
        "base": {name: output.path for name, output in base.items()},
        "samples": sum(record.rows_kept for record in counted),
    }
    size = sum(output.bytes for output in [*texts, *kept])
    rows = sum(record.rows_kept for record in counted)
    return [Task("segments", CORPUS, "vocabulary", basis, payload, rows, size)]


def count_step(work: Work) -> Record:
    """Candidates for segments, and texts for the tokenizer, of some partitions' survivors."""
    payload = work.task.payload
    settings = tokenize.TokenizeSettings.model_validate_json(payload["settings"])
    vocabulary = tokenize.Vocabulary.build(settings)
    strings: list[str] = []
    captions: list[str] = []
    for samples, kept, captioned in payload["partitions"]:
        rows = _to_learn_from(work, samples, kept)
        side = read_table(work.storage, captioned)
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


def _to_learn_from(work: Work, samples: str, kept: str) -> pa.Table:
    """The survivors of a samples partition that are in the share to learn from."""
    rows = survivors(read_table(work.storage, samples, columns=["sample_id", "tokens"]), kept)
    share = work.task.payload["share"]
    if share >= 1:
        return rows
    return rows.filter(
        pa.array([tokenize.in_sample(each, share) for each in rows["sample_id"].to_pylist()], pa.bool_())
    )


def frequent_step(work: Work) -> Record:
    """Which candidates may be frequent in the whole corpus, a bit for each slot."""
    payload = work.task.payload
    settings = tokenize.SegmentSettings.model_validate_json(payload["settings"])
    tables = (read_table(work.storage, path) for path in payload["candidates"])
    mask = tokenize.may_be_frequent(tables, settings)
    # few bits of many are set
    data = pa.compress(np.packbits(mask).tobytes(), "zstd", asbytes=True)
    output = write_bytes(work.storage, named(work.path("bin"), hashlib.sha256(data).hexdigest()), data)
    return work.record({"mask": output}, payload["samples"], payload["samples"])


def runs_step(work: Work) -> Record:
    """The distinct runs of commands in some partitions' survivors that hold nothing rare."""
    payload = work.task.payload
    settings = tokenize.SegmentSettings.model_validate_json(payload["settings"])
    bits = pa.decompress(work.storage.read(payload["mask"]), tokenize.SLOTS // 8, "zstd", asbytes=True)
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).astype(bool)
    strings = [
        text
        for samples, kept in payload["partitions"]
        for text in _to_learn_from(work, samples, kept)["tokens"].to_pylist()
    ]
    runs = tokenize.frequent_runs(strings, mask, settings)
    return work.record({"kept": write_table(work.storage, work.path(), [runs], RUNS)}, len(strings), len(strings))


def segments_step(work: Work) -> Record:
    """Learn the segment table and make the tokenizer, from counts of all survivors."""
    payload = work.task.payload
    settings = tokenize.TokenizeSettings.model_validate_json(payload["settings"])
    vocabulary = tokenize.Vocabulary.build(settings)
    segments = tokenize.learn_runs((read_table(work.storage, path) for path in payload["runs"]), settings.segments)
    base = {name: work.storage.read(path).decode() for name, path in payload["base"].items()}
    if base:
        try:
            tokenizer = tokenize.extend_tokenizer(base["tokenizer.json"], vocabulary, segments)
        except tokenize.BaseTokenizerError as error:
            raise ConfigError(f"base_tokenizer {settings.ids.base_tokenizer}: {error}; use another") from None
    else:
        texts = (read_table(work.storage, path) for path in payload["texts"])
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
    return work.record(outputs, payload["samples"], payload["samples"])
