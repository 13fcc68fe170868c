"""What a person sees of a run: one live display on a terminal, plain lines elsewhere, or lines of JSON for machines."""

from __future__ import annotations

import json
import os
import sys
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of one stage when there is no terminal."""

LOG = "SVGMILL_LOG"
"""Environment variable: ``json`` for lines of JSON, each with time, step, partition and what else is known."""


class Display:
    """Shows the whole run, its step, partitions done, records per second and time left; writes to standard error."""

    def __init__(self, quiet: bool = False) -> None:
        self.run = ""
        """What lines of JSON call the run."""
        self._console = Console(stderr=True, highlight=False)
        self._json = os.environ.get(LOG) == "json"
        self._live = self._console.is_terminal and not quiet and not self._json
        self._quiet = quiet
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._live,
        )
        self._stage = self._unit = self._left = ""
        self._task: TaskID | None = None
        self._run: TaskID | None = None
        self._started = self._spoke = 0.0
        self._total = self._done = self._records = self._before = 0
        self._share = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str, **facts: Any) -> None:
        """Print one line above the display; ``facts`` go into JSON alone."""
        if self._quiet:
            return
        if self._json:
            known = {name: value for name, value in (("run", self.run), ("step", self._stage)) if value}
            line = {"time": round(time.time(), 3), "message": text, **known, **facts}
            print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
        elif self._live:
            self._progress.console.print(text, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def whole(self, share: float, seconds_left: float | None) -> None:
        """How much of the whole run is done, 0..1, and how long the rest will take, if that is known."""
        self._share = share
        self._left = "" if seconds_left is None else f"{duration(seconds_left)} left"
        if self._live:
            if self._run is None:
                self._run = self._progress.add_task("run", total=100, text="")
            self._progress.update(self._run, completed=int(100 * share), text=f"% of the run  {self._left}")

    def begin(
        self, stage: str, reused: int, partitions: int, unit: str = "partitions", done: int = 0, records: int = 0
    ) -> None:
        """A stage starts with ``partitions`` to run; ``reused`` were done before. ``unit``: what they are called.

        ``done``: of ``partitions`` those that ran ahead, with their ``records``.
        """
        self._stage, self._unit, self._total, self._done, self._records = stage, unit, partitions, done, records
        self._before = records
        self._started = self._spoke = time.monotonic()
        if self._live:
            if self._task is not None:
                self._progress.remove_task(self._task)
                self._task = None
            if partitions:
                self._task = self._progress.add_task(stage, total=partitions, completed=done, text=unit)
        elif partitions or reused:
            ahead = f" ({done} ran ahead)" if done else ""
            self.say(f"{stage}: {partitions} to run{ahead}, {reused} reused", partitions=partitions, reused=reused)

    def advance(self, records: int, partition: str = "") -> None:
        """One more partition is done."""
        self._done += 1
        self._records += records
        elapsed = max(time.monotonic() - self._started, 1e-6)
        rate = (self._records - self._before) / elapsed
        if self._live and self._task is not None:
            text = f"{self._unit}  {self._records:>9,} records  {rate:>8,.0f}/s"
            self._progress.update(self._task, completed=self._done, text=text)
        elif self._json or self._done == self._total or time.monotonic() - self._spoke >= PLAIN_INTERVAL:
            self._spoke = time.monotonic()
            left = self._left or f"{duration(elapsed / self._done * (self._total - self._done))} left"
            of_run = f" (run {self._share:.0%})" if self._left else ""
            self.say(
                f"{self._stage}: {self._done}/{self._total} {self._unit}, {self._records:,} records, "
                f"{rate:,.0f}/s, {left}{of_run}",
                partition=partition,
                records=records,
                done=self._done,
                partitions=self._total,
                share=round(self._share, 4),
            )


def duration(seconds: float) -> str:
    """In seconds, minutes or hours and minutes."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
