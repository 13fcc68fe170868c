"""The same files by one worker and by two: how much faster two are, and how much of the time no step was at work.

    python -m benchmarks.workers FOLDER --work DIR [--config FILE] [--files 20000] [--set partition.records=2400 ...]

FOLDER is that of `benchmarks/fetch_icons.py`; the files are chosen as in `benchmarks/estimates.py`. Wall clock counts
from the start of Ray to the published version. Prints it for both, the share of it in which no task ran, the share of
workers' time in which they had none, and the longest task. Exits with 1 if the versions differ. Run it on a machine of
two cores or more that does nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.barriers import Timed
from benchmarks.estimates import chosen, milled


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one of the spans (begin, end) was."""
    seconds, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        seconds += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return seconds


def main() -> None:
    """Run twice and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent.parent / "configs/hivg-784.yaml")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    files = chosen(args.folder, frozenset(), args.files)
    walls: list[float] = []
    contents: set[str] = set()
    for workers in (1, 2):
        engine = Timed(workers, True)
        run = milled(args.config, args.set, args.folder, files, args.work / str(workers), engine)
        spans = [(begin, end) for _, begin, end in engine.tasks]
        busy, longest = sum(end - begin for begin, end in spans), max(end - begin for begin, end in spans)
        walls.append(run.wall)
        contents.add(repr(sorted(file.sha256 for file in run.result.manifest.files)))
        print(
            f"{workers} workers: {run.wall:,.0f} s for {run.result.manifest.funnel.input:,} files, no task in "
            f"{1 - covered(spans) / run.wall:.1%} of it, workers without one {1 - busy / workers / run.wall:.1%}, the "
            f"longest task {longest:.0f} s"
        )
    same = "differ" if len(contents) > 1 else "are equal"
    print(f"two are {walls[0] / walls[1]:.2f} times as fast as one; versions {same}")
    raise SystemExit(len(contents) > 1)


if __name__ == "__main__":
    main()
