"""Workers that ask a model together."""

import pytest

from pipeline.asking.cache import Cache
from pipeline.storage.open import open_storage
from tests.chat_server import serve
from tests.helpers import Run
from tests.pipeline.run.test_asking import asks, digests, go
from tests.ray.conftest import Cluster


@pytest.mark.ray
def test_workers_share_the_limits_and_give_the_same(finished: Run, cluster: Cluster) -> None:
    """Two ask at once, and no more requests are under way than the config allows; one alone lays out the same bytes."""
    with serve(latency=0.05) as server:
        asks(finished, server, at_once=16, styles=["tag", "short", "detailed"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.run.asking.LEAST_REQUESTS", 40)
            go(finished, lambda: cluster)
        assert (finished.workspace / "tables/ask/all/002-of-002.json").exists()
        assert server.log.peak <= 16 and set(server.log.answered.values()) == {1}
        before, asked = digests(finished), len(server.log.asked)
        for path in (finished.workspace / "tables/answers").rglob("*.json"):
            path.unlink()
        cache = Cache(open_storage(str(finished.workspace)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.asking.cache.FEW_TABLES", 0)
            cache.compact()
        go(finished)
        assert digests(finished) == before and len(server.log.asked) == asked
