"""Looks, as tasks and a step: the pictures of survivors that a model is shown, drawn once and stored beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.steps.base import Survivors, decided_of
from pipeline.storage.tables import write_table
from pipeline.work import sandbox
from pipeline.work.ledger import Record
from pipeline.work.sandbox import SandboxSettings
from pipeline.work.task import SANDBOXED, Step, Task, Work, inputs_of, planned
from stages.base import Settings
from stages.render import RendererUnavailable
from stages.render import looks as drawing
from stages.render.looks import LOOKED, DrawnLook, LookSettings
from stages.render.renderers import version
from stages.render.settings import RendererSettings

GROUP = 100
"""Pictures of a row group: what is asked about is dealt out by these."""


class LookStepSettings(Settings):
    """What looks depend on beside the drawings."""

    look: DrawnLook
    sandbox: SandboxSettings


@dataclass(frozen=True)
class LookPayload:
    """The drawings, and how they are drawn."""

    settings: LookStepSettings
    survivors: Survivors


def look_tasks(config: Config, samples: Sequence[Record], decided: Record) -> Iterator[Task[LookPayload]]:
    """One task for each samples partition. What model is asked, and what it is told, makes no difference."""
    picture = LookSettings() if config.ask is None else config.ask.picture
    look = DrawnLook(picture=picture, renderer=config.render.part(RendererSettings))
    settings = LookStepSettings(look=look, sandbox=config.sandbox)
    try:
        versions = {"look": f"{drawing.VERSION}; {version(config.render.renderer)}"}
    except RendererUnavailable as error:
        raise ConfigError(str(error)) from None
    for record in samples:
        rows = record.outputs["kept"]
        inputs = [*inputs_of([rows]), decided_of(decided, record)]
        payload = LookPayload(settings, Survivors.of(record, decided))
        yield planned(LOOK, record.source, record.key, payload, versions, inputs, record.rows_kept, rows.bytes)


def look_step(work: Work[LookPayload]) -> Record:
    """Draw a partition's survivors: `stages.render.looks.LOOKED`, a row for each, in their order."""
    payload = work.task.payload
    rows = payload.survivors.read(work.storage, ["sample_id", "svg"])
    output = write_table(work.storage, work.path(), _drawn(rows, payload.settings), LOOKED)
    return work.record({"kept": output}, len(rows), output.rows)


def _drawn(rows: pa.Table, settings: LookStepSettings) -> Iterator[pa.Table]:
    box = sandbox.shared("stages.render.looks:looks", settings.sandbox)
    look = settings.look.model_dump_json()
    for begin in range(0, len(rows), GROUP):
        part = rows.slice(begin, GROUP).combine_chunks()
        tables = box.run(part, look).tables[:1]
        drawn = {row["sample_id"]: row for table in tables for row in table.to_pylist()}
        nothing = {"digest": None, "picture": None}
        shown = [drawn.get(each, {"sample_id": each, **nothing}) for each in part["sample_id"].to_pylist()]
        yield pa.Table.from_pylist(shown, schema=LOOKED)


LOOK = Step("look", look_step, "draws the pictures that a model is shown", needs=SANDBOXED)
