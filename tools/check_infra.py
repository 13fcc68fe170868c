"""Check what infra/ deploys: KubeRay's schemas, the rules of its operator, Ray's schema, and that versions agree.

The schemas are those of `make_crds.py`. The rules are what the operator of KubeRay 1.7 refuses, or leaves without
effect, though the schema allows it (its validation.go), as far as these files use it.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ray.autoscaler
import yaml

ROOT = Path(__file__).resolve().parents[1]
INFRA = ROOT / "infra"

_LONGEST_NAMES = {"RayCluster": 53, "RayJob": 47, "RayCronJob": 36}
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")
_SECRET = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET)(_ID)?$")

Object = Mapping[str, Any]


@cache
def schema(kind: str) -> Object:
    """KubeRay's schema of a kind, as `make_crds.py` made it."""
    loaded: Object = json.loads(gzip.decompress((INFRA / "schemas" / f"ray.io_{kind.lower()}s.json.gz").read_bytes()))
    return loaded


def refused(instance: Object, by: Object) -> Iterator[str]:
    """What a JSON schema does not allow."""
    for error in jsonschema.Draft202012Validator(by).iter_errors(instance):
        yield f"{error.json_path}: {error.message[:200]}"


def faults_of(resource: Object) -> list[str]:
    """What is wrong with an object of ray.io/v1."""
    kind, name, spec = resource["kind"], resource["metadata"]["name"], resource["spec"]
    found = list(refused(resource, schema(kind)))
    if not re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", name) or len(name) > _LONGEST_NAMES[kind]:
        found.append(f"metadata.name: {name} is no name of up to {_LONGEST_NAMES[kind]} lower-case letters, digits, -")
    if kind == "RayCronJob":
        if "TZ" in spec["schedule"] or not re.fullmatch(r"([\d*/,-]+ ){4}[\d*/,-]+", spec["schedule"]):
            found.append("spec.schedule: must be five fields without a time zone")
        spec = spec["jobTemplate"]
    if kind != "RayCluster":
        found += job_faults(spec)
        spec = spec["rayClusterSpec"]
    return found + list(cluster_faults(spec))


def job_faults(spec: Object) -> list[str]:
    """What the operator refuses of a job."""
    found = []
    rules = spec.get("deletionStrategy", {}).get("deletionRules", [])
    if rules and (spec.get("shutdownAfterJobFinishes") or spec.get("ttlSecondsAfterFinished")):
        found.append("deletionRules: not together with shutdownAfterJobFinishes and ttlSecondsAfterFinished")
    seconds: dict[tuple[str, str], dict[str, int]] = {}
    for rule in rules:
        condition = rule["condition"]
        (when,) = [(key, str(value)) for key, value in condition.items() if key != "ttlSeconds"] or [("", "")]
        after = seconds.setdefault(when, {})
        if rule["policy"] in after:
            found.append(f"deletionRules: {rule['policy']} twice for {when[1]}")
        if rule["policy"] == "DeleteWorkers" and spec["rayClusterSpec"].get("enableInTreeAutoscaling"):
            found.append("deletionRules: no DeleteWorkers with autoscaling")
        after[rule["policy"]] = condition.get("ttlSeconds", 0)
    for when, after in seconds.items():
        waits = [after[policy] for policy in _ORDER if policy in after]
        if waits != sorted(waits):
            found.append(f"deletionRules: for {when[1]}, what holds others must go after them")
    if spec.get("submissionMode") in ("InteractiveMode",) and spec.get("backoffLimit"):
        found.append("backoffLimit: not in InteractiveMode")
    if spec.get("submissionMode") == "SidecarMode" and {"submitterConfig", "submitterPodTemplate"} & set(spec):
        found.append("submitterConfig, submitterPodTemplate: not in SidecarMode")
    found += [
        f"{key}: must be positive"
        for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds")
        if spec.get(key, 1) <= 0
    ]
    return found


def cluster_faults(spec: Object) -> Iterator[str]:
    """What the operator refuses of a cluster, and what no cluster of this project does."""
    version = tuple(int(part) for part in spec.get("rayVersion", "0").split("."))
    options, scales = spec.get("autoscalerOptions", {}), spec.get("enableInTreeAutoscaling")
    if spec.get("authOptions", {}).get("mode") == "token" and version < (2, 52):
        yield "authOptions: a token needs rayVersion 2.52 or later"
    if spec.get("authOptions", {}).get("mode") != "token":
        yield "authOptions: whoever reaches the cluster could run code on it; mode must be token"
    head = spec["headGroupSpec"]
    if head["rayStartParams"].get("num-cpus") != "0":
        yield "headGroupSpec: no tasks run on the head; rayStartParams must have num-cpus 0"
    if any(entry["name"] == "RAY_REDIS_ADDRESS" for entry in head["template"]["spec"]["containers"][0].get("env", ())):
        yield "headGroupSpec: RAY_REDIS_ADDRESS needs gcsFaultToleranceOptions, and a run needs neither"
    yield from _group_faults("head", head, scales and options.get("version") == "v2")
    for group in spec.get("workerGroupSpecs", ()):
        name = group["groupName"]
        yield from _group_faults(name, group, scales and options.get("version") == "v2")
        least, most = group.get("minReplicas", 0), group.get("maxReplicas", 2**31 - 1)
        if not 0 <= least <= most:
            yield f"{name}: {least} to {most} replicas"
        if not scales and not {"minReplicas", "maxReplicas"} <= set(group):
            yield f"{name}: without autoscaling minReplicas and maxReplicas must be there"
        if group.get("priority") and not (options.get("version") == "v2" and version >= (2, 56)):
            yield f"{name}: a priority needs autoscaler v2 and rayVersion 2.56 or later"
        if "idleTimeoutSeconds" in group and options.get("version") != "v2":
            yield f"{name}: idleTimeoutSeconds needs autoscaler v2"


