"""The child side of `pipeline.sandbox`: ``python -m pipeline.sandbox_child module:function memory_bytes``."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipeline.sandbox import CALL, CALL_HEAD, ERROR, HEADER, NO_MEMORY, TABLES


def main() -> None:
    """Answer calls until standard input ends."""
    source = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # whatever prints, prints to the log: descriptor 1 belongs to the protocol no more
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    _confine(int(sys.argv[2]))
    while head := source.read(HEADER.size):
        kind, _ = HEADER.unpack(head)
        if kind != CALL:
            raise SystemExit("the parent speaks another protocol")
        seconds, text_size, table_size = CALL_HEAD.unpack(source.read(CALL_HEAD.size))
        text = source.read(text_size).decode()
        table = pa.ipc.open_stream(source.read(table_size)).read_all()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            tables = function(table, text)
            signal.setitimer(signal.ITIMER_PROF, 0)
            body = [_stream(found) for found in tables]
        except MemoryError:
            signal.setitimer(signal.ITIMER_PROF, 0)
            _answer(answers, NO_MEMORY, b"")
            raise SystemExit(1) from None
        except Exception as error:  # becomes the record's reason in the parent
            signal.setitimer(signal.ITIMER_PROF, 0)
            _answer(answers, ERROR, f"{type(error).__name__}: {error}"[:500].encode())
            continue
        parts = [struct.pack("<Q", len(body))]
        for part in body:
            parts += [struct.pack("<Q", len(part)), part]
        _answer(answers, TABLES, b"".join(parts))


def _answer(stream: BinaryIO, kind: int, body: bytes) -> None:
    stream.write(HEADER.pack(kind, len(body)))
    stream.write(body)
    stream.flush()


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _confine(memory_bytes: int) -> None:
    """Limit this process for good. Default signal actions, so that a timer ends native code, too."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, used + memory_bytes))
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no child outlives its parent
            if os.getppid() == 1:
                raise SystemExit("the parent is gone")


if __name__ == "__main__":
    main()
