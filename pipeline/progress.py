"""What a person sees of a run: one live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of one stage when there is no terminal."""


class Display:
    """Shows stages, partitions done, records per second and time left; writes to standard error."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._quiet = quiet
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[records]:>9,} records  {task.fields[rate]:>8,.0f}/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._stage = self._unit = ""
        self._task: TaskID | None = None
        self._started = self._spoke = 0.0
        self._total = self._done = self._records = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print one line above the display."""
        if self._quiet:
            return
        if self._live:
            self._progress.console.print(text, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def begin(self, stage: str, reused: int, partitions: int, unit: str = "partitions") -> None:
        """A stage starts with ``partitions`` to run; ``reused`` are done already. ``unit``: what they are called."""
        self._stage, self._unit, self._total, self._done, self._records = stage, unit, partitions, 0, 0
        self._started = self._spoke = time.monotonic()
        if self._live and partitions:
            self._task = self._progress.add_task(stage, total=partitions, records=0, rate=0.0, unit=unit)
        elif partitions or reused:
            self.say(f"{stage}: {partitions} to run, {reused} reused")

    def advance(self, records: int) -> None:
        """One more partition is done."""
        self._done += 1
        self._records += records
        elapsed = max(time.monotonic() - self._started, 1e-6)
        rate = self._records / elapsed
        if self._live and self._task is not None:
            self._progress.update(self._task, completed=self._done, records=self._records, rate=rate)
        elif self._done == self._total or time.monotonic() - self._spoke >= PLAIN_INTERVAL:
            self._spoke = time.monotonic()
            left = elapsed / self._done * (self._total - self._done)
            self.say(
                f"{self._stage}: {self._done}/{self._total} {self._unit}, {self._records:,} records, "
                f"{rate:,.0f}/s, {left:.0f} s left"
            )
