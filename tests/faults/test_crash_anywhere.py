import os

import pytest

from tests.faults.crashing import AFTER, BEFORE, Sweep
from tests.helpers import BROKEN, drawing, write_config

EVERY = int(os.environ.get("SVGMILL_CRASH_EVERY", "24"))
"""Every how manieth operation is tried; 1 tries all of them, as benchmarks/soak.py does."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Five drawings, a copy and a broken file in two partitions."""
    tmp_path = tmp_path_factory.mktemp("sweep")
    folder = tmp_path / "icons"
    folder.mkdir()
    files = {f"s{n}.svg": drawing(n) for n in range(5)} | {"copy.svg": drawing(3), "cut.svg": BROKEN["broken/cut.svg"]}
    for name, text in files.items():
        (folder / name).write_text(text)
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}}
    return Sweep(write_config(tmp_path / "c.yaml", folder, **small), tmp_path)


def chosen(sweep: Sweep, first: int) -> list[int]:
    """The first operation, the last ones around the publication, and every `EVERY`th."""
    last = sweep.operations
    return sorted({1, last - 1, last, *range(first, last + 1, EVERY)})


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_run_killed_at_any_operation_goes_on(sweep: Sweep, moment: str) -> None:
    """Killed before or after an operation on the store took effect, a run publishes nothing; the next does, the same."""
    first = 2 if moment == BEFORE else 14
    assert [fault for operation in chosen(sweep, first) for fault in sweep.crash(operation, moment)] == []


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_store_lost_at_any_operation_ends_the_run(sweep: Sweep, moment: str) -> None:
    """A store that fails from an operation on ends the run with an error; once it is back, the next run is as ever."""
    first = 8 if moment == BEFORE else 20
    assert [fault for operation in chosen(sweep, first) for fault in sweep.lose_store(operation, moment)] == []
