"""Encoding: segment tokens and ids of the samples of a shard, by the version's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from pipeline.storage.base import Storage
from pipeline.storage.integrity import read_checked
from pipeline.storage.open import open_storage
from pipeline.storage.tables import Output
from pipeline.work.task import inputs_of
from stages import tokenize


@dataclass(frozen=True)
class Encoding:
    """Path and sha256 of the segments, and of the tokenizer."""

    segments: tuple[str, str]
    tokenizer: tuple[str, str]

    @classmethod
    def of(cls, vocabulary: Mapping[str, Output]) -> Encoding:
        """By the files of a vocabulary: segments, tokenizer."""
        segments, tokenizer = inputs_of([vocabulary["segments"], vocabulary["tokenizer"]])
        return cls(segments, tokenizer)

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """As a `Basis` takes them."""
        return [self.segments, self.tokenizer]

    def table(self, storage: Storage, rows: pa.Table) -> pa.Table:
        """`stages.schema.ENCODED` of ``rows`` (sample_id, tokens)."""
        segments, tokenizer = _vocabulary(storage.uri, self)
        return tokenize.encode_table(rows, tokenizer, segments)


@lru_cache(maxsize=2)
def _vocabulary(workspace: str, encoding: Encoding) -> tuple[tokenize.Segments, str]:
    """The segments and the tokenizer's text. They lie under their digest, so a worker reads them once."""
    storage = open_storage(workspace)
    text, tokenizer = (read_checked(storage, path, digest).decode() for path, digest in encoding.inputs)
    return tokenize.Segments.from_json(text), tokenizer
