"""A walk of 40 steps through what can happen; benchmarks/histories.py takes long ones."""

import os
from pathlib import Path

import pytest

from tests.histories.walk import walked


@pytest.mark.parametrize("seed", range(int(os.environ.get("SVGMILL_WALKS", "2"))))
def test_after_every_step_all_that_was_promised_holds(tmp_path: Path, seed: int) -> None:
    """An oracle that knows the corpus, and reads files only, finds nothing wrong."""
    assert walked(tmp_path, seed, 40) == []
