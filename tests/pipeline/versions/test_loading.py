"""The loaders of docs/loading.md read a checkout with several workers. Needs PyTorch: make test-train.

benchmarks/loaders.py does the same with the libraries that need environments of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import loading
from tests.helpers import Run, parquet_rows, svgmill

pytest.importorskip("torch", reason="needs PyTorch: make test-train")


@pytest.mark.parametrize(
    "section", [name for name in loading.sections() if name.startswith(("webdataset", "datasets"))]
)
def test_a_loader_gives_every_sample_once(finished: Run, tmp_path: Path, section: str) -> None:
    """With the ids and the picture that its Parquet row has, in each of two passes."""
    assert svgmill("checkout", finished.workspace, 1, tmp_path / "release").returncode == 0
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, loading.__file__, section, "reading.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    reading = loading.Reading(**json.loads((tmp_path / "reading.json").read_text()))
    expected = [loading.identity(row) for row in parquet_rows(finished) if row["split"] == "train"]
    assert len(expected) > 20
    assert not loading.faults(reading.samples, expected)
    assert reading.count == len(expected)
