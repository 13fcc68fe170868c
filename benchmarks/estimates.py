"""How far `svgmill plan --cluster` is off: a small run is the calibration, a larger one is estimated, and then made.

    python -m benchmarks.estimates FOLDER --work DIR [--config FILE] [--known 1000] [--files 8000] [--workers 2]
        [--only SET,SET] [--set KEY=VALUE]

FOLDER has one set of SVGs a subfolder (`benchmarks/fetch_icons.py`). Both runs take the first files in the order of the
sha256 of their paths, so that the small run's are among the large one's. Prints what was estimated, what was measured,
and the error, of core-hours by step, wall clock, storage and requests that write. Exits with 1 if one of
them, but for a step's, is off by more than `BAR`. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Loaded, load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result, needs_of
from pipeline.run.engine import Engine, InlineEngine, RayEngine
from pipeline.run.estimate import ClusterSpec, NodeSpec, calibrated, estimate
from pipeline.storage.folder import FolderStorage

BAR = 0.25
"""Of what was measured."""


@dataclass(frozen=True)
class Run:
    """What a run was of, and took."""

    loaded: Loaded
    storage: FolderStorage
    result: Result
    wall: float
    """Seconds."""


def chosen(folder: Path, only: frozenset[str], count: int) -> list[Path]:
    """The first ``count`` SVGs of the sets ``only``, or of all, relative to ``folder``."""
    sets = sorted(path for path in folder.iterdir() if path.is_dir() and (not only or path.name in only))
    paths = [path.relative_to(folder) for each in sets for path in each.rglob("*.svg") if path.is_file()]
    order = sorted(paths, key=lambda path: hashlib.sha256(path.as_posix().encode()).digest())
    if len(order) < count:
        raise SystemExit(f"{folder} has {len(order):,} files of {count:,}")
    return order[:count]


def milled(config: Path, overrides: list[str], folder: Path, files: list[Path], work: Path, engine: Engine) -> Run:
    """A first run over copies of ``files``, in a workspace of its own, on an engine that is not open yet."""
    for file in files:
        (work / "files" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file, work / "files" / file)
    sets = sorted({file.parts[0] for file in files})
    sources = [{"name": s.lower(), "kind": "folder", "path": str((work / "files" / s).resolve())} for s in sets]
    loaded = load(config, [f"sources={json.dumps(sources)}", "error_budget=0.05", *overrides])
    storage = FolderStorage(work / "workspace")
    begin = time.monotonic()
    result = Conductor(loaded, storage, lambda: engine, Display()).run()
    return Run(loaded, storage, result, time.monotonic() - begin)


def main() -> None:
    """Run twice and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent.parent / "configs/hivg-784.yaml")
    parser.add_argument("--known", type=int, default=1000)
    parser.add_argument("--files", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    only = frozenset(filter(None, args.only.split(",")))
    files = chosen(args.folder, only, args.files)
    # Ray's start takes the cores of a small machine for as long as a small run takes
    small = milled(args.config, args.set, args.folder, files[: args.known], args.work / "small", InlineEngine())
    engine = RayEngine(workers=args.workers)
    large = milled(args.config, args.set, args.folder, files, args.work / "large", engine)
    machine = NodeSpec(name="this machine", count=1, cpus=args.workers, memory=24)
    spec = ClusterSpec(nodes=(machine,), startup_seconds=8)
    records = small.loaded.config.partition.records
    told = estimate(calibrated(small.storage), args.files, spec, records, needs_of(small.loaded))

    taken = {name: seconds / 3600 for name, seconds in large.result.costs.seconds.items()}
    stored = [entry.size for entry in large.storage.list()]
    print(f"{args.config.name}, {args.known:,} files known, {args.files:,} estimated and run, {args.workers} workers")
    print(f"{'':<24}{'estimated':>12}{'measured':>12}{'error':>9}")
    errors = [
        _row("core-seconds", told.core_hours * 3600, sum(taken.values()) * 3600),
        _row("wall clock, s", told.hours * 3600, large.wall),
        _row("storage, MB", sum(told.bytes.values()) / 1e6, sum(stored) / 1e6),
        _row("objects", told.writes, len(stored)),
    ]
    for name in sorted({*taken, *told.steps}, key=lambda name: -taken.get(name, 0.0))[:12]:
        _row(f"  {name}, core-s", told.steps.get(name, 0.0) * 3600, taken.get(name, 0.0) * 3600)
    raise SystemExit(max(map(abs, errors)) > BAR)


def _row(what: str, told: float, measured: float) -> float:
    error = told / measured - 1 if measured else 0.0
    print(f"{what:<24}{told:>12,.1f}{measured:>12,.1f}{error:>+9.1%}")
    return error


if __name__ == "__main__":
    main()
