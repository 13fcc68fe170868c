"""What a run takes; for people, benchmarks and the next plan's estimates, never written into the dataset."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pipeline.storage.base import NotFound, Storage
from pipeline.work.ledger import canonical_json
from pipeline.work.task import Done

RATES = "rates.json"
"""Where a workspace keeps how long its records take."""


@dataclass
class Costs:
    """What the tasks of a run took."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Step -> seconds of its tasks together."""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Stage of the row-wise pass -> CPU seconds."""
    records: dict[str, int] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    starting_seconds: dict[str, float] = field(default_factory=dict)
    """Step -> of ``seconds`` those that its tasks have waited for the sandbox to start."""

    def count(self, step: str, done: Done) -> None:
        """Add a finished task."""
        self.seconds[step] = self.seconds.get(step, 0.0) + done.seconds
        self.records[step] = self.records.get(step, 0) + done.record.rows_in
        self.peak_bytes[step] = max(self.peak_bytes.get(step, 0), done.peak_bytes)
        self.starting_seconds[step] = self.starting_seconds.get(step, 0.0) + done.starting_seconds
        for stage, seconds in done.stage_seconds.items():
            self.cpu_seconds[stage] = self.cpu_seconds.get(stage, 0.0) + seconds

    def keep(self, storage: Storage) -> None:
        """For the estimates of the next plan."""
        now = {
            step: round((seconds - self.starting_seconds[step]) / self.records[step], 9)
            for step, seconds in self.seconds.items()
            if self.records.get(step)
        }
        if now:
            storage.write(RATES, canonical_json(rates(storage) | now).encode())


def rates(storage: Storage) -> dict[str, float]:
    """Step -> core-seconds a record, of the last runs in a workspace; a step that never ran there is absent."""
    try:
        known: dict[str, float] = json.loads(storage.read(RATES))
    except NotFound:
        return {}
    return known
