from pathlib import Path

import pytest

from pipeline.run.engine import RayEngine
from pipeline.storage.folder import FolderStorage
from pipeline.versions.published import manifest_path
from tests.helpers import mill, write_config


@pytest.mark.ray
def test_engines_and_workers_give_the_same_bytes(icons: Path, tmp_path: Path) -> None:
    """inline, one Ray worker, two and seven: the same shard digests, the same manifest, the same files."""
    # edges of quantiles take the most steps over the whole corpus
    tier = {"count": "segment", "quantiles": [{"name": "low", "share": 0.5}, {"name": "high", "share": 0.5}]}
    config = write_config(tmp_path / "c.yaml", icons, partition={"records": 5}, tier=tier)
    mill(config, tmp_path / "inline")
    mill(config, tmp_path / "one", lambda: RayEngine(workers=1))
    mill(config, tmp_path / "two", lambda: RayEngine(workers=2))
    mill(config, tmp_path / "seven", lambda: RayEngine(workers=7))
    stores = [FolderStorage(tmp_path / name) for name in ("inline", "one", "two", "seven")]
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
