"""Untrusted native code runs in a child process: what kills it costs one record.

A `Sandbox` feeds chunks of a table to a child as Arrow IPC over its standard input and reads tables back; nothing is
pickled. The child limits its own CPU time (ITIMER_PROF, per request, so that a busy machine makes no difference), its
address space and its core files; the parent bounds the size of an answer and has a wall-clock limit far beyond the CPU
limit for a child that sleeps. When a chunk fails, its rows are run one by one, each with the limit of one record, and
those that fail alone are quarantined. So results do not depend on how rows are cut into chunks.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
from pydantic import Field

from stages.base import Settings
from stages.reasons import Reason

HEADER = struct.Struct("<BQ")
"""Of each message between parent and child: kind, bytes that follow."""

CALL, TABLES, ERROR, NO_MEMORY = 1, 2, 3, 4
CALL_HEAD = struct.Struct("<dQQ")
"""Of a call: CPU seconds, bytes of the settings, bytes of the table."""


class SandboxSettings(Settings):
    """Limits of the child process."""

    record_seconds: float = Field(5.0, gt=0, le=3600, description="CPU seconds that one record may take")
    memory_bytes: int = Field(
        1 * 2**30, ge=2**26, description="address space the child may use beyond what it has at its start"
    )
    max_output_bytes: int = Field(64 * 2**20, ge=2**10, description="bytes of one answer of the child")
    chunk_rows: int = Field(64, ge=1, le=10_000, description="records sent to the child at a time")
    recycle_after: int = Field(20_000, ge=1, description="records after which a child is replaced, to bound leaks")


@dataclass(frozen=True)
class SandboxResult:
    """``tables``: what the function returned, concatenated over chunks, [] if no chunk succeeded.
    ``quarantined``: (row, reason, detail) of rows that the child could not finish."""

    tables: list[pa.Table]
    quarantined: list[tuple[int, Reason, str]]


class _Failure(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Sandbox:
    """Runs ``module:function`` (table, settings text) -> list of tables, in a child process that is kept and reused."""

    def __init__(self, function: str, settings: SandboxSettings) -> None:
        self._function, self._settings = function, settings
        self._child: _Child | None = None

    def run(self, table: pa.Table, settings_json: str) -> SandboxResult:
        """Run the function over ``table`` in chunks; results are in row order."""
        limits = self._settings
        parts: list[list[pa.Table]] = []
        quarantined: list[tuple[int, Reason, str]] = []
        for begin in range(0, table.num_rows, limits.chunk_rows):
            chunk = table.slice(begin, limits.chunk_rows)
            # most records take a hundredth of the limit; a chunk of slow ones is found out one by one
            seconds = limits.record_seconds * (1 + 0.05 * chunk.num_rows)
            try:
                parts.append(self._call(chunk, settings_json, seconds))
                continue
            except _Failure as failure:
                if chunk.num_rows == 1 and failure.reason != Reason.TIMED_OUT:
                    quarantined.append((begin, failure.reason, failure.detail))
                    continue
            for i in range(chunk.num_rows):
                try:
                    parts.append(self._call(chunk.slice(i, 1), settings_json, limits.record_seconds))
                except _Failure as failure:
                    quarantined.append((begin + i, failure.reason, failure.detail))
        tables = [pa.concat_tables(column) for column in zip(*parts, strict=True)]
        return SandboxResult(tables, quarantined)

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _call(self, table: pa.Table, settings_json: str, seconds: float) -> list[pa.Table]:
        child = self._child
        if child is None or child.calls >= self._settings.recycle_after:
            self.close()
            child = self._child = _Child(self._function, self._settings)
        child.calls += table.num_rows
        try:
            return child.call(table, settings_json, seconds)
        except _Failure as failure:
            if failure.reason != Reason.STAGE_ERROR:
                self.close()
            raise


class _Child:
    """One child process and its pipes."""

    def __init__(self, function: str, settings: SandboxSettings) -> None:
        self.calls = 0
        self._settings = settings
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        checkout = str(Path(__file__).resolve().parent.parent)
        keep = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in keep if name in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join([checkout, *(p for p in sys.path if p)]),
            "PYTHONHASHSEED": "0",
            "VIPS_CONCURRENCY": "1",
            "OMP_NUM_THREADS": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",  # other pools reserve address space by the gigabyte
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.sandbox_child", function, str(settings.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            close_fds=True,
            start_new_session=True,
        )

    def call(self, table: pa.Table, settings_json: str, seconds: float) -> list[pa.Table]:
        """Raises _Failure with the reason when the child dies, or answers with an error or too much."""
        body, text = _to_bytes(table), settings_json.encode()
        head = CALL_HEAD.pack(seconds, len(text), len(body))
        deadline = time.monotonic() + 30 + 10 * seconds
        try:
            stdin = self._process.stdin
            assert stdin is not None
            stdin.write(HEADER.pack(CALL, len(head) + len(text) + len(body)) + head + text)
            stdin.write(body)
            stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        kind, size = HEADER.unpack(self._read(HEADER.size, deadline))
        if size > self._settings.max_output_bytes:
            raise _Failure(Reason.OUTPUT_TOO_LARGE, f"{size} bytes, over {self._settings.max_output_bytes}")
        answer = self._read(size, deadline)
        if kind == NO_MEMORY:
            raise _Failure(Reason.OUT_OF_MEMORY, f"over {self._settings.memory_bytes} bytes")
        if kind == ERROR:
            raise _Failure(Reason.STAGE_ERROR, answer.decode("utf-8", "replace"))
        return _from_bytes(answer)

    def kill(self) -> None:
        """End the process and close everything."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        parts, missing = [], size
        while missing:
            ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Failure(Reason.TIMED_OUT, "no answer, and no CPU time used")
            part = os.read(handle, min(missing, 2**20))
            if not part:
                raise self._died()
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _died(self) -> _Failure:
        code = self._process.wait()
        if -code == signal.SIGPROF:
            return _Failure(Reason.TIMED_OUT, "over the limit of CPU time")
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        said = self._errors.read().decode("utf-8", "replace")
        last = (said.strip().splitlines() or [""])[-1][:200]
        memory = any(w in said for w in ("MemoryError", "memory", "bad_alloc", "failed to allocate", "malloc"))
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _Failure(Reason.OUT_OF_MEMORY if memory else Reason.CRASHED, f"{name} {last}".strip())


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        # a slice's batches would carry the whole table's buffers
        writer.write_table(pa.Table.from_batches(table.combine_chunks().to_batches(), table.schema))
    return sink.getvalue().to_pybytes()


def _from_bytes(data: bytes) -> list[pa.Table]:
    buffer = pa.py_buffer(data)
    (count,) = struct.unpack_from("<Q", data)
    at, tables = 8, []
    for _ in range(count):
        (size,) = struct.unpack_from("<Q", data, at)
        tables.append(pa.ipc.open_stream(buffer.slice(at + 8, size)).read_all())
        at += 8 + size
    return tables


_shared: dict[tuple[str, str], Sandbox] = {}


def shared(function: str, settings: SandboxSettings) -> Sandbox:
    """The sandbox of this process for a function and limits: its child lives on from partition to partition."""
    key = (function, settings.model_dump_json())
    if key not in _shared:
        _shared[key] = Sandbox(function, settings)
    return _shared[key]


def _close_all() -> None:
    for box in _shared.values():
        box.close()


atexit.register(_close_all)
