"""What exists -> what has to run, and why. Pure: imports neither Ray nor a cloud client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.work import ledger
from pipeline.work.ledger import Record
from pipeline.work.task import Task


@dataclass(frozen=True)
class Decision:
    """Whether ``task`` runs, and why; ``record`` is what the ledger holds if it does not."""

    task: Task[Any]
    why: str
    record: Record | None

    @property
    def run(self) -> bool:
        """True if there is nothing to reuse."""
        return self.record is None


def decide(task: Task[Any], record: Record | None) -> Decision:
    """Reuse ``record`` if it was made from what ``task`` would be made from."""
    if record is None:
        return Decision(task, "new", None)
    if record.fingerprint == task.basis.fingerprint:
        if task.state is None or task.state in record.extra.get("states", ()):
            return Decision(task, "unchanged", record)
        return Decision(task, f"changed: {task.state_is_of}", None)
    return Decision(task, ledger.explain_change(record, task.basis), None)
