"""Ids packed to the context, for loops that read arrays: text to SVG, the one task without a picture.

Parquet has a row for each context: ``input_ids``, ``labels`` (-100 on prompts), ``position_ids`` (from 0 in each
document) and ``documents``: where each begins, and where the last ends (the cumulative lengths that FlashAttention
takes). A ``.npy`` file is one structured array that `numpy.load` maps into memory: the first three of these and
``document``, each of the context's length, int32; what is left of a context has the pad token, label -100, position 0
and document 0, and documents count from 1.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.exports.base import Chunk, Export, File, Last, Version
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.records import Course, CurriculumSettings, Part, course, of_texts, parts, records, splits_of
from pipeline.exports.stage_table import table_file
from stages import tokenize
from stages.curriculum import IGNORED, TEXT_TO_SVG, Ids, packed, sequence

PACKED = pa.schema([(name, pa.list_(pa.int32())) for name in ("input_ids", "labels", "position_ids", "documents")])


class PackedSettings(CurriculumSettings):
    """Settings of the export ``packed``."""

    form: Literal["parquet", "npy"] = Field("parquet", description="of the files")


def packed_files(version: Version, settings: PackedSettings) -> Iterator[File | Last]:
    """``<stage>/<split>-<part>.parquet`` or ``.npy`` and the stage table.

    Raises ConfigError as `course`, and for a curriculum that has no text to SVG or keeps what is too long.
    """
    if settings.curriculum.too_long != "leave_out":
        raise ConfigError("export packed cuts nothing: set curriculum.too_long=leave_out")
    plan = course(version, of_texts(settings.curriculum, "packed"))
    for stage in plan.curriculum.stages:
        for split in splits_of(plan.curriculum):
            for part in parts(version, settings, stage, split):
                make = partial(_parquet if settings.form == "parquet" else _npy, plan, part)
                yield File(f"{stage.name}/{split}-{part.name}.{settings.form}", make)
    yield table_file(plan.curriculum)


def _contexts(plan: Course, part: Part, version: Version) -> tuple[list[list[Ids]], Mapping[str, int]]:
    made, counts = records(version, plan, part, (TEXT_TO_SVG,))
    ids = tokenize.encoder(version.tokenizer)
    every = [sequence(record, plan.frame, ids) for record in made]
    groups = packed([len(each.ids) for each in every], plan.stage(part.stage).context)
    contexts = [[every[item] for item in group] for group in groups]
    return contexts, {**counts, f"{part.stage}/{part.split}/contexts": len(contexts)}


def _columns(context: Sequence[Ids]) -> dict[str, list[int]]:
    lengths = [len(each.ids) for each in context]
    return {
        "input_ids": list(chain.from_iterable(each.ids for each in context)),
        "labels": list(chain.from_iterable(each.labels for each in context)),
        "position_ids": list(chain.from_iterable(range(length) for length in lengths)),
        "documents": list(accumulate(lengths, initial=0)),
    }


def _parquet(plan: Course, part: Part, version: Version) -> Iterator[Chunk]:
    contexts, counts = _contexts(plan, part, version)
    for data in parquet_rows(contexts, _columns, PACKED):
        yield Chunk(data)
    yield Chunk(b"", sum(map(len, contexts)), counts)


def _npy(plan: Course, part: Part, version: Version) -> Iterator[Chunk]:
    contexts, counts = _contexts(plan, part, version)
    size = plan.stage(part.stage).context
    names = ("input_ids", "labels", "position_ids", "document")
    array = np.zeros(len(contexts), np.dtype([(name, "<i4", (size,)) for name in names]))
    array["input_ids"] = _pad(version)
    array["labels"] = IGNORED
    for row, context in zip(array, contexts, strict=True):
        columns = _columns(context)
        length = len(columns["input_ids"])
        for name in names[:3]:
            row[name][:length] = columns[name]
        for number, (begin, end) in enumerate(zip(columns["documents"], columns["documents"][1:], strict=False), 1):
            row["document"][begin:end] = number
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    yield Chunk(stream.getvalue(), sum(map(len, contexts)), counts)


def _pad(version: Version) -> int:
    """The id of the tokenizer's pad token."""
    name = version.special_token("pad")
    number = None if name is None else tokenize.load_tokenizer(version.tokenizer).token_to_id(name)
    if number is None:
        raise ConfigError(
            f"the tokenizer of version {version.manifest.version} has no pad token; export with form=parquet, whose "
            "rows are not padded"
        )
    return int(number)


PACKED_EXPORT = Export(
    "packed", 1, PackedSettings, packed_files, says="ids packed to the context, as Parquet or numpy arrays"
)
