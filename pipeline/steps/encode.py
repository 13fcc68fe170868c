"""Encoding, as tasks and a step: segment tokens and ids of a samples partition's survivors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from pipeline.config import Config
from pipeline.steps.base import (
    decided_of,
    inputs_of,
    kept_bits,
    read_survivors,
    side_table,
    versions_of,
)
from pipeline.storage.integrity import read_checked
from pipeline.storage.open import open_storage
from pipeline.storage.tables import Output
from pipeline.work.ledger import Basis, Record
from pipeline.work.task import Task, Work
from stages import tokenize
from stages.schema import ENCODED


def encode_tasks(
    config: Config, samples: Sequence[Record], decided: Record, vocabulary: Mapping[str, Output]
) -> list[Task]:
    """One task for each samples partition. ``vocabulary``: segments, vocabulary, tokenizer."""
    versions = versions_of(config, "encode")
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        inputs = inputs_of((rows, vocabulary["segments"], vocabulary["tokenizer"]))
        basis = Basis(versions, {}, (*inputs, decided_of(decided, record)))
        payload = {
            "samples": rows.path,
            "kept": kept_bits(decided, record),
            **{name: [vocabulary[name].path, vocabulary[name].sha256] for name in ("segments", "tokenizer")},
        }
        tasks.append(Task("encode", record.source, record.key, basis, payload, record.rows_kept, rows.bytes))
    return tasks


def encode_step(work: Work) -> Record:
    """Segment tokens and ids of a partition's survivors."""
    payload = work.task.payload
    rows = read_survivors(work, ["path", "sample_id", "tokens"])
    segments, tokenizer = _vocabulary(work.storage.uri, *payload["segments"], *payload["tokenizer"])
    table = tokenize.encode_table(rows, tokenizer, segments)
    return side_table(work, table, ENCODED, rows.num_rows)


@lru_cache(maxsize=2)
def _vocabulary(
    workspace: str, segments: str, segments_sha256: str, tokenizer: str, tokenizer_sha256: str
) -> tuple[tokenize.Segments, str]:
    """The segments and the tokenizer's text. They lie under their digest, so a worker reads them once."""
    storage = open_storage(workspace)
    text = read_checked(storage, segments, segments_sha256).decode()
    return tokenize.Segments.from_json(text), read_checked(storage, tokenizer, tokenizer_sha256).decode()