def _group_faults(name: str, group: Object, pods_are_new: bool) -> Iterator[str]:
    params, pod = group["rayStartParams"], group["template"]["spec"]
    if group.get("resources") and {"num-cpus", "num-gpus", "memory", "resources"} & set(params):
        yield f"{name}: resources in rayStartParams and in resources"
    if "labels" in params:
        yield f"{name}: labels belong beside rayStartParams, not into them"
    for key, value in group.get("labels", {}).items():
        if not _LABEL.fullmatch(str(value)) or not _LABEL.fullmatch(key.rpartition("/")[2]):
            yield f"{name}: {key}={value} is no label"
    if pods_are_new and pod.get("restartPolicy", "Never") != "Never":
        yield f"{name}: autoscaler v2 makes pods anew; restartPolicy must be Never"
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        yield f"{name}: runAsNonRoot must be true"
    for container in pod["containers"]:
        yield from _image_faults(f"{name}.{container['name']}", container["image"])
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"{name}.{container['name']}: a limit of memory is what Ray counts with"
        for entry in container.get("env", ()):
            if _SECRET.search(entry["name"]) and "value" in entry:
                yield f"{name}.{container['name']}: {entry['name']} must come from a secret"


def _image_faults(where: str, image: str) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9./-]+:(?!latest$)[\w.-]*\d[\w.-]*", image):
        yield f"{where}: image {image} is not pinned to a version"


def compose_faults(compose: Object) -> Iterator[str]:
    """Services that refer to what is not there, images that are not pinned, secrets in clear."""
    services = compose["services"]
    for name, service in services.items():
        yield from _image_faults(name, service["image"])
        yield from (f"{name}: there is no {other}" for other in service.get("depends_on", ()) if other not in services)
        for key, value in service.get("environment", {}).items():
            if _SECRET.search(key) and not re.fullmatch(r"\$\{\w+:\?.+\}", value):
                yield f"{name}: {key} must come from the environment"
        for port in service.get("ports", ()):
            if not port.startswith("127.0.0.1:"):
                yield f"{name}: port {port} is open to others"


def version_faults() -> Iterator[str]:
    """Files that name other versions than pyproject.toml and infra/requirements.txt do."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (of_ray,) = re.findall(r"^ray==(.*)$", (INFRA / "requirements.txt").read_text(), re.M)
    for path in sorted([*INFRA.rglob("*.yaml"), INFRA / "Containerfile", *ROOT.glob(".github/workflows/*.yml")]):
        text = path.read_text()
        for image in re.findall(r"\bsvgmill(?:-gpu)?:(\d[\w.]*)", text):
            if image != own:
                yield f"{path.name}: image svgmill:{image}, and this is {own}"
        for version in re.findall(r"rayVersion: (\S+)", text):
            if version != of_ray:
                yield f"{path.name}: rayVersion {version}, and the image has {of_ray}"
    lines = (INFRA / "Containerfile").read_text().splitlines()
    for image in {line.split()[1] for line in lines if line.startswith("FROM ")}:
        yield from _image_faults("Containerfile", image)
    if not any(line.startswith("USER ") and line != "USER root" for line in lines):
        yield "Containerfile: it must end with another USER than root"


def resources() -> list[tuple[Path, Object]]:
    """The objects of ray.io in infra/kubernetes, each with its file."""
    paths = sorted(INFRA.glob("kubernetes/*.yaml"))
    objects = [(path, each) for path in paths for each in yaml.safe_load_all(path.read_text())]
    return [(path, each) for path, each in objects if each["apiVersion"].startswith("ray.io/")]


def faults() -> Iterable[str]:
    """Everything that is wrong, a line each."""
    clusters = []
    for path, resource in resources():
        yield from (f"{path.name}: {fault}" for fault in faults_of(resource))
        spec = resource["spec"].get("jobTemplate", resource["spec"])
        clusters.append(spec.get("rayClusterSpec", spec))
    if any(cluster != clusters[0] for cluster in clusters):
        yield "infra/kubernetes: the clusters of its files differ"
    yield from (
        f"compose.yaml: {fault}" for fault in compose_faults(yaml.safe_load((INFRA / "compose.yaml").read_text()))
    )
    launcher = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    for fault in refused(yaml.safe_load((INFRA / "cluster.yaml").read_text()), launcher):
        yield f"cluster.yaml: {fault}"
    yield from version_faults()


if __name__ == "__main__":
    lines = list(faults())
    sys.exit("\n".join(lines) or 0)
