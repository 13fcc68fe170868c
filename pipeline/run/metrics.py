"""What a run on Ray tells those who collect metrics: figures of the whole run, by the process that leads it.

Ray offers them to Prometheus with its own, on the metrics port of the node that this process runs on, and puts ``ray_``
before each name. A counter begins at 0 with each run, and its series stays until the node ends. A gauge is gone 20
seconds after it was set last (twice ``RAY_metrics_report_interval_ms``), so all are set at each look. Figures of
workers come with what their tasks return, so nothing is lost with a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.run.engine import Load
from pipeline.steps.ask import ASK
from pipeline.storage.base import Traffic
from pipeline.work.ledger import Record
from pipeline.work.status import RunStatus
from pipeline.work.task import Done, Failed

PREFIX = "ray_"
"""What Ray puts before each name."""

RUN = "run"
"""The label that every metric has: the dataset's name."""


@dataclass(frozen=True)
class Metric:
    """One metric. All values of its ``labels`` are few, and of ASCII, as Ray takes no others."""

    name: str
    """Without `PREFIX`. Units are in the name; that of a counter ends in ``_total``."""
    kind: Literal["Counter", "Gauge", "Histogram"]
    says: str
    labels: tuple[str, ...] = ()
    """Beside `RUN`."""


RECORDS = Metric(
    "svgmill_records_total",
    "Counter",
    "Records of finished partitions: outcome is kept, or the reason why stage dropped them",
    ("step", "stage", "outcome"),
)
WORK_SECONDS = Metric("svgmill_work_seconds_total", "Counter", "Seconds that tasks which ended well took", ("step",))
CPU_SECONDS = Metric("svgmill_stage_cpu_seconds_total", "Counter", "CPU seconds of the row-wise stages", ("stage",))
TASK_SECONDS = Metric("svgmill_task_seconds", "Histogram", "Tasks that ended well, by their seconds", ("step",))
WRITTEN = Metric("svgmill_written_bytes_total", "Counter", "Bytes of what finished partitions consist of", ("step",))
FAILED = Metric("svgmill_tasks_failed_total", "Counter", "Tasks that were given up, by cause", ("step", "cause"))
RESTARTS = Metric("svgmill_restarts_total", "Counter", "Tasks that were started again, by cause", ("step", "cause"))
REQUESTS = Metric(
    "svgmill_store_requests_total",
    "Counter",
    "Requests to the workspace's object store by tasks that ended well; step is driver for those of the run's driver",
    ("step", "kind"),
)
MOVED = Metric(
    "svgmill_store_bytes_total",
    "Counter",
    "Bytes of objects that came from (in) and went to (out) the workspace's object store, with these requests",
    ("step", "direction"),
)
CAPTIONS = Metric("svgmill_captions_total", "Counter", "Captions that a model was asked for", ("outcome",))
CAPTION_REQUESTS = Metric("svgmill_caption_requests_total", "Counter", "Requests to the model for captions")
CAPTION_TOKENS = Metric("svgmill_caption_tokens_total", "Counter", "Tokens of these requests", ("direction",))

TASKS = Metric("svgmill_tasks", "Gauge", "Tasks by state: running, starting (wait for a worker), waiting", ("state",))
PARTITIONS = Metric(
    "svgmill_partitions",
    "Gauge",
    "Partitions of each step that has begun, by state: reused, done, left",
    ("step", "state"),
)
PEAK = Metric("svgmill_worker_peak_bytes", "Gauge", "Largest resident memory of a worker that ran the step", ("step",))
WORKERS = Metric("svgmill_workers", "Gauge", "Tasks of one CPU that can run at a time")
PROGRESS = Metric("svgmill_progress_ratio", "Gauge", "How much of the run is done, 0 to 1, as forecast")
LEFT = Metric("svgmill_left_seconds", "Gauge", "Seconds until the run ends, as forecast")

METRICS = tuple(value for value in vars().values() if isinstance(value, Metric))

BOUNDARIES = [1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0]
"""Of `TASK_SECONDS`. Ray gives the sum of a histogram as if all values lay in the middle; `WORK_SECONDS` is exact."""

DRIVER = "driver"
"""Stands for a step, of the requests that no task makes."""


