"""Whether the libraries of docs/loading.md read a version as it is, and how fast.

    python -m benchmarks.loaders [--workspace WORKSPACE] [--folder build/loaders] [--only SECTION ...]

Of the workspace's newest version (default: of a run of the quickstart) it makes a checkout, and installs each library
into an environment of its own below the folder, some 5 GB in all, which later calls use again. There it runs the page's
code: a loader with two workers, which is to give every sample of the split ``train`` once, shuffled, with the ids and
the picture that the Parquet shard has. Prints the samples a second of a second pass; exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.storage.open import open_storage
from pipeline.versions import published
from tests import loading

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"

HUGGING_FACE = (TORCH, f"datasets=={version('datasets')}", f"webdataset=={version('webdataset')}", "numpy", "pillow")
LITDATA = (TORCH, "litdata==0.2.76", "polars==2.1.0", f"pyarrow=={version('pyarrow')}", "numpy", "pillow")
ENERGON = (TORCH, "megatron-energon==7.4.1", "numpy", "pillow")

ENVIRONMENTS = {
    "webdataset": ("hugging-face", HUGGING_FACE),
    "datasets": ("hugging-face", HUGGING_FACE),
    "datasets, from the tars": ("hugging-face", HUGGING_FACE),
    "litdata": ("litdata", LITDATA),
    "Megatron-Energon": ("energon", ENERGON),
}
"""Section of the page -> the environment that its code runs in, and what is installed there."""


def environment(folder: Path, requirements: Sequence[str]) -> Path:
    """The folder of the programs of a virtual environment that has the requirements, made if it is not there."""
    done = folder / "requirements.txt"
    if not done.exists() or done.read_text().split() != list(requirements):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["sh", ROOT / "tools/make_venv.sh", sys.executable, folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", *requirements], check=True)
        done.write_text("\n".join(requirements))
    return folder / "bin"


def svgmill(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pipeline.cli", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def wrong(section: str, programs: Path, release: Path, expected: list[list[str]]) -> list[str]:
    """What is wrong with the loader of a section; prints how fast it is."""
    work = release.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    shutil.copytree(release, work / "release")  # litdata and Energon write into it
    for line in "".join(loading.blocks(section, "")).splitlines():
        name, *words = shlex.split(line)
        subprocess.run([programs / name, *words], cwd=work, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [programs / "python", loading.__file__, section, "reading.json"],
        cwd=work,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hf")},
        check=True,
    )
    reading = loading.Reading(**json.loads((work / "reading.json").read_text()))
    faults = loading.faults(reading.samples, expected)
    if reading.count != len(expected):
        faults.append(f"the second pass gives {reading.count} samples")
    print(f"{section:24} {len(reading.samples):8,} samples {reading.rate:9,.0f}/s  {'; '.join(faults) or 'all equal'}")
    return faults


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="default: the quickstart's, run into the folder")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/loaders")
    parser.add_argument("--only", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    args = parser.parse_args()
    if list(ENVIRONMENTS) != loading.sections():
        raise SystemExit(f"docs/loading.md has the sections {loading.sections()}: say what each of them needs")
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    workspace = (args.workspace or folder / "quickstart").absolute()
    if not args.workspace:
        svgmill("run", "configs/quickstart.yaml", "--workspace", workspace)
    release = folder / "release"
    shutil.rmtree(release, ignore_errors=True)
    newest = published.read(open_storage(str(workspace))).version
    svgmill("checkout", workspace, str(newest), release)
    shards = sorted(release.glob("parquet/*/train-*.parquet"))
    expected = [loading.identity(row) for shard in shards for row in pq.read_table(shard).to_pylist()]
    faults = []
    for section in args.only:
        name, requirements = ENVIRONMENTS[section]
        faults += wrong(section, environment(folder / name, requirements), release, expected)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
