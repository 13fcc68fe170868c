"""Encoding, as tasks and a step: segment tokens and ids of a samples partition's survivors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.config import Config
from pipeline.steps.base import NoSettings, Survivors, decided_of, side_table, versions_of
from pipeline.storage.integrity import read_checked
from pipeline.storage.open import open_storage
from pipeline.storage.tables import Output
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, inputs_of, planned
from stages import tokenize
from stages.schema import ENCODED


@dataclass(frozen=True)
class EncodePayload:
    """Survivors, and the vocabulary: paths and digests of its files."""

    settings: NoSettings
    survivors: Survivors
    segments: tuple[str, str]
    tokenizer: tuple[str, str]


def encode_tasks(
    config: Config, samples: Sequence[Record], decided: Record, vocabulary: Mapping[str, Output]
) -> list[Task[EncodePayload]]:
    """One task for each samples partition. ``vocabulary``: segments, vocabulary, tokenizer."""
    segments, tokenizer = vocabulary["segments"], vocabulary["tokenizer"]
    versions = versions_of(config, "encode")
    files = (segments.path, segments.sha256), (tokenizer.path, tokenizer.sha256)
    tasks = []
    for record in samples:
        rows = record.outputs["kept"]
        inputs = (*inputs_of((rows, segments, tokenizer)), decided_of(decided, record))
        payload = EncodePayload(NoSettings(), Survivors.of(record, decided), *files)
        tasks.append(
            planned(ENCODE, record.source, record.key, payload, versions, inputs, record.rows_kept, rows.bytes)
        )
    return tasks


def encode_step(work: Work[EncodePayload]) -> Record:
    """Segment tokens and ids of a partition's survivors."""
    payload = work.task.payload
    rows = payload.survivors.read(work.storage, ["path", "sample_id", "tokens"])
    segments, tokenizer = _vocabulary(work.storage.uri, *payload.segments, *payload.tokenizer)
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


ENCODE = Step("encode", encode_step, "replaces runs of atomic tokens by segment tokens and looks up ids")
