"""What `tools/check_infra.py` refuses of what infra/ deploys, and that what it names is there."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.config import Config
from pipeline.run.metrics import METRICS, PREFIX, RUN
from tests.helpers import ROOT


def tool(name: str) -> ModuleType:
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return tool("check_infra")


def test_what_is_there_is_sound(check: ModuleType) -> None:
    """Nothing to find fault with, in all kinds of files; and each pin is one that pyproject.toml allows."""
    assert {resource["kind"] for _, resource in check.resources()} == {"RayCluster", "RayJob", "RayCronJob"}
    assert list(check.faults()) == []
    assert tool("make_requirements").faults() == []


def job(check: ModuleType) -> dict[str, Any]:
    (found,) = (resource for _, resource in check.resources() if resource["kind"] == "RayJob")
    return copy.deepcopy(found)


def spot(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]


def pod(job: dict[str, Any]) -> dict[str, Any]:
    return spot(job)["template"]["spec"]


def rules(job: dict[str, Any]) -> list[dict[str, Any]]:
    return job["spec"]["deletionStrategy"]["deletionRules"]


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a field that is not known": (lambda job: job["spec"].update(retries=3), "'retries' was unexpected"),
    "deep within": (lambda job: pod(job)["containers"][0].update(imagePullPolice="x"), "'imagePullPolice'"),
    "a number as text": (lambda job: job["spec"].update(backoffLimit="3"), "backoffLimit"),
    "another choice": (
        lambda job: job["spec"]["rayClusterSpec"]["autoscalerOptions"].update(upscalingMode="Any"),
        "'Any' is not one of",
    ),
    "a long name": (lambda job: job["metadata"].update(name="a" * 48), "no name of up to 47"),
    "two ways to delete": (lambda job: job["spec"].update(shutdownAfterJobFinishes=True), "not together"),
    "a rule twice": (lambda job: rules(job).append(rules(job)[0]), "DeleteCluster twice for SUCCEEDED"),
    "self before its cluster": (lambda job: rules(job)[1]["condition"].update(ttlSeconds=1), "go after them"),
    "workers of an autoscaler": (
        lambda job: rules(job).insert(0, {"policy": "DeleteWorkers", "condition": {"jobStatus": "SUCCEEDED"}}),
        "no DeleteWorkers",
    ),
    "no time to start": (lambda job: job["spec"].update(preRunningDeadlineSeconds=0), "must be positive"),
    "tasks on the head": (
        lambda job: job["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"].pop("num-cpus"),
        "no tasks run on the head",
    ),
    "an open cluster": (lambda job: job["spec"]["rayClusterSpec"].pop("authOptions"), "mode must be token"),
    "a priority without its autoscaler": (
        lambda job: job["spec"]["rayClusterSpec"]["autoscalerOptions"].update(version="v1"),
        "spot: a priority needs",
    ),
    "a priority of an old Ray": (lambda job: job["spec"]["rayClusterSpec"].update(rayVersion="2.55.1"), "needs autoscaler v2"),
    "pods that restart": (lambda job: pod(job).update(restartPolicy="Always"), "must be Never"),
    "more at least than at most": (lambda job: spot(job).update(minReplicas=40), "40 to 32 replicas"),
    "a label in the parameters": (lambda job: spot(job)["rayStartParams"].update(labels="a=b"), "labels belong"),
    "a label with a blank": (lambda job: spot(job)["labels"].update(a="b c"), "a=b c is no label"),
    "root": (lambda job: pod(job).pop("securityContext"), "runAsNonRoot"),
    "any version of an image": (lambda job: pod(job)["containers"][0].update(image="svgmill:latest"), "not pinned"),
    "no limit of memory": (lambda job: pod(job)["containers"][0]["resources"]["limits"].pop("memory"), "limit of memory"),
    "a secret in clear": (
        lambda job: pod(job)["containers"][0].update(env=[{"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]),
        "must come from a secret",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(check: ModuleType, fault: str) -> None:
    """Each in an object that is sound but for it, and the message says where."""
    change, says = FAULTS[fault]
    changed = job(check)
    change(changed)
    found = check.faults_of(changed)
    assert any(says in line for line in found), found


def test_schedules_are_checked(check: ModuleType) -> None:
    """Five fields, and the time zone in a field of its own."""
    (cron,) = (resource for _, resource in check.resources() if resource["kind"] == "RayCronJob")
    for schedule in ("TZ=UTC 0 3 * * 0", "0 3 * *", "@weekly at 3"):
        changed = copy.deepcopy(cron)
        changed["spec"]["schedule"] = schedule
        assert [line for line in check.faults_of(changed) if line.startswith("spec.schedule")]


def test_entry_points_and_configs_are_what_svgmill_takes(check: ModuleType) -> None:
    """The commands of jobs parse, and the config beside them is valid."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    entries = [
        text
        for path in (ROOT / "infra/kubernetes").glob("*.yaml")
        for text in re.findall(r"entrypoint: (.*)", path.read_text())
    ]
    assert len(entries) == 2
    for entry in entries:
        program, command, *words = entry.split()
        assert program == "svgmill"
        commands[command].make_context(command, words)
    maps = [
        each
        for each in yaml.safe_load_all((ROOT / "infra/kubernetes/rayjob.yaml").read_text())
        if each["kind"] == "ConfigMap"
    ]
    for data in maps:
        Config.model_validate(yaml.safe_load(data["data"]["config.yaml"]), strict=False)
    assert maps


