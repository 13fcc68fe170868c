"""Runs that are ended in every way, many times; each has to come to the manifest of an undisturbed run.

    python -m benchmarks.soak crashes [--every 1]      # at each operation on the store, before and after it took effect
    python -m benchmarks.soak kills [--seeds 20]       # of Ray workers, and of one of two nodes, at random times
    python -m benchmarks.soak store [--every 1]        # at each request to an S3 server, each of seven faults
    python -m benchmarks.soak busy [--seeds 5]         # 503 from an S3 server for a minute, from random requests
    python -m benchmarks.soak publishers [--rounds 50] # two runs at once on an S3 server

Prints what went wrong and a count; exits with 1 if anything did. The tests run a part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.storage import tables
from pipeline.versions.published import manifest_path
from tests import helpers, s3_server
from tests.faults import bad_store, crashing, killing


def config_of(folder: Path, count: int) -> Path:
    icons = folder / "icons"
    icons.mkdir(parents=True)
    for number in range(count):
        (icons / f"s{number:03}.svg").write_text(helpers.drawing(number))
    (icons / "copy.svg").write_text(helpers.drawing(3))
    (icons / "cut.svg").write_text(helpers.BROKEN["broken/cut.svg"])
    small = {"partition": {"records": 4}, "render": {"size": 32, "compare_size": 32}, "error_budget": 0}
    return helpers.write_config(folder / "config.yaml", icons, **small)


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
    config = config_of(folder, 120)
    calm = helpers.mill(config, folder / "calm").workspace
    wrong = []
    with killing.cluster() as nodes:
        for seed in range(seeds):
            for what, pause in ((killing.WORKERS, (0.2, 2.0)), (killing.NODE, (0.1, 4.0))):
                workspace = folder / f"{what}-{seed}"
                begin = time.monotonic()
                count, runs = killing.disturbed(nodes, config, workspace, what, seed, pause)
                same = (workspace / manifest_path(1)).read_bytes() == (calm / manifest_path(1)).read_bytes()
                if not same:
                    wrong.append(f"{what}, seed {seed}: another manifest")
                if not count:
                    wrong.append(f"{what}, seed {seed}: nothing was killed, so nothing was tested")
                print(
                    f"{what}, seed {seed}: {count} kills, {runs} runs, {time.monotonic() - begin:.0f} s, "
                    f"{'the same manifest' if same else 'ANOTHER MANIFEST'}",
                    flush=True,
                )
    return wrong


def store(folder: Path, every: int) -> list[str]:
    wrong = []
    for fault in bad_store.FAULTS:
        with _s3(1.5) as (where, bad):
            sweep = bad_store.Sweep(config_of(folder / fault, 5), where, bad)
            begin = time.monotonic()
            requests = range(1, sweep.calls + 1, every)
            found = [each for number in requests for each in sweep.meet(fault, number)]
            print(*found, sep="\n", end="\n" if found else "")
            print(f"{fault}: {len(requests)} of {sweep.calls} requests, {time.monotonic() - begin:.0f} s", flush=True)
            wrong += found
    return wrong


def busy(folder: Path, seeds: int) -> list[str]:
    wrong = []
    with _s3(60.0) as (where, bad):
        sweep = bad_store.Sweep(config_of(folder, 5), where, bad)
        for seed in range(seeds):
            number = random.Random(seed).randrange(sweep.calls) + 1
            begin = time.monotonic()
            found = sweep.meet("busy", number)
            print(f"503 for a minute from request {number} of {sweep.calls}: {time.monotonic() - begin:.0f} s", *found)
            wrong += found
    return wrong


@contextlib.contextmanager
def _s3(busy_seconds: float) -> Iterator[tuple[str, bad_store.Proxy]]:
    os.environ.update(s3_server.SETTINGS)
    tables.Recent.LARGEST = -1  # nothing is remembered: each table is read from the store
    with s3_server.serve() as endpoint_url, bad_store.proxy(endpoint_url, busy_seconds) as bad:
        s3_server.make_bucket(endpoint_url, "tests")
        yield "s3://tests/soak", bad


def publishers(rounds: int) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", str(helpers.ROOT / "tests/faults/test_two_publishers.py")]
    done = subprocess.run(command, env=os.environ | {"SVGMILL_PUBLISHER_ROUNDS": str(rounds)}, check=False)
    return [f"pytest ended with {done.returncode}"] if done.returncode else []


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["crashes", "kills", "store", "busy", "publishers"])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svgmill-soak-") as name:
        soaks = {
            "crashes": lambda: crashes(Path(name), args.every),
            "kills": lambda: kills(Path(name), args.seeds),
            "store": lambda: store(Path(name), args.every),
            "busy": lambda: busy(Path(name), args.seeds),
            "publishers": lambda: publishers(args.rounds),
        }
        wrong = soaks[args.what]()
    print(f"{len(wrong)} faults")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
