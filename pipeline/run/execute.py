"""What a worker runs: a task is read, run by its step, and recorded."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

from pipeline.errors import Damaged, Mend, RunAgain, StoreRefused, UserError
from pipeline.storage.base import NotFound, passes
from pipeline.storage.open import open_storage
from pipeline.work import ledger
from pipeline.work.task import Cause, Done, Failed, Task, Work


def execute(task: Task[Any], workspace: str) -> Done:
    """Run ``task`` against the workspace at that URI. Raises UserError subclasses for what a user can put right."""
    started = time.perf_counter()
    work = Work(task, open_storage(workspace))
    record = task.step.run(work)
    ledger.save(work.storage, record)
    return Done(record, time.perf_counter() - started, _peak_bytes(), work.stage_seconds)


def execute_safely(task: Task[Any], workspace: str) -> Done | Failed:
    """As `execute`, with a failure as a value: an exception's class may not exist where the conductor runs."""
    try:
        return execute(task, workspace)
    except UserError as error:
        return Failed(task.step.name, task.source, task.key, str(error), _cause(error), getattr(error, "path", ""))
    except OSError as error:  # files are read and written through libraries, which pass the system's errors on
        text = f"{error.strerror or error} ({_origin(error)}); check space and rights"
        return Failed(
            task.step.name, task.source, task.key, text, Cause.STORE if passes(error) else Cause.STORE_REFUSED
        )
    except Exception as error:  # whatever it is, it belongs to this partition and ends the run with its text
        where = _origin(error)
        text = " ".join(str(error).split())[:500]
        return Failed(task.step.name, task.source, task.key, f"{type(error).__name__}: {text} ({where})")


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
