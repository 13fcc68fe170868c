"""A store that does one bad thing, at any of its calls."""

import os
from collections.abc import Iterator

import pytest

from pipeline.storage import tables
from tests.faults.bad_store import FAULTS, Sweep, proxy
from tests.helpers import drawings, write_config

EVERY = int(os.environ.get("SVGMILL_BAD_STORE_EVERY", "83"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Iterator[Sweep]:
    """Five drawings and an undisturbed run of them, with nothing remembered: each table is read from the store."""
    home = tmp_path_factory.mktemp("bad-store")
    folder = drawings(home / "icons", 5)
    config = write_config(home / "c.yaml", folder, render={"size": 32, "compare_size": 32})
    with pytest.MonkeyPatch.context() as patch, proxy(s3_endpoint) as bad:
        patch.setattr(tables.Recent, "LARGEST", -1)
        yield Sweep(config, "s3://tests/bad-store", bad)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_call_never_spoils_a_version(sweep: Sweep, fault: str) -> None:
    """Whichever call it is, the run, or the next after one clear line, publishes what an undisturbed run does."""
    assert sweep.calls > 50
    # each fault begins elsewhere, so that together they meet more calls
    for number in range(1 + FAULTS.index(fault) * EVERY // len(FAULTS), sweep.calls + 1, EVERY):
        assert sweep.meet(fault, number) == []
