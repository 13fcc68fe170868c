"""Untrusted native code runs in a child process: what kills it costs one record.

A `Sandbox` feeds chunks of a table to a child as Arrow IPC over its standard input and reads tables back; nothing is
pickled. The child limits its own CPU time (ITIMER_PROF, for each request, so that a busy machine makes no difference),
its address space, the files it writes and its core files; the parent bounds the size of an answer and has a wall-clock
limit far beyond the CPU limit for a child that sleeps.

A chunk has the limits of one record. When it fails, its rows run one by one, and those that fail alone are quarantined.
So a row's fate does not depend on its neighbours, nor on how rows are cut into chunks: a row over a limit takes its
chunk over the limit, and a chunk within the limits holds no row beyond them. What takes too long has to do so twice, in
its chunk and alone or twice alone: a virtual machine that stands still bills the time to whoever was running.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
from pydantic import Field

from pipeline.errors import PartitionRefused
from stages.base import Settings
from stages.reasons import Reason

HEADER = struct.Struct("<BQ")
"""Of each message between parent and child: kind, bytes that follow."""

READY, CALL, TABLES, ERROR, NO_MEMORY, TOO_LARGE = range(1, 7)
CALL_HEAD = struct.Struct("<dQQ")
"""Of a call: CPU seconds, bytes of the settings, bytes of the table."""

COUNT = struct.Struct("<Q")
"""Of an answer: the number of tables; before each table, its bytes."""

START_SECONDS = 120.0
"""Wall-clock limit for a child's start: it imports the stages, perhaps from a slow disk."""

GRACE_SECONDS = 30.0
"""Wall-clock limit of a call, beyond ten times the CPU limit."""


class SandboxSettings(Settings):
    """Limits of the child process."""

    record_seconds: float = Field(5.0, gt=0, le=3600, description="CPU seconds that one record may take")
    memory_bytes: int = Field(
        1 * 2**30, ge=2**26, description="address space the child may use beyond what it has at its start (Linux)"
    )
    max_output_bytes: int = Field(64 * 2**20, ge=2**10, description="bytes of one answer of the child")
    chunk_rows: int = Field(
        64, ge=1, le=10_000, description="records sent to the child at a time; halved where they take too long together"
    )
    recycle_after: int = Field(20_000, ge=1, description="records after which a child is replaced, to bound leaks")


@dataclass(frozen=True)
class SandboxResult:
    """``tables``: what the function returned, concatenated over chunks, [] if no chunk succeeded.
    ``quarantined``: (row, reason, detail) of rows that the child could not finish, in row order."""

    tables: list[pa.Table]
    quarantined: list[tuple[int, Reason, str]]


def wall_limit(settings: SandboxSettings) -> float:
    """Wall-clock seconds that one call of a child may take."""
    return GRACE_SECONDS + 10 * settings.record_seconds


def longest_record(settings: SandboxSettings) -> float:
    """Wall-clock seconds that one record may take: it may be tried in two children."""
    return 2 * wall_limit(settings)


