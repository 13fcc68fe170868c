"""The row-wise pass over a partition: every stage that needs one record at a time, in one go.

    raw -> sanitize -> normalize -> tokenize (atomic) -> render + fidelity -> signatures

It runs in a sandboxed child process, since the XML parser and the renderer are native code that meets hostile input.
"""

from __future__ import annotations

import time

import pyarrow as pa

from stages import deduplicate, normalize, render, sanitize, tokenize
from stages.base import Settings, StageResult
from stages.schema import DROPPED, SAMPLES

TIMINGS = pa.schema([("stage", pa.string()), ("cpu_seconds", pa.float64())])


class RowwiseSettings(Settings):
    """The settings of the stages of the pass."""

    sanitize: sanitize.SanitizeSettings
    normalize: normalize.NormalizeSettings
    tokenize: tokenize.TokenizeSettings
    render: render.RenderSettings
    deduplicate: deduplicate.DeduplicateSettings


def mill(table: pa.Table, settings_json: str) -> list[pa.Table]:
    """Run the pass over ``table`` (`stages.schema.RAW`) with the settings `RowwiseSettings` as JSON.

    Returns the kept rows (`SAMPLES`), the dropped ones (`DROPPED`) and the CPU seconds of each stage (`TIMINGS`).
    """
    settings = _settings(settings_json)
    dropped: list[pa.Table] = []
    timings: list[tuple[str, float]] = []

    def run(name: str, result: StageResult, started: float) -> pa.Table:
        dropped.append(result.dropped)
        timings.append((name, time.process_time() - started))
        return result.kept

    begin = time.process_time()
    rows = run("sanitize", sanitize.sanitize(table, settings.sanitize), begin)
    begin = time.process_time()
    rows = run("normalize", normalize.normalize(rows, settings.normalize), begin)
    begin = time.process_time()
    rows = run("tokenize", tokenize.tokenize_atomic(rows, settings.tokenize), begin)
    begin = time.process_time()
    rows = run("render", render.render(rows, settings.render), begin)
    begin = time.process_time()
    rows = run("signatures", deduplicate.signatures(rows, settings.deduplicate), begin)
    names, seconds = zip(*timings, strict=True)
    return [
        rows.select(SAMPLES.names).cast(SAMPLES),
        pa.concat_tables([DROPPED.empty_table(), *dropped]),
        pa.table([pa.array(names), pa.array(seconds)], schema=TIMINGS),
    ]


_cached: dict[str, RowwiseSettings] = {}


def _settings(text: str) -> RowwiseSettings:
    if text not in _cached:
        _cached.clear()
        _cached[text] = RowwiseSettings.model_validate_json(text)
    return _cached[text]
