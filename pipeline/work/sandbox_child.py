"""The child side of `pipeline.work.sandbox`: ``python -m pipeline.work.sandbox_child module:function limits``.

``limits``: address space beyond the present and size of an answer, bytes, and the parent's process id, comma-separated.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipeline.work.sandbox import CALL, CALL_HEAD, COUNT, ERROR, HEADER, NO_MEMORY, READY, TABLES, TOO_LARGE

FILE_BYTES = 16 * 2**20
"""The largest file the child may write: standard error, on which a native library may go on for ever."""

_PR_SET_PDEATHSIG = 1

_MALLOPT = {-1: 64 * 2**20, -2: 16 * 2**20, -3: 32 * 2**20}
"""M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD of glibc, bytes: what is freed is kept for the next picture.

By default it goes back to the kernel, and each picture and array takes its pages anew: 600 faults a file, a tenth of
the CPU time of the pass.
"""


def main() -> None:
    """Answer calls until standard input ends."""
    module, _, name = sys.argv[1].partition(":")
    memory_bytes, max_output_bytes, parent = map(int, sys.argv[2].split(","))
    source, answers = _take_pipes()
    keep_freed()
    function = getattr(importlib.import_module(module), name)
    _confine(memory_bytes, parent)
    _answer(answers, READY, b"")
    while head := source.read(HEADER.size):
        kind, _ = HEADER.unpack(head)
        if kind != CALL:
            raise SystemExit("the parent speaks another protocol")
        seconds, text_size, table_size = CALL_HEAD.unpack(source.read(CALL_HEAD.size))
        text, table = source.read(text_size).decode(), source.read(table_size)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        kind, body = _call(function, table, text)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if len(body) > max_output_bytes:
            answers.write(HEADER.pack(TOO_LARGE, len(body)))
            answers.flush()
        else:
            _answer(answers, kind, body)
        if kind == NO_MEMORY:
            raise SystemExit(1)


def _call(function: Callable[[pa.Table, str], list[pa.Table]], table: bytes, text: str) -> tuple[int, bytes]:
    try:
        tables = [_stream(table) for table in function(pa.ipc.open_stream(table).read_all(), text)]
        parts = [COUNT.pack(len(tables))]
        for part in tables:
            parts += [COUNT.pack(len(part)), part]
        return TABLES, b"".join(parts)
    except MemoryError:
        return NO_MEMORY, b""
    except Exception as error:  # becomes the record's reason in the parent
        return ERROR, f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace")


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent. Descriptors 0 and 1 are theirs no more: whatever prints, prints to standard error."""
    source, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    # the parent empties the file between calls
    fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_APPEND)
    return source, answers


def _answer(stream: BinaryIO, kind: int, body: bytes) -> None:
    stream.write(HEADER.pack(kind, len(body)))
    stream.write(body)
    stream.flush()


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def keep_freed() -> None:
    """Have this process keep the memory that it frees (`_MALLOPT`), for as long as it lives."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # other C libraries have none
        for option, size in _MALLOPT.items():
            library.mallopt(option, size)


def _confine(memory_bytes: int, parent: int) -> None:
    """Limit this process for good."""
    # the default action ends native code, too; Python's own handlers run between its instructions only
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, used + memory_bytes))
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit("the parent is gone")


if __name__ == "__main__":
    main()