def test_what_the_image_copies_is_there() -> None:
    """Every path that the Containerfile copies exists, and its ignore file lets it through."""
    allowed = [
        line[1:] for line in (ROOT / "infra/Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    copied = [
        path
        for line in (ROOT / "infra/Containerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for path in line.split()[1:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / path).exists() for path in copied)


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """Each query names metrics that a run tells, and labels that they have; each metric is in some panel."""
    dashboard = json.loads((ROOT / "infra/grafana.json").read_text())
    labels_of = {PREFIX + metric.name: {RUN, *metric.labels} for metric in METRICS if metric.kind != "Histogram"}
    labels_of |= {
        f"{PREFIX}{metric.name}_bucket": {RUN, "le", *metric.labels} for metric in METRICS if metric.kind == "Histogram"
    }
    asked = set()
    for panel in dashboard["panels"]:
        assert panel["targets"]
        for target in panel["targets"]:
            (name,) = re.findall(r"\w+(?={)", target["expr"])
            (selectors,) = re.findall(r"{(.*?)}", target["expr"])
            (by,) = re.findall(r" by \((.*?)\)", target["expr"])
            labels = set(by.split(", "))
            assert labels | set(re.findall(r"(\w+)(?:=|!=)", selectors)) <= labels_of[name], target["expr"]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) == labels - {"le"}
            assert ("rate(" in target["expr"]) <= name.endswith(("_total", "_bucket"))
            assert RUN + '=~"$run"' in selectors
            asked.add(name)
    assert asked == labels_of.keys()
    chosen = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert re.search(r"\((\w+), run\)", chosen["run"]["query"]["query"])[1] in labels_of  # type: ignore[index]


def test_the_monitor_finds_the_heads(check: ModuleType) -> None:
    """By labels that their pods have, or that KubeRay puts on them, at a port that they name."""
    monitor = yaml.safe_load((ROOT / "infra/kubernetes/podmonitor.yaml").read_text())["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    heads = [resource["spec"]["headGroupSpec"] for _, resource in check.resources() if resource["kind"] == "RayCluster"]
    heads.append(job(check)["spec"]["rayClusterSpec"]["headGroupSpec"])
    for head in heads:
        assert (
            monitor["selector"]["matchLabels"].items()
            <= (head["template"]["metadata"]["labels"] | {"ray.io/node-type": "head"}).items()
        )
        assert endpoint["port"] in [port["name"] for port in head["template"]["spec"]["containers"][0]["ports"]]
