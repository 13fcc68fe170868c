"""Runs that are ended in every way, many times; each has to come to the manifest of an undisturbed run.

    python benchmarks/soak.py crashes [--every 1]      # at each operation on the store, before and after it took effect
    python benchmarks/soak.py kills [--seeds 20]       # of Ray workers, and of one of two nodes, at random times

Prints what went wrong and a count; exits with 1 if anything did. The tests run a part of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "faults")]

import conftest  # noqa: E402
import crashing  # noqa: E402
import killing  # noqa: E402

from pipeline.versions import manifest_path  # noqa: E402


def config_of(folder: Path, count: int) -> Path:
    icons = folder / "icons"
    icons.mkdir()
    for number in range(count):
        (icons / f"s{number:03}.svg").write_text(conftest.drawing(number))
    (icons / "copy.svg").write_text(conftest.drawing(3))
    (icons / "cut.svg").write_text(conftest.BROKEN["broken/cut.svg"])
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}, "error_budget": 0}
    return conftest.write_config(folder / "config.yaml", icons, **small)


def crashes(folder: Path, every: int) -> list[str]:
    sweep = crashing.Sweep(config_of(folder, 5), folder)
    operations = range(1, sweep.operations + 1, every)
    print(f"{len(operations)} of {sweep.operations} operations, each in four ways")
    wrong = []
    for operation in operations:
        for moment in (crashing.BEFORE, crashing.AFTER):
            found = [*sweep.crash(operation, moment), *sweep.lose_store(operation, moment)]
            print(*found, sep="\n", end="\n" if found else "", flush=True)
            wrong += found
    return wrong


def kills(folder: Path, seeds: int) -> list[str]:
    config = config_of(folder, 40)
    calm = conftest.mill(config, folder / "calm").workspace
    wrong = []
    with killing.cluster() as nodes:
        for seed in range(seeds):
            for what, pause in ((killing.WORKERS, (0.5, 4.0)), (killing.NODE, (0.1, 1.5))):
                workspace = folder / f"{what}-{seed}"
                begin = time.monotonic()
                count, runs = killing.disturbed(nodes, config, workspace, what, seed, pause)
                same = (workspace / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()
                if not same:
                    wrong.append(f"{what}, seed {seed}: another manifest")
                print(
                    f"{what}, seed {seed}: {count} kills, {runs} runs, {time.monotonic() - begin:.0f} s, "
                    f"{'the same manifest' if same else 'ANOTHER MANIFEST'}",
                    flush=True,
                )
    return wrong


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["crashes", "kills"])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svgmill-soak-") as name:
        wrong = crashes(Path(name), args.every) if args.what == "crashes" else kills(Path(name), args.seeds)
    print(f"{len(wrong)} faults")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
