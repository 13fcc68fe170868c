from pathlib import Path

import pytest

from pipeline.storage.folder import FolderStorage
from pipeline.versions.published import manifest_path
from tests.helpers import mill, write_config
from tests.ray.conftest import Cluster


@pytest.mark.ray
def test_engines_and_workers_give_the_same_bytes(
    icons: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """inline, and with three and four partitions at a time on Ray: the same shard digests, manifest and files.

    `test_killed_workers` holds the manifest of two nodes against that of inline.
    """
    # edges of quantiles take the most steps over the whole corpus
    tier = {"count": "segment", "quantiles": [{"name": "low", "share": 0.5}, {"name": "high", "share": 0.5}]}
    config = write_config(tmp_path / "c.yaml", icons, partition={"records": 5}, tier=tier)
    mill(config, tmp_path / "inline")
    # a few partitions more than there are workers are under way
    for workers, name in ((1, "three"), (4, "four")):
        monkeypatch.setattr(cluster, "_workers", workers)
        mill(config, tmp_path / name, lambda: cluster)
    stores = [FolderStorage(tmp_path / name) for name in ("inline", "three", "four")]
    manifests = {store.read(manifest_path(1)) for store in stores}
    assert len(manifests) == 1
    listings = [
        [
            (e.path, store.read(e.path))
            for e in store.list()
            if e.path.startswith(("shards/", "vocabularies/", "tables/"))
        ]
        for store in stores
    ]
    assert len(listings[0]) > 30
    assert all(listing == listings[0] for listing in listings)
