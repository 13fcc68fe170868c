"""Functions that misbehave, for the sandbox's tests: the first column says how."""

import ctypes
import os
import signal
import sys
import time

import pyarrow as pa


def act(table: pa.Table, settings: str) -> list[pa.Table]:
    """Rows whose ``what`` is harmless come back; others do harm."""
    for what in table["what"].to_pylist():
        if what == "segfault":
            ctypes.string_at(0)
        elif what == "loop":
            while True:
                pass
        elif what == "slow":
            spin(0.05)
        elif what == "memory":
            bytearray(3 * 2**30)
        elif what == "native memory":
            sys.stderr.write("memory allocation of 3000000000 bytes failed\n")
            os.abort()
        elif what == "exit":
            os._exit(3)
        elif what == "abort":
            os.write(2, b"free(): invalid pointer at 0x7ffe12\n")
            os.abort()
        elif what == "raise":
            raise ValueError("bad row")
        elif what == "print":
            print("noise " * 1000, flush=True)
            os.write(1, b"\x00" * 5000)
        elif what == "flood":
            flood()
        elif what == "sleep":
            time.sleep(3600)
        elif what == "poison":
            # the next row pays for this one
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            POISONED.append(what)
        elif POISONED:
            os.abort()
    good = [i for i, what in enumerate(table["what"].to_pylist()) if what not in ("raise",)]
    rows = table.take(pa.array(good, pa.int64()))
    huge = "x" * 3_000_000 if "huge" in rows["what"].to_pylist() else settings
    return [rows, pa.table({"note": [huge] * len(good)})]


POISONED: list[str] = []


def spin(seconds: float) -> None:
    """Use CPU time, by the clock that the sandbox limits it with: on a busy virtual machine others run slower."""
    end = signal.getitimer(signal.ITIMER_PROF)[0] - seconds
    while signal.getitimer(signal.ITIMER_PROF)[0] > end:
        pass


def flood() -> None:
    """Write 50 MB to standard error, as far as it goes."""
    for _ in range(50):
        try:
            os.write(2, b"warning\n" * 2**17)
        except OSError:
            return


def environment(table: pa.Table, settings: str) -> list[pa.Table]:
    """What of the parent's environment is left, and the process itself."""
    return [pa.table({"names": sorted(os.environ)}), pa.table({"pid": [os.getpid()]})]


def garbage(table: pa.Table, settings: str) -> list[pa.Table]:
    """Write what is no answer to the descriptors that hold the protocol, as a process out of its mind might."""
    for number in range(3, 20):
        try:
            os.write(number, b"\x03" + (50).to_bytes(8, "little") + b"\xff" * 50)
        except OSError:
            continue
    return [table]
