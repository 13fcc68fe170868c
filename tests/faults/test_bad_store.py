"""A store that does one bad thing, at any of its calls."""

import os
from pathlib import Path

import pytest

from pipeline.storage import tables
from tests.faults.bad_store import FAULTS, Sweep, proxy
from tests.helpers import drawing, write_config

EVERY = int(os.environ.get("SVGMILL_BAD_STORE_EVERY", "61"))


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_call_never_spoils_a_version(
    tmp_path: Path, s3_uri: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call it is, the run, or the next after one clear line, publishes what an undisturbed run does."""
    monkeypatch.setattr(tables.Recent, "LARGEST", -1)  # nothing is remembered: each table is read from the store
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(5):
        (folder / f"s{number}.svg").write_text(drawing(number))
    config = write_config(tmp_path / "c.yaml", folder, render={"size": 32, "compare_size": 32})
    where, _, query = s3_uri.partition("?")
    with proxy(query.removeprefix("endpoint_url=")) as bad:
        sweep = Sweep(config, where, bad)
        assert sweep.calls > 50
        # each fault begins elsewhere, so that together they meet more calls
        for number in range(1 + FAULTS.index(fault) * EVERY // len(FAULTS), sweep.calls + 1, EVERY):
            assert sweep.meet(fault, number) == []
