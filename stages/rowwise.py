"""The row-wise pass over a partition: every stage that needs one record at a time, in one go.

    raw -> sanitize -> normalize -> tokenize (atomic) -> render + fidelity -> signatures -> stages of other packages

It runs in a sandboxed child process, since the XML parser and the renderer are native code that meets hostile input.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pydantic import create_model

from stages.base import RowStage, Settings
from stages.deduplicate import SIGNATURES
from stages.entry_points import PackageUnusable
from stages.installed import row_stages
from stages.normalize import NORMALIZE
from stages.render import RENDER
from stages.sanitize import SANITIZE
from stages.schema import DROPPED, RAW, SAMPLES_ORDER
from stages.tokenize import TOKENIZE

OWN = (SANITIZE, NORMALIZE, TOKENIZE, RENDER, SIGNATURES)

PASS: tuple[RowStage[Any], ...] = row_stages(OWN)
"""The stages of the pass, in the order they run."""

TIMINGS = pa.schema([("stage", pa.string()), ("cpu_seconds", pa.float64())])


def samples_schema(stages: Sequence[RowStage[Any]], own: int = len(OWN)) -> pa.Schema:
    """What `RAW` has become after ``stages``: the columns of `SAMPLES_ORDER`, then others by name.

    The first ``own`` of them are this package's; what they leave the others may read and add to, but not change, but
    for ``notes``. Raises PackageUnusable.
    """
    fields = {field.name: field for field in RAW}
    for number, stage in enumerate(stages):
        missing = [name for name in (*stage.reads, *stage.removes) if name not in fields]
        if missing:
            raise PackageUnusable(f"stage {stage.name} reads the column {missing[0]}; there are {', '.join(fields)}")
        replaced = {*stage.removes, *stage.adds.names} & fields.keys() - {"notes"}
        if number >= own and replaced:
            raise PackageUnusable(
                f"stage {stage.name} changes the column {min(replaced)}, which is not its own; let it add another one"
            )
        for name in stage.removes:
            del fields[name]
        fields |= {field.name: field for field in stage.adds}
    missing = [name for name in SAMPLES_ORDER if name not in fields]
    if missing:
        raise PackageUnusable(f"the stages {', '.join(s.name for s in stages)} leave no column {missing[0]} of samples")
    return pa.schema([fields[name] for name in (*SAMPLES_ORDER, *sorted(fields.keys() - set(SAMPLES_ORDER)))])


SAMPLES = samples_schema(PASS)

RowwiseSettings: type[Settings] = create_model(
    "RowwiseSettings",
    __base__=Settings,
    __doc__="The settings of the stages of the pass, each under its section, and nothing else.",
    **{stage.section: (stage.settings, ...) for stage in PASS},  # type: ignore[call-overload]
)


def settings_of(sections: object) -> Settings:
    """`RowwiseSettings` of a config, or of anything else with an attribute for the section of each stage."""
    return RowwiseSettings(**{stage.section: getattr(sections, stage.section).part(stage.settings) for stage in PASS})


def mill(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """Run the pass over ``table`` (`stages.schema.RAW`) with the settings `RowwiseSettings` as JSON.

    Returns the kept rows (`SAMPLES`), the dropped ones (`DROPPED`) and the CPU seconds of each stage (`TIMINGS`).
    """
    settings = _settings(settings_json)
    dropped = [DROPPED.empty_table()]
    seconds: list[float] = []
    for stage in PASS:
        begin = time.process_time()
        result = stage.run(table, getattr(settings, stage.section))
        seconds.append(time.process_time() - begin)
        table = result.kept
        dropped.append(result.dropped)
    return [
        table.select(SAMPLES.names).cast(SAMPLES),
        pa.concat_tables(dropped),
        pa.table([[stage.name for stage in PASS], seconds], schema=TIMINGS),
    ]


_cached: dict[str, Settings] = {}


def _settings(text: str) -> Settings:
    if text not in _cached:
        _cached.clear()
        _cached[text] = RowwiseSettings.model_validate_json(text)
    return _cached[text]