class Metrics:
    """The metrics of one run, while Ray is there."""

    def __init__(self, run: str) -> None:
        """``run``: the dataset's name."""
        from ray.util import metrics  # here, so that a run in this process alone does not load Ray

        self._run = run
        self._instruments: dict[str, Any] = {}
        for metric in METRICS:
            more = {"boundaries": BOUNDARIES} if metric.kind == "Histogram" else {}
            make = getattr(metrics, metric.kind)
            self._instruments[metric.name] = make(metric.name, metric.says, tag_keys=(RUN, *metric.labels), **more)
        self._totals: dict[tuple[str, ...], float] = {}
        self._peaks: dict[str, int] = {}

    def _labels(self, metric: Metric, values: tuple[str, ...]) -> dict[str, str]:
        return {RUN: self._run, **dict(zip(metric.labels, values, strict=True))}

    def _add(self, metric: Metric, value: float, *labels: str) -> None:
        if value:
            self._instruments[metric.name].inc(value, self._labels(metric, labels))

    def _rise(self, metric: Metric, total: float, *labels: str) -> None:
        """Add what a total has grown by since it was told last."""
        key = (metric.name, *labels)
        self._add(metric, total - self._totals.get(key, 0), *labels)
        self._totals[key] = total

    def _set(self, metric: Metric, value: float, *labels: str) -> None:
        self._instruments[metric.name].set(value, self._labels(metric, labels))

    def task(self, result: Done | Failed) -> None:
        """A task has ended, for good or as what cannot be finished."""
        if isinstance(result, Failed):
            self._add(FAILED, 1, result.stage, result.cause)
            return
        step = result.record.stage
        self._add(WORK_SECONDS, result.seconds, step)
        self._instruments[TASK_SECONDS.name].observe(result.seconds, self._labels(TASK_SECONDS, (step,)))
        for stage, seconds in result.stage_seconds.items():
            self._add(CPU_SECONDS, seconds, stage)
        self._peaks[step] = max(self._peaks.get(step, 0), result.peak_bytes)
        for kind, count in result.traffic.requests.items():
            self._add(REQUESTS, count, step, kind)
        self._add(MOVED, result.traffic.bytes_in, step, "in")
        self._add(MOVED, result.traffic.bytes_out, step, "out")

    def partition(self, record: Record) -> None:
        """A partition is finished."""
        self._add(RECORDS, record.rows_kept, record.stage, record.stage, "kept")
        for stage, reasons in record.dropped.items():
            for reason, count in reasons.items():
                self._add(RECORDS, count, record.stage, stage, reason)
        self._add(WRITTEN, sum(output.bytes for output in record.outputs.values()), record.stage)
        if record.stage == ASK.name:
            usage: Mapping[str, int] = record.extra["usage"]
            self._add(CAPTIONS, record.extra["answered"], "answered")
            self._add(CAPTIONS, record.extra["failed"], "failed")
            self._add(CAPTION_REQUESTS, usage["requests"])
            self._add(CAPTION_TOKENS, usage["input_tokens"], "in")
            self._add(CAPTION_TOKENS, usage["output_tokens"], "out")

    def run(self, status: RunStatus, load: Load, traffic: Traffic) -> None:
        """How far the run is. ``traffic``: of this process with the workspace, since it began."""
        for each in status.steps:
            for state, count in (("reused", each.reused), ("done", each.done), ("left", each.partitions - each.done)):
                self._set(PARTITIONS, count, each.step, state)
        for name, peak in dict(self._peaks).items():
            self._set(PEAK, peak, name)
        for state, count in (("running", len(load.running)), ("starting", load.starting), ("waiting", load.waiting)):
            self._set(TASKS, count, state)
        for (step, cause), count in load.restarts.items():
            self._rise(RESTARTS, count, step, cause)
        self._set(WORKERS, status.workers)
        self._set(PROGRESS, status.share)
        if status.seconds_left is not None:
            self._set(LEFT, status.seconds_left)
        for kind, count in traffic.requests.items():
            self._rise(REQUESTS, count, DRIVER, kind)
        self._rise(MOVED, traffic.bytes_in, DRIVER, "in")
        self._rise(MOVED, traffic.bytes_out, DRIVER, "out")
