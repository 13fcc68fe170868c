"""Commands as a user runs them, and what they take."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """Wall clock and CPU, seconds; MiB of the largest process; what was printed."""

    seconds: float
    cpu: float
    mib: float
    printed: str


def svgmill(*arguments: str) -> Taken:
    """Run a command of this checkout. Ends the program if the command fails."""
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with {status}: {printed}")
    return Taken(time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)
