"""What failed partitions end a run with: the error's class is what the caller does next."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import Mend, PartitionFailed, PartitionRefused, StoreUnavailable, UserError, WorkersLost
from pipeline.work.task import Cause, Failed

CLASSES: dict[Cause, type[UserError]] = {
    Cause.REFUSED: PartitionRefused,
    Cause.STORE: StoreUnavailable,
    Cause.STORE_REFUSED: PartitionRefused,
    Cause.ERROR: PartitionFailed,
    Cause.OVERTIME: PartitionRefused,
    Cause.DIED: WorkersLost,
    Cause.LOST: WorkersLost,
}


def gave_up(stage: str, failures: Sequence[Failed]) -> UserError:
    """The error of a stage's failed partitions: it tells of the first by name, and how many there are."""
    first = min(failures, key=lambda failed: (failed.source, failed.key))
    more = f" (and {len(failures) - 1} more partitions)" if len(failures) > 1 else ""
    kind = CLASSES[first.cause]
    then = "put that right and run again" if issubclass(kind, Mend) else "run again"
    return kind(
        f"{stage} failed on {first.source}/{first.key}: {first.message}{more}; "
        f"finished partitions are kept, {then} to go on"
    )
