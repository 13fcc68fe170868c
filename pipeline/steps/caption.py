"""Captions, as tasks and a step: all that was said of a partition's samples, brought together, checked and ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.steps.lend import RowGroups, laid_out
from pipeline.steps.repeats import HEARD, Heard, groups_of
from pipeline.storage.base import Storage
from pipeline.storage.tables import read_table, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Step, Task, Work, planned
from stages import deduplicate
from stages.base import Settings
from stages.caption import CAPTION, CHOSEN_FROM, RankSettings
from stages.caption.choose import SAYS, with_prompts
from stages.caption.scoring import ScorerUnusable, find
from stages.schema import BORROWED, CAPTION_REJECTS, CAPTIONED, EDITED

LENGTHS = (0, 10, 20, 40, 60, 80, 120, 160, 240, 320, 640)
"""Characters from which on lengths of first captions are counted together."""


class ChooseSettings(Settings):
    """What captions depend on beside what was said."""

    caption: RankSettings
    prompts: tuple[str, ...]
    """Templates that a model was asked with."""


@dataclass(frozen=True)
class CaptionPayload:
    """Where lies what was said of a partition's samples; "" for a table that is not there."""

    settings: ChooseSettings
    described: str
    borrowed: RowGroups
    answers: str
    edited: RowGroups
    common: RowGroups
    look: str


def scorer_version(config: Config) -> dict[str, int | str]:
    """The version of the scorer's code; nothing where there is none. Raises ConfigError if it cannot be used."""
    name = config.caption.scorer
    if name is None:
        return {}
    try:
        return {"scorer": find(name)[1]}
    except ScorerUnusable as error:
        raise ConfigError(f"caption.scorer: {error}; name a function as package.module:function") from None


def caption_tasks(
    config: Config, heard: Iterable[Heard], common: dict[str, list[tuple[str, int, str]]], prompts: Sequence[str]
) -> Iterator[Task[CaptionPayload]]:
    """One task for each samples partition. ``common``: partition -> what `pipeline.steps.repeats` has for it."""
    settings = ChooseSettings(caption=config.caption.part(RankSettings), prompts=tuple(prompts))
    versions = {CAPTION.name: CAPTION.version, **scorer_version(config)}
    for part in heard:
        record, over = part.described, common.get(part.name, [])
        inputs = part.inputs
        inputs += [("edited", digest) for _, _, digest in part.edited]
        inputs += [("common", digest) for _, _, digest in over]
        inputs += [] if part.look is None else [(part.look.path, part.look.sha256)]
        payload = CaptionPayload(
            settings,
            record.outputs["kept"].path,
            groups_of(part.borrowed),
            "" if part.answers is None else part.answers.path,
            groups_of(part.edited),
            groups_of(over),
            "" if part.look is None else part.look.path,
        )
        rows, size = record.rows_kept, record.outputs["kept"].bytes
        yield planned(CAPTION_STEP, record.source, record.key, payload, versions, inputs, rows, size)


def caption_step(work: Work[CaptionPayload]) -> Record:
    """The captions of a partition's samples (`stages.schema.CAPTIONED`, without what is rejected), and what is rejected
    (`stages.schema.CAPTION_REJECTS`)."""
    payload = work.task.payload
    said = _said(work.storage, payload)
    try:
        made = CAPTION.make(with_prompts(said, payload.settings.prompts), payload.settings.caption)
    except ScorerUnusable as error:
        raise ConfigError(f"caption.scorer: {error}") from None
    kept = made.select(["sample_id", "captions"])
    rejects = _rejects(made)
    schema = pa.schema([field for field in CAPTIONED if field.name != "rejected"])
    outputs = {
        "kept": write_table(work.storage, work.path(), [kept], schema),
        "rejects": write_table(work.storage, work.path("rejects.parquet"), [rejects], CAPTION_REJECTS),
    }
    return work.record(outputs, len(said), len(kept), extra=_counts(kept, rejects))


def _said(storage: Storage, payload: CaptionPayload) -> pa.Table:
    """`CHOSEN_FROM` of a partition."""
    known = read_table(storage, payload.described)
    rows = len(known)
    ids = known["sample_id"]
    columns = {name: known[name] for name in ("sample_id", "captions", "hues")}
    columns["borrowed"] = laid_out(storage, payload.borrowed, rows, "captions", BORROWED)
    columns["edits"] = laid_out(storage, payload.edited, rows, "captions", EDITED)
    columns["answers"] = _answers(storage, payload.answers, ids)
    columns["common"] = _common(storage, payload.common, ids)
    pictures = pa.nulls(rows, pa.binary())
    if payload.look:
        look = read_table(storage, payload.look, columns=["sample_id", "picture"])
        if look["sample_id"] != ids:
            raise ValueError(f"{payload.look} is not of the samples of {payload.described}")
        pictures = look["picture"]
    columns["picture"] = pictures
    return pa.table([columns[name] for name in CHOSEN_FROM.names], schema=CHOSEN_FROM)


def _answers(storage: Storage, path: str, ids: pa.ChunkedArray) -> pa.Array:
    """Of each sample what a model said."""
    if not path:
        return pa.nulls(len(ids), SAYS)
    answers: dict[str, list[dict[str, Any]]] = {each: [] for each in ids.to_pylist()}
    for row in read_table(storage, path).to_pylist():
        answers[row.pop("sample_id")].append(row)
    return pa.array(list(answers.values()), SAYS)


def _common(storage: Storage, groups: RowGroups, ids: pa.ChunkedArray) -> pa.Array:
    """Of each sample the captions that enough others have."""
    kind = CHOSEN_FROM.field("common").type
    if not groups:
        return pa.nulls(len(ids), kind)
    tables = [read_table(storage, path, row_group=group) for path, group in groups]
    table = pa.concat_tables([HEARD.empty_table(), *tables])
    place = {item: number for number, item in enumerate(deduplicate.item_ids(ids).tolist())}
    common: list[list[int]] = [[] for _ in range(len(ids))]
    for code, item in zip(table["hash"].to_pylist(), table["item"].to_pylist(), strict=True):
        common[place[item]].append(code)
    return pa.array(common, kind)


def _rejects(made: pa.Table) -> pa.Table:
    lists = made["rejected"].combine_chunks()
    owners = made["sample_id"].combine_chunks().take(pc.list_parent_indices(lists))
    flat = lists.flatten()
    columns = [owners, *(flat.field(i) for i in range(flat.type.num_fields))]
    return pa.table(columns, schema=CAPTION_REJECTS)


def _counts(kept: pa.Table, rejects: pa.Table) -> dict[str, dict[str, int]]:
    """First captions and all, by origin and style; lengths of first ones; rejections, by reason and origin."""
    first: Counter[str] = Counter()
    every: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for captions in kept["captions"].to_pylist():
        for place, each in enumerate(captions):
            name = f"{each['origin']} {each['style'] or ''}".strip()
            every[name] += 1
            if not place:
                first[name] += 1
                edge = int(np.searchsorted(LENGTHS, len(each["text"]), "right")) - 1
                lengths[LENGTHS[edge]] += 1
    lost = Counter(zip(rejects["reason"].to_pylist(), rejects["origin"].to_pylist(), strict=True))
    return {
        "first": dict(sorted(first.items())),
        "every": dict(sorted(every.items())),
        "lengths": {str(edge): lengths[edge] for edge in sorted(lengths)},
        "rejected": {f"{reason} {origin}": n for (reason, origin), n in sorted(lost.items())},
    }


CAPTION_STEP = Step(CAPTION.name, caption_step, CAPTION.says)
