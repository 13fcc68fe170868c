"""Reading commands on Ray's workers."""

import json

import pytest

from pipeline.errors import Mend
from pipeline.progress import Display
from pipeline.run.reading import open_workers
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.verify import verify_version
from tests.helpers import Run, verify
from tests.ray.conftest import Cluster

pytestmark = pytest.mark.ray


def test_workers_of_a_cluster_verify(finished: Run, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their faults are those of one process, also from a relative path; what they cannot read ends with its reason."""
    monkeypatch.chdir(finished.workspace.parent)
    storage = open_storage(finished.workspace.name)
    path = finished.workspace / published.manifest_path(1)
    manifest = json.loads(path.read_text())
    own = [file for file in manifest["files"] if file["role"] == "shard"]
    own[0]["ids"] += 1
    path.write_text(json.dumps(manifest))
    with open_workers(storage, "ray", None, 2) as workers:
        faults = verify_version(storage, None, Display(quiet=True), workers)[0]
        assert len(faults) == 1 and faults == verify(finished.workspace)
        own[1]["format"] = "scrolls"
        path.write_text(json.dumps(manifest))
        with pytest.raises(Mend, match="verify: shards of format scrolls: this svgmill reads parquet, webdataset"):
            verify_version(storage, None, Display(quiet=True), workers)
