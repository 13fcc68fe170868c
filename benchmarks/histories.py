"""Long walks through what can happen to a workspace, with an oracle that looks after every step; see tests/histories.

    python -m benchmarks.histories [--seeds 10] [--first 0] [--steps 300]

Prints what was wrong first in each walk, and how many steps were right; exits with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.histories.walk import walked


def main() -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    memory = Path("/dev/shm")
    right = wrong = 0
    for seed in range(args.first, args.first + args.seeds):
        begin, said = time.monotonic(), []
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
            found = walked(Path(name), seed, args.steps, said.append)
        right += len(said) - bool(found)
        wrong += bool(found)
        print(*found, sep="\n", end="\n" if found else "")
        print(f"seed {seed}: {len(said)} steps, {time.monotonic() - begin:.0f} s", flush=True)
    print(f"{right} steps were right, {wrong} walks met a fault")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
