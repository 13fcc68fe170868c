"""How much of a run is done, and how long the rest will take: by what a record takes in each step.

Rates are those that the workspace has measured (`costs.rates`), and before any run those of `USUAL`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.steps.crawl import CRAWL
from pipeline.steps.fetch import FETCH
from pipeline.steps.rowwise import SAMPLES_STEP

USUAL: dict[str, float] = {
    "fetch": 2e-3,
    "crawl": 3e-4,
    "copies": 2e-5,
    "samples": 2.5e-2,
    "outcomes": 2e-5,
    "copied": 2e-4,
    "bands": 3e-4,
    "pairs": 1e-4,
    "compare": 1e-4,
    "match": 1e-5,
    "deduplicate": 1e-4,
    "describe": 1.5e-3,
    "tier": 2e-5,
    "score": 3e-4,
    "look": 3e-3,
    "lend": 1e-4,
    "caption": 1e-3,
    "count": 3e-4,
    "runs": 3e-4,
    "segments": 5e-4,
    "deal": 3e-4,
    "write": 6e-3,
    "index": 5e-5,
}
"""Core-seconds a record, of real icons; a step that is not here takes as good as none."""


_RECORDS_OF = (FETCH.name, CRAWL.name, SAMPLES_STEP.name)
"""What these take in, the steps after them are expected to take in."""


class Forecast:
    """Adds up what steps were expected to take and what of it is done, in core-seconds."""

    def __init__(self, order: Sequence[str], rates: Mapping[str, float]) -> None:
        """``order``: all steps, in the order they run. ``rates``: core-seconds a record, as measured."""
        self._rates = USUAL | dict(rates)
        self._left = list(order)
        self._records = 0
        self._done = self._spent = 0.0
        self._step = ""
        self._open = 0.0
        self._ahead: dict[str, float] = {}
        """Step that is still to come -> what of it is done, as expected."""

    def begin(self, step: str, records: int) -> None:
        """A step begins, with so many records to run, or that ran ahead."""
        self._done += self._open  # of the step before: it is over, whatever it took
        if step in self._left:
            # steps come in their order, but for rounds of one
            self._left = self._left[self._left.index(step) + 1 :]
        expected = records * self._rates.get(step, 0.0)
        self._step, self._open = step, max(expected - self._ahead.pop(step, 0.0), 0.0)
        if step in _RECORDS_OF:
            self._records = records

    def advance(self, records: int, seconds: float) -> None:
        """So many records of the step are done, in core-seconds."""
        expected = min(records * self._rates.get(self._step, 0.0), self._open)
        self._open -= expected
        self._done += expected
        self._spent += seconds

    def advance_ahead(self, step: str, records: int, seconds: float) -> None:
        """So many records of a step that is still to come are done, in core-seconds."""
        expected = min(records * self._rates.get(step, 0.0), self._expected(step))
        self._ahead[step] = self._ahead.get(step, 0.0) + expected
        self._done += expected
        self._spent += seconds

    def _expected(self, step: str) -> float:
        """What is left of a step that is still to come."""
        return self._records * self._rates.get(step, 0.0) - self._ahead.get(step, 0.0)

    @property
    def expected(self) -> float:
        """Core-seconds of what is left, at the usual rates."""
        return self._open + sum(map(self._expected, self._left))

    @property
    def share(self) -> float:
        """0..1, of the whole run."""
        total = self._done + self.expected
        return self._done / total if total else 0.0

    def seconds_left(self, workers: int) -> float | None:
        """Wall clock, at the pace so far; None while nothing is done.

        The less is done, the more the usual rates are believed: the first steps are short, and say little.
        """
        if not self._done or not self._spent:
            return None
        usual = _BELIEVED * (self._done + self.expected)
        return self.expected * (self._spent + usual) / (self._done + usual) / max(workers, 1)


_BELIEVED = 0.1
"""Of a run: so much at the usual pace is added to what was measured."""
