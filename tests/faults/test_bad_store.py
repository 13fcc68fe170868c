"""A store that does one bad thing, at any of its calls."""

import os
from pathlib import Path

import pytest
from bad_store import FAULTS, proxy
from conftest import drawing, mill, write_config

from pipeline.errors import UserError
from pipeline.progress import Display
from pipeline.storage import open_storage
from pipeline.verify import verify_version
from pipeline.versions import manifest_path

EVERY = int(os.environ.get("SVGMILL_BAD_STORE_EVERY", "37"))


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_call_never_spoils_a_version(tmp_path: Path, s3_uri: str, fault: str) -> None:
    """Whichever call it is, the run, or the next after one clear line, publishes what an undisturbed run does."""
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(5):
        (folder / f"s{number}.svg").write_text(drawing(number))
    config = write_config(tmp_path / "c.yaml", folder, render={"size": 32, "compare_size": 32})
    where, _, query = s3_uri.partition("?")
    with proxy(query.removeprefix("endpoint_url=")) as bad:
        calm = f"{where}/calm?endpoint_url={bad.url}"
        mill(config, calm)
        calls = bad.count
        expected = open_storage(calm).read(manifest_path(1))
        assert calls > 50
        # each fault begins elsewhere, so that together they meet more calls
        for number in range(1 + FAULTS.index(fault) * EVERY // len(FAULTS), calls + 1, EVERY):
            workspace = f"{where}/{number}?endpoint_url={bad.url}"
            bad.begin(fault, number)
            try:
                mill(config, workspace)
            except UserError as error:
                assert len(str(error).splitlines()) == 1
                bad.begin("", 0)
                mill(config, workspace)
            bad.begin("", 0)
            storage = open_storage(workspace)
            assert storage.read(manifest_path(1)) == expected
            assert verify_version(storage, 1, Display(quiet=True))[0] == []
