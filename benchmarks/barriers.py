"""What waiting for steps to end costs: how long workers idle, by the step that the run is at.

    python -m benchmarks.barriers CONFIG WORKSPACE [--workers 2] [--steps] [--set partition.records=500 ...]

Runs a config and prints its wall time, the seconds in tasks, and for each step of the walk how long the walk was at it,
how long tasks of it and of others ran meanwhile, and the seconds that workers had nothing to do. ``--steps``: no task
of a later step begins before the walk has come to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from pipeline.run.engine import More, RayEngine, nothing_more
from pipeline.work.task import Done, Failed, Task
from tests import helpers


class Timed(RayEngine):
    """Notes when the walk came to each step, and when each task ran."""

    def __init__(self, workers: int, ahead: bool) -> None:
        super().__init__(workers=workers)
        self._ahead = ahead
        self.begun: list[tuple[float, str]] = []
        self.tasks: list[tuple[str, float, float]] = []

    def run(
        self, tasks: Sequence[Task[Any]], workspace: str, more: More = nothing_more
    ) -> Generator[Done | Failed, None, None]:
        self.begun.append((time.monotonic(), tasks[0].stage))
        for result in super().run(tasks, workspace, more if self._ahead else nothing_more):
            now = time.monotonic()
            if isinstance(result, Done):
                self.tasks.append((result.record.stage, now - result.seconds, now))
            yield result


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("workspace")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    args = parser.parse_args()
    engine = Timed(args.workers, not args.steps)
    result = helpers.mill(args.config, args.workspace, lambda: engine, tuple(args.sets)).result
    ends = [moment for moment, _ in engine.begun[1:]] + [max(end for _, _, end in engine.tasks)]
    print(f"{'step':14}{'seconds':>9}{'own':>9}{'others':>9}{'idle':>9}")
    sums = [0.0] * 4
    for (begin, step), end in zip(engine.begun, ends, strict=True):
        own = others = 0.0
        for stage, first, last in engine.tasks:
            both = max(0.0, min(last, end) - max(first, begin))
            own, others = (own + both, others) if stage == step else (own, others + both)
        row = [end - begin, own, others, args.workers * (end - begin) - own - others]
        sums = [before + value for before, value in zip(sums, row, strict=True)]
        print(f"{step:14}" + "".join(f"{value:9.2f}" for value in row))
    print(f"{'all':14}" + "".join(f"{value:9.2f}" for value in sums))
    print(f"idle {sums[3] / (args.workers * sums[0]):.1%}; version {result.manifest.version}, {result.ran} ran")


if __name__ == "__main__":
    main()
