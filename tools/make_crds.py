"""Write infra/schemas/*.json.gz: what KubeRay's operator takes, from the CRDs of a checkout of ray-project/kuberay.

    python tools/make_crds.py path/to/kuberay [tag]

Kept are the schemas of the version ray.io/v1, without descriptions and status. Like the API server a schema here knows
all fields of an object unless the CRD says that it preserves others; unlike it, it refuses those that it does not know
instead of dropping them. The same CRDs give the same bytes.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

KINDS = ("rayclusters", "raycronjobs", "rayjobs")
SCHEMAS = Path(__file__).resolve().parents[1] / "infra" / "schemas"

_DROPPED = ("description", "default", "status")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI schema of a CRD as JSON Schema that refuses unknown fields."""
    if schema.get("x-kubernetes-int-or-string"):
        # its pattern concerns quantities, which a number is, too
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": schema.get("pattern", "")}]}
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or key.startswith("x-kubernetes-"):
            continue
        if key == "properties":
            made[key] = {name: strict(below) for name, below in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            made[key] = strict(value)
        elif key in ("anyOf", "oneOf", "allOf"):
            made[key] = [strict(each) for each in value]
        else:
            made[key] = value
    closed = "properties" in made and "additionalProperties" not in made
    if closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def schema_of(crd: dict[str, Any]) -> dict[str, Any]:
    """The schema of ray.io/v1 objects of a CRD."""
    (version,) = (version for version in crd["spec"]["versions"] if version["name"] == "v1")
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    names = crd["spec"]["names"]
    schema["properties"]["apiVersion"] = {"const": f"{crd['spec']['group']}/v1"}
    schema["properties"]["kind"] = {"const": names["kind"]}
    schema["properties"]["metadata"] = {"type": "object"}
    schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind", "metadata", "spec"})
    return schema


def main(repository: str, tag: str = "v1.7.0") -> None:
    """Write the schemas of that release."""
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        path = f"{tag}:ray-operator/config/crd/bases/ray.io_{kind}.yaml"
        text = subprocess.run(["git", "-C", repository, "show", path], check=True, capture_output=True).stdout
        crd = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        data = json.dumps(schema_of(crd), sort_keys=True, separators=(",", ":")).encode()
        target = SCHEMAS / f"ray.io_{kind}.json.gz"
        target.write_bytes(gzip.compress(data, 9, mtime=0))
        print(f"{target.name}: {len(data):,} bytes, {target.stat().st_size:,} compressed")
    licence = subprocess.run(["git", "-C", repository, "show", f"{tag}:LICENSE"], check=True, capture_output=True)
    (SCHEMAS / "LICENSE").write_bytes(licence.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
