"""What a worker runs: a task is run by its step and recorded; of what only reads, the answer goes back."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.errors import Damaged, Mend, RunAgain, StoreRefused, UserError
from pipeline.storage.base import NotFound, Storage, passes
from pipeline.storage.open import open_storage
from pipeline.work import ledger, sandbox
from pipeline.work.reading import Reading
from pipeline.work.task import Cause, Done, Failed, Job, Task, Work

Item = TypeVar("Item")
J = TypeVar("J", bound=Job)
R = TypeVar("R")
V = TypeVar("V")


def execute(task: Task[Any], workspace: str) -> Done:
    """Run ``task`` against the workspace at that URI. Raises UserError subclasses for what a user can put right."""
    started, waited = time.perf_counter(), sandbox.starting_seconds()
    work = Work(task, open_storage(workspace))
    record = task.step.run(work)
    etag = ledger.save(work.storage, record)
    seconds, starting = time.perf_counter() - started, sandbox.starting_seconds() - waited
    return Done(record, seconds, _peak_bytes(), work.stage_seconds, work.storage.traffic(), starting, etag)


def execute_safely(task: Task[Any], workspace: str) -> Done | Failed:
    """As `execute`, with a failure as a value: an exception's class may not exist where the conductor runs."""
    return _safely(execute, task, workspace)


@dataclass(frozen=True)
class Answer(Generic[R]):
    """What a function gave for an item."""

    value: R


def answer(function: Callable[[Storage, Item], R], reading: Reading[Item], workspace: str) -> Answer[R] | Failed:
    """What ``function`` gives for an item of the workspace at that URI; failures are as those of `execute_safely`."""
    return _safely(lambda job, uri: Answer(function(open_storage(uri), job.item)), reading, workspace)


def _safely(execute: Callable[[J, str], V], job: J, workspace: str) -> V | Failed:
    try:
        return execute(job, workspace)
    except UserError as error:
        return Failed(job.stage, job.source, job.key, str(error), _cause(error), getattr(error, "path", ""))
    except OSError as error:  # files are read and written through libraries, which pass the system's errors on
        text = f"{error.strerror or error} ({_origin(error)}); check space and rights"
        return Failed(job.stage, job.source, job.key, text, Cause.STORE if passes(error) else Cause.STORE_REFUSED)
    except Exception as error:  # whatever it is, it belongs to this part and ends the run with its text
        where = _origin(error)
        text = " ".join(str(error).split())[:500]
        return Failed(job.stage, job.source, job.key, f"{type(error).__name__}: {text} ({where})")


def _cause(error: UserError) -> Cause:
    if isinstance(error, RunAgain):
        return Cause.STORE  # a worker waits for nothing else that passes
    if isinstance(error, StoreRefused | Damaged | NotFound):
        return Cause.STORE_REFUSED
    return Cause.REFUSED if isinstance(error, Mend) else Cause.ERROR


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "?"


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
