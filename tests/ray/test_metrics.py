"""What a run on Ray offers to those who collect metrics, as Prometheus gets it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import ray
import urllib3

from pipeline.config import load
from pipeline.progress import Display
from pipeline.run import metrics
from pipeline.run.conductor import Conductor
from pipeline.run.metrics import Metric
from pipeline.storage.open import open_storage
from pipeline.work.task import Cause, Failed
from tests.chat_server import serve
from tests.helpers import BROKEN, drawing, write_config
from tests.ray.clusters import wait_until
from tests.ray.conftest import Cluster

NAME = "metered"


def scraped() -> dict[str, Counter[tuple[str, ...]]]:
    """Name -> values of the metric's labels -> value, of the runs called `NAME`; parts of histograms by their names."""
    (node,) = ray.nodes()
    text = urllib3.request("GET", f"http://127.0.0.1:{node['MetricsExportPort']}/metrics", retries=False).data.decode()
    labels_of = {
        metrics.PREFIX + metric.name + suffix: metric.labels
        for metric in metrics.METRICS
        for suffix in ("", "_count", "_sum", "_bucket")
    }
    values: dict[str, Counter[tuple[str, ...]]] = {}
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.M):
        known = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if name in labels_of and known["run"] == NAME:
            # each process that tells has a series of its own
            values.setdefault(name, Counter())[tuple(known[label] for label in labels_of[name])] += float(value)
    return values


@pytest.mark.ray
def test_metrics_say_what_the_manifest_says(
    tmp_path: Path, s3_uri: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records by outcome, partitions, bytes, requests to store and model; each metric has a value."""
    genuine = cluster.load

    monkeypatch.setattr(cluster, "load", lambda: replace(genuine(), restarts={("samples", "died"): 2}))
    folder = tmp_path / "icons"
    (folder / "broken").mkdir(parents=True)
    for name, text in {"a.svg": drawing(0), "b.svg": drawing(1), "copy.svg": f"{drawing(0)}\n", **BROKEN}.items():
        (folder / name).write_text(text)
    with serve() as server:
        ask = {"model": "eye", "endpoint": {"base_url": server.url}, "styles": ["tag"], "picture": {"size": 64}}
        config = write_config(tmp_path / "c.yaml", folder, name=NAME, partition={"records": 4}, ask=ask)
        conductor = Conductor(load(config), open_storage(s3_uri), lambda: cluster, Display(quiet=True))
        monkeypatch.setattr(conductor._runner, "close", lambda: None)
        manifest = conductor.run().manifest
        asked = len(server.log.asked)
    conductor.watch._tell_metrics()
    # told last: where it has come, all before it has
    conductor.watch.task(Failed("samples", "icons", "0", "", Cause.DIED))
    names = {metrics.PREFIX + metric.name + "_count" * (metric.kind == "Histogram") for metric in metrics.METRICS}
    values: dict[str, Counter[tuple[str, ...]]] = {}

    def complete() -> bool:
        conductor.watch._tell_metrics()  # again and again, as gauges do not stay
        values.clear()
        values.update(scraped())
        return names <= values.keys()

    wait_until(complete)

    def of(metric: Metric) -> Counter[tuple[str, ...]]:
        return values[metrics.PREFIX + metric.name]

    dropped = Counter[tuple[str, str]]()
    for (_, stage, outcome), count in of(metrics.RECORDS).items():
        dropped[stage, outcome] += int(count) if outcome != "kept" else 0
    said = {(each.stage, reason): n for each in manifest.stages for reason, n in each.dropped.items()}
    assert +dropped == said and len(said) > 3
    assert of(metrics.RECORDS)["write", "write", "kept"] == manifest.funnel.kept == 2
    assert of(metrics.CAPTIONS)["answered",] == of(metrics.CAPTION_REQUESTS)[()] == asked > 0

    steps = {step for step, _ in of(metrics.PARTITIONS)}
    assert {"crawl", "samples", "deduplicate", "ask", "write"} <= steps
    for step in sorted(steps):
        at = [of(metrics.PARTITIONS)[step, state] for state in ("reused", "done", "left")]
        assert at[0] == at[2] == 0
    tasks = values[metrics.PREFIX + metrics.TASK_SECONDS.name + "_count"]
    records = [entry.path for entry in open_storage(s3_uri).list("tables/samples/") if entry.path.endswith(".json")]
    assert tasks["samples",] == of(metrics.PARTITIONS)["samples", "done"] == len(records) > 1
    shards = sum(shard.bytes for shard in manifest.shards)
    assert of(metrics.MOVED)["write", "out"] >= of(metrics.WRITTEN)["write",] >= shards > 0
    assert of(metrics.REQUESTS)["samples", "PutObject"] >= len(records)
    assert of(metrics.REQUESTS)[metrics.DRIVER, "ListObjectsV2"] > 0
    # told at every look, counted once
    assert of(metrics.RESTARTS)["samples", "died"] == 2
    assert of(metrics.FAILED)["samples", "died"] == 1
    assert of(metrics.WORKERS)[()] == 2 and of(metrics.PROGRESS)[()] == pytest.approx(1)
    assert of(metrics.TASKS) == {("running",): 0, ("starting",): 0, ("waiting",): 0}