class _Failure(Exception):
    """A call failed. ``alive``: the child can take the next one."""

    def __init__(self, reason: Reason, detail: str, alive: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.alive = reason, detail, alive


class Sandbox:
    """Runs ``module:function`` (table, settings text) -> list of tables, in a child process that is kept and reused."""

    def __init__(self, function: str, settings: SandboxSettings) -> None:
        self._function, self._settings = function, settings
        self._chunk_rows = settings.chunk_rows
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def run(self, table: pa.Table, settings_json: str) -> SandboxResult:
        """Run the function over ``table`` in chunks; results are in row order.

        Raises PartitionRefused when no child can be started at all: then it is not the records' fault.
        """
        parts: list[list[pa.Table]] = []
        quarantined: list[tuple[int, Reason, str]] = []
        with self._lock:
            begin = 0
            while begin < table.num_rows:
                chunk = table.slice(begin, self._chunk_rows)
                self._run_chunk(chunk, begin, settings_json, parts, quarantined)
                begin += chunk.num_rows
        tables = [pa.concat_tables(column) for column in zip(*parts, strict=True)]
        return SandboxResult(tables, quarantined)

    def close(self) -> None:
        """End the child. The next run starts another."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _run_chunk(
        self,
        chunk: pa.Table,
        begin: int,
        settings_json: str,
        parts: list[list[pa.Table]],
        quarantined: list[tuple[int, Reason, str]],
    ) -> None:
        slow = False
        if chunk.num_rows > 1:
            try:
                parts.append(self._call(chunk, settings_json))
                return
            except _Failure as failure:
                slow = failure.reason == Reason.TIMED_OUT
        culprits = []
        for i in range(chunk.num_rows):
            try:
                parts.append(self._alone(chunk.slice(i, 1), settings_json, slow))
            except _Failure as failure:
                culprits.append((begin + i, failure.reason, failure.detail))
        quarantined += culprits
        if slow and not culprits:
            self._chunk_rows = max(1, chunk.num_rows // 2)

    def _alone(self, row: pa.Table, settings_json: str, slow: bool) -> list[pa.Table]:
        """``slow``: a chunk with this row took too long before."""
        used = self._child is not None and self._child.rows > 0
        try:
            return self._call(row, settings_json)
        except _Failure as failure:
            again = not slow if failure.reason == Reason.TIMED_OUT else used and failure.reason in _OF_A_PROCESS
            if not again:
                raise
        # in a child of its own no earlier row can have been the cause
        return self._call(row, settings_json)

    def _call(self, table: pa.Table, settings_json: str) -> list[pa.Table]:
        child = self._child
        if child is None or child.rows >= self._settings.recycle_after or child.ended():
            self.close()
            child = self._child = _Child(self._function, self._settings)
        child.rows += table.num_rows
        try:
            return child.call(table, settings_json)
        except BaseException as error:
            if not (isinstance(error, _Failure) and error.alive):
                self.close()
            raise


_OF_A_PROCESS = (Reason.CRASHED, Reason.OUT_OF_MEMORY)
"""What an earlier row in the same process may be to blame for."""

_starts: list[float] = []
"""Of each child of this process: seconds until it was ready."""


def starting_seconds() -> float:
    """Wall-clock seconds that this process has waited for children to start."""
    return sum(_starts)


class _Child:
    """One child process and its pipes. ``rows``: how many it was given so far."""

    def __init__(self, function: str, settings: SandboxSettings) -> None:
        began = time.perf_counter()
        self.rows = 0
        self._settings = settings
        self._errors: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            # -P, and a folder that stays: the one that this process was started in may be gone, or hold other modules
            [sys.executable, "-P", "-m", "pipeline.work.sandbox_child", function, _limits(settings)],
            cwd=os.sep,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env=_environment(),
            close_fds=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        try:
            kind, _ = HEADER.unpack(self._read(HEADER.size, time.monotonic() + START_SECONDS))
            failure = None if kind == READY else "it speaks another protocol"
        except _Failure as error:
            failure = error.detail
        if failure is not None:
            self.kill()
            raise PartitionRefused(
                f"the sandbox cannot start {sys.executable} -P -m pipeline.work.sandbox_child {function}: {failure}; "
                "run it by hand to see the whole message, and check that the installation is complete"
            )
        _starts.append(time.perf_counter() - began)

    def call(self, table: pa.Table, settings_json: str) -> list[pa.Table]:
        """Raises _Failure with the reason when the child dies, or answers with an error or too much."""
        seconds, limit = self._settings.record_seconds, self._settings.max_output_bytes
        body, text = _to_bytes(table), settings_json.encode()
        head = CALL_HEAD.pack(seconds, len(text), len(body))
        deadline = time.monotonic() + wall_limit(self._settings)
        os.truncate(self._errors.fileno(), 0)
        self._write(HEADER.pack(CALL, len(head) + len(text) + len(body)) + head + text, deadline)
        self._write(body, deadline)
        kind, size = HEADER.unpack(self._read(HEADER.size, deadline))
        if kind == TOO_LARGE:
            raise _Failure(Reason.OUTPUT_TOO_LARGE, f"{size} bytes, over {limit}", alive=True)
        if size > limit:
            raise _Failure(Reason.OUTPUT_TOO_LARGE, f"{size} bytes, over {limit}")
        answer = self._read(size, deadline)
        if kind == NO_MEMORY:
            raise _Failure(Reason.OUT_OF_MEMORY, f"over {self._settings.memory_bytes} bytes")
        if kind == ERROR:
            raise _Failure(Reason.STAGE_ERROR, answer.decode("utf-8", "replace"), alive=True)
        if kind != TABLES:
            raise _Failure(Reason.CRASHED, f"an answer of unknown kind {kind}")
        return _from_bytes(answer)

    def ended(self) -> bool:
        """Whether the process is gone, for example because the thread that started it is."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the process with all it started, and close everything."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            _, ready, _ = select.select([], [self._in], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Failure(Reason.TIMED_OUT, _IDLE)
            try:
                view = view[os.write(self._in, view) :]
            except BrokenPipeError:
                raise self._died() from None

    def _read(self, size: int, deadline: float) -> bytes:
        parts, missing = [], size
        while missing:
            ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Failure(Reason.TIMED_OUT, _IDLE)
            part = os.read(self._out, min(missing, 2**20))
            if not part:
                raise self._died()
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _died(self) -> _Failure:
        try:
            code = self._process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return _Failure(Reason.CRASHED, "it closed its pipes")
        if -code == signal.SIGPROF:
            return _Failure(Reason.TIMED_OUT, f"over {self._settings.record_seconds:g} CPU seconds")
        lines = self._last_lines()
        name = f"exit code {code}" if code >= 0 else _signal_name(-code)
        # what ends an interpreter is told before where its threads are
        fatal = [line for line in lines if line.startswith("Fatal Python error:")]
        detail = ": ".join([name, *(fatal or lines)[-1:]])
        return _Failure(Reason.OUT_OF_MEMORY if _NO_MEMORY.search("\n".join(lines)) else Reason.CRASHED, detail)

    def _last_lines(self) -> list[str]:
        """The last lines on standard error, without what differs from run to run: details go into tables."""
        end = os.lseek(self._errors.fileno(), 0, os.SEEK_END)
        tail = os.pread(self._errors.fileno(), 4000, max(0, end - 4000)).decode("utf-8", "replace")
        stripped = (_VOLATILE.sub("…", line).strip()[:200] for line in tail.splitlines())
        return [line for line in stripped if line]


_IDLE = "no answer in the wall-clock limit, and no CPU time used"
_NO_MEMORY = re.compile(
    r"MemoryError|bad_alloc|failed to allocate|cannot allocate|out of memory|memory allocation of \d+ bytes", re.I
)
_VOLATILE = re.compile(r"0x[0-9a-fA-F]+|(?<=process:)\d+|(?<=pid )\d+|\d\d:\d\d:\d\d\.\d+")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _limits(settings: SandboxSettings) -> str:
    return f"{settings.memory_bytes},{settings.max_output_bytes},{os.getpid()}"


def _environment() -> dict[str, str]:
    """What a program needs to start, and nothing else of ours: no credentials, no proxies."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    checkout = str(Path(__file__).resolve().parent.parent.parent)
    # installers put names of import hooks among the paths, which an interpreter takes for relative ones
    paths = [path for path in sys.path if Path(path).is_absolute()]
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([checkout, *paths])),
        "PYTHONHASHSEED": "0",
        "VIPS_CONCURRENCY": "1",
        "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # other pools reserve address space by the gigabyte
    }


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        # a slice's batches would carry the whole table's buffers
        writer.write_table(pa.Table.from_batches(table.combine_chunks().to_batches(), table.schema))
    return bytes(sink.getvalue())


def _from_bytes(data: bytes) -> list[pa.Table]:
    """Raises _Failure (CRASHED) for an answer that is not a list of valid tables: its writer may be out of its mind."""
    buffer = pa.py_buffer(data)
    try:
        (count,) = COUNT.unpack_from(data)
        at, tables = COUNT.size, []
        for _ in range(count):
            (size,) = COUNT.unpack_from(data, at)
            at += COUNT.size
            if size > len(data) - at:
                raise ValueError("a table ends beyond the answer")
            table = pa.ipc.open_stream(buffer.slice(at, size)).read_all()
            table.validate(full=True)
            tables.append(table)
            at += size
    except (pa.ArrowException, ValueError, OSError, struct.error) as error:
        raise _Failure(Reason.CRASHED, f"an answer that cannot be read: {error}"[:300]) from None
    return tables


_shared: dict[tuple[str, str], Sandbox] = {}


def shared(function: str, settings: SandboxSettings) -> Sandbox:
    """The sandbox of this process for a function and limits: its child lives on from partition to partition."""
    key = (function, settings.model_dump_json())
    if key not in _shared:
        _shared[key] = Sandbox(function, settings)
    return _shared[key]


def close_all() -> None:
    """End the children of all shared sandboxes. Their next runs start others."""
    for box in _shared.values():
        box.close()


atexit.register(close_all)
# a fork has no child of its own, and two processes that talk to one child would garble each other
os.register_at_fork(after_in_child=_shared.clear)
