"""What a run says of itself while it is at work, for people who look on: it stands in the run's mark (`marks`).

It is part of no version, so clocks may be in it. Who writes it is `pipeline.run.watch`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StepStatus(_Told):
    """One step, as far as it is."""

    step: str
    partitions: int
    """To run."""
    reused: int
    done: int
    records: int
    """That the partitions which are done took in."""
    seconds: float
    """That these took, together."""


class PartitionStatus(_Told):
    """A partition that runs, or ran. ``seconds``: since it began, or that it took."""

    step: str
    partition: str
    seconds: float


class ReasonStatus(_Told):
    """Records that left for a reason in this run. ``table``: one of the tables that say which."""

    stage: str
    reason: str
    records: int
    table: str


class RunStatus(_Told):
    """All that is told of a run."""

    form: Literal[1] = 1
    name: str
    """The dataset's."""
    began: float
    """Seconds since the epoch, as all times here."""
    told: float
    """When this was written."""
    advanced: float
    """When a partition ended last, or a step began."""
    share: float
    """0..1: how much of the run is done, by what its steps are expected to take."""
    seconds_left: float | None
    """None: nothing is done yet that it could be estimated by."""
    workers: int
    steps: tuple[StepStatus, ...]
    """Those that have begun, in their order."""
    running: tuple[PartitionStatus, ...]
    """The longest first; at most some tens."""
    queued: int
    """Partitions of the step that wait for a worker."""
    slowest: tuple[PartitionStatus, ...]
    """Of those that are done."""
    reasons: tuple[ReasonStatus, ...]
    waits_for: str
    """What keeps the run from going on; "" for nothing that is known."""

    def to_bytes(self) -> bytes:
        """As the JSON that is stored."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_status(data: bytes) -> RunStatus | None:
    """Inverse of `RunStatus.to_bytes`; None for a mark that says nothing, or of another form."""
    try:
        return RunStatus.model_validate_json(data)
    except ValidationError:
        return None
